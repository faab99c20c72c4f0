/* SPDX-License-Identifier: GPL-2.0 */
/* colinux version. */
#include <stdio.h>

#include <colinux/passage.h>

#include "../command.h"

#define COLINUX_VERSION "1.0-dev"

int cmd_version(int argc, char **argv)
{
	if (wants_help("version", argc, argv))
		return 0;
	if (argc > 1)
		return usage_error("version", "cannot use %s", argv[1]);
	printf("colinux %s (ABI %d)\n", COLINUX_VERSION, COLINUX_ABI_VERSION);
	return 0;
}
