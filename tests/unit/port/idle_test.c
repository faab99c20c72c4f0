// SPDX-License-Identifier: GPL-2.0
/*
 * How long an idle vCPU looks for work (guest/port/idle.c): work that comes soon,
 * late, now and then; and that what comes while it looks is not lost.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_cpu.h"

static u64 rdtsc(void);
static bool irqs_on;
static void irq_enable(void);
static inline unsigned long irq_save(void)
{
	irqs_on = false;
	return 0;
}

#include "../../../guest/port/idle.c"

#define KHZ 1000000	/* a tick is a nanosecond */
#define LONGEST 200000	/* ticks, of 200 us */

static u64 tsc, comes_at, halted_at;
static bool preempted;
static unsigned int halts;

/* Work comes by an interrupt, if they are on. */
static void look(void)
{
	if (irqs_on && comes_at && tsc >= comes_at) {
		comes_at = 0;
		port_vcpu(0)->drained++;
	}
}

static u64 rdtsc(void)
{
	tsc += 100;
	look();
	return tsc;
}

static void irq_enable(void)
{
	irqs_on = true;
	look();
}

unsigned int port_cpu(void)
{
	return 0;
}

struct colinux_vcpu_area *port_area(unsigned int cpu)
{
	(void)cpu;
	return &fake_area;
}

struct port_vcpu *port_vcpu(unsigned int cpu)
{
	return (void *)port_area(cpu)->port_private;
}

bool port_any_preempted(void)
{
	return preempted;
}

void port_safe_halt(void)
{
	halts++;
	halted_at = tsc;
	if (comes_at > tsc)
		tsc = comes_at;
	irq_enable();
	look();
}

static unsigned int nr, failed;

static void check(bool good, const char *what)
{
	nr++;
	failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", nr, what);
}

/* times idle for `ticks` each; how often it halted. */
static unsigned int idle(unsigned int times, u64 ticks)
{
	unsigned int before = halts;

	while (times--) {
		irqs_on = false;
		comes_at = tsc + ticks;
		port_idle()();
		if (!irqs_on || comes_at)
			exit(1);
	}
	return halts - before;
}

int main(void)
{
	struct port_vcpu *vcpu = port_vcpu(0);

	boot_info->tsc_khz = KHZ;
	check(port_idle() == port_safe_halt, "haltpoll=0: halts");
	boot_info->halt_poll_us = LONGEST / 1000;
	check(idle(1, 50000) == 1 && vcpu->turn == LONGEST / SHORTEST,
	      "the first time it halts, and begins to look when work came soon");
	check(idle(2, 50000) == 1 && vcpu->turn >= 50000,
	      "it looks for longer");
	check(idle(100, 50000) == 0, "and then need not halt");
	check(idle(3, LONGEST - 1000) == 2 && vcpu->turn == LONGEST,
	      "at most as long as it may");
	check(idle(10, 100 * LONGEST) == 10 && !vcpu->turn,
	      "work that comes late: it does not look any more");
	idle(5, 50000);
	preempted = true;
	check(idle(1, 50000) == 1 && halted_at < tsc,
	      "a vCPU without a CPU: it halts at once");
	preempted = false;
	fake_area.pending = 1;
	check(idle(1, 50000) == 1, "what is pending already is delivered");
	printf("1..%u\n", nr);
	return failed ? 1 : 0;
}
