/* Small networks and replacements in them for the tests of mutate. Included behind cmocka.h. */
#ifndef TESTS_UNIT_MUTATE_MAKE_H
#define TESTS_UNIT_MUTATE_MAKE_H

#include "mutate/mutate.h"
#include "shape/shape.h"

/* ---- small networks by hand ---- */

static inline struct graph_edit *begin(void)
{
    struct graph_edit *e = graph_edit_new(NULL);
    graph_edit_set_opset(e, 13);
    return e;
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

static inline int32_t input(struct graph_edit *e, const char *name, int64_t c, int64_t size)
{
    struct node *n = node_new(OP_INPUT, name);
    node_add_output(n, name);
    n->out[0].type = ttype_nchw(DIM_SYM(graph_edit_symbol(e, "N")), c, size, size);
    return graph_edit_add(e, n);
}

static inline int32_t output(struct graph_edit *e, const char *name, int32_t from)
{
    struct node *n = node_new(OP_OUTPUT, name);
    node_add_input(n, from, 0);
    return graph_edit_add(e, n);
}

static inline int32_t op1(struct graph_edit *e, enum op op, const char *name, int32_t a)
{
    struct node *n = node_new(op, name);
    node_add_input(n, a, 0);
    node_add_output(n, name);
    return graph_edit_add(e, n);
}

static inline int32_t join(struct graph_edit *e, enum op op, const char *name, int n_in,
                           const int32_t *in)
{
    struct node *n = node_new(op, name);
    for (int i = 0; i < n_in; i++)
        node_add_input(n, in[i], 0);
    node_add_output(n, name);
    if (op == OP_CONCAT)
        node_set_int(n, "axis", 1);
    return graph_edit_add(e, n);
}

static inline struct tensor *kernel(int64_t cin, int64_t cout, int64_t k, uint64_t seed)
{
    struct ttype t = ttype_nchw(cout, cin, k, k);
    return tensor_new_he("w", &t, cin * k * k, seed);
}

/* Takes the kernel; `same` padding, stride 1. */
static inline int32_t conv_with(struct graph_edit *e, const char *name, int32_t a, struct tensor *w,
                                int64_t dilation)
{
    int64_t k = tensor_type(w)->dim[2], pad = k / 2 * dilation;
    struct node *n = node_new(OP_CONV, name);
    node_add_input(n, a, 0);
    node_add_const(n, w);
    node_add_output(n, name);
    node_set_ints(n, "kernel_shape", (int64_t[]){k, k}, 2);
    node_set_ints(n, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    node_set_ints(n, "dilations", (int64_t[]){dilation, dilation}, 2);
    return graph_edit_add(e, n);
}

static inline int32_t conv(struct graph_edit *e, const char *name, int32_t a, int64_t cin,
                           int64_t cout, int64_t k)
{
    return conv_with(e, name, a, kernel(cin, cout, k, 7), 1);
}

static inline int32_t pool(struct graph_edit *e, const char *name, int32_t a)
{
    int32_t id = op1(e, OP_MAXPOOL, name, a);
    node_set_ints(graph_edit_mut(e, id), "kernel_shape", (int64_t[]){2, 2}, 2);
    node_set_ints(graph_edit_mut(e, id), "strides", (int64_t[]){2, 2}, 2);
    return id;
}

static inline int32_t clip(struct graph_edit *e, const char *name, int32_t a, float hi)
{
    int32_t id = op1(e, OP_CLIP, name, a);
    node_add_const(graph_edit_mut(e, id), tensor_new_f32("lo", 0));
    node_add_const(graph_edit_mut(e, id), tensor_new_f32("hi", hi));
    return id;
}

static inline int32_t batchnorm(struct graph_edit *e, const char *name, int32_t a, int64_t c)
{
    static const double value[] = {1, 0, 0, 1};
    struct ttype t = ttype_make(DT_FLOAT, 1, &c);
    struct node *n = node_new(OP_BATCHNORM, name);
    node_add_input(n, a, 0);
    for (int i = 0; i < 4; i++)
        node_add_const(n, tensor_new_fill("", &t, value[i]));
    node_add_output(n, name);
    return graph_edit_add(e, n);
}

/* x 8x16x16 -> c1 -> r1 -> c2 -> r2 -> y */
static inline struct graph *chain(void)
{
    struct graph_edit *e = begin();
    int32_t x = input(e, "x", 8, 16);
    int32_t r1 = op1(e, OP_RELU, "r1", conv(e, "c1", x, 8, 8, 3));
    int32_t c2 = conv_with(e, "c2", r1, kernel(8, 8, 3, 8), 1);
    output(e, "y", op1(e, OP_RELU, "r2", c2));
    return finish(e);
}

/* ---- regions by node names ---- */

static inline struct region region(const struct graph *g, int n, ...)
{
    int32_t ids[16];
    struct region r;
    va_list ap;
    va_start(ap, n);
    for (int i = 0; i < n; i++) {
        const char *name = va_arg(ap, const char *);
        ids[i] = graph_find(g, name);
        if (ids[i] < 0)
            fail_msg("no node '%s'", name);
    }
    va_end(ap);
    assert_int_equal(region_init(&r, g, ids, n, NULL), ST_OK);
    return r;
}

static inline struct candidate replace_with(const struct graph *g, const struct region *r,
                                            const struct graph *frag,
                                            const struct mutate_opts *opts)
{
    struct candidate c;
    struct err err = {0};
    if (mutate_replace(g, r, frag, opts, &c, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return c;
}

static inline struct candidate replace(const struct graph *g, const struct region *r,
                                       const struct graph *frag, uint64_t seed)
{
    const struct mutate_opts opts = {.seed = seed};
    return replace_with(g, r, frag, &opts);
}

static inline void accepted(const struct candidate *c, enum mend_result want)
{
    if (!c->graph)
        fail_msg("refused: %s", c->reason);
    assert_int_equal(c->status, want);
}

static inline void refused(struct candidate *c, const char *part)
{
    assert_null(c->graph);
    assert_int_equal(c->n_added, 0);
    assert_int_equal(c->status, MEND_INFEASIBLE);
    if (!strstr(c->reason, part))
        fail_msg("'%s' is not in '%s'", part, c->reason);
    candidate_done(c);
}

static inline const struct node *named(const struct graph *g, const char *name)
{
    int32_t id = graph_find(g, name);
    if (id < 0)
        fail_msg("no node '%s'", name);
    return graph_node(g, id);
}

/* The added node that came from the fragment's node of this name. */
static inline const struct node *came_from(const struct candidate *c, const char *name)
{
    for (int i = 0; i < c->n_added; i++)
        if (strcmp(graph_node(c->plan.fragment, c->from[i])->name, name) == 0)
            return graph_node(c->graph, c->added[i]);
    fail_msg("nothing came from '%s'", name);
    return NULL;
}

#endif
