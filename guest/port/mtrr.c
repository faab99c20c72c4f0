// SPDX-License-Identifier: GPL-2.0
/*
 * Memory types: a guest's memory is write-back, all of it, and it has no MTRRs that
 * say so.  Since 6.5 a kernel takes that for "not known": it maps no huge pages where
 * native kernels do (pmd_set_huge()), and 6.16 then goes a way of its own that loses a
 * page.  Xen's guests tell theirs by guest_force_mtrr_state(), which refuses others.
 */
#include "port.h"

#define MTRR_STATE_MTRR_ENABLED	2	/* asm/mtrr.h */
#define MTRR_TYPE_WRBACK	6	/* SDM vol. 3, table 12-8 */

extern char mtrr_state[] KERNEL("mtrr_state") weak;
extern bool mtrr_state_set KERNEL("mtrr_state_set") weak;
/* One of them is there when mtrr_bp_init() leaves alone what is set before it. */
extern char guest_force_mtrr_state[] KERNEL("guest_force_mtrr_state") weak;
extern char mtrr_overwrite_state[] KERNEL("mtrr_overwrite_state") weak;

void port_mtrr_init(void)
{
	unsigned long enabled = OFFSET_IF("mtrr_state_type.enabled");
	unsigned long type = OFFSET_IF("mtrr_state_type.def_type");

	if (!guest_force_mtrr_state && !mtrr_overwrite_state)
		return;
	if (!mtrr_state || !&mtrr_state_set || enabled == MISSING ||
	    type == MISSING)
		return;
	AT(u8, mtrr_state, enabled) = MTRR_STATE_MTRR_ENABLED;
	AT(u8, mtrr_state, type) = MTRR_TYPE_WRBACK;
	mtrr_state_set = 1;
}
