// SPDX-License-Identifier: GPL-2.0
/*
 * The devices of a VM, made from its configuration, and what they ask of the
 * rest of it.  Devices themselves are virtio/'s.
 */
#include <stdio.h>
#include <string.h>

#include "keeper.h"
#include "machine_internal.h"

/* --- What the devices ask of us --- */

static void on_set_irq(void *opaque, unsigned int device, unsigned int irq)
{
	struct machine *machine = opaque;
	struct colinux_set_irq arg = { .device = device, .irq = irq };

	os_driver_call(machine->driver, COLINUX_IOC_SET_IRQ, &arg);
}

static int on_doorbell(void *opaque, unsigned int device, unsigned int queue,
		       int fd)
{
	struct machine *machine = opaque;
	struct colinux_event event = {
		.device = device,
		.queue = queue,
		.fd = fd,
	};
	int result;

	result = os_driver_call(machine->driver, COLINUX_IOC_DOORBELL, &event);
	return result < 0 ? result : 0;
}

static int on_irqfd(void *opaque, unsigned int device, unsigned int irq, int fd)
{
	struct machine *machine = opaque;
	struct colinux_event event = {
		.device = device,
		.queue = irq,
		.fd = fd,
	};
	int result;

	result = os_driver_call(machine->driver, COLINUX_IOC_IRQFD, &event);
	return result < 0 ? result : 0;
}

static void on_plugged(void *opaque, unsigned int device)
{
	struct machine *machine = opaque;

	(void)device;
	atomic_store(&machine->plugged, true);
	if (machine->callbacks.plugged)
		machine->callbacks.plugged(machine->callbacks.opaque);
}

static int on_range(struct machine *machine, unsigned int call,
		    uint64_t offset, uint64_t size)
{
	struct colinux_range range = { .offset = offset, .size = size };
	int result = os_driver_call(machine->driver, call, &range);

	return result < 0 ? result : 0;
}

static int on_release(void *opaque, uint64_t offset, uint64_t size)
{
	return on_range(opaque, COLINUX_IOC_RELEASE, offset, size);
}

static int on_reclaim(void *opaque, uint64_t offset, uint64_t size)
{
	return on_range(opaque, COLINUX_IOC_RECLAIM, offset, size);
}

/* A guest may break rules all day long: enough to see that, and how. */
#define REPORTS_MAX 32

static void on_report(void *opaque, const char *line)
{
	struct machine *machine = opaque;
	unsigned int nr = atomic_fetch_add(&machine->reports, 1);

	if (!machine->callbacks.notice || nr > REPORTS_MAX)
		return;
	machine->callbacks.notice(machine->callbacks.opaque,
				  nr < REPORTS_MAX ? line : "further lines "
				  "about the guest's devices are left out");
}

static const struct virtio_host_ops bus_ops = {
	.report = on_report,
	.plugged = on_plugged,
	.release = on_release,
	.reclaim = on_reclaim,
	.irqfd = on_irqfd,
	.set_irq = on_set_irq,
	.doorbell = on_doorbell,
};

/* The console never refuses text: who is too slow to read it loses some. */
static size_t on_guest_output(void *opaque, const void *text, size_t length)
{
	struct machine *machine = opaque;

	console_output(machine->console, text, length);
	return length;
}

static size_t on_guest_input(void *opaque, void *buffer, size_t room)
{
	struct machine *machine = opaque;

	return console_take_input(machine->console, buffer, room);
}

static const struct virtio_console_ops console_ops = {
	.output = on_guest_output,
	.input = on_guest_input,
};

static void on_input_ready(void *opaque)
{
	struct machine *machine = opaque;

	virtio_console_input_ready(machine->virtio_console);
}

static void on_resized(void *opaque)
{
	struct machine *machine = opaque;
	uint16_t columns, rows;

	console_get_size(machine->console, &columns, &rows);
	virtio_console_resize(machine->virtio_console, columns, rows);
}

void machine_describe(struct machine *machine, int device)
{
	char text[512];

	if (virtio_bus_describe(machine->bus, device, text, sizeof(text)))
		machine_progress(machine, "%s", text);
}

static int add_disks(struct machine *machine, struct error *error)
{
	const struct config *config = machine->config;
	char tag[16];
	int device;

	for (unsigned int i = 0; i < CONFIG_DISKS; i++) {
		struct blk_options options = {
			.tag = tag,
			.path = config->disk[i].path,
			.format = config->disk[i].format,
			.backing = config->disk[i].backing,
			.read_only = config->disk[i].read_only,
			.direct = config->disk[i].direct,
		};

		if (!*config->disk[i].path)
			continue;
		snprintf(tag, sizeof(tag), "cobd%u", i);
		device = virtio_blk_add(machine->bus, &options, error);
		if (device < 0)
			return -1;
		machine_describe(machine, device);
	}
	return 0;
}

/* --- Other processes --- */

int machine_keep(struct machine *machine, const struct keeper_options *options,
		 struct error *error)
{
	int keeper = keeper_start(options, error);

	if (keeper < 0)
		return -1;
	machine->keeper[machine->nr_keepers++] = keeper;
	return 0;
}

static int add_execs(struct machine *machine, struct error *error)
{
	for (unsigned int i = 0; i < CONFIG_EXECS; i++) {
		const char *argv[4];
		const struct keeper_options options = {
			.argv = argv,
			.fd = -1,
		};

		os_shell(machine->config->exec[i], argv);
		if (*machine->config->exec[i] &&
		    machine_keep(machine, &options, error) < 0)
			return -1;
	}
	return 0;
}

/* --- All of them --- */

int machine_add_devices(struct machine *machine, struct error *error)
{
	const struct console_device device = {
		.input_ready = on_input_ready,
		.resized = on_resized,
		.opaque = machine,
	};

	machine->bus = virtio_bus_new(&machine->memory, &bus_ops, machine);
	if (!machine->bus)
		return error_set(error, "out of memory");
	/* Disks first: cobd0 is /dev/vda.  The console is hvc0. */
	if (add_disks(machine, error) < 0 ||
	    virtio_console_add(machine->bus, &console_ops, machine,
			       &machine->virtio_console, error) < 0 ||
	    machine_add_serials(machine, error) < 0 ||
	    machine_add_cards(machine, error) < 0 ||
	    machine_add_served(machine, error) < 0 ||
	    virtio_rng_add(machine->bus, error) < 0 ||
	    virtio_balloon_add(machine->bus, &machine->balloon, error) < 0 ||
	    machine_add_vsock(machine, error) < 0 ||
	    add_execs(machine, error) < 0)
		return -1;
	console_connect(machine->console, &device);
	on_resized(machine);
	return 0;
}

void machine_remove_devices(struct machine *machine)
{
	/* Ports first call the devices, devices the ports: stop the former. */
	machine_stop_serials(machine);
	virtio_bus_free(machine->bus);
	machine_free_serials(machine);
	while (machine->nr_keepers)
		keeper_stop(machine->keeper[--machine->nr_keepers]);
}
