/* SPDX-License-Identifier: GPL-2.0 */
/* colinux console: attach to a running guest. */
#include <string.h>

#include "../client.h"
#include "../command.h"
#include "../console.h"
#include "../os.h"

int cmd_console(int argc, char **argv)
{
	int64_t scrollback = -1;
	struct runtime runtime;
	const char *name = NULL;
	bool detached = false;
	struct error error;
	uint64_t size;

	if (wants_help("console", argc, argv))
		return 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--scrollback") && i + 1 < argc) {
			i++;
			size = config_parse_size(argv[i]);
			if (argv[i][strspn(argv[i], "0123456789")] == '\0')
				size >>= 20;	/* plain numbers are bytes */
			scrollback = size < CONSOLE_SCROLLBACK ?
					     (int64_t)size :
					     CONSOLE_SCROLLBACK;
		} else if (argv[i][0] == '-' || name) {
			return usage_error("console", "cannot use %s", argv[i]);
		} else {
			name = argv[i];
		}
	}
	if (!name)
		return usage_error("console", "give the name of a guest");
	os_ignore_broken_pipes();
	if (client_find(name, &runtime, &error) < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	if (os_is_terminal(0))
		say("%s: attached; Ctrl-] d detaches", name);
	if (client_console(&runtime, scrollback, &detached, &error) < 0) {
		say("%s", error.text);
		return EXIT_OTHER;
	}
	if (detached)
		say("%s: detached, it goes on", name);
	else
		say("%s: the guest has ended", name);
	return 0;
}
