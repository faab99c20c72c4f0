// SPDX-License-Identifier: GPL-2.0
/* Host interrupts while the guest is in CPL 3, as its processes would be. */
#define OWN_VECTORS
#include "own.h"

#define VECTOR_DONE 0x80

static volatile uint64_t user_irqs, user_loops, wrong;
static uint64_t back_rsp __attribute__((used));
static uint8_t user_stack[4096] __attribute__((aligned(64), used));

/* CPL 3: registers hold known values for ever; the handler ends it. */
static void __attribute__((naked, used)) user_code(void)
{
	__asm__ volatile("mov $0x1111111111111111, %rbx\n"
			 "mov $0x2222222222222222, %r12\n"
			 "mov $0x3333333333333333, %r15\n"
			 "xor %r14, %r14\n"
			 "1:\n"
			 "mov %rbx, %rax\n"
			 "add %rbx, %rax\n"
			 "xor %r12, %rax\n"
			 "or %rax, %r14\n"	/* stays 0 */
			 "mov %rbx, %rax\n"
			 "add %r12, %rax\n"
			 "xor %r15, %rax\n"
			 "or %rax, %r14\n"	/* stays 0 */
			 "mov %r14, wrong\n"
			 "incq user_loops\n"
			 "cmpq $20, user_irqs\n"
			 "jb 1b\n"
			 "int $0x80\n");
}

static bool own_vector(uint64_t vector, uint64_t *frame)
{
	if ((frame[2] & 3) == 3) {
		if (vector == VECTOR_DONE) {
			/* Back into enter_user(), on the stack it left. */
			__asm__ volatile("mov back_rsp, %rsp\n"
					 "ret\n");
		}
		if (vector >= 32)
			user_irqs++;
	}
	return false;
}

/* IRETQ to CPL 3 with IF=1; comes back from VECTOR_DONE with IF=0. */
static void __attribute__((naked, noinline)) enter_user(void)
{
	__asm__ volatile("push %%rbx; push %%rbp\n"
			 "push %%r12; push %%r13; push %%r14; push %%r15\n"
			 "lea 1f(%%rip), %%rax\n"
			 "push %%rax\n"
			 "mov %%rsp, back_rsp\n"
			 "push %0\n"
			 "lea user_stack + 4096(%%rip), %%rax\n"
			 "push %%rax\n"
			 "push $0x202\n"
			 "push %1\n"
			 "lea user_code(%%rip), %%rax\n"
			 "push %%rax\n"
			 "iretq\n"
			 "1:\n"
			 "pop %%r15; pop %%r14; pop %%r13; pop %%r12\n"
			 "pop %%rbp; pop %%rbx\n"
			 "ret\n" ::"i"(SEL_USER_DATA), "i"(SEL_USER_CODE));
}

static void guest_main(void)
{
	set_up_segments(false);
	set_up_user_paging();
	use_stack(2, IST_NMI);
	idt[2 * VECTOR_DONE] |= 3ull << 45;	/* DPL 3 */
	enter_user();
	check(user_irqs >= 20, "host interrupts while in CPL 3");
	check(user_loops > 1000, "user code went on");
	check(!wrong, "its registers are what they were");
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	enter_user();
	check(!wrong, "and again");
	note("loops:", user_loops);
	note("interrupts:", user_irqs);
}
