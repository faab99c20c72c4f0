// SPDX-License-Identifier: GPL-2.0
/*
 * A module for a guest to hurt itself with: loading it writes to an address
 * that no kernel maps.  Debian's kernels have no lkdtm.
 */
#include <linux/module.h>

static int __init oops_init(void)
{
	pr_info("oops: writing where nothing is\n");
	/* Page 0 is never mapped in the kernel; 8 tells it from NULL. */
	WRITE_ONCE(*(int *)8, 1);
	return 0;
}
module_init(oops_init);

MODULE_DESCRIPTION("Makes the kernel oops, for tests");
MODULE_LICENSE("GPL");
