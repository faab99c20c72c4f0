/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The console of one guest: what the guest prints is kept (scrollback) and
 * shown to every reader; what any reader types goes to the guest.
 *
 * It knows nothing about virtio, terminals or sockets: the device connects
 * with struct console_device, readers (the terminal of `colinux run`, clients
 * of the control socket) pull text by absolute position.
 *
 * Everything here may be called from any thread; one mutex inside, never held
 * during a callback.
 */
#ifndef DAEMON_CONSOLE_H
#define DAEMON_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Guest text kept for readers that attach later or that are slow. */
#define CONSOLE_SCROLLBACK (1024 * 1024)
/* Typed text waiting for the guest; more is dropped, as a UART does. */
#define CONSOLE_INPUT (64 * 1024)

struct console;

/* The device in the guest (virtio-console), called without locks. */
struct console_device {
	/* There is input to take with console_take_input(). */
	void (*input_ready)(void *opaque);
	/* console_get_size() has changed. */
	void (*resized)(void *opaque);
	void *opaque;
};

/* NULL when out of memory. */
struct console *console_new(void);
void console_free(struct console *console);

/* --- The guest's side --- */

/* The guest printed something (virtio-console, early console). Never waits. */
void console_output(struct console *console, const void *text, size_t length);
/*
 * The device to tell about input and size; copied.  NULL disconnects, and
 * waits for callbacks under way.  Input that arrived before is announced at
 * once.
 */
void console_connect(struct console *console,
		     const struct console_device *device);
/* Take up to room bytes of typed input; returns how many (0 = none). */
size_t console_take_input(struct console *console, void *buffer, size_t room);
/* Terminal size; 0 x 0 while nobody has said. */
void console_get_size(struct console *console, uint16_t *columns,
		      uint16_t *rows);

/* --- The readers' side --- */

/*
 * Called after output arrived or input was taken; any thread, so it only wakes
 * somebody.  One at a time; NULL for none.
 */
void console_on_change(struct console *console, void (*wake)(void *opaque),
		       void *opaque);
/*
 * Type into the guest; returns how much there was room for, the rest is not
 * taken.
 */
size_t console_input(struct console *console, const void *text, size_t length);
/* The same, but waits for room until all is taken or console_finish(). */
void console_input_all(struct console *console, const void *text,
		       size_t length);
/* Room for input at this moment. */
size_t console_input_room(struct console *console);
/* A reader's terminal has this size now. */
void console_resize(struct console *console, uint16_t columns, uint16_t rows);

/* Position of the oldest text kept and of the end, in bytes since the start. */
uint64_t console_start(struct console *console);
uint64_t console_end(struct console *console);
/*
 * Copy text from *position on and advance it.  If text from there is no
 * longer kept, *position moves to the oldest text first and *lost (may be
 * NULL) grows by what was skipped.  Returns the bytes copied; 0 = nothing new.
 */
size_t console_read(struct console *console, uint64_t *position, void *buffer,
		    size_t room, uint64_t *lost);
/*
 * The same for who shows it to people: a line in the text says how much was
 * skipped.  Room: at least 2 * CONSOLE_NOTE.
 */
#define CONSOLE_NOTE 80
size_t console_read_noted(struct console *console, uint64_t *position,
			  char *buffer, size_t room);
/*
 * Wait until there is text after position: true; or console_finish() was
 * called and there is none: false.
 */
bool console_wait(struct console *console, uint64_t position);
/* No more output comes: end all waiting. */
void console_finish(struct console *console);

#endif
