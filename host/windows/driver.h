/* SPDX-License-Identifier: GPL-2.0 */
/*
 * colinux.sys: what its files share.  Every function states its IRQL; "any"
 * includes IF=0 inside a guest run, where CR8 is at least DISPATCH_LEVEL.
 */
#ifndef HOST_WINDOWS_DRIVER_H
#define HOST_WINDOWS_DRIVER_H

#include "nt.h"
#include "vm.h"

/* entry.c */
extern PDRIVER_OBJECT driver_object;	/* for the event log */

/* routines.c */
/* Look up what NT 5.2 does not have. PASSIVE_LEVEL. */
void nt_find_routines(void);

/* refuse.c */
/* Why this machine cannot be used, or NULL. PASSIVE_LEVEL. */
const char *refusal(void);
/* Show `why` to `colinux driver status` (NULL: all is well). PASSIVE_LEVEL. */
void publish_refusal(PUNICODE_STRING registry_path, const char *why);

/* clock.c */
/* Measure the TSC; takes a tenth of a second. PASSIVE_LEVEL. */
void clock_init(void);

/* apic.c */
/* Map the registers of the local APIC; not needed in x2APIC mode. PASSIVE_LEVEL. */
NTSTATUS apic_init(void);
void apic_exit(void);

/* instance.c: one open file, one VM */
struct instance;
/* New instance of the calling process, or NULL. PASSIVE_LEVEL. */
struct instance *instance_new(void);
/*
 * The last handle is gone: no call starts any more, running ones end soon, the
 * process's mapping of guest RAM is removed. PASSIVE_LEVEL.
 */
void instance_close(struct instance *in);
/* The last call has ended too: the VM goes. PASSIVE_LEVEL. */
void instance_free(struct instance *in);
/*
 * One call: `arg` is the struct of `function`, in and out.  0 or a negative
 * errno. `irp` is what can be cancelled. PASSIVE_LEVEL, in the process.
 */
int instance_call(struct instance *in, u32 function, void *arg, PIRP irp);
/* Bytes of the struct of a call, NT's own included; 0 = no such call. Any. */
u32 call_size(u32 function);
/* Watch for the end of processes. PASSIVE_LEVEL. */
NTSTATUS instances_init(void);
void instances_exit(void);

/* memory.c */
/* Map all of guest RAM into the calling process. PASSIVE_LEVEL. */
int host_memory_map_user(struct host_memory *mem, struct colinux_map *arg);
/* Undo it, in the same process; nothing if it is not mapped. PASSIVE_LEVEL. */
void host_memory_unmap_user(struct host_memory *mem);

/* release.c */
/*
 * Another thread of the process has what was a place of guest RAM there: the VM
 * cannot go on.  After host_memory_release() and _reclaim().  PASSIVE_LEVEL.
 */
bool host_memory_is_torn(const struct host_memory *mem);

/* vcpu.c */
/*
 * The calling thread runs `h` on behalf of `irp` until host_vcpu_release();
 * false when another one does. <= DISPATCH_LEVEL.
 */
bool host_vcpu_claim(struct host_vcpu *h, PIRP irp);
void host_vcpu_release(struct host_vcpu *h);
/* End every run of `h` from now on. <= DISPATCH_LEVEL. */
void host_vcpu_close(struct host_vcpu *h);

/* event.c: event objects of one VM */
struct events;
/* PASSIVE_LEVEL, all of them. */
struct events *events_new(void);
/* Unties everything; no interrupt comes from here afterwards. */
void events_free(struct events *events);
/* COLINUX_IOC_IRQFD and COLINUX_IOC_DOORBELL; one call at a time. */
int events_irqfd(struct events *events, struct vm *vm,
		 const struct colinux_event *arg);
int events_doorbell(struct events *events, struct vm *vm,
		    const struct colinux_event *arg);

#endif
