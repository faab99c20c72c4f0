// SPDX-License-Identifier: GPL-2.0
/*
 * A module for a guest to hurt itself with, each time in another way, while it
 * is loaded: hurt.ko how=NAME.
 */
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/string.h>
#include <asm/processor.h>
#include <asm/timex.h>

static char *how = "";
module_param(how, charp, 0);

static unsigned int seconds = 4;
module_param(seconds, uint, 0);

static void spin_for_ever(void)
{
	local_irq_disable();
	asm volatile("1: jmp 1b");
}

/* With interrupts off, but the way that kernels wait for each other. */
static void wait_politely(void)
{
	unsigned long flags;
	u64 start = get_cycles();

	local_irq_save(flags);
	while (get_cycles() - start < (u64)seconds * tsc_khz * 1000)
		cpu_relax();
	local_irq_restore(flags);
	pr_info("hurt: waited %u s\n", seconds);
}

/* Until the guard page below the stack. */
static noinline int overflow(int depth)
{
	volatile char room[512];

	room[0] = (char)depth;
	if (depth > 1 << 20)	/* or gcc warns */
		return 0;
	return overflow(depth + 1) + room[0];
}

/* The page fault's frame cannot be pushed: a double fault. */
static void lose_the_stack(void)
{
	asm volatile("mov $0x1000, %%esp\n\t"
		     "push %%rax" ::: "memory");
}

static int __init hurt_init(void)
{
	pr_info("hurt: %s\n", how);
	if (!strcmp(how, "spin"))
		spin_for_ever();
	else if (!strcmp(how, "wait"))
		wait_politely();
	else if (!strcmp(how, "overflow"))
		return overflow(0) ? 0 : -EINVAL;
	else if (!strcmp(how, "stack"))
		lose_the_stack();
	else
		return -EINVAL;
	return 0;
}
module_init(hurt_init);

static void __exit hurt_exit(void)
{
}
module_exit(hurt_exit);

MODULE_DESCRIPTION("Hurts the kernel, for tests");
MODULE_LICENSE("GPL");
