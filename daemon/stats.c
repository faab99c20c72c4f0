/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of a vCPU as text: see stats.h. */
#include <stdarg.h>
#include <stdio.h>

#include "stats.h"

struct text {
	char *at;
	size_t room;
};

static void add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* All of it or nothing. */
static void add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text->at, text->room, format, args);
	va_end(args);
	if (length < 0 || (size_t)length >= text->room) {
		*text->at = '\0';
		text->room = 1;
		return;
	}
	text->at += length;
	text->room -= length;
}

void stats_format(const struct colinux_stats *stats, char *to, size_t room)
{
	static const char *const hypercalls[COLINUX_STATS_HYPERCALLS] = {
		COLINUX_HYPERCALL_NAMES
	};
	struct text text = { to, room };
	const char *blank = "";

#define SHOW(name, value)                                           \
	add(&text, "%s" name "=%llu", blank, (unsigned long long)(value)); \
	blank = " ";
	COLINUX_STATS_COUNTERS(SHOW, stats)
#undef SHOW
	for (unsigned int i = 0; i < COLINUX_STATS_HYPERCALLS; i++)
		if (hypercalls[i] && stats->hypercalls[i])
			add(&text, " hc.%s=%llu", hypercalls[i],
			    (unsigned long long)stats->hypercalls[i]);
	for (unsigned int i = 0; i < COLINUX_MAX_DEVICES; i++)
		if (stats->device_doorbells[i])
			add(&text, " doorbell%u=%llu", i,
			    (unsigned long long)stats->device_doorbells[i]);
}
