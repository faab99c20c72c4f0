/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A one-line error message for people, handed upwards by value.
 *
 * Convention: a function that can fail takes `struct error *error` last,
 * returns a negative value or NULL on failure, and has filled error->text by
 * then with a sentence that names the file, key or device and the remedy.
 */
#ifndef DAEMON_ERROR_H
#define DAEMON_ERROR_H

#define ERROR_TEXT 512

struct error {
	char text[ERROR_TEXT];
};

/*
 * Set the message (printf); what does not fit is cut.  Returns -1, so that
 * `return error_set(error, ...)` is the usual way out.  A NULL error is
 * allowed when nobody wants to know.
 */
int error_set(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Put "prefix: " in front of the message that is there; returns -1. */
int error_prefix(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
