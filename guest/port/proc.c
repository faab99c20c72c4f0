// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/colinux: what the host knows of this guest's vCPUs, one column each.
 * Without it (a kernel without /proc) the guest is none the worse.
 */
#include "port.h"

void *proc_create_single_data(const char *name, unsigned short mode,
			      void *parent, int (*show)(void *, void *),
			      void *data) KERNEL("proc_create_single_data") weak;
void seq_printf(void *m, const char *format, ...) KERNEL("seq_printf") weak;

EXPECT_FUNC_IF("proc_create_single_data struct proc_dir_entry *(const char *,"
	       "umode_t,struct proc_dir_entry *,"
	       "int (*)(struct seq_file *,void *),void *)");
EXPECT_FUNC_IF("seq_printf void(struct seq_file *,const char *,...)");

#define MODE_READ_ALL	0444

/* The counters of a vCPU; false: there is none. Process context. */
static bool read_stats(unsigned int cpu, struct colinux_stats *stats)
{
	/* On one vCPU, and the area ours, until it is copied. */
	unsigned long flags = irq_save();
	s64 ret = port_hypercall(COLINUX_HC_STATS, cpu, 0, 0, 0, 0);

	const u64 *from = (void *)&port_area(port_cpu())->stats;

	for (unsigned int i = 0; i < sizeof(*stats) / sizeof(*from); i++)
		((u64 *)stats)[i] = READ_ONCE(from[i]);
	irq_restore(flags);
	return ret >= 0;
}

static void show_cpu(void *m, const struct colinux_stats *stats)
{
	static const char *const hypercalls[COLINUX_STATS_HYPERCALLS] = {
		COLINUX_HYPERCALL_NAMES
	};

	seq_printf(m, "\ncpu %u\n", stats->vcpu);
#define SHOW(name, value) \
	seq_printf(m, "%-12s %llu\n", name, (unsigned long long)(value));
	COLINUX_STATS_COUNTERS(SHOW, stats)
#undef SHOW
	for (unsigned int i = 0; i < COLINUX_STATS_HYPERCALLS; i++)
		if (hypercalls[i] && stats->hypercalls[i])
			seq_printf(m, "hc.%-9s %llu\n", hypercalls[i],
				   (unsigned long long)stats->hypercalls[i]);
	for (unsigned int i = 0; i < COLINUX_MAX_DEVICES; i++)
		if (stats->device_doorbells[i])
			seq_printf(m, "doorbell%-4u %llu\n", i,
				   (unsigned long long)
				   stats->device_doorbells[i]);
}

static int show(void *m, void *unused)
{
	struct colinux_stats stats;

	(void)unused;
	seq_printf(m, "abi          %u\nvcpus        %u\ntsc_khz      %llu\n",
		   boot_info->abi_version, boot_info->nr_vcpus,
		   (unsigned long long)boot_info->tsc_khz);
	seq_printf(m, "host_tsc     %llu\n", (unsigned long long)rdtsc());
	for (unsigned int cpu = 0; cpu < boot_info->nr_vcpus; cpu++)
		if (read_stats(cpu, &stats))
			show_cpu(m, &stats);
	return 0;
}

void port_proc_init(void)
{
	if (proc_create_single_data && seq_printf)
		proc_create_single_data("colinux", MODE_READ_ALL, NULL, show,
					NULL);
}
