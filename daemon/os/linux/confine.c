// SPDX-License-Identifier: GPL-2.0
/*
 * What a program of others may do that we start for one file: see os.h.  It is
 * limited by Landlock (Linux 5.13) to that file and what every program reads,
 * has no network and no rights of the super-user but to open the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../os.h"

#define READ_TREE (LANDLOCK_ACCESS_FS_EXECUTE | \
		   LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* All of the first version; later ones handle nothing that matters here. */
#define HANDLED ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* fd -1: what is not there cannot be read either. */
static int allow(int rules, int fd, uint64_t access)
{
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = access,
		.parent_fd = fd,
	};

	return fd >= 0 && syscall(SYS_landlock_add_rule, rules,
				  LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ?
		       -errno : 0;
}

static int allow_tree(int rules, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);
	int ret = allow(rules, fd, READ_TREE);

	if (fd >= 0)
		close(fd);
	return ret;
}

static int limit_files(const struct os_confinement *confinement)
{
	static const char *const trees[] = {
		"/usr", "/lib", "/lib64", "/bin", "/etc", "/sys/dev/block",
		"/sys/devices",
	};
	static const char *const network_trees[] = { "/run", "/var" };
	const struct landlock_ruleset_attr attributes = {
		.handled_access_fs = HANDLED,
	};
	int rules, ret = 0;
	size_t i;

	rules = syscall(SYS_landlock_create_ruleset, &attributes,
			sizeof(attributes), 0);
	if (rules < 0)
		return confinement->must ? -errno : 0;
	for (i = 0; !ret && i < sizeof(trees) / sizeof(trees[0]); i++)
		ret = allow_tree(rules, trees[i]);
	/* The resolver's socket and files. */
	for (i = 0; !ret && confinement->network && i < 2; i++)
		ret = allow_tree(rules, network_trees[i]);
	if (!ret)
		ret = allow(rules, confinement->file,
			    LANDLOCK_ACCESS_FS_READ_FILE |
			    (confinement->write ? LANDLOCK_ACCESS_FS_WRITE_FILE
						: 0));
	if (!ret)
		ret = allow(rules, confinement->read_file,
			    LANDLOCK_ACCESS_FS_READ_FILE);
	if (!ret && syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		ret = -errno;
	close(rules);
	return ret;
}

/* The file may belong to somebody else; all others are out of reach. */
static int limit_rights(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const uint32_t kept = 1u << CAP_DAC_OVERRIDE |
			      1u << CAP_DAC_READ_SEARCH;
	struct __user_cap_data_struct data[2];

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		if (cap != CAP_DAC_OVERRIDE && cap != CAP_DAC_READ_SEARCH)
			prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[0].effective &= kept;
	data[0].permitted &= kept;
	data[0].inheritable = 0;
	memset(&data[1], 0, sizeof(data[1]));
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int os_confine(const struct os_confinement *confinement, struct error *error)
{
	int ret;

	/* Users without rights have no way to do without a network. */
	if (!confinement->network && unshare(CLONE_NEWNET) < 0 &&
	    errno != EPERM)
		return error_set(error, "no network of its own: %s",
				 strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_set(error, "no_new_privs: %s", strerror(errno));
	ret = limit_files(confinement);
	if (ret)
		return error_set(error, "this format needs a host kernel with "
				 "Landlock (%s): convert it with qemu-img",
				 strerror(-ret));
	ret = limit_rights();
	if (ret)
		return error_set(error, "capabilities: %s", strerror(-ret));
	return 0;
}
