// SPDX-License-Identifier: GPL-2.0
/*
 * x-program BYTES [B]: the beginning of an X program, without any authorization of
 * its own (B: big-endian, and with one that is wrong), then so many bytes to the
 * server, which is to send them back (x-server).
 *
 * Says what the server is called, and "echo BYTES".  Status 1 if anything is wrong.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PART 4096

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int read_all(int fd, void *bytes, size_t length)
{
	for (uint8_t *at = bytes; length;) {
		ssize_t got = read(fd, at, length);

		if (got <= 0)
			return -1;
		at += got;
		length -= (size_t)got;
	}
	return 0;
}

/* Appendix B of the protocol: byte order, version 11, authorization. */
static int introduce(int fd, bool big)
{
	static const uint8_t little_setup[12] = { 'l', 0, 11, 0 };
	static const uint8_t big_setup[12 + 8 + 8] = {
		'B', 0, 0, 11, 0, 0, 0, 5, 0, 6, 0, 0,
		'W', 'R', 'O', 'N', 'G', 0, 0, 0, 1, 2, 3, 4, 5, 6,
	};
	const uint8_t *setup = big ? big_setup : little_setup;
	size_t length = big ? sizeof(big_setup) : sizeof(little_setup);
	uint8_t answer[8];
	char text[1024];

	if (write(fd, setup, length) != (ssize_t)length ||
	    read_all(fd, answer, sizeof(answer)))
		return -1;
	length = 4 * (answer[big ? 7 : 6] | (size_t)answer[big ? 6 : 7] << 8);
	if (length >= sizeof(text) || read_all(fd, text, length))
		return -1;
	text[length] = '\0';
	printf("%s: %s\n", answer[0] == 1 ? "server" : "refused", text);
	return answer[0] == 1 ? 0 : -1;
}

static int echo(int fd, unsigned long bytes)
{
	uint8_t out[PART], in[PART];

	for (unsigned long done = 0; done < bytes;) {
		size_t part = bytes - done < PART ? bytes - done : PART;

		for (size_t i = 0; i < part; i++)
			out[i] = (uint8_t)((done + i) * 2654435761u >> 24);
		if (write(fd, out, part) != (ssize_t)part ||
		    read_all(fd, in, part) || memcmp(in, out, part))
			return -1;
		done += part;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *display = getenv("DISPLAY");
	unsigned long bytes;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc < 2 || !display || *display != ':') {
		fprintf(stderr, "x-program: BYTES [B], with DISPLAY=:N\n");
		return 2;
	}
	bytes = strtoul(argv[1], NULL, 0);
	snprintf(address.sun_path, sizeof(address.sun_path),
		 "/tmp/.X11-unix/X%d", atoi(display + 1));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail(address.sun_path);
	if (introduce(fd, argc > 2) < 0)
		return 1;
	if (echo(fd, bytes) < 0)
		return fail("echo");
	/* The end of ours comes back as the end of the server's. */
	shutdown(fd, SHUT_WR);
	if (read(fd, &(char){ 0 }, 1) != 0)
		return fail("end");
	printf("echo %lu\n", bytes);
	return 0;
}
