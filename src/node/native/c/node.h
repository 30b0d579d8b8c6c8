/* SPDX-License-Identifier: MIT */
/*
 * What this module asks of Node: the few functions of Node-API (version 8, nodejs.org/api/n-api.html) and of libuv
 * (docs.libuv.org) that it calls, so that it is built without anybody's headers and stands on no libc.
 */
#ifndef LKL_NODE_H
#define LKL_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_ref__ *napi_ref;
typedef struct napi_handle_scope__ *napi_handle_scope;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

/* napi_status, napi_valuetype */
enum { napi_ok = 0, napi_pending_exception = 10 };
enum { napi_number = 3, napi_object = 6, napi_function = 7, napi_bigint = 9 };

int napi_create_function(napi_env env, const char *name, size_t length, napi_callback call, void *data,
			 napi_value *result);
int napi_set_named_property(napi_env env, napi_value object, const char *name, napi_value value);
int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *argc, napi_value *argv, napi_value *self,
		     void **data);
int napi_typeof(napi_env env, napi_value value, int *type);
int napi_is_typedarray(napi_env env, napi_value value, bool *result);
int napi_get_typedarray_info(napi_env env, napi_value array, int *type, size_t *length, void **data,
			     napi_value *buffer, size_t *offset);
int napi_get_value_int64(napi_env env, napi_value value, int64_t *result);
int napi_get_value_bigint_uint64(napi_env env, napi_value value, uint64_t *result, bool *lossless);
int napi_create_int64(napi_env env, int64_t value, napi_value *result);
int napi_create_bigint_uint64(napi_env env, uint64_t value, napi_value *result);
int napi_throw_type_error(napi_env env, const char *code, const char *message);
int napi_get_and_clear_last_exception(napi_env env, napi_value *result);
int napi_fatal_exception(napi_env env, napi_value error);
int napi_create_reference(napi_env env, napi_value value, uint32_t count, napi_ref *result);
int napi_delete_reference(napi_env env, napi_ref reference);
int napi_get_reference_value(napi_env env, napi_ref reference, napi_value *result);
int napi_open_handle_scope(napi_env env, napi_handle_scope *result);
int napi_close_handle_scope(napi_env env, napi_handle_scope scope);
int napi_get_global(napi_env env, napi_value *result);
int napi_make_callback(napi_env env, void *context, napi_value self, napi_value function, size_t argc,
		       const napi_value *argv, napi_value *result);

/* A handle's first member is `void *data`, the caller's. uv_handle_type UV_POLL is 8. */
enum { UV_POLL = 8, UV_READABLE = 1, UV_WRITABLE = 2 };
int napi_get_uv_event_loop(napi_env env, void **loop);
size_t uv_handle_size(int type);
int uv_poll_init(void *loop, void *poll, int fd);
int uv_poll_start(void *poll, int events, void (*then)(void *poll, int status, int events));
int uv_poll_stop(void *poll);
void uv_close(void *handle, void (*then)(void *handle));

#endif
