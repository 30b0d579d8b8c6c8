#include <features.h>

/* The kernel's struct sigaction, and what musl writes behind it: a restorer that nobody reads. */
struct k_sigaction {
	void (*handler)(int);
	unsigned long flags;
	unsigned mask[2];
	void (*restorer)(void);
};

hidden void __restore(void), __restore_rt(void);
