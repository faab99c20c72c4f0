/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keys of a configuration: one row each, with what it means.  Reading
 * files and checking the whole is config.c's.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_keys.h"
#include "disk/format.h"
#include "os.h"
#include "serial.h"

#include <colinux/hypercall.h>
#include <colinux/ioctl.h>

#define MIB (1024ull * 1024)

uint64_t config_parse_size(const char *text)
{
	unsigned long long number;
	uint64_t unit = MIB;
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno)
		return 0;
	switch (*end) {
	case 'k':
	case 'K':
		unit = 1024;
		end++;
		break;
	case 'm':
	case 'M':
		end++;
		break;
	case 'g':
	case 'G':
		unit = 1024 * MIB;
		end++;
		break;
	case 't':
	case 'T':
		unit = 1024 * 1024 * MIB;
		end++;
		break;
	}
	if ((*end == 'b' || *end == 'B') && end[-1] > '9')
		end++;
	if (*end || number > UINT64_MAX / unit)
		return 0;
	return number * unit;
}

bool config_valid_name(const char *name)
{
	size_t length = strlen(name);

	if (!length || length >= CONFIG_NAME || *name == '.' || *name == '-')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("._-", *name))
			return false;
	return true;
}

/* Copy a path into its field; the caller has excluded control characters. */
static int take_path(char *to, const struct config_word *word,
		     struct error *error)
{
	if (!*word->value)
		return error_set(error, "%s= needs a path", word->key);
	if (strlen(word->value) >= CONFIG_PATH)
		return error_set(error,
				 "%s=: the path is longer than %d bytes",
				 word->key, CONFIG_PATH - 1);
	strcpy(to, word->value);
	return 0;
}

/* Refuse what this host lacks. */
static int need(enum os_feature feature, const struct config_word *word,
		struct error *error)
{
	const char *why = os_lacks(feature);

	return why ? error_set(error, "%s=: %s", word->key, why) : 0;
}

static int set_name(struct config *config, struct config_word *word,
		    struct error *error)
{
	if (!config_valid_name(word->value))
		return error_set(error,
				 "name=%.40s: use 1 to %d letters, digits, "
				 "'.', '_' or '-'",
				 word->value, CONFIG_NAME - 1);
	strcpy(config->name, word->value);
	config->name_given = true;
	config_meaning(word, "the guest is called %s", config->name);
	return 0;
}

static int set_kernel(struct config *config, struct config_word *word,
		      struct error *error)
{
	config_meaning(word, "the guest's kernel, a distribution's bzImage");
	return take_path(config->kernel, word, error);
}

static int set_initrd(struct config *config, struct config_word *word,
		      struct error *error)
{
	config_meaning(word, "initial RAM disk, after coLinux's own");
	return take_path(config->initrd, word, error);
}

static int set_modules(struct config *config, struct config_word *word,
		       struct error *error)
{
	config_meaning(word, "directory with the modules of that kernel");
	return take_path(config->modules, word, error);
}

static int set_port(struct config *config, struct config_word *word,
		    struct error *error)
{
	config_meaning(word, "port object to inject into the kernel");
	return take_path(config->port, word, error);
}

static int set_init(struct config *config, struct config_word *word,
		    struct error *error)
{
	config_meaning(word, "colinux-init to put into the initial RAM disk");
	return take_path(config->init, word, error);
}

static int set_memory(struct config *config, struct config_word *word,
		      struct error *error)
{
	uint64_t size = config_parse_size(word->value);

	if (!size)
		return error_set(error,
				 "mem=%.40s is not a size: give megabytes "
				 "(mem=256), or 512M, 2G",
				 word->value);
	if (size < CONFIG_MEMORY_MIN || size > CONFIG_MEMORY_MAX)
		return error_set(error,
				 "mem=%.40s: a guest has from %llu MB to "
				 "%llu GB; plain numbers are megabytes",
				 word->value, CONFIG_MEMORY_MIN / MIB,
				 CONFIG_MEMORY_MAX / MIB / 1024);
	config->memory = (size + 2 * MIB - 1) & -(2 * MIB);
	config_meaning(word, "%llu MB of the host's memory for the guest",
		       (unsigned long long)(config->memory / MIB));
	if (config->memory != size)
		config_meaning(word, "%llu MB for the guest, rounded up to "
				     "2 MB",
			       (unsigned long long)(config->memory / MIB));
	return 0;
}

static int take_number(const struct config_word *word, unsigned int min,
		       unsigned int max, unsigned int *number,
		       struct error *error)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(word->value, &end, 10);
	if (!isdigit((unsigned char)*word->value) || *end || errno ||
	    value < min || value > max)
		return error_set(error,
				 "%s=%.40s: give a number from %u to %u",
				 word->key, word->value, min, max);
	*number = value;
	return 0;
}

static int set_cpus(struct config *config, struct config_word *word,
		    struct error *error)
{
	config_meaning(word, "virtual CPUs, a host thread each");
	return take_number(word, 1, CONFIG_CPUS_MAX, &config->cpus, error);
}

static int set_timeout(struct config *config, struct config_word *word,
		       struct error *error)
{
	config_meaning(word, "seconds for an orderly power-off on request");
	return take_number(word, 0, 3600, &config->stop_timeout, error);
}

static int set_watchdog(struct config *config, struct config_word *word,
			struct error *error)
{
	config_meaning(word, "seconds that the guest may keep interrupts off");
	return take_number(word, 0, COLINUX_WATCHDOG_MAX, &config->watchdog,
			   error);
}

static int set_haltpoll(struct config *config, struct config_word *word,
			struct error *error)
{
	config_meaning(word, "microseconds that an idle CPU may look for work");
	return take_number(word, 0, COLINUX_HALT_POLL_MAX, &config->halt_poll,
			   error);
}

static int set_sandbox(struct config *config, struct config_word *word,
		       struct error *error)
{
	if (!strcmp(word->value, "on")) {
		config->no_sandbox = false;
		config_meaning(word, "the process gives up its privileges");
	} else if (!strcmp(word->value, "off")) {
		config->no_sandbox = true;
		config_meaning(word, "the process KEEPS its privileges");
		word->verdict = CONFIG_WARNING;
	} else {
		return error_set(error, "sandbox=%.40s: give on or off",
				 word->value);
	}
	return 0;
}

static int take_format(struct config_disk *disk, const char *name,
		       const struct config_word *word, struct error *error)
{
	if (disk_format_find(name) < 0)
		return error_set(error, "%s: format=%.20s: there is raw, qcow2,"
				 " vhdx, vhd, vmdk, vdi", word->key, name);
	strcpy(disk->format, name);
	return 0;
}

static int take_backing(struct config_disk *disk, const char *path,
			const struct config_word *word, struct error *error)
{
	if (strlen(path) >= sizeof(disk->backing))
		return error_set(error, "%s: backing=: a path of more than %zu "
				 "bytes", word->key, sizeof(disk->backing) - 1);
	strcpy(disk->backing, path);
	return 0;
}

/* Options after the path: "/srv/x.img,ro,direct". */
static int take_disk(struct config_disk *disk, struct config_word *word,
		     struct error *error)
{
	int failed = 0;
	char *comma;
	size_t path;

	disk->read_only = false;
	disk->direct = false;
	disk->format[0] = '\0';
	disk->backing[0] = '\0';
	while ((comma = strrchr(word->value, ','))) {
		if (!strcmp(comma, ",ro"))
			disk->read_only = true;
		else if (!strcmp(comma, ",rw"))
			disk->read_only = false;
		else if (!strcmp(comma, ",direct"))
			disk->direct = true;
		else if (!strncmp(comma, ",format=", 8))
			failed = take_format(disk, comma + 8, word, error);
		else if (!strncmp(comma, ",backing=", 9))
			failed = take_backing(disk, comma + 9, word, error);
		else
			break;
		if (failed)
			return -1;
		*comma = '\0';
	}
	path = strlen(word->value);
	if (!path)
		return error_set(error, "%s= needs the path of an image file "
					"or block device", word->key);
	if ((disk_scheme_of(word->value) != DISK_FILE || *disk->backing ||
	     (*disk->format ? disk_format_find(disk->format) :
			      disk_format_by_suffix(word->value)) !=
		     DISK_RAW) &&
	    need(OS_DISK_FORMATS, word, error) < 0)
		return -1;
	/* Only ever read; nobody has to say so. */
	if (disk_scheme_of(word->value) == DISK_HTTP)
		disk->read_only = true;
	return take_path(disk->path, word, error);
}

static int set_cobd(struct config *config, struct config_word *word,
		    struct error *error)
{
	struct config_disk *disk;

	if (word->index >= CONFIG_DISKS)
		return error_set(error, "%s: there is cobd0 to cobd%d",
				 word->key, CONFIG_DISKS - 1);
	disk = &config->disk[word->index];
	if (disk->by_alias)
		return error_set(error,
				 "%s: taken by %s= further up; put cobdN= "
				 "before the aliases",
				 word->key, disk->alias);
	if (take_disk(disk, word, error) < 0)
		return -1;
	config_meaning(word, "block device %u of the guest%s%s", word->index,
		       disk->read_only ? ", read-only" : "",
		       disk->direct ? ", past the host's page cache" : "");
	return 0;
}

/* Find the disk with that alias, or -1. */
static int find_alias(const struct config *config, const char *alias)
{
	for (int i = 0; i < CONFIG_DISKS; i++)
		if (!strcmp(config->disk[i].alias, alias))
			return i;
	return -1;
}

/* A disk without a number gets the first that is free; -1: none is. */
static int take_free_disk(struct config *config)
{
	for (int i = 0; i < CONFIG_DISKS; i++)
		if (!*config->disk[i].path && !*config->disk[i].alias) {
			config->disk[i].by_alias = true;
			return i;
		}
	return -1;
}

/*
 * Classic alias: hda1=/path takes the next free cobd, hda1=:cobd0 is another
 * name for one.
 */
int config_set_alias(struct config *config, struct config_word *word,
		     struct error *error)
{
	int disk = find_alias(config, word->key);
	struct config_disk *entry;
	unsigned int number;
	char extra;

	if (*word->value == ':') {
		if (sscanf(word->value, ":cobd%2u%c", &number, &extra) != 1 ||
		    number >= CONFIG_DISKS)
			return error_set(error,
					 "%s=%.40s: an alias is :cobd0 to "
					 ":cobd%d or a path",
					 word->key, word->value,
					 CONFIG_DISKS - 1);
		if (disk >= 0)
			config->disk[disk].alias[0] = '\0';
		strcpy(config->disk[number].alias, word->key);
		config_meaning(word, "another name for cobd%u", number);
		return 0;
	}
	if (disk < 0)
		disk = take_free_disk(config);
	if (disk < 0)
		return error_set(error, "%s: all %d block devices are taken",
				 word->key, CONFIG_DISKS);
	entry = &config->disk[disk];
	if (take_disk(entry, word, error) < 0)
		return -1;
	strcpy(entry->alias, word->key);
	config_meaning(word, "block device %d of the guest (cobd%d)%s", disk,
		       disk, entry->read_only ? ", read-only" : "");
	return 0;
}

/*
 * Classic scsiN=disk,FILE and scsiN=cdrom,FILE: a disk as others, with the
 * alias that it had, sda or sr0.
 */
static int set_scsi(struct config *config, struct config_word *word,
		    struct error *error)
{
	char *comma = strchr(word->value, ',');
	size_t type = comma ? comma - word->value : 0;
	bool cdrom = type == 5 && !strncmp(word->value, "cdrom", 5);
	struct config_disk *entry;
	char alias[CONFIG_ALIAS];
	int disk;

	if (word->index >= CONFIG_DISKS)
		return error_set(error, "%s: there is scsi0 to scsi%d",
				 word->key, CONFIG_DISKS - 1);
	if (!cdrom && !(type == 4 && !strncmp(word->value, "disk", 4)))
		return error_set(error, "%s=%.40s: give disk,FILE or "
				 "cdrom,FILE", word->key, word->value);
	if (cdrom)
		snprintf(alias, sizeof(alias), "sr%u", word->index % 100);
	else
		snprintf(alias, sizeof(alias), "sd%c", 'a' + word->index);
	disk = find_alias(config, alias);
	if (disk < 0)
		disk = take_free_disk(config);
	if (disk < 0)
		return error_set(error, "%s: all %d block devices are taken",
				 word->key, CONFIG_DISKS);
	word->value = comma + 1;
	entry = &config->disk[disk];
	if (take_disk(entry, word, error) < 0)
		return -1;
	entry->read_only |= cdrom;
	strcpy(entry->alias, alias);
	config_meaning(word, "block device %d of the guest (cobd%d)%s", disk,
		       disk, entry->read_only ? ", read-only" : "");
	return 0;
}

static int set_root(struct config *config, struct config_word *word,
		    struct error *error)
{
	if (!*word->value || strlen(word->value) >= sizeof(config->root))
		return error_set(error, "root= needs a device of the guest, "
					"for instance /dev/cobd0");
	strcpy(config->root, word->value);
	config_meaning(word, "the guest's root file system (kernel parameter)");
	return 0;
}

static int set_eth(struct config *config, struct config_word *word,
		   struct error *error)
{
	static const char *const meanings[] = {
		[NET_SLIRP] = "addresses translated by this process (slirp)",
		[NET_TUNTAP] = "a TAP interface of the host",
		[NET_BRIDGE] = "a port of a bridge of the host",
		[NET_MACVTAP] = "a port beside an interface of the host",
	};
	struct net_options *options;

	if (word->index >= CONFIG_NETS)
		return error_set(error, "%s: there is eth0 to eth%d",
				 word->key, CONFIG_NETS - 1);
	options = &config->net[word->index];
	if (net_options_parse(options, word->key, word->value, error) < 0 ||
	    (options->kind != NET_SLIRP &&
	     need(OS_INTERFACES, word, error) < 0))
		return -1;
	config_meaning(word, "network card %u: %s", word->index,
		       meanings[options->kind]);
	return 0;
}

static int set_cofs(struct config *config, struct config_word *word,
		    struct error *error)
{
	struct config_folder *folder;
	char *comma;

	if (word->index >= CONFIG_FOLDERS)
		return error_set(error, "%s: there is cofs0 to cofs%d",
				 word->key, CONFIG_FOLDERS - 1);
	if (need(OS_FOLDERS, word, error) < 0)
		return -1;
	folder = &config->folder[word->index];
	folder->read_only = false;
	comma = strrchr(word->value, ',');
	if (comma && (!strcmp(comma, ",ro") || !strcmp(comma, ",rw"))) {
		folder->read_only = !strcmp(comma, ",ro");
		*comma = '\0';
	}
	/* It separates options of virtiofsd. */
	if (strchr(word->value, ','))
		return error_set(error, "%s=%.60s: only ,ro or ,rw may follow, "
				 "and no other comma be in the path",
				 word->key, word->value);
	config_meaning(word, "folder of the host%s: mount -t virtiofs cofs%u "
		       "/mnt", folder->read_only ? ", read-only" : "",
		       word->index);
	return take_path(folder->path, word, error);
}

static int set_ttys(struct config *config, struct config_word *word,
		    struct error *error)
{
	if (word->index >= CONFIG_SERIALS)
		return error_set(error, "%s: there is ttys0 to ttys%d",
				 word->key, CONFIG_SERIALS - 1);
	if (serial_check(word->key, word->value, error) < 0)
		return -1;
	strcpy(config->serial[word->index], word->value);
	config_meaning(word, "serial port %u of the guest", word->index);
	return 0;
}

static int set_exec(struct config *config, struct config_word *word,
		    struct error *error)
{
	char *comma = strchr(word->value, ','), *to;
	size_t length = strlen(word->value);

	if (word->index >= CONFIG_EXECS)
		return error_set(error, "%s: there is exec0 to exec%d",
				 word->key, CONFIG_EXECS - 1);
	if (!length || length >= CONFIG_COMMAND)
		return error_set(error, "%s= needs a command of at most %d "
				 "bytes", word->key, CONFIG_COMMAND - 1);
	to = config->exec[word->index];
	strcpy(to, word->value);
	/* Classic: PROGRAM,ARGUMENTS. */
	if (comma && (size_t)(comma - word->value) ==
		     strcspn(word->value, " \t,") && *word->value == '/')
		to[comma - word->value] = ' ';
	config_meaning(word, "a command of the host, from the start of the "
		       "guest to its end");
	return 0;
}

static int set_vhost_user(struct config *config, struct config_word *word,
			  struct error *error)
{
	char *comma = strchr(word->value, ',');
	struct config_vhost_user *entry = config->vhost_user;
	size_t kind = comma ? comma - word->value : 0;

	if (need(OS_VHOST_USER, word, error) < 0)
		return -1;
	if (!kind || kind >= sizeof(entry->kind) || !comma[1] ||
	    strlen(comma + 1) >= sizeof(entry->path))
		return error_set(error, "%s=%.60s: give TYPE,SOCKET, as in "
				 "vhost-user=blk,/run/disk.sock", word->key,
				 word->value);
	/* Folders have a key of their own, which knows their names. */
	if (!strncmp(word->value, "fs,", 3))
		return error_set(error, "%s=%.60s: use cofsN=DIRECTORY",
				 word->key, word->value);
	while (*entry->kind)
		if (++entry == config->vhost_user + CONFIG_VHOST_USERS)
			return error_set(error, "%s: there are at most %d",
					 word->key, CONFIG_VHOST_USERS);
	memcpy(entry->kind, word->value, kind);
	entry->kind[kind] = '\0';
	strcpy(entry->path, comma + 1);
	config_meaning(word, "a device (%s) that another process serves",
		       entry->kind);
	return 0;
}

static int set_vsock(struct config *config, struct config_word *word,
		     struct error *error)
{
	static const char *const values[] = {
		"on", "off", "connect", "vhost"
	};
	static const char *const meanings[] = {
		"sockets between host and guest: colinux exec and cp work",
		"no sockets between host and guest: no colinux exec and cp",
		"sockets between host and guest, both can connect",
		"sockets between host and guest by the host's kernel, for all "
		"users of the host",
	};

	for (int i = 0; i < 4; i++) {
		if (strcmp(word->value, values[i]))
			continue;
		if (i != CONFIG_VSOCK_OFF && i != CONFIG_VSOCK_ON &&
		    need(OS_VSOCK_WAYS, word, error) < 0)
			return -1;
		config->vsock = i;
		config_meaning(word, "%s", meanings[i]);
		return 0;
	}
	return error_set(error, "%s=%.60s: give on, off, connect or vhost", word->key,
			 word->value);
}

static int set_later(struct config *config, struct config_word *word,
		     struct error *error)
{
	(void)config;
	(void)error;
	config_meaning(word, "this device is not supported by this version; "
			     "the line is ignored");
	word->verdict = CONFIG_WARNING;
	return 0;
}

static const struct config_key keys[] = {
	{ "kernel", false, "FILE", set_kernel,
	  "kernel image; default: the running host's /boot/vmlinuz-VERSION" },
	{ "initrd", false, "FILE", set_initrd,
	  "initial RAM disk; default: none (coLinux adds its own small one)" },
	{ "mem", false, "SIZE", set_memory,
	  "memory in MB, or 512M, 2G; default 256" },
	{ "cpus", false, "N", set_cpus,
	  "virtual CPUs; default: as many as the host has" },
	{ "cobd", true, "FILE|URI[,ro][,direct][,format=]", set_cobd,
	  "block device N: image, host device, nbd:// or http:// address" },
	{ "eth", true, "slirp|tuntap|bridge|macvtap[,...]", set_eth,
	  "network card N: see colinux.conf(5)" },
	{ "cofs", true, "DIR[,ro]", set_cofs,
	  "folder of the host, seen in the guest as virtiofs cofsN" },
	{ "ttys", true, "pty|unix:PATH|tcp:PORT|file:PATH|/dev/NAME", set_ttys,
	  "serial port N, /dev/hvc(N+1) in the guest: see colinux.conf(5)" },
	{ "ttyS", true, "...", set_ttys, NULL },
	{ "exec", true, "COMMAND", set_exec,
	  "program of the host that runs with the guest" },
	{ "vhost-user", false, "TYPE,SOCKET", set_vhost_user,
	  "device served by another process; may be given several times" },
	{ "vsock", false, "on|off|connect|vhost", set_vsock,
	  "sockets between host and guest, for exec and cp; default on" },
	{ "root", false, "DEVICE", set_root,
	  "root file system: /dev/cobd0, /dev/cobd0p1 or an alias" },
	{ "name", false, "NAME", set_name,
	  "name of the guest; default: that of the configuration file" },
	{ "modules", false, "DIR", set_modules,
	  "modules of the guest's kernel; default /lib/modules/VERSION" },
	{ "timeout", false, "SECONDS", set_timeout,
	  "how long a requested power-off may take; default 90" },
	{ "watchdog", false, "SECONDS", set_watchdog,
	  "end a guest that keeps interrupts off so long; 0 = never; default 5" },
	{ "haltpoll", false, "MICROSECONDS", set_haltpoll,
	  "how long an idle CPU of the guest looks for work; default 0" },
	{ "sandbox", false, "on|off", set_sandbox,
	  "give up privileges after set-up; default on" },
	{ "port", false, "FILE", set_port,
	  "port object instead of the installed one" },
	{ "colinux-init", false, "FILE", set_init,
	  "colinux-init instead of the installed one" },
	{ "scsi", true, "disk|cdrom,FILE", set_scsi,
	  "the same as the next free cobdN; cdrom is read-only" },
	{ "video", true, "...", set_later, NULL },
	{ "cocon", false, "...", set_later, NULL },
	{ "setcobd", false, "...", set_later, NULL },
};

/* hda, hda1, sdb, vdc2, xvda1: what may be an alias of a block device. */
static bool is_alias(const char *name)
{
	size_t length = strlen(name);

	if (length >= CONFIG_ALIAS)
		return false;
	if (*name == 'x')
		name++;
	if (strncmp(name, "hd", 2) && strncmp(name, "sd", 2) &&
	    strncmp(name, "vd", 2))
		return false;
	name += 2;
	if (*name < 'a' || *name > 'z')
		return false;
	name++;
	return strspn(name, "0123456789") == strlen(name);
}

static const struct config_key alias_key = {
	"alias", false, "FILE", config_set_alias, NULL,
};

const struct config_key *config_find_key(const char *name, unsigned int *index)
{
	*index = 0;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const struct config_key *key = &keys[i];
		size_t length = strlen(key->name);
		const char *digits = name + length;

		if (strncmp(name, key->name, length))
			continue;
		if (!key->indexed && !*digits)
			return key;
		if (!key->indexed || !isdigit((unsigned char)*digits))
			continue;
		/* Three digits are too many; leading zeros are not ours. */
		if (strspn(digits, "0123456789") != strlen(digits) ||
		    strlen(digits) > 3 || (*digits == '0' && digits[1]))
			continue;
		*index = atoi(digits);
		return key;
	}
	return is_alias(name) ? &alias_key : NULL;
}

/* One edit (change, insert, delete, swap of neighbours) between the two? */
static bool one_edit(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	const char *longer = la >= lb ? a : b, *shorter = la >= lb ? b : a;

	if (la > lb + 1 || lb > la + 1)
		return false;
	while (*shorter && *shorter == *longer) {
		shorter++;
		longer++;
	}
	if (la != lb)
		return !strcmp(shorter, longer + 1);
	if (!*longer)
		return false;
	if (!strcmp(shorter + 1, longer + 1))
		return true;
	return shorter[0] == longer[1] && shorter[1] == longer[0] &&
	       !strcmp(shorter + 2, longer + 2);
}

const char *config_similar_key(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].help && strlen(name) > 2 && !keys[i].indexed &&
		    one_edit(name, keys[i].name))
			return keys[i].name;
	return NULL;
}

bool config_is_key(const char *name)
{
	unsigned int index;

	return config_find_key(name, &index) != NULL;
}

void config_print_keys(FILE *to)
{
	char left[64];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!keys[i].help)
			continue;
		snprintf(left, sizeof(left), "%s%s=%s", keys[i].name,
			 keys[i].indexed ? "N" : "", keys[i].argument);
		fprintf(to, "  %-26s %s\n", left, keys[i].help);
	}
}
