/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of the values of ttysN= lines that every host has. */
#ifndef DAEMON_SERIAL_PARSE_H
#define DAEMON_SERIAL_PARSE_H

#include <stdbool.h>

#include <arpa/inet.h>

#include "error.h"

/* What is behind the prefix, or NULL. */
const char *serial_after(const char *value, const char *prefix);
/* "4000", "0.0.0.0:4000" */
bool serial_parse_tcp(const char *text, struct sockaddr_in *at);
/*
 * For serial_check(), `rest` being what is behind the prefix: a path, or what
 * serial_parse_tcp() takes.  0, or -1 with a message.
 */
int serial_check_path(const char *key, const char *value, const char *rest,
		      struct error *error);
int serial_check_tcp(const char *key, const char *value, const char *rest,
		     struct error *error);

#endif
