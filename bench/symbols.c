// SPDX-License-Identifier: GPL-2.0
/*
 * symbols KERNEL: the functions of a kernel image, as /proc/kallsyms would list
 * them if it ran where it is linked.  Distributions' System.map files may be
 * empty, so the image's own table is decoded, by the daemon's reader.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../daemon/kernel/image.h"

int main(int argc, char **argv)
{
	struct guest_image *image;
	struct error error = { "" };

	if (argc != 2) {
		fprintf(stderr, "usage: symbols KERNEL\n");
		return 2;
	}
	image = guest_image_open(argv[1], &error);
	if (!image) {
		fprintf(stderr, "symbols: %s\n", error.text);
		return 1;
	}
	for (unsigned int i = 0; i < image->syms.nr; i++)
		if (strchr("tTwW", image->syms.syms[i].type))
			printf("%" PRIx64 " %c %s\n", image->syms.syms[i].addr,
			       image->syms.syms[i].type,
			       image->syms.syms[i].name);
	guest_image_close(image);
	return 0;
}
