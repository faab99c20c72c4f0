/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the VM process needs from its operating system beyond libuv and the C
 * library: the driver, interrupting a vCPU thread, events, a few facts, the
 * sandbox.  One implementation per system (os/linux/, os/windows/), chosen by
 * the build; the unit tests have a fake of the driver part.
 *
 * Paths and other text are UTF-8 everywhere.
 */
#ifndef DAEMON_OS_H
#define DAEMON_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <pthread.h>
#include <sys/uio.h>
#include <uv.h>

#include <colinux/ioctl.h>

#include "error.h"

/* --- driver.c: the driver; one open driver is one VM --- */

struct os_driver;

/* NULL and a message with the remedy when it cannot be opened. */
struct os_driver *os_driver_open(struct error *error);
/* Ends the VM; its memory goes back to the host. NULL is fine. */
void os_driver_close(struct os_driver *driver);
/*
 * One call of the driver interface; nr is enum colinux_ioctl and argument its
 * struct.  Returns 0 or more, or a negative Linux errno.  Any thread.
 */
int os_driver_call(struct os_driver *driver, unsigned int nr, void *argument);
/* Map all guest RAM, size bytes; NULL and a message on failure. */
void *os_driver_map(struct os_driver *driver, uint64_t size,
		    struct error *error);
/* A file that is the guest's RAM, for other processes; stays the driver's. */
int os_driver_memory_fd(struct os_driver *driver);
void os_driver_unmap(void *base, uint64_t size);

/* --- interrupt.c: make a thread leave a driver call --- */

/* Once per process, before the first thread. */
void os_interrupt_setup(void);
/*
 * From now on os_interrupt() of the calling thread writes all ones to *poison
 * and makes the driver call that sleeps return with COLINUX_RUN_INTR.  The
 * thread passes *poison as the number of the vCPU: an interrupt that comes
 * just before the call thus makes it fail instead of being lost.
 */
void os_interrupt_target(volatile uint32_t *poison);
/* The calling thread is no target any longer. */
void os_interrupt_untarget(void);
/* Interrupt a thread that called os_interrupt_target() and still runs. */
void os_interrupt(uv_thread_t thread);

/*
 * The result of a hypercall (a negative errno of this host, or not negative)
 * as the guest knows it: errno numbers are Linux's there.
 */
int64_t os_guest_result(int64_t result);

/* --- event.c: what threads wait for --- */

/*
 * An event: signalled or not.  It can be given to the driver (struct
 * colinux_event); on Linux any descriptor that poll() takes may be waited for.
 * -1 with errno when there are too many.
 */
int os_event_new(void);
void os_event_free(int event);
/* Any thread. */
void os_event_signal(int event);
/* What was signalled before is forgotten; never waits. */
void os_event_clear(int event);
/*
 * Wait until one or more of the nr events (-1 = never) are signalled, and say
 * which.  nr <= OS_EVENTS.
 */
#define OS_EVENTS 32
void os_event_wait(const int *events, unsigned int nr, bool *signalled);

/*
 * A timer is an event that is signalled `ms` after os_timer_set(), once; set
 * again it forgets what was before.  Freed by os_event_free().
 */
int os_timer_new(void);
void os_timer_set(int timer, unsigned int ms);

/* Start a thread that takes no signals; stack 0: the usual.  An errno. */
int os_thread_start(pthread_t *thread, size_t stack, void *(*run)(void *),
		    void *opaque);

/*
 * The calling thread has work in batches from now on: being woken it does not
 * take the CPU from a thread that runs, but waits until that sleeps or has had
 * its share.  A hint; hosts without such a thing ignore it.
 */
void os_thread_batch(void);

/* The calling thread's name in lists of threads; 15 bytes of it are kept. */
void os_thread_name(const char *name);

/* --- file.c --- */

/* fopen() for a path in UTF-8; binary modes. */
FILE *os_fopen(const char *path, const char *mode);
/* Where this user's caches are; false: nowhere. */
bool os_cache_directory(char *path, size_t room);
/*
 * Replace a file by these nr pieces, one after the other, or leave it alone,
 * making its directory if that is missing.  Best effort: nobody is told.
 */
void os_save_file(const char *directory, const char *path,
		  const struct iovec *pieces, unsigned int nr);
/* Open a file by its path in UTF-8 to read its bytes; -1 with errno. */
int os_open_read(const char *path);
/* pread(): bytes of an open file, from an offset. */
ssize_t os_read_at(int fd, void *bytes, size_t length, uint64_t offset);
/* Has nobody but this user (the super-user aside) written that open file? */
bool os_file_is_own(int fd);
/*
 * A text file as people write them, in place: to UTF-8 without a byte order
 * mark.  *text is from malloc() and may be replaced.  False: out of memory.
 */
bool os_text_to_utf8(char **text, size_t *length);

/* --- process.c: facts and rights --- */

/* The first thing in main(): arguments in UTF-8, standard files binary. */
void os_start(int *argc, char ***argv);
/* Who reads us and goes away must not end us. */
void os_ignore_broken_pipes(void);
/* Good random numbers; how many bytes were written. */
size_t os_random(void *bytes, size_t length);

/* What not every host has. */
enum os_feature {
	OS_FOLDERS,		/* cofsN=: virtiofs */
	OS_VHOST_USER,		/* devices of other processes */
	OS_VSOCK_WAYS,		/* vsock=connect, vsock=vhost */
	OS_INTERFACES,		/* tuntap, bridge, macvtap */
	OS_DISK_FORMATS,	/* qcow2 and others, NBD, HTTP */
	OS_IMAGE_CREATE,	/* colinux image create */
};

/* Why this host lacks a feature, with what to do instead; NULL: it has it. */
const char *os_lacks(enum os_feature feature);

enum os_file {
	OS_FILE_MISSING,	/* or not accessible: errno says why */
	OS_FILE_REGULAR,
	OS_FILE_DIRECTORY,
	OS_FILE_OTHER,		/* a device, mostly */
};

/* What is at that path, and may we read it? */
enum os_file os_file_kind(const char *path);

/* Path of the running host's own kernel image. */
int os_host_kernel(char *path, size_t room, struct error *error);
/* Release of the running host kernel, "6.1.0-56-amd64". */
int os_host_release(char *release, size_t room);
/* Is the driver there?  A sentence about it for `colinux info`. */
void os_driver_describe(char *text, size_t room);

/* Directory of the modules of that kernel release, if not given. */
void os_modules_directory(const char *release, char *path, size_t room);
/* Are these two characters of paths and lists of paths? */
bool os_is_slash(char c);
extern const char os_list_separator;
/* Does it begin with a drive, "C:"? */
bool os_has_drive(const char *path);
/* Where installed files are, beside the program's own directory; NULL-ended. */
extern const char *const os_data_directories[];

/* Directory of this user's running VMs, created 0700 when missing. */
int os_runtime_directory(char *path, size_t room, struct error *error);
/* A directory that only this user may enter, created when missing. */
int os_private_directory(const char *path, struct error *error);
/*
 * Lock a file for the life of this process, creating it (0600).  Returns a
 * handle, OS_LOCK_HELD when another process has it, -1 and a message on error.
 */
#define OS_LOCK_HELD (-2)
int os_lock_file(const char *path, struct error *error);
void os_unlock_file(int handle);
bool os_file_is_locked(const char *path);
/*
 * Name of a VM's control socket: below its directory, or elsewhere.  -1: too
 * long.
 */
int os_control_path(const char *directory, const char *name, char *path,
		    size_t room, struct error *error);
/*
 * Listen at a new local socket (as long a path as that of a control socket, or
 * less), without blocking.  The descriptor or -1.
 */
int os_listen(const char *path, struct error *error);
/* Is the peer of this connected local socket our own user (or root)? */
bool os_peer_allowed(uv_os_fd_t socket);
/* Another descriptor of that socket; -1: there can be none here. */
int os_duplicate_socket(uv_os_fd_t socket);
/*
 * Send or receive one message of text (NUL-terminated) and descriptors on a
 * local socket.  Receiving returns the number of descriptors, which is 0 when
 * something is wrong with the message; text is "" then.
 */
int os_send_files(int socket, const char *text, const int *fds, int nr);
int os_receive_files(int socket, char *text, size_t room, int *fds, int most);
/*
 * Where sockets do not carry them (false), os_send_files() writes a line of
 * text, which whoever reads it gives to os_told_files(), with the socket that
 * it came by: the same result.  `line` is changed.
 */
extern const bool os_sockets_carry_files;
int os_told_files(uv_os_fd_t socket, char *line, char *text, size_t room,
		  int *fds, int most);
/* Close what came so and is not wanted. */
void os_close_files(const int *fds, int nr);
/* Let stderr be where stdout is. */
void os_join_output(void);
/* A new log file (0600); returns its fd. */
int os_open_log(const char *path, struct error *error);
/* From now on stdout and stderr are that file, and fd is closed. */
void os_use_output(int fd);
/*
 * The host's memory in bytes: what programs could have, and how much of it is
 * free in pieces of 2 MiB or more (OS_UNKNOWN: not to be known here).
 */
#define OS_UNKNOWN UINT64_MAX
void os_free_memory(uint64_t *available, uint64_t *large);
/* Have no huge pages: a stack and a heap of 2 MiB each for a few KiB of use. */
void os_small_pages(void);
/* Give memory that was freed back to the system. */
void os_trim_memory(void);
/* Are we the super-user (may files be given any owner)? */
bool os_is_root(void);
/* Is it a terminal? */
bool os_is_terminal(int fd);

/* A shell command line as arguments: argv[4]. */
void os_shell(const char *command, const char *argv[4]);

/* --- socket.c: local stream sockets, without waiting --- */

/* The next who has connected to what os_listen() made; -1: nobody. */
int os_accept(int listener);
/*
 * Connect to what listens at a path.  -1 with errno, EAGAIN: it is busy, try
 * again.
 */
int os_connect(const char *path);
/*
 * Connect to a control socket, for reading and writing as with a file; a
 * descriptor of the C library, or -1 with errno.
 */
int os_connect_control(const char *path);
/* os_peer_allowed() of such a socket. */
bool os_socket_allowed(int socket);
/* How many bytes, 0 = the end; -1 with errno, EAGAIN: none now. */
ssize_t os_socket_read(int socket, struct iovec *iov, int nr);
/* The same bytes will be read again. */
ssize_t os_socket_peek(int socket, void *bytes, size_t room);
/* How many were taken; -1 with errno, EAGAIN: there is no room now. */
ssize_t os_socket_write(int socket, struct iovec *iov, int nr);
/*
 * No more will be written, or else read.  Where a connection ends as a whole
 * (pipes), the end of writing ends it, behind what was written.
 */
void os_socket_shutdown(int socket, bool write);
/* Is the peer gone altogether? */
bool os_socket_hung_up(int socket);
/* What was written still gets there. */
void os_socket_close(int socket);

/*
 * A watch over sockets and one listener (os_listen()).  Each change is told
 * once; who reads or writes until EAGAIN misses none.  What is true when a
 * socket is added counts as a change.
 */
#define OS_CHANGES 64
struct os_change {
	uint64_t token;
	bool readable, writable;
	bool ended;		/* the peer will write no more */
	bool hung_up;		/* ... and is gone altogether */
};

/* -1 with errno. */
int os_watch_new(void);
/* The sockets have been closed. */
void os_watch_free(int watch);
/* Closing a socket ends it.  0, or -1 with errno. */
int os_watch_add(int watch, int socket, uint64_t token);
/* The event (event.c) that is signalled when there are changes. */
int os_watch_event(int watch);
/* Up to so many changes (OS_CHANGES at most); how many there are. */
int os_watch_next(int watch, struct os_change *changes, int most);

/* --- guest_socket.c: sockets to a guest by the host's kernel --- */

/*
 * A socket to that port of a guest, from a reserved one.  -1 with errno;
 * *again: this may pass.
 */
int os_connect_guest(uint32_t cid, uint32_t port, bool *again);
/*
 * If it is such a socket: write no more.  The guest's end of it is to be
 * waited for then, for its last packet would end who has the same port next.
 */
bool os_guest_socket_shut(int socket);
/*
 * Have the host's kernel send something to the guest's.  If that has been
 * started again meanwhile it answers that it knows of no such connection, and
 * the socket ends; else it would be silent for ever.
 */
void os_guest_socket_probe(int socket);

/* --- rights.c --- */

/* Give up what only opening the driver needs (capabilities). */
int os_drop_driver_rights(struct error *error);
/*
 * The calling thread gives up all capabilities, which threads that start before
 * the sandbox have to do themselves.  connect: but what connecting to sockets
 * of other users takes.  0 or a negative errno, as in the sandbox, where it is
 * too late and not needed.
 */
int os_thread_drop_rights(bool connect);

/* --- sandbox.c --- */

/*
 * Give up everything that a running VM does not need: gaining new privileges,
 * opening files, all but a list of system calls; all threads; capabilities
 * (rights.c) of the calling one.
 * connect: connecting to local sockets stays possible (vhost-user).
 */
int os_enter_sandbox(bool connect, struct error *error);
/*
 * The same for the slirp process: it may open Internet sockets and read files
 * that everybody may read (resolv.conf), and nothing else; nobody's rights
 * when it had the super-user's.
 */
int os_enter_network_sandbox(struct error *error);

/* --- confine.c --- */

struct os_confinement {
	int file;		/* it may read, and write if `write`; or -1 */
	bool write;
	int read_file;		/* another one that it may read, or -1 */
	bool network;
	bool must;		/* fail on hosts that cannot limit files */
};

/*
 * Limit this process, which is about to run another program, to one file, and
 * what programs read anyway (/usr, /etc).
 */
int os_confine(const struct os_confinement *confinement, struct error *error);

/* --- child.c --- */

/* The first descriptor that a child gets. */
#define OS_CHILD_FD 3
/*
 * Children have this file as their standard output and error, from now on; it is
 * the caller's.  -1: ours, as at first.
 */
void os_child_output(int fd);
/*
 * Run this very program with these arguments (argv[0] first, NULL last), the
 * nr descriptors as its OS_CHILD_FD and on, the standard ones as they are (but
 * for os_child_output()), and no others; in a session of its own.  Returns its
 * process id or -1.
 */
int os_spawn_self(const char *const argv[], const int *fds, int nr,
		  struct error *error);
/*
 * For such a child: what ends all processes of a service or a terminal (SIGTERM,
 * SIGINT, SIGHUP) does not end this one, nor what it runs, as the guest may
 * need some time to power off.  off: it does again.
 */
void os_outlive(bool on);

#endif
