/* SPDX-License-Identifier: GPL-2.0 */
/* colinux stop, colinux kill: end a guest from outside. */
#include <stdio.h>
#include <string.h>

#include "../client.h"
#include "../command.h"

static void print_end(void *opaque, const char *key, const char *value)
{
	(void)opaque;
	if (!strcmp(key, "reason"))
		printf("%s\n", value);
}

/*
 * The answer comes when the guest has ended; its name and memory are free when
 * its process has.
 */
static int wait_for_process(const struct runtime *runtime)
{
	if (runtime_wait_end(runtime))
		return 0;
	say("%s: the guest has ended, but its process has not within %d s",
	    runtime->name, RUNTIME_END_MS / 1000);
	return EXIT_OTHER;
}

static int send_request(const char *name,
			const struct protocol_request *request)
{
	struct runtime runtime;
	struct error error;

	if (client_find(name, &runtime, &error) < 0 ||
	    client_request(&runtime, request, print_end, NULL, &error) < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	return wait_for_process(&runtime);
}

/* Digits up to max, or -1. */
static long parse_seconds(const char *text, long max)
{
	long number = 0;

	if (!*text)
		return -1;
	for (; *text >= '0' && *text <= '9' && number <= max; text++)
		number = number * 10 + (*text - '0');
	return *text || number > max ? -1 : number;
}

int cmd_stop(int argc, char **argv)
{
	struct protocol_request request;
	const char *name = NULL;

	if (wants_help("stop", argc, argv))
		return 0;
	protocol_request_init(&request, PROTOCOL_STOP);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--force")) {
			request.force = 1;
		} else if (!strcmp(argv[i], "--timeout") && i + 1 < argc) {
			request.timeout = parse_seconds(argv[++i], 3600);
			if (request.timeout < 0)
				return usage_error("stop",
						   "--timeout %s is not a "
						   "number of seconds up to "
						   "3600", argv[i]);
		} else if (argv[i][0] == '-' || name) {
			return usage_error("stop", "cannot use %s", argv[i]);
		} else {
			name = argv[i];
		}
	}
	if (!name)
		return usage_error("stop", "give the name of a guest");
	return send_request(name, &request);
}

int cmd_kill(int argc, char **argv)
{
	struct protocol_request request;

	if (wants_help("kill", argc, argv))
		return 0;
	if (argc != 2)
		return usage_error("kill", "give the name of one guest");
	protocol_request_init(&request, PROTOCOL_KILL);
	return send_request(argv[1], &request);
}
