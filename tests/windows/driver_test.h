/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the driver's test against the fake NT share. */
#ifndef TESTS_WINDOWS_DRIVER_TEST_H
#define TESTS_WINDOWS_DRIVER_TEST_H

#include "fake/fake.h"

#define MB		(1ull << 20)
#define MAX_FAILURES	400	/* calls of one operation that may fail */

/* driver_test.c */
extern struct vm *last_vm;	/* that vm_create() made; NULL: it failed */
/* As that version of NT. */
void start_driver(u32 version);
/* 64 MiB, image 20 MiB, two vCPUs. */
FILE_OBJECT *open_vm(void);

/* driver_balloon.c */
/* All tests of it, with a driver of their own. */
void balloon(u32 version);

#endif
