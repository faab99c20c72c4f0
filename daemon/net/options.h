/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What an ethN= line says: the classic syntax, taken apart and checked.  Opens
 * nothing; whether an interface exists is found out by who opens it.
 */
#ifndef DAEMON_NET_OPTIONS_H
#define DAEMON_NET_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "../error.h"

#define NET_INTERFACE 16	/* IFNAMSIZ */
#define NET_REDIRECTIONS 64	/* lines of a sane configuration */
#define NET_TEXT 1024
#define NET_MAC 6

enum net_kind {
	NET_NONE,		/* not configured */
	NET_SLIRP,		/* user-mode NAT */
	NET_TUNTAP,		/* a TAP interface of the host */
	NET_BRIDGE,		/* a TAP interface in a bridge of the host */
	NET_MACVTAP,		/* a port beside an interface of the host */
};

/* Connections to host ports go to ports of the guest (slirp). */
struct net_redirection {
	bool udp;
	uint16_t host, guest;	/* first port */
	uint16_t count;		/* ports in a row, at least 1 */
};

struct net_options {
	enum net_kind kind;
	char text[NET_TEXT];	/* as written */
	char interface[NET_INTERFACE];	/* "" = the kernel's choice (TAP) */
	char address[20];	/* of the TAP interface on the host, or "" */
	char listen[46];	/* where redirections listen; "" = 127.0.0.1 */
	bool mac_given;
	uint8_t mac[NET_MAC];
	unsigned int nr_redirections;
	struct net_redirection redirection[NET_REDIRECTIONS];
};

/* Take the value of the line `key`; -1 and a message that names it. */
int net_options_parse(struct net_options *options, const char *key,
		      const char *value, struct error *error);

/*
 * A constant MAC for card `index` of the guest `name`: locally administered,
 * unicast (IEEE 802), the rest a hash of both.
 */
void net_mac_of_name(const char *name, unsigned int index,
		     uint8_t mac[NET_MAC]);

/* "slirp", "tuntap", ... */
const char *net_kind_name(enum net_kind kind);

#endif
