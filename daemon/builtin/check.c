/* SPDX-License-Identifier: GPL-2.0 */
/* colinux check: explain a configuration, word by word and as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../command.h"

struct tally {
	unsigned int errors, warnings;
};

static void report(void *opaque, const struct config_origin *origin,
		   const char *word, enum config_verdict verdict,
		   const char *text)
{
	static const char *const marks[] = {
		[CONFIG_OK] = "",
		[CONFIG_WARNING] = "warning: ",
		[CONFIG_ERROR] = "error: ",
	};
	struct tally *tally = opaque;

	tally->errors += verdict == CONFIG_ERROR;
	tally->warnings += verdict == CONFIG_WARNING;
	printf("%s:%u: %.60s: %s%s\n", origin->file, origin->line, word,
	       marks[verdict], text);
}

static void print_whole(const struct config *config)
{
	char line[CONFIG_PARAMETERS + 80];

	printf("guest %s: %llu MB, %u CPU%s\n", config->name,
	       (unsigned long long)(config->memory >> 20), config->cpus,
	       config->cpus == 1 ? "" : "s");
	printf("kernel %s\n", config->kernel);
	if (*config->initrd)
		printf("initrd %s\n", config->initrd);
	for (unsigned int i = 0; i < CONFIG_DISKS; i++) {
		const struct config_disk *disk = &config->disk[i];

		if (*disk->path)
			printf("cobd%u %s%s, /dev/vd%c in the guest\n", i,
			       disk->path, disk->read_only ? ", read-only" : "",
			       'a' + config_disk_position(config, i));
	}
	if (config_command_line(config, line, sizeof(line), NULL) == 0)
		printf("parameters %s\n", line);
}

int cmd_check(int argc, char **argv)
{
	struct run_options *options;
	struct tally tally = { 0 };
	struct config *config;
	struct error error;
	int status;

	if (wants_help("check", argc, argv))
		return 0;
	if (argc < 2)
		return usage_error("check", "give a configuration file");
	options = calloc(1, sizeof(*options));
	config = calloc(1, sizeof(*config));
	if (!options || !config) {
		say("out of memory");
		free(options);
		free(config);
		return EXIT_OTHER;
	}
	status = run_options_parse(options, argc, argv);
	if (options->source) {
		/* Once more, to hear about every word; errors were said. */
		config_init(config);
		if (config_file(config, options->source, report, &tally,
				&error) < 0 && !tally.errors)
			tally.errors++;
	}
	if (!status && config_finish(&options->config, options->source,
				     &error) < 0) {
		say("%s", error.text);
		status = EXIT_USAGE;
	}
	if (!status) {
		print_whole(&options->config);
		printf("no errors, %u warning%s\n", tally.warnings,
		       tally.warnings == 1 ? "" : "s");
	}
	free(options);
	free(config);
	return status;
}
