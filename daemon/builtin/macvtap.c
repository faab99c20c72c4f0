// SPDX-License-Identifier: GPL-2.0
/*
 * `colinux --macvtap INDEX`: not for people; removes an interface when the VM
 * process, which holds the other end of descriptor OS_CHILD_FD, has ended.
 */
#include <sys/prctl.h>

#include "../command.h"
#include "../net/backend.h"
#include "../os.h"

int cmd_macvtap(int argc, char **argv)
{
	if (argc != 2)
		return EXIT_USAGE;
	os_outlive(true);
	prctl(PR_SET_NAME, "colinux-macvtap");
	return net_macvtap_wait(OS_CHILD_FD, argv[1]);
}
