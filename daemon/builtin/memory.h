/* SPDX-License-Identifier: GPL-2.0 */
/* What `colinux memory NAME` prints, for `colinux info NAME` as well. */
#ifndef DAEMON_BUILTIN_MEMORY_H
#define DAEMON_BUILTIN_MEMORY_H

#include "../runtime.h"

/* Ask the guest how it is and print the answer.  0, or -1 with error set. */
int memory_show(const struct runtime *runtime, struct error *error);

#endif
