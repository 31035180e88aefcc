/* The way of one replacement: ports, repair, splice, inference, cost. */
#include "mutate/mutate_priv.h"

#include "base/mem.h"
#include "shape/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

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

/* ---- repair under the best assignment of ports ---- */

struct tries {
    const struct graph *frag;
    const struct mutate_opts *opts;
    struct ttype *in, *out; /* of the region's ports */
    struct ttype *need_in, *need_out;
    struct orders in_orders, out_orders;
    double until_ms, limit_s;
    int best_in, best_out; /* -1: none solved so far */
    struct mend_plan plan; /* the best, or why there is none */
    bool tried;
};

/* Unchanged, then repaired by objective, then timeout, then the first failure. */
static bool is_better(const struct tries *t, const struct mend_plan *p)
{
    if (!t->tried)
        return true;
    enum mend_result a = p->result, b = t->plan.result;
    if (a == MEND_REPAIRED && b == MEND_REPAIRED)
        return p->objective < t->plan.objective;
    if (a == MEND_UNCHANGED || a == MEND_REPAIRED)
        return b != MEND_UNCHANGED && a != b;
    return a == MEND_TIMEOUT && b == MEND_INFEASIBLE;
}

static enum status try_ports(struct tries *t, int i, int o, struct err *err)
{
    const int *in = t->in_orders.at + i * t->in_orders.n_ports;
    const int *out = t->out_orders.at + o * t->out_orders.n_ports;
    for (int k = 0; k < t->in_orders.n_ports; k++)
        t->need_in[k] = t->in[in[k]];
    for (int k = 0; k < t->out_orders.n_ports; k++)
        t->need_out[k] = t->out[out[k]];
    /* One limit for all assignments together. */
    struct mend_opts mo = t->opts->mend;
    double left = (t->until_ms - now_ms()) / 1e3;
    mo.time_limit_s = !t->tried ? t->limit_s : left > 1e-3 ? left : 1e-3;
    struct mend_plan p;
    struct err why = {0};
    enum status st = mend_fragment(t->frag, t->need_in, t->need_out, &mo, &p, &why);
    if (st == ST_CANCELLED || st == ST_INTERNAL)
        return err_set(err, st, "%s", why.msg);
    if (st != ST_OK) {
        p = (struct mend_plan){.result = MEND_INFEASIBLE};
        snprintf(p.reason, sizeof p.reason, "%s", why.msg);
    }
    if (!is_better(t, &p)) {
        mend_plan_done(&p);
        return ST_OK;
    }
    if (t->tried)
        mend_plan_done(&t->plan);
    t->plan = p;
    t->tried = true;
    t->best_in = p.fragment ? i : -1;
    t->best_out = p.fragment ? o : -1;
    return ST_OK;
}

static bool cancelled(const struct mutate_opts *opts)
{
    return opts->mend.cancel && __atomic_load_n(opts->mend.cancel, __ATOMIC_RELAXED);
}

static enum status try_all(struct tries *t, struct err *err)
{
    for (int i = 0; i < t->in_orders.n; i++)
        for (int o = 0; o < t->out_orders.n; o++) {
            if (cancelled(t->opts))
                return err_set(err, ST_CANCELLED, "cancelled");
            if (t->tried && (t->plan.result == MEND_UNCHANGED || now_ms() > t->until_ms))
                return ST_OK;
            TRY(try_ports(t, i, o, err));
        }
    return ST_OK;
}

static void tries_init(struct tries *t, const struct graph *g, const struct region *r,
                       const struct graph *frag, const struct mutate_opts *opts)
{
    *t = (struct tries){.frag = frag, .opts = opts, .best_in = -1, .best_out = -1};
    t->limit_s = opts->mend.time_limit_s > 0 ? opts->mend.time_limit_s : 1;
    t->until_ms = now_ms() + t->limit_s * 1e3;
    t->in = x_calloc((size_t)r->n_in + 1, sizeof *t->in);
    t->out = x_calloc((size_t)r->n_out + 1, sizeof *t->out);
    t->need_in = x_calloc((size_t)r->n_in + 1, sizeof *t->need_in);
    t->need_out = x_calloc((size_t)r->n_out + 1, sizeof *t->need_out);
    for (int i = 0; i < r->n_in; i++)
        t->in[i] = *graph_type(g, r->in[i]);
    for (int i = 0; i < r->n_out; i++)
        t->out[i] = *graph_type(g, r->out[i]);
    orders_init(&t->in_orders, t->in, r->n_in);
    orders_init(&t->out_orders, t->out, r->n_out);
}

/* The plan is the caller's. */
static void tries_done(struct tries *t)
{
    orders_done(&t->in_orders);
    orders_done(&t->out_orders);
    free(t->in);
    free(t->out);
    free(t->need_in);
    free(t->need_out);
}

/* ---- the child ---- */

/* The outside must not notice: each output of the region has the type that it had. */
static enum status check_types(const struct graph *g, const struct region *r,
                               const struct graph *child, const struct value_ref *now,
                               struct err *err)
{
    for (int i = 0; i < r->n_out; i++) {
        const struct ttype *was = graph_type(g, r->out[i]), *is = graph_type(child, now[i]);
        char a[96], b[96];
        if (!ttype_equal(was, is))
            return err_set(err, ST_MODEL, "output '%s' of the region would be %s instead of %s",
                           graph_node(g, r->out[i].node)->out[r->out[i].port].name,
                           ttype_text(is, a, sizeof a), ttype_text(was, b, sizeof b));
    }
    return ST_OK;
}

static enum status make_child(const struct graph *g, const struct region *r, const struct tries *t,
                              struct candidate *c, struct err *err)
{
    struct ports p = {.n_in = r->n_in,
                      .n_out = r->n_out,
                      .in = t->in_orders.at + t->best_in * r->n_in,
                      .out = t->out_orders.at + t->best_out * r->n_out};
    struct spliced s;
    struct graph *typed = NULL;
    TRY(splice(g, r, c->plan.fragment, &p, t->opts->seed, &s, err));
    enum status st = shape_infer(s.graph, &typed, err);
    if (st == ST_OK)
        st = check_types(g, r, typed, s.out, err);
    if (st == ST_OK) {
        c->graph = typed;
        c->n_added = s.n_added;
        c->added = s.added;
        c->from = s.from;
        s.added = s.from = NULL;
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

static enum status mend_and_splice(const struct graph *g, const struct region *r,
                                   const struct graph *frag, const struct mutate_opts *opts,
                                   struct candidate *c, struct err *err)
{
    struct tries t;
    struct err why = {0};
    tries_init(&t, g, r, frag, opts);
    enum status st = try_all(&t, err);
    c->plan = t.plan;
    c->status = t.plan.result;
    if (st == ST_OK && t.best_in < 0) {
        snprintf(c->reason, sizeof c->reason, "%s", t.plan.reason);
    } else if (st == ST_OK) {
        st = make_child(g, r, &t, c, &why);
        if (st == ST_INTERNAL || st == ST_CANCELLED) {
            err_set(err, st, "%s", why.msg);
        } else if (st != ST_OK) {
            refuse(c, why.msg);
            st = ST_OK;
        }
    }
    tries_done(&t);
    return st;
}

enum status mutate_replace(const struct graph *g, const struct region *r, const struct graph *frag,
                           const struct mutate_opts *opts, struct candidate *out, struct err *err)
{
    struct candidate c = {.status = MEND_INFEASIBLE};
    double start = now_ms();
    enum status st = ST_OK;
    cost_graph(g, &c.before);
    if (mutate_region_ok(g, r, c.reason, sizeof c.reason) &&
        fragment_ok(frag, c.reason, sizeof c.reason) &&
        counts_ok(r, frag, c.reason, sizeof c.reason))
        st = mend_and_splice(g, r, frag, opts, &c, err);
    c.ms = now_ms() - start;
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
    memset(c, 0, sizeof *c);
}
