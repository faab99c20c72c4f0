// SPDX-License-Identifier: GPL-2.0
/*
 * One vCPU outside its run loop: creation, first registers, and what other
 * threads and interrupt handlers may do to it.
 */
#include "vm.h"
#include "x86/cpu.h"

int vcpu_create(struct vm *vm, u32 id)
{
	u64 offset = COLINUX_PORT_DATA_OFFSET + COLINUX_VCPU_AREAS +
		     (u64)id * COLINUX_VCPU_AREA_SIZE;
	const u64 guest_code = COLINUX_PORT_TEXT_VA + COLINUX_PASSAGE_PAGE;
	const u64 host_code = addr_of(colinux_passage_page);
	struct vcpu *v = host_zalloc(sizeof(*v));
	int err;

	if (!v)
		return -CO_ENOMEM;
	vm->vcpus[id] = v;
	v->vm = vm;
	v->id = id;
	v->area = ptr_at(addr_of(vm->port) + offset);
	v->wake_mask = ~0ull;
	v->area_machine = vm->extents[0].machine + offset;
	v->host = host_vcpu_new(v);
	if (!v->host)
		return -CO_ENOMEM;
	v->side = host_page_alloc(&v->side_machine);
	if (!v->side)
		return -CO_ENOMEM;
	err = cpu_context_init(&v->context);
	if (err)
		return err;

	err = page_pool_init(&v->tables);
	if (err)
		return err;
	err = page_pool_map(&v->tables, host_code,
			    host_code_machine(colinux_passage_page));
	if (err)
		return err;
	err = page_pool_map(&v->tables, addr_of(v->side), v->side_machine);
	if (err)
		return err;
	err = page_pool_map(&v->tables, guest_code, vm->passage_machine);
	if (err)
		return err;
	err = page_pool_map(&v->tables, COLINUX_VCPU_AREA_VA((u64)id),
			    v->area_machine);
	if (err)
		return err;
	side_init(v->side, addr_of(v->side), host_code,
		  COLINUX_VCPU_AREA_VA((u64)id), v->tables.root,
		  colinux_passage_arrivals[0]);
	return 0;
}

void vcpu_destroy(struct vcpu *v)
{
	v->vm->vcpus[v->id] = NULL;
	if (v->host)
		host_vcpu_free(v->host);
	page_pool_free(&v->tables);
	cpu_context_free(&v->context);
	if (v->side)
		host_page_free(v->side);
	host_zfree(v, sizeof(*v));
}

/* The frame that passage.S pops when it resumes a side. */
struct first_frame {
	u64 rflags, r15, r14, r13, r12, rbp, rbx, rip;
};

/*
 * Where the first one is in the side's page: below where the passage's NMI frame
 * goes, at most 56 bytes, when it interrupts the end of this page.
 */
#define FIRST_FRAME \
	(sizeof(struct colinux_side) - 128 - sizeof(struct first_frame))

int vcpu_setup(struct vcpu *v, const struct colinux_vcpu_setup *regs)
{
	const u64 va = COLINUX_VCPU_AREA_VA((u64)v->id);
	struct colinux_side *side = &v->area->side;
	struct first_frame *frame;
	int err = 0;

	if (regs->pad || !vm_owns(v->vm, regs->cr3, COLINUX_PAGE_SIZE) ||
	    regs->cr3 % COLINUX_PAGE_SIZE)
		return -CO_EINVAL;
	if (__sync_lock_test_and_set(&v->running, 1))
		return -CO_EBUSY;

	__builtin_memset(v->area, 0, sizeof(*v->area));
	v->area->steal_ns = v->stats.steal_ns;	/* never runs backwards */
	v->area->away_ns = v->away_ns;
	side_init(side, va, COLINUX_PORT_TEXT_VA + COLINUX_PASSAGE_PAGE,
		  addr_of(v->side), v->tables.root,
		  colinux_passage_arrivals[1]);
	side->bounce = 1;
	side->cr0 = read_cr0();
	side->cr3 = regs->cr3;
	/* PCID and PGE come on when the guest kernel asks for them. */
	side->cr4 = read_cr4() & (0x20 /* PAE */ | CR4_LA57 | CR4_MCE);
	side->gdtr = side->passage_gdtr;
	side->idtr = side->passage_idtr;
	side->tr = COLINUX_PASSAGE_TR;
	__asm__("mov %%ss, %0" : "=r"(side->ss));

	frame = ptr_at(addr_of(side) + FIRST_FRAME);
	frame->rflags = 2;
	frame->rip = side->code + COLINUX_PASSAGE_START;
	frame->rbx = regs->rip;
	frame->r12 = regs->rsi;
	frame->r13 = regs->rsp;
	frame->r14 = regs->rdi;
	side->rsp = va + FIRST_FRAME;

	cpu_context_reset(&v->context);
	v->awaiting = 0;
	v->state = VCPU_READY;
	__sync_lock_release(&v->running);
	return err;
}

bool vcpu_is_new(const struct vcpu *v)
{
	/* The passage saves RSP when the guest leaves, not when it turns back. */
	return load_once(v->area->side.rsp) ==
	       COLINUX_VCPU_AREA_VA((u64)v->id) + FIRST_FRAME;
}

void vcpu_stats(const struct vcpu *v, struct colinux_stats *stats)
{
	u64 since = load_once(v->run_since), now = host_now();

	*stats = v->stats;
	stats->vcpu = v->id;
	/* The run that is under way is not in it yet. */
	if (since && now > since)
		stats->guest_ns += now - since;
}

void vcpu_interrupt(struct vcpu *v, u32 virq)
{
	__sync_fetch_and_or(&v->area->pending, 1ull << virq);
	if (load_once(v->asleep) && vcpu_wake_condition(v)) {
		__sync_bool_compare_and_swap(&v->runnable_since, 0,
					     host_now());
		__sync_bool_compare_and_swap(&v->area->run_state,
					     COLINUX_VCPU_ASLEEP,
					     COLINUX_VCPU_PREEMPTED);
	}
	host_vcpu_kick(v->host);
}

bool vcpu_wake_condition(const struct vcpu *v)
{
	return load_once(v->area->pending) & load_once(v->wake_mask) ||
	       load_once(v->vm->killed);
}

void vcpu_timer_expired(struct vcpu *v)
{
	vcpu_interrupt(v, COLINUX_VIRQ_TIMER);
}
