// SPDX-License-Identifier: GPL-2.0
/*
 * host/windows/ against the fake NT: loading and refusals, requests, memory,
 * runs and their ends, events, and that nothing is left whatever fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "driver_test.h"
#include "tap.h"

static struct fake_thread other_thread;
struct vm *last_vm;

/* ---- helpers ---- */

static int create(FILE_OBJECT *file, u64 memory, u64 image, u32 vcpus)
{
	struct colinux_create c = {
		.memory = memory, .image = image, .nr_vcpus = vcpus,
	};

	return call(file, COLINUX_IOC_CREATE, &c);
}

FILE_OBJECT *open_vm(void)
{
	FILE_OBJECT *file = open_device();

	if (!file || create(file, 64 * MB, 20 * MB, 2))
		die("open_vm");
	return file;
}

void start_driver(u32 version)
{
	fake.version = version;
	if (!NT_SUCCESS(load_driver()))
		die("the driver does not load");
}

static int kick(FILE_OBJECT *file, u32 vcpu)
{
	struct colinux_kick k = {
		.vcpu = vcpu, .virq = COLINUX_VIRQ_WAKE,
	};

	return call(file, COLINUX_IOC_KICK, &k);
}

/* A vCPU thread of its own. */
struct runner {
	pthread_t pthread;
	struct fake_thread thread;
	FILE_OBJECT *file;
	struct colinux_run run;
	u32 cpu;
	int result;
	IRP *volatile irp;
};

static void *run_thread(void *arg)
{
	struct runner *r = arg;

	self = &r->thread;
	fcpu.number = r->cpu;
	irp_slot = &r->irp;
	r->result = call(r->file, COLINUX_IOC_VCPU_RUN, &r->run);
	return NULL;
}

static void start_runner(struct runner *r, FILE_OBJECT *file, u32 vcpu,
			 enum fake_guest what)
{
	memset(r, 0, sizeof(*r));
	r->file = file;
	r->run.vcpu = vcpu;
	r->cpu = 2 + vcpu;
	r->thread.process = self->process;
	guest = what;
	if (pthread_create(&r->pthread, NULL, run_thread, r))
		die("pthread_create");
}

static bool ended_with(struct runner *r, u32 exit)
{
	pthread_join(r->pthread, NULL);
	return !r->result && r->run.exit == exit;
}

/* ---- loading ---- */

static void refused(const char *what, const char *text)
{
	NTSTATUS status = load_driver();

	check(status == STATUS_NOT_SUPPORTED && strstr(last_event, text) &&
		      strstr(registry_refused, text) && nothing_left(),
	      "refused with the reason in event log and registry: %s", what);
	if (!strstr(last_event, text))
		note("%s", last_event);
}

static void refusals(void)
{
	fake.version = 0xa00;
	fake.ci_options = NT_CI_HVCI;
	refused("HVCI", "memory integrity (HVCI) is on");
	fake.ci_options = 0;
	fake.isolated_user_mode = 2;
	refused("HVCI as the secure kernel says", "memory integrity");
	fake.isolated_user_mode = 1;
	refused("VBS", "virtualization-based security runs");
	fake.isolated_user_mode = 0;
	fmachine.no_tsc = true;
	refused("a CPU without TSC", "time-stamp counter");
	fmachine.no_tsc = false;
	fmachine.no_fxsr = true;
	refused("a CPU without FXSAVE", "FXSAVE");
	fmachine.no_fxsr = false;
	fmachine.unusable = "FRED is on";
	refused("what the monitor refuses", "FRED is on");
	fmachine.unusable = NULL;
	fmachine.cr4 = 1ull << 23;
	fmachine.s_cet = 1;
	refused("kernel shadow stacks", "stack protection is on");
	fmachine.s_cet = 0;
	check(NT_SUCCESS(load_driver()) && !registry_refused[0],
	      "CET for user space alone is fine; the old reason is removed");
	fmachine.cr4 = 0;
	unload_driver();
	check(nothing_left(), "unloaded");
}

static void security(void)
{
	/* SYSTEM and Administrators, full access, protected. */
	static const u8 wanted[] = {
		1, 0, 0x04, 0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0,
		0, 2, 0, 52, 0, 2, 0, 0, 0,
		0, 0, 20, 0, 0xff, 0x01, 0x1f, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0,
		0, 0,
		0, 0, 24, 0, 0xff, 0x01, 0x1f, 0, 1, 2, 0, 0, 0, 0, 0, 5, 32, 0,
		0, 0, 0x20, 2, 0, 0,
	};

	start_driver(0xa00);
	check(!memcmp(device_security, wanted, sizeof(wanted)),
	      "the device is for SYSTEM and Administrators");
	unload_driver();
	check(nothing_left(), "unloaded");
}

static void loading_fails(void)
{
	int n;

	fake.version = 0xa00;
	for (n = 1; n < MAX_FAILURES; n++) {
		fail_in(n);
		if (NT_SUCCESS(load_driver()))
			break;
		if (!nothing_left())
			break;
	}
	fail_in(0);
	check(n > 4 && n < MAX_FAILURES && driver.DriverUnload,
	      "each of %d calls of DriverEntry may fail", n - 1);
	unload_driver();
	check(nothing_left(), "unloaded");
}

/* ---- requests ---- */

static void requests(void)
{
	struct colinux_version v = { .abi_version = COLINUX_ABI_VERSION };
	struct colinux_extent table[64];
	struct colinux_get_extents get = {
		.table = (u64)table, .nr = 64,
	};
	struct colinux_run run = { .vcpu = 2 };
	WCHAR name[] = L"\\x";
	FILE_OBJECT *file = calloc(1, sizeof(*file));
	u32 size = sizeof(v);
	u64 sum = 0;

	file->FileName = (UNICODE_STRING){ 4, 4, name };
	check(request(file, IRP_MJ_CREATE) == STATUS_OBJECT_NAME_NOT_FOUND,
	      "no names below the device");
	free(file);

	file = open_device();
	check(!call(file, COLINUX_IOC_VERSION, &v) && v.tsc_khz > 900000 &&
		      v.tsc_khz < 1100000, "VERSION, and the TSC's frequency");
	v.abi_version = 99;
	check((u32)control(file, COLINUX_NT_CODE(0), &v, size, size) ==
			      COLINUX_NT_WARNING(71) &&
		      v.abi_version == COLINUX_ABI_VERSION,
	      "another ABI: a warning, with our version in it");
	check((u32)control(file, COLINUX_NT_CODE(0), &v, size, size - 1) ==
		      COLINUX_NT_ERROR(22), "an output buffer too small");
	check((u32)control(file, COLINUX_NT_CODE(0), &v, size + 1, size) ==
		      COLINUX_NT_ERROR(22), "an input buffer too large");
	check((u32)control(file, COLINUX_NT_CODE(0) | 3, &v, size, size) ==
		      COLINUX_NT_ERROR(25), "METHOD_NEITHER");
	check((u32)control(file, COLINUX_NT_CODE(0) & ~0xc000u, &v, size,
			   size) == COLINUX_NT_ERROR(25),
	      "a code that needs no access");
	check((u32)control(file, COLINUX_NT_CODE(99), &v, size, size) ==
		      COLINUX_NT_ERROR(25), "an unknown function");
	check((u32)control(file, COLINUX_NT_CODE(0) - 4, &v, size, size) ==
		      COLINUX_NT_ERROR(25), "a function below ours");
	check(kick(file, 0) == -19, "a VM's call without a VM");
	check(!create(file, 64 * MB, 20 * MB, 2), "CREATE");
	check(create(file, 64 * MB, 20 * MB, 2) == -17, "CREATE again");
	check(!call(file, COLINUX_IOC_GET_EXTENTS, &get), "GET_EXTENTS");
	for (u32 i = 0; i < get.nr; i++)
		sum += table[i].size;
	check(sum == 64 * MB, "they are all of RAM");
	get.table = 16;
	check(call(file, COLINUX_IOC_GET_EXTENTS, &get) == -14,
	      "a table that cannot be written: EFAULT");
	get.table = 0xffff800000000000;
	check(call(file, COLINUX_IOC_GET_EXTENTS, &get) == -14,
	      "a table in the kernel: EFAULT");
	check(call(file, COLINUX_IOC_VCPU_RUN, &run) == -22,
	      "no such vCPU");

	other_thread.process = (PEPROCESS)&other_thread;
	self->process = (PEPROCESS)&other_thread;
	check(kick(file, 0) == -1 && create(file, 64 * MB, 20 * MB, 1) == -1,
	      "a handle in another process: EPERM");
	v.abi_version = COLINUX_ABI_VERSION;
	check(!call(file, COLINUX_IOC_VERSION, &v), "but VERSION");
	self->process = (PEPROCESS)self;
	close_device(file);
}

/* ---- memory ---- */

static void shapes(u32 version)
{
	FILE_OBJECT *file;

	start_driver(version);
	file = open_device();
	check(create(file, 1ull << 40, 20 * MB, 1) == -12 && counts.frames == 0,
	      "%x: more than there is: nothing is taken", version);
	self->terminating = true;
	fake.ignores_chunks = true;
	check(create(file, 64 * MB, 20 * MB, 1) == -4,
	      "%x: the thread ends: EINTR", version);
	self->terminating = false;
	check(!create(file, 64 * MB, 20 * MB, 1),
	      "%x: scattered pages are given: window by window", version);
	close_device(file);
	fake.reactos = true;
	file = open_device();
	check(!create(file, 64 * MB, 20 * MB, 1),
	      "%x: so they are with ReactOS's bounds and order", version);
	close_device(file);
	fake.reactos = false;
	fake.ignores_chunks = false;

	fake.one_fragment = true;
	file = open_device();
	check(create(file, 64 * MB, 20 * MB, 1) == -7 && counts.frames == 0,
	      "%x: no run for the image: E2BIG", version);
	close_device(file);
	fake.one_fragment = false;

	file = open_device();
	check(!create(file, 120 * MB, 90 * MB, 1),
	      "%x: an image that fits in one hole's side only", version);
	close_device(file);
	file = open_device();
	check(create(file, 120 * MB, 100 * MB, 1) == -7,
	      "%x: an image beyond the longest run: E2BIG", version);
	close_device(file);
	unload_driver();
	check(nothing_left(), "%x: all memory is back", version);
}

static void creation_fails(u32 version)
{
	FILE_OBJECT *file;
	int n, err = 0, closed = 0;

	start_driver(version);
	for (n = 1; n < MAX_FAILURES; n++) {
		fail_in(n);
		file = open_device();
		if (!file) {
			closed++;
			continue;
		}
		err = create(file, 32 * MB, 8 * MB, 2);
		if (n < failable_calls() + 1 && err)
			close_device(file);
		else if (err)
			break;
		else if (failable_calls() < n)
			break;
		else
			close_device(file);	/* it could do without */
	}
	fail_in(0);
	check(!err && n < MAX_FAILURES && closed == 2,
	      "%x: each of %d calls of CREATE may fail", version, n - 1);
	close_device(file);
	unload_driver();
	check(nothing_left(), "%x: nothing is left of them", version);
}

static void mappings(void)
{
	FILE_OBJECT *file = open_vm();
	struct colinux_map map = { 0 }, none = { 0 };
	int n, err = 0, user = counts.mappings;

	map.address = 1;
	check(call(file, COLINUX_IOC_MAP, &map) == -22,
	      "MAP with an address in it");
	map.address = 0;
	fake.mappings_refused = 2;
	fake.mappings_moved = 0;
	check(!call(file, COLINUX_IOC_MAP, &map) && map.size == 64 * MB &&
		      fake.last_map_size == 64 * MB,
	      "MAP, where another thread takes the room twice");
	check(counts.mappings - user == 32, "in pieces of 2 MiB");
	check(call(file, COLINUX_IOC_MAP, &none) == -17, "MAP again");
	fake_process_ends(self->process);
	check(counts.mappings == user, "unmapped when the process ends");
	check(kick(file, 0) == -19, "no call any more");
	close_device(file);

	file = open_vm();
	fake.mappings_moved = 1;
	memset(&map, 0, sizeof(map));
	check(!call(file, COLINUX_IOC_MAP, &map), "MAP that came elsewhere");
	close_device(file);

	file = open_vm();
	fake.mappings_refused = 100;
	check(call(file, COLINUX_IOC_MAP, &none) == -12 &&
		      counts.mappings == user,
	      "MAP without room: ENOMEM");
	fake.mappings_refused = 0;
	for (n = 1; n < MAX_FAILURES; n++) {
		fail_in(n);
		memset(&map, 0, sizeof(map));
		err = call(file, COLINUX_IOC_MAP, &map);
		if (!err && failable_calls() < n)
			break;
		if (!err) {	/* tried again */
			fail_in(0);
			close_device(file);
			file = open_vm();
		}
	}
	fail_in(0);
	check(!err && n < MAX_FAILURES, "each of %d calls of MAP may fail",
	      n - 1);

	/* The handle went to another process, which closes it last. */
	self->process = (PEPROCESS)&other_thread;
	close_device(file);
	self->process = (PEPROCESS)self;
	check(counts.mappings == 0 && counts.frames == 0,
	      "closed in another process: unmapped in the first");
}

/* ---- runs ---- */

static void runs(u32 version)
{
	struct runner r, second;
	FILE_OBJECT *file;
	int before;

	start_driver(version);
	file = open_vm();

	start_runner(&r, file, 0, GUEST_CALLS);
	check(ended_with(&r, COLINUX_RUN_HYPERCALL), "%x: RUN returns",
	      version);

	start_runner(&r, file, 0, GUEST_SPINS);
	wait_until(&guest_is_in);
	memset(&second, 0, sizeof(second));
	check(call(file, COLINUX_IOC_VCPU_RUN, &second.run) == -16,
	      "%x: RUN of a vCPU that runs: EBUSY", version);
	before = late;
	cancel_irp(r.irp);
	check(ended_with(&r, COLINUX_RUN_INTR),
	      "%x: cancelled in the guest, on another CPU", version);
	check(late > before, "%x: by a dispatch interrupt, handled late",
	      version);

	start_runner(&r, file, 0, GUEST_SPINS);
	wait_until(&guest_is_in);
	before = guest_entries;
	kick(file, 0);
	while (guest_entries == before)
		fake_poke();
	cancel_irp(r.irp);
	check(ended_with(&r, COLINUX_RUN_INTR), "%x: kicked in the guest",
	      version);

	start_runner(&r, file, 0, GUEST_SLEEPS);
	wait_until(&waits);
	cancel_irp(r.irp);
	check(ended_with(&r, COLINUX_RUN_INTR), "%x: cancelled asleep",
	      version);

	start_runner(&r, file, 1, GUEST_SLEEPS);
	wait_until(&waits);
	kick(file, 1);
	check(ended_with(&r, COLINUX_RUN_HYPERCALL), "%x: woken", version);

	start_runner(&r, file, 0, GUEST_YIELDS);
	check(ended_with(&r, COLINUX_RUN_HYPERCALL), "%x: yields", version);

	guest_vector = 0xd1;
	before = reraised;
	start_runner(&r, file, 0, GUEST_CALLS);
	check(ended_with(&r, COLINUX_RUN_HYPERCALL) && reraised == before + 1,
	      "%x: a device's interrupt is handled at once", version);

	close_device(file);
	unload_driver();
	check(nothing_left(), "%x: nothing is left", version);
}

static void ends(u32 version)
{
	struct runner r;
	FILE_OBJECT *file;
	int before = late;

	start_driver(version);
	file = open_vm();
	if (version < 0x600) {
		/* Spinning, it would not be ended by anything else. */
		guest = GUEST_SPINS;
		memset(&r.run, 0, sizeof(r.run));
		self->alerted = true;
		check(!call(file, COLINUX_IOC_VCPU_RUN, &r.run) &&
		      r.run.exit == COLINUX_RUN_INTR,
		      "%x: an APC is seen before the guest is entered", version);
	}
	start_runner(&r, file, 0, GUEST_SLEEPS);
	wait_until(&waits);
	r.thread.alerted = true;
	fake_poke();
	check(ended_with(&r, COLINUX_RUN_INTR), "%x: an alert ends the sleep",
	      version);

	start_runner(&r, file, 0, GUEST_SLEEPS);
	wait_until(&waits);
	r.thread.terminating = true;
	fake_poke();
	check(ended_with(&r, COLINUX_RUN_INTR),
	      "%x: the thread's end ends the sleep", version);

	start_runner(&r, file, 0, GUEST_SPINS);
	wait_until(&guest_is_in);
	request(file, IRP_MJ_CLEANUP);
	check(ended_with(&r, COLINUX_RUN_INTR) && late > before,
	      "%x: the last handle is closed: the guest ends", version);
	check(call(file, COLINUX_IOC_VCPU_RUN, &r.run) == -19,
	      "%x: and does not begin again", version);
	request(file, IRP_MJ_CLOSE);
	free(file);

	file = open_vm();
	start_runner(&r, file, 1, GUEST_SPINS);
	wait_until(&guest_is_in);
	fake_process_ends(self->process);
	check(ended_with(&r, COLINUX_RUN_INTR),
	      "%x: the process ends: so does the guest", version);
	close_device(file);
	unload_driver();
	check(nothing_left(), "%x: nothing is left", version);
}

/* The host contract directly: timer, self-interrupt, clocks. */
static void contract(u32 version)
{
	struct colinux_vcpu_area area = { 0 };
	struct vm vm = { 0 };
	struct vcpu v = { .vm = &vm, .area = &area };
	struct host_vcpu *h;
	struct host_light how;
	u64 a, b;

	start_driver(version);
	h = host_vcpu_new(&v);
	v.host = h;
	host_vcpu_timer(h, 1);
	host_vcpu_timer(h, 1000000);
	check(fake_timers_expire() == 1 &&
		      area.pending == 1ull << COLINUX_VIRQ_TIMER,
	      "%x: one timer expires, once", version);
	host_vcpu_timer(h, 5);
	host_vcpu_timer_cancel(h);
	check(!fake_timers_expire(), "%x: and not when it is cancelled",
	      version);

	area.pending = 1;
	/* The slice must not end on a busy machine. */
	fake_tsc_stopped = cpu_tsc();
	host_guest_begin(h, &how);
	cpu_irq_off();
	host_vcpu_timer(h, 5);
	check(!cpu_irqs_on(), "%x: a timer is set with IF=0", version);
	how.ops->enter(h);
	host_self_interrupt(h);
	check(fcpu.irql == APC_LEVEL && !cpu_irqs_on(),
	      "%x: into the guest with an interrupt pending", version);
	check(fake_guest_waits() == DISPATCH_VECTOR,
	      "%x: which comes as soon as the guest takes it", version);
	area.side.reload = 0;		/* as the passage does */
	memcpy(fcpu.selectors, (u16[5]){ 0x2b, 0x2b, 0x63, 0x33, 0x88 }, 10);
	fcpu.fs_base = 0x7f0000001000;
	how.ops->exit(h);
	check(!fcpu.selectors[0] && !fcpu.selectors[1] && !fcpu.selectors[2],
	      "%x: NT does not see the guest's selectors", version);
	check(area.side.reload && area.side.ds == 0x2b && area.side.es == 0x2b &&
		      area.side.fs == 0x63 && area.side.gs == 0x33 &&
		      area.side.ldtr == 0x88,
	      "%x: the passage will load them again", version);
	how.ops->enter(h);
	check(fcpu.fs_base == 0x7f0000001000,
	      "%x: with the FS base that a handler has cleared", version);
	how.ops->exit(h);
	check(area.side.fs == 0x63 && area.side.ds == 0x2b,
	      "%x: also when the passage turned back", version);
	check(how.ops->interrupt_later(h, DISPATCH_VECTOR) &&
		      how.ops->must_leave(h),
	      "%x: its handler has to wait", version);
	check(!how.ops->interrupt_later(h, 0x30) &&
		      !how.ops->interrupt_later(h, 0xd1),
	      "%x: others have not", version);
	fcpu.fs_base = 0;
	how.ops->leave(h);
	check(fcpu.fs_base == 0x7f0000001000,
	      "%x: the run ends with the guest's FS base", version);
	cpu_irq_on();
	host_guest_end(h);
	check(!how.ops->must_leave(h), "%x: it has run", version);
	fake_tsc_stopped = 0;
	host_vcpu_free(h);

	a = host_now();
	b = host_now();
	check(b >= a && b - a < 1000000000, "%x: monotonic time", version);
	check(host_wallclock() == (version >= 0x602 ? 4300 : 4200),
	      "%x: wall clock", version);
	unload_driver();
	check(nothing_left(), "%x: nothing is left", version);
}

/* ---- events ---- */

static int tie(FILE_OBJECT *file, u32 function, u32 device, u32 queue,
	       s64 handle)
{
	struct colinux_event e = {
		.device = device, .queue = queue, .fd = handle,
	};

	return call(file, function, &e);
}

static struct host_event *doorbell_of(FILE_OBJECT *file, u32 d, u32 q);

static void events(void)
{
	FILE_OBJECT *file;
	KEVENT *bell, *irq[2], *manual;
	HANDLE hbell, hirq[2], hmanual;
	struct runner r;

	start_driver(0xa00);
	file = open_vm();
	hbell = fake_event(&bell, false);
	hirq[0] = fake_event(&irq[0], false);
	hirq[1] = fake_event(&irq[1], false);
	hmanual = fake_event(&manual, true);

	for (u32 f = COLINUX_IOC_IRQFD; f <= COLINUX_IOC_DOORBELL; f++) {
		check(tie(file, f, 64, 0, (s64)hbell) == -22, "no such device");
		check(tie(file, f, 0, 0, -2) == -22, "a bad handle");
		check(tie(file, f, 0, 0, 4 * 60) == -22, "an unknown handle");
		check(!tie(file, f, 0, 0, -1), "untying nothing");
	}
	check(tie(file, COLINUX_IOC_IRQFD, 0, 17, (s64)hbell) == -22,
	      "IRQFD: no such interrupt");

	check(!tie(file, COLINUX_IOC_DOORBELL, 3, 1, (s64)hbell), "a doorbell");
	host_doorbell(NULL, doorbell_of(file, 3, 1));
	check(bell->Header.SignalState == 1, "it sets its event");
	KeClearEvent(bell);
	fcpu.irql = DISPATCH_LEVEL;
	cpu_irq_off();
	host_doorbell(NULL, doorbell_of(file, 3, 1));
	check(bell->Header.SignalState == 1 && !cpu_irqs_on() &&
		      fcpu.irql == DISPATCH_LEVEL, "from a guest run, too");
	fcpu.irql = 0;
	cpu_irq_on();
	check(!tie(file, COLINUX_IOC_DOORBELL, 3, 1, -1) &&
		      !doorbell_of(file, 3, 1), "and no more when untied");
	check(!tie(file, COLINUX_IOC_DOORBELL, 3, 1, (s64)hbell) &&
		      doorbell_of(file, 3, 1), "tied again");

	check(!tie(file, COLINUX_IOC_IRQFD, 0, 0, (s64)hirq[0]) &&
		      !tie(file, COLINUX_IOC_IRQFD, 63, 16,
			   (s64)hirq[1]) &&
		      counts.threads == 2, "interrupts, on two threads");
	for (int i = 0; i < 2; i++) {
		/* Two threads wait for events; the third is the vCPU's. */
		start_runner(&r, file, 0, GUEST_SLEEPS);
		while (waits < 3)
			fake_poke();
		KeSetEvent(irq[i], 0, FALSE);
		check(ended_with(&r, COLINUX_RUN_HYPERCALL),
		      "event %d wakes the guest", i);
	}
	check(!tie(file, COLINUX_IOC_IRQFD, 0, 0, (s64)hmanual),
	      "another event instead");
	start_runner(&r, file, 0, GUEST_SLEEPS);
	while (waits < 3)
		fake_poke();
	KeSetEvent(manual, 0, FALSE);
	check(ended_with(&r, COLINUX_RUN_HYPERCALL), "a manual-reset one");
	check(!tie(file, COLINUX_IOC_IRQFD, 63, 16, -1), "untied");
	close_device(file);
	fake_event_close(hbell);
	fake_event_close(hirq[0]);
	fake_event_close(hirq[1]);
	fake_event_close(hmanual);
	check(counts.threads == 0 && counts.references == 0,
	      "closing ends threads and gives references back");
	unload_driver();
	check(nothing_left(), "nothing is left");
}

static struct host_event *doorbell_of(FILE_OBJECT *file, u32 d, u32 q)
{
	(void)file;
	return last_vm->doorbells[d][q];
}

/* vm.c's vm_create(), noted on the way. */
int __real_vm_create(struct vm **out, struct colinux_create *args);
int __wrap_vm_create(struct vm **out, struct colinux_create *args);
int __wrap_vm_create(struct vm **out, struct colinux_create *args)
{
	int err = __real_vm_create(out, args);

	last_vm = err ? NULL : *out;
	return err;
}

static bool formats(const char *wanted, const char *fmt, ...)
{
	char text[64];
	__builtin_va_list args;
	int n;

	__builtin_va_start(args, fmt);
	n = host_format(text, sizeof(text), fmt, args);
	__builtin_va_end(args);
	return !strcmp(text, wanted) && n == (int)strlen(wanted);
}

static void formatting(void)
{
	char small[4] = "zzz";

	check(formats("a -5 7 ff 123456789abcdef 100%", "%s %d %u %x %llx %d%%",
		      "a", -5, 7u, 0xffu, 0x123456789abcdefull, 100),
	      "conversions");
	check(formats("007    8 x", "%03u %4d %c", 7u, 8, 'x'), "widths");
	check(formats("-2147483648 (null)", "%d %s", -2147483647 - 1, NULL),
	      "limits");
	{
		const char *fmt = "12345";
		__builtin_va_list args;

		memset(&args, 0, sizeof(args));
		check(host_format(small, sizeof(small), fmt, args) == 5 &&
			      !strcmp(small, "123"), "cut off");
	}
}

static void many(u32 version)
{
	struct fake_counts before;
	struct runner r;

	start_driver(version);
	before = counts;
	for (int i = 0; i < 20; i++) {
		FILE_OBJECT *file = open_vm();
		struct colinux_map map = { 0 };

		if (call(file, COLINUX_IOC_MAP, &map))
			die("MAP");
		start_runner(&r, file, 0, GUEST_SPINS);
		wait_until(&guest_is_in);
		cancel_irp(r.irp);
		if (!ended_with(&r, COLINUX_RUN_INTR))
			die("a run of many");
		close_device(file);
	}
	check(before.devices == 1 && !memcmp(&before, &counts, sizeof(counts)),
	      "%x: 20 guests leave what the driver had without", version);
	unload_driver();
	check(nothing_left(), "%x: ... and it leaves nothing", version);
}

int main(void)
{
	static const u32 versions[] = { 0x502, 0x601, 0xa00 };

	formatting();
	refusals();
	security();
	loading_fails();
	start_driver(0xa00);
	requests();
	mappings();
	unload_driver();
	check(nothing_left(), "nothing is left");
	for (int i = 0; i < 3; i++) {
		shapes(versions[i]);
		creation_fails(versions[i]);
		balloon(versions[i]);
		runs(versions[i]);
		ends(versions[i]);
		contract(versions[i]);
		many(versions[i]);
	}
	events();
	return done();
}
