// SPDX-License-Identifier: GPL-2.0
/*
 * Runs tiny bare-metal guests, one thread a vCPU, on the real driver: the
 * passage tests.  A guest is a flat binary linked at COLINUX_PORT_TEXT_VA +
 * 0x1000 that prints TAP lines with HC_CONSOLE, asks for kicks and events with
 * HC_DEVICE (service.c) and ends with HC_END.  Knows nothing of what is tested.
 *
 * usage: run [-bs] [-t SECONDS] [-w SECONDS] GUEST.bin [GUEST.bin]...
 *
 *   -b   the threads have a hardware breakpoint of the host armed
 *   -s   print each vCPU's counters at the end
 *   -t   time limit (60)
 *   -w   watchdog (0, none)
 *
 * SIGTERM sets COLINUX_VIRQ_SHUTDOWN in every guest.  Status 0: every guest
 * printed a plan, kept it, and no line said "not ok".
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <unistd.h>
#include "run.h"

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static struct guest *guests;
static int nr_guests, breakpoints;
static volatile uint64_t watched;

/* A whole line of a guest's output. */
static void line(struct guest *g)
{
	unsigned int plan;

	g->line[g->line_len] = 0;
	if (!strncmp(g->line, "not ok", 6))
		g->failed = 1;
	if (!strncmp(g->line, "ok", 2) || !strncmp(g->line, "not ok", 6))
		g->checks++;
	if (sscanf(g->line, "1..%u", &plan) == 1)
		g->planned = plan && plan == g->checks;
	pthread_mutex_lock(&output);
	printf(nr_guests > 1 ? "%s: %s\n" : "%s%s\n",
	       nr_guests > 1 ? g->name : "", g->line);
	fflush(stdout);
	pthread_mutex_unlock(&output);
	g->line_len = 0;
}

static void console(struct guest *g, uint64_t machine, uint64_t len)
{
	const unsigned char *text;

	if (len > 4096 || machine < g->extent.machine ||
	    machine - g->extent.machine > MEMORY - len)
		return;
	text = g->ram + (machine - g->extent.machine);
	pthread_mutex_lock(&g->lock);
	for (uint64_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			line(g);
		else if (g->line_len < sizeof(g->line) - 1)
			g->line[g->line_len++] = (char)text[i];
	}
	pthread_mutex_unlock(&g->lock);
}

static void *run(void *arg);

static int64_t start_vcpu(struct guest *g, const __u64 *args)
{
	struct colinux_vcpu_setup setup = {
		.vcpu = (uint32_t)args[0], .rip = args[1], .cr3 = args[2],
		.rsi = args[3], .rsp = args[4],
	};
	struct runner *r;

	if (args[0] >= VCPUS)
		return -EINVAL;
	if (CALL(g->fd, VCPU_SETUP, &setup))
		return -errno;
	r = &g->runners[args[0]];
	r->guest = g;
	r->vcpu = setup.vcpu;
	if (r->started)
		return -EBUSY;
	r->started = 1;
	return pthread_create(&r->thread, NULL, run, r) ? -EAGAIN : 0;
}

/* DR7 of the host is armed while this thread runs; a descriptor to count. */
static int arm_breakpoint(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W, .bp_len = HW_BREAKPOINT_LEN_8,
		.bp_addr = (uintptr_t)&watched, .exclude_kernel = 1,
		.sample_period = 1000000,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* Whether the breakpoint still works. */
static int breakpoint_hits(int fd)
{
	uint64_t before, after;

	if (read(fd, &before, sizeof(before)) != sizeof(before))
		fatal("breakpoint");
	watched = before;
	if (read(fd, &after, sizeof(after)) != sizeof(after))
		fatal("breakpoint");
	return after == before + 1;
}

/* A vCPU's thread: until the guest ends or this vCPU goes down. */
static void *run(void *arg)
{
	struct runner *self = arg;
	struct guest *g = self->guest;
	struct colinux_run r = { .vcpu = self->vcpu };
	int breakpoint = breakpoints ? arm_breakpoint() : -1;

	if (breakpoints && breakpoint < 0)
		fatal("perf_event_open");
	for (;;) {
		if (breakpoint >= 0 && !breakpoint_hits(breakpoint)) {
			printf("not ok - the host's breakpoint is lost\n");
			g->failed = 1;
			close(breakpoint);
			breakpoint = -1;
		}
		if (CALL(g->fd, VCPU_RUN, &r)) {
			if (errno == EINTR)
				continue;
			fatal("VCPU_RUN");
		}
		if (r.exit == COLINUX_RUN_INTR)
			continue;
		if (r.exit == COLINUX_RUN_KILLED) {
			printf("# %s: ended: %s\n", g->name, r.reason);
			g->failed = 1;
			return NULL;
		}
		switch (r.nr) {
		case COLINUX_HC_CONSOLE:
			console(g, r.args[1], r.args[2]);
			r.ret = 0;
			break;
		case COLINUX_HC_DEVICE:
			r.ret = service(g, r.args);
			break;
		case COLINUX_HC_VCPU_UP:
			r.ret = start_vcpu(g, r.args);
			break;
		case COLINUX_HC_VCPU_DOWN:
			return NULL;
		case COLINUX_HC_END:
			g->failed |= r.args[0] != COLINUX_END_POWEROFF;
			return NULL;
		default:
			r.ret = -ENOSYS;
		}
	}
}

static void counters(struct guest *g)
{
	for (unsigned int i = 0; i < VCPUS; i++) {
		struct colinux_stats s = { .vcpu = i };

		if (!g->runners[i].started)
			continue;
		if (CALL(g->fd, STATS, &s))
			fatal("STATS");
		printf("# %s: vCPU %u: irq %" PRIu64 " nmi %" PRIu64
		       " hypercall %" PRIu64 " switches %" PRIu64
		       " full %" PRIu64 " halts %" PRIu64 "\n",
		       g->name, i, (uint64_t)s.exits_irq,
		       (uint64_t)s.exits_nmi, (uint64_t)s.exits_hypercall,
		       (uint64_t)s.switches, (uint64_t)s.full_switches,
		       (uint64_t)s.halts);
	}
}

/* SIGALRM: the time limit; SIGTERM: ask the guests to end. */
static void on_signal(int sig)
{
	static const char text[] = "not ok - time limit\n";

	if (sig == SIGALRM) {
		if (write(1, text, sizeof(text) - 1) < 0)
			_exit(4);
		_exit(3);
	}
	for (int i = 0; i < nr_guests; i++) {
		struct colinux_kick kick = { .virq = COLINUX_VIRQ_SHUTDOWN };

		CALL(guests[i].fd, KICK, &kick);
	}
}

int main(int argc, char **argv)
{
	int opt, failed = 0, show = 0;
	unsigned int limit = 60, watchdog = 0;

	while ((opt = getopt(argc, argv, "bst:w:")) != -1) {
		if (opt == 'b')
			breakpoints = 1;
		else if (opt == 's')
			show = 1;
		else if (opt == 't')
			limit = (unsigned int)atoi(optarg);
		else if (opt == 'w')
			watchdog = (unsigned int)atoi(optarg);
		else
			return 2;
	}
	nr_guests = argc - optind;
	guests = calloc((size_t)nr_guests, sizeof(*guests));
	if (!guests || nr_guests < 1)
		fatal("no guests");
	for (int i = 0; i < nr_guests; i++) {
		guests[i].file = argv[optind + i];
		guests[i].storm = -1;
		guests[i].watchdog = watchdog;
		pthread_mutex_init(&guests[i].lock, NULL);
		load(&guests[i]);
	}
	signal(SIGALRM, on_signal);
	signal(SIGTERM, on_signal);
	alarm(limit);
	for (int i = 0; i < nr_guests; i++) {
		struct runner *r = &guests[i].runners[0];

		r->guest = &guests[i];
		r->started = 1;
		if (pthread_create(&r->thread, NULL, run, r))
			fatal("thread");
	}
	for (int i = 0; i < nr_guests; i++) {
		struct guest *g = &guests[i];

		pthread_join(g->runners[0].thread, NULL);
		service_end(g);
		for (unsigned int v = 1; v < VCPUS; v++)
			if (g->runners[v].started)
				pthread_join(g->runners[v].thread, NULL);
		if (!g->planned)
			printf("# %s: no plan, or another one\n", g->name);
		failed |= g->failed | !g->planned;
		if (show)
			counters(g);
	}
	return failed;
}
