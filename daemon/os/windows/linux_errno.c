/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Error numbers of Linux, which the driver and guests speak, where this C
 * library has others.
 */
#include <errno.h>

#include "nt.h"

int nt_errno_of_linux(int number)
{
	switch (number) {
	case 38:
		return ENOSYS;
	case 71:
		return EPROTO;
	case 95:
		return EOPNOTSUPP;
	case 110:
		return ETIMEDOUT;
	case 125:
		return ECANCELED;
	default:
		return number;
	}
}

int64_t os_guest_result(int64_t result)
{
	switch (result) {
	case -ENOSYS:
		return -38;
	case -EPROTO:
		return -71;
	case -EOPNOTSUPP:
		return -95;
	case -ETIMEDOUT:
		return -110;
	case -ECANCELED:
		return -125;
	default:
		return result;
	}
}
