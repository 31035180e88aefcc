/* Which replaced node an added node carries on, and where the values of its constants come from. */
#include "mutate/mutate_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* ---- comparing nodes ---- */

/* Symbols are numbered by each graph for itself. */
static bool same_type(const struct ttype *a, const struct ttype *b)
{
    if (a->dtype != b->dtype || a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i] && (!DIM_IS_SYM(a->dim[i]) || !DIM_IS_SYM(b->dim[i])))
            return false;
    return true;
}

/* ---- constants ---- */

/* A weight is what training changes. Other constants (bounds, axes, scales of a resize, a scalar
 * factor) are part of what the node computes and come with the fragment. */
static bool is_weight(const struct node *n, int port)
{
    const struct tensor *t = node_const(n, port);
    if (!t)
        return false;
    const struct ttype *type = tensor_type(t);
    if (type->dtype != DT_FLOAT && type->dtype != DT_DOUBLE && type->dtype != DT_FLOAT16 &&
        type->dtype != DT_BFLOAT16)
        return false;
    switch (n->op) {
    case OP_BATCHNORM:
    case OP_INSTANCENORM:
    case OP_LAYERNORM:
    case OP_PRELU:
        return true;
    case OP_ADD:
    case OP_SUM:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
        return tensor_count(t) > 1;
    default:
        return op_info(n->op)->weighted;
    }
}

static int first_weight(const struct node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (is_weight(n, i))
            return i;
    return -1;
}

bool take_const(const struct node *n, const struct node *old, int port)
{
    const struct tensor *a = node_const(n, port), *b = node_const(old, port);
    if (!a || !b || !ttype_equal(tensor_type(a), tensor_type(b)))
        return false;
    return (is_weight(n, port) && is_weight(old, port)) || tensor_equal(a, b);
}

static bool is_kernel(const struct node *n, int port)
{
    return op_info(n->op)->weighted && (port == 1 || n->op == OP_MATMUL);
}

static int64_t kernel_fan_in(const struct node *n, const struct ttype *t)
{
    int64_t all = ttype_count(t, 1), group = node_int(n, "group", 1);
    int64_t last = t->rank ? t->dim[t->rank - 1] : 1;
    switch (n->op) {
    case OP_CONV: /* Cout x Cin/group x kernel */
        return t->rank && t->dim[0] > 0 ? all / t->dim[0] : 1;
    case OP_CONVT: /* Cin x Cout/group x kernel */
        return t->rank > 1 && t->dim[1] > 0 && group > 0 ? all / t->dim[1] / group : 1;
    case OP_GEMM:
        return t->rank < 2 || node_int(n, "transB", 0) ? last : t->dim[0];
    default: /* in x out, perhaps batched */
        return t->rank < 2 ? last : t->dim[t->rank - 2];
    }
}

/* What an untrained parameter is; false where there is no such value. */
static bool initial_value(const struct node *n, int port, double *value)
{
    switch (n->op) {
    case OP_BATCHNORM: /* scale, bias, mean, variance */
    case OP_INSTANCENORM:
    case OP_LAYERNORM:
        *value = port == 1 || port == 4;
        return true;
    case OP_PRELU:
        *value = 0.25; /* He et al. 2015 */
        return true;
    case OP_MUL:
    case OP_DIV:
        *value = 1;
        return true;
    default: /* a bias */
        *value = 0;
        return true;
    case OP_MATMUL:
        return false;
    }
}

struct tensor *fresh_const(const struct node *n, int port, const char *name, uint64_t seed)
{
    const struct tensor *t = n->in[port].tensor;
    const struct ttype *type = tensor_type(t);
    double value;
    /* He recipes are of floats only; rarer types keep the fragment's values. */
    if (type->dtype != DT_FLOAT || !is_weight(n, port) || tensor_kind(t) == TENSOR_FILL)
        return tensor_renamed(t, name);
    if (tensor_kind(t) == TENSOR_HE)
        return tensor_new_he(name, type, tensor_fan_in(t), seed);
    if (is_kernel(n, port)) {
        int64_t fan_in = kernel_fan_in(n, type);
        return tensor_new_he(name, type, fan_in > 0 ? fan_in : 1, seed);
    }
    if (initial_value(n, port, &value))
        return tensor_new_fill(name, type, value);
    return tensor_renamed(t, name);
}

/* ---- matching ---- */

/* Both from a node, both constant or both left out. */
static bool same_kind(const struct node_input *a, const struct node_input *b)
{
    return a->node >= 0 ? b->node >= 0 : a->node == b->node;
}

static bool same_params(const struct node *a, const struct node *b)
{
    if (a->n_in != b->n_in)
        return false;
    for (int i = 0; i < a->n_in; i++) {
        const struct tensor *t = a->in[i].tensor;
        if (!same_kind(&a->in[i], &b->in[i]) || (t && !tensor_equal(t, b->in[i].tensor)))
            return false;
    }
    return true;
}

/* Whether `a` can carry on with the weights of `old`. */
static bool can_take(const struct node *a, const struct node *old)
{
    if (!node_same_op(a, old))
        return false;
    int w = first_weight(a);
    if (w < 0)
        return first_weight(old) < 0 && node_same_attrs(a, old) && same_params(a, old);
    return take_const(a, old, w) && node_int(a, "group", 1) == node_int(old, "group", 1);
}

static bool is_same(const struct node *a, const struct node *old)
{
    if (a->n_in != old->n_in || a->n_out != old->n_out || !node_same_attrs(a, old))
        return false;
    for (int i = 0; i < a->n_in; i++)
        if (!same_kind(&a->in[i], &old->in[i]) || (a->in[i].tensor && !take_const(a, old, i)))
            return false;
    for (int i = 0; i < a->n_out; i++)
        if (!same_type(&a->out[i].type, &old->out[i].type))
            return false;
    return true;
}

/* The replaced part as a graph of its own ("old"), so that both sides hash alike: old's ids are
 * the region's inputs, then its nodes in graph_topo order, then its outputs. */
struct matcher {
    const struct graph *frag, *old;
    int first, n;         /* ids of old's nodes */
    int32_t *mate;        /* fragment id -> id in old, -1 */
    bool *used;           /* by id in old */
    uint64_t *hf, *hold;  /* graph_node_hashes */
    struct u64map bucket; /* of a round: key -> first id in old */
    int32_t *next;        /* by id in old: the next of its bucket, ascending; -1 */
};

/* How many of a's inputs come from where those of `old` came from. */
static int shared_inputs(const struct matcher *m, const struct node *a, const struct node *old)
{
    int n = 0;
    for (int i = 0; i < a->n_in && i < old->n_in; i++)
        n += a->in[i].node >= 0 && old->in[i].node >= 0 &&
             m->mate[a->in[i].node] == old->in[i].node && a->in[i].port == old->in[i].port;
    return n;
}

/* Equal for nodes of which one can take from the other. */
static uint64_t take_key(const struct node *n)
{
    int w = first_weight(n);
    uint64_t key = hash_pair((uint64_t)n->op, (uint64_t)(w + 1));
    if (w < 0)
        return hash_pair(hash_pair(key, (uint64_t)n->n_in), (uint64_t)n->n_attr);
    const struct ttype *t = tensor_type(node_const(n, w));
    for (int i = 0; i < t->rank; i++)
        key = hash_pair(key, (uint64_t)t->dim[i]);
    return key;
}

static void fill_buckets(struct matcher *m, bool by_hash)
{
    u64map_done(&m->bucket);
    for (int32_t k = m->first + m->n - 1; k >= m->first; k--) {
        if (m->used[k])
            continue;
        uint64_t key = by_hash ? m->hold[k] : take_key(graph_node(m->old, k));
        int64_t *head = u64map_put(&m->bucket, key, -1);
        m->next[k] = (int32_t)*head;
        *head = k;
    }
}

/* The first of a bucket that can be paired. Used ones are unlinked on the way, so that a walk over
 * many equal nodes stays short. */
static int32_t first_free(struct matcher *m, uint64_t key, const struct node *a)
{
    int64_t *head = u64map_get(&m->bucket, key);
    int32_t before = -1, k = head ? (int32_t)*head : -1;
    while (k >= 0 && (m->used[k] || !can_take(a, graph_node(m->old, k)))) {
        if (!m->used[k])
            before = k;
        else if (before >= 0)
            m->next[before] = m->next[k];
        else
            *head = m->next[k];
        k = m->next[k];
    }
    return k;
}

/* The one with the most inputs from pairs of a's inputs; -1 when there is none with any. */
static int32_t best_behind(const struct matcher *m, int32_t id, bool by_hash)
{
    const struct node *a = graph_node(m->frag, id);
    int32_t best = -1;
    int best_score = 0;
    for (int i = 0; i < a->n_in; i++) {
        int32_t mate = a->in[i].node >= 0 ? m->mate[a->in[i].node] : -1;
        int n = 0;
        const struct use *use = mate >= 0 ? graph_uses(m->old, mate, &n) : NULL;
        for (int u = 0; u < n; u++) {
            int32_t k = use[u].node;
            if (k >= m->first + m->n || m->used[k] || (by_hash && m->hf[id] != m->hold[k]) ||
                !can_take(a, graph_node(m->old, k)))
                continue;
            int score = shared_inputs(m, a, graph_node(m->old, k));
            if (score > best_score || (score == best_score && score && k < best)) {
                best = k;
                best_score = score;
            }
        }
    }
    return best;
}

/* Pairs what can be paired, in topological order; among equals the one behind a pair, else the
 * first. */
static void match_round(struct matcher *m, bool by_hash)
{
    const int32_t *topo = graph_topo(m->frag);
    fill_buckets(m, by_hash);
    for (int i = 0; i < graph_n_nodes(m->frag); i++) {
        int32_t id = topo[i];
        const struct node *a = graph_node(m->frag, id);
        if (m->mate[id] >= 0 || a->op == OP_INPUT || a->op == OP_OUTPUT)
            continue;
        int32_t best = best_behind(m, id, by_hash);
        if (best < 0)
            best = first_free(m, by_hash ? m->hf[id] : take_key(a), a);
        if (best >= 0) {
            m->mate[id] = best;
            m->used[best] = true;
        }
    }
}

struct placed {
    int pos;
    int32_t id;
};

static int by_pos(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return (x->pos > y->pos) - (x->pos < y->pos);
}

static struct placed *in_order(const struct graph *g, const struct region *r)
{
    struct placed *p = x_calloc((size_t)r->n + 1, sizeof *p);
    for (int i = 0; i < r->n; i++)
        p[i] = (struct placed){graph_topo_pos(g, r->ids[i]), r->ids[i]};
    qsort(p, (size_t)r->n, sizeof *p, by_pos);
    return p;
}

enum status take_match(const struct graph *g, const struct region *r, const struct graph *frag,
                       const struct ports *p, struct taken **out, struct err *err)
{
    struct graph *old = NULL;
    TRY(region_extract(g, r, &old, err));
    size_t nf = (size_t)graph_n_slots(frag), no = (size_t)graph_n_slots(old);
    struct matcher m = {.frag = frag, .old = old, .first = r->n_in, .n = r->n};
    m.mate = x_malloc((nf + 1) * sizeof *m.mate);
    memset(m.mate, -1, nf * sizeof *m.mate);
    m.used = x_calloc(no + 1, sizeof *m.used);
    m.next = x_calloc(no + 1, sizeof *m.next);
    m.hf = x_calloc(nf + 1, sizeof *m.hf);
    m.hold = x_calloc(no + 1, sizeof *m.hold);
    graph_node_hashes(frag, m.hf);
    graph_node_hashes(old, m.hold);
    int n_in;
    const int32_t *in = graph_inputs(frag, &n_in);
    for (int i = 0; i < n_in; i++)
        m.mate[in[i]] = p->in[i];
    match_round(&m, true);
    match_round(&m, false);
    struct placed *order = in_order(g, r);
    *out = x_calloc(nf + 1, sizeof **out);
    for (size_t i = 0; i < nf; i++) {
        const struct node *a = graph_node(frag, (int32_t)i);
        (*out)[i].old = -1;
        if (!a || a->op == OP_INPUT || m.mate[i] < 0)
            continue;
        (*out)[i].old = order[m.mate[i] - m.first].id;
        (*out)[i].same = is_same(a, graph_node(g, (*out)[i].old));
    }
    free(order);
    free(m.mate);
    free(m.used);
    free(m.next);
    u64map_done(&m.bucket);
    free(m.hf);
    free(m.hold);
    graph_unref(old);
    return ST_OK;
}
