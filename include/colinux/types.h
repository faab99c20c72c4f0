/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fixed-width types for every place that the ABI is compiled in: the Linux
 * module, the NT driver, the VM process, the guest port and the unit tests.
 * On Linux they are the kernel's own uapi types; elsewhere the same names.
 */
#ifndef COLINUX_TYPES_H
#define COLINUX_TYPES_H

#ifdef __linux__
#include <linux/types.h>
#else
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed int __s32;
typedef signed long long __s64;
#endif

#endif
