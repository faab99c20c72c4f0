// SPDX-License-Identifier: GPL-2.0
/*
 * Live roots.  A CD-ROM holds its root as a squashfs image at a place that
 * depends on who made it; some hold a file system image in that.
 */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <linux/loop.h>
#include <linux/mount.h>

#include "root.h"
#include "say.h"
#include "sys.h"

#define MEDIUM	"/colinux-medium"
#define IMAGE	"/colinux-image"
#define INNER	"/colinux-inner"
#define MEMORY	"/colinux-memory"
#define MNT_DETACH	2		/* umount2(2) */

bool is_read_only_fs(const char *type)
{
	return !strcmp(type, "squashfs") || !strcmp(type, "erofs") ||
	       !strcmp(type, "iso9660");
}

/* Mount an image file; 0 or a negative errno. */
static int mount_image(const char *file, const char *type, const char *at,
		       const char *data)
{
	static struct loop_config config;
	char device[32] = "/dev/loop", number[21];
	int control, loop, fd, ret;
	const char *digits;
	long nr;

	fd = sys_openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fd;
	control = sys_openat(AT_FDCWD, "/dev/loop-control",
			     O_RDWR | O_CLOEXEC);
	if (control < 0) {
		sys_close(fd);
		return control;
	}
	nr = sys_call(__NR_ioctl, control, LOOP_CTL_GET_FREE, 0, 0, 0);
	sys_close(control);
	digits = decimal(nr < 0 ? 0 : (unsigned long)nr, number);
	memcpy(device + 9, digits, strlen(digits) + 1);
	loop = nr < 0 ? (int)nr : sys_openat(AT_FDCWD, device,
					     O_RDONLY | O_CLOEXEC);
	if (loop < 0) {
		sys_close(fd);
		return loop;
	}
	config.fd = (unsigned int)fd;
	config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
	ret = (int)sys_call(__NR_ioctl, loop, LOOP_CONFIGURE, &config, 0, 0);
	if (!ret) {
		sys_mkdir(at, 0755);
		ret = sys_mount(device, at, type, MS_RDONLY, data);
	}
	sys_close(loop);
	sys_close(fd);
	return ret;
}

/* Where the root is: the medium itself, or an image in it. */
static const char *find_lower(const struct boot_options *options)
{
	static const char *const images[] = {
		MEDIUM "/live/filesystem.squashfs",	/* Debian */
		MEDIUM "/casper/filesystem.squashfs",	/* Ubuntu */
		MEDIUM "/LiveOS/squashfs.img",		/* Fedora */
		MEDIUM "/arch/x86_64/airootfs.sfs",	/* Arch */
	};
	size_t i;
	int ret;

	for (i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		if (sys_access(images[i], 0))
			continue;
		ret = mount_image(images[i], "squashfs", IMAGE, NULL);
		if (ret)
			die("root=", options->root, ": cannot mount ",
			    images[i] + sizeof(MEDIUM) - 1, " of it: ",
			    error_text(ret));
		if (sys_access(IMAGE "/LiveOS/rootfs.img", 0))
			return IMAGE;
		ret = mount_image(IMAGE "/LiveOS/rootfs.img", "ext4", INNER,
				  "noload");
		if (ret)
			die("root=", options->root, ": cannot mount its "
			    "LiveOS/rootfs.img: ", error_text(ret));
		return INNER;
	}
	return MEDIUM;
}

void make_live_root(const struct boot_options *options, const char *type)
{
	char data[160] = "upperdir=" MEMORY "/upper,workdir=" MEMORY
			 "/work,lowerdir=";
	const char *lower = MEDIUM;
	int ret;

	sys_mkdir(MEDIUM, 0755);
	ret = sys_mount(NEW_ROOT, MEDIUM, NULL, MS_MOVE, NULL);
	if (ret)
		die("root=", options->root, ": cannot move it: ",
		    error_text(ret));
	if (!strcmp(type, "iso9660"))
		lower = find_lower(options);
	if (options->debug)
		say("live root: ", lower, " under a tmpfs");
	sys_mkdir(MEMORY, 0755);
	ret = sys_mount("tmpfs", MEMORY, "tmpfs", 0, "mode=0755");
	sys_mkdir(MEMORY "/upper", 0755);
	sys_mkdir(MEMORY "/work", 0755);
	memcpy(data + strlen(data), lower, strlen(lower) + 1);
	if (!ret)
		ret = sys_mount("overlay", NEW_ROOT, "overlay", 0, data);
	if (ret)
		die("root=", options->root, ": cannot put a tmpfs over it: ",
		    error_text(ret), "; colinux.overlay=off does without");
	/* The overlay holds them; nobody needs to see them. */
	sys_umount(MEMORY, MNT_DETACH);
	sys_umount(INNER, MNT_DETACH);
	sys_umount(IMAGE, MNT_DETACH);
	sys_umount(MEDIUM, MNT_DETACH);
}
