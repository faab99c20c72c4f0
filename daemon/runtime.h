/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The run-time directory of each VM: where its control socket is, who has its
 * name.  A lock on a file there is what makes a VM "running": it goes away
 * with its process, however that dies.
 *
 *	/run/colinux/NAME/lock	   held by the process
 *	/run/colinux/NAME/control  socket, see protocol.h
 *	/run/colinux/NAME/vsock	   socket, see virtio/vsock_stream.c, or a file
 *				   with a CID, see virtio/vhost_vsock.c
 *	/run/colinux/NAME/log	   of `colinux start`; stays until next time
 */
#ifndef DAEMON_RUNTIME_H
#define DAEMON_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"
#include "error.h"

#define RUNTIME_PATH 512
/* What remains to be done when a guest has ended takes less. */
#define RUNTIME_END_MS 30000

struct runtime {
	char name[CONFIG_NAME];
	char directory[RUNTIME_PATH];
	char control[RUNTIME_PATH];
	char vsock[RUNTIME_PATH];
	char log[RUNTIME_PATH];
	int lock;		/* fd, -1 = not ours */
};

/* The paths of a name; claims nothing. */
int runtime_paths(struct runtime *runtime, const char *name,
		  struct error *error);
/*
 * Make the name ours for the life of this process.  When it is taken: an
 * error, or NAME-2, NAME-3, ... if `vary`.
 */
int runtime_claim(struct runtime *runtime, const char *name, bool vary,
		  struct error *error);
/*
 * Listen at the `vsock` socket of a claimed name, without blocking; only this
 * user can enter its directory.  The descriptor or -1.
 */
int runtime_listen(const struct runtime *runtime, struct error *error);
/*
 * Instead of the socket of runtime_listen(): a file with the CID that the guest
 * has in the host's AF_VSOCK.
 */
int runtime_say_cid(const struct runtime *runtime, uint32_t cid,
		    struct error *error);
/* Where exec and cp find the guest: its CID, or 0: the socket `vsock`. */
uint32_t runtime_cid(const struct runtime *runtime);
/* Remove what a VM leaves, and its log if not keep_log. */
void runtime_release(struct runtime *runtime, bool keep_log);
/*
 * Call fn for every running VM, in the order of their names, and clear away
 * what dead ones left.  Returns their number or -1.
 */
int runtime_list(void (*fn)(void *opaque, const struct runtime *runtime),
		 void *opaque, struct error *error);
/* Is a process running that VM? */
bool runtime_is_running(const struct runtime *runtime);
/*
 * Wait until none is, for one that is on its way out: it refuses connections
 * before it gives up its name and memory.  False: after RUNTIME_END_MS one still is.
 */
bool runtime_wait_end(const struct runtime *runtime);

#endif
