/* Small fragments and repairs of them for the tests of mend. */
#ifndef TESTS_UNIT_MEND_MAKE_H
#define TESTS_UNIT_MEND_MAKE_H

#include "mend/mend.h"
#include "shape/shape.h"

#include <string.h>

/* ---- a small builder: every function returns the id of its node ---- */

static inline int32_t put(struct graph_edit *e, struct node *n)
{
    node_add_output(n, n->name);
    return graph_edit_add(e, n);
}

static inline int32_t input(struct graph_edit *e, int64_t c, int64_t h)
{
    struct node *n = node_new(OP_INPUT, "x");
    int32_t id = put(e, n);
    struct ttype t = ttype_nchw(1, c, h, h);
    graph_edit_set_type(e, (struct value_ref){id, 0}, &t);
    return id;
}

static inline void output(struct graph_edit *e, int32_t from)
{
    struct node *n = node_new(OP_OUTPUT, "y");
    node_add_input(n, from, 0);
    graph_edit_add(e, n);
}

struct conv {
    const char *name;
    int64_t ci, co, k, stride, pad, group;
};

static inline int32_t conv_op(struct graph_edit *e, enum op op, int32_t from, struct conv c)
{
    struct node *n = node_new(op, c.name);
    int64_t g = c.group ? c.group : 1;
    struct ttype w = ttype_make(
        DT_FLOAT, 4,
        (int64_t[]){op == OP_CONV ? c.co : c.ci, (op == OP_CONV ? c.ci : c.co) / g, c.k, c.k});
    node_add_input(n, from, 0);
    node_add_const(n, tensor_new_he("w", &w, c.ci * c.k * c.k, 1));
    struct window win = {.kernel = {c.k, c.k},
                         .stride = {c.stride, c.stride},
                         .dilation = {1, 1},
                         .pad_begin = {c.pad, c.pad},
                         .pad_end = {c.pad, c.pad},
                         .group = g};
    node_set_window(n, &win);
    return put(e, n);
}

static inline int32_t conv(struct graph_edit *e, int32_t from, struct conv c)
{
    return conv_op(e, OP_CONV, from, c);
}

static inline int32_t pool(struct graph_edit *e, int32_t from, int64_t k, int64_t stride,
                           int64_t pad)
{
    struct node *n = node_new(OP_MAXPOOL, "pool");
    node_add_input(n, from, 0);
    struct window win = {.kernel = {k, k},
                         .stride = {stride, stride},
                         .dilation = {1, 1},
                         .pad_begin = {pad, pad},
                         .pad_end = {pad, pad},
                         .group = 1};
    node_set_window(n, &win);
    return put(e, n);
}

static inline int32_t join(struct graph_edit *e, enum op op, const char *name, int32_t a, int32_t b)
{
    struct node *n = node_new(op, name);
    node_add_input(n, a, 0);
    if (b >= 0)
        node_add_input(n, b, 0);
    if (op == OP_CONCAT)
        node_set_int(n, "axis", 1);
    return put(e, n);
}

static inline int32_t relu(struct graph_edit *e, int32_t from)
{
    return join(e, OP_RELU, "relu", from, -1);
}

static inline int32_t norm(struct graph_edit *e, int32_t from, int64_t c)
{
    struct node *n = node_new(OP_BATCHNORM, "bn");
    struct ttype t = ttype_make(DT_FLOAT, 1, &c);
    node_add_input(n, from, 0);
    for (int i = 0; i < 4; i++)
        node_add_const(n, tensor_new_fill("p", &t, i == 0 || i == 3));
    return put(e, n);
}

static inline struct graph *finish(struct graph_edit *e)
{
    struct graph *g = NULL, *typed = NULL;
    struct err err = {0};
    if (graph_edit_freeze(e, &g, &err) != ST_OK || shape_infer(g, &typed, &err) != ST_OK)
        fail_msg("%s", err.msg);
    graph_unref(g);
    return typed;
}

static inline struct mend_plan mend_with(struct graph *g, struct ttype in, struct ttype out,
                                         struct mend_opts opts)
{
    struct mend_plan p;
    struct err err = {0};
    if (mend_fragment(g, &in, &out, &opts, &p, &err) != ST_OK)
        fail_msg("%s", err.msg);
    graph_unref(g);
    return p;
}

static inline struct mend_plan mend(struct graph *g, int64_t ci, int64_t hi, int64_t co, int64_t ho)
{
    return mend_with(g, ttype_nchw(1, ci, hi, hi), ttype_nchw(1, co, ho, ho),
                     (struct mend_opts){0});
}

static inline int64_t channels(const struct mend_plan *p, const char *name)
{
    return graph_node(p->fragment, graph_find(p->fragment, name))->out[0].type.dim[1];
}

static inline int64_t stride(const struct mend_plan *p, const char *name)
{
    struct window w;
    assert_true(node_window(graph_node(p->fragment, graph_find(p->fragment, name)), &w));
    return w.stride[0];
}

static inline void expect(struct mend_plan *p, enum mend_result want)
{
    if (p->result != want)
        fail_msg("%s, expected %s: %s", mend_result_name(p->result), mend_result_name(want),
                 p->reason);
}

/* ---- fragments ---- */

static inline struct graph *chain(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 16, 32);
    x = conv(e, x, (struct conv){"a", 16, 32, 3, 1, 1, 0});
    x = relu(e, norm(e, x, 32));
    x = conv(e, x, (struct conv){"b", 32, 64, 3, 2, 1, 0});
    output(e, relu(e, norm(e, x, 64)));
    return finish(e);
}

static inline struct graph *concat_of(int64_t a, int64_t b)
{
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t x = input(e, 32, 16);
    int32_t l = conv(e, x, (struct conv){"l", 32, a, 1, 1, 0, 0});
    int32_t r = conv(e, x, (struct conv){"r", 32, b, 3, 1, 1, 0});
    output(e, join(e, OP_CONCAT, "cat", l, r));
    return finish(e);
}

#endif
