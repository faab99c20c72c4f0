// SPDX-License-Identifier: GPL-2.0
/*
 * The serial ports of colinux.exe: run by exe.t under Wine in an empty
 * directory, with serial_peer.py at the other end of
 *
 *	serial-test.exe PORT COM
 *
 * a TCP port of the host, where two clients come after each other, and a
 * serial port.  What comes from there goes back in capitals.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../daemon/os/windows/nt.h"
#include "../../daemon/serial.h"
#include "../unit/virtio/tap.h"

static HANDLE called;
static struct error error;

static void on_call(void *opaque)
{
	(void)opaque;
	SetEvent(called);
}

static const struct serial_device device = {
	.input_ready = on_call, .output_ready = on_call,
};

static struct serial *open_port(const char *value)
{
	struct serial *serial = serial_open("ttys0", value, &error);

	if (!serial || serial_connect(serial, &device, &error) < 0)
		die(error.text);
	return serial;
}

/* Wait for a call of the port's; false after 20 seconds. */
static bool wait_call(void)
{
	return WaitForSingleObject(called, 20000) == WAIT_OBJECT_0;
}

static bool give(struct serial *serial, const char *text, size_t length)
{
	size_t done = 0;

	while (done < length) {
		done += serial_output(serial, text + done, length - done);
		if (done < length && !wait_call())
			return false;
	}
	return true;
}

/* Back in capitals, until a dot comes; how many bytes, 0: too slow. */
static size_t echo(struct serial *serial)
{
	char text[3000];
	size_t length, total = 0;

	for (;;) {
		length = serial_input(serial, text, sizeof(text));
		if (!length && !wait_call())
			return 0;
		for (size_t i = 0; i < length; i++)
			text[i] = toupper((unsigned char)text[i]);
		total += length;
		if (!give(serial, text, length))
			return 0;
		if (length && text[length - 1] == '.')
			return total;
	}
}

static void tcp(const char *port)
{
	struct serial *serial, *other;
	char value[40];

	snprintf(value, sizeof(value), "tcp:%s", port);
	serial = open_port(value);
	check(give(serial, "nobody hears this", 17), "tcp: nobody is there");
	other = serial_open("ttys1", value, &error);
	check(!other && strstr(error.text, "ttys1=tcp:"),
	      "tcp: a port that is taken");
	note("call");
	fflush(stdout);
	check(echo(serial) == 300001, "tcp: 300001 bytes there and back");
	check(echo(serial) == 6, "tcp: the next client");
	give(serial, "last words", 10);
	serial_stop(serial);
	serial_close(serial);
}

/* The other end of a pipe, as a terminal program opens it. */
static HANDLE open_pipe(void)
{
	return CreateFileW(L"\\\\.\\pipe\\colinux-test",
			   GENERIC_READ | GENERIC_WRITE, 0, NULL,
			   OPEN_EXISTING, 0, NULL);
}

static bool say_and_hear(HANDLE pipe, struct serial *serial)
{
	char back[8] = "";
	DWORD done;

	return WriteFile(pipe, "hello.", 6, &done, NULL) &&
	       echo(serial) == 6 && ReadFile(pipe, back, 6, &done, NULL) &&
	       done == 6 && !memcmp(back, "HELLO.", 6);
}

static void named_pipe(void)
{
	struct serial *serial = open_port("pipe:colinux-test");
	HANDLE pipe = open_pipe();

	check(pipe != INVALID_HANDLE_VALUE && say_and_hear(pipe, serial),
	      "pipe: there and back");
	check(open_pipe() == INVALID_HANDLE_VALUE, "pipe: one at a time");
	check(!serial_open("ttys1", "pipe:colinux-test", &error),
	      "pipe: a name is taken once");
	CloseHandle(pipe);
	/* It listens again once it has seen that; no call tells. */
	while ((pipe = open_pipe()) == INVALID_HANDLE_VALUE &&
	       WaitNamedPipeW(L"\\\\.\\pipe\\colinux-test", 20000))
		;
	check(pipe != INVALID_HANDLE_VALUE && say_and_hear(pipe, serial),
	      "pipe: the next one");
	serial_stop(serial);
	serial_close(serial);
	CloseHandle(pipe);
}

static void file(void)
{
	char text[16] = "", byte;
	FILE *found;

	for (int i = 0; i < 2; i++) {
		struct serial *serial = open_port("file:out-\xc3\xa4");

		check(serial_output(serial, i ? "again" : "once ", 5) == 5 &&
		      !serial_input(serial, &byte, 1), "file: written");
		serial_stop(serial);
		serial_close(serial);
	}
	found = _wfopen(L"out-\u00e4", L"rb");
	check(found && fread(text, 1, 16, found) == 10 &&
	      !strcmp(text, "once again"), "file: appended");
	if (found)
		fclose(found);
}

static void com(const char *name)
{
	struct serial *serial;
	char value[32];

	snprintf(value, sizeof(value), "%s,19200", name);
	serial = serial_open("ttys0", value, &error);
	if (!serial) {
		skip("a serial port of the host", error.text);
		return;
	}
	if (serial_connect(serial, &device, &error) < 0)
		die(error.text);
	note("port");
	fflush(stdout);
	check(echo(serial) == 6, "%s: there and back", value);
	serial_stop(serial);
	serial_close(serial);
}

static void refused(const char *value, const char *why)
{
	check(serial_check("ttys3", value, &error) < 0 &&
	      !strncmp(error.text, "ttys3", 5) && strstr(error.text, why),
	      "%s: refused", value);
}

static void values(void)
{
	check(!serial_check("ttys0", "COM1", &error) &&
	      !serial_check("ttys0", "com12,115200", &error) &&
	      !serial_check("ttys0", "\\\\.\\COM3,baud=9600 parity=n data=8 "
			    "stop=1", &error), "values that are good");
	refused("pty", "give pipe:NAME");
	refused("unix:/tmp/x", "give pipe:NAME");
	refused("/dev/ttyS0,9600", "give COM1");
	refused("COM1,fast", "give a speed");
	refused("COM0", "give COM1[,BAUD]");
	refused("tcp:70000", "give tcp:PORT");
	refused("pipe:a\\b", "without a backslash");
	refused("file:", "needs a path");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	called = CreateEventW(NULL, FALSE, FALSE, NULL);
	values();
	file();
	named_pipe();
	tcp(argv[1]);
	com(argv[2]);
	return done();
}
