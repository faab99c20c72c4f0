// SPDX-License-Identifier: GPL-2.0
/* Restartable sequences, registered by the C library. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/rseq.h>
#include <sys/time.h>
#include <unistd.h>
#include "checks.h"

static void nothing(int signal)
{
	(void)signal;
}

/* Spins in a sequence that only an abort ends. */
static void spin_until_abort(struct rseq *area)
{
	__asm__ volatile(".pushsection __rseq_cs, \"aw\"\n"
			 ".balign 32\n"
			 "9: .long 0, 0\n"
			 ".quad 1f, 2f - 1f, 4f\n"
			 ".popsection\n"
			 "lea 9b(%%rip), %%rax\n"
			 "mov %%rax, %0\n"
			 "1: pause\n"
			 "jmp 1b\n"
			 "2:\n"
			 ".pushsection .text.abort, \"ax\"\n"
			 ".byte 0x0f, 0xb9, 0x3d\n"	/* UD1, as RSEQ_SIG */
			 ".long 0x53053053\n"
			 "4: jmp 5f\n"
			 ".popsection\n"
			 "5:\n"
			 : "+m"(area->rseq_cs)
			 :
			 : "rax", "memory", "cc");
}

void check_rseq(void)
{
	struct rseq *area = (void *)((char *)__builtin_thread_pointer() +
				     __rseq_offset);
	struct itimerval off = { 0 }, each = { { 0, 20000 }, { 0, 20000 } };
	bool good = true;

	if (!__rseq_size) {
		skip("rseq", "this kernel has none");
		return;
	}
	for (unsigned int i = 0; i < 200; i++) {
		pin(i % nr_cpus());
		good &= (int)*(volatile uint32_t *)&area->cpu_id ==
			sched_getcpu();
	}
	check(good, "the CPU number follows");
	signal(SIGALRM, nothing);
	/* One after the other: a signal may come before its sequence begins. */
	setitimer(ITIMER_REAL, &each, NULL);
	for (int i = 0; i < 10; i++)
		spin_until_abort(area);
	check(true, "a signal aborts a sequence, every time");
	setitimer(ITIMER_REAL, &off, NULL);
	signal(SIGALRM, SIG_DFL);
}
