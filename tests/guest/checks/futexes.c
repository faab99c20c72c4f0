// SPDX-License-Identifier: GPL-2.0
/* Futexes: wait, wake, requeue, priority inheritance, owners that die. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"

#define THREADS 4
#define ROUNDS 2000

static long futex(uint32_t *word, int op, uint32_t value, void *extra,
		  uint32_t *other, uint32_t value3)
{
	return syscall(SYS_futex, word, op, value, extra, other, value3);
}

static void returns(void)
{
	struct timespec timeout = { 0, 20000000 };
	uint32_t word = 1;
	uint64_t start = now_ns();

	check(futex(&word, FUTEX_WAIT, 2, NULL, NULL, 0) < 0 && errno == EAGAIN,
	      "FUTEX_WAIT with another value: EAGAIN");
	check(futex(&word, FUTEX_WAIT, 1, &timeout, NULL, 0) < 0 &&
		      errno == ETIMEDOUT && now_ns() - start >= 20000000,
	      "FUTEX_WAIT times out, not early");
	check(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0,
	      "FUTEX_WAKE without waiters: 0");
}

/* Two processes take turns: no wake-up is lost. */
static void ping_pong(void)
{
	uint32_t *turn = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int child = fork();
	uint32_t me = child ? 0 : 1;

	for (int i = 0; i < ROUNDS; i++) {
		while (__atomic_load_n(turn, __ATOMIC_SEQ_CST) != me)
			futex(turn, FUTEX_WAIT, !me, NULL, NULL, 0);
		__atomic_store_n(turn, !me, __ATOMIC_SEQ_CST);
		futex(turn, FUTEX_WAKE, 1, NULL, NULL, 0);
	}
	if (!child)
		_exit(0);
	check(child_ok(child), "two processes take %d turns each", ROUNDS);
	munmap(turn, 4096);
}

static uint32_t gate, second_gate;
static int woken;

static void *wait_at_gate(void *unused)
{
	(void)unused;
	/* Once: a requeued waiter wakes up from the other futex. */
	futex(&gate, FUTEX_WAIT, 0, NULL, NULL, 0);
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void requeue(void)
{
	pthread_t threads[THREADS];
	long moved = 0;

	gate = second_gate = 0;
	woken = 0;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, wait_at_gate, NULL);
	check(futex(&gate, FUTEX_CMP_REQUEUE, 0, (void *)(long)INT_MAX,
		    &second_gate, 7) < 0 && errno == EAGAIN,
	      "FUTEX_CMP_REQUEUE with another value: EAGAIN");
	/* Until all of them have come to wait, and been moved. */
	while (moved < THREADS) {
		moved += futex(&gate, FUTEX_CMP_REQUEUE, 0,
			       (void *)(long)INT_MAX, &second_gate, 0);
		sched_yield();
	}
	check(futex(&gate, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) == 0 &&
		      !__atomic_load_n(&woken, __ATOMIC_SEQ_CST),
	      "requeued: nobody waits at the first futex");
	check(futex(&second_gate, FUTEX_WAKE, 1, NULL, NULL, 0) == 1,
	      "one is woken at the second");
	check(futex(&second_gate, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) ==
		      THREADS - 1,
	      "and then the rest");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	check(woken == THREADS, "all come out");
}

static pthread_mutex_t mutex;
static volatile unsigned int counter;

static void *contend(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mutex);
		counter = counter + 1;
		if (i % 16 == 0)
			sched_yield();	/* so that others have to wait */
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void inheritance(void)
{
	pthread_mutexattr_t attr;
	pthread_t threads[THREADS];

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	if (pthread_mutex_init(&mutex, &attr))
		die("PTHREAD_PRIO_INHERIT");
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, contend, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	check(counter == THREADS * ROUNDS,
	      "a contended PI mutex excludes: %u", counter);
	pthread_mutex_destroy(&mutex);
}

static void *die_with_it(void *lock)
{
	pthread_mutex_lock(lock);
	return NULL;
}

static void robust(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t thread;
	int child;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(lock, &attr);
	pthread_create(&thread, NULL, die_with_it, lock);
	pthread_join(thread, NULL);
	check(pthread_mutex_lock(lock) == EOWNERDEAD &&
		      !pthread_mutex_consistent(lock) &&
		      !pthread_mutex_unlock(lock),
	      "a thread that ends with a robust mutex: EOWNERDEAD");
	child = fork();
	if (!child) {
		pthread_mutex_lock(lock);
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	check(pthread_mutex_lock(lock) == EOWNERDEAD &&
		      !pthread_mutex_consistent(lock) &&
		      !pthread_mutex_unlock(lock),
	      "a process that is killed with it: the same");
	munmap(lock, 4096);
}

void check_futexes(void)
{
	returns();
	ping_pong();
	requeue();
	inheritance();
	robust();
}
