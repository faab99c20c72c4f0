// SPDX-License-Identifier: GPL-2.0
/*
 * host_format(): the few conversions that the monitor's sentences use.  Any
 * IRQL, no memory but the caller's.
 */
#include "vm.h"

struct out {
	char *buf;
	size_t size, n;		/* n counts what would be written */
};

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->size)
		o->buf[o->n] = c;
	o->n++;
}

static void put_number(struct out *o, u64 value, u32 base, u32 width, char pad)
{
	char digits[24];
	u32 n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	for (; width > n; width--)
		put(o, pad);
	while (n)
		put(o, digits[--n]);
}

int host_format(char *buf, size_t size, const char *fmt,
		__builtin_va_list args)
{
	struct out o = { .buf = buf, .size = size };

	for (; *fmt; fmt++) {
		u32 width = 0, longs = 0;
		char pad = ' ';

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt++;
		if (*fmt == '0')
			pad = *fmt++;
		while (*fmt >= '0' && *fmt <= '9' && width < 100)
			width = width * 10 + (u32)(*fmt++ - '0');
		while (*fmt == 'l') {
			longs++;
			fmt++;
		}
		switch (*fmt) {
		case 's': {
			const char *s = __builtin_va_arg(args, const char *);

			for (s = s ? s : "(null)"; *s; s++)
				put(&o, *s);
			break;
		}
		case 'd': {
			s64 v = longs > 1 ? __builtin_va_arg(args, long long) :
				longs	  ? __builtin_va_arg(args, long) :
					    __builtin_va_arg(args, int);

			if (v < 0)
				put(&o, '-');
			put_number(&o, v < 0 ? 0 - (u64)v : (u64)v, 10, width,
				   pad);
			break;
		}
		case 'u':
		case 'x': {
			u64 v = longs > 1 ? __builtin_va_arg(
						    args, unsigned long long) :
				longs	  ? __builtin_va_arg(args,
							     unsigned long) :
					    __builtin_va_arg(args,
							     unsigned int);

			put_number(&o, v, *fmt == 'x' ? 16 : 10, width, pad);
			break;
		}
		case 'c':
			put(&o, (char)__builtin_va_arg(args, int));
			break;
		case 0:
			fmt--;
			break;
		default:
			put(&o, *fmt);
		}
	}
	if (size)
		buf[o.n < size ? o.n : size - 1] = 0;
	return (int)o.n;
}
