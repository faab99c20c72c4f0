/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs that run as long as the guest (keeper.h): each in a job object that
 * ends it when its last handle, ours, is closed, however that comes to pass.
 */
#include <stdlib.h>
#include <string.h>

#include "../../keeper.h"
#include "nt.h"

static int start(HANDLE job, const char *shell, const char *command,
		 struct error *error)
{
	STARTUPINFOW startup = { .cb = sizeof(startup) };
	PROCESS_INFORMATION process;
	size_t room = strlen(shell) + strlen(command) + 16;
	char *line = malloc(room);
	wchar_t *wide = NULL;
	int result = -1;

	if (line) {
		/* cmd's own rule: it takes off the outer quotes. */
		snprintf(line, room, "\"%s\" /c \"%s\"", shell, command);
		wide = nt_wide(line);
	}
	if (!wide)
		error_set(error, "out of memory");
	else if (!CreateProcessW(NULL, wide, NULL, NULL, FALSE,
				 CREATE_SUSPENDED | CREATE_NO_WINDOW, NULL,
				 NULL, &startup, &process))
		error_set(error, "cannot start %s: %s", command,
			  nt_message(GetLastError()));
	else {
		/* Before its first instruction: all it starts is in as well. */
		if (AssignProcessToJobObject(job, process.hProcess)) {
			ResumeThread(process.hThread);
			result = 0;
		} else {
			error_set(error, "%s: cannot be made to end with the "
				  "guest: %s", command,
				  nt_message(GetLastError()));
			TerminateProcess(process.hProcess, 1);
		}
		CloseHandle(process.hThread);
		CloseHandle(process.hProcess);
	}
	free(line);
	free(wide);
	return result;
}

int keeper_start(const struct keeper_options *options, struct error *error)
{
	JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit = { 0 };
	HANDLE job = CreateJobObjectW(NULL, NULL);

	limit.BasicLimitInformation.LimitFlags =
		JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
	if (!job ||
	    !SetInformationJobObject(job, JobObjectExtendedLimitInformation,
				     &limit, sizeof(limit)))
		error_set(error, "%s: no job object: %s", options->argv[2],
			  nt_message(GetLastError()));
	else if (!start(job, options->argv[0], options->argv[2], error))
		return nt_number(job);
	if (job)
		CloseHandle(job);
	return -1;
}

void keeper_stop(int keeper)
{
	CloseHandle(nt_handle(keeper));
}
