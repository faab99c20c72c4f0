/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other end of a network card: gives and takes messages of one frame, each
 * behind a struct net_header, and never waits.  One place of that (on Linux a
 * descriptor) for each pair of the card's queues: only those that
 * net_backend_use() says have frames.
 *
 * It knows nothing of virtio queues or guests.  One thread at a time (the
 * device's); net_backend_open_*() and net_backend_free() are for the thread
 * that sets the VM up.
 */
#ifndef DAEMON_NET_BACKEND_H
#define DAEMON_NET_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "../error.h"
#include "options.h"

/*
 * Pairs of queues that a card has at most: with its control queue they are 15
 * of COLINUX_DEVICE_QUEUES.
 */
#define NET_PAIRS 7

struct net_backend {
	enum net_kind kind;
	unsigned int nr_pairs;	/* 1 to NET_PAIRS */
	int fd[NET_PAIRS];	/* frames */
	/*
	 * Readable after frames came, there is room again, or the link
	 * changed; net_backend_event() makes it unreadable.
	 */
	int event_fd;
	int link_fd;		/* messages about the link; -1 = none */
	int vhost_fd[NET_PAIRS];	/* the kernel's vhost-net; -1 = none */
	int remover;		/* closing it ends the interface; -1 = none */
	unsigned int interface;	/* index on the host, whose state is the link */
	bool up;		/* the link */
	bool dead;		/* the other end is gone for good */
	bool offloads;		/* large frames, checksums left out */
	char text[96];		/* for people: "slirp", "tap0 in br0" */
};

/*
 * Open what the options say, for the guest's card `key` ("eth0") of guest
 * `name` with that address and `cpus` virtual CPUs: a pair for each of them
 * where the kernel's vhost-net serves them.  sandbox: for processes of it, too.
 * NULL and a message on failure.
 */
struct net_backend *net_backend_open(const struct net_options *options,
				     const char *key, const char *name,
				     const uint8_t mac[NET_MAC],
				     unsigned int cpus, bool sandbox,
				     struct error *error);

/*
 * A back-end on a descriptor that exists already (and that becomes its own,
 * also on failure).
 */
struct net_backend *net_backend_new(enum net_kind kind, int fd,
				    struct error *error);
/* NULL is fine. */
void net_backend_free(struct net_backend *backend);

/* One more pair; fd becomes the back-end's, also on failure: -1, errno. */
int net_backend_add_pair(struct net_backend *backend, int fd);

/*
 * Whether event_fd tells of a pair's frames, as it does at first.  Off while
 * the kernel moves them: each would wake the device's thread.  0 or a negative
 * errno.
 */
int net_backend_watch(struct net_backend *backend, unsigned int pair, bool on);

/*
 * Frames come and go by the first `nr` pairs, 1 to nr_pairs.  0 or a negative
 * errno.
 */
int net_backend_use(struct net_backend *backend, unsigned int nr);

/*
 * Hand over the message in these pieces: 0 or a negative errno, -EAGAIN = no
 * room now, event_fd will say when; after others it is lost.
 */
int net_backend_send(struct net_backend *backend, unsigned int pair,
		     const struct iovec *iov, int nr);
/* Take the next message; its length, -EAGAIN = none now. Others: lost, gone. */
ssize_t net_backend_receive(struct net_backend *backend, unsigned int pair,
			    void *message, size_t room);

/* Look at the link, and have event_fd wait for what comes next. */
void net_backend_event(struct net_backend *backend);

/*
 * The guest's driver is there and takes frames with missing checksums, and
 * large ones (TSO) for either IP version.  0 or a negative errno.
 */
int net_backend_guest_offloads(struct net_backend *backend, bool checksum,
			       bool tso4, bool tso6);

/* --- link.c: the state of an interface of the host --- */

/* Follow backend->interface; 0 or a negative errno. */
int net_link_open(struct net_backend *backend);
/* Read what came and set backend->up. */
void net_link_read(struct net_backend *backend);

/* --- slirp.c --- */

/* Start the slirp process; returns the socket to it, or -1. */
int net_slirp_open(const struct net_options *options, const char *key,
		   const char *name, bool sandbox, struct error *error);

/* --- tap.c --- */

/* `pairs`: how many are wanted. */
struct net_backend *net_tap_open(const struct net_options *options,
				 const char *key, unsigned int pairs,
				 struct error *error);
/* An accelerator for both kinds of TAP; -1 when there is none. */
int net_tap_open_vhost(void);
/* Attach a pair's descriptor to its interface, or detach it: 0, -errno. */
int net_tap_attach(int fd, bool attach);
int net_tap_offloads(struct net_backend *backend, bool checksum, bool tso4,
		     bool tso6);

/* --- macvtap.c --- */

struct net_backend *net_macvtap_open(const struct net_options *options,
				     const char *key,
				     const uint8_t mac[NET_MAC],
				     unsigned int pairs, struct error *error);
/*
 * Remove the interface with that index (in digits) when fd is closed at its
 * other end.  Returns an exit status.
 */
int net_macvtap_wait(int fd, const char *index);

#endif
