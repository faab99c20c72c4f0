/* SPDX-License-Identifier: GPL-2.0 */
/* colinux memory: a guest's memory, and how much of it the guest keeps. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../client.h"
#include "../command.h"
#include "../os.h"
#include "memory.h"

/* How often we look, and how long the guest may take to say how it is. */
#define POLL_MS 100
#define STATS_MS 2000
#define TIMEOUT 60

/* What the answer says, in MB (waiting: in kB). */
struct answer {
	uint64_t size, target, guest, returned, waiting;
	uint64_t stuck, unsupported, driver, serial;
	bool print;
};

static void take_line(void *opaque, const char *key, const char *value)
{
	struct answer *answer = opaque;
	const struct {
		const char *key;
		uint64_t *value;
		bool shown;
	} fields[] = {
		{ "size", &answer->size, true },
		{ "target", &answer->target, true },
		{ "guest", &answer->guest, true },
		{ "returned", &answer->returned, true },
		{ "waiting-kb", &answer->waiting, true },
		{ "stuck", &answer->stuck, false },
		{ "unsupported", &answer->unsupported, false },
		{ "driver", &answer->driver, false },
		{ "serial", &answer->serial, false },
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (strcmp(key, fields[i].key))
			continue;
		*fields[i].value = strtoull(value, NULL, 10);
		if (!fields[i].shown)
			return;
	}
	if (answer->print)
		printf("%s %s\n", key, value);
}

static int ask(const struct runtime *runtime, int64_t target, bool fresh,
	       bool print, struct answer *answer, struct error *error)
{
	struct protocol_request request;

	protocol_request_init(&request, PROTOCOL_MEMORY);
	request.target = target;
	request.fresh = fresh ? 1 : -1;
	memset(answer, 0, sizeof(*answer));
	answer->print = print;
	return client_request(runtime, &request, take_line, answer, error);
}

int memory_show(const struct runtime *runtime, struct error *error)
{
	struct answer answer;
	uint64_t serial;

	if (ask(runtime, -1, true, false, &answer, error) < 0)
		return -1;
	serial = answer.serial;
	for (int ms = 0; ms < STATS_MS && answer.driver &&
			 answer.serial == serial; ms += POLL_MS) {
		uv_sleep(POLL_MS);
		if (ask(runtime, -1, false, false, &answer, error) < 0)
			return -1;
	}
	return ask(runtime, -1, false, true, &answer, error);
}

/* There, or no further: then why.  NULL = still on its way. */
static const char *is_over(const struct answer *answer, bool late)
{
	if (answer->guest == answer->target && !answer->waiting)
		return "";
	if (answer->stuck)
		return "the host uses memory that the guest should have back "
		       "for what it cannot move: the guest goes without; try "
		       "again later";
	if (late)
		return answer->guest > answer->target ?
			       "the guest does not give up more: it needs what "
			       "it has; the request stands" :
			       "not all is back yet; the request stands";
	return NULL;
}

static int change(const struct runtime *runtime, uint64_t target, int seconds,
		  struct error *error)
{
	uint64_t start = uv_hrtime(), last = UINT64_MAX;
	const char *over;
	struct answer answer;

	if (ask(runtime, target, false, false, &answer, error) < 0)
		return -1;
	for (;;) {
		bool late = uv_hrtime() - start >= seconds * 1000000000ull;

		over = is_over(&answer, late);
		if (over)
			break;
		if (answer.guest != last)
			say("%s: %" PRIu64 " MB of %" PRIu64, runtime->name,
			    answer.guest, answer.target);
		last = answer.guest;
		uv_sleep(POLL_MS);
		if (ask(runtime, -1, false, false, &answer, error) < 0)
			return -1;
	}
	printf("guest %" PRIu64 "\nreturned %" PRIu64 "\n", answer.guest,
	       answer.returned);
	if (answer.unsupported)
		return error_set(error, "%s: this host cannot have memory of a "
				 "running guest back", runtime->name);
	if (*over)
		return error_set(error, "%s has %" PRIu64 " MB, not %" PRIu64
				 ": %s", runtime->name, answer.guest,
				 answer.target, over);
	return 0;
}

/* Seconds up to an hour, or -1. */
static int parse_seconds(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	return *text < '0' || *text > '9' || *end || number > 3600 ? -1 :
								      number;
}

int cmd_memory(int argc, char **argv)
{
	const char *words[2] = { NULL, NULL };
	int nr = 0, seconds = TIMEOUT, result;
	struct runtime runtime;
	struct error error;
	uint64_t size = 0;

	if (wants_help("memory", argc, argv))
		return 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--timeout") && i + 1 < argc) {
			seconds = parse_seconds(argv[++i]);
			if (seconds < 0)
				return usage_error("memory", "--timeout %s is "
						   "not a number of seconds up "
						   "to 3600", argv[i]);
		} else if (argv[i][0] == '-' || nr == 2) {
			return usage_error("memory", "cannot use %s", argv[i]);
		} else {
			words[nr++] = argv[i];
		}
	}
	if (!nr)
		return usage_error("memory", "give the name of a guest");
	if (words[1])
		size = config_parse_size(words[1]) >> 20;
	if (words[1] && (!size || size > INT32_MAX))
		return usage_error("memory", "%s is no size in MB", words[1]);
	result = client_find(words[0], &runtime, &error);
	if (!result)
		result = words[1] ? change(&runtime, size, seconds, &error) :
				    memory_show(&runtime, &error);
	if (result < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	return 0;
}
