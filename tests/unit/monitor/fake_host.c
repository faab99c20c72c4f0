// SPDX-License-Identifier: GPL-2.0
/* monitor/host.h in user space; see fake_host.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "fake_host.h"
#include "vm.h"
#include "../virtio/tap.h"

struct fake_host fake_host;

struct host_memory {
	void *ram;		/* the first 4 MiB: more is never touched */
	struct colinux_extent one;
};

void fake_require(bool ok, const char *what)
{
	if (!ok && !fake_host.violations++)
		check(false, "contract: %s", what);
}

void fake_reset(void)
{
	memset(&fake_host, 0, sizeof(fake_host));
	memset(&fake_cpu, 0, sizeof(fake_cpu));
	fake_cpu.cr0 = 0x80050033;
	fake_cpu.cr4 = 0x20 | CR4_MCE;
	fake_if = 1;
}

/* May sleep: thread context, IF=1. */
static bool may_allocate(void)
{
	fake_require(fake_if, "an allocation with IF=0");
	if (++fake_host.attempts == fake_host.fail_at)
		return false;
	__sync_fetch_and_add(&fake_host.allocated, 1);
	return true;
}

static void released(void)
{
	fake_require(fake_if, "memory freed with IF=0");
	__sync_fetch_and_sub(&fake_host.allocated, 1);
}

int host_memory_alloc(u64 size, u64 image, struct host_memory **out,
		      const struct colinux_extent **table, u32 *nr)
{
	struct host_memory *mem;

	(void)image;
	if (fake_host.memory_error)
		return fake_host.memory_error;
	if (!may_allocate())
		return -CO_ENOMEM;
	mem = calloc(1, sizeof(*mem));
	if (!mem)
		die("memory");
	mem->ram = mmap(NULL, COLINUX_KERNEL_OFFSET, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem->ram == MAP_FAILED)
		die("mmap");
	mem->one.machine = FAKE_MACHINE;
	mem->one.size = size;
	*out = mem;
	*table = fake_host.extents ? fake_host.extents : &mem->one;
	*nr = fake_host.extents ? fake_host.nr_extents : 1;
	return 0;
}

void host_memory_free(struct host_memory *mem)
{
	released();
	munmap(mem->ram, COLINUX_KERNEL_OFFSET);
	free(mem);
}

void *host_memory_map(struct host_memory *mem, u64 size)
{
	fake_require(size <= COLINUX_KERNEL_OFFSET, "a mapping of more");
	return fake_host.no_map ? NULL : mem->ram;
}

static int note_range(char what, u64 offset, u64 size)
{
	fake_require(fake_if, "memory given back with IF=0");
	fake_host.range_call = what;
	fake_host.range.offset = offset;
	fake_host.range.size = size;
	return fake_host.range_error;
}

int host_memory_release(struct host_memory *mem, u64 offset, u64 size)
{
	(void)mem;
	return note_range('-', offset, size);
}

int host_memory_reclaim(struct host_memory *mem, u64 offset, u64 size)
{
	(void)mem;
	return note_range('+', offset, size);
}

void *host_zalloc(size_t size)
{
	return may_allocate() ? calloc(1, size) : NULL;
}

void host_zfree(void *p, size_t size)
{
	/* ASan sees it if the size is wrong. */
	if (size)
		*(volatile u8 *)((u8 *)p + size - 1) = 0;
	released();
	free(p);
}

void *host_page_alloc(u64 *machine)
{
	void *page;

	if (!may_allocate())
		return NULL;
	page = aligned_alloc(4096, 4096);
	if (!page)
		die("memory");
	memset(page, 0, 4096);
	*machine = addr_of(page);
	return page;
}

void host_page_free(void *page)
{
	released();
	free(page);
}

u64 host_code_machine(const void *code)
{
	return FAKE_CODE + addr_of(code) % 4096;
}

static void guest_enter(struct host_vcpu *h)
{
	fake_require(!fake_if && h->begun && !h->entered,
		     "enter outside begin and end, or with IF=1");
	h->entered = 1;
}

static void guest_exit(struct host_vcpu *h)
{
	fake_require(!fake_if && h->entered, "exit without enter");
	h->entered = 0;
}

static void leave(struct host_vcpu *h)
{
	fake_require(!fake_if && h->begun && !h->entered, "leave in the guest");
	fake_host.left++;
}

static bool must_leave(struct host_vcpu *h)
{
	(void)h;
	return ++fake_host.asked == fake_host.leave_after;
}

static bool interrupt_later(struct host_vcpu *h, u32 vector)
{
	(void)h;
	fake_require(!fake_if && vector >= 32, "a take-over with IF=1");
	return fake_host.later;
}

void host_guest_begin(struct host_vcpu *h, struct host_light *light)
{
	static const struct host_light_ops ops = {
		.enter = guest_enter,
		.exit = guest_exit,
		.leave = leave,
		.must_leave = must_leave,
		.interrupt_later = interrupt_later,
	};

	light->flags = &fake_host.flags;
	light->mask = 2;
	light->cpu = -1;
	light->fsgsbase = false;
	light->spec_ctrl_known = false;
	light->split_lock = false;
	light->ops = fake_host.no_ops ? NULL : &ops;
	light->call_vector = 251;
	light->nr_call_vectors = 2;
	fake_require(fake_if && !h->begun, "begin twice, or with IF=0");
	fake_require(h->bound, "begin without bind");
	h->begun = 1;
}

void host_guest_end(struct host_vcpu *h)
{
	fake_require(fake_if && h->begun, "end without begin, or with IF=0");
	h->begun = 0;
}

void host_self_interrupt(struct host_vcpu *h)
{
	fake_require(!fake_if, "a self-interrupt with IF=1 is lost");
	h->self_interrupts++;
}

u64 host_event_stack(u64 ist)
{
	return ist;
}

struct host_vcpu *host_vcpu_new(struct vcpu *v)
{
	struct host_vcpu *h = host_zalloc(sizeof(*h));

	if (h)
		h->v = v;
	return h;
}

void host_vcpu_free(struct host_vcpu *h)
{
	host_zfree(h, sizeof(*h));
}

void host_vcpu_bind(struct host_vcpu *h)
{
	h->bound = 1;
}

void host_vcpu_sleep(struct host_vcpu *h)
{
	fake_require(fake_if && !h->begun, "sleep inside begin and end");
	h->sleeps++;
	if (fake_host.on_sleep)
		fake_host.on_sleep(h);
}

void host_vcpu_kick(struct host_vcpu *h)
{
	__sync_fetch_and_add(&h->kicks, 1);
}

void host_vcpu_timer(struct host_vcpu *h, u64 ns)
{
	h->timers++;
	h->timer_ns = ns;
}

void host_vcpu_timer_cancel(struct host_vcpu *h)
{
	h->cancels++;
}

void host_yield(struct host_vcpu *h, bool turn)
{
	(void)h;
	fake_require(fake_if, "a yield with IF=0");
	fake_host.yields++;
	fake_host.flags = 0;
	fake_host.turns_given += turn;
}

bool host_signal_pending(struct host_vcpu *h)
{
	(void)h;
	return fake_host.signal;
}

u64 host_now(void)
{
	return __sync_add_and_fetch(&fake_host.now, 1000);
}

u64 host_wallclock(void)
{
	return fake_host.wallclock;
}

u64 host_tsc_khz(void)
{
	return 2000000;
}

struct host_watch *host_watch_start(struct vm *vm, u64 ns)
{
	(void)vm;
	fake_require(fake_if && ns, "a watch with IF=0, or all the time");
	if (fake_host.no_watch)
		return NULL;
	fake_host.watches++;
	fake_host.watch_ns = ns;
	return (struct host_watch *)&fake_host;
}

void host_watch_stop(struct host_watch *w)
{
	fake_require(fake_if && w == (struct host_watch *)&fake_host,
		     "the end of another watch");
	fake_host.watches--;
}

bool host_in_guest(struct host_vcpu *h)
{
	return h->entered;
}

void host_vcpu_nmi(struct host_vcpu *h)
{
	fake_require(h->entered, "an NMI for nobody");
	h->nmis++;
}

void host_doorbell(struct host_vcpu *h, struct host_event *e)
{
	(void)h;
	e->signals++;
}

void host_log(int level, const char *fmt, ...)
{
	va_list args;

	(void)level;
	va_start(args, fmt);
	vsnprintf(fake_host.log, sizeof(fake_host.log), fmt, args);
	va_end(args);
}

int host_format(char *buf, size_t size, const char *fmt, va_list args)
{
	return vsnprintf(buf, size, fmt, args);
}
