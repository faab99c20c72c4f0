/* SPDX-License-Identifier: GPL-2.0 */
/* What setup_driver.c and setup_service.c share: the service manager. */
#ifndef DAEMON_OS_WINDOWS_SCM_H
#define DAEMON_OS_WINDOWS_SCM_H

#include "nt.h"

/* The driver's name as a service; guests depend on it. */
#define DRIVER_SERVICE L"colinux"

struct scm_service {
	const wchar_t *name, *title, *path;
	const wchar_t *depends;	/* double-NUL-ended, or NULL */
	DWORD type, start;
};

/* All: exit status; what is wrong has been said. `what` names it to people. */
int scm_create(const struct scm_service *service, const char *what);
int scm_start(const wchar_t *name, const char *what);
/* Stops it first and waits for that. */
int scm_remove(const wchar_t *name, const char *what);
/* Prints "WHAT STATE"; 0 = it is installed. */
int scm_status(const wchar_t *name, const char *what);

#endif
