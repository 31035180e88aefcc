/* The inside of src/exec: values, steps, kernels and the wrapping of oneDNN primitives.
 *
 * exec_new types the graph for fixed shapes, makes one value for each tensor that flows and for
 * each constant, and one step for each node in topological order. Buffers exist before a kernel's
 * init and do not move afterwards, except for gradients and scratch, which are asked for in each
 * call. Every element type is held as float.
 * Layout: a value is plain (row-major) or, where a plan chose so, blocked as `md` says; a kernel
 * whose row has `layout` goes by md and size, the others see plain values only. */
#ifndef EXEC_EXEC_PRIV_H
#define EXEC_EXEC_PRIV_H

#include "base/err.h"
#include "base/mem.h"
#include "base/vec.h"
#include "exec/exec.h"
#include <oneapi/dnnl/dnnl.h>

/* ---- values ---- */

struct value {
    struct ttype type; /* all dimensions known */
    int64_t count;     /* elements */
    float *data;
    float *grad;           /* while exec_backward runs: d loss / d value; NULL: not wanted */
    dnnl_memory_desc_t md; /* of data and grad; rank 0 is one dimension of 1 */
    size_t size;           /* floats in the buffer, padding of md included; >= count */
    bool plain;            /* md is row-major without gaps */
    bool owned;            /* data is freed with the value */
    int32_t node, port;    /* producer; node -1: a constant */
    struct tensor *tensor; /* of a constant, borrowed from the graph */
    int param;             /* index of its exec_param; -1: none */
    bool state;            /* running statistics: changed by training, without a gradient */
    bool learns;           /* a parameter, or computed from one */
    float *grad_buf;       /* EXEC_TRAIN */
    bool grad_live;        /* some use has put its share already */
    int n_uses;            /* steps that read it; an output of the graph counts */
    int first, last;       /* steps between which data must be kept */
    struct value *shares;  /* whose buffer it lies in; NULL: its own */
    size_t offset;         /* floats from the beginning of that one's data */
    struct value *copy;    /* the same in another layout, and so on */
    struct value *same;    /* what its readers read instead (plan_skip); NULL: itself */
    bool pinned;           /* the caller's or a constant: never written in place */
};

/* ---- primitives ---- */

enum { PRIM_ARGS = 12 };

/* A oneDNN primitive with its arguments; zero-initialised is empty. */
struct prim {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t p;
    int n;
    size_t scratchpad; /* bytes, taken from exec_scratch(EXEC_SCRATCH_DNNL) at each run */
    dnnl_exec_arg_t arg[PRIM_ARGS];
};

/* `attr` (borrowed) and `hint` (the forward descriptor, for backward primitives) may be NULL.
 * ST_UNSUPPORTED, without a message, when oneDNN has no such primitive. */
enum status prim_init(struct prim *p, const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr,
                      const_dnnl_primitive_desc_t hint, struct err *err);
/* Whether oneDNN has nothing but its slow reference code for it. */
bool prim_is_reference(const struct prim *p);
enum status prim_init_reorder(struct prim *p, const dnnl_memory_desc_t *from, float *src,
                              const dnnl_memory_desc_t *to, float *dst, struct err *err);
/* As prim_init; `dst` may leave its layout open. */
enum status prim_init_concat(struct prim *p, const dnnl_memory_desc_t *dst, int axis,
                             const dnnl_memory_desc_t *src, int n, struct err *err);
/* The descriptor that the primitive chose or was given: dnnl_query_src_md, dnnl_query_weights_md,
 * dnnl_query_dst_md, dnnl_query_diff_src_md, dnnl_query_workspace_md ... (index 0). */
const dnnl_memory_desc_t *prim_md(const struct prim *p, dnnl_query_t what);
/* Binds argument DNNL_ARG_x to a buffer (may be NULL until prim_set). */
enum status prim_bind(struct prim *p, int arg, const dnnl_memory_desc_t *md, void *data,
                      struct err *err);
void prim_set(struct prim *p, int arg, void *data); /* another buffer for a bound argument */
enum status prim_run(struct prim *p, struct exec *e, struct err *err);
void prim_done(struct prim *p); /* an empty one is fine */

dnnl_engine_t exec_engine(void); /* one CPU engine for the process, made at first use */
/* ST_INTERNAL "oneDNN: ..." unless s is dnnl_success. */
enum status exec_dnnl(dnnl_status_t s, const char *what, struct err *err);
/* Row-major; rank 0 becomes one dimension of 1. */
dnnl_memory_desc_t exec_md_plain(int rank, const int64_t *dim);
/* The same dimensions in a layout that oneDNN is to choose. */
dnnl_memory_desc_t exec_md_any(const dnnl_memory_desc_t *md);
/* In blocks of channels as convolutions like them, and with so many channels as fill whole blocks;
 * as it is when it has too few channels for that. */
dnnl_memory_desc_t exec_md_blocked(const dnnl_memory_desc_t *md);
/* The same memory with the dimensions of `like`: what fills the last block is no channel again. */
dnnl_memory_desc_t exec_md_narrow(const dnnl_memory_desc_t *md, const dnnl_memory_desc_t *like);
void exec_set_md(struct value *v, const dnnl_memory_desc_t *md);

/* ---- steps and kernels ---- */

struct step;

/* Fills s->state; must refuse (exec_unsupported) what forward cannot do. Buffers are in place. */
typedef enum status exec_init_fn(struct exec *e, struct step *s, struct err *err);
/* Before there are buffers: whether the kernel takes its inputs in the layouts they have; if so it
 * sets the layouts of its outputs (exec_set_md). */
typedef enum status exec_layout_fn(struct exec *e, struct step *s, bool *takes, struct err *err);
typedef enum status exec_forward_fn(struct exec *e, struct step *s, struct err *err);
/* Reads out[k]->grad (always there for out[0]; NULL for another output without use) and, for each
 * input that wants it, *writes* the gradient to exec_grad_take(e, s, i) and then calls
 * exec_grad_put(e, s, i). Values of the forward run are still there. Own state in s->back, freed
 * by s->back_done. */
typedef enum status exec_backward_fn(struct exec *e, struct step *s, struct err *err);

struct back_kernel;
struct exec_kernel {
    enum op op;
    exec_init_fn *init; /* NULL: nothing to prepare */
    exec_forward_fn *forward;
    void (*done)(struct step *s); /* frees s->state */
    exec_layout_fn *layout;       /* NULL: plain values only */
    bool in_place;                /* out[0] may be in[0] where both have the same md */
    bool any_type;                /* moves elements only: any element type */
    /* in[0] is to lie as the source of the struct prim with which the state begins. */
    bool chooses_src;
    /* Where all inputs have the output's shape and one is blocked, all are to be. */
    bool aligns;
    const struct back_kernel *gradient; /* NULL: the operator's (back_kernel_of) */
};
/* NULL: no kernel (OP_OPAQUE). k_table.c */
const struct exec_kernel *exec_kernel_of(enum op op);

/* What a convolution computes besides, in inference. */
enum { FUSION_POSTS = 4 };
struct fusion {
    const float *norm[4]; /* scale, shift, mean, variance; NULL: no BatchNormalization */
    float epsilon;
    struct value *sum; /* added before the functions; in[3] of the step */
    int n_post;
    struct post {
        dnnl_alg_kind_t alg;
        float a, b;
    } post[FUSION_POSTS];
};

struct step {
    int32_t id; /* of the node */
    const struct node *node;
    const struct exec_kernel *kernel;
    int n_in, n_out;
    struct value **in;  /* as in the node; NULL: left out */
    struct value **out; /* as in the node */
    void *state;        /* of the forward kernel */
    void *back;         /* of the backward kernel */
    void (*back_done)(struct step *s);
    double ms;
    int32_t into;          /* the node that computes this one too, or -1 */
    struct fusion *fusion; /* owned; NULL: none */

    /* What a forward kernel keeps for its backward kernel (EXEC_TRAIN only); owned by the step.
     *   BATCHNORM              saved[0], saved[1]: mean and (biased) variance of the batch, C each
     *   INSTANCENORM           the same, N x C each
     *   LAYERNORM              the same, one for each normalised row
     *   DROPOUT                saved[0]: factor of each element (0 or 1/(1-ratio)); NULL: identity
     *   MAXPOOL, GLOBALMAX     argmax[k]: index of output k's element within its plane (axes >= 2
     *                          of the input, row-major); where `workspace` is set instead:
     *   CONV, MAXPOOL, AVGPOOL, LRN ...  hint: the forward primitive's descriptor, borrowed from
     *                          the state, NULL when computed without oneDNN; workspace: its memory,
     *                          NULL when it has none */
    float *saved[2];
    int32_t *argmax;
    const_dnnl_primitive_desc_t hint;
    float *workspace; /* bytes as the hint's workspace descriptor says */
};

/* ST_UNSUPPORTED "node 'x' (Op): ..." */
enum status exec_unsupported(const struct step *s, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- what forward and backward kernels share ---- */

/* Window of CONV, CONVT, pools and global pools with 1 to 3 spatial axes; auto_pad, ceil_mode and
 * output_shape are resolved into pads. `pad_end` is what the operator says; windows may reach
 * beyond (ceil). */
struct geom {
    int axes;
    dnnl_dims_t kernel, stride, dilation, pad_begin, pad_end; /* one for each spatial axis */
    int64_t in[3], out[3];
    int64_t group;
};
enum status exec_geom(const struct step *s, struct geom *g, struct err *err);

/* dst[sum i*ds] = src[sum i*ss] for all i below dim; strides may be negative. */
void exec_copy(int rank, const int64_t *dim, float *dst, const int64_t *ds, const float *src,
               const int64_t *ss);

/* State of the operators that only move elements: CONCAT, SPLIT, SLICE, TRANSPOSE, DEPTHTOSPACE,
 * SPACETODEPTH, PAD (constant), and with one flat move IDENTITY, DROPOUT, CAST and the RESHAPE
 * family. Each element of an input is read once at most; what no move writes is the pad value. */
struct move {
    int in, out; /* ports */
    int rank;
    int64_t dim[TTYPE_MAX_RANK], ss[TTYPE_MAX_RANK], ds[TTYPE_MAX_RANK];
    int64_t src, dst; /* offsets of the first element */
};
struct moves {
    int n;
    bool covers; /* every element of the inputs is read */
    struct move *at;
};

/* State of RESIZE and of PAD by reflection or edge (s->state is a struct taps where the node's
 * mode is not "constant"): along each axis, output k is the sum of weight * input over n taps,
 * at index[k * n], weight[k * n]; n 0: the axis is copied. */
struct taps {
    struct tap_axis {
        int n;
        int32_t *index;
        float *weight;
    } axis[TTYPE_MAX_RANK];
};

/* ---- the executor ---- */

enum {
    EXEC_SCRATCH_DNNL,                      /* prim_run's own */
    EXEC_SCRATCH_GRAD,                      /* exec_grad_take's own, three of them */
    EXEC_SCRATCH_A = EXEC_SCRATCH_GRAD + 3, /* free for kernels, within one call */
    EXEC_SCRATCH_B,
    EXEC_SCRATCH_C,
    EXEC_SCRATCHES
};

struct step_list {
    struct step *at;
    size_t n, cap;
};

struct exec {
    struct graph *given; /* as it was handed over */
    struct graph *g;     /* the same ids, types known */
    struct exec_opts opts;
    dnnl_stream_t stream;
    VEC(struct value *) values;
    struct step_list steps; /* in order of execution */
    VEC(struct value *) inputs, outputs;
    VEC(struct exec_param) params;
    VEC(struct value *) param_value; /* beside params */
    unsigned param_version;          /* counts exec_params_changed; kernels that keep weights in
                                        a layout of their own compare it */
    uint64_t dropout_seed;           /* 0: dropout is the identity */
    float *scratch[EXEC_SCRATCHES];
    size_t scratch_size[EXEC_SCRATCHES];
    VEC(float *) arena; /* buffers that several values share */
    VEC(struct exec_step_time) times;
};

bool exec_training(const struct exec *e);
/* A buffer of at least so many floats, 64-byte aligned, valid until the next call with the same
 * slot; contents are arbitrary. Never NULL. */
float *exec_scratch(struct exec *e, int slot, size_t floats);
/* 64-byte aligned, zeroed; freed with free(). NULL when memory is exhausted. */
float *exec_alloc(size_t floats);
/* Where to write the whole gradient (in->size floats, layout in->md) of input i; NULL: not wanted.
 * Several inputs may be taken at once when their i is below 3. */
float *exec_grad_take(struct exec *e, struct step *s, int i);
void exec_grad_put(struct exec *e, struct step *s, int i);

#endif
