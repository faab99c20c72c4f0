/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between config.c (words, files, the whole) and config_keys.c (the keys).
 */
#ifndef DAEMON_CONFIG_KEYS_H
#define DAEMON_CONFIG_KEYS_H

#include "config.h"

#define CONFIG_MEMORY_MIN (64ull * 1024 * 1024)
#define CONFIG_MEMORY_MAX (4ull * 1024 * 1024 * 1024 * 1024)
#define CONFIG_CPUS_MAX 64	/* COLINUX_MAX_VCPUS */

/* A word taken apart, and what is to be said about it. */
struct config_word {
	char *key;
	char *value;		/* "" when there was no '=' */
	bool has_value;
	unsigned int index;	/* the N of cobdN */
	enum config_verdict verdict;
	char meaning[256];
};

struct config_key {
	const char *name;
	bool indexed;		/* followed by a number */
	const char *argument;	/* for people */
	/* Returns -1 with a message that begins with the key. */
	int (*set)(struct config *config, struct config_word *word,
		   struct error *error);
	const char *help;	/* NULL = not listed */
};

/* The row of a key and its number, or NULL: then it is the kernel's. */
const struct config_key *config_find_key(const char *name,
					 unsigned int *index);

/* A key that differs by one typing error, or NULL. */
const char *config_similar_key(const char *name);

/* Classic hda1=PATH and hda1=:cobd0. */
int config_set_alias(struct config *config, struct config_word *word,
		     struct error *error);

/* Set word->meaning (printf). */
void config_meaning(struct config_word *word, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
