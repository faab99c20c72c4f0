// SPDX-License-Identifier: GPL-2.0
/*
 * The slirp process, from the other end of its socket: ARP, a redirected TCP
 * connection up to the first data, rubbish, a port that is taken, the end.
 *
 * Processes that the VM process starts are this very program again, as it is
 * `colinux` otherwise.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../daemon/command.h"
#include "../../../daemon/net/frame.h"
#include "../../../daemon/net/slirp.h"
#include "../../../daemon/os.h"
#include "../virtio/tap.h"

#define HEADER sizeof(struct net_header)
#define ETHERNET 14
#define TYPE_ARP 0x0806
#define TYPE_IP 0x0800

/* As command.c has it, but quiet: its lines would not be TAP. */
void say(const char *format, ...)
{
	(void)format;
}

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
static uint8_t message[NET_MESSAGE_MAX], out[2048];
static int fd, port;
static pid_t child;

/* A TCP port that was free a moment ago. */
static int free_port(int *listener)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(at);
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (s < 0 || bind(s, (void *)&at, sizeof(at)) < 0 ||
	    listen(s, 1) < 0 || getsockname(s, (void *)&at, &length) < 0)
		die("socket");
	if (listener)
		*listener = s;
	else
		close(s);
	return ntohs(at.sin_port);
}

static ssize_t hear(void *to, size_t room)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	if (poll(&wait, 1, 10000) != 1)
		return -1;
	return recv(fd, to, room, 0);
}

static void run(const char *value)
{
	static struct net_options options;
	struct error error;
	int pair[2];

	if (net_options_parse(&options, "eth0", value, &error) < 0)
		die(error.text);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		die("socketpair");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		signal(SIGPIPE, SIG_IGN);
		close(pair[0]);
		/* Sanitizers ask for more than the sandbox allows. */
		_exit(net_slirp_serve(pair[1], &options, "eth0", "test",
				      false));
	}
	close(pair[1]);
	fd = pair[0];
}

static int ended(void)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

/* Wait for a frame of that type; its first byte behind Ethernet, or NULL. */
static uint8_t *expect(unsigned int type, size_t *length)
{
	for (;;) {
		ssize_t got = hear(message, sizeof(message));
		const uint8_t *f = message + HEADER;

		if (got < (ssize_t)(HEADER + ETHERNET))
			return NULL;
		if ((unsigned int)(f[12] << 8 | f[13]) != type)
			continue;
		*length = got - HEADER - ETHERNET;
		return message + HEADER + ETHERNET;
	}
}

static void send_frame(unsigned int type, const uint8_t *to, size_t length,
		       int csum_start, int csum_offset)
{
	struct net_header header = {
		.flags = csum_start ? NET_HEADER_NEEDS_CSUM : 0,
		.csum_start = csum_start,
		.csum_offset = csum_offset,
	};

	memcpy(out, &header, HEADER);
	memcpy(out + HEADER, to, 6);
	memcpy(out + HEADER + 6, mac, 6);
	out[HEADER + 12] = type >> 8;
	out[HEADER + 13] = type;
	if (send(fd, out, HEADER + ETHERNET + length, 0) < 0)
		die("send");
}

/* Ask who has 10.0.2.2, or answer that we have 10.0.2.15. */
static void arp(int operation, const uint8_t *to, const uint8_t *ip)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	static const uint8_t own[] = { 10, 0, 2, 15 };
	uint8_t *p = out + HEADER + ETHERNET;

	memcpy(p, head, sizeof(head));
	p[7] = operation;
	memcpy(p + 8, mac, 6);
	memcpy(p + 14, own, 4);
	memcpy(p + 18, to, 6);
	memcpy(p + 24, ip, 4);
	send_frame(TYPE_ARP, to, 28, 0, 0);
}

/*
 * Answer a segment `in` (IP on) with flags and text; the sum of the segment is
 * left to slirp as a driver does: the field holds the pseudo header's.
 */
static void answer(const uint8_t *router, const uint8_t *in, uint32_t sequence,
		   uint8_t flags, const char *text)
{
	uint8_t *ip = out + HEADER + ETHERNET, *tcp = ip + 20;
	size_t size = strlen(text);
	const uint8_t *from = in + 20;
	uint32_t theirs, sum = 0;
	uint16_t word;
	int i;

	memset(ip, 0, 40);
	ip[0] = 0x45;
	ip[3] = 40 + size;
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, in + 16, 4);
	memcpy(ip + 16, in + 12, 4);
	for (i = 0; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	word = htons(~((sum & 0xffff) + (sum >> 16)));
	memcpy(ip + 10, &word, 2);
	memcpy(tcp, from + 2, 2);
	memcpy(tcp + 2, from, 2);
	sequence = htonl(sequence);
	memcpy(tcp + 4, &sequence, 4);
	memcpy(&theirs, from + 4, 4);
	theirs = htonl(ntohl(theirs) + 1);
	memcpy(tcp + 8, &theirs, 4);
	tcp[12] = 0x50;
	tcp[13] = flags;
	tcp[14] = 0x40;
	memcpy(tcp + 20, text, size);
	for (i = 12, sum = 6 + 20 + size; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	word = htons((sum & 0xffff) + (sum >> 16));
	memcpy(tcp + 16, &word, 2);
	send_frame(TYPE_IP, router, 40 + size, ETHERNET + 20, 16);
}

static void redirected(const uint8_t *router)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
	static const uint8_t router_ip[] = { 10, 0, 2, 2 };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd wait = { .fd = s, .events = POLLIN };
	uint8_t *p = NULL;
	size_t length = 0;
	char text[8] = "";

	check(s >= 0 && connect(s, (void *)&at, sizeof(at)) == 0,
	      "a redirected port listens");
	/* It asks who we are if it has forgotten, then comes the SYN. */
	do {
		ssize_t got = hear(message, sizeof(message));

		if (got < (ssize_t)(HEADER + ETHERNET + 28))
			break;
		p = message + HEADER + ETHERNET;
		length = got - HEADER - ETHERNET;
		if (p[-1] == 6 && p[7] == 1)
			arp(2, router, router_ip);
	} while (p[-2] != 8 || p[-1] != 0 || p[9] != 6);
	check(p && length >= 40 && p[33] == 2 && p[22] == 0 && p[23] == 22 &&
	      p[16] == 10 && p[19] == 15, "a SYN for port 22 of the guest");
	check(message[0] == NET_HEADER_DATA_VALID, "marked as checked");
	answer(router, p, 1000, 0x12, "");
	/* The ACK; its sequence is one behind the SYN's. */
	p = expect(TYPE_IP, &length);
	check(p && p[33] & 0x10 && !memcmp(p + 28, "\0\0\3\351", 4),
	      "the SYN's sum, left to us, was right");
	if (p) {
		uint32_t next;

		memcpy(&next, p + 24, 4);
		next = htonl(ntohl(next) - 1);
		memcpy(p + 24, &next, 4);
		answer(router, p, 1001, 0x18, "hello");
	}
	check(poll(&wait, 1, 10000) == 1 && recv(s, text, 8, 0) == 5 &&
	      !memcmp(text, "hello", 5), "data arrive");
	close(s);
}

/* A datagram comes to port 53 of the guest, as it was. */
static void redirected_datagram(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	uint8_t *p = NULL;
	size_t length = 0;

	if (s < 0 || sendto(s, "datagram", 8, 0, (void *)&at,
			    sizeof(at)) != 8)
		die("sendto");
	/* The TCP connection's last words may come first. */
	do {
		p = expect(TYPE_IP, &length);
	} while (p && p[9] != 17);
	check(p && length >= 36 && p[22] == 0 && p[23] == 53 &&
	      !memcmp(p + 28, "datagram", 8), "a redirected datagram");
	close(s);
}

static void life(void)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t ip[] = { 10, 0, 2, 2 };
	char value[80], first = 0;
	uint8_t router[6], *p;
	size_t length;
	int i;

	port = free_port(NULL);
	snprintf(value, sizeof(value), "slirp,,tcp:%d:22/udp:%d:53", port,
		 port);
	run(value);
	check(hear(&first, 1) == 1 && first == NET_SLIRP_READY, "it is ready");
	arp(1, all, ip);
	p = expect(TYPE_ARP, &length);
	check(p && p[7] == 2 && !memcmp(p + 14, ip, 4), "the router answers");
	if (!p)
		return;
	memcpy(router, p + 8, 6);
	redirected(router);
	redirected_datagram();
	/* Rubbish of all lengths. */
	for (i = 0; i < 2000; i++) {
		memset(out, i, sizeof(out));
		if (send(fd, out, i % 1600 + 1, 0) < 0)
			die("send");
	}
	arp(1, all, ip);
	check(expect(TYPE_ARP, &length), "rubbish does no harm");
	close(fd);
	check(ended() == 0, "it ends with the socket");
}

static void taken(void)
{
	char value[80], text[256] = "";
	int listener;

	port = free_port(&listener);
	snprintf(value, sizeof(value), "slirp,,tcp:%d:22", port);
	run(value);
	check(hear(text, sizeof(text) - 1) > 0 &&
	      !strncmp(text, "eth0: cannot listen at TCP port ", 32),
	      "a port that is taken");
	check(ended() == 1, "ends it");
	close(fd);
	close(listener);
}

/* Has the process of that name (it takes it when it is ready) this number? */
static bool has_name(pid_t pid, const char *name)
{
	char at[40], is[20] = "";
	FILE *file;

	snprintf(at, sizeof(at), "/proc/%d/comm", pid);
	file = fopen(at, "r");
	if (!file || !fgets(is, sizeof(is), file))
		die("a child has no name");
	fclose(file);
	is[strcspn(is, "\n")] = '\0';
	return !strncmp(is, name, 15);
}

/* systemctl stop: SIGTERM to all, and the guest is still there. */
static void stopped(void)
{
	/* Nobody has such an interface: it says so at the end. */
	const char *const argv[] = { "colinux", "--macvtap", "2147483647",
				     NULL };
	struct error error;
	int pair[2];

	if (pipe(pair) < 0)
		die("pipe");
	child = os_spawn_self(argv, pair, 1, &error);
	if (child < 0)
		die(error.text);
	close(pair[0]);
	while (!has_name(child, "colinux-macvtap"))
		sched_yield();
	kill(child, SIGTERM);
	kill(child, SIGHUP);
	close(pair[1]);
	check(ended() == 1, "who removes a macvtap interface outlives SIGTERM");
}

/* How many lines of the process's status are so. */
static unsigned int in_status(pid_t pid, const char *line)
{
	char at[40], is[200];
	unsigned int nr = 0;
	FILE *file;

	snprintf(at, sizeof(at), "/proc/%d/status", pid);
	file = fopen(at, "r");
	if (!file)
		die(at);
	while (fgets(is, sizeof(is), file))
		nr += !strcmp(is, line);
	fclose(file);
	return nr;
}

/* As the VM process starts it, with sandbox=off. */
static void process(void)
{
	const char *const argv[] = { "colinux", "--slirp", "test", "eth0",
				     "slirp", "off", NULL };
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	static const uint8_t ip[] = { 10, 0, 2, 2 };
	struct error error;
	int pair[2];
	size_t length;
	char first = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	child = os_spawn_self(argv, &pair[1], 1, &error);
	if (child < 0)
		die(error.text);
	close(pair[1]);
	fd = pair[0];
	check(hear(&first, 1) == 1 && first == NET_SLIRP_READY,
	      "a process of its own");
	check(in_status(child, "Seccomp:\t2\n") ==
		      in_status(getpid(), "Seccomp:\t2\n") &&
	      in_status(child, "NoNewPrivs:\t1\n") ==
		      in_status(getpid(), "NoNewPrivs:\t1\n"),
	      "without a sandbox more than ours");
	kill(child, SIGTERM);
	kill(child, SIGHUP);
	arp(1, all, ip);
	check(expect(TYPE_ARP, &length), "it outlives SIGTERM");
	close(fd);
	check(ended() == 0, "and ends with the socket");
}

#define FEW_FILES 1024

/* Set the limits of open files; false: not permitted. */
static bool limit(rlim_t soft, rlim_t hard)
{
	const struct rlimit limit = { soft, hard };

	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

/* More redirections than a process may have files at first. */
static void many(void)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 0x4d0000),
		.sin_port = htons(10053),
	};
	struct rlimit old;
	char text[256] = "";
	uint8_t *p;
	size_t length;
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	if (s < 0 || getrlimit(RLIMIT_NOFILE, &old))
		die("limits");
	if (old.rlim_max < 6000 || !limit(FEW_FILES, old.rlim_max)) {
		skip("5000 redirections", "the limit of open files is too low");
	} else {
		run("slirp,,tcp:10000:10000:5000/udp:10053:53,127.77.0.1");
		if (hear(text, 1) != 1 || text[0] != NET_SLIRP_READY ||
		    sendto(s, "datagram", 8, 0, (void *)&at,
			   sizeof(at)) != 8)
			die("5000 redirections");
		/* The guest is not known yet: the first thing is to ask. */
		p = expect(TYPE_ARP, &length);
		check(p && p[7] == 1, "5000 redirections, the last one works");
		close(fd);
		check(ended() == 0, "it ends");
	}
	close(s);
	/* In a child, since nobody but root can raise it again. */
	child = fork();
	if (!child) {
		limit(FEW_FILES, FEW_FILES);
		run("slirp,,tcp:10000:10000:1100,127.77.0.1");
		_exit(hear(text, sizeof(text) - 1) < 0 || ended() != 1 ||
		      strncmp(text, "eth0: 1100 redirected ports ", 28) ||
		      !strstr(text, " 1024:") || !strstr(text, "ulimit -n"));
	}
	check(ended() == 0, "more than there may be files");
	limit(old.rlim_cur, old.rlim_max);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--slirp"))
		return cmd_slirp(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "--macvtap"))
		return cmd_macvtap(argc - 1, argv + 1);
	alarm(120);
	life();
	taken();
	stopped();
	process();
	many();
	return done();
}
