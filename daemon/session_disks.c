// SPDX-License-Identifier: GPL-2.0
/* See session_disks.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "os.h"
#include "session_disks.h"

/* How long a guest may take: it may be busy, or have no driver at all. */
#define PATIENCE_MS 30000
/*
 * What looks at new disks (udev) has them open for a moment: a refusal is
 * final after this time only.
 */
#define IN_USE_MS 2000
#define AGAIN_MS 100

static void finish(struct disk_waiter *waiter, const char *problem)
{
	struct control_client *client = waiter->client;

	waiter->client = NULL;
	uv_timer_stop(&waiter->timer);
	control_done(client, problem);
}

static uint64_t age(const struct disk_waiter *waiter)
{
	return uv_now(waiter->timer.loop) - waiter->since;
}

static void look(struct disk_waiter *waiter);

static void on_timer(uv_timer_t *timer)
{
	struct disk_waiter *waiter = timer->data;
	const struct protocol_request *request = &waiter->request;
	struct error error;

	/* A refusal may be taken back. */
	if (request->verb == PROTOCOL_DISK_REMOVE &&
	    machine_disk_plug(waiter->disks->machine, request->disk) ==
		    VIRTIO_PLUG_REFUSED) {
		if (machine_disk_eject(waiter->disks->machine, request->disk,
				       false, &error) < 0)
			finish(waiter, error.text);
		else
			uv_timer_start(timer, on_timer, PATIENCE_MS, 0);
		return;
	}
	snprintf(error.text, sizeof(error.text), "cobd%" PRId64 ": the guest "
		 "has not %s within %d seconds%s", request->disk,
		 request->verb == PROTOCOL_DISK_ADD ? "taken it" :
						      "let it go",
		 PATIENCE_MS / 1000, request->verb == PROTOCOL_DISK_ADD ?
		 ": is its module virtio_blk loaded?" : "");
	finish(waiter, error.text);
}

/* What the guest says about the disk of a waiter. */
static void look(struct disk_waiter *waiter)
{
	const struct protocol_request *request = &waiter->request;
	struct error error;

	switch (machine_disk_plug(waiter->disks->machine, request->disk)) {
	case VIRTIO_PLUG_DRIVEN:
		if (request->verb == PROTOCOL_DISK_ADD)
			finish(waiter, NULL);
		break;
	case VIRTIO_PLUG_NONE:
		finish(waiter, request->verb == PROTOCOL_DISK_REMOVE ? NULL :
						"it was removed again");
		break;
	case VIRTIO_PLUG_REFUSED:
		if (request->verb != PROTOCOL_DISK_REMOVE)
			break;
		if (age(waiter) < IN_USE_MS) {
			uv_timer_start(&waiter->timer, on_timer, AGAIN_MS, 0);
			break;
		}
		snprintf(error.text, sizeof(error.text), "cobd%" PRId64 " is in "
			 "use in the guest: unmount it there, or pull it out "
			 "with --force", request->disk);
		finish(waiter, error.text);
		break;
	default:
		break;
	}
}

/* "IMAGE SERVER FORMAT PATH": which of the descriptors there are. */
static int take_files(const char *text, const int *fds, int nr,
		      struct disk_files *files, struct config_disk *options)
{
	int image, server, format, at = 0;

	if (sscanf(text, "%d %d %d %n", &image, &server, &format, &at) < 3 ||
	    !at || image + server != nr || (image | server) & ~1 ||
	    format < 0 || format >= DISK_FORMATS ||
	    (!server && format != DISK_RAW)) {
		os_close_files(fds, nr);
		return -1;
	}
	files->image = image ? fds[0] : -1;
	files->server = server ? fds[image] : -1;
	files->format = format;
	snprintf(options->path, sizeof(options->path), "%s", text + at);
	return nr ? 0 : -1;
}

static void on_files(void *opaque, struct control_client *client,
		     const char *text, const int *fds, int nr)
{
	struct disk_waiter *waiter = opaque;
	const struct protocol_request *request = &waiter->request;
	struct config_disk options = {
		.read_only = request->read_only == 1,
		.direct = request->direct == 1,
	};
	struct disk_files files;
	struct error error;

	(void)client;
	waiter->asking = false;
	if (take_files(text, fds, nr, &files, &options) < 0)
		finish(waiter, "the disk did not come along");
	else if (machine_disk_add(waiter->disks->machine, request->disk,
				  &options, &files, &error) < 0)
		finish(waiter, error.text);
	else
		look(waiter);
}

static void resize(struct session_disks *disks, struct control_client *client,
		   const struct protocol_request *request)
{
	struct error error;
	uint64_t bytes;

	if (machine_disk_resize(disks->machine, request->disk,
				request->size > 0 ? request->size : 0, &bytes,
				&error) < 0) {
		control_done(client, error.text);
		return;
	}
	control_line(client, "size %" PRIu64, bytes);
	control_done(client, NULL);
}

bool session_disks_request(struct session_disks *disks,
			   struct control_client *client,
			   const struct protocol_request *request)
{
	struct disk_waiter *waiter = disks->waiters;
	struct error error;

	if (request->verb != PROTOCOL_DISK_ADD &&
	    request->verb != PROTOCOL_DISK_REMOVE &&
	    request->verb != PROTOCOL_DISK_RESIZE)
		return false;
	while (waiter < disks->waiters + DISK_WAITERS && waiter->client)
		waiter++;
	if (request->disk < 0) {
		control_done(client, "which disk?");
	} else if (request->verb == PROTOCOL_DISK_RESIZE) {
		resize(disks, client, request);
	} else if (waiter == disks->waiters + DISK_WAITERS) {
		control_done(client, "too many are waiting already");
	} else {
		waiter->client = client;
		waiter->request = *request;
		waiter->since = uv_now(waiter->timer.loop);
		uv_timer_start(&waiter->timer, on_timer, PATIENCE_MS, 0);
		if (request->verb == PROTOCOL_DISK_ADD) {
			waiter->asking = true;
			control_take_files(client, on_files, waiter);
		} else if (machine_disk_eject(disks->machine, request->disk,
					      request->force == 1,
					      &error) < 0) {
			finish(waiter, error.text);
		}
	}
	return true;
}

void session_disks_gone(struct session_disks *disks,
			struct control_client *client)
{
	for (int i = 0; i < DISK_WAITERS; i++)
		if (disks->waiters[i].client == client) {
			disks->waiters[i].client = NULL;
			uv_timer_stop(&disks->waiters[i].timer);
		}
}

void session_disks_changed(struct session_disks *disks)
{
	machine_reap_disks(disks->machine);
	for (int i = 0; i < DISK_WAITERS; i++)
		if (disks->waiters[i].client && !disks->waiters[i].asking)
			look(&disks->waiters[i]);
}

void session_disks_end(struct session_disks *disks)
{
	for (int i = 0; i < DISK_WAITERS; i++)
		if (disks->waiters[i].client && !disks->waiters[i].asking)
			finish(&disks->waiters[i], "the guest has ended");
}

void session_disks_init(struct session_disks *disks, uv_loop_t *loop,
			struct machine *machine)
{
	disks->machine = machine;
	for (int i = 0; i < DISK_WAITERS; i++) {
		disks->waiters[i].disks = disks;
		uv_timer_init(loop, &disks->waiters[i].timer);
		disks->waiters[i].timer.data = &disks->waiters[i];
	}
}

void session_disks_close(struct session_disks *disks)
{
	for (int i = 0; i < DISK_WAITERS; i++)
		uv_close((uv_handle_t *)&disks->waiters[i].timer, NULL);
}
