// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest may ask the runner to do to it from other threads: kicks,
 * storms of kicks, device interrupts, an echo from a doorbell to an interrupt.
 * The numbers are those of guests/guest.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "run.h"
#include "guests/service.h"

/* One thing to do later. */
struct later {
	struct guest *guest;
	uint64_t command, arg, us;
};

static void *do_later(void *arg)
{
	struct later *l = arg;
	struct timespec wait = {
		.tv_sec = (time_t)(l->us / 1000000),
		.tv_nsec = (long)(l->us % 1000000 * 1000),
	};

	nanosleep(&wait, NULL);
	if (l->command == TEST_KICK) {
		struct colinux_kick kick = { .virq = (uint32_t)l->arg };

		if (CALL(l->guest->fd, KICK, &kick))
			fatal("KICK");
	} else {
		struct colinux_set_irq irq = { .device = (uint32_t)l->arg };

		if (CALL(l->guest->fd, SET_IRQ, &irq))
			fatal("SET_IRQ");
	}
	free(l);
	return NULL;
}

static int64_t later(struct guest *g, uint64_t command, uint64_t arg,
		     uint64_t us)
{
	struct later *l = malloc(sizeof(*l));
	pthread_t thread;

	if (!l)
		return -ENOMEM;
	*l = (struct later){ g, command, arg, us };
	if (pthread_create(&thread, NULL, do_later, l)) {
		free(l);
		return -EAGAIN;
	}
	pthread_detach(thread);
	return 0;
}

static void *storm(void *arg)
{
	struct guest *g = arg;
	int virq;

	while ((virq = __atomic_load_n(&g->storm, __ATOMIC_SEQ_CST)) >= 0) {
		struct colinux_kick kick = { .virq = (uint32_t)virq };

		if (CALL(g->fd, KICK, &kick))
			fatal("KICK");
	}
	return NULL;
}

static int64_t set_storm(struct guest *g, int virq)
{
	__atomic_store_n(&g->storm, virq, __ATOMIC_SEQ_CST);
	if (virq < 0 && g->storming) {
		pthread_join(g->storm_thread, NULL);
		g->storming = 0;
	} else if (virq >= 0 && !g->storming) {
		if (pthread_create(&g->storm_thread, NULL, storm, g))
			return -EAGAIN;
		g->storming = 1;
	}
	return 0;
}

/* Each ring of the doorbell comes back as an interrupt. */
static void *echo(void *arg)
{
	struct guest *g = arg;
	uint64_t n;

	for (;;) {
		if (read(g->doorbell, &n, sizeof(n)) != sizeof(n))
			fatal("doorbell");
		if (n >= 1ull << 32)	/* silence() */
			return NULL;
		n = 1;
		if (write(g->interrupt, &n, sizeof(n)) != sizeof(n))
			fatal("irqfd");
	}
}

static int64_t tie(struct guest *g, uint64_t device, uint64_t queue, int off)
{
	struct colinux_event bell = {
		.device = (uint32_t)device, .queue = (uint32_t)queue,
		.fd = off ? -1 : g->doorbell,
	};
	struct colinux_event irq = {
		.device = (uint32_t)device, .queue = (uint32_t)queue,
		.fd = off ? -1 : g->interrupt,
	};

	if (CALL(g->fd, DOORBELL, &bell) || CALL(g->fd, IRQFD, &irq))
		return -errno;
	return 0;
}

static int64_t start_echo(struct guest *g, uint64_t device, uint64_t queue)
{
	int64_t err;

	if (g->echoing)
		return -EBUSY;
	g->doorbell = eventfd(0, EFD_CLOEXEC);
	g->interrupt = eventfd(0, EFD_CLOEXEC);
	if (g->doorbell < 0 || g->interrupt < 0)
		fatal("eventfd");
	err = tie(g, device, queue, 0);
	if (err)
		return err;
	if (pthread_create(&g->echo_thread, NULL, echo, g))
		return -EAGAIN;
	g->echoing = 1;
	return 0;
}

static void stop_echo(struct guest *g)
{
	uint64_t stop = 1ull << 32;

	if (!g->echoing)
		return;
	if (write(g->doorbell, &stop, sizeof(stop)) != sizeof(stop))
		fatal("doorbell");
	pthread_join(g->echo_thread, NULL);
	close(g->doorbell);
	close(g->interrupt);
	g->echoing = 0;
}

int64_t service(struct guest *g, const __u64 *args)
{
	int64_t err;

	if (args[0] != TEST_DEVICE)
		return -ENODEV;
	switch (args[1]) {
	case TEST_KICK:
	case TEST_SET_IRQ:
		return later(g, args[1], args[2], args[3]);
	case TEST_STORM:
		return set_storm(g, (int)args[2]);
	case TEST_ECHO:
		return start_echo(g, args[2], args[3]);
	case TEST_SILENCE:
		err = tie(g, args[2], args[3], 1);
		stop_echo(g);
		return err;
	default:
		return -EINVAL;
	}
}

void service_end(struct guest *g)
{
	set_storm(g, -1);
	stop_echo(g);
}
