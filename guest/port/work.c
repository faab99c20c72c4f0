// SPDX-License-Identifier: GPL-2.0
/*
 * Work for process context: an item of the kernel's work queue.
 *
 * On a kernel without the names below there is none, and whoever wants it goes
 * without.
 */
#include "port.h"

struct workqueue_struct;

extern weak struct workqueue_struct *system_unbound_wq
	KERNEL("system_unbound_wq");
extern weak bool queue_work_on(int cpu, struct workqueue_struct *queue,
			       void *work) KERNEL("queue_work_on");

EXPECT_FUNC_IF("queue_work_on bool(int,struct workqueue_struct *,"
	       "struct work_struct *)");

bool port_work_init(struct port_work *work, void (*run)(void *item))
{
	char *entry = (char *)work->item + OFFSET_IF("work_struct.entry");

	if (OFFSET_IF("work_struct.entry") == MISSING ||
	    OFFSET_IF("work_struct.func") == MISSING || !queue_work_on ||
	    !&system_unbound_wq ||
	    SIZEOF_IF("work_struct") > sizeof(work->item))
		return 0;
	/*
	 * work_struct.data stays 0: "last ran in pool 0", where the kernel
	 * looks and does not find it; from then on the word is the kernel's.
	 */
	AT(void *, entry, 0) = entry;
	AT(void *, entry, 8) = entry;
	AT(void *, work->item, OFFSET_IF("work_struct.func")) = run;
	__atomic_store_n(&work->ready, 1, __ATOMIC_RELEASE);
	return 1;
}

void port_work_queue(struct port_work *work)
{
	/* Queued already: it has not begun to look yet. */
	if (__atomic_load_n(&work->ready, __ATOMIC_ACQUIRE))
		queue_work_on(0, system_unbound_wq, work->item);
}
