/* SPDX-License-Identifier: GPL-2.0 */
/* What mingw-w64 lacks: struct iovec. */
#ifndef COLINUX_POSIX_UIO_H
#define COLINUX_POSIX_UIO_H

#include <stddef.h>

struct iovec {
	void *iov_base;
	size_t iov_len;
};

#endif
