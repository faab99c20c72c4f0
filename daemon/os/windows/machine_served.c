/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices that NT has none of (machine_served.c has them for Linux): a
 * configuration that asks for one was refused (os_lacks()), so there is nothing
 * to add.
 */
#include <errno.h>

#include "../../machine_internal.h"
#include "../../virtio/vhost_net.h"

int machine_add_served(struct machine *machine, struct error *error)
{
	(void)machine;
	(void)error;
	return 0;
}

int machine_add_vhost_vsock(struct machine *machine, struct error *error)
{
	(void)machine;
	(void)error;
	return 1;
}

/* No card of Windows' gives its frames to vhost-net (net_slirp.c). */

int vhost_net_init(struct vhost_net *vhost, int fd, unsigned int first)
{
	(void)fd;
	(void)first;
	vhost->rings.fd = -1;
	return -ENODEV;
}

void vhost_net_exit(struct vhost_net *vhost)
{
	(void)vhost;
}

int vhost_net_start(struct vhost_net *vhost, struct virtio_device *device,
		    int tap_fd)
{
	(void)vhost;
	(void)device;
	(void)tap_fd;
	return -EOPNOTSUPP;
}

void vhost_net_stop(struct vhost_net *vhost, struct virtio_device *device)
{
	(void)vhost;
	(void)device;
}
