/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A bare-metal guest in one page of C: entry, IDT, interrupt forwarding,
 * hypercalls, TAP output.  Included once by every guest.
 */
#ifndef TEST_GUEST_H
#define TEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <colinux/hypercall.h>
#include <colinux/passage.h>
#include "service.h"

#define BOOT ((volatile struct colinux_boot_info *)COLINUX_PORT_DATA_VA)

/* Stack n ends STACK_SIZE * n below the vCPU areas, so RSP tells the vCPU. */
#define STACK_SIZE 0x4000ull
#define STACK_TOP(n) \
	(COLINUX_PORT_DATA_VA + COLINUX_VCPU_AREAS - STACK_SIZE * (n))
/* Where the runner puts page tables and nobody else anything. */
#define FREE_OFFSET 0x10000ull	/* in the data region, 64 KiB */

static unsigned int test_nr;
static volatile uint64_t irqs, nmis, noted_nmis;
static char line[256] __attribute__((aligned(512)));
static uint64_t idt[512] __attribute__((aligned(16)));
static struct {
	uint16_t pad[3], limit;
	uint64_t base;
} idtr = { .limit = sizeof(idt) - 1 };

static inline uint64_t vcpu_id(void)
{
	uint64_t sp;

	__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
	return (COLINUX_PORT_DATA_VA + COLINUX_VCPU_AREAS - 1 - sp) /
	       STACK_SIZE;
}

/* On a vCPU's own stack only: not in an NMI handler inside the passage. */
#define AREA ((struct colinux_vcpu_area *)COLINUX_VCPU_AREA_VA(vcpu_id()))

/*
 * IF=0.  An NMI that hit the last instructions of the passage, after its own
 * look at `noted`, is in `noted` still: the host gets it now.
 */
static __attribute__((used)) void passage(void)
{
	void (*fn)(void *, uint64_t) =
		(void *)(COLINUX_PORT_TEXT_VA + COLINUX_PASSAGE_SWITCH);
	struct colinux_vcpu_area *area = AREA;

	do
		fn(&area->side, area->side.peer);
	while (*(volatile uint64_t *)&area->side.noted);
}

static inline uint64_t flags_off(void)
{
	uint64_t flags;

	__asm__ volatile("pushfq; pop %0; cli" : "=r"(flags)::"memory");
	return flags;
}

static int64_t hypercall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t flags = flags_off();
	int64_t ret;

	AREA->nr = nr;
	AREA->args[0] = a;
	AREA->args[1] = b;
	AREA->args[2] = c;
	AREA->if_enabled = flags >> 9 & 1;
	*(volatile uint32_t *)&AREA->reason = COLINUX_EXIT_HYPERCALL;
	passage();
	ret = AREA->ret;
	__asm__ volatile("push %0; popfq" ::"r"(flags) : "memory", "cc");
	return ret;
}

static void put(const char *s)
{
	uint64_t n = 0;

	while (s[n] && n < sizeof(line)) {
		line[n] = s[n];
		n++;
	}
	hypercall(COLINUX_HC_CONSOLE, (uint64_t)line,
		  (uint64_t)line - COLINUX_PORT_TEXT_VA + BOOT->port_machine,
		  n);
}

static void put_number(uint64_t v)
{
	char s[24];
	int i = sizeof(s) - 1;

	s[i] = 0;
	do {
		s[--i] = '0' + v % 10;
		v /= 10;
	} while (v);
	put(s + i);
}

static void check(bool ok, const char *what)
{
	put(ok ? "ok " : "not ok ");
	put_number(++test_nr);
	put(" - ");
	put(what);
	put("\n");
}

/* A number for people to read. */
static void __attribute__((unused)) note(const char *what, uint64_t v)
{
	put("# ");
	put(what);
	put(" ");
	put_number(v);
	put("\n");
}

static void __attribute__((noreturn)) end(void)
{
	put("1..");
	put_number(test_nr);
	put("\n");
	for (;;)
		hypercall(COLINUX_HC_END, COLINUX_END_POWEROFF, 0, 0);
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

static inline __attribute__((unused)) uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline __attribute__((unused)) void wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)));
}

static inline __attribute__((unused)) bool pending(unsigned int virq)
{
	return __atomic_load_n(&AREA->pending, __ATOMIC_SEQ_CST) >> virq & 1;
}

/* Take all pending virtual interrupts. */
static inline __attribute__((unused)) uint64_t take(void)
{
	return __atomic_exchange_n(&AREA->pending, 0, __ATOMIC_SEQ_CST);
}

/*
 * An NMI or machine check inside the passage, or with an exit reason that the
 * host has yet to read, must not switch: it is left in `noted` for the passage
 * or its caller.  frame = error code, RIP, CS, RFLAGS, RSP, SS.
 */
static void nmi(uint64_t *frame, uint32_t reason)
{
	struct colinux_vcpu_area *area;

	nmis++;
	if (frame[1] - COLINUX_PORT_TEXT_VA < COLINUX_PAGE_SIZE) {
		/* RSP may be the end of the side page: that is the area, too. */
		area = (void *)((frame[4] - 1) & ~(COLINUX_PAGE_SIZE - 1ull));
		if ((frame[4] - 1 - COLINUX_PORT_DATA_VA) <
		    COLINUX_VCPU_AREAS)
			area = (void *)COLINUX_VCPU_AREA_VA(
				(COLINUX_PORT_DATA_VA + COLINUX_VCPU_AREAS - 1 -
				 frame[4]) /
				STACK_SIZE);
	} else {
		area = AREA;
		if (!*(volatile uint32_t *)&area->reason) {
			area->args[0] = frame[1];
			area->args[1] = frame[3];
			*(volatile uint32_t *)&area->reason = reason;
			passage();
			return;
		}
	}
	noted_nmis++;
	__atomic_fetch_or(&area->side.noted,
			  reason == COLINUX_EXIT_MCE ? COLINUX_NOTED_MCE :
						       COLINUX_NOTED_NMI,
			  __ATOMIC_SEQ_CST);
}

#ifndef OWN_VECTORS
static bool own_vector(uint64_t vector, uint64_t *frame)
{
	(void)vector;
	(void)frame;
	return false;
}
#else
/* For guests with vectors of their own: true when that was one. */
static bool own_vector(uint64_t vector, uint64_t *frame);
#endif

/* Called by the stubs below with the vector. */
__attribute__((used)) void interrupt(uint64_t vector, uint64_t *frame);
void interrupt(uint64_t vector, uint64_t *frame)
{
	if (own_vector(vector, frame)) {
		;
	} else if (vector >= 32) {
		irqs++;
		AREA->vector = (uint32_t)vector;
		*(volatile uint32_t *)&AREA->reason = COLINUX_EXIT_IRQ;
		passage();
	} else if (vector == 2) {
		nmi(frame, COLINUX_EXIT_NMI);
	} else if (vector == 18) {
		nmi(frame, COLINUX_EXIT_MCE);
	} else {
		put("not ok - exception ");
		put_number(vector);
		put(" at offset ");
		put_number(frame[1] - COLINUX_PORT_TEXT_VA);
		put("\n");
		end();
	}
}

/* 256 stubs, 16 bytes each: [error code] vector, then all registers. */
__asm__(".text\n"
	".balign 16\n"
	"stubs:\n"
	".set v, 0\n"
	".rept 256\n"
	".balign 16\n"
	".if v == 8 || v == 10 || v == 11 || v == 12 || v == 13 || v == 14 || v == 17 || v == 21\n"
	".else\n"
	"push $0\n"
	".endif\n"
	"push $v\n"
	"jmp common\n"
	".set v, v + 1\n"
	".endr\n"
	"common:\n"
	"cld\n"
	"push %rax; push %rcx; push %rdx; push %rsi; push %rdi\n"
	"push %r8; push %r9; push %r10; push %r11; push %rbp\n"
	"mov %rsp, %rbp\n"
	"mov 80(%rbp), %rdi\n"
	"lea 88(%rbp), %rsi\n"
	"and $-16, %rsp\n"
	"call interrupt\n"
	"mov %rbp, %rsp\n"
	"pop %rbp; pop %r11; pop %r10; pop %r9; pop %r8\n"
	"pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
	"add $16, %rsp\n"
	"iretq\n");
extern char stubs[];

static void set_up_idt(void)
{
	uint16_t cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	for (int i = 0; i < 256; i++) {
		uint64_t a = (uint64_t)stubs + 16 * i;

		idt[2 * i] = (a & 0xffff) | (uint64_t)cs << 16 |
			     0x8e00ull << 32 | (a >> 16 & 0xffff) << 48;
		idt[2 * i + 1] = a >> 32;
	}
	idtr.base = (uint64_t)idt;
	__asm__ volatile("lidt %0" ::"m"(idtr.limit));
}

static inline __attribute__((unused)) uint64_t read_cr4(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static inline __attribute__((unused)) void write_cr4(uint64_t v)
{
	__asm__ volatile("mov %0, %%cr4" ::"r"(v));
}

static inline __attribute__((unused)) void cpuid(uint32_t leaf, uint32_t sub,
						 uint32_t *a, uint32_t *b,
						 uint32_t *c, uint32_t *d)
{
	__asm__ volatile("cpuid"
			 : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
			 : "a"(leaf), "c"(sub));
}

/* A check that this CPU cannot do. */
static void __attribute__((unused)) skip(const char *what, const char *why)
{
	put("ok ");
	put_number(++test_nr);
	put(" - ");
	put(what);
	put(" # SKIP ");
	put(why);
	put("\n");
}

/* Ask the runner for something. */
static int64_t __attribute__((unused)) runner(uint64_t command, uint64_t a,
					      uint64_t b)
{
	uint64_t flags = flags_off();
	int64_t ret;

	AREA->args[3] = b;
	ret = hypercall(COLINUX_HC_DEVICE, TEST_DEVICE, command, a);
	__asm__ volatile("push %0; popfq" ::"r"(flags) : "memory", "cc");
	return ret;
}

static void guest_main(void);
__attribute__((section(".text.entry"), used, noreturn)) void entry(void);
void entry(void)
{
	set_up_idt();
	guest_main();
	end();
}

#endif
