/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Starting /colinux-agent, which the loader may have put beside us.
 */
#ifndef INIT_AGENT_H
#define INIT_AGENT_H

#include "cmdline.h"

#define AGENT_PATH	"/colinux-agent"

/*
 * Start it as a child of ours, which our successor inherits.  Comes back when
 * it has what it needs of /dev and /proc.  /dev and /proc are mounted.
 */
void start_agent(const struct boot_options *options, char **envp);

#endif
