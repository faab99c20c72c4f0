// SPDX-License-Identifier: GPL-2.0
/*
 * A VM from CREATE to its end: arguments, the host's memory table, every
 * allocation failing in turn, and the control calls.
 */
#include "vm_fixture.h"

static struct vm *vm;

static int create(struct colinux_create *c)
{
	vm = NULL;
	return vm_control(&vm, COLINUX_IOC_CREATE, c);
}

static void bad_create(void)
{
	static const struct {
		const char *what;
		u64 memory, image;
		u32 nr_vcpus, flags, watchdog;
	} bad[] = {
		{ "no memory", 0, 16 * MIB, 1, 0, 0 },
		{ "odd memory", 64 * MIB + 4096, 16 * MIB, 1, 0, 0 },
		{ "too much memory", 1ull << 47, 16 * MIB, 1, 0, 0 },
		{ "memory that wraps", ~0ull << 21, 16 * MIB, 1, 0, 0 },
		{ "image beyond memory", 64 * MIB, 66 * MIB, 1, 0, 0 },
		{ "no room for the port", 64 * MIB, 2 * MIB, 1, 0, 0 },
		{ "no vCPU", 64 * MIB, 16 * MIB, 0, 0, 0 },
		{ "65 vCPUs", 64 * MIB, 16 * MIB, 65, 0, 0 },
		{ "very many vCPUs", 64 * MIB, 16 * MIB, ~0u, 0, 0 },
		{ "flags", 64 * MIB, 16 * MIB, 1, 1, 0 },
		{ "watchdog", 64 * MIB, 16 * MIB, 1, 0, 3601 },
	};
	struct colinux_create c;

	fake_reset();
	for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		c = good_create(bad[i].nr_vcpus);
		c.memory = bad[i].memory;
		c.image = bad[i].image;
		c.flags = bad[i].flags;
		c.watchdog = bad[i].watchdog;
		check(create(&c) == -CO_EINVAL && !vm, "CREATE: %s: EINVAL",
		      bad[i].what);
	}
	c = good_create(1);
	memset(c.name, 'x', sizeof(c.name));
	check(create(&c) == -CO_EINVAL, "CREATE: a name without end: EINVAL");
	check(!fake_host.attempts, "nothing was allocated for any of them");
}

static void good(void)
{
	struct colinux_create c = good_create(COLINUX_MAX_VCPUS);
	struct colinux_create again = good_create(1);

	fake_reset();
	check(create(&c) == 0 && vm && c.nr_extents == 1, "64 vCPUs");
	check(vm_control(&vm, COLINUX_IOC_CREATE, &again) == -CO_EEXIST,
	      "CREATE twice: EEXIST");
	check(!memcmp(vm->port, colinux_passage_page, 4096),
	      "the guest has a copy of the passage");
	check(vm->vcpus[63]->area_machine ==
		      FAKE_MACHINE + COLINUX_PORT_DATA_OFFSET +
			      COLINUX_VCPU_AREAS + 63 * COLINUX_VCPU_AREA_SIZE,
	      "the last vCPU's area");
	end_vm(vm, "64 vCPUs");
}

static void failing(void)
{
	struct colinux_create c = good_create(2);
	int n, i, err;

	fake_reset();
	err = create(&c);
	n = fake_host.attempts;
	vm_destroy(vm);
	check(!err && n > 20, "a VM takes %d allocations", n);
	for (i = 1; i <= n; i++) {
		fake_reset();
		fake_host.fail_at = i;
		err = create(&c);
		if (err != -CO_ENOMEM || vm || fake_host.allocated)
			break;
	}
	check(i > n, "each of them failing: ENOMEM, nothing lost");
	fake_reset();
	fake_cpu.fail_context = 1;
	check(create(&c) == -CO_ENOMEM && !fake_host.allocated,
	      "no room for the CPU's state");
	fake_reset();
	fake_host.no_map = 1;
	check(create(&c) == -CO_ENOMEM && !fake_host.allocated,
	      "RAM that cannot be mapped");
	for (int e = 1; e < 100; e += 6) {
		fake_reset();
		fake_host.memory_error = -e;
		err = create(&c);
		if (err != -e || fake_host.allocated)
			break;
	}
	check(err == -97, "the host's own error is passed on");
}

static void extents(void)
{
	static const struct {
		const char *what;
		struct colinux_extent e[2];
		u32 nr;
		int err;
	} tables[] = {
		{ "one", { { FAKE_MACHINE, 64 * MIB } }, 1, 0 },
		{ "two", { { FAKE_MACHINE, 16 * MIB },
			   { 4 * MIB, 48 * MIB } }, 2, 0 },
		{ "none", { { 0, 0 } }, 0, -CO_EINVAL },
		{ "too little", { { FAKE_MACHINE, 62 * MIB } }, 1, -CO_EINVAL },
		{ "too much", { { FAKE_MACHINE, 66 * MIB } }, 1, -CO_EINVAL },
		{ "not aligned", { { FAKE_MACHINE + 4096, 64 * MIB } }, 1,
		  -CO_EINVAL },
		{ "odd size", { { FAKE_MACHINE, 32 * MIB + 4096 },
				{ 4 * MIB, 32 * MIB - 4096 } }, 2, -CO_EINVAL },
		{ "image torn", { { FAKE_MACHINE, 14 * MIB },
				  { 4 * MIB, 50 * MIB } }, 2, -CO_EINVAL },
	};

	for (u32 i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		struct colinux_create c = good_create(1);
		int err;

		fake_reset();
		fake_host.extents = tables[i].e;
		fake_host.nr_extents = tables[i].nr;
		err = create(&c);
		check(err == tables[i].err, "extents: %s", tables[i].what);
		if (err)
			check(!fake_host.allocated, "%s: nothing lost",
			      tables[i].what);
		else
			end_vm(vm, tables[i].what);
	}
}

static void owning(void)
{
	static const struct colinux_extent two[] = {
		{ FAKE_MACHINE, 16 * MIB }, { 4 * MIB, 48 * MIB },
	};
	struct colinux_create c = good_create(1);

	fake_reset();
	fake_host.extents = two;
	fake_host.nr_extents = 2;
	create(&c);
	check(vm_owns(vm, FAKE_MACHINE, 16 * MIB) &&
		      vm_owns(vm, 52 * MIB - 1, 1) && vm_owns(vm, 4 * MIB, 0),
	      "its own memory");
	check(!vm_owns(vm, FAKE_MACHINE - 1, 1) &&
		      !vm_owns(vm, FAKE_MACHINE, 16 * MIB + 1) &&
		      !vm_owns(vm, 52 * MIB, 1) &&
		      !vm_owns(vm, 52 * MIB - 1, 2) && !vm_owns(vm, 0, ~0ull) &&
		      !vm_owns(vm, ~0ull, 2) &&
		      !vm_owns(vm, FAKE_MACHINE + 1, ~0ull),
	      "nothing beside it, nothing that wraps");
	end_vm(vm, "owning");
}

static void ranges(void)
{
	static const struct {
		const char *what;
		u64 offset, size;
	} bad[] = {
		{ "nothing", 8 * MIB, 0 },
		{ "a page", 8 * MIB, 4096 },
		{ "an odd place", 8 * MIB + 4096, 2 * MIB },
		{ "the passage", 0, 2 * MIB },
		{ "the port's second half", 2 * MIB, 2 * MIB },
		{ "the port and more", 2 * MIB, 4 * MIB },
		{ "behind the end", 64 * MIB, 2 * MIB },
		{ "across the end", 62 * MIB, 4 * MIB },
		{ "what wraps", 8 * MIB, -2 * MIB },
		{ "what starts far away", -2 * MIB, 2 * MIB },
	};
	static const u32 calls[] = { COLINUX_IOC_RELEASE, COLINUX_IOC_RECLAIM };
	struct colinux_range r;

	vm = new_vm(1);
	for (u32 c = 0; c < 2; c++) {
		for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
			r.offset = bad[i].offset;
			r.size = bad[i].size;
			check(vm_control(&vm, calls[c], &r) == -CO_EINVAL,
			      "%s: %s: EINVAL", c ? "RECLAIM" : "RELEASE",
			      bad[i].what);
		}
		check(!fake_host.range_call, "the host was not asked");
		r.offset = 4 * MIB;
		r.size = 60 * MIB;
		check(vm_control(&vm, calls[c], &r) == 0 &&
			      fake_host.range_call == (c ? '+' : '-') &&
			      fake_host.range.offset == 4 * MIB &&
			      fake_host.range.size == 60 * MIB,
		      "all behind the port");
		fake_host.range_error = -CO_EBUSY;
		check(vm_control(&vm, calls[c], &r) == -CO_EBUSY,
		      "the host's answer is passed on");
		fake_host.range_error = 0;
		fake_host.range_call = 0;
	}
	end_vm(vm, "ranges");
}

static void setup(void)
{
	static const struct {
		const char *what;
		u64 cr3;
		u32 vcpu, pad;
	} bad[] = {
		{ "a vCPU that there is not", FAKE_MACHINE, 1, 0 },
		{ "a vCPU far away", FAKE_MACHINE, ~0u, 0 },
		{ "padding", FAKE_MACHINE, 0, 1 },
		{ "CR3 not aligned", FAKE_MACHINE + 1, 0, 0 },
		{ "CR3 of the host", 0x1000, 0, 0 },
		{ "CR3 behind the end", FAKE_MACHINE + 64 * MIB, 0, 0 },
		{ "CR3 that wraps", ~0xfffull, 0, 0 },
	};
	struct colinux_vcpu_setup s = {
		.rip = 0xffffffff81000000, .rsp = 0xffffffff82000000,
		.cr3 = FAKE_MACHINE + 5 * MIB, .rdi = 7, .rsi = 8,
	};
	const u64 *frame;
	struct colinux_side *side;

	vm = new_vm(1);
	for (u32 i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct colinux_vcpu_setup b = s;

		b.vcpu = bad[i].vcpu;
		b.pad = bad[i].pad;
		b.cr3 = bad[i].cr3;
		check(vm_control(&vm, COLINUX_IOC_VCPU_SETUP, &b) == -CO_EINVAL,
		      "SETUP: %s: EINVAL", bad[i].what);
	}
	fake_cpu.cr4 |= 1ull << 17 | 1 << 7 | CR4_LA57;
	check(vm_control(&vm, COLINUX_IOC_VCPU_SETUP, &s) == 0, "SETUP");
	side = &vm->vcpus[0]->area->side;
	check(side->cr3 == s.cr3 && side->bounce &&
		      side->tr == COLINUX_PASSAGE_TR,
	      "first CR3, TR");
	check(side->cr4 == (0x20 | CR4_MCE | CR4_LA57),
	      "first CR4: paging depth and #MC of the host, no PCID, no PGE");
	check(side->rsp > COLINUX_VCPU_AREA_VA(0) &&
		      side->rsp + 8 * 8 + 56 < COLINUX_VCPU_AREA_VA(0) + 4096,
	      "first stack: in the page, below an NMI's frame");
	frame = (const u64 *)((u8 *)side +
			      (side->rsp - COLINUX_VCPU_AREA_VA(0)));
	check(!(frame[0] & 0x200) &&
		      frame[7] == COLINUX_PORT_TEXT_VA + COLINUX_PASSAGE_START &&
		      frame[6] == s.rip && frame[4] == s.rsi &&
		      frame[3] == s.rsp && frame[2] == s.rdi,
	      "first frame: IF=0, and where it goes");
	end_vm(vm, "setup");
}

static void controls(void)
{
	struct colinux_version version = { .abi_version = 77 };
	struct colinux_kick kick = { .vcpu = 0, .virq = 3 };
	struct colinux_stats stats = { .vcpu = 0 };
	struct colinux_set_irq irq = { .device = 63, .irq = 16 };
	u64 junk[64] = { 0 };

	fake_reset();
	vm = NULL;
	check(vm_control(&vm, COLINUX_IOC_VERSION, &version) == -CO_EPROTO &&
		      version.abi_version == COLINUX_ABI_VERSION &&
		      version.levels == 4 && version.tsc_khz == 2000000 &&
		      version.pat == MSR_PAT && version.build[0],
	      "VERSION: another one: EPROTO, and ours");
	fake_cpu.cr4 |= CR4_LA57;
	check(vm_control(&vm, COLINUX_IOC_VERSION, &version) == 0 &&
		      version.levels == 5,
	      "VERSION: five levels");
	for (u32 f = 2; f < 10; f++)
		if (vm_control(&vm, f, junk) != -CO_ENODEV)
			check(false, "call %u before CREATE", f);
	check(vm_control(&vm, 1000, junk) == -CO_ENODEV,
	      "before CREATE: ENODEV");
	for (u32 f = 0; f < 10; f++)
		if (!vm_control_size(f) || vm_control_size(f) > 1024)
			check(false, "size of call %u", f);
	check(!vm_control_size(10) && !vm_control_size(~0u),
	      "no call, no size");

	vm = new_vm(1);
	check(vm_control(&vm, COLINUX_IOC_KICK, &kick) == 0 &&
		      vm->vcpus[0]->area->pending == 1 << 3,
	      "KICK");
	kick.virq = 64;
	check(vm_control(&vm, COLINUX_IOC_KICK, &kick) == -CO_EINVAL,
	      "KICK: bit 64: EINVAL");
	kick.virq = 0;
	kick.vcpu = 1;
	check(vm_control(&vm, COLINUX_IOC_KICK, &kick) == -CO_EINVAL,
	      "KICK: no such vCPU: EINVAL");
	check(vm_control(&vm, COLINUX_IOC_SET_IRQ, &irq) == 0 &&
		      vm->boot->irq_pending[63] == 1 << 16 &&
		      vm->vcpus[0]->area->device_pending == 1ull << 63 &&
		      vm->vcpus[0]->area->pending >> COLINUX_VIRQ_DEVICE & 1,
	      "SET_IRQ: the last one of the last device");
	irq.device = 64;
	check(vm_control(&vm, COLINUX_IOC_SET_IRQ, &irq) == -CO_EINVAL,
	      "SET_IRQ: no such device: EINVAL");
	irq.device = 0;
	irq.irq = 17;
	check(vm_control(&vm, COLINUX_IOC_SET_IRQ, &irq) == -CO_EINVAL,
	      "SET_IRQ: no such interrupt: EINVAL");
	vm->vcpus[0]->stats.kicks = 5;
	check(vm_control(&vm, COLINUX_IOC_STATS, &stats) == 0 &&
		      stats.kicks == 5,
	      "STATS");
	stats.vcpu = 9;
	check(vm_control(&vm, COLINUX_IOC_STATS, &stats) == -CO_EINVAL,
	      "STATS: no such vCPU: EINVAL");
	stats.vcpu = 0;
	stats.pad = 1;
	check(vm_control(&vm, COLINUX_IOC_STATS, &stats) == -CO_EINVAL,
	      "STATS: padding: EINVAL");
	check(vm_control(&vm, COLINUX_IOC_IRQFD, junk) == -CO_ENOTTY,
	      "calls that are the host's: ENOTTY");
	end_vm(vm, "controls");
	vm_destroy(NULL);
}

int main(void)
{
	bad_create();
	good();
	failing();
	extents();
	owning();
	ranges();
	setup();
	controls();
	return done();
}
