/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupting a thread: none is lost, whether it comes before the call that
 * sleeps or during it.  The call here is a futex that sleeps only while the
 * number is not poisoned, as the driver's runs only a vCPU that there is.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../daemon/os.h"
#include "../virtio/tap.h"

#define ROUNDS 2000

static uint32_t number;
static uv_sem_t ready;
static _Atomic int stop;
static unsigned int before, during, odd;

static void sleeper(void *opaque)
{
	volatile uint32_t *poison = &number;

	(void)opaque;
	os_interrupt_target(&number);
	for (;;) {
		*poison = 7;
		if (atomic_load(&stop))
			break;
		uv_sem_post(&ready);
		if (syscall(SYS_futex, &number, FUTEX_WAIT_PRIVATE, 7, NULL,
			    NULL, 0) == 0)
			odd++;
		else if (errno == EAGAIN)
			before++;
		else if (errno == EINTR)
			during++;
		else
			odd++;
	}
	os_interrupt_untarget();
}

int main(void)
{
	uv_thread_t thread;

	os_interrupt_setup();
	uv_sem_init(&ready, 0);
	uv_thread_create(&thread, sleeper, NULL);
	/* A lost one would leave us waiting here; `prove` would say so. */
	alarm(30);
	for (int i = 0; i < ROUNDS; i++) {
		uv_sem_wait(&ready);
		if (i == ROUNDS - 1)
			atomic_store(&stop, 1);
		os_interrupt(thread);
	}
	uv_thread_join(&thread);
	check(before + during == ROUNDS && !odd,
	      "%d interrupts, %u before the call, %u during it", ROUNDS,
	      before, during);
	uv_sem_destroy(&ready);
	return done();
}
