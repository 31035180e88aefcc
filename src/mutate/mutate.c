/* The way of one replacement: ports, the three attempts at a repair, splice, inference, cost. */
#include "mutate/mutate_priv.h"

#include "base/clock.h"
#include "base/mem.h"
#include "shape/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what may be replaced by what ---- */

bool mutate_region_ok(const struct graph *g, const struct region *r, char *why, size_t size)
{
    char none[1];
    if (!why || !size) {
        why = none;
        size = sizeof none;
    }
    if (!r->n) {
        snprintf(why, size, "the region is empty");
        return false;
    }
    for (int i = 0; i < r->n; i++) {
        const struct node *n = graph_node(g, r->ids[i]);
        if (n && n->op != OP_INPUT && n->op != OP_OUTPUT && n->op != OP_OPAQUE)
            continue;
        if (!n)
            snprintf(why, size, "node %d is not in the graph", r->ids[i]);
        else if (n->op == OP_OPAQUE)
            snprintf(why, size, "node '%s' (%s) is of a kind that is kept as it is", node_label(n),
                     node_op_type(n));
        else
            snprintf(why, size, "'%s' is an %s of the graph", node_label(n), node_op_type(n));
        return false;
    }
    if (!region_is_convex(g, r)) {
        snprintf(why, size, "a path leaves the region and comes back");
        return false;
    }
    return true;
}

static bool fragment_ok(const struct graph *frag, char *why, size_t size)
{
    for (int32_t id = 0; id < graph_n_slots(frag); id++) {
        const struct node *n = graph_node(frag, id);
        if (n && n->op == OP_OPAQUE) {
            snprintf(why, size, "the fragment has node '%s' of the unknown kind %s", node_label(n),
                     node_op_type(n));
            return false;
        }
        if (n && n->op == OP_OUTPUT && (n->n_in < 1 || n->in[0].node < 0)) {
            snprintf(why, size, "output '%s' of the fragment is not computed by a node",
                     node_label(n));
            return false;
        }
    }
    return true;
}

static bool counts_ok(const struct region *r, const struct graph *frag, char *why, size_t size)
{
    int n_in, n_out;
    graph_inputs(frag, &n_in);
    graph_outputs(frag, &n_out);
    if (n_in == r->n_in && n_out == r->n_out)
        return true;
    snprintf(why, size, "the region has %d inputs and %d outputs, the fragment %d and %d", r->n_in,
             r->n_out, n_in, n_out);
    return false;
}

/* ---- one repair at a time ---- */

static bool cancelled(const struct mutate_opts *opts)
{
    return opts->mend.cancel && __atomic_load_n(opts->mend.cancel, __ATOMIC_RELAXED);
}

bool hunt_late(const struct hunt *h)
{
    return clock_ms() > h->until_ms;
}

enum status hunt_mend(struct hunt *h, const struct graph *frag, const struct ttype *need_in,
                      const struct ttype *need_out, const struct mend_opts *opts,
                      struct mend_plan *plan, struct err *err)
{
    /* One limit for all attempts together. */
    struct mend_opts mo = *opts;
    double left = (h->until_ms - clock_ms()) / 1e3;
    mo.time_limit_s = !h->started ? h->limit_s : left > 1e-3 ? left : 1e-3;
    h->started = true;
    *plan = (struct mend_plan){.result = MEND_INFEASIBLE};
    if (cancelled(h->opts))
        return err_set(err, ST_CANCELLED, "cancelled");
    struct err why = {0};
    enum status st = mend_fragment(frag, need_in, need_out, &mo, plan, &why);
    if (st == ST_CANCELLED || st == ST_INTERNAL)
        return err_set(err, st, "%s", why.msg);
    if (st != ST_OK) {
        *plan = (struct mend_plan){.result = MEND_INFEASIBLE};
        snprintf(plan->reason, sizeof plan->reason, "%s", why.msg);
    }
    return ST_OK;
}

void repair_done(struct repair *r)
{
    mend_plan_done(&r->plan);
    ports_done(&r->ports);
    graph_unref(r->joint);
    free(r->outside);
    free(r->adapter);
    memset(r, 0, sizeof *r);
}

static void hunt_init(struct hunt *h, const struct graph *g, const struct region *r,
                      const struct graph *frag, const struct mutate_opts *opts)
{
    *h = (struct hunt){.g = g, .r = r, .frag = frag, .opts = opts};
    h->limit_s = opts->mend.time_limit_s > 0 ? opts->mend.time_limit_s : 1;
    h->until_ms = clock_ms() + h->limit_s * 1e3;
    h->in = x_calloc((size_t)r->n_in + 1, sizeof *h->in);
    h->out = x_calloc((size_t)r->n_out + 1, sizeof *h->out);
    for (int i = 0; i < r->n_in; i++)
        h->in[i] = *graph_type(g, r->in[i]);
    for (int i = 0; i < r->n_out; i++)
        h->out[i] = *graph_type(g, r->out[i]);
}

static void hunt_done(struct hunt *h)
{
    free(h->in);
    free(h->out);
}

/* ---- the fragment alone, under the best assignment of ports ---- */

/* Unchanged, then repaired by objective, then timeout, then the first failure. */
static bool is_better(const struct mend_plan *p, const struct mend_plan *than)
{
    enum mend_result a = p->result, b = than->result;
    if (a == MEND_REPAIRED && b == MEND_REPAIRED)
        return p->objective < than->objective;
    if (a == MEND_UNCHANGED || a == MEND_REPAIRED)
        return b != MEND_UNCHANGED && a != b;
    return a == MEND_TIMEOUT && b == MEND_INFEASIBLE;
}

/* need[k] = the type of the region's port order[k]. */
static void order_types(struct ttype *need, const struct ttype *types, const int *order, int n)
{
    for (int k = 0; k < n; k++)
        need[k] = types[order[k]];
}

static enum status plain_search(struct hunt *h, const struct orders *in, const struct orders *out,
                                struct repair *best, struct err *err)
{
    struct ttype *need_in = x_calloc((size_t)in->n_ports + 1, sizeof *need_in);
    struct ttype *need_out = x_calloc((size_t)out->n_ports + 1, sizeof *need_out);
    enum status st = ST_OK;
    for (int i = 0; i < in->n * out->n && st == ST_OK; i++) {
        if (i && (best->plan.result == MEND_UNCHANGED || hunt_late(h)))
            break;
        const int *a = in->at + i / out->n * in->n_ports, *b = out->at + i % out->n * out->n_ports;
        struct mend_plan p;
        order_types(need_in, h->in, a, in->n_ports);
        order_types(need_out, h->out, b, out->n_ports);
        st = hunt_mend(h, h->frag, need_in, need_out, &h->opts->mend, &p, err);
        if (st == ST_OK && (i == 0 || is_better(&p, &best->plan))) {
            repair_done(best);
            best->plan = p;
            ports_set(&best->ports, a, in->n_ports, b, out->n_ports);
        } else {
            mend_plan_done(&p);
        }
    }
    free(need_in);
    free(need_out);
    return st;
}

/* ---- the three attempts ---- */

/* What an attempt found takes the place of the failure before it. */
static void take_found(const struct hunt *h, struct repair *best, struct repair *found)
{
    if (hunt_late(h)) { /* with more time it might be another one */
        best->plan.result = MEND_TIMEOUT;
        snprintf(best->plan.reason, sizeof best->plan.reason, "no repair was found in %.3g s",
                 h->limit_s);
        repair_done(found);
        return;
    }
    if (!found->plan.fragment)
        return;
    repair_done(best);
    *best = *found;
    *found = (struct repair){0};
    best->plan.result = MEND_REPAIRED;
}

static enum status find_repair(struct hunt *h, bool same_counts, struct repair *best,
                               struct err *err)
{
    struct repair found = {0};
    struct orders in, out;
    enum status st = ST_OK;
    orders_init(&in, h->in, h->r->n_in);
    orders_init(&out, h->out, h->r->n_out);
    if (same_counts)
        st = plain_search(h, &in, &out, best, err);
    if (st == ST_OK && same_counts && !best->plan.fragment && h->opts->grow > 0) {
        st = grow_search(h, &in, &out, &found, err);
        if (st == ST_OK)
            take_found(h, best, &found);
    }
    if (st == ST_OK && !best->plan.fragment && h->opts->adapt) {
        st = adapt_search(h, &found, err);
        if (st == ST_OK)
            take_found(h, best, &found);
    }
    orders_done(&in);
    orders_done(&out);
    return st;
}

/* ---- the child ---- */

static enum status check_type(const struct graph *g, struct value_ref was,
                              const struct graph *child, struct value_ref now, struct err *err)
{
    const struct ttype *a = graph_type(g, was), *b = graph_type(child, now);
    char had[96], has[96];
    if (ttype_equal(a, b))
        return ST_OK;
    return err_set(err, ST_MODEL, "value '%s' would be %s instead of %s",
                   graph_node(g, was.node)->out[was.port].name, ttype_text(b, has, sizeof has),
                   ttype_text(a, had, sizeof had));
}

/* The outside must not notice: each output of the region has the type that it had, unless nodes
 * outside were repaired along; then all others have. */
static enum status check_types(const struct graph *g, const struct region *r,
                               const struct repair *f, const struct graph *child,
                               const struct value_ref *now, struct err *err)
{
    for (int i = 0; i < r->n_out && !f->n_outside; i++)
        TRY(check_type(g, r->out[i], child, now[i], err));
    if (!f->n_outside)
        return ST_OK;
    bool *may = x_calloc((size_t)graph_n_slots(g), sizeof *may);
    enum status st = ST_OK;
    for (int i = 0; i < f->n_outside; i++)
        may[f->outside[i].id] = true;
    for (int32_t id = 0; id < graph_n_slots(g) && st == ST_OK; id++) {
        const struct node *a = graph_node(g, id), *b = graph_node(child, id);
        for (int p = 0; a && b && a != b && !may[id] && p < a->n_out && st == ST_OK; p++)
            st = check_type(g, (struct value_ref){id, p}, child, (struct value_ref){id, p}, err);
    }
    free(may);
    return st;
}

static void list_grown(const struct graph *g, const struct repair *f, struct candidate *c)
{
    c->grown = x_calloc((size_t)f->n_outside + 1, sizeof *c->grown);
    for (int i = 0; i < f->n_outside; i++) {
        int32_t id = f->outside[i].id;
        if (grow_changed(graph_node(g, id), graph_node(c->graph, id)))
            c->grown[c->n_grown++] = id;
    }
}

static void list_adapters(const struct repair *f, struct candidate *c)
{
    c->adapter = x_memdup(f->adapter, (size_t)f->n_adapter * sizeof *f->adapter);
    c->n_adapter = f->n_adapter;
    for (int i = 0; i < f->n_adapter; i++) {
        int k = 0;
        while (c->from[k] != f->adapter[i].node)
            k++;
        c->adapter[i].node = c->added[k];
    }
}

static enum status make_child(const struct hunt *h, const struct repair *f, struct candidate *c,
                              struct err *err)
{
    struct spliced s;
    struct graph *typed = NULL;
    TRY(splice(h->g, h->r, f->plan.fragment, &f->ports, h->opts->seed, &s, err));
    enum status st = f->n_outside ? grow_apply(h->g, f, h->opts->seed, &s.graph, err) : ST_OK;
    if (st == ST_OK)
        st = shape_infer(s.graph, &typed, err);
    if (st == ST_OK)
        st = check_types(h->g, h->r, f, typed, s.out, err);
    if (st == ST_OK) {
        c->graph = typed;
        c->n_added = s.n_added;
        c->added = s.added;
        c->from = s.from;
        s.added = s.from = NULL;
        list_grown(h->g, f, c);
        list_adapters(f, c);
        cost_graph(typed, &c->after);
    } else {
        graph_unref(typed);
    }
    spliced_done(&s);
    return st;
}

static void refuse(struct candidate *c, const char *why)
{
    c->status = MEND_INFEASIBLE;
    snprintf(c->reason, sizeof c->reason, "%s", why);
}

/* c->reason holds what the counts are when they differ. */
static enum status mend_and_splice(const struct graph *g, const struct region *r,
                                   const struct graph *frag, const struct mutate_opts *opts,
                                   bool same_counts, struct candidate *c, struct err *err)
{
    struct hunt h;
    struct repair f = {0};
    struct err why = {0};
    hunt_init(&h, g, r, frag, opts);
    f.plan.result = MEND_INFEASIBLE;
    enum status st = find_repair(&h, same_counts, &f, err);
    c->status = f.plan.result;
    if (st == ST_OK && !f.plan.fragment) {
        if (f.plan.reason[0])
            snprintf(c->reason, sizeof c->reason, "%s", f.plan.reason);
    } else if (st == ST_OK) {
        c->reason[0] = '\0';
        st = make_child(&h, &f, c, &why);
        if (st == ST_INTERNAL || st == ST_CANCELLED) {
            err_set(err, st, "%s", why.msg);
        } else if (st != ST_OK) {
            refuse(c, why.msg);
            st = ST_OK;
        }
    }
    c->plan = f.plan;
    f.plan = (struct mend_plan){0};
    repair_done(&f);
    hunt_done(&h);
    return st;
}

enum status mutate_replace(const struct graph *g, const struct region *r, const struct graph *frag,
                           const struct mutate_opts *opts, struct candidate *out, struct err *err)
{
    struct candidate c = {.status = MEND_INFEASIBLE};
    double start = clock_ms();
    enum status st = ST_OK;
    cost_graph(g, &c.before);
    if (mutate_region_ok(g, r, c.reason, sizeof c.reason) &&
        fragment_ok(frag, c.reason, sizeof c.reason)) {
        bool same_counts = counts_ok(r, frag, c.reason, sizeof c.reason);
        struct mutate_opts own = *opts;
        own.mend.n_without = 0;
        if (same_counts || opts->adapt)
            st = mend_and_splice(g, r, frag, &own, same_counts, &c, err);
    }
    c.ms = clock_ms() - start;
    if (st == ST_OK)
        *out = c;
    else
        candidate_done(&c);
    return st;
}

void candidate_done(struct candidate *c)
{
    graph_unref(c->graph);
    mend_plan_done(&c->plan);
    free(c->added);
    free(c->from);
    free(c->grown);
    free(c->adapter);
    memset(c, 0, sizeof *c);
}
