/* SPDX-License-Identifier: GPL-2.0 */
/* The colinux command; everything is in command.c, which tests link as well. */
#include "command.h"
#include "os.h"

int main(int argc, char **argv)
{
	os_start(&argc, &argv);
	return command_main(argc, argv);
}
