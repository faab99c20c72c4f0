/* SPDX-License-Identifier: GPL-2.0 */
/* colinux info: where things are; or the counters of one guest. */
#include <stdio.h>
#include <string.h>

#include "../client.h"
#include "../command.h"
#include "../os.h"
#include "../paths.h"
#include "memory.h"

static void print_line(void *opaque, const char *key, const char *value)
{
	(void)opaque;
	printf("%s %s\n", key, value);
}

static int guest_info(const char *name)
{
	struct protocol_request request;
	struct runtime runtime;
	struct error error;
	int result;

	result = client_find(name, &runtime, &error);
	protocol_request_init(&request, PROTOCOL_STATUS);
	if (!result)
		result = client_request(&runtime, &request, print_line, NULL,
					&error);
	protocol_request_init(&request, PROTOCOL_STATS);
	if (!result)
		result = client_request(&runtime, &request, print_line, NULL,
					&error);
	if (!result)
		result = memory_show(&runtime, &error);
	if (result < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	return 0;
}

static void print_path(const char *key, enum path_kind kind)
{
	char path[CONFIG_PATH];
	struct error error;

	if (path_need(kind, path, sizeof(path), &error) < 0)
		printf("%s - (%s)\n", key, error.text);
	else
		printf("%s %s\n", key, path);
}

static void print_modules(void)
{
	char release[128], path[256];

	if (os_host_release(release, sizeof(release)) < 0)
		return;
	os_modules_directory(release, path, sizeof(path));
	if (os_file_kind(path) == OS_FILE_DIRECTORY)
		printf("modules %s\n", path);
	else
		printf("modules - (%s is missing; give modules=DIR)\n", path);
}

int cmd_info(int argc, char **argv)
{
	char text[ERROR_TEXT];
	struct error error;

	if (wants_help("info", argc, argv))
		return 0;
	if (argc > 2)
		return usage_error("info", "cannot use %s", argv[2]);
	if (argc == 2)
		return guest_info(argv[1]);
	os_driver_describe(text, sizeof(text));
	printf("driver %s\n", text);
	if (os_host_kernel(text, sizeof(text), &error) < 0)
		printf("kernel - (%s)\n", error.text);
	else
		printf("kernel %s\n", text);
	print_modules();
	print_path("image", PATH_IMAGE);
	print_path("initrd", PATH_INITRD);
	print_path("port", PATH_PORT);
	print_path("init", PATH_INIT);
	print_path("agent", PATH_AGENT);
	if (os_runtime_directory(text, sizeof(text), &error) < 0)
		printf("run - (%s)\n", error.text);
	else
		printf("run %s\n", text);
	return 0;
}
