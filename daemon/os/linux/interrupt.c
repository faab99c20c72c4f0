/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupting a vCPU thread on Linux: a real-time signal whose handler only
 * poisons the vCPU number of that thread's next call (see os.h for why).
 */
#include <pthread.h>
#include <signal.h>

#include "../../os.h"

/* The C library keeps the first two real-time signals; this is ours. */
#define SIG_INTERRUPT (SIGRTMIN + 2)

static __thread volatile uint32_t *target;

static void on_interrupt(int number)
{
	(void)number;
	if (target)
		*target = UINT32_MAX;
}

void os_interrupt_setup(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };

	sigfillset(&action.sa_mask);
	sigaction(SIG_INTERRUPT, &action, NULL);
}

void os_interrupt_target(volatile uint32_t *poison)
{
	sigset_t set;

	target = poison;
	/* All else is for the event loop; this one is for us. */
	sigfillset(&set);
	sigdelset(&set, SIG_INTERRUPT);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGILL);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGSYS);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

void os_interrupt_untarget(void)
{
	sigset_t set;

	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	target = NULL;
}

void os_interrupt(uv_thread_t thread)
{
	pthread_kill(thread, SIG_INTERRUPT);
}
