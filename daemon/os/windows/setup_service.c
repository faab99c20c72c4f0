/* SPDX-License-Identifier: GPL-2.0 */
/*
 * colinux service: guests that start with the machine, and being such a
 * service.  It is stopped as a guest is: through its control pipe.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../client.h"
#include "../../command.h"
#include "../../session.h"
#include "scm.h"
#include "setup.h"

#define PREFIX "colinux-"

/* Of the one service that this process is. */
static struct {
	const char *name, *file;
	wchar_t *wide_name;
	SERVICE_STATUS_HANDLE handle;
	SERVICE_STATUS status;
} service;

static wchar_t *service_name(const char *name)
{
	char text[CONFIG_NAME + 16];

	snprintf(text, sizeof(text), PREFIX "%s", name);
	return nt_wide(text);
}

static int install(const char *name, const char *file, bool dry_run)
{
	static const wchar_t depends[] = DRIVER_SERVICE L"\0";
	struct scm_service wanted = {
		.type = SERVICE_WIN32_OWN_PROCESS,
		.start = SERVICE_AUTO_START,
		.depends = depends,
	};
	wchar_t full[MAX_PATH * 4], *path = nt_wide(file), *wide;
	char self[CONFIG_PATH], *absolute = NULL;
	char line[3 * CONFIG_PATH], what[CONFIG_NAME + 16];
	size_t length = sizeof(self);
	int status = EXIT_OTHER;

	if (os_file_kind(file) != OS_FILE_REGULAR) {
		say("%s: there is no such configuration", file);
		free(path);
		return EXIT_OTHER;
	}
	/* A service has another directory. */
	if (path && GetFullPathNameW(path, MAX_PATH * 4, full, NULL))
		absolute = nt_utf8(full);
	free(path);
	if (!absolute || uv_exepath(self, &length) < 0) {
		say("%s: cannot use this path", file);
		free(absolute);
		return EXIT_OTHER;
	}
	snprintf(line, sizeof(line), "\"%s\" service run %s \"%s\"", self,
		 name, absolute);
	snprintf(what, sizeof(what), "service " PREFIX "%s", name);
	free(absolute);
	if (dry_run) {
		printf("would install the service " PREFIX "%s, started with "
		       "the machine, after colinux: %s\n", name, line);
		return 0;
	}
	wide = nt_wide(line);
	path = service_name(name);
	if (wide && path) {
		wanted.name = path;
		wanted.title = path;
		wanted.path = wide;
		status = scm_create(&wanted, what);
		if (!status)
			say("%s: installed", what);
	}
	free(wide);
	free(path);
	return status;
}

/* All guests' services; for the uninstaller. */
static int remove_all(void)
{
	SC_HANDLE manager = OpenSCManagerW(NULL, NULL,
					   SC_MANAGER_ENUMERATE_SERVICE);
	ENUM_SERVICE_STATUS_PROCESSW *list;
	DWORD size = 0, nr = 0, next = 0;
	int status = 0;
	char *name;

	if (!manager) {
		say("services: %s", nt_message(GetLastError()));
		return EXIT_OTHER;
	}
	EnumServicesStatusExW(manager, SC_ENUM_PROCESS_INFO, SERVICE_WIN32,
			      SERVICE_STATE_ALL, NULL, 0, &size, &nr, &next,
			      NULL);
	list = malloc(size ? size : 1);
	next = 0;
	if (!list || !EnumServicesStatusExW(manager, SC_ENUM_PROCESS_INFO,
					    SERVICE_WIN32, SERVICE_STATE_ALL,
					    (BYTE *)list, size, &size, &nr,
					    &next, NULL))
		nr = 0;
	for (DWORD i = 0; i < nr; i++) {
		name = nt_utf8(list[i].lpServiceName);
		if (name && !strncmp(name, PREFIX, strlen(PREFIX)) &&
		    scm_remove(list[i].lpServiceName, name))
			status = EXIT_OTHER;
		free(name);
	}
	free(list);
	CloseServiceHandle(manager);
	return status;
}

/* --- Being a service --- */

static void report(DWORD state, DWORD exit_code)
{
	service.status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
	service.status.dwCurrentState = state;
	service.status.dwControlsAccepted =
		state == SERVICE_RUNNING ?
			SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN : 0;
	service.status.dwWin32ExitCode =
		exit_code ? ERROR_SERVICE_SPECIFIC_ERROR : NO_ERROR;
	service.status.dwServiceSpecificExitCode = exit_code;
	/* A guest may take its whole time to power off. */
	service.status.dwWaitHint = state == SERVICE_STOP_PENDING ? 120000 : 0;
	SetServiceStatus(service.handle, &service.status);
}

/* The manager's thread must not wait: ask the guest from another one. */
static DWORD WINAPI ask_to_stop(void *opaque)
{
	struct protocol_request request;
	struct runtime runtime;
	struct error error;

	(void)opaque;
	protocol_request_init(&request, PROTOCOL_STOP);
	request.force = 1;
	if (client_find(service.name, &runtime, &error) < 0 ||
	    client_request(&runtime, &request, NULL, NULL, &error) < 0)
		say("%s", error.text);
	return 0;
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data,
			       void *context)
{
	HANDLE thread;

	(void)type;
	(void)data;
	(void)context;
	switch (control) {
	case SERVICE_CONTROL_INTERROGATE:
		return NO_ERROR;
	case SERVICE_CONTROL_STOP:
	case SERVICE_CONTROL_SHUTDOWN:
		report(SERVICE_STOP_PENDING, 0);
		thread = CreateThread(NULL, 0, ask_to_stop, NULL, 0, NULL);
		if (thread)
			CloseHandle(thread);
		return NO_ERROR;
	default:
		return ERROR_CALL_NOT_IMPLEMENTED;
	}
}

static int run_guest(void)
{
	char name[CONFIG_NAME + 8], file[CONFIG_PATH + 1];
	char *words[] = { (char *)"run", (char *)"--background", file, name };
	struct run_options *options = calloc(1, sizeof(*options));
	struct error error;
	int status = EXIT_OTHER;

	if (!options)
		return status;
	snprintf(name, sizeof(name), "name=%s", service.name);
	snprintf(file, sizeof(file), "@%s", service.file);
	status = run_options_parse(options, 4, words);
	if (!status && config_finish(&options->config, options->source,
				     &error) < 0) {
		say("%s", error.text);
		status = EXIT_USAGE;
	}
	if (!status)
		status = session_run(options);
	free(options);
	return status;
}

static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
	int status;

	(void)argc;
	(void)argv;
	service.handle = RegisterServiceCtrlHandlerExW(service.wide_name,
						       on_control, NULL);
	if (!service.handle)
		return;
	report(SERVICE_RUNNING, 0);
	status = run_guest();
	report(SERVICE_STOPPED, status);
}

static int run(const char *name, const char *file)
{
	SERVICE_TABLE_ENTRYW table[2] = { { NULL, service_main } };

	service.name = name;
	service.file = file;
	service.wide_name = service_name(name);
	table[0].lpServiceName = service.wide_name;
	if (service.wide_name && StartServiceCtrlDispatcherW(table))
		return 0;
	say("service run: only the service manager can do this: %s",
	    nt_message(GetLastError()));
	return EXIT_OTHER;
}

int cmd_service(int argc, char **argv)
{
	const char *words[3] = { NULL };
	char what[CONFIG_NAME + 16];
	bool dry_run = false, all = false;
	wchar_t *name;
	int nr = 0, status = EXIT_OTHER;

	if (wants_help("service", argc, argv))
		return 0;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--dry-run"))
			dry_run = true;
		else if (!strcmp(argv[i], "--all"))
			all = true;
		else if (argv[i][0] == '-' || nr == 3)
			return usage_error("service", "cannot use %s", argv[i]);
		else
			words[nr++] = argv[i] + (argv[i][0] == '@');
	}
	if (all && nr == 1 && !strcmp(words[0], "remove"))
		return remove_all();
	if (nr < 2 || all)
		return usage_error("service", "what is to be done, with which "
				   "guest? install, remove, start, status");
	if (!config_valid_name(words[1]))
		return usage_error("service", "%.40s cannot be the name of a "
				   "guest", words[1]);
	if (nr == 3 && !strcmp(words[0], "install"))
		return install(words[1], words[2], dry_run);
	if (nr == 3 && !strcmp(words[0], "run"))
		return run(words[1], words[2]);
	snprintf(what, sizeof(what), "service " PREFIX "%s", words[1]);
	name = service_name(words[1]);
	if (!name)
		return EXIT_OTHER;
	if (nr == 2 && !strcmp(words[0], "remove") && dry_run) {
		printf("would remove the %s\n", what);
		status = 0;
	} else if (nr == 2 && !strcmp(words[0], "remove")) {
		status = scm_remove(name, what);
	} else if (nr == 2 && !strcmp(words[0], "start")) {
		status = scm_start(name, what);
	} else if (nr == 2 && !strcmp(words[0], "status")) {
		status = scm_status(name, what);
	} else {
		status = usage_error("service", "cannot %s that way",
				     words[0]);
	}
	free(name);
	return status;
}
