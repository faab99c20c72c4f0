/* SPDX-License-Identifier: GPL-2.0 */
/* colinux image: the options of `image create`. */
#include <stdio.h>
#include <string.h>

#include "../command.h"
#include "../image.h"
#include "../os.h"

#define MIB (1024ull * 1024)

/* Options with a value, by their place in struct image_options. */
static const struct {
	const char *name;
	size_t offset;
} values[] = {
	{ "--suite", offsetof(struct image_options, suite) },
	{ "--mirror", offsetof(struct image_options, mirror) },
	{ "--components", offsetof(struct image_options, components) },
	{ "--keyring", offsetof(struct image_options, keyring) },
	{ "--include", offsetof(struct image_options, include) },
	{ "--kernel-package", offsetof(struct image_options, kernel_package) },
	{ "--modules", offsetof(struct image_options, modules) },
	{ "--hostname", offsetof(struct image_options, hostname) },
	{ "--root-password", offsetof(struct image_options, root_password) },
};

static const char **find_value(struct image_options *options, const char *name)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (!strcmp(name, values[i].name))
			return (const char **)((char *)options +
					       values[i].offset);
	return NULL;
}

static int parse(struct image_options *options, int argc, char **argv)
{
	const char **value;

	for (int i = 2; i < argc; i++) {
		value = find_value(options, argv[i]);
		if (!strcmp(argv[i], "--partition")) {
			options->partition = true;
		} else if (argv[i][0] != '-' && !options->file) {
			options->file = argv[i];
		} else if (!value && strcmp(argv[i], "--size")) {
			return usage_error("image", "cannot use %s", argv[i]);
		} else if (i + 1 == argc) {
			return usage_error("image", "%s needs a value",
					   argv[i]);
		} else if (value) {
			*value = argv[++i];
		} else {
			options->size = config_parse_size(argv[++i]) & -MIB;
		}
	}
	return 0;
}

int cmd_image(int argc, char **argv)
{
	struct image_options options = {
		.suite = "bookworm",
		.components = "main",
		.size = 2048 * MIB,
		.kernel_package = "linux-image-amd64",
		.hostname = "colinux",
	};
	struct error error;
	int status;

	if (wants_help("image", argc, argv))
		return 0;
	if (argc < 2 || strcmp(argv[1], "create"))
		return usage_error("image", "what is to be done? create");
	if (os_lacks(OS_IMAGE_CREATE)) {
		say("image create: %s", os_lacks(OS_IMAGE_CREATE));
		return EXIT_OTHER;
	}
	status = parse(&options, argc, argv);
	if (status)
		return status;
	/* One source of modules is enough, and none may be wanted. */
	if (options.modules || !strcmp(options.kernel_package, "none"))
		options.kernel_package = NULL;
	if (image_check(&options, &error) < 0)
		return usage_error("image", "%s", error.text);
	if (image_create(&options, &error) < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	say("%s is ready; try: colinux run cobd0=%s root=/dev/cobd0%s rw",
	    options.file, options.file, options.partition ? "p1" : "");
	return 0;
}
