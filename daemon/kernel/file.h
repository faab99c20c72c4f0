/* SPDX-License-Identifier: GPL-2.0 */
/* Reading whole files and decompressing them. */
#ifndef DAEMON_KERNEL_FILE_H
#define DAEMON_KERNEL_FILE_H

#include "bytes.h"
#include "../error.h"

/* Memory from malloc(); free(blob->data) ends it. */
struct blob {
	uint8_t *data;
	size_t size;
};

static inline struct bytes blob_bytes(const struct blob *blob)
{
	return (struct bytes){ blob->data, blob->size };
}

/* A file that is open, to be read again where none may be opened any more. */
struct kept_file {
	int fd;			/* owned; -1 = none */
	size_t size;		/* bytes when it was opened */
	size_t limit;
	const char *path;	/* for messages; the caller's */
};

/*
 * Open a regular file of at most limit bytes.  0, or -1 with error set and
 * out->fd -1; file_forget() when done, also after a failure.
 */
int file_keep(const char *path, size_t limit, struct kept_file *out,
	      struct error *error);
/* Read all of it as it is now.  Any number of times. */
int file_reread(const struct kept_file *file, struct blob *out,
		struct error *error);
void file_forget(struct kept_file *file);

/* Read a regular file of at most limit bytes.  0, or -1 with error set. */
int file_read(const char *path, size_t limit, struct blob *out,
	      struct error *error);

/*
 * Decompress gzip, xz, zstd or legacy lz4, told apart by their first bytes.
 * What follows the compressed stream is ignored (a bzImage appends the size).
 * `what` names the data in messages.  At most limit bytes come out; hint is
 * the expected size, 0 = unknown.  0, or -1 with error set.
 */
int decompress(struct bytes in, const char *what, size_t limit, size_t hint,
	       struct blob *out, struct error *error);

/* Compress with zstd, quickly.  0, or -1 with error set. */
int compress_blob(struct bytes in, struct blob *out, struct error *error);

/* True when decompress() knows the format by its first bytes. */
bool is_compressed(struct bytes in);

/*
 * Read a file and decompress it if it is compressed, as kernel modules
 * (.ko, .ko.xz, .ko.zst, .ko.gz) may be.  0, or -1 with error set.
 */
int file_read_plain(const char *path, size_t limit, struct blob *out,
		    struct error *error);

#endif
