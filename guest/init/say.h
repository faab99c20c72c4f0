/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages to people: one line each.
 */
#ifndef INIT_SAY_H
#define INIT_SAY_H

#include <stddef.h>

/*
 * Print "colinux-init: " and the strings on the console, or in the kernel's
 * log while there is no console yet.
 */
#define say(...) say_list(__VA_ARGS__, NULL)
void say_list(const char *first, ...) __attribute__((sentinel));

/*
 * The same in the kernel's log, which the early console shows whatever has
 * become of the others, and which a panic repeats.
 */
#define report(...) report_list(__VA_ARGS__, NULL)
void report_list(const char *first, ...) __attribute__((sentinel));

/*
 * Report why and end: the kernel panics when its init exits, and that is how
 * the VM process learns of it.
 */
#define die(...) die_list(__VA_ARGS__, NULL)
__attribute__((noreturn))
void die_list(const char *first, ...) __attribute__((sentinel));

/* Decimal text of a number, in a buffer of the caller (21 bytes). */
const char *decimal(unsigned long value, char buf[21]);

/* What a negative errno means: a static string. */
const char *error_text(long error);

#endif
