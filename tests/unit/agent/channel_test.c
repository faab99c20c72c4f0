// SPDX-License-Identifier: GPL-2.0
/* agent/channel.c: who waits in vain is told, and may end it. */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../agent/channel.h"
#include "../virtio/tap.h"

static struct channel channel;
static int peer;
static unsigned int calls;

static void begin(void (*silence)(int fd))
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("no sockets");
	peer = fds[1];
	channel_init(&channel, fds[0]);
	channel.silence = silence;
	calls = 0;
}

/* As the host's kernel when the guest knows of no connection. */
static void end(int fd)
{
	calls++;
	shutdown(fd, SHUT_RDWR);
}

/* As a guest that was only slow. */
static void answer(int fd)
{
	const struct colinux_agent_frame header = { COLINUX_AGENT_DONE, 0 };

	(void)fd;
	calls++;
	if (write(peer, &header, sizeof(header)) != sizeof(header))
		die("no answer");
}

static void test_receiving(void)
{
	struct frame frame;

	begin(answer);
	check(channel_receive(&channel, &frame) &&
		      frame.type == COLINUX_AGENT_DONE && calls == 1,
	      "who waits for a frame is told of silence, and gets it");
	channel.silence = end;
	check(!channel_receive(&channel, &frame) && calls == 2,
	      "or learns that there is nobody");
	close(peer);
	close(channel.fd);
}

static void test_sending(void)
{
	static const char bytes[COLINUX_AGENT_PAYLOAD];

	begin(end);
	while (channel_send(&channel, COLINUX_AGENT_DATA, bytes, sizeof(bytes),
			    NULL, 0))
		;
	check(calls == 1, "who waits for room is told of silence");
	close(peer);
	close(channel.fd);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	/* A wait that never ends is none that passes. */
	alarm(60);
	test_receiving();
	test_sending();
	return done();
}
