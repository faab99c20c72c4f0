// SPDX-License-Identifier: GPL-2.0
/* Frames over a stream socket: see channel.h. */
#include "channel.h"

#include <string.h>

#include "channel_io.h"

#define HEADER sizeof(struct colinux_agent_frame)

void channel_init(struct channel *channel, int fd)
{
	channel->fd = fd;
	channel->ended = false;
	channel->incoming = NULL;
	channel->opaque = NULL;
	channel->silence = NULL;
	channel->start = channel->end = 0;
}

void channel_fill(struct channel *channel)
{
	ssize_t length;

	if (channel->ended)
		return;
	if (channel->start) {
		memmove(channel->in, channel->in + channel->start,
			channel->end - channel->start);
		channel->end -= channel->start;
		channel->start = 0;
	}
	if (channel->end == sizeof(channel->in))
		return;
	length = channel_io_read(channel->fd, channel->in + channel->end,
				 sizeof(channel->in) - channel->end);
	if (length > 0)
		channel->end += length;
	else if (length != CHANNEL_NOT_NOW)
		channel->ended = true;
}

bool channel_next(struct channel *channel, struct frame *frame)
{
	size_t there = channel->end - channel->start;
	struct colinux_agent_frame header;

	if (there < HEADER)
		return false;
	memcpy(&header, channel->in + channel->start, HEADER);
	if (header.length > COLINUX_AGENT_PAYLOAD) {
		/* Nothing that follows can be understood. */
		channel->ended = true;
		channel->start = channel->end = 0;
		return false;
	}
	if (there - HEADER < header.length)
		return false;
	frame->type = header.type;
	frame->length = header.length;
	frame->payload = channel->in + channel->start + HEADER;
	channel->start += HEADER + header.length;
	return true;
}

static void wait_until(struct channel *channel, bool in, bool out)
{
	if (!channel_io_wait(channel->fd, in, out,
			     channel->silence ? CHANNEL_SILENCE_MS : -1) &&
	    channel->silence)
		channel->silence(channel->fd);
}

bool channel_receive(struct channel *channel, struct frame *frame)
{
	while (!channel_next(channel, frame)) {
		if (channel->ended)
			return false;
		wait_until(channel, true, false);
		channel_fill(channel);
	}
	return true;
}

/* The socket is full: wait, and look at what comes. */
static void wait_for_room(struct channel *channel)
{
	struct frame frame;

	if (!channel->incoming) {
		wait_until(channel, false, true);
		return;
	}
	wait_until(channel, true, true);
	channel_fill(channel);
	while (channel_next(channel, &frame))
		channel->incoming(channel->opaque, &frame);
}

bool channel_send(struct channel *channel, uint32_t type, const void *first,
		  size_t first_length, const void *second,
		  size_t second_length)
{
	struct colinux_agent_frame header = {
		.type = type,
		.length = first_length + second_length,
	};
	struct iovec parts[3] = {
		{ &header, HEADER },
		{ (void *)first, first_length },
		{ (void *)second, second_length },
	};
	struct iovec *part = parts;
	int nr = 3;
	ssize_t sent;

	while (nr) {
		if (channel->ended)
			return false;
		sent = channel_io_write(channel->fd, part, nr);
		if (sent == CHANNEL_BROKEN) {
			channel->ended = true;
			return false;
		}
		if (sent < 0) {
			wait_for_room(channel);
			continue;
		}
		while (nr && (size_t)sent >= part->iov_len) {
			sent -= part->iov_len;
			part++;
			nr--;
		}
		if (nr) {
			part->iov_base = (uint8_t *)part->iov_base + sent;
			part->iov_len -= sent;
		}
	}
	return true;
}

bool channel_send_number(struct channel *channel, uint32_t type,
			 uint32_t number)
{
	return channel_send(channel, type, &number, sizeof(number), NULL, 0);
}

bool channel_send_text(struct channel *channel, uint32_t type,
		       const char *text)
{
	return channel_send(channel, type, text, strlen(text), NULL, 0);
}

uint32_t frame_number(const struct frame *frame)
{
	uint32_t number = 0;

	if (frame->length == sizeof(number))
		memcpy(&number, frame->payload, sizeof(number));
	return number;
}

bool frame_text(const struct frame *frame, char *text, size_t room)
{
	if (frame->length >= room || memchr(frame->payload, 0, frame->length))
		return false;
	memcpy(text, frame->payload, frame->length);
	text[frame->length] = '\0';
	return true;
}
