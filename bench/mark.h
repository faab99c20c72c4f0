/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marker instructions: NOPs of seven bytes whose displacement names the mark.
 * They do nothing, anywhere; bench/plugin.c sees them.
 */
#ifndef BENCH_MARK_H
#define BENCH_MARK_H

/* nopl disp32(%rax): 0f 1f 80 and four letters */
#define MARK(letters) \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x80; .ascii \"" letters "\"" \
			 ::: "memory")

#endif
