/* Repair beyond the region: nodes outside take part, because a width that the fragment cannot give
 * may be taken by the node that follows.
 *
 * A width is carried along the edges: from a tensor to all its readers, through them unless they
 * make a width of their own (a convolution, a matrix product), and back through joins. The nodes
 * met on such a walk from a port, nearest first, are what grows; they and the fragment are mended
 * as one ("joint") whose boundary stays as it is. The nodes outside keep their places, ids and
 * names, only the region is taken out; so they need not form a convex set with it.
 *
 * Where fragment and outside meet in the joint stands a seam, an Identity: each side of it has the
 * types it had, which is what the repair starts from. */
#include "mutate/grow_priv.h"

#include "base/hash.h"
#include "base/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the joint ---- */

struct joint {
    struct hunt *h;
    const int *in, *out; /* orders of the ports */
    int n;
    const int32_t *ids;     /* nodes outside, in g */
    struct outside *places; /* n */
    struct graph_edit *e;
    struct u64map at; /* value of g -> id in the joint that stands for it; port -1: the node */
    VEC(struct ttype) need_in;
    VEC(struct ttype) need_out;
};

/* The value of the joint behind a value of g that is not of the region; an input where it comes
 * from beyond. */
static struct value_ref joint_value(struct joint *j, int32_t node, int32_t port)
{
    int64_t *inside = u64map_get(&j->at, grow_key(node, -1));
    if (inside)
        return (struct value_ref){(int32_t)*inside, port};
    int64_t *known = u64map_get(&j->at, grow_key(node, port));
    if (known)
        return (struct value_ref){(int32_t)*known, 0};
    const struct node_output *o = &graph_node(j->h->g, node)->out[port];
    struct node *n = node_new(OP_INPUT, o->name);
    node_add_output(n, o->name);
    n->out[0].type = o->type;
    vec_push(&j->need_in, o->type);
    int32_t id = graph_edit_add(j->e, n);
    *u64map_put(&j->at, grow_key(node, port), 0) = id;
    return (struct value_ref){id, 0};
}

static void joint_output(struct joint *j, int32_t id, int32_t port, const struct ttype *type)
{
    struct node *n = node_new(OP_OUTPUT, "");
    node_add_input(n, id, port);
    graph_edit_add(j->e, n);
    vec_push(&j->need_out, *type);
}

/* Whether a value of g is read by anything but the region and the nodes of the joint. */
static bool read_beyond(const struct joint *j, int32_t id, int32_t port)
{
    int n;
    const struct use *use = graph_uses(j->h->g, id, &n);
    for (int i = 0; i < n; i++)
        if (graph_node(j->h->g, use[i].node)->in[use[i].port].port == port &&
            !region_has(j->h->r, use[i].node) && !u64map_get(&j->at, grow_key(use[i].node, -1)))
            return true;
    return false;
}

/* The ids of the fragment stay: its outputs and inputs become the seams. */
static void add_seams(struct joint *j)
{
    int n_in, n_out;
    const int32_t *in = graph_inputs(j->h->frag, &n_in), *out = graph_outputs(j->h->frag, &n_out);
    for (int i = 0; i < n_out; i++) {
        struct value_ref v = j->h->r->out[j->out[i]];
        struct node *n = graph_edit_mut(j->e, out[i]);
        n->op = OP_IDENTITY;
        node_add_output(n, "");
        n->out[0].type = *graph_type(j->h->g, v);
        *u64map_put(&j->at, grow_key(v.node, v.port), 0) = out[i];
    }
    for (int i = 0; i < n_in; i++) {
        struct value_ref v = j->h->r->in[j->in[i]];
        struct value_ref from = joint_value(j, v.node, v.port);
        struct node *n = graph_edit_mut(j->e, in[i]);
        n->op = OP_IDENTITY;
        node_add_input(n, from.node, from.port);
    }
}

static void add_outside(struct joint *j)
{
    for (int i = 0; i < j->n; i++) {
        int32_t id = graph_edit_add(j->e, node_clone(graph_node(j->h->g, j->ids[i])));
        j->places[i] = (struct outside){j->ids[i], id};
        *u64map_put(&j->at, grow_key(j->ids[i], -1), 0) = id;
    }
}

static void wire_outside(struct joint *j)
{
    for (int i = 0; i < j->n; i++) {
        const struct node *was = graph_node(j->h->g, j->ids[i]);
        for (int k = 0; k < was->n_in; k++) {
            if (was->in[k].node < 0)
                continue;
            struct value_ref v = joint_value(j, was->in[k].node, was->in[k].port);
            node_set_input(graph_edit_mut(j->e, j->places[i].at), k, v.node, v.port, NULL);
        }
        for (int p = 0; p < was->n_out; p++)
            if (read_beyond(j, j->ids[i], p))
                joint_output(j, j->places[i].at, p, &was->out[p].type);
    }
    int n_out;
    const int32_t *out = graph_outputs(j->h->frag, &n_out);
    for (int i = 0; i < n_out; i++) {
        struct value_ref v = j->h->r->out[j->out[i]];
        if (read_beyond(j, v.node, v.port))
            joint_output(j, out[i], 0, graph_type(j->h->g, v));
    }
}

static void joint_done(struct joint *j)
{
    u64map_done(&j->at);
    vec_done(&j->need_in);
    vec_done(&j->need_out);
    free(j->places);
}

static enum status joint_init(struct joint *j, struct graph **out, struct err *err)
{
    j->places = x_calloc((size_t)j->n + 1, sizeof *j->places);
    j->e = graph_edit_new(j->h->frag);
    add_outside(j);
    add_seams(j);
    wire_outside(j);
    return graph_edit_freeze(j->e, out, err);
}

/* ---- widths of the fragment ---- */

static bool has_channels(const struct ttype *t)
{
    return (t->rank == 4 || t->rank == 2) && t->dim[1] >= 1;
}

/* mean ln(need / has) over the ports with channels, as a repair of the fragment alone scales. */
static double port_ratio(const struct joint *j)
{
    const struct hunt *h = j->h;
    int n_in, n_out, n = 0;
    const int32_t *in = graph_inputs(h->frag, &n_in), *out = graph_outputs(h->frag, &n_out);
    double sum = 0;
    for (int i = 0; i < n_in + n_out; i++) {
        const struct ttype *has =
            i < n_in ? &graph_node(h->frag, in[i])->out[0].type
                     : graph_input_type(h->frag, graph_node(h->frag, out[i - n_in]), 0);
        const struct ttype *need = i < n_in ? &h->in[j->in[i]] : &h->out[j->out[i - n_in]];
        if (!has || !has_channels(has) || !has_channels(need) || need->rank != has->rank)
            continue;
        sum += log((double)need->dim[1] / (double)has->dim[1]);
        n++;
    }
    return n ? exp(sum / n) : 1;
}

/* The boundary of the joint fits, so nothing in it would be scaled: the widths that a repair of the
 * fragment alone would aim at are given as preferences, behind those of the caller. */
static struct mend_pin *preferences(const struct joint *j, int *n)
{
    const struct graph *f = j->h->frag;
    const struct mend_opts *o = &j->h->opts->mend;
    double ratio = port_ratio(j);
    VEC(struct mend_pin) all = {0};
    for (int i = 0; i < o->n_prefer; i++)
        vec_push(&all, o->prefer[i]);
    for (int32_t id = 0; id < graph_n_slots(f) && fabs(ratio - 1) > 1e-12; id++) {
        const struct node *nd = graph_node(f, id);
        if (!nd || !nd->n_out || grow_carries(nd) || !has_channels(&nd->out[0].type))
            continue;
        int64_t was = nd->out[0].type.dim[1], step = was % 8 || o->multiple > 0 ? 1 : 8;
        int64_t want = (int64_t)floor((double)was * ratio / (double)step + 0.5 + 1e-9) * step;
        vec_push(&all, (struct mend_pin){id, want < step ? step : want});
    }
    *n = (int)all.n;
    return all.at;
}

/* ---- one try ---- */

static int count_changed(const struct joint *j, const struct graph *mended)
{
    int n = 0;
    for (int i = 0; i < j->n; i++)
        n += grow_changed(graph_node(j->h->g, j->ids[i]), graph_node(mended, j->places[i].at));
    return n;
}

/* The fragment alone again, with its ids. */
static enum status cut_fragment(const struct hunt *h, const struct graph *mended,
                                struct graph **out, struct err *err)
{
    int n_in, n_out;
    const int32_t *in = graph_inputs(h->frag, &n_in), *o = graph_outputs(h->frag, &n_out);
    struct graph_edit *e = graph_edit_new(mended);
    for (int32_t id = graph_n_slots(h->frag); id < graph_n_slots(mended); id++)
        graph_edit_remove(e, id);
    for (int i = 0; i < n_in; i++) {
        struct node *n = graph_edit_mut(e, in[i]);
        n->op = OP_INPUT;
        n->n_in = 0;
    }
    for (int i = 0; i < n_out; i++) {
        struct node *n = graph_edit_mut(e, o[i]);
        n->op = OP_OUTPUT;
        free(n->out[0].name);
        n->n_out = 0;
    }
    return graph_edit_freeze(e, out, err);
}

/* Limits are for the fragment: what stands outside comes on top while it is mended along. */
static void widen_limits(const struct joint *j, struct mend_opts *o)
{
    struct cost c;
    cost_nodes(j->h->g, j->ids, j->n, &c);
    if (o->max_flops_paper > 0)
        o->max_flops_paper += c.flops_paper;
    if (o->max_params > 0)
        o->max_params += c.params;
    if (o->near_flops_paper > 0)
        o->near_flops_paper += c.flops_paper;
}

static bool within_limits(const struct graph *fragment, const struct mend_opts *o)
{
    struct cost c;
    if (o->max_flops_paper <= 0 && o->max_params <= 0)
        return true;
    cost_graph(fragment, &c);
    return (o->max_flops_paper <= 0 || c.flops_paper <= o->max_flops_paper) &&
           (o->max_params <= 0 || c.params <= o->max_params);
}

/* Takes the plan and the places; plan->fragment is of the joint so far. */
static enum status keep(struct joint *j, struct mend_plan *plan, struct repair *found,
                        struct err *err)
{
    struct graph *alone = NULL;
    TRY(cut_fragment(j->h, plan->fragment, &alone, err));
    if (!within_limits(alone, &j->h->opts->mend)) {
        graph_unref(alone);
        return ST_OK;
    }
    repair_done(found);
    found->plan = *plan;
    found->joint = plan->fragment;
    found->plan.fragment = alone;
    found->plan.n_change = 0;
    for (int i = 0; i < plan->n_change; i++)
        if (plan->change[i].node < graph_n_slots(j->h->frag))
            found->plan.change[found->plan.n_change++] = plan->change[i];
    memset(plan, 0, sizeof *plan);
    found->outside = j->places;
    found->n_outside = j->n;
    j->places = NULL;
    ports_set(&found->ports, j->in, j->h->r->n_in, j->out, j->h->r->n_out);
    return ST_OK;
}

struct best {
    struct repair *found;
    int changed;
};

static enum status try_joint(struct joint *j, struct best *best, struct err *err)
{
    struct graph *g = NULL;
    struct mend_plan plan = {0};
    struct mend_opts o = j->h->opts->mend;
    enum status st = joint_init(j, &g, err);
    if (st == ST_OK) {
        struct mend_pin *prefer = preferences(j, &o.n_prefer);
        o.prefer = prefer;
        widen_limits(j, &o);
        st = hunt_mend(j->h, g, j->need_in.at, j->need_out.at, &o, &plan, err);
        free(prefer);
    }
    if (st == ST_OK && plan.fragment) {
        int changed = count_changed(j, plan.fragment);
        if (best->changed < 0 || changed < best->changed ||
            (changed == best->changed && plan.objective < best->found->plan.objective)) {
            st = keep(j, &plan, best->found, err);
            if (st == ST_OK && !plan.fragment)
                best->changed = changed;
        }
    }
    mend_plan_done(&plan);
    graph_unref(g);
    joint_done(j);
    return st;
}

/* ---- the search ---- */

static enum status try_step(struct hunt *h, const struct grow_lists *lists, const struct orders *in,
                            const struct orders *out, int step, int before, struct best *best,
                            struct err *err)
{
    for (int w = 0; w < lists->n; w++) {
        const struct grow_list *l = &lists->at[w];
        int n = l->n < step ? l->n : step;
        if (n <= before)
            continue; /* all it meets has been tried */
        for (int i = 0; i < in->n * out->n && !hunt_late(h); i++) {
            struct joint j = {.h = h,
                              .n = n,
                              .ids = l->ids,
                              .in = in->at + i / out->n * in->n_ports,
                              .out = out->at + i % out->n * out->n_ports};
            TRY(try_joint(&j, best, err));
        }
    }
    return ST_OK;
}

enum status grow_search(struct hunt *h, const struct orders *in, const struct orders *out,
                        struct repair *found, struct err *err)
{
    struct grow_lists lists;
    struct best best = {found, -1};
    enum status st = ST_OK;
    grow_lists_init(&lists, h);
    for (int step = 1, before = 0; st == ST_OK && best.changed < 0 && before < h->opts->grow;) {
        st = try_step(h, &lists, in, out, step, before, &best, err);
        before = step;
        step = 2 * step < h->opts->grow ? 2 * step : h->opts->grow;
    }
    grow_lists_done(&lists);
    if (st != ST_OK)
        repair_done(found);
    return st;
}
