/* SPDX-License-Identifier: GPL-2.0 */
/* The one place that knows the instruction decoder (Zydis). */
#ifndef DAEMON_KERNEL_INSN_H
#define DAEMON_KERNEL_INSN_H

#include "bytes.h"

struct insn {
	unsigned int length;
	bool pause;		/* f3 90 */
	bool plain;		/* mov, push, arithmetic: the kernel's own code
				 * patching (alternatives, static calls, jump
				 * labels, paravirt) never touches it */
	bool branches;		/* direct jump or call, to target */
	uint64_t target;
};

/* Decode the instruction at code, which runs at addr; false = none. */
bool insn_decode(struct bytes code, uint64_t addr, struct insn *out);

#endif
