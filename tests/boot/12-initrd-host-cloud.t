#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The same on the host kernel of cloud images.
export HOST_KERNEL=6.1-cloud LOG_NAME=$0
exec "$(dirname "$0")/10-initrd.t"
