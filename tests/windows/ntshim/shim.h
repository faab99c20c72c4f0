/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ntshim.ko, for tests only: loads colinux.sys, the PE file, into a Linux
 * kernel, gives it the NT functions that it imports on Linux primitives, and
 * offers it as /dev/colinux with the ioctls of colinux.ko.  So the very binary
 * runs its passage and interrupt path in ring 0, driven by the same programs
 * as on Linux.
 *
 * It says at unload what the driver has not given back, and its parameter
 * `held` what the driver has right now.
 */
#ifndef NTSHIM_H
#define NTSHIM_H

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/list.h>
#include <linux/atomic.h>
#include <asm/hw_irq.h>

#define NT_SHIM
#include "../nt/ntifs.h"

/* What is allocated and not freed; each must be 0 at the end. */
struct shim_counts {
	atomic_t pool, mdls, frames, mappings, references, threads, devices,
		links, notifies, resolutions, timers;
};
extern struct shim_counts counts;
/* All of them as a line; its length. */
int counts_text(char *text, size_t room);
/* Print what is left; how much there is. */
unsigned int counts_report(void);

/* pe.c */
struct image {
	void *base;
	size_t size;
	void *entry;
};
int image_load(const char *path, struct image *image);
void image_unload(struct image *image);

/* table.c */
void *find_import(const char *name);

/* symbols.c */
/* Linux functions that are not exported to modules. */
int symbols_find(void);
extern int (*shim_set_memory_x)(unsigned long addr, int pages);
extern int (*shim_set_memory_nx)(unsigned long addr, int pages);
extern int (*shim_set_memory_ro)(unsigned long addr, int pages);
extern int (*shim_set_memory_rw)(unsigned long addr, int pages);
/* Each CPU's handlers by vector. */
extern vector_irq_t __percpu *shim_vector_irq;

/* ke.c */
int ke_init(void);
void ke_exit(void);
/* Free the timers and DPCs that live in [p, p + size) of freed pool. */
void ke_forget(void *p, size_t size);
/* A KEVENT on an eventfd; freed by ob_put(). Error pointer. */
PVOID event_from_fd(int fd, bool waited_for);
void event_put(PVOID object);
bool is_fd_event(PVOID object);
bool is_thread(PVOID object);
void thread_put(PVOID object);
extern bool old_nt;	/* module parameter: be NT 5.2 */

/* mm.c */
int mm_init(void);
void mm_exit(void);
/* With a reference: a frame that the driver has, else one spare page. */
struct page *mm_get_page(unsigned long pfn);
/* The MDL that the running task is mapping into its process, or NULL. */
struct vm_area_struct;
int mm_map_pending(struct vm_area_struct *vma);

/* main.c */
/* No process has these frames mapped by mmap(); until it touches them again. */
void main_unmap(unsigned long pfn, unsigned long nr);
struct file;
struct file *current_device_file(void);

#endif
