// SPDX-License-Identifier: GPL-2.0
/*
 * Functions of Linux that modules cannot call: found with a kprobe on the
 * symbol table's own look-up.  For tests only.
 */
#include <linux/kprobes.h>
#include "shim.h"

int (*shim_set_memory_x)(unsigned long addr, int pages);
int (*shim_set_memory_nx)(unsigned long addr, int pages);
int (*shim_set_memory_ro)(unsigned long addr, int pages);
int (*shim_set_memory_rw)(unsigned long addr, int pages);
vector_irq_t __percpu *shim_vector_irq;

int symbols_find(void)
{
	struct kprobe kp = { .symbol_name = "kallsyms_lookup_name" };
	unsigned long (*lookup)(const char *name);
	int err = register_kprobe(&kp);

	if (err)
		return err;
	lookup = (void *)kp.addr;
	unregister_kprobe(&kp);
	shim_set_memory_x = (void *)lookup("set_memory_x");
	shim_set_memory_nx = (void *)lookup("set_memory_nx");
	shim_set_memory_ro = (void *)lookup("set_memory_ro");
	shim_set_memory_rw = (void *)lookup("set_memory_rw");
	shim_vector_irq = (void __percpu *)lookup("vector_irq");
	return shim_vector_irq && shim_set_memory_x && shim_set_memory_nx && shim_set_memory_ro &&
			       shim_set_memory_rw ?
		       0 :
		       -ENOENT;
}
