/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The user's terminal, or whatever standard input and output are: raw mode,
 * the escape key, the window's size.  Knows nothing of guests.
 *
 * Escape: Ctrl-] and then one key.  Ctrl-] twice sends it once.
 */
#ifndef DAEMON_TERMINAL_H
#define DAEMON_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "error.h"

#define TERMINAL_ESCAPE 0x1d	/* Ctrl-] */

struct terminal;

struct terminal_ops {
	/* Typed text; returns how much there was room for. */
	size_t (*input)(void *opaque, const char *text, size_t length);
	/* The key after Ctrl-]. */
	void (*command)(void *opaque, char key);
	void (*resized)(void *opaque, uint16_t columns, uint16_t rows);
	void *opaque;
};

/*
 * If standard input is a terminal: put it into raw mode and listen to it in
 * the loop; else NULL without a message (error->text is empty).
 */
struct terminal *terminal_open(uv_loop_t *loop, const struct terminal_ops *ops,
			       struct error *error);
/* The taker has room again after it took less than was typed. */
void terminal_resume(struct terminal *terminal);
/* Normal mode; its handles close in the loop. NULL is fine. */
void terminal_close(struct terminal *terminal);
/* After the loop has ended. */
void terminal_free(struct terminal *terminal);

/* Normal mode again, also from exit handlers and after a crash's cause. */
void terminal_restore(void);

/*
 * The escape state machine on its own: takes typed bytes, writes to out (room
 * for length) what goes to the guest, calls command for each Ctrl-] KEY.
 * *escaped is 0 at first.  Returns the bytes in out.
 */
size_t terminal_filter(bool *escaped, const char *in, size_t length, char *out,
		       void (*command)(void *opaque, char key), void *opaque);

#endif
