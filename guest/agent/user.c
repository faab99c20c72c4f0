// SPDX-License-Identifier: GPL-2.0
/*
 * Users and groups from the guest's own files.  No name service: what only
 * LDAP or the like knows can be given by number.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define FIELDS 7

/* A number of decimal digits; false if it is none. */
static bool number(const char *text, uint32_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
		if (n >= UINT32_MAX)
			return false;
	}
	*value = (uint32_t)n;
	return true;
}

static void copy(char *to, size_t room, const char *from)
{
	size_t length = strlen(from);

	if (length >= room)
		length = room - 1;
	memcpy(to, from, length);
	to[length] = '\0';
}

/* Split a line at its ':' in place; missing fields are "". */
static void split(char *line, char *field[FIELDS])
{
	static char none[1];

	for (int i = 0; i < FIELDS; i++) {
		field[i] = line ? line : none;
		line = line ? strchr(line, ':') : NULL;
		if (line)
			*line++ = '\0';
	}
}

/*
 * Call `each` with the fields of every line of a file until it returns true;
 * lines that are too long are skipped.
 */
static bool for_each_line(const char *path,
			  bool (*each)(char *field[FIELDS], void *data),
			  void *data)
{
	static char buffer[16384];
	size_t used = 0;
	bool found = false, skip = false;
	char *field[FIELDS], *end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	do {
		got = read(fd, buffer + used, sizeof(buffer) - 1 - used);
		if (got > 0)
			used += (size_t)got;
		/* The last line may have no end. */
		if (got <= 0 && used)
			buffer[used++] = '\n';
		while (!found && (end = memchr(buffer, '\n', used))) {
			*end = '\0';
			if (!skip) {
				split(buffer, field);
				found = each(field, data);
			}
			skip = false;
			used -= (size_t)(end + 1 - buffer);
			memmove(buffer, end + 1, used);
		}
		if (used == sizeof(buffer) - 1) {
			skip = true;
			used = 0;
		}
	} while (got > 0 && !found);
	close(fd);
	return found;
}

struct search {
	const char *name;
	bool by_number;
	uint32_t id;
	struct user *user;
};

/* name:password:uid:gid:comment:home:shell */
static bool is_user(char *field[FIELDS], void *data)
{
	struct search *search = data;
	uint32_t uid, gid;

	if (!number(field[2], &uid) || !number(field[3], &gid))
		return false;
	if (search->by_number ? uid != search->id :
				strcmp(field[0], search->name) != 0)
		return false;
	search->user->uid = uid;
	search->user->gid = gid;
	copy(search->user->name, sizeof(search->user->name), field[0]);
	if (*field[5])
		copy(search->user->home, sizeof(search->user->home), field[5]);
	if (*field[6])
		copy(search->user->shell, sizeof(search->user->shell),
		     field[6]);
	return true;
}

/* name:password:gid:member,member */
static bool is_group(char *field[FIELDS], void *data)
{
	struct search *search = data;

	return !strcmp(field[0], search->name) &&
	       number(field[2], &search->id);
}

/* Add the groups that list the user; never the last. */
static bool add_group(char *field[FIELDS], void *data)
{
	struct user *user = data;
	char *member = field[3], *comma;
	uint32_t gid;

	if (!number(field[2], &gid))
		return false;
	for (; member; member = comma) {
		comma = strchr(member, ',');
		if (comma)
			*comma++ = '\0';
		if (strcmp(member, user->name) || !*member)
			continue;
		if (user->nr_groups < AGENT_GROUPS)
			user->groups[user->nr_groups++] = gid;
		break;
	}
	return false;
}

bool user_find(const char *spec, struct user *user)
{
	struct search search = { .user = user };
	char name[256], *group;
	bool known;

	memset(user, 0, sizeof(*user));
	copy(user->home, sizeof(user->home), "/");
	copy(user->shell, sizeof(user->shell), "/bin/sh");
	copy(name, sizeof(name), *spec ? spec : "0");
	group = strchr(name, ':');
	if (group)
		*group++ = '\0';
	search.name = name;
	search.by_number = number(name, &search.id);
	known = for_each_line("/etc/passwd", is_user, &search);
	if (!known && !search.by_number)
		return false;
	if (!known) {
		user->uid = search.id;
		user->gid = search.id ? search.id : 0;
		copy(user->name, sizeof(user->name),
		     search.id ? name : "root");
	}
	user->groups[user->nr_groups++] = user->gid;
	if (known)
		for_each_line("/etc/group", add_group, user);
	if (!group)
		return true;
	if (!number(group, &search.id)) {
		search.name = group;
		if (!for_each_line("/etc/group", is_group, &search))
			return false;
	}
	user->gid = search.id;
	user->groups[0] = search.id;
	return true;
}
