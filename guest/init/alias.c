// SPDX-License-Identifier: GPL-2.0
/*
 * From a device's place in sysfs to its classic coLinux name.  Pure.
 */
#include "alias.h"

#include <string.h>

static size_t digits(const char *s)
{
	size_t n = 0;

	while (s[n] >= '0' && s[n] <= '9')
		n++;
	return n;
}

bool classic_name(const char *path, unsigned int partition, char *name,
		  size_t size)
{
	char number[16];
	size_t n = sizeof(number), len;

	for (; (path = strchr(path, '/')) != NULL; ) {
		path++;
		if (strncmp(path, "cobd", 4))
			continue;
		len = 4 + digits(path + 4);
		if (len > 4 && path[len] == '/')
			break;
	}
	if (!path)
		return false;
	if (partition) {
		for (; partition; partition /= 10)
			number[--n] = (char)('0' + partition % 10);
		number[--n] = 'p';
	}
	if (len + sizeof(number) - n + 1 > size)
		return false;
	memcpy(name, path, len);
	memcpy(name + len, number + n, sizeof(number) - n);
	name[len + sizeof(number) - n] = '\0';
	return true;
}
