// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log that says why is never cut short. Linux lets ten messages of a kind
 * through in five seconds, for the sake of slow consoles. Here a file system's
 * messages are how the host learns that a tree is not whole, and virtual time
 * stands still between them. Linked over the stock function by --wrap.
 *
 * Messages that frames cause keep their limit, which net.core.message_burst and
 * message_cost set: one for each frame that a full table drops would say no more.
 */
#include <linux/ratelimit.h>
#include <net/net_ratelimit.h>

int __real____ratelimit(struct ratelimit_state *rs, const char *func);
int __wrap____ratelimit(struct ratelimit_state *rs, const char *func);
int __wrap____ratelimit(struct ratelimit_state *rs, const char *func)
{
	return rs == &net_ratelimit_state ? __real____ratelimit(rs, func) : 1;
}
