// SPDX-License-Identifier: GPL-2.0
/*
 * Files and compressed streams, whole, into memory.  Knows the four
 * compressors that distributions use for kernels and modules, nothing of
 * what is inside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lz4.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include "../os.h"
#include "file.h"

/* Memory that the xz decoder may use: dictionaries of up to 1 GiB exist. */
#define XZ_MEMORY_LIMIT (512u << 20)
/* Uncompressed size of all but the last block of a legacy lz4 stream. */
#define LZ4_LEGACY_BLOCK (8 << 20)

static const uint8_t magic_gzip[] = { 0x1f, 0x8b };
static const uint8_t magic_xz[] = { 0xfd, '7', 'z', 'X', 'Z', 0 };
static const uint8_t magic_zstd[] = { 0x28, 0xb5, 0x2f, 0xfd };
static const uint8_t magic_lz4[] = { 0x02, 0x21, 0x4c, 0x18 };
static const uint8_t magic_bzip2[] = { 'B', 'Z', 'h' };
static const uint8_t magic_lzma[] = { 0x5d, 0, 0 };
static const uint8_t magic_lzo[] = { 0x89, 'L', 'Z', 'O' };

/* Is it a file that we read, and how long is it now? */
static int look_at(const struct kept_file *file, size_t *size,
		   struct error *error)
{
	struct stat st;

	if (fstat(file->fd, &st))
		return error_set(error, "%s: %s", file->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(error, "%s: not a regular file", file->path);
	if ((uint64_t)st.st_size > file->limit)
		return error_set(error, "%s: %llu bytes, at most %zu are "
				 "expected", file->path,
				 (unsigned long long)st.st_size, file->limit);
	*size = st.st_size;
	return 0;
}

int file_keep(const char *path, size_t limit, struct kept_file *out,
	      struct error *error)
{
	out->path = path;
	out->limit = limit;
	out->fd = os_open_read(path);
	if (out->fd < 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	if (look_at(out, &out->size, error)) {
		file_forget(out);
		return -1;
	}
	return 0;
}

int file_reread(const struct kept_file *file, struct blob *out,
		struct error *error)
{
	size_t size;
	ssize_t got = 1;

	if (look_at(file, &size, error))
		return -1;
	out->size = 0;
	out->data = malloc(size + 1);
	if (!out->data)
		return error_set(error, "%s: out of memory", file->path);
	while (out->size < size && got) {
		got = os_read_at(file->fd, out->data + out->size,
				 size - out->size, out->size);
		if (got < 0 && errno != EINTR) {
			error_set(error, "%s: %s", file->path, strerror(errno));
			free(out->data);
			out->data = NULL;
			return -1;
		}
		out->size += got > 0 ? got : 0;
	}
	return 0;
}

void file_forget(struct kept_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

int file_read(const char *path, size_t limit, struct blob *out,
	      struct error *error)
{
	struct kept_file file;
	int ret;

	if (file_keep(path, limit, &file, error))
		return -1;
	ret = file_reread(&file, out, error);
	file_forget(&file);
	return ret;
}

/* A growing output buffer with a limit. */
struct sink {
	struct blob out;
	size_t room;
	size_t limit;
};

/* Make room for more bytes; false when the limit or memory is exhausted. */
static bool sink_grow(struct sink *sink)
{
	size_t room = sink->room * 2;
	uint8_t *data;

	if (sink->room >= sink->limit)
		return false;
	if (room > sink->limit)
		room = sink->limit;
	data = realloc(sink->out.data, room);
	if (!data)
		return false;
	sink->out.data = data;
	sink->room = room;
	return true;
}

static const char *inflate_gzip(struct bytes in, struct sink *sink)
{
	z_stream z = { .next_in = (Bytef *)in.data, .avail_in = in.size };
	const char *failure = NULL;
	int ret;

	/* 31 = the largest window, and a gzip header is required. */
	if (inflateInit2(&z, 31) != Z_OK)
		return "out of memory";
	for (;;) {
		z.next_out = sink->out.data + sink->out.size;
		z.avail_out = sink->room - sink->out.size;
		ret = inflate(&z, Z_NO_FLUSH);
		sink->out.size = sink->room - z.avail_out;
		if (ret == Z_STREAM_END)
			break;
		if (ret != Z_OK && ret != Z_BUF_ERROR) {
			failure = "damaged gzip data";
			break;
		}
		if (z.avail_out) {
			failure = "truncated gzip data";
			break;
		}
		if (!sink_grow(sink)) {
			failure = "larger than expected";
			break;
		}
	}
	inflateEnd(&z);
	return failure;
}

static const char *inflate_xz(struct bytes in, struct sink *sink)
{
	lzma_stream xz = LZMA_STREAM_INIT;
	const char *failure = NULL;
	lzma_ret ret;

	if (lzma_stream_decoder(&xz, XZ_MEMORY_LIMIT, 0) != LZMA_OK)
		return "out of memory";
	xz.next_in = in.data;
	xz.avail_in = in.size;
	for (;;) {
		xz.next_out = sink->out.data + sink->out.size;
		xz.avail_out = sink->room - sink->out.size;
		ret = lzma_code(&xz, LZMA_RUN);
		sink->out.size = sink->room - xz.avail_out;
		if (ret == LZMA_STREAM_END)
			break;
		if (ret != LZMA_OK && ret != LZMA_BUF_ERROR) {
			failure = "damaged xz data";
			break;
		}
		if (xz.avail_out) {
			failure = "truncated xz data";
			break;
		}
		if (!sink_grow(sink)) {
			failure = "larger than expected";
			break;
		}
	}
	lzma_end(&xz);
	return failure;
}

static const char *inflate_zstd(struct bytes in, struct sink *sink)
{
	ZSTD_DStream *zstd = ZSTD_createDStream();
	ZSTD_inBuffer from = { in.data, in.size, 0 };
	const char *failure = NULL;

	if (!zstd)
		return "out of memory";
	/* Kernels are packed with --ultra -22: windows of up to 128 MiB. */
	ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, 27);
	for (;;) {
		ZSTD_outBuffer to = { sink->out.data, sink->room,
				      sink->out.size };
		size_t ret = ZSTD_decompressStream(zstd, &to, &from);

		sink->out.size = to.pos;
		if (!ret)
			break;
		if (ZSTD_isError(ret)) {
			failure = "damaged zstd data";
			break;
		}
		if (to.pos < to.size) {
			if (from.pos < from.size)
				continue;
			failure = "truncated zstd data";
			break;
		}
		if (!sink_grow(sink)) {
			failure = "larger than expected";
			break;
		}
	}
	ZSTD_freeDStream(zstd);
	return failure;
}

/* Blocks of { u32 size, data }; the kernel's build appends a lone u32. */
static const char *inflate_lz4(struct bytes in, struct sink *sink)
{
	size_t at = sizeof(magic_lz4);
	uint32_t packed;
	int got;

	while (in.size - at > 4) {
		packed = get32(in.data + at);
		at += 4;
		if (packed == get32(magic_lz4))
			continue;
		if (packed > in.size - at)
			return "truncated lz4 data";
		while (sink->room - sink->out.size < (size_t)LZ4_LEGACY_BLOCK)
			if (!sink_grow(sink))
				break;
		got = LZ4_decompress_safe(
			(const char *)in.data + at,
			(char *)sink->out.data + sink->out.size, packed,
			sink->room - sink->out.size > (size_t)LZ4_LEGACY_BLOCK
				? LZ4_LEGACY_BLOCK
				: (int)(sink->room - sink->out.size));
		if (got < 0)
			return "damaged lz4 data";
		sink->out.size += got;
		at += packed;
	}
	return NULL;
}

static const struct format {
	const char *name;
	const uint8_t *magic;
	size_t length;
	/* NULL on success, else what is wrong; NULL function: not supported. */
	const char *(*inflate)(struct bytes in, struct sink *sink);
} formats[] = {
	{ "gzip", magic_gzip, sizeof(magic_gzip), inflate_gzip },
	{ "xz", magic_xz, sizeof(magic_xz), inflate_xz },
	{ "zstd", magic_zstd, sizeof(magic_zstd), inflate_zstd },
	{ "lz4", magic_lz4, sizeof(magic_lz4), inflate_lz4 },
	{ "bzip2", magic_bzip2, sizeof(magic_bzip2), NULL },
	{ "lzma", magic_lzma, sizeof(magic_lzma), NULL },
	{ "lzo", magic_lzo, sizeof(magic_lzo), NULL },
};

static const struct format *find_format(struct bytes in)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const uint8_t *start = bytes_at(in, 0, formats[i].length);

		if (start && !memcmp(start, formats[i].magic,
				     formats[i].length))
			return &formats[i];
	}
	return NULL;
}

bool is_compressed(struct bytes in)
{
	const struct format *format = find_format(in);

	return format && format->inflate;
}

int decompress(struct bytes in, const char *what, size_t limit, size_t hint,
	       struct blob *out, struct error *error)
{
	const struct format *format = find_format(in);
	struct sink sink = { .limit = limit };
	const char *failure;

	if (!format)
		return error_set(error, "%s: unknown compression", what);
	if (!format->inflate)
		return error_set(error,
				 "%s: compressed with %s; gzip, xz, zstd and "
				 "lz4 are supported", what, format->name);
	sink.room = hint && hint < limit ? hint : 1 << 20;
	if (sink.room > limit)
		sink.room = limit;
	sink.out.data = malloc(sink.room);
	if (!sink.out.data)
		return error_set(error, "%s: out of memory", what);
	failure = format->inflate(in, &sink);
	if (failure) {
		free(sink.out.data);
		return error_set(error, "%s: %s", what, failure);
	}
	*out = sink.out;
	return 0;
}

int compress_blob(struct bytes in, struct blob *out, struct error *error)
{
	size_t room = ZSTD_compressBound(in.size), size;
	uint8_t *data = malloc(room ? room : 1), *fitting;

	if (!data)
		return error_set(error, "out of memory");
	size = ZSTD_compress(data, room, in.data, in.size, 1);
	if (ZSTD_isError(size)) {
		free(data);
		return error_set(error, "cannot compress: %s",
				 ZSTD_getErrorName(size));
	}
	fitting = realloc(data, size);
	out->data = fitting ? fitting : data;
	out->size = size;
	return 0;
}

int file_read_plain(const char *path, size_t limit, struct blob *out,
		    struct error *error)
{
	struct blob packed;
	int ret;

	if (file_read(path, limit, &packed, error))
		return -1;
	if (!is_compressed(blob_bytes(&packed))) {
		*out = packed;
		return 0;
	}
	ret = decompress(blob_bytes(&packed), path, limit, packed.size * 4,
			 out, error);
	free(packed.data);
	return ret;
}
