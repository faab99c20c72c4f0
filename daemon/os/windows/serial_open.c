/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opening what a ttysN= line names on NT:
 *
 *	COM1[,BAUD]		a serial port of the host; what mode.com takes
 *				is taken behind the comma, too
 *	tcp:[ADDRESS:]PORT	listen there, 127.0.0.1 unless told otherwise
 *	pipe:NAME		a named pipe, \\.\pipe\NAME, of this user's
 *	file:PATH		append what the guest writes
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../config.h"
#include "../../serial_parse.h"
#include "serial.h"

/* Clients that wait while one is there. */
#define BACKLOG 4
/* A read of a port ends when as long nothing comes behind a byte. */
#define GAP_MS 5

#define PIPE "\\\\.\\pipe\\"

/* "COM1,9600" or "\\.\COM1": the number, and what is behind the comma. */
static bool parse_com(const char *value, unsigned int *number,
		      const char **mode)
{
	const char *name = serial_after(value, "\\\\.\\");
	char *end;

	if (!name)
		name = value;
	if (_strnicmp(name, "COM", 3) || !isdigit((unsigned char)name[3]))
		return false;
	*number = strtoul(name + 3, &end, 10);
	*mode = *end == ',' ? end + 1 : NULL;
	return *number && *number < 1000 && (!*end || *mode);
}

/* A number is a speed: 8 bits, no parity, one stop bit. */
static bool parse_mode(const char *mode, DCB *settings)
{
	unsigned long baud;
	wchar_t *wide;
	bool good;
	char *end;

	settings->DCBlength = sizeof(*settings);
	if (isdigit((unsigned char)*mode)) {
		baud = strtoul(mode, &end, 10);
		settings->BaudRate = baud;
		settings->ByteSize = 8;
		settings->Parity = NOPARITY;
		settings->StopBits = ONESTOPBIT;
		return !*end && baud && baud < 10000000;
	}
	wide = nt_wide(mode);
	good = wide && BuildCommDCBW(wide, settings);
	free(wide);
	return good;
}

/* What is a way to a serial port on Linux only. */
static const char *instead(const char *value)
{
	if (!strcmp(value, "pty") || serial_after(value, "pty:") ||
	    serial_after(value, "unix:"))
		return "is not to be had on Windows: give pipe:NAME or "
		       "tcp:PORT";
	if (*value == '/')
		return "is not to be had on Windows: give COM1 or another "
		       "port";
	return NULL;
}

int serial_check(const char *key, const char *value, struct error *error)
{
	const char *rest, *mode;
	unsigned int number;
	DCB settings = { 0 };

	if (strlen(value) >= CONFIG_SOCKET)
		return error_set(error, "%s: longer than %d bytes", key,
				 CONFIG_SOCKET - 1);
	if (instead(value))
		return error_set(error, "%s=%s %s", key, value, instead(value));
	rest = serial_after(value, "file:");
	if (rest)
		return serial_check_path(key, value, rest, error);
	rest = serial_after(value, "pipe:");
	if (rest)
		return *rest && !strchr(rest, '\\') ? 0 :
			error_set(error, "%s=%s needs a name without a "
				  "backslash behind the colon", key, value);
	rest = serial_after(value, "tcp:");
	if (rest)
		return serial_check_tcp(key, value, rest, error);
	if (parse_com(value, &number, &mode))
		return !mode || parse_mode(mode, &settings) ? 0 :
			error_set(error, "%s=%s: give a speed behind the "
				  "comma, or what the command mode takes "
				  "(baud=9600 parity=n data=8 stop=1)", key,
				  value);
	return error_set(error, "%s=%s: give COM1[,BAUD], "
			 "tcp:[ADDRESS:]PORT, pipe:NAME or file:PATH", key,
			 value);
}

/* --- Each kind; 0 or the code of an error --- */

static DWORD open_com(struct serial *serial, unsigned int number,
		      const char *mode)
{
	COMMTIMEOUTS limits = { .ReadIntervalTimeout = GAP_MS };
	DCB settings = { .DCBlength = sizeof(settings) };
	char name[32];

	serial->kind = SERIAL_COM;
	snprintf(name, sizeof(name), "\\\\.\\COM%u", number);
	serial->file = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL,
				   OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	if (serial->file == INVALID_HANDLE_VALUE ||
	    !GetCommState(serial->file, &settings))
		return GetLastError();
	settings.fBinary = TRUE;
	settings.fOutX = settings.fInX = settings.fAbortOnError = FALSE;
	settings.fNull = settings.fErrorChar = FALSE;
	if (mode && !parse_mode(mode, &settings))
		return ERROR_INVALID_PARAMETER;
	if (!SetCommState(serial->file, &settings) ||
	    !SetCommTimeouts(serial->file, &limits))
		return GetLastError();
	return 0;
}

static DWORD open_tcp(struct serial *serial, const char *text)
{
	const BOOL on = TRUE;
	struct sockaddr_in at;
	WSADATA data;
	int failed;

	serial->kind = SERIAL_TCP;
	serial_parse_tcp(text, &at);
	failed = WSAStartup(MAKEWORD(2, 2), &data);
	if (failed)
		return failed;
	serial->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (serial->listener == INVALID_SOCKET)
		return WSAGetLastError();
	/* NT's SO_REUSEADDR would let others take it over. */
	setsockopt(serial->listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE,
		   (const char *)&on, sizeof(on));
	if (bind(serial->listener, (struct sockaddr *)&at, sizeof(at)) ||
	    listen(serial->listener, BACKLOG) ||
	    WSAEventSelect(serial->listener,
			   serial->connect.overlapped.hEvent, FD_ACCEPT))
		return WSAGetLastError();
	return 0;
}

static DWORD open_pipe(struct serial *serial, const char *name)
{
	SECURITY_ATTRIBUTES attributes;
	char path[CONFIG_SOCKET + sizeof(PIPE)];
	wchar_t *wide;
	DWORD code = 0;

	serial->kind = SERIAL_PIPE;
	if (!nt_private_attributes(&attributes))
		return GetLastError();
	snprintf(path, sizeof(path), PIPE "%s", name);
	wide = nt_wide(path);
	/* Ours from the start, or not at all. */
	if (wide)
		serial->file = CreateNamedPipeW(wide, PIPE_ACCESS_DUPLEX |
			FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
			PIPE_TYPE_BYTE | PIPE_REJECT_REMOTE_CLIENTS, 1,
			SERIAL_ROOM, SERIAL_ROOM, 0, &attributes);
	if (serial->file == INVALID_HANDLE_VALUE)
		code = wide ? GetLastError() : ERROR_NOT_ENOUGH_MEMORY;
	snprintf(serial->text, sizeof(serial->text), "%s", path);
	free(wide);
	LocalFree(attributes.lpSecurityDescriptor);
	return code;
}

static DWORD open_file(struct serial *serial, const char *path)
{
	wchar_t *wide = nt_wide_path(path);

	serial->kind = SERIAL_FILE;
	if (!wide)
		return ERROR_NOT_ENOUGH_MEMORY;
	serial->file = CreateFileW(wide, FILE_APPEND_DATA,
				   FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
				   OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	free(wide);
	return serial->file == INVALID_HANDLE_VALUE ? GetLastError() : 0;
}

static DWORD open_it(struct serial *serial, const char *value)
{
	unsigned int number;
	const char *rest;

	if ((rest = serial_after(value, "file:")))
		return open_file(serial, rest);
	if ((rest = serial_after(value, "pipe:")))
		return open_pipe(serial, rest);
	if ((rest = serial_after(value, "tcp:")))
		return open_tcp(serial, rest);
	if (!parse_com(value, &number, &rest))
		return ERROR_INVALID_PARAMETER;
	return open_com(serial, number, rest);
}

/* --- All of them --- */

static bool make_events(struct serial *serial)
{
	serial->wake = CreateEventW(NULL, FALSE, FALSE, NULL);
	serial->read.overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	serial->write.overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	serial->connect.overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE,
							 NULL);
	return serial->wake && serial->read.overlapped.hEvent &&
	       serial->write.overlapped.hEvent &&
	       serial->connect.overlapped.hEvent;
}

struct serial *serial_open(const char *key, const char *value,
			   struct error *error)
{
	struct serial *serial;
	DWORD code;

	if (serial_check(key, value, error) < 0)
		return NULL;
	serial = calloc(1, sizeof(*serial));
	if (!serial) {
		error_set(error, "%s: out of memory", key);
		return NULL;
	}
	serial->file = INVALID_HANDLE_VALUE;
	serial->listener = INVALID_SOCKET;
	pthread_mutex_init(&serial->lock, NULL);
	snprintf(serial->text, sizeof(serial->text), "%s", value);
	code = make_events(serial) ? open_it(serial, value) : GetLastError();
	if (!code)
		return serial;
	error_set(error, "%s=%s: %s", key, value, nt_message(code));
	serial_close(serial);
	return NULL;
}

void serial_close_file(struct serial *serial)
{
	if (serial->file == INVALID_HANDLE_VALUE)
		return;
	if (serial->kind == SERIAL_TCP)
		closesocket((SOCKET)serial->file);
	else
		CloseHandle(serial->file);
	serial->file = INVALID_HANDLE_VALUE;
}

static void close_event(HANDLE event)
{
	if (event)
		CloseHandle(event);
}

void serial_close(struct serial *serial)
{
	if (!serial)
		return;
	serial_stop(serial);
	serial_close_file(serial);
	if (serial->listener != INVALID_SOCKET)
		closesocket(serial->listener);
	close_event(serial->wake);
	close_event(serial->read.overlapped.hEvent);
	close_event(serial->write.overlapped.hEvent);
	close_event(serial->connect.overlapped.hEvent);
	pthread_mutex_destroy(&serial->lock);
	free(serial);
}
