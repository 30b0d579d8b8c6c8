/* Atomic operations as liburcu names them, on any integer. */
#ifndef URCU_UATOMIC_H
#define URCU_UATOMIC_H

#define uatomic_read(p) (*(p))
#define uatomic_set(p, v) ((void)(*(p) = (v)))
#define uatomic_add_return(p, v) (*(p) += (v))
#define uatomic_sub_return(p, v) (*(p) -= (v))
#define uatomic_add(p, v) ((void)uatomic_add_return(p, v))
#define uatomic_sub(p, v) ((void)uatomic_sub_return(p, v))
#define uatomic_inc(p) uatomic_add(p, 1)
#define uatomic_dec(p) uatomic_sub(p, 1)
#define uatomic_cmpxchg(p, old, new) __sync_val_compare_and_swap(p, old, new)

#endif
