// SPDX-License-Identifier: GPL-2.0
/*
 * X programs of a guest on the user's X server: see x11.h.
 *
 * Each connection is a process of its own, which ends with us.  What the program
 * says of itself first (X Window System Protocol, appendix B, "Connection Setup")
 * is passed on with our cookie in place of whatever it has: the guest needs
 * none, and never sees ours.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <X11/Xauth.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../agent/channel_io.h"
#include "../../../agent/relay.h"
#include "../../agent.h"
#include "../../command.h"
#include "../../os.h"
#include "../../x11.h"

#define PORT_BASE 6000		/* of display 0, by TCP */
#define DISPLAY_MAX 59535	/* then ports end */
/* X11/X.h: FamilyLocal, FamilyInternet, FamilyInternet6 */
#define FAMILY_LOCAL 256
#define FAMILY_INTERNET 0
#define FAMILY_INTERNET6 6
#define COOKIE "MIT-MAGIC-COOKIE-1"
#define AUTH_MAX 4096		/* bytes of authorization that a program may send */
#define CLIENTS_MAX 64
#define SETUP_MS 30000		/* a program says who it is at once */

static struct {
	const struct runtime *runtime;
	char host[256];		/* "" = local */
	unsigned int number;
	unsigned int clients;
	pid_t pids[CLIENTS_MAX];
} x11;

/* [HOST]:NUMBER[.SCREEN] */
static bool parse_display(const char *text)
{
	const char *colon = strrchr(text, ':');
	unsigned long number;
	size_t length;
	char *end;

	if (!colon || colon[1] < '0' || colon[1] > '9')
		return false;
	length = colon - text;
	number = strtoul(colon + 1, &end, 10);
	if ((*end && *end != '.') || number > DISPLAY_MAX)
		return false;
	/* "[::1]:0" */
	if (length > 1 && *text == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length >= sizeof(x11.host))
		return false;
	memcpy(x11.host, text, length);
	x11.host[length] = '\0';
	if (!strcmp(x11.host, "unix"))
		x11.host[0] = '\0';
	x11.number = number;
	return true;
}

/* The socket without a name in the file system, which libxcb tries first, too. */
static int connect_local(bool abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int length = snprintf(address.sun_path + abstract,
			      sizeof(address.sun_path) - 1,
			      "/tmp/.X11-unix/X%u", x11.number);

	if (fd >= 0 && !connect(fd, (struct sockaddr *)&address,
				offsetof(struct sockaddr_un, sun_path) +
					abstract + length))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int connect_network(void)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list, *at;
	char port[16];
	int fd = -1;

	snprintf(port, sizeof(port), "%u", PORT_BASE + x11.number);
	if (getaddrinfo(x11.host, port, &hints, &list)) {
		errno = EHOSTUNREACH;
		return -1;
	}
	for (at = list; at && fd < 0; at = at->ai_next) {
		fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static int connect_server(void)
{
	int fd;

	if (*x11.host)
		return connect_network();
	fd = connect_local(true);
	return fd >= 0 ? fd : connect_local(false);
}

int x11_open(const struct runtime *runtime, struct error *error)
{
	const char *display = getenv("DISPLAY");
	int fd;

	if (!display || !*display)
		return error_set(error, "-X: DISPLAY is not set: there is no X "
				 "server to show anything");
	if (!parse_display(display))
		return error_set(error, "-X: DISPLAY=%.100s is not "
				 "[HOST]:NUMBER", display);
	fd = connect_server();
	if (fd < 0)
		return error_set(error, "-X: no X server answers at "
				 "DISPLAY=%.100s: %s", display,
				 strerror(errno));
	close(fd);
	x11.runtime = runtime;
	return 0;
}

/* --- A connection, in its process --- */

/* All of them, or false: they do not come. */
static bool read_all(int fd, void *bytes, size_t length)
{
	uint8_t *at = bytes;

	while (length) {
		ssize_t got = channel_io_read(fd, at, length);

		if (got == CHANNEL_NOT_NOW) {
			if (!channel_io_wait(fd, true, false, SETUP_MS))
				return false;
			continue;
		}
		if (got <= 0)
			return false;
		at += got;
		length -= got;
	}
	return true;
}

static size_t padded(size_t length)
{
	return (length + 3) & ~(size_t)3;
}

static unsigned int get16(const uint8_t *at, bool big)
{
	return big ? at[0] << 8 | at[1] : at[1] << 8 | at[0];
}

static void put16(uint8_t *at, bool big, unsigned int value)
{
	at[!big] = value >> 8;
	at[big] = value;
}

/* What cookies of the server are filed under: its address, or this machine. */
static unsigned short name_server(int server, const char **name,
				  unsigned short *length)
{
	static union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer;
	static char here[256];
	socklen_t size = sizeof(peer);

	if (!getpeername(server, &peer.any, &size)) {
		if (peer.any.sa_family == AF_INET &&
		    ntohl(peer.in.sin_addr.s_addr) >> 24 != IN_LOOPBACKNET) {
			*name = (const char *)&peer.in.sin_addr;
			*length = sizeof(peer.in.sin_addr);
			return FAMILY_INTERNET;
		}
		if (peer.any.sa_family == AF_INET6 &&
		    !IN6_IS_ADDR_LOOPBACK(&peer.in6.sin6_addr)) {
			*name = (const char *)&peer.in6.sin6_addr;
			*length = sizeof(peer.in6.sin6_addr);
			return FAMILY_INTERNET6;
		}
	}
	/* Also for its loopback, which ssh's displays are at. */
	gethostname(here, sizeof(here) - 1);
	*name = here;
	*length = strlen(here);
	return FAMILY_LOCAL;
}

/* What the user has for the server; NULL: nothing, as far as we know. */
static Xauth *find_cookie(int server)
{
	char *names[] = { (char *)COOKIE };
	int lengths[] = { sizeof(COOKIE) - 1 };
	unsigned short family, length;
	const char *name;
	char number[16];

	family = name_server(server, &name, &length);
	snprintf(number, sizeof(number), "%u", x11.number);
	return XauGetBestAuthByAddr(family, length, name, strlen(number),
				    number, 1, names, lengths);
}

/* The beginning of a connection, with our cookie. */
static bool introduce(int guest, int server)
{
	uint8_t setup[12], auth[AUTH_MAX];
	uint8_t ours[12 + AUTH_MAX] = { 0 };
	size_t name, data, length = sizeof(setup);
	Xauth *cookie;
	bool big;

	if (!read_all(guest, setup, sizeof(setup)))
		return false;
	big = setup[0] == 'B';
	name = padded(get16(setup + 6, big));
	data = padded(get16(setup + 8, big));
	if ((!big && setup[0] != 'l') || name + data > sizeof(auth) ||
	    !read_all(guest, auth, name + data))
		return false;
	memcpy(ours, setup, 6);
	cookie = find_cookie(server);
	if (cookie && padded(cookie->name_length) +
	    padded(cookie->data_length) <= AUTH_MAX) {
		put16(ours + 6, big, cookie->name_length);
		put16(ours + 8, big, cookie->data_length);
		memcpy(ours + length, cookie->name, cookie->name_length);
		length += padded(cookie->name_length);
		memcpy(ours + length, cookie->data, cookie->data_length);
		length += padded(cookie->data_length);
	}
	/* Into an empty socket: all of it. */
	return channel_io_write(server, &(struct iovec){ ours, length }, 1) ==
	       (ssize_t)length;
}

__attribute__((noreturn))
static void serve(uint32_t port, pid_t command)
{
	struct error error;
	int guest, server;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != command)
		_exit(1);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_DFL);
	guest = agent_connect_port(x11.runtime, port, &error);
	if (guest < 0) {
		say("-X: %s", error.text);
		_exit(1);
	}
	server = connect_server();
	if (server < 0)
		say("-X: the X server does not answer: %s", strerror(errno));
	else if (introduce(guest, server))
		relay(guest, server);
	_exit(0);
}

/* --- From the command's --- */

static void forget_ended(void)
{
	for (unsigned int i = 0; i < x11.clients;)
		if (waitpid(x11.pids[i], NULL, WNOHANG))
			x11.pids[i] = x11.pids[--x11.clients];
		else
			i++;
}

void x11_client(uint32_t port)
{
	pid_t pid, command = getpid();

	forget_ended();
	if (x11.clients == CLIENTS_MAX) {
		say("-X: more than %d programs at once", CLIENTS_MAX);
		return;
	}
	pid = fork();
	if (!pid)
		serve(port, command);
	if (pid < 0)
		say("-X: no process for an X program: %s", strerror(errno));
	else
		x11.pids[x11.clients++] = pid;
}

void x11_close(void)
{
	for (unsigned int i = 0; i < x11.clients; i++) {
		kill(x11.pids[i], SIGTERM);
		waitpid(x11.pids[i], NULL, 0);
	}
	x11.clients = 0;
}
