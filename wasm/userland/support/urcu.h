/* What xfsprogs uses of liburcu, which knows no wasm32: threads of a program change hands in system calls only, so nothing can be read while it is written. */
#ifndef URCU_H
#define URCU_H

#include <urcu/uatomic.h>

struct rcu_head {
	struct rcu_head *next;
	void (*func)(struct rcu_head *head);
};

/* There are no readers in the middle of anything. */
static inline void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	func(head);
}

static inline void rcu_init(void) {}
static inline void rcu_register_thread(void) {}
static inline void rcu_unregister_thread(void) {}
static inline void rcu_read_lock(void) {}
static inline void rcu_read_unlock(void) {}

#endif
