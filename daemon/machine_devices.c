// SPDX-License-Identifier: GPL-2.0
/*
 * The devices of a VM, made from its configuration, and what they ask of the
 * rest of it.  Devices themselves are virtio/'s.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper.h"
#include "machine_internal.h"
#include "serial.h"
#include "virtio/balloon.h"
#include "virtio/spec.h"

/* A serial port: the device and what is at its other end. */
struct machine_serial {
	struct serial *port;
	struct virtio_console *device;
};

/* --- What the devices ask of us --- */

static void on_set_irq(void *opaque, unsigned int device)
{
	struct machine *machine = opaque;
	struct colinux_set_irq irq = { .device = device };

	os_driver_call(machine->driver, COLINUX_IOC_SET_IRQ, &irq);
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

static int on_irqfd(void *opaque, unsigned int device, int fd)
{
	struct machine *machine = opaque;
	struct colinux_event event = { .device = device, .fd = fd };
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

static const struct virtio_host_ops bus_ops = {
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

/* Say what a new device is. */
static void describe(struct machine *machine, int device)
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
		describe(machine, device);
	}
	return 0;
}

static int add_cards(struct machine *machine, struct error *error)
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
						   error);
		if (!options.backend)
			return -1;
		device = virtio_net_add(machine->bus, &options, error);
		if (device < 0)
			return -1;
		describe(machine, device);
	}
	return 0;
}

/* --- Serial ports --- */

static size_t on_serial_output(void *opaque, const void *text, size_t length)
{
	struct machine_serial *serial = opaque;

	return serial_output(serial->port, text, length);
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

	snprintf(tag, sizeof(tag), "ttys%u", number);
	serial->port = serial_open(tag, machine->config->serial[number], error);
	if (!serial->port ||
	    virtio_serial_add(machine->bus, tag, &serial_ops, serial,
			      &serial->device, error) < 0)
		return -1;
	machine_progress(machine, "%s: %s", tag, serial_text(serial->port));
	return serial_connect(serial->port, &device, error);
}

static int add_serials(struct machine *machine, struct error *error)
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

/* --- Other processes --- */

static int keep(struct machine *machine, const struct keeper_options *options,
		struct error *error)
{
	int fd = keeper_start(options, error);

	if (fd >= 0)
		machine->keeper[machine->nr_keepers++] = fd;
	return fd < 0 ? -1 : 0;
}

static int add_execs(struct machine *machine, struct error *error)
{
	for (unsigned int i = 0; i < CONFIG_EXECS; i++) {
		const char *const argv[] = {
			"/bin/sh", "-c", machine->config->exec[i], NULL
		};
		const struct keeper_options options = {
			.argv = argv,
			.fd = -1,
		};

		if (*machine->config->exec[i] &&
		    keep(machine, &options, error) < 0)
			return -1;
	}
	return 0;
}

static int add_vhost_users(struct machine *machine, struct error *error)
{
	const struct config_vhost_user *entry = machine->config->vhost_user;
	char tag[16];
	int device;

	for (unsigned int i = 0; i < CONFIG_VHOST_USERS; i++, entry++) {
		struct vhost_user_options options = {
			.tag = tag,
			.kind = entry->kind,
			.path = entry->path,
			.memory_fd = os_driver_memory_fd(machine->driver),
		};
		struct virtio_net_config card = { .status = 0 };

		if (!*entry->kind)
			break;
		snprintf(tag, sizeof(tag), "vhost%u", i);
		/* A card's address is ours to give; they come after ethN. */
		if (!strcmp(entry->kind, "net")) {
			net_mac_of_name(machine->config->name, CONFIG_NETS + i,
					card.mac);
			options.config = &card;
			options.config_len = sizeof(card.mac);
			options.features = VIRTIO_NET_F_MAC;
		}
		device = virtio_vhost_user_add(machine->bus, &options, error);
		if (device < 0)
			return -1;
		describe(machine, device);
	}
	return 0;
}

/* Sockets: the host is CID 2, and every guest 3, since none sees another. */
#define GUEST_CID 3

static int add_vsock(struct machine *machine, struct error *error)
{
	const struct machine_vsock *vsock = machine->callbacks.vsock;
	struct vsock_options options = {
		.cid = GUEST_CID,
		.allowed = os_peer_allowed,
	};
	int device;

	if (!vsock)
		return 0;
	options.listener = vsock->listener;
	options.connect_path = vsock->path;
	device = virtio_vsock_add(machine->bus, &options, error);
	if (device < 0) {
		close(vsock->listener);
		return -1;
	}
	describe(machine, device);
	return 0;
}

/* --- Folders --- */

/* Where distributions put virtiofsd: the Rust one, the one of QEMU. */
static const char *find_virtiofsd(void)
{
	static const char *const places[] = {
		"/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd",
	};
	const char *own = getenv("COLINUX_VIRTIOFSD");

	if (own && *own)
		return own;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!access(places[i], X_OK))
			return places[i];
	return NULL;
}

/* A socket that only this user can connect to; its name goes to `at`. */
static int listen_for(const struct machine *machine, const char *tag,
		      struct sockaddr_un *at, struct error *error)
{
	char directory[sizeof(at->sun_path)];
	int fd;

	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (os_runtime_directory(directory, sizeof(directory), error) < 0)
		return -1;
	if (snprintf(at->sun_path, sizeof(at->sun_path), "%s/%s.%s", directory,
		     machine->config->name, tag) >= (int)sizeof(at->sun_path))
		return error_set(error, "%s: %s: path too long for a socket: "
				 "set COLINUX_RUN", tag, directory);
	/* The name is this guest's alone (runtime_claim()): an old one. */
	unlink(at->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)at, sizeof(*at)) &&
	    !listen(fd, 1))
		return fd;
	error_set(error, "%s: %s: %s", tag, at->sun_path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int add_folder(struct machine *machine, unsigned int number,
		      struct error *error)
{
	const struct config_folder *folder = &machine->config->folder[number];
	struct virtio_fs_config config = { .num_request_queues = 1 };
	char tag[16], source[CONFIG_PATH + 8], option[16];
	const char *const argv[] = {
		find_virtiofsd(), option, "-o", source, NULL
	};
	struct keeper_options keeper = {
		.argv = argv,
		.restart = true,
		.read_only = folder->read_only ? folder->path : NULL,
	};
	struct vhost_user_options options = {
		.tag = tag,
		.kind = "fs",
		.memory_fd = os_driver_memory_fd(machine->driver),
		.config = &config,
		.config_len = sizeof(config),
	};
	struct sockaddr_un at;
	int device, failed;

	snprintf(tag, sizeof(tag), "cofs%u", number);
	if (!argv[0])
		return error_set(error, "%s: virtiofsd is not installed: "
				 "install the package virtiofsd, or on Debian "
				 "12 qemu-system-common", tag);
	snprintf(option, sizeof(option), "--fd=%d", OS_CHILD_FD);
	snprintf(source, sizeof(source), "source=%s", folder->path);
	memcpy(config.tag, tag, strlen(tag));
	keeper.fd = listen_for(machine, tag, &at, error);
	if (keeper.fd < 0)
		return -1;
	failed = keep(machine, &keeper, error);
	/* From now on the keeper has it, and so it works again and again. */
	close(keeper.fd);
	if (failed < 0)
		return -1;
	options.path = at.sun_path;
	device = virtio_vhost_user_add(machine->bus, &options, error);
	if (device < 0)
		return -1;
	machine_progress(machine, "%s: %s%s", tag, folder->path,
			 folder->read_only ? ", read-only" : "");
	return 0;
}

static int add_folders(struct machine *machine, struct error *error)
{
	for (unsigned int i = 0; i < CONFIG_FOLDERS; i++)
		if (*machine->config->folder[i].path &&
		    add_folder(machine, i, error) < 0)
			return -1;
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
	    add_serials(machine, error) < 0 ||
	    add_cards(machine, error) < 0 ||
	    add_folders(machine, error) < 0 ||
	    add_vhost_users(machine, error) < 0 ||
	    virtio_rng_add(machine->bus, error) < 0 ||
	    virtio_balloon_add(machine->bus, &machine->balloon, error) < 0 ||
	    add_vsock(machine, error) < 0 ||
	    add_execs(machine, error) < 0)
		return -1;
	console_connect(machine->console, &device);
	on_resized(machine);
	return 0;
}

void machine_remove_devices(struct machine *machine)
{
	/* Ports first call the devices, devices the ports: stop the former. */
	for (unsigned int i = 0; machine->serials && i < CONFIG_SERIALS; i++)
		serial_stop(machine->serials[i].port);
	virtio_bus_free(machine->bus);
	for (unsigned int i = 0; machine->serials && i < CONFIG_SERIALS; i++)
		serial_close(machine->serials[i].port);
	free(machine->serials);
	while (machine->nr_keepers)
		close(machine->keeper[--machine->nr_keepers]);
}
