/* SPDX-License-Identifier: GPL-2.0 */
/* colinux ps: the guests that are running. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../client.h"
#include "../command.h"

/* One guest whose process is stopped, or stuck, does not hide the others. */
#define PATIENCE_MS 2000

struct row {
	char pid[16], state[16], memory[16], cpus[16], kernel[64];
	unsigned long uptime;
};

static void take(void *opaque, const char *key, const char *value)
{
	struct row *row = opaque;

	if (!strcmp(key, "pid"))
		snprintf(row->pid, sizeof(row->pid), "%s", value);
	else if (!strcmp(key, "state"))
		snprintf(row->state, sizeof(row->state), "%s", value);
	else if (!strcmp(key, "memory"))
		snprintf(row->memory, sizeof(row->memory), "%s", value);
	else if (!strcmp(key, "cpus"))
		snprintf(row->cpus, sizeof(row->cpus), "%s", value);
	else if (!strcmp(key, "kernel"))
		snprintf(row->kernel, sizeof(row->kernel), "%s", value);
	else if (!strcmp(key, "uptime"))
		row->uptime = strtoul(value, NULL, 10);
}

static void print_row(void *opaque, const struct runtime *runtime)
{
	struct row row = { "-", "starting", "-", "-", "-", 0 };
	struct protocol_request request;
	char uptime[32];

	(void)opaque;
	protocol_request_init(&request, PROTOCOL_STATUS);
	/* One that does not listen yet, or no longer, is listed as well. */
	if (client_request_within(runtime, &request, take, &row, PATIENCE_MS,
				  NULL) > 0)
		strcpy(row.state, "no answer");
	snprintf(uptime, sizeof(uptime), "%lu:%02lu:%02lu", row.uptime / 3600,
		 row.uptime / 60 % 60, row.uptime % 60);
	printf("%-16s %8s %-9s %10s %6sM %4s  %s\n", runtime->name, row.pid,
	       row.state, uptime, row.memory, row.cpus, row.kernel);
}

int cmd_ps(int argc, char **argv)
{
	struct error error;

	if (wants_help("ps", argc, argv))
		return 0;
	if (argc > 1)
		return usage_error("ps", "cannot use %s", argv[1]);
	printf("%-16s %8s %-9s %10s %7s %4s  %s\n", "NAME", "PID", "STATE",
	       "UPTIME", "MEM", "CPUS", "KERNEL");
	if (runtime_list(print_row, NULL, &error) < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	return 0;
}
