/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disk requests over an NBD connection (nbd_link.h), in the owner's thread and
 * never waiting.  Connections come from the server process (server.h): when
 * one breaks, another is asked for.  Its server may be a new one that knows
 * nothing of what the old one had in its memory: so all changes since the last
 * flush go out again first, in order, and then what was not answered.  The
 * guest sees a slow disk meanwhile.
 *
 * Reads and writes that the guest has in flight at the same time do not
 * overlap, or it does not care, so that doing them twice is right.
 */
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../os.h"
#include "engine.h"
#include "nbd_link.h"

#define MOST_PIECES 64		/* of one sendmsg() or recvmsg() */
#define PIECE_LIMIT (8u << 20)	/* of one READ or WRITE */
/*
 * Memory for unflushed changes: at half of it we flush by ourselves, and with
 * all of it taken nothing else goes out until that is done.
 */
#define UNFLUSHED_LIMIT (32u << 20)

/* A request, and how far it has got. */
struct slot {
	struct disk_request *request;	/* NULL = free */
	struct slot *next;		/* to be sent; or free */
	uint64_t done;			/* bytes of it that were answered */
	uint32_t length;		/* of the command that is under way */
	bool sent;			/* completely; an answer may come */
	uint64_t mark;			/* FLUSH: the changes that it covers */
	uint32_t turn;			/* of the slot, in the cookie */
};

/* A position in the bytes of a command or an answer. */
struct cursor {
	struct slot *slot;		/* NULL = nothing under way */
	uint64_t moved;			/* header included */
};

struct disk_nbd {
	struct disk *disk;
	int server;			/* socket to the server process */
	int fd;				/* -1: waiting for a connection */
	bool wants_room;		/* epoll looks for POLLOUT */
	struct nbd_export export;
	struct slot *first, **last;	/* to be sent */
	struct slot *free;
	struct disk_request *finished;	/* reap will tell */
	struct cursor out, in;
	struct nbd_request header_out;
	struct nbd_reply header_in;
	struct disk_unflushed unflushed;
	struct disk_change *again;	/* the own slot's, of a new connection */
	struct disk_request own_flush;
	struct slot own;		/* for requests that nobody waits for */
	struct slot slots[DISK_DEPTH];
};

/* --- Connection --- */

static void watch(struct disk_nbd *nbd, int op, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = nbd->fd };

	epoll_ctl(nbd->disk->wait_fd, op, nbd->fd, &event);
}

static void queue(struct disk_nbd *nbd, struct slot *slot)
{
	slot->sent = false;
	slot->next = NULL;
	*nbd->last = slot;
	nbd->last = &slot->next;
}

/* Before all others: they may wait for it. */
static void queue_own(struct disk_nbd *nbd, struct disk_request *request)
{
	struct slot *own = &nbd->own;

	own->request = request;
	own->turn++;
	own->done = 0;
	own->sent = false;
	own->next = nbd->first;
	nbd->first = own;
	if (!own->next)
		nbd->last = &own->next;
}

static void forget_queue(struct disk_nbd *nbd)
{
	nbd->first = NULL;
	nbd->last = &nbd->first;
	nbd->own.request = NULL;
	nbd->out.slot = nbd->in.slot = NULL;
	nbd->out.moved = nbd->in.moved = 0;
}

/* All that has not been answered, from the beginning of its command. */
static void queue_unanswered(struct disk_nbd *nbd)
{
	for (int i = 0; i < DISK_DEPTH; i++)
		if (nbd->slots[i].request)
			queue(nbd, &nbd->slots[i]);
}

/* For a new connection. */
static void queue_all(struct disk_nbd *nbd)
{
	forget_queue(nbd);
	nbd->again = nbd->unflushed.first;
	if (nbd->again)
		queue_own(nbd, &nbd->again->request);
	else
		queue_unanswered(nbd);
}

static void finish(struct disk_nbd *nbd, struct slot *slot, int error)
{
	struct disk_request *request = slot->request;

	slot->request = NULL;
	slot->turn++;
	slot->next = nbd->free;
	nbd->free = slot;
	request->error = error;
	request->next = nbd->finished;
	nbd->finished = request;
}

static void fail_all(struct disk_nbd *nbd)
{
	for (int i = 0; i < DISK_DEPTH; i++)
		if (nbd->slots[i].request)
			finish(nbd, &nbd->slots[i], -EIO);
}

static void disconnect(struct disk_nbd *nbd)
{
	if (nbd->fd >= 0)
		close(nbd->fd);
	nbd->fd = -1;
	nbd->wants_room = false;
}

/* For good; why is for people. */
static void give_up(struct disk_nbd *nbd, const char *why)
{
	disconnect(nbd);
	forget_queue(nbd);
	nbd->disk->failed = why;
	fail_all(nbd);
}

static void lost(struct disk_nbd *nbd)
{
	if (nbd->fd < 0)
		return;
	disconnect(nbd);
	queue_all(nbd);
	nbd->disk->losses++;
	if (send(nbd->server, "c", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		give_up(nbd, "the process beside it has ended");
}

int disk_nbd_take(int server, struct nbd_export *export, struct error *error)
{
	char text[ERROR_TEXT];
	int fd = -1, nr;

	nr = os_receive_files(server, text, sizeof(text), &fd, 1);
	if (nr == 1 && sscanf(text, "ok %" SCNu64 " %" SCNx32 " %" SCNu32
			      " %" SCNu32, &export->size, &export->flags,
			      &export->block, &export->most) == 4)
		return fd;
	if (nr == 1)
		close(fd);
	return error_set(error, "%s", !strncmp(text, "error ", 6) ? text + 6 :
			 "the process beside it has ended");
}

/* The server process has something for us. */
static void take_connection(struct disk_nbd *nbd)
{
	struct nbd_export export;
	struct error error;
	int fd = disk_nbd_take(nbd->server, &export, &error);

	if (fd < 0) {
		/* It answers only with a connection, as long as it lives. */
		epoll_ctl(nbd->disk->wait_fd, EPOLL_CTL_DEL, nbd->server, NULL);
		give_up(nbd, "the process beside it has ended");
		return;
	}
	/* Another disk, or one that has become less: never write to that. */
	if (nbd->fd >= 0 || nbd->disk->failed ||
	    export.size < nbd->export.size ||
	    export.flags != nbd->export.flags) {
		close(fd);
		if (!nbd->disk->failed)
			give_up(nbd, "its server has another disk now");
		return;
	}
	nbd->fd = fd;
	watch(nbd, EPOLL_CTL_ADD, EPOLLIN);
}

/* --- Moving bytes --- */

/* Does the command carry the request's data, or the answer? */
static bool has_data(const struct slot *slot, enum disk_op op)
{
	return slot->request->op == op;
}

/*
 * The pieces of header and data from `moved` on; the data is the request's
 * iovec from `done` on, `length` bytes.
 */
static int pieces(const struct slot *slot, void *header, size_t header_length,
		  bool data, uint64_t moved, struct iovec *to)
{
	const struct iovec *iov = slot->request->iov;
	uint64_t skip, left;
	int nr = 0, i;

	if (moved < header_length) {
		to[nr++] = (struct iovec){ (char *)header + moved,
					   header_length - moved };
		moved = header_length;
	}
	if (!data)
		return nr;
	moved -= header_length;
	skip = slot->done + moved;
	left = slot->length - moved;
	for (i = 0; i < slot->request->nr_iov && left && nr < MOST_PIECES;
	     i++) {
		uint64_t part = iov[i].iov_len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part -= skip;
		if (part > left)
			part = left;
		to[nr++] = (struct iovec){ (char *)iov[i].iov_base + skip,
					   part };
		skip = 0;
		left -= part;
	}
	return nr;
}

/* In the cookie; the own slot is the one after all others. */
static uint32_t number_of(const struct disk_nbd *nbd, const struct slot *slot)
{
	return slot == &nbd->own ? DISK_DEPTH : slot - nbd->slots;
}

static void make_header(struct disk_nbd *nbd, struct slot *slot)
{
	static const uint16_t commands[] = {
		[DISK_READ] = NBD_CMD_READ,
		[DISK_WRITE] = NBD_CMD_WRITE,
		[DISK_FLUSH] = NBD_CMD_FLUSH,
		[DISK_DISCARD] = NBD_CMD_TRIM,
		[DISK_ZERO] = NBD_CMD_WRITE_ZEROES,
	};
	const struct disk_request *request = slot->request;
	uint16_t flags = 0;
	uint64_t left;

	if (request->durable && nbd->export.flags & NBD_FLAG_FUA)
		flags |= NBD_CMD_FLAG_FUA;
	slot->mark = nbd->unflushed.end;
	if (request->op == DISK_ZERO && !request->unmap)
		flags |= NBD_CMD_FLAG_NO_HOLE;
	left = request->op == DISK_FLUSH ? 0 : request->length - slot->done;
	if (request->op == DISK_READ || request->op == DISK_WRITE) {
		uint32_t most = nbd->export.most < PIECE_LIMIT ?
				nbd->export.most & -4096u : PIECE_LIMIT;

		left = left < most ? left : most;
	}
	slot->length = left;
	nbd->header_out = (struct nbd_request){
		.magic = htobe32(NBD_REQUEST_MAGIC),
		.flags = htobe16(flags),
		.command = htobe16(commands[request->op]),
		.cookie = htobe64((uint64_t)slot->turn << 32 |
				  number_of(nbd, slot)),
		.offset = htobe64(request->op == DISK_FLUSH ? 0 :
				  request->offset + slot->done),
		.length = htobe32(slot->length),
	};
}

/* Is there something that may go out? */
static bool may_push(const struct disk_nbd *nbd)
{
	return nbd->fd >= 0 &&
	       (nbd->out.slot ||
		(nbd->first && (nbd->first == &nbd->own ||
				nbd->unflushed.bytes < UNFLUSHED_LIMIT)));
}

/* Send what is queued, as far as the socket takes it. */
static void push(struct disk_nbd *nbd)
{
	struct cursor *out = &nbd->out;
	struct iovec iov[MOST_PIECES + 1];
	struct msghdr message = { .msg_iov = iov };
	uint64_t total;
	ssize_t sent;

	while (may_push(nbd)) {
		if (!out->slot) {
			out->slot = nbd->first;
			out->moved = 0;
			nbd->first = out->slot->next;
			if (!nbd->first)
				nbd->last = &nbd->first;
			make_header(nbd, out->slot);
		}
		total = sizeof(nbd->header_out) +
			(has_data(out->slot, DISK_WRITE) ? out->slot->length :
							   0);
		message.msg_iovlen = pieces(out->slot, &nbd->header_out,
					    sizeof(nbd->header_out),
					    has_data(out->slot, DISK_WRITE),
					    out->moved, iov);
		sent = sendmsg(nbd->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			if (!nbd->wants_room)
				watch(nbd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			nbd->wants_room = true;
			return;
		}
		if (sent < 0) {
			lost(nbd);
			return;
		}
		out->moved += sent;
		if (out->moved == total) {
			out->slot->sent = true;
			out->slot = NULL;
		}
	}
	if (nbd->wants_room && nbd->fd >= 0) {
		watch(nbd, EPOLL_CTL_MOD, EPOLLIN);
		nbd->wants_room = false;
	}
}

/* Errors as the protocol has them: Linux's numbers, a few of them. */
static int error_of(uint32_t error)
{
	return error == EPERM || error == ENOSPC || error == EINVAL ?
	       -(int)error : -EIO;
}

/* A header is here: whose answer is it?  NULL: nobody's. */
static struct slot *whose(struct disk_nbd *nbd)
{
	uint64_t cookie = be64toh(nbd->header_in.cookie);
	uint32_t number = cookie;
	struct slot *slot = number < DISK_DEPTH ? &nbd->slots[number] :
						  &nbd->own;

	if (be32toh(nbd->header_in.magic) != NBD_REPLY_MAGIC ||
	    number > DISK_DEPTH || slot->turn != cookie >> 32 ||
	    !slot->request || !slot->sent)
		return NULL;
	return slot;
}

/*
 * A request is done: remember what the server may lose, forget what it has on
 * stable storage.  A discard that is lost was only a hint.  0 or -errno.
 */
static int note_done(struct disk_nbd *nbd, const struct slot *slot)
{
	const struct disk_request *request = slot->request;

	if (request->op == DISK_FLUSH)
		disk_unflushed_drop(&nbd->unflushed, slot->mark);
	/* One that cannot flush has no cache, or nobody can help it. */
	if ((request->op != DISK_WRITE && request->op != DISK_ZERO) ||
	    !(nbd->export.flags & NBD_FLAG_FLUSH))
		return 0;
	/* Durable ones as well: an older change would undo them. */
	return disk_unflushed_add(&nbd->unflushed, request);
}

/* The own slot's request is done. */
static void own_done(struct disk_nbd *nbd, uint32_t error)
{
	struct slot *own = &nbd->own;

	if (error) {
		give_up(nbd, nbd->again ?
			"its server does not take again what it has lost" :
			"its server cannot write to its disk");
		return;
	}
	if (!nbd->again) {
		note_done(nbd, own);
		own->request = NULL;
		return;
	}
	own->request = NULL;
	nbd->again = nbd->again->next;
	if (nbd->again)
		queue_own(nbd, &nbd->again->request);
	else
		queue_unanswered(nbd);
}

/* An answer is complete. */
static void answered(struct disk_nbd *nbd, struct slot *slot)
{
	uint32_t error = be32toh(nbd->header_in.error);
	bool own = slot == &nbd->own;

	nbd->in.slot = NULL;
	nbd->in.moved = 0;
	slot->done += slot->length;
	if (!error && slot->request->op != DISK_FLUSH &&
	    slot->done < slot->request->length)
		queue(nbd, slot);
	else if (own)
		own_done(nbd, error);
	else
		finish(nbd, slot, error ? error_of(error) :
					  note_done(nbd, slot));
	if (nbd->unflushed.bytes >= UNFLUSHED_LIMIT / 2 && !nbd->own.request &&
	    !nbd->disk->failed)
		queue_own(nbd, &nbd->own_flush);
}

/* Take answers, as far as they have come. */
static void pull(struct disk_nbd *nbd)
{
	struct cursor *in = &nbd->in;
	struct iovec iov[MOST_PIECES + 1];
	struct msghdr message = { .msg_iov = iov };
	bool data = false;
	ssize_t got;

	while (nbd->fd >= 0) {
		if (in->moved < sizeof(nbd->header_in)) {
			iov[0] = (struct iovec){
				(char *)&nbd->header_in + in->moved,
				sizeof(nbd->header_in) - in->moved,
			};
			message.msg_iovlen = 1;
		} else {
			message.msg_iovlen = pieces(in->slot, &nbd->header_in,
						    sizeof(nbd->header_in),
						    true, in->moved, iov);
		}
		got = recvmsg(nbd->fd, &message, MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			lost(nbd);
			return;
		}
		in->moved += got;
		if (in->moved < sizeof(nbd->header_in))
			continue;
		if (!in->slot) {
			in->slot = whose(nbd);
			if (!in->slot) {
				lost(nbd);
				return;
			}
		}
		data = has_data(in->slot, DISK_READ) && !nbd->header_in.error;
		if (in->moved == sizeof(nbd->header_in) +
				 (data ? in->slot->length : 0))
			answered(nbd, in->slot);
	}
}

/* --- For engine.c --- */

void disk_nbd_submit(struct disk_nbd *nbd, struct disk_request *request)
{
	struct slot *slot = nbd->free;

	nbd->free = slot->next;
	slot->request = request;
	slot->done = 0;
	if (nbd->disk->failed)
		finish(nbd, slot, -EIO);
	else if (request->op == DISK_DISCARD &&
		 !(nbd->export.flags & NBD_FLAG_TRIM))
		finish(nbd, slot, 0);
	else if (request->op == DISK_ZERO &&
		 !(nbd->export.flags & NBD_FLAG_ZEROES))
		finish(nbd, slot, -EOPNOTSUPP);
	else if (request->op == DISK_FLUSH &&
		 !(nbd->export.flags & NBD_FLAG_FLUSH))
		finish(nbd, slot, 0);
	else if (!nbd->again)
		queue(nbd, slot);
	/* Else it waits for queue_unanswered(). */
}

void disk_nbd_kick(struct disk_nbd *nbd)
{
	push(nbd);
}

bool disk_nbd_has_done(const struct disk_nbd *nbd)
{
	return nbd->finished;
}

void disk_nbd_abandon(struct disk_nbd *nbd)
{
	fail_all(nbd);
	/* Answers would be to nobody: only a new connection has none of them. */
	if (nbd->fd >= 0)
		lost(nbd);
	else if (!nbd->disk->failed)
		queue_all(nbd);
}

struct disk_request *disk_nbd_reap(struct disk_nbd *nbd)
{
	struct epoll_event events[4];
	struct disk_request *list;
	uint64_t count;
	int i, nr;

	nr = epoll_wait(nbd->disk->wait_fd, events, 4, 0);
	for (i = 0; i < nr; i++) {
		int fd = events[i].data.fd;

		if (fd == nbd->disk->event_fd) {
			/* EAGAIN: nothing to clear. */
			if (read(fd, &count, sizeof(count)) < 0)
				continue;
		} else if (fd == nbd->server) {
			take_connection(nbd);
		} else if (fd == nbd->fd) {
			pull(nbd);
		}
	}
	push(nbd);
	list = nbd->finished;
	nbd->finished = NULL;
	return list;
}

struct disk_nbd *disk_nbd_new(struct disk *disk, int server,
			      struct error *error)
{
	struct epoll_event event = { .events = EPOLLIN };
	struct disk_nbd *nbd = calloc(1, sizeof(*nbd));
	int i;

	if (!nbd) {
		error_set(error, "out of memory");
		return NULL;
	}
	nbd->disk = disk;
	nbd->server = server;
	nbd->last = &nbd->first;
	nbd->own_flush.op = DISK_FLUSH;
	for (i = 0; i < DISK_DEPTH; i++) {
		nbd->slots[i].next = nbd->free;
		nbd->free = &nbd->slots[i];
	}
	/* The first connection is on its way: the process starts with it. */
	nbd->fd = disk_nbd_take(server, &nbd->export, error);
	if (nbd->fd < 0) {
		free(nbd);
		return NULL;
	}
	disk->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	event.data.fd = disk->event_fd;
	if (disk->wait_fd < 0 || epoll_ctl(disk->wait_fd, EPOLL_CTL_ADD,
					   disk->event_fd, &event)) {
		error_set(error, "no event descriptor: %s", strerror(errno));
		close(nbd->fd);
		free(nbd);
		return NULL;
	}
	event.data.fd = server;
	epoll_ctl(disk->wait_fd, EPOLL_CTL_ADD, server, &event);
	watch(nbd, EPOLL_CTL_ADD, EPOLLIN);
	return nbd;
}

const struct nbd_export *disk_nbd_export(const struct disk_nbd *nbd)
{
	return &nbd->export;
}

void disk_nbd_free(struct disk_nbd *nbd)
{
	const struct nbd_request bye = {
		.magic = htobe32(NBD_REQUEST_MAGIC),
		.command = htobe16(NBD_CMD_DISC),
	};

	if (nbd->fd >= 0) {
		/* A courtesy; the end of the connection says the same. */
		if (send(nbd->fd, &bye, sizeof(bye),
			 MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			errno = 0;
		close(nbd->fd);
	}
	disk_unflushed_drop(&nbd->unflushed, nbd->unflushed.end);
	free(nbd);
}
