// SPDX-License-Identifier: GPL-2.0
/* Sockets between guest and host: the VM's vsock device. */
#include "machine_internal.h"
#include "os.h"
#include "virtio/virtio.h"

/* The host is CID 2, and every guest 3, since none sees another. */
#define GUEST_CID 3

int machine_add_vsock(struct machine *machine, struct error *error)
{
	const struct machine_vsock *vsock = machine->callbacks.vsock;
	struct vsock_options options = {
		.cid = GUEST_CID,
		.allowed = os_socket_allowed,
	};
	int device;

	if (!vsock)
		return 0;
	device = vsock->vhost ? machine_add_vhost_vsock(machine, error) : 1;
	if (device <= 0) {
		os_socket_close(vsock->listener);
		return device;
	}
	options.listener = vsock->listener;
	options.connect_path = vsock->path;
	device = virtio_vsock_add(machine->bus, &options, error);
	if (device < 0) {
		os_socket_close(vsock->listener);
		return -1;
	}
	machine_describe(machine, device);
	return 0;
}
