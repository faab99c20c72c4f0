/* SPDX-License-Identifier: GPL-2.0 */
/* colinux exec: run a command in a guest. */
#include <stdlib.h>
#include <string.h>

#include "../agent.h"
#include "../client.h"
#include "../command.h"
#include "../exec.h"
#include "../x11.h"

#define EXEC_FAILED 125		/* as docker and others have it */

static int wrong(const char *format, const char *word)
{
	usage_error("exec", format, word);
	return -1;
}

/* The value of an option, or NULL after a message. */
static const char *value_of(int argc, char **argv, int *i)
{
	if (++*i < argc)
		return argv[*i];
	wrong("%s needs a value", argv[*i - 1]);
	return NULL;
}

/* An option that takes a value; -1 after a message. */
static int take_value(struct exec_options *options, int *timeout,
		      const char *option, const char *value)
{
	if (!value)
		return -1;
	if (!strcmp(option, "-u") || !strcmp(option, "--user")) {
		options->user = value;
	} else if (!strcmp(option, "-w") || !strcmp(option, "--workdir")) {
		options->directory = value;
	} else if (!strcmp(option, "-e") || !strcmp(option, "--env")) {
		if (!strchr(value, '=') || *value == '=')
			return wrong("-e %s: give NAME=VALUE", value);
		options->env[options->nr_env++] = (char *)value;
	} else if (!strcmp(option, "--timeout")) {
		*timeout = agent_parse_timeout(value);
		if (*timeout < 0)
			return wrong("--timeout %s: give seconds", value);
	} else {
		return wrong("cannot use %s", option);
	}
	return 0;
}

/* "-it": letters that take no value; false = it is something else. */
static bool take_letters(struct exec_options *options, const char *word)
{
	if (!strcmp(word, "--interactive"))
		word = "-i";
	if (!strcmp(word, "--tty"))
		word = "-t";
	if (!strcmp(word, "--x11"))
		word = "-X";
	if (!word[1] || word[1 + strspn(word + 1, "itX")])
		return false;
	for (word++; *word; word++) {
		options->input = options->input || *word != 'X';
		options->tty = options->tty || *word == 't';
		options->x11 = options->x11 || *word == 'X';
	}
	return true;
}

/* 0; 1 = help has been printed; -1 after a message. */
static int parse(struct exec_options *options, int *timeout, int argc,
		 char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (*argv[i] != '-') {
			/* The second word is the command's first. */
			if (options->name)
				break;
			options->name = argv[i];
		} else if (wants_help("exec", 2, argv + i - 1)) {
			/* This word alone: the command has words like it. */
			return 1;
		} else if (!take_letters(options, argv[i])) {
			const char *option = argv[i];

			if (take_value(options, timeout, option,
				       value_of(argc, argv, &i)) < 0)
				return -1;
		}
	}
	if (!options->name)
		return wrong("give the name of a guest%s", "");
	if (i >= argc)
		return wrong("give a command for %s", options->name);
	options->argv = argv + i;
	return 0;
}

static int run(struct exec_options *options, int timeout,
	       struct channel *channel)
{
	struct runtime runtime;
	struct error error;
	int status;

	if (client_find(options->name, &runtime, &error) < 0 ||
	    (options->x11 && x11_open(&runtime, &error) < 0) ||
	    agent_connect(&runtime, timeout, channel, &error) < 0) {
		say("%s", error.text);
		return EXEC_FAILED;
	}
	status = exec_run(options, channel, &error);
	if (options->x11)
		x11_close();
	agent_disconnect(channel);
	if (*error.text)
		say("%s", error.text);
	return status;
}

int cmd_exec(int argc, char **argv)
{
	struct exec_options options = { .env = NULL };
	struct channel *channel = malloc(sizeof(*channel));
	int timeout = AGENT_TIMEOUT, status = EXEC_FAILED, parsed;

	options.env = calloc(argc, sizeof(*options.env));
	if (!channel || !options.env) {
		say("out of memory");
	} else {
		parsed = parse(&options, &timeout, argc, argv);
		if (!parsed)
			status = run(&options, timeout, channel);
		else if (parsed > 0)
			status = 0;
	}
	free(options.env);
	free(channel);
	return status;
}
