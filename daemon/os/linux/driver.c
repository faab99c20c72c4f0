/* SPDX-License-Identifier: GPL-2.0 */
/* The driver on Linux: ioctl() on /dev/colinux, and why it may not open. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../os.h"

#define DEVICE "/dev/colinux"

struct os_driver {
	int fd;
};

/* Is the kernel locked down ("none [integrity] confidentiality")? */
static bool locked_down(void)
{
	FILE *file = fopen("/sys/kernel/security/lockdown", "re");
	char line[80] = "";

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	return strchr(line, '[') && !strstr(line, "[none]");
}

static int open_error(int reason, struct error *error)
{
	switch (reason) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return error_set(error, DEVICE ": the driver is not loaded; "
					"run: modprobe colinux (if that "
					"fails, dmesg says why)");
	case EACCES:
	case EPERM:
		if (locked_down())
			return error_set(error,
					 DEVICE ": refused, the kernel is "
					 "locked down (Secure Boot); a guest "
					 "runs in ring 0, so switch Secure "
					 "Boot or lockdown= off");
		return error_set(error,
				 DEVICE ": needs CAP_SYS_MODULE: a guest runs "
				 "in ring 0 and is trusted like a kernel "
				 "module; run as root");
	case EOPNOTSUPP:
		return error_set(error,
				 DEVICE ": this host cannot run guests; the "
				 "reason is in the kernel log (dmesg)");
	default:
		return error_set(error, DEVICE ": %s", strerror(reason));
	}
}

struct os_driver *os_driver_open(struct error *error)
{
	struct os_driver *driver = malloc(sizeof(*driver));

	if (!driver) {
		error_set(error, "out of memory");
		return NULL;
	}
	driver->fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (driver->fd < 0) {
		open_error(errno, error);
		free(driver);
		return NULL;
	}
	return driver;
}

void os_driver_close(struct os_driver *driver)
{
	if (!driver)
		return;
	close(driver->fd);
	free(driver);
}

/* Request codes by function number: the size of the struct is part of them. */
static const unsigned long requests[] = {
#define REQUEST(nr, type) [nr] = _IOWR(COLINUX_IOC_TYPE, nr, type)
	REQUEST(COLINUX_IOC_VERSION, struct colinux_version),
	REQUEST(COLINUX_IOC_CREATE, struct colinux_create),
	REQUEST(COLINUX_IOC_GET_EXTENTS, struct colinux_get_extents),
	REQUEST(COLINUX_IOC_VCPU_SETUP, struct colinux_vcpu_setup),
	REQUEST(COLINUX_IOC_VCPU_RUN, struct colinux_run),
	REQUEST(COLINUX_IOC_SET_IRQ, struct colinux_set_irq),
	REQUEST(COLINUX_IOC_IRQFD, struct colinux_event),
	REQUEST(COLINUX_IOC_DOORBELL, struct colinux_event),
	REQUEST(COLINUX_IOC_KICK, struct colinux_kick),
	REQUEST(COLINUX_IOC_STATS, struct colinux_stats),
	REQUEST(COLINUX_IOC_RELEASE, struct colinux_range),
	REQUEST(COLINUX_IOC_RECLAIM, struct colinux_range),
#undef REQUEST
};

int os_driver_call(struct os_driver *driver, unsigned int nr, void *argument)
{
	int result;

	if (nr >= sizeof(requests) / sizeof(requests[0]))
		return -ENOSYS;
	result = ioctl(driver->fd, requests[nr], argument);
	return result < 0 ? -errno : result;
}

void *os_driver_map(struct os_driver *driver, uint64_t size,
		    struct error *error)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  driver->fd, 0);

	if (base == MAP_FAILED) {
		error_set(error, "cannot map the guest's memory: %s",
			  strerror(errno));
		return NULL;
	}
	/* A core dump of the process should not contain the guest. */
	madvise(base, size, MADV_DONTDUMP);
	return base;
}

int os_driver_memory_fd(struct os_driver *driver)
{
	/* Other processes may map it and no more: the driver sees to it. */
	return driver->fd;
}

void os_driver_unmap(void *base, uint64_t size)
{
	if (base)
		munmap(base, size);
}

void os_driver_describe(char *text, size_t room)
{
	struct error error;
	struct os_driver *driver = os_driver_open(&error);
	struct colinux_version version = {
		.abi_version = COLINUX_ABI_VERSION,
	};
	int result;

	if (!driver) {
		snprintf(text, room, "%s", error.text);
		return;
	}
	result = os_driver_call(driver, COLINUX_IOC_VERSION, &version);
	version.build[sizeof(version.build) - 1] = '\0';
	if (result < 0)
		snprintf(text, room,
			 DEVICE ": another version (ABI %u, this command has "
			 "%u)", version.abi_version, COLINUX_ABI_VERSION);
	else
		snprintf(text, room,
			 DEVICE ": ready, %s, ABI %u, %u-level paging, TSC "
			 "%llu kHz", version.build, version.abi_version,
			 version.levels, (unsigned long long)version.tsc_khz);
	os_driver_close(driver);
}
