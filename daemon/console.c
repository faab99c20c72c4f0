/* SPDX-License-Identifier: GPL-2.0 */
/* Console text and input of one guest: see console.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "console.h"

struct console {
	uv_mutex_t lock;
	uv_cond_t change;	/* output, input taken, finished */
	/* Guarded by lock: */
	char *text;		/* ring of CONSOLE_SCROLLBACK bytes */
	uint64_t end;		/* bytes ever printed */
	char *input;		/* ring of CONSOLE_INPUT bytes */
	uint64_t input_head, input_tail;
	uint16_t columns, rows;
	struct console_device device;
	unsigned int calls;	/* of the device, under way */
	void (*wake)(void *opaque);
	void *wake_opaque;
	bool finished;
};

struct console *console_new(void)
{
	struct console *console = calloc(1, sizeof(*console));

	if (!console)
		return NULL;
	console->text = malloc(CONSOLE_SCROLLBACK);
	console->input = malloc(CONSOLE_INPUT);
	if (!console->text || !console->input) {
		free(console->text);
		free(console->input);
		free(console);
		return NULL;
	}
	uv_mutex_init(&console->lock);
	uv_cond_init(&console->change);
	return console;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	uv_cond_destroy(&console->change);
	uv_mutex_destroy(&console->lock);
	free(console->text);
	free(console->input);
	free(console);
}

/* Copy into a ring of `size` bytes at absolute position `at`. */
static void ring_put(char *ring, size_t size, uint64_t at, const char *from,
		     size_t length)
{
	size_t offset = at % size;
	size_t first = size - offset;

	if (first > length)
		first = length;
	memcpy(ring + offset, from, first);
	memcpy(ring, from + first, length - first);
}

static void ring_get(const char *ring, size_t size, uint64_t at, char *to,
		     size_t length)
{
	size_t offset = at % size;
	size_t first = size - offset;

	if (first > length)
		first = length;
	memcpy(to, ring + offset, first);
	memcpy(to + first, ring, length - first);
}

void console_output(struct console *console, const void *text, size_t length)
{
	const char *from = text;
	void (*wake)(void *opaque);
	void *opaque;
	size_t skip = 0;

	if (!length)
		return;
	if (length > CONSOLE_SCROLLBACK)
		skip = length - CONSOLE_SCROLLBACK;
	uv_mutex_lock(&console->lock);
	ring_put(console->text, CONSOLE_SCROLLBACK, console->end + skip,
		 from + skip, length - skip);
	console->end += length;
	wake = console->wake;
	opaque = console->wake_opaque;
	uv_cond_broadcast(&console->change);
	uv_mutex_unlock(&console->lock);
	if (wake)
		wake(opaque);
}

void console_connect(struct console *console,
		     const struct console_device *device)
{
	struct console_device now = { 0 };
	int waiting;

	if (device)
		now = *device;
	uv_mutex_lock(&console->lock);
	console->device = now;
	while (console->calls)
		uv_cond_wait(&console->change, &console->lock);
	waiting = console->input_head != console->input_tail;
	uv_mutex_unlock(&console->lock);
	if (waiting && now.input_ready)
		now.input_ready(now.opaque);
}

/* The device as it is now; until end_call() it stays connected. Locked. */
static struct console_device begin_call(struct console *console)
{
	console->calls++;
	return console->device;
}

static void end_call(struct console *console)
{
	uv_mutex_lock(&console->lock);
	console->calls--;
	uv_cond_broadcast(&console->change);
	uv_mutex_unlock(&console->lock);
}

size_t console_take_input(struct console *console, void *buffer, size_t room)
{
	void (*wake)(void *opaque);
	void *opaque;
	size_t length;

	uv_mutex_lock(&console->lock);
	length = console->input_head - console->input_tail;
	if (length > room)
		length = room;
	ring_get(console->input, CONSOLE_INPUT, console->input_tail, buffer,
		 length);
	console->input_tail += length;
	wake = console->wake;
	opaque = console->wake_opaque;
	if (length)
		uv_cond_broadcast(&console->change);
	uv_mutex_unlock(&console->lock);
	if (length && wake)
		wake(opaque);
	return length;
}

void console_get_size(struct console *console, uint16_t *columns,
		      uint16_t *rows)
{
	uv_mutex_lock(&console->lock);
	*columns = console->columns;
	*rows = console->rows;
	uv_mutex_unlock(&console->lock);
}

void console_on_change(struct console *console, void (*wake)(void *opaque),
		       void *opaque)
{
	uv_mutex_lock(&console->lock);
	console->wake = wake;
	console->wake_opaque = opaque;
	uv_mutex_unlock(&console->lock);
}

size_t console_input(struct console *console, const void *text, size_t length)
{
	struct console_device device;
	size_t room;

	uv_mutex_lock(&console->lock);
	room = CONSOLE_INPUT - (console->input_head - console->input_tail);
	if (length > room)
		length = room;
	ring_put(console->input, CONSOLE_INPUT, console->input_head, text,
		 length);
	console->input_head += length;
	device = begin_call(console);
	uv_mutex_unlock(&console->lock);
	if (length && device.input_ready)
		device.input_ready(device.opaque);
	end_call(console);
	return length;
}

size_t console_input_room(struct console *console)
{
	size_t room;

	uv_mutex_lock(&console->lock);
	room = CONSOLE_INPUT - (console->input_head - console->input_tail);
	uv_mutex_unlock(&console->lock);
	return room;
}

void console_input_all(struct console *console, const void *text,
		       size_t length)
{
	const char *from = text;
	bool finished = false;
	size_t taken;

	while (length && !finished) {
		taken = console_input(console, from, length);
		from += taken;
		length -= taken;
		uv_mutex_lock(&console->lock);
		while (length && !console->finished &&
		       console->input_head - console->input_tail ==
			       CONSOLE_INPUT)
			uv_cond_wait(&console->change, &console->lock);
		finished = console->finished;
		uv_mutex_unlock(&console->lock);
	}
}

void console_resize(struct console *console, uint16_t columns, uint16_t rows)
{
	struct console_device device;
	int changed;

	uv_mutex_lock(&console->lock);
	changed = columns != console->columns || rows != console->rows;
	console->columns = columns;
	console->rows = rows;
	device = begin_call(console);
	uv_mutex_unlock(&console->lock);
	if (changed && device.resized)
		device.resized(device.opaque);
	end_call(console);
}

uint64_t console_start(struct console *console)
{
	uint64_t end = console_end(console);

	return end > CONSOLE_SCROLLBACK ? end - CONSOLE_SCROLLBACK : 0;
}

uint64_t console_end(struct console *console)
{
	uint64_t end;

	uv_mutex_lock(&console->lock);
	end = console->end;
	uv_mutex_unlock(&console->lock);
	return end;
}

size_t console_read(struct console *console, uint64_t *position, void *buffer,
		    size_t room, uint64_t *lost)
{
	uint64_t start = 0;
	size_t length;

	uv_mutex_lock(&console->lock);
	if (console->end > CONSOLE_SCROLLBACK)
		start = console->end - CONSOLE_SCROLLBACK;
	if (*position < start) {
		if (lost)
			*lost += start - *position;
		*position = start;
	}
	if (*position > console->end)
		*position = console->end;
	length = console->end - *position;
	if (length > room)
		length = room;
	ring_get(console->text, CONSOLE_SCROLLBACK, *position, buffer, length);
	*position += length;
	uv_mutex_unlock(&console->lock);
	return length;
}

size_t console_read_noted(struct console *console, uint64_t *position,
			  char *buffer, size_t room)
{
	char note[CONSOLE_NOTE];
	uint64_t lost = 0;
	size_t length, more;

	length = console_read(console, position, buffer, room - sizeof(note),
			      &lost);
	if (!lost)
		return length;
	more = snprintf(note, sizeof(note),
			"\r\n[colinux: %" PRIu64 " bytes lost]\r\n", lost);
	memmove(buffer + more, buffer, length);
	memcpy(buffer, note, more);
	return more + length;
}

bool console_wait(struct console *console, uint64_t position)
{
	bool more;

	uv_mutex_lock(&console->lock);
	while (console->end <= position && !console->finished)
		uv_cond_wait(&console->change, &console->lock);
	more = console->end > position;
	uv_mutex_unlock(&console->lock);
	return more;
}

void console_finish(struct console *console)
{
	uv_mutex_lock(&console->lock);
	console->finished = true;
	uv_cond_broadcast(&console->change);
	uv_mutex_unlock(&console->lock);
}
