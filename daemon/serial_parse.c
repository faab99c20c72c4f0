// SPDX-License-Identifier: GPL-2.0
/* See serial_parse.h. */
#include <stdlib.h>
#include <string.h>

#include "serial_parse.h"

const char *serial_after(const char *value, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(value, prefix, length) ? NULL : value + length;
}

bool serial_parse_tcp(const char *text, struct sockaddr_in *at)
{
	const char *colon = strrchr(text, ':');
	const char *digits = colon ? colon + 1 : text;
	char address[INET_ADDRSTRLEN] = "127.0.0.1";
	unsigned long port;
	char *end;

	if (colon && (size_t)(colon - text) >= sizeof(address))
		return false;
	if (colon) {
		memcpy(address, text, colon - text);
		address[colon - text] = '\0';
	}
	port = strtoul(digits, &end, 10);
	if (*digits < '0' || *digits > '9' || *end || port < 1 || port > 65535)
		return false;
	*at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	return inet_pton(AF_INET, address, &at->sin_addr) == 1;
}

int serial_check_path(const char *key, const char *value, const char *rest,
		      struct error *error)
{
	return *rest ? 0 : error_set(error, "%s=%s needs a path behind the "
				     "colon", key, value);
}

int serial_check_tcp(const char *key, const char *value, const char *rest,
		     struct error *error)
{
	struct sockaddr_in at;

	return serial_parse_tcp(rest, &at) ? 0 :
		error_set(error, "%s: %s: give tcp:PORT or tcp:ADDRESS:PORT",
			  key, value);
}
