/* What clang's -wasm-enable-sjlj makes of setjmp() and longjmp(): calls of these three, and an exception of the tag __c_longjmp. */
#include <setjmp.h>
#include <stdint.h>

struct state {
	void *invocation;	/* of the function that called setjmp() */
	uint32_t label;		/* of the call in it */
	struct {
		void *env;
		int value;
	} thrown;
};

void __wasm_setjmp(void *env, uint32_t label, void *invocation)
{
	struct state *state = env;

	state->invocation = invocation;
	state->label = label;
}

uint32_t __wasm_setjmp_test(void *env, void *invocation)
{
	struct state *state = env;

	return state->invocation == invocation ? state->label : 0;
}

void __wasm_longjmp(void *env, int value)
{
	struct state *state = env;

	state->thrown.env = env;
	state->thrown.value = value ? value : 1;
	__builtin_wasm_throw(1, &state->thrown);
}
