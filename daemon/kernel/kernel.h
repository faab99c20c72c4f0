/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest kernel: from the distribution's stock bzImage to guest memory
 * that is ready to run.  This header is all that the rest of the daemon needs.
 *
 * Nothing here talks to the driver: it fills memory and says how to start.
 * Not thread-safe per image; different images are independent.
 */
#ifndef DAEMON_KERNEL_H
#define DAEMON_KERNEL_H

#include <colinux/hypercall.h>
#include <colinux/ioctl.h>
#include <colinux/layout.h>

#include "bytes.h"
#include "file.h"
#include "../error.h"

struct guest_image;

/*
 * Read and understand a kernel image: format, symbols, type information,
 * pause sites (cached by build-id).  NULL with error set when the kernel
 * cannot be handled; guest_image_close() when done.
 */
struct guest_image *guest_image_open(const char *path, struct error *error);
void guest_image_close(struct guest_image *image);
/*
 * Give back what only loading needs (the unpacked kernel, its symbols and
 * types: 80 MiB).  The next load reads it again from the open file, and fails
 * if that is another kernel by then.
 */
void guest_image_park(struct guest_image *image);

/* "6.1.0-56-amd64": the name of its directory in /lib/modules. */
const char *guest_image_release(const struct guest_image *image);
/* The build-id in hexadecimal. */
const char *guest_image_build_id(const struct guest_image *image);

/*
 * Bytes of guest RAM, from offset 0, that must be contiguous so that the
 * port, the kernel image and initrds of that total size fit: the `image`
 * member of struct colinux_create.  memory is the size of all guest RAM (the
 * first page tables grow with it).  Multiple of 2 MiB.
 */
uint64_t guest_image_contiguous(const struct guest_image *image,
				uint64_t memory, uint64_t initrd_size);

#define GUEST_MODULES_MAX 64

/* A kernel module that goes into the initrd, for its type information. */
struct guest_module {
	char name[64];		/* "virtio_ring" */
	/* Its .BTF section in the initrd; size 0 = it has none. */
	size_t btf_offset, btf_size;
};

struct load_request {
	uint8_t *ram;		/* guest RAM, all extents in a row */
	const struct colinux_extent *extents;
	unsigned int nr_extents;
	unsigned int levels;	/* of the host's page tables: 4 or 5 */
	uint64_t tsc_khz;
	uint64_t pat;		/* the host's IA32_PAT */
	unsigned int nr_vcpus;
	unsigned int nr_devices;
	unsigned int halt_poll_us;
	const char *cmdline;	/* the user's kernel parameters, or NULL */
	bool colinux_init;	/* an initrd contains /colinux-init: start it */
	const struct bytes *initrds;	/* concatenated in this order */
	unsigned int nr_initrds;
	struct bytes port;	/* the port object, an ET_REL file */
	const char *port_name;	/* its file name, for messages */
	const struct guest_pack *pack;	/* not parked; NULL = no modules */
};

struct load_result {
	/* vCPU 0 as COLINUX_IOC_VCPU_SETUP takes it. */
	struct colinux_vcpu_setup vcpu;
	/* The complete kernel command line. */
	char cmdline[4096];
};

/*
 * Put the kernel, the port, initrds, boot parameters and first page tables
 * into guest RAM.  Everything is checked before the first byte is written.
 * May be called again on the same memory for a reboot; it leaves alone the
 * passage page, the vCPU areas and the device pages (layout.h).
 * 0, or -1 with error set.
 */
int guest_image_load(struct guest_image *image,
		     const struct load_request *request,
		     struct load_result *result, struct error *error);

/* ---- modules.c: what /colinux-init needs, as an initrd ---- */

struct guest_pack {
	struct blob cpio;	/* newc archive, uncompressed */
	struct blob packed;	/* the same, while it is parked */
	struct guest_module *modules;	/* in load order */
	unsigned int nr_modules;
};

/*
 * Build the initrd that is put in front of the distribution's own:
 * /colinux-init and /colinux-agent (from these files, NULL = none),
 * /colinux/NAME.ko for
 * each module that is not built in, and /colinux/modules, a list of their full
 * names in load order, one a line.
 *
 * directory: the module directory, as /lib/modules/RELEASE; NULL or a missing
 * directory is an error only if a needed module is not built in.  release is
 * used to say so.  wanted: names of modules, ended by NULL; their
 * dependencies are added.  A name with a leading '?' may be missing.
 * 0, or -1 with error set; guest_pack_free() when done.
 */
int guest_pack_build(const char *directory, const char *release,
		     const char *const wanted[], const char *init_path,
		     const char *agent_path, struct guest_pack *pack,
		     struct error *error);
void guest_pack_free(struct guest_pack *pack);
/* Keep the archive in less memory; nothing happens if there is not even that. */
void guest_pack_park(struct guest_pack *pack);
/* Have it back in pack->cpio.  0, or -1 with error set. */
int guest_pack_unpark(struct guest_pack *pack, struct error *error);

/*
 * What every guest needs, and who has disks and network cards; each ended by
 * NULL.  Loading a module costs a guest some thirty million instructions and
 * two hundred for each of its bytes: what nobody uses is left out.
 */
extern const char *const guest_modules_base[];
extern const char *const guest_modules_disk[];
extern const char *const guest_modules_net[];

#endif
