/* SPDX-License-Identifier: GPL-2.0 */
/* The commands that only NT has, with their classic names. */
#include <stddef.h>
#include <string.h>

#include "../../command.h"
#include "setup.h"

/* "--install-driver [FILE]" and the like: the word after the command. */
static int classic(int (*command)(int argc, char **argv), const char *verb,
		   int argc, char **argv)
{
	char *words[8] = { argv[0], (char *)verb };
	int nr = 2;

	for (int i = 1; i < argc && nr < 7; i++)
		words[nr++] = argv[i];
	return command(nr, words);
}

#define CLASSIC(name, command, verb) \
static int name(int argc, char **argv) \
{ \
	return classic(command, verb, argc, argv); \
}

CLASSIC(install_driver, cmd_driver, "install")
CLASSIC(remove_driver, cmd_driver, "remove")
CLASSIC(status_driver, cmd_driver, "status")
CLASSIC(install_service, cmd_service, "install")
CLASSIC(remove_service, cmd_service, "remove")
CLASSIC(status_service, cmd_service, "status")

const struct command os_commands[] = {
	{ "driver", cmd_driver, "install [FILE] | remove | start | status",
	  "install colinux.sys on this machine, or remove it",
	  "  --dry-run     say what would be done\n"
	  "  --no-start    do not load it now\n"
	  "FILE: default colinux.sys beside this program.  As administrator." },
	{ "service", cmd_service,
	  "install NAME FILE | remove NAME | remove --all | start NAME |\n"
	  "                       status NAME",
	  "start a guest with the machine",
	  "  --dry-run     say what would be done\n"
	  "FILE is its configuration.  As administrator." },
	{ "--install-driver", install_driver, "[FILE]", NULL, NULL },
	{ "--remove-driver", remove_driver, "", NULL, NULL },
	{ "--status-driver", status_driver, "", NULL, NULL },
	{ "--install-service", install_service, "NAME FILE", NULL, NULL },
	{ "--remove-service", remove_service, "NAME", NULL, NULL },
	{ "--status-service", status_service, "NAME", NULL, NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};
