// SPDX-License-Identifier: GPL-2.0
/*
 * Early console: kernel messages from the first line until a real console
 * (virtio-console's hvc0) takes over, and the text of a panic in any case.
 *
 * It is a boot console (CON_BOOT): the kernel takes it out of its list when
 * the preferred console registers, and it claims no terminal number.
 */
#include "port.h"

/* Linux: linux/console.h, the same bits since 2.6. */
#define CON_PRINTBUFFER	1
#define CON_ENABLED	4
#define CON_BOOT	8

/* struct console is 280 bytes in 6.12; drivers have others of that name. */
#define CONSOLE_ROOM	1024

#define CHUNK		512	/* divides a page, so no chunk crosses one */
#define PANIC_LINES	100	/* of the log, when it went elsewhere */

/* linux/kmsg_dump.h since 5.13: the reader's state, two sequence numbers. */
struct log_position {
	u64 current_seq, next_seq;
};

void register_console(void *console) KERNEL("register_console");
int kmsg_dump_register(void *dumper) KERNEL("kmsg_dump_register");
void kmsg_dump_rewind(struct log_position *position)
	KERNEL("kmsg_dump_rewind");
bool kmsg_dump_get_line(struct log_position *position, bool syslog,
			char *line, unsigned long size, unsigned long *length)
	KERNEL("kmsg_dump_get_line");
void console_flush_on_panic(int mode) KERNEL("console_flush_on_panic");

EXPECT_FUNC("register_console void(struct console *)");
EXPECT_FUNC("kmsg_dump_register int(struct kmsg_dumper *)");
EXPECT_FUNC("kmsg_dump_rewind void(struct kmsg_dump_iter *)");
EXPECT_FUNC("kmsg_dump_get_line "
	    "bool(struct kmsg_dump_iter *,bool,char *,size_t,size_t *)");
EXPECT_FUNC("console_flush_on_panic void(enum con_flush_mode)");
EXPECT_MEMBER("console.write void(struct console *,const char *,unsigned int)");
EXPECT_MEMBER("console.flags short");
EXPECT_MEMBER("kmsg_dumper.dump "
	      "void(struct kmsg_dumper *,enum kmsg_dump_reason) | "
	      "void(struct kmsg_dumper *,struct kmsg_dump_detail *)");

static char buffers[COLINUX_MAX_VCPUS][CHUNK] __attribute__((aligned(4096)));
static char *console;

void port_console_write(const char *text, unsigned int length)
{
	while (length) {
		unsigned long flags = irq_save();
		char *buffer = buffers[port_cpu()];
		unsigned int n = length < CHUNK ? length : CHUNK;

		for (unsigned int i = 0; i < n; i++)
			buffer[i] = text[i];
		port_hypercall(COLINUX_HC_CONSOLE, (u64)buffer,
			       port_machine(buffer), n, 0, 0);
		irq_restore(flags);
		text += n;
		length -= n;
	}
}

/* struct console.write: lines end as a terminal wants them. */
static void write(void *self, const char *text, unsigned int length)
{
	unsigned int start = 0;

	(void)self;
	for (unsigned int i = 0; i < length; i++) {
		if (text[i] != '\n')
			continue;
		port_console_write(text + start, i - start);
		port_console_write("\r\n", 2);
		start = i + 1;
	}
	port_console_write(text + start, length - start);
}

static bool registered(void)
{
	return MEMBER(short, console, "console.flags") & CON_ENABLED;
}

/* The last lines of the kernel's log. */
static void write_log_tail(void)
{
	static char line[1024];
	struct log_position position;
	unsigned long length, lines = 0;

	kmsg_dump_rewind(&position);
	while (kmsg_dump_get_line(&position, 0, NULL, 0, NULL))
		lines++;
	kmsg_dump_rewind(&position);
	for (unsigned long i = 0; i < lines; i++) {
		if (!kmsg_dump_get_line(&position, 0, line, sizeof(line),
					&length))
			break;
		if (i + PANIC_LINES >= lines)
			write(NULL, line, (unsigned int)length);
	}
}

/*
 * struct kmsg_dumper.dump, called for panics only (max_reason): after the
 * panic notifiers, with the log complete; nothing that matters comes later.
 */
static void panicked(void *dumper, void *detail)
{
	(void)dumper;
	(void)detail;
	if (registered())
		console_flush_on_panic((int)ENUM("CONSOLE_FLUSH_PENDING"));
	else
		write_log_tail();
	port_end(COLINUX_END_PANIC);
}

void port_console_init(void)
{
	static const char name[] = "colinux";
	char *dumper = port_alloc(SIZEOF("kmsg_dumper"), 8);

	console = port_alloc(CONSOLE_ROOM, 64);
	for (unsigned int i = 0; i < sizeof(name); i++)
		AT(char, console, OFFSET("console.name") + i) = name[i];
	MEMBER(void *, console, "console.write") = write;
	MEMBER(short, console, "console.flags") =
		CON_PRINTBUFFER | CON_ENABLED | CON_BOOT;
	MEMBER(short, console, "console.index") = -1;
	register_console(console);

	MEMBER(void *, dumper, "kmsg_dumper.dump") = panicked;
	MEMBER(int, dumper, "kmsg_dumper.max_reason") =
		(int)ENUM("KMSG_DUMP_PANIC");
	if (kmsg_dump_register(dumper))
		port_die("port: the panic handler was refused\n");
}
