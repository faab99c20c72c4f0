/* SPDX-License-Identifier: GPL-2.0 */
/* Hand disk requests to io_uring or the pool, and take them back: disk.h. */
#include <errno.h>
#include <unistd.h>

#include "engine.h"
#include "format.h"

const char *disk_engine_name(const struct disk *disk)
{
	if (disk->nbd)
		return disk->fd >= 0 ? disk_format_name(disk->format) : "NBD";
	return disk->uring ? "io_uring" : "threads";
}

void disk_submit(struct disk *disk, struct disk_request *request)
{
	if (disk->nbd) {
		disk_nbd_submit(disk->nbd, request);
		return;
	}
	if (disk->uring && disk_uring_submit(disk->uring, request))
		return;
	disk_pool_submit(disk->pool, request);
}

void disk_kick(struct disk *disk)
{
	const uint64_t one = 1;

	if (disk->nbd) {
		disk_nbd_kick(disk->nbd);
		if (!disk_nbd_has_done(disk->nbd))
			return;
	} else if (!disk->uring || !disk_uring_kick(disk->uring)) {
		return;
	}
	/* No memory for now (EAGAIN, EBUSY): come back to disk_reap(). */
	while (write(disk->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void disk_reap(struct disk *disk)
{
	struct disk_request *request, *next;
	bool finish;

	for (request = disk->nbd ? disk_nbd_reap(disk->nbd) : NULL; request;
	     request = next) {
		next = request->next;
		request->done(request, request->error);
	}
	while (disk->uring &&
	       (request = disk_uring_take(disk->uring, &finish))) {
		if (finish)
			disk_pool_submit(disk->pool, request);
		else
			request->done(request, request->error);
	}
	for (request = disk_pool_take_done(disk->pool); request;
	     request = next) {
		next = request->next;
		request->done(request, request->error);
	}
	/* What done() has handed in, or what was refused before. */
	disk_kick(disk);
}

void disk_abandon(struct disk *disk)
{
	if (disk->nbd)
		disk_nbd_abandon(disk->nbd);
}

void disk_quiet(struct disk *disk)
{
	if (disk->uring)
		disk_uring_events(disk->uring, false);
}

void disk_look(struct disk *disk)
{
	if (disk->uring)
		disk_reap(disk);
}

void disk_loud(struct disk *disk)
{
	if (!disk->uring)
		return;
	disk_uring_events(disk->uring, true);
	disk_reap(disk);
}
