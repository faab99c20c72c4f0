/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Split virtqueue, device side: see virtqueue.h.
 *
 * Everything in the rings may change while we look at it (another vCPU of a
 * hostile guest), so each word is loaded exactly once and the copy is checked.
 */
#include <errno.h>
#include <string.h>

#include "spec.h"
#include "virtqueue.h"

/* 2.7: the largest queue. */
#define SIZE_LIMIT 32768u

/* --- Access to rings --- */

static int ring_map(struct virtqueue_ring *ring,
		    const struct guest_memory *memory, uint64_t machine,
		    uint64_t length)
{
	struct iovec iov[2];
	int nr = guest_memory_iovec(memory, machine, length, iov, 2);

	if (nr < 0)
		return -EFAULT;
	ring->part[0] = iov[0].iov_base;
	ring->part[1] = nr == 2 ? iov[1].iov_base : NULL;
	ring->split = iov[0].iov_len;
	ring->length = length;
	return 0;
}

/*
 * Extents end at page borders, so an aligned word is in one part.  Used
 * elements and indirect descriptors may lie across: ask for each word.
 */
static void *ring_at(const struct virtqueue_ring *ring, uint64_t offset)
{
	if (offset < ring->split)
		return ring->part[0] + offset;
	return ring->part[1] + (offset - ring->split);
}

static uint16_t ring_load16(const struct virtqueue_ring *ring, uint64_t offset)
{
	const uint16_t *at = ring_at(ring, offset);

	return __atomic_load_n(at, __ATOMIC_RELAXED);
}

static void ring_store16(const struct virtqueue_ring *ring, uint64_t offset,
			 uint16_t value)
{
	uint16_t *at = ring_at(ring, offset);

	__atomic_store_n(at, value, __ATOMIC_RELAXED);
}

static void ring_store32(const struct virtqueue_ring *ring, uint64_t offset,
			 uint32_t value)
{
	uint32_t *at = ring_at(ring, offset);

	__atomic_store_n(at, value, __ATOMIC_RELAXED);
}

static struct virtq_desc ring_load_desc(const struct virtqueue_ring *ring,
					unsigned int index)
{
	uint64_t offset = index * sizeof(struct virtq_desc);
	const uint64_t *low = ring_at(ring, offset);
	const uint64_t *high = ring_at(ring, offset + sizeof(*low));
	uint64_t words[2];
	struct virtq_desc desc;

	words[0] = __atomic_load_n(low, __ATOMIC_RELAXED);
	words[1] = __atomic_load_n(high, __ATOMIC_RELAXED);
	memcpy(&desc, words, sizeof(desc));
	return desc;
}

/* --- Set-up --- */

int virtqueue_enable(struct virtqueue *queue, const struct guest_memory *memory,
		     const struct virtqueue_setup *setup)
{
	struct virtqueue new = {
		.memory = memory,
		.enabled = true,
		.event_index = setup->event_index,
		.indirect = setup->indirect,
		.size = setup->size,
	};
	uint64_t size = setup->size;

	/* 2.7: power of two; alignments from the table in 2.7. */
	if (!size || size & (size - 1) || size > setup->max_size ||
	    size > SIZE_LIMIT)
		return -EINVAL;
	if (setup->desc % 16 || setup->avail % 2 || setup->used % 4)
		return -EINVAL;
	/* The event fields are there whether used or not (2.7.6, 2.7.8). */
	if (ring_map(&new.desc, memory, setup->desc,
		     size * sizeof(struct virtq_desc)) ||
	    ring_map(&new.avail, memory, setup->avail,
		     VIRTQ_AVAIL_RING + 2 * size + 2) ||
	    ring_map(&new.used, memory, setup->used,
		     VIRTQ_USED_RING + sizeof(struct virtq_used_elem) * size +
		     2))
		return -EFAULT;
	*queue = new;
	return 0;
}

void virtqueue_disable(struct virtqueue *queue)
{
	*queue = (struct virtqueue){ 0 };
}

/* --- From the driver --- */

static int broken(struct virtqueue *queue, const char *error)
{
	if (!queue->error)
		queue->error = error;
	return -EPROTO;
}

/* Translate one descriptor's buffer into the chain. */
static int add_buffer(struct virtqueue *queue, struct virtqueue_chain *chain,
		      const struct virtq_desc *desc)
{
	bool writable = desc->flags & VIRTQ_DESC_WRITE;
	int used = chain->nr_out + chain->nr_in;
	int nr;

	if (!desc->len)
		return broken(queue, "a buffer has length 0");
	if (!writable && chain->nr_in)
		return broken(queue, "a readable buffer follows a writable "
			      "one");
	nr = guest_memory_iovec(queue->memory, desc->addr, desc->len,
				chain->iov + used, VIRTQUEUE_MAX_IOV - used);
	if (nr == -E2BIG)
		return broken(queue, "a chain has too many pieces");
	if (nr < 0)
		return broken(queue, "a buffer is outside of guest memory");
	if (writable) {
		chain->nr_in += nr;
		chain->in_bytes += desc->len;
	} else {
		chain->nr_out += nr;
		chain->out_bytes += desc->len;
	}
	return 0;
}

/* 2.7.5.3: the chain continues in a table of its own. */
static int enter_indirect(struct virtqueue *queue,
			  const struct virtq_desc *desc,
			  struct virtqueue_ring *table)
{
	if (!queue->indirect)
		return broken(queue, "an indirect descriptor without "
			      "VIRTIO_F_INDIRECT_DESC");
	if (desc->flags & VIRTQ_DESC_NEXT)
		return broken(queue, "an indirect descriptor has a successor");
	if (!desc->len || desc->len % sizeof(struct virtq_desc))
		return broken(queue, "an indirect table has a bad length");
	/* No alignment is demanded, but ours needs elements in one piece. */
	if (desc->addr % sizeof(uint64_t) ||
	    ring_map(table, queue->memory, desc->addr, desc->len))
		return broken(queue, "an indirect table is outside of guest "
			      "memory");
	return 0;
}

/* Follow a chain from its head. */
static int walk(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	struct virtqueue_ring indirect;
	const struct virtqueue_ring *table = &queue->desc;
	unsigned int limit = queue->size, seen = 0, index = chain->head;

	for (;;) {
		struct virtq_desc desc;

		/* More steps than descriptors: a loop. */
		if (seen++ == limit)
			return broken(queue, "a chain loops");
		desc = ring_load_desc(table, index);
		if (desc.flags & VIRTQ_DESC_INDIRECT) {
			if (table == &indirect)
				return broken(queue, "an indirect table in an "
					      "indirect table");
			if (enter_indirect(queue, &desc, &indirect))
				return -EPROTO;
			table = &indirect;
			limit = desc.len / sizeof(struct virtq_desc);
			seen = 0;
			index = 0;
			continue;
		}
		if (add_buffer(queue, chain, &desc))
			return -EPROTO;
		if (!(desc.flags & VIRTQ_DESC_NEXT))
			return 0;
		if (desc.next >= limit)
			return broken(queue, "a chain leaves its table");
		index = desc.next;
	}
}

/* Chains that wait, or -EPROTO. */
static int waiting(struct virtqueue *queue)
{
	uint16_t *idx, nr;

	if (queue->error)
		return -EPROTO;
	if (!queue->enabled)
		return 0;
	idx = ring_at(&queue->avail, VIRTQ_AVAIL_IDX);
	/* Acquire: the entries below idx were written before it. */
	nr = __atomic_load_n(idx, __ATOMIC_ACQUIRE) - queue->next_avail;
	if (nr > queue->size)
		return broken(queue, "the available index jumps");
	return nr;
}

bool virtqueue_has_more(struct virtqueue *queue)
{
	return waiting(queue) != 0;
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	int nr = waiting(queue);

	if (nr <= 0)
		return nr;
	if (queue->in_flight == queue->size)
		return broken(queue, "more chains than descriptors");
	chain->head = ring_load16(&queue->avail, VIRTQ_AVAIL_RING +
				  2 * (queue->next_avail & (queue->size - 1)));
	if (chain->head >= queue->size)
		return broken(queue, "an available entry is no descriptor");
	chain->nr_out = chain->nr_in = 0;
	chain->out_bytes = chain->in_bytes = 0;
	if (walk(queue, chain))
		return -EPROTO;
	queue->next_avail++;
	queue->in_flight++;
	return 1;
}

/* --- To the driver --- */

void virtqueue_fill(struct virtqueue *queue, uint16_t n, uint16_t head,
		    uint32_t written)
{
	uint16_t at = (queue->next_used + n) & (queue->size - 1);
	uint64_t elem = VIRTQ_USED_RING +
			sizeof(struct virtq_used_elem) * (uint64_t)at;

	ring_store32(&queue->used, elem, head);
	ring_store32(&queue->used, elem + 4, written);
}

void virtqueue_show(struct virtqueue *queue, uint16_t nr)
{
	uint16_t *idx;

	queue->next_used += nr;
	queue->in_flight -= nr;
	idx = ring_at(&queue->used, VIRTQ_USED_IDX);
	/* Release: the data and the entries are visible before idx. */
	__atomic_store_n(idx, queue->next_used, __ATOMIC_RELEASE);
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	virtqueue_fill(queue, 0, head, written);
	virtqueue_show(queue, 1);
}

uint16_t virtqueue_used_index(const struct virtqueue *queue)
{
	return ring_load16(&queue->used, VIRTQ_USED_IDX);
}

bool virtqueue_wants_interrupt(struct virtqueue *queue)
{
	uint16_t old = queue->signalled, new = queue->next_used, event;

	if (!queue->enabled || old == new)
		return false;
	queue->signalled = new;
	/*
	 * Full barrier: used.idx was stored before we load what the driver
	 * wants; the driver does it the other way round (2.7.10).
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!queue->event_index)
		return !(ring_load16(&queue->avail, VIRTQ_AVAIL_FLAGS) &
			 VIRTQ_AVAIL_NO_INTERRUPT);
	event = ring_load16(&queue->avail,
			    VIRTQ_AVAIL_RING + 2 * (uint64_t)queue->size);
	/* Has the index moved past event since the last time? (2.7.7.2) */
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

void virtqueue_mute(struct virtqueue *queue)
{
	/* With event indexes an avail_event that stays behind does it. */
	if (queue->enabled && !queue->event_index)
		ring_store16(&queue->used, VIRTQ_USED_FLAGS,
			     VIRTQ_USED_NO_NOTIFY);
}

bool virtqueue_unmute(struct virtqueue *queue)
{
	if (!queue->enabled || queue->error)
		return false;
	if (queue->event_index)
		ring_store16(&queue->used, VIRTQ_USED_RING +
			     sizeof(struct virtq_used_elem) *
			     (uint64_t)queue->size, queue->next_avail);
	else
		ring_store16(&queue->used, VIRTQ_USED_FLAGS, 0);
	/* Full barrier: our wish is visible before we look again (2.7.10). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return virtqueue_has_more(queue);
}

bool virtqueue_ready(struct virtqueue *queue)
{
	if (!virtqueue_has_more(queue) && !virtqueue_unmute(queue))
		return false;
	virtqueue_mute(queue);
	return true;
}

/* --- iovecs --- */

size_t iovec_read(const struct iovec *iov, int nr, void *to, size_t length)
{
	uint8_t *at = to;
	size_t done = 0;

	for (; nr && done < length; iov++, nr--) {
		size_t part = iov->iov_len;

		if (part > length - done)
			part = length - done;
		memcpy(at + done, iov->iov_base, part);
		done += part;
	}
	return done;
}

size_t iovec_write(const struct iovec *iov, int nr, const void *from,
		   size_t length)
{
	const uint8_t *at = from;
	size_t done = 0;

	for (; nr && done < length; iov++, nr--) {
		size_t part = iov->iov_len;

		if (part > length - done)
			part = length - done;
		memcpy(iov->iov_base, at + done, part);
		done += part;
	}
	return done;
}

void iovec_skip(struct iovec **iov, int *nr, uint64_t length)
{
	while (length && length >= (*iov)->iov_len) {
		length -= (*iov)->iov_len;
		(*iov)++;
		(*nr)--;
	}
	if (length) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + length;
		(*iov)->iov_len -= length;
	}
}

void iovec_trim(struct iovec *iov, int *nr, uint64_t length)
{
	while (length && length >= iov[*nr - 1].iov_len) {
		length -= iov[*nr - 1].iov_len;
		(*nr)--;
	}
	if (length)
		iov[*nr - 1].iov_len -= length;
}
