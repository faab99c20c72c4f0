/* SPDX-License-Identifier: GPL-2.0 */
/*
 * colinux disk add: what the VM process may not do, opening files, is done
 * here, with the rights of the caller, and the descriptors are handed over.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../client.h"
#include "../command.h"
#include "../disk/disk.h"
#include "../os.h"
#include "disk.h"

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
	fd = os_connect_control(runtime->control);
	if (fd < 0)
		return error_set(error, "%s cannot be reached: %s",
				 runtime->name, strerror(errno));
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

int disk_add(const struct runtime *runtime, const char *word)
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
			result = disk_failed(&error);
	}
	free(config);
	return result;
}
