/* SPDX-License-Identifier: GPL-2.0 */
/* Fake guest and virtio driver: see guest.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <colinux/layout.h>

#include "../../../daemon/os.h"
#include "guest.h"
#include "tap.h"

static const struct colinux_extent extents[] = {
	{ FIRST, 4 * MiB }, { SECOND, 2 * MiB }, { THIRD, 2 * MiB },
	{ FOURTH, 2 * MiB }, { FIFTH, 2 * MiB }, { SIXTH, 2 * MiB },
};

static void fake_set_irq(void *opaque, unsigned int device, unsigned int irq)
{
	struct guest *guest = opaque;

	if (irq >= COLINUX_DEVICE_IRQS)
		abort();
	if (guest->on_irq)
		guest->on_irq(guest, device);
	pthread_mutex_lock(&guest->lock);
	guest->irqs[device]++;
	pthread_cond_broadcast(&guest->irq);
	pthread_mutex_unlock(&guest->lock);
}

static int fake_doorbell(void *opaque, unsigned int device, unsigned int queue,
			 int fd)
{
	struct guest *guest = opaque;

	pthread_mutex_lock(&guest->lock);
	guest->doorbell[device][queue] = fd;
	pthread_mutex_unlock(&guest->lock);
	return 0;
}

static void fake_report(void *opaque, const char *line)
{
	struct guest *guest = opaque;

	pthread_mutex_lock(&guest->lock);
	guest->reports++;
	snprintf(guest->last_report, sizeof(guest->last_report), "%s", line);
	pthread_cond_broadcast(&guest->irq);
	pthread_mutex_unlock(&guest->lock);
}

/* RELEASE and RECLAIM as the driver does them: the whole range or nothing. */
static int fake_range(struct guest *guest, uint64_t offset, uint64_t size,
		      bool release)
{
	uint64_t start = 0;
	int ret = -EINVAL;

	pthread_mutex_lock(&guest->lock);
	for (size_t i = 0; i < sizeof(extents) / sizeof(extents[0]); i++) {
		uint64_t end = start + extents[i].size;

		if (offset >= start && offset < end && size <= end - offset)
			ret = 0;
		start = end;
	}
	if (!size || (offset | size) % (2 * MiB) || offset < 4 * MiB)
		guest->bad_ranges++;
	for (uint64_t i = offset / 4096; !ret && i < (offset + size) / 4096;
	     i++) {
		if (guest->gone[i] == release) {
			guest->bad_ranges++;
			ret = -EINVAL;
		} else if (guest->stubborn[i] && !release) {
			ret = -EBUSY;
		}
	}
	for (uint64_t i = offset / 4096; !ret && i < (offset + size) / 4096;
	     i++)
		guest->gone[i] = release;
	pthread_mutex_unlock(&guest->lock);
	return ret;
}

static int fake_release(void *opaque, uint64_t offset, uint64_t size)
{
	return fake_range(opaque, offset, size, true);
}

static int fake_reclaim(void *opaque, uint64_t offset, uint64_t size)
{
	return fake_range(opaque, offset, size, false);
}

static const struct virtio_host_ops fake_ops = {
	.release = fake_release,
	.reclaim = fake_reclaim,
	.set_irq = fake_set_irq,
	.doorbell = fake_doorbell,
	.report = fake_report,
};

void guest_init(struct guest *guest)
{
	struct error error;

	/* No test waits for ever, whatever goes wrong. */
	alarm(300);
	memset(guest, 0, sizeof(*guest));
	memset(guest->doorbell, -1, sizeof(guest->doorbell));
	pthread_mutex_init(&guest->lock, NULL);
	pthread_cond_init(&guest->irq, NULL);
	guest->block = calloc(RAM_SIZE + 4096, 1);
	if (!guest->block)
		die("calloc");
	guest->ram = (uint8_t *)(((uintptr_t)guest->block + 4095) & ~4095ull);
	if (guest_memory_init(&guest->memory, guest->ram, extents,
			      sizeof(extents) / sizeof(extents[0]), &error))
		die(error.text);
	guest->next_free = FIFTH;
	guest->bus = virtio_bus_new(&guest->memory, &fake_ops, guest);
	if (!guest->bus)
		die("virtio_bus_new");
}

void guest_exit(struct guest *guest)
{
	virtio_bus_free(guest->bus);
	guest_memory_free(&guest->memory);
	free(guest->block);
	pthread_cond_destroy(&guest->irq);
	pthread_mutex_destroy(&guest->lock);
}

/* --- Memory --- */

void *at(struct guest *guest, uint64_t machine, uint64_t length)
{
	void *pointer = guest_memory_pointer(&guest->memory, machine, length);

	if (!pointer) {
		errno = EFAULT;
		die("test uses an address outside of guest RAM");
	}
	return pointer;
}

uint16_t load16(struct guest *guest, uint64_t machine)
{
	uint16_t *p = at(guest, machine, sizeof(*p));

	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

void store16(struct guest *guest, uint64_t machine, uint16_t value)
{
	uint16_t *p = at(guest, machine, sizeof(*p));

	__atomic_store_n(p, value, __ATOMIC_RELEASE);
}

static uint32_t load32(struct guest *guest, uint64_t machine)
{
	uint32_t *p = at(guest, machine, sizeof(*p));

	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

void put_desc(struct guest *guest, uint64_t machine, uint64_t addr,
	      uint32_t len, uint16_t flags, uint16_t next)
{
	uint64_t *low = at(guest, machine, 8);
	uint64_t *high = at(guest, machine + 8, 8);

	__atomic_store_n(low, addr, __ATOMIC_RELAXED);
	__atomic_store_n(high, len | (uint64_t)flags << 32 |
			 (uint64_t)next << 48, __ATOMIC_RELAXED);
}

uint64_t guest_alloc(struct guest *guest, uint64_t length)
{
	uint64_t machine = guest->next_free;

	guest->next_free += (length + 4095) & ~4095ull;
	if (guest->next_free > FIFTH + 4 * MiB) {
		errno = ENOMEM;
		die("guest_alloc");
	}
	memset(at(guest, machine, length), 0, length);
	return machine;
}

void copy_in(struct guest *guest, uint64_t machine, const void *from,
	     uint64_t length)
{
	const uint8_t *bytes = from;
	struct iovec iov[8];
	int i, nr = guest_memory_iovec(&guest->memory, machine, length, iov, 8);

	for (i = 0; i < nr; i++) {
		memcpy(iov[i].iov_base, bytes, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
}

void copy_out(struct guest *guest, uint64_t machine, void *to, uint64_t length)
{
	uint8_t *bytes = to;
	struct iovec iov[8];
	int i, nr = guest_memory_iovec(&guest->memory, machine, length, iov, 8);

	for (i = 0; i < nr; i++) {
		memcpy(bytes, iov[i].iov_base, iov[i].iov_len);
		bytes += iov[i].iov_len;
	}
}

/* --- Device pages --- */

struct colinux_device_page *device_page(struct guest *guest,
					unsigned int device)
{
	return (void *)(guest->ram + COLINUX_PORT_DATA_OFFSET +
			COLINUX_DEVICE_PAGES + device * COLINUX_PAGE_SIZE);
}

int64_t command(struct guest *guest, unsigned int device, unsigned int nr,
		uint64_t a, uint64_t b)
{
	const uint64_t args[6] = { device, nr, a, b };

	return virtio_bus_command(guest->bus, args);
}

int64_t set_status(struct guest *guest, unsigned int device, uint32_t status)
{
	__atomic_store_n(&device_page(guest, device)->status, status,
			 __ATOMIC_RELAXED);
	return command(guest, device, COLINUX_DEV_STATUS, 0, 0);
}

uint64_t offered(struct guest *guest, unsigned int device)
{
	return device_page(guest, device)->device_features;
}

int64_t negotiate(struct guest *guest, unsigned int device, uint64_t features)
{
	struct colinux_device_page *page = device_page(guest, device);
	int64_t ret;

	ret = command(guest, device, COLINUX_DEV_RESET, 0, 0);
	if (ret)
		return ret;
	set_status(guest, device, VIRTIO_STATUS_ACKNOWLEDGE);
	set_status(guest, device, VIRTIO_STATUS_ACKNOWLEDGE |
		   VIRTIO_STATUS_DRIVER);
	__atomic_store_n(&page->driver_features, features, __ATOMIC_RELAXED);
	ret = command(guest, device, COLINUX_DEV_FEATURES, 0, 0);
	if (ret)
		return ret;
	return set_status(guest, device, VIRTIO_STATUS_ACKNOWLEDGE |
			  VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
}

/* --- Queues --- */

int64_t queue_on(struct guest *guest, struct dqueue *queue,
		 unsigned int device, unsigned int index, uint16_t size,
		 uint64_t where)
{
	struct colinux_device_page *page = device_page(guest, device);
	uint64_t bytes = size * 16 + 6 + size * 2 + 6 + size * 8 + 16;

	*queue = (struct dqueue){
		.guest = guest, .device = device, .index = index, .size = size,
		.event_index = page->driver_features & VIRTIO_F_EVENT_IDX,
	};
	queue->desc = where ? where : guest_alloc(guest, bytes);
	queue->avail = queue->desc + size * 16;
	queue->used = (queue->avail + 6 + size * 2 + 3) & ~3ull;
	for (uint64_t i = 0; where && i < bytes; i += 2)
		store16(guest, where + i, 0);
	page->queue[index].size = size;
	page->queue[index].desc = queue->desc;
	page->queue[index].avail = queue->avail;
	page->queue[index].used = queue->used;
	page->queue[index].enable = 1;
	return command(guest, device, COLINUX_DEV_QUEUE, index, 0);
}

int64_t queue_off(struct dqueue *queue)
{
	device_page(queue->guest, queue->device)->queue[queue->index].enable =
		0;
	return command(queue->guest, queue->device, COLINUX_DEV_QUEUE,
		       queue->index, 0);
}

uint16_t queue_add(struct dqueue *queue, const struct piece *pieces, int nr,
		   uint64_t indirect)
{
	struct guest *guest = queue->guest;
	uint16_t head = queue->next_desc;
	int i;

	for (i = 0; i < nr; i++) {
		uint16_t flags = pieces[i].writable ? VIRTQ_DESC_WRITE : 0;
		uint16_t slot = (queue->next_desc + i) & (queue->size - 1);
		uint16_t next = (slot + 1) & (queue->size - 1);

		if (i + 1 < nr)
			flags |= VIRTQ_DESC_NEXT;
		put_desc(guest, indirect ? indirect + 16 * i :
					   queue->desc + 16 * slot,
			 pieces[i].machine, pieces[i].length, flags,
			 indirect ? i + 1 : next);
	}
	if (indirect)
		put_desc(guest, queue->desc + 16 * head, indirect, 16 * nr,
			 VIRTQ_DESC_INDIRECT, 0);
	queue->next_desc = (head + (indirect ? 1 : nr)) & (queue->size - 1);
	store16(guest, queue->avail + 4 +
		2 * (queue->next_avail & (queue->size - 1)), head);
	queue->next_avail++;
	return head;
}

void ring_doorbell(struct dqueue *queue)
{
	struct guest *guest = queue->guest;
	int fd;

	pthread_mutex_lock(&guest->lock);
	fd = guest->doorbell[queue->device][queue->index];
	pthread_mutex_unlock(&guest->lock);
	if (fd != -1)
		os_event_signal(fd);
}

void queue_kick(struct dqueue *queue)
{
	struct guest *guest = queue->guest;
	uint16_t old = queue->kicked, new = queue->next_avail;
	bool wanted;

	store16(guest, queue->avail + 2, new);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (queue->event_index) {
		uint16_t event = load16(guest, queue->used + 4 +
					8 * queue->size);

		wanted = (uint16_t)(new - event - 1) < (uint16_t)(new - old);
	} else {
		wanted = !(load16(guest, queue->used) & VIRTQ_USED_NO_NOTIFY);
	}
	queue->kicked = new;
	if (wanted)
		ring_doorbell(queue);
}

uint64_t irq_count(struct guest *guest, unsigned int device)
{
	uint64_t count;

	pthread_mutex_lock(&guest->lock);
	count = guest->irqs[device];
	pthread_mutex_unlock(&guest->lock);
	return count;
}

bool wait_irq(struct guest *guest, unsigned int device, uint64_t old)
{
	struct timespec limit;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 10;
	pthread_mutex_lock(&guest->lock);
	while (guest->irqs[device] <= old && ret != ETIMEDOUT)
		ret = pthread_cond_timedwait(&guest->irq, &guest->lock,
					     &limit);
	pthread_mutex_unlock(&guest->lock);
	return ret != ETIMEDOUT;
}

bool wait_report(struct guest *guest, unsigned int old)
{
	struct timespec limit;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 10;
	pthread_mutex_lock(&guest->lock);
	while (guest->reports <= old && ret != ETIMEDOUT)
		ret = pthread_cond_timedwait(&guest->irq, &guest->lock,
					     &limit);
	pthread_mutex_unlock(&guest->lock);
	return ret != ETIMEDOUT;
}

bool queue_has_used(struct dqueue *queue)
{
	return load16(queue->guest, queue->used + 2) != queue->next_used;
}

bool queue_wait(struct dqueue *queue, uint32_t *head, uint32_t *length)
{
	struct guest *guest = queue->guest;
	uint64_t elem;

	for (;;) {
		uint64_t irqs = irq_count(guest, queue->device);

		/* used_event: interrupt for the next one, please. */
		store16(guest, queue->avail + 4 + 2 * queue->size,
			queue->next_used);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (queue_has_used(queue))
			break;
		if (!wait_irq(guest, queue->device, irqs))
			return false;
	}
	elem = queue->used + 4 + 8 * (queue->next_used & (queue->size - 1));
	queue->next_used++;
	*head = load32(guest, elem);
	*length = load32(guest, elem + 4);
	return true;
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}
