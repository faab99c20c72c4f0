/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few functions of glib that libslirp calls, so that colinux.exe needs no
 * glib: only scripts/windows-libs includes this.  Not there, and never needed:
 * starting programs (slirp's guestfwd to commands), which fails.
 */
#ifndef COLINUX_GLIB_H
#define COLINUX_GLIB_H

/* As glib's own header does: before windows.h comes winsock2.h. */
#define G_OS_WIN32 1
#include <winsock2.h>

#include <windows.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef char gchar;
typedef int gint, gboolean;
typedef unsigned int guint;
typedef size_t gsize;
typedef ptrdiff_t gssize;
typedef void *gpointer;
typedef char **GStrv;
typedef int GPid;

#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif

#define G_LITTLE_ENDIAN 1234
#define G_BIG_ENDIAN 4321
#define G_BYTE_ORDER G_LITTLE_ENDIAN
#define GUINT16_TO_BE(v) __builtin_bswap16((uint16_t)(v))
#define GUINT32_TO_BE(v) __builtin_bswap32((uint32_t)(v))
#define GINT16_TO_BE(v) ((int16_t)GUINT16_TO_BE(v))
#define GINT32_TO_BE(v) ((int32_t)GUINT32_TO_BE(v))
#define GUINT16_FROM_BE GUINT16_TO_BE
#define GUINT32_FROM_BE GUINT32_TO_BE
#define GINT16_FROM_BE GINT16_TO_BE
#define GINT32_FROM_BE GINT32_TO_BE
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define G_N_ELEMENTS(a) (sizeof(a) / sizeof((a)[0]))
#define G_STATIC_ASSERT(e) _Static_assert(e, #e)
#define G_GNUC_PRINTF(f, a) __attribute__((format(gnu_printf, f, a)))
#define G_LIKELY(e) __builtin_expect(!!(e), 1)
#define G_UNLIKELY(e) __builtin_expect(!!(e), 0)
#define GLIB_CHECK_VERSION(a, b, c) 1

/* Messages about guests' faults: a hostile one would fill the log. */
#define g_debug(...) ((void)0)
#define g_warning(...) ((void)0)
#define g_critical(...) ((void)0)
#define g_warn_if_fail(e) ((void)(e))
#define g_warn_if_reached() ((void)0)
#define g_error(...) abort()
#define g_assert(e) ((e) ? (void)0 : abort())
#define g_assert_not_reached() abort()
#define g_return_if_fail(e) do { if (!(e)) return; } while (0)
#define g_return_val_if_fail(e, v) do { if (!(e)) return (v); } while (0)

/* Memory: glib ends the process when there is none. */
static inline void *g_realloc(void *old, size_t size)
{
	void *new = realloc(old, size ? size : 1);

	if (!new)
		abort();
	return new;
}

static inline void *g_malloc(size_t size)
{
	return g_realloc(NULL, size);
}

static inline void *g_malloc0(size_t size)
{
	return memset(g_malloc(size), 0, size);
}

#define g_free free
#define g_new(type, nr) ((type *)g_malloc(sizeof(type) * (nr)))
#define g_new0(type, nr) ((type *)g_malloc0(sizeof(type) * (nr)))

/* Strings. */
#define g_snprintf snprintf
#define g_vsnprintf vsnprintf
#define g_strerror strerror
#define g_getenv getenv

static inline char *g_strdup(const char *text)
{
	return text ? strcpy((char *)g_malloc(strlen(text) + 1), text) : NULL;
}

static inline size_t g_strlcpy(char *to, const char *from, size_t room)
{
	snprintf(to, room, "%s", from);
	return strlen(from);
}

static inline gboolean g_str_has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static inline char *g_strstr_len(const char *text, gssize length,
				 const char *what)
{
	size_t size = length < 0 ? strlen(text) :
				   strnlen(text, (size_t)length);
	size_t wanted = strlen(what), i;

	for (i = 0; i + wanted <= size; i++)
		if (!memcmp(text + i, what, wanted))
			return (char *)text + i;
	return NULL;
}

static inline guint g_strv_length(char **list)
{
	guint nr = 0;

	while (list[nr])
		nr++;
	return nr;
}

static inline void g_strfreev(char **list)
{
	for (char **at = list; at && *at; at++)
		free(*at);
	free(list);
}

typedef struct {
	char *str;
	size_t len;
} GString;

static inline GString *g_string_new(const char *text)
{
	GString *string = g_new0(GString, 1);

	string->str = g_strdup(text ? text : "");
	string->len = strlen(string->str);
	return string;
}

static inline void g_string_append_printf(GString *string,
					  const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return;
	string->str = (char *)g_realloc(string->str, string->len + length + 1);
	va_start(args, format);
	vsnprintf(string->str + string->len, (size_t)length + 1, format, args);
	va_end(args);
	string->len += length;
}

static inline char *g_string_free(GString *string, gboolean all)
{
	char *text = string->str;

	if (all) {
		free(text);
		text = NULL;
	}
	free(string);
	return text;
}

/* Debugging by environment: not here. */
typedef struct {
	const char *key;
	guint value;
} GDebugKey;

static inline guint g_parse_debug_string(const char *text,
					 const GDebugKey *keys, guint nr)
{
	(void)text;
	(void)keys;
	(void)nr;
	return 0;
}

/* Random numbers: ports and DNS-like identifiers, so the system's good ones. */
typedef struct {
	int unused;
} GRand;

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

static inline GRand *g_rand_new(void)
{
	return g_new0(GRand, 1);
}

#define g_rand_free free

static inline gint g_rand_int_range(GRand *rand, gint from, gint to)
{
	uint32_t number;

	(void)rand;
	if (!SystemFunction036(&number, sizeof(number)))
		abort();
	return from + (gint)(number % (uint32_t)(to - from));
}

/* Starting programs. */
typedef struct {
	char *message;
} GError;
typedef void (*GSpawnChildSetupFunc)(gpointer data);
typedef int GSpawnFlags;

#define G_SPAWN_SEARCH_PATH 0
#define g_error_free(error) ((void)(error))

static inline gboolean g_shell_parse_argv(const char *line, gint *argc,
					  char ***argv, GError **error)
{
	static GError no = { "not supported" };

	(void)line;
	(void)argc;
	(void)argv;
	*error = &no;
	return FALSE;
}

#define g_spawn_async_with_fds(...) FALSE
#define g_spawn_async(...) FALSE

#endif
