/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Numbers and layouts of the virtio 1.2 specification (OASIS, committee
 * specification 01) as far as our devices use them; each with its section.
 * Own definitions, because Windows hosts have no <linux/virtio_*.h>.
 * Everything is little endian, and so is every host that we run on.
 */
#ifndef DAEMON_VIRTIO_SPEC_H
#define DAEMON_VIRTIO_SPEC_H

#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little endian");

#define VIRTIO_BIT(n)	(UINT64_C(1) << (n))

/* 2.1 Device status field */
#define VIRTIO_STATUS_ACKNOWLEDGE	1u
#define VIRTIO_STATUS_DRIVER		2u
#define VIRTIO_STATUS_DRIVER_OK		4u
#define VIRTIO_STATUS_FEATURES_OK	8u
#define VIRTIO_STATUS_NEEDS_RESET	64u
#define VIRTIO_STATUS_FAILED		128u

/* 5 Device types */
#define VIRTIO_ID_NET		1u
#define VIRTIO_ID_BLOCK		2u
#define VIRTIO_ID_CONSOLE	3u
#define VIRTIO_ID_RNG		4u
#define VIRTIO_ID_BALLOON	5u
#define VIRTIO_ID_VSOCK		19u
#define VIRTIO_ID_FS		26u

/* 6 Reserved feature bits */
#define VIRTIO_F_INDIRECT_DESC	VIRTIO_BIT(28)
#define VIRTIO_F_EVENT_IDX	VIRTIO_BIT(29)
#define VIRTIO_F_VERSION_1	VIRTIO_BIT(32)

/* 2.7.5 The virtqueue descriptor table */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

#define VIRTQ_DESC_NEXT		1u
#define VIRTQ_DESC_WRITE	2u
#define VIRTQ_DESC_INDIRECT	4u

/*
 * 2.7.6 The available ring: flags, idx, ring[size], used_event; 16 bits each.
 * 2.7.8 The used ring: flags, idx (16 bits), ring[size], avail_event (16 bits).
 */
#define VIRTQ_AVAIL_FLAGS	0u
#define VIRTQ_AVAIL_IDX		2u
#define VIRTQ_AVAIL_RING	4u
#define VIRTQ_AVAIL_NO_INTERRUPT 1u
#define VIRTQ_USED_FLAGS	0u
#define VIRTQ_USED_IDX		2u
#define VIRTQ_USED_RING		4u
#define VIRTQ_USED_NO_NOTIFY	1u

struct virtq_used_elem {
	uint32_t id;
	uint32_t len;
};

_Static_assert(sizeof(struct virtq_desc) == 16, "descriptor");
_Static_assert(sizeof(struct virtq_used_elem) == 8, "used element");

/* 5.2.3 Block device: feature bits */
#define VIRTIO_BLK_F_SIZE_MAX		VIRTIO_BIT(1)
#define VIRTIO_BLK_F_SEG_MAX		VIRTIO_BIT(2)
#define VIRTIO_BLK_F_GEOMETRY		VIRTIO_BIT(4)
#define VIRTIO_BLK_F_RO			VIRTIO_BIT(5)
#define VIRTIO_BLK_F_BLK_SIZE		VIRTIO_BIT(6)
#define VIRTIO_BLK_F_FLUSH		VIRTIO_BIT(9)
#define VIRTIO_BLK_F_TOPOLOGY		VIRTIO_BIT(10)
#define VIRTIO_BLK_F_CONFIG_WCE		VIRTIO_BIT(11)
#define VIRTIO_BLK_F_DISCARD		VIRTIO_BIT(13)
#define VIRTIO_BLK_F_WRITE_ZEROES	VIRTIO_BIT(14)

/* 5.2.4 Block device: configuration layout, up to write_zeroes */
struct virtio_blk_config {
	uint64_t capacity;	/* sectors of 512 bytes, always */
	uint32_t size_max;
	uint32_t seg_max;
	uint16_t cylinders;
	uint8_t heads;
	uint8_t sectors;
	uint32_t blk_size;
	uint8_t physical_block_exp;
	uint8_t alignment_offset;
	uint16_t min_io_size;	/* in logical blocks */
	uint32_t opt_io_size;	/* in logical blocks */
	uint8_t writeback;
	uint8_t unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors;
	uint32_t max_discard_seg;
	uint32_t discard_sector_alignment;
	uint32_t max_write_zeroes_sectors;
	uint32_t max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap;
	uint8_t unused1[3];
};

#define VIRTIO_BLK_CONFIG_LEN	60u

_Static_assert(__builtin_offsetof(struct virtio_blk_config, writeback) == 32,
	       "5.2.4");
_Static_assert(__builtin_offsetof(struct virtio_blk_config,
				  write_zeroes_may_unmap) == 56, "5.2.4");

/* 5.2.6 Block device: requests */
#define VIRTIO_BLK_SECTOR	512u

struct virtio_blk_header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};

#define VIRTIO_BLK_T_IN			0u
#define VIRTIO_BLK_T_OUT		1u
#define VIRTIO_BLK_T_FLUSH		4u
#define VIRTIO_BLK_T_GET_ID		8u
#define VIRTIO_BLK_T_DISCARD		11u
#define VIRTIO_BLK_T_WRITE_ZEROES	13u

struct virtio_blk_range {
	uint64_t sector;
	uint32_t num_sectors;
	uint32_t flags;
};

#define VIRTIO_BLK_RANGE_UNMAP	1u
#define VIRTIO_BLK_ID_BYTES	20u

#define VIRTIO_BLK_S_OK		0u
#define VIRTIO_BLK_S_IOERR	1u
#define VIRTIO_BLK_S_UNSUPP	2u

/* 5.3.3, 5.3.4 Console device */
#define VIRTIO_CONSOLE_F_SIZE	VIRTIO_BIT(0)

struct virtio_console_config {
	uint16_t cols;
	uint16_t rows;
};

/* 5.1.3 Network device: feature bits */
#define VIRTIO_NET_F_CSUM		VIRTIO_BIT(0)
#define VIRTIO_NET_F_GUEST_CSUM		VIRTIO_BIT(1)
#define VIRTIO_NET_F_MTU		VIRTIO_BIT(3)
#define VIRTIO_NET_F_MAC		VIRTIO_BIT(5)
#define VIRTIO_NET_F_GUEST_TSO4		VIRTIO_BIT(7)
#define VIRTIO_NET_F_GUEST_TSO6		VIRTIO_BIT(8)
#define VIRTIO_NET_F_HOST_TSO4		VIRTIO_BIT(11)
#define VIRTIO_NET_F_HOST_TSO6		VIRTIO_BIT(12)
#define VIRTIO_NET_F_MRG_RXBUF		VIRTIO_BIT(15)
#define VIRTIO_NET_F_STATUS		VIRTIO_BIT(16)
#define VIRTIO_NET_F_CTRL_VQ		VIRTIO_BIT(17)
#define VIRTIO_NET_F_MQ			VIRTIO_BIT(22)

/* 5.1.4 Network device: configuration layout, up to mtu */
struct virtio_net_config {
	uint8_t mac[6];
	uint16_t status;
	uint16_t max_virtqueue_pairs;
	uint16_t mtu;
};

#define VIRTIO_NET_S_LINK_UP	1u

/* 5.1.6.5 Control virtqueue; 5.1.6.5.6 automatic receive steering */
struct virtio_net_control {
	uint8_t class;
	uint8_t command;
	uint8_t data[2];	/* of VQ_PAIRS_SET: the number, little endian */
};

#define VIRTIO_NET_CTRL_MQ		4u
#define VIRTIO_NET_CTRL_MQ_PAIRS_SET	0u
#define VIRTIO_NET_OK			0u
#define VIRTIO_NET_ERR			1u

_Static_assert(sizeof(struct virtio_net_config) == 12, "5.1.4");

/* 5.11.4 File system device: configuration layout */
struct virtio_fs_config {
	char tag[36];		/* not ended by NUL when it is as long */
	uint32_t num_request_queues;
};

_Static_assert(sizeof(struct virtio_fs_config) == 40, "5.11.4");

/* 5.10.4 Socket device: configuration layout */
struct virtio_vsock_config {
	uint64_t guest_cid;
};

/* 5.10.6 Socket device: packets; the data follows. */
struct virtio_vsock_header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t len;
	uint16_t type, op;
	uint32_t flags;
	uint32_t buf_alloc, fwd_cnt;
} __attribute__((packed));

_Static_assert(sizeof(struct virtio_vsock_header) == 44, "5.10.6");

#define VIRTIO_VSOCK_HOST_CID		2u
#define VIRTIO_VSOCK_TYPE_STREAM	1u
#define VIRTIO_VSOCK_OP_REQUEST		1u
#define VIRTIO_VSOCK_OP_RESPONSE	2u
#define VIRTIO_VSOCK_OP_RST		3u
#define VIRTIO_VSOCK_OP_SHUTDOWN	4u
#define VIRTIO_VSOCK_OP_RW		5u
#define VIRTIO_VSOCK_OP_CREDIT_UPDATE	6u
#define VIRTIO_VSOCK_OP_CREDIT_REQUEST	7u
/* Hints of OP_SHUTDOWN: who sends it receives, sends no more. */
#define VIRTIO_VSOCK_SHUTDOWN_RCV	1u
#define VIRTIO_VSOCK_SHUTDOWN_SEND	2u

#endif
