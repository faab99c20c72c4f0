/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sandbox of a running VM on Linux.  The guest is trusted like a kernel
 * module (it runs in ring 0), so this does not protect the host from a hostile
 * guest; it keeps errors in device back-ends from becoming more than errors.
 *
 * What is left: the files and sockets that are open, memory, threads, time,
 * signals to itself, and ioctl of the driver, terminals and block devices.
 * Refused calls fail with EPERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../os.h"

static const int allowed[] = {
	/* files that are open */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
	SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(preadv),
	SCMP_SYS(pwritev), SCMP_SYS(preadv2), SCMP_SYS(pwritev2),
	SCMP_SYS(lseek), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(fallocate), SCMP_SYS(ftruncate), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(fcntl), SCMP_SYS(close), SCMP_SYS(dup),
	SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(flock),
	SCMP_SYS(sync_file_range), SCMP_SYS(fadvise64), SCMP_SYS(statx),
	/* waiting */
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(eventfd2),
	SCMP_SYS(pipe2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(io_uring_enter),	/* rings are restricted: disk/uring.c */
	/* control socket */
	SCMP_SYS(accept4), SCMP_SYS(accept), SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(sendto),
	SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	/* memory, threads, time, identity */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap),
	SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(clone3), SCMP_SYS(clone), SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sched_setscheduler),
	SCMP_SYS(membarrier), SCMP_SYS(getrandom), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(geteuid), SCMP_SYS(getuid), SCMP_SYS(uname),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(sysinfo), SCMP_SYS(getrusage),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
	/* signals: tgkill is limited to this process below */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
};

/* ioctl by the letter (bits 8-15) of its request code. */
static const unsigned int allowed_ioctl[] = {
	COLINUX_IOC_TYPE,
	'T',	/* terminals: raw mode, window size */
	0xAF,	/* vhost: queues of network cards */
	0x12,	/* block devices: discard, zero-out, size */
};

static int add_rules(scmp_filter_ctx filter)
{
	int result = 0;

	for (size_t i = 0; !result && i < sizeof(allowed) / sizeof(int); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i],
					  0);
	for (size_t i = 0; !result &&
			   i < sizeof(allowed_ioctl) / sizeof(int); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(ioctl), 1,
					  SCMP_A1(SCMP_CMP_MASKED_EQ, 0xff00,
						  allowed_ioctl[i] << 8));
	if (!result)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(tgkill), 1,
					  SCMP_A0(SCMP_CMP_EQ, getpid()));
	/* abort() and the C library's own assertions. */
	if (!result)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(kill), 1,
					  SCMP_A0(SCMP_CMP_EQ, getpid()));
	/* Names of threads only. */
	if (!result)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(prctl), 1,
					  SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	return result;
}

/* The slirp process's own: sockets of the Internet, reading files. */
static int add_network_rules(scmp_filter_ctx filter)
{
	static const int calls[] = {
		SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
		SCMP_SYS(setsockopt),
	};
	static const int families[] = { AF_INET, AF_INET6 };
	int result = 0;

	for (size_t i = 0; !result && i < sizeof(calls) / sizeof(int); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	for (size_t i = 0; !result && i < sizeof(families) / sizeof(int); i++)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(socket), 1,
					  SCMP_A0(SCMP_CMP_EQ, families[i]));
	if (!result)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(openat), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ,
						  O_ACCMODE | O_CREAT | O_TRUNC,
						  O_RDONLY));
	return result;
}

static int enter(int (*more_rules)(scmp_filter_ctx filter),
		 struct error *error)
{
	scmp_filter_ctx filter;
	int result;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(error, "no_new_privs: %s; sandbox=off runs "
					"without", strerror(errno));
	result = os_thread_drop_rights(false);
	if (result < 0)
		return error_set(error, "cannot give up capabilities: %s; "
					"sandbox=off runs without",
				 strerror(-result));
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return error_set(error, "out of memory");
	/* Device threads run already. */
	result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!result)
		result = add_rules(filter);
	if (!result && more_rules)
		result = more_rules(filter);
	if (!result)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result < 0)
		return error_set(error, "cannot limit system calls "
					"(seccomp): %s; sandbox=off runs "
					"without", strerror(-result));
	return 0;
}

/* Connecting again to vhost-user devices that went away. */
static int add_connect_rules(scmp_filter_ctx filter)
{
	int result;

	result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				  SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	if (!result)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(connect), 0);
	if (!result)
		result = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
					  SCMP_SYS(setsockopt), 0);
	return result;
}

int os_enter_sandbox(bool connect, struct error *error)
{
	return enter(connect ? add_connect_rules : NULL, error);
}

/* The user and group "nobody" of every Linux (65534). */
#define NOBODY 65534

int os_enter_network_sandbox(struct error *error)
{
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	     setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return error_set(error, "cannot become nobody: %s; sandbox=off "
					"runs without", strerror(errno));
	return enter(add_network_rules, error);
}
