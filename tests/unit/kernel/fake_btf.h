/* SPDX-License-Identifier: GPL-2.0 */
/* Writing BTF by hand, type by type. */
#ifndef KERNEL_TEST_FAKE_BTF_H
#define KERNEL_TEST_FAKE_BTF_H

#include "../../../daemon/kernel/btf.h"
#include "../../../daemon/kernel/file.h"

struct fake_btf {
	uint8_t types[16384], strings[8192];
	uint32_t types_size, strings_size;
	uint32_t nr;		/* number of the last type */
	uint32_t first_string;	/* strings of the base come before ours */
};

/* nr and strings: how many types and bytes of strings the base has. */
void fake_btf_init(struct fake_btf *btf, uint32_t nr, uint32_t strings);
uint32_t fake_btf_string(struct fake_btf *btf, const char *text);
/* Begin a type; its details follow with fake_btf_u32().  Returns its id. */
uint32_t fake_btf_type(struct fake_btf *btf, const char *name,
		       enum btf_kind kind, bool flag, uint32_t nr,
		       uint32_t size_or_type);
void fake_btf_u32(struct fake_btf *btf, uint32_t value);
/* A member: name, type, offset in bits. */
void fake_btf_member(struct fake_btf *btf, const char *name, uint32_t type,
		     uint32_t bits);
/* A function with a prototype; parameters end with UINT32_MAX. */
uint32_t fake_btf_function(struct fake_btf *btf, const char *name,
			   uint32_t result, const uint32_t *parameters);
/* The section; malloc()ed. */
struct blob fake_btf_finish(const struct fake_btf *btf);

/* What every test's kernel describes: see fake_btf.c. */
void fake_btf_kernel(struct fake_btf *btf);

#endif
