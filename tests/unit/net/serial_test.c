// SPDX-License-Identifier: GPL-2.0
/* Serial ports: every kind of other end, clients that come and go, limits. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../../../daemon/serial.h"
#include "../virtio/tap.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned int calls;
static struct error error;
static char directory[40] = "/tmp/colinux-serial-XXXXXX";

static void on_call(void *opaque)
{
	(void)opaque;
	pthread_mutex_lock(&lock);
	calls++;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static const struct serial_device device = {
	.input_ready = on_call, .output_ready = on_call,
};

/* Wait for a call after the first `seen`; false after ten seconds. */
static bool wait_call(unsigned int *seen)
{
	struct timespec limit;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 10;
	pthread_mutex_lock(&lock);
	while (calls == *seen && ret != ETIMEDOUT)
		ret = pthread_cond_timedwait(&changed, &lock, &limit);
	*seen = calls;
	pthread_mutex_unlock(&lock);
	return ret != ETIMEDOUT;
}

static struct serial *open_port(const char *value)
{
	struct serial *serial = serial_open("ttys0", value, &error);

	if (!serial || serial_connect(serial, &device, &error) < 0)
		die(error.text);
	return serial;
}

/* Until length bytes are there. */
static bool take(struct serial *serial, void *to, size_t length)
{
	unsigned int seen = 0;
	size_t got = 0, part;

	while (got < length) {
		part = serial_input(serial, (char *)to + got, length - got);
		got += part;
		if (!part && !wait_call(&seen))
			return false;
	}
	return true;
}

static bool give(struct serial *serial, const char *from, size_t length)
{
	unsigned int seen = 0;
	size_t part;

	while (length) {
		part = serial_output(serial, from, length);
		from += part;
		length -= part;
		if (!part && !wait_call(&seen))
			return false;
	}
	return true;
}

static bool read_all(int fd, char *to, size_t length)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	while (length) {
		ssize_t got;

		if (poll(&wait, 1, 10000) != 1)
			return false;
		got = read(fd, to, length);
		if (got <= 0)
			return false;
		to += got;
		length -= got;
	}
	return true;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(at.sun_path, path);
	if (fd < 0 || connect(fd, (void *)&at, sizeof(at)) < 0)
		die("connect");
	return fd;
}

#define MEGABYTE (1024 * 1024)

struct pump {
	struct serial *serial;
	char *bytes;
	bool ok;
};

static void *pump_out(void *opaque)
{
	struct pump *pump = opaque;

	pump->ok = give(pump->serial, pump->bytes, MEGABYTE);
	return NULL;
}

/* A megabyte both ways at once, with an other end that is slow at first. */
static void loopback(struct serial *serial, int fd, const char *name)
{
	char *out = malloc(MEGABYTE), *back = malloc(MEGABYTE);
	struct pump pump = { .serial = serial, .bytes = out };
	pthread_t thread;
	bool ok;

	for (int i = 0; i < MEGABYTE; i++)
		out[i] = i * 7 + i / 4096;
	if (pthread_create(&thread, NULL, pump_out, &pump))
		die("thread");
	ok = read_all(fd, back, MEGABYTE);
	pthread_join(thread, NULL);
	check(ok && pump.ok && !memcmp(out, back, MEGABYTE),
	      "%s: a megabyte out", name);
	memset(back, 0, MEGABYTE);
	ok = true;
	for (int i = 0; ok && i < MEGABYTE; i += 4096)
		ok = write(fd, out + i, 4096) == 4096 &&
		     take(serial, back + i, 4096);
	check(ok && !memcmp(out, back, MEGABYTE), "%s: a megabyte in", name);
	free(out);
	free(back);
}

static void sockets(void)
{
	char path[64], value[80], text[8];
	unsigned int seen = 0;
	struct serial *serial;
	struct stat status;
	int one, two;

	snprintf(path, sizeof(path), "%s/port", directory);
	snprintf(value, sizeof(value), "unix:%s", path);
	serial = open_port(value);
	check(!stat(path, &status) && (status.st_mode & 0777) == 0700,
	      "a socket for its owner alone");
	check(serial_output(serial, "lost", 4) == 4, "nobody listens");
	one = connect_unix(path);
	check(wait_call(&seen), "a client is told of");
	two = connect_unix(path);
	loopback(serial, one, "unix");
	check(write(two, "second", 6) == 6 &&
	      serial_input(serial, text, 8) == 0, "one client at a time");
	close(one);
	check(take(serial, text, 6) && !memcmp(text, "second", 6),
	      "then the next");
	check(give(serial, "answer", 6) && read_all(two, text, 6) &&
	      !memcmp(text, "answer", 6), "both ways");
	close(two);
	serial_close(serial);
	check(lstat(path, &status) < 0, "the socket is gone");
}

static void pty(void)
{
	char link[64], value[80];
	struct serial *serial;
	struct stat status;
	bool all = true;
	int fd;

	snprintf(link, sizeof(link), "%s/tty", directory);
	snprintf(value, sizeof(value), "pty:%s", link);
	if (symlink("/nowhere", link) < 0)
		die("symlink");
	serial = open_port(value);
	check(!strncmp(serial_text(serial), "/dev/pts/", 9), "a pty");
	for (int i = 0; all && i < 100; i++)
		all = serial_output(serial, value, sizeof(value)) > 0;
	check(all, "nobody there: the guest does not wait");
	fd = open(link, O_RDWR | O_NOCTTY);
	if (fd < 0)
		die("pty");
	/* What was written before is there, or was lost; both are fine. */
	{
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		char waste[4096];

		while (poll(&wait, 1, 100) == 1 &&
		       read(fd, waste, sizeof(waste)) > 0)
			;
	}
	loopback(serial, fd, "pty");
	close(fd);
	serial_close(serial);
	check(lstat(link, &status) < 0, "the link is gone");
}

static void file(void)
{
	char path[64], value[80], text[16] = "";
	struct serial *serial;
	int fd;

	snprintf(path, sizeof(path), "%s/file", directory);
	snprintf(value, sizeof(value), "file:%s", path);
	serial = open_port(value);
	check(serial_output(serial, "one", 3) == 3 &&
	      serial_input(serial, text, 8) == 0, "a file");
	serial_close(serial);
	serial = open_port(value);
	serial_output(serial, "two", 3);
	serial_close(serial);
	fd = open(path, O_RDONLY);
	check(read(fd, text, 16) == 6 && !memcmp(text, "onetwo", 6),
	      "is appended to");
	close(fd);
	unlink(path);
}

static bool bad(const char *value)
{
	error.text[0] = '\0';
	return serial_check("ttys3", value, &error) < 0 &&
	       !strncmp(error.text, "ttys3", 5);
}

static void words(void)
{
	check(!serial_check("k", "pty", &error) &&
	      !serial_check("k", "/dev/ttyS0", &error) &&
	      !serial_check("k", "/dev/ttyS0,115200", &error) &&
	      !serial_check("k", "tcp:4000", &error) &&
	      !serial_check("k", "tcp:0.0.0.0:4000", &error), "good words");
	check(bad("") && bad("x") && bad("pty:") && bad("unix:") &&
	      bad("file:") && bad("tcp:") && bad("tcp:0") && bad("tcp:65536") &&
	      bad("tcp:a:1") && bad("tcp:1.2.3.4:") && bad("tcp:+1") &&
	      bad("/dev/ttyS0,12345") && bad("COM1:"), "bad words");
	check(!serial_open("ttys0", "/no/such/tty", &error) &&
	      strstr(error.text, "No such file"), "what is not there");
	check(!serial_open("ttys0", "/dev/null", &error), "no terminal");
}

int main(void)
{
	alarm(120);
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(directory))
		die("mkdtemp");
	words();
	sockets();
	pty();
	file();
	rmdir(directory);
	return done();
}
