// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of /colinux-init: the parts that make no system call.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "../../../guest/init/alias.h"
#include "../../../guest/init/cmdline.h"
#include "../../../guest/init/superblock.h"

static int tests, failures;

static void check(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, what);
	failures += !good;
}

static bool is(const char *got, const char *wanted)
{
	if (!strcmp(got, wanted))
		return true;
	printf("# got \"%s\", wanted \"%s\"\n", got, wanted);
	return false;
}

static void cmdline(void)
{
	struct boot_options o;
	char big[400];

	parse_cmdline("", &o);
	check(is(o.root, "") && is(o.init, "") && !o.writable && !o.debug,
	      "empty command line");
	parse_cmdline("quiet root=/dev/cobd0 rw init=/bin/sh rootfstype=ext4\n",
		      &o);
	check(is(o.root, "/dev/cobd0") && o.writable && is(o.init, "/bin/sh") &&
	      is(o.rootfstype, "ext4"), "plain parameters");
	parse_cmdline("root=UUID=ab-cd root=LABEL=x rw ro", &o);
	check(is(o.root, "LABEL=x") && !o.writable,
	      "the last one wins, '=' inside the value");
	parse_cmdline("root=\"LABEL=my root\" \"rootflags=a b\" ro", &o);
	check(is(o.root, "LABEL=my root") && is(o.rootflags, "a b"),
	      "double quotes keep blanks");
	parse_cmdline("root=/dev/vda -- root=/dev/vdb rw", &o);
	check(is(o.root, "/dev/vda") && !o.writable,
	      "nothing is taken after --");
	parse_cmdline("notroot=1 root2=2 xrw rwx rootwaiting", &o);
	check(is(o.root, "") && !o.writable && !o.wait_forever,
	      "similar names are others");
	parse_cmdline("rootwait", &o);
	check(o.wait_forever && !o.wait, "rootwait");
	parse_cmdline("rootwait=30", &o);
	check(!o.wait_forever && o.wait == 30, "rootwait=30");
	parse_cmdline("rootdelay=7s rootwait=99999999999", &o);
	check(!o.wait_forever && !o.wait, "bad numbers count as none");
	parse_cmdline("rdinit=/colinux-init", &o);
	check(is(o.rdinit, ""), "our own rdinit= is not a program to run");
	parse_cmdline("rdinit=/bin/sh rdinit=/colinux-init", &o);
	check(is(o.rdinit, "/bin/sh"), "the user's rdinit= is kept");
	parse_cmdline("colinux.overlay=off", &o);
	check(o.no_overlay, "colinux.overlay=off");
	parse_cmdline("colinux.overlay=on", &o);
	check(!o.no_overlay, "colinux.overlay=on");
	parse_cmdline("colinux.debug", &o);
	check(o.debug && !o.debug_shell, "colinux.debug");
	parse_cmdline("colinux.debug=shell", &o);
	check(o.debug && o.debug_shell, "colinux.debug=shell");
	parse_cmdline("\"", &o);
	parse_cmdline("=", &o);
	parse_cmdline("\"=\"", &o);
	parse_cmdline("root=\"", &o);
	check(is(o.root, ""), "lonely quotes and equal signs");
	memset(big, 'x', sizeof(big));
	memcpy(big, "root=", 5);
	strcpy(big + sizeof(big) - 5, " rw ");
	check(is(parse_cmdline(big, &o) ?: "", "root") && o.writable &&
	      is(o.root, ""), "too long a value is named");
}

static void root(void)
{
	struct root_spec s;

	check(parse_root("/dev/cobd0", &s) && s.kind == ROOT_NAME &&
	      is(s.value, "cobd0"), "root=/dev/NAME");
	check(parse_root("UUID=ABCD-ef", &s) && s.kind == ROOT_UUID &&
	      is(s.value, "abcd-ef"), "UUID= in lower case");
	check(parse_root("LABEL=\"My Root\"", &s) && s.kind == ROOT_LABEL &&
	      is(s.value, "My Root"), "LABEL= with quotes");
	check(parse_root("PARTUUID=12345678-01", &s) &&
	      s.kind == ROOT_PARTUUID && is(s.value, "12345678-01"),
	      "PARTUUID=");
	check(parse_root("/dev/disk/by-label/My\\x20Root", &s) &&
	      s.kind == ROOT_LABEL && is(s.value, "My Root"),
	      "udev's name of a label");
	check(parse_root("/dev/disk/by-uuid/AB", &s) && s.kind == ROOT_UUID &&
	      is(s.value, "ab"), "udev's name of a UUID");
	check(parse_root("254:17", &s) && s.kind == ROOT_NUMBER &&
	      s.major == 254 && s.minor == 17, "MAJOR:MINOR");
	check(parse_root("fe01", &s) && s.kind == ROOT_NUMBER &&
	      s.major == 254 && s.minor == 1, "hexadecimal number");
	check(parse_root("0x0801", &s) && s.major == 8 && s.minor == 1,
	      "hexadecimal number with 0x");
	check(!parse_root("", &s) && !parse_root("/dev/", &s) &&
	      !parse_root("vda1x", &s) && !parse_root("UUID=", &s) &&
	      !parse_root("1:", &s) && !parse_root("1:2x", &s) &&
	      !parse_root("nfs", &s), "what is no root= is refused");
}

static void mount_options(void)
{
	struct mount_options m;

	parse_mount_options("", false, &m);
	check(m.flags == MS_RDONLY && is(m.data, ""), "read-only by default");
	parse_mount_options("", true, &m);
	check(m.flags == 0, "rw");
	parse_mount_options("noatime,data=journal,rw,,subvol=@", false, &m);
	check(m.flags == MS_NOATIME && is(m.data, "data=journal,subvol=@"),
	      "flags and text are told apart");
	parse_mount_options("noatime,relatime", true, &m);
	check(m.flags == MS_RELATIME, "the last atime option wins");
}

static void aliases(void)
{
	char name[64];

	check(classic_name("../../devices/platform/cobd0/virtio1/block/vda", 0,
			   name, sizeof(name)) && is(name, "cobd0"),
	      "a whole disk");
	check(classic_name("../../devices/platform/cobd12/virtio1/block/vdb/"
			   "vdb3", 3, name, sizeof(name)) &&
	      is(name, "cobd12p3"), "a partition");
	check(!classic_name("../../devices/pci0000:00/virtio1/block/vda", 0,
			    name, sizeof(name)), "another bus");
	check(!classic_name("../../devices/platform/cobd/virtio1/block/vda", 0,
			    name, sizeof(name)) &&
	      !classic_name("../../devices/platform/cobd1x/block/vda", 0,
			    name, sizeof(name)) &&
	      !classic_name("../../devices/platform/cobd1", 0, name,
			    sizeof(name)), "similar names are others");
	check(!classic_name("/cobd0/block/vda", 1, name, 7) &&
	      classic_name("/cobd0/block/vda", 1, name, 8) &&
	      is(name, "cobd0p1"), "no room for the name");
}

static void superblocks(void)
{
	static const unsigned char uuid[16] = {
		0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
		0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x01
	};
	static const char text[] = "11223344-5566-7788-99aa-bbccddeeff01";
	unsigned char *head = calloc(1, DISK_HEAD);
	struct disk_names n;
	size_t len;

	check(!identify_fs(head, DISK_HEAD, &n) && is(n.type, ""),
	      "an empty disk");
	head[0x438] = 0x53;
	head[0x439] = 0xef;
	memcpy(head + 0x468, uuid, 16);
	memcpy(head + 0x478, "sixteen chars ok", 16);
	check(identify_fs(head, DISK_HEAD, &n) && is(n.type, "ext4") &&
	      is(n.uuid, text) && is(n.label, "sixteen chars ok"), "ext4");
	memset(head, 0, DISK_HEAD);
	memcpy(head, "XFSB", 4);
	memcpy(head + 32, uuid, 16);
	memcpy(head + 108, "data", 4);
	check(identify_fs(head, DISK_HEAD, &n) && is(n.type, "xfs") &&
	      is(n.uuid, text) && is(n.label, "data"), "xfs");
	memset(head, 0, DISK_HEAD);
	memcpy(head + 0x10040, "_BHRfS_M", 8);
	memcpy(head + 0x10020, uuid, 16);
	memset(head + 0x1012b, 'l', 256);
	check(identify_fs(head, DISK_HEAD, &n) && is(n.type, "btrfs") &&
	      is(n.uuid, text) && strlen(n.label) == 256,
	      "btrfs, label without an end");
	memset(head, 0, DISK_HEAD);
	memcpy(head, "hsqs", 4);
	memset(head, 0, DISK_HEAD);
	memcpy(head + 0x8001, "CD001", 5);
	memcpy(head + 0x8028, "MY DISK                         ", 32);
	check(identify_fs(head, DISK_HEAD, &n) && is(n.type, "iso9660") &&
	      is(n.label, "MY DISK"), "a CD-ROM and its label");
	memset(head, 0, DISK_HEAD);
	memcpy(head, "hsqs", 4);
	check(identify_fs(head, DISK_HEAD, &n) && is(n.type, "squashfs") &&
	      is(n.uuid, ""), "squashfs has no UUID");
	/* The sanitizers see any read beyond the end. */
	for (len = 0; len < 0x500; len++) {
		unsigned char *cut = malloc(len + 1);

		memset(cut, 0xff, len + 1);
		if (len > 0x439) {
			cut[0x438] = 0x53;
			cut[0x439] = 0xef;
		}
		identify_fs(cut, len, &n);
		free(cut);
	}
	check(true, "truncated heads");
	free(head);
}

static void put_le(unsigned char *at, unsigned long value, int bytes)
{
	for (; bytes--; value >>= 8)
		*at++ = (unsigned char)value;
}

static void partitions(void)
{
	unsigned char *head = calloc(1, DISK_HEAD);
	unsigned char *entry;
	struct disk_names n;
	int i;

	check(!identify_partition(head, DISK_HEAD, 1, &n), "no table");
	head[510] = 0x55;
	head[511] = 0xaa;
	put_le(head + 0x1b8, 0x12ab34cd, 4);
	check(identify_partition(head, DISK_HEAD, 10, &n) &&
	      is(n.uuid, "12ab34cd-0a"), "MBR");
	check(!identify_partition(head, 511, 1, &n) &&
	      !identify_partition(head, DISK_HEAD, 0, &n) &&
	      !identify_partition(head, DISK_HEAD, 256, &n),
	      "MBR: bad numbers, truncated");

	memcpy(head + 512, "EFI PART", 8);
	put_le(head + 512 + 72, 2, 8);
	put_le(head + 512 + 80, 128, 4);
	put_le(head + 512 + 84, 128, 4);
	entry = head + 1024 + 128;
	for (i = 0; i < 16; i++)
		entry[16 + i] = (unsigned char)(0x10 + i);
	memcpy(entry + 56, "r\0\xf6\0\xac\x20", 6);
	check(identify_partition(head, DISK_HEAD, 2, &n) &&
	      is(n.uuid, "13121110-1514-1716-1819-1a1b1c1d1e1f") &&
	      is(n.label, "r\xc3\xb6\xe2\x82\xac"),
	      "GPT: mixed-endian GUID, UTF-16 name");
	memset(entry + 56, 0xff, 72);
	check(identify_partition(head, DISK_HEAD, 2, &n) &&
	      strlen(n.label) == 108, "GPT: name without an end");
	put_le(head + 512 + 80, 0xffffffff, 4);
	put_le(head + 512 + 84, 0xffffffff, 4);
	identify_partition(head, DISK_HEAD, 0xffffffff, &n);
	put_le(head + 512 + 84, 4096, 4);
	identify_partition(head, DISK_HEAD, 0x7fffffff, &n);
	put_le(head + 512 + 72, ~0UL, 8);
	identify_partition(head, DISK_HEAD, 1, &n);
	put_le(head + 512 + 72, DISK_HEAD / 512, 8);
	identify_partition(head, DISK_HEAD, 1, &n);
	check(true, "GPT: hostile header");
	free(head);
}

int main(void)
{
	cmdline();
	root();
	mount_options();
	aliases();
	superblocks();
	partitions();
	printf("1..%d\n", tests);
	return failures != 0;
}
