/* SPDX-License-Identifier: GPL-2.0 */
/* Network cards of a VM: the device and its back-end. */
#include <stdio.h>
#include <string.h>

#include "machine_internal.h"

int machine_add_cards(struct machine *machine, struct error *error)
{
	const struct config *config = machine->config;
	struct net_device_options options;
	char tag[16];
	int device;

	for (unsigned int i = 0; i < CONFIG_NETS; i++) {
		const struct net_options *net = &config->net[i];

		if (net->kind == NET_NONE)
			continue;
		snprintf(tag, sizeof(tag), "eth%u", i);
		options.tag = tag;
		if (net->mac_given)
			memcpy(options.mac, net->mac, sizeof(options.mac));
		else
			net_mac_of_name(config->name, i, options.mac);
		options.backend = net_backend_open(net, tag, config->name,
						   options.mac, config->cpus,
						   error);
		if (!options.backend)
			return -1;
		device = virtio_net_add(machine->bus, &options, error);
		if (device < 0)
			return -1;
		machine_describe(machine, device);
	}
	return 0;
}
