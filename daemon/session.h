/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VM process: one guest from set-up to its end, with its event loop,
 * control socket, terminal and signals.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include "command.h"

/* Run the guest; returns the exit status. */
int session_run(struct run_options *options);

#endif
