/* SPDX-License-Identifier: GPL-2.0 */
/* Run-time directories: see runtime.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "os.h"
#include "runtime.h"

#define POLL_MS 10

int runtime_paths(struct runtime *runtime, const char *name,
		  struct error *error)
{
	char base[RUNTIME_PATH];

	memset(runtime, 0, sizeof(*runtime));
	runtime->lock = -1;
	if (!config_valid_name(name))
		return error_set(error, "%.40s cannot be the name of a guest",
				 name);
	if (os_runtime_directory(base, sizeof(base) - CONFIG_NAME - 16,
				 error) < 0)
		return -1;
	strcpy(runtime->name, name);
	snprintf(runtime->directory, RUNTIME_PATH, "%.400s/%s", base, name);
	snprintf(runtime->vsock, RUNTIME_PATH, "%.400s/%s/vsock", base, name);
	snprintf(runtime->log, RUNTIME_PATH, "%.400s/%s/log", base, name);
	return os_control_path(runtime->directory, name, runtime->control,
			       RUNTIME_PATH, error);
}

static void remove_file(const char *path)
{
	uv_fs_t request;

	uv_fs_unlink(NULL, &request, path, NULL);
	uv_fs_req_cleanup(&request);
}

/* 1 = locked now, 0 = another process has it, -1 = error. */
static int try_lock(struct runtime *runtime, struct error *error)
{
	char path[RUNTIME_PATH + 8];

	snprintf(path, sizeof(path), "%s/lock", runtime->directory);
	runtime->lock = os_lock_file(path, error);
	if (runtime->lock == OS_LOCK_HELD) {
		runtime->lock = -1;
		return 0;
	}
	return runtime->lock < 0 ? -1 : 1;
}

int runtime_claim(struct runtime *runtime, const char *name, bool vary,
		  struct error *error)
{
	char varied[CONFIG_NAME];
	int locked;

	for (unsigned int n = 1; n <= 999; n++) {
		if (n == 1)
			snprintf(varied, sizeof(varied), "%s", name);
		else
			snprintf(varied, sizeof(varied), "%.26s-%u", name, n);
		if (runtime_paths(runtime, varied, error) < 0 ||
		    os_private_directory(runtime->directory, error) < 0)
			return -1;
		locked = try_lock(runtime, error);
		if (locked < 0)
			return -1;
		if (locked) {
			/* Of a process that died. */
			remove_file(runtime->control);
			remove_file(runtime->vsock);
			return 0;
		}
		if (!vary)
			break;
	}
	return error_set(error, "a guest called %s is running already; stop "
				"it (colinux stop %s) or give name=", name,
			 name);
}

int runtime_listen(const struct runtime *runtime, struct error *error)
{
	return os_listen(runtime->vsock, error);
}

int runtime_say_cid(const struct runtime *runtime, uint32_t cid,
		    struct error *error)
{
	FILE *file;

	remove_file(runtime->vsock);
	file = os_fopen(runtime->vsock, "wb");
	if (file && fprintf(file, "CID %u\n", cid) > 0 && !fclose(file))
		return 0;
	return error_set(error, "%s: %s", runtime->vsock, strerror(errno));
}

uint32_t runtime_cid(const struct runtime *runtime)
{
	/* A socket cannot be opened. */
	FILE *file = os_fopen(runtime->vsock, "rb");
	unsigned int cid;
	bool found = file && fscanf(file, "CID %u", &cid) == 1;

	if (file)
		fclose(file);
	return found ? cid : 0;
}

void runtime_release(struct runtime *runtime, bool keep_log)
{
	char path[RUNTIME_PATH + 8];
	uv_fs_t request;

	if (runtime->lock < 0)
		return;
	remove_file(runtime->control);
	remove_file(runtime->vsock);
	if (!keep_log)
		remove_file(runtime->log);
	snprintf(path, sizeof(path), "%s/lock", runtime->directory);
	remove_file(path);
	uv_fs_rmdir(NULL, &request, runtime->directory, NULL);
	uv_fs_req_cleanup(&request);
	os_unlock_file(runtime->lock);
	runtime->lock = -1;
}

bool runtime_is_running(const struct runtime *runtime)
{
	char path[RUNTIME_PATH + 8];

	snprintf(path, sizeof(path), "%s/lock", runtime->directory);
	return os_file_is_locked(path);
}

bool runtime_wait_end(const struct runtime *runtime)
{
	for (int ms = 0; ms < RUNTIME_END_MS; ms += POLL_MS) {
		if (!runtime_is_running(runtime))
			return true;
		uv_sleep(POLL_MS);
	}
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All sub-directories' names, sorted; NULL-terminated, to be freed. */
static char **list_names(const char *base)
{
	uv_fs_t request;
	uv_dirent_t entry;
	size_t nr = 0;
	char **names;
	int found;

	found = uv_fs_scandir(NULL, &request, base, 0, NULL);
	names = calloc(found > 0 ? found + 1 : 1, sizeof(*names));
	while (names && found > 0 && uv_fs_scandir_next(&request, &entry) >= 0)
		if (config_valid_name(entry.name)) {
			names[nr] = strdup(entry.name);
			nr += names[nr] != NULL;
		}
	uv_fs_req_cleanup(&request);
	if (names)
		qsort(names, nr, sizeof(*names), compare_names);
	return names;
}

int runtime_list(void (*fn)(void *opaque, const struct runtime *runtime),
		 void *opaque, struct error *error)
{
	char base[RUNTIME_PATH];
	struct runtime runtime;
	int nr = 0;
	char **names;

	if (os_runtime_directory(base, sizeof(base), error) < 0)
		return -1;
	names = list_names(base);
	if (!names)
		return error_set(error, "out of memory");
	for (char **name = names; *name; name++) {
		if (runtime_paths(&runtime, *name, NULL) == 0) {
			if (runtime_is_running(&runtime)) {
				fn(opaque, &runtime);
				nr++;
			} else if (os_file_kind(runtime.control) !=
					   OS_FILE_MISSING &&
				   try_lock(&runtime, NULL) == 1) {
				runtime_release(&runtime, true);
			}
		}
		free(*name);
	}
	free(names);
	return nr;
}
