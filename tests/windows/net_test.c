// SPDX-License-Identifier: GPL-2.0
/*
 * The network card and slirp of colinux.exe, from the guest's queues to the
 * host's sockets: run by exe.t under Wine, with net_peer.py at the sockets.
 *
 *	net-test.exe OUT IN CLOSED TAKEN
 *
 * TCP ports of the host: one that the guest connects to and that answers in
 * capitals; one that is redirected to the guest's port 22 and whose client
 * wants back what it says; one where nobody listens; one that is taken.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winsock2.h>

#include "../../daemon/net/backend.h"
#include "../../daemon/net/frame.h"
#include "../../daemon/os.h"
#include "../unit/virtio/guest.h"
#include "../unit/virtio/tap.h"

#define RX 0u
#define TX 1u
#define RX_SIZE 64
#define BUFFER 2048u

#define ETHERNET 14u
#define TYPE_IP 0x0800
#define TYPE_ARP 0x0806
#define UDP 17
#define TCP 6
#define IP_LENGTH 20u
#define TCP_LENGTH 20u

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static const uint8_t own_mac[6] = { 2, 1, 2, 3, 4, 5 };
static const uint8_t nobody[4], everybody[4] = { 255, 255, 255, 255 };
static const uint8_t own_ip[4] = { 10, 0, 2, 15 };
static const uint8_t router_ip[4] = { 10, 0, 2, 2 };
static uint8_t router_mac[6] = { 255, 255, 255, 255, 255, 255 };

static struct guest guest;
static struct dqueue rx, tx;
static int device;
static uint64_t rx_buffer[RX_SIZE], tx_buffer;
static uint8_t in[BUFFER], out[BUFFER];

/* The guest's end of a TCP connection. */
struct connection {
	uint8_t peer[4];
	uint16_t port, peer_port;
	uint32_t next;		/* of ours */
	uint32_t expected;	/* of theirs */
};

/* The test needs no alarm: exe.t limits its time. */
unsigned int alarm(unsigned int seconds)
{
	return seconds;
}

/* --- Frames --- */

static void put16(uint8_t *to, unsigned int value)
{
	to[0] = value >> 8;
	to[1] = value;
}

static void put32(uint8_t *to, uint32_t value)
{
	put16(to, value >> 16);
	put16(to + 2, value & 0xffff);
}

static unsigned int get16(const uint8_t *from)
{
	return from[0] << 8 | from[1];
}

static uint32_t get32(const uint8_t *from)
{
	return (uint32_t)get16(from) << 16 | get16(from + 2);
}

static uint32_t sum(const uint8_t *bytes, size_t length)
{
	uint32_t total = 0;

	for (size_t i = 0; i < length; i++)
		total += i % 2 ? bytes[i] : bytes[i] << 8;
	return total;
}

static unsigned int fold(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return total;
}

static void post(unsigned int i)
{
	const struct piece piece = { rx_buffer[i], BUFFER, true };

	queue_add(&rx, &piece, 1, 0);
	queue_kick(&rx);
}

/* The next frame, into `in`; its length, 0 after ten seconds. */
static size_t hear(void)
{
	uint32_t head, length;

	if (!queue_wait(&rx, &head, &length) || head >= RX_SIZE ||
	    length < sizeof(struct net_header) + ETHERNET || length > BUFFER)
		return 0;
	copy_out(&guest, rx_buffer[head], in, length);
	post(head);
	length -= sizeof(struct net_header);
	memmove(in, in + sizeof(struct net_header), length);
	return length;
}

/* Send what is in `out` behind the Ethernet header; its sum is done. */
static void say(unsigned int type, size_t length)
{
	const struct net_header header = { 0 };
	const struct piece piece = {
		tx_buffer, sizeof(header) + ETHERNET + length, false
	};
	uint32_t head, written;

	memcpy(out, router_mac, 6);
	memcpy(out + 6, own_mac, 6);
	put16(out + 12, type);
	copy_in(&guest, tx_buffer, &header, sizeof(header));
	copy_in(&guest, tx_buffer + sizeof(header), out, ETHERNET + length);
	queue_add(&tx, &piece, 1, 0);
	queue_kick(&tx);
	if (!queue_wait(&tx, &head, &written))
		die("a frame does not go out");
}

/* `length` bytes lie behind the IP header. */
static void say_ip(int protocol, const uint8_t *from, const uint8_t *to,
		   size_t length)
{
	uint8_t *ip = out + ETHERNET, *data = ip + IP_LENGTH;
	size_t field = protocol == TCP ? 16 : 6;

	memset(ip, 0, IP_LENGTH);
	ip[0] = 0x45;
	put16(ip + 2, IP_LENGTH + length);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, from, 4);
	memcpy(ip + 16, to, 4);
	put16(ip + 10, ~fold(sum(ip, IP_LENGTH)));
	put16(data + field, 0);
	put16(data + field, ~fold(sum(ip + 12, 8) + protocol + length +
				  sum(data, length)));
	say(TYPE_IP, IP_LENGTH + length);
}

static void arp(int operation, const uint8_t *ip)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0 };
	uint8_t *p = out + ETHERNET;

	memcpy(p, head, sizeof(head));
	p[7] = operation;
	memcpy(p + 8, own_mac, 6);
	memcpy(p + 14, own_ip, 4);
	memcpy(p + 18, router_mac, 6);
	memcpy(p + 24, ip, 4);
	say(TYPE_ARP, 28);
}

/*
 * Wait for a packet of that protocol for us, answering who asks for us; its
 * IP header or NULL.
 */
static uint8_t *expect(int protocol)
{
	size_t length;

	while ((length = hear())) {
		uint8_t *p = in + ETHERNET;

		if (get16(in + 12) == TYPE_ARP && p[7] == 1 &&
		    !memcmp(p + 24, own_ip, 4))
			arp(2, router_ip);
		if (get16(in + 12) == TYPE_IP && p[9] == protocol &&
		    length >= ETHERNET + get16(p + 2))
			return p;
	}
	return NULL;
}

/* --- TCP, as much as it takes where nothing is lost --- */

static void segment(struct connection *c, int flags, const void *text,
		    size_t length)
{
	uint8_t *tcp = out + ETHERNET + IP_LENGTH;

	memset(tcp, 0, TCP_LENGTH);
	put16(tcp, c->port);
	put16(tcp + 2, c->peer_port);
	put32(tcp + 4, c->next);
	put32(tcp + 8, flags & ACK ? c->expected : 0);
	tcp[12] = TCP_LENGTH / 4 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 32768);
	memcpy(tcp + TCP_LENGTH, text, length);
	say_ip(TCP, own_ip, c->peer, TCP_LENGTH + length);
	c->next += length + (flags & (SYN | FIN) ? 1 : 0);
}

/*
 * The next segment of the connection: its flags, its text in *text; what was
 * there before is passed over.  0 after ten seconds.
 */
static int next_segment(struct connection *c, uint8_t **text, size_t *length)
{
	uint8_t *ip, *tcp;

	while ((ip = expect(TCP))) {
		tcp = ip + (ip[0] & 15) * 4;
		if (get16(tcp + 2) != c->port ||
		    (c->peer_port && get16(tcp) != c->peer_port))
			continue;
		*text = tcp + (tcp[12] >> 4) * 4;
		*length = ip + get16(ip + 2) - *text;
		if (tcp[13] & SYN) {
			memcpy(c->peer, ip + 12, 4);
			c->peer_port = get16(tcp);
			c->expected = get32(tcp + 4) + 1;
		} else if (!(tcp[13] & RST) && get32(tcp + 4) != c->expected) {
			continue;
		} else {
			c->expected += *length + (tcp[13] & FIN ? 1 : 0);
		}
		return tcp[13];
	}
	return 0;
}

/* --- The tests --- */

static void open_card(const char *value)
{
	struct net_device_options card = { .tag = "eth0" };
	static struct net_options options;
	struct error error;

	memcpy(card.mac, own_mac, 6);
	if (net_options_parse(&options, "eth0", value, &error) < 0)
		die(error.text);
	card.backend = net_backend_open(&options, "eth0", "test", card.mac, 1,
					true, &error);
	if (!card.backend)
		die(error.text);
	guest_init(&guest);
	device = virtio_net_add(guest.bus, &card, &error);
	if (device < 0 || virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	if (negotiate(&guest, device, offered(&guest, device)) ||
	    queue_on(&guest, &rx, device, RX, RX_SIZE, 0) ||
	    queue_on(&guest, &tx, device, TX, RX_SIZE, 0) ||
	    set_status(&guest, device, 15))
		die("the card does not start");
	tx_buffer = guest_alloc(&guest, BUFFER);
	for (unsigned int i = 0; i < RX_SIZE; i++) {
		rx_buffer[i] = guest_alloc(&guest, BUFFER);
		post(i);
	}
}

static void dhcp(void)
{
	static const uint8_t cookie[] = { 99, 130, 83, 99, 53, 1, 1, 255 };
	uint8_t *udp = out + ETHERNET + IP_LENGTH, *p = udp + 8;

	memset(udp, 0, 8 + 300);
	put16(udp, 68);
	put16(udp + 2, 67);
	put16(udp + 4, 8 + 300);
	p[0] = p[1] = 1;
	p[2] = 6;
	put32(p + 4, 0x12345678);
	memcpy(p + 28, own_mac, 6);
	memcpy(p + 236, cookie, sizeof(cookie));
	say_ip(UDP, nobody, everybody, 8 + 300);
	p = expect(UDP);
	check(p && get16(p + 20) == 67 && p[28] == 2 &&
	      get32(p + 32) == 0x12345678 && !memcmp(p + 44, own_ip, 4) &&
	      p[28 + 242] == 2, "DHCP: an offer of 10.0.2.15");
}

static void find_router(void)
{
	uint8_t *p = in + ETHERNET;

	arp(1, router_ip);
	while (hear() && (get16(in + 12) != TYPE_ARP || p[7] != 2))
		;
	check(get16(in + 12) == TYPE_ARP && !memcmp(p + 14, router_ip, 4),
	      "ARP: the router is there");
	memcpy(router_mac, p + 8, 6);
}

static void go_out(unsigned int port)
{
	struct connection c = { { 10, 0, 2, 2 }, 4000, port, 1000, 0 };
	uint8_t *text;
	size_t length, got = 0;
	char answer[6] = "";
	int flags;

	segment(&c, SYN, "", 0);
	if (!check(next_segment(&c, &text, &length) == (SYN | ACK),
		   "TCP: connected to a port of the host"))
		return;
	segment(&c, ACK | PSH, "hello", 5);
	do {
		flags = next_segment(&c, &text, &length);
		if (got + length <= sizeof(answer))
			memcpy(answer + got, text, length);
		got += length;
		if (flags && length)
			segment(&c, ACK, "", 0);
	} while (flags && !(flags & (FIN | RST)));
	check(got == 5 && !memcmp(answer, "HELLO", 5) && flags & FIN,
	      "... its answer comes, and its end");
	segment(&c, ACK | FIN, "", 0);
}

static void nobody_there(unsigned int port)
{
	struct connection c = { { 10, 0, 2, 2 }, 4001, port, 1000, 0 };
	uint8_t *text;
	size_t length;

	segment(&c, SYN, "", 0);
	check(next_segment(&c, &text, &length) & RST,
	      "TCP: a port where nobody listens resets");
}

/* A client of the host's, whose text goes back as it comes. */
static void come_in(void)
{
	struct connection c = { { 0 }, 22, 0, 5000, 0 };
	size_t length, total = 0;
	uint8_t *text;
	int flags;

	note("call");
	fflush(stdout);
	flags = next_segment(&c, &text, &length);
	if (!check(flags == SYN, "redirection: a client comes to port 22"))
		return;
	segment(&c, SYN | ACK, "", 0);
	do {
		flags = next_segment(&c, &text, &length);
		total += length;
		if (flags && length)
			segment(&c, ACK | PSH, text, length);
	} while (flags && !(flags & (FIN | RST)));
	check(flags & FIN && total == 100000,
	      "... says 100000 bytes and ends");
	segment(&c, ACK | FIN, "", 0);
	/* Its last acknowledgement; then all has arrived there. */
	check(next_segment(&c, &text, &length) & ACK, "... and hears them");
}

static void taken(const char *port)
{
	static struct net_options options;
	struct error error = { "" };
	char value[64];

	snprintf(value, sizeof(value), "slirp,,tcp:%s:22", port);
	if (net_options_parse(&options, "eth1", value, &error) < 0)
		die(error.text);
	check(!net_backend_open(&options, "eth1", "test", own_mac, 1, true,
				&error) &&
	      strstr(error.text, "eth1: cannot listen at TCP port") &&
	      strstr(error.text, "it is in use"),
	      "a port that is taken is named");
	note("%s", error.text);
}

/* An NT without TCP/IP: it has winsock, but no sockets of the Internet's. */
static bool no_tcpip;

static SOCKET WSAAPI own_socket(int family, int type, int protocol)
{
	SOCKET (WSAAPI *real)(int, int, int) = (void *)GetProcAddress(
		GetModuleHandleA("ws2_32.dll"), "socket");

	if (!no_tcpip)
		return real(family, type, protocol);
	WSASetLastError(WSAEAFNOSUPPORT);
	return INVALID_SOCKET;
}

/* In the place of the import library's. */
void *const instead_socket __asm__("__imp_socket") = own_socket;
__asm__(".text\n.globl socket\nsocket:\n\tjmp *__imp_socket(%rip)\n");

static void without_tcpip(void)
{
	static struct net_options options;
	struct error error = { "" };

	if (net_options_parse(&options, "eth1", "slirp,,tcp:2222:22",
			      &error) < 0)
		die(error.text);
	no_tcpip = true;
	check(!net_backend_open(&options, "eth1", "test", own_mac, 1, true,
				&error) &&
	      strstr(error.text, "eth1: no TCP/IP for slirp: ") &&
	      strstr(error.text, "(error 10047): install it") &&
	      !strchr(error.text, '\n'), "without TCP/IP it says so");
	no_tcpip = false;
	note("%s", error.text);
}

int main(int argc, char **argv)
{
	char value[80];

	if (argc != 5)
		return 2;
	snprintf(value, sizeof(value), "slirp,,tcp:%s:22", argv[2]);
	open_card(value);
	dhcp();
	find_router();
	go_out(atoi(argv[1]));
	nobody_there(atoi(argv[3]));
	come_in();
	taken(argv[4]);
	without_tcpip();
	guest_exit(&guest);
	return done();
}
