/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest asks the runner for, by HC_DEVICE with args[0] = TEST_DEVICE,
 * args[1] = one of these: the guest's test tells what its host side has to do.
 */
#ifndef TEST_SERVICE_H
#define TEST_SERVICE_H

#define TEST_DEVICE	1000
#define TEST_KICK	0	/* VIRQ, microseconds from now */
#define TEST_STORM	1	/* VIRQ to kick all the time; -1 = no more */
#define TEST_ECHO	2	/* device, queue: doorbell -> interrupt */
#define TEST_SILENCE	3	/* device, queue: undo that */
#define TEST_SET_IRQ	4	/* device, microseconds from now */

#endif
