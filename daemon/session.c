/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VM process: see session.h.  All of this runs in one thread, the event
 * loop's; other threads wake it with one async handle.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "control.h"
#include "machine.h"
#include "os.h"
#include "runtime.h"
#include "session.h"
#include "session_disks.h"
#include "standard_io.h"
#include "stats.h"
#include "terminal.h"

#define MAX_WAITERS 32
/* How long a client may take to read the last text of a guest that ended. */
#define LAST_WORDS_MS 2000
/*
 * An init that is only starting forgets what it was asked.  Then twice as long,
 * and so on: each time is a process in the guest, which may be short of memory.
 */
#define ASK_AGAIN_MS 5000

/* A client of the control socket that waits for the end of the guest. */
struct waiter {
	struct session *session;
	struct control_client *client;	/* NULL = free */
	uv_timer_t timer;
	bool force;
	unsigned int timeout;
};

struct session {
	struct run_options *options;
	const struct config *config;
	struct runtime runtime;
	struct console *console;
	struct machine *machine;
	struct control *control;
	struct terminal *terminal;
	uv_loop_t *loop;
	uv_async_t async;
	uv_signal_t signals[3];
	uv_timer_t force_timer, ask_timer;
	uint64_t ask_pause;	/* ms */
	struct waiter waiters[MAX_WAITERS];
	struct session_disks disks;
	uv_thread_t output;
	bool output_started;
	bool running;
	uint64_t stop_until;	/* uv_now(): nobody waits, but asked it to */
	unsigned int reboots;
	uint64_t started;	/* uv_hrtime() */
	enum machine_end end;
	char reason[ERROR_TEXT];
};

static void on_progress(void *opaque, const char *text)
{
	struct session *session = opaque;

	if (!session->options->quiet)
		say("%s", text);
}

static void on_notice(void *opaque, const char *text)
{
	(void)opaque;
	say("%s", text);
}

static void wake(void *opaque)
{
	struct session *session = opaque;

	uv_async_send(&session->async);
}

/* --- Asking the guest to stop, and making it --- */

static void force(struct session *session, const char *why)
{
	if (session->running)
		machine_kill(session->machine, why);
}

static void on_force_timer(uv_timer_t *timer)
{
	force(timer->data, "it did not power off in time");
}

static void ask(struct session *session)
{
	struct error error;

	if (machine_request_shutdown(session->machine, &error) < 0)
		say("%s", error.text);
}

/* Whether anything happens when the guest does not power off. */
static bool stop_is_awaited(const struct session *session)
{
	for (int i = 0; i < MAX_WAITERS; i++)
		if (session->waiters[i].client)
			return true;
	return uv_is_active((const uv_handle_t *)&session->force_timer);
}

/*
 * Whether the guest is to end: a reboot would be its answer to that.  One that
 * did not obey is as before when nobody waits any longer.
 */
static bool is_stopping(const struct session *session)
{
	return stop_is_awaited(session) ||
	       uv_now(session->loop) < session->stop_until;
}

static void on_ask_timer(uv_timer_t *timer)
{
	struct session *session = timer->data;

	if (!session->running || !stop_is_awaited(session))
		return;
	ask(session);
	session->ask_pause *= 2;
	uv_timer_start(timer, on_ask_timer, session->ask_pause, 0);
}

static void request_stop(struct session *session)
{
	if (!session->running)
		return;
	ask(session);
	session->ask_pause = ASK_AGAIN_MS;
	uv_timer_start(&session->ask_timer, on_ask_timer, session->ask_pause,
		       0);
}

/* A signal: orderly first; the second one means it. */
static void on_signal(uv_signal_t *signal, int number)
{
	struct session *session = signal->data;
	char why[64];

	snprintf(why, sizeof(why), "signal %d came twice", number);
	if (uv_is_active((uv_handle_t *)&session->force_timer)) {
		force(session, why);
		return;
	}
	say("signal %d: asking the guest to power off (again: end it now)",
	    number);
	request_stop(session);
	uv_timer_start(&session->force_timer, on_force_timer,
		       session->config->stop_timeout * 1000ull, 0);
}

static void answer_end(struct session *session, struct waiter *waiter)
{
	static const char *const names[] = {
		[MACHINE_RUNNING] = "running",
		[MACHINE_POWEROFF] = "poweroff",
		[MACHINE_REBOOT] = "reboot",
		[MACHINE_PANIC] = "panic",
		[MACHINE_KILLED] = "killed",
		[MACHINE_FAILED] = "failed",
	};
	struct control_client *client = waiter->client;

	waiter->client = NULL;
	uv_timer_stop(&waiter->timer);
	control_line(client, "end %s", names[session->end]);
	control_line(client, "reason %s", session->reason);
	control_done(client, NULL);
}

static void on_waiter_timer(uv_timer_t *timer)
{
	struct waiter *waiter = timer->data;
	struct control_client *client = waiter->client;
	char problem[128];

	if (waiter->force) {
		force(waiter->session, "it did not power off in time");
		return;
	}
	waiter->client = NULL;
	snprintf(problem, sizeof(problem),
		 "%s has not powered off within %u seconds; --force ends it",
		 waiter->session->runtime.name, waiter->timeout);
	control_done(client, problem);
}

/* Remember a client that is answered at the end. */
static struct waiter *new_waiter(struct session *session,
				 struct control_client *client)
{
	for (int i = 0; i < MAX_WAITERS; i++)
		if (!session->waiters[i].client) {
			session->waiters[i].client = client;
			return &session->waiters[i];
		}
	control_done(client, "too many are waiting already");
	return NULL;
}

/* --- Control requests --- */

static void answer_status(struct session *session,
			  struct control_client *client)
{
	const struct config *config = session->config;

	control_line(client, "name %s", session->runtime.name);
	control_line(client, "pid %d", (int)uv_os_getpid());
	control_line(client, "state %s",
		     is_stopping(session) ? "stopping" : "running");
	control_line(client, "uptime %" PRIu64,
		     (uv_hrtime() - session->started) / 1000000000);
	control_line(client, "memory %" PRIu64, config->memory >> 20);
	control_line(client, "pieces %u", machine_extents(session->machine));
	control_line(client, "cpus %u", config->cpus);
	control_line(client, "cpus-up %u", machine_vcpus_up(session->machine));
	control_line(client, "reboots %u", session->reboots);
	control_line(client, "kernel %s", machine_kernel(session->machine));
	control_done(client, NULL);
}

static void answer_stats(struct session *session,
			 struct control_client *client)
{
	struct colinux_stats s;
	char text[2048];

	for (unsigned int i = 0; i < session->config->cpus; i++) {
		if (machine_stats(session->machine, i, &s) < 0)
			continue;
		stats_format(&s, text, sizeof(text));
		control_line(client, "cpu%u %s", i, text);
	}
	for (unsigned int i = 0; i < COLINUX_MAX_DEVICES; i++)
		if (machine_describe_device(session->machine, i, text,
					    sizeof(text)))
			control_line(client, "device%u %s", i, text);
	control_done(client, NULL);
}

/* A page of the balloon has 4 KiB: 256 are 1 MB, as memory is counted here. */
static void answer_memory(struct session *session,
			  struct control_client *client,
			  const struct protocol_request *request)
{
	uint64_t size = session->config->memory >> 20;
	uint64_t least = machine_least_memory(session->machine) >> 20;
	struct balloon_state state;
	char problem[160];

	machine_memory(session->machine, request->fresh == 1, &state);
	snprintf(problem, sizeof(problem), "%s can have %" PRIu64 " to %"
		 PRIu64 " MB", session->runtime.name, least, size);
	if (request->target >= 0 && !state.driver) {
		control_done(client, "the guest has no balloon driver "
			     "(virtio_balloon), or has not loaded it yet");
		return;
	}
	if (request->target >= 0 && ((uint64_t)request->target < least ||
				     (uint64_t)request->target > size)) {
		control_done(client, problem);
		return;
	}
	if (request->target >= 0) {
		machine_set_memory(session->machine,
				   (uint64_t)request->target << 20);
		machine_memory(session->machine, false, &state);
	}
	control_line(client, "size %" PRIu64, size);
	control_line(client, "target %" PRIu64, size - state.target / 256);
	control_line(client, "guest %" PRIu64,
		     size - (state.pages + 255) / 256);
	control_line(client, "returned %" PRIu64, state.released / 256);
	if (!state.supported)
		control_line(client, "unsupported 1");
	if (state.waiting)
		control_line(client, "waiting-kb %" PRIu64, state.waiting * 4);
	if (state.stuck)
		control_line(client, "stuck 1");
	control_line(client, "driver %d", state.driver);
	control_line(client, "serial %" PRIu64, state.serial);
	for (unsigned int i = 0; i < BALLOON_STATS; i++)
		if (state.stat[i] != UINT64_MAX)
			control_line(client, "guest-%s %" PRIu64,
				     balloon_stat_names[i],
				     balloon_stat_is_bytes(i) ?
					     state.stat[i] >> 20 :
					     state.stat[i]);
	control_done(client, NULL);
}

static void on_request(void *opaque, struct control_client *client,
		       const struct protocol_request *request)
{
	struct session *session = opaque;
	struct waiter *waiter;

	if (!session->running) {
		control_done(client, "the guest has ended");
		return;
	}
	switch (request->verb) {
	case PROTOCOL_STATUS:
		answer_status(session, client);
		break;
	case PROTOCOL_STATS:
		answer_stats(session, client);
		break;
	case PROTOCOL_MEMORY:
		answer_memory(session, client, request);
		break;
	case PROTOCOL_STOP:
		waiter = new_waiter(session, client);
		if (!waiter)
			break;
		waiter->force = request->force == 1;
		waiter->timeout = request->timeout >= 0 ?
					  request->timeout :
					  session->config->stop_timeout;
		uv_timer_start(&waiter->timer, on_waiter_timer,
			       waiter->timeout * 1000ull, 0);
		request_stop(session);
		break;
	case PROTOCOL_KILL:
		if (new_waiter(session, client))
			force(session, "colinux kill");
		break;
	default:
		if (session_disks_request(&session->disks, client, request))
			break;
		control_done(client, "not now");
	}
}

static void on_gone(void *opaque, struct control_client *client)
{
	struct session *session = opaque;

	session_disks_gone(&session->disks, client);
	for (int i = 0; i < MAX_WAITERS; i++)
		if (session->waiters[i].client == client) {
			session->waiters[i].client = NULL;
			uv_timer_stop(&session->waiters[i].timer);
		}
}

/* --- The terminal --- */

static size_t on_typed(void *opaque, const char *text, size_t length)
{
	struct session *session = opaque;

	return console_input(session->console, text, length);
}

static void on_resized(void *opaque, uint16_t columns, uint16_t rows)
{
	struct session *session = opaque;

	console_resize(session->console, columns, rows);
}

static void on_escape(void *opaque, char key)
{
	struct session *session = opaque;

	switch (key) {
	case '.':
	case 'q':
		force(session, "Ctrl-] . was typed");
		break;
	case 's':
		say("asking the guest to power off");
		request_stop(session);
		session->stop_until = uv_now(session->loop) +
				      session->config->stop_timeout * 1000ull;
		break;
	case 'd':
		say("this terminal is the guest's own: `colinux start` and "
		    "`colinux console` can be detached from");
		break;
	default:
		say("Ctrl-] s: power off  Ctrl-] .: end it now  Ctrl-] Ctrl-]: "
		    "send Ctrl-]");
	}
}

/* --- The end --- */

static void close_handles(struct session *session)
{
	uv_close((uv_handle_t *)&session->async, NULL);
	uv_close((uv_handle_t *)&session->force_timer, NULL);
	uv_close((uv_handle_t *)&session->ask_timer, NULL);
	for (int i = 0; i < 3; i++)
		uv_close((uv_handle_t *)&session->signals[i], NULL);
	for (int i = 0; i < MAX_WAITERS; i++)
		uv_close((uv_handle_t *)&session->waiters[i].timer, NULL);
	session_disks_close(&session->disks);
	terminal_close(session->terminal);
}

static void on_control_closed(void *opaque)
{
	close_handles(opaque);
}

static void on_last_words(uv_timer_t *timer)
{
	struct session *session = timer->data;

	control_drop_clients(session->control);
}

static void finish(struct session *session)
{
	session->running = false;
	for (int i = 0; i < MAX_WAITERS; i++)
		if (session->waiters[i].client)
			answer_end(session, &session->waiters[i]);
	session_disks_end(&session->disks);
	console_finish(session->console);
	uv_timer_start(&session->force_timer, on_last_words, LAST_WORDS_MS, 0);
	control_close(session->control, on_control_closed, session);
}

static void on_end(struct session *session)
{
	struct error error;

	machine_join(session->machine);
	if (session->end == MACHINE_REBOOT && !is_stopping(session)) {
		session->reboots++;
		if (machine_start(session->machine, &error) == 0)
			return;
		session->end = MACHINE_FAILED;
		snprintf(session->reason, sizeof(session->reason),
			 "cannot restart the guest: %.400s", error.text);
	}
	finish(session);
}

static void on_async(uv_async_t *async)
{
	struct session *session = async->data;

	control_console_changed(session->control);
	if (session->terminal)
		terminal_resume(session->terminal);
	if (!session->running)
		return;
	session_disks_changed(&session->disks);
	session->end = machine_state(session->machine, session->reason,
				     sizeof(session->reason));
	if (session->end != MACHINE_RUNNING)
		on_end(session);
}

static int exit_status(const struct session *session)
{
	switch (session->end) {
	case MACHINE_POWEROFF:
	case MACHINE_REBOOT:	/* instead of powering off, when asked to */
		if (!session->options->quiet)
			say("%s: powered off", session->runtime.name);
		return EXIT_POWEROFF;
	case MACHINE_PANIC:
		say("%s: the guest's kernel panicked; its text is above",
		    session->runtime.name);
		return EXIT_PANIC;
	case MACHINE_KILLED:
		say("%s: ended by the monitor: %s", session->runtime.name,
		    session->reason);
		return EXIT_KILLED;
	default:
		say("%s: %s", session->runtime.name, session->reason);
		return EXIT_OTHER;
	}
}

/* --- Set-up --- */

static void init_handles(struct session *session)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	uv_async_init(session->loop, &session->async, on_async);
	session->async.data = session;
	uv_timer_init(session->loop, &session->force_timer);
	session->force_timer.data = session;
	uv_timer_init(session->loop, &session->ask_timer);
	session->ask_timer.data = session;
	for (int i = 0; i < 3; i++) {
		uv_signal_init(session->loop, &session->signals[i]);
		session->signals[i].data = session;
		uv_signal_start(&session->signals[i], on_signal, numbers[i]);
	}
	for (int i = 0; i < MAX_WAITERS; i++) {
		session->waiters[i].session = session;
		uv_timer_init(session->loop, &session->waiters[i].timer);
		session->waiters[i].timer.data = &session->waiters[i];
	}
	session_disks_init(&session->disks, session->loop, session->machine);
	console_on_change(session->console, wake, session);
}

static int open_control(struct session *session, struct error *error)
{
	const struct control_ops ops = {
		.request = on_request,
		.gone = on_gone,
		.opaque = session,
	};

	session->control = control_new(session->loop,
				       session->runtime.control,
				       session->console, &ops, error);
	return session->control ? 0 : -1;
}

static int open_stdin(struct session *session, struct error *error)
{
	const struct terminal_ops ops = {
		.input = on_typed,
		.command = on_escape,
		.resized = on_resized,
		.opaque = session,
	};

	if (session->options->background)
		return 0;
	session->terminal = terminal_open(session->loop, &ops, error);
	if (!session->terminal && *error->text)
		return -1;
	if (!session->terminal && standard_input_start(session->console) < 0)
		return error_set(error, "cannot start a thread");
	return 0;
}

/*
 * In the background: from now on the log is our output, and `colinux start`,
 * which reads what was it until now, sees its last line.
 */
static int start_output(struct session *session, int log, struct error *error)
{
	if (session->options->background) {
		printf("ready %s %d\n", session->runtime.name,
		       (int)uv_os_getpid());
		fflush(stdout);
		os_child_output(-1);
		os_use_output(log);
	}
	if (standard_output_start(&session->output, session->console,
				  session->options->background) < 0)
		return error_set(error, "cannot start a thread");
	session->output_started = true;
	return 0;
}

/* Everything up to the running guest. */
static int set_up(struct session *session, struct error *error)
{
	struct machine_vsock vsock = { .listener = -1 };
	struct machine_callbacks callbacks = {
		.ended = wake,
		.plugged = wake,
		.notice = on_notice,
		.progress = on_progress,
		.opaque = session,
	};
	const struct config *config = session->config;
	uint32_t cid;
	int log = -1;

	if (runtime_claim(&session->runtime, config->name,
			  !config->name_given, error) < 0)
		return -1;
	/* Cards and sockets are named after the guest: no two may be equal. */
	strcpy(session->options->config.name, session->runtime.name);
	if (session->options->background) {
		log = os_open_log(session->runtime.log, error);
		if (log < 0)
			return -1;
		/* Who reads our output now does not read theirs for ever. */
		os_child_output(log);
	}
	session->console = console_new();
	if (!session->console)
		return error_set(error, "out of memory");
	if (config->vsock != CONFIG_VSOCK_OFF) {
		vsock.listener = runtime_listen(&session->runtime, error);
		if (vsock.listener < 0)
			return -1;
		if (config->vsock == CONFIG_VSOCK_CONNECT)
			vsock.path = session->runtime.vsock;
		vsock.vhost = config->vsock == CONFIG_VSOCK_VHOST;
		callbacks.vsock = &vsock;
	}
	session->machine = machine_new(config, session->console, &callbacks,
				       error);
	if (!session->machine)
		return -1;
	cid = machine_vsock_cid(session->machine);
	if (cid && runtime_say_cid(&session->runtime, cid, error) < 0)
		return -1;
	session->loop = uv_default_loop();
	init_handles(session);
	if (open_control(session, error) < 0 || open_stdin(session, error) < 0)
		return -1;
	if (!config->no_sandbox &&
	    os_enter_sandbox(config_connects(config), error) < 0)
		return -1;
	session->started = uv_hrtime();
	session->running = true;
	if (machine_start(session->machine, error) < 0)
		return -1;
	return start_output(session, log, error);
}

int session_run(struct run_options *options)
{
	struct session *session = calloc(1, sizeof(*session));
	struct error error = { "" };
	int status;

	if (!session) {
		say("out of memory");
		return EXIT_OTHER;
	}
	session->options = options;
	session->config = &options->config;
	session->runtime.lock = -1;
	/* A reader that goes away must not take the guest with it. */
	os_ignore_broken_pipes();
	if (set_up(session, &error) < 0) {
		terminal_restore();
		say("%s", error.text);
		machine_free(session->machine);
		runtime_release(&session->runtime, false);
		return EXIT_OTHER;
	}
	uv_run(session->loop, UV_RUN_DEFAULT);
	/* All of the guest's text before our own last words. */
	if (session->output_started)
		uv_thread_join(&session->output);
	status = exit_status(session);
	machine_free(session->machine);
	runtime_release(&session->runtime, options->background);
	/* The console stays: the thread of standard input may still use it. */
	return status;
}
