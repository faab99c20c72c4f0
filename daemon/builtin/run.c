/* SPDX-License-Identifier: GPL-2.0 */
/* colinux run: the words on its command line; the rest is session.c's. */
#include <stdlib.h>
#include <string.h>

#include "../command.h"
#include "../os.h"
#include "../session.h"

static const struct config_origin command_line = { NULL, 0 };

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] == '-' && word[2];
}

/* Does a first word without '=' name a file rather than a parameter? */
static bool looks_like_file(const char *word)
{
	return strpbrk(word, "./") ||
	       os_file_kind(word) != OS_FILE_MISSING;
}

/* The configuration file among the words, and its place; 0 = none. */
static int find_file(int argc, char **argv, const char **file)
{
	*file = NULL;
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		if (argv[i][0] == '@') {
			*file = argv[i] + 1;
			return i;
		}
		if (is_option(argv[i]) && !strchr(argv[i], '=') &&
		    config_is_key(argv[i] + 2)) {
			i++;
			continue;
		}
		if (argv[i][0] == '-' || strchr(argv[i], '='))
			continue;
		/* Only the first bare word can be a file. */
		if (!looks_like_file(argv[i]))
			return 0;
		*file = argv[i];
		return i;
	}
	return 0;
}

static int take_word(struct run_options *options, const char *word)
{
	struct error error;

	if (config_word(&options->config, &command_line, word, NULL, NULL,
			&error) < 0)
		return usage_error("run", "%s", error.text);
	return 0;
}

/* --KEY VALUE, --KEY=VALUE, --ro; *used = words that it took. */
static int take_option(struct run_options *options, int argc, char **argv,
		       int *used)
{
	const char *name = argv[0] + 2;
	const char *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	char *key, *word;
	int status;

	*used = 1;
	if (!strcmp(name, "ro") || !strcmp(name, "rw"))
		return take_word(options, name);
	key = malloc(length + 1);
	if (key) {
		memcpy(key, name, length);
		key[length] = '\0';
	}
	if (!key || !config_is_key(key)) {
		free(key);
		return usage_error("run", "there is no option %s", argv[0]);
	}
	free(key);
	if (equals)
		return take_word(options, name);
	if (argc < 2)
		return usage_error("run", "%s needs a value", argv[0]);
	*used = 2;
	word = malloc(length + strlen(argv[1]) + 2);
	if (!word)
		return usage_error("run", "out of memory");
	memcpy(word, name, length);
	word[length] = '=';
	strcpy(word + length + 1, argv[1]);
	status = take_word(options, word);
	free(word);
	return status;
}

static int take_words(struct run_options *options, int file, int argc,
		      char **argv)
{
	bool plain = false;
	int status = 0, used;

	for (int i = 1; i < argc && !status; i += used) {
		used = 1;
		if (i == file)
			continue;
		if (plain)
			status = take_word(options, argv[i]);
		else if (!strcmp(argv[i], "--"))
			plain = true;
		else if (!strcmp(argv[i], "-q") || !strcmp(argv[i], "--quiet"))
			options->quiet = true;
		else if (i == 1 && !strcmp(argv[i], "--background"))
			options->background = true;
		else if (is_option(argv[i]))
			status = take_option(options, argc - i, argv + i,
					     &used);
		else if (argv[i][0] == '-' || argv[i][0] == '@')
			status = usage_error("run", "cannot use %s", argv[i]);
		else
			status = take_word(options, argv[i]);
	}
	return status;
}

int run_options_parse(struct run_options *options, int argc, char **argv)
{
	struct error error;
	int file;

	config_init(&options->config);
	file = find_file(argc, argv, &options->source);
	if (file && config_file(&options->config, options->source, NULL, NULL,
				&error) < 0) {
		say("%s", error.text);
		return EXIT_USAGE;
	}
	return take_words(options, file, argc, argv);
}

int cmd_run(int argc, char **argv)
{
	struct run_options *options;
	struct error error;
	int status;

	if (wants_help("run", argc, argv))
		return 0;
	/* From `colinux start`, which reads our stdout alone. */
	if (argc > 1 && !strcmp(argv[1], "--background"))
		os_join_output();
	options = calloc(1, sizeof(*options));
	if (!options) {
		say("out of memory");
		return EXIT_OTHER;
	}
	status = run_options_parse(options, argc, argv);
	if (!status && config_finish(&options->config, options->source,
				     &error) < 0) {
		say("%s", error.text);
		status = EXIT_USAGE;
	}
	if (!status)
		status = session_run(options);
	free(options);
	return status;
}
