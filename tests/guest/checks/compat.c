// SPDX-License-Identifier: GPL-2.0
/* 32-bit system calls, from a 64-bit program and from a 32-bit one. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"

#define GETPID_32 20

/* build.mk: compat32.S, linked. */
__asm__(".section .rodata\n"
	"program: .incbin \"compat32\"\n"
	"program_end:\n"
	".previous\n");
extern const char program[], program_end[];

/* int $0x80, all registers but RAX kept. */
static int call32(int nr)
{
	int result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(nr)
			 : "r8", "r9", "r10", "r11", "memory");
	return result;
}

void check_compat(void)
{
	int fd, child, status;

	fflush(NULL);
	child = fork();
	if (!child) {
		for (int i = 0; i < 2000; i++)
			if (call32(GETPID_32) != getpid())
				_exit(1);
		_exit(0);
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		skip("int $0x80", "this kernel has no such gate");
	else
		check(status == 0, "int $0x80 in a 64-bit program");
	fd = memfd_create("compat32", MFD_CLOEXEC);
	if (fd < 0 || write(fd, program, program_end - program) !=
			      program_end - program)
		die("memfd_create");
	fflush(NULL);
	child = fork();
	if (!child) {
		char *argv[] = { "compat32", NULL }, *envp[] = { NULL };

		fexecve(fd, argv, envp);
		_exit(errno == ENOEXEC ? 77 : 78);
	}
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip("a 32-bit program", "this kernel runs none");
	else
		check(status == 0, "a 32-bit program: int $0x80 and AT_SYSINFO "
		      "agree (status %x)", status);
	close(fd);
}
