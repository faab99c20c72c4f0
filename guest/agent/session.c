// SPDX-License-Identifier: GPL-2.0
/*
 * A session from its first frame: says hello, goes to the guest's root file
 * system, and does what is asked for.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../../agent/tree.h"
#include "agent.h"

/* Too large for a stack, and a process has one only. */
static struct session the_session;
static struct tree the_tree;

void session_end(struct session *session)
{
	struct pollfd poll_fd = {
		.fd = session->channel.fd,
		.events = POLLIN,
	};
	struct frame frame;

	/* Closing with bytes unread or unsent would lose what was sent. */
	while (!session->channel.ended) {
		while (channel_next(&session->channel, &frame))
			;
		poll(&poll_fd, 1, -1);
		channel_fill(&session->channel);
	}
	_exit(0);
}

static size_t append(char *text, size_t used, size_t room, const char *more)
{
	while (*more && used + 1 < room)
		text[used++] = *more++;
	return used;
}

void session_fail(struct session *session, uint32_t problem, const char *what,
		  const char *about, int error)
{
	const struct colinux_agent_fail fail = { .problem = problem };
	char text[512];
	size_t used = append(text, 0, sizeof(text), what);

	if (about) {
		used = append(text, used, sizeof(text), ": ");
		used = append(text, used, sizeof(text), about);
	}
	if (error) {
		used = append(text, used, sizeof(text), ": ");
		used = append(text, used, sizeof(text), strerror(error));
	}
	channel_send(&session->channel, COLINUX_AGENT_FAIL, &fail,
		     sizeof(fail), text, used);
	session_end(session);
}

/* Keep a text of a frame, NUL at its end. */
static char *keep(struct session *session, const void *bytes, size_t length)
{
	char *at = session->text + session->text_used;

	if (length >= sizeof(session->text) - session->text_used)
		return NULL;
	memcpy(at, bytes, length);
	at[length] = '\0';
	session->text_used += length + 1;
	return at;
}

static bool add_env(struct session *session, char *word)
{
	const char *equals = strchr(word, '=');
	size_t length;

	if (!equals || equals == word)
		return false;
	length = (size_t)(equals + 1 - word);
	for (unsigned int i = 0; i < session->envc; i++)
		if (!strncmp(session->envp[i], word, length)) {
			session->envp[i] = word;
			return true;
		}
	if (session->envc == AGENT_WORDS)
		return false;
	session->envp[session->envc++] = word;
	return true;
}

bool session_setenv(struct session *session, const char *name,
		    const char *value)
{
	size_t length = strlen(name);
	char *word = keep(session, name, length);

	if (!word || !keep(session, value, strlen(value)))
		return false;
	/* The two are next to each other. */
	word[length] = '=';
	return add_env(session, word);
}

const char *session_getenv(const struct session *session, const char *name)
{
	size_t length = strlen(name);

	for (unsigned int i = 0; i < session->envc; i++)
		if (!strncmp(session->envp[i], name, length) &&
		    session->envp[i][length] == '=')
			return session->envp[i] + length + 1;
	return NULL;
}

/* A part of the description of a command; false = it is wrong. */
static bool take_part(struct session *session, const struct frame *frame)
{
	char *word;

	switch (frame->type) {
	case COLINUX_AGENT_ARG:
	case COLINUX_AGENT_ENV:
		word = keep(session, frame->payload, frame->length);
		if (!word)
			return false;
		if (frame->type == COLINUX_AGENT_ENV)
			return add_env(session, word);
		if (session->argc == AGENT_WORDS)
			return false;
		session->argv[session->argc++] = word;
		return true;
	case COLINUX_AGENT_USER:
		return frame_text(frame, session->user, sizeof(session->user));
	case COLINUX_AGENT_DIRECTORY:
		return frame_text(frame, session->directory,
				  sizeof(session->directory));
	case COLINUX_AGENT_X11:
		session->x11 = true;
		return true;
	case COLINUX_AGENT_TTY:
		session->tty = true;
		if (frame->length == sizeof(session->size))
			memcpy(&session->size, frame->payload,
			       sizeof(session->size));
		return true;
	default:
		return false;
	}
}

static void say_hello(struct session *session, int (*enter)(void))
{
	struct frame frame;
	int error;

	if (!channel_receive(&session->channel, &frame))
		_exit(0);
	if (frame.type != COLINUX_AGENT_HELLO ||
	    frame_number(&frame) != COLINUX_AGENT_VERSION)
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "the guest was started by another version of "
			     "colinux", NULL, 0);
	error = enter();
	if (error < 0)
		session_fail(session, COLINUX_AGENT_NOT_YET,
			     "the guest has no root file system yet", NULL, 0);
	if (error)
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "cannot enter the guest's root file system", NULL,
			     error);
	channel_send_number(&session->channel, COLINUX_AGENT_READY,
			    COLINUX_AGENT_VERSION);
}

static void get(struct session *session, const struct frame *frame)
{
	static char path[TREE_PATH];
	int error;

	if (!frame_text(frame, path, sizeof(path)))
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "the path is too long", NULL, 0);
	error = tree_readable(path);
	if (error)
		session_fail(session, COLINUX_AGENT_CANNOT, path, NULL, error);
	the_tree.channel = &session->channel;
	the_tree.send_notes = true;
	tree_send(&the_tree, path);
	session_end(session);
}

static void put(struct session *session, const struct frame *frame)
{
	static char path[TREE_PATH];
	struct tree_target target;
	int error;

	if (!frame_text(frame, path, sizeof(path)))
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "the path is too long", NULL, 0);
	error = tree_open_target(path, &target);
	if (error)
		session_fail(session, COLINUX_AGENT_CANNOT, path, NULL, error);
	channel_send_number(&session->channel, COLINUX_AGENT_READY,
			    COLINUX_AGENT_VERSION);
	the_tree.channel = &session->channel;
	the_tree.send_notes = true;
	/* The host is trusted by its guest. */
	the_tree.keep_suid = true;
	memcpy(the_tree.path, path, strlen(path) + 1);
	/* Also if it has given up: the notes say why. */
	tree_receive(&the_tree, &target);
	channel_send(&session->channel, COLINUX_AGENT_DONE, NULL, 0, NULL, 0);
	session_end(session);
}

void session_serve(int fd, int (*enter)(void))
{
	struct session *session = &the_session;
	struct frame frame;

	channel_init(&session->channel, fd);
	say_hello(session, enter);
	while (channel_receive(&session->channel, &frame)) {
		switch (frame.type) {
		case COLINUX_AGENT_GET:
			get(session, &frame);
			break;
		case COLINUX_AGENT_PUT:
			put(session, &frame);
			break;
		case COLINUX_AGENT_RUN:
			session->input = frame_number(&frame);
			command_serve(session);
		default:
			if (!take_part(session, &frame))
				session_fail(session, COLINUX_AGENT_CANNOT,
					     "the command or its environment "
					     "is too long or not valid", NULL,
					     0);
		}
	}
	_exit(0);
}
