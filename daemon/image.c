/* SPDX-License-Identifier: GPL-2.0 */
/* Making root images: see image.h. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "image.h"
#include "os.h"
#include "program.h"

#define MIB ((uint64_t)1024 * 1024)
/* Before and behind the partition; GPT needs 34 sectors at either end. */
#define PARTITION_START MIB
#define PARTITION_END MIB
#define SIZE_MIN (256 * MIB)
#define SIZE_MAX_IMAGE (16ull * 1024 * 1024 * MIB)

/*
 * A small but normal Debian: systemd, udev, a login, the usual tools.  The
 * login on the console needs no settings: systemd-getty-generator sees hvc0.
 */
#define PACKAGES                                                               \
	"systemd-sysv,udev,dbus,kmod,e2fsprogs,iproute2,iputils-ping,login,"   \
	"passwd,util-linux,procps,psmisc,netbase,ifupdown,less,nano,"          \
	"ca-certificates"

struct work {
	const struct image_options *options;
	char image[4096];	/* FILE.tmp */
	char tree[4096];	/* FILE.tmp.d */
};

static bool only(const char *text, const char *others)
{
	if (!*text || *text == '-')
		return false;
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(others, *text))
			return false;
	return true;
}

int image_check(const struct image_options *options, struct error *error)
{
	const char *mirror = options->mirror;

	if (!options->file || !*options->file)
		return error_set(error, "give the file to make");
	if (strlen(options->file) > 4000 || options->file[0] == '-')
		return error_set(error, "%.60s: cannot be the file to make",
				 options->file);
	if (!only(options->suite, ".-"))
		return error_set(error, "--suite %.60s is not a release name",
				 options->suite);
	if (options->size < SIZE_MIN || options->size > SIZE_MAX_IMAGE)
		return error_set(error, "--size: give from 256M to 16T");
	if (mirror && (*mirror == '-' || strpbrk(mirror, " \t\n")))
		return error_set(error, "--mirror %.60s is not an URL", mirror);
	if (!only(options->components, "-.,/") ||
	    strlen(options->components) > 200)
		return error_set(error, "--components %.60s: give NAME,NAME,...",
				 options->components);
	if (options->keyring &&
	    os_file_kind(options->keyring) != OS_FILE_REGULAR)
		return error_set(error, "--keyring %.200s: is not a file",
				 options->keyring);
	if (options->include && !only(options->include, "+-.,_"))
		return error_set(error, "--include %.60s: give PKG,PKG,...",
				 options->include);
	if (options->kernel_package && !only(options->kernel_package, "+-."))
		return error_set(error, "--kernel-package %.60s is not a "
					"package", options->kernel_package);
	if (!only(options->hostname, "-") || strlen(options->hostname) > 63)
		return error_set(error, "--hostname %.60s is not a host name",
				 options->hostname);
	if (options->root_password &&
	    (strpbrk(options->root_password, "\n\r:") ||
	     !*options->root_password))
		return error_set(error, "--root-password: cannot be empty nor "
					"contain ':' or new lines");
	if (options->modules &&
	    os_file_kind(options->modules) != OS_FILE_DIRECTORY)
		return error_set(error, "--modules %.200s: is not a directory",
				 options->modules);
	return 0;
}

static int run_mmdebstrap(const struct work *work, struct error *error)
{
	const struct image_options *options = work->options;
	char include[2048], keyring[4200], components[256];
	const char *arguments[12] = {
		"mmdebstrap", "--mode=root", "--variant=minbase",
		"--format=directory",
		"--aptopt=Apt::Install-Recommends \"false\"", include,
	};
	unsigned int n = 6;
	int length;

	snprintf(keyring, sizeof(keyring), "--keyring=%s",
		 options->keyring ? options->keyring : "");
	if (options->keyring)
		arguments[n++] = keyring;
	snprintf(components, sizeof(components), "--components=%s",
		 options->components);
	arguments[n++] = components;
	arguments[n++] = options->suite;
	arguments[n++] = work->tree;
	arguments[n] = options->mirror;
	length = snprintf(include, sizeof(include), "--include=%s%s%s%s%s",
			  PACKAGES, options->kernel_package ? "," : "",
			  options->kernel_package ? options->kernel_package :
						    "",
			  options->include ? "," : "",
			  options->include ? options->include : "");
	if (length < 0 || (size_t)length >= sizeof(include))
		return error_set(error, "--include: too many packages");
	return program_run(arguments, NULL, error);
}

static int write_file(const struct work *work, const char *name,
		      const char *text, struct error *error)
{
	char path[4200];
	FILE *file;
	int failed;

	snprintf(path, sizeof(path), "%s/%s", work->tree, name);
	file = fopen(path, "we");
	if (!file)
		return error_set(error, "%s: %s", path, strerror(errno));
	failed = fputs(text, file) < 0;
	failed |= fclose(file) != 0;
	if (failed)
		return error_set(error, "%s: cannot write", path);
	return 0;
}

static int copy_modules(const struct work *work, struct error *error)
{
	const char *modules = work->options->modules;
	const char *release = strrchr(modules, '/');
	char target[4200];
	const char *copy[] = {
		"cp", "-a", "--no-preserve=ownership", "--", modules, target,
		NULL,
	};
	const char *depmod[] = { "depmod", "-b", work->tree, NULL, NULL };
	const char *mkdir[] = { "mkdir", "-p", target, NULL };

	release = release ? release + 1 : modules;
	if (!*release)
		return error_set(error, "--modules %s: leave out the last /",
				 modules);
	depmod[3] = release;
	snprintf(target, sizeof(target), "%s/usr/lib/modules", work->tree);
	if (program_run(mkdir, NULL, error) < 0 ||
	    program_run(copy, NULL, error) < 0)
		return -1;
	return program_run(depmod, NULL, error);
}

/* What an installer would have asked for. */
static int settle(const struct work *work, struct error *error)
{
	const struct image_options *options = work->options;
	const char *no_password[] = { "chroot", work->tree, "passwd", "-q",
				      "-d", "root", NULL };
	const char *chpasswd[] = { "chroot", work->tree, "chpasswd", NULL };
	char text[512];

	snprintf(text, sizeof(text), "%s\n", options->hostname);
	if (write_file(work, "etc/hostname", text, error) < 0)
		return -1;
	snprintf(text, sizeof(text),
		 "127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost "
		 "ip6-localhost ip6-loopback\n", options->hostname);
	if (write_file(work, "etc/hosts", text, error) < 0 ||
	    write_file(work, "etc/fstab",
		       "LABEL=colinux-root / ext4 errors=remount-ro 0 1\n",
		       error) < 0)
		return -1;
	if (options->modules && copy_modules(work, error) < 0)
		return -1;
	if (!options->root_password)
		return program_run(no_password, NULL, error);
	snprintf(text, sizeof(text), "root:%.400s\n", options->root_password);
	return program_run(chpasswd, text, error);
}

/* The file at its full size, empty: sparse. */
static int make_sparse(const struct work *work, struct error *error)
{
	uv_fs_t request;
	int file, result;

	file = uv_fs_open(NULL, &request, work->image,
			  UV_FS_O_CREAT | UV_FS_O_TRUNC | UV_FS_O_WRONLY, 0600,
			  NULL);
	uv_fs_req_cleanup(&request);
	if (file < 0)
		return error_set(error, "%s: cannot create: %s", work->image,
				 uv_strerror(file));
	result = uv_fs_ftruncate(NULL, &request, file, work->options->size,
				 NULL);
	uv_fs_req_cleanup(&request);
	uv_fs_close(NULL, &request, file, NULL);
	uv_fs_req_cleanup(&request);
	if (result < 0)
		return error_set(error, "%s: cannot make it %" PRIu64
					" MB long: %s", work->image,
				 work->options->size / MIB,
				 uv_strerror(result));
	return 0;
}

static int make_file_system(const struct work *work, struct error *error)
{
	const struct image_options *options = work->options;
	const char *sfdisk[] = { "sfdisk", "-q", work->image, NULL };
	uint64_t size = options->size;
	char offset[64], blocks[32];
	const char *mke2fs[] = {
		"mke2fs", "-q", "-F", "-t", "ext4", "-L", "colinux-root",
		"-m", "1", "-d", work->tree, "-E", offset, work->image, blocks,
		NULL,
	};

	if (make_sparse(work, error) < 0)
		return -1;
	strcpy(offset, "root_owner=0:0");
	if (options->partition) {
		size -= PARTITION_START + PARTITION_END;
		snprintf(offset, sizeof(offset),
			 "root_owner=0:0,offset=%" PRIu64,
			 PARTITION_START);
		if (program_run(sfdisk, "label: gpt\nstart=1MiB, type=linux, "
					"name=\"colinux-root\"\n", error) < 0)
			return -1;
		/* The partition ends where GPT's copy begins, or before. */
	}
	snprintf(blocks, sizeof(blocks), "%" PRIu64 "k", size / 1024);
	if (program_run(mke2fs, NULL, error) < 0)
		return error_prefix(error, "--size may be too small");
	return 0;
}

static void clean_up(const struct work *work)
{
	const char *remove[] = { "rm", "-rf", "--one-file-system", "--",
				 work->tree, NULL };
	uv_fs_t request;

	if (os_file_kind(work->tree) != OS_FILE_MISSING)
		program_run(remove, NULL, NULL);
	uv_fs_unlink(NULL, &request, work->image, NULL);
	uv_fs_req_cleanup(&request);
}

static int check_tools(const struct image_options *options,
		       struct error *error)
{
	static const struct {
		const char *program, *package;
	} tools[] = {
		{ "mmdebstrap", "mmdebstrap" },
		{ "mke2fs", "e2fsprogs" },
		{ "sfdisk", "fdisk" },
		{ "depmod", "kmod" },
	};

	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		if (!strcmp(tools[i].program, "sfdisk") && !options->partition)
			continue;
		if (!strcmp(tools[i].program, "depmod") && !options->modules)
			continue;
		if (!program_exists(tools[i].program))
			return error_set(error, "%s is missing; run: apt "
						"install %s",
					 tools[i].program, tools[i].package);
	}
	if (!os_is_root())
		return error_set(error, "making an image needs root: the files "
					"inside belong to other users");
	return 0;
}

static int make(const struct work *work, struct error *error)
{
	const struct image_options *options = work->options;
	uv_fs_t request;
	int result;

	say("1/3 packages of %s (mmdebstrap; some minutes)", options->suite);
	if (run_mmdebstrap(work, error) < 0)
		return -1;
	say("2/3 settings");
	if (settle(work, error) < 0)
		return -1;
	say("3/3 file system of %" PRIu64 " MB", options->size / MIB);
	if (make_file_system(work, error) < 0)
		return -1;
	result = uv_fs_rename(NULL, &request, work->image, options->file, NULL);
	uv_fs_req_cleanup(&request);
	if (result < 0)
		return error_set(error, "%s: cannot rename: %s", work->image,
				 uv_strerror(result));
	return 0;
}

int image_create(const struct image_options *options, struct error *error)
{
	struct work *work = calloc(1, sizeof(*work));
	int result;

	if (!work)
		return error_set(error, "out of memory");
	work->options = options;
	snprintf(work->image, sizeof(work->image), "%s.tmp", options->file);
	snprintf(work->tree, sizeof(work->tree), "%s.tmp.d", options->file);
	result = check_tools(options, error);
	if (!result && os_file_kind(work->tree) != OS_FILE_MISSING)
		result = error_set(error, "%s: left by another attempt, or "
					  "one is under way; remove it",
				   work->tree);
	if (!result) {
		result = make(work, error);
		clean_up(work);
	}
	free(work);
	return result;
}
