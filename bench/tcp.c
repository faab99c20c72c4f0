// SPDX-License-Identifier: GPL-2.0
/*
 * tcp: how long a stream of bytes takes between two kernels, or two ends of
 * one.  Static, alone.
 *
 *   tcp serve PORT                        until it is killed, one at a time
 *   tcp send|receive NAME ADDRESS PORT MIB ROUNDS
 *
 * The server takes what it is sent, or sends as much as it is asked for, and the
 * sender waits until all has arrived.  The client prints "load NAME TICKS": the
 * fastest round, ticks of the TSC per MiB, and executes the marks "begn" and
 * "done" of bench/mark.h around each.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mark.h"

#define CHUNK (128 * 1024)
#define MIB (1024 * 1024ull)

struct request {
	uint32_t send;		/* the server is to send; else it receives */
	uint32_t mib;
};

static char chunk[CHUNK];

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static int read_all(int fd, uint64_t left)
{
	while (left) {
		ssize_t got = read(fd, chunk, left < CHUNK ? left : CHUNK);

		if (got <= 0)
			return -1;
		left -= got;
	}
	return 0;
}

static int write_all(int fd, uint64_t left)
{
	while (left) {
		ssize_t put = write(fd, chunk, left < CHUNK ? left : CHUNK);

		if (put <= 0)
			return -1;
		left -= put;
	}
	return 0;
}

/* One way, and a byte back from whoever has received. */
static int transfer(int fd, bool sends, uint32_t mib)
{
	char done = 'd';

	if (sends)
		return write_all(fd, mib * MIB) || read(fd, &done, 1) != 1;
	return read_all(fd, mib * MIB) || write(fd, &done, 1) != 1;
}

static int serve(const char *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(strtoul(port, NULL, 0)),
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, 8) < 0) {
		perror("tcp: serve");
		return 1;
	}
	for (;;) {
		struct request request;
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			return 1;
		if (read(fd, &request, sizeof(request)) == sizeof(request))
			transfer(fd, request.send, request.mib);
		close(fd);
	}
}

static int client(bool sends, char **argv)
{
	struct request request = { !sends, strtoul(argv[3], NULL, 0) };
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(strtoul(argv[2], NULL, 0)),
	};
	unsigned long rounds = strtoul(argv[4], NULL, 0);
	uint64_t best = UINT64_MAX;

	if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1 || !request.mib)
		return 2;
	while (rounds--) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), failed;
		uint64_t start;

		if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		    write(fd, &request, sizeof(request)) != sizeof(request)) {
			perror("tcp");
			best = UINT64_MAX;
			break;
		}
		start = ticks();
		MARK("begn");
		failed = transfer(fd, sends, request.mib);
		MARK("done");
		start = ticks() - start;
		close(fd);
		if (failed) {
			best = UINT64_MAX;
			break;
		}
		if (start < best)
			best = start;
	}
	if (best == UINT64_MAX) {
		printf("load %s failed\n", argv[0]);
		return 1;
	}
	printf("load %s %" PRIu64 "\n", argv[0], best / request.mib);
	return 0;
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 7 && !strcmp(argv[1], "send"))
		return client(true, argv + 2);
	if (argc == 7 && !strcmp(argv[1], "receive"))
		return client(false, argv + 2);
	fprintf(stderr, "usage: tcp serve PORT | "
		"send|receive NAME ADDRESS PORT MIB ROUNDS\n");
	return 2;
}
