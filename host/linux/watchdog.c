// SPDX-License-Identifier: GPL-2.0
/*
 * Looks at vCPUs from a timer on every CPU, and sends the NMI that takes one
 * out of a guest which takes no interrupts.  What is too long is the monitor's
 * business.
 */
#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <asm/apic.h>
#include <asm/nmi.h>
#include "driver.h"

struct host_watch {
	struct hlist_node node;		/* of the hot-plug state */
	struct vm *vm;
	u64 ns;
	struct look __percpu *looks;
};

struct look {
	struct host_watch *watch;
	struct hrtimer timer;
};

static enum cpuhp_state state;

/* An NMI of ours is on its way to this CPU. */
static DEFINE_PER_CPU(int, nmi_sent);

static enum hrtimer_restart look(struct hrtimer *timer)
{
	struct look *l = container_of(timer, struct look, timer);

	vm_watch(l->watch->vm);
	hrtimer_forward_now(timer, ns_to_ktime(l->watch->ns));
	return HRTIMER_RESTART;
}

/* On `cpu` itself, when it comes or when the watch begins. */
static int look_begin(unsigned int cpu, struct hlist_node *node)
{
	struct host_watch *w = hlist_entry(node, struct host_watch, node);
	struct look *l = this_cpu_ptr(w->looks);

	l->watch = w;
	hrtimer_init(&l->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	l->timer.function = look;
	hrtimer_start(&l->timer, ns_to_ktime(w->ns),
		      HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

static int look_end(unsigned int cpu, struct hlist_node *node)
{
	struct host_watch *w = hlist_entry(node, struct host_watch, node);

	hrtimer_cancel(&this_cpu_ptr(w->looks)->timer);
	return 0;
}

struct host_watch *host_watch_start(struct vm *vm, u64 ns)
{
	struct host_watch *w = kzalloc(sizeof(*w), GFP_KERNEL);

	if (!w)
		return NULL;
	w->vm = vm;
	w->ns = ns;
	w->looks = alloc_percpu(struct look);
	if (w->looks && !cpuhp_state_add_instance(state, &w->node))
		return w;
	free_percpu(w->looks);
	kfree(w);
	return NULL;
}

void host_watch_stop(struct host_watch *w)
{
	cpuhp_state_remove_instance(state, &w->node);
	free_percpu(w->looks);
	kfree(w);
}

void watchdog_send_nmi(int cpu)
{
	per_cpu(nmi_sent, cpu) = 1;
	smp_mb(); /* before it arrives */
	apic->send_IPI(cpu, NMI_VECTOR);
}

/* Or the kernel would not know whose it was. */
static int nmi(unsigned int type, struct pt_regs *regs)
{
	if (!this_cpu_read(nmi_sent))
		return NMI_DONE;
	this_cpu_write(nmi_sent, 0);	/* the monitor sends none so soon */
	return NMI_HANDLED;
}

int watchdog_init(void)
{
	int err = register_nmi_handler(NMI_LOCAL, nmi, 0, "colinux");

	if (err)
		return err;
	err = cpuhp_setup_state_multi(CPUHP_AP_ONLINE_DYN, "colinux:online",
				      look_begin, look_end);
	if (err < 0) {
		unregister_nmi_handler(NMI_LOCAL, "colinux");
		return err;
	}
	state = err;
	return 0;
}

void watchdog_exit(void)
{
	cpuhp_remove_multi_state(state);
	unregister_nmi_handler(NMI_LOCAL, "colinux");
}
