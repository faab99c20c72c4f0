// SPDX-License-Identifier: GPL-2.0
/* colinux --disk: not for people; see disk/server.h. */
#include "../command.h"
#include "../disk/server.h"

int cmd_disk_server(int argc, char **argv)
{
	return disk_server_main(argc, argv);
}
