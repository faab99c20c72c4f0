// SPDX-License-Identifier: GPL-2.0
/* A CPU for the monitor's tests, and the parts of monitor/x86 that need one. */
#include "fake_host.h"
#include "vm.h"
#include "../virtio/tap.h"

struct fake_cpu fake_cpu;
__thread int fake_if = 1;

const u8 colinux_passage_page[4096] __attribute__((aligned(4096))) = { 0xcc };
const u8 colinux_passage_nmi[1] = { 1 };
const u8 colinux_passage_mce[1] = { 2 };
const u8 colinux_passage_bad_segment[1] = { 3 };
const u32 colinux_passage_arrivals[2] = { 0x100, 0x200 };

u64 rdmsr(u32 msr)
{
	if (msr != MSR_TEST_CTRL)
		return msr;
	fake_cpu.test_ctrl_accesses++;
	return fake_cpu.test_ctrl;
}

void wrmsr(u32 msr, u64 value)
{
	fake_require(msr == MSR_TEST_CTRL, "a write to another MSR");
	fake_cpu.test_ctrl_accesses++;
	fake_cpu.test_ctrl = value;
}

void irq_off(void)
{
	fake_if = 0;
}

void irq_on(void)
{
	fake_if = 1;
}

void irq_window(void)
{
	fake_require(!fake_if, "an interrupt window with IF=1");
	fake_cpu.windows++;
}

void passage_switch(struct colinux_side *self)
{
	fake_require(!fake_if, "the passage with IF=1");
	fake_require(self->cr4 == fake_cpu.cr4, "the host's CR4 not followed");
	fake_require(fake_cpu.loads == fake_cpu.saves + 1 ||
			     fake_host.several_threads,
		     "the passage without the guest's state on the CPU");
	fake_cpu.guest(self);
}

void host_reraise(u32 vector)
{
	fake_require(!fake_if, "a host handler with IF=1");
	__sync_fetch_and_add(&fake_cpu.reraised[vector], 1);
	if (fake_cpu.on_reraise)
		fake_cpu.on_reraise(vector);
}

int cpu_context_init(struct cpu_context *c)
{
	c->xstate_raw = fake_cpu.fail_context ? NULL : host_zalloc(64);
	c->xstate_bytes = 64;
	return c->xstate_raw ? 0 : -CO_ENOMEM;
}

void cpu_context_free(struct cpu_context *c)
{
	if (c->xstate_raw)
		host_zfree(c->xstate_raw, c->xstate_bytes);
	c->xstate_raw = NULL;
}

void cpu_context_reset(struct cpu_context *c)
{
	(void)c;
}

u32 host_in_service(void)
{
	fake_require(!fake_if, "the APIC read with IF=1");
	fake_cpu.looked++;
	return fake_cpu.in_service;
}

void host_reraise_irq(const struct colinux_side *host, u32 vector)
{
	(void)host;
	if (fake_cpu.in_service == vector)
		fake_cpu.in_service = 0;
	host_reraise(vector);
}

void cpu_context_load(struct cpu_context *c, struct colinux_side *host,
		      struct colinux_vcpu_area *area,
		      const struct host_light *how)
{
	(void)c;
	(void)how;
	host->cr4 = fake_cpu.cr4;
	cpu_fix_guest_cr4(&area->side);
	__sync_fetch_and_add(&fake_cpu.loads, 1);
}

void cpu_context_save(struct cpu_context *c, struct colinux_side *host,
		      struct colinux_vcpu_area *area)
{
	(void)c;
	(void)host;
	(void)area;
	__sync_fetch_and_add(&fake_cpu.saves, 1);
}

void cpu_fix_guest_cr4(struct colinux_side *guest)
{
	guest->cr4 |= CR4_MCE;
}

void cpu_spec_ctrl_guest(struct cpu_context *c, u64 value)
{
	(void)c;
	fake_cpu.spec_ctrl = value;
}

void cpu_spec_ctrl_host(struct cpu_context *c)
{
	fake_cpu.spec_ctrl = c->spec_ctrl;
}
