/* SPDX-License-Identifier: GPL-2.0 */
/* colinux cp: copy files between the host and a guest. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/tree.h"
#include "../agent.h"
#include "../client.h"
#include "../command.h"
#include "../os.h"

#define PROGRESS_NS 200000000ull

struct copy {
	struct tree tree;
	struct channel channel;
	const char *name;	/* of the guest */
	const char *here, *there;
	bool from_guest;
	int timeout;
	bool done;		/* the guest has received all, or given up */
	/* The line that shows how far it is, on a terminal. */
	bool shows, shown;
	uint64_t bytes, last;
};

/* --- For people --- */

static void clear_line(struct copy *copy)
{
	if (copy->shown)
		fprintf(stderr, "\r\033[K");
	copy->shown = false;
}

static void on_note(void *opaque, bool other, const char *text)
{
	struct copy *copy = opaque;

	clear_line(copy);
	if (other)
		say("%s:%s", copy->name, text);
	else
		say("%s", text);
}

static void on_progress(void *opaque, const char *name, uint64_t bytes)
{
	struct copy *copy = opaque;
	const char *slash = strrchr(name, '/');
	char shown[TREE_PATH];
	uint64_t now;

	copy->bytes += bytes;
	if (!copy->shows)
		return;
	now = uv_hrtime();
	if (now - copy->last < PROGRESS_NS)
		return;
	copy->last = now;
	clear_line(copy);
	/* The name may be the guest's choice. */
	snprintf(shown, sizeof(shown), "%s", slash ? slash + 1 : name);
	tree_clean(shown);
	fprintf(stderr, "%.1f MB  %s", copy->bytes / 1e6, shown);
	fflush(stderr);
	copy->shown = true;
}

/* --- The two directions --- */

static int failed(const struct error *error)
{
	say("%s", error->text);
	return -1;
}

static int get(struct copy *copy)
{
	struct tree_target target;
	char name[TREE_NAME];
	int problem = tree_open_target(copy->here, &target);

	if (problem) {
		say("%s: %s", copy->here, strerror(problem));
		return -1;
	}
	tree_base_name(copy->there, name);
	target.expected = name;
	channel_send_text(&copy->channel, COLINUX_AGENT_GET, copy->there);
	snprintf(copy->tree.path, sizeof(copy->tree.path), "%s", copy->here);
	return tree_receive(&copy->tree, &target) ? 0 : -1;
}

/* What the guest says while we send, and at the end. */
static void on_frame(void *opaque, const struct frame *frame)
{
	struct copy *copy = opaque;
	char text[TREE_PATH + 128];

	if (frame->type == COLINUX_AGENT_DONE)
		copy->done = true;
	if (frame->type != COLINUX_AGENT_NOTE)
		return;
	if (!frame_text(frame, text, sizeof(text)))
		strcpy(text, "(a message that cannot be shown)");
	tree_clean(text);
	copy->tree.problems++;
	on_note(copy, true, text);
}

static int put(struct copy *copy)
{
	int problem = tree_readable(copy->here);
	struct error error;
	struct frame frame;

	if (problem) {
		say("%s: %s", copy->here, strerror(problem));
		return -1;
	}
	channel_send_text(&copy->channel, COLINUX_AGENT_PUT, copy->there);
	if (!channel_receive(&copy->channel, &frame)) {
		say("%s: the guest or its agent has ended", copy->name);
		return -1;
	}
	if (frame.type == COLINUX_AGENT_FAIL) {
		agent_failure(&frame, &error);
		say("%s:%s", copy->name, error.text);
		return -1;
	}
	copy->channel.incoming = on_frame;
	copy->channel.opaque = copy;
	tree_send(&copy->tree, copy->here);
	copy->channel.incoming = NULL;
	while (!copy->done && channel_receive(&copy->channel, &frame))
		on_frame(copy, &frame);
	if (copy->done)
		return 0;
	clear_line(copy);
	say("%s: the copy is not complete: the guest or its agent has ended",
	    copy->name);
	return -1;
}

/* --- The command --- */

/*
 * NAME:PATH, unless a '/' or a drive comes first; splits it in place.  A path
 * that is here has its slashes made '/'.
 */
static char *split(char *word)
{
	char *colon = strchr(word, ':'), *at = word;

	while (*at && !os_is_slash(*at))
		at++;
	if (os_has_drive(word) || !colon || at < colon) {
		for (; *at; at++)
			if (os_is_slash(*at))
				*at = '/';
		return NULL;
	}
	*colon = '\0';
	return colon + 1;
}

static int parse(struct copy *copy, int argc, char **argv)
{
	char *word[2], *path[2];
	int nr = 0;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--timeout") && i + 1 < argc) {
			copy->timeout = agent_parse_timeout(argv[++i]);
			if (copy->timeout < 0)
				return usage_error("cp", "--timeout %s: give "
						   "seconds", argv[i]);
		} else if (!strcmp(argv[i], "-r") || !strcmp(argv[i], "-a")) {
			/* It always does. */
			continue;
		} else if (*argv[i] == '-' || nr == 2) {
			return usage_error("cp", "cannot use %s", argv[i]);
		} else {
			word[nr++] = argv[i];
		}
	}
	if (nr != 2)
		return usage_error("cp", "give a source and a target");
	path[0] = split(word[0]);
	path[1] = split(word[1]);
	if (!path[0] == !path[1])
		return usage_error("cp", "one of the two is NAME:PATH, the "
				   "other is here (write ./a:b for a file of "
				   "such a name)");
	copy->from_guest = path[0];
	copy->name = path[0] ? word[0] : word[1];
	copy->there = path[0] ? path[0] : path[1];
	copy->here = path[0] ? word[1] : word[0];
	if (!*copy->there || !*copy->here)
		return usage_error("cp", "the path is empty");
	if (strlen(copy->there) >= TREE_PATH)
		return usage_error("cp", "the guest's path is too long: %zu "
				   "bytes, at most %u can be sent",
				   strlen(copy->there), TREE_PATH - 1);
	return 0;
}

static int run(struct copy *copy)
{
	struct runtime runtime;
	struct error error;
	int result;

	if (client_find(copy->name, &runtime, &error) < 0 ||
	    agent_connect(&runtime, copy->timeout, &copy->channel,
			  &error) < 0)
		return failed(&error);
	copy->tree.channel = &copy->channel;
	copy->tree.note = on_note;
	copy->tree.progress = on_progress;
	copy->tree.opaque = copy;
	copy->shows = os_is_terminal(2);
	result = copy->from_guest ? get(copy) : put(copy);
	clear_line(copy);
	agent_disconnect(&copy->channel);
	return copy->tree.problems ? -1 : result;
}

int cmd_cp(int argc, char **argv)
{
	struct copy *copy;
	int status;

	if (wants_help("cp", argc, argv))
		return 0;
	copy = calloc(1, sizeof(*copy));
	if (!copy) {
		say("out of memory");
		return EXIT_OTHER;
	}
	copy->timeout = AGENT_TIMEOUT;
	status = parse(copy, argc, argv);
	if (!status)
		status = run(copy) < 0 ? EXIT_OTHER : 0;
	free(copy);
	return status;
}
