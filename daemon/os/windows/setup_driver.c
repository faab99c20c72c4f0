/* SPDX-License-Identifier: GPL-2.0 */
/* colinux driver: installing colinux.sys on this machine, or removing it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../command.h"
#include "scm.h"
#include "setup.h"

#define KEY L"SYSTEM\\CurrentControlSet\\Services\\colinux"

/* A value of that type below HKEY_LOCAL_MACHINE; *size: its room, then its bytes. */
static bool read_value(const wchar_t *path, const wchar_t *name, DWORD type,
		       void *value, DWORD *size)
{
	LSTATUS status;
	DWORD found;
	HKEY key;

	if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_QUERY_VALUE, &key))
		return false;
	status = RegQueryValueExW(key, name, NULL, &found, value, size);
	RegCloseKey(key);
	return !status && found == type;
}

bool nt_secure_boot(void)
{
	DWORD on = 0, size = sizeof(on);

	return read_value(L"SYSTEM\\CurrentControlSet\\Control\\SecureBoot\\"
			  L"State", L"UEFISecureBootEnabled", REG_DWORD, &on,
			  &size) && on;
}

bool nt_driver_refusal(char *why, size_t room)
{
	wchar_t text[256];
	DWORD size = sizeof(text) - sizeof(text[0]);
	char *bytes;

	if (!read_value(KEY, L"Refused", REG_SZ, text, &size))
		return false;
	text[size / sizeof(text[0])] = 0;
	bytes = nt_utf8(text);
	snprintf(why, room, "%s", bytes ? bytes : "");
	free(bytes);
	return *why;
}

/* The event log's viewer finds the driver's texts in the driver itself. */
static void add_event_source(const wchar_t *path)
{
	static const wchar_t name[] =
		L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\System\\"
		L"colinux";
	DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE |
		      EVENTLOG_INFORMATION_TYPE;
	HKEY key;

	if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, name, 0, NULL, 0,
			    KEY_SET_VALUE, NULL, &key, NULL))
		return;
	RegSetValueExW(key, L"EventMessageFile", 0, REG_EXPAND_SZ,
		       (const BYTE *)path,
		       (DWORD)((wcslen(path) + 1) * sizeof(*path)));
	RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD,
		       (const BYTE *)&types, sizeof(types));
	RegCloseKey(key);
}

static int install(const char *file, bool dry_run, bool start)
{
	struct scm_service service = {
		.name = DRIVER_SERVICE,
		.title = L"coLinux driver",
		.type = SERVICE_KERNEL_DRIVER,
		.start = SERVICE_DEMAND_START,
	};
	char own[CONFIG_PATH];
	wchar_t *wide, full[MAX_PATH * 4];
	int status;

	if (!file) {
		if (!nt_beside_program("colinux.sys", own, sizeof(own)))
			return EXIT_OTHER;
		file = own;
	}
	if (os_file_kind(file) != OS_FILE_REGULAR) {
		say("%s: there is no such driver; give its path", file);
		return EXIT_OTHER;
	}
	wide = nt_wide(file);
	if (!wide || !GetFullPathNameW(wide, MAX_PATH * 4, full, NULL)) {
		free(wide);
		say("%s: cannot use this path", file);
		return EXIT_OTHER;
	}
	free(wide);
	if (dry_run) {
		printf("would install the driver colinux: %ls, started %s\n",
		       full, start ? "now and by the guests' services" :
				     "by the guests' services");
		return 0;
	}
	service.path = full;
	status = scm_create(&service, "driver");
	if (status)
		return status;
	add_event_source(full);
	say("driver: installed");
	if (nt_secure_boot())
		say("driver: Secure Boot is on: Windows will not start a "
		    "driver with a test signature; see signing.txt");
	return start ? scm_start(DRIVER_SERVICE, "driver") : 0;
}

int cmd_driver(int argc, char **argv)
{
	bool dry_run = false, start = true;
	const char *verb = NULL, *file = NULL;

	if (wants_help("driver", argc, argv))
		return 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--dry-run"))
			dry_run = true;
		else if (!strcmp(argv[i], "--no-start"))
			start = false;
		else if (argv[i][0] == '-' || (verb && file))
			return usage_error("driver", "cannot use %s", argv[i]);
		else if (!verb)
			verb = argv[i];
		else
			file = argv[i];
	}
	if (verb && !strcmp(verb, "install"))
		return install(file, dry_run, start);
	if (verb && !file && !strcmp(verb, "status"))
		return scm_status(DRIVER_SERVICE, "driver");
	if (verb && !file && !strcmp(verb, "start"))
		return scm_start(DRIVER_SERVICE, "driver");
	if (verb && !file && !strcmp(verb, "remove")) {
		if (dry_run) {
			printf("would remove the driver colinux\n");
			return 0;
		}
		return scm_remove(DRIVER_SERVICE, "driver");
	}
	return usage_error("driver",
			   "what is to be done? install, remove, start, status");
}
