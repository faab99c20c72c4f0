// SPDX-License-Identifier: GPL-2.0
/* Disks that come, grow and go while the guest runs: see machine.h. */
#include <inttypes.h>
#include <stdio.h>

#include "machine_internal.h"

static void tag_of(unsigned int disk, char tag[16])
{
	snprintf(tag, 16, "cobd%u", disk);
}

static int find(struct machine *machine, unsigned int disk)
{
	char tag[16];

	tag_of(disk, tag);
	return virtio_bus_find(machine->bus, tag);
}

int machine_disk_add(struct machine *machine, unsigned int disk,
		     const struct config_disk *options,
		     const struct disk_files *files, struct error *error)
{
	struct disk_files unused = *files;
	char tag[16];
	const struct blk_options blk = {
		.tag = tag,
		.path = options->path,
		.files = files,
		.read_only = options->read_only,
		.direct = options->direct,
		/* The sandbox has no new rings. */
		.engine = DISK_ENGINE_THREADS,
	};

	tag_of(disk, tag);
	if (find(machine, disk) >= 0) {
		disk_files_close(&unused);
		return error_set(error, "%s is there already: remove it first, "
				 "or use another number", tag);
	}
	return virtio_blk_add(machine->bus, &blk, error) < 0 ? -1 : 0;
}

enum virtio_plug machine_disk_plug(struct machine *machine, unsigned int disk)
{
	int device = find(machine, disk);

	return device < 0 ? VIRTIO_PLUG_NONE :
			    virtio_bus_plug(machine->bus, device);
}

int machine_disk_eject(struct machine *machine, unsigned int disk, bool force,
		       struct error *error)
{
	int device = find(machine, disk);

	if (device < 0)
		return error_set(error, "there is no cobd%u; see: colinux disk "
				 "list", disk);
	return virtio_bus_eject(machine->bus, device, force, error);
}

void machine_reap_disks(struct machine *machine)
{
	if (!atomic_exchange(&machine->plugged, false))
		return;
	for (unsigned int i = 0; i < COLINUX_MAX_DEVICES; i++)
		if (virtio_bus_plug(machine->bus, i) == VIRTIO_PLUG_EJECTED)
			virtio_bus_remove(machine->bus, i);
}

int machine_disk_resize(struct machine *machine, unsigned int disk,
			uint64_t size, uint64_t *bytes, struct error *error)
{
	int device = find(machine, disk);

	if (device < 0)
		return error_set(error, "there is no cobd%u; see: colinux disk "
				 "list", disk);
	return virtio_blk_resize(machine->bus, device, size, bytes, error);
}
