/* The few things asked of libonnx, as C. Exceptions stay inside; nothing is printed. The bytes
 * must have passed onx_wire_check and the model onx_guard. */
#ifndef ONX_ONX_SHIM_H
#define ONX_ONX_SHIM_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 0: fine, 1: the model is bad (msg: the first line of libonnx's report), 2: libonnx failed. */
/* Checker, then strict shape inference with data propagation. */
int onx_shim_check(const unsigned char *bytes, size_t size, char *msg, size_t msg_size);
/* The model with inferred types in value_info; *out is malloc'ed. */
int onx_shim_infer(const unsigned char *bytes, size_t size, unsigned char **out, size_t *out_size,
                   char *msg, size_t msg_size);

/* Sets up the operator registry, which otherwise happens at first use. */
void onx_shim_warm(void);

/* The same two in a child process (onx_child.c), for what comes from a file: a crash or endless
 * work of libonnx is result 2. */
int onx_child_check(const unsigned char *bytes, size_t size, char *msg, size_t msg_size);
int onx_child_infer(const unsigned char *bytes, size_t size, unsigned char **out, size_t *out_size,
                    char *msg, size_t msg_size);

#ifdef __cplusplus
}
#endif

#endif
