/* SPDX-License-Identifier: GPL-2.0 */
/* Part of virtio_test.h: where interrupts go, and how they come together. */
#ifndef TRANSPORT_IRQ_TESTS_H
#define TRANSPORT_IRQ_TESTS_H

/* Where interrupts go, and what happens to those that come on the way. */
static void affinity(void)
{
	static const char *const names[2] = { "input.0", "output.0" };
	static const u64 second[16] = { 2 }, none[16] = { 4 };
	callback_fn *callbacks[2] = { callback_a, callback_a };
	struct virtqueue *vqs[2];
	void *vdev = devices[1].vdev;
	struct fake_vq *a, *b;
	u32 irq;

	boot_info->nr_vcpus = 2;
	/* A block device has a queue for each CPU, a network card two. */
	device_page(1)->device_id = 2;
	find(vdev, 2, vqs, callbacks, names);
	check(route[1][0] == 0 && route[1][1] == 1, "a queue for each CPU");
	ops_of(1)->del_vqs(vdev);
	device_page(1)->device_id = NETWORK;
	find(vdev, 2, vqs, callbacks, names);
	check(route[1][0] == 0 && route[1][1] == 0,
	      "both rings of a network card to the same");
	device_page(1)->device_id = 2;
	a = (struct fake_vq *)vqs[0];
	b = (struct fake_vq *)vqs[1];
	irq = lines[1][1].irq;
	check(!strncmp(fake_irqs[irq].name, devices[1].tag,
		       strlen(devices[1].tag)) &&
	      !strcmp(fake_irqs[irq].name + strlen(devices[1].tag),
		      "-output.0"), "its name");
	check(!ops_of(1)->set_vq_affinity(vqs[1], second) && route[1][1] == 1
	      && fake_irqs[irq].effective[0] == 2, "it is moved");
	interrupt_all(1);
	check(a->interrupts == 1 && !b->interrupts,
	      "each CPU takes its own only");
	this_cpu = 1;
	port_device_interrupt(1);
	check(a->interrupts == 1 && b->interrupts == 1, "and the other its");
	this_cpu = 0;
	check(ops_of(1)->set_vq_affinity(vqs[1], none) == -EINVAL &&
	      route[1][1] == 1, "not to a CPU that is off-line");
	check(!ops_of(1)->set_vq_affinity(vqs[1], NULL) && route[1][1] == 1,
	      "anywhere: where it is");

	/* It has come to the one that loses it. */
	boot_info->irq_pending[1] = 1 << 1;
	kicked[0] = 0;
	port_area(0)->device_pending = 0;
	irq_set_affinity(irq, (u64[16]){ 1 });
	check(kicked[0] == 1 && port_area(0)->device_pending == 2,
	      "one that is moved while it is pending is not lost");
	port_device_interrupt(1);
	check(b->interrupts == 2, "its new CPU takes it");
	check(AT(retrigger_fn *, fake_irqs[irq].chip, 24)(fake_irqs[irq].data)
	      == 1 && boot_info->irq_pending[1] == 1 << 1 && kicked[0] == 2,
	      "one that came while disabled comes again");
	port_device_interrupt(1);

	cpu_online_mask[0] = 2;
	port_virtio_cpu_down(0);
	check(route[40][COLINUX_IRQ_PAGE] == 1 && route[1][0] == 0,
	      "a CPU that goes: empty slots tell another one");
	cpu_online_mask[0] = 3;
	port_vq_irq_init();
	check(route[40][COLINUX_IRQ_PAGE] == 0, "back");
	irq_set_affinity(lines[1][COLINUX_IRQ_PAGE].irq, (u64[16]){ 1 });
	ops_of(1)->del_vqs(vdev);
	irq_result = -12;
	check(find(vdev, 1, vqs, callbacks, names) == -12,
	      "no interrupt, no queue");
	irq_result = 0;
	boot_info->nr_vcpus = 1;
}

/* An interrupt on a second vCPU while the first is in the handler. */
static unsigned int depth, deepest;

static void nested(struct fake_vq *vq)
{
	if (++depth > deepest)
		deepest = depth;
	if (vq->interrupts <= 3)
		interrupt_all(1);
	depth--;
}

static void *many_interrupts(void *done)
{
	unsigned int i;

	for (i = 0; i < 20000 || !__atomic_load_n((int *)done,
						   __ATOMIC_ACQUIRE); i++)
		interrupt_all(1);
	return NULL;
}

static void concurrency(void)
{
	static const char *const names[1] = { "a" };
	callback_fn *callbacks[1] = { callback_a };
	struct virtqueue *vqs[1];
	void *vdev = devices[1].vdev;
	pthread_t threads[2];
	int done = 0, i;

	find(vdev, 1, vqs, callbacks, names);
	in_interrupt = nested;
	interrupt_all(1);
	check(((struct fake_vq *)vqs[0])->interrupts == 4 && deepest == 1,
	      "interrupts in the handler are not lost and do not nest");
	in_interrupt = NULL;
	ops_of(1)->del_vqs(vdev);

	/* fake_interrupt() aborts if a deleted queue is asked. */
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, many_interrupts, &done);
	for (i = 0; i < 200; i++) {
		nr_vqs = 0;
		find(vdev, 1, vqs, callbacks, names);
		interrupt_all(1);
		ops_of(1)->del_vqs(vdev);
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	check(true, "queues come and go under interrupts of two CPUs");
}

#endif
