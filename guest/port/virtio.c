// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-colinux: finding the devices, registering them with the kernel's
 * virtio core, and their interrupts.  What drivers then ask of a device is in
 * virtio_config.c.
 *
 * Every device gets a platform device named after its tag as parent, so that
 * sysfs reads /sys/devices/platform/cobd0/virtio0 and udev makes
 * /dev/disk/by-path/platform-cobd0.
 */
#include "virtio.h"

#define NO_ID			(-1)	/* PLATFORM_DEVID_NONE */
#define MODULE_STATE_LIVE	0	/* enum module_state */
#define MAX_ERRNO		4095	/* include/linux/err.h */

struct virtio_functions virtio_fn;

static struct port_device devices[COLINUX_MAX_DEVICES];

extern unsigned long kallsyms_lookup_name(const char *name)
	KERNEL("kallsyms_lookup_name");
extern int register_module_notifier(void *nb)
	KERNEL("register_module_notifier");
extern bool try_module_get(void *module) KERNEL("try_module_get");
extern struct platform_device *platform_device_register_full(const void *info)
	KERNEL("platform_device_register_full");
extern void platform_device_unregister(struct platform_device *device)
	KERNEL("platform_device_unregister");
extern void put_device(struct device *device) KERNEL("put_device");
/* Only whether it is there: not when virtio is a module. */
extern weak char builtin_virtio[] KERNEL("register_virtio_device");

/* Prototypes and layouts that this file and virtio_config.c rely on. */
EXPECT_FUNC("kallsyms_lookup_name unsigned long(const char *)");
EXPECT_FUNC("register_module_notifier int(struct notifier_block *)");
EXPECT_FUNC("try_module_get bool(struct module *)");
EXPECT_FUNC("platform_device_register_full "
	      "struct platform_device *(const struct platform_device_info *)");
EXPECT_FUNC("platform_device_unregister "
	      "void(struct platform_device *)");
EXPECT_FUNC("put_device void(struct device *)");
EXPECT_MEMBER("notifier_block.notifier_call notifier_fn_t");
VIRTIO_EXPECT_FUNC("register_virtio_device int(struct virtio_device *)");
VIRTIO_EXPECT_FUNC("unregister_virtio_device void(struct virtio_device *)");
VIRTIO_EXPECT_FUNC("virtio_config_changed void(struct virtio_device *)");
VIRTIO_EXPECT_FUNC("vring_create_virtqueue struct virtqueue *(unsigned int,"
	      "unsigned int,unsigned int,struct virtio_device *,bool,bool,bool,"
	      "bool (*)(struct virtqueue *),void (*)(struct virtqueue *),"
	      "const char *)");
VIRTIO_EXPECT_FUNC("vring_del_virtqueue void(struct virtqueue *)");
VIRTIO_EXPECT_FUNC("vring_interrupt irqreturn_t(int,void *)");
VIRTIO_EXPECT_FUNC("vring_transport_features void(struct virtio_device *)");
VIRTIO_EXPECT_FUNC("virtqueue_get_desc_addr dma_addr_t(struct virtqueue *) |"
	      " dma_addr_t(const struct virtqueue *)");
VIRTIO_EXPECT_FUNC("virtqueue_get_avail_addr dma_addr_t(struct virtqueue *) |"
	      " dma_addr_t(const struct virtqueue *)");
VIRTIO_EXPECT_FUNC("virtqueue_get_used_addr dma_addr_t(struct virtqueue *) |"
	      " dma_addr_t(const struct virtqueue *)");
VIRTIO_EXPECT_FUNC("virtqueue_get_vring_size unsigned int(struct virtqueue *)"
	      " | unsigned int(const struct virtqueue *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.get "
	      "void(struct virtio_device *,unsigned int,void *,unsigned int)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.set void(struct virtio_device *,"
	      "unsigned int,const void *,unsigned int)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.generation "
	      "u32(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.get_status "
	      "u8(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.set_status "
	      "void(struct virtio_device *,u8)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.reset void(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.find_vqs "
	      "int(struct virtio_device *,unsigned int,struct virtqueue **,"
	      "vq_callback_t **,const char *const *,const bool *,"
	      "struct irq_affinity *) | "
	      "int(struct virtio_device *,unsigned int,struct virtqueue **,"
	      "struct virtqueue_info *,struct irq_affinity *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.del_vqs "
	      "void(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.synchronize_cbs "
	      "void(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.set_vq_affinity "
	      "int(struct virtqueue *,const struct cpumask *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.get_features "
	      "u64(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.finalize_features "
	      "int(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_config_ops.bus_name "
	      "const char *(struct virtio_device *)");
VIRTIO_EXPECT_MEMBER("virtio_device.features u64");
VIRTIO_EXPECT_MEMBER("virtio_device.config const struct virtio_config_ops *");
VIRTIO_EXPECT_MEMBER("virtqueue.priv void *");

/* ---- small helpers ---- */

static bool is_error(const void *pointer)
{
	return (unsigned long)pointer >= -(unsigned long)MAX_ERRNO;
}

static bool same_text(const char *l, const char *r)
{
	while (*l && *l == *r) {
		l++;
		r++;
	}
	return *l == *r;
}

static void clear(void *at, unsigned long n)
{
	u8 *byte = at;

	while (n--)
		*byte++ = 0;
}

struct port_device *port_device_of(struct virtio_device *vdev)
{
	/* vdev is the first member. */
	return (struct port_device *)vdev;
}

unsigned int port_device_number(const struct port_device *device)
{
	return (unsigned int)(device - devices);
}

/* ---- interrupts ---- */

/* The kernel's handler of the page's interrupt. */
static int page_interrupt(int irq, void *opaque)
{
	struct port_device *device = opaque;
	const struct colinux_device_page *page =
		device_page(port_device_number(device));
	u32 generation;

	(void)irq;
	/* Odd: the host is writing; it interrupts again when it is done. */
	generation = __atomic_load_n(&page->config_generation,
				     __ATOMIC_ACQUIRE);
	if (generation != device->generation && !(generation & 1) &&
	    !page->plug) {
		device->generation = generation;
		virtio_fn.virtio_config_changed(
			(struct virtio_device *)device->vdev);
	}
	return IRQ_HANDLED;
}

/* Does the page want something that needs process context? */
static bool has_news(unsigned int number)
{
	const volatile struct colinux_device_page *page = device_page(number);

	if (__atomic_load_n(&devices[number].state, __ATOMIC_ACQUIRE) ==
	    PORT_DEVICE_LIVE)
		return page->plug;
	return page->magic == COLINUX_DEVICE_MAGIC;
}

void port_device_interrupt(unsigned int number)
{
	u32 irqs;

	if (number >= COLINUX_MAX_DEVICES)
		return;
	irqs = port_vq_irq_take(number);
	if (irqs >> COLINUX_IRQ_PAGE && has_news(number))
		port_plug_kick();
	port_vq_irq_handle(number, irqs);
}

void port_device_synchronize(struct port_device *device)
{
	port_vq_irq_synchronize(port_device_number(device));
}

/* ---- registration ---- */

/* The last reference to the kernel's device is gone. */
static void device_released(struct device *dev)
{
	struct port_device *device =
		(void *)((char *)dev - OFFSET_IF("virtio_device.dev"));
	u32 old = __atomic_exchange_n(&device->state, PORT_DEVICE_FREE,
				      __ATOMIC_SEQ_CST);

	/* The host may have put another one there since it was let go. */
	if (old == PORT_DEVICE_GONE &&
	    has_news(port_device_number(device)))
		port_plug_kick();
}

/* A tag becomes a file name in sysfs: letters and digits, or not at all. */
static void copy_tag(struct port_device *device, const char *tag)
{
	unsigned int i;
	char c;

	for (i = 0; i < sizeof(device->tag) - 1; i++) {
		c = *(const volatile char *)&tag[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || (i && (c == '-' || c == '_'))))
			break;
		device->tag[i] = c;
	}
	device->tag[i] = '\0';
}

static bool tag_is_taken(const struct port_device *device)
{
	const struct port_device *other;

	for (other = devices; other < devices + COLINUX_MAX_DEVICES; other++)
		if (other != device && other->state == PORT_DEVICE_LIVE &&
		    same_text(other->tag, device->tag))
			return true;
	return false;
}

/* The parent in sysfs; without one the device works as well. */
static void create_parent(struct port_device *device)
{
	u64 info[32];
	bool named = device->tag[0] && !tag_is_taken(device);

	if (SIZEOF("platform_device_info") > sizeof(info))
		return;
	clear(info, sizeof(info));
	MEMBER(const char *, info, "platform_device_info.name") =
		named ? device->tag : "virtio-colinux";
	MEMBER(int, info, "platform_device_info.id") =
		named ? NO_ID : (int)port_device_number(device);
	device->parent = platform_device_register_full(info);
	if (is_error(device->parent))
		device->parent = NULL;
}

static void register_device(unsigned int number, const void *ops)
{
	struct colinux_device_page *page = device_page(number);
	struct port_device *device = &devices[number];
	void *vdev = device->vdev;
	char *dev = (char *)vdev + OFFSET_IF("virtio_device.dev");
	int ret;

	clear(device, sizeof(*device));
	copy_tag(device, page->tag);
	create_parent(device);
	device->generation = page->config_generation;
	MEMBER(void *, dev, "device.release") = device_released;
	if (device->parent)
		MEMBER(void *, dev, "device.parent") =
			(char *)device->parent + OFFSET("platform_device.dev");
	VIRTIO_MEMBER(u32, vdev, "virtio_device.id.device") =
		page->device_id;
	VIRTIO_MEMBER(u32, vdev, "virtio_device.id.vendor") =
		page->vendor_id;
	VIRTIO_MEMBER(const void *, vdev, "virtio_device.config") = ops;
	__atomic_store_n(&device->state, PORT_DEVICE_LIVE, __ATOMIC_SEQ_CST);

	ret = port_vq_irq_request(number, COLINUX_IRQ_PAGE, page_interrupt,
				  device, device->tag, "config");
	if (!ret)
		ret = virtio_fn.register_virtio_device(vdev);
	if (ret) {
		kernel_printk(KERN_ERR "colinux: device %u (%s) cannot be "
			      "registered: %d\n", number, device->tag, ret);
		port_vq_irq_free(number, COLINUX_IRQ_PAGE, device);
		put_device((struct device *)dev);
		if (device->parent)
			platform_device_unregister(device->parent);
	}
}

static void unregister_device(struct port_device *device)
{
	struct platform_device *parent = device->parent;

	/* Resets the device; what the driver still had to write is written. */
	virtio_fn.unregister_virtio_device((struct virtio_device *)
					   device->vdev);
	port_vq_irq_free(port_device_number(device), COLINUX_IRQ_PAGE, device);
	if (parent)
		platform_device_unregister(parent);
}

/* The host wants it back. */
static void eject(unsigned int number)
{
	struct port_device *device = &devices[number];
	struct device *dev = (struct device *)
		(device->vdev + OFFSET_IF("virtio_device.dev"));
	u32 live = PORT_DEVICE_LIVE;
	u64 answer = 0;

	if (device->state == PORT_DEVICE_LIVE) {
		if (device_page(number)->plug == COLINUX_PLUG_ASK &&
		    port_plug_in_use(dev))
			answer = EBUSY;
		else
			unregister_device(device);
	}
	/* Unless the last reference is gone already: it is FREE then. */
	if (!answer)
		__atomic_compare_exchange_n(&device->state, &live,
					    PORT_DEVICE_GONE, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	port_hypercall(COLINUX_HC_DEVICE, number, COLINUX_DEV_EJECT, answer, 0,
		       0);
}

/* ---- the moment ---- */

/* Fill virtio_fn; false if virtio or virtio_ring is not in the kernel yet. */
static bool find_functions(void)
{
	static const struct {
		const char *name;
		void *at;
	} functions[] = {
#define FUNCTION(name) { #name, &virtio_fn.name }
		FUNCTION(register_virtio_device),
		FUNCTION(unregister_virtio_device),
		FUNCTION(virtio_config_changed),
		FUNCTION(vring_create_virtqueue),
		FUNCTION(vring_del_virtqueue),
		FUNCTION(vring_interrupt),
		FUNCTION(vring_transport_features),
		FUNCTION(virtqueue_get_desc_addr),
		FUNCTION(virtqueue_get_avail_addr),
		FUNCTION(virtqueue_get_used_addr),
		FUNCTION(virtqueue_get_vring_size),
#undef FUNCTION
	};
	unsigned long address;
	unsigned int i;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		address = kallsyms_lookup_name(functions[i].name);
		if (!address)
			return false;
		*(unsigned long *)functions[i].at = address;
	}
	return true;
}

static const void *config_ops;	/* NULL: virtio is not there, or unknown */

static void look_at(unsigned int number)
{
	const struct colinux_device_page *page = device_page(number);

	if (page->magic != COLINUX_DEVICE_MAGIC || !page->device_id)
		return;
	if (page->plug)
		eject(number);
	else if (config_ops && devices[number].state == PORT_DEVICE_FREE)
		register_device(number, config_ops);
}

void port_virtio_look(void)
{
	static u32 wishes;
	u32 seen = 1;
	unsigned int n;

	/* One at a time; whoever is at it looks again. */
	if (__atomic_fetch_add(&wishes, 1, __ATOMIC_SEQ_CST))
		return;
	do
		for (n = 0; n < COLINUX_MAX_DEVICES; n++)
			look_at(n);
	while (!__atomic_compare_exchange_n(&wishes, &seen, 0, false,
					    __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST));
}

/* Process context, once, when the virtio core is complete. */
static void register_devices(void)
{
	config_ops = virtio_config_build();
	/* A missing structure has the size MISSING. */
	if (!config_ops ||
	    VIRTIO_SIZEOF("virtio_device") > VIRTIO_DEVICE_ROOM) {
		kernel_printk(KERN_ERR "colinux: no devices: this kernel's "
			      "virtio structures are unknown or too large\n");
		config_ops = NULL;
		return;
	}
	port_virtio_look();
}

static bool registered;

/*
 * Module notifier, process context.  virtio and virtio_ring come as a pair in
 * either order; the second one completes the set.  Both are kept from being
 * unloaded: their functions are called from here ever after.
 */
static int module_changed(void *nb, unsigned long state, void *module)
{
	const char *name = (const char *)module + OFFSET("module.name");

	(void)nb;
	if (state != MODULE_STATE_LIVE || registered ||
	    (!same_text(name, "virtio") && !same_text(name, "virtio_ring")))
		return 0;	/* NOTIFY_DONE */
	try_module_get(module);
	if (find_functions()) {
		registered = true;
		register_devices();
	}
	return 0;
}

/* struct notifier_block, 24 bytes; the kernel links it into its list. */
static u64 notifier[8];

void port_virtio_init(void)
{
	port_plug_init();
	port_vq_irq_init();
	if (builtin_virtio) {
		registered = find_functions();
		if (registered)
			register_devices();
		return;
	}
	MEMBER(void *, notifier, "notifier_block.notifier_call") =
		module_changed;
	register_module_notifier(notifier);
	/* What came before the work queue did. */
	port_plug_kick();
}
