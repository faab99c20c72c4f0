/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fake kernel's interrupts, for virtio_test.h: as __irq_alloc_descs(),
 * handle_edge_irq(), free_irq() and so on keep them, and the port's functions
 * that virtio_irq.c calls.
 */
#ifndef TRANSPORT_FAKE_IRQ_H
#define TRANSPORT_FAKE_IRQ_H

static struct fake_irq {
	pthread_mutex_t lock;
	char data[32], common[32];
	u64 effective[16];
	const char *chip, *name;
	irq_handler_fn *handler;
	void *opaque;
	bool busy, again;
} fake_irqs[64] = {
	/* Who has just read a number may come when it has been freed. */
	[0 ... 63] = { .lock = PTHREAD_MUTEX_INITIALIZER },
};
static unsigned int this_cpu, affinities;
static int irq_result;
u64 cpu_online_mask[16] = { 3 };

int irq_alloc_descs(int irq, unsigned int from, unsigned int nr, int node,
		    void *owner, const void *affinity)
{
	struct fake_irq *f = fake_irqs + from;

	while (f->chip)
		f++;
	if (irq != -1 || nr != 1 || node != -1 || owner || affinity ||
	    f >= fake_irqs + 64)
		abort();
	f->chip = "";
	AT(void *, f->data, 16) = f->common;
	AT(void *, f->common, 16) = f->effective;
	return (int)(f - fake_irqs);
}

void irq_free_descs(unsigned int from, unsigned int nr)
{
	if (nr != 1 || fake_irqs[from].handler)
		abort();
	fake_irqs[from].chip = NULL;
}

void handle_edge_irq(void *desc)
{
	(void)desc;
	abort();
}

void irq_set_chip_and_handler_name(unsigned int irq, const void *with,
				   void *handler, const char *name)
{
	(void)name;
	if (handler != (void *)handle_edge_irq)
		abort();
	fake_irqs[irq].chip = with;
}

int irq_set_chip_data(unsigned int irq, void *data)
{
	AT(void *, fake_irqs[irq].data, 8) = data;
	return 0;
}

void irq_modify_status(unsigned int irq, unsigned long off, unsigned long set)
{
	if (!fake_irqs[irq].chip || off || set != 16384)
		abort();
}

int irq_set_affinity(unsigned int irq, const void *mask)
{
	int (*set)(void *, const void *, bool) =
		AT(void *, fake_irqs[irq].chip, 16);

	affinities++;
	return set(fake_irqs[irq].data, mask, false);
}

int request_threaded_irq(unsigned int irq, irq_handler_fn *handler,
			 irq_handler_fn *thread, unsigned long flags,
			 const char *name, void *opaque)
{
	struct fake_irq *f = fake_irqs + irq;
	static const u64 all[16] = { ~0ull };

	if (thread || flags)
		abort();
	if (irq_result)
		return irq_result;
	pthread_mutex_lock(&f->lock);
	f->name = name;
	f->opaque = opaque;
	f->handler = handler;
	irq_set_affinity(irq, all);
	pthread_mutex_unlock(&f->lock);
	return 0;
}

void synchronize_irq(unsigned int irq)
{
	struct fake_irq *f = fake_irqs + irq;

	pthread_mutex_lock(&f->lock);
	while (f->busy) {
		pthread_mutex_unlock(&f->lock);
		sched_yield();
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
}

const void *free_irq(unsigned int irq, void *opaque)
{
	struct fake_irq *f = fake_irqs + irq;

	if (f->opaque != opaque)
		abort();
	pthread_mutex_lock(&f->lock);
	f->handler = NULL;
	pthread_mutex_unlock(&f->lock);
	synchronize_irq(irq);
	return NULL;
}

int generic_handle_irq(unsigned int irq)
{
	struct fake_irq *f = fake_irqs + irq;
	irq_handler_fn *handler;

	pthread_mutex_lock(&f->lock);
	f->again = true;
	while (f->again && !f->busy) {
		f->again = false;
		/* free_irq() takes it away, then waits for who has it. */
		handler = f->handler;
		if (!handler)
			break;
		f->busy = true;
		pthread_mutex_unlock(&f->lock);
		handler((int)irq, f->opaque);
		pthread_mutex_lock(&f->lock);
		f->busy = false;
	}
	pthread_mutex_unlock(&f->lock);
	return 0;
}

unsigned int port_cpu(void)
{
	return this_cpu;
}

struct colinux_vcpu_area *port_area(unsigned int cpu)
{
	return (void *)COLINUX_VCPU_AREA_VA((unsigned long)cpu);
}

static unsigned int kicked[2];

void port_kick(unsigned int cpu, unsigned int virq)
{
	if (virq != COLINUX_VIRQ_DEVICE)
		abort();
	kicked[cpu]++;
}

void port_nothing(void)
{
}

void port_die(const char *text)
{
	(void)text;
	abort();
}

#endif
