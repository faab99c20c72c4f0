// SPDX-License-Identifier: GPL-2.0
/*
 * newc (Documentation/driver-api/early-userspace/buffer-format.rst): a header
 * of thirteen 8-digit hexadecimal numbers, the name, the contents, each padded
 * to 4 bytes.  The same input always gives the same archive.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cpio.h"

#define HEADER 110
#define TYPE_DIRECTORY 0040000
#define TYPE_FILE 0100000

static uint8_t *reserve(struct cpio *cpio, size_t length)
{
	size_t need = cpio->out.size + length;
	uint8_t *at;

	if (cpio->failed)
		return NULL;
	if (need > cpio->room) {
		size_t room = need + (need >> 1) + 4096;
		uint8_t *more = realloc(cpio->out.data, room);

		if (!more) {
			cpio->failed = true;
			return NULL;
		}
		cpio->out.data = more;
		cpio->room = room;
	}
	at = cpio->out.data + cpio->out.size;
	cpio->out.size = need;
	return at;
}

static void put_padded(struct cpio *cpio, const void *data, size_t length)
{
	size_t start = cpio->out.size;
	size_t padded = round_up(start + length, 4) - start;
	uint8_t *at = reserve(cpio, padded);

	if (!at)
		return;
	if (length)
		memcpy(at, data, length);
	memset(at + length, 0, padded - length);
}

/* The offset of the contents. */
static size_t put_entry(struct cpio *cpio, const char *name, unsigned int mode,
			unsigned int links, struct bytes contents)
{
	char header[HEADER + 1];
	size_t name_size = strlen(name) + 1;
	size_t offset;
	uint8_t *at;

	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		 mode ? ++cpio->inode : 0, mode, 0, 0, links, 0,
		 (unsigned int)contents.size, 0, 0, 0, 0,
		 (unsigned int)name_size, 0);
	/* Entries begin at a multiple of 4, so only the name is padded. */
	at = reserve(cpio, HEADER);
	if (!at)
		return 0;
	memcpy(at, header, HEADER);
	put_padded(cpio, name, name_size);
	offset = cpio->out.size;
	put_padded(cpio, contents.data, contents.size);
	return offset;
}

void cpio_directory(struct cpio *cpio, const char *name, unsigned int mode)
{
	put_entry(cpio, name, TYPE_DIRECTORY | mode, 2, (struct bytes){ 0 });
}

size_t cpio_file(struct cpio *cpio, const char *name, unsigned int mode,
		 struct bytes contents)
{
	return put_entry(cpio, name, TYPE_FILE | mode, 1, contents);
}

int cpio_finish(struct cpio *cpio, struct error *error)
{
	put_entry(cpio, "TRAILER!!!", 0, 1, (struct bytes){ 0 });
	if (cpio->failed)
		return error_set(error, "out of memory for the initrd");
	return 0;
}
