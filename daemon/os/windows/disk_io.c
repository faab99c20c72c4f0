/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disk requests by overlapped I/O and a completion port: disk.h.  A request is
 * one transfer for each piece of memory; the last one that comes back ends it.
 * Flushes, which NT has no overlapped form of, and zeroing run in the threads
 * that serve the port.
 *
 * Pieces that a device cannot take as they are (alignment) go through a buffer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

#include <winioctl.h>

/* One may be busy with a flush while transfers come back. */
#define THREADS 3
#define ZEROS (64u * 1024)
/* Keys of the port. */
#define KEY_TRANSFER 0
#define KEY_REQUEST 1
#define KEY_STOP 2

struct nt_disk {
	struct disk *disk;
	bool through;			/* writes are: it knows no flush */
	HANDLE port;
	pthread_t threads[THREADS];
	unsigned int nr_threads;
	pthread_mutex_t lock;
	struct disk_request *done;	/* guarded by lock */
};

/* A request under way. */
struct work {
	struct nt_disk *io;
	struct disk_request *request;
	long left;		/* transfers, and one for who starts them */
	long error;		/* the first; negative errno */
};

struct transfer {
	OVERLAPPED overlapped;	/* first: the port gives it back */
	struct work *work;
	char *memory;
	void *bounce;		/* VirtualAlloc()ed, or NULL */
	uint64_t offset;
	DWORD length;
};

const char *disk_engine_name(const struct disk *disk)
{
	const struct nt_disk *io = (const struct nt_disk *)disk->pool;

	return io->through ? "overlapped, written through" : "overlapped";
}

/* --- The end of requests, any thread --- */

static void finish(struct nt_disk *io, struct disk_request *request, int error)
{
	request->error = error;
	pthread_mutex_lock(&io->lock);
	request->next = io->done;
	io->done = request;
	pthread_mutex_unlock(&io->lock);
	os_event_signal(io->disk->event_fd);
}

static void work_put(struct work *work)
{
	struct nt_disk *io = work->io;
	struct disk_request *request = work->request;
	int error;

	if (__atomic_sub_fetch(&work->left, 1, __ATOMIC_ACQ_REL))
		return;
	error = (int)work->error;
	free(work);
	if (!error && request->op == DISK_WRITE && request->durable)
		error = disk_sync(io->disk);
	finish(io, request, error);
}

static void work_fail(struct work *work, int error)
{
	long none = 0;

	__atomic_compare_exchange_n(&work->error, &none, (long)error, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* A transfer came back with so many bytes or an error. */
static void transfer_done(struct transfer *t, DWORD moved, DWORD code)
{
	struct work *work = t->work;
	const struct disk *disk = work->io->disk;
	bool read = work->request->op == DISK_READ;
	uint64_t bytes = __atomic_load_n(&disk->bytes, __ATOMIC_RELAXED);

	if (code == ERROR_HANDLE_EOF && read) {
		code = 0;
		moved = 0;
	}
	if (!code && read && moved < t->length) {
		/*
		 * Right if this is the part of the last block that the file
		 * does not have; otherwise somebody has cut the file.
		 */
		if (t->offset + moved < bytes)
			code = ERROR_READ_FAULT;
		else
			memset((t->bounce ? (char *)t->bounce : t->memory) +
			       moved, 0, t->length - moved);
	} else if (!code && !read && moved < t->length) {
		code = ERROR_DISK_FULL;
	}
	if (code)
		work_fail(work, -nt_errno(code));
	else if (read && t->bounce)
		memcpy(t->memory, t->bounce, t->length);
	if (t->bounce)
		VirtualFree(t->bounce, 0, MEM_RELEASE);
	free(t);
	work_put(work);
}

/* --- Starting transfers --- */

static bool is_aligned(const struct disk *disk, const struct transfer *t)
{
	return (!disk->direct && !disk->is_device) ||
	       (((uintptr_t)t->memory | t->length) % disk->block_size) == 0;
}

static void transfer_start(struct work *work, char *memory, uint64_t offset,
			   DWORD length)
{
	const struct disk *disk = work->io->disk;
	struct transfer *t = calloc(1, sizeof(*t));
	bool read = work->request->op == DISK_READ;
	BOOL ok;
	DWORD code;

	if (!t) {
		work_fail(work, -ENOMEM);
		return;
	}
	t->work = work;
	t->memory = memory;
	t->offset = offset;
	t->length = length;
	t->overlapped.Offset = (DWORD)offset;
	t->overlapped.OffsetHigh = (DWORD)(offset >> 32);
	__atomic_add_fetch(&work->left, 1, __ATOMIC_RELAXED);
	if (!is_aligned(disk, t)) {
		t->bounce = VirtualAlloc(NULL, length, MEM_COMMIT | MEM_RESERVE,
					 PAGE_READWRITE);
		if (!t->bounce) {
			transfer_done(t, 0, ERROR_NOT_ENOUGH_MEMORY);
			return;
		}
		if (!read)
			memcpy(t->bounce, memory, length);
	}
	memory = t->bounce ? t->bounce : memory;
	ok = read ? ReadFile(nt_handle(disk->fd), memory, length, NULL,
			     &t->overlapped) :
		    WriteFile(nt_handle(disk->fd), memory, length, NULL,
			      &t->overlapped);
	code = ok ? 0 : GetLastError();
	/* In all other cases the port hears of it. */
	if (code && code != ERROR_IO_PENDING)
		transfer_done(t, 0, code);
}

/*
 * Without a cache a transfer is whole blocks: pieces that are none go together
 * through one buffer.
 */
static bool pieces_are_blocks(const struct disk *disk,
			      const struct disk_request *request)
{
	if (!disk->direct && !disk->is_device)
		return true;
	for (int i = 0; i < request->nr_iov; i++)
		if (request->iov[i].iov_len % disk->block_size)
			return false;
	return true;
}

/* Slow and rare: gather, transfer, scatter, in this thread. */
static int transfer_gathered(struct nt_disk *io, struct disk_request *request);

static void start(struct nt_disk *io, struct disk_request *request)
{
	struct work *work = malloc(sizeof(*work));
	uint64_t offset = request->offset;

	if (!work) {
		finish(io, request, -ENOMEM);
		return;
	}
	*work = (struct work){ .io = io, .request = request, .left = 1 };
	for (int i = 0; i < request->nr_iov; i++) {
		transfer_start(work, request->iov[i].iov_base, offset,
			       (DWORD)request->iov[i].iov_len);
		offset += request->iov[i].iov_len;
	}
	work_put(work);
}

/* --- What waits, in the port's threads --- */

/* A request of this thread's own, which the port does not hear of. */
static int wait_for(const struct disk *disk, BOOL started, OVERLAPPED *at,
		    DWORD *moved)
{
	DWORD code = 0;

	*moved = 0;
	if ((!started && GetLastError() != ERROR_IO_PENDING) ||
	    !GetOverlappedResult(nt_handle(disk->fd), at, moved, TRUE))
		code = GetLastError();
	return code ? -nt_errno(code) : 0;
}

static OVERLAPPED own_request(HANDLE event, uint64_t offset)
{
	OVERLAPPED at = {
		.Offset = (DWORD)offset,
		.OffsetHigh = (DWORD)(offset >> 32),
		/* Bit 0: not for the port. */
		.hEvent = (HANDLE)((uintptr_t)event | 1),
	};

	return at;
}

static int transfer_gathered(struct nt_disk *io, struct disk_request *request)
{
	const struct disk *disk = io->disk;
	HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
	OVERLAPPED at = own_request(event, request->offset);
	DWORD length = (DWORD)request->length, moved;
	char *buffer = VirtualAlloc(NULL, length, MEM_COMMIT | MEM_RESERVE,
				    PAGE_READWRITE), *next = buffer;
	int error = event && buffer ? 0 : -ENOMEM;

	for (int i = 0; !error && request->op == DISK_WRITE &&
			i < request->nr_iov; i++) {
		memcpy(next, request->iov[i].iov_base, request->iov[i].iov_len);
		next += request->iov[i].iov_len;
	}
	if (!error)
		error = wait_for(disk, request->op == DISK_READ ?
			ReadFile(nt_handle(disk->fd), buffer, length, NULL,
				 &at) :
			WriteFile(nt_handle(disk->fd), buffer, length, NULL,
				  &at), &at, &moved);
	/* The ragged end of a file: the buffer is zeros there. */
	if (!error && moved < length &&
	    (request->op == DISK_WRITE ||
	     request->offset + moved <
		     __atomic_load_n(&disk->bytes, __ATOMIC_RELAXED)))
		error = -EIO;
	next = buffer;
	for (int i = 0; !error && request->op == DISK_READ &&
			i < request->nr_iov; i++) {
		memcpy(request->iov[i].iov_base, next, request->iov[i].iov_len);
		next += request->iov[i].iov_len;
	}
	if (!error && request->op == DISK_WRITE && request->durable)
		error = disk_sync(disk);
	if (buffer)
		VirtualFree(buffer, 0, MEM_RELEASE);
	if (event)
		CloseHandle(event);
	return error;
}

bool nt_disk_flushes(HANDLE file)
{
	DWORD code = FlushFileBuffers(file) ? 0 : GetLastError();

	return code != ERROR_INVALID_FUNCTION && code != ERROR_NOT_SUPPORTED;
}

int disk_sync(const struct disk *disk)
{
	if (((const struct nt_disk *)disk->pool)->through)
		return 0;
	return FlushFileBuffers(nt_handle(disk->fd)) ?
		       0 : -nt_errno(GetLastError());
}

/* Give the space back; the range reads as zeros then.  Files only. */
static int punch(const struct disk *disk, HANDLE event,
		 const struct disk_request *request)
{
	FILE_ZERO_DATA_INFORMATION range;
	OVERLAPPED at = own_request(event, 0);
	DWORD moved;

	if (disk->is_device)
		return -EOPNOTSUPP;
	range.FileOffset.QuadPart = request->offset;
	range.BeyondFinalZero.QuadPart = request->offset + request->length;
	return wait_for(disk, DeviceIoControl(nt_handle(disk->fd),
					      FSCTL_SET_ZERO_DATA, &range,
					      sizeof(range), NULL, 0, NULL,
					      &at), &at, &moved);
}

static int write_zeros(const struct disk *disk, HANDLE event,
		       const struct disk_request *request)
{
	uint64_t offset = request->offset, left = request->length;
	void *zeros = VirtualAlloc(NULL, ZEROS, MEM_COMMIT | MEM_RESERVE,
				   PAGE_READWRITE);
	int error = zeros ? 0 : -ENOMEM;

	while (left && !error) {
		OVERLAPPED at = own_request(event, offset);
		DWORD part = left < ZEROS ? (DWORD)left : ZEROS, moved;

		error = wait_for(disk, WriteFile(nt_handle(disk->fd), zeros,
						 part, NULL, &at), &at, &moved);
		if (!error && moved < part)
			error = -ENOSPC;
		offset += part;
		left -= part;
	}
	if (zeros)
		VirtualFree(zeros, 0, MEM_RELEASE);
	return error;
}

static int perform(struct nt_disk *io, struct disk_request *request)
{
	const struct disk *disk = io->disk;
	HANDLE event;
	int error;

	if (request->op == DISK_FLUSH)
		return disk_sync(disk);
	if (request->op == DISK_READ || request->op == DISK_WRITE)
		return transfer_gathered(io, request);
	if (!request->length)
		return 0;
	event = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!event)
		return -ENOMEM;
	error = punch(disk, event, request);
	/* Only a hint. */
	if (request->op == DISK_DISCARD)
		error = 0;
	else if (error)
		error = write_zeros(disk, event, request);
	CloseHandle(event);
	if (!error && request->op == DISK_ZERO && request->durable)
		error = disk_sync(disk);
	return error;
}

static void *port_thread(void *opaque)
{
	struct nt_disk *io = opaque;

	for (;;) {
		OVERLAPPED *at = NULL;
		ULONG_PTR key = KEY_STOP;
		DWORD moved = 0, code = 0;

		if (!GetQueuedCompletionStatus(io->port, &moved, &key, &at,
					       INFINITE)) {
			code = GetLastError();
			if (!at)
				return NULL;
		}
		if (key == KEY_STOP)
			return NULL;
		if (key == KEY_REQUEST)
			finish(io, (struct disk_request *)at,
			       perform(io, (struct disk_request *)at));
		else
			transfer_done((struct transfer *)at, moved, code);
	}
}

/* --- The owner's side --- */

void disk_submit(struct disk *disk, struct disk_request *request)
{
	struct nt_disk *io = (struct nt_disk *)disk->pool;

	if ((request->op == DISK_READ || request->op == DISK_WRITE) &&
	    pieces_are_blocks(disk, request))
		start(io, request);
	else if (!PostQueuedCompletionStatus(io->port, 0, KEY_REQUEST,
					     (OVERLAPPED *)request))
		finish(io, request, perform(io, request));
}

void disk_kick(struct disk *disk)
{
	/* All start at once. */
	(void)disk;
}

void disk_abandon(struct disk *disk)
{
	/* There are no servers here; files come back by themselves. */
	(void)disk;
}

/* What is done signals the event as long as the owner looks, too. */
void disk_quiet(struct disk *disk)
{
	(void)disk;
}

void disk_look(struct disk *disk)
{
	disk_reap(disk);
}

void disk_loud(struct disk *disk)
{
	disk_reap(disk);
}

void disk_reap(struct disk *disk)
{
	struct nt_disk *io = (struct nt_disk *)disk->pool;
	struct disk_request *request, *next;

	pthread_mutex_lock(&io->lock);
	request = io->done;
	io->done = NULL;
	pthread_mutex_unlock(&io->lock);
	for (; request; request = next) {
		next = request->next;
		request->done(request, request->error);
	}
}

struct nt_disk *nt_disk_new(struct disk *disk)
{
	struct nt_disk *io = calloc(1, sizeof(*io));

	if (!io) {
		errno = ENOMEM;
		return NULL;
	}
	io->disk = disk;
	io->through = disk->is_device && !disk->read_only &&
		      !nt_disk_flushes(nt_handle(disk->fd));
	pthread_mutex_init(&io->lock, NULL);
	io->port = CreateIoCompletionPort(nt_handle(disk->fd), NULL,
					  KEY_TRANSFER, THREADS);
	if (!io->port) {
		errno = nt_errno(GetLastError());
		nt_disk_free(io);
		return NULL;
	}
	for (; io->nr_threads < THREADS; io->nr_threads++)
		if (os_thread_start(&io->threads[io->nr_threads], 0,
				    port_thread, io))
			break;
	if (io->nr_threads == THREADS)
		return io;
	errno = EAGAIN;
	nt_disk_free(io);
	return NULL;
}

void nt_disk_free(struct nt_disk *io)
{
	unsigned int i;

	for (i = 0; i < io->nr_threads; i++)
		PostQueuedCompletionStatus(io->port, 0, KEY_STOP, NULL);
	for (i = 0; i < io->nr_threads; i++)
		pthread_join(io->threads[i], NULL);
	if (io->port)
		CloseHandle(io->port);
	pthread_mutex_destroy(&io->lock);
	free(io);
}
