/* SPDX-License-Identifier: GPL-2.0 */
/* Changes to the kernel's code, each verified byte by byte. */
#ifndef DAEMON_KERNEL_CODE_PATCH_H
#define DAEMON_KERNEL_CODE_PATCH_H

#include "directive.h"

/*
 * Make a kernel function jump to target instead of doing its work.  endbr64
 * and ftrace's call at its start stay.  0, or -1 with error set when the code
 * there is not what can be overwritten safely.
 */
int code_patch_jump(const struct guest_image *image, const char *function,
		    uint64_t target, struct patch_list *patches,
		    struct error *error);

/*
 * In a kernel function, change every instruction that moves the 32-bit number
 * old into a register to move new; there must be one.  0, or -1 with error set.
 */
int code_patch_immediate(const struct guest_image *image, const char *function,
			 uint32_t old, uint32_t new,
			 struct patch_list *patches, struct error *error);

/*
 * Retarget an array of interrupt stubs, { [endbr64] push $vector; jmp OLD;
 * padding } for all vectors from the first one's to 255, to NEW.  0, or -1
 * with error set when one of them looks different.
 */
int code_patch_stubs(const struct guest_image *image, const char *array,
		     const char *old, const char *new,
		     struct patch_list *patches, struct error *error);

/*
 * Enter the port's two pages into the kernel's level2_fixmap_pgt, whose
 * entries COLINUX_PORT_TEXT_INDEX and COLINUX_PORT_DATA_INDEX must be free.
 */
int code_patch_fixmap(const struct guest_image *image, uint64_t text_machine,
		      uint64_t data_machine, struct patch_list *patches,
		      struct error *error);

#endif
