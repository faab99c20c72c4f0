// SPDX-License-Identifier: GPL-2.0
/* agent/relay.c between two pairs of sockets: bytes, ends, who is gone. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../agent/relay.h"
#include "../virtio/tap.h"

#define BYTES (3u << 20)

static int left[2], right[2];	/* [0] ours, [1] the relay's */
static pthread_t thread;

static void *run(void *opaque)
{
	(void)opaque;
	relay(left[1], right[1]);
	close(left[1]);
	close(right[1]);
	return NULL;
}

static void begin(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, left) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, right) ||
	    pthread_create(&thread, NULL, run, NULL))
		die("no sockets, or no thread");
}

/* What comes at a place of a stream. */
static uint8_t byte_at(size_t place, unsigned int stream)
{
	return (uint8_t)((place + stream * 7919) * 2654435761u >> 23);
}

/* Send and receive at both ends as it goes, in odd parts; false = wrong bytes. */
static bool both_ways(void)
{
	int fds[2] = { left[0], right[0] };
	size_t sent[2] = { 0, 0 }, got[2] = { 0, 0 };
	uint8_t bytes[8191];

	while (got[0] < BYTES || got[1] < BYTES) {
		struct pollfd polls[2];

		for (int i = 0; i < 2; i++) {
			polls[i].fd = fds[i];
			polls[i].events = POLLIN |
					  (sent[i] < BYTES ? POLLOUT : 0);
		}
		poll(polls, 2, -1);
		for (unsigned int i = 0; i < 2; i++) {
			size_t part = 1 + (size_t)rand() % sizeof(bytes);
			ssize_t length;

			if (polls[i].revents & POLLIN) {
				length = recv(fds[i], bytes, part, 0);
				if (length <= 0)
					return false;
				for (ssize_t j = 0; j < length; j++)
					if (bytes[j] != byte_at(got[i]++, !i))
						return false;
			}
			if (!(polls[i].revents & POLLOUT))
				continue;
			if (part > BYTES - sent[i])
				part = BYTES - sent[i];
			for (size_t j = 0; j < part; j++)
				bytes[j] = byte_at(sent[i] + j, i);
			length = send(fds[i], bytes, part, MSG_DONTWAIT);
			if (length > 0)
				sent[i] += (size_t)length;
		}
	}
	return true;
}

static void test_streams(void)
{
	char byte;

	begin();
	check(both_ways(), "bytes go both ways at once");
	shutdown(left[0], SHUT_WR);
	check(read(right[0], &byte, 1) == 0, "an end is passed on");
	check(write(right[0], "x", 1) == 1 && read(left[0], &byte, 1) == 1 &&
		      byte == 'x', "the other way goes on");
	close(right[0]);
	check(read(left[0], &byte, 1) == 0, "until it ends as well");
	check(!pthread_join(thread, NULL), "then it is over");
	close(left[0]);
}

static void test_gone(void)
{
	char byte;

	begin();
	close(right[0]);
	while (write(left[0], "0123456789", 10) > 0)
		;
	check(read(left[0], &byte, 1) <= 0, "who is gone ends the other side");
	check(!pthread_join(thread, NULL), "and it is over");
	close(left[0]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_streams();
	test_gone();
	return done();
}
