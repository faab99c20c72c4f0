/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The whole command over a fake driver: exit statuses, signals, terminal,
 * control socket.  Run with FAKE_COLINUX set, this program is `colinux`.
 */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../daemon/command.h"
#include "../../../daemon/standard_io.h"
#include "../virtio/tap.h"
#include "child.h"
#include "fake.h"

static char directory[64];	/* of this run of the test */
static char kernel[96], disk[96];

/* --- The guest: a line editor of sorts --- */

/* Echo what is typed; some words are orders. */
static enum fake_step take_line(struct colinux_run *run)
{
	static char line[256];
	static size_t length;
	char text[256];
	size_t nr = fake_console_input(text, sizeof(text) - 1);

	text[nr] = '\0';
	fake_console_output(text);
	for (size_t i = 0; i < nr; i++) {
		if (text[i] != '\n' && text[i] != '\r') {
			line[length++ % 255] = text[i];
			continue;
		}
		line[length % 255] = '\0';
		length = 0;
		if (!strcmp(line, "poweroff"))
			return fake_end(run, COLINUX_END_POWEROFF);
		if (!strcmp(line, "reboot"))
			return fake_end(run, COLINUX_END_REBOOT);
		if (!strcmp(line, "panic"))
			return fake_end(run, COLINUX_END_PANIC);
		if (!strcmp(line, "killed")) {
			run->exit = COLINUX_RUN_KILLED;
			strcpy(run->reason, "it did a bad thing");
			return FAKE_EXIT;
		}
	}
	return FAKE_SLEEP;
}

static enum fake_step guest(unsigned int vcpu, unsigned int step,
			    struct colinux_run *run, uint64_t *kicks)
{
	static uint16_t columns, rows;
	const char *deaf = getenv("FAKE_DEAF");
	static bool asked;
	char text[64];

	(void)vcpu;
	if (!step) {
		/* Input from before the start is waiting as well. */
		*kicks |= 1;
		return fake_print(run, "fake login: ");
	}
	if (columns != fake.columns || rows != fake.rows) {
		columns = fake.columns;
		rows = fake.rows;
		snprintf(text, sizeof(text), "[%ux%u]", columns, rows);
		fake_console_output(text);
	}
	if (*kicks & 1ull << COLINUX_VIRQ_SHUTDOWN &&
	    (!deaf || (asked && !strcmp(deaf, "once")))) {
		fake_console_output("going down\n");
		return fake_end(run, COLINUX_END_POWEROFF);
	}
	if (*kicks & 1ull << COLINUX_VIRQ_SHUTDOWN) {
		fake_console_output("not now\n");
		asked = true;
	}
	return take_line(run);
}

/* --- The tests --- */

/* Words for a guest called NAME, or NULL for one without a name. */
#define GUEST(...) COMMAND("run", "sandbox=off", kernel, disk, \
			   "port=/dev/null", "colinux-init=/dev/null", \
			   __VA_ARGS__)

static struct child child, other, third;

static void test_statuses(void)
{
	static const struct {
		const char *order;
		int status;
		const char *text;
	} cases[] = {
		{ "poweroff\n", 0, "powered off" },
		{ "panic\n", 100, "panicked" },
		{ "killed\n", 101, "it did a bad thing" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		child_start(&child, false, GUEST("name=a"));
		child_type(&child, cases[i].order);
		check(child_end(&child) == cases[i].status &&
			      strstr(child.text, "fake login: ") &&
			      strstr(child.text, cases[i].text),
		      "exit status %d, its reason said", cases[i].status);
	}
	child_start(&child, false, GUEST("name=a", "-q"));
	child_type(&child, "poweroff\n");
	check(child_end(&child) == 0 &&
		      !strcmp(child.text, "fake login: poweroff\n"),
	      "quiet: nothing but the guest");
}

static void test_usage(void)
{
	check(child_run(&child, COMMAND("frob")) == 2, "unknown command: %s",
	      child.text);
	check(child_run(&child, COMMAND("run", "--frob", "1")) == 2,
	      "unknown option: %s", child.text);
	check(child_run(&child, COMMAND("run", "/none.conf")) == 2,
	      "missing file: %s", child.text);
	check(child_run(&child, COMMAND("run", kernel, "mem=x", disk)) == 2,
	      "bad value: %s", child.text);
	check(child_run(&child, COMMAND("run", kernel)) == 2,
	      "nothing to boot: %s", child.text);
	check(child_run(&child, COMMAND("run", kernel, "root=/dev/cobd3",
					disk)) == 2,
	      "root= on no disk: %s", child.text);
	check(child_run(&child, COMMAND("run", kernel, "cobd0=/none")) == 2,
	      "missing image: %s", child.text);
	check(child_run(&child, COMMAND("stop", "nobody")) == 1,
	      "no such guest: %s", child.text);
	check(child_run(&child, COMMAND("stop", "../etc")) == 1,
	      "a name is no path: %s", child.text);
	check(child_run(&child, COMMAND("help")) == 0 &&
		      strstr(child.text, "console"), "help");
	check(child_run(&child, COMMAND("run", "--help")) == 0 &&
		      strstr(child.text, "cobdN="), "help of a command");
	check(child_run(&child, COMMAND("version")) == 0, "version: %s",
	      child.text);
}

/* Expect nothing of what it has printed until now. */
static void forget(struct child *of)
{
	of->length = 0;
	memset(of->text, 0, sizeof(of->text));
}

static void test_reboot(void)
{
	child_start(&child, false, GUEST("name=a"));
	check(child_expect(&child, "fake login: "), "first boot");
	forget(&child);
	child_type(&child, "reboot\n");
	check(child_expect(&child, "fake login: "), "second boot");
	child_type(&child, "poweroff\n");
	check(child_end(&child) == 0, "power-off after a reboot");
}

static void test_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (int i = 0; i < 3; i++) {
		child_start(&child, false, GUEST("name=a"));
		child_expect(&child, "fake login: ");
		kill(child.pid, signals[i]);
		check(child_end(&child) == 0 &&
			      strstr(child.text, "going down"),
		      "signal %d powers off in order", signals[i]);
	}
	setenv("FAKE_DEAF", "1", 1);
	child_start(&child, false, GUEST("name=a"));
	child_expect(&child, "fake login: ");
	kill(child.pid, SIGTERM);
	child_expect(&child, "asking the guest");
	kill(child.pid, SIGTERM);
	check(child_end(&child) == 101 && strstr(child.text, "twice"),
	      "the second signal means it");
	child_start(&child, false, GUEST("name=a", "timeout=0"));
	child_expect(&child, "fake login: ");
	kill(child.pid, SIGTERM);
	check(child_end(&child) == 101 && strstr(child.text, "in time"),
	      "the time-out means it");
	unsetenv("FAKE_DEAF");
}

static void test_control(void)
{
	char path[128];
	struct stat status;

	child_start(&child, false, GUEST("name=vm", "cpus=1"));
	child_expect(&child, "fake login: ");
	snprintf(path, sizeof(path), "%s/vm", directory);
	check(stat(path, &status) == 0 && (status.st_mode & 0777) == 0700,
	      "the control directory is the owner's alone");
	check(child_run(&other, COMMAND("ps")) == 0 &&
		      strstr(other.text, "vm ") &&
		      strstr(other.text, "running") &&
		      strstr(other.text, "6.1.0-fake"),
	      "ps lists it");
	check(child_run(&other, COMMAND("info", "vm")) == 0 &&
		      strstr(other.text, "light=4711") &&
		      strstr(other.text, "device0 fake device 0"),
	      "info shows its counters");
	kill(child.pid, SIGSTOP);
	check(child_run(&other, COMMAND("ps")) == 0 &&
		      strstr(other.text, "no answer"),
	      "ps does not wait for one that is stuck");
	kill(child.pid, SIGCONT);
	check(child_run(&other, COMMAND("stats", "vm")) == 0 &&
		      strstr(other.text, "\nlight                     4711\n") &&
		      strstr(other.text, "\ndevice0        fake device 0\n"),
	      "stats shows them as a table");
	check(child_run(&other, COMMAND("stats", "--json", "vm")) == 0 &&
		      strstr(other.text, "{\"name\":\"vm\",\"cpus\":[{\"irq\":0,"),
	      "or as JSON: %s", other.text);
	check(child_run(&other, COMMAND("stats")) == 2 &&
		      child_run(&other, COMMAND("stats", "--interval", "x",
						"vm")) == 2,
	      "usage");
	check(child_run(&other, GUEST("name=vm")) == 1 &&
		      strstr(other.text, "running already"),
	      "its name is taken");
	check(child_run(&other, COMMAND("stop", "vm")) == 0 &&
		      strstr(other.text, "powered off"),
	      "stop waits for the end: %s", other.text);
	check(child_end(&child) == 0, "it has powered off");
	check(child_run(&other, COMMAND("ps")) == 0 &&
		      !strstr(other.text, "vm "),
	      "ps no longer lists it");
	check(access(path, F_OK) < 0, "nothing is left of it");

	setenv("FAKE_DEAF", "once", 1);
	child_start(&child, false, GUEST("name=vm"));
	child_expect(&child, "fake login: ");
	check(child_run(&other, COMMAND("stop", "vm")) == 0 &&
		      strstr(other.text, "powered off") &&
		      child_end(&child) == 0,
	      "a guest that missed it is asked again: %s", other.text);

	setenv("FAKE_DEAF", "1", 1);
	child_start(&child, false, GUEST("name=vm"));
	child_expect(&child, "fake login: ");
	check(child_run(&other, COMMAND("stop", "vm", "--timeout", "0")) == 1 &&
		      strstr(other.text, "--force"),
	      "stop gives up: %s", other.text);
	check(child_run(&other, COMMAND("stop", "vm", "--timeout", "0",
					"--force")) == 0,
	      "stop --force does not: %s", other.text);
	check(child_end(&child) == 101, "it was ended");
	child_start(&child, false, GUEST("name=vm"));
	child_expect(&child, "fake login: ");
	check(child_run(&other, COMMAND("kill", "vm")) == 0, "kill: %s",
	      other.text);
	check(child_end(&child) == 101, "it was ended");
	child_start(&child, false, GUEST("name=vm"));
	child_expect(&child, "fake login: ");
	kill(child.pid, SIGKILL);
	check(child_end(&child) == 128 + SIGKILL, "kill -9");
	unsetenv("FAKE_DEAF");
	check(child_run(&other, COMMAND("ps")) == 0 &&
		      !strstr(other.text, "vm "),
	      "ps does not list the dead one");
	child_start(&child, false, GUEST("name=vm"));
	child_type(&child, "poweroff\n");
	check(child_end(&child) == 0, "its name is free again");
}

/* A reboot is the answer to `stop` while somebody waits for it. */
static void test_failed_stop(void)
{
	setenv("FAKE_DEAF", "1", 1);
	child_start(&child, false, GUEST("name=vm", "timeout=0"));
	child_expect(&child, "fake login: ");
	child_run(&other, COMMAND("stop", "vm", "--timeout", "0"));
	check(child_run(&other, COMMAND("ps")) == 0 &&
		      strstr(other.text, "running"),
	      "after a stop that failed it runs");
	child_expect(&child, "not now");
	forget(&child);
	child_type(&child, "reboot\n");
	check(child_expect(&child, "fake login: "), "and reboots as before");

	child_start(&other, false, COMMAND("stop", "vm", "--timeout", "60"));
	child_expect(&child, "not now");
	kill(other.pid, SIGKILL);
	child_end(&other);
	check(child_run(&other, COMMAND("ps")) == 0 &&
		      strstr(other.text, "running"),
	      "and so after one whose client went away");
	forget(&child);
	child_type(&child, "reboot\n");
	check(child_expect(&child, "fake login: "), "it reboots");

	child_start(&other, false, COMMAND("stop", "vm", "--timeout", "60"));
	child_expect(&child, "not now");
	check(child_run(&third, COMMAND("ps")) == 0 &&
		      strstr(third.text, "stopping"),
	      "it is stopping while one waits");
	child_type(&child, "reboot\n");
	check(child_end(&other) == 0 && child_end(&child) == 0 &&
		      strstr(child.text, "powered off"),
	      "whom a reboot answers");

	/* Ctrl-] s waits for as long as a signal would. */
	child_start(&child, true, GUEST("name=vm", "timeout=0"));
	child_expect(&child, "[80x25]");
	child_type(&child, "\035s");
	child_expect(&child, "not now");
	forget(&child);
	child_type(&child, "reboot\r");
	check(child_expect(&child, "fake login: "),
	      "Ctrl-] s does not stand for ever");
	child_type(&child, "poweroff\r");
	check(child_end(&child) == 0, "nor in the way of powering off");
	child_start(&child, true, GUEST("name=vm"));
	child_expect(&child, "[80x25]");
	child_type(&child, "\035s");
	child_expect(&child, "not now");
	child_type(&child, "reboot\r");
	check(child_end(&child) == 0 && strstr(child.text, "powered off"),
	      "but for its time");
	unsetenv("FAKE_DEAF");
}

static void test_console(void)
{
	child_start(&child, false, GUEST("name=vm"));
	child_expect(&child, "fake login: ");
	child_start(&other, false, COMMAND("console", "vm"));
	check(child_expect(&other, "fake login: "), "earlier text is shown");
	child_start(&third, true, COMMAND("console", "vm"));
	check(child_expect(&third, "fake login: "), "to several readers");
	check(child_expect(&other, "[80x25]"),
	      "the size of the terminal reaches the guest");
	child_type(&other, "one\n");
	check(child_expect(&third, "one") && child_expect(&child, "one"),
	      "what one types all see");
	child_type(&third, "two\r");
	check(child_expect(&other, "two"), "and so for the other");
	child_type(&third, "\035\035");
	check(child_expect(&other, "\035"), "Ctrl-] twice sends it");
	child_type(&third, "\035d");
	check(child_end(&third) == 0 && strstr(third.text, "detached"),
	      "Ctrl-] d detaches");
	child_start(&third, false, COMMAND("console", "vm"));
	child_expect(&third, "two");
	close(third.out);
	third.out = open("/dev/null", O_RDONLY | O_CLOEXEC);
	child_type(&other, "three\n");
	check(child_end(&third) == 1, "one that nobody reads from ends");
	child_type(&other, "\npoweroff\n");
	check(child_end(&other) == 0 && strstr(other.text, "has ended"),
	      "the end of the guest ends its readers");
	check(child_end(&child) == 0, "power-off from a reader");
}

static void test_terminal(void)
{
	struct winsize size = { .ws_row = 50, .ws_col = 132 };

	child_start(&child, true, GUEST("name=vm"));
	check(child_expect(&child, "[80x25]"), "the terminal's size");
	ioctl(child.in, TIOCSWINSZ, &size);
	check(child_expect(&child, "[132x50]"), "its change");
	child_type(&child, "\003");
	check(child_expect(&child, "\003"), "Ctrl-C is for the guest");
	child_type(&child, "\035?");
	check(child_expect(&child, "Ctrl-] s"), "help");
	child_type(&child, "\035s");
	check(child_end(&child) == 0 && strstr(child.text, "going down"),
	      "Ctrl-] s powers off");
	child_start(&child, true, GUEST("name=vm"));
	child_expect(&child, "[80x25]");
	child_type(&child, "\035.");
	check(child_end(&child) == 101, "Ctrl-] . ends it");
}

/* The beginning of a file; its size, or -1. */
static off_t read_file(const char *path, char *text, size_t room)
{
	FILE *file = fopen(path, "r");
	struct stat status = { .st_size = -1 };
	size_t length = 0;

	if (file) {
		length = fread(text, 1, room - 1, file);
		fstat(fileno(file), &status);
		fclose(file);
	}
	text[length] = '\0';
	return status.st_size;
}

static void test_start(void)
{
	const char *const *words = GUEST("name=bg");
	const char *start[16] = { "start" };
	char log[128], text[4096];

	for (int i = 1; words[i]; i++)
		start[i] = words[i];
	check(child_run(&child, start) == 0 && strstr(child.text, "bg "),
	      "start: %s", child.text);
	check(child_run(&other, COMMAND("ps")) == 0 &&
		      strstr(other.text, "bg "), "it runs");
	check(child_run(&other, start) == 1 &&
		      strstr(other.text, "running already"),
	      "start says what went wrong: %s", other.text);
	check(child_run(&other, COMMAND("start", "mem=x")) == 2 &&
		      strstr(other.text, "mem=x"),
	      "configurations as well: %s", other.text);
	check(child_run(&other, COMMAND("stop", "bg")) == 0, "stop: %s",
	      other.text);
	snprintf(log, sizeof(log), "%s/bg/log", directory);
	check(wait_for_path(log), "it has a log");
	read_file(log, text, sizeof(text));
	check(strstr(text, "fake login: "), "with the console in it");
}

static void test_log(void)
{
	const char *const *words = GUEST("name=bg", "sandbox=on");
	const char *start[16] = { "start" };
	char path[128], text[4096];
	unsigned long long dropped = 0;
	int fd;

	for (int i = 1; words[i]; i++)
		start[i] = words[i];
	check(child_run(&child, start) == 0, "start: %s", child.text);
	child_start(&other, false, COMMAND("console", "bg"));
	child_expect(&other, "fake login: ");
	/* As if it had printed that much. */
	snprintf(path, sizeof(path), "%s/bg/log", directory);
	if (truncate(path, LOG_LIMIT) < 0)
		die("truncate");
	child_type(&other, "more\n");
	child_expect(&other, "more\n");
	check(child_run(&child, COMMAND("stop", "bg")) == 0 &&
		      child_end(&other) == 0 &&
		      read_file(path, text, sizeof(text)) < 4096,
	      "a log that is full begins anew");
	sscanf(text, "[colinux: %llu bytes of the log dropped]", &dropped);
	check(dropped > LOG_LIMIT - 4096 && dropped <= LOG_LIMIT,
	      "says how much went: %llu", dropped);
	check(strstr(text, "]\nfake login: more\n"),
	      "and has again what the console has");

	snprintf(path, sizeof(path), "%s/own", directory);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, LOG_LIMIT) < 0 || close(fd) < 0)
		die(path);
	setenv("FAKE_OUTPUT", path, 1);
	child_start(&child, false, GUEST("name=a"));
	unsetenv("FAKE_OUTPUT");
	child_type(&child, "poweroff\n");
	check(child_end(&child) == 0 &&
		      read_file(path, text, sizeof(text)) > LOG_LIMIT,
	      "a user's own file is not cut");
}

/* Wrong values are found before any tool is asked for. */
static void test_image_options(void)
{
	static const char *const bad[][2] = {
		{ "--size", "1" },	      { "--size", "x" },
		{ "--suite", "a b" },	      { "--suite", "-x" },
		{ "--mirror", "-x" },	      { "--include", "a;b" },
		{ "--components", "a b" },
		{ "--keyring", "/none" },     { "--keyring", "/tmp" },
		{ "--include", "$(x)" },      { "--hostname", "a.b_c" },
		{ "--kernel-package", "a/b" }, { "--modules", "/none" },
		{ "--root-password", "a:b" }, { "--frob", "1" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(child_run(&child, COMMAND("image", "create", "/tmp/x",
						bad[i][0], bad[i][1])) == 2,
		      "image create %s %s: %s", bad[i][0], bad[i][1],
		      child.text);
	check(child_run(&child, COMMAND("image", "create")) == 2, "%s",
	      child.text);
	check(child_run(&child, COMMAND("image", "frob")) == 2, "%s",
	      child.text);
}

static void test_classic(void)
{
	char at[100], conf[96];
	FILE *file;

	snprintf(conf, sizeof(conf), "%s/old.conf", directory);
	snprintf(at, sizeof(at), "@%s", conf);
	file = fopen(conf, "w");
	fprintf(file, "%s\n%s\nroot=/dev/cobd0\nro\nmem=64\n", kernel, disk);
	fclose(file);
	setenv("FAKE_NAME", "/usr/sbin/colinux-daemon", 1);
	child_start(&child, false, COMMAND(at, "port=/dev/null",
					   "colinux-init=/dev/null",
					   "sandbox=off", "mem=128"));
	child_type(&child, "poweroff\n");
	check(child_end(&child) == 0 &&
		      strstr(child.text, "memory: 128 MB") &&
		      strstr(child.text, "root=/dev/vda ro\n"),
	      "colinux-daemon @FILE");
	unsetenv("FAKE_NAME");
	unlink(conf);
}

/* A name that nobody has given varies; a file gives it. */
static void test_names(void)
{
	char conf[96];
	FILE *file;

	snprintf(conf, sizeof(conf), "%s/my.vm.conf", directory);
	file = fopen(conf, "w");
	fprintf(file, "# test\n%s\n%s\nport=/dev/null\n"
		      "colinux-init=/dev/null sandbox=off\n", kernel, disk);
	fclose(file);
	child_start(&child, false, COMMAND("run", conf));
	child_expect(&child, "fake login: ");
	child_start(&other, false, COMMAND("run", conf));
	child_expect(&other, "fake login: ");
	check(child_run(&other, COMMAND("stop", "my-2")) == 0 ||
		      (note("%s", other.text), false),
	      "the second of a name gets a number");
	check(child_run(&other, COMMAND("stop", "my")) == 0 ||
		      (note("%s", other.text), false),
	      "the first has it from its file");
	check(child_end(&child) == 0, "both have ended");
	check(child_run(&child, COMMAND("check", conf)) == 0 &&
		      strstr(child.text, ":3: cobd0=") &&
		      strstr(child.text, "no errors"),
	      "check explains it");
	unlink(conf);
}

static void test_sandbox(void)
{
	child_start(&child, false, GUEST("name=a", "sandbox=on"));
	child_type(&child, "reboot\n");
	child_expect(&child, "login: reboot\ncolinux: command line: fake "
			     "root=/dev/vda\nfake login: ");
	child_type(&child, "poweroff\n");
	check(child_end(&child) == 0 && strstr(child.text, "powered off"),
	      "the same inside of the sandbox");
}

static void make_files(void)
{
	strcpy(directory, "/tmp/colinux-test-XXXXXX");
	if (!mkdtemp(directory))
		die("mkdtemp");
	setenv("COLINUX_RUN", directory, 1);
	snprintf(kernel, sizeof(kernel), "kernel=%s/k", directory);
	snprintf(disk, sizeof(disk), "cobd0=%s/d", directory);
	close(open(strchr(kernel, '/'), O_CREAT | O_WRONLY, 0600));
	close(open(strchr(disk, '/'), O_CREAT | O_WRONLY, 0600));
}

int main(int argc, char **argv)
{
	char command[96];

	if (getenv("FAKE_COLINUX")) {
		fake_reset(guest);
		return command_main(argc, argv);
	}
	make_files();
	test_statuses();
	test_usage();
	test_reboot();
	test_signals();
	test_control();
	test_failed_stop();
	test_console();
	test_terminal();
	test_start();
	test_log();
	test_image_options();
	test_classic();
	test_names();
	test_sandbox();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command))
		note("cannot remove %s", directory);
	return done();
}
