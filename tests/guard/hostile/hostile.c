// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile driver for one virtio device of the guest that loads it, without
 * the kernel's virtio core: it writes the device's page, rings, descriptors and
 * indirect tables as no driver may, gives commands in any order and rings
 * doorbells, `rounds` times, from `seed`, all of it while it is loaded.
 *
 * It is hostile to the device, not to its own kernel: what a device may write
 * to is the arena below or no memory of the guest's at all.  The balloon gets
 * page numbers that are not the guest's, or pages that are never used again.
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <uapi/linux/virtio_config.h>

#include <colinux/device.h>
#include <colinux/hypercall.h>

static unsigned long call;
module_param(call, ulong, 0);
MODULE_PARM_DESC(call, "where port_hypercall() is in the port's text");
static char *tag = "";
module_param(tag, charp, 0);
static unsigned int rounds = 1000;
module_param(rounds, uint, 0);
static unsigned long seed = 1;
module_param(seed, ulong, 0);
static unsigned int patience = 2;
module_param(patience, uint, 0);
MODULE_PARM_DESC(patience, "ms for a device to look at a ring");

typedef s64 hypercall_fn(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e);

/* The arena: room for the rings of eight queues, then the rest. */
#define ARENA_ORDER	6
#define ARENA_SIZE	(PAGE_SIZE << ARENA_ORDER)
#define RING_ROOM	(3 * PAGE_SIZE)
#define NR_RINGS	8
#define TABLES		(NR_RINGS * RING_ROOM)	/* indirect ones */
#define TABLE_ROOM	512
#define NR_TABLES	16
#define BUFFERS		(TABLES + NR_TABLES * TABLE_ROOM)
#define MAX_SIZE	256

#define PFN_ORDER	2			/* of page numbers */
#define GIFT_ORDER	9			/* pages for the balloon */

static struct colinux_device_page *page;
static unsigned int number, nr_queues;
static u64 known_features;
static u8 *arena;
static u32 *pfns;
static unsigned long state;
static struct {
	u16 size, idx;
	u8 *desc, *avail;
	struct vring_used *used;
} ring[COLINUX_DEVICE_QUEUES];
static unsigned long refused, taken, offered, looked;
/* What is offered breaks rules; else only what is in the buffers is odd. */
static bool wicked;

static u64 number_below(u64 limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return limit ? state % limit : state;
}

static bool one_in(unsigned int n)
{
	return !number_below(n);
}

static u64 any(void)
{
	return number_below(0);
}

static s64 hypercall(u64 nr, u64 b, u64 c, u64 d)
{
	return ((hypercall_fn *)call)(nr, number, b, c, d, 0);
}

static void command(u64 what, u64 a, u64 b)
{
	if (hypercall(COLINUX_HC_DEVICE, what, a, b) < 0)
		refused++;
	else
		taken++;
}

static bool is_balloon(void)
{
	return page->device_id == VIRTIO_ID_BALLOON;
}

/* --- Addresses --- */

/* No memory of any guest: far away, wrapping, and low. */
static u64 no_memory(void)
{
	switch (number_below(6)) {
	case 0:
		return 0;
	case 1:
		return number_below(0x1000);
	case 2:
		return -number_below(0x10000);
	case 3:
		return 0xfee00000 + number_below(0x1000);	/* an APIC */
	default:
		return any() | 1ull << (44 + number_below(20));
	}
}

static u64 in_arena(unsigned long from, unsigned long align)
{
	return __pa(arena) + from +
	       (number_below(ARENA_SIZE - from) & ~(align - 1));
}

/* What a descriptor points to, and how long that is. */
static void buffer(struct vring_desc *desc, bool writable)
{
	u64 room;

	desc->addr = is_balloon() && !writable ?
		__pa(pfns) + 4 * number_below(PAGE_SIZE / 4) :
		in_arena(one_in(4) ? 0 : BUFFERS, 1);
	room = is_balloon() && !writable ?
		PAGE_SIZE : __pa(arena) + ARENA_SIZE - desc->addr;
	switch (wicked ? number_below(8) : 7) {
	case 0:
		desc->len = 0;
		break;
	case 1:		/* more than there is memory behind it */
		desc->len = 0xc0000000u | any();
		break;
	case 2:
		desc->addr = no_memory();
		desc->len = any();
		break;
	default:
		desc->len = 1 + number_below(min_t(u64, room, 9000));
		desc->len = min_t(u64, desc->len, room);
	}
}

/* --- Chains --- */

static const u32 headers[][8] = {
	{ 0 }, { 1 }, { 4 }, { 8 }, { 11 }, { 13 },	/* block; network */
	{ 64, 26, 1 }, { 40, 1, 2, 0, 1 },		/* FUSE */
	{ 3, 0, 2, 0, 1000, 1011, 0, 0x10001 },		/* vsock */
};

/* A descriptor with a header that the device may find familiar. */
static void header(struct vring_desc *desc)
{
	u8 *at = arena + BUFFERS + 64 * number_below(64);

	memcpy(at, headers[number_below(ARRAY_SIZE(headers))], 32);
	if (one_in(4))
		at[number_below(32)] = any();
	desc->addr = __pa(at);
	desc->len = one_in(4) ? number_below(64) : 16 + 8 * number_below(7);
}

/* A table of n descriptors at `at`, chained in some way. */
static void chain(struct vring_desc *at, unsigned int size, unsigned int first,
		  unsigned int n, unsigned int depth)
{
	unsigned int i, next;

	for (i = 0; i < n; i++) {
		struct vring_desc *desc = &at[(first + i) % size];
		bool writable = i >= n / 2;

		next = (first + i + 1) % size;
		desc->flags = writable ? VRING_DESC_F_WRITE : 0;
		if (wicked && one_in(16))	/* the wrong way round */
			desc->flags ^= VRING_DESC_F_WRITE;
		writable = desc->flags & VRING_DESC_F_WRITE;
		if (!i && !is_balloon() && !writable)
			header(desc);
		else
			buffer(desc, writable);
		if (i + 1 < n)
			desc->flags |= VRING_DESC_F_NEXT;
		if (wicked && one_in(24)) {	/* a loop, or out of the table */
			desc->flags |= VRING_DESC_F_NEXT;
			next = one_in(2) ? (first + number_below(i + 1)) % size :
					   any();
		}
		desc->next = next;
		if (depth && (wicked || !i) && one_in(6)) {
			unsigned int to = number_below(NR_TABLES);
			unsigned int entries = 1 + number_below(TABLE_ROOM / 16);

			chain((void *)(arena + TABLES + to * TABLE_ROOM),
			      TABLE_ROOM / 16, 0, entries, depth - 1);
			desc->addr = __pa(arena) + TABLES + to * TABLE_ROOM;
			desc->len = 16 * entries;
			desc->flags = VRING_DESC_F_INDIRECT |
				      (wicked && one_in(8) ? any() & 7 : 0);
			if (wicked && one_in(12))
				desc->len = any();
			if (wicked && one_in(12))
				desc->addr = no_memory();
			/* Whatever flags: the table is nothing to write to. */
			if (!(desc->flags & VRING_DESC_F_INDIRECT))
				desc->flags &= ~VRING_DESC_F_WRITE;
			if (is_balloon() &&
			    !(desc->flags & VRING_DESC_F_INDIRECT))
				desc->addr = no_memory();
		}
	}
}

static bool is_done(unsigned int queue)
{
	return READ_ONCE(page->status) & VIRTIO_CONFIG_S_NEEDS_RESET ||
	       READ_ONCE(ring[queue].used->idx) == ring[queue].idx;
}

/*
 * Until the device has looked at a ring and is done with it, or as long as our
 * patience, as many rings are no good or their device is not set up.  Of time,
 * not of sleeps: an emulator wakes up late.  On a machine so slow that no ring
 * was done yet, longer.
 */
static void let_it_look(unsigned int queue)
{
	const ktime_t end = ktime_add_ms(ktime_get(), looked ? patience : 500);

	while (!is_done(queue) && ktime_before(ktime_get(), end))
		usleep_range(100, 200);
	offered++;
	looked += is_done(queue);
}

static void offer(unsigned int queue)
{
	struct vring_avail *avail = (void *)ring[queue].avail;
	unsigned int size = ring[queue].size, nr = 1 + number_below(4);
	unsigned int head = number_below(size);

	if (!size)
		return;
	wicked = one_in(3);
	while (nr--) {
		/* Apart in a ring of some size, if that is a rule. */
		head = wicked ? number_below(size) : (head + 8) % size;
		chain((void *)ring[queue].desc, size, head,
		      1 + number_below(min(size, 6u)), wicked ? 2 : 1);
		avail->ring[ring[queue].idx++ % size] =
			wicked && one_in(24) ? (u16)any() : head;
	}
	if (wicked && one_in(24))
		ring[queue].idx += any();
	smp_store_release(&avail->idx, ring[queue].idx);
	avail->flags = number_below(2);
	if (one_in(2))		/* used_event */
		avail->ring[size] = any();
	hypercall(COLINUX_HC_DOORBELL, queue, 0, 0);
	/* While it looks; no mix of two descriptors may name the balloon others. */
	if (wicked && one_in(4) && !is_balloon())
		chain((void *)ring[queue].desc, size, number_below(size),
		      1 + number_below(3), 1);
	let_it_look(queue);
}

/* --- Set-up --- */

static void set_queue(unsigned int queue)
{
	struct colinux_device_queue *wish = &page->queue[queue];
	u8 *at = arena + queue % NR_RINGS * RING_ROOM;
	u16 size = min_t(u16, wish->max_size, MAX_SIZE);

	if (one_in(3))
		size = 1 << number_below(9);
	size = min_t(u16, size, MAX_SIZE);
	wish->size = size;
	memset(at, 0, RING_ROOM);
	ring[queue].size = size;
	ring[queue].idx = 0;
	ring[queue].desc = at;
	ring[queue].avail = at + 16 * size;
	wish->desc = __pa(at);
	wish->avail = __pa(ring[queue].avail);
	ring[queue].used = (void *)(at + 2 * PAGE_SIZE);
	wish->used = __pa(ring[queue].used);
	wish->enable = 1;
	if (!one_in(6))
		return;
	switch (number_below(5)) {
	case 0:
		wish->size = any();
		break;
	case 1:
		wish->desc = no_memory();
		break;
	case 2:
		wish->avail = one_in(2) ? no_memory() : wish->avail + 1;
		break;
	case 3:
		wish->used = one_in(2) ? no_memory() : wish->used + 2;
		break;
	default:	/* two rings in one place */
		wish->used = wish->avail & ~3ull;
	}
}

static void set_up(void)
{
	/* Not the page's, which has been scribbled on. */
	u64 features = known_features;
	unsigned int i;

	command(COLINUX_DEV_RESET, 0, 0);
	page->status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	command(COLINUX_DEV_STATUS, 0, 0);
	if (one_in(2))
		features &= any();
	features |= 1ull << VIRTIO_F_VERSION_1;
	page->driver_features = one_in(16) ? any() : features;
	command(COLINUX_DEV_FEATURES, 0, 0);
	page->status |= VIRTIO_CONFIG_S_FEATURES_OK;
	command(COLINUX_DEV_STATUS, 0, 0);
	for (i = 0; i < nr_queues; i++) {
		set_queue(i);
		command(COLINUX_DEV_QUEUE, i, 0);
	}
	page->status |= VIRTIO_CONFIG_S_DRIVER_OK;
	command(COLINUX_DEV_STATUS, 0, 0);
}

/* It looks at its rings, or would if it had accepted its set-up. */
static bool is_live(void)
{
	const u32 status = READ_ONCE(page->status);

	return status & VIRTIO_CONFIG_S_DRIVER_OK &&
	       !(status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* A byte of the page, but not what the guest's own port acts upon. */
static void scribble(void)
{
	unsigned int at = number_below(sizeof(*page));

	if (at < offsetof(struct colinux_device_page, device_features) ||
	    (at >= offsetof(struct colinux_device_page, plug) &&
	     at < offsetof(struct colinux_device_page, queue)))
		return;
	/* An address of a queue as a whole: it is to be none of ours. */
	if (at >= offsetof(struct colinux_device_page, queue) &&
	    at < offsetof(struct colinux_device_page, pad1)) {
		unsigned int i = number_below(COLINUX_DEVICE_QUEUES);

		page->queue[i].size = any();
		page->queue[i].enable = any();
		page->queue[i].desc = no_memory();
		return;
	}
	((u8 *)page)[at] = any();
}

static void one_round(void)
{
	unsigned int n;

	switch (number_below(16)) {
	case 0:
		command(any() % 5, one_in(2) ? number_below(nr_queues) : any(),
			one_in(2) ? number_below(64) : any());
		break;
	case 1:
		command(6 + number_below(10), any(), any());
		break;
	case 2:		/* nobody's */
		((hypercall_fn *)call)(COLINUX_HC_DEVICE, any() | 64,
				       number_below(6), any(), any(), 0);
		((hypercall_fn *)call)(COLINUX_HC_DOORBELL, any() | 64, any(),
				       0, 0, 0);
		break;
	case 3:
		hypercall(COLINUX_HC_DOORBELL, any(), any(), any());
		break;
	case 4:
	case 5:
		for (n = number_below(64); n; n--)
			scribble();
		command(number_below(5), number_below(nr_queues + 1),
			number_below(64));
		break;
	case 6:
		set_queue(n = number_below(nr_queues));
		command(COLINUX_DEV_QUEUE, n, 0);
		break;
	case 7:		/* no answer to a question that was not asked */
		command(COLINUX_DEV_EJECT, number_below(3), 0);
		break;
	default:
		offer(number_below(nr_queues));
	}
}

/* --- The module --- */

static int find(void)
{
	for (number = 0; number < COLINUX_MAX_DEVICES; number++) {
		page = (void *)COLINUX_DEVICE_PAGE_VA((unsigned long)number);
		if (page->magic == COLINUX_DEVICE_MAGIC &&
		    !strncmp(page->tag, tag, sizeof(page->tag)))
			return 0;
	}
	return -ENODEV;
}

/* Page numbers: not the guest's, and some that we give away for good. */
static int fill_pfns(void)
{
	unsigned long gift = __get_free_pages(GFP_KERNEL, GIFT_ORDER);
	unsigned int i;

	if (!gift)
		return -ENOMEM;
	for (i = 0; i < (PAGE_SIZE << PFN_ORDER) / 4; i++)
		pfns[i] = one_in(2) ? 0xc0000000u | any() :
			  (__pa(gift) >> PAGE_SHIFT) +
			  number_below(1 << GIFT_ORDER);
	return 0;
}

static int __init hostile_init(void)
{
	struct colinux_device_page *before;
	unsigned int i;
	int ret = find();

	if (ret || !call)
		return ret ? ret : -EINVAL;
	call += COLINUX_PORT_TEXT_VA + COLINUX_PORT_LINK_TEXT;
	before = kmemdup(page, sizeof(*page), GFP_KERNEL);
	if (!before)
		return -ENOMEM;
	known_features = page->device_features;
	state = seed * 0x9e3779b97f4a7c15ul + number + 1;
	nr_queues = min_t(u32, page->nr_queues, COLINUX_DEVICE_QUEUES);
	/* What the device may still write to when this is over is not freed. */
	arena = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, ARENA_ORDER);
	pfns = (void *)__get_free_pages(GFP_KERNEL, PFN_ORDER);
	if (!arena || !pfns || (is_balloon() && fill_pfns()))
		return -ENOMEM;
	for (i = 0; i < rounds; i++) {
		if (i % 32 == 0 || !is_live())
			set_up();
		one_round();
		cond_resched();
	}
	command(COLINUX_DEV_RESET, 0, 0);
	/* For the driver that comes after us. */
	page->device_features = before->device_features;
	page->nr_queues = before->nr_queues;
	page->config_len = before->config_len;
	kfree(before);
	pr_info("hostile: %s: %u rounds, seed %lu, %lu commands refused, %lu taken, %lu of %lu rings done\n",
		tag, rounds, seed, refused, taken, looked, offered);
	return 0;
}
module_init(hostile_init);

/* Else it would stay: nothing is left to be undone. */
static void __exit hostile_exit(void)
{
}
module_exit(hostile_exit);

MODULE_DESCRIPTION("A hostile virtio driver, for tests");
MODULE_LICENSE("GPL");
