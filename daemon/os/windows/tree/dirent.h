/* SPDX-License-Identifier: GPL-2.0 */
/* See fcntl.h beside. */
#ifndef COLINUX_TREE_DIRENT_H
#define COLINUX_TREE_DIRENT_H

#include "fcntl.h"

#endif
