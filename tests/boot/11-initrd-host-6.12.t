#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The same on the other host kernel.
export HOST_KERNEL=6.12 LOG_NAME=$0
exec "$(dirname "$0")/10-initrd.t"
