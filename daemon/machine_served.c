/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The devices of a VM that need more of the host than every host has: sockets,
 * and what other processes serve (vhost-user, virtiofsd).
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
#include "virtio/spec.h"

/* --- vhost-user --- */

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
		machine_describe(machine, device);
	}
	return 0;
}

/* --- Sockets --- */

int machine_add_vhost_vsock(struct machine *machine, struct error *error)
{
	uint32_t cid;
	int device, fd = vhost_vsock_open(&cid);

	if (fd < 0) {
		machine_progress(machine, "vsock: /dev/vhost-vsock: %s: in "
				 "this process instead", strerror(-fd));
		return 1;
	}
	device = virtio_vhost_vsock_add(machine->bus, fd, cid, error);
	if (device < 0)
		return -1;
	machine->vsock_cid = cid;
	machine_describe(machine, device);
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
	failed = machine_keep(machine, &keeper, error);
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

int machine_add_served(struct machine *machine, struct error *error)
{
	return add_folders(machine, error) < 0 ||
	       add_vhost_users(machine, error) < 0 ? -1 : 0;
}
