/* SPDX-License-Identifier: GPL-2.0 */
/* All kinds of virtio devices: see device.h. */
#include "device.h"

const struct virtio_device_type *const virtio_device_types[] = {
	&virtio_balloon_type,
	&virtio_blk_type,
	&virtio_console_type,
	&virtio_net_type,
	&virtio_rng_type,
	&virtio_vsock_type,
};
const size_t virtio_nr_device_types =
	sizeof(virtio_device_types) / sizeof(virtio_device_types[0]);
