// SPDX-License-Identifier: GPL-2.0
/* Changes that a server has answered and may still lose: see engine.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

int disk_unflushed_add(struct disk_unflushed *unflushed,
		       const struct disk_request *request)
{
	const uint64_t bytes = request->op == DISK_WRITE ? request->length : 0;
	struct disk_change *change = malloc(sizeof(*change) + bytes);
	char *at;

	if (!change)
		return -ENOMEM;
	at = change->bytes;
	for (int i = 0; bytes && i < request->nr_iov; i++) {
		memcpy(at, request->iov[i].iov_base, request->iov[i].iov_len);
		at += request->iov[i].iov_len;
	}
	change->next = NULL;
	change->piece = (struct iovec){ change->bytes, bytes };
	change->request = (struct disk_request){
		.op = request->op, .unmap = request->unmap,
		.offset = request->offset, .length = request->length,
		.iov = &change->piece, .nr_iov = 1,
	};
	if (unflushed->first)
		unflushed->last->next = change;
	else
		unflushed->first = change;
	unflushed->last = change;
	unflushed->bytes += sizeof(*change) + bytes;
	unflushed->end++;
	return 0;
}

void disk_unflushed_drop(struct disk_unflushed *unflushed, uint64_t upto)
{
	struct disk_change *change;

	for (; unflushed->begin < upto; unflushed->begin++) {
		change = unflushed->first;
		unflushed->first = change->next;
		unflushed->bytes -= sizeof(*change) + change->piece.iov_len;
		free(change);
	}
}
