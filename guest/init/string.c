// SPDX-License-Identifier: GPL-2.0
/*
 * The handful of <string.h> functions that the program and the compiler's own
 * code use, so that /colinux-init needs no C library.  The unit tests link the
 * host's instead.  Byte loops on purpose: nothing here is ever hot.
 */
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int value, size_t n)
{
	unsigned char *t = to;

	while (n--)
		*t++ = (unsigned char)value;
	return to;
}

int memcmp(const void *left, const void *right, size_t n)
{
	const unsigned char *l = left;
	const unsigned char *r = right;

	for (; n--; l++, r++)
		if (*l != *r)
			return *l - *r;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *l, const char *r)
{
	while (*l && *l == *r) {
		l++;
		r++;
	}
	return (unsigned char)*l - (unsigned char)*r;
}

int strncmp(const char *l, const char *r, size_t n)
{
	for (; n; n--, l++, r++)
		if (*l != *r || !*l)
			return (unsigned char)*l - (unsigned char)*r;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}
