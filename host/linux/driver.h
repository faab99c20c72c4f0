/* SPDX-License-Identifier: GPL-2.0 */
/*
 * colinux.ko: what its files share, and what differs between host kernels.
 */
#ifndef HOST_LINUX_DRIVER_H
#define HOST_LINUX_DRIVER_H

#include <linux/version.h>
#include <linux/mm.h>
#include <linux/eventfd.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include "vm.h"

/* release.c */
/* Page `index` of guest RAM, with a reference for the caller; or NULL. */
struct page *host_memory_get_page(struct host_memory *mem,
				  unsigned long index);
/* Who maps guest RAM: the VM's file. */
void host_memory_set_mapping(struct host_memory *mem,
			     struct address_space *mapping);

/* event.c */
struct events;		/* event objects of one VM */
struct events *events_new(void);
/* Unties everything; no interrupt comes from here afterwards. */
void events_free(struct events *events, struct vm *vm);
/* COLINUX_IOC_IRQFD and COLINUX_IOC_DOORBELL. */
int events_irqfd(struct events *events, struct vm *vm,
		 const struct colinux_event *arg);
int events_doorbell(struct events *events, struct vm *vm,
		    const struct colinux_event *arg);

/* vcpu.c */
/* Before the first vCPU: look at what does not change. */
void vcpus_init(void);
/* After each vcpu_run(), in its thread: what it has put off is due. */
void vcpu_to_user(void);

/* suspend.c */
struct suspend_guest {
	struct list_head list;
	pid_t pid;		/* of who made it, for the log */
	char comm[TASK_COMM_LEN];
};
int suspend_init(void);
/* No VM is left. */
void suspend_exit(void);
/*
 * From now on the host does not suspend, because of a VM of the caller's. -EBUSY
 * when it is about to.
 */
int suspend_forbid(struct suspend_guest *g);
void suspend_allow(struct suspend_guest *g);

/* watchdog.c */
int watchdog_init(void);
/* No VM is left. */
void watchdog_exit(void);
/* An NMI for another CPU, which is nobody else's. Any. */
void watchdog_send_nmi(int cpu);

/* eventfd_signal() lost its counter argument in 6.8. */
static inline void eventfd_add_one(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* RCU: a thread that enters the guest has passed through a quiescent state. */
static inline void note_context_switch(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
	rcu_virt_note_context_switch();
#else
	rcu_virt_note_context_switch(smp_processor_id());
#endif
}

#endif
