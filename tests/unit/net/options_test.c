// SPDX-License-Identifier: GPL-2.0
/* The classic syntax of ethN=, right and wrong, and MAC addresses. */
#include <stdio.h>
#include <string.h>

#include "../../../daemon/net/options.h"
#include "../virtio/tap.h"

static struct net_options options;
static struct error error;

static bool good(const char *value)
{
	error.text[0] = '\0';
	return net_options_parse(&options, "eth0", value, &error) == 0 &&
	       !strcmp(options.text, value);
}

static bool bad(const char *value, const char *says)
{
	error.text[0] = '\0';
	return net_options_parse(&options, "eth0", value, &error) < 0 &&
	       options.kind == NET_NONE &&
	       !strncmp(error.text, "eth0: ", 6) && strstr(error.text, says);
}

static bool redirection(unsigned int i, bool udp, int host, int guest,
			int count)
{
	const struct net_redirection *r = &options.redirection[i];

	return r->udp == udp && r->host == host && r->guest == guest &&
	       r->count == count;
}

static void slirp(void)
{
	check(good("slirp") && options.kind == NET_SLIRP &&
	      !options.mac_given && !options.nr_redirections &&
	      !*options.listen, "slirp");
	check(good("slirp,,tcp:2222:22") && options.nr_redirections == 1 &&
	      redirection(0, false, 2222, 22, 1), "one redirection");
	check(good("slirp,02:00:00:00:0a:FF,tcp:22:22/udp:53:5353:1/"
		   "tcp:5000:6000:10,0.0.0.0") && options.mac_given &&
	      options.mac[0] == 2 && options.mac[4] == 10 &&
	      options.mac[5] == 255 && options.nr_redirections == 3 &&
	      redirection(1, true, 53, 5353, 1) &&
	      redirection(2, false, 5000, 6000, 10) &&
	      !strcmp(options.listen, "0.0.0.0"), "all of it");
	check(good("slirp,,tcp:65535:65535:1") && good("slirp,,,"),
	      "the last port, empty fields");
	check(bad("slirp,,tcp:0:22", "no redirection") &&
	      bad("slirp,,tcp:65536:22", "no redirection") &&
	      bad("slirp,,tcp:65535:22:2", "no redirection") &&
	      bad("slirp,,tcp:22:65535:2", "no redirection") &&
	      bad("slirp,,tcp:22", "no redirection") &&
	      bad("slirp,,tcp:22:", "no redirection") &&
	      bad("slirp,,tcp:22:22:0", "no redirection") &&
	      bad("slirp,,tcp:22:22:1:1", "no redirection") &&
	      bad("slirp,,tcp:-1:22", "no redirection") &&
	      bad("slirp,,tcp: 1:22", "no redirection") &&
	      bad("slirp,,sctp:22:22", "no redirection"), "bad redirections");
	check(bad("slirp,,,localhost", "IPv4") &&
	      bad("slirp,,,1.2.3.4.5", "IPv4") &&
	      bad("slirp,,,,x", "fourth comma"), "bad addresses");
}

static void interfaces(void)
{
	check(good("tuntap") && options.kind == NET_TUNTAP &&
	      !*options.interface, "tuntap");
	check(good("tuntap,tap0,,192.168.0.1") &&
	      !strcmp(options.interface, "tap0") &&
	      !strcmp(options.address, "192.168.0.1"), "with names");
	check(good("bridge,br0") && options.kind == NET_BRIDGE, "bridge");
	check(good("macvtap,enp0s3,02:00:00:00:00:01") &&
	      options.kind == NET_MACVTAP && options.mac_given, "macvtap");
	check(good("pcap-bridge,eth0,02:00:00:00:00:01,nopromisc") &&
	      options.kind == NET_MACVTAP, "classic pcap-bridge");
	check(bad("bridge", "needs an interface") &&
	      bad("macvtap,", "needs an interface") &&
	      bad("bridge,sixteen-letters-", "cannot be the name") &&
	      bad("bridge,a/b", "cannot be the name") &&
	      bad("tuntap,tap%d", "cannot be the name") &&
	      bad("bridge,..", "cannot be the name") &&
	      bad("tuntap,a b", "cannot be the name"), "bad names");
}

static void words(void)
{
	char text[NET_TEXT + 2], many[NET_TEXT] = "slirp,,";

	check(bad("", "no way") && bad("SLIRP", "no way") &&
	      bad("vde,x", "no way") && bad("slirpx", "no way"), "no back-end");
	check(bad("slirp,02:00:00:00:00", "no MAC") &&
	      bad("slirp,02:00:00:00:00:00:00", "no MAC") &&
	      bad("slirp,02-00-00-00-00-00", "no MAC") &&
	      bad("slirp,0x:00:00:00:00:00", "no MAC") &&
	      bad("slirp,2:0:0:0:0:1", "no MAC") &&
	      bad("slirp,01:00:00:00:00:00", "multicast"), "bad addresses");
	memset(text, 'x', sizeof(text));
	text[NET_TEXT] = '\0';
	check(bad(text, "longer"), "too long");
	for (int i = 0; i <= NET_REDIRECTIONS; i++)
		strcat(many, i ? "/tcp:1:1" : "tcp:1:1");
	check(bad(many, "more than"), "too many redirections");
}

static void macs(void)
{
	uint8_t a[NET_MAC], b[NET_MAC];
	unsigned int i, same = 0, wrong = 0;
	char name[16];

	net_mac_of_name("debian", 0, a);
	net_mac_of_name("debian", 0, b);
	check(!memcmp(a, b, NET_MAC), "a name's MAC is constant");
	note("debian: %02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3],
	     a[4], a[5]);
	for (i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "vm%u", i / 2);
		net_mac_of_name(name, i % 2, b);
		same += !memcmp(a, b, NET_MAC);
		wrong += (b[0] & 3) != 2;
		memcpy(a, b, NET_MAC);
	}
	check(!same && !wrong, "others have others, local and unicast");
}

int main(void)
{
	slirp();
	interfaces();
	words();
	macs();
	return done();
}
