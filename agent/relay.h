/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes between two stream sockets, both ways: at both ends of `exec -X`. */
#ifndef AGENT_RELAY_H
#define AGENT_RELAY_H

/*
 * Pass bytes on until both sides have ended; the end of one is passed on, too,
 * and the other goes on.  Blocks; once per process at a time.
 */
void relay(int one, int other);

#endif
