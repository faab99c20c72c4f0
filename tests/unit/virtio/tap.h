/* SPDX-License-Identifier: GPL-2.0 */
/* Test Anything Protocol for the tests of this directory. */
#ifndef VIRTIO_TEST_TAP_H
#define VIRTIO_TEST_TAP_H

#include <stdbool.h>

/* Report one result; returns ok. */
bool check_at(bool ok, const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
#define check(ok, ...) check_at((ok), __FILE__, __LINE__, __VA_ARGS__)

/* Report that a test could not run here, and why. */
void skip(const char *what, const char *why);
/* A line for people. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Print the plan; returns main()'s result. */
int done(void);
/* The test itself is broken: say so and end. */
void die(const char *what) __attribute__((noreturn));

#endif
