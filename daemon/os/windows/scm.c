/* SPDX-License-Identifier: GPL-2.0 */
/* The service manager: see scm.h. */
#include <stdio.h>

#include "../../command.h"
#include "scm.h"
#include "setup.h"

/* ERROR_INVALID_IMAGE_HASH, which winerror.h of mingw-w64 lacks. */
#define BAD_SIGNATURE 577

#define STOP_TRIES 300
#define STOP_PAUSE_MS 100

static int failed(const char *what, const char *verb, DWORD code)
{
	const char *remedy = "";

	if (code == ERROR_ACCESS_DENIED)
		remedy = ": run as administrator (elevated)";
	say("%s: cannot %s it: %s%s", what, verb, nt_message(code), remedy);
	return EXIT_OTHER;
}

static SC_HANDLE open_manager(DWORD access, const char *what)
{
	SC_HANDLE manager = OpenSCManagerW(NULL, NULL, access);

	if (!manager)
		failed(what, "ask the service manager about", GetLastError());
	return manager;
}

/* NULL with the error said, or quietly with *code when it is not there. */
static SC_HANDLE open_service(SC_HANDLE manager, const wchar_t *name,
			      DWORD access, const char *what)
{
	SC_HANDLE service = OpenServiceW(manager, name, access);

	if (!service && GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST)
		say("%s: is not installed", what);
	else if (!service)
		failed(what, "open", GetLastError());
	return service;
}

int scm_create(const struct scm_service *wanted, const char *what)
{
	SC_HANDLE manager, service;
	int status = 0;

	manager = open_manager(SC_MANAGER_CREATE_SERVICE, what);
	if (!manager)
		return EXIT_OTHER;
	service = CreateServiceW(manager, wanted->name, wanted->title,
				 SERVICE_ALL_ACCESS, wanted->type,
				 wanted->start, SERVICE_ERROR_NORMAL,
				 wanted->path, NULL, NULL, wanted->depends,
				 NULL, NULL);
	if (service)
		CloseServiceHandle(service);
	else if (GetLastError() == ERROR_SERVICE_EXISTS) {
		say("%s: is installed already; remove it first", what);
		status = EXIT_OTHER;
	} else {
		status = failed(what, "install", GetLastError());
	}
	CloseServiceHandle(manager);
	return status;
}

static int start_error(const char *what, DWORD code)
{
	char why[ERROR_TEXT - 80];

	switch (code) {
	case ERROR_SERVICE_ALREADY_RUNNING:
		return 0;
	case BAD_SIGNATURE:
		say("%s: Windows does not accept its signature: sign it and "
		    "switch %stest signing on (bcdedit /set testsigning on), "
		    "see signing.txt", what,
		    nt_secure_boot() ? "Secure Boot off in the firmware and " :
				       "");
		return EXIT_OTHER;
	case ERROR_NOT_SUPPORTED:
		if (nt_driver_refusal(why, sizeof(why))) {
			say("%s: refuses this host: %s", what, why);
			return EXIT_OTHER;
		}
		break;
	}
	return failed(what, "start", code);
}

int scm_start(const wchar_t *name, const char *what)
{
	SC_HANDLE manager = open_manager(SC_MANAGER_CONNECT, what), service;
	int status = EXIT_OTHER;

	if (!manager)
		return EXIT_OTHER;
	service = open_service(manager, name, SERVICE_START, what);
	if (service) {
		status = StartServiceW(service, 0, NULL) ?
				 0 : start_error(what, GetLastError());
		CloseServiceHandle(service);
	}
	CloseServiceHandle(manager);
	return status;
}

/* Wait until it has stopped; false: it has not in time. */
static bool stop(SC_HANDLE service)
{
	SERVICE_STATUS state;

	if (!ControlService(service, SERVICE_CONTROL_STOP, &state))
		return GetLastError() == ERROR_SERVICE_NOT_ACTIVE;
	for (int i = 0; i < STOP_TRIES; i++) {
		if (!QueryServiceStatus(service, &state) ||
		    state.dwCurrentState == SERVICE_STOPPED)
			return true;
		Sleep(STOP_PAUSE_MS);
	}
	return false;
}

int scm_remove(const wchar_t *name, const char *what)
{
	SC_HANDLE manager = open_manager(SC_MANAGER_CONNECT, what), service;
	int status = EXIT_OTHER;

	if (!manager)
		return EXIT_OTHER;
	service = open_service(manager, name, SERVICE_STOP | DELETE |
			       SERVICE_QUERY_STATUS, what);
	if (service) {
		if (!stop(service))
			say("%s: does not stop; it goes with the next restart",
			    what);
		status = DeleteService(service) ?
				 0 : failed(what, "remove", GetLastError());
		CloseServiceHandle(service);
	}
	CloseServiceHandle(manager);
	if (!status)
		say("%s: removed", what);
	return status;
}

int scm_status(const wchar_t *name, const char *what)
{
	static const char *const states[] = {
		[SERVICE_STOPPED] = "stopped",
		[SERVICE_START_PENDING] = "starting",
		[SERVICE_STOP_PENDING] = "stopping",
		[SERVICE_RUNNING] = "running",
		[SERVICE_CONTINUE_PENDING] = "continuing",
		[SERVICE_PAUSE_PENDING] = "pausing",
		[SERVICE_PAUSED] = "paused",
	};
	SC_HANDLE manager = open_manager(SC_MANAGER_CONNECT, what), service;
	SERVICE_STATUS state;
	int status = EXIT_OTHER;

	if (!manager)
		return EXIT_OTHER;
	service = OpenServiceW(manager, name, SERVICE_QUERY_STATUS);
	if (!service && GetLastError() == ERROR_SERVICE_DOES_NOT_EXIST) {
		printf("%s not installed\n", what);
	} else if (!service || !QueryServiceStatus(service, &state)) {
		failed(what, "ask", GetLastError());
	} else {
		printf("%s %s\n", what,
		       state.dwCurrentState <= SERVICE_PAUSED ?
			       states[state.dwCurrentState] : "unknown");
		status = 0;
	}
	if (service)
		CloseServiceHandle(service);
	CloseServiceHandle(manager);
	return status;
}
