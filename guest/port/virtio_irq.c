// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-colinux: a device's interrupts as interrupts of the kernel's own, each
 * with its number, its handler and its CPU, so that /proc/irq/N/smp_affinity
 * and the going of a CPU mean what they always do.
 *
 * The host keeps a bit for each interrupt (boot_info.irq_pending) and tells the
 * vCPU that it goes to.  That one takes the bits that are its own; who moves an
 * interrupt looks afterwards whether it has come to the CPU that lost it, and
 * tells the new one.
 */
#include "virtio.h"

#define NAME_ROOM	48
#define FIRST_IRQ	16	/* below are the legacy ones */
#define NETWORK		1	/* virtio 1.2, section 5 */

struct irq_data;

int irq_alloc_descs(int irq, unsigned int from, unsigned int nr, int node,
		    void *owner, const void *affinity)
	KERNEL("__irq_alloc_descs");
void irq_free_descs(unsigned int from, unsigned int nr)
	KERNEL("irq_free_descs");
void irq_set_chip_and_handler_name(unsigned int irq, const void *chip,
				   void *handler, const char *name)
	KERNEL("irq_set_chip_and_handler_name");
void handle_edge_irq(void *desc) KERNEL("handle_edge_irq");
int irq_set_chip_data(unsigned int irq, void *data)
	KERNEL("irq_set_chip_data");
int request_threaded_irq(unsigned int irq, irq_handler_fn *handler,
			 irq_handler_fn *thread, unsigned long flags,
			 const char *name, void *opaque)
	KERNEL("request_threaded_irq");
const void *free_irq(unsigned int irq, void *opaque) KERNEL("free_irq");
void synchronize_irq(unsigned int irq) KERNEL("synchronize_irq");
int generic_handle_irq(unsigned int irq) KERNEL("generic_handle_irq");
int irq_set_affinity(unsigned int irq, const void *mask)
	KERNEL("irq_set_affinity");
void irq_modify_status(unsigned int irq, unsigned long clear,
		       unsigned long set) KERNEL("irq_modify_status");
extern u64 cpu_online_mask[] KERNEL("__cpu_online_mask");

EXPECT_FUNC("__irq_alloc_descs int(int,unsigned int,unsigned int,int,"
	    "struct module *,const struct irq_affinity_desc *)");
EXPECT_FUNC("irq_free_descs void(unsigned int,unsigned int)");
EXPECT_FUNC("irq_set_chip_and_handler_name void(unsigned int,"
	    "const struct irq_chip *,irq_flow_handler_t,const char *)");
EXPECT_FUNC("handle_edge_irq void(struct irq_desc *)");
EXPECT_FUNC("irq_set_chip_data int(unsigned int,void *)");
EXPECT_FUNC("request_threaded_irq int(unsigned int,irq_handler_t,"
	    "irq_handler_t,unsigned long,const char *,void *)");
EXPECT_FUNC("free_irq const void *(unsigned int,void *)");
EXPECT_FUNC("synchronize_irq void(unsigned int)");
EXPECT_FUNC("generic_handle_irq int(unsigned int)");
EXPECT_FUNC("irq_set_affinity int(unsigned int,const struct cpumask *)");
EXPECT_FUNC("irq_modify_status void(unsigned int,unsigned long,"
	    "unsigned long)");
EXPECT_MEMBER("irq_chip.irq_ack void(struct irq_data *)");
EXPECT_MEMBER("irq_chip.irq_set_affinity "
	      "int(struct irq_data *,const struct cpumask *,bool)");
EXPECT_MEMBER("irq_chip.irq_retrigger int(struct irq_data *)");
EXPECT_MEMBER("irq_data.chip_data void *");
EXPECT_MEMBER("irq_data.common struct irq_common_data *");

/* One interrupt; what it is for is known by its place. */
struct line {
	u32 irq;		/* the kernel's number, 0 = none */
	u32 cpu;		/* that it goes to */
	char name[NAME_ROOM];
};

static struct line lines[COLINUX_MAX_DEVICES][COLINUX_DEVICE_IRQS];
/* Of each device, the interrupts that go to each CPU, a bit each. */
static u32 shares[COLINUX_MAX_VCPUS][COLINUX_MAX_DEVICES];

/* Room for the kernel's struct irq_chip (280 bytes in 6.12). */
static u64 chip[64];

static unsigned int device_of(const struct line *line)
{
	return (unsigned int)(line - lines[0]) / COLINUX_DEVICE_IRQS;
}

static unsigned int index_of(const struct line *line)
{
	return (unsigned int)(line - lines[0]) % COLINUX_DEVICE_IRQS;
}

/* Have a CPU look at a device's interrupts. Not NMI. */
static void tell(unsigned int cpu, unsigned int device)
{
	__atomic_fetch_or(&port_area(cpu)->device_pending, 1ull << device,
			  __ATOMIC_SEQ_CST);
	port_kick(cpu, COLINUX_VIRQ_DEVICE);
}

/* Not NMI; one at a time for a line. */
static void move(struct line *line, unsigned int cpu)
{
	unsigned int device = device_of(line);
	u32 bit = 1u << index_of(line);

	__atomic_fetch_and(&shares[line->cpu][device], ~bit, __ATOMIC_SEQ_CST);
	line->cpu = cpu;
	__atomic_fetch_or(&shares[cpu][device], bit, __ATOMIC_SEQ_CST);
	port_hypercall(COLINUX_HC_ROUTE, device, index_of(line), cpu, 0, 0);
	/* It may have come to the earlier one, which left it alone. */
	if (READ_ONCE(boot_info->irq_pending[device]) & bit)
		tell(cpu, device);
}

/*
 * Where an interrupt goes if it may go to these CPUs: to each its queue, both
 * rings of a pair of a network card to the same.
 */
static unsigned int choose(const struct line *line, u64 cpus)
{
	unsigned int index = index_of(line), home;

	if (index == COLINUX_IRQ_PAGE)
		index = 0;
	else if (device_page(device_of(line))->device_id == NETWORK)
		index /= 2;
	home = index % boot_info->nr_vcpus;
	return cpus >> home & 1 ? home : (unsigned int)__builtin_ctzll(cpus);
}

/* ---- struct irq_chip; all but retrigger() with the descriptor's lock ---- */

static struct line *line_of(struct irq_data *data)
{
	return MEMBER(struct line *, data, "irq_data.chip_data");
}

/* cpumask_var_t: a pointer where cpumasks are large, else the mask. */
static void show_cpu(struct irq_data *data, unsigned int cpu)
{
	char *common = MEMBER(char *, data, "irq_data.common");
	unsigned long offset = OFFSET("irq_common_data.effective_affinity");
	u64 *mask = (u64 *)(common + offset);

	if (SIZEOF("cpumask") >
	    offset - OFFSET("irq_common_data.affinity"))
		mask = *(u64 **)mask;
	/* At most 64 vCPUs: the rest of the mask stays 0. */
	*mask = 1ull << cpu;
}

static int set_affinity(struct irq_data *data, const void *mask, bool force)
{
	struct line *line = line_of(data);
	u64 cpus = READ_ONCE(*(const u64 *)mask);

	if (!force)
		cpus &= READ_ONCE(cpu_online_mask[0]);
	if (!cpus)
		return -EINVAL;
	move(line, choose(line, cpus));
	show_cpu(data, line->cpu);
	return 0;		/* IRQ_SET_MASK_OK */
}

/* It came while its handler was disabled. */
static int retrigger(struct irq_data *data)
{
	struct line *line = line_of(data);

	__atomic_fetch_or(&boot_info->irq_pending[device_of(line)],
			  1u << index_of(line), __ATOMIC_SEQ_CST);
	tell(line->cpu, device_of(line));
	return 1;
}

/* ---- for virtio.c and virtio_config.c ---- */

u32 port_vq_irq_take(unsigned int device)
{
	u32 mine = __atomic_load_n(&shares[port_cpu()][device],
				   __ATOMIC_SEQ_CST);

	return mine & __atomic_fetch_and(&boot_info->irq_pending[device],
					 ~mine, __ATOMIC_SEQ_CST);
}

void port_vq_irq_handle(unsigned int device, u32 irqs)
{
	for (; irqs; irqs &= irqs - 1) {
		u32 irq = READ_ONCE(lines[device][__builtin_ctz(irqs)].irq);

		if (irq)
			generic_handle_irq(irq);
	}
}

static void make_name(struct line *line, const char *tag, const char *name)
{
	unsigned int at = 0;

	for (; *tag && at < NAME_ROOM - 2; tag++)
		line->name[at++] = *tag;
	line->name[at++] = '-';
	for (; *name && at < NAME_ROOM - 1; name++)
		line->name[at++] = *name;
	line->name[at] = '\0';
}

int port_vq_irq_request(unsigned int device, unsigned int irq,
			irq_handler_fn *handler, void *opaque, const char *tag,
			const char *name)
{
	struct line *line = &lines[device][irq];
	int number = irq_alloc_descs(-1, FIRST_IRQ, 1, -1, NULL, NULL), ret;

	if (number < 0)
		return number;
	make_name(line, tag, name);
	irq_set_chip_and_handler_name((unsigned int)number, chip,
				      handle_edge_irq, "edge");
	irq_set_chip_data((unsigned int)number, line);
	/* Until 6.13: set_affinity() may be called at any time. */
	if (ENUM_IF("IRQ_MOVE_PCNTXT") != MISSING)
		irq_modify_status((unsigned int)number, 0,
				  ENUM_IF("IRQ_MOVE_PCNTXT"));
	/* Chooses the CPU, by set_affinity(). */
	ret = request_threaded_irq((unsigned int)number, handler, NULL, 0,
				   line->name, opaque);
	if (ret) {
		irq_free_descs((unsigned int)number, 1);
		return ret;
	}
	WRITE_ONCE(line->irq, (u32)number);
	return 0;
}

void port_vq_irq_free(unsigned int device, unsigned int irq, void *opaque)
{
	struct line *line = &lines[device][irq];
	u32 number = line->irq;

	if (!number)
		return;
	/* Who has just read it finds no handler, at worst another's. */
	WRITE_ONCE(line->irq, 0);
	free_irq(number, opaque);
	irq_free_descs(number, 1);
}

void port_vq_irq_synchronize(unsigned int device)
{
	for (unsigned int i = 0; i < COLINUX_DEVICE_IRQS; i++)
		if (lines[device][i].irq)
			synchronize_irq(lines[device][i].irq);
}

int port_vq_irq_set_affinity(struct virtqueue *vq, const void *mask)
{
	const struct port_queue *queue =
		VIRTIO_MEMBER(struct port_queue *, vq, "virtqueue.priv");
	u32 irq = lines[queue->device][queue->index].irq;

	return irq && mask ? irq_set_affinity(irq, mask) : 0;
}

void port_virtio_cpu_down(unsigned int cpu)
{
	u64 others = READ_ONCE(cpu_online_mask[0]) & ~(1ull << cpu);

	/* The kernel has moved its own; empty slots are ours to move. */
	for (unsigned int d = 0; others && d < COLINUX_MAX_DEVICES; d++) {
		struct line *line = &lines[d][COLINUX_IRQ_PAGE];

		if (line->cpu == cpu)
			move(line, (unsigned int)__builtin_ctzll(others));
	}
}

void port_vq_irq_init(void)
{
	if (SIZEOF("irq_chip") > sizeof(chip))
		port_die("port: interrupt chips of an unknown size\n");
	MEMBER(const char *, chip, "irq_chip.name") = "colinux";
	MEMBER(void *, chip, "irq_chip.irq_ack") = port_nothing;
	MEMBER(void *, chip, "irq_chip.irq_set_affinity") = set_affinity;
	MEMBER(void *, chip, "irq_chip.irq_retrigger") = retrigger;
	/* As the host had it for an earlier kernel in this memory. */
	for (unsigned int d = 0; d < COLINUX_MAX_DEVICES; d++)
		move(&lines[d][COLINUX_IRQ_PAGE], 0);
}
