// SPDX-License-Identifier: GPL-2.0
/*
 * Reading names from superblocks and partition tables.  The bytes come from a
 * disk and may be anything: every offset is checked against `len`.  Pure
 * functions, run by the unit tests as they are.
 *
 * Layouts: ext4 Documentation/filesystems/ext4 (super), XFS Algorithms & Data
 * Structures (sb), btrfs on-disk format, erofs and f2fs documentation, UEFI
 * 2.10 section 5.3 (GPT).
 */
#include "superblock.h"

#include <string.h>

static unsigned int le32(const unsigned char *p)
{
	return p[0] | (unsigned int)p[1] << 8 | (unsigned int)p[2] << 16 |
		(unsigned int)p[3] << 24;
}

static unsigned long le64(const unsigned char *p)
{
	return le32(p) | (unsigned long)le32(p + 4) << 32;
}

static char *put_hex(char *to, unsigned int byte)
{
	static const char digits[] = "0123456789abcdef";

	*to++ = digits[byte >> 4 & 15];
	*to++ = digits[byte & 15];
	return to;
}

/* 16 bytes in text order as 8-4-4-4-12; all zero means none. */
static void put_uuid(char *to, const unsigned char *uuid)
{
	unsigned int any = 0;
	int i;

	for (i = 0; i < 16; i++)
		any |= uuid[i];
	for (i = 0; i < 16 && any; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*to++ = '-';
		to = put_hex(to, uuid[i]);
	}
	*to = '\0';
}

/* GPT keeps the first three fields little endian. */
static void put_guid(char *to, const unsigned char *guid)
{
	static const unsigned char order[16] = {
		3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15
	};
	unsigned char uuid[16];
	int i;

	for (i = 0; i < 16; i++)
		uuid[i] = guid[order[i]];
	put_uuid(to, uuid);
}

/* A label of at most n bytes, NUL-terminated only if shorter. */
static void put_label(char *to, const unsigned char *from, size_t n)
{
	char *end = to;

	for (; n-- && *from; to++)
		if ((*to = (char)*from++) != ' ')
			end = to + 1;
	*end = '\0';
}

/* UTF-16LE of at most n characters as UTF-8 (the BMP alone). */
static void put_utf16(char *to, const unsigned char *from, size_t n)
{
	for (; n--; from += 2) {
		unsigned int c = from[0] | (unsigned int)from[1] << 8;

		if (!c)
			break;
		if (c < 0x80) {
			*to++ = (char)c;
		} else if (c < 0x800) {
			*to++ = (char)(0xc0 | c >> 6);
			*to++ = (char)(0x80 | (c & 0x3f));
		} else {
			*to++ = (char)(0xe0 | c >> 12);
			*to++ = (char)(0x80 | (c >> 6 & 0x3f));
			*to++ = (char)(0x80 | (c & 0x3f));
		}
	}
	*to = '\0';
}

/* Where a file system writes its magic number and its names. */
struct fs_layout {
	const char *type;
	size_t magic_at;
	const char *magic;
	size_t magic_len;
	size_t uuid_at;		/* 0 = none */
	size_t label_at;	/* 0 = none */
	size_t label_len;	/* bytes */
};

/*
 * ext4 comes last, its magic number is the shortest.  ext2 and ext3 are mounted
 * by the ext4 driver, which is also the one that distributions ship.
 */
static const struct fs_layout layouts[] = {
	{ "xfs", 0, "XFSB", 4, 32, 108, 12 },
	{ "btrfs", 0x10040, "_BHRfS_M", 8, 0x10020, 0x1012b, 256 },
	{ "squashfs", 0, "hsqs", 4, 0, 0, 0 },
	{ "erofs", 1024, "\xe2\xe1\xf5\xe0", 4, 1024 + 48, 1024 + 64, 16 },
	/* ECMA-119 8.4: a label is padded with blanks. */
	{ "iso9660", 0x8001, "CD001", 5, 0, 0x8028, 32 },
	{ "f2fs", 1024, "\x10\x20\xf5\xf2", 4, 1024 + 108, 0, 0 },
	{ "ext4", 0x438, "\x53\xef", 2, 0x468, 0x478, 16 },
};

bool identify_fs(const unsigned char *head, size_t len,
		 struct disk_names *names)
{
	const struct fs_layout *l;

	memset(names, 0, sizeof(*names));
	for (l = layouts; l < layouts + sizeof(layouts) / sizeof(*l); l++) {
		if (l->magic_at + l->magic_len > len ||
		    l->uuid_at + 16 > len ||
		    l->label_at + l->label_len > len ||
		    memcmp(head + l->magic_at, l->magic, l->magic_len))
			continue;
		memcpy(names->type, l->type, strlen(l->type) + 1);
		if (l->uuid_at)
			put_uuid(names->uuid, head + l->uuid_at);
		if (l->label_at)
			put_label(names->label, head + l->label_at,
				  l->label_len);
		return true;
	}
	return false;
}

/* UEFI 2.10 table 5.5 (header) and 5.6 (entry). */
static bool gpt_partition(const unsigned char *head, size_t len, size_t sector,
			  unsigned int nr, struct disk_names *names)
{
	const unsigned char *gpt = head + sector;
	const unsigned char *entry;
	unsigned long first, size, count;

	if (sector + 92 > len || memcmp(gpt, "EFI PART", 8))
		return false;
	first = le64(gpt + 72);
	count = le32(gpt + 80);
	size = le32(gpt + 84);
	if (nr < 1 || nr > count || size < 128 || size > 4096 ||
	    first > len / sector)
		return false;
	first = first * sector + (nr - 1) * size;
	if (first + 128 > len)
		return false;
	entry = head + first;
	put_guid(names->uuid, entry + 16);
	put_utf16(names->label, entry + 56, 36);
	return names->uuid[0];
}

bool identify_partition(const unsigned char *head, size_t len,
			unsigned int nr, struct disk_names *names)
{
	char *to = names->uuid;
	unsigned int id;

	memset(names, 0, sizeof(*names));
	if (gpt_partition(head, len, 512, nr, names) ||
	    gpt_partition(head, len, 4096, nr, names))
		return true;
	if (len < 512 || head[510] != 0x55 || head[511] != 0xaa || nr > 255)
		return false;
	id = le32(head + 0x1b8);
	if (!id || !nr)
		return false;
	to = put_hex(to, id >> 24);
	to = put_hex(to, id >> 16 & 255);
	to = put_hex(to, id >> 8 & 255);
	to = put_hex(to, id & 255);
	*to++ = '-';
	to = put_hex(to, nr);
	*to = '\0';
	return true;
}
