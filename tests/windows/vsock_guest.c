// SPDX-License-Identifier: GPL-2.0
/*
 * A VM of colinux.exe's without a kernel, for exec.t under Wine: its guest
 * drives the vsock device from its queues, as Linux' driver does, and has at
 * the agent's port whatever listens at a TCP port of this machine.
 *
 *	vsock-guest.exe NAME PORT
 *
 * Says "ready" and ends when its standard input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <colinux/agent.h>

#include "../../daemon/os/windows/nt.h"
#include "../../daemon/runtime.h"
#include "../unit/virtio/guest.h"
#include "../unit/virtio/tap.h"

#define CID 3u
#define HEADER sizeof(struct virtio_vsock_header)
#define PACKET 4096u
#define RING 64u
#define STREAMS 16u
/* What the host may send before it is told that more has been taken. */
#define ROOM (256u * 1024)

struct stream {
	bool used, over;
	SOCKET socket;
	uint32_t host_port;
	uint32_t sent, peer_taken, peer_room;	/* credit to the host */
	uint32_t taken;				/* ... and from it */
	pthread_t reader;
};

static struct guest guest;
static struct dqueue rx, tx;
static int device;
static uint64_t rx_buffer[RING], tx_buffer;
static struct stream streams[STREAMS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;
static unsigned int agent_port;

/* The test needs no alarm: exec.t limits its time. */
unsigned int alarm(unsigned int seconds)
{
	return seconds;
}

/* --- Packets; `lock` is held --- */

static void send_packet(struct stream *stream, uint16_t op, uint32_t flags,
			const void *bytes, uint32_t length)
{
	const struct virtio_vsock_header header = {
		.src_cid = CID, .dst_cid = 2, .src_port = COLINUX_AGENT_PORT,
		.dst_port = stream->host_port, .len = length, .type = 1,
		.op = op, .flags = flags, .buf_alloc = ROOM,
		.fwd_cnt = stream->taken,
	};
	const struct piece piece = { tx_buffer, HEADER + length, false };
	uint32_t head, written;

	copy_in(&guest, tx_buffer, &header, HEADER);
	copy_in(&guest, tx_buffer + HEADER, bytes, length);
	queue_add(&tx, &piece, 1, 0);
	queue_kick(&tx);
	if (!queue_wait(&tx, &head, &written))
		die("a packet is not taken");
	stream->sent += length;
}

static void end_stream(struct stream *stream)
{
	if (stream->over)
		return;
	stream->over = true;
	shutdown(stream->socket, SD_BOTH);
	pthread_cond_broadcast(&news);
}

/* Wait for room at the host for these bytes; false: it is over. */
static bool wait_room(struct stream *stream, uint32_t length)
{
	while (!stream->over && stream->sent - stream->peer_taken + length >
				stream->peer_room)
		pthread_cond_wait(&news, &lock);
	return !stream->over;
}

/* The agent's bytes go to the host. */
static void *read_agent(void *opaque)
{
	struct stream *stream = opaque;
	char bytes[PACKET];
	int length;

	while ((length = recv(stream->socket, bytes, sizeof(bytes), 0)) > 0) {
		pthread_mutex_lock(&lock);
		if (wait_room(stream, length))
			send_packet(stream, VIRTIO_VSOCK_OP_RW, 0, bytes,
				    length);
		pthread_mutex_unlock(&lock);
	}
	pthread_mutex_lock(&lock);
	if (!stream->over)
		send_packet(stream, VIRTIO_VSOCK_OP_SHUTDOWN, 3, "", 0);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static struct stream *find(uint32_t host_port)
{
	for (unsigned int i = 0; i < STREAMS; i++)
		if (streams[i].used && streams[i].host_port == host_port)
			return &streams[i];
	return NULL;
}

static void open_stream(const struct virtio_vsock_header *header)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(agent_port),
	};
	struct stream *stream = streams;

	while (stream->used)
		if (++stream == streams + STREAMS)
			die("too many streams");
	*stream = (struct stream){
		.used = true,
		.socket = socket(AF_INET, SOCK_STREAM, 0),
		.host_port = header->src_port,
		.peer_room = header->buf_alloc,
		.peer_taken = header->fwd_cnt,
	};
	if (connect(stream->socket, (struct sockaddr *)&to, sizeof(to)) ||
	    pthread_create(&stream->reader, NULL, read_agent, stream))
		die("no agent");
	send_packet(stream, VIRTIO_VSOCK_OP_RESPONSE, 0, "", 0);
}

static void close_stream(struct stream *stream)
{
	end_stream(stream);
	pthread_mutex_unlock(&lock);
	pthread_join(stream->reader, NULL);
	pthread_mutex_lock(&lock);
	closesocket(stream->socket);
	stream->used = false;
}

/* The host's bytes go to the agent. */
static void take_data(struct stream *stream, const char *bytes,
		      uint32_t length)
{
	int sent;

	stream->taken += length;
	pthread_mutex_unlock(&lock);
	while (length) {
		sent = send(stream->socket, bytes, length, 0);
		if (sent <= 0)
			break;
		bytes += sent;
		length -= sent;
	}
	pthread_mutex_lock(&lock);
	send_packet(stream, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, "", 0);
}

static void take_packet(const struct virtio_vsock_header *header,
			const char *bytes)
{
	struct stream *stream = find(header->src_port);

	if (header->op == VIRTIO_VSOCK_OP_REQUEST && !stream) {
		open_stream(header);
		return;
	}
	if (!stream)
		return;
	stream->peer_room = header->buf_alloc;
	stream->peer_taken = header->fwd_cnt;
	pthread_cond_broadcast(&news);
	switch (header->op) {
	case VIRTIO_VSOCK_OP_RW:
		take_data(stream, bytes, header->len);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		send_packet(stream, VIRTIO_VSOCK_OP_RST, 0, "", 0);
		close_stream(stream);
		break;
	case VIRTIO_VSOCK_OP_RST:
		close_stream(stream);
		break;
	}
}

/* --- The machine --- */

static void post(unsigned int i)
{
	const struct piece piece = { rx_buffer[i], HEADER + PACKET, true };

	queue_add(&rx, &piece, 1, 0);
	queue_kick(&rx);
}

static void open_device(const char *name)
{
	static struct runtime runtime;
	struct vsock_options options = {
		.cid = CID, .allowed = os_socket_allowed,
	};
	struct error error;

	if (runtime_claim(&runtime, name, false, &error) < 0)
		die(error.text);
	options.listener = runtime_listen(&runtime, &error);
	if (options.listener < 0)
		die(error.text);
	guest_init(&guest);
	device = virtio_vsock_add(guest.bus, &options, &error);
	if (device < 0 || virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	if (negotiate(&guest, device, offered(&guest, device)) ||
	    queue_on(&guest, &rx, device, 0, RING, 0) ||
	    queue_on(&guest, &tx, device, 1, RING, 0) ||
	    set_status(&guest, device, 15))
		die("the device does not start");
	tx_buffer = guest_alloc(&guest, HEADER + PACKET);
	for (unsigned int i = 0; i < RING; i++) {
		rx_buffer[i] = guest_alloc(&guest, HEADER + PACKET);
		post(i);
	}
}

static void *wait_end(void *opaque)
{
	(void)opaque;
	while (getchar() != EOF)
		;
	ExitProcess(0);
}

int main(int argc, char **argv)
{
	struct virtio_vsock_header header;
	static char bytes[PACKET];
	uint32_t head, length;
	pthread_t ender;
	WSADATA data;

	if (argc != 3 || WSAStartup(MAKEWORD(2, 2), &data))
		return 2;
	agent_port = atoi(argv[2]);
	open_device(argv[1]);
	puts("ready");
	fflush(stdout);
	pthread_create(&ender, NULL, wait_end, NULL);
	for (;;) {
		if (!queue_wait(&rx, &head, &length))
			continue;
		copy_out(&guest, rx_buffer[head], &header, HEADER);
		if (header.len > PACKET || length != HEADER + header.len)
			die("a packet that is none");
		copy_out(&guest, rx_buffer[head] + HEADER, bytes, header.len);
		post(head);
		pthread_mutex_lock(&lock);
		take_packet(&header, bytes);
		pthread_mutex_unlock(&lock);
	}
}
