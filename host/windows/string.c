// SPDX-License-Identifier: GPL-2.0
/*
 * The functions that the compiler calls on its own: there is no C library in
 * a driver.  Any IRQL.
 */
#include "types.h"

void *memset(void *to, int value, size_t n);
void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

void *memset(void *to, int value, size_t n)
{
	void *p = to;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(value) : "memory");
	return to;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	__asm__ volatile("rep movsb" : "+D"(p), "+S"(from), "+c"(n)::"memory");
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	u8 *t = to;
	const u8 *f = from;

	if (addr_of(t) - addr_of(f) >= n)
		return memcpy(to, from, n);
	while (n--) {
		t[n] = f[n];
		__asm__ volatile("" ::: "memory"); /* not a memmove() call */
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}
