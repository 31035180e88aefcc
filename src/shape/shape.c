/* The driver: walks the nodes in order, calls the rule of each, and makes a version of the graph
 * only when some type is new. */
#include "shape/shape_priv.h"
#include "base/mem.h"
#include "base/vec.h"
#include <stdio.h>

/* ---- rules that need no thought ---- */

static enum status rule_declared(struct shaper *s)
{
    for (int i = 0; i < s->n->n_out; i++)
        s->out[i] = s->n->out[i].type;
    return ST_OK;
}

static enum status rule_output(struct shaper *s)
{
    (void)s; /* one input, no output: nothing to infer */
    return ST_OK;
}

static shape_fn *const rules[] = {
    [SHAPE_INPUT] = rule_declared,
    [SHAPE_OUTPUT] = rule_output,
    [SHAPE_SAME] = rule_same,
    [SHAPE_CONV] = rule_conv,
    [SHAPE_CONVT] = rule_convt,
    [SHAPE_GEMM] = rule_gemm,
    [SHAPE_MATMUL] = rule_matmul,
    [SHAPE_NORM] = rule_norm,
    [SHAPE_BROADCAST] = rule_broadcast,
    [SHAPE_CONCAT] = rule_concat,
    [SHAPE_SPLIT] = rule_split,
    [SHAPE_SLICE] = rule_slice,
    [SHAPE_POOL] = rule_pool,
    [SHAPE_GLOBAL] = rule_global,
    [SHAPE_REDUCE] = rule_reduce,
    [SHAPE_FLATTEN] = rule_flatten,
    [SHAPE_RESHAPE] = rule_reshape,
    [SHAPE_TRANSPOSE] = rule_transpose,
    [SHAPE_SQUEEZE] = rule_squeeze,
    [SHAPE_UNSQUEEZE] = rule_unsqueeze,
    [SHAPE_RESIZE] = rule_resize,
    [SHAPE_DEPTH] = rule_depth,
    [SHAPE_PAD] = rule_pad,
    [SHAPE_CAST] = rule_cast,
    [SHAPE_DECLARED] = rule_declared,
};

/* ---- checks that hold for every operator ---- */

/* Outputs beyond these do not exist in op sets 13 to 17. */
static int max_outputs(enum op op)
{
    switch (op) {
    case OP_OUTPUT:
        return 0;
    case OP_DROPOUT:
    case OP_MAXPOOL:
        return 2;
    case OP_LAYERNORM:
        return 3;
    case OP_BATCHNORM: /* five in op set 13, three from 14 on */
        return 5;
    case OP_SPLIT:
    case OP_OPAQUE:
        return INT32_MAX;
    default:
        return 1;
    }
}

static enum status check_ports(struct shaper *s)
{
    const struct node *n = s->n;
    const struct op_info *op = op_info(n->op);
    int last = n->n_in;

    while (last > 0 && n->in[last - 1].node == IN_NONE)
        last--;
    if (last < op->min_in)
        return shape_fault(s, "has %d input%s, needs %d", last, last == 1 ? "" : "s", op->min_in);
    if (op->max_in >= 0 && last > op->max_in)
        return shape_fault(s, "has %d inputs, takes %d at most", last, op->max_in);
    for (int i = 0; i < op->min_in; i++)
        if (n->in[i].node == IN_NONE)
            return shape_fault(s, "input %d is left out", i);
    if (op->arity == ARITY_JOIN && n->op != OP_OPAQUE)
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i].node == IN_NONE)
                return shape_fault(s, "input %d is left out", i);
    if (n->n_out > max_outputs(n->op))
        return shape_fault(s, "has %d outputs, makes %d at most", n->n_out, max_outputs(n->op));
    if (n->n_out == 0 && n->op != OP_OUTPUT && n->op != OP_OPAQUE)
        return shape_fault(s, "has no output");
    return ST_OK;
}

/* Where a type comes from outside: a graph input, an opaque node or a constant. */
static enum status check_type(struct shaper *s, const struct ttype *t, const char *what)
{
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] > SHAPE_DIM_MAX)
            return shape_fault(s, "%s has a dimension of %lld, above the limit of %lld", what,
                               (long long)t->dim[i], (long long)SHAPE_DIM_MAX);
    if (t->rank >= 0 && ttype_count(t, 1) < 0)
        return shape_fault(s, "%s has more elements than can be counted", what);
    return ST_OK;
}

static enum status infer_node(struct shaper *s)
{
    const struct node *n = s->n;

    TRY(check_ports(s));
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].node == IN_CONST)
            TRY(check_type(s, tensor_type(n->in[i].tensor), "a constant input"));
    TRY(rules[op_info(n->op)->shape](s));
    for (int i = 0; i < n->n_out; i++)
        TRY(check_type(s, &s->out[i], "an output"));
    return ST_OK;
}

/* ---- the walk ---- */

/* One pass: the memory of a large graph is read once. */
struct walk {
    struct shaper s;
    VEC(struct ttype) types; /* in the order of the walk */
    VEC(int32_t) changed;    /* nodes with a new type */
};

static enum status walk_node(struct walk *w, int32_t *base, int32_t id)
{
    struct shaper *s = &w->s;
    bool changed = false;

    s->id = id;
    s->n = graph_node(s->g, id);
    base[id] = (int32_t)w->types.n;
    for (int i = 0; i < s->n->n_out; i++)
        vec_push(&w->types, ttype_unknown());
    s->types = w->types.at;
    s->out = s->types + base[id];
    TRY(infer_node(s));
    for (int i = 0; i < s->n->n_out; i++)
        changed |= !ttype_equal(&s->n->out[i].type, &s->out[i]);
    if (changed)
        vec_push(&w->changed, id);
    return ST_OK;
}

/* The same version where nothing changed, else a new one. */
static enum status publish(const struct walk *w, struct graph **out, struct err *err)
{
    const struct shaper *s = &w->s;
    struct graph_edit *e;

    if (w->changed.n == 0) {
        *out = graph_ref(s->g);
        return ST_OK;
    }
    e = graph_edit_new(s->g);
    for (size_t k = 0; k < w->changed.n; k++) {
        int32_t id = w->changed.at[k];
        int n_out = graph_node(s->g, id)->n_out;

        for (int i = 0; i < n_out; i++)
            graph_edit_set_type(e, (struct value_ref){id, i}, &w->types.at[s->base[id] + i]);
    }
    return graph_edit_freeze(e, out, err);
}

enum status shape_infer(const struct graph *g, struct graph **out, struct err *err)
{
    const int32_t *order = graph_topo(g);
    int32_t *base = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *base);
    struct walk w = {.s = {.g = g, .base = base, .err = err}};
    enum status st = ST_OK;

    vec_reserve(&w.types, (size_t)graph_n_nodes(g) + 1);
    for (int i = 0; i < graph_n_nodes(g) && st == ST_OK; i++)
        st = walk_node(&w, base, order[i]);
    if (st == ST_OK)
        st = publish(&w, out, err);
    vec_done(&w.types);
    vec_done(&w.changed);
    free(base);
    return st;
}

/* ---- strict ---- */

/* Whether a rule needs the sizes of what reaches input 0, and from which axis on. */
static bool needs_sizes(const struct node *n)
{
    switch (op_info(n->op)->shape) {
    case SHAPE_CONV:
    case SHAPE_CONVT:
    case SHAPE_POOL:
    case SHAPE_GLOBAL:
    case SHAPE_NORM:
        return true;
    default:
        return false;
    }
}

static bool is_open(const struct ttype *t)
{
    if (!t || t->rank < 0)
        return true;
    for (int i = 1; i < t->rank; i++)
        if (t->dim[i] < 0)
            return true;
    return false;
}

/* The node, upstream of `id`, where openness begins: all that reaches it is known, or it has no
 * inputs. Walks back along open values only, so it ends at a graph input or an opaque node. */
static int32_t find_culprit(const struct graph *g, int32_t id)
{
    for (;;) {
        const struct node *n = graph_node(g, id);
        int32_t next = -1;

        for (int i = 0; i < n->n_in && next < 0; i++)
            if (n->in[i].node >= 0 && is_open(graph_input_type(g, n, i)))
                next = n->in[i].node;
        if (next < 0)
            return id;
        id = next;
    }
}

static enum status fault_open(const struct graph *g, int32_t id, struct err *err)
{
    const struct node *n = graph_node(g, id), *c = graph_node(g, find_culprit(g, id));
    char text[128] = "?";

    if (c->n_out > 0)
        ttype_text(&c->out[0].type, text, sizeof text);
    if (c->op == OP_INPUT)
        return err_set(err, ST_UNSUPPORTED,
                       "input '%.60s' has open dimensions (%s), which node '%.60s' (%s) needs",
                       node_label(c), text, node_label(n), node_op_type(n));
    return err_set(err, ST_UNSUPPORTED,
                   "node '%.60s' (%s): its output (%s) has open dimensions, which node '%.60s' "
                   "(%s) needs",
                   node_label(c), node_op_type(c), text, node_label(n), node_op_type(n));
}

enum status shape_infer_strict(const struct graph *g, struct graph **out, struct err *err)
{
    struct graph *r;
    const int32_t *order;

    TRY(shape_infer(g, &r, err));
    order = graph_topo(r);
    for (int i = 0; i < graph_n_nodes(r); i++) {
        const struct node *n = graph_node(r, order[i]);

        if (needs_sizes(n) && is_open(graph_input_type(r, n, 0))) {
            enum status st = fault_open(r, order[i], err);

            graph_unref(r);
            return st;
        }
    }
    *out = r;
    return ST_OK;
}

/* ---- fixing an input ---- */

static enum status pick_input(const struct graph *g, const char *name, int32_t *id, struct err *err)
{
    int n;
    const int32_t *in = graph_inputs(g, &n);

    if (!*name) {
        if (n != 1)
            return err_set(err, ST_USAGE, "the model has %d inputs: name the one to set", n);
        *id = in[0];
        return ST_OK;
    }
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(g, in[i]);

        if (strcmp(node->name, name) == 0 ||
            (node->n_out > 0 && strcmp(node->out[0].name, name) == 0)) {
            *id = in[i];
            return ST_OK;
        }
    }
    return err_set(err, ST_USAGE, "the model has no input '%.100s'", name);
}

/* Where the old input had a symbol, the new size is what that symbol stands for everywhere. */
static void put_symbols(const struct graph *g, struct graph_edit *e, const struct ttype *was,
                        const struct ttype *now)
{
    int n_sym = graph_n_symbols(g);
    int64_t *value = x_calloc((size_t)n_sym + 1, sizeof *value);

    for (int i = 0; i < was->rank; i++)
        if (DIM_IS_SYM(was->dim[i]) && DIM_SYM_INDEX(was->dim[i]) < n_sym && now->dim[i] > 0)
            value[DIM_SYM_INDEX(was->dim[i])] = now->dim[i];
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);

        for (int k = 0; n && k < n->n_out; k++) {
            struct ttype t = n->out[k].type;

            for (int i = 0; i < t.rank; i++)
                if (DIM_IS_SYM(t.dim[i]) && DIM_SYM_INDEX(t.dim[i]) < n_sym &&
                    value[DIM_SYM_INDEX(t.dim[i])] > 0)
                    t.dim[i] = value[DIM_SYM_INDEX(t.dim[i])];
            graph_edit_set_type(e, (struct value_ref){id, k}, &t);
        }
    }
    free(value);
}

/* What was declared downstream of an input of another size no longer holds. */
static void forget_downstream(const struct graph *g, struct graph_edit *e, int32_t input)
{
    const struct ttype unknown = ttype_unknown();
    bool *stale = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *stale);
    const int32_t *order = graph_topo(g);

    stale[input] = true;
    for (int k = graph_topo_pos(g, input); k < graph_n_nodes(g); k++) {
        const struct node *n = graph_node(g, order[k]);
        int n_uses;
        const struct use *uses = graph_uses(g, order[k], &n_uses);

        if (!stale[order[k]])
            continue;
        for (int i = 0; i < n_uses; i++)
            stale[uses[i].node] = true;
        for (int i = 0; order[k] != input && i < n->n_out; i++)
            graph_edit_set_type(e, (struct value_ref){order[k], i}, &unknown);
    }
    free(stale);
}

enum status shape_set_input(const struct graph *g, const char *name, const struct ttype *type,
                            struct graph **out, struct err *err)
{
    struct ttype was, now = *type;
    struct graph_edit *e;
    struct graph *fixed;
    enum status st;
    int32_t id = -1;
    char a[96], b[96];

    TRY(pick_input(g, name, &id, err));
    was = *graph_type(g, (struct value_ref){id, 0});
    if (now.dtype == DT_UNDEFINED)
        now.dtype = was.dtype;
    if (now.rank < 0 || (was.rank >= 0 && was.rank != now.rank))
        return err_set(err, ST_USAGE, "input '%.60s' is %s, which %s does not fit",
                       node_label(graph_node(g, id)), ttype_text(&was, a, sizeof a),
                       ttype_text(&now, b, sizeof b));
    e = graph_edit_new(g);
    if (!ttype_compatible(&was, &now))
        forget_downstream(g, e, id);
    else if (was.rank >= 0)
        put_symbols(g, e, &was, &now);
    graph_edit_set_type(e, (struct value_ref){id, 0}, &now);
    TRY(graph_edit_freeze(e, &fixed, err));
    st = shape_infer(fixed, out, err);
    graph_unref(fixed);
    return st;
}
