/* SPDX-License-Identifier: GPL-2.0 */
/* The table of commands of `colinux`, its help, and how commands speak. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "os.h"

#define RUN_ARGUMENTS "[FILE] [--KEY VALUE | KEY=VALUE | PARAMETER]..."

const struct command commands[] = {
	{ "run", cmd_run, RUN_ARGUMENTS,
	  "run a guest here, with this terminal as its console",
	  "  -q, --quiet    no progress messages\n"
	  "FILE is a configuration file (also @FILE); later words win over\n"
	  "earlier ones, and what is no key is passed to the kernel.\n"
	  "In the terminal: Ctrl-] s powers off, Ctrl-] . ends at once.\n"
	  "Exit status: 0 powered off, 100 panic, 101 ended by the monitor,\n"
	  "2 wrong usage or configuration, 1 anything else." },
	{ "start", cmd_start, RUN_ARGUMENTS,
	  "run a guest in the background", NULL },
	{ "stop", cmd_stop, "NAME [--timeout SECONDS] [--force]",
	  "ask a guest to power off, and wait for it",
	  "  --timeout SECONDS    give up after that long\n"
	  "  --force              end it then" },
	{ "kill", cmd_kill, "NAME", "end a guest at once", NULL },
	{ "ps", cmd_ps, "", "list the guests that are running", NULL },
	{ "console", cmd_console, "NAME [--scrollback BYTES]",
	  "attach this terminal to the console of a guest",
	  "Ctrl-] d detaches.  Any number of terminals may be attached.\n"
	  "  --scrollback BYTES    earlier text to show first" },
	{ "info", cmd_info, "[NAME]",
	  "where things are; with NAME, the counters of that guest",
	  "Prints lines KEY VALUE: driver, kernel, image, initrd, port, init,\n"
	  "agent, modules; what is missing has the value \"-\" and a reason." },
	{ "stats", cmd_stats, "NAME [--json] [--interval SECONDS]",
	  "what the virtual CPUs of a guest have done",
	  "  --json                one JSON object a line\n"
	  "  --interval SECONDS    and again, what was added, until it ends" },
	{ "memory", cmd_memory, "NAME [SIZE] [--timeout SECONDS]",
	  "show a guest's memory, or give some back to the host",
	  "SIZE is what the guest keeps, in MB or as 512M, 2G; at most its\n"
	  "mem=.  Waits until it has that, at most 60 or SECONDS seconds.\n"
	  "Prints lines KEY VALUE in MB." },
	{ "disk", cmd_disk, "list|add|remove|resize|refresh NAME ...",
	  "disks of a running guest",
	  "  list NAME                    what it has\n"
	  "  add NAME cobdN=FILE[,ro]     attach a disk\n"
	  "  remove NAME cobdN [--force]  detach it; --force: although in use\n"
	  "  resize NAME cobdN SIZE       grow its file, and tell the guest\n"
	  "  refresh NAME cobdN           it has grown: tell the guest\n"
	  "In the guest: /dev/disk/by-id/virtio-cobdN." },
	{ "exec", cmd_exec, "NAME [OPTION]... [--] COMMAND [ARGUMENT]...",
	  "run a command in a guest",
	  "  -i               standard input goes to the command\n"
	  "  -t               the command gets a terminal; with -i\n"
	  "  -X               its X programs show on this user's X server\n"
	  "  -u USER[:GROUP]  who runs it; default root\n"
	  "  -w DIRECTORY     where; default the user's home\n"
	  "  -e NAME=VALUE    more environment; repeatable\n"
	  "  --timeout S      how long a guest may need to start; default 60\n"
	  "Exit status: the command's, 128 + N when signal N ended it; 127 it\n"
	  "was not found, 126 it cannot be run, 125 anything else that failed." },
	{ "cp", cmd_cp, "NAME:PATH PATH | PATH NAME:PATH [--timeout S]",
	  "copy files and directories from or to a guest",
	  "Directories with all that is in them; permissions, times, links and\n"
	  "holes are kept, and the owner if this is root.  Into a directory that\n"
	  "exists; else under the new name." },
	{ "check", cmd_check, RUN_ARGUMENTS,
	  "explain a configuration and find its errors", NULL },
	{ "inspect", cmd_inspect, "KERNEL [OPTION]...",
	  "show what is known of a kernel image, and whether it can be used",
	  "  --port FILE      another port object than the installed one\n"
	  "  --modules DIR    its modules; default /lib/modules/VERSION\n"
	  "  --symbol NAME    address and prototype of a symbol; repeatable\n"
	  "Exit status 1: it cannot be a guest; the last line says why." },
	{ "image", cmd_image, "create FILE [OPTION]...",
	  "make a root image with mmdebstrap",
	  "  --suite NAME            release of the distribution;\n"
	  "                          default bookworm\n"
	  "  --size SIZE             of the image; default 2G\n"
	  "  --mirror URL            where packages come from\n"
	  "  --components NAME,NAME  parts of that archive; default main\n"
	  "  --keyring FILE          keys of that archive, for another distribution\n"
	  "  --include PKG,PKG       more packages\n"
	  "  --kernel-package PKG    kernel whose modules go in; default\n"
	  "                          linux-image-amd64; none = no modules\n"
	  "  --modules DIR           copy this module directory instead\n"
	  "  --hostname NAME         default colinux\n"
	  "  --root-password WORD    default: empty, log in without\n"
	  "  --partition             a whole disk with a partition table" },
	{ "help", cmd_help, "[COMMAND]", "explain a command", NULL },
	{ "version", cmd_version, "", "print the version", NULL },
	{ NULL, NULL, NULL, NULL, NULL },
};

void say(const char *format, ...)
{
	char text[ERROR_TEXT + 256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* One write: it may share the terminal with the guest. */
	fprintf(stderr, "colinux: %s\n", text);
	fflush(stderr);
}

int usage_error(const char *command, const char *format, ...)
{
	char text[ERROR_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say("%s; see: colinux %s --help", text, command);
	return EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	for (const struct command *c = os_commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

static void print_help(const struct command *command)
{
	printf("Usage: colinux %s%s%s\n\n%c%s.\n", command->name,
	       *command->arguments ? " " : "", command->arguments,
	       command->summary[0] - 'a' + 'A', command->summary + 1);
	if (command->help)
		printf("%s\n", command->help);
	if (command->run == cmd_run || command->run == cmd_start ||
	    command->run == cmd_check) {
		printf("\nKeys:\n");
		config_print_keys(stdout);
	}
}

static void print_table(FILE *to, const struct command *table)
{
	for (const struct command *c = table; c->name; c++)
		if (c->summary)
			fprintf(to, "  %-10s %s\n", c->name, c->summary);
}

static void print_commands(FILE *to)
{
	fprintf(to, "Usage: colinux COMMAND [ARGUMENT]...\n\n"
		    "Run another Linux, kernel included, beside this one.\n\n");
	print_table(to, commands);
	print_table(to, os_commands);
	fprintf(to, "\ncolinux COMMAND --help explains one; man colinux.\n");
}

bool wants_help(const char *command, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--"))
			break;
		if (strcmp(argv[i], "--help") && strcmp(argv[i], "-h"))
			continue;
		print_help(find_command(command));
		return true;
	}
	return false;
}

int cmd_help(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2 || wants_help("help", argc, argv)) {
		print_commands(stdout);
		return 0;
	}
	command = find_command(argv[1]);
	if (!command || !command->summary)
		return usage_error("help", "there is no command %s", argv[1]);
	print_help(command);
	return 0;
}

/* "colinux-daemon", as classic installations call it? */
static bool is_classic(const char *name)
{
	const char *base = name;

	for (; *name; name++)
		if (os_is_slash(*name))
			base = name + 1;
	return !strncmp(base, "colinux-daemon", 14);
}

int command_main(int argc, char **argv)
{
	const struct command *command;

	if (argc > 0 && is_classic(argv[0])) {
		argv[0] = "run";
		return cmd_run(argc, argv);
	}
	if (argc < 2) {
		print_commands(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		argv[1] = "help";
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		argv[1] = "version";
	command = find_command(argv[1]);
	if (!command) {
		say("there is no command %s; see: colinux help", argv[1]);
		return EXIT_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}
