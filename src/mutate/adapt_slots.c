/* Which tensors cross the boundary under an assignment of the ports, which are dropped or joined,
 * and what may stand where each crosses. */
#include "mutate/adapt_priv.h"

#include <string.h>

enum { MAX_GUESSES = 9 };

/* ---- what may be dropped ---- */

/* Whether the region's producer of input `i` has a use besides the region. */
static bool fed_elsewhere(const struct hunt *h, int i)
{
    int n;
    const struct use *use = graph_uses(h->g, h->r->in[i].node, &n);
    for (int k = 0; k < n; k++)
        if (!region_has(h->r, use[k].node))
            return true;
    return false;
}

/* Whether what fragment output `i` reads has a use besides outputs. */
static bool used_inside(const struct hunt *h, const struct node *output)
{
    int n;
    const struct use *use = graph_uses(h->frag, output->in[0].node, &n);
    for (int k = 0; k < n; k++)
        if (graph_node(h->frag, use[k].node)->op != OP_OUTPUT)
            return true;
    return false;
}

static bool in_list(const int *list, int n, int value)
{
    for (int i = 0; i < n; i++)
        if (list[i] == value)
            return true;
    return false;
}

/* The producer also makes something that is taken. */
static bool in_droppable(const struct search *s, int i)
{
    const struct region *r = s->h->r;
    for (int k = 0; k < s->n_in; k++)
        if (r->in[s->feed[k]].node == r->in[i].node)
            return true;
    return s->in_free[i];
}

static bool out_droppable(const struct search *s, int i)
{
    const struct graph *f = s->h->frag;
    for (int k = 0; k < s->h->r->n_out; k++)
        if (graph_node(f, s->out[s->take[k]])->in[0].node == graph_node(f, s->out[i])->in[0].node)
            return true;
    return s->out_free[i];
}

void slots_note_free(struct search *s)
{
    for (int i = 0; i < s->h->r->n_in; i++)
        s->in_free[i] = fed_elsewhere(s->h, i);
    for (int i = 0; i < s->n_out; i++)
        s->out_free[i] = used_inside(s->h, graph_node(s->h->frag, s->out[i]));
}

/* ---- joins ---- */

static int64_t way_params(const struct adapt_way *w, int64_t cin, int64_t cout)
{
    for (int i = 0; i < w->n; i++)
        if (w->step[i].kind == ADAPT_CONV1X1)
            return cin * cout;
    return 0;
}

/* The cheapest of `n` tensors of types to[index[k]] to add one of type `from` to. */
static bool join_best(const struct ttype *from, const struct ttype *to, const int *index, int n,
                      int *best, struct adapt_way *way)
{
    int64_t least = 0;
    *best = -1;
    for (int k = 0; k < n; k++) {
        struct adapt_way w;
        const struct ttype *t = &to[index[k]];
        if (!adapter_way(from, t, &w))
            continue;
        int64_t params = way_params(&w, from->dim[1], t->dim[1]);
        if (*best >= 0 && (w.n > way->n || (w.n == way->n && params >= least)))
            continue;
        *best = k;
        *way = w;
        least = params;
    }
    return *best >= 0;
}

bool slots_join(struct search *s)
{
    const struct region *r = s->h->r;
    s->in_join.n = s->out_join.n = 0;
    s->fixed = 0;
    for (int i = 0; i < r->n_in; i++) {
        struct joined j = {.from = i};
        if (in_list(s->feed, s->n_in, i) || in_droppable(s, i))
            continue;
        if (!join_best(&s->h->in[i], s->h->in, s->feed, s->n_in, &j.to, &j.way))
            return false;
        s->fixed += j.way.n + 1;
        vec_push(&s->in_join, j);
    }
    for (int i = 0; i < s->n_out; i++) {
        struct joined j = {.from = i};
        int k;
        if (in_list(s->take, r->n_out, i) || out_droppable(s, i))
            continue;
        if (!join_best(&s->out_type[i], s->out_type, s->take, r->n_out, &k, &j.way))
            return false;
        j.to = s->take[k];
        s->fixed += j.way.n + 1;
        vec_push(&s->out_join, j);
    }
    return true;
}

/* ---- slots ---- */

/* The size at this end of the fragment if all of it is scaled as it is at slot `by`. */
static int64_t scaled(const struct slot *s, const struct slot *by, int axis)
{
    int64_t size = s->inner.dim[axis] * by->outer.dim[axis], unit = by->inner.dim[axis];
    size = (size + unit / 2) / unit;
    return size < 1 ? 1 : size;
}

static void find_ways(struct search *s, struct slot *x, bool surplus)
{
    struct adapt_guess guess[MAX_GUESSES];
    int n = 0;
    bool fits = adapter_fits(&x->outer) && adapter_fits(&x->inner);
    /* The slot itself stands for a fragment that keeps its sizes. */
    for (int q = 0; q < s->n_slot && n < MAX_GUESSES && fits; q++) {
        const struct slot *by = &s->slot[q];
        if (!adapter_fits(&by->outer) || !adapter_fits(&by->inner))
            continue;
        for (int a = 0; a < 2; a++) {
            int64_t inner = by == x ? x->inner.dim[2 + a] : scaled(x, by, 2 + a);
            guess[n].from[a] = x->at_input ? x->outer.dim[2 + a] : inner;
            guess[n].to[a] = x->at_input ? inner : x->outer.dim[2 + a];
        }
        n++;
    }
    x->n_way = adapter_ways(guess, n, surplus, x->way, fits ? MAX_WAYS : 1);
}

void slots_make(struct search *s)
{
    const struct region *r = s->h->r;
    s->n_slot = 0;
    for (int j = 0; j < s->n_in; j++)
        s->slot[s->n_slot++] = (struct slot){.at_input = true,
                                             .port = s->feed[j],
                                             .end = j,
                                             .outer = s->h->in[s->feed[j]],
                                             .inner = s->in_type[j]};
    for (int i = 0; i < r->n_out; i++)
        s->slot[s->n_slot++] = (struct slot){
            .port = i, .end = s->take[i], .outer = s->h->out[i], .inner = s->out_type[s->take[i]]};
    for (int k = 0; k < s->n_slot; k++) {
        struct slot *x = &s->slot[k];
        bool surplus =
            x->at_input ? in_list(s->feed, x->end, x->port) : in_list(s->take, x->port, x->end);
        find_ways(s, x, surplus);
    }
}
