// SPDX-License-Identifier: GPL-2.0
/* The classic syntax of ethN=: see options.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

#define FIELDS 4

static const char *const kind_names[] = {
	[NET_SLIRP] = "slirp",
	[NET_TUNTAP] = "tuntap",
	[NET_BRIDGE] = "bridge",
	[NET_MACVTAP] = "macvtap",
};

const char *net_kind_name(enum net_kind kind)
{
	return kind_names[kind];
}

static int take_mac(struct net_options *options, const char *key,
		    const char *text, struct error *error)
{
	unsigned int byte[NET_MAC];
	char end;
	int i;

	if (!*text)
		return 0;
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1],
		   &byte[2], &byte[3], &byte[4], &byte[5], &end) != NET_MAC ||
	    strlen(text) != 17 ||
	    strspn(text, "0123456789abcdefABCDEF:") != 17)
		return error_set(error, "%s: %.40s is no MAC address: give six "
				 "bytes as in 02:00:00:00:00:01, or nothing",
				 key, text);
	if (byte[0] & 1)
		return error_set(error, "%s: %s is a multicast address: the "
				 "first byte of a card's is even", key, text);
	for (i = 0; i < NET_MAC; i++)
		options->mac[i] = byte[i];
	options->mac_given = true;
	return 0;
}

static int take_interface(struct net_options *options, const char *key,
			  const char *text, bool needed, struct error *error)
{
	size_t length = strlen(text), i;

	if (!length && !needed)
		return 0;
	if (!length)
		return error_set(error, "%s: %s needs an interface of the "
				 "host: %s=%s,NAME", key,
				 net_kind_name(options->kind), key,
				 net_kind_name(options->kind));
	for (i = 0; i < length; i++)
		if (text[i] == '/' || text[i] == ':' || text[i] == '%' ||
		    isspace((unsigned char)text[i]))
			break;
	if (i < length || length >= NET_INTERFACE || !strcmp(text, ".") ||
	    !strcmp(text, ".."))
		return error_set(error, "%s: %.40s cannot be the name of an "
				 "interface: at most %d characters, no '/', "
				 "':', '%%' or space", key, text,
				 NET_INTERFACE - 1);
	strcpy(options->interface, text);
	return 0;
}

/* A decimal number that is all of text up to its end or ':'. */
static bool take_port(const char **text, uint16_t *port)
{
	unsigned long value;
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	value = strtoul(*text, &end, 10);
	if (value < 1 || value > 65535 || (*end && *end != ':'))
		return false;
	*port = value;
	*text = *end ? end + 1 : end;
	return true;
}

/* tcp:2222:22 or udp:5000:5000:10 */
static bool take_redirection(struct net_redirection *r, const char *text)
{
	if (!strncmp(text, "tcp:", 4))
		r->udp = false;
	else if (!strncmp(text, "udp:", 4))
		r->udp = true;
	else
		return false;
	text += 4;
	r->count = 1;
	if (!take_port(&text, &r->host) || !take_port(&text, &r->guest) ||
	    (*text && !take_port(&text, &r->count)) || *text)
		return false;
	return r->host + r->count <= 65536 && r->guest + r->count <= 65536;
}

static int take_redirections(struct net_options *options, const char *key,
			     char *text, struct error *error)
{
	char *next;

	for (; text && *text; text = next) {
		next = strchr(text, '/');
		if (next)
			*next++ = '\0';
		if (options->nr_redirections == NET_REDIRECTIONS)
			return error_set(error, "%s: more than %d redirections:"
					 " join neighbours with a count "
					 "(tcp:5000:5000:10)", key,
					 NET_REDIRECTIONS);
		if (!take_redirection(&options->redirection[
				      options->nr_redirections++], text))
			return error_set(error, "%s: %.60s is no redirection: "
					 "give tcp:HOSTPORT:GUESTPORT[:COUNT] "
					 "or udp:..., several with '/' between",
					 key, text);
	}
	return 0;
}

static int take_address(char *to, size_t room, const char *key,
			const char *text, struct error *error)
{
	struct in_addr address;

	if (*text && (strlen(text) >= room ||
		      inet_pton(AF_INET, text, &address) != 1))
		return error_set(error, "%s: %.60s is no IPv4 address of the "
				 "host", key, text);
	strcpy(to, text);
	return 0;
}

static int take_fields(struct net_options *options, const char *key,
		       char *field[FIELDS], struct error *error)
{
	switch (options->kind) {
	case NET_SLIRP:
		if (take_mac(options, key, field[1], error) ||
		    take_redirections(options, key, field[2], error))
			return -1;
		return take_address(options->listen, sizeof(options->listen),
				    key, field[3], error);
	case NET_TUNTAP:
		if (take_interface(options, key, field[1], false, error) ||
		    take_mac(options, key, field[2], error))
			return -1;
		return take_address(options->address, sizeof(options->address),
				    key, field[3], error);
	default:
		if (take_interface(options, key, field[1], true, error))
			return -1;
		/* Classic pcap-bridge had a fourth field: promiscuous mode. */
		return take_mac(options, key, field[2], error);
	}
}

static enum net_kind find_kind(const char *name)
{
	enum net_kind kind;

	if (!strcmp(name, "pcap-bridge"))
		return NET_MACVTAP;
	for (kind = NET_SLIRP; kind <= NET_MACVTAP; kind++)
		if (!strcmp(name, kind_names[kind]))
			return kind;
	return NET_NONE;
}

int net_options_parse(struct net_options *options, const char *key,
		      const char *value, struct error *error)
{
	char copy[NET_TEXT], empty[] = "", *field[FIELDS], *at = copy;
	int i;

	*options = (struct net_options){ 0 };
	if (strlen(value) >= sizeof(copy))
		return error_set(error, "%s: the line is longer than %d bytes",
				 key, NET_TEXT - 1);
	strcpy(copy, value);
	strcpy(options->text, value);
	for (i = 0; i < FIELDS; i++) {
		field[i] = at ? at : empty;
		at = at ? strchr(at, ',') : NULL;
		if (at)
			*at++ = '\0';
	}
	options->kind = find_kind(field[0]);
	if (options->kind == NET_NONE)
		return error_set(error, "%s: %.40s is no way to a network: "
				 "give slirp, tuntap, bridge or macvtap", key,
				 field[0]);
	if (!at && !take_fields(options, key, field, error))
		return 0;
	options->kind = NET_NONE;
	if (at)
		return error_set(error, "%s: too much behind the fourth comma: "
				 "%.40s", key, at);
	return -1;
}

/* FNV-1a, 64 bits (parameters: the draft of Fowler, Noll and others). */
static uint64_t hash(uint64_t state, const char *text)
{
	for (; *text; text++)
		state = (state ^ (unsigned char)*text) * 0x100000001b3ull;
	return state;
}

void net_mac_of_name(const char *name, unsigned int index,
		     uint8_t mac[NET_MAC])
{
	uint64_t state = 0xcbf29ce484222325ull;
	char number[16];
	int i;

	snprintf(number, sizeof(number), "/eth%u", index);
	state = hash(hash(state, name), number);
	/* The high bits of a short text are weak: fold them. */
	state ^= state >> 29;
	state *= 0xbf58476d1ce4e5b9ull;
	for (i = 0; i < NET_MAC; i++)
		mac[i] = state >> (8 * i + 16);
	/* IEEE 802: bit 0 of the first byte is group, bit 1 local. */
	mac[0] = (mac[0] & ~1u) | 2;
}
