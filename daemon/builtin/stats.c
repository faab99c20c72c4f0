/* SPDX-License-Identifier: GPL-2.0 */
/* colinux stats: what the vCPUs of a guest have done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <colinux/layout.h>

#include "../client.h"
#include "../command.h"

#define MAX_COUNTERS 128
#define MAX_INTERVAL 86400	/* seconds */

/* One answer: counters by name in the order they came, a column a vCPU. */
struct sample {
	unsigned int nr_cpus, nr_counters;
	char names[MAX_COUNTERS][24];
	unsigned long long values[MAX_COUNTERS][COLINUX_MAX_VCPUS];
	unsigned int nr_devices;
	struct {
		char key[16], text[256];
	} devices[COLINUX_MAX_DEVICES];
};

static unsigned long long *find(struct sample *sample, const char *name,
				unsigned int cpu)
{
	unsigned int i = 0;

	while (i < sample->nr_counters && strcmp(sample->names[i], name))
		i++;
	if (i == MAX_COUNTERS || cpu >= COLINUX_MAX_VCPUS)
		return NULL;
	if (i == sample->nr_counters) {
		snprintf(sample->names[i], sizeof(sample->names[i]), "%s",
			 name);
		sample->nr_counters++;
	}
	return &sample->values[i][cpu];
}

/* "NAME=NUMBER NAME=NUMBER..." */
static void take_counters(struct sample *sample, unsigned int cpu,
			  const char *value)
{
	char name[24];
	unsigned long long number, *to;
	int length;

	while (sscanf(value, " %23[^= ]=%llu%n", name, &number, &length) == 2) {
		to = find(sample, name, cpu);
		if (to)
			*to = number;
		value += length;
	}
}

static void take(void *opaque, const char *key, const char *value)
{
	struct sample *sample = opaque;
	unsigned int number, i = sample->nr_devices;
	char extra;

	if (sscanf(key, "cpu%2u%c", &number, &extra) == 1 &&
	    number < COLINUX_MAX_VCPUS) {
		take_counters(sample, number, value);
		if (number >= sample->nr_cpus)
			sample->nr_cpus = number + 1;
	} else if (!strncmp(key, "device", 6) && i < COLINUX_MAX_DEVICES) {
		snprintf(sample->devices[i].key, sizeof(sample->devices[i].key),
			 "%s", key);
		snprintf(sample->devices[i].text,
			 sizeof(sample->devices[i].text), "%s", value);
		sample->nr_devices++;
	}
}

/* What has been added since `before`. */
static void subtract(struct sample *sample, struct sample *before)
{
	for (unsigned int i = 0; i < sample->nr_counters; i++)
		for (unsigned int cpu = 0; cpu < sample->nr_cpus; cpu++) {
			unsigned long long *old =
				find(before, sample->names[i], cpu);
			unsigned long long *now = &sample->values[i][cpu];

			/* A vCPU that runs may be read a moment old. */
			*now = old && *old <= *now ? *now - *old : 0;
		}
}

static void print_table(const struct sample *sample)
{
	printf("%-14s", "");
	for (unsigned int cpu = 0; cpu < sample->nr_cpus; cpu++) {
		char head[16];

		snprintf(head, sizeof(head), "cpu%u", cpu);
		printf(" %15s", head);
	}
	putchar('\n');
	for (unsigned int i = 0; i < sample->nr_counters; i++) {
		printf("%-14s", sample->names[i]);
		for (unsigned int cpu = 0; cpu < sample->nr_cpus; cpu++)
			printf(" %15llu", sample->values[i][cpu]);
		putchar('\n');
	}
	for (unsigned int i = 0; i < sample->nr_devices; i++)
		printf("%-14s %s\n", sample->devices[i].key,
		       sample->devices[i].text);
	fflush(stdout);
}

static void print_string(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar((unsigned char)*text < ' ' ? '?' : *text);
	}
	putchar('"');
}

/* One object, one line. */
static void print_json(const char *name, const struct sample *sample)
{
	printf("{\"name\":");
	print_string(name);
	printf(",\"cpus\":[");
	for (unsigned int cpu = 0; cpu < sample->nr_cpus; cpu++) {
		printf("%s{", cpu ? "," : "");
		for (unsigned int i = 0; i < sample->nr_counters; i++) {
			printf("%s", i ? "," : "");
			print_string(sample->names[i]);
			printf(":%llu", sample->values[i][cpu]);
		}
		putchar('}');
	}
	printf("],\"devices\":{");
	for (unsigned int i = 0; i < sample->nr_devices; i++) {
		printf("%s", i ? "," : "");
		print_string(sample->devices[i].key);
		putchar(':');
		print_string(sample->devices[i].text);
	}
	printf("}}\n");
	fflush(stdout);
}

static int show(const char *name, bool json, unsigned int interval)
{
	static struct sample samples[2], difference;
	struct protocol_request request;
	struct runtime runtime;
	struct error error;

	if (client_find(name, &runtime, &error) < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	protocol_request_init(&request, PROTOCOL_STATS);
	for (unsigned int n = 0;; n++) {
		struct sample *sample = &samples[n & 1];

		memset(sample, 0, sizeof(*sample));
		if (client_request(&runtime, &request, take, sample, &error) <
		    0) {
			/* It has ended, or is about to: all was shown. */
			if (n && runtime_wait_end(&runtime))
				return 0;
			say("%s", error.text);
			return EXIT_OTHER;
		}
		difference = *sample;
		if (n)
			subtract(&difference, &samples[~n & 1]);
		if (json)
			print_json(name, &difference);
		else
			print_table(&difference);
		if (!interval)
			return 0;
		uv_sleep(interval * 1000);
	}
}

int cmd_stats(int argc, char **argv)
{
	const char *name = NULL;
	unsigned long interval = 0;
	bool json = false;
	char *end;

	if (wants_help("stats", argc, argv))
		return 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			json = true;
		} else if (!strcmp(argv[i], "--interval") && i + 1 < argc) {
			interval = strtoul(argv[++i], &end, 10);
			if (argv[i][0] < '0' || argv[i][0] > '9' || *end ||
			    !interval || interval > MAX_INTERVAL)
				return usage_error("stats",
						   "--interval %s is not a "
						   "number of seconds from 1 "
						   "to %d", argv[i],
						   MAX_INTERVAL);
		} else if (argv[i][0] == '-' || name) {
			return usage_error("stats", "cannot use %s", argv[i]);
		} else {
			name = argv[i];
		}
	}
	if (!name)
		return usage_error("stats", "give the name of a guest");
	return show(name, json, interval);
}
