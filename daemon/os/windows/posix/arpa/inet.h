/* SPDX-License-Identifier: GPL-2.0 */
/* inet_pton() and htonl() are in winsock's headers. */
#ifndef COLINUX_POSIX_INET_H
#define COLINUX_POSIX_INET_H

#include <winsock2.h>
#include <ws2tcpip.h>

#endif
