// SPDX-License-Identifier: GPL-2.0
/* See relay.h. */
#include "relay.h"

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "channel_io.h"

struct way {
	int from, to;
	bool ended;		/* nothing more comes, or nobody takes it */
	size_t start, end;	/* bytes that were not passed on */
	uint8_t bytes[65536];
};

static void give_up(struct way *way)
{
	shutdown(way->from, SHUT_RD);
	way->ended = true;
	way->start = way->end = 0;
}

static void fill(struct way *way)
{
	ssize_t length = channel_io_read(way->from, way->bytes,
					 sizeof(way->bytes));

	if (length == CHANNEL_NOT_NOW)
		return;
	if (length > 0) {
		way->start = 0;
		way->end = (size_t)length;
		return;
	}
	shutdown(way->to, SHUT_WR);
	way->ended = true;
}

static void drain(struct way *way)
{
	struct iovec part = { way->bytes + way->start, way->end - way->start };
	ssize_t length = channel_io_write(way->to, &part, 1);

	if (length == CHANNEL_BROKEN)
		give_up(way);
	else if (length > 0)
		way->start += (size_t)length;
}

/* What this way waits for, of two pollfds in the order of relay(). */
static void want(const struct way *way, struct pollfd *from, struct pollfd *to)
{
	if (way->start < way->end)
		to->events |= POLLOUT;
	else if (!way->ended)
		from->events |= POLLIN;
}

static void step(struct way *way)
{
	if (way->start == way->end && !way->ended)
		fill(way);
	if (way->start < way->end)
		drain(way);
}

void relay(int one, int other)
{
	/* Too large for a stack. */
	static struct way to, fro;

	to.from = fro.to = one;
	to.to = fro.from = other;
	to.ended = fro.ended = false;
	to.start = to.end = fro.start = fro.end = 0;
	while (!to.ended || !fro.ended || to.start < to.end ||
	       fro.start < fro.end) {
		struct pollfd fds[2] = { { .fd = one }, { .fd = other } };

		want(&to, &fds[0], &fds[1]);
		want(&fro, &fds[1], &fds[0]);
		for (int i = 0; i < 2; i++)
			if (!fds[i].events)
				fds[i].fd = -1;
		poll(fds, 2, -1);
		step(&to);
		step(&fro);
	}
}
