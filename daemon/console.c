/* SPDX-License-Identifier: GPL-2.0 */
/* Console text and input of one guest: see console.h. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

struct console {
	pthread_mutex_t lock;
	/* Guarded by lock: */
	char *text;		/* ring of CONSOLE_SCROLLBACK bytes */
	uint64_t end;		/* bytes ever printed */
	char *input;		/* ring of CONSOLE_INPUT bytes */
	uint64_t input_head, input_tail;
	uint16_t columns, rows;
	struct console_device device;
	void (*wake)(void *opaque);
	void *wake_opaque;
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
	pthread_mutex_init(&console->lock, NULL);
	return console;
}

void console_free(struct console *console)
{
	if (!console)
		return;
	pthread_mutex_destroy(&console->lock);
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
	pthread_mutex_lock(&console->lock);
	ring_put(console->text, CONSOLE_SCROLLBACK, console->end + skip,
		 from + skip, length - skip);
	console->end += length;
	wake = console->wake;
	opaque = console->wake_opaque;
	pthread_mutex_unlock(&console->lock);
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
	pthread_mutex_lock(&console->lock);
	console->device = now;
	waiting = console->input_head != console->input_tail;
	pthread_mutex_unlock(&console->lock);
	if (waiting && now.input_ready)
		now.input_ready(now.opaque);
}

size_t console_take_input(struct console *console, void *buffer, size_t room)
{
	size_t length;

	pthread_mutex_lock(&console->lock);
	length = console->input_head - console->input_tail;
	if (length > room)
		length = room;
	ring_get(console->input, CONSOLE_INPUT, console->input_tail, buffer,
		 length);
	console->input_tail += length;
	pthread_mutex_unlock(&console->lock);
	return length;
}

void console_get_size(struct console *console, uint16_t *columns,
		      uint16_t *rows)
{
	pthread_mutex_lock(&console->lock);
	*columns = console->columns;
	*rows = console->rows;
	pthread_mutex_unlock(&console->lock);
}

void console_on_output(struct console *console, void (*wake)(void *opaque),
		       void *opaque)
{
	pthread_mutex_lock(&console->lock);
	console->wake = wake;
	console->wake_opaque = opaque;
	pthread_mutex_unlock(&console->lock);
}

void console_input(struct console *console, const void *text, size_t length)
{
	struct console_device device;
	size_t room;

	pthread_mutex_lock(&console->lock);
	room = CONSOLE_INPUT - (console->input_head - console->input_tail);
	if (length > room)
		length = room;
	ring_put(console->input, CONSOLE_INPUT, console->input_head, text,
		 length);
	console->input_head += length;
	device = console->device;
	pthread_mutex_unlock(&console->lock);
	if (length && device.input_ready)
		device.input_ready(device.opaque);
}

void console_resize(struct console *console, uint16_t columns, uint16_t rows)
{
	struct console_device device;
	int changed;

	pthread_mutex_lock(&console->lock);
	changed = columns != console->columns || rows != console->rows;
	console->columns = columns;
	console->rows = rows;
	device = console->device;
	pthread_mutex_unlock(&console->lock);
	if (changed && device.resized)
		device.resized(device.opaque);
}

uint64_t console_start(struct console *console)
{
	uint64_t end = console_end(console);

	return end > CONSOLE_SCROLLBACK ? end - CONSOLE_SCROLLBACK : 0;
}

uint64_t console_end(struct console *console)
{
	uint64_t end;

	pthread_mutex_lock(&console->lock);
	end = console->end;
	pthread_mutex_unlock(&console->lock);
	return end;
}

size_t console_read(struct console *console, uint64_t *position, void *buffer,
		    size_t room, uint64_t *lost)
{
	uint64_t start = 0;
	size_t length;

	pthread_mutex_lock(&console->lock);
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
	pthread_mutex_unlock(&console->lock);
	return length;
}
