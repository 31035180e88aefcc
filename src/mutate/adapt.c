/* The smallest adapters: every assignment of the ports, every way at each of them, by the number of
 * nodes; each is a fragment of its own that is repaired to the boundary like any other. */
#include "mutate/adapt_priv.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NODES = 6, MAX_TRIES = 2000, MAX_LOOKS = 100000 };

/* ---- what is hopeless ---- */

enum { UNKNOWN, POSSIBLE, HOPELESS };
enum { MAX_SETS = 8 }; /* more slots: nothing is asked beforehand */

/* Whether the fragment cannot be repaired along the channels (sizes: along height and width) even
 * if the slots of the set ask for nothing there. Channels and sizes do not depend on each other, so
 * the others get what the fragment has. */
static enum status ask_hopeless(struct search *s, bool sizes, unsigned set, bool *answer,
                                struct err *err)
{
    static const enum mend_axis axis[] = {MEND_AXIS_C, MEND_AXIS_H, MEND_AXIS_W};
    const struct hunt *h = s->h;
    struct mend_opts o = h->opts->mend;
    struct mend_plan plan;
    struct ttype *in = x_memdup(s->in_type, ((size_t)s->n_in + 1) * sizeof *in);
    struct ttype *out = x_memdup(s->out_type, ((size_t)s->n_out + 1) * sizeof *out);
    bool *asked = x_calloc((size_t)s->n_in + (size_t)s->n_out, sizeof *asked);
    VEC(struct mend_part) without = {0};
    for (int k = 0; k < s->n_slot; k++) {
        const struct slot *x = &s->slot[k];
        struct ttype *t = x->at_input ? &in[x->end] : &out[x->end];
        if (set >> k & 1)
            continue;
        if (x->outer.rank != x->inner.rank || (sizes && x->outer.rank != 4))
            continue;
        asked[x->at_input ? x->end : s->n_in + x->end] = true;
        if (sizes)
            memcpy(&t->dim[2], &x->outer.dim[2], 2 * sizeof t->dim[2]);
        else if (x->outer.rank > 1)
            t->dim[1] = x->outer.dim[1];
    }
    for (int k = 0; k < s->n_in + s->n_out; k++)
        for (int a = sizes ? 1 : 0; a < (sizes ? 3 : 1) && !asked[k]; a++)
            vec_push(&without,
                     (struct mend_part){k < s->n_in ? MEND_PART_INPUT : MEND_PART_OUTPUT, axis[a],
                                        k < s->n_in ? s->in[k] : s->out[k - s->n_in]});
    o.without = without.at;
    o.n_without = (int)without.n;
    o.max_flops_paper = o.max_params = 0;
    if (sizes) /* the channels stay what they are */
        o.n_pin = o.n_bound = 0;
    enum status st = hunt_mend(s->h, h->frag, in, out, &o, &plan, err);
    if (st == ST_OK)
        *answer = plan.result == MEND_INFEASIBLE;
    if (st == ST_OK)
        mend_plan_done(&plan);
    vec_done(&without);
    free(in);
    free(out);
    free(asked);
    return st;
}

static enum status hopeless(struct search *s, bool sizes, unsigned set, bool *answer,
                            struct err *err)
{
    *answer = false;
    if (!s->known)
        return ST_OK;
    signed char *known = &s->known[(sizes ? 1U << s->n_slot : 0) + set];
    if (*known == UNKNOWN) {
        TRY(ask_hopeless(s, sizes, set, answer, err));
        *known = *answer ? HOPELESS : POSSIBLE;
    }
    *answer = *known == HOPELESS;
    return ST_OK;
}

/* The slots where the chosen way lets the channels (sizes: the sizes) be free. */
static unsigned free_slots(const struct search *s, bool sizes)
{
    unsigned set = 0;
    for (int k = 0; k < s->n_slot && s->known; k++) {
        const struct adapt_way *w = way_of(&s->slot[k]);
        for (int i = 0; i < w->n; i++)
            if (w->step[i].kind == ADAPT_CONV1X1 || (sizes && w->step[i].kind != ADAPT_IDENTITY))
                set |= 1U << k;
    }
    return set;
}

/* ---- the search ---- */

static enum status try_ways(struct search *s, struct err *err)
{
    struct graph *f = NULL;
    struct mend_plan plan = {0};
    struct adapter *adapter = NULL;
    int n = 0;
    for (int sizes = 0; sizes < 2; sizes++) {
        bool no;
        TRY(hopeless(s, sizes, free_slots(s, sizes), &no, err));
        if (no)
            return ST_OK;
    }
    enum status st = build_adapted(s, &f, &adapter, &n, err);
    s->tries++;
    if (st == ST_OK)
        st = hunt_mend(s->h, f, s->h->in, s->h->out, &s->h->opts->mend, &plan, err);
    if (st == ST_OK && plan.fragment) {
        int64_t params = adapter_params(plan.fragment, adapter, n);
        struct repair *best = s->best;
        if (!best->plan.fragment || params < s->best_params ||
            (params == s->best_params && plan.objective < best->plan.objective)) {
            repair_done(best);
            s->best_params = params;
            best->plan = plan;
            best->n_adapter = n;
            best->adapter = adapter;
            ports_set(&best->ports, NULL, s->h->r->n_in, NULL, s->h->r->n_out);
            memset(&plan, 0, sizeof plan);
            adapter = NULL;
        }
    }
    mend_plan_done(&plan);
    graph_unref(f);
    free(adapter);
    return st;
}

/* All choices of ways from slot `at` on with `left` nodes. */
static enum status choose(struct search *s, int at, int left, struct err *err)
{
    if (s->tries >= MAX_TRIES || s->looks >= MAX_LOOKS || hunt_late(s->h))
        return ST_OK;
    if (at == s->n_slot) {
        s->looks++;
        return left == 0 ? try_ways(s, err) : ST_OK; /* fewer nodes have been tried before */
    }
    struct slot *x = &s->slot[at];
    for (x->chosen = 0; x->chosen < x->n_way; x->chosen++) {
        if (way_of(x)->n > left)
            s->more = true;
        else
            TRY(choose(s, at + 1, left - way_of(x)->n, err));
    }
    return ST_OK;
}

static enum status try_assignments(struct search *s, const struct orders *in,
                                   const struct orders *out, int nodes, signed char *known,
                                   struct err *err)
{
    int n_slot = s->n_in + s->h->r->n_out;
    s->more = false;
    for (int i = 0; i < in->n * out->n; i++) {
        s->feed = in->at + i / out->n * in->n_ports;
        s->take = out->at + i % out->n * out->n_ports;
        s->known = known ? known + ((size_t)i << (n_slot + 1)) : NULL;
        if (!slots_join(s))
            continue;
        s->more |= s->fixed > nodes;
        if (s->fixed > nodes)
            continue;
        slots_make(s);
        TRY(choose(s, 0, nodes - s->fixed, err));
    }
    return ST_OK;
}

static void search_init(struct search *s, struct hunt *h, struct repair *found)
{
    *s = (struct search){.h = h, .best = found, .more = true};
    s->in = graph_inputs(h->frag, &s->n_in);
    s->out = graph_outputs(h->frag, &s->n_out);
    s->in_type = x_calloc((size_t)s->n_in + 1, sizeof *s->in_type);
    s->out_type = x_calloc((size_t)s->n_out + 1, sizeof *s->out_type);
    s->in_free = x_calloc((size_t)h->r->n_in + 1, sizeof *s->in_free);
    s->out_free = x_calloc((size_t)s->n_out + 1, sizeof *s->out_free);
    s->slot = x_calloc((size_t)s->n_in + (size_t)h->r->n_out + 1, sizeof *s->slot);
    for (int i = 0; i < s->n_in; i++)
        s->in_type[i] = graph_node(h->frag, s->in[i])->out[0].type;
    for (int i = 0; i < s->n_out; i++)
        s->out_type[i] = *graph_input_type(h->frag, graph_node(h->frag, s->out[i]), 0);
    slots_note_free(s);
}

static void search_done(struct search *s)
{
    free(s->in_type);
    free(s->out_type);
    free(s->in_free);
    free(s->out_free);
    free(s->slot);
    vec_done(&s->in_join);
    vec_done(&s->out_join);
}

enum status adapt_search(struct hunt *h, struct repair *found, struct err *err)
{
    struct search s;
    struct orders in, out;
    enum status st = ST_OK;
    search_init(&s, h, found);
    orders_init_uneven(&in, h->in, true, h->r->n_in, s.n_in);
    orders_init_uneven(&out, h->out, false, s.n_out, h->r->n_out);
    int n_slot = s.n_in + h->r->n_out;
    signed char *known = NULL; /* for each assignment and axis all sets of slots */
    if (n_slot <= MAX_SETS)
        known = x_calloc(((size_t)(in.n * out.n) << (n_slot + 1)) + 1, sizeof *known);
    for (int nodes = 0; nodes <= MAX_NODES && s.more && st == ST_OK && !found->plan.fragment;
         nodes++)
        st = try_assignments(&s, &in, &out, nodes, known, err);
    free(known);
    orders_done(&in);
    orders_done(&out);
    search_done(&s);
    if (st != ST_OK)
        repair_done(found);
    return st;
}
