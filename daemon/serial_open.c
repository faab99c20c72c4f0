// SPDX-License-Identifier: GPL-2.0
/* Opening what a ttysN= line names: see serial.h for the syntax. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "serial_internal.h"
#include "serial_parse.h"

/* Clients that wait while one is there. */
#define BACKLOG 4

static const struct {
	unsigned int baud;
	speed_t speed;
} speeds[] = {
	{ 1200, B1200 }, { 2400, B2400 }, { 4800, B4800 }, { 9600, B9600 },
	{ 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 },
	{ 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 },
	{ 921600, B921600 },
};

static bool find_speed(const char *text, speed_t *speed)
{
	char number[16];
	size_t i;

	for (i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		snprintf(number, sizeof(number), "%u", speeds[i].baud);
		if (!strcmp(number, text)) {
			*speed = speeds[i].speed;
			return true;
		}
	}
	return false;
}

int serial_check(const char *key, const char *value, struct error *error)
{
	struct sockaddr_un local;
	const char *rest, *comma;
	speed_t speed;

	if (strlen(value) >= sizeof(local.sun_path))
		return error_set(error, "%s: longer than %zu bytes", key,
				 sizeof(local.sun_path) - 1);
	if (!strcmp(value, "pty"))
		return 0;
	rest = serial_after(value, "pty:");
	if (!rest)
		rest = serial_after(value, "unix:");
	if (!rest)
		rest = serial_after(value, "file:");
	if (rest)
		return serial_check_path(key, value, rest, error);
	rest = serial_after(value, "tcp:");
	if (rest)
		return serial_check_tcp(key, value, rest, error);
	comma = strchr(value, ',');
	if (*value == '/' && (!comma || find_speed(comma + 1, &speed)))
		return 0;
	return error_set(error, "%s=%s: give pty, pty:LINK, /dev/NAME[,BAUD], "
			 "unix:PATH, tcp:[ADDRESS:]PORT or file:PATH", key,
			 value);
}

static int make_raw(int fd, const speed_t *speed)
{
	struct termios mode;

	if (tcgetattr(fd, &mode) < 0)
		return -1;
	cfmakeraw(&mode);
	if (speed)
		cfsetspeed(&mode, *speed);
	mode.c_cflag |= CLOCAL | CREAD;
	return tcsetattr(fd, TCSANOW, &mode);
}

/* --- Each kind; -1 with errno --- */

static int open_pty(struct serial *serial, const char *link)
{
	char name[64];
	struct stat status;
	int slave;

	serial->is_pty = true;
	serial->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (serial->fd < 0 || grantpt(serial->fd) < 0 ||
	    unlockpt(serial->fd) < 0 ||
	    ptsname_r(serial->fd, name, sizeof(name)))
		return -1;
	/* Raw from the first byte on: no echo to the guest. */
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || make_raw(slave, NULL) < 0)
		return -1;
	close(slave);
	snprintf(serial->text, sizeof(serial->text), "%s", name);
	if (!link)
		return 0;
	/* A link that was left behind is ours to replace; a file is not. */
	if (!lstat(link, &status) && S_ISLNK(status.st_mode))
		unlink(link);
	if (symlink(name, link) < 0)
		return -1;
	snprintf(serial->name, sizeof(serial->name), "%s", link);
	return 0;
}

static int open_terminal(struct serial *serial, const char *value)
{
	const char *comma = strchr(value, ',');
	char path[128];
	speed_t speed;

	snprintf(path, sizeof(path), "%.*s",
		 (int)(comma ? (size_t)(comma - value) : strlen(value)), value);
	serial->fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (serial->fd < 0)
		return -1;
	if (comma)
		find_speed(comma + 1, &speed);
	return make_raw(serial->fd, comma ? &speed : NULL);
}

static int listen_at(struct serial *serial, const struct sockaddr *address,
		     socklen_t length)
{
	const int on = 1;

	serial->listener = socket(address->sa_family, SOCK_STREAM |
				  SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (serial->listener < 0)
		return -1;
	setsockopt(serial->listener, SOL_SOCKET, SO_REUSEADDR, &on,
		   sizeof(on));
	if (bind(serial->listener, address, length) < 0)
		return -1;
	return listen(serial->listener, BACKLOG);
}

static int open_unix(struct serial *serial, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct stat status;
	mode_t old;
	int result;

	strcpy(at.sun_path, path);
	/* As with links: a socket that was left behind. */
	if (!lstat(path, &status) && S_ISSOCK(status.st_mode))
		unlink(path);
	/* For its owner only; whoever shall have it can be given it. */
	old = umask(077);
	result = listen_at(serial, (struct sockaddr *)&at, sizeof(at));
	umask(old);
	if (!result)
		snprintf(serial->name, sizeof(serial->name), "%s", path);
	return result;
}

static int open_file(struct serial *serial, const char *path)
{
	serial->no_input = true;
	serial->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			  0600);
	return serial->fd < 0 ? -1 : 0;
}

static int open_it(struct serial *serial, const char *value)
{
	struct sockaddr_in at;
	const char *rest;

	if (!strcmp(value, "pty"))
		return open_pty(serial, NULL);
	if ((rest = serial_after(value, "pty:")))
		return open_pty(serial, rest);
	if ((rest = serial_after(value, "unix:")))
		return open_unix(serial, rest);
	if ((rest = serial_after(value, "file:")))
		return open_file(serial, rest);
	if ((rest = serial_after(value, "tcp:"))) {
		serial_parse_tcp(rest, &at);
		return listen_at(serial, (struct sockaddr *)&at, sizeof(at));
	}
	return open_terminal(serial, value);
}

struct serial *serial_open(const char *key, const char *value,
			   struct error *error)
{
	struct serial *serial;

	if (serial_check(key, value, error) < 0)
		return NULL;
	serial = calloc(1, sizeof(*serial));
	if (!serial) {
		error_set(error, "%s: out of memory", key);
		return NULL;
	}
	serial->fd = serial->listener = serial->epoll = -1;
	serial->stop[0] = serial->stop[1] = -1;
	pthread_mutex_init(&serial->lock, NULL);
	snprintf(serial->text, sizeof(serial->text), "%s", value);
	if (!open_it(serial, value))
		return serial;
	error_set(error, "%s=%s: %s", key, value, strerror(errno));
	serial_close(serial);
	return NULL;
}
