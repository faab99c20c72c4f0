// SPDX-License-Identifier: GPL-2.0
/* Internet checksums (RFC 1071) that the guest left to its network card. */
#include <string.h>

#include "frame.h"

/* Sum of 16-bit words as they lie in memory; an odd byte counts as the low. */
static uint16_t sum_words(const uint8_t *bytes, size_t length)
{
	uint64_t sum = 0;
	uint32_t word;
	uint16_t half;

	for (; length >= sizeof(word); length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum += word;
		bytes += sizeof(word);
	}
	if (length >= sizeof(half)) {
		memcpy(&half, bytes, sizeof(half));
		sum += half;
		bytes += sizeof(half);
		length -= sizeof(half);
	}
	if (length)
		sum += *bytes;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

bool net_finish_checksum(const struct net_header *header, uint8_t *frame,
			 size_t length)
{
	size_t start = header->csum_start;
	size_t at = start + header->csum_offset;
	uint16_t sum;

	if (!(header->flags & NET_HEADER_NEEDS_CSUM))
		return true;
	if (start > length || at + sizeof(sum) > length)
		return false;
	/* The field holds the sum of the pseudo header already (5.1.6.2). */
	sum = ~sum_words(frame + start, length - start);
	/* RFC 768: 0 would say that there is none; TCP does not mind. */
	if (!sum)
		sum = 0xffff;
	memcpy(frame + at, &sum, sizeof(sum));
	return true;
}
