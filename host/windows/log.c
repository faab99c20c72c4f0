// SPDX-License-Identifier: GPL-2.0
/*
 * host_log(): the event log, source "colinux", and the kernel debugger.
 * messages.mc has the texts that an entry's string is put into.
 */
#include "driver.h"
#include "cpu.h"
#include "messages.h"

#define LINE	256
/* Characters of an entry's string, its NUL included. */
#define ENTRY_CHARS \
	((ERROR_LOG_MAXIMUM_SIZE - sizeof(IO_ERROR_LOG_PACKET)) / 2)

/* Up to ENTRY_CHARS - 1 characters of `text`; how many. <= DISPATCH_LEVEL. */
static u32 write_entry(NTSTATUS code, const char *text)
{
	IO_ERROR_LOG_PACKET *packet;
	WCHAR *string;
	u32 n = 0;

	while (text[n] && n < ENTRY_CHARS - 1)
		n++;
	packet = IoAllocateErrorLogEntry(
		driver_object,
		(UCHAR)(sizeof(*packet) + (n + 1) * sizeof(WCHAR)));
	if (!packet)
		return n;	/* the log is full: nobody to tell */
	memset(packet, 0, sizeof(*packet));
	packet->ErrorCode = code;
	packet->NumberOfStrings = 1;
	packet->StringOffset = sizeof(*packet);
	string = (WCHAR *)(packet + 1);
	for (u32 i = 0; i < n; i++)
		string[i] = (u8)text[i];
	string[n] = 0;
	IoWriteErrorLogEntry(packet);
	return n;
}

/* Any IRQL. */
void host_log(int level, const char *fmt, ...)
{
	bool off = !cpu_irqs_on();
	__builtin_va_list args;
	char line[LINE];
	const char *rest;

	__builtin_va_start(args, fmt);
	host_format(line, sizeof(line), fmt, args);
	__builtin_va_end(args);

	/* At DISPATCH_LEVEL at least: an interrupt may come, a switch not. */
	if (off)
		cpu_irq_on();
	DbgPrint("colinux: %s\n", line);
	for (rest = line; *rest;)
		rest += write_entry((NTSTATUS)(level ? COLINUX_MSG_NOTICE :
						       COLINUX_MSG_ERROR),
				    rest);
	if (off)
		cpu_irq_off();
}
