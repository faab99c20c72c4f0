// SPDX-License-Identifier: GPL-2.0
/*
 * colinux disk: what the VM process may not do, opening files, is done here,
 * with the rights of the caller, and the descriptors are handed over.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../client.h"
#include "../command.h"
#include "../disk/disk.h"
#include "../os.h"

/* "cobd3" -> 3, or -1. */
static int disk_number(const char *name)
{
	unsigned int number;
	char extra;

	if (sscanf(name, "cobd%2u%c", &number, &extra) != 1 ||
	    number >= CONFIG_DISKS)
		return -1;
	return number;
}

static int failed(const struct error *error)
{
	say("%s", error->text);
	return EXIT_OTHER;
}

/* --- list --- */

static void print_disk(void *opaque, const char *key, const char *value)
{
	(void)opaque;
	/* device3 cobd1: block, /srv/x.img, 2048 MiB, ... */
	if (!strncmp(key, "device", 6) && !strncmp(value, "cobd", 4))
		printf("%s\n", value);
}

static int list(const struct runtime *runtime)
{
	struct protocol_request request;
	struct error error;

	protocol_request_init(&request, PROTOCOL_STATS);
	if (client_request(runtime, &request, print_disk, NULL, &error) < 0)
		return failed(&error);
	return 0;
}

/* --- add --- */

static int connect_to(const struct runtime *runtime, struct error *error)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (snprintf(at.sun_path, sizeof(at.sun_path), "%s",
		     runtime->control) >= (int)sizeof(at.sun_path))
		errno = ENAMETOOLONG;
	else if (fd >= 0 && !connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	error_set(error, "%s cannot be reached: %s", runtime->name,
		  strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Take the answer line by line; hand over the files when asked to. */
static int converse(FILE *stream, const struct config_disk *disk,
		    const struct disk_files *files, struct error *error)
{
	char line[1024], text[640], *value;
	int fds[2], nr = 0;

	/* See session_disks.c. */
	snprintf(text, sizeof(text), "%d %d %d %.500s", files->image >= 0,
		 files->server >= 0, files->format, disk->path);
	if (files->image >= 0)
		fds[nr++] = files->image;
	if (files->server >= 0)
		fds[nr++] = files->server;

	while (fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\n")] = '\0';
		value = protocol_split(line);
		if (!strcmp(line, "ok"))
			return 0;
		if (!strcmp(line, "error")) {
			protocol_clean(value);
			return error_set(error, "%s", value);
		}
		if (strcmp(line, "send"))
			continue;
		if (os_send_files(fileno(stream), text, fds, nr) < 0)
			break;
	}
	return error_set(error, "the guest ended before it answered");
}

static int add_files(const struct runtime *runtime, int number,
		     const struct config_disk *disk,
		     const struct disk_files *files, struct error *error)
{
	struct protocol_request request;
	char line[PROTOCOL_LINE];
	size_t length;
	FILE *stream;
	int fd, result;

	protocol_request_init(&request, PROTOCOL_DISK_ADD);
	request.disk = number;
	request.read_only = disk->read_only;
	request.direct = disk->direct;
	length = protocol_format(&request, line, sizeof(line));
	fd = connect_to(runtime, error);
	if (fd < 0)
		return -1;
	stream = fdopen(fd, "r");
	if (!stream || write(fd, line, length) != (ssize_t)length) {
		close(fd);
		return error_set(error, "%s cannot be reached: %s",
				 runtime->name, strerror(errno));
	}
	result = converse(stream, disk, files, error);
	fclose(stream);
	return result;
}

static int add(const struct runtime *runtime, const char *word)
{
	static const struct config_origin origin = { NULL, 0 };
	struct config *config = calloc(1, sizeof(*config));
	struct disk_options options = { 0 };
	struct disk_files files;
	char name[16];
	struct error error;
	int number, result;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	number = disk_number(name);
	if (!config || number < 0 || !strchr(word, '=')) {
		free(config);
		return usage_error("disk", "%s is not cobdN=FILE, with N from "
				   "0 to %d", word, CONFIG_DISKS - 1);
	}
	config_init(config);
	result = config_word(config, &origin, word, NULL, NULL, &error);
	if (result < 0) {
		result = usage_error("disk", "%s", error.text);
	} else {
		const struct config_disk *disk = &config->disk[number];

		options.path = disk->path;
		options.read_only = disk->read_only;
		options.direct = disk->direct;
		options.format = disk->format;
		options.backing = disk->backing;
		result = disk_files_open(&options, &files, &error);
		if (!result) {
			result = add_files(runtime, number, disk, &files,
					   &error);
			disk_files_close(&files);
		}
		if (result < 0)
			result = failed(&error);
	}
	free(config);
	return result;
}

/* --- remove, resize, refresh --- */

static void print_size(void *opaque, const char *key, const char *value)
{
	(void)opaque;
	if (!strcmp(key, "size"))
		printf("%s bytes\n", value);
}

static int change(const struct runtime *runtime,
		  struct protocol_request *request, const char *disk)
{
	struct error error;

	request->disk = disk_number(disk);
	if (request->disk < 0)
		return usage_error("disk", "%s is not cobd0 to cobd%d", disk,
				   CONFIG_DISKS - 1);
	if (client_request(runtime, request, print_size, NULL, &error) < 0)
		return failed(&error);
	return 0;
}

static int remove_disk(const struct runtime *runtime, int argc, char **argv)
{
	struct protocol_request request;

	if (argc > 1 && strcmp(argv[1], "--force"))
		return usage_error("disk", "cannot use %s", argv[1]);
	protocol_request_init(&request, PROTOCOL_DISK_REMOVE);
	request.force = argc > 1;
	return change(runtime, &request, argv[0]);
}

static int resize(const struct runtime *runtime, int argc, char **argv)
{
	struct protocol_request request;

	(void)argc;
	protocol_request_init(&request, PROTOCOL_DISK_RESIZE);
	request.size = config_parse_size(argv[1]);
	if (request.size <= 0 || request.size > INT64_MAX / 16 ||
	    request.size % 512)
		return usage_error("disk", "%s is not a size: give 512M, 20G",
				   argv[1]);
	return change(runtime, &request, argv[0]);
}

static int refresh(const struct runtime *runtime, int argc, char **argv)
{
	struct protocol_request request;

	(void)argc;
	protocol_request_init(&request, PROTOCOL_DISK_RESIZE);
	return change(runtime, &request, argv[0]);
}

static int list_disks(const struct runtime *runtime, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return list(runtime);
}

static int add_disk(const struct runtime *runtime, int argc, char **argv)
{
	(void)argc;
	return add(runtime, argv[0]);
}

/* What can be done, and how many words it takes after NAME. */
static const struct action {
	const char *name;
	int least, most;
	int (*run)(const struct runtime *runtime, int argc, char **argv);
} actions[] = {
	{ "list", 0, 0, list_disks },
	{ "add", 1, 1, add_disk },
	{ "remove", 1, 2, remove_disk },
	{ "resize", 2, 2, resize },
	{ "refresh", 1, 1, refresh },
};

int cmd_disk(int argc, char **argv)
{
	const struct action *action = NULL;
	struct runtime runtime;
	struct error error;

	if (wants_help("disk", argc, argv))
		return 0;
	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(*actions);
	     i++)
		if (!strcmp(argv[1], actions[i].name))
			action = &actions[i];
	if (!action)
		return usage_error("disk", "what is to be done? list, add, "
				   "remove, resize, refresh");
	if (argc - 3 < action->least || argc - 3 > action->most)
		return usage_error("disk", "%s takes %s", action->name,
				   action->least ? "NAME and a disk" : "NAME");
	if (client_find(argv[2], &runtime, &error) < 0)
		return failed(&error);
	return action->run(&runtime, argc - 3, argv + 3);
}
