/* SPDX-License-Identifier: GPL-2.0 */
/* The counters as text. */
#include <string.h>

#include "../../../daemon/stats.h"
#include "../virtio/tap.h"

int main(void)
{
	struct colinux_stats stats = {
		.exits_irq = 1, .exits_nmi = 2, .exits_mce = 3,
		.exits_hypercall = 4, .switches = 50, .full_switches = 8,
		.kicks = 9, .guest_ns = ~0ull,
	};
	char text[2048], small[40];

	stats.hypercalls[0] = 5;
	stats.hypercalls[12] = 6;
	stats.device_doorbells[63] = 7;
	stats_format(&stats, text, sizeof(text));
	check(!strncmp(text, "irq=1 nmi=2 mce=3 hypercalls=4 light=42 full=8 "
		       "kicks=9 ", 55), "by name: %s", text);
	check(strstr(text, " guest_ns=18446744073709551615 ") != NULL,
	      "all 64 bits");
	check(strstr(text, " hc.nop=5 hc.stats=6 doorbell63=7") != NULL,
	      "hypercalls by name, doorbells by device");
	check(!strstr(text, "hc.halt"), "without what has not happened");
	stats_format(&stats, small, sizeof(small));
	check(!strcmp(small, "irq=1 nmi=2 mce=3 hypercalls=4 light=42"),
	      "what does not fit is left out: %s", small);
	memset(&stats, 0xff, sizeof(stats));
	stats_format(&stats, text, sizeof(text));
	check(strlen(text) < sizeof(text), "never too long");
	return done();
}
