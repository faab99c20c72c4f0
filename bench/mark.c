// SPDX-License-Identifier: GPL-2.0
/*
 * The marker init of bench/boot: its first instruction is the end of the
 * measurement.  Says that it is there and ends the machine: by a restart when
 * there is an argument (or parameter) "restart", which machines without ACPI
 * need, else by power-off.
 *
 * As any other process it takes one argument: "begn" and "done" execute the
 * marks of that name, "spin" both with some seconds of computing in between,
 * about as many instructions as SPIN_LOOPS, "nap" with NAPS short sleeps.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mark.h"

#define SPIN_LOOPS 3000000000ul
#define NAPS 500
#define NAP_NS 1000000

static void spin(void)
{
	unsigned long left = SPIN_LOOPS / 2;

	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(left));
}

static void nap(void)
{
	const struct timespec time = { .tv_nsec = NAP_NS };

	for (int i = 0; i < NAPS; i++)
		nanosleep(&time, NULL);
}

static int one_mark(const char *name)
{
	if (!strcmp(name, "begn")) {
		MARK("begn");
	} else if (!strcmp(name, "done")) {
		MARK("done");
	} else if (!strcmp(name, "spin")) {
		MARK("begn");
		spin();
		MARK("done");
	} else if (!strcmp(name, "nap")) {
		MARK("begn");
		nap();
		MARK("done");
	} else {
		return 2;
	}
	return 0;
}

static int as_init(int argc, char **argv)
{
	int how = RB_POWER_OFF;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "restart"))
			how = RB_AUTOBOOT;
	puts("bench: init");
	fflush(stdout);
	reboot(how);
	return 1;
}

/* The kernel starts us here; start.S is the C library's and comes later. */
__asm__(".globl bench_start\n"
	"bench_start:\n"
	".byte 0x0f, 0x1f, 0x80; .ascii \"init\"\n"
	"jmp _start\n");

int main(int argc, char **argv)
{
	if (getpid() == 1)
		return as_init(argc, argv);
	return argc == 2 ? one_mark(argv[1]) : 2;
}
