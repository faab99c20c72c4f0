/* SPDX-License-Identifier: GPL-2.0 */
/* The machine and its run loop against a fake driver: every exit and end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "../../../daemon/machine.h"
#include "../virtio/tap.h"
#include "fake.h"

/* What a test waits for. */
struct ended {
	uv_mutex_t lock;
	uv_cond_t change;
	unsigned int nr;
};

static struct ended ended;
static struct config *config;
static struct console *console;
static struct error error;

static void on_ended(void *opaque)
{
	struct ended *e = opaque;

	uv_mutex_lock(&e->lock);
	e->nr++;
	uv_cond_signal(&e->change);
	uv_mutex_unlock(&e->lock);
}

/* Wait until the nth end; false after ten seconds. */
static bool wait_end(unsigned int nr)
{
	bool there = true;

	uv_mutex_lock(&ended.lock);
	while (ended.nr < nr && there)
		there = uv_cond_timedwait(&ended.change, &ended.lock,
					  10000000000ull) == 0;
	there = ended.nr == nr;
	uv_mutex_unlock(&ended.lock);
	return there;
}

static void begin(fake_guest_fn guest)
{
	fake_reset(guest);
	ended.nr = 0;
	memset(config, 0, sizeof(*config));
	config_init(config);
	config->cpus = 1;
	strcpy(config->name, "test");
	strcpy(config->kernel, "/fake/vmlinuz");
	strcpy(config->port, "/fake/port.o");
	strcpy(config->init, "/fake/init");
	strcpy(config->disk[0].path, "/fake/disk");
	strcpy(config->root, "/dev/cobd0");
	console = console_new();
}

static struct machine *new_machine(void)
{
	const struct machine_callbacks callbacks = {
		.ended = on_ended,
		.opaque = &ended,
	};

	strcpy(error.text, "");
	return machine_new(config, console, &callbacks, &error);
}

/* All of a guest's life; returns how it ended. */
static enum machine_end run(fake_guest_fn guest, unsigned int cpus,
			    char reason[256])
{
	enum machine_end end = MACHINE_RUNNING;
	struct machine *machine;

	begin(guest);
	config->cpus = cpus;
	machine = new_machine();
	if (machine && machine_start(machine, &error) == 0 && wait_end(1)) {
		end = machine_state(machine, reason, 256);
		machine_join(machine);
	}
	machine_free(machine);
	return end;
}

static size_t read_console(char *text, size_t room)
{
	uint64_t position = 0;
	size_t length = console_read(console, &position, text, room - 1, NULL);

	text[length] = '\0';
	return length;
}

static enum fake_step guest_poweroff(unsigned int vcpu, unsigned int step,
				     struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)kicks;
	switch (step) {
	case 0:
		return fake_print(run, "hello\n");
	case 1:
		run->exit = COLINUX_RUN_INTR;
		return FAKE_EXIT;
	default:
		return fake_end(run, COLINUX_END_POWEROFF);
	}
}

static void test_poweroff(void)
{
	char reason[256] = "", text[64];

	check(run(guest_poweroff, 1, reason) == MACHINE_POWEROFF, "power-off");
	read_console(text, sizeof(text));
	check(!strcmp(text, "hello\n"), "early console text is kept");
	check(fake.nr_setups[0] == 1 && fake.setups[0].rip == 0x1234 &&
		      fake.setups[0].cr3 == FAKE_MACHINE + 0x5000,
	      "vCPU 0 starts where the loader says");
	check(fake.created.memory == 256 << 20 &&
		      fake.created.image == 50 << 20 &&
		      fake.created.nr_vcpus == 1 && !fake.created.flags &&
		      fake.created.watchdog == 5 && !strcmp(fake.created.name, "test"),
	      "the VM is created as configured");
	check(!strcmp(fake.disks, "cobd0:/fake/disk:rw "), "disk: %s",
	      fake.disks);
	check(!strcmp(fake.cmdline, "root=/dev/vda"), "command line: %s",
	      fake.cmdline);
	check(fake.nr_opens == 1 && fake.nr_closes == 1 && fake.nr_frees == 1,
	      "all is closed");
	console_free(console);
}

static int64_t results[8];

static enum fake_step guest_bad_calls(unsigned int vcpu, unsigned int step,
				      struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)kicks;
	if (step > 0 && step <= 8)
		results[step - 1] = run->ret;
	switch (step) {
	case 0:		/* not guest RAM */
		return fake_hypercall(run, COLINUX_HC_CONSOLE, 0, 0x1000, 16);
	case 1:		/* too long */
		return fake_hypercall(run, COLINUX_HC_CONSOLE, 0, FAKE_MACHINE,
				      4097);
	case 2:		/* wraps */
		return fake_hypercall(run, COLINUX_HC_CONSOLE, 0,
				      UINT64_MAX - 7, 16);
	case 3:
		return fake_hypercall(run, COLINUX_HC_CONSOLE, 0, FAKE_MACHINE,
				      0);
	case 4:
		return fake_hypercall(run, 4711, 0, 0, 0);
	case 5:
		return fake_hypercall(run, COLINUX_HC_DEVICE, 3, 1, 9);
	case 6:
		return fake_hypercall(run, COLINUX_HC_VCPU_UP, 64, 0, 0);
	case 7:		/* itself */
		return fake_hypercall(run, COLINUX_HC_VCPU_UP, 0, 0, 0);
	default:
		return fake_end(run, COLINUX_END_HALT);
	}
}

static void test_bad_calls(void)
{
	char reason[256] = "";

	check(run(guest_bad_calls, 2, reason) == MACHINE_POWEROFF,
	      "halt is a power-off");
	check(results[0] == -EFAULT, "console text outside of RAM is refused");
	check(results[1] == -EINVAL, "console text over a page is refused");
	check(results[2] == -EFAULT, "console address that wraps is refused");
	check(results[3] == 0, "empty console text is nothing");
	check(results[4] == -ENOSYS, "unknown hypercalls are refused");
	check(results[5] == 77 && fake.command[0] == 3 &&
		      fake.command[1] == 1 && fake.command[2] == 9,
	      "device commands reach the bus");
	check(results[6] == -EINVAL && results[7] == -EBUSY,
	      "vCPUs that cannot be started are refused");
	check(console_end(console) == 0, "nothing was printed");
	console_free(console);
}

static uint64_t end_argument;

static enum fake_step guest_end(unsigned int vcpu, unsigned int step,
				struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)step;
	(void)kicks;
	return fake_hypercall(run, COLINUX_HC_END, end_argument, 0, 0);
}

static enum fake_step guest_killed(unsigned int vcpu, unsigned int step,
				   struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)step;
	(void)kicks;
	run->exit = COLINUX_RUN_KILLED;
	memset(run->reason, 'x', sizeof(run->reason));
	return FAKE_EXIT;
}

static enum fake_step guest_odd_exit(unsigned int vcpu, unsigned int step,
				     struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)step;
	(void)kicks;
	run->exit = 99;
	return FAKE_EXIT;
}

static enum fake_step guest_error(unsigned int vcpu, unsigned int step,
				  struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)kicks;
	run->ret = step < 3 ? -EINTR : -EIO;
	return FAKE_ERROR;
}

static void test_ends(void)
{
	char reason[256];

	end_argument = COLINUX_END_PANIC;
	check(run(guest_end, 1, reason) == MACHINE_PANIC, "panic");
	console_free(console);
	end_argument = 12345;
	check(run(guest_end, 1, reason) == MACHINE_KILLED &&
		      strstr(reason, "12345"),
	      "an unknown end is said: %s", reason);
	console_free(console);
	check(run(guest_killed, 1, reason) == MACHINE_KILLED &&
		      strlen(reason) == 127,
	      "killed by the monitor, its reason without end is cut");
	console_free(console);
	check(run(guest_odd_exit, 1, reason) == MACHINE_FAILED &&
		      strstr(reason, "99"),
	      "an unknown exit of the driver is said: %s", reason);
	console_free(console);
	check(run(guest_error, 1, reason) == MACHINE_FAILED &&
		      strstr(reason, strerror(EIO)),
	      "EINTR is nothing, other errors of the driver end it: %s",
	      reason);
	console_free(console);
}

/* Reboots three times, then powers off. */
static enum fake_step guest_reboot(unsigned int vcpu, unsigned int step,
				   struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)kicks;
	if (step == 0)
		return fake_print(run, "boot ");
	return fake_end(run, fake.nr_loads <= 3 ? COLINUX_END_REBOOT :
						  COLINUX_END_POWEROFF);
}

static void test_reboot(void)
{
	enum machine_end end = MACHINE_RUNNING;
	struct machine *machine;
	unsigned int boots = 0;
	char text[64];

	begin(guest_reboot);
	machine = new_machine();
	do {
		if (machine_start(machine, &error) < 0 || !wait_end(++boots))
			break;
		end = machine_state(machine, NULL, 0);
		machine_join(machine);
	} while (end == MACHINE_REBOOT && boots < 10);
	check(end == MACHINE_POWEROFF && boots == 4, "three reboots");
	check(fake.nr_loads == 4 && fake.nr_bus_starts == 4 &&
		      fake.nr_bus_resets == 4 && fake.nr_setups[0] == 4,
	      "each one loads the kernel and resets the devices");
	check(fake.nr_opens == 1, "in the same VM");
	fake.load_fails = true;
	check(machine_start(machine, &error) < 0 &&
		      !strcmp(error.text, "fake: cannot load"),
	      "a kernel that cannot be loaded again is said");
	check(machine_state(machine, NULL, 0) != MACHINE_RUNNING,
	      "and nothing runs");
	read_console(text, sizeof(text));
	check(!strcmp(text, "boot boot boot boot "),
	      "the console is the same all the time");
	machine_free(machine);
	console_free(console);
}

/*
 * vCPU 0 starts 1, which goes down at once; vCPU 0 starts it again (until its
 * hypercall has arrived that may say -EBUSY), tries a third time and ends.
 */
static enum fake_step guest_smp(unsigned int vcpu, unsigned int step,
				struct colinux_run *run, uint64_t *kicks)
{
	static unsigned int tries;
	struct colinux_kick kick = { .vcpu = 0, .virq = COLINUX_VIRQ_CALL };

	if (vcpu == 1) {
		if (step)
			return FAKE_SLEEP;
		fake_kick(&kick);
		if (fake.nr_setups[1] == 2)
			return FAKE_SLEEP;
		return fake_hypercall(run, COLINUX_HC_VCPU_DOWN, 0, 0, 0);
	}
	if (step == 1)
		results[0] = run->ret;
	/* Has it said that it is about to go down? */
	if (step && !tries && !*kicks)
		return FAKE_SLEEP;
	if (tries == 2 && run->ret) {
		results[1] = run->ret;
		return fake_end(run, COLINUX_END_POWEROFF);
	}
	if (step && (!tries || !run->ret))
		tries++;
	fake_hypercall(run, COLINUX_HC_VCPU_UP, 1, 0x1000 + tries, 0x2000);
	run->args[3] = 0x3000;
	run->args[4] = 0x4000;
	return FAKE_EXIT;
}

static void test_smp(void)
{
	char reason[256];

	check(run(guest_smp, 2, reason) == MACHINE_POWEROFF,
	      "two vCPUs, one asleep at the end");
	check(results[0] == 0 && fake.setups[1].vcpu == 1 &&
		      fake.setups[1].cr3 == 0x2000 &&
		      fake.setups[1].rsi == 0x3000 &&
		      fake.setups[1].rsp == 0x4000,
	      "vCPU 1 comes up with its registers");
	check(fake.nr_setups[1] == 2 && fake.setups[1].rip == 0x1001,
	      "down and up again");
	check(results[1] == -EBUSY, "one that runs is not started");
	check(fake.nr_interrupts >= 1, "it was interrupted");
	console_free(console);
}

static enum fake_step guest_all_down(unsigned int vcpu, unsigned int step,
				     struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)step;
	(void)kicks;
	return fake_hypercall(run, COLINUX_HC_VCPU_DOWN, 0, 0, 0);
}

static enum fake_step guest_sleep(unsigned int vcpu, unsigned int step,
				  struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)step;
	if (*kicks & 1ull << COLINUX_VIRQ_SHUTDOWN)
		return fake_end(run, COLINUX_END_POWEROFF);
	return FAKE_SLEEP;
}

/* Never sleeps: interrupts find it in and between calls. */
static enum fake_step guest_busy(unsigned int vcpu, unsigned int step,
				 struct colinux_run *run, uint64_t *kicks)
{
	(void)vcpu;
	(void)kicks;
	return fake_hypercall(run, step & 1 ? COLINUX_HC_DEVICE : 4711, 0, 0,
			      0);
}

static void test_stop(void)
{
	struct machine *machine;
	char reason[256];
	int good = 0;

	check(run(guest_all_down, 1, reason) == MACHINE_KILLED,
	      "a guest without CPUs is ended: %s", reason);
	console_free(console);

	begin(guest_sleep);
	machine = new_machine();
	machine_start(machine, &error);
	check(machine_request_shutdown(machine, &error) == 0 && wait_end(1) &&
		      machine_state(machine, NULL, 0) == MACHINE_POWEROFF,
	      "a guest that sleeps hears the power button");
	machine_free(machine);
	console_free(console);

	for (int i = 0; i < 100; i++) {
		begin(i & 1 ? guest_busy : guest_sleep);
		machine = new_machine();
		machine_start(machine, &error);
		machine_kill(machine, "enough");
		if (wait_end(1) &&
		    machine_state(machine, reason, sizeof(reason)) ==
			    MACHINE_KILLED &&
		    !strcmp(reason, "enough"))
			good++;
		machine_kill(machine, "again");
		machine_join(machine);
		machine_free(machine);
		console_free(console);
	}
	check(good == 100, "killed at any moment, 100 times");

	begin(guest_busy);
	machine = new_machine();
	machine_start(machine, &error);
	machine_free(machine);
	check(ended.nr == 1, "freed while it runs");
	console_free(console);
}

static void refuse(const char *what, const char *part)
{
	struct machine *machine = new_machine();

	check(!machine && strstr(error.text, part), "%s: %s", what,
	      error.text);
	check(fake.nr_opens == fake.nr_closes, "%s: the driver is closed",
	      what);
	machine_free(machine);
	console_free(console);
}

static void test_refused(void)
{
	begin(guest_sleep);
	fake.open_fails = -ENOENT;
	refuse("no driver", "modprobe");
	begin(guest_sleep);
	fake.version_result = -EPROTO;
	refuse("other driver", "version");
	begin(guest_sleep);
	fake.version_result = -ENOTTY;
	refuse("no driver of ours", "does not answer");
	begin(guest_sleep);
	fake.kernel_fails = true;
	refuse("bad kernel", "/fake/vmlinuz");
	begin(guest_sleep);
	fake.create_result = -ENOMEM;
	refuse("too much memory", "mem=256");
	begin(guest_sleep);
	fake.create_result = -EINVAL;
	refuse("refused by the driver", "256 MB and 1 CPU");
	begin(guest_sleep);
	config->memory = 32 << 20;
	refuse("too little memory", "at least mem=");
	begin(guest_sleep);
	fake.extents_result = -EFAULT;
	refuse("no memory map", "memory map");
	begin(guest_sleep);
	fake.disk_fails = true;
	refuse("bad disk", "/fake/disk");
}

static void test_pieces(void)
{
	struct machine *machine;

	begin(guest_sleep);
	fake.nr_extents = 3;
	machine = new_machine();
	check(machine && machine_extents(machine) == 3, "memory in pieces");
	machine_free(machine);
	console_free(console);

	begin(guest_sleep);
	fake.setup_result = -EINVAL;
	machine = new_machine();
	check(machine_start(machine, &error) < 0 &&
		      strstr(error.text, "first vCPU") && ended.nr == 0,
	      "a vCPU that cannot start is said: %s", error.text);
	machine_free(machine);
	console_free(console);
}

/* What comes after the modules may fail. */
static bool asks_for(const char *modules)
{
	*fake.modules = '\0';
	machine_free(new_machine());
	return !strcmp(fake.modules, modules);
}

static void test_modules(void)
{
	begin(guest_poweroff);
	config->vsock = CONFIG_VSOCK_OFF;
	check(asks_for("virtio_blk ext4 "), "modules of who has a disk");
	*config->disk[0].path = '\0';
	strcpy(config->initrd, "/fake/initrd");
	check(asks_for("virtio_blk "), "of who has none");
	config->net[2].kind = NET_BRIDGE;
	strcpy(config->net[2].interface, "none-such");
	strcpy(config->folder[1].path, "/");
	check(asks_for("virtio_blk virtio_net ?virtiofs "),
	      "of who has a card and a folder");
	config->net[2].kind = NET_NONE;
	*config->folder[1].path = '\0';
	config->vsock = CONFIG_VSOCK_ON;
	check(asks_for("virtio_blk ?vmw_vsock_virtio_transport "),
	      "of who has exec");
	config->vsock = CONFIG_VSOCK_OFF;
	strcpy(config->vhost_user[0].kind, "blk");
	strcpy(config->vhost_user[1].kind, "fs");
	check(asks_for("virtio_blk ext4 ?virtiofs "),
	      "of who has devices that others serve");
	strcpy(config->vhost_user[1].kind, "vsock");
	check(asks_for("virtio_blk ext4 ?vmw_vsock_virtio_transport "),
	      "of who has sockets that others serve");
}

int main(void)
{
	uv_mutex_init(&ended.lock);
	uv_cond_init(&ended.change);
	config = malloc(sizeof(*config));
	test_poweroff();
	test_bad_calls();
	test_ends();
	test_reboot();
	test_smp();
	test_stop();
	test_refused();
	test_pieces();
	test_modules();
	free(config);
	return done();
}
