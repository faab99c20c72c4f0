/* SPDX-License-Identifier: GPL-2.0 */
/* Opening, locking and measuring disk images: see disk.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine.h"
#include "nbd_link.h"
#include "server.h"

#define SECTOR 512u
/* What guests understand, and what one page of theirs holds. */
#define LARGEST_BLOCK 4096u

static int open_file(const struct disk_options *options, struct error *error)
{
	const char *path = options->path;
	const char *remedy = "check the path";
	int flags = O_CLOEXEC | O_NOCTTY, fd;
	struct stat st;

	/* Before open(), which would wait at a FIFO. */
	if (stat(path, &st))
		return error_set(error, "%s: %s: check the path", path,
				 strerror(errno));
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return error_set(error, "%s: neither a regular file nor a "
				 "block device: give a raw disk image", path);
	flags |= options->read_only ? O_RDONLY : O_RDWR;
	flags |= options->direct ? O_DIRECT : 0;
	/* open(2): exclusive against mounts of the host. */
	if (S_ISBLK(st.st_mode) && !options->read_only)
		flags |= O_EXCL;
	fd = open(path, flags);
	if (fd >= 0)
		return fd;
	switch (errno) {
	case EACCES:
	case EPERM:
	case EROFS:
		remedy = options->read_only ?
			"change its permissions" :
			"change its permissions, or use it read-only (,ro)";
		break;
	case EBUSY:
		remedy = "the host (a mount?) or another guest uses it: "
			 "end that first";
		break;
	case EINVAL:
		if (options->direct)
			remedy = "its file system has no O_DIRECT: leave "
				 ",direct out";
		break;
	}
	return error_set(error, "%s: %s: %s", path, strerror(errno), remedy);
}

/*
 * OFD locks (fcntl(2)) belong to the open file, so that two disks of one
 * process conflict as well, and go when the process dies.
 */
bool disk_lock_file(int fd, bool read_only)
{
	struct flock lock = {
		.l_type = read_only ? F_RDLCK : F_WRLCK,
		.l_whence = SEEK_SET,
	};

	/* File systems without locks: nothing that we can do. */
	return !fcntl(fd, F_OFD_SETLK, &lock) ||
	       (errno != EAGAIN && errno != EACCES);
}

static int lock_file(const struct disk_options *options, int fd,
		     struct error *error)
{
	if (disk_lock_file(fd, options->read_only))
		return 0;
	return error_set(error, "%s: in use by another disk or guest: stop "
			 "that guest, use a copy, or use it read-only (,ro) in "
			 "all", options->path);
}

/* An image that is not raw needs its server, a remote one has nothing else. */
static int open_server(const struct disk_options *options,
		       struct disk_files *files, struct error *error)
{
	files->server = disk_server_start(options, files, error);
	return files->server < 0 ? -1 : 0;
}

/* The server reads and writes as it likes, whose buffers are not ours. */
static int refuse_direct(const struct disk_options *options,
			 struct error *error)
{
	return error_set(error, "%s: only raw images and devices can be used "
			 "without the host's cache: leave ,direct out",
			 options->path);
}

int disk_files_open(const struct disk_options *options,
		    struct disk_files *files, struct error *error)
{
	const char *name = options->format ? options->format : "";
	bool backed = options->backing && *options->backing;
	int format;

	*files = (struct disk_files){ .image = -1, .server = -1 };
	if (disk_scheme_of(options->path) != DISK_FILE) {
		if (*name || backed)
			return error_set(error, "%s: an address has no format= "
					 "or backing=", options->path);
		if (options->direct)
			return refuse_direct(options, error);
		return open_server(options, files, error);
	}
	/* Before O_DIRECT is in the way of reading the header. */
	if (options->direct && (*name ? disk_format_find(name) :
				disk_format_by_suffix(options->path)) !=
				       DISK_RAW)
		return refuse_direct(options, error);
	files->image = open_file(options, error);
	if (files->image < 0)
		return -1;
	format = lock_file(options, files->image, error) ? -1 :
		 disk_format_choose(options->path, files->image, name, backed,
				    error);
	if (format >= 0) {
		files->format = format;
		if (format == DISK_RAW || !open_server(options, files, error))
			return 0;
	}
	disk_files_close(files);
	return -1;
}

void disk_files_close(struct disk_files *files)
{
	if (files->image >= 0)
		close(files->image);
	if (files->server >= 0)
		close(files->server);
	files->image = files->server = -1;
}

/* Take the descriptors; they may come from another process. */
static int use_files(struct disk *disk, const struct disk_options *options,
		     struct error *error)
{
	struct disk_files files;
	struct stat st;
	int mode;

	if (options->files)
		files = *options->files;
	else if (disk_files_open(options, &files, error) < 0)
		return -1;
	disk->fd = files.image;
	disk->server = files.server;
	disk->format = files.format;
	if (disk->fd < 0)
		return 0;
	mode = fcntl(disk->fd, F_GETFL);
	if (mode < 0 || fstat(disk->fd, &st))
		return error_set(error, "%s: %s", disk->path, strerror(errno));
	disk->is_device = S_ISBLK(st.st_mode);
	if ((!disk->is_device && !S_ISREG(st.st_mode)) ||
	    (mode & O_ACCMODE) != (disk->read_only ? O_RDONLY : O_RDWR) ||
	    !(mode & O_DIRECT) != !disk->direct)
		return error_set(error, "%s: was not opened as a disk",
				 disk->path);
	return 0;
}

static int file_size(const struct disk *disk, uint64_t *bytes,
		     struct error *error)
{
	struct stat st;

	if (disk->is_device ? ioctl(disk->fd, BLKGETSIZE64, bytes) :
			      fstat(disk->fd, &st))
		return error_set(error, "%s: no size: %s: check the device",
				 disk->path, strerror(errno));
	if (!disk->is_device)
		*bytes = st.st_size;
	return 0;
}

static void set_size(struct disk *disk, uint64_t bytes)
{
	/*
	 * Relaxed: perform.c only uses it to tell the ragged end of a file
	 * from a file that was cut.
	 */
	__atomic_store_n(&disk->bytes, bytes, __ATOMIC_RELAXED);
	/* A last, partial block of a file is there and ends with zeros. */
	disk->capacity = disk->is_device ?
		bytes - bytes % disk->block_size :
		(bytes + disk->block_size - 1) / disk->block_size *
			disk->block_size;
}

/* The smallest unit that O_DIRECT takes: what works. */
static uint32_t probe_direct(const struct disk *disk)
{
	uint32_t unit, found = 0;
	void *buffer;

	if (posix_memalign(&buffer, LARGEST_BLOCK, LARGEST_BLOCK))
		return 0;
	for (unit = SECTOR; unit <= LARGEST_BLOCK && !found; unit *= 2)
		if (pread(disk->fd, buffer, unit, 0) >= 0)
			found = unit;
	free(buffer);
	return found;
}

static int choose_block_size(struct disk *disk, uint32_t wish,
			     struct error *error)
{
	uint32_t least = SECTOR, physical = LARGEST_BLOCK;
	int value;

	if (wish & (wish - 1) || (wish && wish < SECTOR) ||
	    wish > LARGEST_BLOCK)
		return error_set(error, "%s: block size %" PRIu32 ": use 512, "
				 "1024, 2048 or 4096", disk->path, wish);
	if (disk->is_device && !disk->format) {
		if (!ioctl(disk->fd, BLKSSZGET, &value) && value > 0)
			least = value;
		if (!ioctl(disk->fd, BLKPBSZGET, (unsigned int *)&value) &&
		    value > 0)
			physical = value;
	} else if (disk->direct && !disk->format) {
		least = probe_direct(disk);
	}
	if (!least || least > LARGEST_BLOCK)
		return error_set(error, "%s: the host wants blocks larger than "
				 "%u bytes: leave ,direct out", disk->path,
				 LARGEST_BLOCK);
	if (wish && wish < least)
		return error_set(error, "%s: the host wants blocks of %" PRIu32
				 " bytes here: use that, or leave ,direct out",
				 disk->path, least);
	disk->block_size = wish ? wish : least;
	disk->physical_size = physical > disk->block_size ? physical :
							    disk->block_size;
	disk->discard_alignment = disk->physical_size;
	return 0;
}

/* What a server says about its export is what the disk is. */
static int start_server(struct disk *disk, struct error *error)
{
	const struct nbd_export *export;

	disk->nbd = disk_nbd_new(disk, disk->server, error);
	if (!disk->nbd)
		return disk->fd >= 0 ? -1 : error_prefix(error, "%s",
							 disk->path);
	export = disk_nbd_export(disk->nbd);
	if (export->flags & NBD_FLAG_READ_ONLY && !disk->read_only)
		return error_set(error, "%s: can only be read: add ,ro",
				 disk->path);
	if (export->block > disk->block_size)
		disk->block_size = export->block;
	if (disk->physical_size < disk->block_size)
		disk->physical_size = disk->block_size;
	disk->no_zeroes = !(export->flags & NBD_FLAG_ZEROES);
	set_size(disk, export->size);
	return 0;
}

static int start_engine(struct disk *disk, enum disk_engine wish,
			struct error *error)
{
	disk->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (disk->event_fd < 0)
		return error_set(error, "%s: no event descriptor: %s: raise "
				 "the limit of open files (ulimit -n)",
				 disk->path, strerror(errno));
	disk->wait_fd = disk->event_fd;
	disk->pool = disk_pool_new(disk);
	if (!disk->pool)
		return error_set(error, "%s: out of memory", disk->path);
	if (disk->server >= 0)
		return start_server(disk, error);
	if (wish == DISK_ENGINE_THREADS)
		return 0;
	disk->uring = disk_uring_new(disk);
	if (!disk->uring && wish == DISK_ENGINE_URING)
		return error_set(error, "%s: no io_uring: %s: see sysctl "
				 "kernel.io_uring_disabled, or use threads",
				 disk->path, strerror(errno));
	return 0;
}

struct disk *disk_open(const struct disk_options *options,
		       struct error *error)
{
	struct disk *disk = calloc(1, sizeof(*disk));
	uint64_t bytes = 0;

	if (!disk || !(disk->path = strdup(options->path))) {
		struct disk_files files = { .image = -1, .server = -1 };

		if (options->files)
			files = *options->files;
		disk_files_close(&files);
		free(disk);
		error_set(error, "%s: out of memory", options->path);
		return NULL;
	}
	disk->fd = -1;
	disk->server = -1;
	disk->event_fd = -1;
	disk->wait_fd = -1;
	disk->read_only = options->read_only;
	disk->direct = options->direct;
	if (use_files(disk, options, error) ||
	    choose_block_size(disk, options->block_size, error) ||
	    (disk->fd >= 0 && file_size(disk, &bytes, error)))
		goto fail;
	set_size(disk, bytes);
	if (start_engine(disk, options->engine, error))
		goto fail;
	if (disk->capacity)
		return disk;
	error_set(error, "%s: is empty: create an image first", disk->path);
fail:
	disk_close(disk);
	return NULL;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	if (disk->uring)
		disk_uring_free(disk->uring);
	if (disk->pool)
		disk_pool_free(disk->pool);
	if (disk->nbd)
		disk_nbd_free(disk->nbd);
	if (disk->wait_fd >= 0 && disk->wait_fd != disk->event_fd)
		close(disk->wait_fd);
	if (disk->event_fd >= 0)
		close(disk->event_fd);
	/* A remote disk has nothing here that is to be free afterwards. */
	if (disk->server >= 0 && disk->fd < 0)
		close(disk->server);
	else if (disk->server >= 0)
		disk_server_end(disk->server);
	if (disk->fd >= 0)
		close(disk->fd);
	free(disk->path);
	free(disk);
}

/* Only ever to more: what is cut off is lost. */
static int grow(const struct disk *disk, uint64_t size, struct error *error)
{
	uint64_t bytes = 0;

	if (disk->is_device)
		return error_set(error, "%s: a device has the size that it has:"
				 " grow it with its own tools, then use "
				 "colinux disk refresh", disk->path);
	if (disk->read_only)
		return error_set(error, "%s: is used read-only: add it without "
				 ",ro first", disk->path);
	/* Not disk->bytes: others may have made it larger. */
	if (file_size(disk, &bytes, error))
		return -1;
	if (size < bytes)
		return error_set(error, "%s: has %" PRIu64 " bytes: a disk in "
				 "use can only be made larger", disk->path,
				 bytes);
	if (ftruncate(disk->fd, size))
		return error_set(error, "%s: cannot get %" PRIu64 " bytes: %s",
				 disk->path, size, strerror(errno));
	return 0;
}

int disk_resize(struct disk *disk, uint64_t size, struct error *error)
{
	uint64_t bytes = 0;

	if (disk->nbd)
		return error_set(error, "%s: only raw images and devices grow "
				 "while they are in use", disk->path);
	if ((size && grow(disk, size, error)) ||
	    file_size(disk, &bytes, error))
		return -1;
	if (!bytes)
		return error_set(error, "%s: is empty now: give it a size",
				 disk->path);
	set_size(disk, bytes);
	return 0;
}
