/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Building, starting and ending a VM: see machine.h.  What vCPUs do in between
 * is vcpu.c's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine_internal.h"
#include "disk/format.h"
#include "paths.h"

/* An initrd goes into RAM that must be contiguous: there is no use for more. */
#define INITRD_MAX (1024ull * 1024 * 1024)
/* What is left to work with behind kernel and initrd. */
#define MEMORY_LEAST (32ull * 1024 * 1024)
#define PORT_MAX (2ull * 1024 * 1024)	/* the regions it is linked into */

void machine_progress(struct machine *machine, const char *format, ...)
{
	char text[512];
	va_list args;

	if (!machine->callbacks.progress)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	machine->callbacks.progress(machine->callbacks.opaque, text);
}

void machine_ended(struct machine *machine, enum machine_end end,
		   const char *format, ...)
{
	va_list args;

	uv_mutex_lock(&machine->lock);
	if (atomic_load(&machine->end) != MACHINE_RUNNING) {
		uv_mutex_unlock(&machine->lock);
		return;
	}
	va_start(args, format);
	vsnprintf(machine->reason, sizeof(machine->reason), format, args);
	va_end(args);
	atomic_store(&machine->end, end);
	for (unsigned int i = 0; i < COLINUX_MAX_VCPUS; i++)
		if (machine->vcpus[i].state == VCPU_RUNNING)
			os_interrupt(machine->vcpus[i].thread);
	uv_mutex_unlock(&machine->lock);
	machine->callbacks.ended(machine->callbacks.opaque);
}

enum machine_end machine_state(struct machine *machine, char *reason,
			       size_t room)
{
	enum machine_end end;

	uv_mutex_lock(&machine->lock);
	end = atomic_load(&machine->end);
	if (reason && room)
		snprintf(reason, room, "%s",
			 end == MACHINE_RUNNING ? "" : machine->reason);
	uv_mutex_unlock(&machine->lock);
	return end;
}

/* --- The driver --- */

static int open_driver(struct machine *machine, struct error *error)
{
	int result;

	machine->driver = os_driver_open(error);
	if (!machine->driver)
		return -1;
	machine->version.abi_version = COLINUX_ABI_VERSION;
	result = os_driver_call(machine->driver, COLINUX_IOC_VERSION,
				&machine->version);
	if (result < 0 && result != -EPROTO)
		return error_set(error, "the driver does not answer: %s",
				 strerror(-result));
	if (result < 0)
		return error_set(error,
				 "the driver has another version (ABI %u, this "
				 "command has %u): install both from the same "
				 "package and load the driver again",
				 machine->version.abi_version,
				 COLINUX_ABI_VERSION);
	return 0;
}

static int create_error(struct machine *machine, int result,
			struct error *error)
{
	uint64_t mib = machine->size >> 20, piece = machine->contiguous >> 20;
	uint64_t available, large;

	os_free_memory(&available, &large);
	if (result == -ENOMEM)
		return error_set(error,
				 "mem=%" PRIu64 ": the host has %" PRIu64 " MB "
				 "to give: give the guest less, or end "
				 "something that uses memory", mib,
				 available >> 20);
	if (result == -E2BIG && large == OS_UNKNOWN)
		return error_set(error,
				 "mem=%" PRIu64 ": kernel and initrd need %"
				 PRIu64 " MB in one piece, and the host's "
				 "memory is in smaller ones: end something "
				 "that uses memory, or start the guest soon "
				 "after the host", mib, piece);
	if (result == -E2BIG)
		return error_set(error,
				 "mem=%" PRIu64 ": kernel and initrd need %"
				 PRIu64 " MB in one piece, and the host's "
				 "memory is in smaller ones (%" PRIu64 " MB "
				 "available, %" PRIu64 " MB of it in free "
				 "pieces of 2 MB or more): end something that "
				 "uses memory, or start the guest soon after "
				 "the host", mib, piece, available >> 20,
				 large >> 20);
	return error_set(error, "the driver refuses a guest with %" PRIu64
				" MB and %u CPUs: %s", mib,
			 machine->config->cpus, strerror(-result));
}

static int map_memory(struct machine *machine, struct error *error)
{
	struct colinux_get_extents get = { .nr = machine->nr_extents };
	int result;

	machine->extents = calloc(machine->nr_extents + 1,
				  sizeof(*machine->extents));
	if (!machine->extents)
		return error_set(error, "out of memory");
	get.table = (uintptr_t)machine->extents;
	result = os_driver_call(machine->driver, COLINUX_IOC_GET_EXTENTS,
				&get);
	if (result < 0 || get.nr != machine->nr_extents)
		return error_set(error, "cannot get the guest's memory map: %s",
				 result < 0 ? strerror(-result) :
					      "its size has changed");
	machine->base = os_driver_map(machine->driver, machine->size, error);
	if (!machine->base)
		return -1;
	return guest_memory_init(&machine->memory, machine->base,
				 machine->extents, machine->nr_extents, error);
}

static int create_vm(struct machine *machine, struct error *error)
{
	uint64_t initrd = machine->pack.cpio.size +
			  (machine->initrd.fd < 0 ? 0 : machine->initrd.size);
	struct colinux_create create = {
		.memory = machine->size,
		.nr_vcpus = machine->config->cpus,
		.watchdog = machine->config->watchdog,
	};
	int result;

	machine->contiguous = guest_image_contiguous(machine->image,
						     machine->size, initrd);
	create.image = machine->contiguous;
	if (create.image > machine->size)
		return error_set(error,
				 "mem=%" PRIu64 ": too little for this kernel "
				 "and initrd; give at least mem=%" PRIu64,
				 machine->size >> 20,
				 machine_least_memory(machine) >> 20);
	strncpy(create.name, machine->config->name, sizeof(create.name) - 1);
	result = os_driver_call(machine->driver, COLINUX_IOC_CREATE, &create);
	if (result < 0)
		return create_error(machine, result, error);
	if (machine->config->watchdog && !create.watchdog)
		machine_progress(machine, "watchdog: this host has none");
	machine->nr_extents = create.nr_extents;
	if (map_memory(machine, error) < 0)
		return -1;
	machine_progress(machine, "memory: %" PRIu64 " MB in %u piece%s",
		 machine->size >> 20, machine->nr_extents,
		 machine->nr_extents == 1 ? "" : "s");
	return 0;
}

/* --- Kernel, port, initrd --- */

static int open_port(struct machine *machine, struct error *error)
{
	const struct config *config = machine->config;

	if (*config->port)
		strcpy(machine->port_path, config->port);
	else if (path_need(PATH_PORT, machine->port_path,
			   sizeof(machine->port_path), error) < 0)
		return -1;
	return file_read(machine->port_path, PORT_MAX, &machine->port, error);
}

/* Names of modules, ended by NULL. */
struct wanted {
	const char *name[32];
	size_t nr;
};

static void want(struct wanted *wanted, const char *const names[])
{
	size_t room = sizeof(wanted->name) / sizeof(wanted->name[0]);

	while (*names && wanted->nr + 1 < room)
		wanted->name[wanted->nr++] = *names++;
	wanted->name[wanted->nr] = NULL;
}

/* What every guest needs, and what its devices do. */
static void choose_modules(const struct config *config, struct wanted *wanted)
{
	/* A root that cannot be written, or a CD-ROM with one in it. */
	static const char *const live[] = {
		"?loop", "?isofs", "?squashfs", "?erofs", "?overlay", NULL,
	};
	static const char *const folders[] = { "?virtiofs", NULL };
	static const char *const vsock[] = {
		"?vmw_vsock_virtio_transport", NULL,
	};
	bool has_disk = false, has_live = false, has_folder = false;
	bool has_net = false, has_vsock = config->vsock != CONFIG_VSOCK_OFF;

	for (unsigned int i = 0; i < CONFIG_NETS; i++)
		has_net |= config->net[i].kind != NET_NONE;
	for (unsigned int i = 0; i < CONFIG_FOLDERS; i++)
		has_folder |= *config->folder[i].path;
	for (unsigned int i = 0; i < CONFIG_DISKS; i++) {
		if (!*config->disk[i].path)
			continue;
		has_disk = true;
		has_live |= disk_format_may_be_live(config->disk[i].path,
						    config->disk[i].read_only);
	}
	for (unsigned int i = 0; i < CONFIG_VHOST_USERS; i++) {
		const char *kind = config->vhost_user[i].kind;

		has_disk |= !strcmp(kind, "blk");
		has_net |= !strcmp(kind, "net");
		has_folder |= !strcmp(kind, "fs");
		has_vsock |= !strcmp(kind, "vsock");
	}
	want(wanted, guest_modules_base);
	if (has_net)
		want(wanted, guest_modules_net);
	if (has_disk)
		want(wanted, guest_modules_disk);
	if (has_folder)
		want(wanted, folders);
	if (has_live)
		want(wanted, live);
	if (has_vsock)
		want(wanted, vsock);
}

static int open_initrds(struct machine *machine, struct error *error)
{
	const struct config *config = machine->config;
	const char *release = guest_image_release(machine->image);
	char modules[CONFIG_PATH], init[CONFIG_PATH], agent[CONFIG_PATH];
	struct wanted wanted = { .nr = 0 };
	bool has_agent = config->vsock != CONFIG_VSOCK_OFF &&
			 path_find(PATH_AGENT, agent, sizeof(agent));

	if (*config->modules)
		strcpy(modules, config->modules);
	else
		os_modules_directory(release, modules, sizeof(modules));
	if (*config->init)
		strcpy(init, config->init);
	else if (path_need(PATH_INIT, init, sizeof(init), error) < 0)
		return -1;
	choose_modules(config, &wanted);
	if (!has_agent && config->vsock != CONFIG_VSOCK_OFF)
		machine_progress(machine, "no colinux-agent found: colinux "
				 "exec and cp will not work");
	if (guest_pack_build(modules, release, wanted.name, init,
			     has_agent ? agent : NULL, &machine->pack,
			     error) < 0)
		return -1;
	if (!*config->initrd)
		return 0;
	return file_keep(config->initrd, INITRD_MAX, &machine->initrd, error);
}

static int open_kernel(struct machine *machine, struct error *error)
{
	const struct config *config = machine->config;

	machine_progress(machine, "kernel: %s", config->kernel);
	machine->image = guest_image_open(config->kernel, error);
	if (!machine->image)
		return -1;
	machine_progress(machine, "kernel: Linux %s",
		 guest_image_release(machine->image));
	if (open_port(machine, error) < 0)
		return -1;
	return open_initrds(machine, error);
}

/* What only loading needs, until the next time. */
static void park(struct machine *machine)
{
	guest_image_park(machine->image);
	guest_pack_park(&machine->pack);
	os_trim_memory();
}

static int load_kernel(struct machine *machine, unsigned int nr_devices,
		       struct colinux_vcpu_setup *registers,
		       struct error *error)
{
	char cmdline[CONFIG_PARAMETERS + 80];
	struct bytes initrds[2];
	struct load_request request = {
		.ram = machine->base,
		.extents = machine->extents,
		.nr_extents = machine->nr_extents,
		.levels = machine->version.levels,
		.tsc_khz = machine->version.tsc_khz,
		.pat = machine->version.pat,
		.nr_vcpus = machine->config->cpus,
		.nr_devices = nr_devices,
		.halt_poll_us = machine->config->halt_poll,
		.cmdline = cmdline,
		.colinux_init = true,
		.initrds = initrds,
		.port = blob_bytes(&machine->port),
		.port_name = machine->port_path,
		.pack = &machine->pack,
	};
	struct blob initrd = { 0 };
	struct load_result *result;
	int failed;

	if (config_command_line(machine->config, cmdline, sizeof(cmdline),
				error) < 0 ||
	    guest_pack_unpark(&machine->pack, error) < 0)
		return -1;
	initrds[request.nr_initrds++] = blob_bytes(&machine->pack.cpio);
	if (machine->initrd.fd >= 0) {
		if (file_reread(&machine->initrd, &initrd, error) < 0)
			return -1;
		initrds[request.nr_initrds++] = blob_bytes(&initrd);
	}
	result = calloc(1, sizeof(*result));
	failed = result ? guest_image_load(machine->image, &request, result,
					   error) :
			  error_set(error, "out of memory");
	if (!failed) {
		machine_progress(machine, "command line: %s", result->cmdline);
		*registers = result->vcpu;
	}
	free(result);
	free(initrd.data);
	park(machine);
	return failed;
}

/* --- Life --- */

struct machine *machine_new(const struct config *config,
			    struct console *console,
			    const struct machine_callbacks *callbacks,
			    struct error *error)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	if (!machine) {
		error_set(error, "out of memory");
		return NULL;
	}
	machine->config = config;
	machine->console = console;
	machine->callbacks = *callbacks;
	machine->size = config->memory;
	machine->initrd.fd = -1;
	/* Ended until it is started. */
	atomic_store(&machine->end, MACHINE_KILLED);
	strcpy(machine->reason, "not started");
	uv_mutex_init(&machine->lock);
	uv_cond_init(&machine->vcpu_off);
	for (unsigned int i = 0; i < COLINUX_MAX_VCPUS; i++) {
		machine->vcpus[i].machine = machine;
		machine->vcpus[i].number = i;
	}
	os_interrupt_setup();
	os_small_pages();
	if (open_driver(machine, error) < 0 ||
	    os_drop_driver_rights(error) < 0 ||
	    open_kernel(machine, error) < 0 ||
	    create_vm(machine, error) < 0 ||
	    machine_add_devices(machine, error) < 0) {
		machine_free(machine);
		return NULL;
	}
	return machine;
}

int machine_start(struct machine *machine, struct error *error)
{
	struct colinux_vcpu_setup registers;
	int nr_devices, result;

	if (virtio_balloon_empty(machine->balloon, error) < 0)
		return -1;
	nr_devices = virtio_bus_start(machine->bus, error);
	if (nr_devices < 0)
		return -1;
	if (load_kernel(machine, nr_devices, &registers, error) < 0) {
		virtio_bus_reset(machine->bus);
		return -1;
	}
	uv_mutex_lock(&machine->lock);
	atomic_store(&machine->end, MACHINE_RUNNING);
	machine->reason[0] = '\0';
	uv_mutex_unlock(&machine->lock);
	registers.vcpu = 0;
	result = vcpu_start(machine, &registers);
	if (result < 0) {
		/* Nobody waits for this end: the caller is told here. */
		uv_mutex_lock(&machine->lock);
		atomic_store(&machine->end, MACHINE_FAILED);
		uv_mutex_unlock(&machine->lock);
		virtio_bus_reset(machine->bus);
		return error_set(error, "cannot start the first vCPU: %s",
				 strerror(-result));
	}
	return 0;
}

int machine_request_shutdown(struct machine *machine, struct error *error)
{
	struct colinux_kick kick = { .virq = COLINUX_VIRQ_SHUTDOWN };
	int result;

	/* One that is on-line; all are off when the guest is ending anyway. */
	uv_mutex_lock(&machine->lock);
	while (kick.vcpu + 1 < machine->config->cpus &&
	       machine->vcpus[kick.vcpu].state != VCPU_RUNNING)
		kick.vcpu++;
	uv_mutex_unlock(&machine->lock);
	result = os_driver_call(machine->driver, COLINUX_IOC_KICK, &kick);
	if (result < 0)
		return error_set(error, "cannot ask the guest to power off: %s",
				 strerror(-result));
	return 0;
}

void machine_kill(struct machine *machine, const char *reason)
{
	machine_ended(machine, MACHINE_KILLED, "%s", reason);
}

void machine_join(struct machine *machine)
{
	vcpu_join_all(machine);
	virtio_bus_reset(machine->bus);
}

/* By the guest, not by force. */
static bool ended_by_itself(struct machine *machine)
{
	const int end = atomic_load(&machine->end);

	return end == MACHINE_POWEROFF || end == MACHINE_REBOOT ||
	       end == MACHINE_PANIC;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	if (atomic_load(&machine->end) == MACHINE_RUNNING)
		machine_ended(machine, MACHINE_KILLED, "closed");
	vcpu_join_all(machine);
	if (ended_by_itself(machine))
		machine_flush_serials(machine);
	console_connect(machine->console, NULL);
	machine_remove_devices(machine);
	guest_memory_free(&machine->memory);
	os_driver_unmap(machine->base, machine->size);
	os_driver_close(machine->driver);
	if (machine->image)
		guest_image_close(machine->image);
	guest_pack_free(&machine->pack);
	file_forget(&machine->initrd);
	free(machine->port.data);
	free(machine->extents);
	uv_cond_destroy(&machine->vcpu_off);
	uv_mutex_destroy(&machine->lock);
	free(machine);
}

int machine_stats(struct machine *machine, unsigned int vcpu,
		  struct colinux_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->vcpu = vcpu;
	if (vcpu >= machine->config->cpus)
		return -1;
	return os_driver_call(machine->driver, COLINUX_IOC_STATS, stats) < 0 ?
		       -1 : 0;
}

uint32_t machine_vsock_cid(const struct machine *machine)
{
	return machine->vsock_cid;
}

bool machine_describe_device(struct machine *machine, unsigned int device,
			     char *text, size_t room)
{
	return virtio_bus_describe(machine->bus, device, text, room);
}

const char *machine_kernel(const struct machine *machine)
{
	return guest_image_release(machine->image);
}

unsigned int machine_extents(const struct machine *machine)
{
	return machine->nr_extents;
}

uint64_t machine_least_memory(const struct machine *machine)
{
	return machine->contiguous + MEMORY_LEAST;
}

void machine_set_memory(struct machine *machine, uint64_t size)
{
	uint64_t less = size < machine->size ? machine->size - size : 0;

	virtio_balloon_set(machine->balloon, less / COLINUX_PAGE_SIZE);
}

void machine_memory(struct machine *machine, bool fresh,
		    struct balloon_state *state)
{
	if (fresh)
		virtio_balloon_ask(machine->balloon);
	virtio_balloon_state(machine->balloon, state);
}

unsigned int machine_vcpus_up(struct machine *machine)
{
	unsigned int nr;

	uv_mutex_lock(&machine->lock);
	nr = machine->nr_running;
	uv_mutex_unlock(&machine->lock);
	return nr;
}
