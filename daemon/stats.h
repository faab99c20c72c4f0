/* SPDX-License-Identifier: GPL-2.0 */
/* The counters of a vCPU as text. */
#ifndef DAEMON_STATS_H
#define DAEMON_STATS_H

#include <stddef.h>
#include <colinux/stats.h>

/*
 * Write "NAME=NUMBER" for each counter, separated by blanks: those of
 * COLINUX_STATS_COUNTERS, then "hc.NAME" for each hypercall and "doorbellN" for
 * each device that was used.  What does not fit is left out.
 */
void stats_format(const struct colinux_stats *stats, char *text, size_t room);

#endif
