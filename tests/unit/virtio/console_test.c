/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-console: bytes both ways, with an owner that is slow to take and a
 * guest that is slow to offer; nothing is lost or comes twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest.h"
#include "tap.h"

#define INPUT 0u
#define OUTPUT 1u
#define MOST (1024 * 1024)

/* The owner: takes output up to a limit, has input ready. */
struct owner {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint8_t output[MOST];
	size_t output_length, output_limit;
	unsigned int refused;
	uint8_t input[MOST];
	size_t input_start, input_end, input_most;
};

static struct guest guest;
static struct owner owner;
static struct virtio_console *console;
static struct dqueue input, output;
static int device;

static size_t take_output(void *opaque, const void *text, size_t length)
{
	struct owner *o = opaque;

	pthread_mutex_lock(&o->lock);
	if (length > o->output_limit - o->output_length) {
		length = o->output_limit - o->output_length;
		o->refused++;
	}
	memcpy(o->output + o->output_length, text, length);
	o->output_length += length;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->lock);
	return length;
}

static size_t give_input(void *opaque, void *buffer, size_t room)
{
	struct owner *o = opaque;
	size_t length;

	pthread_mutex_lock(&o->lock);
	length = o->input_end - o->input_start;
	if (length > room)
		length = room;
	if (length > o->input_most)
		length = o->input_most;
	memcpy(buffer, o->input + o->input_start, length);
	o->input_start += length;
	pthread_mutex_unlock(&o->lock);
	return length;
}

static const struct virtio_console_ops ops = {
	.output = take_output,
	.input = give_input,
};

/* Wait until the owner has `length` bytes, or was asked too much. */
static bool wait_output(size_t length, unsigned int refused)
{
	struct timespec limit;
	int ret = 0;
	bool ok;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 10;
	pthread_mutex_lock(&owner.lock);
	while ((owner.output_length < length || owner.refused < refused) &&
	       ret != ETIMEDOUT)
		ret = pthread_cond_timedwait(&owner.changed, &owner.lock,
					     &limit);
	ok = owner.output_length == length && owner.refused >= refused;
	pthread_mutex_unlock(&owner.lock);
	return ok;
}

static void set_limit(size_t limit)
{
	pthread_mutex_lock(&owner.lock);
	owner.output_limit = limit;
	owner.refused = 0;
	pthread_mutex_unlock(&owner.lock);
}

static void start(uint64_t features)
{
	if (negotiate(&guest, device, features) ||
	    queue_on(&guest, &input, device, INPUT, 64, 0) ||
	    queue_on(&guest, &output, device, OUTPUT, 64, 0) ||
	    set_status(&guest, device, 15))
		die("start");
}

static void type(const void *text, size_t length)
{
	pthread_mutex_lock(&owner.lock);
	memcpy(owner.input + owner.input_end, text, length);
	owner.input_end += length;
	pthread_mutex_unlock(&owner.lock);
	virtio_console_input_ready(console);
}

static void simple_output(void)
{
	uint64_t text = SECOND - 5;	/* across extents */
	const struct piece piece = { text, 12, false };
	const struct piece writable = { FIRST, 12, true };
	uint32_t head, length;

	set_limit(MOST);
	copy_in(&guest, text, "hello, world", 12);
	queue_add(&output, &piece, 1, 0);
	queue_kick(&output);
	check(queue_wait(&output, &head, &length) && length == 0 &&
	      wait_output(12, 0) && !memcmp(owner.output, "hello, world", 12),
	      "output");
	queue_add(&output, &writable, 1, 0);
	queue_kick(&output);
	check(queue_wait(&output, &head, &length) && length == 0,
	      "a buffer that is not for output");
}

/* The owner takes 1000 bytes now and then. */
static void slow_owner(void)
{
	enum { CHUNK = 5000, NR = 20 };
	uint64_t text = guest_alloc(&guest, CHUNK * NR), state = 3;
	size_t total = owner.output_length + CHUNK * NR, limit;
	size_t from = owner.output_length;
	uint8_t *bytes = at(&guest, text, CHUNK * NR);
	uint32_t head, length;
	bool ok = true;
	int i;

	for (i = 0; i < CHUNK * NR; i++)
		bytes[i] = next_random(&state);
	limit = owner.output_length;
	set_limit(limit);
	for (i = 0; i < NR; i++) {
		const struct piece two[] = {
			{ text + i * CHUNK, 1, false },
			{ text + i * CHUNK + 1, CHUNK - 1, false },
		};

		queue_add(&output, two, 2, 0);
		queue_kick(&output);
	}
	ok = wait_output(limit, 1);
	check(ok && output.next_used == 2 &&
	      load16(&guest, output.used + 2) - output.next_used < NR,
	      "output stays in the ring while the owner is full");
	while (limit < total) {
		limit = limit + 1000 < total ? limit + 1000 : total;
		set_limit(limit);
		virtio_console_output_ready(console);
		ok = ok && wait_output(limit, limit < total);
	}
	for (i = 0; i < NR; i++)
		ok = ok && queue_wait(&output, &head, &length);
	check(ok && !memcmp(owner.output + from, bytes, CHUNK * NR),
	      "and comes out complete and in order");
	set_limit(MOST);
}

static void simple_input(void)
{
	const struct piece piece = { SECOND - 2, 100, true };
	uint32_t head, length;
	char text[8];

	queue_add(&input, &piece, 1, 0);
	queue_kick(&input);
	type("ls\n", 3);
	check(queue_wait(&input, &head, &length) && length == 3, "input");
	copy_out(&guest, SECOND - 2, text, 3);
	check(!memcmp(text, "ls\n", 3), "as it was typed");
	type("early", 5);
	queue_add(&input, &piece, 1, 0);
	queue_kick(&input);
	check(queue_wait(&input, &head, &length) && length == 5,
	      "input before there is a buffer waits for it");
}

/* The guest offers a buffer of a few bytes at a time. */
static void slow_guest(size_t most)
{
	enum { TOTAL = 20000 };
	uint64_t buffer = guest_alloc(&guest, 4096), state = most;
	size_t got = 0, from = owner.input_end, i;
	uint8_t text[TOTAL], back[TOTAL];
	bool ok = true;

	for (i = 0; i < TOTAL; i++)
		text[i] = next_random(&state);
	owner.input_most = most;
	type(text, TOTAL);
	while (ok && got < TOTAL) {
		const struct piece piece = {
			buffer, 1 + next_random(&state) % 100, true
		};
		uint32_t head, length;

		queue_add(&input, &piece, 1, 0);
		queue_kick(&input);
		ok = queue_wait(&input, &head, &length) && length &&
		     length <= piece.length && got + length <= TOTAL;
		if (!ok)
			break;
		copy_out(&guest, buffer, back + got, length);
		got += length;
		/* The owner has more but gave nothing: it says so. */
		virtio_console_input_ready(console);
	}
	check(ok && !memcmp(text, back, TOTAL) &&
	      owner.input_start == from + TOTAL,
	      "20000 bytes, %zu at a time, into small buffers", most);
	owner.input_most = MOST;
}

enum { QUICK = 1000 };
static unsigned int offers;

static void offer(void)
{
	const struct piece piece = { FIRST, 4, true };

	if (offers == QUICK)
		return;
	offers++;
	queue_add(&input, &piece, 1, 0);
	/* used_event: interrupt for the next one, please. */
	store16(&guest, input.avail + 4 + 2 * input.size,
		load16(&guest, input.used + 2));
	queue_kick(&input);
}

static void offer_again(struct guest *g, unsigned int number)
{
	(void)g;
	(void)number;
	offer();
}

/*
 * The guest offers its one buffer again while it is told of it, when the device
 * has found the ring empty.
 */
static void quick_guest(void)
{
	uint64_t irqs = irq_count(&guest, device);
	uint32_t head, length;
	bool ok;
	int i;

	type(owner.input, QUICK * 4);
	offers = 0;
	guest.on_irq = offer_again;
	offer();
	ok = wait_irq(&guest, device, irqs + QUICK - 1);
	guest.on_irq = NULL;
	for (i = 0; ok && i < QUICK; i++)
		ok = queue_wait(&input, &head, &length) && length == 4;
	check(ok, "a buffer that comes back at once is filled at once");
}

static void resize(void)
{
	struct colinux_device_page *page = device_page(&guest, device);
	uint32_t generation = page->config_generation;
	uint64_t irqs = irq_count(&guest, device);

	virtio_console_resize(console, 132, 43);
	check(wait_irq(&guest, device, irqs) &&
	      page->config_generation == generation + 2 &&
	      page->config[0] == 132 && page->config[2] == 43, "resize");
	virtio_console_resize(console, 132, 43);
	check(page->config_generation == generation + 2,
	      "the same size is no change");
}

static void reset(uint64_t features)
{
	const struct piece piece = { guest_alloc(&guest, 12000), 12000,
				     false };
	size_t had = owner.output_length;
	uint32_t head, length;

	memset(at(&guest, piece.machine, piece.length), 'x', piece.length);
	set_limit(had);
	queue_add(&output, &piece, 1, 0);
	queue_kick(&output);
	check(wait_output(had, 1), "output is stuck");
	check(command(&guest, device, COLINUX_DEV_RESET, 0, 0) == 0,
	      "reset does not wait for the owner");
	set_limit(MOST);
	start(features);
	type("again", 5);
	check(wait_output(had + 4096, 0),
	      "what had left the ring still comes, the rest does not");
	queue_add(&input, &(struct piece){ FIRST, 100, true }, 1, 0);
	queue_kick(&input);
	check(queue_wait(&input, &head, &length) && length == 5,
	      "input works after the reset");
}

/* The guest ends while its last words wait for a slow owner. */
static void last_words(void)
{
	const struct piece piece = { guest_alloc(&guest, 9000), 9000, false };
	size_t had = owner.output_length;

	memset(at(&guest, piece.machine, piece.length), 'y', piece.length);
	set_limit(had + 10);
	queue_add(&output, &piece, 1, 0);
	queue_kick(&output);
	check(wait_output(had + 10, 1) && !virtio_console_flush(console),
	      "an owner that takes no more");
	set_limit(had + 5000);
	check(!virtio_console_flush(console) && wait_output(had + 5000, 1),
	      "it is asked again");
	set_limit(MOST);
	check(virtio_console_flush(console) && wait_output(had + 9000, 0),
	      "and gets all");
	check(owner.output[had + 8999] == 'y', "in full");
}

/* The same with a driver that let go of the device before. */
static void last_words_after_reset(void)
{
	const struct piece piece = { FIRST, 100, false };
	size_t had = owner.output_length;
	uint32_t head, length;

	set_limit(had);
	queue_add(&output, &piece, 1, 0);
	queue_kick(&output);
	check(queue_wait(&output, &head, &length) && wait_output(had, 1) &&
	      command(&guest, device, COLINUX_DEV_RESET, 0, 0) == 0 &&
	      !virtio_console_flush(console), "a driver lets go");
	set_limit(MOST);
	check(virtio_console_flush(console) && wait_output(had + 100, 0),
	      "what it had written comes");
}

static void one_way(uint64_t features, const char *name)
{
	struct error error;

	note("%s", name);
	memset(&owner, 0, sizeof(owner));
	pthread_mutex_init(&owner.lock, NULL);
	pthread_cond_init(&owner.changed, NULL);
	owner.input_most = MOST;
	guest_init(&guest);
	device = virtio_console_add(guest.bus, &ops, &owner, &console, &error);
	if (device < 0 || virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	/* The size was known before the guest was. */
	virtio_console_resize(console, 80, 25);
	check(device_page(&guest, device)->config[0] == 80 &&
	      device_page(&guest, device)->device_id == VIRTIO_ID_CONSOLE,
	      "device page");
	start(features & offered(&guest, device));
	simple_output();
	slow_owner();
	simple_input();
	slow_guest(MOST);
	slow_guest(1);
	slow_guest(4097);
	quick_guest();
	resize();
	reset(features & offered(&guest, device));
	last_words();
	last_words_after_reset();
	guest_exit(&guest);
	pthread_cond_destroy(&owner.changed);
	pthread_mutex_destroy(&owner.lock);
}

int main(void)
{
	one_way(VIRTIO_F_VERSION_1 | VIRTIO_CONSOLE_F_SIZE, "plain ring");
	one_way(UINT64_MAX, "all features");
	return done();
}
