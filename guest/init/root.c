// SPDX-License-Identifier: GPL-2.0
/*
 * The root file system: wait for its device, find its type, mount it.
 */
#include "root.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <time.h>

#include "block.h"
#include "live.h"
#include "say.h"
#include "sys.h"

/* Disks of the VM are there as soon as their driver is. */
#define DEFAULT_WAIT	10	/* seconds */
#define FIRST_MESSAGE	2	/* seconds of silence before "waiting for" */
#define NEXT_MESSAGE	10

static unsigned long now_ms(void)
{
	struct timespec t = { 0 };

	sys_call(__NR_clock_gettime, CLOCK_MONOTONIC, &t, 0, 0, 0);
	return (unsigned long)t.tv_sec * 1000 +
		(unsigned long)t.tv_nsec / 1000000;
}

/* A socket that becomes readable when the kernel announces a device. */
static int open_uevents(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = 1,		/* the kernel's own messages */
	};
	int fd = (int)sys_call(__NR_socket, AF_NETLINK,
			       SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			       NETLINK_KOBJECT_UEVENT, 0, 0);

	if (fd < 0)
		return -1;
	if (sys_call(__NR_bind, fd, &address, sizeof(address), 0, 0)) {
		sys_close(fd);
		return -1;
	}
	return fd;
}

/* Until something happened to a device, at most `ms` milliseconds. */
static void wait_uevent(int fd, unsigned long ms)
{
	struct pollfd poll = { .fd = fd, .events = POLLIN };
	static char ignored[8192];

	/* Without the socket (fd -1 is ignored by poll) look ten times a second. */
	if (fd < 0 && ms > 100)
		ms = 100;
	sys_call(__NR_poll, &poll, 1, ms, 0, 0);
	while (fd >= 0 && sys_read(fd, ignored, sizeof(ignored)) > 0)
		;
}

struct search {
	const struct root_spec *spec;
	struct block_device found;
};

static bool try_device(const struct block_device *device, void *data)
{
	struct search *search = data;

	if (!block_matches(device, search->spec))
		return false;
	search->found = *device;
	return true;
}

static bool list_device(const struct block_device *device, void *data)
{
	struct disk_names fs, part;

	(void)data;
	block_fs(device, &fs);
	block_partition(device, &part);
	report("  /dev/", device->name, device->classic[0] ? " = " : "",
	       device->classic, " ", fs.type[0] ? fs.type : "(no file system)",
	       fs.uuid[0] ? " UUID=" : "", fs.uuid,
	       fs.label[0] ? " LABEL=" : "", fs.label,
	       part.uuid[0] ? " PARTUUID=" : "", part.uuid,
	       part.label[0] ? " PARTLABEL=" : "", part.label);
	return false;
}

static bool count_device(const struct block_device *device, void *data)
{
	(void)device;
	++*(unsigned int *)data;
	return false;
}

static void __attribute__((noreturn)) no_device(const char *root)
{
	unsigned int count = 0;
	int fd;

	for_each_block_device(count_device, &count);
	if (!count)
		die("root=", root, ": there is no disk at all; give the "
		    "machine one (cobd0=FILE) and check the messages about "
		    "modules above");
	/* Else the kernel drops all but ten lines in five seconds. */
	fd = sys_openat(AT_FDCWD, "/proc/sys/kernel/printk_devkmsg",
			O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		sys_write(fd, "on\n", 3);
		sys_close(fd);
	}
	report("the disks of this machine:");
	for_each_block_device(list_device, NULL);
	die("root=", root, " is none of the disks there are, listed above: "
	    "correct it, or give rootwait to wait for it");
}

static void find_device(const struct boot_options *options,
			const struct root_spec *spec,
			struct block_device *device)
{
	struct search search = { .spec = spec };
	unsigned long wait = options->wait ? options->wait : DEFAULT_WAIT;
	unsigned long start = now_ms(), next = FIRST_MESSAGE * 1000, elapsed;
	int uevents = open_uevents();	/* before the first look */

	while (!for_each_block_device(try_device, &search)) {
		elapsed = now_ms() - start;
		if (!options->wait_forever && elapsed >= wait * 1000)
			no_device(options->root);
		if (elapsed >= next) {
			say("waiting for root=", options->root);
			next += NEXT_MESSAGE * 1000;
		}
		wait_uevent(uevents, 1000);
	}
	if (uevents >= 0)
		sys_close(uevents);
	*device = search.found;
}

static int try_mount(const char *source, const char *type,
		     const struct mount_options *mount)
{
	int ret = sys_mount(source, NEW_ROOT, type, mount->flags, mount->data);

	/* A write-protected disk: as the kernel's own root mount does. */
	if (ret == -EROFS || ret == -EACCES)
		ret = sys_mount(source, NEW_ROOT, type,
				mount->flags | MS_RDONLY, mount->data);
	return ret;
}

/* Each type of a comma-separated list; the last error if none works. */
static int mount_types(const char *source, const char *types,
		       const struct mount_options *mount)
{
	char type[64];
	int ret = -ENODEV;
	size_t len;

	while (*types) {
		for (len = 0; types[len] && types[len] != ','; len++)
			;
		if (len && len < sizeof(type)) {
			memcpy(type, types, len);
			type[len] = '\0';
			ret = try_mount(source, type, mount);
			if (!ret)
				return 0;
		}
		types += len + (types[len] == ',');
	}
	return ret;
}

/* File systems that have no block device: root= is their tag or export. */
static bool has_no_device(const char *types)
{
	return !strcmp(types, "virtiofs") || !strcmp(types, "9p");
}

void mount_root(const struct boot_options *options)
{
	struct mount_options mount;
	struct block_device device;
	struct disk_names names;
	struct root_spec spec;
	const char *types = options->rootfstype;
	char source[80] = "/dev/";
	int ret;

	parse_mount_options(options->rootflags, options->writable, &mount);
	sys_mkdir(NEW_ROOT, 0755);
	if (has_no_device(types)) {
		ret = mount_types(options->root, types, &mount);
		if (ret)
			die("cannot mount root=", options->root, " as ", types,
			    ": ", error_text(ret));
		return;
	}
	if (!parse_root(options->root, &spec))
		die("root=", options->root, " is not understood; use a device "
		    "name (/dev/cobd0, /dev/vda1), UUID=, LABEL=, PARTUUID=, "
		    "PARTLABEL= or MAJOR:MINOR");
	find_device(options, &spec, &device);
	memcpy(source + 5, device.name, strlen(device.name) + 1);
	block_fs(&device, &names);
	if (!*types)
		types = names.type;
	if (!*types)
		die("root=", options->root, " (", source, ") has no file system "
		    "that is known here; give its type with rootfstype=");
	if (options->debug)
		say("mounting ", source, " as ", types,
		    mount.flags & MS_RDONLY ? " read-only" : " read-write");
	ret = mount_types(source, types, &mount);
	if (ret == -ENODEV)
		die("root=", options->root, " (", source, "): this kernel has "
		    "no file system ", types, "; its module is missing in "
		    "the initrd");
	if (ret)
		die("cannot mount root=", options->root, " (", source, ") as ",
		    types, ": ", error_text(ret));
	if (is_read_only_fs(names.type) && !options->no_overlay)
		make_live_root(options, names.type);
}
