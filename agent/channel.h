/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames (colinux/agent.h) over a stream socket.  Used at both ends: by the
 * command, with the C library, and by the agent, without one.
 *
 * One thread.  Sending waits for room; who may be sent something meanwhile
 * that must not wait gives `incoming`.
 */
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <colinux/agent.h>

#define CHANNEL_SILENCE_MS 3000

/* A frame that has come; valid until the next call for this channel. */
struct frame {
	uint32_t type;
	uint32_t length;
	const uint8_t *payload;
};

struct channel {
	int fd;			/* the caller's */
	bool ended;		/* the other side has closed, or broke rules */
	/* If not NULL: called for frames that come while we send. */
	void (*incoming)(void *opaque, const struct frame *frame);
	void *opaque;
	/*
	 * If not NULL: called about every CHANNEL_SILENCE_MS that we wait in
	 * vain.  For who is not told that the other side is gone unless he sends
	 * something.
	 */
	void (*silence)(int fd);
	size_t start, end;	/* bytes in `in` that were not looked at */
	_Alignas(8) uint8_t in[2 * (sizeof(struct colinux_agent_frame) +
				    COLINUX_AGENT_PAYLOAD)];
};

void channel_init(struct channel *channel, int fd);

/* Read what is there, without waiting; sets `ended` at the end. */
void channel_fill(struct channel *channel);
/* Take a frame out of what was read; false = not complete yet. */
bool channel_next(struct channel *channel, struct frame *frame);
/* Wait for a frame; false = the channel has ended. */
bool channel_receive(struct channel *channel, struct frame *frame);

/*
 * Send a frame in up to two parts; false = the channel has ended.  Together
 * they have at most COLINUX_AGENT_PAYLOAD bytes.
 */
bool channel_send(struct channel *channel, uint32_t type, const void *first,
		  size_t first_length, const void *second,
		  size_t second_length);
bool channel_send_number(struct channel *channel, uint32_t type,
			 uint32_t number);
bool channel_send_text(struct channel *channel, uint32_t type,
		       const char *text);

/* The number in a frame of 32 bits; 0 if it is none. */
uint32_t frame_number(const struct frame *frame);
/*
 * Copy a frame's text, at most room - 1 bytes, with a NUL.  false = it is too
 * long or has NULs in it.
 */
bool frame_text(const struct frame *frame, char *text, size_t room);

#endif
