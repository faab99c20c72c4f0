/* SPDX-License-Identifier: GPL-2.0 */
/* What main.c has for the rest of the agent. */
#ifndef GUEST_AGENT_MAIN_H
#define GUEST_AGENT_MAIN_H

/* /proc of the guest, whatever the root is; -1 = none. */
extern int agent_proc;

int main(int argc, char **argv);

#endif
