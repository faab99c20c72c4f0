/* SPDX-License-Identifier: GPL-2.0 */
/* What the unit tests' guest calls and Windows has not (net_test.c). */
#ifndef WINDOWS_TEST_ALARM_H
#define WINDOWS_TEST_ALARM_H

unsigned int alarm(unsigned int seconds);

#endif
