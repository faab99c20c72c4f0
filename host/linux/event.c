// SPDX-License-Identifier: GPL-2.0
/*
 * Event objects of a VM: eventfds that raise a device's interrupt, and
 * eventfds that its doorbells signal.  All under one mutex; a doorbell is read
 * without it, preemption off, hence synchronize_rcu() before it is dropped.
 */
#include <linux/file.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include "driver.h"

struct irqfd {
	struct vm *vm;
	u32 device, irq;
	struct eventfd_ctx *ctx;
	wait_queue_entry_t wait;
	wait_queue_head_t *head;
	poll_table table;
};

struct events {
	struct mutex lock;
	struct irqfd *irqfds[COLINUX_MAX_DEVICES][COLINUX_DEVICE_IRQS];
};

struct events *events_new(void)
{
	struct events *events = kzalloc(sizeof(*events), GFP_KERNEL);

	if (events)
		mutex_init(&events->lock);
	return events;
}

/* Called with the eventfd's lock held, IF=0. */
static int irqfd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
			void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->ctx, &count);
		vm_device_interrupt(irqfd->vm, irqfd->device, irqfd->irq);
	}
	return 0;
}

static void irqfd_queue(struct file *file, wait_queue_head_t *head,
			poll_table *table)
{
	struct irqfd *irqfd = container_of(table, struct irqfd, table);

	irqfd->head = head;
	add_wait_queue_priority(head, &irqfd->wait);
}

static void irqfd_free(struct irqfd *irqfd)
{
	u64 count;

	if (!irqfd)
		return;
	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	eventfd_ctx_put(irqfd->ctx);
	kfree(irqfd);
}

static struct irqfd *irqfd_new(struct vm *vm, u32 device, u32 irq, int fd)
{
	struct irqfd *irqfd;
	struct file *file;
	int err;

	file = fget(fd);
	if (!file)
		return ERR_PTR(-EBADF);
	err = -ENOMEM;
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL);
	if (!irqfd)
		goto out;
	irqfd->vm = vm;
	irqfd->device = device;
	irqfd->irq = irq;
	irqfd->ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->ctx)) {
		err = PTR_ERR(irqfd->ctx);
		kfree(irqfd);
		goto out;
	}
	init_waitqueue_func_entry(&irqfd->wait, irqfd_wakeup);
	init_poll_funcptr(&irqfd->table, irqfd_queue);
	if (vfs_poll(file, &irqfd->table) & EPOLLIN)
		vm_device_interrupt(vm, device, irq);
	fput(file);
	return irqfd;
out:
	fput(file);
	return ERR_PTR(err);
}

int events_irqfd(struct events *events, struct vm *vm,
		 const struct colinux_event *arg)
{
	struct irqfd *irqfd = NULL, **slot;

	if (arg->device >= COLINUX_MAX_DEVICES ||
	    arg->queue >= COLINUX_DEVICE_IRQS || arg->fd < -1 ||
	    arg->fd > INT_MAX)
		return -EINVAL;
	mutex_lock(&events->lock);
	slot = &events->irqfds[arg->device][arg->queue];
	irqfd_free(*slot);
	*slot = NULL;
	if (arg->fd >= 0)
		irqfd = irqfd_new(vm, arg->device, arg->queue, arg->fd);
	if (!IS_ERR(irqfd))
		*slot = irqfd;
	mutex_unlock(&events->lock);
	return PTR_ERR_OR_ZERO(irqfd);
}

int events_doorbell(struct events *events, struct vm *vm,
		    const struct colinux_event *arg)
{
	struct eventfd_ctx *ctx = NULL;
	struct host_event **slot, *old;

	if (arg->device >= COLINUX_MAX_DEVICES ||
	    arg->queue >= COLINUX_DEVICE_QUEUES || arg->fd < -1 ||
	    arg->fd > INT_MAX)
		return -EINVAL;
	if (arg->fd >= 0) {
		ctx = eventfd_ctx_fdget(arg->fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	mutex_lock(&events->lock);
	slot = &vm->doorbells[arg->device][arg->queue];
	old = *slot;
	WRITE_ONCE(*slot, (struct host_event *)ctx);
	mutex_unlock(&events->lock);
	if (old) {
		synchronize_rcu();
		eventfd_ctx_put((struct eventfd_ctx *)old);
	}
	return 0;
}

void events_free(struct events *events, struct vm *vm)
{
	for (unsigned int d = 0; d < COLINUX_MAX_DEVICES; d++) {
		for (unsigned int i = 0; i < COLINUX_DEVICE_IRQS; i++)
			irqfd_free(events->irqfds[d][i]);
		if (!vm)
			continue;
		for (unsigned int q = 0; q < COLINUX_DEVICE_QUEUES; q++)
			if (vm->doorbells[d][q])
				eventfd_ctx_put((struct eventfd_ctx *)
						vm->doorbells[d][q]);
	}
	kfree(events);
}
