/* SPDX-License-Identifier: GPL-2.0 */
/* Capabilities, which each thread has for itself: see os.h. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../os.h"

static int set_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t mask = keep >> (32 * i);

		data[i].effective &= mask;
		data[i].permitted &= mask;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int os_drop_driver_rights(struct error *error)
{
	/*
	 * Images may belong to others, so reading them as root stays, and so
	 * do network interfaces; until the sandbox.
	 */
	int result = set_capabilities(1ull << CAP_DAC_OVERRIDE |
				      1ull << CAP_DAC_READ_SEARCH |
				      1ull << CAP_NET_ADMIN);

	if (result < 0)
		return error_set(error, "cannot give up capabilities: %s",
				 strerror(-result));
	return 0;
}

int os_thread_drop_rights(bool connect)
{
	return set_capabilities(connect ? 1ull << CAP_DAC_OVERRIDE : 0);
}
