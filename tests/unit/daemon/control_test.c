/* SPDX-License-Identifier: GPL-2.0 */
/* The control socket against clients that misbehave. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../../daemon/control.h"
#include "../virtio/tap.h"

static struct control *control;
static struct console *console;
static struct control_client *waiting;
static unsigned int nr_requests, nr_gone;
static char path[64];
static uv_loop_t loop;
static uv_timer_t limit;
static bool timed_out;

static void on_request(void *opaque, struct control_client *client,
		       const struct protocol_request *request)
{
	(void)opaque;
	nr_requests++;
	switch (request->verb) {
	case PROTOCOL_STATUS:
		control_line(client, "name %s", "evil\nok\n\x1b[2J");
		control_done(client, NULL);
		break;
	case PROTOCOL_STATS:
		for (int i = 0; i < 5000; i++)
			control_line(client, "line %d of a long answer", i);
		control_done(client, NULL);
		break;
	default:
		waiting = client;
	}
}

static void on_gone(void *opaque, struct control_client *client)
{
	(void)opaque;
	nr_gone += client == waiting;
	waiting = NULL;
}

static void on_limit(uv_timer_t *timer)
{
	(void)timer;
	timed_out = true;
}

static int connect_client(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
	return fd;
}

static void send_bytes(int fd, const void *bytes, size_t length)
{
	if (send(fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
	    errno != EPIPE && errno != EAGAIN)
		die("send");
}

static void send_line(int fd, const char *line)
{
	send_bytes(fd, line, strlen(line));
}

/* Run the loop until done() or ten seconds have passed. */
#define run_until(done) ({                                                     \
	timed_out = false;                                                     \
	uv_timer_start(&limit, on_limit, 10000, 0);                            \
	while (!(done) && !timed_out)                                          \
		uv_run(&loop, UV_RUN_ONCE);                                    \
	uv_timer_stop(&limit);                                                 \
	!timed_out;                                                            \
})

/* Has the server closed it?  Collects what it said. */
static bool take_answer(int fd, char *text, size_t room)
{
	size_t used = strlen(text);
	ssize_t length;

	while ((length = recv(fd, text + used, room - 1 - used,
			      MSG_DONTWAIT)) > 0) {
		used += length;
		text[used] = '\0';
	}
	return length == 0 || (length < 0 && errno == ECONNRESET);
}

static char answer[64 * 1024];

static bool ask(const char *line)
{
	int fd = connect_client();
	bool ended;

	answer[0] = '\0';
	send_line(fd, line);
	ended = run_until(take_answer(fd, answer, sizeof(answer)));
	close(fd);
	return ended;
}

static void test_answers(void)
{
	check(ask("status\n") && !strcmp(answer, "name evil?ok??[2J\nok\n"),
	      "answers are cleaned: lines cannot be forged");
	check(ask("stats\n") && strlen(answer) <= 60 * 1024 &&
		      !strcmp(answer + strlen(answer) - 4, "\nok\n"),
	      "a long answer is cut, and ends in ok");
	check(ask("frob\n") && !strncmp(answer, "error ", 6), "unknown: %s",
	      strtok(answer, "\n"));
	check(ask("resize columns=0 rows=0\n") && !strcmp(answer, "ok\n"),
	      "an empty size is no size");
	check(ask("status\nstatus\nkill\n") &&
		      !strcmp(answer, "name evil?ok??[2J\nok\n"),
	      "one request per connection");
}

static void test_hostile(void)
{
	unsigned int before;
	char big[2000];
	int fd, many[40];

	memset(big, 'x', sizeof(big));
	fd = connect_client();
	answer[0] = '\0';
	send_bytes(fd, big, sizeof(big));
	check(run_until(take_answer(fd, answer, sizeof(answer))) &&
		      !strncmp(answer, "error ", 6),
	      "a line without end");
	close(fd);

	fd = connect_client();
	answer[0] = '\0';
	for (const char *c = "status\n"; *c; c++) {
		send_bytes(fd, c, 1);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	check(run_until(take_answer(fd, answer, sizeof(answer))) &&
		      strstr(answer, "ok\n"),
	      "byte by byte");
	close(fd);

	before = nr_requests;
	fd = connect_client();
	send_line(fd, "kill\n");
	check(run_until(nr_requests > before), "one that waits");
	close(fd);
	check(run_until(nr_gone == 1), "and goes away");

	for (int i = 0; i < 40; i++) {
		many[i] = connect_client();
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	answer[0] = '\0';
	check(run_until(take_answer(many[39], answer, sizeof(answer))),
	      "too many are turned away");
	for (int i = 0; i < 40; i++)
		close(many[i]);
	check(ask("status\n"), "afterwards it serves again");
}

static void test_streams(void)
{
	char *text = malloc(100000), got[CONSOLE_INPUT];
	int fast = connect_client(), slow = connect_client();
	size_t taken = 0;

	memset(text, 'z', 100000);
	send_line(slow, "console\n");
	send_line(fast, "console columns=90 rows=30\ntyped");
	answer[0] = '\0';
	check(run_until((take_answer(fast, answer, sizeof(answer)),
			 *answer)) &&
		      !strcmp(answer, "ok\n"),
	      "a reader is accepted");
	check(run_until(console_input_room(console) == CONSOLE_INPUT - 5) &&
		      console_take_input(console, got, 100) == 5 &&
		      !memcmp(got, "typed", 5),
	      "what follows the request is typed");
	/* More than sockets and scrollback hold; the slow one never reads. */
	for (int i = 0; i < 30; i++) {
		console_output(console, text, 100000);
		control_console_changed(control);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	check(console_end(console) == 3000000,
	      "a reader that does not read holds nobody up");
	/* And a typist whom the guest does not listen to. */
	for (int i = 0; i < 100; i++) {
		send_bytes(fast, text, 4096);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	check(run_until(console_input_room(console) == 0),
	      "typed text fills the guest's input, no more");
	taken = console_take_input(console, got, sizeof(got));
	control_console_changed(control);
	check(taken == CONSOLE_INPUT &&
		      run_until(console_input_room(console) < CONSOLE_INPUT),
	      "and goes on when it listens");
	close(fast);
	free(text);
	/* `slow` stays: the end must not wait for it. */
}

/* The flood of above for one that reads, but too late. */
static void test_late(void)
{
	static char got[2 * CONSOLE_SCROLLBACK];
	unsigned long long lost = 0;
	uint64_t before = console_end(console);
	char *text = malloc(100000), *note;
	size_t nr = 0;
	int fd = connect_client();

	memset(text, 'q', 100000);
	send_line(fd, "console scrollback=0\n");
	check(run_until((take_answer(fd, got, sizeof(got)), *got)) &&
		      !strcmp(got, "ok\n"),
	      "a reader of what comes next");
	for (int i = 0; i < 30; i++) {
		console_output(console, text, 100000);
		control_console_changed(control);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	console_output(console, "that's all", 10);
	control_console_changed(control);
	check(run_until((take_answer(fd, got, sizeof(got)),
			 strstr(got, "that's all"))),
	      "gets the end of it");
	for (const char *c = got; *c; c++)
		nr += *c == 'q';
	note = strstr(got, "\r\n[colinux: ");
	check(note && sscanf(note, "\r\n[colinux: %llu bytes lost]\r\n",
			     &lost) == 1 && lost,
	      "and is told that it is not all");
	check(nr + lost + 10 == console_end(console) - before,
	      "to the byte: %zu and %llu", nr, lost);
	close(fd);
	free(text);
}

static void test_many(void)
{
	int fds[40], nr = 0;

	*answer = '\0';
	while (nr < 40 && strncmp(answer, "error ", 6)) {
		fds[nr] = connect_client();
		*answer = '\0';
		send_line(fds[nr], "console scrollback=0\n");
		run_until(take_answer(fds[nr], answer, sizeof(answer)) ||
			  *answer);
		nr++;
	}
	check(nr > 20 && nr < 40, "so many readers and no more: %s",
	      strtok(answer, "\n"));
	check(ask("status\n") && strstr(answer, "ok\n"),
	      "they leave room for others");
	while (nr)
		close(fds[--nr]);
}

static void on_closed(void *opaque)
{
	*(bool *)opaque = true;
}

static void test_close(void)
{
	bool closed = false;

	control_close(control, on_closed, &closed);
	for (int i = 0; i < 10; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	check(!closed, "the last text is there for who reads it");
	control_drop_clients(control);
	check(run_until(closed), "but not for ever");
	control_free(control);
}

int main(void)
{
	const struct control_ops ops = {
		.request = on_request,
		.gone = on_gone,
	};
	struct error error;
	char directory[] = "/tmp/colinux-control-XXXXXX";

	/* As session.c does. */
	signal(SIGPIPE, SIG_IGN);
	if (!mkdtemp(directory))
		die("mkdtemp");
	snprintf(path, sizeof(path), "%s/control", directory);
	uv_loop_init(&loop);
	uv_timer_init(&loop, &limit);
	console = console_new();
	control = control_new(&loop, path, console, &ops, &error);
	if (!control)
		die(error.text);
	check(!control_new(&loop, path, console, &ops, &error),
	      "a socket that is there: %s", error.text);
	test_answers();
	test_hostile();
	test_streams();
	test_late();
	test_many();
	test_close();
	uv_close((uv_handle_t *)&limit, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	check(uv_loop_close(&loop) == 0, "nothing is left in the loop");
	console_free(console);
	unlink(path);
	rmdir(directory);
	return done();
}
