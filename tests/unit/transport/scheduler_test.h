/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Part of virtio_test.h: disks of the host get no I/O scheduler in the guest, if
 * its driver says where its queue is (with VIRTQUEUE_INFO).
 */
#ifndef TRANSPORT_SCHEDULER_TEST_H
#define TRANSPORT_SCHEDULER_TEST_H

NUMBER("offset.virtio_device.priv", 136);
NUMBER("enum.BLK_MQ_F_NO_SCHED_BY_DEFAULT", 64);
#if VIRTQUEUE_INFO
NUMBER("offset.virtio_blk.tag_set", 16);
NUMBER("offset.blk_mq_tag_set.flags", 8);
#else
ABSENT("offset.virtio_blk.tag_set");
ABSENT("offset.blk_mq_tag_set.flags");
#endif

static void scheduler(void)
{
	const struct fake_ops *o = ops_of(0);
	u32 blk[8] = { 0 };
	void *vdev = devices[0].vdev;

	AT(void *, vdev, 136) = blk;
	o->set_status(vdev, 3);
	check(!blk[6], "a disk's queue while the driver is not ready");
	o->set_status(vdev, 7);
	check(blk[6] == (VIRTQUEUE_INFO ? 64 : 0) && !blk[4] && !blk[5] &&
	      !blk[7], "it gets no scheduler where that can be said");
	blk[6] = 0;
	device_page(0)->device_id = 1;
	o->set_status(vdev, 7);
	check(!blk[6], "what is no disk is left alone");
	device_page(0)->device_id = ID_BLOCK;
	AT(void *, vdev, 136) = NULL;
	o->set_status(vdev, 7);
	check(o->get_status(vdev) == 7, "a driver without data of its own");
	o->reset(vdev);
}

#endif
