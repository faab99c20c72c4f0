// SPDX-License-Identifier: GPL-2.0
/* colinux disk; disk_add.c has the part that not every host has. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../client.h"
#include "../command.h"
#include "disk.h"

int disk_number(const char *name)
{
	unsigned int number;
	char extra;

	if (sscanf(name, "cobd%2u%c", &number, &extra) != 1 ||
	    number >= CONFIG_DISKS)
		return -1;
	return number;
}

int disk_failed(const struct error *error)
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
		return disk_failed(&error);
	return 0;
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
		return disk_failed(&error);
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
	return disk_add(runtime, argv[0]);
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
		return disk_failed(&error);
	return action->run(&runtime, argc - 3, argv + 3);
}
