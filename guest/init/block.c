// SPDX-License-Identifier: GPL-2.0
/*
 * Block devices: walk /sys/class/block, read the names on the disks, make the
 * classic aliases.
 */
#include "block.h"

#include <fcntl.h>
#include <string.h>

#include "alias.h"
#include "dir.h"
#include "sys.h"

#define CLASS_BLOCK	"/sys/class/block/"

/* to = a b c; false (and empty) if it does not fit. */
static bool join(char *to, size_t size, const char *a, const char *b,
		 const char *c)
{
	size_t la = strlen(a), lb = strlen(b), lc = strlen(c);

	to[0] = '\0';
	if (la + lb + lc + 1 > size)
		return false;
	memcpy(to, a, la);
	memcpy(to + la, b, lb);
	memcpy(to + la + lb, c, lc + 1);
	return true;
}

/* Read a small file of sysfs as text; false if it is not there. */
static bool read_text(const char *path, char *buf, size_t size)
{
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long n;

	if (fd < 0)
		return false;
	n = sys_read(fd, buf, size - 1);
	sys_close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

static unsigned int parse_decimal(const char **s)
{
	unsigned int value = 0;

	while (**s >= '0' && **s <= '9')
		value = value * 10 + (unsigned int)(*(*s)++ - '0');
	return value;
}

/* ".../block/vda/vda1": the component before the last. */
static void parent_name(const char *link, char *to, size_t size)
{
	const char *last = link, *parent = link, *s;
	size_t n;

	for (s = link; *s; s++)
		if (*s == '/') {
			parent = last;
			last = s + 1;
		}
	n = (size_t)(last - parent);
	to[0] = '\0';
	if (n < 2 || n > size)
		return;
	memcpy(to, parent, n - 1);
	to[n - 1] = '\0';
}

static bool describe(const char *name, struct block_device *device)
{
	char path[160], text[64], link[512];
	const char *s = text;
	long n;

	memset(device, 0, sizeof(*device));
	if (!join(device->name, sizeof(device->name), name, "", "") ||
	    !join(path, sizeof(path), CLASS_BLOCK, name, "/dev") ||
	    !read_text(path, text, sizeof(text)))
		return false;
	device->major = parse_decimal(&s);
	if (*s++ != ':')
		return false;
	device->minor = parse_decimal(&s);

	join(path, sizeof(path), CLASS_BLOCK, name, "/partition");
	if (read_text(path, text, sizeof(text))) {
		s = text;
		device->partition = parse_decimal(&s);
	}
	join(path, sizeof(path), CLASS_BLOCK, name, "");
	n = sys_readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return false;
	link[n] = '\0';
	if (device->partition)
		parent_name(link, device->disk, sizeof(device->disk));
	classic_name(link, device->partition, device->classic,
		     sizeof(device->classic));
	return true;
}

struct walk {
	bool (*each)(const struct block_device *device, void *data);
	void *data;
};

static bool visit(int dir, const char *name, int type, void *data)
{
	struct walk *walk = data;
	struct block_device device;

	(void)dir;
	(void)type;
	return describe(name, &device) && walk->each(&device, walk->data);
}

bool for_each_block_device(bool (*each)(const struct block_device *device,
					void *data), void *data)
{
	struct walk walk = { each, data };
	int fd = sys_openat(AT_FDCWD, CLASS_BLOCK,
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found;

	if (fd < 0)
		return false;
	found = for_each_entry(fd, visit, &walk);
	sys_close(fd);
	return found;
}

/* The first DISK_HEAD bytes of a device, zeros where it is smaller. */
static const unsigned char *read_head(const char *name)
{
	static unsigned char head[DISK_HEAD];
	char path[96];
	size_t used = 0;
	long n;
	int fd;

	memset(head, 0, sizeof(head));
	if (!join(path, sizeof(path), "/dev/", name, ""))
		return NULL;
	fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	while (used < sizeof(head)) {
		n = sys_read(fd, head + used, sizeof(head) - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	sys_close(fd);
	return used ? head : NULL;
}

bool block_fs(const struct block_device *device, struct disk_names *names)
{
	const unsigned char *head = read_head(device->name);

	memset(names, 0, sizeof(*names));
	return head && identify_fs(head, DISK_HEAD, names);
}

bool block_partition(const struct block_device *device,
		     struct disk_names *names)
{
	const unsigned char *head;

	memset(names, 0, sizeof(*names));
	if (!device->partition)
		return false;
	head = read_head(device->disk);
	return head && identify_partition(head, DISK_HEAD, device->partition,
					  names);
}

bool block_matches(const struct block_device *device,
		   const struct root_spec *spec)
{
	struct disk_names names;

	switch (spec->kind) {
	case ROOT_NAME:
		return !strcmp(spec->value, device->name) ||
			!strcmp(spec->value, device->classic);
	case ROOT_NUMBER:
		return spec->major == device->major &&
			spec->minor == device->minor;
	case ROOT_UUID:
		return block_fs(device, &names) &&
			!strcmp(spec->value, names.uuid);
	case ROOT_LABEL:
		return block_fs(device, &names) &&
			!strcmp(spec->value, names.label);
	case ROOT_PARTUUID:
		return block_partition(device, &names) &&
			!strcmp(spec->value, names.uuid);
	case ROOT_PARTLABEL:
		return block_partition(device, &names) &&
			!strcmp(spec->value, names.label);
	}
	return false;
}

static bool make_alias(const struct block_device *device, void *data)
{
	char path[96];

	(void)data;
	/* An existing link is our own from an earlier look: EEXIST is fine. */
	if (device->classic[0] &&
	    join(path, sizeof(path), "/dev/", device->classic, ""))
		sys_symlink(device->name, path);
	return false;
}

void make_aliases(void)
{
	for_each_block_device(make_alias, NULL);
}
