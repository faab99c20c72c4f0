// SPDX-License-Identifier: GPL-2.0
/*
 * No PC: everything that would make the kernel look for firmware tables, PCI,
 * interrupt controllers, timers and legacy devices is turned off here, by the
 * kernel's own switches for platforms that lack them.  The README lists which
 * probe is stopped by what.
 */
#include "port.h"

extern char x86_platform[] KERNEL("x86_platform");
extern char x86_init[] KERNEL("x86_init");
extern char null_legacy_pic[] KERNEL("null_legacy_pic");
extern void *legacy_pic KERNEL("legacy_pic");
extern char apic_noop[] KERNEL("apic_noop");
extern void *apic KERNEL("apic");
extern int acpi_disabled KERNEL("acpi_disabled");
extern int acpi_noirq KERNEL("acpi_noirq");
extern int acpi_pci_disabled KERNEL("acpi_pci_disabled");
extern unsigned int pci_probe KERNEL("pci_probe");
extern int no_iommu KERNEL("no_iommu");

EXPECT_MEMBER("x86_init_irqs.intr_init void(void)");
EXPECT_MEMBER("x86_init_iommu.iommu_init int(void)");
EXPECT_MEMBER("x86_init_pci.arch_init int(void)");
EXPECT_MEMBER("x86_init_pci.init int(void)");
EXPECT_MEMBER("x86_legacy_features.rtc int");

/* Searches the first megabyte, which is not the guest's. */
EXPECT_FUNC("reserve_ibft_region void(void)");
PATCH("jump reserve_ibft_region = port_nothing");

/* Microcode is the host's; it is looked for before port_start(). */
CMDLINE("dis_ucode_ldr");
/* Real UARTs are the host's. */
CMDLINE("8250.nr_uarts=0");
CMDLINE("console=hvc0");
/*
 * The self-tests of ciphers are a third of a boot's instructions; they look
 * for broken drivers and compilers, and the host's kernel has run them.
 */
CMDLINE("cryptomgr.notests");
/*
 * Port 0x61 speaker, DMA controller, MCE banks; real mode before 6.0: without a
 * switch.
 */
CMDLINE("initcall_blacklist=add_pcspkr,i8237A_init_ops,mcheck_init_device,"
	"init_real_mode");

static int late_init(void)
{
	port_module_init();
	port_proc_init();
	port_clock_init();
	port_virtio_init();
	return 0;
}

weak void port_virtio_init(void)
{
}

static void no_legacy_devices(void)
{
	char *legacy = x86_platform + OFFSET("x86_platform_ops.legacy");

	MEMBER(int, legacy, "x86_legacy_features.i8042") =
		(int)ENUM("X86_LEGACY_I8042_PLATFORM_ABSENT");
	MEMBER(int, legacy, "x86_legacy_features.rtc") = 0;
	MEMBER(int, legacy, "x86_legacy_features.warm_reset") = 0;
	MEMBER(int, legacy, "x86_legacy_features.no_vga") = 1;
	MEMBER(int, legacy, "x86_legacy_features.reserve_bios_regions") = 0;
	MEMBER(int, legacy, "x86_legacy_features.devices.pnpbios") = 0;
}

static void no_firmware(void)
{
	MEMBER(void *, x86_init, "x86_init_ops.resources.probe_roms") =
		port_nothing;
	MEMBER(void *, x86_init, "x86_init_ops.resources.reserve_resources") =
		port_nothing;
	set_if_present(x86_init, OFFSET_IF("x86_init_ops.resources.dmi_setup"),
		       port_smp_keep);
	/* Real mode: there is no memory below 1 MiB to run it in. */
	set_if_present(x86_platform,
		       OFFSET_IF("x86_platform_ops.realmode_reserve"),
		       port_nothing);
	set_if_present(x86_platform,
		       OFFSET_IF("x86_platform_ops.realmode_init"),
		       port_nothing);
	acpi_disabled = 1;
	acpi_noirq = 1;
	acpi_pci_disabled = 1;
}

static void no_buses(void)
{
	MEMBER(void *, x86_init, "x86_init_ops.pci.arch_init") = port_zero;
	MEMBER(void *, x86_init, "x86_init_ops.pci.init") = port_zero;
	MEMBER(void *, x86_init, "x86_init_ops.pci.init_irq") = port_nothing;
	MEMBER(void *, x86_init, "x86_init_ops.pci.fixup_irqs") = port_nothing;
	pci_probe = 0;
	/* DMA addresses are real: no IOMMU, no bounce buffers. */
	no_iommu = 1;
}

static void no_interrupt_controllers(void)
{
	MEMBER(void *, x86_init, "x86_init_ops.irqs.pre_vector_init") =
		port_nothing;
	MEMBER(void *, x86_init, "x86_init_ops.irqs.intr_init") =
		port_irq_init;
	MEMBER(void *, x86_init, "x86_init_ops.irqs.intr_mode_init") =
		port_nothing;
	legacy_pic = null_legacy_pic;
	apic = apic_noop;
}

void port_platform_init(void)
{
	no_legacy_devices();
	no_firmware();
	no_buses();
	no_interrupt_controllers();
	MEMBER(void *, x86_init, "x86_init_ops.oem.arch_setup") =
		port_nmi_init;
	MEMBER(void *, x86_init, "x86_init_ops.iommu.iommu_init") = late_init;
}
