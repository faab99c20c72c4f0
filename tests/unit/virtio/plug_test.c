/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices that come and go on a bus that runs: slots, pages, the guest's
 * answers, and what a guest may say unasked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../daemon/virtio/device.h"
#include "guest.h"
#include "tap.h"

#define IMAGE (1 * MiB)

static struct guest guest;
static char path[] = "/tmp/colinux-plug-XXXXXX";

static int add(const char *tag, const struct disk_files *files)
{
	const struct blk_options options = {
		.tag = tag, .path = path, .files = files, .read_only = true,
		.engine = DISK_ENGINE_THREADS,
	};
	struct error error;
	int number = virtio_blk_add(guest.bus, &options, &error);

	if (number < 0)
		fprintf(stderr, "# %s\n", error.text);
	return number;
}

static bool answer(unsigned int device, int with)
{
	return command(&guest, device, COLINUX_DEV_EJECT, with, 0) == 0;
}

static void come(void)
{
	struct error error;
	uint64_t irqs;

	check(virtio_rng_add(guest.bus, &error) == 0 &&
	      virtio_bus_start(guest.bus, &error) == 1, "a bus that runs");
	irqs = irq_count(&guest, 1);
	check(!device_page(&guest, 1)->magic && add("cobd3", NULL) == 1,
	      "a disk comes");
	check(device_page(&guest, 1)->magic == COLINUX_DEVICE_MAGIC &&
	      !strcmp(device_page(&guest, 1)->tag, "cobd3") &&
	      irq_count(&guest, 1) == irqs + 1 && guest.doorbell[1][0] >= 0,
	      "the guest sees its page, an interrupt and a doorbell");
	check(virtio_bus_plug(guest.bus, 1) == VIRTIO_PLUG_SHOWN &&
	      virtio_bus_find(guest.bus, "cobd3") == 1 &&
	      virtio_bus_find(guest.bus, "cobd4") < 0, "it waits for a driver");
	negotiate(&guest, 1, offered(&guest, 1));
	set_status(&guest, 1, VIRTIO_STATUS_ACKNOWLEDGE |
		   VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK |
		   VIRTIO_STATUS_DRIVER_OK);
	check(virtio_bus_plug(guest.bus, 1) == VIRTIO_PLUG_DRIVEN,
	      "it has a driver");
}

static void go(void)
{
	struct colinux_device_page *page = device_page(&guest, 1);
	uint64_t irqs = irq_count(&guest, 1);
	struct error error;

	check(!answer(1, 0) && page->magic, "an answer that nobody asked for");
	page->plug = COLINUX_PLUG_ASK;
	check(!answer(1, 0) && page->magic &&
	      virtio_bus_plug(guest.bus, 1) == VIRTIO_PLUG_DRIVEN,
	      "the guest cannot ask itself");
	page->plug = COLINUX_PLUG_NONE;
	check(!virtio_bus_eject(guest.bus, 1, false, &error) &&
	      page->plug == COLINUX_PLUG_ASK &&
	      irq_count(&guest, 1) == irqs + 1 &&
	      virtio_bus_plug(guest.bus, 1) == VIRTIO_PLUG_ASKED,
	      "the guest is asked");
	check(command(&guest, 1, COLINUX_DEV_EJECT, -1ull, 0) == -EINVAL,
	      "an answer that is none");
	check(answer(1, EBUSY) && !page->plug && page->magic &&
	      virtio_bus_plug(guest.bus, 1) == VIRTIO_PLUG_REFUSED,
	      "it refuses");
	check(!virtio_bus_eject(guest.bus, 1, true, &error) &&
	      page->plug == COLINUX_PLUG_FORCE, "it is made to");
	check(answer(1, 0) && !page->magic && !page->plug &&
	      guest.doorbell[1][0] < 0 &&
	      virtio_bus_plug(guest.bus, 1) == VIRTIO_PLUG_EJECTED,
	      "it lets go: page and doorbell are gone");
	check(command(&guest, 1, COLINUX_DEV_RESET, 0, 0) == -ENODEV &&
	      virtio_bus_eject(guest.bus, 1, false, &error) < 0,
	      "nothing more is said about it");
	virtio_bus_remove(guest.bus, 1);
	check(virtio_bus_plug(guest.bus, 1) == VIRTIO_PLUG_NONE &&
	      virtio_bus_eject(guest.bus, 1, false, &error) < 0, "removed");
}

static void again(void)
{
	struct error error;
	unsigned int i, bad = 0;
	int number, nr;

	for (i = 0; i < 50; i++) {
		number = add("cobd1", NULL);
		bad += number != 1 ||
		       virtio_bus_eject(guest.bus, 1, false, &error) ||
		       !answer(1, 0);
		virtio_bus_remove(guest.bus, 1);
	}
	check(!bad, "it comes and goes 50 times, in the same slot");
	for (nr = 1; add("cobdx", NULL) == nr; nr++)
		;
	check(nr == COLINUX_MAX_DEVICES, "until all slots are taken");
	virtio_bus_eject(guest.bus, 7, false, &error);
	answer(7, 0);
	virtio_bus_remove(guest.bus, 7);
	check(add("cobd7", NULL) == 7, "the slot that is free is taken again");
	virtio_bus_reset(guest.bus);
	memset(device_page(&guest, 0), 0xff,
	       COLINUX_MAX_DEVICES * COLINUX_PAGE_SIZE);
	for (i = 8; i < COLINUX_MAX_DEVICES; i++)
		virtio_bus_remove(guest.bus, i);
	check(virtio_bus_start(guest.bus, &error) == 8 &&
	      !device_page(&guest, 8)->magic &&
	      device_page(&guest, 7)->magic == COLINUX_DEVICE_MAGIC,
	      "after a restart empty slots are empty");
}

static void passed(void)
{
	struct disk_files files = {
		.image = open(path, O_RDONLY | O_CLOEXEC), .server = -1,
	};

	check(add("cobd8", &files) == 8, "a file that is open already");
	files.image = open(path, O_RDWR | O_CLOEXEC);
	check(add("cobd9", &files) < 0 && fcntl(files.image, F_GETFD) < 0,
	      "one with other rights is refused, and closed");
	files.image = open("/dev/null", O_RDONLY | O_CLOEXEC);
	check(add("cobd9", &files) < 0, "and what is no disk");
}

int main(void)
{
	int fd = mkstemp(path);

	if (fd < 0 || ftruncate(fd, IMAGE))
		die(path);
	guest_init(&guest);
	come();
	go();
	again();
	passed();
	guest_exit(&guest);
	close(fd);
	unlink(path);
	return done();
}
