/* SPDX-License-Identifier: GPL-2.0 */
/* The commands that only Linux has. */
#include <stddef.h>

#include "../../command.h"

const struct command os_commands[] = {
	{ "disk", cmd_disk, "list|add|remove|resize|refresh NAME ...",
	  "disks of a running guest",
	  "  list NAME                    what it has\n"
	  "  add NAME cobdN=FILE[,ro]     attach a disk\n"
	  "  remove NAME cobdN [--force]  detach it; --force: although in use\n"
	  "  resize NAME cobdN SIZE       grow its file, and tell the guest\n"
	  "  refresh NAME cobdN           it has grown: tell the guest\n"
	  "In the guest: /dev/disk/by-id/virtio-cobdN." },
	/* Without a summary: not for people. */
	{ "--disk", cmd_disk_server, "...", NULL, NULL },
	{ "--slirp", cmd_slirp, "NAME KEY VALUE", NULL, NULL },
	{ "--macvtap", cmd_macvtap, "INDEX", NULL, NULL },
	{ "--keep", cmd_keep, "...", NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
