// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-net over a pair of sockets: frames both ways, spread over buffers of
 * all sizes, with a back-end that has no room, a guest that has no buffers,
 * and guests that break the rules.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../daemon/net/frame.h"
#include "../virtio/guest.h"
#include "../virtio/tap.h"

#define RX 0u
#define TX 1u
#define SIZE 256
#define HEADER sizeof(struct net_header)

static struct guest guest;
static struct dqueue rx, tx;
static int device, peer;
static uint8_t frame[NET_MESSAGE_MAX], back[NET_MESSAGE_MAX];

static void fill(uint8_t *bytes, size_t length, uint64_t seed)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = next_random(&seed);
	memset(bytes, 0, HEADER);
}

static void start(uint64_t features)
{
	if (negotiate(&guest, device, features & offered(&guest, device)) ||
	    queue_on(&guest, &rx, device, RX, SIZE, 0) ||
	    queue_on(&guest, &tx, device, TX, SIZE, 0) ||
	    set_status(&guest, device, 15))
		die("start");
}

static void open_card(uint64_t features)
{
	struct net_device_options options = {
		.tag = "eth0", .mac = { 2, 1, 2, 3, 4, 5 },
	};
	struct error error;
	int pair[2];

	guest_init(&guest);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		die("socketpair");
	peer = pair[0];
	options.backend = net_backend_new(NET_SLIRP, pair[1], &error);
	if (!options.backend)
		die(error.text);
	device = virtio_net_add(guest.bus, &options, &error);
	if (device < 0 || virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	start(features);
}

static void close_card(void)
{
	guest_exit(&guest);
	if (peer >= 0)
		close(peer);
}

/* Receive one message at the other end; -1 after ten seconds. */
static ssize_t hear(void *to, size_t room)
{
	struct pollfd wait = { .fd = peer, .events = POLLIN };

	if (poll(&wait, 1, 10000) != 1)
		return -1;
	return recv(peer, to, room, 0);
}

static void page(void)
{
	struct colinux_device_page *p = device_page(&guest, device);

	check(p->device_id == VIRTIO_ID_NET && p->nr_queues == 2 &&
	      p->config_len == 8 && p->config[0] == 2 && p->config[5] == 5 &&
	      p->config[6] == VIRTIO_NET_S_LINK_UP && !strcmp(p->tag, "eth0"),
	      "device page");
	check(p->device_features & VIRTIO_NET_F_MRG_RXBUF &&
	      p->device_features & VIRTIO_NET_F_HOST_TSO6 &&
	      !(p->device_features & VIRTIO_NET_F_GUEST_TSO4), "features");
}

static void transmit(void)
{
	uint64_t buffer = guest_alloc(&guest, NET_MESSAGE_MAX);
	static const size_t sizes[] = { HEADER + 14, HEADER + 60, HEADER + 1514,
					NET_MESSAGE_MAX };
	uint32_t head, length;
	bool ok = true;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct piece two[] = {
			{ buffer, 7, false },
			{ buffer + 7, sizes[i] - 7, false },
		};

		fill(frame, sizes[i], i + 1);
		copy_in(&guest, buffer, frame, sizes[i]);
		queue_add(&tx, two, 2, 0);
		queue_kick(&tx);
		ok = ok && hear(back, sizeof(back)) == (ssize_t)sizes[i] &&
		     !memcmp(frame, back, sizes[i]) &&
		     queue_wait(&tx, &head, &length) && !length;
	}
	check(ok, "frames go out");
	queue_add(&tx, &(struct piece){ buffer, HEADER + 13, false }, 1, 0);
	queue_add(&tx, &(struct piece){ buffer, HEADER, true }, 1, 0);
	queue_add(&tx, &(struct piece){ buffer, 20 + HEADER, false }, 1, 0);
	queue_kick(&tx);
	ok = hear(back, sizeof(back)) == 20 + HEADER;
	for (int i = 0; i < 3; i++)
		ok = ok && queue_wait(&tx, &head, &length);
	check(ok, "what is no frame is dropped, the next one is not");
}

/* More than the socket takes: chains wait, nothing is lost. */
static void full(void)
{
	enum { NR = 250, LENGTH = 9000 };
	uint64_t buffer = guest_alloc(&guest, LENGTH);
	uint32_t head, length;
	bool ok = true;
	int i;

	for (i = 0; i < NR; i++)
		queue_add(&tx, &(struct piece){ buffer, LENGTH, false }, 1, 0);
	memset(at(&guest, buffer, 16), 0, 16);
	queue_kick(&tx);
	ok = queue_wait(&tx, &head, &length);
	/* It stops before the end: the pair holds some 200 KiB. */
	check(ok && load16(&guest, tx.used + 2) - tx.next_used < NR - 1,
	      "the back-end is full");
	for (i = 0; i < NR; i++)
		ok = ok && hear(back, sizeof(back)) == LENGTH;
	for (i = 1; i < NR; i++)
		ok = ok && queue_wait(&tx, &head, &length);
	check(ok, "and all frames went out in the end");
}

/* One frame into buffers of `each` bytes. */
static bool receive(size_t size, size_t each, uint64_t buffers)
{
	unsigned int nr = (size + each - 1) / each, i;
	struct net_header header;
	uint32_t head, length;
	size_t got = 0;

	fill(frame, size, size);
	for (i = 0; i < nr; i++)
		queue_add(&rx, &(struct piece){ buffers + i * each, each,
						true }, 1, 0);
	queue_kick(&rx);
	if (send(peer, frame, size, 0) != (ssize_t)size)
		die("send");
	for (i = 0; i < nr; i++) {
		if (!queue_wait(&rx, &head, &length) || length > each)
			return false;
		/* They are shown together. */
		if ((uint16_t)(load16(&guest, rx.used + 2) - rx.next_used) !=
		    nr - 1 - i)
			return false;
		copy_out(&guest, buffers + i * each, back + got, length);
		got += length;
	}
	memcpy(&header, back, sizeof(header));
	return got == size && header.num_buffers == nr &&
	       !memcmp(frame + HEADER, back + HEADER, size - HEADER);
}

static void receive_all(bool merge)
{
	uint64_t buffers = guest_alloc(&guest, NET_MESSAGE_MAX);

	check(receive(HEADER + 60, 1526, buffers) &&
	      receive(HEADER + 1514, 1526, buffers), "frames come in");
	if (!merge)
		return;
	check(receive(HEADER + 1514, 100, buffers) &&
	      receive(NET_MESSAGE_MAX, 1526, buffers) &&
	      receive(NET_MESSAGE_MAX, 4096, buffers) &&
	      receive(HEADER + 200, 12, buffers), "over several buffers");
}

/* Frames first, buffers later, one at a time. */
static void late_buffers(void)
{
	uint64_t buffer = guest_alloc(&guest, 8192);
	struct net_header header;
	uint32_t head, length;
	bool ok = true;
	int i;

	for (i = 0; i < 20; i++) {
		fill(frame, 3000, i + 1);
		if (send(peer, frame, 3000, 0) != 3000)
			die("send");
	}
	for (i = 0; ok && i < 20; i++) {
		queue_add(&rx, &(struct piece){ buffer, 2000, true }, 1, 0);
		queue_kick(&rx);
		queue_add(&rx, &(struct piece){ buffer + 4096, 2000, true }, 1,
			  0);
		queue_kick(&rx);
		ok = queue_wait(&rx, &head, &length) && length == 2000 &&
		     queue_wait(&rx, &head, &length) && length == 1000;
		copy_out(&guest, buffer, &header, sizeof(header));
		copy_out(&guest, buffer, back, 2000);
		copy_out(&guest, buffer + 4096, back + 2000, 1000);
		fill(frame, 3000, i + 1);
		ok = ok && header.num_buffers == 2 &&
		     !memcmp(frame + HEADER, back + HEADER, 3000 - HEADER);
	}
	check(ok, "frames wait for buffers");
}

static void reset(uint64_t features)
{
	uint64_t buffer = guest_alloc(&guest, 8192);

	queue_add(&rx, &(struct piece){ buffer, 1000, true }, 1, 0);
	queue_kick(&rx);
	fill(frame, 3000, 1);
	if (send(peer, frame, 3000, 0) != 3000)
		die("send");
	/* Half of it is in the first buffer now, or soon. */
	check(command(&guest, device, COLINUX_DEV_RESET, 0, 0) == 0,
	      "a reset in the middle of a frame");
	rx = (struct dqueue){ 0 };
	start(features);
	/* Whether that frame was begun or not, the next ones are whole. */
	queue_add(&rx, &(struct piece){ buffer, 4000, true }, 1, 0);
	queue_kick(&rx);
	fill(frame, 500, 2);
	if (send(peer, frame, 500, 0) != 500)
		die("send");
	{
		uint32_t head, length;
		bool ok = queue_wait(&rx, &head, &length);

		if (ok && length == 3000) {
			queue_add(&rx, &(struct piece){ buffer, 4000, true },
				  1, 0);
			queue_kick(&rx);
			ok = queue_wait(&rx, &head, &length);
		}
		check(ok && length == 500, "and frames after it");
	}
}

static void small_buffers(uint64_t features)
{
	uint64_t buffer = guest_alloc(&guest, 4096);
	unsigned int reports = guest.reports;
	uint32_t head, length;
	uint64_t irqs = irq_count(&guest, device);

	queue_add(&rx, &(struct piece){ buffer, HEADER - 1, true }, 1, 0);
	queue_kick(&rx);
	fill(frame, 100, 1);
	if (send(peer, frame, 100, 0) != 100)
		die("send");
	check(wait_irq(&guest, device, irqs) &&
	      device_page(&guest, device)->status &
		      VIRTIO_STATUS_NEEDS_RESET &&
	      guest.reports == reports + 1,
	      "a buffer without room for the header breaks the device");
	start(features);
	queue_add(&rx, &(struct piece){ buffer, 1526, true }, 1, 0);
	queue_kick(&rx);
	check(queue_wait(&rx, &head, &length) && length == 100,
	      "until it is reset; the frame has waited");
	check(receive(HEADER + 60, 1526, buffer), "and all is well");
}

/* The other end goes away: the cable is unplugged. */
static void unplug(void)
{
	struct colinux_device_page *p = device_page(&guest, device);
	uint64_t buffer = guest_alloc(&guest, 4096);
	uint64_t irqs = irq_count(&guest, device);
	unsigned int reports = guest.reports;
	uint32_t head, length;

	queue_add(&rx, &(struct piece){ buffer, 2000, true }, 1, 0);
	queue_kick(&rx);
	close(peer);
	peer = -1;
	check(wait_irq(&guest, device, irqs) && p->config[6] == 0,
	      "the link goes down when the back-end ends");
	queue_add(&tx, &(struct piece){ buffer, 100, false }, 1, 0);
	queue_kick(&tx);
	check(queue_wait(&tx, &head, &length), "frames go nowhere");
	check(guest.reports == reports + 1 &&
	      !strncmp(guest.last_report, "eth0: the slirp process has ended: ",
		       35), "one line says so");
}

static void one_way(uint64_t features, const char *name)
{
	bool merge = features & VIRTIO_NET_F_MRG_RXBUF;

	note("%s", name);
	open_card(features);
	page();
	transmit();
	full();
	receive_all(merge);
	if (merge) {
		late_buffers();
		reset(features);
	}
	small_buffers(features);
	unplug();
	close_card();
}

/* --- Two pairs of queues --- */

#define CONTROL 4u

static struct dqueue rx2, tx2, control;
static int peer2;

static void open_two_pairs(uint64_t features)
{
	struct net_device_options options = { .tag = "eth0" };
	struct error error;
	int pair[2], pair2[2];

	guest_init(&guest);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair2) < 0)
		die("socketpair");
	peer = pair[0];
	peer2 = pair2[0];
	options.backend = net_backend_new(NET_SLIRP, pair[1], &error);
	if (!options.backend ||
	    net_backend_add_pair(options.backend, pair2[1]) < 0)
		die("back-end");
	device = virtio_net_add(guest.bus, &options, &error);
	if (device < 0 || virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	if (negotiate(&guest, device, features & offered(&guest, device)) ||
	    queue_on(&guest, &rx, device, RX, SIZE, 0) ||
	    queue_on(&guest, &tx, device, TX, SIZE, 0))
		die("start");
}

static void close_two_pairs(void)
{
	close(peer2);
	close_card();
}

/* Send a command of `length` bytes; its answer, or -1. */
static int ask(uint8_t class, uint8_t cmd, uint16_t nr, uint32_t length)
{
	uint64_t buffer = guest_alloc(&guest, 16);
	const uint8_t request[4] = { class, cmd, nr & 0xff, nr >> 8 };
	const struct piece pieces[] = {
		{ buffer, length, false }, { buffer + 8, 1, true },
	};
	uint32_t head, written;
	uint8_t answer;

	copy_in(&guest, buffer, request, sizeof(request));
	*(uint8_t *)at(&guest, buffer + 8, 1) = 0x55;
	queue_add(&control, pieces, 2, 0);
	queue_kick(&control);
	if (!queue_wait(&control, &head, &written) || written != 1)
		return -1;
	copy_out(&guest, buffer + 8, &answer, 1);
	return answer;
}

static bool heard_at(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, 10000) == 1 &&
	       recv(fd, back, sizeof(back), 0) == HEADER + 60;
}

static void two_pairs(void)
{
	uint64_t buffer, in;
	struct colinux_device_page *p;
	uint32_t head, length;

	note("two pairs of queues");
	open_two_pairs(UINT64_MAX);
	p = device_page(&guest, device);
	check(p->nr_queues == 15 && p->config_len == 10 && p->config[8] == 2 &&
	      p->device_features & VIRTIO_NET_F_MQ &&
	      p->device_features & VIRTIO_NET_F_CTRL_VQ, "device page");
	if (queue_on(&guest, &rx2, device, 2, SIZE, 0) ||
	    queue_on(&guest, &tx2, device, 3, SIZE, 0) ||
	    queue_on(&guest, &control, device, CONTROL, 16, 0) ||
	    set_status(&guest, device, 15))
		die("start");
	buffer = guest_alloc(&guest, 2048);
	in = guest_alloc(&guest, 2048);
	memset(at(&guest, buffer, 2048), 0, 2048);
	queue_add(&tx2, &(struct piece){ buffer, HEADER + 60, false }, 1, 0);
	queue_kick(&tx2);
	queue_add(&tx, &(struct piece){ buffer, HEADER + 60, false }, 1, 0);
	queue_kick(&tx);
	check(heard_at(peer) && recv(peer2, back, sizeof(back), 0) < 0,
	      "one pair at first");
	check(ask(4, 0, 2, 4) == 0, "the driver takes both");
	check(heard_at(peer2) && queue_wait(&tx2, &head, &length),
	      "a frame that waited in the second one");
	queue_add(&rx2, &(struct piece){ in, 2048, true }, 1, 0);
	queue_kick(&rx2);
	fill(frame, HEADER + 100, 9);
	if (send(peer2, frame, HEADER + 100, 0) < 0)
		die("send");
	check(queue_wait(&rx2, &head, &length) && length == HEADER + 100,
	      "a frame for the second one");
	check(ask(4, 0, 0, 4) == 1 && ask(4, 0, 3, 4) == 1 &&
	      ask(4, 0, 0x102, 4) == 1, "no other number of pairs");
	check(ask(4, 1, 1, 4) == 1 && ask(0, 0, 1, 4) == 1 &&
	      ask(4, 0, 1, 3) == 1, "no other command, no short one");
	/* Nowhere to put the answer. */
	queue_add(&control, &(struct piece){ buffer, 4, false }, 1, 0);
	queue_kick(&control);
	check(queue_wait(&control, &head, &length) && !length,
	      "a command that wants no answer");
	check(ask(4, 0, 1, 4) == 0, "back to one");
	check(command(&guest, device, COLINUX_DEV_RESET, 0, 0) == 0, "reset");
	close_two_pairs();

	note("two pairs, a driver that knows one");
	open_two_pairs(~VIRTIO_NET_F_MQ);
	if (queue_on(&guest, &control, device, 2, 16, 0) ||
	    set_status(&guest, device, 15))
		die("start");
	check(ask(4, 0, 2, 4) == 1, "the control queue is the third");
	close_two_pairs();
}

/* What vhost-net's frames must not do: wake whoever waits for event_fd. */
static void no_wake_ups(void)
{
	struct net_backend *backend;
	struct error error;
	struct pollfd wait;
	int pair[2];

	note("frames that are somebody else's");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		die("socketpair");
	backend = net_backend_new(NET_SLIRP, pair[1], &error);
	if (!backend)
		die(error.text);
	wait = (struct pollfd){ .fd = backend->event_fd, .events = POLLIN };
	check(!net_backend_watch(backend, 0, false), "not watched");
	net_backend_event(backend);
	check(send(pair[0], frame, 100, 0) == 100 && !poll(&wait, 1, 0),
	      "nobody is told of a frame");
	check(!net_backend_watch(backend, 0, true) && poll(&wait, 1, 0) == 1,
	      "watched again: of the one that waits");
	net_backend_event(backend);
	check(!poll(&wait, 1, 0) && send(pair[0], frame, 100, 0) == 100 &&
	      poll(&wait, 1, 0) == 1, "and of the next");
	net_backend_free(backend);
	close(pair[0]);
}

/* A host whose vhost-net is none. */
static void no_vhost(void)
{
	struct net_device_options options = { .tag = "eth0" };
	struct error error;
	int pair[2], pair2[2];

	note("a vhost-net that does not do");
	guest_init(&guest);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair2) < 0)
		die("socketpair");
	options.backend = net_backend_new(NET_SLIRP, pair[1], &error);
	if (!options.backend ||
	    net_backend_add_pair(options.backend, pair2[1]) < 0)
		die("back-end");
	options.backend->vhost_fd[0] = open("/dev/null", O_RDWR);
	options.backend->vhost_fd[1] = open("/dev/null", O_RDWR);
	device = virtio_net_add(guest.bus, &options, &error);
	check(device >= 0 && guest.reports == 1 &&
	      !strncmp(guest.last_report, "eth0: without the kernel's vhost-net",
		       36) && strstr(guest.last_report, strerror(ENOTTY)),
	      "one line says why");
	guest_exit(&guest);
	close(pair[0]);
	close(pair2[0]);
}

int main(void)
{
	/* As the VM process does. */
	signal(SIGPIPE, SIG_IGN);
	one_way(UINT64_MAX, "all features");
	one_way(UINT64_MAX & ~VIRTIO_F_EVENT_IDX, "no event indexes");
	one_way(VIRTIO_F_VERSION_1, "no features");
	two_pairs();
	no_wake_ups();
	no_vhost();
	return done();
}
