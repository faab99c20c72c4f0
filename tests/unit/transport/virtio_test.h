/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Unit tests of the guest's virtio transport (guest/port/virtio*.c) against a
 * fake kernel and a fake host.  The transport is included, so that the port's
 * data region can be moved to where user space may map it; the names that the
 * loader would link are defined here: kernel.* as functions, offset.* and
 * sizeof.* as absolute symbols of the structures below, whose layout is not
 * that of any kernel on purpose.
 *
 * VIRTQUEUE_INFO: 1 = virtio is built in and find_vqs takes an array of struct
 * virtqueue_info, as in 6.12; 0 = modules and parallel arrays, as in 6.1.
 */
#ifndef TRANSPORT_VIRTIO_TEST_H
#define TRANSPORT_VIRTIO_TEST_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <pthread.h>

#include <colinux/layout.h>
#undef COLINUX_PORT_DATA_VA
#define COLINUX_PORT_DATA_VA	0x40000000ul

#undef NULL
#undef EIO
#undef ENODEV
#undef EINVAL
#include "../../../guest/port/work.c"
#include "../../../guest/port/virtio.c"
#include "../../../guest/port/virtio_config.c"
#include "../../../guest/port/virtio_irq.c"
#include "../../../guest/port/virtio_plug.c"

/* ---- the fake kernel's structures ---- */

#define NUMBER(name, value) \
	__asm__(".globl " name "\n.set " name ", " #value)
#define ABSENT(name) NUMBER(name, -1)

NUMBER("sizeof.virtio_device", 200);
NUMBER("offset.virtio_device.dev", 24);
NUMBER("offset.device.release", 8);
NUMBER("offset.device.parent", 0);
NUMBER("offset.virtio_device.id.device", 104);
NUMBER("offset.virtio_device.id.vendor", 108);
NUMBER("offset.virtio_device.config", 112);
NUMBER("offset.virtio_device.features", 128);
NUMBER("sizeof.platform_device_info", 64);
NUMBER("offset.platform_device_info.name", 16);
NUMBER("offset.platform_device_info.id", 32);
NUMBER("offset.platform_device.dev", 16);
NUMBER("offset.device.class", 16);
NUMBER("offset.block_device.bd_device", 8);
NUMBER("offset.block_device.bd_openers", 4);
NUMBER("sizeof.work_struct", 40);
NUMBER("offset.work_struct.entry", 16);
NUMBER("offset.work_struct.func", 8);
NUMBER("offset.module.name", 12);
NUMBER("offset.notifier_block.notifier_call", 8);
NUMBER("offset.virtqueue.priv", 40);
NUMBER("offset.virtqueue.num_max", 48);
NUMBER("sizeof.irq_chip", 64);
NUMBER("offset.irq_chip.name", 0);
NUMBER("offset.irq_chip.irq_ack", 8);
NUMBER("offset.irq_chip.irq_set_affinity", 16);
NUMBER("offset.irq_chip.irq_retrigger", 24);
NUMBER("offset.irq_data.chip_data", 8);
NUMBER("offset.irq_data.common", 16);
NUMBER("offset.irq_common_data.affinity", 8);
NUMBER("offset.irq_common_data.effective_affinity", 16);
NUMBER("sizeof.cpumask", 1024);
NUMBER("enum.IRQ_MOVE_PCNTXT", 16384);
NUMBER("offset.virtio_config_ops.set_vq_affinity", 96);
NUMBER("sizeof.virtio_config_ops", 128);
NUMBER("offset.virtio_config_ops.get", 0);
NUMBER("offset.virtio_config_ops.set", 8);
NUMBER("offset.virtio_config_ops.generation", 16);
NUMBER("offset.virtio_config_ops.get_status", 24);
NUMBER("offset.virtio_config_ops.set_status", 32);
NUMBER("offset.virtio_config_ops.reset", 40);
NUMBER("offset.virtio_config_ops.find_vqs", 48);
NUMBER("offset.virtio_config_ops.del_vqs", 56);
NUMBER("offset.virtio_config_ops.get_features", 72);
NUMBER("offset.virtio_config_ops.finalize_features", 80);
NUMBER("offset.virtio_config_ops.bus_name", 88);
#if VIRTQUEUE_INFO
NUMBER("offset.virtio_config_ops.synchronize_cbs", 64);
NUMBER("sizeof.virtqueue_info", 24);
NUMBER("offset.virtqueue_info.name", 0);
NUMBER("offset.virtqueue_info.callback", 8);
NUMBER("offset.virtqueue_info.ctx", 16);
#else
ABSENT("offset.virtio_config_ops.synchronize_cbs");
ABSENT("sizeof.virtqueue_info");
ABSENT("offset.virtqueue_info.name");
ABSENT("offset.virtqueue_info.callback");
ABSENT("offset.virtqueue_info.ctx");
#endif

struct fake_vq {
	char pad[40];
	void *priv;
	u32 num_max;
	u32 index, num;
	struct virtio_device *vdev;
	notify_fn *notify;
	callback_fn *callback;
	const char *name;
	bool context, deleted;
	unsigned int interrupts;
};

struct fake_ops {
	void (*get)(void *vdev, unsigned int offset, void *buf,
		    unsigned int len);
	void (*set)(void *vdev, unsigned int offset, const void *buf,
		    unsigned int len);
	u32 (*generation)(void *vdev);
	u8 (*get_status)(void *vdev);
	void (*set_status)(void *vdev, u8 status);
	void (*reset)(void *vdev);
	void *find_vqs;
	void (*del_vqs)(void *vdev);
	void (*synchronize_cbs)(void *vdev);
	u64 (*get_features)(void *vdev);
	int (*finalize_features)(void *vdev);
	const char *(*bus_name)(void *vdev);
	int (*set_vq_affinity)(struct virtqueue *vq, const void *mask);
};

/* ---- what happened ---- */

static int tests, failures;

static struct virtio_device *last_vdev;
static unsigned int nr_registered, nr_parents, nr_config_changed, nr_put;
static unsigned int nr_pinned, nr_parents_gone, nr_unregistered;
static bool kept;
static u64 eject_answer = -1ull;
static char parent_name[16][32];
static int parent_id[16];
static int register_result;
static char fake_parent[16][64];
/* Never used twice, so that a deleted queue can be told. */
static struct fake_vq pool[256];
static unsigned int nr_created;
static struct fake_vq *all_vqs[64];
static unsigned int nr_vqs;
static void (*in_interrupt)(struct fake_vq *vq);

static struct {
	u64 nr, args[4];
} last_call;
static unsigned int calls[16], yields;
static s64 call_result;
static void (*on_yield)(void);
static unsigned int route[COLINUX_MAX_DEVICES][COLINUX_DEVICE_IRQS];

static void check(bool good, const char *what)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, what);
	failures += !good;
}

/* ---- the fake host ---- */

s64 port_hypercall(u64 nr, u64 arg0, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	(void)arg4;
	if (nr == COLINUX_HC_ROUTE) {
		route[arg0][arg1] = (unsigned int)arg2;
		return 0;
	}
	if (nr == COLINUX_HC_YIELD) {
		yields++;
		if (on_yield)
			on_yield();
		return 0;
	}
	last_call.nr = nr;
	last_call.args[0] = arg0;
	last_call.args[1] = arg1;
	last_call.args[2] = arg2;
	last_call.args[3] = arg3;
	calls[nr]++;
	if (nr == COLINUX_HC_DEVICE && arg1 == COLINUX_DEV_RESET)
		device_page((unsigned int)arg0)->status = 0;
	if (nr == COLINUX_HC_DEVICE && arg1 == COLINUX_DEV_EJECT) {
		eject_answer = arg2;
		device_page((unsigned int)arg0)->plug = COLINUX_PLUG_NONE;
		if (!arg2)
			device_page((unsigned int)arg0)->magic = 0;
	}
	return call_result;
}

static struct colinux_device_page *add_page(unsigned int n, u32 id,
					    const char *tag)
{
	struct colinux_device_page *page = device_page(n);
	unsigned int i;

	memset(page, 0, sizeof(*page));
	page->magic = COLINUX_DEVICE_MAGIC;
	page->device_id = id;
	page->vendor_id = 0x1234;
	page->device_features = BIT(F_VERSION_1) | BIT(F_ACCESS_PLATFORM) |
		BIT(F_RING_RESET) | 5;
	page->nr_queues = 3;
	for (i = 0; i < 3; i++)
		page->queue[i].max_size = 128;
	page->queue[2].max_size = 100;	/* no power of two */
	strncpy(page->tag, tag, sizeof(page->tag));
	return page;
}

/* ---- the fake kernel ---- */

int fake_register(struct virtio_device *vdev);
void fake_changed(struct virtio_device *vdev);

int fake_register(struct virtio_device *vdev)
{
	last_vdev = vdev;
	nr_registered++;
	return register_result;
}

void fake_changed(struct virtio_device *vdev)
{
	(void)vdev;
	nr_config_changed++;
}

typedef void call_fn(void *what);
typedef int retrigger_fn(void *data);

/* `kept`: somebody has a reference left; it goes with let_go(). */
static void fake_unregister(struct virtio_device *vdev)
{
	nr_unregistered++;
	if (!kept)
		AT(call_fn *, vdev, 24 + 8)((char *)vdev + 24);
}

static void let_go(unsigned int n)
{
	AT(call_fn *, devices[n].vdev, 24 + 8)(devices[n].vdev + 24);
}

#include "fake_irq.h"

/* The host interrupts for all that a device has. */
static void interrupt_all(unsigned int n)
{
	if (n < COLINUX_MAX_DEVICES)
		__atomic_fetch_or(&boot_info->irq_pending[n], 0x1ffff,
				  __ATOMIC_SEQ_CST);
	port_device_interrupt(n);
}

/* The work queue: what it has been given runs when a test says so. */
struct workqueue_struct *system_unbound_wq = (void *)0x1234;
static void *queued;
static unsigned int nr_queued;

bool queue_work_on(int cpu, struct workqueue_struct *queue, void *item)
{
	if (cpu || queue != system_unbound_wq || AT(char *, item, 16) !=
	    (char *)item + 16 || AT(char *, item, 24) != (char *)item + 16)
		abort();
	queued = item;
	nr_queued++;
	return true;
}

static void run_work(void)
{
	while (queued) {
		void *item = queued;

		queued = NULL;
		AT(call_fn *, item, 8)(item);
	}
}

/* A disk of the device: open count, then the struct device in it. */
char block_class[1];
static char fake_disk[64];

int device_for_each_child(struct device *parent, void *data,
			  int (*each)(struct device *dev, void *data))
{
	char other[32] = "";

	if ((char *)parent != (char *)devices[7].vdev + 24)
		return 0;
	AT(void *, fake_disk, 8 + 16) = block_class;
	return each((struct device *)other, data) ? 1 :
	       each((struct device *)(fake_disk + 8), data);
}

static struct virtqueue *fake_create(unsigned int index, unsigned int num,
				     unsigned int align,
				     struct virtio_device *vdev, bool weakly,
				     bool may_reduce, bool context,
				     notify_fn *ring, callback_fn *callback,
				     const char *name)
{
	struct fake_vq *vq = &pool[nr_created++];

	if (nr_created > ARRAY_SIZE(pool) || align != 4096 || !weakly || !may_reduce)
		abort();
	vq->index = index;
	vq->num = num / 2;
	vq->vdev = vdev;
	vq->notify = ring;
	vq->callback = callback;
	vq->name = name;
	vq->context = context;
	all_vqs[nr_vqs++] = vq;
	return (struct virtqueue *)vq;
}

static void fake_del(struct virtqueue *vq)
{
	((struct fake_vq *)vq)->deleted = true;
}

static int fake_interrupt(int irq, void *data)
{
	struct fake_vq *vq = data;

	if (fake_irqs[irq].opaque != vq || vq->deleted)
		abort();
	vq->interrupts++;
	if (in_interrupt)
		in_interrupt(vq);
	return 1;
}

static void fake_transport_features(struct virtio_device *vdev)
{
	VIRTIO_MEMBER(u64, vdev, "virtio_device.features") &= ~1ull;
}

static u64 fake_desc(struct virtqueue *vq)
{
	return 0x1000 + ((struct fake_vq *)vq)->index;
}

static u64 fake_avail(struct virtqueue *vq)
{
	return 0x2000 + ((struct fake_vq *)vq)->index;
}

static u64 fake_used(struct virtqueue *vq)
{
	return 0x3000 + ((struct fake_vq *)vq)->index;
}

static unsigned int fake_size(struct virtqueue *vq)
{
	return ((struct fake_vq *)vq)->num;
}

/* Symbols as a kernel would have them; `complete` = both modules are there. */
static bool complete;

unsigned long kallsyms_lookup_name(const char *name)
{
	static const struct {
		const char *name;
		void *function;
		bool late;
	} symbols[] = {
		{ "register_virtio_device", fake_register, true },
		{ "unregister_virtio_device", fake_unregister, true },
		{ "virtio_config_changed", fake_changed, true },
		{ "vring_create_virtqueue", fake_create, false },
		{ "vring_del_virtqueue", fake_del, false },
		{ "vring_interrupt", fake_interrupt, false },
		{ "vring_transport_features", fake_transport_features, false },
		{ "virtqueue_get_desc_addr", fake_desc, false },
		{ "virtqueue_get_avail_addr", fake_avail, false },
		{ "virtqueue_get_used_addr", fake_used, false },
		{ "virtqueue_get_vring_size", fake_size, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(symbols); i++)
		if (!strcmp(symbols[i].name, name) &&
		    (complete || !symbols[i].late))
			return (unsigned long)symbols[i].function;
	return 0;
}

static int (*notify_module)(void *nb, unsigned long state, void *module);

int register_module_notifier(void *nb)
{
	notify_module = AT(void *, nb, 8);
	return 0;
}

bool try_module_get(void *module)
{
	(void)module;
	nr_pinned++;
	return true;
}

struct platform_device *platform_device_register_full(const void *info)
{
	strcpy(parent_name[nr_parents], AT(const char *, info, 16));
	parent_id[nr_parents] = AT(int, info, 32);
	return (struct platform_device *)fake_parent[nr_parents++];
}

void platform_device_unregister(struct platform_device *device)
{
	(void)device;
	nr_parents_gone++;
}

void put_device(struct device *device)
{
	void (*release)(struct device *) = AT(void *, device, 8);

	nr_put++;
	release(device);
}

int kernel_printk(const char *format, ...)
{
	(void)format;
	return 0;
}

#if VIRTQUEUE_INFO
char builtin_virtio[1];
#endif

/* ---- tests ---- */

#if !VIRTQUEUE_INFO
static void module(unsigned long state, const char *name)
{
	char fake[64] = "";

	strcpy(fake + 12, name);
	notify_module(NULL, state, fake);
}
#endif

static void appear(void)
{
	boot_info->nr_devices = 4;
	add_page(0, 2, "cobd0");
	add_page(1, 3, "console");
	add_page(3, 2, "cobd0");	/* the host made a mistake */

#if VIRTQUEUE_INFO
	complete = true;
	port_virtio_init();
	check(!notify_module, "built-in virtio: no module notifier");
#else
	port_virtio_init();
	check(notify_module && !nr_registered, "modules: nothing at first");
	module(MODULE_STATE_LIVE, "ext4");
	module(1, "virtio");
	check(!nr_pinned, "other modules and states are ignored");
	module(MODULE_STATE_LIVE, "virtio_ring");
	check(!nr_registered && nr_pinned == 1, "half of virtio: wait");
	complete = true;
	module(MODULE_STATE_LIVE, "virtio");
	check(nr_pinned == 2, "both modules are pinned");
#endif
	check(nr_registered == 3, "three devices, the empty slot is skipped");
	check(!strcmp(parent_name[0], "cobd0") && parent_id[0] == -1 &&
	      !strcmp(parent_name[1], "console") && parent_id[1] == -1,
	      "parents are named after the tags");
	check(!strcmp(parent_name[2], "virtio-colinux") && parent_id[2] == 3,
	      "a tag that is taken gets a number");
	check(AT(u32, devices[1].vdev, 104) == 3 &&
	      AT(u32, devices[1].vdev, 108) == 0x1234 &&
	      AT(void *, devices[1].vdev, 24) == fake_parent[1] + 16,
	      "ids and parent of the device");
#if !VIRTQUEUE_INFO
	module(MODULE_STATE_LIVE, "virtio");
	check(nr_registered == 3, "only once");
#endif
}

static const struct fake_ops *ops_of(unsigned int n)
{
	return AT(const struct fake_ops *, devices[n].vdev, 112);
}

static void features(void)
{
	const struct fake_ops *o = ops_of(0);
	void *vdev = devices[0].vdev;

	check(o->get_features(vdev) == (BIT(F_VERSION_1) | 5),
	      "features that the transport cannot do are not offered");
	AT(u64, vdev, 128) = BIT(F_VERSION_1) | BIT(F_RING_RESET) | 5;
	check(!o->finalize_features(vdev) &&
	      device_page(0)->driver_features == (BIT(F_VERSION_1) | 4) &&
	      last_call.args[1] == COLINUX_DEV_FEATURES,
	      "features are negotiated");
	call_result = -22;
	check(o->finalize_features(vdev) == -22, "the host may refuse them");
	call_result = 0;
	AT(u64, vdev, 128) = 4;
	check(o->finalize_features(vdev) == -EINVAL, "virtio 1.x is a must");
	AT(u64, vdev, 128) = BIT(F_VERSION_1);
	check(!strcmp(o->bus_name(vdev), "cobd0"), "bus name");
}

static void status(void)
{
	const struct fake_ops *o = ops_of(0);
	void *vdev = devices[0].vdev;

	o->set_status(vdev, 3);
	check(device_page(0)->status == 3 && last_call.nr == COLINUX_HC_DEVICE
	      && last_call.args[0] == 0 &&
	      last_call.args[1] == COLINUX_DEV_STATUS &&
	      o->get_status(vdev) == 3, "status");
	o->reset(vdev);
	check(!o->get_status(vdev), "reset");
}

#include "scheduler_test.h"
static void end_update(void)
{
	device_page(0)->config_generation = 4;
}

static void config(void)
{
	const struct fake_ops *o = ops_of(0);
	void *vdev = devices[0].vdev;
	u8 buf[8] = { 9, 9, 9, 9, 9, 9, 9, 9 };
	u32 value = 0x11223344;

	memcpy(device_page(0)->config + 1020, "\1\2\3\4", 4);
	o->get(vdev, 1020, buf, 8);
	check(!memcmp(buf, "\1\2\3\4\0\0\0\0", 8), "read past the end is zero");
	o->get(vdev, 0xfffffffc, buf, 8);
	check(!memcmp(buf, "\0\0\0\0\0\0\0\0", 8), "offset overflow");
	o->set(vdev, 8, &value, 4);
	check(!memcmp(device_page(0)->config + 8, &value, 4) &&
	      last_call.args[1] == COLINUX_DEV_CONFIG_WRITE &&
	      last_call.args[2] == 8 && last_call.args[3] == 4, "write");
	calls[COLINUX_HC_DEVICE] = 0;
	o->set(vdev, 1022, &value, 4);
	o->set(vdev, 0xfffffffe, &value, 4);
	check(!calls[COLINUX_HC_DEVICE], "write past the end is dropped");
	device_page(0)->config_generation = 3;
	on_yield = end_update;
	yields = 0;
	check(o->generation(vdev) == 4 && yields == 1,
	      "generation waits for the end of an update");
	on_yield = NULL;
}

static int find(void *vdev, unsigned int n, struct virtqueue **vqs,
		callback_fn **callbacks, const char *const *names)
{
	const struct fake_ops *o = AT(const struct fake_ops *, vdev, 112);
#if VIRTQUEUE_INFO
	struct {
		const char *name;
		callback_fn *callback;
		bool ctx;
	} info[4];
	int (*find_vqs)(void *, unsigned int, struct virtqueue **, void *,
			void *) = o->find_vqs;
	unsigned int i;

	for (i = 0; i < n; i++) {
		info[i].name = names[i];
		info[i].callback = callbacks[i];
		info[i].ctx = i == 0;
	}
	return find_vqs(vdev, n, vqs, info, NULL);
#else
	static const bool contexts[4] = { true };
	int (*find_vqs)(void *, unsigned int, struct virtqueue **,
			callback_fn **, const char *const *, const bool *,
			void *) = o->find_vqs;

	return find_vqs(vdev, n, vqs, callbacks, names, contexts, NULL);
#endif
}

static void callback_a(struct virtqueue *vq)
{
	(void)vq;
}

static void queues(void)
{
	static const char *const names[4] = { "a", NULL, "b", "c" };
	callback_fn *callbacks[4] = { callback_a };
	struct virtqueue *vqs[4] = { (void *)1, (void *)1, (void *)1 };
	const struct colinux_device_queue *queue = device_page(1)->queue;
	void *vdev = devices[1].vdev;
	struct fake_vq *a, *b;

	check(!find(vdev, 3, vqs, callbacks, names) && vqs[0] && !vqs[1] &&
	      vqs[2], "queues without a name are left out");
	a = (struct fake_vq *)vqs[0];
	b = (struct fake_vq *)vqs[2];
	check(a->index == 0 && a->callback == callback_a &&
	      !strcmp(a->name, "a") && a->context && a->num_max == 128 &&
	      b->index == 1 && !b->callback && !b->context,
	      "queues as the driver wants them");
	check(queue[1].size == 64 && queue[1].enable && queue[1].desc == 0x1001
	      && queue[1].avail == 0x2001 && queue[1].used == 0x3001 &&
	      last_call.args[0] == 1 && last_call.args[1] == COLINUX_DEV_QUEUE
	      && last_call.args[2] == 1, "the host is told");
	check(b->notify(vqs[2]) && last_call.nr == COLINUX_HC_DOORBELL &&
	      last_call.args[0] == 1 && last_call.args[1] == 1, "doorbell");
	call_result = -5;
	check(!b->notify(vqs[2]), "a doorbell that nobody hears");
	call_result = 0;
	interrupt_all(1);
	check(a->interrupts == 1 && b->interrupts == 1 && !nr_config_changed,
	      "an interrupt asks all queues");
	interrupt_all(2);
	interrupt_all(64);
	interrupt_all(~0u);
	check(a->interrupts == 1, "interrupts of no device");
	device_page(1)->config_generation = 1;
	interrupt_all(1);
	check(!nr_config_changed, "not while the config is being changed");
	device_page(1)->config_generation = 2;
	interrupt_all(1);
	interrupt_all(1);
	check(nr_config_changed == 1, "a change of the config is told once");
	ops_of(1)->del_vqs(vdev);
	check(a->deleted && b->deleted && !queue[0].enable && !queue[1].enable,
	      "queues are deleted");
	interrupt_all(1);
	nr_vqs = 0;
	check(find(vdev, 4, vqs, callbacks, names) == -ENOENT &&
	      nr_vqs == 2 && all_vqs[0]->deleted && all_vqs[1]->deleted,
	      "a queue that is not there takes the others down");
	call_result = -12;
	nr_vqs = 0;
	check(find(vdev, 1, vqs, callbacks, names) == -12 &&
	      all_vqs[0]->deleted && !queue[0].enable,
	      "a queue that the host refuses");
	call_result = 0;
}

#include "irq_tests.h"

static void failure(void)
{
	unsigned int parents = nr_parents_gone;

	add_page(5, 2, "cobd5");
	register_result = -17;
	register_device(5, AT(void *, devices[0].vdev, 112));
	check(nr_put == 1 && nr_parents_gone == parents + 1 &&
	      devices[5].state == PORT_DEVICE_FREE,
	      "a device that cannot be registered is given up");
	add_page(6, 2, "../etc");
	register_result = 0;
	register_device(6, AT(void *, devices[0].vdev, 112));
	check(!strcmp(parent_name[nr_parents - 1], "virtio-colinux"),
	      "a tag that is no name");
}

/* What the host does: write the page, then interrupt. */
static void ask(unsigned int n, u32 plug)
{
	eject_answer = -1ull;
	device_page(n)->plug = plug;
	interrupt_all(n);
}

static void hot_plug(void)
{
	unsigned int registered_before, gone;
	struct fake_vq *vq;
	static const char *const names[1] = { "a" };
	callback_fn *callbacks[1] = { callback_a };
	struct virtqueue *vqs[1];
	/* Left by failure(): what the host could not know. */
	device_page(5)->magic = 0;
	run_work();
	registered_before = nr_registered;
	nr_queued = 0;
	add_page(7, 2, "cobd7");
	interrupt_all(7);
	check(nr_queued == 1 && nr_registered == registered_before,
	      "a new device waits for process context"), run_work();
	check(nr_registered == registered_before + 1 &&
	      devices[7].state == PORT_DEVICE_LIVE &&
	      !strcmp(parent_name[nr_parents - 1], "cobd7"),
	      "and is registered there");
	find(devices[7].vdev, 1, vqs, callbacks, names);
	vq = (struct fake_vq *)vqs[0];
	nr_queued = 0;
	interrupt_all(7);
	check(!nr_queued && vq->interrupts == 1,
	      "its interrupts are those of a device");

	AT(int, fake_disk, 4) = 1;
	ask(7, COLINUX_PLUG_ASK);
	check(vq->interrupts == 2 && eject_answer == -1ull,
	      "asked to let go: not at once");
	run_work();
	check(eject_answer == EBUSY && !nr_unregistered &&
	      devices[7].state == PORT_DEVICE_LIVE, "a disk that is open stays");
	gone = nr_parents_gone;
	ask(7, COLINUX_PLUG_FORCE);
	run_work();
	check(!eject_answer && nr_unregistered == 1 &&
	      nr_parents_gone == gone + 1 &&
	      devices[7].state == PORT_DEVICE_FREE, "unless it is forced");
	nr_queued = 0;
	interrupt_all(7);
	check(!nr_queued, "an empty slot has no news");

	AT(int, fake_disk, 4) = 0;
	add_page(7, 2, "cobd8");
	interrupt_all(7);
	run_work(), kept = true;
	ask(7, COLINUX_PLUG_ASK);
	run_work();
	check(!eject_answer && devices[7].state == PORT_DEVICE_GONE,
	      "a disk that is not open goes; somebody refers to it");
	registered_before = nr_registered;
	add_page(7, 2, "cobd9");
	interrupt_all(7);
	run_work();
	check(nr_registered == registered_before,
	      "the next one in its slot waits for that");
	kept = false;
	let_go(7);
	run_work();
	check(nr_registered == registered_before + 1 &&
	      !strcmp(devices[7].tag, "cobd9"), "and comes then");
	ask(60, COLINUX_PLUG_ASK);
	device_page(60)->plug = 0;
	run_work();
	check(eject_answer == -1ull, "a slot that was never used says nothing");
}

int main(void)
{
	if (mmap((void *)COLINUX_PORT_DATA_VA, COLINUX_PMD_SIZE,
		 PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) ==
	    MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	boot_info->nr_vcpus = 1;
	appear();
	features();
	status();
	scheduler();
	config();
	queues();
	affinity();
	concurrency();
	failure();
	hot_plug();
	printf("1..%d\n", tests);
	return failures != 0;
}

#endif
