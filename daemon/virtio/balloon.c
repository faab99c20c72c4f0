/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-balloon: see balloon.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <colinux/layout.h>

#include "../os.h"
#include "balloon.h"
#include "bus.h"
#include "device.h"

#define PAGE COLINUX_PAGE_SIZE

/* 5.5.2 Virtqueues, 5.5.3 Feature bits, 5.5.6.3 statistics */
enum { INFLATE, DEFLATE, STATS, NR_QUEUES };
#define F_MUST_TELL_HOST VIRTIO_BIT(0)
#define F_STATS_VQ VIRTIO_BIT(1)
struct stat_entry {
	uint16_t tag;
	uint64_t value;
} __attribute__((packed));

/* 5.5.4 */
struct balloon_config {
	uint32_t num_pages, actual;
};

/* A request of ours; Linux sends 256 (VIRTIO_BALLOON_ARRAY_PFNS_MAX). */
#define REQUEST_MAX 1024
/*
 * The host has and gives whole blocks of 2 MiB: a block goes when all of its
 * pages are in the balloon, and is back before the first one leaves it.
 */
#define BLOCK_PAGES (COLINUX_PMD_SIZE / PAGE)
/* Pages whose blocks are taken back before the guest may have them: 16 MiB. */
#define AHEAD 4096
/* Blocks that the host refuses before a round is over. */
#define REFUSALS 64
/* What is in use now may be free later: rounds, and the time between them. */
#define ROUNDS 40
#define ROUND_MS 250

/* Of a page of guest RAM. */
enum {
	PAGE_GUEST = 0,		/* not in the balloon */
	PAGE_INSIDE = 1,	/* in the balloon */
	PAGE_RETURNING = 2,	/* in it, and in a DEFLATE request that waits */
};

/* Of a block.  `released` is read and cleared without the lock. */
struct block {
	uint16_t inside;	/* pages in the balloon */
	uint8_t released;	/* the frames are the host's */
};

struct virtio_balloon {
	struct virtio_device device;
	struct virtqueue_chain chain;
	int timer;
	uint64_t nr_pages;	/* of guest RAM; 0 = the tables are not there */
	uint8_t *state;		/* by page */
	struct block *block;	/* by block */
	uint32_t *stack;	/* pages, the last to come in is the last */
	uint64_t nr;		/* in the stack */
	uint64_t released;	/* blocks; changed without the lock */
	uint64_t goal;		/* pages it should have */
	unsigned int rounds;	/* without success */
	bool unsupported, stuck;
	bool sweep;		/* whole blocks may be there that we kept */
	/* Counts queue_off(): what was read before it is void. */
	uint64_t epoch;
	/* The DEFLATE request that waits; nr_held 0 = none. */
	uint16_t held_head;
	uint32_t nr_held;
	uint32_t held[REQUEST_MAX];
	/* The guest's buffer for statistics. */
	bool stats_here, stats_wanted;
	uint16_t stats_head;
	uint64_t serial;
	uint64_t stat[BALLOON_STATS];
};

const char *const balloon_stat_names[BALLOON_STATS] = {
	"swap-in", "swap-out", "major-faults", "minor-faults", "free", "total",
	"available", "caches", "hugetlb-allocations", "hugetlb-failures",
};

bool balloon_stat_is_bytes(unsigned int stat)
{
	return stat < 2 || (stat >= 4 && stat <= 7);
}

static struct balloon_config *config_of(struct virtio_balloon *balloon)
{
	return (struct balloon_config *)balloon->device.config;
}

static void free_tables(struct virtio_balloon *balloon)
{
	free(balloon->state);
	free(balloon->block);
	free(balloon->stack);
	balloon->state = NULL;
	balloon->block = NULL;
	balloon->stack = NULL;
	balloon->nr_pages = 0;
	balloon->nr = 0;
}

/* The tables come zeroed and take memory where they are written only. */
static bool make_tables(struct virtio_balloon *balloon)
{
	uint64_t nr = balloon->device.bus->memory->size / PAGE;

	if (balloon->nr_pages)
		return true;
	balloon->state = calloc(nr, sizeof(*balloon->state));
	balloon->block = calloc(nr / BLOCK_PAGES + 1, sizeof(*balloon->block));
	balloon->stack = calloc(nr, sizeof(*balloon->stack));
	if (!balloon->state || !balloon->block || !balloon->stack) {
		free_tables(balloon);
		return false;
	}
	balloon->nr_pages = nr;
	return true;
}

/* --- Frames --- */

static bool is_released(const struct virtio_balloon *balloon, uint32_t page)
{
	return __atomic_load_n(&balloon->block[page / BLOCK_PAGES].released,
			       __ATOMIC_RELAXED);
}

/* Give a block to the host if all of it is in the balloon; lock held. */
static void release(struct virtio_balloon *balloon, uint64_t number)
{
	struct virtio_bus *bus = balloon->device.bus;
	struct block *block = &balloon->block[number];
	int ret;

	if (block->inside < BLOCK_PAGES || block->released)
		return;
	ret = bus->ops->release ?
		      bus->ops->release(bus->opaque, number * COLINUX_PMD_SIZE,
					COLINUX_PMD_SIZE) : -EOPNOTSUPP;
	balloon->unsupported = ret == -EOPNOTSUPP;
	/* If not: the guest did what it was asked. */
	if (ret)
		return;
	block->released = 1;
	__atomic_fetch_add(&balloon->released, 1, __ATOMIC_RELAXED);
}

/*
 * Take back the blocks of these pages.  The device's thread, with the service
 * lock alone: it takes its time.
 */
static void reclaim(struct virtio_balloon *balloon, const uint32_t *list,
		    uint32_t nr)
{
	struct virtio_bus *bus = balloon->device.bus;
	uint64_t number, failed = UINT64_MAX;
	unsigned int refusals = 0;

	for (uint32_t i = 0; i < nr && refusals < REFUSALS; i++) {
		number = list[i] / BLOCK_PAGES;
		if (!is_released(balloon, list[i]) || number == failed)
			continue;
		if (bus->ops->reclaim(bus->opaque, number * COLINUX_PMD_SIZE,
				      COLINUX_PMD_SIZE)) {
			failed = number;
			refusals++;
			continue;
		}
		__atomic_store_n(&balloon->block[number].released, 0,
				 __ATOMIC_RELAXED);
		__atomic_fetch_sub(&balloon->released, 1, __ATOMIC_RELAXED);
	}
}

/* --- Requests; lock held --- */

/* Page of guest RAM of a frame number; false if it is none to be given up. */
static bool page_of(const struct virtio_balloon *balloon, uint32_t pfn,
		    uint32_t *page)
{
	const struct guest_memory *memory = balloon->device.bus->memory;
	const uint8_t *at = guest_memory_pointer(memory, pfn * (uint64_t)PAGE,
						 PAGE);

	if (!at)
		return false;
	*page = (at - memory->base) / PAGE;
	return *page >= COLINUX_KERNEL_OFFSET / PAGE;
}

/* Why a page cannot be put in or taken out; NULL = it can. */
static const char *objection(const struct virtio_balloon *balloon,
			     uint32_t page, bool inside)
{
	if (inside && balloon->state[page] != PAGE_INSIDE)
		return "a page that is not in the balloon is taken out";
	if (!inside && balloon->state[page] != PAGE_GUEST)
		return "a page is put into the balloon twice";
	return NULL;
}

/*
 * The pages of a request, each of which must be in (or not be in) the balloon
 * and come once: *nr of them are taken.  False: the device is broken now.
 */
static bool read_request(struct virtio_balloon *balloon, uint32_t *list,
			 uint32_t *nr, bool inside)
{
	const struct virtqueue_chain *chain = &balloon->chain;
	const char *wrong = NULL;
	uint32_t total;

	*nr = 0;
	if (chain->out_bytes % 4 || chain->out_bytes / 4 > REQUEST_MAX)
		wrong = "a balloon request of a bad length";
	total = wrong ? 0 : iovec_read(chain->iov, chain->nr_out, list,
				       REQUEST_MAX * 4) / 4;
	for (uint32_t i = 0, page; i < total && !wrong; i++) {
		if (page_of(balloon, list[i], &page))
			wrong = objection(balloon, page, inside);
		else
			wrong = "a page for the balloon is not the guest's";
		if (wrong)
			break;
		list[(*nr)++] = page;
		balloon->state[page] = inside ? PAGE_RETURNING : PAGE_INSIDE;
		if (inside)
			continue;
		balloon->stack[balloon->nr++] = page;
		balloon->block[page / BLOCK_PAGES].inside++;
	}
	if (wrong)
		virtio_device_break(&balloon->device, wrong);
	return !wrong;
}

static void inflate(struct virtio_balloon *balloon)
{
	struct virtio_device *device = &balloon->device;
	uint32_t list[REQUEST_MAX], nr;

	while (virtio_device_pop(device, INFLATE, &balloon->chain)) {
		if (!read_request(balloon, list, &nr, false))
			return;
		/* A driver that uses pages before it says so gets to keep them. */
		for (uint32_t i = 0; i < nr; i++)
			if (device->driver_features & F_MUST_TELL_HOST)
				release(balloon, list[i] / BLOCK_PAGES);
		virtqueue_push(&device->queue[INFLATE], balloon->chain.head, 0);
	}
	virtio_device_interrupt(device, INFLATE);
}

/* The last to come in is the first to go: it is near the top. */
static void drop_from_stack(struct virtio_balloon *balloon, uint32_t page)
{
	uint64_t at = balloon->nr;

	while (at && balloon->stack[at - 1] != page)
		at--;
	memmove(balloon->stack + at - 1, balloon->stack + at,
		(balloon->nr - at) * sizeof(*balloon->stack));
	balloon->nr--;
}

/* Answer the request that waits if the host has given all of it. */
static void finish_held(struct virtio_balloon *balloon)
{
	struct virtio_device *device = &balloon->device;

	for (uint32_t i = 0; i < balloon->nr_held; i++)
		if (is_released(balloon, balloon->held[i])) {
			os_timer_set(balloon->timer, ROUND_MS);
			return;
		}
	for (uint32_t i = 0; i < balloon->nr_held; i++) {
		balloon->state[balloon->held[i]] = PAGE_GUEST;
		balloon->block[balloon->held[i] / BLOCK_PAGES].inside--;
		drop_from_stack(balloon, balloon->held[i]);
	}
	balloon->nr_held = 0;
	virtqueue_push(&device->queue[DEFLATE], balloon->held_head, 0);
	virtio_device_interrupt(device, DEFLATE);
}

/* Lock held, dropped meanwhile.  False: all that was known before is void. */
static bool reclaim_unlocked(struct virtio_balloon *balloon,
			     const uint32_t *pages, uint32_t nr)
{
	uint64_t epoch = balloon->epoch;
	uint32_t *list = malloc(nr * sizeof(*list) + 1);

	if (!list)
		return true;
	memcpy(list, pages, nr * sizeof(*list));
	pthread_mutex_unlock(&balloon->device.lock);
	reclaim(balloon, list, nr);
	free(list);
	pthread_mutex_lock(&balloon->device.lock);
	return epoch == balloon->epoch;
}

static void deflate(struct virtio_balloon *balloon)
{
	struct virtio_device *device = &balloon->device;

	for (;;) {
		if (!balloon->nr_held) {
			if (!virtio_device_pop(device, DEFLATE,
					       &balloon->chain) ||
			    !read_request(balloon, balloon->held,
					  &balloon->nr_held, true))
				return;
			balloon->held_head = balloon->chain.head;
			/* An empty one is answered at once. */
			if (!balloon->nr_held) {
				finish_held(balloon);
				continue;
			}
		}
		if (!reclaim_unlocked(balloon, balloon->held, balloon->nr_held))
			return;
		finish_held(balloon);
		if (balloon->nr_held)
			return;
	}
}

/* --- Statistics; lock held --- */

static void take_stats(struct virtio_balloon *balloon)
{
	const struct virtqueue_chain *chain = &balloon->chain;
	struct stat_entry entries[32];
	size_t nr = iovec_read(chain->iov, chain->nr_out, entries,
			       sizeof(entries)) / sizeof(entries[0]);

	for (size_t i = 0; i < nr; i++)
		if (entries[i].tag < BALLOON_STATS)
			balloon->stat[entries[i].tag] = entries[i].value;
	balloon->serial++;
}

static void stats(struct virtio_balloon *balloon)
{
	struct virtio_device *device = &balloon->device;

	while (virtio_device_pop(device, STATS, &balloon->chain)) {
		take_stats(balloon);
		/* Only one buffer is of use (5.5.6.3): give others back. */
		if (balloon->stats_here)
			virtqueue_push(&device->queue[STATS],
				       balloon->chain.head, 0);
		else
			balloon->stats_head = balloon->chain.head;
		balloon->stats_here = true;
	}
	if (balloon->stats_here && balloon->stats_wanted &&
	    virtio_device_runs(device)) {
		balloon->stats_here = false;
		balloon->stats_wanted = false;
		virtqueue_push(&device->queue[STATS], balloon->stats_head, 0);
	}
	if (virtio_device_runs(device))
		virtio_device_interrupt(device, STATS);
}

/* --- The target; lock held --- */

static void tell_guest(struct virtio_balloon *balloon, uint64_t pages)
{
	if (config_of(balloon)->num_pages == pages)
		return;
	config_of(balloon)->num_pages = pages;
	virtio_device_config_changed(&balloon->device);
}

/* How many pages from the top of the stack could go to the guest now. */
static uint64_t ready_pages(const struct virtio_balloon *balloon, uint64_t max)
{
	uint64_t ready = 0;

	while (ready < max &&
	       !is_released(balloon,
			    balloon->stack[balloon->nr - 1 - ready]))
		ready++;
	return ready;
}

/* Towards the goal, by as much as the host can give. */
static void adjust(struct virtio_balloon *balloon)
{
	uint64_t max, ready;

	if (balloon->goal >= balloon->nr) {
		balloon->rounds = 0;
		tell_guest(balloon, balloon->goal);
		/* Blocks that were on their way back. */
		for (uint64_t i = 0; balloon->sweep &&
				     i < balloon->nr_pages / BLOCK_PAGES; i++)
			if (balloon->device.driver_features & F_MUST_TELL_HOST)
				release(balloon, i);
		balloon->sweep = false;
		return;
	}
	balloon->sweep = true;
	if (balloon->stuck)
		return;
	max = balloon->nr - balloon->goal;
	if (max > AHEAD)
		max = AHEAD;
	/* First of all it must not grow. */
	if (config_of(balloon)->num_pages > balloon->nr)
		tell_guest(balloon, balloon->nr);
	if (!reclaim_unlocked(balloon, balloon->stack + balloon->nr - max, max))
		return;
	if (max > balloon->nr)
		max = balloon->nr;
	ready = ready_pages(balloon, max);
	if (ready)
		balloon->rounds = 0;
	else if (++balloon->rounds < ROUNDS)
		os_timer_set(balloon->timer, ROUND_MS);
	else
		balloon->stuck = true;
	if (config_of(balloon)->num_pages > balloon->nr - ready)
		tell_guest(balloon, balloon->nr - ready);
}

/* --- The device --- */

static void balloon_serve(struct virtio_device *device)
{
	struct virtio_balloon *balloon = (struct virtio_balloon *)device;
	bool more = true;

	if (!make_tables(balloon)) {
		virtio_device_break(device, "out of memory for the balloon");
		return;
	}
	while (more && virtio_device_runs(device)) {
		for (unsigned int i = 0; i < NR_QUEUES; i++)
			virtqueue_mute(&device->queue[i]);
		inflate(balloon);
		if (virtio_device_runs(device))
			deflate(balloon);
		if (virtio_device_runs(device))
			stats(balloon);
		if (virtio_device_runs(device))
			adjust(balloon);
		more = false;
		for (unsigned int i = 0; i < NR_QUEUES; i++)
			/* A request that waits is waited for by the timer. */
			if (virtio_device_runs(device) &&
			    virtqueue_unmute(&device->queue[i]) &&
			    !(i == DEFLATE && balloon->nr_held))
				more = true;
	}
}

static void balloon_complete(struct virtio_device *device)
{
	/* The timer: serve() comes next. */
	(void)device;
}

static void balloon_queue_off(struct virtio_device *device, unsigned int queue)
{
	struct virtio_balloon *balloon = (struct virtio_balloon *)device;

	balloon->epoch++;
	if (queue == DEFLATE) {
		/* They are in the balloon still. */
		for (uint32_t i = 0; i < balloon->nr_held; i++)
			balloon->state[balloon->held[i]] = PAGE_INSIDE;
		balloon->nr_held = 0;
	} else if (queue == STATS) {
		balloon->stats_here = false;
	}
}

static int balloon_config_write(struct virtio_device *device, uint32_t offset,
				uint32_t length, const uint8_t *bytes)
{
	if (offset != offsetof(struct balloon_config, actual) ||
	    length != sizeof(uint32_t))
		return -EPERM;
	memcpy(device->config + offset, bytes, length);
	return 0;
}

static void balloon_describe(struct virtio_device *device, char *text,
			     size_t room)
{
	struct balloon_state state;

	virtio_balloon_state((struct virtio_balloon *)device, &state);
	if (state.driver)
		snprintf(text, room, "%" PRIu64 " MB in it", state.pages / 256);
}

static void balloon_free(struct virtio_device *device)
{
	struct virtio_balloon *balloon = (struct virtio_balloon *)device;

	os_event_free(balloon->timer);
	free_tables(balloon);
	free(balloon);
}

const struct virtio_device_type virtio_balloon_type = {
	.name = "balloon",
	.device_id = VIRTIO_ID_BALLOON,
	.nr_queues = NR_QUEUES,
	.queue_size = { 64, 64, 64 },
	.serve = balloon_serve,
	.complete = balloon_complete,
	.queue_off = balloon_queue_off,
	.config_write = balloon_config_write,
	.describe = balloon_describe,
	.free = balloon_free,
};

int virtio_balloon_add(struct virtio_bus *bus, struct virtio_balloon **balloon,
		       struct error *error)
{
	struct virtio_balloon *new = calloc(1, sizeof(*new));
	int number;

	if (!new)
		return error_set(error, "balloon: out of memory");
	new->timer = os_timer_new();
	if (new->timer == -1) {
		free(new);
		return error_set(error, "balloon: no timer: %s",
				 strerror(errno));
	}
	memset(new->stat, 0xff, sizeof(new->stat));
	new->device.type = &virtio_balloon_type;
	new->device.event_fd = new->timer;
	new->device.features = F_MUST_TELL_HOST | F_STATS_VQ;
	new->device.config_len = sizeof(struct balloon_config);
	snprintf(new->device.tag, sizeof(new->device.tag), "balloon");
	number = virtio_device_add(bus, &new->device, error);
	if (number < 0) {
		os_event_free(new->timer);
		free(new);
		return -1;
	}
	*balloon = new;
	return number;
}

/* --- For the VM process --- */

void virtio_balloon_set(struct virtio_balloon *balloon, uint64_t pages)
{
	struct virtio_device *device = &balloon->device;
	uint64_t most = device->bus->memory->size / PAGE;

	pthread_mutex_lock(&device->lock);
	balloon->goal = pages < most ? pages : most;
	balloon->rounds = 0;
	balloon->stuck = false;
	pthread_mutex_unlock(&device->lock);
	virtio_device_wake(device);
}

void virtio_balloon_state(struct virtio_balloon *balloon,
			  struct balloon_state *state)
{
	struct virtio_device *device = &balloon->device;

	pthread_mutex_lock(&device->lock);
	*state = (struct balloon_state){
		.driver = virtio_device_runs(device),
		.supported = !balloon->unsupported,
		.stuck = balloon->stuck,
		.target = balloon->goal,
		.pages = balloon->nr,
		.released = __atomic_load_n(&balloon->released,
					    __ATOMIC_RELAXED) * BLOCK_PAGES,
		.waiting = balloon->nr_held,
		.serial = balloon->serial,
	};
	memcpy(state->stat, balloon->stat, sizeof(state->stat));
	pthread_mutex_unlock(&device->lock);
}

void virtio_balloon_ask(struct virtio_balloon *balloon)
{
	struct virtio_device *device = &balloon->device;

	pthread_mutex_lock(&device->lock);
	balloon->stats_wanted = true;
	pthread_mutex_unlock(&device->lock);
	virtio_device_wake(device);
}

/* Take back everything that is released; what is left is in ->released. */
static void reclaim_all(struct virtio_balloon *balloon)
{
	for (uint64_t page = 0; page < balloon->nr_pages; page += BLOCK_PAGES) {
		uint32_t list[1] = { page };

		reclaim(balloon, list, 1);
	}
}

/* Lock held; nothing is released. */
static void forget_all(struct virtio_balloon *balloon)
{
	free_tables(balloon);
	balloon->stuck = false;
	balloon->rounds = 0;
	memset(balloon->stat, 0xff, sizeof(balloon->stat));
	*config_of(balloon) = (struct balloon_config){
		.num_pages = balloon->goal,
	};
}

int virtio_balloon_empty(struct virtio_balloon *balloon, struct error *error)
{
	struct virtio_device *device = &balloon->device;
	const struct timespec pause = { 0, ROUND_MS * 1000000 };
	uint64_t left;

	/* What the device's thread began it finishes first. */
	pthread_mutex_lock(&device->service);
	for (unsigned int i = 0; i < ROUNDS && balloon->released; i++) {
		if (i)
			nanosleep(&pause, NULL);
		reclaim_all(balloon);
	}
	left = balloon->released;
	if (!left) {
		pthread_mutex_lock(&device->lock);
		forget_all(balloon);
		pthread_mutex_unlock(&device->lock);
	}
	pthread_mutex_unlock(&device->service);
	if (!left)
		return 0;
	return error_set(error, "the host does not give back %" PRIu64 " kB of "
			 "the guest's memory that it had from the balloon: "
			 "free memory on the host and start the guest anew",
			 left * BLOCK_PAGES * 4);
}
