#include "search/wl.h"

#include "base/hash.h"
#include "base/vec.h"

#include <math.h>

enum { MOST_TERMS = 4 }; /* of sums that are seen as one */

/* Where the values that arrive at a node come from, through what only hands them on. */
struct origins {
    VEC(struct value_ref) at;
};

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void add_origin(struct origins *to, const struct origins *all, const bool *hands_on,
                       struct value_ref v)
{
    if (!hands_on[v.node]) {
        vec_push(&to->at, v);
        return;
    }
    for (size_t i = 0; i < all[v.node].at.n; i++)
        vec_push(&to->at, all[v.node].at.at[i]);
}

static void find_origins(const struct graph *g, struct origins *all, bool *hands_on)
{
    for (int i = 0; i < graph_n_nodes(g); i++) {
        int32_t id = graph_topo(g)[i];
        const struct node *n = graph_node(g, id);
        bool whole = true; /* nothing but nodes arrives */
        for (int k = 0; k < n->n_in; k++) {
            whole &= n->in[k].node >= 0;
            if (n->in[k].node >= 0)
                add_origin(&all[id], all, hands_on,
                           (struct value_ref){n->in[k].node, n->in[k].port});
        }
        hands_on[id] =
            n->op == OP_IDENTITY || (n->op == OP_ADD && whole && all[id].at.n <= MOST_TERMS);
    }
}

/* ---- labels ---- */

static int64_t channels(const struct ttype *t)
{
    return t && t->rank >= 2 && t->dim[1] > 0 ? t->dim[1] : 1;
}

/* In half octaves, so that 64 to 72 channels are the same as 64 to 64. */
static int64_t channel_ratio(const struct graph *g, const struct node *n)
{
    double out = n->n_out ? (double)channels(&n->out[0].type) : 1;
    double in = n->n_in ? (double)channels(graph_input_type(g, n, 0)) : out;
    return llround(2 * log2(out / in));
}

static uint64_t first_label(const struct graph *g, const struct node *n)
{
    struct window w;
    uint64_t h = hash_pair(hash_mix((uint64_t)n->op), (uint64_t)channel_ratio(g, n));
    if (n->op == OP_OPAQUE)
        h = hash_str(node_op_type(n), h);
    if (!node_window(n, &w))
        return h;
    int64_t groups = node_is_depthwise(n) ? -1 : w.group;
    h = hash_pair(h, hash_bytes(w.kernel, sizeof w.kernel, (uint64_t)groups));
    return hash_pair(h, hash_bytes(w.stride, sizeof w.stride, (uint64_t)w.dilation[0]));
}

static uint64_t next_label(const struct origins *from, const uint64_t *label, uint64_t own)
{
    uint64_t *in = x_malloc((from->at.n + 1) * sizeof *in);
    for (size_t i = 0; i < from->at.n; i++)
        in[i] = hash_pair(label[from->at.at[i].node], (uint64_t)from->at.at[i].port);
    qsort(in, from->at.n, sizeof *in, by_number);
    uint64_t h = hash_bytes(in, from->at.n * sizeof *in, own);
    free(in);
    return h;
}

/* ---- counts ---- */

static void count(struct wl *w, uint64_t *label, size_t n)
{
    qsort(label, n, sizeof *label, by_number);
    w->at = x_calloc(n + 1, sizeof *w->at);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || label[i] != label[i - 1])
            w->at[w->n++].label = label[i];
        w->at[w->n - 1].n++;
    }
    double squares = 0;
    for (int i = 0; i < w->n; i++)
        squares += w->at[i].n * w->at[i].n;
    w->norm = sqrt(squares);
}

void wl_init(struct wl *w, const struct graph *g, int rounds)
{
    size_t slots = (size_t)graph_n_slots(g) + 1;
    struct origins *from = x_calloc(slots, sizeof *from);
    bool *hands_on = x_calloc(slots, sizeof *hands_on);
    uint64_t *was = x_calloc(slots, sizeof *was), *now = x_calloc(slots, sizeof *now);
    VEC(uint64_t) all = {0};
    find_origins(g, from, hands_on);
    for (int r = 0; r <= rounds; r++) {
        for (int i = 0; i < graph_n_nodes(g); i++) {
            int32_t id = graph_topo(g)[i];
            if (hands_on[id])
                continue;
            now[id] = r ? next_label(&from[id], was, was[id]) : first_label(g, graph_node(g, id));
            vec_push(&all, hash_pair(now[id], (uint64_t)r));
        }
        memcpy(was, now, slots * sizeof *was);
    }
    *w = (struct wl){0};
    count(w, all.at, all.n);
    vec_done(&all);
    for (size_t i = 0; i < slots; i++)
        vec_done(&from[i].at);
    free(from);
    free(hands_on);
    free(was);
    free(now);
}

void wl_done(struct wl *w)
{
    free(w->at);
    *w = (struct wl){0};
}

double wl_kernel(const struct wl *a, const struct wl *b)
{
    double sum = 0;
    for (int i = 0, j = 0; i < a->n && j < b->n;) {
        if (a->at[i].label == b->at[j].label)
            sum += a->at[i++].n * b->at[j++].n;
        else if (a->at[i].label < b->at[j].label)
            i++;
        else
            j++;
    }
    return sum > 0 ? sum / (a->norm * b->norm) : 0;
}
