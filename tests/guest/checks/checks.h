/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Checks of what a kernel promises to programs, as TAP: run by a guest and by
 * its host, where they must come out the same.  One static program, one file
 * and function per subject.  They wait for events, and compare times only with
 * what can never be: too early, backwards, out of order.
 */
#ifndef CHECKS_H
#define CHECKS_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Report one result; returns ok. */
bool check(bool ok, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void skip(const char *what, const char *why);
/* The check itself cannot go on: say why and end. */
void die(const char *what) __attribute__((noreturn));
/* Whether a child ended with status 0. */
bool child_ok(int pid);
/* CLOCK_MONOTONIC, ns. */
uint64_t now_ns(void);
void sleep_ms(unsigned int ms);
/* CPUs that this process may use when it starts; number n of them. */
unsigned int nr_cpus(void);
void pin(unsigned int n);

void check_timers(void);
void check_signals(void);
void check_futexes(void);
void check_registers(void);
void check_debug(void);
void check_clocks(void);
void check_compat(void);
void check_processes(void);
void check_rseq(void);

#endif
