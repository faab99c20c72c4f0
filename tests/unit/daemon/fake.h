/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fake of everything below the machine: driver, kernel loader, devices.
 * The "guest" is a function that says, each time a vCPU runs, why it leaves.
 */
#ifndef DAEMON_TEST_FAKE_H
#define DAEMON_TEST_FAKE_H

#include <stdbool.h>
#include <stdint.h>

#include <colinux/hypercall.h>
#include <colinux/ioctl.h>

#include "../../../daemon/virtio/balloon.h"

enum fake_step {
	FAKE_EXIT,		/* run is filled in: leave with it */
	FAKE_SLEEP,		/* sleep until a kick, then ask again */
	FAKE_ERROR,		/* the call fails with run->ret */
};

/*
 * What vCPU `vcpu` does next.  step counts its calls since VCPU_SETUP, and a
 * call per kick that ends a FAKE_SLEEP; run->ret is the result of its last
 * hypercall; kicks the COLINUX_VIRQ_* bits that arrived, cleared by it.
 */
typedef enum fake_step (*fake_guest_fn)(unsigned int vcpu, unsigned int step,
					struct colinux_run *run,
					uint64_t *kicks);

struct fake {
	fake_guest_fn guest;
	/* Errors to give, negative errno; 0 = none. */
	int open_fails, version_result, create_result, extents_result,
		setup_result;
	bool kernel_fails, load_fails, disk_fails, balloon_fails;
	uint32_t nr_extents;	/* for CREATE; 0 = 1 */

	/* What happened. */
	struct colinux_create created;
	struct colinux_vcpu_setup setups[COLINUX_MAX_VCPUS];
	unsigned int nr_setups[COLINUX_MAX_VCPUS];
	unsigned int nr_loads, nr_bus_starts, nr_bus_resets, nr_opens,
		nr_closes, nr_frees, nr_interrupts, nr_poisoned;
	uint64_t command[6];	/* last virtio_bus_command() */
	char cmdline[4096];	/* of the last load */
	char modules[512];	/* asked for last, a blank behind each */
	char disks[512];	/* "cobd0:/path:ro " ... */
	uint16_t columns, rows;	/* last virtio_console_resize() */
	struct balloon_state balloon;
};

extern struct fake fake;

/* Machine address of guest RAM offset 0. */
#define FAKE_MACHINE 0x40000000ull

/* Forget everything. */
void fake_reset(fake_guest_fn guest);
/* Guest RAM of the machine that is there. */
void *fake_ram(uint64_t offset);
/* COLINUX_IOC_KICK. */
int fake_kick(const struct colinux_kick *kick);
/* Helpers to fill in an exit. */
enum fake_step fake_hypercall(struct colinux_run *run, uint64_t nr,
			      uint64_t arg0, uint64_t arg1, uint64_t arg2);
/* The guest prints text through the early console. */
enum fake_step fake_print(struct colinux_run *run, const char *text);
enum fake_step fake_end(struct colinux_run *run, enum colinux_end end);
/* The console device: type and print, as virtio-console would. */
void fake_console_output(const char *text);
size_t fake_console_input(char *text, size_t room);

#endif
