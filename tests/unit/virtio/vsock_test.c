/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-vsock against a small driver: connections both ways, credit, ends,
 * a driver that breaks every rule, and random packets.
 *
 * The same numbers every time.  VIRTIO_FUZZ=N does N inputs instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../daemon/virtio/vsock.h"
#include "guest.h"
#include "tap.h"

#define HEADER 44u
#define BUFFER 4096u
#define RING 32u
#define CID 3u
#define PORT 1011u
#define INPUTS 120000u

static struct guest guest;
static struct virtio_vsock *vsock;
static struct dqueue rx, tx;
static uint64_t buffers[RING], out, rings[2];
static int device;
static bool refuse;
static char directory[64], base[96];

/* The last packet that came. */
static struct virtio_vsock_header got;
static uint8_t data[BUFFER];

static bool allowed(int fd)
{
	return fd >= 0 && !refuse;
}

/* --- A driver --- */

static void post(unsigned int n)
{
	const struct piece piece = { buffers[n], BUFFER, true };

	queue_add(&rx, &piece, 1, 0);
	queue_kick(&rx);
}

static void start(void)
{
	if (negotiate(&guest, device, offered(&guest, device)) ||
	    queue_on(&guest, &rx, device, 0, RING, rings[0]) ||
	    queue_on(&guest, &tx, device, 1, RING, rings[1]) ||
	    set_status(&guest, device, 15))
		die("start");
	for (unsigned int i = 0; i < RING; i++)
		post(i);
}

/* The next packet; false = none in ten seconds. */
static bool receive(void)
{
	uint32_t head, length;

	if (!queue_wait(&rx, &head, &length) || length < HEADER)
		return false;
	copy_out(&guest, buffers[head], &got, HEADER);
	if (length - HEADER != got.len)
		return false;
	copy_out(&guest, buffers[head] + HEADER, data, got.len);
	post(head);
	return got.src_cid == 2 && got.dst_cid == CID && got.type == 1;
}

static bool receive_op(uint16_t op)
{
	if (!receive())
		return false;
	if (got.op != op)
		note("op %u instead of %u", got.op, op);
	return got.op == op;
}

static void transmit(const struct virtio_vsock_header *header,
		     const void *bytes, uint32_t length)
{
	const struct piece pieces[2] = {
		{ out, HEADER, false }, { out + HEADER, length, false },
	};
	uint32_t head, done_;

	copy_in(&guest, out, header, HEADER);
	copy_in(&guest, out + HEADER, bytes, length);
	queue_add(&tx, pieces, length ? 2 : 1, 0);
	queue_kick(&tx);
	if (!queue_wait(&tx, &head, &done_))
		die("a packet is not taken");
}

static uint32_t buf_alloc = 65536, fwd_cnt;

static void tell(uint32_t host_port, uint16_t op, uint32_t flags,
		 const void *bytes, uint32_t length)
{
	const struct virtio_vsock_header header = {
		.src_cid = CID, .dst_cid = 2, .src_port = PORT,
		.dst_port = host_port, .len = length, .type = 1, .op = op,
		.flags = flags, .buf_alloc = buf_alloc, .fwd_cnt = fwd_cnt,
	};

	transmit(&header, bytes, length);
}

/* --- Programs of the host --- */

static int host_connect(const char *text)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(at.sun_path, base);
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		die("connect");
	/* Who is refused is so at once. */
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 && errno != EPIPE)
		die("send");
	return fd;
}

static int host_listen(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(at.sun_path, path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 300) < 0)
		die("listen");
	return fd;
}

/* Read until there are so many bytes or the end; ten seconds. */
static size_t host_read(int fd, void *buffer, size_t most)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	size_t length = 0;
	ssize_t part;

	while (length < most && poll(&poll_fd, 1, 10000) == 1) {
		part = read(fd, (uint8_t *)buffer + length, most - length);
		if (part <= 0)
			break;
		length += part;
	}
	return length;
}

static bool says(int fd, const char *start_)
{
	char line[128];
	size_t length = 0;

	while (length + 1 < sizeof(line) &&
	       host_read(fd, line + length, 1) == 1)
		if (line[length++] == '\n')
			break;
	line[length] = '\0';
	if (strncmp(line, start_, strlen(start_)))
		note("it says %s", line);
	return !strncmp(line, start_, strlen(start_));
}

/* A connection from the host that is open; *port = the host's. */
static int open_one(uint32_t *port)
{
	int fd = host_connect("CONNECT 1011\n");

	if (!receive_op(VIRTIO_VSOCK_OP_REQUEST) || got.dst_port != PORT)
		die("no request");
	*port = got.src_port;
	tell(*port, VIRTIO_VSOCK_OP_RESPONSE, 0, NULL, 0);
	if (!says(fd, "OK "))
		die("no OK");
	return fd;
}

static bool at_end(int fd)
{
	char c;

	return host_read(fd, &c, 1) == 0;
}

/* Ask for something that is always answered: nothing else has come before. */
static bool nothing_more(void)
{
	tell(1, VIRTIO_VSOCK_OP_RW, 0, "x", 1);
	return receive_op(VIRTIO_VSOCK_OP_RST) && got.src_port == 1;
}

/* --- Tests --- */

static void connections(void)
{
	uint32_t port;
	uint8_t text[8];
	int fd;

	fd = host_connect("CONNECT 1011\nearly");
	check(receive_op(VIRTIO_VSOCK_OP_REQUEST) && got.dst_port == PORT,
	      "a request for the port");
	port = got.src_port;
	tell(port, VIRTIO_VSOCK_OP_RESPONSE, 0, NULL, 0);
	check(says(fd, "OK "), "the host is told");
	check(receive_op(VIRTIO_VSOCK_OP_RW) && got.len == 5 &&
	      !memcmp(data, "early", 5), "what came with the first line");
	tell(port, VIRTIO_VSOCK_OP_RW, 0, "answer", 6);
	check(host_read(fd, text, 6) == 6 && !memcmp(text, "answer", 6),
	      "an answer");
	tell(port, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_CREDIT_UPDATE) &&
	      got.buf_alloc == VSOCK_BUFFER && got.fwd_cnt == 6, "credit");
	/* The host sends no more, but reads. */
	shutdown(fd, SHUT_WR);
	check(receive_op(VIRTIO_VSOCK_OP_SHUTDOWN) && got.flags == 2,
	      "the host's half is closed");
	tell(port, VIRTIO_VSOCK_OP_RW, 0, "late", 4);
	check(host_read(fd, text, 4) == 4, "the other half is open");
	tell(port, VIRTIO_VSOCK_OP_SHUTDOWN, 3, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_RST), "closed by the guest");
	check(at_end(fd), "and so for the host");
	close(fd);

	fd = open_one(&port);
	close(fd);
	check(receive_op(VIRTIO_VSOCK_OP_SHUTDOWN) && got.flags == 3,
	      "closed by the host");
	tell(port, VIRTIO_VSOCK_OP_RST, 0, NULL, 0);
	fd = open_one(&port);
	tell(port, VIRTIO_VSOCK_OP_SHUTDOWN, 2, NULL, 0);
	check(at_end(fd), "the guest's half is closed");
	check(write(fd, "abc", 3) == 3 && receive_op(VIRTIO_VSOCK_OP_RW) &&
	      got.len == 3, "the other half is open");
	close(fd);
	check(receive_op(VIRTIO_VSOCK_OP_SHUTDOWN) && got.flags == 3,
	      "now both");
	tell(port, VIRTIO_VSOCK_OP_RST, 0, NULL, 0);
	check(nothing_more() && !vsock->nr_streams, "nothing is left");
}

static void refusals(void)
{
	static const char *const wrong[] = {
		"CONNECT\n", "CONNECT x\n", "CONNECT -1\n",
		"CONNECT 4294967295\n", "CONNECT 5 5\n", "GET / HTTP/1.0\n",
		"CONNECT 00000000000000000000000000000000\n",
	};
	int fd;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		fd = host_connect(wrong[i]);
		check(says(fd, "ERR say CONNECT") && at_end(fd), "%.20s",
		      i == 6 ? "CONNECT 0000..." : wrong[i]);
		close(fd);
	}
	fd = host_connect("CONNECT 10");
	shutdown(fd, SHUT_WR);
	check(at_end(fd), "half a line");
	close(fd);
	fd = host_connect("CONNECT 1011\n");
	check(receive_op(VIRTIO_VSOCK_OP_REQUEST), "a request");
	tell(got.src_port, VIRTIO_VSOCK_OP_RST, 0, NULL, 0);
	check(says(fd, "ERR the guest refuses") && at_end(fd),
	      "refused by the guest");
	close(fd);
	fd = host_connect("CONNECT 1011\n");
	check(receive_op(VIRTIO_VSOCK_OP_REQUEST), "a request");
	close(fd);
	check(receive_op(VIRTIO_VSOCK_OP_RST), "the host did not wait");
	refuse = true;
	fd = host_connect("CONNECT 1011\n");
	check(at_end(fd), "somebody who may not");
	close(fd);
	refuse = false;
	check(nothing_more() && !vsock->nr_streams, "nothing is left");
}

/* The guest has little room; the host's end is slow. */
static void credit(void)
{
	static uint8_t block[65536], all[1 << 20];
	uint32_t port, sent = 0, taken = 0;
	bool right = true;
	int fd;

	buf_alloc = 1000;
	fwd_cnt = 0;
	fd = open_one(&port);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = i * 7 + i / 256;
	if (write(fd, block, 3000) != 3000)
		die("write");
	while (taken < 3000 && receive_op(VIRTIO_VSOCK_OP_RW)) {
		right = right && got.len <= 1000 &&
			!memcmp(data, block + taken, got.len);
		taken += got.len;
		if (taken - fwd_cnt > 1000)
			right = false;
		if (taken % 1000)
			continue;
		right = right && nothing_more();
		fwd_cnt = taken;
		tell(port, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	}
	check(taken == 3000 && right, "no more than the guest has room for");
	buf_alloc = 0;
	tell(port, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL, 0);
	check(write(fd, "x", 1) == 1 && nothing_more(),
	      "a guest that takes its room away");
	/* To the host, as far as its credit goes; nobody reads. */
	while (sent < 10 * VSOCK_BUFFER) {
		tell(port, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0, NULL, 0);
		do {
			if (!receive())
				die("no credit");
		} while (got.op != VIRTIO_VSOCK_OP_CREDIT_UPDATE);
		if (VSOCK_BUFFER - (sent - got.fwd_cnt) < sizeof(block))
			break;
		tell(port, VIRTIO_VSOCK_OP_RW, 0, block, sizeof(block));
		sent += sizeof(block);
	}
	check(sent < 10 * VSOCK_BUFFER, "%u bytes wait for the host", sent);
	tell(port, VIRTIO_VSOCK_OP_SHUTDOWN, 3, NULL, 0);
	do {
		right = receive();
	} while (right && got.op != VIRTIO_VSOCK_OP_RST);
	taken = host_read(fd, all, sizeof(all));
	right = taken == sent;
	for (uint32_t i = 0; i < taken; i++)
		right = right && all[i] == block[i % sizeof(block)];
	check(right, "the host gets all of it after the guest has closed");
	close(fd);

	buf_alloc = 65536;
	fwd_cnt = 0;
	fd = open_one(&port);
	for (sent = 0; sent < 20; sent++)
		tell(port, VIRTIO_VSOCK_OP_RW, 0, block, sizeof(block));
	do {
		right = receive();
	} while (right && got.op != VIRTIO_VSOCK_OP_RST);
	check(right && got.src_port == port,
	      "who sends more than it may loses the connection");
	while (receive() && !(got.op == VIRTIO_VSOCK_OP_RST &&
			      got.src_port == 1))
		if (sent++ == 20)
			tell(1, VIRTIO_VSOCK_OP_RW, 0, "x", 1);
	close(fd);
}

static void to_the_host(void)
{
	char path[128];
	uint8_t text[4];
	int listener, fd;

	tell(80, VIRTIO_VSOCK_OP_REQUEST, 0, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_RST) && got.src_port == 80 &&
	      got.dst_port == PORT, "a port where nobody listens");
	snprintf(path, sizeof(path), "%s_80", base);
	listener = host_listen(path);
	tell(80, VIRTIO_VSOCK_OP_REQUEST, 0, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_RESPONSE), "somebody listens");
	fd = accept(listener, NULL, NULL);
	tell(80, VIRTIO_VSOCK_OP_RW, 0, "hey", 3);
	check(host_read(fd, text, 3) == 3 && !memcmp(text, "hey", 3),
	      "bytes to the host");
	check(write(fd, "you", 3) == 3 && receive_op(VIRTIO_VSOCK_OP_RW) &&
	      !memcmp(data, "you", 3), "and from there");
	/* The same again while it is open. */
	tell(80, VIRTIO_VSOCK_OP_REQUEST, 0, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_RST) && at_end(fd),
	      "a request for an open connection ends it");
	close(fd);
	close(listener);
	unlink(path);
	check(nothing_more() && !vsock->nr_streams, "nothing is left");
}

static void rules(void)
{
	const struct virtio_vsock_header good = {
		.src_cid = CID, .dst_cid = 2, .src_port = PORT, .dst_port = 9,
		.type = 1, .op = VIRTIO_VSOCK_OP_REQUEST,
	};
	struct virtio_vsock_header header;
	const struct piece tiny = { out, 20, false };
	const struct piece writable = { out, HEADER, true };
	uint32_t head, length, port;
	int fd;

	header = good;
	header.src_cid = 4;
	transmit(&header, NULL, 0);
	header = good;
	header.dst_cid = 1;
	transmit(&header, NULL, 0);
	header = good;
	header.op = VIRTIO_VSOCK_OP_RST;
	transmit(&header, NULL, 0);
	queue_add(&tx, &tiny, 1, 0);
	queue_kick(&tx);
	check(queue_wait(&tx, &head, &length), "a packet without a header");
	queue_add(&tx, &writable, 1, 0);
	queue_kick(&tx);
	check(queue_wait(&tx, &head, &length), "a buffer that is not for it");
	check(nothing_more(), "no answer to any of them");
	header = good;
	header.type = 2;
	transmit(&header, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_RST), "another type of socket");
	header = good;
	header.op = 99;
	transmit(&header, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_RST), "an unknown operation");
	header = good;
	header.op = VIRTIO_VSOCK_OP_RW;
	header.len = 100000;
	transmit(&header, "x", 1);
	check(receive_op(VIRTIO_VSOCK_OP_RST), "more bytes than there are");
	fd = open_one(&port);
	header.dst_port = port;
	transmit(&header, "x", 1);
	check(receive_op(VIRTIO_VSOCK_OP_RST) && got.src_port == port &&
	      at_end(fd), "the same for an open connection");
	close(fd);
	fd = open_one(&port);
	tell(port, VIRTIO_VSOCK_OP_RESPONSE, 0, NULL, 0);
	check(receive_op(VIRTIO_VSOCK_OP_RST) && at_end(fd),
	      "an answer that nobody asked for");
	close(fd);
	fd = open_one(&port);
	tell(port, VIRTIO_VSOCK_OP_SHUTDOWN, 2, NULL, 0);
	tell(port, VIRTIO_VSOCK_OP_RW, 0, "x", 1);
	check(receive_op(VIRTIO_VSOCK_OP_RST) && at_end(fd),
	      "data after the end");
	close(fd);
	check(!vsock->device.broken && !vsock->nr_streams,
	      "the device is in order");
}

static void many(void)
{
	static int fds[VSOCK_STREAMS];
	uint32_t port;
	int fd;

	for (unsigned int i = 0; i < VSOCK_STREAMS; i++)
		fds[i] = open_one(&port);
	fd = host_connect("CONNECT 1011\n");
	check(says(fd, "ERR too many"), "one connection too many");
	close(fd);
	/* One that only the guest has not confirmed makes room. */
	close(fds[0]);
	check(receive_op(VIRTIO_VSOCK_OP_SHUTDOWN), "one is closed");
	fd = open_one(&port);
	check(true, "now there is room");
	/* The driver starts again. */
	negotiate(&guest, device, offered(&guest, device));
	check(at_end(fd) && at_end(fds[1]), "a reset ends them all");
	close(fd);
	for (unsigned int i = 1; i < VSOCK_STREAMS; i++)
		close(fds[i]);
	fd = host_connect("CONNECT 1011\n");
	check(says(fd, "ERR the guest has no driver"), "no driver");
	close(fd);
	start();
	fd = open_one(&port);
	check(true, "and a new start");
	close(fd);
	check(receive_op(VIRTIO_VSOCK_OP_SHUTDOWN), "the end");
	tell(port, VIRTIO_VSOCK_OP_RST, 0, NULL, 0);
}

/* --- Random packets --- */

static uint64_t state = 4711;

static uint64_t below(uint64_t n)
{
	return next_random(&state) % n;
}

static void some_packet(void)
{
	struct virtio_vsock_header header = {
		.src_cid = below(50) ? CID : next_random(&state),
		.dst_cid = below(50) ? 2 : next_random(&state),
		.src_port = PORT + below(2),
		.dst_port = below(4) ? vsock->next_port + 1 - below(6) :
				       80 + below(2),
		.len = below(3) ? 0 : below(4000),
		.type = below(50) ? 1 : next_random(&state),
		.op = below(30) ? below(8) : next_random(&state),
		.flags = below(5),
		.buf_alloc = below(4) ? 65536 : next_random(&state),
		.fwd_cnt = below(4) ? 0 : next_random(&state),
	};
	const struct piece pieces[2] = {
		{ out, below(40) ? HEADER : 1 + below(60), below(60) == 0 },
		{ out + HEADER, 1 + (below(9) ? header.len : below(5000)),
		  false },
	};

	if (!below(3))
		header.op = VIRTIO_VSOCK_OP_RESPONSE;
	copy_in(&guest, out, &header, HEADER);
	queue_add(&tx, pieces, header.len || !below(9) ? 2 : 1, 0);
}

static void some_host(int fds[8], int listener)
{
	static char bytes[5000];
	int *fd = &fds[below(8)], accepted;

	if (*fd < 0) {
		*fd = host_connect(below(9) ? "CONNECT 1011\n" : "CONNECT 10");
		fcntl(*fd, F_SETFL, O_NONBLOCK);
		return;
	}
	switch (below(5)) {
	case 0:
		close(*fd);
		*fd = -1;
		break;
	case 1:
		shutdown(*fd, below(2) ? SHUT_WR : SHUT_RD);
		break;
	case 2:
		if (send(*fd, bytes, below(5000), MSG_NOSIGNAL) < 0)
			errno = 0;
		break;
	default:
		if (recv(*fd, bytes, sizeof(bytes), 0) < 0)
			errno = 0;
	}
	accepted = accept(listener, NULL, NULL);
	if (accepted >= 0)
		close(accepted);
}

static void fuzz(unsigned int inputs)
{
	struct virtio_device *d = &vsock->device;
	uint64_t packets = 0, opened = 0;
	unsigned int most = 0, starts = 0;
	uint32_t head, length;
	int fds[8], listener;
	char path[128];

	snprintf(path, sizeof(path), "%s_80", base);
	listener = host_listen(path);
	memset(fds, -1, sizeof(fds));
	for (unsigned int i = 0; i < inputs; i++) {
		if (d->broken || !below(20000)) {
			start();
			starts++;
		}
		if (!below(4))
			some_host(fds, listener);
		some_packet();
		queue_kick(&tx);
		virtio_device_turn(d, true);
		while (queue_has_used(&tx))
			if (!queue_wait(&tx, &head, &length))
				die("used");
		/* Sometimes the guest gives no buffers back. */
		while (below(3) && queue_has_used(&rx) && receive())
			packets++;
		opened += vsock->nr_streams;
		most = vsock->nr_streams > most ? vsock->nr_streams : most;
	}
	note("%u inputs, %u packets to the guest, up to %u connections, "
	     "%u new starts", inputs, (unsigned int)packets, most, starts);
	check(packets > inputs / 20 && opened > inputs / 20,
	      "random packets");
	for (int i = 0; i < 8; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	close(listener);
	unlink(path);
	/* What waited for any of these is over. */
	start();
	virtio_device_turn(d, true);
	check(!vsock->nr_streams, "all connections are closed");
}

int main(void)
{
	struct vsock_options options = {
		.cid = CID,
		.allowed = allowed,
		.connect_path = base,
	};
	const char *wish = getenv("VIRTIO_FUZZ");
	struct virtio_vsock_config config;
	struct error error;

	strcpy(directory, "/tmp/colinux-vsock-XXXXXX");
	if (!mkdtemp(directory))
		die("mkdtemp");
	snprintf(base, sizeof(base), "%s/vsock", directory);
	options.listener = host_listen(base);
	guest_init(&guest);
	device = virtio_vsock_add(guest.bus, &options, &error);
	if (device < 0)
		die(error.text);
	vsock = (struct virtio_vsock *)virtio_bus_device(guest.bus, device);
	if (virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	memcpy(&config, device_page(&guest, device)->config, sizeof(config));
	check(config.guest_cid == CID, "the guest's address");
	for (unsigned int i = 0; i < RING; i++)
		buffers[i] = guest_alloc(&guest, BUFFER);
	out = guest_alloc(&guest, 70000);
	rings[0] = guest_alloc(&guest, 4096);
	rings[1] = guest_alloc(&guest, 4096);
	start();
	connections();
	refusals();
	credit();
	to_the_host();
	rules();
	many();
	fuzz(wish ? strtoul(wish, NULL, 10) : INPUTS);
	start();
	rules();
	guest_exit(&guest);
	unlink(base);
	rmdir(directory);
	return done();
}
