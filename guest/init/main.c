// SPDX-License-Identifier: GPL-2.0
/*
 * /colinux-init: the first program of a guest (rdinit=/colinux-init), from the
 * small cpio archive that the loader puts in front of the distribution's own
 * initrd, or alone.  It loads the modules that drive the machine's devices and
 * hands over: to the initrd's /init where there is one, else to the init of
 * the root file system that root= names.  It knows nothing about the host.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "block.h"
#include "cmdline.h"
#include "handover.h"
#include "modules.h"
#include "root.h"
#include "say.h"
#include "sys.h"

#define SHELL	"/bin/sh"

void init_start(char **stack);

static void read_options(struct boot_options *options)
{
	static char text[4096];		/* COMMAND_LINE_SIZE is 2048 on x86 */
	int fd = sys_openat(AT_FDCWD, "/proc/cmdline", O_RDONLY | O_CLOEXEC);
	const char *too_long;
	long n = 0;

	if (fd >= 0) {
		n = sys_read(fd, text, sizeof(text) - 1);
		sys_close(fd);
	}
	if (n <= 0)
		say("cannot read /proc/cmdline: going on without it");
	text[n > 0 ? n : 0] = '\0';
	too_long = parse_cmdline(text, options);
	if (too_long)
		die("the value of ", too_long, "= on the kernel command line "
		    "is too long");
}

/* A shell in the initramfs; comes back when it exits. */
static void debug_shell(char **envp)
{
	char *argv[] = { (char *)SHELL, NULL };
	long pid;

	if (sys_access(SHELL, X_OK)) {
		say("colinux.debug=shell: there is no " SHELL " in the initrd");
		return;
	}
	say("a shell; \"exit\" goes on");
	pid = sys_call(__NR_fork, 0, 0, 0, 0, 0);
	if (!pid) {
		sys_call(__NR_setsid, 0, 0, 0, 0, 0);
		sys_execve(SHELL, argv, envp);
		sys_exit(127);
	}
	if (pid > 0)
		sys_call(__NR_wait4, pid, 0, 0, 0, 0);
}

/*
 * Run by start.S with the initial stack: argc, argv[], NULL, envp[], NULL.
 */
void init_start(char **stack)
{
	long argc = (long)stack[0];
	char **argv = stack + 1;
	char **envp = argv + argc + 1;
	static struct boot_options options;
	const char *next;
	int ret;

	if (sys_call(__NR_getpid, 0, 0, 0, 0, 0) != 1) {
		say("this is the first program of a coLinux guest; it does "
		    "nothing elsewhere");
		sys_exit(2);
	}
	mount_kernel_fs();
	read_options(&options);
	load_modules(options.debug);
	open_console();		/* its driver may have been one of them */
	start_agent(&options, envp);
	make_aliases();
	if (options.debug_shell)
		debug_shell(envp);

	next = options.rdinit[0] ? options.rdinit : "/init";
	if (options.rdinit[0] || !sys_access(next, X_OK)) {
		if (options.debug)
			say("the initrd's ", next, " goes on");
		ret = run_initrd(next, argv, envp);
		die("cannot run the initrd's ", next, ": ", error_text(ret));
	}
	if (options.root[0]) {
		mount_root(&options);
		/* Disks may have come while waiting for the root. */
		make_aliases();
		switch_root(&options, argv, envp);
	}
	if (!sys_access(SHELL, X_OK)) {
		say("no root= and no /init: a shell of the initrd");
		argv[0] = (char *)SHELL;
		ret = sys_execve(SHELL, argv, envp);
		die("cannot run " SHELL ": ", error_text(ret));
	}
	die("nothing to start: give root=DEVICE, or an initrd with /init");
}
