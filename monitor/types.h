/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Short names for the monitor, and the few compiler helpers that it needs.
 * Nothing here depends on a host kernel.
 */
#ifndef MONITOR_TYPES_H
#define MONITOR_TYPES_H

#include <colinux/types.h>

#ifndef __KERNEL__	/* Linux' kernel headers have the same names */
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __SIZE_TYPE__ size_t;
typedef _Bool bool;
#define true 1
#define false 0
#ifndef NULL
#define NULL ((void *)0)
#endif
#endif

/* Functions shared with assembly: one calling convention on ELF and PE. */
#define sysv __attribute__((sysv_abi))

#define addr_of(p) ((u64)(__UINTPTR_TYPE__)(p))
#define ptr_at(a) ((void *)(__UINTPTR_TYPE__)(a))

#define load_once(x) (*(const volatile __typeof__(x) *)&(x))
#define store_once(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* Linux errno numbers: part of the ABI on every host. */
#define CO_EPERM 1
#define CO_ENOENT 2
#define CO_EINTR 4
#define CO_E2BIG 7
#define CO_ENOMEM 12
#define CO_EFAULT 14
#define CO_EBUSY 16
#define CO_EEXIST 17
#define CO_ENODEV 19
#define CO_EINVAL 22
#define CO_ENOTTY 25
#define CO_ENOSYS 38
#define CO_EPROTO 71
#define CO_EOPNOTSUPP 95
#define CO_ECANCELED 125

#endif
