/* What the writers of the operators share. A writer appends what its node needs to __init__
 * (torch_module, torch_const) and leaves the node's expression in w->expr; the driver
 * (torch_save.c) makes the line of it. */
#ifndef TORCH_TORCH_PRIV_H
#define TORCH_TORCH_PRIV_H

#include "base/file.h"
#include "base/hash.h"
#include "base/vec.h"
#include "torch/torch.h"

/* One entry of the state dictionary. */
struct weight {
    char *key; /* "conv1.weight" */
    const struct tensor *t;
    int rank;
    int64_t dim[TTYPE_MAX_RANK]; /* as PyTorch wants it */
    bool transposed;             /* rank 2: written with the axes exchanged */
    bool learnt;
};

struct weights {
    struct weight *at;
    size_t n, cap;
};

struct writer {
    const struct graph *g;
    const struct node *n; /* the node at hand */
    int32_t id;
    struct err *err;
    struct strmap names;  /* identifiers in use */
    char **ident;         /* of each node, by slot */
    char **value;         /* variable of each output; node n's are at base[n] */
    int32_t *base, *line; /* by slot; line -1: not written */
    struct weights weights;
    struct u64map known; /* tensor -> index in weights, for those that can be referred to */
    VEC(char *) text;    /* expressions of operands */
    struct str init, forward, expr;
};

typedef enum status torch_fn(struct writer *w);

/* ST_UNSUPPORTED "node 'x' (Op): ..." */
enum status torch_refuse(struct writer *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A string that lives as long as the writer. */
const char *torch_text(struct writer *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

torch_fn *torch_fn_of(enum op op); /* NULL: PyTorch has no such operator. torch_table.c */
const char *torch_call(const struct writer *w); /* what the table says of the node's operator */

/* ---- inputs ---- */

bool torch_has(const struct writer *w, int i); /* input i is there */
const struct ttype *torch_type(const struct writer *w, int i);
const struct ttype *torch_out(const struct writer *w);
/* Expression of input i: a variable, or a constant under self. */
enum status torch_in(struct writer *w, int i, const char **text);
/* The same; a constant with one element becomes a literal. */
enum status torch_in_number(struct writer *w, int i, const char **text);
bool torch_is_number(const struct writer *w, int i); /* a constant with one element */
/* A constant list of integers: how many, at most `max`; -1: left out. */
enum status torch_ints(struct writer *w, int i, int64_t *v, int max, int *n);

/* ---- weights ---- */

/* The constant at input i is the entry NODE.`name` of the state dictionary, in this shape (NULL:
 * its own). */
enum status torch_weight(struct writer *w, int i, const char *name, const struct ttype *shape,
                         bool transposed, bool learnt);
/* self.NODE = what the format says; then the weights' entries are to be added. */
void torch_module(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Writes the weights; the writer is the caller's. */
enum status torch_npz(const struct weights *all, struct file_writer *f, struct err *err);

/* ---- text ---- */

void torch_expr(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *torch_number(struct writer *w, double v); /* the shortest that reads back as float */
bool torch_is_float(int dtype);     /* all of these become float32, as in the executor */
const char *torch_dtype(int dtype); /* "torch.int64"; NULL: PyTorch has none */
const char *torch_tuple(struct writer *w, const int64_t *v, int n); /* "(1, 2)" */
const char *torch_same(struct writer *w, const int64_t *v, int n);  /* one number where all agree */
void torch_name_nodes(struct writer *w);
char *torch_fresh(struct writer *w, const char *stem); /* a new identifier; caller frees */

torch_fn torch_conv, torch_convt, torch_pool, torch_global;
torch_fn torch_gemm, torch_matmul, torch_batchnorm, torch_instancenorm, torch_layernorm, torch_lrn;
torch_fn torch_unary, torch_clip, torch_selu, torch_hardsigmoid, torch_prelu, torch_softmax;
torch_fn torch_dropout, torch_identity, torch_cast;
torch_fn torch_binary, torch_many, torch_reduce;
torch_fn torch_concat, torch_split, torch_slice, torch_view, torch_squeeze, torch_transpose;
torch_fn torch_depth, torch_pad, torch_resize;

#endif
