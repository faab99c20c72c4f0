/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands of `colinux`: one function each, in builtin/NAME.c; argv[0] is
 * the command's name.  They return the exit status.
 */
#ifndef DAEMON_COMMAND_H
#define DAEMON_COMMAND_H

#include <stdbool.h>

#include "config.h"
#include "error.h"

/* Exit statuses; part of the interface of the command. */
enum exit_status {
	EXIT_POWEROFF = 0,	/* also: success */
	EXIT_OTHER = 1,		/* anything else that failed */
	EXIT_USAGE = 2,		/* wrong usage or configuration */
	EXIT_PANIC = 100,	/* the guest's kernel panicked */
	EXIT_KILLED = 101,	/* ended by the monitor or on request */
};

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;	/* for the usage line */
	const char *summary;
	const char *help;	/* more lines, or NULL */
};

extern const struct command commands[];	/* ends with name NULL */
/* Those that only this host has: os/linux/ or os/windows/commands.c. */
extern const struct command os_commands[];

int cmd_run(int argc, char **argv);
int cmd_start(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_stop(int argc, char **argv);
int cmd_kill(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_cp(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_disk(int argc, char **argv);
int cmd_disk_server(int argc, char **argv);
int cmd_memory(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_version(int argc, char **argv);
int cmd_keep(int argc, char **argv);
int cmd_macvtap(int argc, char **argv);
int cmd_slirp(int argc, char **argv);

/* command.c */
/* All of the command: picks a row of the table; returns the exit status. */
int command_main(int argc, char **argv);
/* Print "colinux: text" to stderr. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Say what is wrong with the command line; returns EXIT_USAGE. */
int usage_error(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Is there --help or -h?  Then it has been printed: return 0. */
bool wants_help(const char *command, int argc, char **argv);

/* builtin/run.c, for `start` and `check` */
/* What the words after `run` amount to. */
struct run_options {
	struct config config;
	const char *source;	/* the configuration file, or NULL */
	bool quiet;
	bool background;	/* started by `colinux start` */
};
/*
 * Read FILE, --KEY VALUE, KEY=VALUE and the rest into options that are all zero
 * (config_init() says why).  Returns an exit status, 0 = go on; the problem has
 * been said.
 */
int run_options_parse(struct run_options *options, int argc, char **argv);

#endif
