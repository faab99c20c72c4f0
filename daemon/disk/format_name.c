// SPDX-License-Identifier: GPL-2.0
/* Names of formats and kinds of addresses: see format.h.  Opens nothing. */
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "format.h"

static const struct {
	const char *name, *driver, *suffix;
} names[DISK_FORMATS] = {
	[DISK_RAW] = { "raw", "raw", NULL },
	[DISK_QCOW2] = { "qcow2", "qcow2", "qcow2" },
	[DISK_VHDX] = { "vhdx", "vhdx", "vhdx" },
	[DISK_VHD] = { "vhd", "vpc", "vhd" },
	[DISK_VMDK] = { "vmdk", "vmdk", "vmdk" },
	[DISK_VDI] = { "vdi", "vdi", "vdi" },
};

const char *disk_format_name(enum disk_format format)
{
	return names[format].name;
}

const char *disk_format_driver(enum disk_format format)
{
	return names[format].driver;
}

int disk_format_find(const char *name)
{
	for (int i = 0; i < DISK_FORMATS; i++)
		if (!strcmp(name, names[i].name))
			return i;
	return -1;
}

enum disk_scheme disk_scheme_of(const char *path)
{
	if (!strncmp(path, "nbd://", 6))
		return DISK_NBD;
	if (!strncmp(path, "nbd+unix://", 11))
		return DISK_NBD_UNIX;
	if (!strncmp(path, "http://", 7) || !strncmp(path, "https://", 8))
		return DISK_HTTP;
	return DISK_FILE;
}

int disk_format_by_suffix(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (int i = 0; dot && i < DISK_FORMATS; i++)
		if (names[i].suffix && !strcasecmp(dot + 1,
						     names[i].suffix))
			return i;
	return DISK_RAW;
}
