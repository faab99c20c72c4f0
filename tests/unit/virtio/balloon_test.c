/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The balloon: what the guest gives up goes to the host, nothing else, and
 * never twice; what it takes back is there before it has it.  The driver here
 * returns pages as Linux does, the last one first, and breaks every rule.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../../daemon/virtio/balloon.h"
#include "../../../daemon/virtio/device.h"
#include "guest.h"
#include "tap.h"

#define INFLATE 0
#define DEFLATE 1
#define STATS 2
#define OK (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | \
	    VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK)

static struct guest guest;
static struct dqueue queue[3];
static struct virtio_balloon *balloon;
static uint64_t buffer;
/* What is in the balloon, as the driver sees it: frame numbers. */
static uint32_t mine[2048];
static unsigned int nr_mine;

static uint32_t num_pages(void)
{
	uint32_t value;

	memcpy(&value, device_page(&guest, 0)->config, sizeof(value));
	return value;
}

static struct balloon_state state(void)
{
	struct balloon_state s;

	virtio_balloon_state(balloon, &s);
	return s;
}

/* Poll for something that the device's thread does; ten seconds. */
#define wait_until(condition) ({					\
	bool yes_ = false;						\
	for (int i_ = 0; i_ < 10000 && !(yes_ = (condition)); i_++)	\
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);	\
	yes_; })

static void drive(uint64_t features)
{
	if (negotiate(&guest, 0, features) ||
	    queue_on(&guest, &queue[INFLATE], 0, INFLATE, 8, 0) ||
	    queue_on(&guest, &queue[DEFLATE], 0, DEFLATE, 8, 0) ||
	    queue_on(&guest, &queue[STATS], 0, STATS, 8, 0) ||
	    set_status(&guest, 0, OK))
		die("driver");
}

/* Send frame numbers; true when the device has answered. */
static void send_request(unsigned int index, const uint32_t *pfn,
			 unsigned int nr, unsigned int bytes)
{
	struct piece piece = { buffer, bytes ? bytes : nr * 4, false };

	copy_in(&guest, buffer, pfn, nr * 4);
	queue_add(&queue[index], &piece, 1, 0);
	queue_kick(&queue[index]);
}

static bool request(unsigned int index, const uint32_t *pfn, unsigned int nr)
{
	uint32_t head, length;

	send_request(index, pfn, nr, 0);
	return queue_wait(&queue[index], &head, &length);
}

/* n-th page that this guest gives up: SECOND, THIRD, FOURTH. */
static uint32_t page(unsigned int n)
{
	static const uint64_t where[] = { SECOND, THIRD, FOURTH };

	return (where[n / 512] >> 12) + n % 512;
}

/* Its place in RAM. */
static unsigned int place(uint32_t pfn)
{
	return ((uint8_t *)at(&guest, (uint64_t)pfn << 12, 4096) - guest.ram) /
	       4096;
}

static bool is_gone(uint32_t pfn)
{
	bool gone;

	pthread_mutex_lock(&guest.lock);
	gone = guest.gone[place(pfn)];
	pthread_mutex_unlock(&guest.lock);
	return gone;
}

static unsigned int all_gone(void)
{
	unsigned int nr = 0;

	pthread_mutex_lock(&guest.lock);
	for (unsigned int i = 0; i < RAM_SIZE / 4096; i++)
		nr += guest.gone[i];
	pthread_mutex_unlock(&guest.lock);
	return nr;
}

static void set_stubborn(uint32_t pfn, bool yes)
{
	pthread_mutex_lock(&guest.lock);
	guest.stubborn[place(pfn)] = yes;
	pthread_mutex_unlock(&guest.lock);
}

/* Give up pages until there are `total`, 256 at a time as Linux does. */
static bool grow(unsigned int total)
{
	while (nr_mine < total) {
		unsigned int nr = total - nr_mine < 256 ? total - nr_mine : 256;

		for (unsigned int i = 0; i < nr; i++)
			mine[nr_mine + i] = page(nr_mine + i);
		if (!request(INFLATE, mine + nr_mine, nr))
			return false;
		nr_mine += nr;
	}
	return true;
}

/* Take pages until there are `total`; each must be there by then. */
static bool shrink(unsigned int total)
{
	uint32_t list[256];

	while (nr_mine > total) {
		unsigned int nr = nr_mine - total < 256 ? nr_mine - total : 256;

		for (unsigned int i = 0; i < nr; i++)
			list[i] = mine[--nr_mine];
		if (!request(DEFLATE, list, nr))
			return false;
		for (unsigned int i = 0; i < nr; i++)
			if (is_gone(list[i]))
				return false;
	}
	return true;
}

static void up_and_down(void)
{
	uint64_t irqs = irq_count(&guest, 0);
	uint32_t actual = 1100;

	check(device_page(&guest, 0)->device_id == 5 &&
	      device_page(&guest, 0)->config_len == 8 && !num_pages() &&
	      (offered(&guest, 0) & 3) == 3,
	      "a balloon: statistics, and the host is told first");
	virtio_balloon_set(balloon, 1100);
	check(wait_until(num_pages() == 1100) && irq_count(&guest, 0) > irqs,
	      "the guest is asked for 1100 pages");
	check(grow(511) && !all_gone() && grow(1100) && all_gone() == 1024 &&
	      is_gone(page(0)) && is_gone(page(1023)) && !is_gone(page(1024)),
	      "the host has the two blocks that are whole");
	check(state().pages == 1100 && state().released == 1024 &&
	      state().target == 1100 && state().driver && state().supported,
	      "and says so");
	memcpy(device_page(&guest, 0)->config + 4, &actual, 4);
	check(!command(&guest, 0, COLINUX_DEV_CONFIG_WRITE, 4, 4) &&
	      command(&guest, 0, COLINUX_DEV_CONFIG_WRITE, 0, 4) < 0 &&
	      num_pages() == 1100,
	      "`actual` may be written, the target may not");

	virtio_balloon_set(balloon, 100);
	check(wait_until(num_pages() == 100) && !all_gone(),
	      "all is back before the guest is asked to take it");
	virtio_balloon_set(balloon, 1100);
	check(wait_until(all_gone() == 1024) && num_pages() == 1100,
	      "and goes again when it shall not");
	virtio_balloon_set(balloon, 100);
	check(wait_until(num_pages() == 100) && shrink(100) &&
	      state().pages == 100 && !state().released,
	      "the guest takes it");
}

static void stubborn(void)
{
	uint32_t list[4];
	uint32_t head, length;

	virtio_balloon_set(balloon, 1100);
	check(wait_until(num_pages() == 1100) && grow(1100) &&
	      all_gone() == 1024, "up to 1100");
	set_stubborn(page(600), true);
	virtio_balloon_set(balloon, 120);
	check(wait_until(num_pages() == 1024) && is_gone(page(600)) &&
	      shrink(1024),
	      "no further than a block that the host does not give");
	check(state().pages == 1024 && state().released == 512 &&
	      !state().stuck, "what lies below is back already");
	set_stubborn(page(600), false);
	check(wait_until(num_pages() == 120) && shrink(120),
	      "it goes on when the host can");

	/* Some other page, as when the guest's kernel moves its balloon. */
	virtio_balloon_set(balloon, 600);
	check(wait_until(num_pages() == 600) && grow(600) && all_gone() == 512,
	      "up to 600");
	set_stubborn(page(9), true);
	list[0] = page(8);
	list[1] = page(7);
	send_request(DEFLATE, list, 2, 0);
	check(wait_until(state().waiting == 2) &&
	      !queue_has_used(&queue[DEFLATE]),
	      "pages that the host does not give are waited for");
	set_stubborn(page(9), false);
	check(queue_wait(&queue[DEFLATE], &head, &length) &&
	      !is_gone(page(7)) && !state().waiting && state().pages == 598,
	      "and had when it can");
	list[0] = page(7);
	list[1] = page(8);
	check(request(INFLATE, list, 2) && is_gone(page(7)),
	      "into the balloon again");
	memmove(mine + 7, mine + 9, 591 * sizeof(mine[0]));
	mine[598] = page(7);
	mine[599] = page(8);
	virtio_balloon_set(balloon, 0);
	check(wait_until(!num_pages()) && shrink(0) && !all_gone() &&
	      !state().pages,
	      "all of it is back, in an order of its own");
}

static void statistics(void)
{
	const struct {
		uint16_t tag;
		uint64_t value;
	} __attribute__((packed)) stats[] = {
		{ 5, 512 * MiB }, { 4, 100 * MiB }, { 999, 1 },
	};
	uint64_t where = guest_alloc(&guest, 4096);
	struct piece piece = { where, sizeof(stats), false };
	uint32_t head, length;

	check(state().stat[5] == UINT64_MAX && !state().serial,
	      "nothing is known at first");
	copy_in(&guest, where, stats, sizeof(stats));
	queue_add(&queue[STATS], &piece, 1, 0);
	queue_kick(&queue[STATS]);
	check(wait_until(state().serial == 1) &&
	      state().stat[5] == 512 * MiB && state().stat[4] == 100 * MiB &&
	      state().stat[0] == UINT64_MAX,
	      "statistics; unknown ones are left out");
	check(!queue_has_used(&queue[STATS]), "the buffer is kept");
	virtio_balloon_ask(balloon);
	check(queue_wait(&queue[STATS], &head, &length),
	      "until somebody wants to know");
	queue_add(&queue[STATS], &piece, 1, 0);
	queue_kick(&queue[STATS]);
	check(wait_until(state().serial == 2), "then they come anew");
}

/* A request that breaks the device. */
static void hostile_one(const char *what, unsigned int index,
			const uint32_t *pfn, unsigned int nr,
			unsigned int bytes)
{
	unsigned int reports = guest.reports, gone = all_gone();

	send_request(index, pfn, nr, bytes);
	check(wait_until(device_page(&guest, 0)->status &
			 VIRTIO_STATUS_NEEDS_RESET),
	      "%s: the device is broken", what);
	check(guest.reports == reports + 1, "%s: %s", what, guest.last_report);
	check(all_gone() == gone, "%s: the host has nothing of it", what);
	drive(offered(&guest, 0));
}

static void hostile(void)
{
	uint32_t list[1100];

	list[0] = page(0);
	list[1] = page(0);
	hostile_one("a page twice in a request", INFLATE, list, 2, 0);
	hostile_one("a page that is in already", INFLATE, list, 1, 0);
	hostile_one("one page taken out twice", DEFLATE, list, 2, 0);
	list[0] = page(1);
	hostile_one("a page that is not in it", DEFLATE, list, 1, 0);
	list[0] = FIRST >> 12;
	hostile_one("the passage", INFLATE, list, 1, 0);
	list[0] = (FIRST + 4 * MiB - 4096) >> 12;
	hostile_one("the port", INFLATE, list, 1, 0);
	list[0] = HOLE >> 12;
	hostile_one("a page of the host", INFLATE, list, 1, 0);
	list[0] = 0xffffffff;
	hostile_one("the last page", INFLATE, list, 1, 0);
	hostile_one("the last page", DEFLATE, list, 1, 0);
	list[0] = page(2);
	hostile_one("a length of 5", INFLATE, list, 2, 5);
	hostile_one("a length of 64 KiB", INFLATE, list, 2, 65536);
	list[0] = page(0);
	check(request(DEFLATE, list, 1) && !state().pages && !all_gone(),
	      "what was put in before is taken out");
}

static void restart(void)
{
	struct error error;

	nr_mine = 0;
	virtio_balloon_set(balloon, 600);
	check(wait_until(num_pages() == 600) && grow(600) && all_gone() == 512,
	      "600 pages");
	set_stubborn(page(299), true);
	send_request(DEFLATE, &mine[299], 1, 0);
	check(wait_until(state().waiting == 1), "one is waited for");
	virtio_bus_reset(guest.bus);
	check(!state().waiting && !state().driver && state().pages == 600,
	      "a reset while it is: the balloon keeps it");
	set_stubborn(page(299), false);
	check(!virtio_balloon_empty(balloon, &error) && !all_gone() &&
	      !state().pages,
	      "before the guest starts again it has all of its memory");
	check(virtio_bus_start(guest.bus, &error) == 1 && num_pages() == 600,
	      "and is asked for 600 pages at once");
	nr_mine = 0;
	/* Without the promise to tell first, the host takes nothing. */
	drive(offered(&guest, 0) & ~1ull);
	check(grow(600) && !all_gone() && state().pages == 600,
	      "a driver that uses pages before it says so keeps them");
	virtio_balloon_set(balloon, 0);
	check(wait_until(!num_pages()) && shrink(0), "down again");
}

/* Random requests of a mad driver: the books stay right. */
static void mad(void)
{
	uint64_t random = 88172645463325252ull;
	uint32_t list[40];

	drive(offered(&guest, 0));
	virtio_balloon_set(balloon, 1400);
	check(grow(1400), "nearly all that there is");
	for (unsigned int i = 0; i < 1000; i++) {
		unsigned int nr = 1 + next_random(&random) % 32;
		unsigned int index = next_random(&random) % 2;
		unsigned int first = next_random(&random) % 1400;

		for (unsigned int j = 0; j < nr; j++)
			list[j] = page(first + j);
		if (next_random(&random) % 64 == 0)
			list[nr - 1] = next_random(&random);
		if (next_random(&random) % 128 == 0)
			set_stubborn(page(first), next_random(&random) & 1);
		send_request(index, list, nr, 0);
		wait_until(queue_has_used(&queue[index]) ||
			   device_page(&guest, 0)->status &
				   VIRTIO_STATUS_NEEDS_RESET ||
			   state().waiting);
		if (queue_has_used(&queue[index])) {
			uint32_t head, length;

			queue_wait(&queue[index], &head, &length);
		} else {
			guest.next_free = buffer + 4096;
			drive(offered(&guest, 0));
		}
	}
	check(!guest.bad_ranges && all_gone() == state().released,
	      "1000 random requests: nothing was released twice (%u pages "
	      "are)", all_gone());
}

int main(void)
{
	struct error error;

	guest_init(&guest);
	buffer = guest_alloc(&guest, 8192);
	check(virtio_balloon_add(guest.bus, &balloon, &error) == 0 &&
	      virtio_bus_start(guest.bus, &error) == 1, "add and start");
	check(!virtio_balloon_empty(balloon, &error), "it is empty");
	drive(offered(&guest, 0));
	up_and_down();
	stubborn();
	statistics();
	hostile();
	restart();
	mad();
	check(!guest.bad_ranges, "the driver's rules were kept");
	guest_exit(&guest);
	return done();
}
