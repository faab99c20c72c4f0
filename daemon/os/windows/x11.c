// SPDX-License-Identifier: GPL-2.0
/* X servers on Windows (x11.h): they have no local sockets, but the network. */
#include "../../x11.h"

int x11_open(const struct runtime *runtime, struct error *error)
{
	(void)runtime;
	return error_set(error, "-X is for Linux hosts; here give the guest a "
			 "network (eth0=slirp) and its programs "
			 "-e DISPLAY=10.0.2.2:0");
}

void x11_client(uint32_t port)
{
	(void)port;
}

void x11_close(void)
{
}
