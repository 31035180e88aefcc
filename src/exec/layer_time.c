#include "exec/layer_time.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "graph/region.h"

enum { RUNS = 10 };

struct layer_clock {
    struct timing_opts opts;
    struct u64map known; /* hash of a layer as a graph -> its place in ms */
    VEC(double) ms;
};

struct layer_clock *layer_clock_new(const struct timing_opts *opts)
{
    struct layer_clock *c = x_calloc(1, sizeof *c);
    c->opts = *opts;
    c->opts.runs = opts->runs ? opts->runs : RUNS;
    c->opts.inner = true;
    c->opts.progress = NULL;
    return c;
}

void layer_clock_free(struct layer_clock *c)
{
    if (!c)
        return;
    u64map_done(&c->known);
    vec_done(&c->ms);
    free(c);
}

/* ---- layers ---- */

static bool joins(const struct node *n, bool *summed)
{
    const struct op_info *o = op_info(n->op);
    if (n->op == OP_BATCHNORM)
        return true;
    if (n->op == OP_ADD && !*summed)
        return *summed = true;
    return o->arity == ARITY_ONE && o->cost == COST_ELEM && o->shape != SHAPE_RESIZE;
}

/* What plan_fuse.c would put together with node `id`, the last one of a layer begun; -1: nothing.
 */
static int32_t follower(const struct graph *g, int32_t id, bool *summed)
{
    int n;
    const struct use *u = graph_uses(g, id, &n);
    return n == 1 && joins(graph_node(g, u->node), summed) ? u->node : -1;
}

/* Hands on the bytes that it gets, or computes shapes. */
static bool takes_no_time(const struct node *n)
{
    static const bool hands_on[OP_COUNT] = {
        [OP_INPUT] = true,   [OP_OUTPUT] = true,  [OP_IDENTITY] = true, [OP_DROPOUT] = true,
        [OP_FLATTEN] = true, [OP_RESHAPE] = true, [OP_SQUEEZE] = true,  [OP_UNSQUEEZE] = true};
    return hands_on[n->op] || n->n_out == 0 || n->out[0].type.dtype != DT_FLOAT;
}

/* ---- times ---- */

static enum status measure(struct layer_clock *c, const struct graph *layer, double *ms, bool *kept,
                           struct err *err)
{
    struct timing t;
    TRY(timing_measure(&t, layer, &c->opts, err));
    *ms = t.median_ms;
    *kept = t.cached;
    timing_done(&t);
    return ST_OK;
}

static enum status time_of(struct layer_clock *c, const struct graph *layer, struct u64map *here,
                           struct layer_sum *sum, double *ms, struct err *err)
{
    uint64_t hash = graph_hash(layer);
    int64_t *at = u64map_get(&c->known, hash);
    if (*u64map_put(here, hash, sum->shapes) == sum->shapes)
        sum->shapes++;
    if (at) {
        *ms = c->ms.at[*at];
        return ST_OK;
    }
    bool kept;
    TRY(measure(c, layer, ms, &kept, err));
    u64map_put(&c->known, hash, (int64_t)c->ms.n);
    vec_push(&c->ms, *ms);
    sum->measured += !kept;
    return ST_OK;
}

static enum status time_layer(struct layer_clock *c, const struct graph *g, const int32_t *ids,
                              int n, struct u64map *here, struct layer_sum *sum, double *ms,
                              struct err *err)
{
    struct region r;
    struct graph *layer;
    TRY(region_init(&r, g, ids, n, err));
    *ms = 0;
    if (r.n_in == 0) { /* computed once, when the network is loaded */
        region_done(&r);
        return ST_OK;
    }
    enum status st = region_extract(g, &r, &layer, err);
    region_done(&r);
    TRY(st);
    st = time_of(c, layer, here, sum, ms, err);
    graph_unref(layer);
    sum->layers++;
    sum->ms += *ms;
    return st;
}

enum status layer_clock_sum(struct layer_clock *c, const struct graph *g, struct layer_sum *out,
                            double *ms, struct err *err)
{
    bool *done = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *done);
    struct u64map here = {0};
    VEC(int32_t) ids = {0};
    enum status st = ST_OK;
    *out = (struct layer_sum){0};
    for (int i = 0; i < graph_n_nodes(g) && st == ST_OK; i++) {
        int32_t id = graph_topo(g)[i];
        enum cost_rule rule = op_info(graph_node(g, id)->op)->cost;
        bool summed = false;
        double own = 0;
        if (done[id] || takes_no_time(graph_node(g, id)))
            continue;
        ids.n = 0;
        vec_push(&ids, id);
        if (rule == COST_CONV || rule == COST_CONVT)
            for (int32_t next; (next = follower(g, ids.at[ids.n - 1], &summed)) >= 0;) {
                vec_push(&ids, next);
                done[next] = true;
            }
        st = time_layer(c, g, ids.at, (int)ids.n, &here, out, &own, err);
        if (ms)
            ms[id] = own;
    }
    vec_done(&ids);
    u64map_done(&here);
    free(done);
    return st;
}
