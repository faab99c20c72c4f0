// SPDX-License-Identifier: GPL-2.0
/*
 * MSRs: the guest owns those that the passage or the monitor switches; of the
 * host's, a few are shown, the rest read as absent or zero, and writes to them
 * are dropped.  Numbers: Intel SDM vol. 4, AMD APM vol. 2 appendix A.
 *
 * The accessors that were in pv_ops before do the instruction: they have the
 * exception table entries that port code cannot have.
 */
#include "port.h"

extern char pv_ops[] KERNEL("pv_ops");

/* From 6.16 values are whole, and a safe read returns its error. */
EXPECT_MEMBER("pv_cpu_ops.read_msr u64(unsigned int) | u64(u32)");
EXPECT_MEMBER("pv_cpu_ops.write_msr "
	      "void(unsigned int,unsigned int,unsigned int) | void(u32,u64)");
EXPECT_MEMBER("pv_cpu_ops.read_msr_safe "
	      "u64(unsigned int,int *) | int(u32,u64 *)");
EXPECT_MEMBER("pv_cpu_ops.write_msr_safe "
	      "int(unsigned int,unsigned int,unsigned int) | int(u32,u64)");
static u64 (*native_read_msr)(u32 msr);
static void *native_read_msr_safe, *native_write_msr, *native_write_msr_safe;
/* The functions of pv_ops take and give halves. */
static bool halves;

#define MSR_TSC			0x10
#define MSR_PLATFORM_ID		0x17
#define MSR_APICBASE		0x1b
#define MSR_SPEC_CTRL		0x48
#define MSR_PRED_CMD		0x49
#define MSR_UCODE_REV		0x8b
#define MSR_ARCH_CAPABILITIES	0x10a
#define MSR_FLUSH_CMD		0x10b
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_MISC_ENABLE		0x1a0
#define MSR_PAT			0x277
#define MSR_XSS			0xda0
#define MSR_EFER		0xc0000080
#define MSR_FMASK		0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103
#define MSR_HWCR		0xc0010015	/* AMD */
#define MSR_DE_CFG		0xc0011029	/* AMD */

#define APICBASE_BSP		(1u << 8)
/* TSX_CTRL, MISC_PACKAGE_CTLS, ENERGY_FILTERING_CTL, XAPIC_DISABLE... */
#define ARCH_CAP_CONTROLS	(1ull << 7 | 1ull << 10 | 1ull << 11 | \
				 1ull << 18 | 1ull << 21 | 1ull << 22)
#define MISC_ENABLE_PMU		(1ull << 7)
#define MISC_ENABLE_NO_BTS	(1ull << 11)
#define MISC_ENABLE_NO_PEBS	(1ull << 12)
#define MISC_ENABLE_MWAIT	(1ull << 18)

enum owner {
	ABSENT,		/* safe reads fail, others give 0; writes dropped */
	GUEST,		/* switched: the guest's own */
	SHOWN,		/* the host's: reads are true, writes dropped */
	MADE_UP,	/* value() below, writes dropped */
};

static enum owner owner_of(u32 msr)
{
	if ((msr >= MSR_FS_BASE && msr <= MSR_TSC_AUX) ||
	    (msr >= MSR_EFER && msr <= MSR_FMASK))
		return GUEST;
	switch (msr) {
	case MSR_SPEC_CTRL:
	case MSR_PRED_CMD:
	case MSR_FLUSH_CMD:
	case MSR_SYSENTER_CS:
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
	case MSR_XSS:
		return GUEST;
	case MSR_TSC:
	case MSR_PLATFORM_ID:
	case MSR_UCODE_REV:
	case MSR_PAT:
	case MSR_HWCR:
	case MSR_DE_CFG:
		return SHOWN;
	case MSR_APICBASE:
	case MSR_ARCH_CAPABILITIES:
	case MSR_MISC_ENABLE:
		return MADE_UP;
	}
	return ABSENT;
}

/* ---- the kernel's own accessors, of either form ---- */

static u64 native_read_safe(u32 msr, int *err)
{
	u64 (*read_halves)(u32, int *) = native_read_msr_safe;
	int (*read)(u32, u64 *) = native_read_msr_safe;
	u64 value = 0;

	if (halves)
		return read_halves(msr, err);
	*err = read(msr, &value);
	return value;
}

static void native_write(u32 msr, u64 value)
{
	void (*write_halves)(u32, u32, u32) = native_write_msr;
	void (*write)(u32, u64) = native_write_msr;

	if (halves)
		write_halves(msr, (u32)value, (u32)(value >> 32));
	else
		write(msr, value);
}

static int native_write_safe(u32 msr, u64 value)
{
	int (*write_halves)(u32, u32, u32) = native_write_msr_safe;
	int (*write)(u32, u64) = native_write_msr_safe;

	if (halves)
		return write_halves(msr, (u32)value, (u32)(value >> 32));
	return write(msr, value);
}

/* ---- reading ---- */

static u64 made_up(u32 msr, int *err)
{
	u64 value;

	*err = 0;
	switch (msr) {
	case MSR_APICBASE:	/* disabled; the kernel wants to see the BSP */
		return port_cpu() ? 0 : APICBASE_BSP;
	case MSR_ARCH_CAPABILITIES:
		/* What is mitigated is true; what is controlled is not ours. */
		value = native_read_safe(msr, err);
		return *err ? 0 : value & ~ARCH_CAP_CONTROLS;
	case MSR_MISC_ENABLE:
		value = native_read_safe(msr, err);
		if (*err)
			return 0;
		return (value & ~(MISC_ENABLE_PMU | MISC_ENABLE_MWAIT)) |
		       MISC_ENABLE_NO_BTS | MISC_ENABLE_NO_PEBS;
	}
	*err = -EIO;
	return 0;
}

static u64 read_msr_safe(u32 msr, int *err)
{
	switch (owner_of(msr)) {
	case GUEST:
	case SHOWN:
		return native_read_safe(msr, err);
	case MADE_UP:
		return made_up(msr, err);
	case ABSENT:
		break;
	}
	*err = -EIO;
	return 0;
}

static u64 read_msr(u32 msr)
{
	int err;
	u64 value;

	if (owner_of(msr) == GUEST)
		return native_read_msr(msr);
	value = read_msr_safe(msr, &err);
	return err ? 0 : value;
}

static int read_msr_safe_whole(u32 msr, u64 *value)
{
	int err;

	*value = read_msr_safe(msr, &err);
	return err;
}

/* ---- writing ---- */

/*
 * The host is told of writes (passage.h): of SPEC_CTRL the value, of the others
 * but the two bases that change all the time, that there was one.  An NMI may
 * come in between, and the host restore what it has been told; IF=0 keeps the
 * CPU.
 */
static unsigned long begin_write(u32 msr, u64 value)
{
	unsigned long flags = irq_save();
	struct colinux_vcpu_area *area = port_area(port_cpu());

	if (msr == MSR_SPEC_CTRL)
		WRITE_ONCE(area->spec_ctrl,
			   value | COLINUX_SPEC_CTRL_UNSETTLED);
	else
		WRITE_ONCE(area->msrs, COLINUX_MSRS_WRITING);
	return flags;
}

static void end_write(u32 msr, unsigned long flags)
{
	struct colinux_vcpu_area *area = port_area(port_cpu());

	if (msr == MSR_SPEC_CTRL)
		WRITE_ONCE(area->spec_ctrl, area->spec_ctrl &
			   ~COLINUX_SPEC_CTRL_UNSETTLED);
	else
		WRITE_ONCE(area->msrs, COLINUX_MSRS_WRITTEN);
	irq_restore(flags);
}

/* Commands have no state. */
static bool told(u32 msr)
{
	return msr != MSR_FS_BASE && msr != MSR_GS_BASE &&
	       msr != MSR_KERNEL_GS_BASE && msr != MSR_PRED_CMD &&
	       msr != MSR_FLUSH_CMD;
}

static void write_msr(u32 msr, u64 value)
{
	unsigned long flags;

	if (owner_of(msr) != GUEST)
		return;
	if (!told(msr)) {
		native_write(msr, value);
		return;
	}
	flags = begin_write(msr, value);
	native_write(msr, value);
	end_write(msr, flags);
}

static int write_msr_safe(u32 msr, u64 value)
{
	unsigned long flags;
	int err;

	switch (owner_of(msr)) {
	case GUEST:
		if (!told(msr))
			return native_write_safe(msr, value);
		flags = begin_write(msr, value);
		err = native_write_safe(msr, value);
		end_write(msr, flags);
		return err;
	case SHOWN:
	case MADE_UP:
		return 0;
	case ABSENT:
		break;
	}
	return -EIO;
}

static void write_msr_halves(u32 msr, u32 low, u32 high)
{
	write_msr(msr, (u64)high << 32 | low);
}

static int write_msr_safe_halves(u32 msr, u32 low, u32 high)
{
	return write_msr_safe(msr, (u64)high << 32 | low);
}

void port_msr_init(void)
{
	char *cpu = pv_ops + OFFSET("paravirt_patch_template.cpu");

	void **read = &MEMBER(void *, cpu, "pv_cpu_ops.read_msr");
	void **read_safe = &MEMBER(void *, cpu, "pv_cpu_ops.read_msr_safe");
	void **write = &MEMBER(void *, cpu, "pv_cpu_ops.write_msr");
	void **write_safe = &MEMBER(void *, cpu, "pv_cpu_ops.write_msr_safe");

	native_read_msr = *read;
	native_read_msr_safe = *read_safe;
	native_write_msr = *write;
	native_write_msr_safe = *write_safe;
	halves = PARAMS("pv_cpu_ops.write_msr") == 3;
	*read = read_msr;
	*read_safe = halves ? (void *)read_msr_safe : read_msr_safe_whole;
	*write = halves ? (void *)write_msr_halves : write_msr;
	*write_safe = halves ? (void *)write_msr_safe_halves : write_msr_safe;
}
