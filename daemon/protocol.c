/* SPDX-License-Identifier: GPL-2.0 */
/* Requests and answers of the control socket: see protocol.h. */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "protocol.h"

struct parameter {
	const char *name;
	size_t offset;		/* in struct protocol_request */
	int64_t max;
};

#define OFFSET(field) offsetof(struct protocol_request, field)

static const struct parameter parameters[] = {
	{ "timeout", OFFSET(timeout), 3600 },
	{ "force", OFFSET(force), 1 },
	{ "columns", OFFSET(columns), 65535 },
	{ "rows", OFFSET(rows), 65535 },
	{ "scrollback", OFFSET(scrollback), INT32_MAX },
	{ "disk", OFFSET(disk), CONFIG_DISKS - 1 },
	{ "read-only", OFFSET(read_only), 1 },
	{ "direct", OFFSET(direct), 1 },
	{ "size", OFFSET(size), INT64_MAX / 16 },
	{ "target", OFFSET(target), INT32_MAX },
	{ "fresh", OFFSET(fresh), 1 },
};

#define NR_PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

/* Bits are indexes into parameters[]. */
static const struct verb {
	const char *name;
	enum protocol_verb verb;
	unsigned int takes;
} verbs[] = {
	{ "status", PROTOCOL_STATUS, 0 },
	{ "stats", PROTOCOL_STATS, 0 },
	{ "stop", PROTOCOL_STOP, 1 << 0 | 1 << 1 },
	{ "kill", PROTOCOL_KILL, 0 },
	{ "console", PROTOCOL_CONSOLE, 1 << 2 | 1 << 3 | 1 << 4 },
	{ "resize", PROTOCOL_RESIZE, 1 << 2 | 1 << 3 },
	{ "disk-add", PROTOCOL_DISK_ADD, 1 << 5 | 1 << 6 | 1 << 7 },
	{ "disk-remove", PROTOCOL_DISK_REMOVE, 1 << 1 | 1 << 5 },
	{ "disk-resize", PROTOCOL_DISK_RESIZE, 1 << 5 | 1 << 8 },
	{ "memory", PROTOCOL_MEMORY, 1 << 9 | 1 << 10 },
};

#define NR_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int64_t *field(struct protocol_request *request,
		      const struct parameter *parameter)
{
	return (int64_t *)((char *)request + parameter->offset);
}

void protocol_request_init(struct protocol_request *request,
			   enum protocol_verb verb)
{
	request->verb = verb;
	for (size_t i = 0; i < NR_PARAMETERS; i++)
		*field(request, &parameters[i]) = -1;
}

/* Digits only, up to max; -1 otherwise. */
static int64_t parse_number(const char *text, int64_t max)
{
	int64_t number = 0;

	if (!*text)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = number * 10 + (*text - '0');
		if (number > max)
			return -1;
	}
	return number;
}

static int take_parameter(struct protocol_request *request,
			  const struct verb *verb, char *word,
			  struct error *error)
{
	char *equals = strchr(word, '=');
	int64_t number;

	if (!equals)
		return error_set(error, "%s: %s is not KEY=NUMBER", verb->name,
				 word);
	*equals = '\0';
	for (size_t i = 0; i < NR_PARAMETERS; i++) {
		if (!(verb->takes & 1u << i) ||
		    strcmp(word, parameters[i].name))
			continue;
		number = parse_number(equals + 1, parameters[i].max);
		if (number < 0)
			return error_set(error,
					 "%s: %s is a number from 0 to %lld",
					 verb->name, word,
					 (long long)parameters[i].max);
		if (*field(request, &parameters[i]) >= 0)
			return error_set(error, "%s: %s is given twice",
					 verb->name, word);
		*field(request, &parameters[i]) = number;
		return 0;
	}
	return error_set(error, "%s takes no %s", verb->name, word);
}

int protocol_parse(const char *line, size_t length,
		   struct protocol_request *request, struct error *error)
{
	const struct verb *verb = NULL;
	char copy[PROTOCOL_LINE], *word, *rest;

	if (length >= sizeof(copy))
		return error_set(error, "the request is too long");
	for (size_t i = 0; i < length; i++)
		if (line[i] < ' ' || line[i] > '~')
			return error_set(error, "the request is no plain text");
	memcpy(copy, line, length);
	copy[length] = '\0';
	word = strtok_r(copy, " ", &rest);
	for (size_t i = 0; word && i < NR_VERBS; i++)
		if (!strcmp(word, verbs[i].name))
			verb = &verbs[i];
	if (!verb)
		return error_set(error, "unknown request %.40s",
				 word ? word : "(empty)");
	protocol_request_init(request, verb->verb);
	while ((word = strtok_r(NULL, " ", &rest)))
		if (take_parameter(request, verb, word, error) < 0)
			return -1;
	return 0;
}

size_t protocol_format(const struct protocol_request *request, char *line,
		       size_t room)
{
	struct protocol_request copy = *request;
	const struct verb *verb = NULL;
	size_t used;

	for (size_t i = 0; i < NR_VERBS; i++)
		if (verbs[i].verb == request->verb)
			verb = &verbs[i];
	used = snprintf(line, room, "%s", verb->name);
	for (size_t i = 0; i < NR_PARAMETERS && used < room; i++)
		if ((verb->takes & 1u << i) &&
		    *field(&copy, &parameters[i]) >= 0)
			used += snprintf(line + used, room - used, " %s=%lld",
					 parameters[i].name,
					 (long long)*field(&copy,
							   &parameters[i]));
	if (used < room)
		used += snprintf(line + used, room - used, "\n");
	return used;
}

void protocol_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

char *protocol_split(char *line)
{
	char *blank = strchr(line, ' ');

	if (!blank)
		return line + strlen(line);
	*blank = '\0';
	return blank + 1;
}
