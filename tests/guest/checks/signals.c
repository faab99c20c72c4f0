// SPDX-License-Identifier: GPL-2.0
/* Signals: queues, masks, restarts, stacks, waiting. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"

static volatile int got[64], nr_got;
static volatile sig_atomic_t nested, inside;

static void collect(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (nr_got < 64)
		got[nr_got++] = (signal - SIGRTMIN) * 100 +
				info->si_value.sival_int;
}

static void queues(void)
{
	struct sigaction action = { .sa_sigaction = collect,
				    .sa_flags = SA_SIGINFO };
	sigset_t all, old;
	bool ordered = true;
	int usr1 = 0;

	sigfillset(&action.sa_mask);
	sigaction(SIGRTMIN, &action, NULL);
	sigaction(SIGRTMIN + 1, &action, NULL);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	for (int i = 0; i < 10; i++) {
		union sigval value = { .sival_int = i };

		if (sigqueue(getpid(), SIGRTMIN + 1, value) ||
		    sigqueue(getpid(), SIGRTMIN, value))
			die("sigqueue");
	}
	nr_got = 0;
	sigprocmask(SIG_SETMASK, &old, NULL);
	for (int i = 0; i < 20; i++)
		ordered &= got[i] == i / 10 * 100 + i % 10;
	check(nr_got == 20 && ordered,
	      "sigqueue: all, lowest number first, in order");

	sigprocmask(SIG_BLOCK, &all, &old);
	for (int i = 0; i < 5; i++)
		kill(getpid(), SIGUSR1);
	sigemptyset(&all);
	sigaddset(&all, SIGUSR1);
	while (sigtimedwait(&all, NULL, &(struct timespec){ 0, 0 }) == SIGUSR1)
		usr1++;
	sigprocmask(SIG_SETMASK, &old, NULL);
	check(usr1 == 1, "a standard signal is pending once");
}

static void first(int signal)
{
	inside = 1;
	raise(signal == SIGUSR1 ? SIGUSR2 : SIGUSR1);
	inside = 0;
}

static void second(int signal)
{
	(void)signal;
	nested |= inside;
}

static void masks(void)
{
	struct sigaction action = { .sa_handler = first };

	signal(SIGUSR2, second);
	sigaddset(&action.sa_mask, SIGUSR2);
	sigaction(SIGUSR1, &action, NULL);
	nested = 0;
	raise(SIGUSR1);
	check(!nested, "sa_mask holds a signal back");
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	check(nested, "without it the handler is interrupted");
}

static void nothing(int signal)
{
	(void)signal;
}

/* A read that signals hit until it returns or a byte comes. */
static int interrupted_read(int flags, bool send_byte)
{
	struct sigaction action = { .sa_handler = nothing, .sa_flags = flags };
	int fds[2], child, result, error;
	char byte;

	sigaction(SIGUSR1, &action, NULL);
	if (pipe(fds))
		die("pipe");
	child = fork();
	if (!child) {
		for (int i = 0; send_byte ? i < 20 : 1; i++) {
			kill(getppid(), SIGUSR1);
			sleep_ms(2);
		}
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		_exit(0);
	}
	result = (int)read(fds[0], &byte, 1);
	error = errno;
	/* Its last signals may be on their way. */
	signal(SIGUSR1, SIG_IGN);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(fds[0]);
	close(fds[1]);
	return result < 0 ? -error : result;
}

static sigjmp_buf back;
static char *alternate;
static volatile sig_atomic_t on_alternate;
static void *volatile fault_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	char here;

	(void)signal;
	(void)context;
	on_alternate = &here >= alternate && &here < alternate + 65536;
	fault_address = info->si_addr;
	siglongjmp(back, 1);
}

static void stacks(void)
{
	struct sigaction action = { .sa_sigaction = on_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = 65536 };
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);
	volatile bool all = true;	/* sigsetjmp() returns twice */

	alternate = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack.ss_sp = alternate;
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (volatile int i = 0; i < 100; i++) {
		on_alternate = 0;
		if (!sigsetjmp(back, 1))
			*(volatile char *)(page + i) = 1;
		all &= on_alternate && fault_address == page + i;
	}
	check(all, "sigaltstack: a fault is handled there, its address is told");
	signal(SIGSEGV, SIG_DFL);
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	munmap(page, 4096);
}

static void waiting(void)
{
	sigset_t set, old, empty;
	uint64_t start = now_ns();
	int child;

	sigemptyset(&empty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	check(sigtimedwait(&set, NULL, &(struct timespec){ 0, 20000000 }) < 0 &&
		      errno == EAGAIN && now_ns() - start >= 20000000,
	      "sigtimedwait: times out, not early");
	signal(SIGUSR1, nothing);
	child = fork();
	if (!child) {
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	/* It may have come already: then it is pending. */
	check(sigsuspend(&empty) < 0 && errno == EINTR,
	      "sigsuspend: wakes for a signal that was blocked before");
	check(child_ok(child), "and its sender is fine");
	sigprocmask(SIG_SETMASK, &old, NULL);
}

void check_signals(void)
{
	queues();
	masks();
	check(interrupted_read(0, false) == -EINTR,
	      "without SA_RESTART a read ends in EINTR");
	check(interrupted_read(SA_RESTART, true) == 1,
	      "with SA_RESTART it goes on");
	stacks();
	waiting();
}
