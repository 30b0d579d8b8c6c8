// SPDX-License-Identifier: MIT
/*
 * What Node lacks of Linux: any system call, and an event of the event loop when a descriptor can be read or written.
 * There are no decisions here: which calls with which arguments is in the TypeScript beside it.
 */
#include "node.h"

#define EXPORT __attribute__((visibility("default")))

static long system_call(long nr, const uint64_t *a)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	long ret;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#elif defined(__aarch64__)
	register uint64_t x8 __asm__("x8") = (uint64_t)nr;
	register uint64_t x0 __asm__("x0") = a[0];
	register uint64_t x1 __asm__("x1") = a[1];
	register uint64_t x2 __asm__("x2") = a[2];
	register uint64_t x3 __asm__("x3") = a[3];
	register uint64_t x4 __asm__("x4") = a[4];
	register uint64_t x5 __asm__("x5") = a[5];

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return (long)x0;
#else
#error "no system calls of this machine"
#endif
}

/* A whole number, a bigint, or a typed array, which stands for the address of its first byte. */
static bool read_argument(napi_env env, napi_value value, uint64_t *out)
{
	int type = 0;
	bool flag = false;
	void *data;

	if (napi_typeof(env, value, &type) != napi_ok)
		return false;
	if (type == napi_number)
		return napi_get_value_int64(env, value, (int64_t *)out) == napi_ok;
	if (type == napi_bigint)
		return napi_get_value_bigint_uint64(env, value, out, &flag) == napi_ok;
	if (type != napi_object || napi_is_typedarray(env, value, &flag) != napi_ok || !flag)
		return false;
	if (napi_get_typedarray_info(env, value, NULL, NULL, &data, NULL, NULL) != napi_ok)
		return false;
	*out = (uint64_t)(uintptr_t)data;
	return true;
}

static napi_value refused(napi_env env, const char *message)
{
	napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
	return NULL;
}

/* syscall(number, ...up to six arguments): what Linux returns, a negative errno included. */
static napi_value js_syscall(napi_env env, napi_callback_info info)
{
	napi_value argv[7], result;
	size_t argc = 7;
	uint64_t values[7] = { 0 };

	if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc == 0)
		return refused(env, "a system call has a number");
	for (size_t i = 0; i < argc && i < 7; i++)
		if (!read_argument(env, argv[i], &values[i]))
			return refused(env, "arguments are whole numbers, bigints and typed arrays");
	napi_create_int64(env, system_call((long)values[0], values + 1), &result);
	return result;
}

/* address(array): where its first byte is, as a bigint, for as long as the array lives. */
static napi_value js_address(napi_env env, napi_callback_info info)
{
	napi_value value, result;
	size_t argc = 1;
	uint64_t at;

	if (napi_get_cb_info(env, info, &argc, &value, NULL, NULL) != napi_ok || argc == 0 ||
	    !read_argument(env, value, &at))
		return refused(env, "only a typed array has an address");
	napi_create_bigint_uint64(env, at, &result);
	return result;
}

/* Lies at the start of a typed array of the caller's; libuv's handle follows. */
struct watch {
	napi_env env;
	napi_ref then;
	/* The array itself, until libuv has let go of what lies in it. */
	napi_ref storage;
	uint64_t align;
	char poll[];
};

static void on_event(void *poll, int status, int events)
{
	struct watch *watch = *(struct watch **)poll;
	napi_env env = watch->env;
	napi_handle_scope scope;
	napi_value global, then, argument, error;

	if (napi_open_handle_scope(env, &scope) != napi_ok)
		return;
	if (napi_get_global(env, &global) == napi_ok && napi_create_int64(env, status < 0 ? status : events, &argument) == napi_ok &&
	    napi_get_reference_value(env, watch->then, &then) == napi_ok &&
	    napi_make_callback(env, NULL, global, then, 1, &argument, NULL) == napi_pending_exception &&
	    napi_get_and_clear_last_exception(env, &error) == napi_ok)
		napi_fatal_exception(env, error);
	napi_close_handle_scope(env, scope);
}

static void on_closed(void *poll)
{
	struct watch *watch = *(struct watch **)poll;
	napi_handle_scope scope;

	if (napi_open_handle_scope(watch->env, &scope) != napi_ok)
		return;
	napi_delete_reference(watch->env, watch->then);
	napi_delete_reference(watch->env, watch->storage);
	napi_close_handle_scope(watch->env, scope);
}

static struct watch *watch_of(napi_env env, napi_value storage)
{
	uint64_t at;

	return read_argument(env, storage, &at) ? (struct watch *)(uintptr_t)at : NULL;
}

/* watchBytes(): how large an array `watch` wants. */
static napi_value js_watch_bytes(napi_env env, napi_callback_info info)
{
	napi_value result;

	(void)info;
	napi_create_int64(env, (int64_t)(sizeof(struct watch) + uv_handle_size(UV_POLL)), &result);
	return result;
}

/* watch(array, fd, then): `then(events)` whenever fd can do what `arm` asked for, or a negative errno. Answers 0 or a negative errno. */
static napi_value js_watch(napi_env env, napi_callback_info info)
{
	napi_value argv[3], result;
	size_t argc = 3;
	struct watch *watch;
	uint64_t fd;
	void *loop;
	int type = 0, ret;

	if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc != 3 ||
	    !(watch = watch_of(env, argv[0])) || !read_argument(env, argv[1], &fd) ||
	    napi_typeof(env, argv[2], &type) != napi_ok || type != napi_function)
		return refused(env, "watch takes an array, a descriptor and a function");
	if (napi_get_uv_event_loop(env, &loop) != napi_ok)
		return refused(env, "there is no event loop");
	ret = uv_poll_init(loop, watch->poll, (int)fd);
	if (ret == 0) {
		watch->env = env;
		*(struct watch **)watch->poll = watch;
		napi_create_reference(env, argv[0], 1, &watch->storage);
		napi_create_reference(env, argv[2], 1, &watch->then);
	}
	napi_create_int64(env, ret, &result);
	return result;
}

/* arm(array, events): of UV_READABLE and UV_WRITABLE; none stops it. */
static napi_value js_arm(napi_env env, napi_callback_info info)
{
	napi_value argv[2];
	size_t argc = 2;
	struct watch *watch;
	uint64_t events;

	if (napi_get_cb_info(env, info, &argc, argv, NULL, NULL) != napi_ok || argc != 2 ||
	    !(watch = watch_of(env, argv[0])) || !read_argument(env, argv[1], &events))
		return refused(env, "arm takes an array and events");
	if (events)
		uv_poll_start(watch->poll, (int)events & (UV_READABLE | UV_WRITABLE), on_event);
	else
		uv_poll_stop(watch->poll);
	return NULL;
}

/* unwatch(array): once. The descriptor may be closed afterwards. */
static napi_value js_unwatch(napi_env env, napi_callback_info info)
{
	napi_value storage;
	size_t argc = 1;
	struct watch *watch;

	if (napi_get_cb_info(env, info, &argc, &storage, NULL, NULL) != napi_ok || argc != 1 ||
	    !(watch = watch_of(env, storage)))
		return refused(env, "unwatch takes an array");
	uv_close(watch->poll, on_closed);
	return NULL;
}

static void define(napi_env env, napi_value exports, const char *name, napi_callback call)
{
	napi_value function;

	if (napi_create_function(env, name, (size_t)-1, call, NULL, &function) == napi_ok)
		napi_set_named_property(env, exports, name, function);
}

EXPORT int32_t node_api_module_get_api_version_v1(void)
{
	return 8;
}

EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
	define(env, exports, "syscall", js_syscall);
	define(env, exports, "address", js_address);
	define(env, exports, "watchBytes", js_watch_bytes);
	define(env, exports, "watch", js_watch);
	define(env, exports, "arm", js_arm);
	define(env, exports, "unwatch", js_unwatch);
	return exports;
}
