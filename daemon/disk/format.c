// SPDX-License-Identifier: GPL-2.0
/* Formats of disk images: see format.h. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format.h"

struct format {
	const char *magic;
	size_t length;		/* of magic */
	long at;		/* its offset; negative: from the end */
};

/*
 * qcow2: QEMU's docs/interop/qcow2.txt.  VHDX, VHD: Microsoft's
 * specifications ([MS-VHDX] 2.2.1, "Hard Disk Footer Format").  VMDK: "Virtual
 * Disk Format 1.1", sparse extents.  VDI: QEMU's block/vdi.c.
 */
static const struct format formats[DISK_FORMATS] = {
	[DISK_RAW] = { "", 0, 0 },
	[DISK_QCOW2] = { "QFI\xfb", 4, 0 },
	[DISK_VHDX] = { "vhdxfile", 8, 0 },
	[DISK_VHD] = { "conectix", 8, -512 },
	[DISK_VMDK] = { "KDMV", 4, 0 },
	[DISK_VDI] = { "\x7f\x10\xda\xbe", 4, 0x40 },
};

/* Offsets in the header of a qcow2 image, big endian. */
#define QCOW2_VERSION		4
#define QCOW2_BACKING		8	/* offset of a file name, 0 = none */
#define QCOW2_INCOMPATIBLE	72	/* features, from version 3 */
#define QCOW2_DATA_FILE		0x04	/* the data is in another file */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

static int check_qcow2(const char *path, int fd, bool backed,
		       struct error *error)
{
	uint8_t header[80] = { 0 };
	bool backing;

	if (pread(fd, header, sizeof(header), 0) < 72)
		return error_set(error, "%s: this qcow2 image is cut off: get "
				 "it again", path);
	backing = be32(header + QCOW2_BACKING) ||
		  be32(header + QCOW2_BACKING + 4);
	if (be32(header + QCOW2_VERSION) >= 3 &&
	    header[QCOW2_INCOMPATIBLE + 7] & QCOW2_DATA_FILE)
		return error_set(error, "%s: its data is in another file: "
				 "make one image of both with qemu-img convert",
				 path);
	if (backing && !backed)
		return error_set(error, "%s: needs a backing file: name the one"
				 " that it may read with ,backing=FILE", path);
	if (!backing && backed)
		return error_set(error, "%s: has no backing file: leave "
				 ",backing= out", path);
	return DISK_QCOW2;
}

int disk_format_choose(const char *path, int fd, const char *name, bool backed,
		       struct error *error)
{
	int chosen = *name ? disk_format_find(name) : disk_format_by_suffix(path);
	const struct format *format;
	char magic[8];
	struct stat st;
	off_t at;

	if (chosen < 0)
		return error_set(error, "%s: there is no format %s", path,
				 name);
	if (backed && chosen != DISK_QCOW2)
		return error_set(error, "%s: only qcow2 images have a backing "
				 "file", path);
	if (chosen == DISK_RAW)
		return DISK_RAW;
	format = &formats[chosen];
	if (fstat(fd, &st))
		return error_set(error, "%s: %s", path, strerror(errno));
	at = format->at < 0 ? st.st_size + format->at : format->at;
	if (at < 0 || pread(fd, magic, format->length, at) !=
		      (ssize_t)format->length ||
	    memcmp(magic, format->magic, format->length))
		return error_set(error, "%s: is no %s image: if its content is "
				 "a disk as it is, add ,format=raw", path,
				 disk_format_name(chosen));
	return chosen == DISK_QCOW2 ? check_qcow2(path, fd, backed, error) :
				      chosen;
}

bool disk_format_may_be_live(const char *path, bool read_only)
{
	static const struct {
		off_t at;
		const char *magic;
		size_t length;
	} live[] = {
		{ 0, "hsqs", 4 }, { 0x8001, "CD001", 5 },
		{ 1024, "\xe2\xe1\xf5\xe0", 4 },
	};
	char magic[8];
	bool found = false;
	struct stat st;
	int fd;

	if (disk_scheme_of(path) != DISK_FILE || disk_format_by_suffix(path) != DISK_RAW)
		return read_only;
	/* Neither waits at a FIFO nor disturbs a device. */
	if (stat(path, &st) || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; fd >= 0 && i < sizeof(live) / sizeof(live[0]); i++)
		found |= pread(fd, magic, live[i].length, live[i].at) ==
				 (ssize_t)live[i].length &&
			 !memcmp(magic, live[i].magic, live[i].length);
	if (fd >= 0)
		close(fd);
	return found;
}
