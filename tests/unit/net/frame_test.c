// SPDX-License-Identifier: GPL-2.0
/* Checksums that the guest leaves to its card, against a plain reckoning. */
#include <stdlib.h>
#include <string.h>

#include "../../../daemon/net/frame.h"
#include "../virtio/tap.h"

/* RFC 1071, byte by byte in network order. */
static uint16_t plain(const uint8_t *bytes, size_t length)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i < length; i++) {
		sum += i % 2 ? bytes[i] : bytes[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	sum = ~sum & 0xffff;
	return sum ? sum : 0xffff;
}

static void sums(void)
{
	unsigned int seed = 1, wrong = 0;
	int turn;

	for (turn = 0; turn < 20000; turn++) {
		size_t length = 20 + rand_r(&seed) % 1500, i;
		struct net_header header = {
			.flags = NET_HEADER_NEEDS_CSUM,
			.csum_start = rand_r(&seed) % (length - 10),
		};
		uint8_t *frame = malloc(length);
		uint16_t expected, at;

		header.csum_offset = rand_r(&seed) % (length - 1 -
						      header.csum_start);
		/* Real ones are even. */
		header.csum_offset &= ~1u;
		for (i = 0; i < length; i++)
			frame[i] = turn == 7 ? 0 : rand_r(&seed);
		at = header.csum_start + header.csum_offset;
		expected = plain(frame + header.csum_start,
				 length - header.csum_start);
		wrong += !net_finish_checksum(&header, frame, length);
		wrong += (frame[at] << 8 | frame[at + 1]) != expected;
		free(frame);
	}
	check(!wrong, "20000 checksums");
}

static void limits(void)
{
	struct net_header header = { .flags = NET_HEADER_NEEDS_CSUM };
	uint8_t *frame = calloc(1, 64);
	unsigned int wrong = 0, start, offset;

	for (start = 0; start < 70; start++)
		for (offset = 0; offset < 70; offset++) {
			header.csum_start = start;
			header.csum_offset = offset;
			wrong += net_finish_checksum(&header, frame, 64) !=
				 (start + offset + 2 <= 64);
		}
	header.csum_start = header.csum_offset = 0xffff;
	wrong += net_finish_checksum(&header, frame, 64);
	check(!wrong, "a field outside of the frame is refused");
	memset(frame, 1, 64);
	header.flags = 0;
	check(net_finish_checksum(&header, frame, 64) && frame[5] == 1,
	      "nothing to do");
	free(frame);
}

int main(void)
{
	sums();
	limits();
	return done();
}
