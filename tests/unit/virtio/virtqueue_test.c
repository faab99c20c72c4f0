/* SPDX-License-Identifier: GPL-2.0 */
/*
 * daemon/virtio/virtqueue.c against honest and hostile rings, without devices
 * and threads (but for the last part).
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "../../../daemon/virtio/virtqueue.h"
#include "guest.h"
#include "tap.h"

#define SIZE 8u

static struct guest guest;
static struct virtqueue queue;
static struct virtqueue_chain chain;
/* The driver's side; the bus is not used here. */
static struct dqueue driver;

/* A fresh queue of `size` with its rings at a machine address. */
static int fresh(uint16_t size, uint64_t where, bool event_index)
{
	struct virtqueue_setup setup = {
		.size = size,
		.max_size = 256,
		.desc = where,
		.avail = where + size * 16,
		.used = (where + size * 18 + 6 + 3) & ~3ull,
		.event_index = event_index,
		.indirect = true,
	};
	uint64_t i;

	for (i = 0; i < size * 26u + 32; i += 2)
		store16(&guest, where + i, 0);
	driver = (struct dqueue){
		.guest = &guest, .size = size, .desc = setup.desc,
		.avail = setup.avail, .used = setup.used,
		.event_index = event_index,
	};
	virtqueue_disable(&queue);
	return virtqueue_enable(&queue, &guest.memory, &setup);
}

static void show(void)
{
	store16(&guest, driver.avail + 2, driver.next_avail);
}

/* Make head available without touching descriptors. */
static void offer(uint16_t head)
{
	store16(&guest, driver.avail + 4 + 2 * (driver.next_avail &
						(driver.size - 1)), head);
	driver.next_avail++;
	show();
}

/* --- Set-up --- */

static int enable(uint16_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
	struct virtqueue_setup setup = {
		.size = size, .max_size = 256, .desc = desc, .avail = avail,
		.used = used,
	};
	struct virtqueue other = { 0 };

	return virtqueue_enable(&other, &guest.memory, &setup);
}

static void set_up(void)
{
	check(enable(0, FIFTH, FIFTH, FIFTH) == -EINVAL, "size 0");
	check(enable(3, FIFTH, FIFTH, FIFTH) == -EINVAL, "size 3");
	check(enable(512, FIFTH, FIFTH, FIFTH) == -EINVAL,
	      "more than the device's size");
	check(enable(8, FIFTH + 8, FIFTH, FIFTH) == -EINVAL &&
	      enable(8, FIFTH, FIFTH + 1, FIFTH) == -EINVAL &&
	      enable(8, FIFTH, FIFTH, FIFTH + 2) == -EINVAL,
	      "unaligned rings");
	check(enable(8, HOLE, FIFTH, FIFTH) == -EFAULT &&
	      enable(8, FIFTH, HOLE, FIFTH) == -EFAULT &&
	      enable(8, FIFTH, FIFTH, HOLE) == -EFAULT &&
	      enable(8, FIFTH, FIFTH, -4ull) == -EFAULT,
	      "rings outside of guest RAM");
	check(enable(8, FOURTH + 2 * MiB - 64, FIFTH, FIFTH) == -EFAULT &&
	      enable(8, FIFTH, FIFTH, FOURTH + 2 * MiB - 64) == -EFAULT,
	      "rings that begin in guest RAM and end outside");
	check(!enable(8, FIFTH, FIFTH, FIFTH), "rings may overlap");
}

/* --- Honest rings --- */

static void honest(uint64_t where, bool event_index, bool indirect,
		   const char *what)
{
	uint64_t table = FIRST + 0x10008;
	uint64_t wrong = 0;
	int i;

	if (fresh(SIZE, where, event_index))
		die("fresh queue");
	/* The free-running indexes wrap around in between. */
	queue.next_avail = queue.next_used = queue.signalled = 65530;
	driver.next_avail = driver.next_used = 65530;
	store16(&guest, driver.used + 2, 65530);
	show();
	wrong += virtqueue_pop(&queue, &chain) != 0;
	for (i = 0; i < 20; i++) {
		const struct piece pieces[] = {
			{ FIFTH + 0x100000, 16, false },
			{ SECOND - 100, 300, false },	/* in two pieces */
			{ FIRST + 0x20000, 4096, true },
		};
		uint16_t head = queue_add(&driver, pieces, 3,
					  indirect ? table : 0);
		uint64_t elem;

		wrong += virtqueue_has_more(&queue);
		show();
		wrong += !virtqueue_has_more(&queue);
		wrong += virtqueue_pop(&queue, &chain) != 1;
		wrong += chain.head != head || chain.nr_out != 3 ||
			 chain.nr_in != 1 || chain.out_bytes != 316 ||
			 chain.in_bytes != 4096;
		wrong += chain.iov[1].iov_len != 100 ||
			 chain.iov[2].iov_len != 200 ||
			 chain.iov[2].iov_base != guest.ram + 4 * MiB ||
			 chain.iov[3].iov_base != guest.ram + 0x20000;
		virtqueue_push(&queue, chain.head, 77 + i);
		driver.next_used++;
		wrong += load16(&guest, driver.used + 2) != driver.next_used;
		elem = driver.used + 4 +
		       8 * ((driver.next_used - 1) & (SIZE - 1));
		wrong += load16(&guest, elem) != head ||
			 load16(&guest, elem + 4) != 77 + i;
	}
	wrong += virtqueue_pop(&queue, &chain) != 0 || queue.in_flight ||
		 queue.error;
	check(!wrong, "%s", what);
}

static void interrupts(void)
{
	const struct piece piece = { FIFTH + 0x100000, 16, true };

	fresh(SIZE, FIFTH, false);
	queue_add(&driver, &piece, 1, 0);
	show();
	check(!virtqueue_wants_interrupt(&queue), "no news, no interrupt");
	virtqueue_pop(&queue, &chain);
	virtqueue_push(&queue, chain.head, 1);
	check(virtqueue_wants_interrupt(&queue) &&
	      !virtqueue_wants_interrupt(&queue), "one interrupt for one use");
	store16(&guest, driver.avail, VIRTQ_AVAIL_NO_INTERRUPT);
	queue_add(&driver, &piece, 1, 0);
	show();
	virtqueue_pop(&queue, &chain);
	virtqueue_push(&queue, chain.head, 1);
	check(!virtqueue_wants_interrupt(&queue), "NO_INTERRUPT is honoured");
	virtqueue_mute(&queue);
	check(load16(&guest, driver.used) == VIRTQ_USED_NO_NOTIFY, "mute");
	check(!virtqueue_unmute(&queue) && !load16(&guest, driver.used),
	      "unmute");
	virtqueue_mute(&queue);
	queue_add(&driver, &piece, 1, 0);
	show();
	check(virtqueue_unmute(&queue), "unmute sees what came meanwhile");

	fresh(SIZE, FIFTH, true);
	store16(&guest, driver.avail + 4 + 2 * SIZE, 1);	/* used_event */
	for (int i = 0; i < 3; i++) {
		queue_add(&driver, &piece, 1, 0);
		show();
		virtqueue_pop(&queue, &chain);
		virtqueue_push(&queue, chain.head, 1);
		check(virtqueue_wants_interrupt(&queue) == (i == 1),
		      "used_event 1, element %d", i);
	}
	virtqueue_unmute(&queue);
	check(load16(&guest, driver.used + 4 + 8 * SIZE) == 3,
	      "unmute writes avail_event");
}

/* --- Hostile rings --- */

/* What is in the ring breaks the queue, with a reason, for good. */
static void breaks(const char *what)
{
	int first = virtqueue_pop(&queue, &chain);
	int again = virtqueue_pop(&queue, &chain);

	check(first == -EPROTO && again == -EPROTO && queue.error, "%s (%s)",
	      what, queue.error ? queue.error : "no reason");
}

static void put(uint16_t slot, uint64_t addr, uint32_t len, uint16_t flags,
		uint16_t next)
{
	put_desc(&guest, driver.desc + 16 * slot, addr, len, flags, next);
}

static void hostile(void)
{
	const uint64_t buffer = FIFTH + 0x100000, table = FIFTH + 0x110000;

	fresh(SIZE, FIFTH, false);
	offer(SIZE);
	breaks("head beyond the table");
	fresh(SIZE, FIFTH, false);
	offer(65535);
	breaks("head 65535");
	fresh(SIZE, FIFTH, false);
	store16(&guest, driver.avail + 2, SIZE + 1);
	breaks("available index jumps forward");
	fresh(SIZE, FIFTH, false);
	store16(&guest, driver.avail + 2, 65535);
	breaks("available index goes back");
	fresh(SIZE, FIFTH, false);
	put(0, buffer, 16, VIRTQ_DESC_NEXT, 0);
	offer(0);
	breaks("a descriptor that follows itself");
	fresh(SIZE, FIFTH, false);
	put(0, buffer, 16, VIRTQ_DESC_NEXT, 1);
	put(1, buffer, 16, VIRTQ_DESC_NEXT, 2);
	put(2, buffer, 16, VIRTQ_DESC_NEXT, 0);
	offer(0);
	breaks("a loop of three");
	fresh(SIZE, FIFTH, false);
	put(0, buffer, 16, VIRTQ_DESC_NEXT, SIZE);
	offer(0);
	breaks("next beyond the table");
	fresh(SIZE, FIFTH, false);
	put(0, HOLE, 16, 0, 0);
	offer(0);
	breaks("address outside of guest RAM");
	fresh(SIZE, FIFTH, false);
	put(0, -8ull, 16, 0, 0);
	offer(0);
	breaks("address plus length wraps");
	fresh(SIZE, FIFTH, false);
	put(0, buffer, UINT32_MAX, 0, 0);
	offer(0);
	breaks("length of 4 GiB");
	fresh(SIZE, FIFTH, false);
	put(0, FOURTH + 2 * MiB - 8, 16, 0, 0);
	offer(0);
	breaks("the end of a buffer outside of guest RAM");
	fresh(SIZE, FIFTH, false);
	put(0, buffer, 0, 0, 0);
	offer(0);
	breaks("length 0");
	fresh(SIZE, FIFTH, false);
	put(0, buffer, 16, VIRTQ_DESC_WRITE | VIRTQ_DESC_NEXT, 1);
	put(1, buffer, 16, 0, 0);
	offer(0);
	breaks("readable after writable");
	fresh(SIZE, FIFTH, false);
	put(0, buffer, 16, 0, 0);
	for (unsigned int i = 0; i < SIZE; i++) {
		offer(0);
		virtqueue_pop(&queue, &chain);
	}
	offer(0);
	breaks("one descriptor in flight nine times");

	fresh(SIZE, FIFTH, false);
	put(0, table, 16, VIRTQ_DESC_INDIRECT, 0);
	put_desc(&guest, table, table, 16, VIRTQ_DESC_INDIRECT, 0);
	offer(0);
	breaks("indirect in indirect");
	fresh(SIZE, FIFTH, false);
	put(0, table, 16, VIRTQ_DESC_INDIRECT | VIRTQ_DESC_NEXT, 1);
	offer(0);
	breaks("indirect with a successor");
	fresh(SIZE, FIFTH, false);
	put(0, table, 24, VIRTQ_DESC_INDIRECT, 0);
	offer(0);
	breaks("indirect length no multiple of 16");
	fresh(SIZE, FIFTH, false);
	put(0, table, 0, VIRTQ_DESC_INDIRECT, 0);
	offer(0);
	breaks("empty indirect table");
	fresh(SIZE, FIFTH, false);
	put(0, HOLE, 16, VIRTQ_DESC_INDIRECT, 0);
	offer(0);
	breaks("indirect table outside of guest RAM");
	fresh(SIZE, FIFTH, false);
	put(0, table, 0xfffffff0, VIRTQ_DESC_INDIRECT, 0);
	offer(0);
	breaks("indirect table of 4 GiB");
	fresh(SIZE, FIFTH, false);
	put(0, table, 32, VIRTQ_DESC_INDIRECT, 0);
	put_desc(&guest, table, buffer, 16, VIRTQ_DESC_NEXT, 2);
	offer(0);
	breaks("next beyond the indirect table");
	fresh(SIZE, FIFTH, false);
	put(0, table, 32, VIRTQ_DESC_INDIRECT, 0);
	put_desc(&guest, table, buffer, 16, VIRTQ_DESC_NEXT, 1);
	put_desc(&guest, table + 16, buffer, 16, VIRTQ_DESC_NEXT, 0);
	offer(0);
	breaks("a loop in the indirect table");
	fresh(SIZE, FIFTH, false);
	put(0, table, 16 * 1000, VIRTQ_DESC_INDIRECT, 0);
	for (uint16_t i = 0; i < 1000; i++)
		put_desc(&guest, table + 16 * i, buffer, 16,
			 i < 999 ? VIRTQ_DESC_NEXT : 0, i + 1);
	offer(0);
	breaks("more pieces than there may be");
	fresh(SIZE, FIFTH, false);
	queue.indirect = false;
	put(0, table, 16, VIRTQ_DESC_INDIRECT, 0);
	offer(0);
	breaks("indirect without the feature");

	fresh(SIZE, FIFTH, false);
	put(0, buffer, 16, VIRTQ_DESC_NEXT, 1);
	put(1, table, 16, VIRTQ_DESC_INDIRECT, 0);
	put_desc(&guest, table, buffer, 16, VIRTQ_DESC_WRITE, 0);
	offer(0);
	check(virtqueue_pop(&queue, &chain) == 1 && chain.nr_out == 1 &&
	      chain.nr_in == 1, "a chain may end in an indirect table");
}

/* --- Random rings --- */

/*
 * Addresses that are likely to be near something; lengths as well.  Whatever
 * comes out of virtqueue_pop() must lie in guest RAM.
 */
static uint64_t some_address(uint64_t *state)
{
	static const uint64_t near[] = { FIRST, SECOND, THIRD, FOURTH, FIFTH,
					 SIXTH, HOLE, 0, FOURTH + 2 * MiB,
					 SECOND + 2 * MiB, SIXTH + 2 * MiB };
	uint64_t base = near[next_random(state) %
			     (sizeof(near) / sizeof(near[0]))];

	switch (next_random(state) % 4) {
	case 0:
		return base;
	case 1:
		return base - next_random(state) % 64;
	case 2:
		return base + next_random(state) % (2 * MiB);
	default:
		return FIFTH + 0x100000 + next_random(state) % 0x10000 * 8;
	}
}

static uint32_t some_length(uint64_t *state)
{
	switch (next_random(state) % 8) {
	case 0:
		return next_random(state);
	case 1:
		return 0;
	case 2:
		return 4 * MiB;
	default:
		return next_random(state) % 40 * 16;
	}
}

static bool chain_is_sound(void)
{
	int i, nr = chain.nr_out + chain.nr_in;
	uint64_t out = 0, in = 0;

	if (nr < 1 || nr > VIRTQUEUE_MAX_IOV)
		return false;
	for (i = 0; i < nr; i++) {
		uint8_t *start = chain.iov[i].iov_base;
		uint64_t length = chain.iov[i].iov_len;

		if (start < guest.ram || !length || length > RAM_SIZE ||
		    start + length > guest.ram + RAM_SIZE)
			return false;
		if (i < chain.nr_out)
			out += length;
		else
			in += length;
	}
	return out == chain.out_bytes && in == chain.in_bytes;
}

static void random_rings(void)
{
	uint64_t state = 1, wrong = 0, popped = 0, broken = 0;
	int input;

	for (input = 0; input < 200000; input++) {
		const uint64_t table = FIFTH + 0x100000;
		unsigned int i;

		if (queue.error || !(input % 16))
			fresh(SIZE, input & 1 ? FIFTH : SECOND - 96,
			      input & 2);
		for (i = 0; i < SIZE / 2; i++) {
			uint16_t flags = next_random(&state) % 8;

			if (next_random(&state) % 4)
				flags &= ~VIRTQ_DESC_INDIRECT;
			put(next_random(&state) % SIZE, some_address(&state),
			    some_length(&state), flags,
			    next_random(&state) % (SIZE + 1));
			put_desc(&guest, table + 16 * i, some_address(&state),
				 some_length(&state), next_random(&state) % 8,
				 next_random(&state) % 8);
		}
		offer(next_random(&state) % (SIZE + !(input % 64)));
		if (!(input % 32))
			store16(&guest, driver.avail + 2,
				next_random(&state));
		for (;;) {
			int got = virtqueue_pop(&queue, &chain);

			if (got < 0)
				broken++;
			if (got <= 0)
				break;
			popped++;
			wrong += !chain_is_sound();
			if (next_random(&state) % 8)
				virtqueue_push(&queue, chain.head,
					       next_random(&state));
		}
		virtqueue_wants_interrupt(&queue);
		virtqueue_unmute(&queue);
	}
	note("%llu chains, %llu broken rings", (unsigned long long)popped,
	     (unsigned long long)broken);
	check(!wrong && popped > 10000 && broken > 10000,
	      "200,000 random rings: every iovec is inside guest RAM");
}

/* --- A ring that changes while we look --- */

static bool stop;
static unsigned int scribbled;	/* rounds */

static void *scribble(void *opaque)
{
	const uint64_t *seed = opaque;
	uint64_t state = *seed;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		unsigned int slot = next_random(&state) % SIZE;

		put_desc(&guest, FIFTH + 16 * slot, some_address(&state),
			 some_length(&state), next_random(&state) % 8,
			 next_random(&state) % (SIZE + 1));
		put_desc(&guest, FIFTH + 0x100000 + 16 * slot,
			 some_address(&state), some_length(&state),
			 next_random(&state) % 4, next_random(&state) % 8);
		store16(&guest, FIFTH + SIZE * 16 + 4 + 2 * slot,
			next_random(&state) % SIZE);
		__atomic_fetch_add(&scribbled, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void concurrent(void)
{
	uint64_t seed = 7, wrong = 0, popped = 0;
	unsigned int i, last;
	pthread_t thread;

	fresh(SIZE, FIFTH, false);
	if (pthread_create(&thread, NULL, scribble, &seed))
		die("pthread_create");
	/* On a busy machine the two take turns: look until both had many. */
	for (i = 0; i < 200000 || popped < 1000; i++) {
		struct virtqueue_setup setup = {
			.size = SIZE, .max_size = SIZE, .desc = driver.desc,
			.avail = driver.avail, .used = driver.used,
			.indirect = true,
		};

		if (!(i % 1024)) {
			last = __atomic_load_n(&scribbled, __ATOMIC_RELAXED);
			while (__atomic_load_n(&scribbled, __ATOMIC_RELAXED) ==
			       last)
				sched_yield();
		}
		if (queue.error) {
			virtqueue_enable(&queue, &guest.memory, &setup);
			driver.next_avail = 0;
		}
		driver.next_avail++;
		show();
		if (virtqueue_pop(&queue, &chain) == 1) {
			popped++;
			wrong += !chain_is_sound();
			virtqueue_push(&queue, chain.head, 0);
		}
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	note("%u looks, %u chains, %u unsound", i, (unsigned int)popped,
	     (unsigned int)wrong);
	check(!wrong, "at least 200,000 looks at a ring that changes");
}

/* --- iovecs --- */

static void iovecs(void)
{
	char a[4] = "abc", b[4] = "def", c[4] = "ghi", text[12] = "";
	struct iovec iov[3] = { { a, 3 }, { b, 3 }, { c, 3 } }, *at = iov;
	int nr = 3;

	check(iovec_read(iov, 3, text, 7) == 7 && !strcmp(text, "abcdefg"),
	      "iovec_read in the middle");
	check(iovec_read(iov, 3, text, 12) == 9, "iovec_read to the end");
	iovec_skip(&at, &nr, 4);
	iovec_trim(at, &nr, 4);
	memset(text, 0, sizeof(text));
	check(nr == 1 && iovec_read(at, nr, text, 12) == 1 && text[0] == 'e',
	      "iovec_skip and iovec_trim");
	check(iovec_write(at, nr, "XY", 2) == 1 && !strcmp(b, "dXf"),
	      "iovec_write stops at the end");
	iovec_skip(&at, &nr, 1);
	iovec_trim(at, &nr, 0);
	check(nr == 0, "down to nothing");
}

int main(void)
{
	guest_init(&guest);
	set_up();
	honest(FIFTH, false, false, "chains come through");
	honest(FIFTH, true, true, "indirect chains come through");
	honest(SECOND - 64, true, false, "descriptors across a border");
	honest(SECOND - SIZE * 16 - 16, true, true,
	       "the available ring across a border");
	honest(SECOND - 176, true, false,
	       "a used element across a border");
	interrupts();
	hostile();
	random_rings();
	concurrent();
	iovecs();
	guest_exit(&guest);
	return done();
}
