/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `colinux --slirp NAME KEY VALUE SANDBOX`: not for people; how the VM process
 * starts the slirp process, with the socket as descriptor OS_CHILD_FD.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "../command.h"
#include "../net/slirp.h"
#include "../os.h"

int cmd_slirp(int argc, char **argv)
{
	static struct net_options options;
	struct error error;

	if (argc != 5)
		return EXIT_USAGE;
	if (net_options_parse(&options, argv[2], argv[3], &error) < 0) {
		say("%s", error.text);
		return EXIT_USAGE;
	}
	/* The VM process's end is noticed by the socket. */
	signal(SIGPIPE, SIG_IGN);
	os_outlive(true);
	prctl(PR_SET_NAME, "colinux-slirp");
	return net_slirp_serve(OS_CHILD_FD, &options, argv[2], argv[1],
			       strcmp(argv[4], "off") != 0);
}
