// SPDX-License-Identifier: GPL-2.0
/* The tests of virtio_test.h for kernels as 6.12: see there. */
#define VIRTQUEUE_INFO 1
#include "virtio_test.h"
