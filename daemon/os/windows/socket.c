// SPDX-License-Identifier: GPL-2.0
/*
 * Local stream sockets (os.h) on NT: named pipes.  What listens at a path is a
 * pipe whose name nobody can guess; the file at that path, which is in a
 * directory of ours alone, tells it.  The pipe lets in this user, the system
 * and the administrators only, and nobody over the network.
 *
 * Each connection always has a read under way while there is room, and a write
 * while there is something to write; they end in a thread of our own (on_done()),
 * and what they change is told by events.  The system's pool of threads would do
 * as well, but ReactOS' has none for that (BindIoCompletionCallback()).
 *
 * A socket's number is its place in a table.
 */
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "socket.h"

#define SOCKETS 600
#define ROOM (64u * 1024)

struct operation {
	OVERLAPPED overlapped;
	struct nt_socket *socket;
	bool under_way;
};

struct nt_socket {
	HANDLE pipe;
	wchar_t *name;		/* of a listener, else NULL */
	struct operation read;	/* of a listener: the wait for a peer */
	struct operation write;
	bool arrived;		/* a listener's peer */
	bool ended;		/* nothing comes behind what is in `in` */
	bool broken;		/* ... and nothing can be written */
	bool shut;		/* no more will be written */
	bool closing;		/* the owner has closed it */
	/* Who is told of changes. */
	HANDLE event;		/* reset by hand; NULL = in no watch */
	bool own_event;
	uint64_t token;
	bool readable, writable, hung_up;	/* not told yet */
	void (*notify)(void *opaque);
	void *opaque;
	uint32_t start, end;	/* of what came, in `in` */
	uint8_t in[ROOM], out[ROOM];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct nt_socket *table[SOCKETS];

static int fail(int number)
{
	errno = number;
	return -1;
}

static void free_socket(struct nt_socket *socket)
{
	if (socket->own_event)
		CloseHandle(socket->event);
	free(socket->name);
	free(socket);
}

/* --- All that follows, up to the functions of os.h, has the lock --- */

static void tell_change(struct nt_socket *socket)
{
	if (socket->event)
		SetEvent(socket->event);
	if (socket->notify)
		socket->notify(socket->opaque);
}

static void set_broken(struct nt_socket *socket)
{
	socket->ended = socket->broken = true;
	socket->readable = socket->writable = socket->hung_up = true;
	tell_change(socket);
}

static void start_read(struct nt_socket *socket)
{
	if (socket->start == socket->end && !socket->read.under_way)
		socket->start = socket->end = 0;
	if (socket->ended || socket->closing || socket->read.under_way ||
	    socket->end == ROOM)
		return;
	memset(&socket->read.overlapped, 0, sizeof(OVERLAPPED));
	socket->read.under_way = true;
	if (ReadFile(socket->pipe, socket->in + socket->end,
		     ROOM - socket->end, NULL, &socket->read.overlapped) ||
	    GetLastError() == ERROR_IO_PENDING)
		return;
	socket->read.under_way = false;
	set_broken(socket);
}

static void start_wait(struct nt_socket *listener)
{
	memset(&listener->read.overlapped, 0, sizeof(OVERLAPPED));
	listener->read.under_way = true;
	if (ConnectNamedPipe(listener->pipe, &listener->read.overlapped) ||
	    GetLastError() == ERROR_IO_PENDING)
		return;
	/* It was faster, and may be gone again, which reading will tell. */
	listener->read.under_way = false;
	listener->arrived = listener->readable = true;
	tell_change(listener);
}

/*
 * The end of a connection that its owner has closed, or will write no more to:
 * a pipe has no end of one direction.  What was written goes out first.
 */
static void finish(struct nt_socket *socket)
{
	if (socket->write.under_way || !(socket->closing || socket->shut))
		return;
	if (!socket->broken)
		set_broken(socket);
	/* A read that is under way ends by this, and read_done() goes on. */
	if (socket->read.under_way)
		CancelIoEx(socket->pipe, NULL);
	if (socket->pipe != INVALID_HANDLE_VALUE)
		CloseHandle(socket->pipe);
	socket->pipe = INVALID_HANDLE_VALUE;
	if (socket->closing && !socket->read.under_way)
		free_socket(socket);
}

static void read_done(struct nt_socket *socket, DWORD error, DWORD length)
{
	socket->read.under_way = false;
	if (socket->closing || socket->shut) {
		finish(socket);
		return;
	}
	if (socket->name) {
		socket->arrived = socket->readable = true;
		tell_change(socket);
		return;
	}
	if (error) {
		set_broken(socket);
		return;
	}
	socket->end += length;
	socket->readable = true;
	start_read(socket);
	tell_change(socket);
}

static void write_done(struct nt_socket *socket, DWORD error)
{
	socket->write.under_way = false;
	socket->writable = true;
	if (error)
		set_broken(socket);
	else
		tell_change(socket);
	finish(socket);
}

static void on_done(DWORD error, DWORD length, OVERLAPPED *overlapped)
{
	struct operation *operation =
		CONTAINING_RECORD(overlapped, struct operation, overlapped);
	struct nt_socket *socket = operation->socket;

	pthread_mutex_lock(&lock);
	if (operation == &socket->read)
		read_done(socket, error, length);
	else
		write_done(socket, error);
	pthread_mutex_unlock(&lock);
}

static void *port_thread(void *opaque)
{
	for (;;) {
		OVERLAPPED *at = NULL;
		DWORD length = 0, error = 0;
		ULONG_PTR key;

		if (!GetQueuedCompletionStatus(opaque, &length, &key, &at,
					       INFINITE))
			error = GetLastError();
		if (at)
			on_done(error, length, at);
	}
	return NULL;
}

/* With the lock: what ends at that pipe goes to on_done() from now on. */
static bool serve(HANDLE pipe)
{
	static HANDLE port;	/* as long as the process */
	pthread_t thread;

	if (!port) {
		port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 0);
		if (port && os_thread_start(&thread, 0, port_thread, port)) {
			CloseHandle(port);
			port = NULL;
		}
	}
	return port && CreateIoCompletionPort(pipe, port, 0, 0);
}

/* A socket for a pipe, which becomes its own; -1 with errno, and closed. */
static int add_socket(HANDLE pipe)
{
	struct nt_socket *socket = calloc(1, sizeof(*socket));
	int number = 0;

	while (number < SOCKETS && table[number])
		number++;
	if (!socket || number == SOCKETS) {
		free(socket);
		CloseHandle(pipe);
		return fail(socket ? EMFILE : ENOMEM);
	}
	socket->pipe = pipe;
	socket->read.socket = socket->write.socket = socket;
	table[number] = socket;
	return number;
}

/* The next instance of a listener's pipe; INVALID_HANDLE_VALUE: none. */
static HANDLE new_instance(const wchar_t *name, bool first)
{
	HANDLE pipe = INVALID_HANDLE_VALUE;
	SECURITY_ATTRIBUTES attributes;

	if (!nt_private_attributes(&attributes))
		return pipe;
	pipe = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX |
				FILE_FLAG_OVERLAPPED |
				(first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
				PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS,
				PIPE_UNLIMITED_INSTANCES, ROOM, ROOM, 0,
				&attributes);
	LocalFree(attributes.lpSecurityDescriptor);
	if (pipe == INVALID_HANDLE_VALUE || serve(pipe))
		return pipe;
	CloseHandle(pipe);
	return INVALID_HANDLE_VALUE;
}

/* --- os.h --- */

static int listen_at(HANDLE pipe, wchar_t *name)
{
	int number;

	pthread_mutex_lock(&lock);
	number = add_socket(pipe);
	if (number >= 0) {
		table[number]->name = name;
		start_wait(table[number]);
	}
	pthread_mutex_unlock(&lock);
	return number;
}

int os_listen(const char *path, struct error *error)
{
	char name[64] = "\\\\.\\pipe\\colinux-vsock-";
	uint8_t secret[16];
	FILE *file = NULL;
	wchar_t *wide;
	int number = -1;
	HANDLE pipe;
	DWORD code;

	if (os_random(secret, sizeof(secret)) != sizeof(secret))
		return error_set(error, "%s: no random numbers", path);
	for (size_t i = 0; i < sizeof(secret); i++)
		sprintf(name + strlen(name), "%02x", secret[i]);
	wide = nt_wide(name);
	pthread_mutex_lock(&lock);
	pipe = wide ? new_instance(wide, true) : INVALID_HANDLE_VALUE;
	code = GetLastError();
	pthread_mutex_unlock(&lock);
	if (pipe == INVALID_HANDLE_VALUE) {
		free(wide);
		return error_set(error, "%s: cannot make a pipe: %s", path,
				 nt_message(code));
	}
	number = listen_at(pipe, wide);
	if (number < 0) {
		free(wide);
		return error_set(error, "%s: %s", path, strerror(errno));
	}
	file = os_fopen(path, "wb");
	if (file && fprintf(file, "PIPE %s\n", name) > 0 && !fclose(file))
		return number;
	os_socket_close(number);
	return error_set(error, "%s: %s", path, strerror(errno));
}

int os_accept(int listener)
{
	struct nt_socket *socket;
	HANDLE next;
	int number = -1;

	pthread_mutex_lock(&lock);
	socket = table[listener];
	errno = EAGAIN;
	if (socket->arrived) {
		socket->arrived = false;
		/* The name must not be without an instance for a moment. */
		next = new_instance(socket->name, false);
		if (next == INVALID_HANDLE_VALUE) {
			DisconnectNamedPipe(socket->pipe);
		} else {
			number = add_socket(socket->pipe);
			socket->pipe = next;
		}
		start_wait(socket);
		if (number >= 0)
			start_read(table[number]);
	}
	pthread_mutex_unlock(&lock);
	return number;
}

/* The pipe that the file at a path tells. */
static wchar_t *pipe_of(const char *path)
{
	FILE *file = os_fopen(path, "rb");
	char name[64];
	int found;

	if (!file)
		return NULL;
	found = fscanf(file, "PIPE %63s", name);
	fclose(file);
	errno = ENOENT;
	return found == 1 ? nt_wide(name) : NULL;
}

static int connect_pipe(HANDLE pipe)
{
	HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);
	int number = -1;

	pthread_mutex_lock(&lock);
	if (!event || !serve(pipe)) {
		pthread_mutex_unlock(&lock);
		CloseHandle(pipe);
		if (event)
			CloseHandle(event);
		return fail(EMFILE);
	}
	number = add_socket(pipe);
	if (number >= 0) {
		table[number]->event = event;
		table[number]->own_event = true;
		start_read(table[number]);
	} else {
		CloseHandle(event);
	}
	pthread_mutex_unlock(&lock);
	return number;
}

int os_connect(const char *path)
{
	wchar_t *name = pipe_of(path);
	HANDLE pipe;

	if (!name)
		return -1;
	/* Whoever listens there cannot act as us. */
	pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL,
			   OPEN_EXISTING, FILE_FLAG_OVERLAPPED |
			   SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
			   NULL);
	free(name);
	if (pipe != INVALID_HANDLE_VALUE)
		return connect_pipe(pipe);
	return fail(GetLastError() == ERROR_PIPE_BUSY ?
			    EAGAIN : nt_errno(GetLastError()));
}

int os_connect_control(const char *path)
{
	wchar_t *name = nt_wide(path);
	HANDLE pipe = INVALID_HANDLE_VALUE;
	int fd;

	/* Until others who come have been taken; a minute is enough. */
	while (name && pipe == INVALID_HANDLE_VALUE) {
		pipe = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL,
				   OPEN_EXISTING, SECURITY_SQOS_PRESENT |
				   SECURITY_IDENTIFICATION, NULL);
		if (pipe == INVALID_HANDLE_VALUE &&
		    (GetLastError() != ERROR_PIPE_BUSY ||
		     !WaitNamedPipeW(name, 60000)))
			break;
	}
	free(name);
	if (pipe == INVALID_HANDLE_VALUE) {
		errno = nt_errno(GetLastError());
		return -1;
	}
	fd = _open_osfhandle((intptr_t)pipe, _O_RDWR | _O_BINARY);
	if (fd < 0)
		CloseHandle(pipe);
	return fd;
}

bool os_socket_allowed(int socket)
{
	return os_peer_allowed(table[socket]->pipe);
}

/* Of what has come, or the reason why there is nothing. */
static ssize_t look(struct nt_socket *socket, uint8_t *to, size_t room)
{
	size_t length = socket->end - socket->start;

	if (!length)
		return socket->ended ? 0 : fail(EAGAIN);
	if (length > room)
		length = room;
	memcpy(to, socket->in + socket->start, length);
	return length;
}

ssize_t os_socket_read(int number, struct iovec *iov, int nr)
{
	struct nt_socket *socket = table[number];
	ssize_t length = 0, total = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < nr; i++) {
		length = look(socket, iov[i].iov_base, iov[i].iov_len);
		if (length <= 0)
			break;
		socket->start += length;
		total += length;
	}
	start_read(socket);
	pthread_mutex_unlock(&lock);
	return total ? total : length;
}

ssize_t os_socket_peek(int number, void *bytes, size_t room)
{
	ssize_t length;

	pthread_mutex_lock(&lock);
	length = look(table[number], bytes, room);
	pthread_mutex_unlock(&lock);
	return length;
}

/* Begin to write up to ROOM bytes of all these. */
static ssize_t begin_write(struct nt_socket *socket, const struct iovec *iov,
			   int nr)
{
	size_t length = 0, part;

	for (int i = 0; i < nr && length < ROOM; i++) {
		part = ROOM - length < iov[i].iov_len ? ROOM - length :
							iov[i].iov_len;
		memcpy(socket->out + length, iov[i].iov_base, part);
		length += part;
	}
	memset(&socket->write.overlapped, 0, sizeof(OVERLAPPED));
	socket->write.under_way = true;
	if (WriteFile(socket->pipe, socket->out, length, NULL,
		      &socket->write.overlapped) ||
	    GetLastError() == ERROR_IO_PENDING)
		return length;
	socket->write.under_way = false;
	set_broken(socket);
	return fail(EPIPE);
}

ssize_t os_socket_write(int number, struct iovec *iov, int nr)
{
	struct nt_socket *socket = table[number];
	ssize_t length;

	pthread_mutex_lock(&lock);
	if (socket->broken || socket->shut)
		length = fail(EPIPE);
	else if (socket->write.under_way)
		length = fail(EAGAIN);
	else
		length = begin_write(socket, iov, nr);
	pthread_mutex_unlock(&lock);
	return length;
}

void os_socket_shutdown(int number, bool write)
{
	struct nt_socket *socket = table[number];

	pthread_mutex_lock(&lock);
	if (write) {
		socket->shut = true;
		finish(socket);
	}
	pthread_mutex_unlock(&lock);
}

bool os_socket_hung_up(int number)
{
	bool hung_up;

	pthread_mutex_lock(&lock);
	hung_up = table[number]->broken;
	pthread_mutex_unlock(&lock);
	return hung_up;
}

void os_socket_close(int number)
{
	struct nt_socket *socket = table[number];

	pthread_mutex_lock(&lock);
	table[number] = NULL;
	socket->closing = true;
	socket->notify = NULL;
	if (!socket->own_event)
		socket->event = NULL;
	finish(socket);
	pthread_mutex_unlock(&lock);
}

/* --- Watches: an event and the sockets that have it --- */

int os_watch_new(void)
{
	return os_event_new();
}

void os_watch_free(int watch)
{
	os_event_free(watch);
}

int os_watch_event(int watch)
{
	return watch;
}

int os_watch_add(int watch, int number, uint64_t token)
{
	struct nt_socket *socket = table[number];

	pthread_mutex_lock(&lock);
	if (socket->own_event)
		CloseHandle(socket->event);
	socket->own_event = false;
	socket->event = nt_handle(watch);
	socket->token = token;
	socket->readable = socket->writable = true;
	tell_change(socket);
	pthread_mutex_unlock(&lock);
	return 0;
}

int os_watch_next(int watch, struct os_change *changes, int most)
{
	int nr = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < SOCKETS && nr < most; i++) {
		struct nt_socket *socket = table[i];

		if (!socket || socket->event != nt_handle(watch) ||
		    !(socket->readable || socket->writable || socket->hung_up))
			continue;
		changes[nr++] = (struct os_change){
			.token = socket->token,
			.readable = socket->readable,
			.writable = socket->writable,
			.ended = socket->hung_up,
			.hung_up = socket->hung_up,
		};
		socket->readable = socket->writable = socket->hung_up = false;
	}
	pthread_mutex_unlock(&lock);
	return nr;
}

/* --- socket.h --- */

static bool has_input(const struct nt_socket *socket)
{
	return socket->start < socket->end || socket->ended;
}

bool nt_socket_readable(int number)
{
	bool readable;

	pthread_mutex_lock(&lock);
	readable = has_input(table[number]);
	pthread_mutex_unlock(&lock);
	return readable;
}

bool nt_socket_wait(int number, bool in, bool out, int timeout)
{
	const uint64_t end = timeout < 0 ? UINT64_MAX :
				   uv_hrtime() / 1000000 + timeout;
	struct nt_socket *socket = table[number];
	bool ready;
	uint64_t now;

	for (;;) {
		pthread_mutex_lock(&lock);
		ready = (in && has_input(socket)) ||
			(out && (!socket->write.under_way || socket->broken));
		if (!ready)
			ResetEvent(socket->event);
		pthread_mutex_unlock(&lock);
		now = uv_hrtime() / 1000000;
		if (ready || now >= end)
			return ready;
		WaitForSingleObject(socket->event, end - now < INFINITE ?
					   (DWORD)(end - now) : INFINITE);
	}
}

void nt_socket_notify(int number, void (*fn)(void *opaque), void *opaque)
{
	pthread_mutex_lock(&lock);
	table[number]->notify = fn;
	table[number]->opaque = opaque;
	pthread_mutex_unlock(&lock);
}
