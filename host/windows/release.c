// SPDX-License-Identifier: GPL-2.0
/*
 * Pieces of guest RAM that NT has back for a while (the guest's balloon).  All
 * of it at PASSIVE_LEVEL, in the VM's process, under the instance's lock.
 *
 * A piece goes back with the MDL that it came with: one that shares its MDL
 * (the contiguous chunk with the kernel image) stays.  The same frames are
 * asked for by their address; NT moves away what is in them where it can do
 * that, and zeroes them.  A frame under I/O stays in use when it is freed, and
 * is not to be had until that ends.
 *
 * The kernel has mapped none of these pieces (host_memory_map()).  In the
 * process a page that is gone reads and writes as one spare page: a guest that
 * hands out addresses in its balloon hurts itself only.  NT has no way to
 * change a mapping at its place: for a moment there is none, and another thread
 * of the process may take the room.  Then the guest's memory is torn, and the
 * VM ends (instance.c).
 */
#include "memory.h"

/*
 * The first piece of a part that is as the contract says: whole pieces inside of
 * one extent, all of them with NT (`gone`) or none; else NULL.
 */
static struct piece *find_part(const struct host_memory *mem, u64 offset,
			       u64 size, bool gone)
{
	const struct colinux_extent *e = mem->table;
	struct piece *p;

	if (!size || (offset | size) & (PIECE - 1))
		return NULL;
	while (e < mem->table + mem->nr_extents && offset >= e->size)
		offset -= e++->size;
	if (e == mem->table + mem->nr_extents || size > e->size - offset)
		return NULL;
	p = memory_piece(mem, (e->machine + offset) / PAGE_SIZE);
	for (u64 i = 0; i < size / PIECE; i++)
		if (!p[i].mdl != gone)
			return NULL;
	return p;
}

/* Let the process see a piece (its number in guest RAM), or the spare page. */
static bool show(struct host_memory *mem, u64 number, const struct piece *p,
		 bool hole)
{
	struct user_piece *u;

	if (!mem->user)
		return true;
	u = &mem->user[number];
	memory_unmap_user_piece(u);
	memory_describe_piece(MmGetMdlPfnArray(u->mdl), p,
			      hole ? mem->hole : NULL);
	/* The first piece has the port and never goes: it is there. */
	return !memory_map_user_piece(u, (u8 *)mem->user[0].address +
						 number * PIECE);
}

/* All of them or, with -ENOMEM, none. */
static int show_all(struct host_memory *mem, u64 first, const struct piece *p,
		    u64 nr, bool hole)
{
	u64 done = 0;

	while (done < nr && show(mem, first + done, &p[done], hole))
		done++;
	if (done == nr)
		return 0;
	/* As before: the one that failed, too. */
	for (u64 i = 0; i <= done; i++)
		if (!show(mem, first + i, &p[i], !hole))
			mem->torn = true;
	return -CO_ENOMEM;
}

static bool has_own_mdl(const struct piece *p)
{
	return MmGetMdlByteCount(p->mdl) == PIECE;
}

int host_memory_release(struct host_memory *mem, u64 offset, u64 size)
{
	struct piece *p = find_part(mem, offset, size, false);
	u64 nr = size / PIECE;
	int err;

	if (!p)
		return -CO_EINVAL;
	for (u64 i = 0; i < nr; i++)
		if (!has_own_mdl(&p[i]))
			return -CO_EBUSY;
	if (!mem->hole)
		mem->hole = memory_take_page();
	if (!mem->hole)
		return -CO_ENOMEM;
	err = show_all(mem, offset / PIECE, p, nr, true);
	if (err)
		return err;
	for (u64 i = 0; i < nr; i++) {
		memory_forget(mem, p[i].mdl);
		memory_free_mdl(p[i].mdl);
		p[i].mdl = NULL;
	}
	return 0;
}

/* Their frames; after an error some have come. */
static int take_pieces(struct piece *p, u64 nr)
{
	int err = 0;
	u64 i;

	for (i = 0; i < nr && !err; i++) {
		err = memory_stopped() ? -CO_EINTR : 0;
		if (!err)
			p[i].mdl = memory_take_piece(p[i].pfn);
		if (!err && !p[i].mdl)
			err = -CO_EBUSY;
	}
	return err;
}

static void give_pieces(struct piece *p, u64 nr)
{
	for (u64 i = 0; i < nr; i++) {
		if (p[i].mdl)
			memory_free_mdl(p[i].mdl);
		p[i].mdl = NULL;
	}
}

int host_memory_reclaim(struct host_memory *mem, u64 offset, u64 size)
{
	struct piece *p = find_part(mem, offset, size, true);
	u64 nr = size / PIECE;
	int err;

	if (!p)
		return -CO_EINVAL;
	err = take_pieces(p, nr);
	if (!err)
		err = show_all(mem, offset / PIECE, p, nr, false);
	if (err) {
		give_pieces(p, nr);
		return err;
	}
	for (u64 i = 0; i < nr; i++)
		memory_remember(mem, p[i].mdl);
	return 0;
}

bool host_memory_is_torn(const struct host_memory *mem)
{
	return mem->torn;
}
