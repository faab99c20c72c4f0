/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-blk (virtio 1.2 section 5.2): cobdN.  Turns chains into requests to
 * daemon/disk/ and results into status bytes; knows nothing of files.
 *
 * A request that the driver may not make (read-only, outside of the disk,
 * unaligned) ends with IOERR or UNSUPP; one that is no request at all (no
 * header, no room for the status) breaks the device.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define QUEUE_SIZE 256u
/*
 * Promised to the driver; see VIRTQUEUE_MAX_IOV.  Header and status take two
 * more descriptors, and without indirect ones half a queue is one request.
 */
#define SEG_MAX (VIRTQUEUE_MAX_IOV / 2 - 2)
#define SIZE_MAX_BYTES ((uint32_t)COLINUX_PMD_SIZE)
_Static_assert(SEG_MAX + 2 <= QUEUE_SIZE, "5.2.5: fits in the queue");
_Static_assert(QUEUE_SIZE <= DISK_DEPTH, "the engine has room for all");

/* The largest read or write; nobody who keeps to the above gets there. */
#define MOST_BYTES (UINT64_C(1) << 30)
/* Discard and write zeroes: ranges per request, sectors per range (1 GiB). */
#define MOST_RANGES 16u
#define MOST_RANGE_SECTORS (1u << 21)

/* 5.2.4: classic geometry that drivers show to partitioning tools. */
#define HEADS 16u
#define SECTORS_PER_TRACK 63u

struct blk_request {
	struct disk_request io;		/* first: done() gets it */
	struct virtio_blk *blk;
	struct blk_request *next_free;
	uint8_t *status;		/* in guest memory */
	uint32_t written;		/* for the used ring, if it succeeds */
	unsigned int nr_ranges, range;	/* DISCARD, WRITE_ZEROES */
	struct virtio_blk_range ranges[MOST_RANGES];
	struct virtqueue_chain chain;
};

struct virtio_blk {
	struct virtio_device device;
	struct disk *disk;
	/* Guarded by device.lock. */
	bool told;			/* tell_failure() has */
	struct blk_request *free_requests;
	struct blk_request requests[QUEUE_SIZE];
};

static struct virtio_blk_config *blk_config(struct virtio_blk *blk)
{
	return (struct virtio_blk_config *)blk->device.config;
}

/* --- Requests --- */

static void finish(struct blk_request *request, uint8_t status)
{
	struct virtio_blk *blk = request->blk;

	*request->status = status;
	virtqueue_push(&blk->device.queue[0], request->chain.head,
		       status == VIRTIO_BLK_S_OK ? request->written : 1);
	request->next_free = blk->free_requests;
	blk->free_requests = request;
}

static void submit_range(struct blk_request *request)
{
	const struct virtio_blk_range *range = &request->ranges[request->range];

	request->io.offset = range->sector * VIRTIO_BLK_SECTOR;
	request->io.length = (uint64_t)range->num_sectors * VIRTIO_BLK_SECTOR;
	request->io.unmap = range->flags & VIRTIO_BLK_RANGE_UNMAP;
	disk_submit(request->blk->disk, &request->io);
}

/* From disk_reap(), device.lock held. */
static void io_done(struct disk_request *io, int error)
{
	struct blk_request *request = (struct blk_request *)io;

	if (!error && ++request->range < request->nr_ranges) {
		submit_range(request);
		return;
	}
	finish(request, !error ? VIRTIO_BLK_S_OK :
			error == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP :
					       VIRTIO_BLK_S_IOERR);
	virtio_device_put(&request->blk->device);
}

static void submit(struct blk_request *request)
{
	virtio_device_get(&request->blk->device);
	if (request->nr_ranges)
		submit_range(request);
	else
		disk_submit(request->blk->disk, &request->io);
}

/* Is it a piece of the disk, in whole blocks? */
static bool is_inside(const struct virtio_blk *blk, uint64_t sector,
		      uint64_t nr_sectors)
{
	uint64_t capacity = blk->disk->capacity / VIRTIO_BLK_SECTOR;
	uint64_t block = blk->disk->block_size / VIRTIO_BLK_SECTOR;

	return sector <= capacity && nr_sectors <= capacity - sector &&
	       (sector | nr_sectors) % block == 0;
}

/*
 * Writes are to be on stable storage when done, if the driver does not flush
 * or has turned the cache off (5.2.5.1, 5.2.6.2).
 */
static bool is_write_through(struct virtio_blk *blk)
{
	uint64_t features = blk->device.driver_features;

	return !(features & VIRTIO_BLK_F_FLUSH) ||
	       (features & VIRTIO_BLK_F_CONFIG_WCE &&
		!blk_config(blk)->writeback);
}

static int start_transfer(struct blk_request *request, enum disk_op op,
			  uint64_t sector, struct iovec *iov, int nr,
			  uint64_t length)
{
	struct virtio_blk *blk = request->blk;

	if (op == DISK_WRITE && blk->disk->read_only)
		return VIRTIO_BLK_S_IOERR;
	if (!length || length > MOST_BYTES || length % VIRTIO_BLK_SECTOR ||
	    !is_inside(blk, sector, length / VIRTIO_BLK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	request->io.op = op;
	request->io.offset = sector * VIRTIO_BLK_SECTOR;
	request->io.length = length;
	request->io.iov = iov;
	request->io.nr_iov = nr;
	request->io.durable = op == DISK_WRITE && is_write_through(blk);
	if (op == DISK_READ)
		request->written = length + 1;
	submit(request);
	return -1;
}

static int start_flush(struct blk_request *request)
{
	if (request->blk->disk->read_only)
		return VIRTIO_BLK_S_OK;
	request->io.op = DISK_FLUSH;
	submit(request);
	return -1;
}

static int start_ranges(struct blk_request *request, enum disk_op op,
			const struct iovec *iov, int nr, uint64_t length)
{
	struct virtio_blk *blk = request->blk;
	uint64_t feature = op == DISK_ZERO ? VIRTIO_BLK_F_WRITE_ZEROES :
					     VIRTIO_BLK_F_DISCARD;
	uint32_t flags = op == DISK_ZERO ? VIRTIO_BLK_RANGE_UNMAP : 0;
	unsigned int i;

	if (blk->disk->read_only)
		return VIRTIO_BLK_S_IOERR;
	if (!(blk->device.driver_features & feature))
		return VIRTIO_BLK_S_UNSUPP;
	if (!length || length % sizeof(request->ranges[0]) ||
	    length > sizeof(request->ranges))
		return VIRTIO_BLK_S_IOERR;
	iovec_read(iov, nr, request->ranges, length);
	request->nr_ranges = length / sizeof(request->ranges[0]);
	for (i = 0; i < request->nr_ranges; i++) {
		const struct virtio_blk_range *range = &request->ranges[i];

		if (range->flags & ~flags)
			return VIRTIO_BLK_S_UNSUPP;
		if (range->num_sectors > MOST_RANGE_SECTORS ||
		    !is_inside(blk, range->sector, range->num_sectors))
			return VIRTIO_BLK_S_IOERR;
	}
	request->io.op = op;
	request->io.durable = op == DISK_ZERO && is_write_through(blk);
	submit(request);
	return -1;
}

static int get_id(struct blk_request *request, const struct iovec *iov, int nr)
{
	/* 5.2.6.1: padded with zeros, not terminated if full. */
	char id[VIRTIO_BLK_ID_BYTES] = "";

	memcpy(id, request->blk->device.tag,
	       strnlen(request->blk->device.tag, sizeof(id)));
	request->written = iovec_write(iov, nr, id, sizeof(id)) + 1;
	return VIRTIO_BLK_S_OK;
}

/* Returns a status, or -1 when io_done() will. */
static int dispatch(struct blk_request *request,
		    const struct virtio_blk_header *header, struct iovec *out,
		    int nr_out, struct iovec *in, int nr_in)
{
	uint64_t out_bytes = request->chain.out_bytes - sizeof(*header);
	uint64_t in_bytes = request->chain.in_bytes - 1;

	switch (header->type) {
	case VIRTIO_BLK_T_IN:
		return start_transfer(request, DISK_READ, header->sector, in,
				      nr_in, in_bytes);
	case VIRTIO_BLK_T_OUT:
		return start_transfer(request, DISK_WRITE, header->sector, out,
				      nr_out, out_bytes);
	case VIRTIO_BLK_T_FLUSH:
		return start_flush(request);
	case VIRTIO_BLK_T_GET_ID:
		return get_id(request, in, nr_in);
	case VIRTIO_BLK_T_DISCARD:
		return start_ranges(request, DISK_DISCARD, out, nr_out,
				    out_bytes);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return start_ranges(request, DISK_ZERO, out, nr_out, out_bytes);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

/* Once: why the guest sees nothing but errors from now on. */
static void tell_failure(struct virtio_blk *blk)
{
	if (!blk->disk->failed || blk->told)
		return;
	blk->told = true;
	virtio_device_report(&blk->device, "%s: %s: all requests fail; stop the "
			     "guest and start it again", blk->disk->path,
			     blk->disk->failed);
}

/* A chain has been popped into the request; false: the device is broken. */
static bool start(struct blk_request *request)
{
	struct virtqueue_chain *chain = &request->chain;
	struct iovec *out = chain->iov, *in = chain->iov + chain->nr_out, *last;
	int nr_out = chain->nr_out, nr_in = chain->nr_in, status;
	struct virtio_blk_header header;

	/* 2.7.4: no assumptions on how it is cut into pieces. */
	if (!nr_in || iovec_read(out, nr_out, &header, sizeof(header)) <
		      sizeof(header)) {
		virtio_device_break(&request->blk->device,
				    "a request without header or status");
		return false;
	}
	last = &in[nr_in - 1];
	request->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	request->written = 1;
	request->nr_ranges = request->range = 0;
	iovec_skip(&out, &nr_out, sizeof(header));
	iovec_trim(in, &nr_in, 1);
	status = dispatch(request, &header, out, nr_out, in, nr_in);
	if (status >= 0)
		finish(request, status);
	return true;
}

static void blk_serve(struct virtio_device *device)
{
	struct virtio_blk *blk = (struct virtio_blk *)device;
	struct virtqueue *queue = &device->queue[0];
	struct blk_request *request;

	disk_quiet(blk->disk);
	do {
		virtqueue_mute(queue);
		/* The queue has as many chains as there are requests... */
		while ((request = blk->free_requests) &&
		       virtio_device_pop(device, 0, &request->chain)) {
			blk->free_requests = request->next_free;
			if (!start(request)) {
				request->next_free = blk->free_requests;
				blk->free_requests = request;
			}
		}
		/* ... unless the driver makes chains of what is in flight. */
		if (!blk->free_requests && virtqueue_has_more(queue) &&
		    virtio_device_runs(device))
			virtio_device_break(device, "more requests than the "
					    "queue has room for");
		/* Before asking for doorbells: the disk may begin already. */
		disk_kick(blk->disk);
		/* What was in the host's cache is done already. */
		disk_look(blk->disk);
		virtio_device_interrupt(device, 0);
	} while (virtqueue_unmute(queue) && virtio_device_runs(device));
	disk_loud(blk->disk);
	tell_failure(blk);
	virtio_device_interrupt(device, 0);
}

static void blk_complete(struct virtio_device *device)
{
	struct virtio_blk *blk = (struct virtio_blk *)device;

	disk_reap(blk->disk);
	tell_failure(blk);
	virtio_device_interrupt(device, 0);
}

static void blk_abandon(struct virtio_device *device)
{
	struct virtio_blk *blk = (struct virtio_blk *)device;

	disk_abandon(blk->disk);
	blk_complete(device);
}

/* --- Configuration --- */

static void set_capacity(struct virtio_blk *blk)
{
	struct virtio_blk_config *config = blk_config(blk);
	uint64_t cylinders;

	config->capacity = blk->disk->capacity / VIRTIO_BLK_SECTOR;
	cylinders = config->capacity / (HEADS * SECTORS_PER_TRACK);
	config->cylinders = cylinders < UINT16_MAX ? cylinders : UINT16_MAX;
}

static void set_config(struct virtio_blk *blk)
{
	struct virtio_blk_config *config = blk_config(blk);
	const struct disk *disk = blk->disk;
	uint32_t blocks = disk->physical_size / disk->block_size;

	set_capacity(blk);
	config->size_max = SIZE_MAX_BYTES;
	config->seg_max = SEG_MAX;
	config->heads = HEADS;
	config->sectors = SECTORS_PER_TRACK;
	config->blk_size = disk->block_size;
	while (2u << config->physical_block_exp <= blocks)
		config->physical_block_exp++;
	config->min_io_size = blocks < UINT16_MAX ? blocks : 1;
	config->writeback = 1;
	config->num_queues = 1;
	if (disk->read_only)
		return;
	config->max_discard_sectors = MOST_RANGE_SECTORS;
	config->max_discard_seg = MOST_RANGES;
	config->discard_sector_alignment =
		disk->discard_alignment / VIRTIO_BLK_SECTOR;
	config->max_write_zeroes_sectors = MOST_RANGE_SECTORS;
	config->max_write_zeroes_seg = MOST_RANGES;
	config->write_zeroes_may_unmap = 1;
}

static void blk_queue_off(struct virtio_device *device, unsigned int queue)
{
	(void)queue;
	/* A driver that does not know the bit expects the cache to be on. */
	blk_config((struct virtio_blk *)device)->writeback = 1;
}

static int blk_config_write(struct virtio_device *device, uint32_t offset,
			    uint32_t length, const uint8_t *bytes)
{
	struct virtio_blk *blk = (struct virtio_blk *)device;

	if (!(device->driver_features & VIRTIO_BLK_F_CONFIG_WCE) ||
	    offset != offsetof(struct virtio_blk_config, writeback) ||
	    length != 1)
		return -EPERM;
	if (bytes[0] > 1)
		return -EINVAL;
	blk_config(blk)->writeback = bytes[0];
	/* What is in the cache goes out before the promise holds. */
	return bytes[0] ? 0 : disk_sync(blk->disk);
}

static void blk_describe(struct virtio_device *device, char *text, size_t room)
{
	const struct disk *disk = ((struct virtio_blk *)device)->disk;
	char losses[120] = "";

	pthread_mutex_lock(&device->lock);
	if (disk->nbd)
		snprintf(losses, sizeof(losses), ", lost %u times%s%s",
			 disk->losses, disk->failed ? ", FAILED: " : "",
			 disk->failed ? disk->failed : "");
	snprintf(text, room, "%s, %" PRIu64 " MiB%s%s, %s%s", disk->path,
		 disk->capacity >> 20, disk->read_only ? ", read-only" : "",
		 disk->direct ? ", direct" : "", disk_engine_name(disk),
		 losses);
	pthread_mutex_unlock(&device->lock);
}

static void blk_free(struct virtio_device *device)
{
	struct virtio_blk *blk = (struct virtio_blk *)device;

	disk_close(blk->disk);
	free(blk);
}

const struct virtio_device_type virtio_blk_type = {
	.name = "block",
	.device_id = VIRTIO_ID_BLOCK,
	.nr_queues = 1,
	.queue_size = { QUEUE_SIZE },
	.serve = blk_serve,
	.complete = blk_complete,
	.abandon = blk_abandon,
	.queue_off = blk_queue_off,
	.config_write = blk_config_write,
	.batch = true,
	.describe = blk_describe,
	.free = blk_free,
};

static void prepare(struct virtio_blk *blk, const char *tag)
{
	struct virtio_device *device = &blk->device;
	unsigned int i;

	device->type = &virtio_blk_type;
	snprintf(device->tag, sizeof(device->tag), "%s", tag);
	device->event_fd = blk->disk->wait_fd;
	device->config_len = VIRTIO_BLK_CONFIG_LEN;
	device->features = VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX |
			   VIRTIO_BLK_F_GEOMETRY | VIRTIO_BLK_F_BLK_SIZE |
			   VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_TOPOLOGY;
	if (blk->disk->read_only)
		device->features |= VIRTIO_BLK_F_RO;
	else
		device->features |= VIRTIO_BLK_F_DISCARD |
			(blk->disk->no_zeroes ? 0 : VIRTIO_BLK_F_WRITE_ZEROES) |
			/* Turning the cache off wants disk_sync(). */
			(blk->disk->nbd ? 0 : VIRTIO_BLK_F_CONFIG_WCE);
	set_config(blk);
	for (i = 0; i < QUEUE_SIZE; i++) {
		struct blk_request *request = &blk->requests[i];

		request->blk = blk;
		request->io.done = io_done;
		request->next_free = blk->free_requests;
		blk->free_requests = request;
	}
}

int virtio_blk_add(struct virtio_bus *bus, const struct blk_options *options,
		   struct error *error)
{
	const struct disk_options disk_options = {
		.path = options->path,
		.files = options->files,
		.format = options->format,
		.backing = options->backing,
		.read_only = options->read_only,
		.direct = options->direct,
		.block_size = options->block_size,
		.engine = options->engine,
	};
	struct virtio_blk *blk = calloc(1, sizeof(*blk));
	int number;

	if (!blk) {
		struct disk_files files = { .image = -1, .server = -1 };

		if (options->files)
			files = *options->files;
		disk_files_close(&files);
		return error_set(error, "%s: out of memory", options->tag);
	}
	blk->disk = disk_open(&disk_options, error);
	if (!blk->disk) {
		free(blk);
		return error_prefix(error, "%s", options->tag);
	}
	prepare(blk, options->tag);
	number = virtio_device_add(bus, &blk->device, error);
	if (number < 0)
		blk_free(&blk->device);
	return number;
}

int virtio_blk_resize(struct virtio_bus *bus, int number, uint64_t size,
		      uint64_t *bytes, struct error *error)
{
	struct virtio_device *device = virtio_bus_get(bus, number);
	struct virtio_blk *blk = (struct virtio_blk *)device;
	int ret;

	if (!device)
		return error_set(error, "device %d: there is none", number);
	if (device->type != &virtio_blk_type) {
		virtio_bus_put(bus, device);
		return error_set(error, "device %d: not a block device: see "
				 "colinux info", number);
	}
	pthread_mutex_lock(&device->lock);
	ret = disk_resize(blk->disk, size, error);
	if (ret) {
		error_prefix(error, "%s", device->tag);
	} else {
		set_capacity(blk);
		virtio_device_config_changed(device);
		*bytes = blk->disk->capacity;
	}
	pthread_mutex_unlock(&device->lock);
	virtio_bus_put(bus, device);
	return ret;
}
