/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The run loop of a vCPU's thread and what it does with each exit.  Everything
 * in an exit comes from the guest: it is checked here, once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "machine_internal.h"

/* Early console: text at a machine address, not crossing a page. */
static int64_t exit_console(struct machine *machine, const uint64_t args[6])
{
	char text[COLINUX_PAGE_SIZE];
	uint64_t length = args[2];
	const void *from;

	if (length > sizeof(text))
		return -EINVAL;
	if (!length)
		return 0;
	from = guest_memory_pointer(&machine->memory, args[1], length);
	if (!from)
		return -EFAULT;
	/* The guest may write on meanwhile: only the copy is looked at. */
	memcpy(text, from, length);
	console_output(machine->console, text, length);
	return length;
}

static int64_t exit_end(struct machine *machine, const uint64_t args[6])
{
	switch (args[0]) {
	case COLINUX_END_POWEROFF:
	case COLINUX_END_HALT:
		machine_ended(machine, MACHINE_POWEROFF, "powered off");
		return 0;
	case COLINUX_END_REBOOT:
		machine_ended(machine, MACHINE_REBOOT, "rebooting");
		return 0;
	case COLINUX_END_PANIC:
		machine_ended(machine, MACHINE_PANIC,
			      "the guest's kernel panicked");
		return 0;
	default:
		machine_ended(machine, MACHINE_KILLED,
			      "the guest ended in an unknown way (%" PRIu64 ")",
			      args[0]);
		return 0;
	}
}

static int64_t exit_vcpu_up(struct machine *machine, const uint64_t args[6])
{
	struct colinux_vcpu_setup registers = {
		.rip = args[1],
		.cr3 = args[2],
		.rsi = args[3],
		.rsp = args[4],
	};

	if (args[0] >= machine->config->cpus)
		return -EINVAL;
	registers.vcpu = args[0];
	return vcpu_start(machine, &registers);
}

/* Off-line: from now on another vCPU may start this one again. */
static void exit_vcpu_down(struct vcpu *vcpu)
{
	uv_mutex_lock(&vcpu->machine->lock);
	vcpu->state = VCPU_LEAVING;
	uv_mutex_unlock(&vcpu->machine->lock);
}

/* Returns the result for the guest; *leave = the thread ends. */
static int64_t handle_hypercall(struct vcpu *vcpu,
				const struct colinux_run *run, bool *leave)
{
	struct machine *machine = vcpu->machine;
	uint64_t args[6];

	for (int i = 0; i < 6; i++)
		args[i] = run->args[i];
	switch (run->nr) {
	case COLINUX_HC_CONSOLE:
		return exit_console(machine, args);
	case COLINUX_HC_DEVICE:
		return virtio_bus_command(machine->bus, args);
	case COLINUX_HC_END:
		*leave = true;
		return exit_end(machine, args);
	case COLINUX_HC_VCPU_UP:
		return exit_vcpu_up(machine, args);
	case COLINUX_HC_VCPU_DOWN:
		*leave = true;
		exit_vcpu_down(vcpu);
		return 0;
	default:
		return -ENOSYS;
	}
}

static void run_loop(struct vcpu *vcpu, struct colinux_run *run)
{
	struct machine *machine = vcpu->machine;
	volatile uint32_t *number = &run->vcpu;
	bool leave = false;
	int result;

	while (!leave) {
		/* In this order: see os_interrupt_target(). */
		*number = vcpu->number;
		if (atomic_load(&machine->end) != MACHINE_RUNNING)
			return;
		result = os_driver_call(machine->driver, COLINUX_IOC_VCPU_RUN,
					run);
		if (result == -EINTR ||
		    (result == -EINVAL && *number == UINT32_MAX))
			continue;
		if (result < 0) {
			machine_ended(machine, MACHINE_FAILED,
				      "the driver does not run vCPU %u: %s",
				      vcpu->number, strerror(-result));
			return;
		}
		switch (run->exit) {
		case COLINUX_RUN_INTR:
			break;
		case COLINUX_RUN_HYPERCALL:
			run->ret = os_guest_result(
				handle_hypercall(vcpu, run, &leave));
			break;
		case COLINUX_RUN_KILLED:
			run->reason[sizeof(run->reason) - 1] = '\0';
			machine_ended(machine, MACHINE_KILLED, "%s",
				      run->reason);
			return;
		default:
			machine_ended(machine, MACHINE_FAILED,
				      "unknown exit %u of the driver",
				      run->exit);
			return;
		}
	}
}

static void vcpu_thread(void *opaque)
{
	struct vcpu *vcpu = opaque;
	struct machine *machine = vcpu->machine;
	struct colinux_run run = { .vcpu = vcpu->number };
	char name[16];
	bool last;

	snprintf(name, sizeof(name), "vcpu%u", vcpu->number);
	os_thread_name(name);
	os_interrupt_target(&run.vcpu);
	run_loop(vcpu, &run);
	uv_mutex_lock(&machine->lock);
	/* From here on nobody sends this thread an interrupt. */
	vcpu->state = VCPU_OFF;
	last = --machine->nr_running == 0;
	uv_cond_broadcast(&machine->vcpu_off);
	uv_mutex_unlock(&machine->lock);
	os_interrupt_untarget();
	if (last && atomic_load(&machine->end) == MACHINE_RUNNING)
		machine_ended(machine, MACHINE_KILLED,
			      "the guest switched all its CPUs off");
}

int vcpu_start(struct machine *machine,
	       const struct colinux_vcpu_setup *registers)
{
	struct colinux_vcpu_setup setup = *registers;
	struct vcpu *vcpu = &machine->vcpus[setup.vcpu];
	int result = 0;

	uv_mutex_lock(&machine->lock);
	while (vcpu->state == VCPU_LEAVING)
		uv_cond_wait(&machine->vcpu_off, &machine->lock);
	if (vcpu->state != VCPU_OFF)
		result = -EBUSY;
	else if (atomic_load(&machine->end) != MACHINE_RUNNING)
		result = -ECANCELED;
	if (result) {
		uv_mutex_unlock(&machine->lock);
		return result;
	}
	/* Its last thread is past everything that needs the lock. */
	if (vcpu->joinable)
		uv_thread_join(&vcpu->thread);
	vcpu->joinable = false;
	result = os_driver_call(machine->driver, COLINUX_IOC_VCPU_SETUP,
				&setup);
	if (result >= 0) {
		vcpu->state = VCPU_RUNNING;
		machine->nr_running++;
		result = uv_thread_create(&vcpu->thread, vcpu_thread, vcpu);
		if (result < 0) {
			vcpu->state = VCPU_OFF;
			machine->nr_running--;
		} else {
			vcpu->joinable = true;
		}
	}
	uv_mutex_unlock(&machine->lock);
	return result < 0 ? result : 0;
}

void vcpu_join_all(struct machine *machine)
{
	for (unsigned int i = 0; i < COLINUX_MAX_VCPUS; i++) {
		struct vcpu *vcpu = &machine->vcpus[i];
		bool joinable;

		uv_mutex_lock(&machine->lock);
		joinable = vcpu->joinable;
		vcpu->joinable = false;
		uv_mutex_unlock(&machine->lock);
		if (joinable)
			uv_thread_join(&vcpu->thread);
	}
}
