/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lies in front of every frame between the device and a back-end: the
 * header of virtio 1.2 section 5.1.6, as TAP devices with IFF_VNET_HDR take
 * it, too.  All fields come from the other side: copy, then look.
 */
#ifndef DAEMON_NET_FRAME_H
#define DAEMON_NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct net_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;	/* from the beginning of the frame */
	uint16_t csum_offset;	/* of the checksum, from csum_start */
	uint16_t num_buffers;
};

_Static_assert(sizeof(struct net_header) == 12, "5.1.6");

#define NET_HEADER_NEEDS_CSUM	1u
#define NET_HEADER_DATA_VALID	2u
#define NET_HEADER_GSO_NONE	0u

/*
 * The largest frame: an IP packet of 65535 bytes behind an Ethernet header
 * with two VLAN tags; and with our header.
 */
#define NET_FRAME_MAX	(65535u + 14 + 8)
#define NET_MESSAGE_MAX	(sizeof(struct net_header) + NET_FRAME_MAX)
/* An Ethernet header. */
#define NET_FRAME_MIN	14u

/*
 * Put in the checksum that the guest's driver has left to us.  False when the
 * header points outside of the frame: drop it.
 */
bool net_finish_checksum(const struct net_header *header, uint8_t *frame,
			 size_t length);

#endif
