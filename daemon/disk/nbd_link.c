// SPDX-License-Identifier: GPL-2.0
/* The beginning of an NBD connection: see nbd_link.h. */
#include <endian.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "nbd_link.h"

#define PATIENCE_S 10
/*
 * A server that was switched off says nothing, also to what it has received:
 * ask after 15 s of silence, and give the connection up 15 s later.
 */
#define KEEPALIVE_S 15
#define KEEPALIVE_STEP_S 5
#define KEEPALIVE_MOST 3
#define SILENCE_MS 30000

/* "NBDMAGIC", "IHAVEOPT" and the magic number of answers to options. */
#define MAGIC		UINT64_C(0x4e42444d41474943)
#define OPTION_MAGIC	UINT64_C(0x49484156454f5054)
#define ANSWER_MAGIC	UINT64_C(0x3e889045565a9)

#define FIXED_NEWSTYLE	1u	/* handshake flags, both sides' */
#define NO_ZEROES	2u

#define OPTION_GO	7u
#define INFO_EXPORT	0u
#define INFO_BLOCK_SIZE	3u
#define ANSWER_ACK	1u
#define ANSWER_INFO	3u
#define ANSWER_ERROR	0x80000000u
#define ERROR_UNSUPPORTED (ANSWER_ERROR | 1)
#define ERROR_POLICY	(ANSWER_ERROR | 2)
#define ERROR_TLS	(ANSWER_ERROR | 5)
#define ERROR_UNKNOWN	(ANSWER_ERROR | 6)

/* When a server does not say: what all have to take (doc/proto.md). */
#define DEFAULT_MOST	(32u << 20)

/* --- Addresses --- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Copy a part of an address, %XX decoded; false if it does not fit. */
static bool take(char *to, size_t room, const char *from, size_t length)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		char c = from[i];

		if (c == '%' && length - i > 2 &&
		    hex(from[i + 1]) >= 0 && hex(from[i + 2]) >= 0) {
			c = hex(from[i + 1]) * 16 + hex(from[i + 2]);
			i += 2;
		}
		if (!c || used + 1 >= room)
			return false;
		to[used++] = c;
	}
	to[used] = '\0';
	return true;
}

static bool parse_tcp(const char *at, struct nbd_address *address)
{
	size_t host = strcspn(at, ":/"), port;
	bool good;

	if (*at == '[') {	/* an IPv6 address */
		host = strcspn(++at, "]");
		good = at[host] && take(address->host, sizeof(address->host),
					at, host);
		at += host + !!at[host];
	} else {
		good = take(address->host, sizeof(address->host), at, host);
		at += host;
	}
	strcpy(address->port, NBD_PORT);
	if (*at == ':') {
		port = strcspn(++at, "/");
		good = good && port && strspn(at, "0123456789") >= port &&
		       take(address->port, sizeof(address->port), at, port);
		at += port;
	}
	if (*at == '/')
		at++;
	else if (*at)
		good = false;
	return good && *address->host &&
	       take(address->name, sizeof(address->name), at, strlen(at));
}

static bool parse_unix(const char *at, struct nbd_address *address)
{
	static const char key[] = "?socket=";
	const char *query = strstr(at, key);

	if (*at != '/' || !query)
		return false;
	at++;
	return take(address->name, sizeof(address->name), at, query - at) &&
	       take(address->socket, sizeof(address->socket),
		    query + sizeof(key) - 1,
		    strlen(query + sizeof(key) - 1)) && *address->socket;
}

int nbd_parse(const char *uri, struct nbd_address *address,
	      struct error *error)
{
	bool good = false;

	memset(address, 0, sizeof(*address));
	if (!strncmp(uri, "nbd://", 6))
		good = parse_tcp(uri + 6, address);
	else if (!strncmp(uri, "nbd+unix://", 11))
		good = parse_unix(uri + 11, address);
	return good ? 0 : error_set(error, "%s: give nbd://HOST[:PORT]/EXPORT "
				    "or nbd+unix:///EXPORT?socket=PATH", uri);
}

static int connect_unix(const struct nbd_address *address, struct error *error)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(at.sun_path, address->socket);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	error_set(error, "%s: no NBD server: %s: start it first",
		  address->socket, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static void set_patience(int fd, int seconds)
{
	const struct timeval time = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

static int connect_tcp(const struct nbd_address *address, struct error *error)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	const int on = 1, idle = KEEPALIVE_S, step = KEEPALIVE_STEP_S;
	const int most = KEEPALIVE_MOST, silence = SILENCE_MS;
	struct addrinfo *list, *a;
	int fd = -1, failed;

	failed = getaddrinfo(address->host, address->port, &hints, &list);
	if (failed)
		return error_set(error, "%s: %s: check the name of the NBD "
				 "server", address->host, gai_strerror(failed));
	for (a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		set_patience(fd, PATIENCE_S);
		if (!connect(fd, a->ai_addr, a->ai_addrlen))
			break;
		failed = errno;
		close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	if (fd < 0)
		return error_set(error, "%s:%s: no NBD server: %s: start it "
				 "first", address->host, address->port,
				 strerror(failed));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &step, sizeof(step));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &most, sizeof(most));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silence,
		   sizeof(silence));
	return fd;
}

int nbd_connect(const struct nbd_address *address, struct error *error)
{
	return *address->host ? connect_tcp(address, error) :
				connect_unix(address, error);
}

/* --- Handshake --- */

static int transfer(int fd, void *bytes, size_t length, bool in)
{
	char *at = bytes;
	ssize_t moved;

	while (length) {
		moved = in ? recv(fd, at, length, 0) :
			     send(fd, at, length, MSG_NOSIGNAL);
		if (moved < 0 && errno == EINTR)
			continue;
		if (moved < 0)
			return -errno;
		if (!moved)
			return -ECONNRESET;
		at += moved;
		length -= moved;
	}
	return 0;
}

struct answer {
	uint64_t magic;
	uint32_t option, type, length;
} __attribute__((packed));

/* One NBD_REP_INFO; what is not known is skipped. */
static void take_info(const uint8_t *data, uint32_t length,
		      struct nbd_export *export)
{
	uint16_t type, flags;
	uint64_t size;
	uint32_t sizes[3];

	if (length < 2)
		return;
	memcpy(&type, data, 2);
	type = be16toh(type);
	if (type == INFO_EXPORT && length >= 12) {
		memcpy(&size, data + 2, 8);
		memcpy(&flags, data + 10, 2);
		export->size = be64toh(size);
		export->flags = be16toh(flags);
	} else if (type == INFO_BLOCK_SIZE && length >= 14) {
		memcpy(sizes, data + 2, 12);
		export->block = be32toh(sizes[0]);
		export->most = be32toh(sizes[2]);
	}
}

static int send_go(int fd, const char *name)
{
	const uint16_t infos[2] = { htobe16(1), htobe16(INFO_BLOCK_SIZE) };
	const uint32_t length = strlen(name);
	struct {
		uint64_t magic;
		uint32_t option, length, name_length;
	} __attribute__((packed)) option = {
		htobe64(OPTION_MAGIC), htobe32(OPTION_GO),
		htobe32(4 + length + sizeof(infos)), htobe32(length),
	};
	int ret = transfer(fd, &option, sizeof(option), false);

	if (!ret)
		ret = transfer(fd, (char *)name, length, false);
	return ret ? ret : transfer(fd, (void *)infos, sizeof(infos), false);
}

static int refused(uint32_t type, const char *name, struct error *error)
{
	switch (type) {
	case ERROR_UNKNOWN:
		return error_set(error, "the NBD server has no export '%s': see"
				 " what it has with qemu-nbd --list", name);
	case ERROR_TLS:
	case ERROR_POLICY:
		return error_set(error, "the NBD server wants TLS or refuses "
				 "us: only open ones can be used");
	case ERROR_UNSUPPORTED:
		return error_set(error, "the NBD server is too old: it does not"
				 " know NBD_OPT_GO");
	default:
		return error_set(error, "the NBD server refuses (error %#x)",
				 type);
	}
}

/* Answers up to the last one. */
static int take_answers(int fd, const char *name, struct nbd_export *export,
			struct error *error)
{
	uint8_t data[4096];
	struct answer answer;
	uint32_t length;
	int ret;

	for (;;) {
		ret = transfer(fd, &answer, sizeof(answer), true);
		length = be32toh(answer.length);
		if (!ret && (be64toh(answer.magic) != ANSWER_MAGIC ||
			     length > sizeof(data)))
			ret = -EPROTO;
		if (!ret)
			ret = transfer(fd, data, length, true);
		if (ret)
			return error_set(error, "the NBD server does not speak "
					 "as one: %s", strerror(-ret));
		switch (be32toh(answer.type)) {
		case ANSWER_INFO:
			take_info(data, length, export);
			break;
		case ANSWER_ACK:
			return 0;
		default:
			return refused(be32toh(answer.type), name, error);
		}
	}
}

int nbd_handshake(int fd, const char *name, struct nbd_export *export,
		  struct error *error)
{
	struct {
		uint64_t magic, option_magic;
		uint16_t flags;
	} __attribute__((packed)) hello;
	uint32_t flags;
	int ret;

	*export = (struct nbd_export){ .block = 1, .most = DEFAULT_MOST };
	set_patience(fd, PATIENCE_S);
	ret = transfer(fd, &hello, sizeof(hello), true);
	if (!ret && (be64toh(hello.magic) != MAGIC ||
		     be64toh(hello.option_magic) != OPTION_MAGIC ||
		     !(be16toh(hello.flags) & FIXED_NEWSTYLE)))
		ret = -EPROTO;
	flags = htobe32(be16toh(hello.flags) & (FIXED_NEWSTYLE | NO_ZEROES));
	if (!ret)
		ret = transfer(fd, &flags, sizeof(flags), false);
	if (!ret)
		ret = send_go(fd, name);
	if (ret)
		return error_set(error, "the NBD server does not answer as one:"
				 " %s", strerror(-ret));
	if (take_answers(fd, name, export, error) < 0)
		return -1;
	if (!export->size || export->size > INT64_MAX || !export->block ||
	    export->block > 4096 || export->block & (export->block - 1) ||
	    export->most < 65536)
		return error_set(error, "the NBD server's export '%s' has a "
				 "size that cannot be used", name);
	set_patience(fd, 0);
	return 0;
}
