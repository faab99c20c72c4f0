/* SPDX-License-Identifier: GPL-2.0 */
/*
 * io_uring for reads, writes and flushes.  Whatever comes back in an unusual
 * way (short, interrupted, unaligned) is left to the pool to finish.
 *
 * A ring does what seccomp would refuse its owner (IORING_OP_OPENAT, ...): it
 * is restricted to these three operations before it is enabled (Linux 5.10).
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"

struct disk_uring {
	const struct disk *disk;
	struct io_uring ring;
};

static const uint8_t operations[] = {
	IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
};
#define NR_OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* liburing 2.3 declares the functions for these and has them not. */
static int ring_register(struct io_uring *ring, unsigned int what, void *arg,
			 unsigned int nr)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, what, arg, nr) < 0 ?
		       -errno : 0;
}

/* From here on no flags, no other operations and no io_uring_register(). */
static int restrict_and_enable(struct io_uring *ring)
{
	struct io_uring_restriction allowed[NR_OPERATIONS] = { 0 };
	int ret;

	for (size_t i = 0; i < NR_OPERATIONS; i++) {
		allowed[i].opcode = IORING_RESTRICTION_SQE_OP;
		allowed[i].sqe_op = operations[i];
	}
	ret = ring_register(ring, IORING_REGISTER_RESTRICTIONS, allowed,
			    NR_OPERATIONS);
	return ret ? ret : ring_register(ring, IORING_REGISTER_ENABLE_RINGS,
					 NULL, 0);
}

struct disk_uring *disk_uring_new(const struct disk *disk)
{
	struct disk_uring *uring = calloc(1, sizeof(*uring));
	int ret;

	if (!uring) {
		errno = ENOMEM;
		return NULL;
	}
	uring->disk = disk;
	ret = io_uring_queue_init(DISK_DEPTH, &uring->ring,
				  IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED);
	if (ret)
		goto fail;
	ret = io_uring_register_eventfd(&uring->ring, disk->event_fd);
	if (!ret)
		ret = restrict_and_enable(&uring->ring);
	if (ret) {
		io_uring_queue_exit(&uring->ring);
		goto fail;
	}
	return uring;
fail:
	free(uring);
	errno = -ret;
	return NULL;
}

void disk_uring_free(struct disk_uring *uring)
{
	io_uring_queue_exit(&uring->ring);
	free(uring);
}

bool disk_uring_submit(struct disk_uring *uring, struct disk_request *request)
{
	const int fd = uring->disk->fd;
	struct io_uring_sqe *sqe;

	if (request->op != DISK_READ && request->op != DISK_WRITE &&
	    request->op != DISK_FLUSH)
		return false;
	sqe = io_uring_get_sqe(&uring->ring);
	if (!sqe)
		return false;
	switch (request->op) {
	case DISK_READ:
		io_uring_prep_readv(sqe, fd, request->iov, request->nr_iov,
				    request->offset);
		break;
	case DISK_WRITE:
		io_uring_prep_writev2(sqe, fd, request->iov, request->nr_iov,
				      request->offset,
				      request->durable ? RWF_DSYNC : 0);
		break;
	default:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	}
	io_uring_sqe_set_data(sqe, request);
	return true;
}

void disk_uring_events(struct disk_uring *uring, bool on)
{
	/* Refused only by kernels without the flag: events then come always. */
	io_uring_cq_eventfd_toggle(&uring->ring, on);
	/* disk_uring_take() after this sees what was completed silently. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int disk_uring_kick(struct disk_uring *uring)
{
	int ret;

	do
		ret = io_uring_submit(&uring->ring);
	while (ret == -EINTR);
	return ret < 0 ? ret : 0;
}

/* Errors that perform.c knows a way around. */
static bool may_work_otherwise(const struct disk *disk, int error)
{
	return error == -EAGAIN || error == -EINTR ||
	       (disk->direct && (error == -EINVAL || error == -EFAULT));
}

struct disk_request *disk_uring_take(struct disk_uring *uring, bool *finish)
{
	struct disk_request *request;
	struct io_uring_cqe *cqe;
	int result;

	if (io_uring_peek_cqe(&uring->ring, &cqe))
		return NULL;
	request = io_uring_cqe_get_data(cqe);
	result = cqe->res;
	io_uring_cqe_seen(&uring->ring, cqe);
	request->error = result < 0 ? result : 0;
	*finish = false;
	if (result < 0) {
		*finish = may_work_otherwise(uring->disk, result);
	} else if (request->op != DISK_FLUSH &&
		   (uint64_t)result < request->length) {
		disk_advance(request, result);
		*finish = true;
	}
	return request;
}
