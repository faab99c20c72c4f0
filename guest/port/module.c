// SPDX-License-Identifier: GPL-2.0
/*
 * `pause` in modules: what the loader does to the kernel image
 * (daemon/kernel/pause.c), done to each module when it has been loaded and
 * before it runs.  virtio_console, for one, waits for the host with IF=0.
 *
 * The kernel's own instruction decoder finds the sites.
 */
#include "port.h"

#define MODULE_STATE_COMING	1	/* enum module_state */
#define MAX_INSN		15	/* SDM vol. 2, 2.3.11 */

extern int register_module_notifier(void *nb)
	KERNEL("register_module_notifier");
int insn_decode(void *insn, const void *text, int length, unsigned int mode)
	KERNEL("insn_decode");
extern char text_mutex[] KERNEL("text_mutex");
void mutex_lock(void *mutex) KERNEL("mutex_lock");
void mutex_unlock(void *mutex) KERNEL("mutex_unlock");
void *text_poke(void *address, const void *code, unsigned long length)
	KERNEL("text_poke");

EXPECT_FUNC("mutex_lock void(struct mutex *)");
EXPECT_FUNC("mutex_unlock void(struct mutex *)");
EXPECT_FUNC("text_poke void *(void *,const void *,size_t)");
EXPECT_FUNC("register_module_notifier int(struct notifier_block *)");
EXPECT_FUNC("insn_decode int(struct insn *,const void *,int,enum insn_mode)");
EXPECT_MEMBER("notifier_block.notifier_call notifier_fn_t");

/*
 * The kernel's way to write to text.  By clearing CR0.WP read-only pages become
 * dirty, which kernels from 6.16 on complain about when the module goes.
 */
static void rewrite(u8 *site)
{
	static const u8 yield[] = { 0xcd, VECTOR_PAUSE };	/* int */

	mutex_lock(text_mutex);
	text_poke(site, yield, sizeof(yield));
	mutex_unlock(text_mutex);
}

/*
 * Bytes up to the end of the last f3 90, which need not be an instruction; 0
 * when there is none, as in most modules: decoding them would be a tenth of the
 * work of loading them.
 */
static unsigned long candidates_end(const u8 *text, unsigned long size)
{
	for (unsigned long end = size; end >= 2; end--)
		if (text[end - 1] == 0x90 && text[end - 2] == 0xf3)
			return end;
	return 0;
}

static void rewrite_all(u8 *text, unsigned long size)
{
	u64 insn[64];	/* struct insn, checked in port_module_init() */
	unsigned long end = candidates_end(text, size);
	unsigned long at = 0;

	while (at + 2 <= end) {
		/* Up to the real end: the last f3 90 may be within one. */
		unsigned long left = size - at;
		unsigned long length = 1;	/* of what cannot be decoded */

		if (!insn_decode(insn, text + at,
				 (int)(left < MAX_INSN ? left : MAX_INSN),
				 (unsigned int)ENUM("INSN_MODE_64")))
			length = MEMBER(unsigned char, insn, "insn.length");
		if (length == 2 && text[at] == 0xf3 && text[at + 1] == 0x90)
			rewrite(text + at);
		at += length ? length : 1;
	}
}

/* Until 6.3: two layouts, the text first. */
static void rewrite_layout(char *module, unsigned long offset)
{
	if (offset != MISSING)
		rewrite_all(AT(u8 *, module, offset +
			       OFFSET_IF("module_layout.base")),
			    AT(unsigned int, module, offset +
			       OFFSET_IF("module_layout.text_size")));
}

/* From 6.4: an array of struct module_memory, one per kind. */
static void rewrite_memory(char *module, unsigned long kind)
{
	unsigned long mem = OFFSET_IF("module.mem") +
			    kind * SIZEOF_IF("module_memory");

	rewrite_all(AT(u8 *, module, mem + OFFSET_IF("module_memory.base")),
		    AT(unsigned int, module,
		       mem + OFFSET_IF("module_memory.size")));
}

/* struct notifier_block.notifier_call, process context. */
static int module_changed(void *nb, unsigned long state, void *module)
{
	static bool user_space;

	(void)nb;
	if (state != MODULE_STATE_COMING)
		return 0;
	/* The first one is loaded by /colinux-init. */
	if (!user_space)
		port_time_late();
	user_space = 1;
	if (OFFSET_IF("module.mem") != MISSING) {
		rewrite_memory(module, ENUM_IF("MOD_TEXT"));
		rewrite_memory(module, ENUM_IF("MOD_INIT_TEXT"));
	} else {
		rewrite_layout(module, OFFSET_IF("module.core_layout"));
		rewrite_layout(module, OFFSET_IF("module.init_layout"));
	}
	return 0;
}

void port_module_init(void)
{
	char *notifier = port_alloc(SIZEOF("notifier_block"), 8);

	if (SIZEOF("insn") > 64 * sizeof(u64) ||
	    (OFFSET_IF("module.mem") == MISSING &&
	     OFFSET_IF("module_layout.text_size") == MISSING))
		port_die("port: modules of an unknown form\n");
	MEMBER(void *, notifier, "notifier_block.notifier_call") =
		module_changed;
	register_module_notifier(notifier);
}
