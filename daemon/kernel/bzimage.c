// SPDX-License-Identifier: GPL-2.0
/*
 * bzImage: the setup header in front and the compressed ELF vmlinux inside.
 * Knows the boot protocol's file layout, nothing of ELF.
 */
#include <stdlib.h>

#include "bzimage.h"
#include "cache.h"

/* Offsets of the boot protocol, in the file. */
#define SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define JUMP_LENGTH 0x201
#define HEADER_MAGIC 0x202
#define PROTOCOL 0x206
#define KERNEL_VERSION 0x20e
#define XLOADFLAGS 0x236
#define CMDLINE_SIZE 0x238
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define HEADER_KNOWN_END 0x268

#define SECTOR 512
/* Protocol 2.12 (Linux 3.8): xloadflags, 64-bit entry. */
#define PROTOCOL_MIN 0x020c
#define XLF_KERNEL_64 1
/* A vmlinux has about 60 MiB; this only stops nonsense. */
#define VMLINUX_MAX (1u << 30)

int bzimage_parse(struct bytes file, const char *name, const char *cache,
		  struct bzimage *out, struct error *error)
{
	const uint8_t *head = bytes_at(file, 0, HEADER_KNOWN_END);
	struct bytes payload;
	const char *version;
	uint32_t sectors, size;

	memset(out, 0, sizeof(*out));
	if (!head || get16(head + BOOT_FLAG) != 0xaa55 ||
	    memcmp(head + HEADER_MAGIC, "HdrS", 4))
		return error_set(error, "%s: not an x86 kernel image (bzImage)",
				 name);
	out->protocol = get16(head + PROTOCOL);
	if (out->protocol < PROTOCOL_MIN)
		return error_set(error,
				 "%s: boot protocol %u.%02u is too old, 2.12 "
				 "is needed", name, out->protocol >> 8,
				 out->protocol & 0xff);
	if (!(get16(head + XLOADFLAGS) & XLF_KERNEL_64))
		return error_set(error, "%s: not a 64-bit kernel", name);

	/* The header ends where the jump over it goes. */
	out->header_size = HEADER_MAGIC - SETUP_HEADER_OFFSET +
			   head[JUMP_LENGTH];
	if (out->header_size > SETUP_HEADER_MAX)
		out->header_size = SETUP_HEADER_MAX;
	if (!bytes_at(file, SETUP_HEADER_OFFSET, out->header_size))
		return error_set(error, "%s: truncated", name);
	memcpy(out->header, head + SETUP_HEADER_OFFSET, out->header_size);
	out->cmdline_max = get32(head + CMDLINE_SIZE);

	version = bytes_string(file, get16(head + KERNEL_VERSION) + SECTOR);
	if (!get16(head + KERNEL_VERSION) || !version)
		return error_set(error, "%s: no version string", name);
	strncpy(out->version, version, sizeof(out->version) - 1);

	/* payload_offset counts from the end of the real-mode sectors. */
	sectors = head[SETUP_SECTS] ? head[SETUP_SECTS] : 4;
	if (!bytes_slice(file,
			 (sectors + 1) * SECTOR +
				 (uint64_t)get32(head + PAYLOAD_OFFSET),
			 get32(head + PAYLOAD_LENGTH), &payload) ||
	    payload.size < 16)
		return error_set(error, "%s: truncated: its payload is missing",
				 name);
	if (!memcmp(payload.data, "\177ELF", 4)) {
		out->vmlinux.data = malloc(payload.size);
		if (!out->vmlinux.data)
			return error_set(error, "%s: out of memory", name);
		memcpy(out->vmlinux.data, payload.data, payload.size);
		out->vmlinux.size = payload.size;
		return 0;
	}
	/* The build appends the uncompressed size. */
	size = get32(payload.data + payload.size - 4);
	return unpack_cached(payload, name, VMLINUX_MAX,
			     size > VMLINUX_MAX ? 0 : size, cache,
			     &out->vmlinux, error);
}

void bzimage_free(struct bzimage *image)
{
	free(image->vmlinux.data);
	image->vmlinux.data = NULL;
}
