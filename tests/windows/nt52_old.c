/* SPDX-License-Identifier: GPL-2.0 */
/* nt52.c for tests: with FAKE_NT=5.2 nothing is found that is newer. */
#include "../../daemon/os/windows/nt.h"

static FARPROC find(HMODULE dll, const char *name)
{
	char value[8] = "";

	GetEnvironmentVariableA("FAKE_NT", value, sizeof(value));
	return strcmp(value, "5.2") ? GetProcAddress(dll, name) : NULL;
}

#define GetProcAddress find
#include "../../daemon/os/windows/nt52.c"
