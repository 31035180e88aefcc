#include "cost/cost.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include <stdlib.h>
#include <string.h>

/* ---- counting ---- */

/* Counts for one call: the batch to leave out, and what is already counted. */
struct meter {
    const struct graph *g;
    int64_t batch;      /* > 1: fixed batch of the first input */
    int64_t batch_dim;  /* the first input's leading dimension, a size or a symbol */
    struct u64map seen; /* tensors whose parameters are counted */
    struct cost *c;
};

static void meter_init(struct meter *m, const struct graph *g, struct cost *c)
{
    int n;
    const int32_t *in = graph_inputs(g, &n);

    *c = (struct cost){0};
    *m = (struct meter){.g = g, .batch = 1, .batch_dim = 1, .c = c};
    if (n > 0) {
        const struct ttype *t = graph_type(g, (struct value_ref){in[0], 0});

        if (t->rank >= 2)
            m->batch_dim = t->dim[0];
        if (m->batch_dim > 1)
            m->batch = m->batch_dim;
    }
}

static int64_t mul(struct meter *m, int64_t a, int64_t b)
{
    int64_t r;

    if (!__builtin_mul_overflow(a, b, &r))
        return r;
    m->c->incomplete = true;
    return 0;
}

static void add(struct meter *m, int64_t *sum, int64_t v)
{
    if (__builtin_add_overflow(*sum, v, sum)) {
        m->c->incomplete = true;
        *sum = INT64_MAX;
    }
}

/* Dimension i of t for batch 1; 0 (and incomplete) when it is open. */
static int64_t dim_of(struct meter *m, const struct ttype *t, int i)
{
    int64_t d = t->dim[i];

    bool leading = i == 0 && t->rank > 1;

    if (leading && m->batch > 1 && d > 0 && d % m->batch == 0)
        return d / m->batch;
    if (d >= 0)
        return d;
    if (leading || (DIM_IS_SYM(d) && d == m->batch_dim))
        return 1;
    m->c->incomplete = true;
    return 0;
}

/* Elements of the dimensions from .. rank-1. */
static int64_t count_from(struct meter *m, const struct ttype *t, int from)
{
    int64_t n = 1;

    if (!t || t->rank < 0) {
        m->c->incomplete = true;
        return 0;
    }
    for (int i = from; i < t->rank; i++)
        n = mul(m, n, dim_of(m, t, i));
    return n;
}

static int64_t count(struct meter *m, const struct ttype *t)
{
    return count_from(m, t, 0);
}

/* Inputs that come from other nodes. */
static int data_inputs(const struct node *n)
{
    int k = 0;

    for (int i = 0; i < n->n_in; i++)
        k += n->in[i].node >= 0;
    return k;
}

/* ---- parameters ---- */

static void count_param(struct meter *m, const struct node *n, int port)
{
    const struct tensor *t = node_const(n, port);
    int64_t k;

    if (!t || *u64map_put(&m->seen, (uint64_t)(uintptr_t)t, 0))
        return;
    *u64map_get(&m->seen, (uint64_t)(uintptr_t)t) = 1;
    k = tensor_count(t);
    if (k < 0)
        m->c->incomplete = true;
    else
        add(m, &m->c->params, k);
}

static bool is_float(int dtype)
{
    return dtype == DT_FLOAT || dtype == DT_FLOAT16 || dtype == DT_BFLOAT16 || dtype == DT_DOUBLE;
}

static void count_params(struct meter *m, const struct node *n)
{
    switch (n->op) {
    case OP_CONV:
    case OP_CONVT:
    case OP_GEMM:
    case OP_BATCHNORM:
    case OP_INSTANCENORM:
    case OP_LAYERNORM:
        count_param(m, n, 1);
        count_param(m, n, 2);
        break;
    case OP_MATMUL:
        count_param(m, n, 0);
        count_param(m, n, 1);
        break;
    case OP_PRELU:
        count_param(m, n, 1);
        break;
    case OP_ADD:
    case OP_SUM:
    case OP_MUL:
        for (int i = 0; i < n->n_in; i++)
            if (node_const(n, i) && is_float(tensor_type(node_const(n, i))->dtype) &&
                tensor_count(node_const(n, i)) > 1 && data_inputs(n) > 0)
                count_param(m, n, i);
        break;
    default:
        break;
    }
}

/* ---- operations ---- */

struct ops {
    int64_t macs;  /* multiply-accumulates of kernels */
    int64_t paper; /* what the paper's rule counts, before it doubles */
};

/* The kernel is applied once at each position of `where` (output, or input when transposed). */
static struct ops conv_ops(struct meter *m, const struct node *n, const struct ttype *where)
{
    const struct ttype *w = graph_input_type(m->g, n, 1);
    struct ops o = {0};
    int64_t kernel = 1, positions = count_from(m, where, 2);

    if (!w || w->rank < 0 || ttype_count(w, 0) <= 0) {
        m->c->incomplete = true;
        return o;
    }
    for (int i = 0; i < w->rank; i++)
        kernel = mul(m, kernel, w->dim[i]);
    o.macs = mul(m, mul(m, kernel, positions), where->rank > 0 ? dim_of(m, where, 0) : 1);
    o.paper = o.macs;
    if (graph_input_type(m->g, n, 2))
        add(m, &o.paper, count(m, &n->out[0].type));
    return o;
}

/* The paper's matmul always has a bias: one more for each output. */
static struct ops gemm_ops(struct meter *m, const struct node *n)
{
    const struct ttype *a = graph_input_type(m->g, n, 0);
    int64_t outputs = count(m, &n->out[0].type), inner = 0;
    struct ops o;

    if (a && a->rank > 0) {
        int axis = n->op == OP_GEMM && node_int(n, "transA", 0) ? 0 : a->rank - 1;

        inner = axis == 0 && a->rank > 1 ? a->dim[0] : dim_of(m, a, axis);
    }
    if (inner <= 0) {
        m->c->incomplete = true;
        inner = 0;
    }
    o.macs = mul(m, outputs, inner);
    o.paper = o.macs;
    add(m, &o.paper, outputs);
    return o;
}

/* An Add with one edge: a bias of the convolution before it, which the paper merges. (A matrix
 * product has its bias counted already.) */
static bool is_conv_bias(const struct meter *m, const struct node *n)
{
    for (int i = 0; n->op == OP_ADD && i < n->n_in; i++)
        if (n->in[i].node >= 0) {
            enum op from = graph_node(m->g, n->in[i].node)->op;

            return from == OP_CONV || from == OP_CONVT;
        }
    return false;
}

static int64_t elem_ops(struct meter *m, const struct node *n)
{
    switch (n->op) {
    case OP_RELU:
    case OP_CLIP:
    case OP_LEAKYRELU:
    case OP_PRELU:
    case OP_ELU:
    case OP_SELU:
    case OP_SIGMOID:
    case OP_TANH:
    case OP_HARDSIGMOID:
    case OP_HARDSWISH:
    case OP_SOFTPLUS:
        return count(m, &n->out[0].type);
    case OP_ADD:
    case OP_SUM:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
        return data_inputs(n) > 1 || is_conv_bias(m, n) ? count(m, &n->out[0].type) : 0;
    default:
        return 0;
    }
}

static struct ops node_ops(struct meter *m, const struct node *n)
{
    switch (op_info(n->op)->cost) {
    case COST_CONV:
        return conv_ops(m, n, &n->out[0].type);
    case COST_CONVT:
        return conv_ops(m, n, graph_input_type(m->g, n, 0));
    case COST_GEMM:
        return gemm_ops(m, n);
    case COST_NORM:
        return (struct ops){.paper = mul(m, 2, count(m, graph_input_type(m->g, n, 0)))};
    case COST_ELEM:
        return (struct ops){.paper = elem_ops(m, n)};
    case COST_POOL:
        return (struct ops){.paper = count(m, &n->out[0].type)};
    case COST_ZERO:
        break;
    }
    return (struct ops){0};
}

static void meter_node(struct meter *m, const struct node *n)
{
    int edges = data_inputs(n);
    struct ops o;

    if (n->op == OP_OPAQUE) {
        m->c->incomplete = true;
        return;
    }
    count_params(m, n);
    if (n->n_out == 0)
        return;
    o = node_ops(m, n);
    add(m, &m->c->macs, o.macs);
    add(m, &m->c->flops, mul(m, 2, o.macs));
    add(m, &m->c->flops_paper, mul(m, 2 * (edges > 1 ? edges : 1), o.paper));
}

/* ---- activation memory ---- */

static int64_t output_bytes(struct meter *m, const struct node *n, int port)
{
    const struct ttype *t = &n->out[port].type;
    int64_t size = (int64_t)dtype_size(t->dtype);

    if (!n->out[port].name[0] && port > 0)
        return 0; /* an optional output that is not wanted */
    if (size == 0) {
        m->c->incomplete = true;
        return 0;
    }
    return mul(m, count(m, t), size);
}

/* Frees at position p of the order what is used last there. */
static void meter_peak(struct meter *m)
{
    const struct graph *g = m->g;
    const int32_t *order = graph_topo(g);
    int n_nodes = graph_n_nodes(g);
    int64_t *freed = x_calloc((size_t)n_nodes + 1, sizeof *freed), live = 0;
    VEC(int) last = {0}; /* position of the last use of each output of a node */

    for (int p = 0; p < n_nodes; p++) {
        const struct node *n = graph_node(g, order[p]);
        int n_uses;
        const struct use *use = graph_uses(g, order[p], &n_uses);

        last.n = 0;
        for (int i = 0; i < n->n_out; i++)
            vec_push(&last, p);
        for (int i = 0; i < n_uses; i++) {
            int port = graph_node(g, use[i].node)->in[use[i].port].port;
            int at = graph_topo_pos(g, use[i].node);

            if (at > last.at[port])
                last.at[port] = at;
        }
        for (int i = 0; i < n->n_out; i++) {
            int64_t bytes = output_bytes(m, n, i);

            add(m, &live, bytes);
            add(m, &freed[last.at[i]], bytes);
        }
        if (live > m->c->peak_activation_bytes)
            m->c->peak_activation_bytes = live;
        live = freed[p] < live ? live - freed[p] : 0; /* the sums may have been cut off */
    }
    free(freed);
    vec_done(&last);
}

/* ---- front ---- */

void cost_node(const struct graph *g, int32_t id, struct cost *out)
{
    cost_nodes(g, &id, 1, out);
}

void cost_nodes(const struct graph *g, const int32_t *ids, int n, struct cost *out)
{
    struct meter m;

    meter_init(&m, g, out);
    for (int i = 0; i < n; i++)
        if (graph_node(g, ids[i]))
            meter_node(&m, graph_node(g, ids[i]));
    u64map_done(&m.seen);
}

void cost_graph(const struct graph *g, struct cost *out)
{
    struct meter m;

    meter_init(&m, g, out);
    for (int i = 0; i < graph_n_nodes(g); i++)
        meter_node(&m, graph_node(g, graph_topo(g)[i]));
    meter_peak(&m);
    u64map_done(&m.seen);
}
