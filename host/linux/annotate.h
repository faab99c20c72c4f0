/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For monitor/x86/passage.S in this host's build: tells objtool that its bare
 * indirect jumps and returns are meant.
 */
#ifndef HOST_LINUX_ANNOTATE_H
#define HOST_LINUX_ANNOTATE_H

#include <asm/nospec-branch.h>

#define SAFE_JUMP ANNOTATE_RETPOLINE_SAFE
#define SAFE_RET ANNOTATE_UNRET_SAFE
#define SAFE_CALL ANNOTATE_INTRA_FUNCTION_CALL
/* The jump to an interrupt's handler: as the kernel mitigates them. */
#define HANDLER_JUMP JMP_NOSPEC rdi

#endif
