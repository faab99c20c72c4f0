// SPDX-License-Identifier: GPL-2.0
/* Hypercalls that the driver answers, with good and with hostile arguments. */
#include "vm_fixture.h"

static struct vm *vm;
static struct vcpu *v;

static s64 call(u64 nr, u64 a, u64 b, enum after *after)
{
	struct colinux_run run = { 0 };
	enum after what;

	v->area->nr = nr;
	v->area->args[0] = a;
	v->area->args[1] = b;
	v->area->ret = 12345;
	fake_if = 0;
	what = vcpu_hypercall(v, &run);
	fake_if = 1;
	if (after)
		*after = what;
	return v->area->ret;
}

static void unknown(void)
{
	static const u64 numbers[] = {
		16, 17, 255, 1ull << 32, (1ull << 32) + 1, 1ull << 63,
		~0ull,
	};
	enum after after;

	for (u32 i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		check(call(numbers[i], ~0ull, ~0ull, &after) == -CO_ENOSYS &&
			      after == AFTER_RESUME,
		      "hypercall %llx: ENOSYS", numbers[i]);
	call(COLINUX_HC_NOP, 0, 0, NULL);
	check(v->stats.hypercalls[COLINUX_HC_NOP] == 1,
	      "small numbers are counted");
}

static void stats(void)
{
	struct colinux_stats *seen = &v->area->stats;

	vm->vcpus[1]->stats.exits_irq = 77;
	check(call(COLINUX_HC_STATS, 1, 0, NULL) == 0 && seen->vcpu == 1 &&
		      seen->exits_irq == 77,
	      "the counters of a vCPU come into the caller's area");
	check(call(COLINUX_HC_STATS, 2, 0, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_STATS, 1ull << 32, 0, NULL) ==
			      -CO_EINVAL,
	      "of one that there is not: EINVAL");
	fake_host.now += 1000000;
	vm->vcpus[1]->run_since = fake_host.now - 5000;
	call(COLINUX_HC_STATS, 1, 0, NULL);
	check(seen->guest_ns > 5000 && !vm->vcpus[1]->stats.guest_ns,
	      "the run that is under way counts");
	vm->vcpus[1]->run_since = 0;
}

static void timer(void)
{
	struct host_vcpu *h = v->host;

	fake_cpu.tsc = 1000000000;
	check(call(COLINUX_HC_TIMER, fake_cpu.tsc + 2000000, 0, NULL) == 0 &&
		      h->timer_ns == 1000000,
	      "2,000,000 ticks at 2 GHz are a millisecond");
	check(call(COLINUX_HC_TIMER, 0, 0, NULL) == 0 && h->cancels == 1,
	      "0 disarms");
	check(call(COLINUX_HC_TIMER, fake_cpu.tsc, 0, NULL) == 0 &&
		      v->area->pending == 1 << COLINUX_VIRQ_TIMER,
	      "now is due at once");
	v->area->pending = 0;
	call(COLINUX_HC_TIMER, 1, 0, NULL);
	check(v->area->pending == 1 << COLINUX_VIRQ_TIMER,
	      "long ago is due at once");
	v->area->pending = 0;
	call(COLINUX_HC_TIMER, ~0ull, 0, NULL);
	check(!v->area->pending && h->timer_ns > 60ull * 1000000000 &&
		      h->timer_ns < 86400ull * 1000000000,
	      "the end of time is far away, without overflow");
	fake_cpu.tsc = 0;
	call(COLINUX_HC_TIMER, ~0ull, 0, NULL);
	check(h->timer_ns > 60ull * 1000000000, "also from 0");
	check(h->timers == 3, "armed three times");
}

static void kick(void)
{
	check(call(COLINUX_HC_KICK, 1, COLINUX_VIRQ_CALL, NULL) == 0 &&
		      vm->vcpus[1]->area->pending == 1 << COLINUX_VIRQ_CALL &&
		      vm->vcpus[1]->host->kicks == 1,
	      "a kick sets the bit and wakes");
	check(call(COLINUX_HC_KICK, 0, 63, NULL) == 0 &&
		      v->area->pending == 1ull << 63,
	      "bit 63, of itself");
	check(call(COLINUX_HC_KICK, 2, 0, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_KICK, 0, 64, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_KICK, 1ull << 32, 0, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_KICK, ~0ull, ~0ull, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_KICK, 0, (1ull << 32) + 1, NULL) ==
			      -CO_EINVAL,
	      "a vCPU or bit that there is not: EINVAL");
	check(v->stats.kicks == 2, "only good ones are counted");
	v->area->pending = 0;
	vm->vcpus[1]->area->pending = 0;
	check(call(COLINUX_HC_KICK_MASK, 3, 5, NULL) == 0 &&
		      v->area->pending == 1 << 5 &&
		      vm->vcpus[1]->area->pending == 1 << 5 &&
		      v->stats.kicks == 4,
	      "a mask: each of its vCPUs");
	check(call(COLINUX_HC_KICK_MASK, 7, 0, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_KICK_MASK, 1, 64, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_KICK_MASK, ~0ull, 0, NULL) ==
			      -CO_EINVAL && v->stats.kicks == 4,
	      "a mask with others: EINVAL, none");
}

static void doorbell(void)
{
	struct host_event event = { 0 };

	vm->doorbells[63][15] = &event;
	check(call(COLINUX_HC_DOORBELL, 63, 15, NULL) == 0 &&
		      event.signals == 1 && v->stats.doorbells == 1,
	      "the last doorbell of the last device");
	check(call(COLINUX_HC_DOORBELL, 63, 14, NULL) == -CO_ENODEV,
	      "one that nobody listens to: ENODEV");
	check(call(COLINUX_HC_DOORBELL, 64, 0, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_DOORBELL, 0, 16, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_DOORBELL, ~0ull, 0, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_DOORBELL, 0, ~0ull, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_DOORBELL, 1ull << 58, 0, NULL) ==
			      -CO_EINVAL,
	      "one that there is not: EINVAL");
	check(event.signals == 1, "nothing else was signalled");
	vm->doorbells[63][15] = NULL;
}

static void routes(void)
{
	const u64 bit = 1ull << COLINUX_VIRQ_DEVICE;

	v->area->args[2] = 1;
	check(call(COLINUX_HC_ROUTE, 63, 16, NULL) == 0, "ROUTE");
	v->area->pending = vm->vcpus[1]->area->pending = 0;
	check(!vm_device_interrupt(vm, 63, 16) && !v->area->pending &&
		      vm->vcpus[1]->area->pending == bit &&
		      vm->vcpus[1]->area->device_pending == 1ull << 63 &&
		      vm->boot->irq_pending[63] == 1u << 16,
	      "an interrupt goes there");
	check(!vm_device_interrupt(vm, 63, 15) && v->area->pending == bit &&
		      vm->boot->irq_pending[63] == 3u << 15,
	      "others do not");
	check(vm_device_interrupt(vm, 64, 0) == -CO_EINVAL &&
		      vm_device_interrupt(vm, 0, 17) == -CO_EINVAL &&
		      call(COLINUX_HC_ROUTE, 64, 0, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_ROUTE, 0, 17, NULL) == -CO_EINVAL &&
		      call(COLINUX_HC_ROUTE, 1ull << 32, 0, NULL) ==
			      -CO_EINVAL,
	      "none that there is not: EINVAL");
	v->area->args[2] = vm->nr_vcpus;
	check(call(COLINUX_HC_ROUTE, 0, 0, NULL) == -CO_EINVAL,
	      "no such vCPU: EINVAL");
	v->area->args[2] = 1ull << 40;
	check(call(COLINUX_HC_ROUTE, 0, 0, NULL) == -CO_EINVAL,
	      "nor one of a large number");
}

static void others(void)
{
	enum after after;

	fake_host.wallclock = 1700000000000000001;
	check(call(COLINUX_HC_WALLCLOCK, 0, 0, &after) == 1700000000000000001 &&
		      after == AFTER_RESUME,
	      "WALLCLOCK");
	fake_host.now = 55;
	fake_cpu.tsc = 777;
	check(call(COLINUX_HC_CLOCK, 1, 2, &after) == 0 &&
		      after == AFTER_RESUME && v->area->args[0] == 777 &&
		      v->area->args[1] == 1055 &&
		      v->area->args[2] == 1700000000000000001 - 1000,
	      "CLOCK: the clocks of one moment");
	check(call(COLINUX_HC_NOP, 1, 2, &after) == 0 && after == AFTER_RESUME,
	      "NOP");
	call(COLINUX_HC_HALT, 0, 0, &after);
	check(after == AFTER_SLEEP, "HALT");
	call(COLINUX_HC_YIELD, 0, 0, &after);
	check(after == AFTER_YIELD, "YIELD");
	for (u64 nr = COLINUX_HC_CONSOLE; nr <= COLINUX_HC_VCPU_DOWN; nr++) {
		call(nr, 0, 0, &after);
		check(after == AFTER_PROCESS, "hypercall %llu: the process",
		      nr);
	}
}

int main(void)
{
	vm = new_vm(2);
	v = vm->vcpus[0];
	unknown();
	timer();
	kick();
	stats();
	v->area->pending = 0;
	doorbell();
	routes();
	others();
	end_vm(vm, "hypercalls");
	return done();
}
