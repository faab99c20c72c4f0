/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Serial ports of the guest on NT (serial.h): bytes between a console device
 * and a serial port of the host, a TCP socket, a named pipe or a file.
 *
 * Reads and writes at the other end are overlapped requests of the port's
 * thread, at most one of each; the device's thread only meets two buffers.
 * serial_open.c opens ports.
 */
#include <stdlib.h>
#include <string.h>

#include "serial.h"

/*
 * What is read from a serial port at a time: while text comes without a pause
 * the guest waits for all of that.
 */
#define COM_BYTES 64
/* What was written last has as long to get out when the guest ends. */
#define FLUSH_MS 1000

const char *serial_text(const struct serial *serial)
{
	return serial->text;
}

/* --- The device's side --- */

size_t serial_output(struct serial *serial, const void *text, size_t length)
{
	size_t done = length;
	DWORD written;

	pthread_mutex_lock(&serial->lock);
	if (serial->kind == SERIAL_FILE) {
		/* A full disk: what is left is lost. */
		WriteFile(serial->file, text, length, &written, NULL);
	} else if (serial->connected) {
		if (done > SERIAL_ROOM - serial->out_length)
			done = SERIAL_ROOM - serial->out_length;
		memcpy(serial->out + serial->out_length, text, done);
		serial->out_length += done;
		SetEvent(serial->wake);
	}
	pthread_mutex_unlock(&serial->lock);
	return done;
}

size_t serial_input(struct serial *serial, void *buffer, size_t room)
{
	size_t done;

	pthread_mutex_lock(&serial->lock);
	done = serial->in_length - serial->in_start;
	if (done > room)
		done = room;
	memcpy(buffer, serial->in + serial->in_start, done);
	serial->in_start += done;
	if (done && serial->in_start == serial->in_length) {
		serial->in_start = serial->in_length = 0;
		SetEvent(serial->wake);
	}
	pthread_mutex_unlock(&serial->lock);
	return done;
}

/* --- Requests at the other end; the thread's --- */

static bool here(const struct serial *serial)
{
	return serial->connected;
}

/* It is over once `event` is signalled; false: it has failed. */
static bool begin(struct serial *serial, struct serial_request *request,
		  bool write, size_t length)
{
	WSABUF buffer = { length, (char *)request->bytes };
	HANDLE event = request->overlapped.hEvent, file = serial->file;
	DWORD flags = 0, code;
	BOOL good;

	request->overlapped = (OVERLAPPED){ .hEvent = event };
	if (serial->kind == SERIAL_TCP && write)
		good = !WSASend((SOCKET)file, &buffer, 1, NULL, 0,
				&request->overlapped, NULL);
	else if (serial->kind == SERIAL_TCP)
		good = !WSARecv((SOCKET)file, &buffer, 1, NULL, &flags,
				&request->overlapped, NULL);
	else if (write)
		good = WriteFile(file, request->bytes, length, NULL,
				 &request->overlapped);
	else
		good = ReadFile(file, request->bytes, length, NULL,
				&request->overlapped);
	code = good ? ERROR_IO_PENDING : GetLastError();
	request->pending = code == ERROR_IO_PENDING;
	return request->pending;
}

/* Its result; false: it has failed. */
static bool finish(struct serial *serial, struct serial_request *request,
		   DWORD *done)
{
	*done = 0;
	request->pending = false;
	return GetOverlappedResult(serial->file, &request->overlapped, done,
				   TRUE);
}

static void cancel(struct serial *serial, struct serial_request *request)
{
	DWORD done;

	if (!request->pending)
		return;
	CancelIoEx(serial->file, &request->overlapped);
	finish(serial, request, &done);
}

/* --- Clients --- */

static void take_client(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	serial->connected = true;
	pthread_mutex_unlock(&serial->lock);
}

/* The other end is gone; a port of the host does not come back. */
static void drop_client(struct serial *serial)
{
	pthread_mutex_lock(&serial->lock);
	serial->connected = false;
	serial->out_length = 0;
	pthread_mutex_unlock(&serial->lock);
	cancel(serial, &serial->read);
	cancel(serial, &serial->write);
	if (serial->kind == SERIAL_PIPE)
		DisconnectNamedPipe(serial->file);
	else
		serial_close_file(serial);
	/* What the device could not get rid of is lost. */
	serial->device.output_ready(serial->device.opaque);
}

static void listen_pipe(struct serial *serial)
{
	struct serial_request *connect = &serial->connect;
	HANDLE event = connect->overlapped.hEvent;

	if (connect->pending)
		return;
	connect->overlapped = (OVERLAPPED){ .hEvent = event };
	if (ConnectNamedPipe(serial->file, &connect->overlapped) ||
	    GetLastError() == ERROR_PIPE_CONNECTED)
		take_client(serial);
	else if (GetLastError() == ERROR_IO_PENDING)
		connect->pending = true;
	else
		/* A client that came and went already. */
		DisconnectNamedPipe(serial->file);
}

static void accept_client(struct serial *serial)
{
	SOCKET client;

	ResetEvent(serial->connect.overlapped.hEvent);
	client = accept(serial->listener, NULL, NULL);
	if (client == INVALID_SOCKET)
		return;
	/* It has the listener's event so far. */
	WSAEventSelect(client, NULL, 0);
	serial->file = (HANDLE)client;
	take_client(serial);
}

/* --- The thread --- */

/* Is all input with the guest, so that there is room for more? */
static bool wants_input(struct serial *serial)
{
	bool wants;

	pthread_mutex_lock(&serial->lock);
	wants = !serial->in_length;
	pthread_mutex_unlock(&serial->lock);
	return wants;
}

/* Take over what the device wrote. */
static size_t take_output(struct serial *serial)
{
	size_t length;

	pthread_mutex_lock(&serial->lock);
	length = serial->out_length;
	memcpy(serial->write.bytes, serial->out, length);
	serial->out_length = 0;
	pthread_mutex_unlock(&serial->lock);
	return length;
}

/* Begin what can begin. */
static void advance(struct serial *serial)
{
	size_t length;
	bool good = true;

	if (serial->kind == SERIAL_PIPE && !here(serial))
		listen_pipe(serial);
	if (here(serial) && !serial->read.pending && wants_input(serial))
		good = begin(serial, &serial->read, false,
			     serial->kind == SERIAL_COM ? COM_BYTES :
							  SERIAL_ROOM);
	if (good && here(serial) && !serial->write.pending) {
		length = take_output(serial);
		if (length) {
			good = begin(serial, &serial->write, true, length);
			serial->device.output_ready(serial->device.opaque);
		}
	}
	if (!good)
		drop_client(serial);
}

static void finish_read(struct serial *serial)
{
	DWORD length;

	/* No bytes: the end of a client; on a port a framing error. */
	if (!finish(serial, &serial->read, &length) ||
	    (!length && serial->kind != SERIAL_COM)) {
		drop_client(serial);
		return;
	}
	pthread_mutex_lock(&serial->lock);
	memcpy(serial->in, serial->read.bytes, length);
	serial->in_length = length;
	pthread_mutex_unlock(&serial->lock);
	if (length)
		serial->device.input_ready(serial->device.opaque);
}

static void finish_write(struct serial *serial)
{
	DWORD length;

	if (!finish(serial, &serial->write, &length))
		drop_client(serial);
}

static void finish_connect(struct serial *serial)
{
	DWORD nothing;

	if (serial->kind == SERIAL_TCP)
		accept_client(serial);
	else if (finish(serial, &serial->connect, &nothing))
		take_client(serial);
	else
		DisconnectNamedPipe(serial->file);
}

/* Wait for one of them, and go on with it. */
static void wait_and_finish(struct serial *serial)
{
	void (*next[4])(struct serial *serial) = { NULL };
	HANDLE events[4] = { serial->wake };
	DWORD nr = 1, which;

	if (serial->read.pending) {
		events[nr] = serial->read.overlapped.hEvent;
		next[nr++] = finish_read;
	}
	if (serial->write.pending) {
		events[nr] = serial->write.overlapped.hEvent;
		next[nr++] = finish_write;
	}
	if (!here(serial) && serial->kind != SERIAL_COM) {
		events[nr] = serial->connect.overlapped.hEvent;
		next[nr++] = finish_connect;
	}
	which = WaitForMultipleObjects(nr, events, FALSE, INFINITE) -
		WAIT_OBJECT_0;
	if (which < nr && next[which])
		next[which](serial);
}

static void *serial_thread(void *opaque)
{
	struct serial *serial = opaque;
	size_t length;
	bool stop;

	do {
		advance(serial);
		wait_and_finish(serial);
		pthread_mutex_lock(&serial->lock);
		stop = serial->stop;
		pthread_mutex_unlock(&serial->lock);
	} while (!stop);
	if (serial->write.pending &&
	    WaitForSingleObject(serial->write.overlapped.hEvent, FLUSH_MS) ==
		    WAIT_OBJECT_0)
		finish_write(serial);
	if (here(serial) && !serial->write.pending) {
		length = take_output(serial);
		if (length && begin(serial, &serial->write, true, length))
			WaitForSingleObject(serial->write.overlapped.hEvent,
					    FLUSH_MS);
	}
	cancel(serial, &serial->read);
	cancel(serial, &serial->write);
	cancel(serial, &serial->connect);
	return NULL;
}

int serial_connect(struct serial *serial, const struct serial_device *device,
		   struct error *error)
{
	serial->device = *device;
	if (serial->kind == SERIAL_FILE)
		return 0;
	serial->connected = serial->kind == SERIAL_COM;
	if (os_thread_start(&serial->thread, 0, serial_thread, serial))
		return error_set(error, "%s: cannot start a thread",
				 serial->text);
	serial->has_thread = true;
	return 0;
}

void serial_stop(struct serial *serial)
{
	if (!serial || !serial->has_thread)
		return;
	pthread_mutex_lock(&serial->lock);
	serial->stop = true;
	pthread_mutex_unlock(&serial->lock);
	SetEvent(serial->wake);
	pthread_join(serial->thread, NULL);
	serial->has_thread = false;
}
