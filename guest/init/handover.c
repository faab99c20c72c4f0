// SPDX-License-Identifier: GPL-2.0
/*
 * From the initramfs to the real system: mounts, switch of the root, exec.
 */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <asm/statfs.h>

#include "dir.h"
#include "root.h"
#include "say.h"
#include "sys.h"

#define MNT_DETACH	2		/* umount2(2) */

static const struct {
	const char *type, *at;
	const char *in_root;		/* where it goes in the final root */
	unsigned long flags;
	const char *data;
} kernel_fs[] = {
	{ "devtmpfs", "/dev", NEW_ROOT "/dev", MS_NOSUID, "mode=0755" },
	{ "proc", "/proc", NEW_ROOT "/proc",
	  MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
	{ "sysfs", "/sys", NEW_ROOT "/sys",
	  MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL },
};
#define NR_KERNEL_FS (sizeof(kernel_fs) / sizeof(kernel_fs[0]))

void open_console(void)
{
	int fd;

	/* Descriptors are given out lowest first, so this fills the gaps. */
	do {
		fd = sys_openat(AT_FDCWD, "/dev/console", O_RDWR);
	} while (fd >= 0 && fd <= 2);
	if (fd > 2)
		sys_close(fd);
}

void mount_kernel_fs(void)
{
	size_t i;
	int ret;

	for (i = 0; i < NR_KERNEL_FS; i++) {
		sys_mkdir(kernel_fs[i].at, 0755);
		ret = sys_mount(kernel_fs[i].type, kernel_fs[i].at,
				kernel_fs[i].type, kernel_fs[i].flags,
				kernel_fs[i].data);
		if (!i)
			open_console();
		if (ret && ret != -EBUSY)
			say("cannot mount ", kernel_fs[i].at, ": ",
			    error_text(ret));
	}
}

int run_initrd(const char *path, char **argv, char **envp)
{
	char *old = argv[0];
	size_t i;
	int ret;

	for (i = NR_KERNEL_FS; i--; )
		sys_umount(kernel_fs[i].at, MNT_DETACH);
	argv[0] = (char *)path;
	ret = sys_execve(path, argv, envp);
	argv[0] = old;
	mount_kernel_fs();
	return ret;
}

static int try_init(const char *path, char **argv, char **envp)
{
	argv[0] = (char *)path;
	return sys_execve(path, argv, envp);
}

/* Only ever empty a file system that lives in memory. */
static bool is_initramfs(int fd)
{
	struct statfs fs;

	return !sys_call(__NR_fstatfs, fd, &fs, 0, 0, 0) &&
		(fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}

/*
 * Have 0, 1, 2 on the console of the /dev that stays, not on the initramfs's
 * own node, which goes.
 */
static void move_console(void)
{
	int fd = sys_openat(AT_FDCWD, "/dev/console", O_RDWR);
	int to;

	if (fd < 0)
		return;
	for (to = 0; to <= 2; to++)
		if (to != fd)
			sys_call(__NR_dup2, fd, to, 0, 0, 0);
	if (fd > 2)
		sys_close(fd);
}

void switch_root(const struct boot_options *options, char **argv, char **envp)
{
	static const char *const inits[] = {
		"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"
	};
	int old_root = sys_openat(AT_FDCWD, "/",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t i;
	int ret;

	move_console();
	for (i = 0; i < NR_KERNEL_FS; i++) {
		ret = sys_mount(kernel_fs[i].at, kernel_fs[i].in_root, NULL,
				MS_MOVE, NULL);
		if (ret) {
			if (options->debug)
				say("no ", kernel_fs[i].at, " in the root file "
				    "system: not mounted there");
			sys_umount(kernel_fs[i].at, MNT_DETACH);
		}
	}
	ret = sys_chdir(NEW_ROOT);
	if (!ret)
		ret = sys_mount(".", "/", NULL, MS_MOVE, NULL);
	if (!ret)
		ret = sys_chroot(".");
	if (!ret)
		ret = sys_chdir("/");
	if (ret)
		die("cannot switch to the root file system: ",
		    error_text(ret));
	if (old_root >= 0 && is_initramfs(old_root))
		remove_below(old_root);

	if (options->init[0]) {
		ret = try_init(options->init, argv, envp);
		die("cannot run init=", options->init, ": ", error_text(ret),
		    "; correct init= or leave it out");
	}
	for (i = 0; i < sizeof(inits) / sizeof(inits[0]); i++) {
		ret = try_init(inits[i], argv, envp);
		if (ret != -ENOENT)
			say("cannot run ", inits[i], ": ", error_text(ret));
	}
	die("root=", options->root, " has no /sbin/init, /etc/init, /bin/init "
	    "or /bin/sh: is it the root of a Linux system? Try init=");
}
