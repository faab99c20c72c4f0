// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel command line, root= and rootflags= as /colinux-init needs them.
 * Pure functions: no system call here, the unit tests run them as they are.
 */
#include "cmdline.h"

#include <string.h>
#include <linux/mount.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

/* Copy at most size - 1 bytes; false if it did not fit (then to is empty). */
static bool copy_text(char *to, size_t size, const char *from, size_t len)
{
	to[0] = '\0';
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * A number that ends the string or is followed by `end`.  Returns what
 * follows it, or NULL; values beyond 2^31 are refused.
 */
static const char *number(const char *s, int base, char end, unsigned int *out)
{
	unsigned long value = 0;

	if (digit(*s) < 0 || digit(*s) >= base)
		return NULL;
	for (; digit(*s) >= 0 && digit(*s) < base; s++) {
		value = value * (unsigned int)base + (unsigned int)digit(*s);
		if (value > 0x7fffffff)
			return NULL;
	}
	if (*s && *s != end)
		return NULL;
	*out = (unsigned int)value;
	return s;
}

struct word {
	const char *key;
	size_t key_len;
	const char *value;	/* NULL without '=' */
	size_t value_len;
};

/*
 * The next word of the command line; returns where to go on, NULL at the end.
 * Quotes may surround the whole word or the value; they are not part of it.
 */
static const char *next_word(const char *s, struct word *w)
{
	bool quoted = false;
	const char *end;

	while (is_blank(*s))
		s++;
	if (!*s)
		return NULL;
	memset(w, 0, sizeof(*w));
	if (*s == '"') {
		quoted = true;
		s++;
	}
	w->key = s;
	for (end = s; *end && (quoted || !is_blank(*end)); end++) {
		if (*end == '"')
			quoted = !quoted;
		else if (*end == '=' && !w->value)
			w->value = end + 1;
	}
	if (!w->value) {
		w->key_len = (size_t)(end - s);
		if (w->key_len && s[w->key_len - 1] == '"')
			w->key_len--;
		return end;
	}
	w->key_len = (size_t)(w->value - 1 - s);
	if (w->value < end && *w->value == '"')
		w->value++;
	w->value_len = (size_t)(end - w->value);
	if (w->value_len && end[-1] == '"')
		w->value_len--;
	return end;
}

static bool is_key(const struct word *w, const char *key)
{
	return w->key_len == strlen(key) && !memcmp(w->key, key, w->key_len);
}

const char *parse_cmdline(const char *text, struct boot_options *options)
{
	struct {
		const char *key;
		char *to;
		size_t size;
	} const texts[] = {
		{ "root", options->root, sizeof(options->root) },
		{ "rootfstype", options->rootfstype,
		  sizeof(options->rootfstype) },
		{ "rootflags", options->rootflags,
		  sizeof(options->rootflags) },
		{ "init", options->init, sizeof(options->init) },
		{ "rdinit", options->rdinit, sizeof(options->rdinit) },
	};
	const char *too_long = NULL;
	char buf[16];
	struct word w;
	size_t i;

	memset(options, 0, sizeof(*options));
	while ((text = next_word(text, &w)) != NULL) {
		if (is_key(&w, "--") && !w.value)
			break;
		if (is_key(&w, "ro") && !w.value)
			options->writable = false;
		if (is_key(&w, "rw") && !w.value)
			options->writable = true;
		if (is_key(&w, "rootwait") && !w.value)
			options->wait_forever = true;
		if (is_key(&w, "colinux.debug")) {
			options->debug = true;
			options->debug_shell = w.value && w.value_len == 5 &&
				!memcmp(w.value, "shell", 5);
		}
		if (!w.value)
			continue;
		if (is_key(&w, "colinux.overlay"))
			options->no_overlay = w.value_len == 3 &&
				!memcmp(w.value, "off", 3);
		if (is_key(&w, "rootwait") || is_key(&w, "rootdelay")) {
			if (!copy_text(buf, sizeof(buf), w.value,
				       w.value_len) ||
			    !number(buf, 10, '\0', &options->wait))
				options->wait = 0;
			continue;
		}
		/* The loader's own rdinit= is this program. */
		if (is_key(&w, "rdinit") &&
		    w.value_len == strlen(INIT_PATH) &&
		    !memcmp(w.value, INIT_PATH, w.value_len))
			continue;
		for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			if (is_key(&w, texts[i].key) &&
			    !copy_text(texts[i].to, texts[i].size, w.value,
				       w.value_len))
				too_long = texts[i].key;
	}
	return too_long;
}

static const char *after_prefix(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) ? NULL : s + n;
}

/* udev writes characters that are unsafe in names as \xNN. */
static void decode_udev(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] == 'x' && digit(s[2]) >= 0 &&
		    digit(s[3]) >= 0) {
			*to++ = (char)(digit(s[2]) * 16 + digit(s[3]));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

/* "254:1" or the kernel's old hexadecimal form: major * 256 + minor. */
static bool parse_number(const char *root, struct root_spec *spec)
{
	const char *rest = number(root, 10, ':', &spec->major);
	unsigned int both;

	if (rest && *rest == ':')
		return number(rest + 1, 10, '\0', &spec->minor) != NULL;
	if (root[0] == '0' && (root[1] == 'x' || root[1] == 'X'))
		root += 2;
	if (!number(root, 16, '\0', &both))
		return false;
	/* new_encode_dev() of the kernel: minor's high bits on top. */
	spec->major = (both >> 8) & 0xfff;
	spec->minor = (both & 0xff) | ((both >> 12) & 0xfff00);
	return true;
}

bool parse_root(const char *root, struct root_spec *spec)
{
	static const struct {
		const char *prefix;
		enum root_kind kind;
	} forms[] = {
		{ "UUID=", ROOT_UUID },
		{ "LABEL=", ROOT_LABEL },
		{ "PARTUUID=", ROOT_PARTUUID },
		{ "PARTLABEL=", ROOT_PARTLABEL },
		{ "/dev/disk/by-uuid/", ROOT_UUID },
		{ "/dev/disk/by-label/", ROOT_LABEL },
		{ "/dev/disk/by-partuuid/", ROOT_PARTUUID },
		{ "/dev/disk/by-partlabel/", ROOT_PARTLABEL },
		{ "/dev/", ROOT_NAME },
	};
	const char *rest = NULL;
	size_t i, n;
	char *c;

	memset(spec, 0, sizeof(*spec));
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]) && !rest; i++) {
		rest = after_prefix(root, forms[i].prefix);
		spec->kind = forms[i].kind;
	}
	if (!rest) {
		spec->kind = ROOT_NUMBER;
		return parse_number(root, spec);
	}
	n = strlen(rest);
	if (n && rest[0] == '"') {	/* LABEL="my root" */
		rest++;
		n--;
		if (n && rest[n - 1] == '"')
			n--;
	}
	if (!n || !copy_text(spec->value, sizeof(spec->value), rest, n))
		return false;
	if (root[0] == '/' && spec->kind != ROOT_NAME)
		decode_udev(spec->value);
	if (spec->kind == ROOT_UUID || spec->kind == ROOT_PARTUUID)
		for (c = spec->value; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
	return true;
}

void parse_mount_options(const char *text, bool writable,
			 struct mount_options *options)
{
	static const struct {
		const char *name;
		unsigned long set, clear;
	} bits[] = {
		{ "ro", MS_RDONLY, 0 },
		{ "rw", 0, MS_RDONLY },
		{ "defaults", 0, 0 },
		{ "noatime", MS_NOATIME, MS_RELATIME | MS_STRICTATIME },
		{ "nodiratime", MS_NODIRATIME, 0 },
		{ "relatime", MS_RELATIME, MS_NOATIME | MS_STRICTATIME },
		{ "strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME },
		{ "lazytime", MS_LAZYTIME, 0 },
		{ "sync", MS_SYNCHRONOUS, 0 },
		{ "dirsync", MS_DIRSYNC, 0 },
		{ "nodev", MS_NODEV, 0 },
		{ "nosuid", MS_NOSUID, 0 },
		{ "noexec", MS_NOEXEC, 0 },
	};
	const char *end;
	size_t len, used = 0, i;

	memset(options, 0, sizeof(*options));
	options->flags = writable ? 0 : MS_RDONLY;
	for (; *text; text = *end ? end + 1 : end) {
		for (end = text; *end && *end != ','; end++)
			;
		len = (size_t)(end - text);
		for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
			if (len == strlen(bits[i].name) &&
			    !memcmp(text, bits[i].name, len))
				break;
		if (i < sizeof(bits) / sizeof(bits[0])) {
			options->flags &= ~bits[i].clear;
			options->flags |= bits[i].set;
		} else if (len && used + len + 2 <= sizeof(options->data)) {
			if (used)
				options->data[used++] = ',';
			memcpy(options->data + used, text, len);
			used += len;
			options->data[used] = '\0';
		}
	}
}
