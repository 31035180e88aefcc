#include "session/mutation.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void mutation_opts(const struct job *j, struct mend_opts *out)
{
    *out = (struct mend_opts){
        .pin = j->wants.pin.at,
        .n_pin = (int)j->wants.pin.n,
        .bound = j->wants.bound.at,
        .n_bound = (int)j->wants.bound.n,
        .prefer = j->wants.prefer.at,
        .n_prefer = (int)j->wants.prefer.n,
        .multiple = j->how.multiple,
        .time_limit_s = j->patience,
        .cancel = j->extra_cancel ? j->extra_cancel : &j->cancel,
    };
}

/* ---- limits ---- */

static void refuse(struct job *j, const char *what, int64_t n, int64_t limit, const char *who)
{
    char a[32], b[32];
    if (j->cand.graph)
        graph_unref(j->cand.graph);
    j->cand.graph = NULL;
    j->cand.status = MEND_INFEASIBLE;
    snprintf(j->cand.reason, sizeof j->cand.reason,
             "%s has %s %s (%lld), more than the limit of %s (%lld)", who,
             str_si((double)n, a, sizeof a), what, (long long)n, str_si((double)limit, b, sizeof b),
             (long long)limit);
}

/* Whether a network of this cost is refused, and then the reason. */
static bool above_limits(struct job *j, const struct cost *c, const char *who)
{
    const struct session_repair *how = &j->how;
    if (how->max_flops_paper && c->flops_paper > how->max_flops_paper)
        return refuse(j, "FLOPs", c->flops_paper, how->max_flops_paper, who), true;
    if (how->max_params && c->params > how->max_params)
        return refuse(j, "parameters", c->params, how->max_params, who), true;
    return false;
}

/* What the nodes outside the region cost is not what the network costs less the region: a weight
 * may be shared across the boundary. */
static void cost_outside(const struct graph *g, const struct region *r, struct cost *out)
{
    bool *inside = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *inside);
    int32_t *ids = x_malloc(((size_t)graph_n_nodes(g) + 1) * sizeof *ids);
    int n = 0;
    for (int i = 0; i < r->n; i++)
        inside[r->ids[i]] = true;
    for (int i = 0; i < graph_n_nodes(g); i++)
        if (!inside[graph_topo(g)[i]])
            ids[n++] = graph_topo(g)[i];
    cost_nodes(g, ids, n, out);
    free(inside);
    free(ids);
}

/* What of a limit is left; nothing left is still a limit, which 0 is not. */
static int64_t left(int64_t limit, int64_t outside)
{
    return !limit ? 0 : limit > outside ? limit - outside : 1;
}

/* The limits of the network as limits of the fragment; false: not even nothing keeps within. */
static bool set_limits(struct job *j, struct mend_opts *o)
{
    struct cost c;
    cost_nodes(j->graph, j->region.ids, j->region.n, &c);
    o->near_flops_paper = c.flops_paper;
    if (!j->how.max_flops_paper && !j->how.max_params)
        return true;
    cost_outside(j->graph, &j->region, &c);
    if (above_limits(j, &c, "the network without the segment"))
        return false;
    o->max_flops_paper = left(j->how.max_flops_paper, c.flops_paper);
    o->max_params = left(j->how.max_params, c.params);
    return true;
}

/* ---- the conflict ---- */

static enum status explain(struct job *j, const struct mend_opts *o)
{
    const struct region *r = &j->region;
    int n_in, n_out;
    struct err why = {0};
    graph_inputs(j->fragment, &n_in);
    graph_outputs(j->fragment, &n_out);
    if (n_in != r->n_in || n_out != r->n_out)
        return ST_OK;
    struct ttype *need = x_calloc((size_t)n_in + (size_t)n_out + 1, sizeof *need);
    for (int i = 0; i < n_in; i++)
        need[i] = *graph_type(j->graph, r->in[i]);
    for (int i = 0; i < n_out; i++)
        need[n_in + i] = *graph_type(j->graph, r->out[i]);
    enum status st = mend_explain(j->fragment, need, need + n_in, o, &j->conflict, &why);
    free(need);
    j->has_conflict = st == ST_OK && j->conflict.n > 0;
    if (st == ST_OK && !j->has_conflict)
        mend_conflict_done(&j->conflict);
    /* a refusal without a conflict stands as it is */
    return st == ST_CANCELLED || st == ST_INTERNAL ? err_set(&j->err, st, "%s", why.msg) : ST_OK;
}

/* ---- the whole ---- */

static void compare_on_npu(struct job *j)
{
    struct npu_cost after;
    npu_cost_graph(j->cand.graph, j->npu, &after);
    j->delta_cycles = after.cycles - j->cycles;
    j->delta_energy_uj = after.energy_uj - j->energy_uj;
    npu_cost_done(&after);
}

static enum status fetch_fragment(struct job *j, struct layers_db *db,
                                  char *const path[SEGDB_LAYERS])
{
    if (j->fragment)
        return ST_OK;
    if (j->record == 0)
        return region_extract(j->graph, &j->region, &j->fragment, &j->err);
    TRY(layers_open(db, path, j->generation, &j->err));
    return job_fetch(j, db, &j->err);
}

enum status mutation_run(struct job *j, struct layers_db *db, char *const path[SEGDB_LAYERS])
{
    struct mutate_opts opts = {.seed = j->seed, .grow = j->how.grow, .adapt = j->how.adapt};
    TRY(fetch_fragment(j, db, path));
    mutation_opts(j, &opts.mend);
    if (!set_limits(j, &opts.mend))
        return ST_OK;
    TRY(mutate_replace(j->graph, &j->region, j->fragment, &opts, &j->cand, &j->err));
    /* A result that depends on how far the solver got in its time is not one to build on: the
     * journal could not replay it. */
    if (j->cand.status == MEND_TIMEOUT && j->cand.graph) {
        graph_unref(j->cand.graph);
        j->cand.graph = NULL;
    }
    if (j->cand.status == MEND_TIMEOUT && !j->cand.reason[0])
        snprintf(j->cand.reason, sizeof j->cand.reason, "the repair took too long");
    if (j->kind == JOB_REPAIR && j->cand.status == MEND_INFEASIBLE && !j->cand.graph)
        TRY(explain(j, &opts.mend));
    if (j->cand.graph && !above_limits(j, &j->cand.after, "the result")) {
        j->hash = graph_hash(j->cand.graph);
        if (j->npu)
            compare_on_npu(j);
        if (j->source)
            pred_replacement(j->source, j->cand.graph, &j->delta);
    }
    return ST_OK;
}

const char *job_reason(const struct job *j)
{
    if (j->status != ST_OK)
        return j->err.msg;
    if (j->cand.graph)
        return "";
    return j->has_conflict     ? j->conflict.text
           : j->cand.reason[0] ? j->cand.reason
                               : "the candidate was refused";
}
