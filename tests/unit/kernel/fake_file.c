// SPDX-License-Identifier: GPL-2.0
/* Compressed images, bzImages and their damage: see fake_kernel.h. */
#include <stdio.h>
#include <stdlib.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "../virtio/tap.h"
#include "fake_kernel.h"

#define LZ4_BLOCK (8u << 20)

static size_t pack_gzip(struct bytes plain, uint8_t *out, size_t room)
{
	z_stream z = {
		.next_in = (Bytef *)plain.data,
		.avail_in = plain.size,
		.next_out = out,
		.avail_out = room,
	};

	if (deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY) ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		die("gzip");
	deflateEnd(&z);
	return z.total_out;
}

/* With the x86 filter and CRC32, as scripts/xz_wrap.sh does. */
static size_t pack_xz(struct bytes plain, uint8_t *out, size_t room)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ LZMA_FILTER_X86, NULL },
		{ LZMA_FILTER_LZMA2, &options },
		{ LZMA_VLI_UNKNOWN, NULL },
	};
	size_t used = 0;

	if (lzma_lzma_preset(&options, 1) ||
	    lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL,
				      plain.data, plain.size, out, &used,
				      room) != LZMA_OK)
		die("xz");
	return used;
}

static size_t pack_lz4(struct bytes plain, uint8_t *out, size_t room)
{
	size_t at = 0, used = 4;

	put32(out, 0x184c2102);
	while (at < plain.size) {
		size_t block = plain.size - at < LZ4_BLOCK ? plain.size - at
							   : LZ4_BLOCK;
		int got = LZ4_compress_default((const char *)plain.data + at,
					       (char *)out + used + 4, block,
					       room - used - 4);

		if (got <= 0)
			die("lz4");
		put32(out + used, got);
		used += 4 + got;
		at += block;
	}
	return used;
}

struct blob fake_pack(struct bytes plain, enum fake_packing packing)
{
	size_t room = plain.size + plain.size / 8 + (1 << 20);
	struct blob out = { malloc(room), 0 };

	if (!out.data)
		die("out of memory");
	switch (packing) {
	case FAKE_GZIP:
		out.size = pack_gzip(plain, out.data, room - 4);
		break;
	case FAKE_XZ:
		out.size = pack_xz(plain, out.data, room - 4);
		break;
	case FAKE_ZSTD:
		out.size = ZSTD_compress(out.data, room - 4, plain.data,
					 plain.size, 3);
		if (ZSTD_isError(out.size))
			die("zstd");
		break;
	case FAKE_LZ4:
		out.size = pack_lz4(plain, out.data, room - 4);
		break;
	default:
		memcpy(out.data, plain.data, plain.size);
		out.size = plain.size;
		return out;
	}
	put32(out.data + out.size, plain.size);
	out.size += 4;
	return out;
}

struct blob fake_bzimage(struct bytes payload)
{
	const size_t start = 2 * 512 + 0x40;
	struct blob out = { NULL, start + payload.size + 16 };
	uint8_t *p = calloc(1, out.size);

	if (!p)
		die("out of memory");
	out.data = p;
	p[0x1f1] = 1;			/* setup_sects */
	p[0x1fe] = 0x55;
	p[0x1ff] = 0xaa;
	p[0x200] = 0xeb;
	p[0x201] = 0x6a;		/* the header ends at 0x26c */
	memcpy(p + 0x202, "HdrS", 4);
	p[0x206] = 0x0f;		/* protocol 2.15 */
	p[0x207] = 0x02;
	p[0x20e] = 0x80;		/* version string at 0x280 */
	strcpy((char *)p + 0x280, FAKE_RELEASE " (nobody@nowhere) #1 SMP");
	p[0x211] = 0x03;		/* LOADED_HIGH, KASLR_FLAG */
	put32(p + 0x230, 0x200000);
	p[0x236] = 1 | 1 << 5;		/* 64-bit, 5-level */
	put32(p + 0x238, 2047);
	put32(p + 0x248, 0x40);
	put32(p + 0x24c, payload.size);
	memcpy(p + start, payload.data, payload.size);
	return out;
}

void fake_write(const char *path, struct bytes contents)
{
	FILE *file = fopen(path, "wb");

	if (!file ||
	    fwrite(contents.data, 1, contents.size, file) != contents.size ||
	    fclose(file))
		die(path);
}

uint32_t fake_random(uint64_t *state)
{
	/* xorshift64* */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull >> 32;
}

size_t fake_damage(struct bytes from, uint8_t *to, uint64_t *state)
{
	static const uint64_t nasty[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000,
		0xffffffffffffffff, 0xfffffffffffffff0,
	};
	unsigned int count = 1 + fake_random(state) % 4;
	size_t size = from.size;

	memcpy(to, from.data, size);
	if (fake_random(state) % 8 == 0)
		size = fake_random(state) % (size + 1);
	while (count-- && size >= 8) {
		/* Headers are where it hurts: half of the hits go there. */
		size_t reach = fake_random(state) % 2 && size > 512 ? 512
								    : size;
		size_t at = fake_random(state) % reach;
		uint64_t value = nasty[fake_random(state) %
				       (sizeof(nasty) / sizeof(nasty[0]))];
		size_t width = 1u << fake_random(state) % 4;

		if (fake_random(state) % 2) {
			to[at] ^= 1 << fake_random(state) % 8;
		} else if (at + width <= size) {
			memcpy(to + at, &value, width);
		}
	}
	return size;
}
