/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A few threads that do disk requests one by one: the engine where io_uring is
 * not to be had, and beside io_uring for what that cannot do.  Threads start
 * when there is work and none is idle.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../os.h"
#include "engine.h"

/* Enough to keep the host's disk busy; each costs a task and its stack. */
#define MOST_THREADS 8
#define STACK_SIZE (128u * 1024)

struct disk_pool {
	const struct disk *disk;
	pthread_mutex_t lock;
	pthread_cond_t work;
	/* Guarded by lock: */
	struct disk_request *first, **last;	/* waiting */
	struct disk_request *done;
	unsigned int waiting, idle, nr_threads;
	bool stop;
	pthread_t threads[MOST_THREADS];
};

struct disk_pool *disk_pool_new(const struct disk *disk)
{
	struct disk_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->disk = disk;
	pool->last = &pool->first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	return pool;
}

void disk_pool_free(struct disk_pool *pool)
{
	unsigned int i;

	pthread_mutex_lock(&pool->lock);
	pool->stop = true;
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (i = 0; i < pool->nr_threads; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* Lock held: the request is done; tell the owner. */
static void finish(struct disk_pool *pool, struct disk_request *request)
{
	const uint64_t one = 1;

	request->next = pool->done;
	pool->done = request;
	while (write(pool->disk->event_fd, &one, sizeof(one)) < 0 &&
	       errno == EINTR)
		;
}

static void *pool_thread(void *opaque)
{
	struct disk_pool *pool = opaque;
	struct disk_request *request;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (!pool->first && !pool->stop) {
			pool->idle++;
			pthread_cond_wait(&pool->work, &pool->lock);
			pool->idle--;
		}
		request = pool->first;
		if (!request)
			break;
		pool->first = request->next;
		if (!pool->first)
			pool->last = &pool->first;
		pool->waiting--;
		pthread_mutex_unlock(&pool->lock);
		request->error = disk_perform(pool->disk, request);
		pthread_mutex_lock(&pool->lock);
		finish(pool, request);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Lock held. */
static void start_thread(struct disk_pool *pool)
{
	if (!os_thread_start(&pool->threads[pool->nr_threads], STACK_SIZE,
			     pool_thread, pool))
		pool->nr_threads++;
}

void disk_pool_submit(struct disk_pool *pool, struct disk_request *request)
{
	pthread_mutex_lock(&pool->lock);
	if (pool->idle <= pool->waiting && pool->nr_threads < MOST_THREADS)
		start_thread(pool);
	if (pool->nr_threads) {
		request->next = NULL;
		*pool->last = request;
		pool->last = &request->next;
		pool->waiting++;
		pthread_cond_signal(&pool->work);
	} else {
		/* Not even one: slow, but it works. */
		request->error = disk_perform(pool->disk, request);
		finish(pool, request);
	}
	pthread_mutex_unlock(&pool->lock);
}

struct disk_request *disk_pool_take_done(struct disk_pool *pool)
{
	struct disk_request *list;

	pthread_mutex_lock(&pool->lock);
	list = pool->done;
	pool->done = NULL;
	pthread_mutex_unlock(&pool->lock);
	return list;
}
