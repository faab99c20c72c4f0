/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fake NT in user space: the functions that colinux.sys imports, with the
 * IRQL and IF that each may be called at checked, every resource counted, and
 * knobs for the tests.  One process, threads are NT threads; "CPUs" are
 * numbers that threads carry.
 */
#ifndef TESTS_WINDOWS_FAKE_H
#define TESTS_WINDOWS_FAKE_H

#include <pthread.h>
#include "cpu.h"
#include "driver.h"

/* ---- counters ---- */
struct fake_counts {
	int pool, mdls, frames, mappings, references, threads, devices, links,
		notifies, resolutions, timers, handles;
};
extern struct fake_counts counts;
/* True if nothing is left; else says what. */
bool nothing_left(void);

/* ---- failures ---- */
/* The n-th call from now that may fail does (1 = the next); 0 = none. */
void fail_in(int n);
/* Calls that may fail since fail_in(). */
int failable_calls(void);

/* ---- the system ---- */
struct fake_nt {
	u32 version;		/* 0x0502, 0x0a00 */
	u32 ci_options;		/* SystemCodeIntegrityInformation */
	u8 isolated_user_mode;
	/* Memory: 2 MiB windows of RAM that are free; see mm.c. */
	bool ignores_chunks;	/* gives scattered pages all the same */
	bool one_fragment;	/* every second window is taken */
	bool reactos;		/* highest address left out, odd order */
	/* User mappings */
	int mappings_refused;	/* so many fail with an exception */
	int mappings_moved;	/* so many come at another address */
	u64 last_map_size;
};
extern struct fake_nt fake;
/* What the process has at an address of its mappings; NULL: nothing. */
u8 *fake_user(u64 address);
/* NT itself uses free memory from now on, and does not move it; or no more. */
void fake_nt_uses(u64 machine, u64 size, bool uses);

/* What was written to the event log and the registry's "Refused" last. */
extern char last_event[512];
extern char registry_refused[256];
extern u8 device_security[256];	/* of ZwSetSecurityObject() */

/* ---- threads and processes ---- */
struct fake_thread {
	bool terminating;
	bool alerted;		/* ends an alertable wait */
	PEPROCESS process;
};
extern __thread struct fake_thread *self;
/* Wake all waiters to look at their conditions again. */
void fake_poke(void);
/* The process that `self` belongs to ends (its notify routine is called). */
void fake_process_ends(PEPROCESS process);
/* Wait until `*flag`; dies after some seconds. */
void wait_until(volatile int *flag);

/* ---- DPCs and timers ---- */
/* Vector of the dispatch interrupt, when one is pending for this CPU. */
#define DISPATCH_VECTOR 0x2f
/* Wait in the guest until an interrupt comes for this CPU; its vector. */
u32 fake_guest_waits(void);
/* Not 0: what cpu_tsc() says from now on. */
extern u64 fake_tsc_stopped;
/* Let all armed timers expire. Number of them. */
int fake_timers_expire(void);

/* ---- fake monitor (monitor.c) ---- */
enum fake_guest { GUEST_CALLS, GUEST_SPINS, GUEST_SLEEPS, GUEST_YIELDS };
extern volatile enum fake_guest guest;
extern volatile int guest_entries;	/* times it was entered */
extern volatile int guest_is_in;	/* waits in the guest */
extern volatile int waits;		/* threads that wait for an object */
extern volatile int reraised, late;	/* handlers run; of them late */
extern u32 guest_vector;		/* comes at the next entry, once */

/* ---- objects ---- */
HANDLE fake_event(KEVENT **event, bool manual);
void fake_event_close(HANDLE handle);

/* ---- requests to the driver ---- */
extern DRIVER_OBJECT driver;
NTSTATUS load_driver(void);
void unload_driver(void);
/* A file of the current process. NULL if CREATE fails. */
FILE_OBJECT *open_device(void);
void close_device(FILE_OBJECT *file);	/* CLEANUP and CLOSE */
NTSTATUS request(FILE_OBJECT *file, UCHAR major);
/* 0 or a negative errno; -1000 for a status that is not ours. */
int call(FILE_OBJECT *file, u32 function, void *arg);
NTSTATUS control(FILE_OBJECT *file, ULONG code, void *buffer, ULONG in,
		 ULONG out);
/* The IRP that the thread `self` of another thread sends now. */
void cancel_irp(IRP *irp);
extern __thread IRP *volatile *irp_slot;	/* told the IRP of call() */

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT object, PUNICODE_STRING path);

#endif
