/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices of a VM that have another end which every host has: serial ports
 * and cards.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "machine_internal.h"
#include "serial.h"

#define MS UINT64_C(1000000)		/* of uv_hrtime() */
/*
 * How long the other end of a port may take nothing before what a guest wrote
 * before its end is lost; and when it is asked again if it says nothing: a slow
 * wire has room for some long before its driver says so.
 */
#define LAST_MS 5000
#define AGAIN_MS 250

/* A serial port: the device and what is at its other end. */
struct machine_serial {
	bool used;
	struct serial *port;
	struct virtio_console *device;

	uv_mutex_t lock;
	uv_cond_t changed;
	/* Guarded by lock. */
	uint64_t taken;		/* bytes */
	uint64_t ready;		/* times that the port had room again */
};

/* --- Serial ports --- */

static size_t on_serial_output(void *opaque, const void *text, size_t length)
{
	struct machine_serial *serial = opaque;
	size_t taken = serial_output(serial->port, text, length);

	uv_mutex_lock(&serial->lock);
	serial->taken += taken;
	uv_mutex_unlock(&serial->lock);
	return taken;
}

static size_t on_serial_input(void *opaque, void *buffer, size_t room)
{
	struct machine_serial *serial = opaque;

	return serial_input(serial->port, buffer, room);
}

static const struct virtio_console_ops serial_ops = {
	.output = on_serial_output,
	.input = on_serial_input,
};

static void on_serial_input_ready(void *opaque)
{
	struct machine_serial *serial = opaque;

	virtio_console_input_ready(serial->device);
}

static void on_serial_output_ready(void *opaque)
{
	struct machine_serial *serial = opaque;

	uv_mutex_lock(&serial->lock);
	serial->ready++;
	uv_cond_signal(&serial->changed);
	uv_mutex_unlock(&serial->lock);
	virtio_console_output_ready(serial->device);
}

static int add_serial(struct machine *machine, unsigned int number,
		      struct error *error)
{
	struct machine_serial *serial = &machine->serials[number];
	const struct serial_device device = {
		.input_ready = on_serial_input_ready,
		.output_ready = on_serial_output_ready,
		.opaque = serial,
	};
	char tag[16];

	serial->used = true;
	uv_mutex_init(&serial->lock);
	uv_cond_init(&serial->changed);
	snprintf(tag, sizeof(tag), "ttys%u", number);
	serial->port = serial_open(tag, machine->config->serial[number], error);
	if (!serial->port ||
	    virtio_serial_add(machine->bus, tag, &serial_ops, serial,
			      &serial->device, error) < 0)
		return -1;
	machine_progress(machine, "%s: %s", tag, serial_text(serial->port));
	return serial_connect(serial->port, &device, error);
}

int machine_add_serials(struct machine *machine, struct error *error)
{
	machine->serials = calloc(CONFIG_SERIALS, sizeof(*machine->serials));
	if (!machine->serials)
		return error_set(error, "out of memory");
	for (unsigned int i = 0; i < CONFIG_SERIALS; i++)
		if (*machine->config->serial[i] &&
		    add_serial(machine, i, error) < 0)
			return -1;
	return 0;
}

/* Until the other end has all, or takes no more. */
static void flush_serial(struct machine_serial *serial)
{
	uint64_t taken = 0, ready = 0, end = uv_hrtime() + LAST_MS * MS;

	while (!virtio_console_flush(serial->device) && uv_hrtime() < end) {
		uv_mutex_lock(&serial->lock);
		if (serial->taken != taken)
			end = uv_hrtime() + LAST_MS * MS;
		taken = serial->taken;
		if (serial->ready == ready)
			uv_cond_timedwait(&serial->changed, &serial->lock,
					  AGAIN_MS * MS);
		ready = serial->ready;
		uv_mutex_unlock(&serial->lock);
	}
}

void machine_flush_serials(struct machine *machine)
{
	for (unsigned int i = 0; machine->serials && i < CONFIG_SERIALS; i++)
		if (machine->serials[i].device)
			flush_serial(&machine->serials[i]);
}

void machine_stop_serials(struct machine *machine)
{
	for (unsigned int i = 0; machine->serials && i < CONFIG_SERIALS; i++)
		serial_stop(machine->serials[i].port);
}

static void free_serial(struct machine_serial *serial)
{
	if (!serial->used)
		return;
	serial_close(serial->port);
	uv_cond_destroy(&serial->changed);
	uv_mutex_destroy(&serial->lock);
}

void machine_free_serials(struct machine *machine)
{
	for (unsigned int i = 0; machine->serials && i < CONFIG_SERIALS; i++)
		free_serial(&machine->serials[i]);
	free(machine->serials);
}

/* --- Network cards --- */

int machine_add_cards(struct machine *machine, struct error *error)
{
	const struct config *config = machine->config;
	struct net_device_options options;
	char tag[16];
	int device;

	for (unsigned int i = 0; i < CONFIG_NETS; i++) {
		const struct net_options *net = &config->net[i];

		if (net->kind == NET_NONE)
			continue;
		snprintf(tag, sizeof(tag), "eth%u", i);
		options.tag = tag;
		if (net->mac_given)
			memcpy(options.mac, net->mac, sizeof(options.mac));
		else
			net_mac_of_name(config->name, i, options.mac);
		options.backend = net_backend_open(net, tag, config->name,
						   options.mac, config->cpus,
						   !config->no_sandbox, error);
		if (!options.backend)
			return -1;
		device = virtio_net_add(machine->bus, &options, error);
		if (device < 0)
			return -1;
		machine_describe(machine, device);
	}
	return 0;
}
