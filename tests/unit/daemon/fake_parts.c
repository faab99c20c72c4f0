/* SPDX-License-Identifier: GPL-2.0 */
/* Fakes of the kernel loader and of the devices: see fake.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../daemon/command.h"
#include "../../../daemon/os.h"
#include "../../../daemon/kernel/kernel.h"
#include "../../../daemon/disk/server.h"
#include "../../../daemon/virtio/balloon.h"
#include "../../../daemon/virtio/virtio.h"
#include "fake.h"

/* --- The loader --- */

struct guest_image {
	int dummy;
};

const char *const guest_modules_base[] = { "virtio_blk", NULL };
const char *const guest_modules_disk[] = { "ext4", NULL };
const char *const guest_modules_net[] = { "virtio_net", NULL };

struct guest_image *guest_image_open(const char *path, struct error *error)
{
	if (fake.kernel_fails) {
		error_set(error, "%s: fake: is no kernel", path);
		return NULL;
	}
	return calloc(1, sizeof(struct guest_image));
}

void guest_image_close(struct guest_image *image)
{
	free(image);
}

void guest_image_park(struct guest_image *image)
{
	(void)image;
}

void guest_pack_park(struct guest_pack *pack)
{
	(void)pack;
}

int guest_pack_unpark(struct guest_pack *pack, struct error *error)
{
	(void)pack;
	(void)error;
	return 0;
}

const char *guest_image_release(const struct guest_image *image)
{
	(void)image;
	return "6.1.0-fake";
}

uint64_t guest_image_contiguous(const struct guest_image *image,
				uint64_t memory, uint64_t initrd_size)
{
	(void)image;
	(void)memory;
	return (48ull << 20) + round_up(initrd_size, 2 << 20);
}

int guest_image_load(struct guest_image *image,
		     const struct load_request *request,
		     struct load_result *result, struct error *error)
{
	(void)image;
	fake.nr_loads++;
	if (fake.load_fails)
		return error_set(error, "fake: cannot load");
	snprintf(fake.cmdline, sizeof(fake.cmdline), "%s", request->cmdline);
	snprintf(result->cmdline, sizeof(result->cmdline), "fake %s",
		 request->cmdline);
	result->vcpu.rip = 0x1234;
	result->vcpu.cr3 = FAKE_MACHINE + 0x5000;
	return 0;
}

int guest_pack_build(const char *directory, const char *release,
		     const char *const wanted[], const char *init_path,
		     const char *agent_path, struct guest_pack *pack,
		     struct error *error)
{
	(void)directory;
	(void)release;
	*fake.modules = '\0';
	for (; *wanted; wanted++) {
		strcat(fake.modules, *wanted);
		strcat(fake.modules, " ");
	}
	(void)init_path;
	(void)agent_path;
	(void)error;
	memset(pack, 0, sizeof(*pack));
	pack->cpio.data = calloc(1, 512);
	pack->cpio.size = 512;
	return 0;
}

void guest_pack_free(struct guest_pack *pack)
{
	free(pack->cpio.data);
	memset(pack, 0, sizeof(*pack));
}

int file_read(const char *path, size_t limit, struct blob *out,
	      struct error *error)
{
	(void)path;
	(void)limit;
	(void)error;
	out->data = calloc(1, 64);
	out->size = 64;
	return 0;
}

int file_keep(const char *path, size_t limit, struct kept_file *out,
	      struct error *error)
{
	(void)error;
	*out = (struct kept_file){ .fd = 0, .size = 64, .limit = limit,
				   .path = path };
	return 0;
}

int file_reread(const struct kept_file *file, struct blob *out,
		struct error *error)
{
	return file_read(file->path, file->limit, out, error);
}

void file_forget(struct kept_file *file)
{
	file->fd = -1;
}

int cmd_inspect(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* --- The devices --- */

struct virtio_bus {
	unsigned int nr;
};

struct virtio_console {
	const struct virtio_console_ops *ops;
	void *opaque;
};

static struct virtio_console the_console;

struct virtio_bus *virtio_bus_new(const struct guest_memory *memory,
				  const struct virtio_host_ops *ops,
				  void *opaque)
{
	(void)memory;
	(void)ops;
	(void)opaque;
	return calloc(1, sizeof(struct virtio_bus));
}

int virtio_bus_start(struct virtio_bus *bus, struct error *error)
{
	(void)error;
	fake.nr_bus_starts++;
	return bus->nr;
}

int64_t virtio_bus_command(struct virtio_bus *bus, const uint64_t args[6])
{
	(void)bus;
	memcpy(fake.command, args, sizeof(fake.command));
	return 77;
}

void virtio_bus_reset(struct virtio_bus *bus)
{
	(void)bus;
	fake.nr_bus_resets++;
}

void virtio_bus_free(struct virtio_bus *bus)
{
	if (!bus)
		return;
	fake.nr_frees++;
	free(bus);
}

enum virtio_plug virtio_bus_plug(struct virtio_bus *bus, unsigned int device)
{
	(void)bus;
	(void)device;
	return VIRTIO_PLUG_NONE;
}

int virtio_bus_find(struct virtio_bus *bus, const char *tag)
{
	(void)bus;
	(void)tag;
	return -1;
}

int virtio_bus_eject(struct virtio_bus *bus, unsigned int device, bool force,
		     struct error *error)
{
	(void)bus;
	(void)force;
	return error_set(error, "fake: no device %u", device);
}

void virtio_bus_remove(struct virtio_bus *bus, unsigned int device)
{
	(void)bus;
	(void)device;
}

int virtio_blk_resize(struct virtio_bus *bus, int device, uint64_t size,
		      uint64_t *bytes, struct error *error)
{
	(void)bus;
	(void)size;
	*bytes = 0;
	return error_set(error, "fake: no device %d", device);
}

int disk_files_open(const struct disk_options *options,
		    struct disk_files *files, struct error *error)
{
	files->image = files->server = -1;
	return error_set(error, "%s: fake", options->path);
}

void disk_files_close(struct disk_files *files)
{
	files->image = -1;
}

int disk_server_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 1;
}

bool virtio_bus_describe(struct virtio_bus *bus, unsigned int device,
			 char *text, size_t room)
{
	if (device >= bus->nr)
		return false;
	snprintf(text, room, "fake device %u", device);
	return true;
}

int virtio_blk_add(struct virtio_bus *bus, const struct blk_options *options,
		   struct error *error)
{
	size_t used = strlen(fake.disks);

	if (fake.disk_fails)
		return error_set(error, "%s: fake: cannot open",
				 options->path);
	snprintf(fake.disks + used, sizeof(fake.disks) - used, "%s:%s:%s ",
		 options->tag, options->path, options->read_only ? "ro" : "rw");
	return bus->nr++;
}

int virtio_console_add(struct virtio_bus *bus,
		       const struct virtio_console_ops *ops, void *opaque,
		       struct virtio_console **console, struct error *error)
{
	(void)error;
	the_console.ops = ops;
	the_console.opaque = opaque;
	*console = &the_console;
	return bus->nr++;
}

int virtio_serial_add(struct virtio_bus *bus, const char *tag,
		      const struct virtio_console_ops *ops, void *opaque,
		      struct virtio_console **console, struct error *error)
{
	(void)tag;
	(void)ops;
	(void)opaque;
	(void)error;
	*console = &the_console;
	return bus->nr++;
}

bool virtio_vhost_user_knows(const char *kind)
{
	return !strcmp(kind, "blk");
}

int virtio_vhost_user_add(struct virtio_bus *bus,
			  const struct vhost_user_options *options,
			  struct error *error)
{
	(void)options;
	(void)error;
	return bus->nr++;
}

void virtio_console_input_ready(struct virtio_console *console)
{
	struct colinux_kick kick = { .virq = COLINUX_VIRQ_DEVICE };

	(void)console;
	fake_kick(&kick);
}

void virtio_console_output_ready(struct virtio_console *console)
{
	(void)console;
}

bool virtio_console_flush(struct virtio_console *console)
{
	(void)console;
	return true;
}

void virtio_console_resize(struct virtio_console *console, uint16_t columns,
			   uint16_t rows)
{
	struct colinux_kick kick = { .virq = COLINUX_VIRQ_DEVICE };

	(void)console;
	fake.columns = columns;
	fake.rows = rows;
	fake_kick(&kick);
}

int virtio_net_add(struct virtio_bus *bus,
		   const struct net_device_options *options,
		   struct error *error)
{
	(void)error;
	net_backend_free(options->backend);
	return bus->nr++;
}

int virtio_vsock_add(struct virtio_bus *bus,
		     const struct vsock_options *options, struct error *error)
{
	(void)error;
	if (options->listener >= 0)
		close(options->listener);
	return bus->nr++;
}

int vhost_vsock_open(uint32_t *cid)
{
	*cid = 0;
	return -ENOENT;
}

int virtio_vhost_vsock_add(struct virtio_bus *bus, int fd, uint32_t cid,
			   struct error *error)
{
	(void)cid;
	(void)error;
	close(fd);
	return bus->nr++;
}

int virtio_rng_add(struct virtio_bus *bus, struct error *error)
{
	(void)error;
	return bus->nr++;
}

const char *const balloon_stat_names[BALLOON_STATS] = {
	"swap-in", "swap-out", "major-faults", "minor-faults", "free", "total",
	"available", "caches", "hugetlb-allocations", "hugetlb-failures",
};

bool balloon_stat_is_bytes(unsigned int stat)
{
	return stat == 4;
}

int virtio_balloon_add(struct virtio_bus *bus, struct virtio_balloon **balloon,
		       struct error *error)
{
	(void)error;
	*balloon = NULL;
	return bus->nr++;
}

void virtio_balloon_set(struct virtio_balloon *balloon, uint64_t pages)
{
	(void)balloon;
	fake.balloon.target = pages;
}

void virtio_balloon_state(struct virtio_balloon *balloon,
			  struct balloon_state *state)
{
	(void)balloon;
	*state = fake.balloon;
}

void virtio_balloon_ask(struct virtio_balloon *balloon)
{
	(void)balloon;
	fake.balloon.serial++;
}

int virtio_balloon_empty(struct virtio_balloon *balloon, struct error *error)
{
	(void)balloon;
	return fake.balloon_fails ? error_set(error, "fake: balloon") : 0;
}

void fake_console_output(const char *text)
{
	the_console.ops->output(the_console.opaque, text, strlen(text));
}

size_t fake_console_input(char *text, size_t room)
{
	return the_console.ops->input(the_console.opaque, text, room);
}
