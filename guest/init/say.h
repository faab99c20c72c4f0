/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages to people: one line each, on the console.
 */
#ifndef INIT_SAY_H
#define INIT_SAY_H

#include <stddef.h>

/* Print "colinux-init: " and the strings, then a newline. */
#define say(...) say_list(__VA_ARGS__, NULL)
void say_list(const char *first, ...) __attribute__((sentinel));

/*
 * The same, then end: the kernel panics when its init exits, which is what the
 * VM process reports as the guest's end, with this line just above.
 */
#define die(...) do { say_list(__VA_ARGS__, NULL); die_now(); } while (0)
__attribute__((noreturn)) void die_now(void);

/* Decimal text of a number, in a buffer of the caller (21 bytes). */
const char *decimal(unsigned long value, char buf[21]);

/* What a negative errno means: a static string. */
const char *error_text(long error);

#endif
