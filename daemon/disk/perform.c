/* SPDX-License-Identifier: GPL-2.0 */
/* One disk request, synchronously, with all its corner cases: engine.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine.h"

/* Bounce buffer and run of zeros; a multiple of every block size. */
#define CHUNK (64u * 1024)
#define CHUNK_ALIGN 4096u

void disk_advance(struct disk_request *request, uint64_t moved)
{
	request->offset += moved;
	request->length -= moved;
	while (moved && moved >= request->iov->iov_len) {
		moved -= request->iov->iov_len;
		request->iov++;
		request->nr_iov--;
	}
	if (moved) {
		request->iov->iov_base = (char *)request->iov->iov_base + moved;
		request->iov->iov_len -= moved;
	}
}

/*
 * Nothing more to read here.  Right if this is the part of the last block that
 * the file does not have; otherwise somebody has cut the file.
 */
static int end_of_file(const struct disk *disk, struct disk_request *request)
{
	if (request->offset < __atomic_load_n(&disk->bytes, __ATOMIC_RELAXED))
		return -EIO;
	while (request->length) {
		size_t part = request->iov->iov_len;

		memset(request->iov->iov_base, 0, part);
		disk_advance(request, part);
	}
	return 0;
}

/* O_DIRECT wants addresses and lengths in units of blocks. */
static bool is_aligned(const struct disk *disk,
		       const struct disk_request *request)
{
	int i;

	for (i = 0; i < request->nr_iov; i++)
		if (((uintptr_t)request->iov[i].iov_base |
		     request->iov[i].iov_len) % disk->block_size)
			return false;
	/* Not so after a short transfer. */
	return request->offset % disk->block_size == 0;
}

static ssize_t transfer(const struct disk *disk,
			const struct disk_request *request)
{
	if (request->op == DISK_READ)
		return preadv2(disk->fd, request->iov, request->nr_iov,
			       request->offset, 0);
	return pwritev2(disk->fd, request->iov, request->nr_iov,
			request->offset, request->durable ? RWF_DSYNC : 0);
}

/* Up to `length` bytes between the front of the request and a buffer. */
static void gather(const struct disk_request *request, char *buffer,
		   size_t length, bool to_buffer)
{
	const struct iovec *iov = request->iov;

	while (length) {
		size_t part = iov->iov_len < length ? iov->iov_len : length;

		if (to_buffer)
			memcpy(buffer, iov->iov_base, part);
		else
			memcpy(iov->iov_base, buffer, part);
		buffer += part;
		length -= part;
		iov++;
	}
}

/* One step through an aligned buffer of ours. */
static ssize_t transfer_bounced(const struct disk *disk,
				const struct disk_request *request,
				char *buffer)
{
	/* A short transfer may have left us inside a block: start it anew. */
	uint64_t skip = request->offset % disk->block_size;
	uint64_t length = request->length < CHUNK - skip ? request->length :
							   CHUNK - skip;
	struct iovec iov = { buffer, skip + length };
	struct disk_request step = *request;
	ssize_t moved;

	step.iov = &iov;
	step.nr_iov = 1;
	step.offset = request->offset - skip;
	if (request->op == DISK_WRITE) {
		if (skip && pread(disk->fd, buffer, disk->block_size,
				  step.offset) < 0)
			return -1;
		gather(request, buffer + skip, length, true);
	}
	moved = transfer(disk, &step);
	if (moved < 0)
		return -1;
	/* Nothing beyond what was there before: the end of the file. */
	if ((uint64_t)moved <= skip)
		return 0;
	moved -= skip;
	if (request->op == DISK_READ)
		gather(request, buffer + skip, moved, false);
	return moved;
}

static int perform_transfer(const struct disk *disk,
			    struct disk_request *request)
{
	bool bounce = disk->direct && !is_aligned(disk, request);
	void *buffer = NULL;
	int ret = 0;

	while (request->length && !ret) {
		ssize_t moved;

		if (bounce && !buffer) {
			if (posix_memalign(&buffer, CHUNK_ALIGN, CHUNK))
				return -ENOMEM;
			memset(buffer, 0, CHUNK);
		}
		moved = bounce ? transfer_bounced(disk, request, buffer) :
				 transfer(disk, request);
		if (moved > 0) {
			disk_advance(request, moved);
			bounce = disk->direct && !is_aligned(disk, request);
		} else if (!moved) {
			ret = request->op == DISK_READ ?
				end_of_file(disk, request) : -ENOSPC;
		} else if (disk->direct && !bounce &&
			   (errno == EFAULT || errno == EINVAL)) {
			/* Pages that cannot be pinned, or odd alignment. */
			bounce = true;
		} else if (errno != EINTR) {
			ret = -errno;
		}
	}
	free(buffer);
	return ret;
}

static int retry_fallocate(int fd, int mode, uint64_t offset, uint64_t length)
{
	int ret;

	do
		ret = fallocate(fd, mode | FALLOC_FL_KEEP_SIZE, offset, length);
	while (ret && errno == EINTR);
	return ret ? -errno : 0;
}

/* The host or its file system does not know this way. */
static bool unsupported(int error)
{
	return error == -EOPNOTSUPP || error == -ENOSYS || error == -ENOTTY ||
	       error == -EINVAL;
}

static int write_zeros(const struct disk *disk, struct disk_request *request)
{
	static const char zeros[CHUNK] __attribute__((aligned(CHUNK_ALIGN)));

	while (request->length) {
		size_t part = request->length < CHUNK ? request->length : CHUNK;
		ssize_t moved = pwrite(disk->fd, zeros, part, request->offset);

		if (!moved)
			return -ENOSPC;
		if (moved < 0 && errno != EINTR)
			return -errno;
		if (moved > 0) {
			request->offset += moved;
			request->length -= moved;
		}
	}
	return 0;
}

int disk_sync(const struct disk *disk)
{
	return fdatasync(disk->fd) ? -errno : 0;
}

static int perform_zero(const struct disk *disk, struct disk_request *request)
{
	uint64_t range[2] = { request->offset, request->length };
	int ret = -EOPNOTSUPP;

	if (!request->length)
		return 0;
	if (request->unmap)
		ret = retry_fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE,
				      request->offset, request->length);
	if (unsupported(ret) && disk->is_device)
		ret = ioctl(disk->fd, BLKZEROOUT, range) ? -errno : 0;
	if (unsupported(ret) && !disk->is_device)
		ret = retry_fallocate(disk->fd, FALLOC_FL_ZERO_RANGE,
				      request->offset, request->length);
	if (unsupported(ret))
		ret = write_zeros(disk, request);
	if (!ret && request->durable)
		ret = disk_sync(disk);
	return ret;
}

static int perform_discard(const struct disk *disk,
			   const struct disk_request *request)
{
	uint64_t range[2] = { request->offset, request->length };
	int ret;

	if (!request->length)
		return 0;
	if (disk->is_device)
		ret = ioctl(disk->fd, BLKDISCARD, range) ? -errno : 0;
	else
		ret = retry_fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE,
				      request->offset, request->length);
	/* Only a hint. */
	return unsupported(ret) ? 0 : ret;
}

int disk_perform(const struct disk *disk, struct disk_request *request)
{
	switch (request->op) {
	case DISK_READ:
	case DISK_WRITE:
		return perform_transfer(disk, request);
	case DISK_FLUSH:
		return disk_sync(disk);
	case DISK_DISCARD:
		return perform_discard(disk, request);
	case DISK_ZERO:
		return perform_zero(disk, request);
	}
	return -EINVAL;
}
