/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control socket of a VM, server side: accepts clients, checks who they
 * are, reads one request each and answers; console clients become readers of
 * the console.  Runs in the event loop's thread only.
 *
 * What requests mean is the owner's: struct control_ops.
 */
#ifndef DAEMON_CONTROL_H
#define DAEMON_CONTROL_H

#include <uv.h>

#include "console.h"
#include "error.h"
#include "protocol.h"

struct control;
struct control_client;

struct control_ops {
	/*
	 * A request other than console and resize.  Answer with
	 * control_line() and then control_done(), now or later; the client is
	 * valid until then.
	 */
	void (*request)(void *opaque, struct control_client *client,
			const struct protocol_request *request);
	/* The client of a request that was not answered yet is gone. */
	void (*gone)(void *opaque, struct control_client *client);
	void *opaque;
};

/* Listen on a local socket at path (owner only). NULL on failure. */
struct control *control_new(uv_loop_t *loop, const char *path,
			    struct console *console,
			    const struct control_ops *ops,
			    struct error *error);

/* The console has changed: feed the readers. */
void control_console_changed(struct control *control);

/* One line of an answer, "KEY VALUE" (printf), without newline. */
void control_line(struct control_client *client, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The end of the answer: problem NULL = ok. */
void control_done(struct control_client *client, const char *problem);

/*
 * Ask the client of a request that was not answered yet for descriptors, and
 * call `taken` with them and the text that came along; they become its own.
 * nr 0 = the client sent none, or is gone.  Then answer as usual.
 */
#define CONTROL_FILES 4
typedef void (*control_files_fn)(void *opaque, struct control_client *client,
				 const char *text, const int *fds, int nr);
void control_take_files(struct control_client *client, control_files_fn taken,
			void *opaque);

/*
 * Stop listening; console clients get what is left to read and are closed.
 * When all is sent, nothing of it is in the loop any longer and `closed` is
 * called; free it then.
 */
void control_close(struct control *control, void (*closed)(void *opaque),
		   void *opaque);
/* Close the clients that are left, whatever they have not read. */
void control_drop_clients(struct control *control);
void control_free(struct control *control);

#endif
