/* SPDX-License-Identifier: GPL-2.0 */
/* Console object, escape key and the words of the control protocol. */
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "../../../daemon/console.h"
#include "../../../daemon/protocol.h"
#include "../../../daemon/terminal.h"
#include "../virtio/tap.h"

static unsigned int nr_input, nr_resized, nr_wakes;

static void on_input(void *opaque)
{
	(void)opaque;
	nr_input++;
}

static void on_resized(void *opaque)
{
	(void)opaque;
	nr_resized++;
}

static void on_wake(void *opaque)
{
	(void)opaque;
	nr_wakes++;
}

static void test_scrollback(void)
{
	struct console *console = console_new();
	size_t size = CONSOLE_SCROLLBACK + 1000;
	char *text = malloc(size), *back = malloc(size);
	uint64_t position = 0, lost = 0;
	size_t length;

	console_on_change(console, on_wake, NULL);
	for (size_t i = 0; i < size; i++)
		text[i] = i * 7 + i / 251;
	console_output(console, text, 10);
	check(console_read(console, &position, back, 4, &lost) == 4 &&
		      console_read(console, &position, back + 4, 100,
				   &lost) == 6 &&
		      !memcmp(text, back, 10) && !lost && position == 10,
	      "a reader gets what is printed, in pieces");
	check(!console_read(console, &position, back, 100, &lost),
	      "and nothing twice");
	console_output(console, text + 10, CONSOLE_SCROLLBACK - 20);
	console_output(console, text + CONSOLE_SCROLLBACK - 10, 1010);
	check(console_end(console) == size &&
		      console_start(console) == 1000, "old text goes");
	length = console_read(console, &position, back, size, &lost);
	check(lost == 990 && length == CONSOLE_SCROLLBACK &&
		      !memcmp(back, text + 1000, length),
	      "a slow reader loses the oldest, and knows how much");
	position = UINT64_MAX;
	check(!console_read(console, &position, back, size, &lost) &&
		      position == size,
	      "a position behind the end");
	console_output(console, text, size);
	position = 0;
	length = console_read(console, &position, back, size, NULL);
	check(length == CONSOLE_SCROLLBACK &&
		      !memcmp(back, text + 1000, length),
	      "more at once than is kept");
	check(nr_wakes == 4, "every output wakes");
	free(text);
	free(back);
	console_free(console);
}

static void test_input(void)
{
	const struct console_device device = {
		.input_ready = on_input,
		.resized = on_resized,
	};
	struct console *console = console_new();
	char *text = malloc(2 * CONSOLE_INPUT);
	uint16_t columns, rows;

	memset(text, 'x', 2 * CONSOLE_INPUT);
	check(console_input(console, "early", 5) == 5, "typed too early");
	console_connect(console, &device);
	check(nr_input == 1, "is announced to the device");
	check(console_take_input(console, text, 3) == 3 &&
		      !memcmp(text, "ear", 3) &&
		      console_take_input(console, text, 10) == 2 &&
		      !memcmp(text, "ly", 2) &&
		      !console_take_input(console, text, 10),
	      "and taken in pieces");
	check(console_input(console, text, 2 * CONSOLE_INPUT) ==
			      CONSOLE_INPUT &&
		      !console_input_room(console) &&
		      console_input(console, text, 1) == 0,
	      "there is room for so much only");
	check(console_take_input(console, text, 10) == 10 &&
		      console_input_room(console) == 10,
	      "then there is again");
	console_resize(console, 80, 25);
	console_resize(console, 80, 25);
	console_get_size(console, &columns, &rows);
	check(nr_resized == 1 && columns == 80 && rows == 25,
	      "a size is told once");
	console_connect(console, NULL);
	console_resize(console, 100, 25);
	check(nr_resized == 1, "nobody is told after the end");
	free(text);
	console_free(console);
}

static void reader_thread(void *opaque)
{
	struct console *console = opaque;
	static char buffer[8192];
	uint64_t position = 0;

	while (console_wait(console, position))
		console_read(console, &position, buffer, sizeof(buffer), NULL);
	nr_input = position;
}

static void typist_thread(void *opaque)
{
	static char text[4 * CONSOLE_INPUT];

	console_input_all(opaque, text, sizeof(text));
	nr_resized = 4711;
}

static void test_threads(void)
{
	struct console *console = console_new();
	uv_thread_t reader, typist;
	size_t taken = 0, length;
	char text[4096];

	memset(text, 'y', sizeof(text));
	uv_thread_create(&reader, reader_thread, console);
	for (int i = 0; i < 1000; i++)
		console_output(console, text, sizeof(text));
	console_finish(console);
	uv_thread_join(&reader);
	check(nr_input == 1000 * sizeof(text), "a reader gets to the end");
	console_free(console);

	console = console_new();
	uv_thread_create(&typist, typist_thread, console);
	while (taken < 4 * CONSOLE_INPUT) {
		length = console_take_input(console, text, sizeof(text));
		taken += length;
	}
	uv_thread_join(&typist);
	check(nr_resized == 4711 && taken == 4 * CONSOLE_INPUT,
	      "a fast typist waits, and nothing is lost");
	uv_thread_create(&typist, typist_thread, console);
	console_finish(console);
	uv_thread_join(&typist);
	check(true, "but not for a guest that has ended");
	console_free(console);
}

static char commands[64];

static void on_command(void *opaque, char key)
{
	size_t used = strlen(commands);

	(void)opaque;
	commands[used] = key;
	commands[used + 1] = '\0';
}

static void test_escape(void)
{
	static const char typed[] = "ab\035dc\035\035e\035\003f\035";
	bool escaped = false;
	char out[64];
	size_t length;

	length = terminal_filter(&escaped, typed, sizeof(typed) - 1, out,
				 on_command, NULL);
	check(length == 6 && !memcmp(out, "abc\035ef", 6), "what is typed");
	check(!strcmp(commands, "d\003") && escaped, "what is commanded");
	length = terminal_filter(&escaped, "xy", 2, out, on_command, NULL);
	check(length == 1 && *out == 'y' && !strcmp(commands, "d\003x"),
	      "a command in two pieces");
}

static void test_requests(void)
{
	static const char *const good[] = {
		"status", "stats", "kill", "stop", "stop timeout=5",
		"stop force=1 timeout=0", "console",
		"resize columns=80 rows=25",
		"console columns=132 rows=50 scrollback=0",
	};
	static const char *const bad[] = {
		"", " ", "frob", "status x", "status x=1", "stop timeout",
		"stop timeout=", "stop timeout=-1", "stop timeout=3601",
		"stop timeout=1x", "stop timeout=1 timeout=2", "stop force=2",
		"stop timeout=99999999999999999999999", "kill timeout=1",
		"resize columns=65536 rows=1", "status\x01", "stat\xc3\xa4",
		"STATUS", "console scrollback=-1", "stop =1", "stop timeout==1",
	};
	struct protocol_request request, again;
	char text[PROTOCOL_LINE + 16], line[PROTOCOL_LINE];
	struct error error;
	size_t length;

	/* Compared as a whole, padding included. */
	memset(&request, 0, sizeof(request));
	memset(&again, 0, sizeof(again));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		bool same = protocol_parse(good[i], strlen(good[i]), &request,
					   &error) == 0;

		length = protocol_format(&request, line, sizeof(line));
		same = same && line[length - 1] == '\n' &&
		       protocol_parse(line, length - 1, &again, &error) == 0 &&
		       !memcmp(&request, &again, sizeof(request));
		check(same, "request \"%s\", there and back", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(protocol_parse(bad[i], strlen(bad[i]), &request,
				     &error) < 0,
		      "bad request %zu: %s", i, error.text);
	memset(text, 'a', sizeof(text));
	check(protocol_parse(text, sizeof(text), &request, &error) < 0,
	      "too long: %s", error.text);
	check(protocol_parse("status\0x", 8, &request, &error) < 0,
	      "NUL: %s", error.text);
	check(protocol_parse("stop timeout=7", 14, &request, &error) == 0 &&
		      request.timeout == 7 && request.force == -1,
	      "what is not given is -1");
	strcpy(text, "a\nb\x7f\x1b");
	protocol_clean(text);
	check(!strcmp(text, "a?b??"), "answers are cleaned");
	strcpy(text, "key the value");
	check(!strcmp(protocol_split(text), "the value") &&
		      !strcmp(text, "key"), "answers are split");
	strcpy(text, "key");
	check(!*protocol_split(text), "a key alone");
}

int main(void)
{
	test_scrollback();
	test_input();
	test_threads();
	test_escape();
	test_requests();
	return done();
}
