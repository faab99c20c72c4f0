// SPDX-License-Identifier: GPL-2.0
/* The watchdog: which vCPUs get an NMI, and which of those end the guest. */
#include <stdio.h>
#include "vm_fixture.h"

#define SECOND		1000000000ull
#define LIMIT		4u	/* seconds; a look each second */
#define IF		0x200

static struct vm *vm;
static struct vcpu *v;
static struct colinux_run run;
static int entries;
static void (*script)(int entry);	/* the guest, by number of the entry */

static void play(struct colinux_side *host_side)
{
	(void)host_side;
	v->area->reason = COLINUX_EXIT_HYPERCALL;
	v->area->nr = COLINUX_HC_END;
	script(entries++);
}

/* In the guest: `seconds` go by, the host looks each second. */
static void looks(int seconds)
{
	while (seconds--) {
		fake_host.now += SECOND;
		vm_watch(vm);
	}
}

static void leave_by_nmi(u64 rflags)
{
	v->area->reason = COLINUX_EXIT_NMI;
	v->area->args[0] = 0xffffffff81234567;
	v->area->args[1] = rflags;
}

static void begin(void (*what)(int entry), u32 watchdog)
{
	struct colinux_create c = good_create(1);
	struct colinux_vcpu_setup s = {
		.rip = 0x1111, .rsp = 0x2222, .cr3 = FAKE_MACHINE + 8 * MIB,
	};

	fake_reset();
	c.watchdog = watchdog;
	vm = NULL;
	if (vm_control(&vm, COLINUX_IOC_CREATE, &c) ||
	    vm_control(&vm, COLINUX_IOC_VCPU_SETUP, &s))
		die("CREATE");
	check(c.watchdog == watchdog, "CREATE says that it watches");
	v = vm->vcpus[0];
	v->stats.exits_irq = 1;
	script = what;
	entries = 0;
	fake_cpu.guest = play;
	memset(&run, 0, sizeof(run));
	vm_control(&vm, COLINUX_IOC_VCPU_RUN, &run);
}

static void stuck(int entry)
{
	(void)entry;
	looks(LIMIT);
	check(!v->host->nmis, "up to the limit it is left alone");
	looks(1);
	check(v->host->nmis == 1, "beyond, it gets an NMI");
	vm_watch(vm);
	vm_watch(vm);
	check(v->host->nmis == 1, "one, however many CPUs look");
	leave_by_nmi(2);
}

static void calm(int entry)
{
	if (entry == 0) {
		looks(LIMIT + 2);
		check(v->host->nmis, "with IF=1 it gets an NMI as well");
		leave_by_nmi(2 | IF);
	} else if (entry == 1) {
		looks(1);
		leave_by_nmi(2);	/* of somebody else, with IF=0 */
	}
}

/* NMIs keep coming, but nothing else. */
static void nmis(int entry)
{
	looks(1);
	if (entry < 20)
		leave_by_nmi(2);
}

static void busy(int entry)
{
	looks(LIMIT - 1);
	if (entry == 20)
		return;
	v->area->reason = entry & 1 ? COLINUX_EXIT_IRQ :
				      COLINUX_EXIT_HYPERCALL;
	v->area->vector = 64;
	v->area->nr = COLINUX_HC_NOP;
}

static void stopped(int entry)
{
	if (entry)
		return;
	looks(2);
	fake_host.now += 1000 * SECOND;	/* the machine itself stood still */
	vm_watch(vm);
	check(!v->host->nmis, "time in which nobody looked does not count");
	leave_by_nmi(2);
}

static void look_in_host(u32 vector)
{
	if (vector == 64)
		vm_watch(vm);
}

/* One CPU: the only looks are those between the host's own interrupts. */
static void alone(int entry)
{
	if (entry == 0) {
		fake_cpu.on_reraise = look_in_host;
		v->area->reason = COLINUX_EXIT_IRQ;
		v->area->vector = 64;
	} else if (entry < 10) {
		/* After the last look it went in and out as ever. */
		v->area->nr = COLINUX_HC_NOP;
	} else if (entry == 10) {
		leave_by_nmi(2);	/* too early to be held against it */
	} else {
		fake_host.now += (LIMIT + 1) * SECOND;
		leave_by_nmi(2);
	}
}

static void starting(int entry)
{
	(void)entry;
	v->stats.exits_irq = 0;
	looks(LIMIT * 5);
	check(!v->host->nmis, "a kernel that starts has longer");
	looks(LIMIT + 1);
	check(v->host->nmis, "but not for ever");
	leave_by_nmi(2);
}

static void killed(int entry)
{
	(void)entry;
	looks(1);
	vm_kill(vm, "another reason");
	looks(1);
	check(v->host->nmis == 1, "a guest that has ended gets out at once");
	leave_by_nmi(2);
}

static void was_killed(const char *what)
{
	check(run.exit == COLINUX_RUN_KILLED &&
		      !strncmp(run.reason, "vCPU 0 has kept interrupts off for ",
			       35) &&
		      strstr(run.reason, " s at RIP ffffffff81234567"),
	      "%s: the guest is ended", what);
	end_vm(vm, what);
}

static void was_spared(const char *what)
{
	check(run.exit == COLINUX_RUN_HYPERCALL && !vm->killed,
	      "%s: the guest goes on", what);
	end_vm(vm, what);
}

int main(void)
{
	struct colinux_create c = good_create(1);

	begin(stuck, LIMIT);
	check(fake_host.watches == 1 && fake_host.watch_ns == SECOND,
	      "four looks in the time that is allowed");
	was_killed("cli; jmp .");
	check(!fake_host.watches, "and then nobody looks any more");
	begin(calm, LIMIT);
	was_spared("IF=1");
	begin(nmis, LIMIT);
	was_killed("NMIs only");
	begin(busy, LIMIT);
	check(!v->host->nmis, "work: no NMI");
	was_spared("interrupts and hypercalls");
	begin(stopped, LIMIT);
	was_spared("a machine that stood still");
	begin(starting, LIMIT);
	was_killed("start");
	begin(killed, LIMIT);
	check(run.exit == COLINUX_RUN_KILLED &&
		      !strcmp(run.reason, "another reason"),
	      "the first reason stays");
	end_vm(vm, "killed");
	begin(alone, LIMIT);
	was_killed("one CPU");

	fake_reset();
	fake_host.no_watch = 1;
	c.watchdog = LIMIT;
	vm = NULL;
	check(!vm_control(&vm, COLINUX_IOC_CREATE, &c) && !c.watchdog,
	      "a host that cannot watch says so");
	end_vm(vm, "no watchdog");
	fake_reset();
	c.watchdog = 0;
	vm = NULL;
	check(!vm_control(&vm, COLINUX_IOC_CREATE, &c) && !fake_host.watches,
	      "and nobody looks when nobody is to");
	end_vm(vm, "watchdog 0");
	return done();
}
