/* SPDX-License-Identifier: GPL-2.0 */
/* The fake driver: os/linux/driver.c and interrupt.c for tests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../../daemon/os.h"
#include "fake.h"

struct fake fake;

struct os_driver {
	void *ram;
	uint64_t size;
};

/* A thread that may be interrupted. */
struct target {
	uv_thread_t thread;
	volatile uint32_t *poison;
	bool signalled;
};

static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t lock;
static uv_cond_t change;
static struct target targets[COLINUX_MAX_VCPUS + 1];
static unsigned int steps[COLINUX_MAX_VCPUS];
static uint64_t kicks[COLINUX_MAX_VCPUS];
static struct os_driver *current;

static void init(void)
{
	uv_mutex_init(&lock);
	uv_cond_init(&change);
}

void fake_reset(fake_guest_fn guest)
{
	uv_once(&once, init);
	memset(&fake, 0, sizeof(fake));
	memset(steps, 0, sizeof(steps));
	memset(kicks, 0, sizeof(kicks));
	fake.guest = guest;
	fake.nr_extents = 1;
}

void *fake_ram(uint64_t offset)
{
	return (char *)current->ram + offset;
}

struct os_driver *os_driver_open(struct error *error)
{
	uv_once(&once, init);
	if (fake.open_fails) {
		error_set(error, "/dev/colinux: fake: run modprobe colinux");
		return NULL;
	}
	fake.nr_opens++;
	current = calloc(1, sizeof(*current));
	return current;
}

void os_driver_close(struct os_driver *driver)
{
	if (!driver)
		return;
	fake.nr_closes++;
	current = NULL;
	free(driver);
}

void *os_driver_map(struct os_driver *driver, uint64_t size,
		    struct error *error)
{
	driver->size = size;
	driver->ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (driver->ram == MAP_FAILED) {
		error_set(error, "fake: no memory");
		return NULL;
	}
	return driver->ram;
}

int os_driver_memory_fd(struct os_driver *driver)
{
	(void)driver;
	return -1;
}

void os_driver_unmap(void *base, uint64_t size)
{
	if (base)
		munmap(base, size);
}

void os_driver_describe(char *text, size_t room)
{
	snprintf(text, room, "fake");
}

static struct target *find_target(uv_thread_t thread)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (targets[i].poison &&
		    uv_thread_equal(&targets[i].thread, &thread))
			return &targets[i];
	return NULL;
}

void os_interrupt_setup(void)
{
	uv_once(&once, init);
}

void os_interrupt_target(volatile uint32_t *poison)
{
	uv_mutex_lock(&lock);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (!targets[i].poison) {
			targets[i].thread = uv_thread_self();
			targets[i].poison = poison;
			targets[i].signalled = false;
			break;
		}
	uv_mutex_unlock(&lock);
}

void os_interrupt_untarget(void)
{
	uv_mutex_lock(&lock);
	find_target(uv_thread_self())->poison = NULL;
	uv_mutex_unlock(&lock);
}

void os_interrupt(uv_thread_t thread)
{
	struct target *target;

	uv_mutex_lock(&lock);
	fake.nr_interrupts++;
	target = find_target(thread);
	if (target) {
		*target->poison = UINT32_MAX;
		target->signalled = true;
		uv_cond_broadcast(&change);
	}
	uv_mutex_unlock(&lock);
}

static int vcpu_setup(const struct colinux_vcpu_setup *setup)
{
	if (setup->vcpu >= COLINUX_MAX_VCPUS || setup->pad)
		return -EINVAL;
	if (fake.setup_result)
		return fake.setup_result;
	uv_mutex_lock(&lock);
	fake.setups[setup->vcpu] = *setup;
	fake.nr_setups[setup->vcpu]++;
	steps[setup->vcpu] = 0;
	kicks[setup->vcpu] = 0;
	uv_mutex_unlock(&lock);
	return 0;
}

/* As the real one: a signal is noticed before and while it sleeps. */
static int vcpu_run(struct colinux_run *run)
{
	struct colinux_run in = *run;
	struct target *self;
	enum fake_step step;
	uint64_t bits;

	if (in.vcpu >= COLINUX_MAX_VCPUS || !fake.nr_setups[in.vcpu]) {
		fake.nr_poisoned++;
		return -EINVAL;
	}
	self = find_target(uv_thread_self());
	for (;;) {
		uv_mutex_lock(&lock);
		if (self->signalled) {
			self->signalled = false;
			uv_mutex_unlock(&lock);
			run->exit = COLINUX_RUN_INTR;
			return 0;
		}
		bits = kicks[in.vcpu];
		kicks[in.vcpu] = 0;
		uv_mutex_unlock(&lock);
		step = fake.guest(in.vcpu, steps[in.vcpu]++, run, &bits);
		run->vcpu = in.vcpu;
		if (step == FAKE_ERROR)
			return run->ret;
		if (step == FAKE_EXIT)
			return 0;
		uv_mutex_lock(&lock);
		while (!kicks[in.vcpu] && !self->signalled)
			uv_cond_wait(&change, &lock);
		uv_mutex_unlock(&lock);
	}
}

static int get_extents(struct colinux_get_extents *get)
{
	struct colinux_extent *table = (void *)(uintptr_t)get->table;
	uint64_t rest = fake.created.memory;
	/* With gaps, so that they do not merge. */
	uint64_t machine = FAKE_MACHINE;

	for (uint32_t i = 0; i < fake.nr_extents && i < get->nr; i++) {
		table[i].machine = machine;
		table[i].size = i + 1 == fake.nr_extents ?
					rest :
					fake.created.image;
		rest -= table[i].size;
		machine += table[i].size + (1 << 21);
	}
	get->nr = fake.nr_extents;
	return fake.extents_result;
}

int fake_kick(const struct colinux_kick *kick)
{
	if (kick->vcpu >= COLINUX_MAX_VCPUS || kick->virq > 63)
		return -EINVAL;
	uv_once(&once, init);
	uv_mutex_lock(&lock);
	kicks[kick->vcpu] |= 1ull << kick->virq;
	uv_cond_broadcast(&change);
	uv_mutex_unlock(&lock);
	return 0;
}

int os_driver_call(struct os_driver *driver, unsigned int nr, void *argument)
{
	struct colinux_version *version = argument;
	struct colinux_create *create = argument;
	struct colinux_stats *stats = argument;

	(void)driver;
	switch (nr) {
	case COLINUX_IOC_VERSION:
		version->abi_version = COLINUX_ABI_VERSION;
		version->levels = 4;
		version->tsc_khz = 2000000;
		version->pat = 0x0007040600070406ull;
		return fake.version_result;
	case COLINUX_IOC_CREATE:
		create->nr_extents = fake.nr_extents;
		fake.created = *create;
		return fake.create_result;
	case COLINUX_IOC_GET_EXTENTS:
		return get_extents(argument);
	case COLINUX_IOC_VCPU_SETUP:
		return vcpu_setup(argument);
	case COLINUX_IOC_VCPU_RUN:
		return vcpu_run(argument);
	case COLINUX_IOC_KICK:
		return fake_kick(argument);
	case COLINUX_IOC_STATS:
		stats->switches = 4711;
		return 0;
	default:
		return 0;
	}
}

enum fake_step fake_hypercall(struct colinux_run *run, uint64_t nr,
			      uint64_t arg0, uint64_t arg1, uint64_t arg2)
{
	run->exit = COLINUX_RUN_HYPERCALL;
	run->nr = nr;
	memset(run->args, 0, sizeof(run->args));
	run->args[0] = arg0;
	run->args[1] = arg1;
	run->args[2] = arg2;
	return FAKE_EXIT;
}

enum fake_step fake_print(struct colinux_run *run, const char *text)
{
	strcpy(fake_ram(0x1000), text);
	return fake_hypercall(run, COLINUX_HC_CONSOLE, 0,
			      FAKE_MACHINE + 0x1000, strlen(text));
}

enum fake_step fake_end(struct colinux_run *run, enum colinux_end end)
{
	return fake_hypercall(run, COLINUX_HC_END, end, 0, 0);
}
