// SPDX-License-Identifier: GPL-2.0
/*
 * A host with guests does not suspend or hibernate: the TSC, by which they count,
 * starts again or goes on from somewhere else, and nobody can tell them; a guest's
 * clock and timers would stand still for as long as the host had been up before.
 */
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/sched/signal.h>
#include <linux/suspend.h>
#include "driver.h"

static DEFINE_MUTEX(lock);	/* both: */
static LIST_HEAD(guests);
static bool suspending;		/* from the question to the end of it */

int suspend_forbid(struct suspend_guest *g)
{
	int err = -EBUSY;

	g->pid = task_tgid_nr(current);
	get_task_comm(g->comm, current->group_leader);
	mutex_lock(&lock);
	if (!suspending) {
		list_add(&g->list, &guests);
		err = 0;
	}
	mutex_unlock(&lock);
	return err;
}

void suspend_allow(struct suspend_guest *g)
{
	mutex_lock(&lock);
	list_del(&g->list);
	mutex_unlock(&lock);
}

/* User space still runs. */
static int prepare(void)
{
	const struct suspend_guest *g;

	mutex_lock(&lock);
	g = list_first_entry_or_null(&guests, struct suspend_guest, list);
	suspending = !g;
	if (g)
		pr_warn("colinux: no suspend while there are guests: %s[%d] has one; stop it first\n",
			g->comm, g->pid);
	mutex_unlock(&lock);
	return g ? -EBUSY : 0;
}

static int on_power_event(struct notifier_block *nb, unsigned long event,
			  void *unused)
{
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		return notifier_from_errno(prepare());
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		mutex_lock(&lock);
		suspending = false;
		mutex_unlock(&lock);
	}
	return NOTIFY_DONE;
}

static struct notifier_block power_events = { .notifier_call = on_power_event };

int suspend_init(void)
{
	return register_pm_notifier(&power_events);
}

void suspend_exit(void)
{
	unregister_pm_notifier(&power_events);
}
