/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bounds-checked views of bytes that came from a file: nothing in this
 * directory dereferences an offset found in a file in any other way.
 */
#ifndef DAEMON_KERNEL_BYTES_H
#define DAEMON_KERNEL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A borrowed range of memory; whoever made it says how long it lives. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

/* Pointer to length bytes at offset, or NULL when they are not all inside. */
static inline const uint8_t *bytes_at(struct bytes b, uint64_t offset,
				      uint64_t length)
{
	if (offset > b.size || length > b.size - offset)
		return NULL;
	return b.data + offset;
}

/* The sub-range; false when it is not all inside. */
static inline bool bytes_slice(struct bytes b, uint64_t offset, uint64_t length,
			       struct bytes *out)
{
	const uint8_t *data = bytes_at(b, offset, length);

	if (!data)
		return false;
	out->data = data;
	out->size = length;
	return true;
}

/* The NUL-terminated string at offset, or NULL when its end is not inside. */
static inline const char *bytes_string(struct bytes b, uint64_t offset)
{
	if (offset >= b.size || !memchr(b.data + offset, 0, b.size - offset))
		return NULL;
	return (const char *)b.data + offset;
}

/* Little-endian numbers at any alignment; the caller has checked the range. */
static inline uint16_t get16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t get64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t round_up(uint64_t value, uint64_t step)
{
	return (value + step - 1) / step * step;
}

#endif
