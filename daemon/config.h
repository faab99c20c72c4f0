/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VM is made of, read from the classic configuration: words of the form
 * key=value, or a bare word, from a file and from the command line.
 *
 * Words that are not ours are kernel parameters, as they always were.  The
 * parser opens no file but the configuration itself; whether a kernel or an
 * image exists is found out by config_finish() and by whoever opens it.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "error.h"
#include "net/options.h"

#define CONFIG_PATH 4096
#define CONFIG_FOLDERS 8	/* cofs0 to cofs7 */
#define CONFIG_SERIALS 8	/* ttys0 to ttys7 */
#define CONFIG_EXECS 8		/* exec0 to exec7 */
#define CONFIG_VHOST_USERS 8
#define CONFIG_SOCKET 108	/* of struct sockaddr_un */
#define CONFIG_COMMAND 1024
#define CONFIG_NETS 8		/* eth0 to eth7 */
#define CONFIG_DISKS 26		/* /dev/vda to /dev/vdz */
/* COMMAND_LINE_SIZE of x86 is 2048; the loader's own parameters need room. */
#define CONFIG_PARAMETERS 1536
#define CONFIG_FILE_SIZE (64 * 1024)
#define CONFIG_NAME 32
#define CONFIG_ALIAS 16

struct config_disk {
	char path[CONFIG_PATH];	/* "" = not configured */
	char alias[CONFIG_ALIAS];	/* classic "hda1", "sdb"; "" = none */
	bool read_only;
	bool direct;		/* O_DIRECT */
	char format[8];		/* "qcow2", ...; "" = by the file's suffix */
	char backing[CONFIG_PATH];	/* of a qcow2 image; "" = none */
	bool by_alias;		/* the number was chosen for an alias */
};

/* A folder of the host, by virtiofs. */
struct config_folder {
	char path[CONFIG_PATH];	/* "" = not configured */
	bool read_only;
};

/* Sockets between guest and host. */
enum config_vsock {
	CONFIG_VSOCK_ON,
	CONFIG_VSOCK_OFF,
	CONFIG_VSOCK_CONNECT,	/* the guest may connect to the host, too */
	CONFIG_VSOCK_VHOST,	/* by the host's kernel, for all its users */
};

/* A device that another process serves. */
struct config_vhost_user {
	char kind[16];		/* "" = not configured */
	char path[CONFIG_SOCKET];
};

struct config {
	char name[CONFIG_NAME];
	char kernel[CONFIG_PATH];
	char initrd[CONFIG_PATH];
	char modules[CONFIG_PATH];	/* directory of the kernel's modules */
	char port[CONFIG_PATH];
	char init[CONFIG_PATH];		/* colinux-init */
	char root[64];			/* as written: /dev/cobd0 */
	uint64_t memory;		/* bytes, multiple of 2 MiB */
	unsigned int cpus;
	unsigned int stop_timeout;	/* seconds */
	unsigned int watchdog;	/* seconds, 0 = none */
	unsigned int halt_poll;	/* microseconds, 0 = not */
	bool no_sandbox;
	enum config_vsock vsock;
	struct config_disk disk[CONFIG_DISKS];	/* by cobd number */
	struct config_folder folder[CONFIG_FOLDERS];	/* by cofs number */
	char serial[CONFIG_SERIALS][CONFIG_SOCKET];	/* see serial.h */
	char exec[CONFIG_EXECS][CONFIG_COMMAND];	/* for the shell */
	/* In the order of their lines. */
	struct config_vhost_user vhost_user[CONFIG_VHOST_USERS];
	struct net_options net[CONFIG_NETS];	/* by eth number */
	char parameters[CONFIG_PARAMETERS];	/* for the kernel, no root= */
	bool name_given;
};

/* Where a word comes from; file NULL = command line. */
struct config_origin {
	const char *file;
	unsigned int line;
};

enum config_verdict {
	CONFIG_OK,
	CONFIG_WARNING,	/* it works, but perhaps not as meant */
	CONFIG_ERROR,
};

/* What `colinux check` says about one word. */
typedef void (*config_report_fn)(void *opaque,
				 const struct config_origin *origin,
				 const char *word, enum config_verdict verdict,
				 const char *text);

/*
 * Defaults, into a configuration that is all zero.  It is some 280 KiB that
 * hardly any VM touches: allocate it with calloc(), so that it takes no memory.
 * Never fails.
 */
void config_init(struct config *config);

/*
 * Take one word ("mem=256", "ro").  Later words win.  Returns -1 and a message
 * when it is wrong; report (may be NULL) hears what it means either way.
 */
int config_word(struct config *config, const struct config_origin *origin,
		const char *word, config_report_fn report, void *opaque,
		struct error *error);

/*
 * Take a text as a configuration file: words separated by white space, "..."
 * keeps white space, # begins a comment.  Goes on after a wrong word when
 * report is given (all of them are reported); otherwise stops there.  The text
 * need not end in NUL.  Returns -1 when any word was wrong, with the first
 * message, "FILE:LINE: ..." in front.
 */
int config_text(struct config *config, const char *file, const char *text,
		size_t length, config_report_fn report, void *opaque,
		struct error *error);

/* Read a file and take it as config_text(). */
int config_file(struct config *config, const char *path,
		config_report_fn report, void *opaque, struct error *error);

/*
 * Fill in defaults (host's kernel, name from `source`, which may be NULL) and
 * check that the parts fit together and that the files can be read.
 */
int config_finish(struct config *config, const char *source,
		  struct error *error);

/*
 * The kernel command line without the loader's own parameters: root= turned
 * from /dev/cobdN or an alias into the guest's name of that disk, then the
 * free parameters.  Returns -1 if it does not fit.
 */
int config_command_line(const struct config *config, char *line, size_t room,
			struct error *error);

/* Does the VM process have to connect to sockets while it runs? */
bool config_connects(const struct config *config);

/* Position of a disk among those configured: 0 = /dev/vda in the guest. */
unsigned int config_disk_position(const struct config *config,
				  unsigned int disk);

/* Is this the name of a key ("mem", "cobd3"), so that --mem is an option? */
bool config_is_key(const char *name);

/* The key table for people: for --help and the manual page. */
void config_print_keys(FILE *to);

/* "512M", "2G", "256" (megabytes) -> bytes; 0 when it is none of that. */
uint64_t config_parse_size(const char *text);

/* May this be the name of a VM?  1 to 31 of [A-Za-z0-9._-], not "." first. */
bool config_valid_name(const char *name);

#endif
