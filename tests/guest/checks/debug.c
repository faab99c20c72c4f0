// SPDX-License-Identifier: GPL-2.0
/* ptrace: single steps, registers, hardware breakpoints. */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"

#define NOPS 16
#define DR7_EXACT 0x300
/* Breakpoint n enabled for this task: condition 1 = write, length 3 = 8. */
#define DR7(n, condition, length) \
	(1ul << (n) * 2 | ((condition) | (length) << 2) << (16 + (n) * 4))

static volatile uint64_t watched, result;

static __attribute__((noinline)) void executed(void)
{
	__asm__ volatile("" ::: "memory");
}

static void child(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	__asm__ volatile("int3\n"
			 ".rept 16\nnop\n.endr\n"
			 "int3\n"
			 "mov %%rax, %0\n"
			 : "=m"(result)
			 :
			 : "rax");
	if (result != 0x123456789abcdef0)
		_exit(2);
	for (int i = 0; i < 3; i++) {
		watched = i;
		executed();
	}
	_exit(0);
}

/* Continue; the signal that it stops with. */
static int next(int pid, int request)
{
	int status;

	if (ptrace(request, pid, 0, 0) || waitpid(pid, &status, 0) != pid)
		die("ptrace");
	return WIFSTOPPED(status) ? WSTOPSIG(status) : -status;
}

static void poke(int pid, int debug_register, uint64_t value)
{
	if (ptrace(PTRACE_POKEUSER, pid,
		   offsetof(struct user, u_debugreg) + 8 * debug_register,
		   value))
		die("PTRACE_POKEUSER");
}

static uint64_t dr6(int pid)
{
	uint64_t value = ptrace(PTRACE_PEEKUSER, pid,
				offsetof(struct user, u_debugreg) + 8 * 6, 0);

	poke(pid, 6, 0);
	return value & 0xf;
}

void check_debug(void)
{
	struct user_regs_struct regs;
	int pid, other, status, hits = 0;
	uint64_t rip;
	bool steps = true;

	pid = fork();
	if (!pid)
		child();
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		die("a child that stops");
	if (!check(next(pid, PTRACE_CONT) == SIGTRAP, "int3 stops the child"))
		return;
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	rip = regs.rip;
	for (unsigned int i = 1; i <= NOPS; i++) {
		steps &= next(pid, PTRACE_SINGLESTEP) == SIGTRAP;
		ptrace(PTRACE_GETREGS, pid, 0, &regs);
		steps &= regs.rip == rip + i;
	}
	check(steps, "%d single steps, an instruction each", NOPS);
	check(next(pid, PTRACE_CONT) == SIGTRAP, "the second int3");
	ptrace(PTRACE_GETREGS, pid, 0, &regs);
	regs.rax = 0x123456789abcdef0;
	ptrace(PTRACE_SETREGS, pid, 0, &regs);
	poke(pid, 0, (uint64_t)&watched);
	poke(pid, 1, (uint64_t)executed);
	/* The length of an address that is executed is 0. */
	poke(pid, 7, DR7(0, 1ul, 2ul) | DR7(1, 0ul, 0ul) | DR7_EXACT);
	other = fork();
	if (!other) {
		for (int i = 0; i < 10000; i++) {
			watched = i;
			executed();
		}
		_exit(0);
	}
	while ((status = next(pid, PTRACE_CONT)) == SIGTRAP && hits < 10) {
		uint64_t want = hits % 2 ? 2 : 1, got = dr6(pid);

		if (!check(got == want, "%s stops it (%d)",
			   hits % 2 ? "the function" : "the write",
			   hits / 2 + 1))
			break;
		hits++;
	}
	check(hits == 6 && status == 0,
	      "then it ends, with the register that was set (status %d)",
	      status);
	check(child_ok(other), "another process has no breakpoints");
	if (status == SIGTRAP)
		kill(pid, SIGKILL);
}
