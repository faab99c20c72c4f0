/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Standard output as a reader of the console, and standard input (when it is
 * not a terminal) as its typist.  A thread each, with blocking reads and
 * writes, because they may be files, pipes or anything, and must not be made
 * non-blocking: others share them.
 */
#ifndef DAEMON_STANDARD_IO_H
#define DAEMON_STANDARD_IO_H

#include <uv.h>

#include "console.h"

/*
 * A log lies where memory is (/run), and a guest must not fill that.  More than
 * this, and it begins anew: a line that says how much went, and what the
 * console still has.
 */
#define LOG_LIMIT (16 * 1024 * 1024)

/*
 * Copy the console to standard output until console_finish().  log: it is a
 * file of ours, open for appending, which may be cut; never anybody else's.
 */
int standard_output_start(uv_thread_t *thread, struct console *console,
			  bool log);

/*
 * Copy standard input into the console until its end.  The thread cannot be
 * stopped: the console must live as long as the process.
 */
int standard_input_start(struct console *console);

#endif
