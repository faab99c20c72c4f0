// SPDX-License-Identifier: GPL-2.0
/* ELF and kallsyms: every known layout, and damaged ones. */
#include <stdlib.h>

#include "../../../daemon/kernel/kallsyms.h"
#include "../virtio/tap.h"
#include "fake_kernel.h"

#define MUTATIONS 250

static const char *const layouts[] = {
	"before 6.4", "6.2 to 6.3", "6.4 and later", "place-relative",
};

static bool equal(const struct kallsyms *k, const struct fake_kernel *fake)
{
	if (k->nr != fake->nr)
		return false;
	for (unsigned int i = 0; i < k->nr; i++)
		if (k->syms[i].addr != fake->symbols[i].addr ||
		    k->syms[i].type != fake->symbols[i].type ||
		    strcmp(k->syms[i].name, fake->symbols[i].name))
			return false;
	return true;
}

static void test_layout(enum fake_layout layout, bool no_percpu)
{
	struct fake_options options = { .layout = layout,
					.no_percpu = no_percpu };
	struct error error = { "" };
	struct fake_kernel fake;
	struct kallsyms k = { 0 };
	struct elf elf;
	const char *percpu = no_percpu ? ", unsigned" : "";
	uint64_t addr = 0;
	unsigned int count;

	fake_kernel_build(&options, &fake);
	if (!check(!elf_parse(blob_bytes(&fake.vmlinux), "k", &elf, &error) &&
			   !kallsyms_decode(&elf, &k, &error),
		   "%s%s: decoded (%s)", layouts[layout], percpu, error.text))
		return;
	check(equal(&k, &fake), "%s%s: all %u symbols equal", layouts[layout],
	      percpu, fake.nr);
	check(!kallsyms_unique(&k, "jiffies_64", &addr, &error) &&
		      addr == fake_kernel_symbol(&fake, "jiffies_64"),
	      "%s%s: found by name", layouts[layout], percpu);
	check(kallsyms_find(&k, "twin", &count) && count == 2 &&
		      kallsyms_unique(&k, "twin", &addr, &error) == -1,
	      "%s%s: ambiguous: %s", layouts[layout], percpu, error.text);
	check(kallsyms_unique(&k, "no_such", &addr, &error) == -1,
	      "%s%s: absent: %s", layouts[layout], percpu, error.text);
	addr = fake_kernel_symbol(&fake, "plain_function");
	check(!strcmp(k.syms[kallsyms_at(&k, addr + 5)].name,
		      "plain_function"),
	      "%s%s: found by address", layouts[layout], percpu);
	kallsyms_free(&k);
	elf_free(&elf);
	fake_kernel_free(&fake);
}

/*
 * Damage the tables; what is accepted must be usable: sorted, all names in
 * bounds (ASan looks).
 */
static void test_mutations(enum fake_layout layout)
{
	struct fake_options options = { .layout = layout };
	struct error error = { "" };
	struct fake_kernel fake;
	unsigned int decoded = 0;
	uint64_t state = 100 + layout;
	uint8_t *copy;

	fake_kernel_build(&options, &fake);
	copy = malloc(fake.vmlinux.size);
	for (int i = 0; i < MUTATIONS; i++) {
		size_t size = fake_damage(blob_bytes(&fake.vmlinux), copy,
					  &state);
		struct kallsyms k;
		struct elf elf;

		if (elf_parse((struct bytes){ copy, size }, "k", &elf, &error))
			continue;
		if (!kallsyms_decode(&elf, &k, &error)) {
			decoded++;
			kallsyms_find(&k, "_text", NULL);
			kallsyms_free(&k);
		}
		elf_free(&elf);
	}
	check(decoded > 0, "%s: %d mutations, %u still readable",
	      layouts[layout], MUTATIONS, decoded);
	free(copy);
	fake_kernel_free(&fake);
}

static void test_elf(void)
{
	static const char text[] = "this is not an ELF file, but it is longer "
				   "than the header of one would be, by far";
	struct fake_options options = { .layout = FAKE_NEW };
	struct fake_kernel fake;
	struct error error = { "" };
	struct kallsyms k;
	struct elf elf;
	unsigned int refused = 0;

	check(elf_parse((struct bytes){ (const uint8_t *)text, sizeof(text) },
			"text", &elf, &error) == -1,
	      "not ELF: %s", error.text);
	fake_kernel_build(&options, &fake);
	for (size_t size = 0; size < 4096; size += 16) {
		if (elf_parse((struct bytes){ fake.vmlinux.data, size }, "k",
			      &elf, &error))
			refused++;
		else
			elf_free(&elf);
	}
	check(refused == 256, "ELF: all truncations refused");
	/* Without names nothing can be found. */
	memset(fake.vmlinux.data + 0x1000 + 0x8000, 0, 0x8000);
	check(!elf_parse(blob_bytes(&fake.vmlinux), "k", &elf, &error) &&
		      kallsyms_decode(&elf, &k, &error) == -1,
	      "no table: %s", error.text);
	elf_free(&elf);
	fake_kernel_free(&fake);
}

int main(void)
{
	for (int layout = 0; layout < FAKE_LAYOUTS; layout++) {
		test_layout(layout, false);
		if (layout != FAKE_PREL32)
			test_layout(layout, true);
		test_mutations(layout);
	}
	test_elf();
	return done();
}
