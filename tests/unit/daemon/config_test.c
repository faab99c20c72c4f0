/* SPDX-License-Identifier: GPL-2.0 */
/* The configuration parser: good, bad and hostile files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../daemon/config.h"
#include "../virtio/tap.h"

static struct config *config;
static struct error error;
static char line[2048];
static char long_path[60000], long_word[61000];

static void fresh(void)
{
	memset(config, 0, sizeof(*config));
	config_init(config);
}

static int parse(const char *text)
{
	fresh();
	strcpy(error.text, "");
	return config_text(config, "f", text, strlen(text), NULL, NULL,
			   &error);
}

/* Parse and give the kernel's command line, or "" with error set. */
static const char *command_line(const char *text)
{
	line[0] = '\0';
	if (parse(text) == 0)
		config_command_line(config, line, sizeof(line), &error);
	return line;
}

static void test_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t size;
	} cases[] = {
		{ "256", 256ull << 20 }, { "512M", 512ull << 20 },
		{ "2G", 2ull << 30 },	 { "2g", 2ull << 30 },
		{ "1024k", 1ull << 20 }, { "512MB", 512ull << 20 },
		{ "1T", 1ull << 40 },	 { "", 0 },
		{ "-1", 0 },		 { "M", 0 },
		{ "1.5G", 0 },		 { "12X", 0 },
		{ "1MM", 0 },		 { " 1", 0 },
		{ "0x10", 0 },		 { "99999999999999999999", 0 },
		{ "99999999999999999T", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(config_parse_size(cases[i].text) == cases[i].size,
		      "size \"%s\"", cases[i].text);
}

static void test_good(void)
{
	check(parse("# classic\n"
		    "kernel=/boot/vmlinuz initrd=/boot/initrd\r\n"
		    "mem=64\t cobd0=\"/srv/my images/root.img\"\n"
		    "cobd1=/dev/sdb1,ro cobd2=/x,ro,direct # a comment\n"
		    "root=/dev/cobd0 ro quiet init=/bin/sh\n"
		    "cpus=4 name=my-vm.1 modules=/lib/modules/x") == 0,
	      "a classic file");
	check(!strcmp(config->kernel, "/boot/vmlinuz") &&
		      !strcmp(config->initrd, "/boot/initrd") &&
		      !strcmp(config->modules, "/lib/modules/x"),
	      "paths");
	check(config->memory == 64ull << 20 && config->cpus == 4, "numbers");
	check(!strcmp(config->disk[0].path, "/srv/my images/root.img") &&
		      !config->disk[0].read_only,
	      "quotes keep blanks");
	check(!strcmp(config->disk[1].path, "/dev/sdb1") &&
		      config->disk[1].read_only && !config->disk[1].direct,
	      "read-only");
	check(!strcmp(config->disk[2].path, "/x") &&
		      config->disk[2].read_only && config->disk[2].direct,
	      "two options");
	check(!strcmp(config->name, "my-vm.1"), "name");
	check(config_command_line(config, line, sizeof(line), &error) == 0 &&
		      !strcmp(line, "root=/dev/vda ro quiet init=/bin/sh"),
	      "kernel parameters: %s", line);
	check(parse("haltpoll=200") == 0 && config->halt_poll == 200 &&
		      parse("haltpoll=10001") < 0 && parse("") == 0 &&
		      config->halt_poll == 0,
	      "haltpoll");
	check(parse("mem=65") == 0 && config->memory == 66ull << 20,
	      "memory is rounded up to 2 MB");
	check(parse("mem=64 mem=128") == 0 && config->memory == 128ull << 20,
	      "the last one wins");
	check(parse("") == 0 && parse("\n\n#only\n") == 0 &&
		      config->memory == 256ull << 20,
	      "empty files");
	check(parse("cobd0=/a,b,ro") == 0 &&
		      !strcmp(config->disk[0].path, "/a,b") &&
		      config->disk[0].read_only,
	      "commas in paths");
	check(!strcmp(command_line("a=\"b c\" d e=\"\""), "a=\"b c\" d e="),
	      "quotes for the kernel: %s", line);
	check(parse("ttys1=COM1") < 0 && parse("exec8=x") < 0 &&
		      parse("cofs0=/a,b") < 0 && parse("vhost-user=x") < 0,
	      "devices that cannot be");
	check(parse("cofs1=/srv,ro vhost-user=blk,/a vhost-user=net,/b "
		    "exec0=/bin/x,-a,b") == 0 &&
		      config->folder[1].read_only &&
		      !strcmp(config->folder[1].path, "/srv") &&
		      !strcmp(config->vhost_user[1].kind, "net") &&
		      !strcmp(config->vhost_user[1].path, "/b") &&
		      !strcmp(config->exec[0], "/bin/x -a,b") &&
		      config_connects(config),
	      "folders, programs, vhost-user");
	check(parse("eth0=slirp cofs0=/tmp ttys1=pty exec0=x cocon=80x25") ==
			      0 &&
		      !*config->parameters,
	      "classic devices that are not there are no parameters");
}

static void test_root(void)
{
	check(!strcmp(command_line("cobd0=/a cobd1=/b root=/dev/cobd1"),
		      "root=/dev/vdb"), "cobd1: %s", line);
	check(!strcmp(command_line("cobd0=/a root=/dev/cobd0p2"),
		      "root=/dev/vda2"), "partition: %s", line);
	check(!strcmp(command_line("cobd3=/a cobd7=/b root=cobd7"),
		      "root=/dev/vdb"), "gaps, no /dev: %s", line);
	check(!strcmp(command_line("hda1=/a root=/dev/hda1"),
		      "root=/dev/vda"), "alias of a partition: %s", line);
	check(!strcmp(command_line("cobd0=/s sda=/a root=/dev/sda2"),
		      "root=/dev/vdb2"), "alias of a disk: %s", line);
	check(!strcmp(command_line("cobd2=/a hdb=:cobd2 root=/dev/hdb1"),
		      "root=/dev/vda1"), "alias of a cobd: %s", line);
	check(!strcmp(command_line("cobd0=/a root=/dev/vda1 rw"),
		      "root=/dev/vda1 rw"), "the guest's own name: %s", line);
	check(!strcmp(command_line("cobd0=/a root=UUID=1234-5678"),
		      "root=UUID=1234-5678"), "UUID: %s", line);
	check(!*command_line("cobd0=/a root=/dev/cobd1"), "no such disk: %s",
	      error.text);
	check(!*command_line("cobd0=/a root=/dev/cobd99"), "cobd99: %s",
	      error.text);
	check(!*command_line("hda1=:cobd1 root=/dev/hda1"), "alias of nothing:"
							    " %s", error.text);
	check(!strcmp(command_line("cobd0=/a scsi1=disk,/b root=/dev/sdb2"),
		      "root=/dev/vdb2") && !config->disk[1].read_only &&
	      !strcmp(config->disk[1].path, "/b"), "scsiN=disk: %s", line);
	check(!strcmp(command_line("scsi0=cdrom,/a.iso root=/dev/sr0"),
		      "root=/dev/vda") && config->disk[0].read_only,
	      "scsiN=cdrom is read-only: %s", line);
	check(parse("scsi0=tape,/a") < 0 && parse("scsi0=disk") < 0 &&
	      parse("scsi26=disk,/a") < 0 && parse("scsi0=cdrom,") < 0,
	      "no scsi device: %s", error.text);
	check(parse("cobd0=/a,ro,format=qcow2,backing=/b") == 0 &&
	      !strcmp(config->disk[0].path, "/a") &&
	      config->disk[0].read_only &&
	      !strcmp(config->disk[0].format, "qcow2") &&
	      !strcmp(config->disk[0].backing, "/b"), "format and backing");
	check(parse("cobd0=/a,format=iso") < 0, "no format: %s", error.text);
	memset(long_path, 'b', sizeof(long_path) - 1);
	snprintf(long_word, sizeof(long_word), "cobd25=/a,backing=%s",
		 long_path);
	check(parse(long_word) < 0 && strstr(error.text, "cobd25: backing="),
	      "a backing file's path that is too long: %.60s", error.text);
	check(parse("cobd0=http://h/a.iso") == 0 && config->disk[0].read_only,
	      "http is read-only");
	check(parse("hda1=/a cobd0=/b") < 0, "number taken by an alias: %s",
	      error.text);
	check(parse("cobd0=/a hda1=/b hda1=/c") == 0 &&
		      !strcmp(config->disk[1].path, "/c") &&
		      !*config->disk[2].path,
	      "an alias set again is the same disk");
}

static void test_bad(void)
{
	static const char *const bad[] = {
		"mem=abc", "mem=", "mem", "mem=1", "mem=9999999999999",
		"kernel=", "kernel", "initrd=", "cpus=0", "cpus=65", "cpus=-1",
		"cpus=1x", "cobd0=", "cobd0=,ro", "cobd26=/x", "cobd999=/x",
		"name=", "name=a/b", "name=..", "name=.x",
		"name=abcdefghijabcdefghijabcdefghijab", "root=", "=x", "=",
		"hda1=", "hda1=:cobd", "hda1=:cobd26", "hda1=:cobd0x",
		"cobd0=\"/x", "x=\"1\n2\"", "sandbox=maybe", "timeout=-1",
		"timeout=99999", "a=\x01", "\x7f=1", "cobd0=/x\x1b[31m",
	};
	char expect[16], *text;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check(parse(bad[i]) < 0 && *error.text, "bad %zu: %s", i,
		      error.text);
	text = malloc(8192);
	memset(text, 'a', 8191);
	text[8191] = '\0';
	check(parse(text) < 0, "parameter too long: %.80s", error.text);
	memcpy(text, "kernel=", 7);
	check(parse(text) < 0, "path too long: %.80s", error.text);
	free(text);
	check(parse("mem=64\n\n  cpus=x\nname=a") < 0 &&
		      !strncmp(error.text, "f:3: cpus=x", 11),
	      "file and line: %s", error.text);
	strcpy(expect, "f:1: ");
	check(config_text(config, "f", "a\0b=1", 5, NULL, NULL, &error) < 0 &&
		      !strncmp(error.text, expect, 5),
	      "NUL in the file: %s", error.text);
}

struct heard {
	unsigned int ok, warnings, errors;
	char last[256];
};

static void on_report(void *opaque, const struct config_origin *origin,
		      const char *word, enum config_verdict verdict,
		      const char *text)
{
	struct heard *heard = opaque;

	(void)origin;
	(void)word;
	heard->ok += verdict == CONFIG_OK;
	heard->warnings += verdict == CONFIG_WARNING;
	heard->errors += verdict == CONFIG_ERROR;
	snprintf(heard->last, sizeof(heard->last), "%s", text);
}

static void test_report(void)
{
	static const char text[] =
		"mem=64 cpus=x\nname=a b=\"\ncobd0=/x kernal=/y";
	struct heard heard = { 0 };

	fresh();
	check(config_text(config, "f", text, strlen(text), on_report, &heard,
			  &error) < 0, "all words are looked at");
	check(heard.ok == 3 && heard.errors == 2 && heard.warnings == 1,
	      "3 right, 2 wrong, 1 doubtful");
	check(!strncmp(error.text, "f:1:", 4), "the first error is returned");
	check(strstr(heard.last, "did you mean kernel=") != NULL,
	      "a typing error: %s", heard.last);
}

static void test_names(void)
{
	fresh();
	strcpy(config->initrd, "/dev/null");
	strcpy(config->kernel, "/dev/null");
	check(config_finish(config, "/etc/my vm!.conf", &error) == 0 &&
		      !strcmp(config->name, "my_vm_"),
	      "name from a file: %s", config->name);
	config->name[0] = '\0';
	check(config_finish(config, "/etc/.conf", &error) == 0 &&
		      !strcmp(config->name, "linux"),
	      "name from an odd file: %s", config->name);
	config->name[0] = '\0';
	check(config_finish(config, NULL, &error) == 0 &&
		      !strcmp(config->name, "linux"), "name from nothing");
	strcpy(config->initrd, "/tmp");
	check(config_finish(config, NULL, &error) < 0, "a directory: %s",
	      error.text);
	strcpy(config->initrd, "/dev/null/x");
	check(config_finish(config, NULL, &error) < 0, "missing: %s",
	      error.text);
}

/* A guest drives one vsock device. */
static void test_vsock(void)
{
	check(parse("kernel=/dev/null initrd=/dev/null vhost-user=vsock,/a") ==
			      0 &&
		      config_finish(config, NULL, &error) < 0 &&
		      strstr(error.text, "give vsock=off"),
	      "two vsock devices: %s", error.text);
	check(parse("kernel=/dev/null initrd=/dev/null vhost-user=vsock,/a "
		    "vsock=off") == 0 &&
		      config_finish(config, NULL, &error) == 0,
	      "one of them");
	check(parse("kernel=/dev/null initrd=/dev/null vhost-user=vsock,/a "
		    "vsock=off vhost-user=vsock,/b") == 0 &&
		      config_finish(config, NULL, &error) < 0 &&
		      strstr(error.text, "vhost-user=vsock,/b: ") &&
		      strstr(error.text, "leave one out"),
	      "two of others: %s", error.text);
}

static void test_files(void)
{
	char path[] = "/tmp/colinux-config-XXXXXX";
	int fd = mkstemp(path);
	char *text = calloc(1, CONFIG_FILE_SIZE + 1);

	fresh();
	memset(text, '\n', CONFIG_FILE_SIZE + 1);
	check(write(fd, text, CONFIG_FILE_SIZE) == CONFIG_FILE_SIZE &&
		      config_file(config, path, NULL, NULL, &error) == 0,
	      "the longest file");
	check(write(fd, text, 1) == 1 &&
		      config_file(config, path, NULL, NULL, &error) < 0,
	      "a longer one: %s", error.text);
	check(config_file(config, "/tmp", NULL, NULL, &error) < 0,
	      "a directory: %s", error.text);
	check(config_file(config, "/nonexistent", NULL, NULL, &error) < 0,
	      "none: %s", error.text);
	close(fd);
	unlink(path);
	free(text);
}

/* xorshift: the same every time. */
static uint32_t next_random(void)
{
	static uint32_t state = 20040125;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/*
 * Mutations of a good file: whatever comes out, no memory is touched that
 * should not be (the sanitizers tell), and what is accepted is within bounds.
 */
static void test_mutations(void)
{
	static const char seed[] =
		"kernel=/boot/vmlinuz initrd=/x mem=256 cobd0=\"/a b\",ro\n"
		"cobd11=/dev/sdb1 hda1=/y sdb=:cobd3 root=/dev/hda1 ro # c\n"
		"name=abc cpus=2 eth0=slirp init=/bin/sh x=\"y z\" timeout=9\n";
	static const char bytes[] = "=\"#\n\r\t ,:/0a9\x7f\0\xff.-@";
	char text[sizeof(seed) * 2];
	unsigned int accepted = 0;
	bool sane = true;
	size_t length;

	for (int round = 0; round < 20000; round++) {
		length = sizeof(seed) - 1;
		memcpy(text, seed, length);
		for (uint32_t n = 1 + next_random() % 8; n; n--) {
			size_t at = next_random() % length;

			switch (next_random() % 4) {
			case 0:
				text[at] = bytes[next_random() %
						 (sizeof(bytes) - 1)];
				break;
			case 1:
				text[at] = next_random();
				break;
			case 2:
				memmove(text + at, text + at + 1,
					--length - at);
				break;
			default:
				memmove(text + at + 1, text + at,
					length++ - at);
			}
		}
		fresh();
		if (config_text(config, "f", text, length, NULL, NULL,
				&error) < 0)
			continue;
		accepted++;
		sane &= config->memory >= 64ull << 20 &&
			config->memory % (2 << 20) == 0 && config->cpus >= 1 &&
			config->cpus <= 64;
		if (*config->name)
			sane &= config_valid_name(config->name);
		if (config_command_line(config, line, sizeof(line), &error))
			continue;
		for (char *c = line; *c; c++)
			sane &= (unsigned char)*c >= ' ';
	}
	check(sane, "20000 mutations, %u of them accepted, all sane",
	      accepted);
	check(accepted > 100, "mutations are not all refused");
}

int main(void)
{
	config = malloc(sizeof(*config));
	test_sizes();
	test_good();
	test_root();
	test_bad();
	test_report();
	test_names();
	test_vsock();
	test_files();
	test_mutations();
	free(config);
	return done();
}
