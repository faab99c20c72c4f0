// SPDX-License-Identifier: GPL-2.0
/* The run loop: what each exit leads to, and when the loop is left. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include "vm_fixture.h"

static struct vm *vm;
static struct vcpu *v;
static struct colinux_run run;

/* The guest's next exits, in order; the last one ends the run. */
struct exit {
	u32 reason, vector;
	u64 nr;
	u32 if_enabled;
	u64 noted_host, noted_guest;
	u64 pending;
	u64 arg0;
	u32 in_service;		/* the CPU has accepted it */
};

static const struct exit *next;
static u32 played;
static u32 ran_as;	/* run_state in the guest */

static void play(struct colinux_side *host_side)
{
	const struct exit *e = next++;

	played++;
	if (e->reason)		/* else turned back: nothing is saved */
		v->area->side.rsp = 1;
	v->area->reason = e->reason;
	v->area->vector = e->vector;
	v->area->nr = e->nr;
	if (e->arg0)
		v->area->args[0] = e->arg0;
	ran_as = v->area->run_state;
	v->area->if_enabled = e->if_enabled;
	host_side->noted |= e->noted_host;
	v->area->side.noted |= e->noted_guest;
	__sync_fetch_and_or(&v->area->pending, e->pending);
	if (e->in_service)
		fake_cpu.in_service = e->in_service;
}

/* To the process: ends vcpu_run(). */
#define END { .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_END }

static int run_exits(const struct exit *exits)
{
	next = exits;
	played = 0;
	memset(&run, 0, sizeof(run));
	fake_cpu.guest = play;
	return vm_control(&vm, COLINUX_IOC_VCPU_RUN, &run);
}

static void begin(void)
{
	vm = new_vm(2);
	v = vm->vcpus[0];
}

static void interrupts(void)
{
	static const struct exit exits[] = {
		{ .reason = COLINUX_EXIT_IRQ, .vector = 32 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 255 },
		{ .reason = COLINUX_EXIT_NMI },
		{ .reason = COLINUX_EXIT_MCE },
		{ .reason = 0 },
		END,
	};

	begin();
	check(run_exits(exits) == 0 && run.exit == COLINUX_RUN_HYPERCALL &&
		      run.nr == COLINUX_HC_END && played == 6,
	      "interrupts go on until the process is needed");
	check(fake_cpu.reraised[32] == 1 && fake_cpu.reraised[255] == 1 &&
		      fake_cpu.reraised[2] == 1 && fake_cpu.reraised[18] == 1,
	      "each reaches its host handler once");
	check(v->stats.exits_irq == 2 && v->stats.exits_nmi == 1 &&
		      v->stats.exits_mce == 1 && v->stats.exits_hypercall == 1,
	      "counters by reason");
	check(fake_cpu.loads == 1 && fake_cpu.saves == 1 &&
		      v->stats.full_switches == 1 && v->stats.switches == 6,
	      "in one full switch");
	check(fake_host.left == 1, "whose end the host is told of");
	check(v->area->reason == 0, "the reason is cleared");
	end_vm(vm, "interrupts");

	begin();
	fake_host.later = 1;
	run_exits(exits);
	check(!fake_cpu.reraised[32] && !fake_cpu.reraised[255] &&
		      fake_cpu.reraised[2] == 1,
	      "a host that runs its handlers later does so; not for NMIs");
	end_vm(vm, "later");
}

/* What the guest has accepted is in service until the host's handler has run. */
static void held_interrupts(void)
{
	static const struct exit yields[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_YIELD,
		  .in_service = 253 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 253 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 253 },
		END,
	};
	static const struct exit again[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_YIELD,
		  .in_service = 253 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 253,
		  .in_service = 253 },
		END,
	};
	static const struct exit forwarded[] = {
		{ .reason = COLINUX_EXIT_IRQ, .vector = 40, .in_service = 40 },
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_YIELD,
		  .if_enabled = 1 },
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_END,
		  .if_enabled = 1 },
	};

	for (int lean = 0; lean < 2; lean++) {
		begin();
		fake_host.no_ops = lean;
		run_exits(yields);
		check(fake_cpu.reraised[253] == 2 && v->stats.exits_irq == 2,
		      "handled before the thread goes, not when forwarded");
		end_vm(vm, "held");
		begin();
		fake_host.no_ops = lean;
		run_exits(again);
		check(fake_cpu.reraised[253] == 2,
		      "one that comes before it is forwarded is handled, too");
		end_vm(vm, "again");
	}
	begin();
	fake_host.later = 1;
	run_exits(yields);
	check(!fake_cpu.reraised[253], "or the host takes it over");
	end_vm(vm, "held, later");
	begin();
	run_exits(forwarded);
	check(!fake_cpu.looked && fake_cpu.reraised[40] == 1,
	      "nobody looks when IF=1");
	end_vm(vm, "IF=1");
}

static u32 loaded[256];	/* the guest's state was on the CPU */

static void note_loaded(u32 vector)
{
	loaded[vector] += fake_cpu.loads - fake_cpu.saves;
}

/* Handlers of other CPUs' calls find the host's registers, all others need not. */
static void host_calls(void)
{
	static const struct exit calls[] = {
		{ .reason = COLINUX_EXIT_IRQ, .vector = 251 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 252 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 253 },
		END,
	};
	static const struct exit held[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_YIELD,
		  .in_service = 251 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 251 },
		END,
	};

	begin();
	fake_host.no_ops = 1;
	fake_cpu.on_reraise = note_loaded;
	run_exits(calls);
	check(fake_cpu.reraised[251] == 1 && fake_cpu.reraised[252] == 1 &&
		      !loaded[251] && !loaded[252],
	      "another CPU's call waits for the host's registers");
	check(fake_cpu.reraised[253] == 1 && loaded[253] == 1 &&
		      v->stats.full_switches == 3,
	      "nothing else does");
	end_vm(vm, "calls");
	begin();
	fake_host.no_ops = 1;
	fake_cpu.on_reraise = note_loaded;
	run_exits(held);
	check(fake_cpu.reraised[251] == 1 && !loaded[251] && played == 3,
	      "also one that the guest holds");
	end_vm(vm, "held call");
}

static u64 seen_spec_ctrl, seen_cr4;

/* An interrupt handler of the host wants the CPU, and turns VMX on. */
static void play_flags(struct colinux_side *host_side)
{
	seen_spec_ctrl = fake_cpu.spec_ctrl;
	seen_cr4 = host_side->cr4;
	fake_host.flags = played == 1 ? 2 : 1;
	fake_cpu.cr4 |= 0x2000;
	play(host_side);
}

static void lean_host(void)
{
	static const struct exit exits[] = {
		{ .reason = COLINUX_EXIT_IRQ, .vector = 32 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 33 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 34 },
		END,
	};

	begin();
	fake_host.no_ops = 1;
	run_exits(exits);
	check(played == 4 && !v->host->entered && v->stats.exits_irq == 3 &&
		      fake_cpu.reraised[34] == 1,
	      "a host that wants to know of no light switch");
	check(!fake_cpu.spec_ctrl, "SPEC_CTRL left alone when it is the same");
	end_vm(vm, "no ops");

	begin();
	fake_host.no_ops = 1;
	next = exits;
	played = 0;
	memset(&run, 0, sizeof(run));
	fake_cpu.guest = play_flags;
	v->area->spec_ctrl = 5;
	vm_control(&vm, COLINUX_IOC_VCPU_RUN, &run);
	check(played == 4 && v->stats.full_switches == 2,
	      "a flag of the mask makes it leave, another does not");
	check(seen_spec_ctrl == 5 && fake_cpu.spec_ctrl == 0,
	      "the guest runs with its SPEC_CTRL, the host with its own");
	check(seen_cr4 & 0x2000, "CR4 is followed in light switches");
	end_vm(vm, "flags");
}

static void bad_exits(void)
{
	static const u32 vectors[] = { 0, 2, 31, 256, 0x80000000, ~0u };
	char want[128];

	for (u32 i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct exit exits[] = {
			{ .reason = COLINUX_EXIT_IRQ, .vector = vectors[i] },
			END,
		};

		begin();
		run_exits(exits);
		snprintf(want, sizeof(want), "vCPU 0 forwarded vector %u",
			 vectors[i]);
		check(run.exit == COLINUX_RUN_KILLED && played == 1 &&
			      !strcmp(run.reason, want),
		      "vector %u ends the guest", vectors[i]);
		end_vm(vm, "bad vector");
	}
	for (u32 reason = 5; reason; reason = reason < 1u << 31 ?
						      reason * 8 : 0) {
		struct exit exits[] = { { .reason = reason }, END };

		begin();
		run_exits(exits);
		snprintf(want, sizeof(want),
			 "vCPU 0 left with unknown reason %u", reason);
		check(run.exit == COLINUX_RUN_KILLED && played == 1 &&
			      !strcmp(run.reason, want),
		      "reason %u ends the guest", reason);
		check(strstr(fake_host.log, want) != NULL, "and is logged");
		check(vm_control(&vm, COLINUX_IOC_VCPU_RUN, &run) == 0 &&
			      run.exit == COLINUX_RUN_KILLED && played == 1,
		      "it does not run again");
		end_vm(vm, "bad reason");
		if (reason >= 1u << 29)
			break;
	}
}

static void noted(void)
{
	static const struct exit exits[] = {
		{ .reason = 0, .noted_host = COLINUX_NOTED_NMI },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 64,
		  .noted_guest = COLINUX_NOTED_NMI },
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_NOP,
		  .noted_host = COLINUX_NOTED_MCE },
		{ .reason = COLINUX_EXIT_NMI,
		  .noted_guest = COLINUX_NOTED_NMI | COLINUX_NOTED_MCE },
		END,
	};

	begin();
	run_exits(exits);
	check(fake_cpu.reraised[2] == 4 && fake_cpu.reraised[18] == 2,
	      "what was noted in the passage is replayed");
	check(fake_cpu.reraised[64] == 1 && v->stats.exits_nmi == 4 &&
		      v->stats.exits_mce == 2 && v->stats.exits_irq == 1,
	      "beside the exit's own reason");
	check(!v->side->noted && !v->area->side.noted, "and only once");
	end_vm(vm, "noted");
}

static void interrupt_window(void)
{
	/* pending is set by the exit before the entry that must look at it. */
	static const struct exit if_off[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_NOP,
		  .if_enabled = 0, .pending = 1 },
		END,
	};
	static const struct exit if_on[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_NOP,
		  .if_enabled = 1, .pending = 1 },
		END,
	};
	static const struct exit nothing[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_NOP },
		END,
	};
	static const struct exit turned_back[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_NOP,
		  .pending = 1 },
		{ .reason = 0 },
		END,
	};
	static const struct exit after_nmi[] = {
		{ .reason = COLINUX_EXIT_NMI, .pending = 1 },
		END,
	};
	static const struct exit after_irq[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_NOP },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 64, .pending = 1 },
		END,
	};

	begin();
	run_exits(if_off);
	check(v->host->self_interrupts == 1,
	      "IF=0 with something pending: an interrupt is sent to itself");
	check(fake_cpu.windows == 2, "IF=0: the host's interrupts are let in");
	end_vm(vm, "IF=0");
	begin();
	run_exits(if_on);
	check(v->host->self_interrupts == 0 && fake_cpu.windows == 1,
	      "IF=1: the guest takes it itself");
	end_vm(vm, "IF=1");
	begin();
	run_exits(nothing);
	check(v->host->self_interrupts == 0, "nothing pending: nothing sent");
	end_vm(vm, "nothing pending");
	begin();
	run_exits(turned_back);
	check(v->host->self_interrupts == 2,
	      "turned back by the passage: sent again");
	end_vm(vm, "turned back");
	begin();
	run_exits(after_nmi);
	check(v->host->self_interrupts == 1, "after an NMI, whatever IF was");
	end_vm(vm, "after an NMI");
	begin();
	run_exits(after_irq);
	check(v->host->self_interrupts == 0,
	      "after an interrupt the guest looks itself");
	end_vm(vm, "after an interrupt");
}

static void leaving(void)
{
	struct colinux_vcpu_setup setup = { .cr3 = FAKE_MACHINE };
	static const struct exit many[] = {
		{ .reason = COLINUX_EXIT_IRQ, .vector = 40 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 41 },
		{ .reason = COLINUX_EXIT_IRQ, .vector = 42 },
		END,
	};
	static const struct exit yield[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_YIELD },
		END,
	};
	static const struct exit halt[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_HALT },
		END,
	};

	begin();
	fake_host.signal = 1;
	check(run_exits(many) == 0 && run.exit == COLINUX_RUN_INTR && !played,
	      "a signal is seen before the guest runs");
	fake_host.signal = 0;
	fake_host.now += 40000000000ull;
	check(!v->area->away_ns && !run_exits(many) &&
		      v->area->away_ns >= 40000000000ull &&
		      v->stats.steal_ns < 1000000000ull,
	      "a stop of the process is told, and is no stolen time");
	end_vm(vm, "signal");

	begin();
	fake_host.leave_after = 2;
	run_exits(many);
	check(played == 4 && v->stats.full_switches == 2 &&
		      fake_cpu.saves == 2 && fake_host.yields == 1 &&
		      !fake_host.turns_given,
	      "the host wants the CPU: the guest's state leaves it");
	end_vm(vm, "leaving");

	begin();
	run_exits(yield);
	check(fake_host.turns_given == 1 && v->stats.yields == 1,
	      "YIELD gives the turn away");
	end_vm(vm, "yield");

	begin();
	run_exits(halt);
	check(v->host->sleeps == 1 && v->stats.halts == 1 && played == 2,
	      "HALT sleeps, then goes on");
	check(v->stats.steal_ns == 0, "sleep is not stolen time");
	end_vm(vm, "halt");

	begin();
	run_exits(yield);
	check(v->stats.steal_ns > 0 && v->area->steal_ns == v->stats.steal_ns,
	      "time without the CPU is reported as stolen");
	check(v->stats.guest_ns > 0, "time in the guest is counted");
	check(!vm_control(&vm, COLINUX_IOC_VCPU_SETUP, &setup) &&
		      v->area->steal_ns == v->stats.steal_ns,
	      "a vCPU that starts again has not lost it");
	end_vm(vm, "steal");
}

static bool woken_by_timer;

static void wake(struct host_vcpu *h)
{
	check(v->area->run_state == COLINUX_VCPU_ASLEEP, "asleep");
	vcpu_interrupt(h->v, COLINUX_VIRQ_TIMER);
	woken_by_timer = vcpu_wake_condition(h->v);
	check(woken_by_timer == (v->area->run_state == COLINUX_VCPU_PREEMPTED),
	      "who is woken waits for a CPU");
	vcpu_interrupt(h->v, COLINUX_VIRQ_WAKE);
	check(vcpu_wake_condition(h->v) &&
		      v->area->run_state == COLINUX_VCPU_PREEMPTED,
	      "a kick wakes");
}

static void sleeping(void)
{
	static const struct exit any[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_HALT },
		END,
	};
	static const struct exit masked[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_HALT,
		  .arg0 = 1 << COLINUX_VIRQ_WAKE },
		END,
	};

	begin();
	fake_host.on_sleep = wake;
	run_exits(any);
	check(woken_by_timer, "HALT: anything wakes");
	check(v->stats.steal_ns > 0 && v->area->steal_ns == v->stats.steal_ns,
	      "from waking to running is stolen time");
	check(ran_as == COLINUX_VCPU_RUNNING &&
		      v->area->run_state == COLINUX_VCPU_PREEMPTED,
	      "who runs and who does not can be seen");
	end_vm(vm, "sleeping");

	begin();
	fake_host.on_sleep = wake;
	run_exits(masked);
	check(!woken_by_timer, "HALT with a mask: only what is in it");
	end_vm(vm, "sleeping with a mask");
}

static void answers(void)
{
	static const struct exit device[] = {
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_DEVICE },
	};
	static const struct exit end[] = { END };

	begin();
	v->area->args[0] = 3;
	v->area->args[5] = 99;
	run_exits(device);
	check(run.nr == COLINUX_HC_DEVICE && run.args[0] == 3 &&
		      run.args[5] == 99,
	      "a hypercall for the process comes with its arguments");
	next = end;
	run.ret = -12;
	vm_control(&vm, COLINUX_IOC_VCPU_RUN, &run);
	check(v->area->ret == 0 && v->stats.hypercalls[COLINUX_HC_DEVICE] == 1,
	      "counted by number");
	end_vm(vm, "device");

	/* The answer is there when the guest comes back. */
	begin();
	run_exits(device);
	v->area->ret = 77;
	fake_host.signal = 1;
	run.ret = -12;
	vm_control(&vm, COLINUX_IOC_VCPU_RUN, &run);
	check(run.exit == COLINUX_RUN_INTR && v->area->ret == -12,
	      "the process's answer is given to the guest");
	run.ret = 5;
	vm_control(&vm, COLINUX_IOC_VCPU_RUN, &run);
	check(v->area->ret == -12, "once: a signal does not change it");
	end_vm(vm, "answer");
}

/* A guest that runs until somebody ends it. */
static void spin(struct colinux_side *host_side)
{
	(void)host_side;
	v->area->reason = COLINUX_EXIT_IRQ;
	v->area->vector = 64;
	__sync_fetch_and_add(&played, 1);
	sched_yield();
}

static void *runner(void *arg)
{
	static __thread struct colinux_run mine;
	long *result = arg;

	mine.vcpu = 0;
	*result = vm_control(&vm, COLINUX_IOC_VCPU_RUN, &mine) ?
			  -1 : (long)mine.exit;
	return NULL;
}

static void from_another_thread(void)
{
	struct colinux_run other = { .vcpu = 0 };
	struct colinux_vcpu_setup setup = { .cr3 = FAKE_MACHINE };
	pthread_t thread;
	long result = 0;

	begin();
	played = 0;
	fake_cpu.guest = spin;
	if (pthread_create(&thread, NULL, runner, &result))
		die("thread");
	while (!__sync_fetch_and_add(&played, 0))
		sched_yield();
	check(vm_control(&vm, COLINUX_IOC_VCPU_RUN, &other) == -CO_EBUSY,
	      "a second thread cannot run the same vCPU");
	check(vm_control(&vm, COLINUX_IOC_VCPU_SETUP, &setup) == -CO_EBUSY,
	      "nor give it registers");
	vm_kill(vm, "because of %s", "a test");
	vm_kill(vm, "too late");
	pthread_join(thread, NULL);
	check(result == COLINUX_RUN_KILLED, "it is ended from outside");
	check(!strcmp(vm->reason, "because of a test"), "the first reason wins");
	check(v->host->kicks == 1 && vm->vcpus[1]->host->kicks == 1,
	      "every vCPU is kicked out of the guest");
	check(vcpu_wake_condition(vm->vcpus[1]), "and out of its sleep");
	end_vm(vm, "killed");
}

/* CR4.VMXE, which the first code of a guest's kernel would clear. */
static void vmx_is_on(void)
{
	static const struct exit back[] = {
		{ .reason = 0 },
		{ .reason = COLINUX_EXIT_HYPERCALL, .nr = COLINUX_HC_YIELD },
		END,
	};
	struct colinux_vcpu_setup again = {
		.vcpu = 0, .cr3 = FAKE_MACHINE + 8 * MIB,
	};

	begin();
	fake_cpu.cr4 |= CR4_VMXE;
	check(run_exits(back) == 0 && run.exit == COLINUX_RUN_KILLED && !played,
	      "no vCPU starts with VMX on");
	check(strstr(run.reason, "VMX") && strstr(run.reason, "kvm_intel"),
	      "the reason says what to do: %s", run.reason);
	end_vm(vm, "VMX on");

	begin();
	run_exits(back);
	fake_cpu.cr4 |= CR4_VMXE;
	check(run_exits(back) == 0 && run.exit == COLINUX_RUN_HYPERCALL &&
		      played == 3,
	      "VMX that comes on later does not matter");
	check(!vm_control(&vm, COLINUX_IOC_VCPU_SETUP, &again) &&
		      !run_exits(back) && run.exit == COLINUX_RUN_KILLED,
	      "but to one that starts again");
	end_vm(vm, "VMX later");

	begin();
	check(vcpu_is_new(v), "new");
	next = back;
	play(v->side);
	check(vcpu_is_new(v), "still new when the passage has turned back");
	play(v->side);
	check(!vcpu_is_new(v), "no longer when the guest has left");
	end_vm(vm, "new");
}

static void not_ready(void)
{
	struct colinux_create c = good_create(1);
	struct colinux_run r = { .vcpu = 0 };
	struct vm *fresh = NULL;

	fake_reset();
	vm_control(&fresh, COLINUX_IOC_CREATE, &c);
	check(vm_control(&fresh, COLINUX_IOC_VCPU_RUN, &r) == -CO_EINVAL,
	      "RUN before SETUP");
	check(vm_control(&fresh, COLINUX_IOC_VCPU_RUN, &r) == -CO_EINVAL,
	      "again: it is not left claimed");
	end_vm(fresh, "not ready");
}

int main(void)
{
	interrupts();
	held_interrupts();
	host_calls();
	lean_host();
	bad_exits();
	noted();
	interrupt_window();
	leaving();
	sleeping();
	answers();
	from_another_thread();
	vmx_is_on();
	not_ready();
	return done();
}
