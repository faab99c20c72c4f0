/* SPDX-License-Identifier: GPL-2.0 */
/* The commands that only Linux has. */
#include <stddef.h>

#include "../../command.h"

const struct command os_commands[] = {
	/* Without a summary: not for people. */
	{ "--disk", cmd_disk_server, "...", NULL, NULL },
	{ "--slirp", cmd_slirp, "NAME KEY VALUE", NULL, NULL },
	{ "--macvtap", cmd_macvtap, "INDEX", NULL, NULL },
	{ "--keep", cmd_keep, "...", NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
