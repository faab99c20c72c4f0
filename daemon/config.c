/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Configurations: words, files, the command line, and whether the whole fits
 * together.  What each key means is config_keys.c's.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_keys.h"
#include "disk/format.h"
#include "os.h"

void config_init(struct config *config)
{
	config->memory = 256ull * 1024 * 1024;
	config->cpus = uv_available_parallelism();
	if (config->cpus > CONFIG_CPUS_MAX)
		config->cpus = CONFIG_CPUS_MAX;
	config->stop_timeout = 90;
	config->watchdog = 5;
}

void config_meaning(struct config_word *word, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(word->meaning, sizeof(word->meaning), format, args);
	va_end(args);
}

/* Free parameter: append to the command line, quoted as the kernel expects. */
static int add_parameter(struct config *config, struct config_word *word,
			 struct error *error)
{
	const char *similar = config_similar_key(word->key);
	size_t used = strlen(config->parameters);
	bool quote = strpbrk(word->value, " \t") != NULL;
	int length;

	if (strpbrk(word->key, " \t\"") || strchr(word->value, '"'))
		return error_set(error,
				 "%.40s: a kernel parameter cannot contain "
				 "quotes, nor white space in its name",
				 word->key);
	length = snprintf(config->parameters + used,
			  sizeof(config->parameters) - used, "%s%s%s%s%s%s",
			  used ? " " : "", word->key,
			  word->has_value ? "=" : "", quote ? "\"" : "",
			  word->value, quote ? "\"" : "");
	if (length < 0 ||
	    (size_t)length >= sizeof(config->parameters) - used) {
		config->parameters[used] = '\0';
		return error_set(error,
				 "%.40s: the kernel parameters are longer "
				 "than %d bytes; use fewer",
				 word->key, CONFIG_PARAMETERS - 1);
	}
	config_meaning(word, "passed to the kernel");
	if (similar && word->has_value) {
		config_meaning(word, "passed to the kernel (did you mean "
				     "%s=?)", similar);
		word->verdict = CONFIG_WARNING;
	}
	return 0;
}

static int take_word(struct config *config, struct config_word *word,
		     struct error *error)
{
	const struct config_key *key;

	for (const char *c = word->key; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_set(error, "control character in a name");
	for (const char *c = word->value; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return error_set(error,
					 "%.40s: control character in the "
					 "value", word->key);
	if (!*word->key)
		return error_set(error, "a word begins with '=': name missing");
	key = config_find_key(word->key, &word->index);
	if (!key)
		return add_parameter(config, word, error);
	if (!word->has_value)
		return error_set(error, "%s needs a value: %s=%s", word->key,
				 word->key, key->argument);
	return key->set(config, word, error);
}

int config_word(struct config *config, const struct config_origin *origin,
		const char *text, config_report_fn report, void *opaque,
		struct error *error)
{
	struct config_word word = { 0 };
	struct error own;
	char *equals;
	int result;

	word.key = strdup(text);
	if (!word.key)
		return error_set(error, "out of memory");
	equals = strchr(word.key, '=');
	word.has_value = equals != NULL;
	if (equals)
		*equals = '\0';
	word.value = equals ? equals + 1 : word.key + strlen(word.key);
	result = take_word(config, &word, &own);
	if (result < 0)
		error_set(error, "%s", own.text);
	if (report)
		report(opaque, origin, text,
		       result < 0 ? CONFIG_ERROR : word.verdict,
		       result < 0 ? own.text : word.meaning);
	free(word.key);
	return result;
}

/* Where the reader of a text is. */
struct cursor {
	const char *at, *end;
	unsigned int line;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skip white space and comments; false at the end. */
static bool next_word(struct cursor *cursor)
{
	while (cursor->at < cursor->end) {
		if (*cursor->at == '#') {
			while (cursor->at < cursor->end && *cursor->at != '\n')
				cursor->at++;
		} else if (is_space(*cursor->at)) {
			if (*cursor->at == '\n')
				cursor->line++;
			cursor->at++;
		} else {
			return true;
		}
	}
	return false;
}

/*
 * Copy a word without its quotes; word has room for the whole text.  Returns
 * -1 when a quote is not closed on its line; the rest of the line is skipped.
 */
static int copy_word(struct cursor *cursor, char *word, struct error *error)
{
	bool quoted = false;

	while (cursor->at < cursor->end) {
		char c = *cursor->at;

		if (c == '\n' || (!quoted && is_space(c)))
			break;
		cursor->at++;
		if (c == '"')
			quoted = !quoted;
		else if (c)
			*word++ = c;
		else
			*word++ = '\1';	/* refused as a control character */
	}
	*word = '\0';
	if (quoted)
		return error_set(error, "closing quote (\") missing");
	return 0;
}

int config_text(struct config *config, const char *file, const char *text,
		size_t length, config_report_fn report, void *opaque,
		struct error *error)
{
	struct cursor cursor = { text, text + length, 1 };
	struct config_origin origin = { file, 0 };
	struct error own;
	int result = 0, this;
	char *word;

	word = malloc(length + 1);
	if (!word)
		return error_set(error, "%s: out of memory", file);
	while (next_word(&cursor)) {
		origin.line = cursor.line;
		this = copy_word(&cursor, word, &own);
		if (this < 0 && report)
			report(opaque, &origin, word, CONFIG_ERROR, own.text);
		else if (!this)
			this = config_word(config, &origin, word, report,
					   opaque, &own);
		if (this < 0 && !result)
			result = error_set(error, "%s:%u: %s", file,
					   origin.line, own.text);
		if (this < 0 && !report)
			break;
	}
	free(word);
	return result;
}

int config_file(struct config *config, const char *path,
		config_report_fn report, void *opaque, struct error *error)
{
	size_t length;
	int result;
	char *text;
	FILE *file;

	file = os_fopen(path, "rb");
	if (!file)
		return error_set(error, "%s: cannot read the configuration: %s",
				 path, strerror(errno));
	text = malloc(CONFIG_FILE_SIZE + 1);
	if (!text) {
		fclose(file);
		return error_set(error, "%s: out of memory", path);
	}
	errno = 0;
	length = fread(text, 1, CONFIG_FILE_SIZE + 1, file);
	if (ferror(file))
		result = error_set(error, "%s: cannot read the configuration: "
					  "%s", path, strerror(errno));
	else if (length > CONFIG_FILE_SIZE)
		result = error_set(error,
				   "%s: longer than %d KiB, that is no "
				   "configuration", path,
				   CONFIG_FILE_SIZE / 1024);
	else if (!os_text_to_utf8(&text, &length))
		result = error_set(error, "%s: out of memory", path);
	else
		result = config_text(config, path, text, length, report,
				     opaque, error);
	fclose(file);
	free(text);
	return result;
}

unsigned int config_disk_position(const struct config *config,
				  unsigned int disk)
{
	unsigned int position = 0;

	for (unsigned int i = 0; i < disk; i++)
		if (*config->disk[i].path)
			position++;
	return position;
}

/*
 * The disk that a guest device name means: "cobd0", "cobd0p1", an alias, or an
 * alias of the whole disk and a partition number.  *rest is the partition
 * ("" = none).  -1: not one of ours.
 */
static int disk_of_name(const struct config *config, const char *name,
			const char **rest)
{
	char *end;

	if (!strncmp(name, "/dev/", 5))
		name += 5;
	if (!strncmp(name, "cobd", 4) && name[4] >= '0' && name[4] <= '9') {
		unsigned long disk = strtoul(name + 4, &end, 10);

		if (*end == 'p' && end[1])
			end++;
		if (strspn(end, "0123456789") != strlen(end))
			return -1;
		*rest = end;
		return disk < CONFIG_DISKS ? (int)disk : CONFIG_DISKS;
	}
	for (int i = 0; i < CONFIG_DISKS; i++) {
		const char *alias = config->disk[i].alias;

		if (*alias && !strcmp(alias, name)) {
			*rest = "";
			return i;
		}
	}
	for (int i = 0; i < CONFIG_DISKS; i++) {
		const char *alias = config->disk[i].alias;
		size_t length = strlen(alias);

		if (length && !strncmp(alias, name, length) &&
		    alias[length - 1] > '9' &&
		    strspn(name + length, "0123456789") ==
			    strlen(name + length)) {
			*rest = name + length;
			return i;
		}
	}
	return -1;
}

int config_command_line(const struct config *config, char *line, size_t room,
			struct error *error)
{
	const char *rest = NULL;
	char root[80] = "";
	int disk, length;

	if (*config->root) {
		disk = disk_of_name(config, config->root, &rest);
		if (disk >= CONFIG_DISKS ||
		    (disk >= 0 && !*config->disk[disk].path))
			return error_set(error,
					 "root=%s: that block device is not "
					 "configured; add cobd%d=FILE",
					 config->root,
					 disk < CONFIG_DISKS ? disk : 0);
		if (disk >= 0)
			snprintf(root, sizeof(root), "root=/dev/vd%c%s ",
				 'a' + config_disk_position(config, disk),
				 rest);
		else
			snprintf(root, sizeof(root), "root=%s ", config->root);
	}
	length = snprintf(line, room, "%s%s", root, config->parameters);
	if (length < 0 || (size_t)length >= room)
		return error_set(error, "the kernel parameters are too long; "
					"use fewer");
	while (length && line[length - 1] == ' ')
		line[--length] = '\0';
	return 0;
}

/* The guest's name from the path of its configuration: "/etc/a.conf" -> a. */
static void default_name(struct config *config, const char *source)
{
	const char *base = source ? source : "linux", *c;
	size_t length;

	for (c = base; *c; c++)
		if (*c == '/' || *c == '\\')
			base = c + 1;
	length = strcspn(base, ".");
	if (length >= CONFIG_NAME)
		length = CONFIG_NAME - 1;
	memcpy(config->name, base, length);
	config->name[length] = '\0';
	for (char *at = config->name; *at; at++) {
		char one[2] = { *at, '\0' };

		if (!config_valid_name(one) && !strchr(".-", *at))
			*at = '_';
	}
	if (!config_valid_name(config->name))
		strcpy(config->name, "linux");
}

static int check_readable(const char *key, const char *path, bool directory,
			  struct error *error)
{
	if (!*path)
		return 0;
	switch (os_file_kind(path)) {
	case OS_FILE_MISSING:
		return error_set(error, "%s=%s: %s", key, path,
				 strerror(errno));
	case OS_FILE_DIRECTORY:
		if (!directory)
			return error_set(error, "%s=%s: is a directory, "
						"give a file", key, path);
		return 0;
	default:
		if (directory)
			return error_set(error, "%s=%s: is not a directory",
					 key, path);
		return 0;
	}
}

bool config_connects(const struct config *config)
{
	for (int i = 0; i < CONFIG_FOLDERS; i++)
		if (*config->folder[i].path)
			return true;
	return *config->vhost_user[0].kind ||
	       config->vsock == CONFIG_VSOCK_CONNECT;
}

static int check_files(const struct config *config, struct error *error)
{
	char key[16];

	if (check_readable("kernel", config->kernel, false, error) < 0 ||
	    check_readable("initrd", config->initrd, false, error) < 0 ||
	    check_readable("modules", config->modules, true, error) < 0 ||
	    check_readable("port", config->port, false, error) < 0 ||
	    check_readable("colinux-init", config->init, false, error) < 0)
		return -1;
	for (int i = 0; i < CONFIG_FOLDERS; i++) {
		snprintf(key, sizeof(key), "cofs%d", i);
		if (check_readable(key, config->folder[i].path, true,
				   error) < 0)
			return -1;
	}
	for (int i = 0; i < CONFIG_DISKS; i++) {
		snprintf(key, sizeof(key), "cobd%d", i);
		if (disk_scheme_of(config->disk[i].path) == DISK_FILE &&
		    check_readable(key, config->disk[i].path, false, error) < 0)
			return -1;
		if (*config->disk[i].alias && !*config->disk[i].path)
			return error_set(error,
					 "%s=:cobd%d: that block device is "
					 "not configured; add cobd%d=FILE",
					 config->disk[i].alias, i, i);
	}
	return 0;
}

/* Linux drives only one device of that kind. */
static int check_vsock(const struct config *config, struct error *error)
{
	unsigned int nr = config->vsock != CONFIG_VSOCK_OFF;
	const char *remedy = nr ? "give vsock=off" : "leave one out";

	for (int i = 0; i < CONFIG_VHOST_USERS; i++)
		if (!strcmp(config->vhost_user[i].kind, "vsock") && nr++)
			return error_set(error, "vhost-user=vsock,%s: a guest "
					 "has one vsock device only; %s",
					 config->vhost_user[i].path, remedy);
	return 0;
}

int config_finish(struct config *config, const char *source,
		  struct error *error)
{
	char line[CONFIG_PARAMETERS + 80];

	if (!*config->name)
		default_name(config, source);
	if (!*config->kernel &&
	    os_host_kernel(config->kernel, sizeof(config->kernel), error) < 0)
		return -1;
	if (!*config->root && !*config->initrd && !*config->disk[0].path)
		return error_set(error, "nothing to boot from: give cobd0=FILE "
					"(a root file system) or initrd=FILE");
	if (!*config->root && *config->disk[0].path && !*config->initrd)
		strcpy(config->root, "/dev/cobd0");
	if (check_files(config, error) < 0 || check_vsock(config, error) < 0)
		return -1;
	return config_command_line(config, line, sizeof(line), error);
}
