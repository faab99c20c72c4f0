/* SPDX-License-Identifier: GPL-2.0 */
/* Facts about the host and this process on NT: see os.h. */
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

#include <shellapi.h>

const char os_list_separator = ';';
/* What the installer brings is beside the program. */
const char *const os_data_directories[] = { NULL };

/* Guests write UTF-8 and the sequences of a VT100. */
static void prepare_console(void)
{
	HANDLE output = GetStdHandle(STD_OUTPUT_HANDLE);
	DWORD mode;

	if (!GetConsoleMode(output, &mode))
		return;
	SetConsoleOutputCP(CP_UTF8);
	/* Before Windows 10 there is none, and they are shown as they are. */
	SetConsoleMode(output, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

void os_start(int *argc, char ***argv)
{
	int nr = 0;
	wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &nr);
	char **list = calloc((size_t)nr + 1, sizeof(*list));

	_setmode(0, _O_BINARY);
	_setmode(1, _O_BINARY);
	_setmode(2, _O_BINARY);
	/* As on other hosts: what is said is there, also in a pipe. */
	setvbuf(stderr, NULL, _IONBF, 0);
	if (!wide || !list)
		return;
	for (int i = 0; i < nr; i++) {
		list[i] = nt_utf8(wide[i]);
		if (!list[i])
			return;
	}
	LocalFree(wide);
	*argc = nr;
	*argv = list;
	prepare_console();
}

void os_ignore_broken_pipes(void)
{
	/* Writing to one is an error here, no signal. */
}

const char *os_lacks(enum os_feature feature)
{
	switch (feature) {
	case OS_FOLDERS:
		return "there is no virtiofs server for Windows; use a disk "
		       "image instead";
	case OS_VHOST_USER:
		return "vhost-user needs Unix sockets that pass descriptors, "
		       "which Windows has not; use cobdN=";
	case OS_VSOCK_WAYS:
		return "a guest on Windows has sockets of this process only, "
		       "and does not connect to the host's; use vsock=on";
	case OS_INTERFACES:
		return "tuntap, bridge and macvtap are Linux's, and not to be "
		       "had on Windows; use slirp";
	case OS_DISK_FORMATS:
		return "only raw images and disks on Windows: qemu-img convert "
		       "-O raw makes one of another format";
	case OS_IMAGE_CREATE:
		return "needs mmdebstrap and mke2fs: make the image on a "
		       "Debian machine and copy it";
	}
	return NULL;
}

bool os_is_slash(char c)
{
	return c == '\\' || c == '/';
}

bool os_has_drive(const char *path)
{
	char letter = path[0] | 0x20;

	return letter >= 'a' && letter <= 'z' && path[1] == ':';
}

void os_shell(const char *command, const char *argv[4])
{
	static char shell[MAX_PATH * 4];

	if (!nt_environment("COMSPEC", shell, sizeof(shell)))
		strcpy(shell, "cmd.exe");
	argv[0] = shell;
	argv[1] = "/c";
	argv[2] = command;
	argv[3] = NULL;
}

void os_modules_directory(const char *release, char *path, size_t room)
{
	char name[256];

	snprintf(name, sizeof(name), "modules\\%.200s", release);
	if (!nt_beside_program(name, path, room))
		snprintf(path, room, "%s", name);
}

enum os_file os_file_kind(const char *path)
{
	wchar_t *wide = nt_wide_path(path);
	enum os_file kind = OS_FILE_MISSING;
	HANDLE file;
	DWORD attributes;

	if (!wide) {
		errno = ENOMEM;
		return kind;
	}
	attributes = GetFileAttributesW(wide);
	if (attributes != INVALID_FILE_ATTRIBUTES) {
		kind = attributes & FILE_ATTRIBUTE_DIRECTORY ?
			       OS_FILE_DIRECTORY : OS_FILE_REGULAR;
	} else {
		/* Devices have no attributes: may it be opened at all? */
		file = CreateFileW(wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE,
				   NULL, OPEN_EXISTING, 0, NULL);
		if (file != INVALID_HANDLE_VALUE) {
			CloseHandle(file);
			kind = OS_FILE_OTHER;
		} else {
			errno = nt_errno(GetLastError());
		}
	}
	free(wide);
	return kind;
}

int os_host_release(char *release, size_t room)
{
	/* No Linux runs here whose kernel a guest could use. */
	(void)release;
	(void)room;
	return -1;
}

int os_host_kernel(char *path, size_t room, struct error *error)
{
	(void)path;
	(void)room;
	return error_set(error, "give kernel=FILE: a distribution's vmlinuz");
}

int os_runtime_directory(char *path, size_t room, struct error *error)
{
	char base[MAX_PATH * 4], parent[MAX_PATH * 4 + 16];

	if (nt_environment("COLINUX_RUN", base, sizeof(base))) {
		snprintf(path, room, "%s", base);
		return os_private_directory(path, error);
	}
	if (!nt_environment(os_is_root() ? "ProgramData" : "LOCALAPPDATA",
			    base, sizeof(base)))
		return error_set(error, "neither ProgramData nor LOCALAPPDATA "
				 "is set: set COLINUX_RUN to a directory");
	snprintf(parent, sizeof(parent), "%s\\coLinux", base);
	if (os_private_directory(parent, error) < 0)
		return -1;
	if ((size_t)snprintf(path, room, "%s\\run", parent) >= room)
		return error_set(error, "the run-time directory's path is too "
				 "long; set COLINUX_RUN");
	return os_private_directory(path, error);
}

int os_control_path(const char *directory, const char *name, char *path,
		    size_t room, struct error *error)
{
	/*
	 * Pipes have names of their own.  Whoever takes one first makes the
	 * guest's start fail; nobody asks it unless the guest holds its lock.
	 */
	(void)directory;
	if ((size_t)snprintf(path, room, "\\\\.\\pipe\\colinux-%s", name) >=
	    room)
		return error_set(error, "%s: name too long", name);
	return 0;
}

int os_open_log(const char *path, struct error *error)
{
	wchar_t *wide = nt_wide(path);
	int fd = -1;

	if (wide)
		fd = _wopen(wide, _O_WRONLY | _O_CREAT | _O_TRUNC | _O_APPEND |
				  _O_BINARY | _O_NOINHERIT, 0600);
	free(wide);
	if (fd < 0)
		return error_set(error, "%s: cannot write the log: %s", path,
				 strerror(errno));
	return fd;
}

void os_join_output(void)
{
	fflush(stderr);
	_dup2(1, 2);
}

/* Children (keeper.c) inherit nothing. */
void os_child_output(int fd)
{
	(void)fd;
}

void os_use_output(int fd)
{
	fflush(stdout);
	fflush(stderr);
	_dup2(fd, 1);
	_dup2(fd, 2);
	_close(fd);
}

bool os_is_root(void)
{
	SID_IDENTIFIER_AUTHORITY authority = SECURITY_NT_AUTHORITY;
	BOOL member = FALSE;
	PSID administrators;

	if (!AllocateAndInitializeSid(&authority, 2,
				      SECURITY_BUILTIN_DOMAIN_RID,
				      DOMAIN_ALIAS_RID_ADMINS, 0, 0, 0, 0, 0,
				      0, &administrators))
		return false;
	CheckTokenMembership(NULL, administrators, &member);
	FreeSid(administrators);
	return member;
}

bool os_is_terminal(int fd)
{
	return uv_guess_handle(fd) == UV_TTY;
}

int os_duplicate_socket(uv_os_fd_t socket)
{
	/* Pipes carry no files (files.c). */
	(void)socket;
	return -1;
}

void os_free_memory(uint64_t *available, uint64_t *large)
{
	MEMORYSTATUSEX status = { .dwLength = sizeof(status) };

	*available = GlobalMemoryStatusEx(&status) ? status.ullAvailPhys : 0;
	*large = OS_UNKNOWN;
}

void os_small_pages(void)
{
	/* Large ones are only for those who ask. */
}

void os_trim_memory(void)
{
	/* Large blocks went back when they were freed. */
}
