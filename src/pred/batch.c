/* From nodes to groups with features.
 *
 * A normalisation, an activation or an identity joins the node before it (or, where it leads a
 * branch, the one behind it) when nothing else hangs between them: a group is then what is commonly
 * called a layer. That shortens ways through the graph to about a third, so few rounds of messages
 * see far. */
#include "pred/pred_priv.h"

#include <math.h>

const float pred_global_unit[PRED_GLOBALS] = {4, 16, 24};

void pred_batch_clear(struct pred_batch *b)
{
    b->n_samples = 0;
    b->x.n = b->owner.n = b->from.n = b->to.n = b->in_w.n = b->out_w.n = b->globals.n = b->ways.n =
        0;
}

void pred_batch_done(struct pred_batch *b)
{
    vec_done(&b->x);
    vec_done(&b->owner);
    vec_done(&b->from);
    vec_done(&b->to);
    vec_done(&b->in_w);
    vec_done(&b->out_w);
    vec_done(&b->globals);
    vec_done(&b->ways);
    vec_done(&b->group_of);
    b->n_samples = 0;
}

void pred_cut_segments(const struct pred_net *net, int k, int len, uint8_t *part)
{
    for (int i = 0; i < net->n; i++)
        part[i] = net->segment[i] < k ? PART_P : net->segment[i] < k + len ? PART_S : PART_C;
}

/* A flag on a count of edges. */
enum { CROSS = 1 << 30 };

/* A group while its nodes are being gathered. */
struct group {
    int main, first, last; /* nodes; main -1: only light ones so far */
    int light[LIGHTS];
    bool light_first;
    float params, flops;
    int in, out;              /* edges within the part */
    bool in_cross, out_cross; /* are there others */
    /* steps with weights to the part's ports, along the longest and the shortest way */
    int near_start, far_start, near_end, far_end;
};

static bool is_light(const struct pred_node *v)
{
    return v->kind >= KIND_NORM;
}

static void group_take(struct group *g, const struct pred_net *net, int i)
{
    const struct pred_node *v = &net->node[i];
    if (is_light(v)) {
        g->light[v->kind - KIND_NORM]++;
        g->light_first |= g->main < 0;
    } else if (g->main < 0) {
        g->main = i;
    }
    g->last = i;
    g->params += v->params;
    g->flops += v->flops;
}

/* How many edges of its own part leave a node; all those to other parts count as one. So groups and
 * features of P and C stay the same whatever stands between them. */
static int *count_uses(const struct pred_net *net, const uint8_t *part)
{
    int *uses = x_calloc((size_t)net->n + 1, sizeof *uses);
    for (int k = 0; k < net->m; k++)
        uses[net->from[k]] += part[net->from[k]] == part[net->to[k]];
    for (int k = 0; k < net->m; k++)
        if (part[net->from[k]] != part[net->to[k]])
            uses[net->from[k]] |= CROSS;
    return uses;
}

/* Nodes are visited along edges, so a group is complete but for what follows it. */
static int make_groups(const struct pred_net *net, const uint8_t *part, int32_t *group_of,
                       struct group *g)
{
    int n = 0, e = 0;
    int *uses = count_uses(net, part);
    for (int i = 0; i < net->n; i++) {
        int first = e;
        while (e < net->m && net->to[e] == i)
            e++;
        int before = e - first == 1 ? net->from[first] : -1;
        int at =
            before >= 0 && part[before] == part[i] && uses[before] == 1 ? group_of[before] : -1;
        if (at < 0 || (!is_light(&net->node[i]) && g[at].main >= 0)) {
            at = n++;
            g[at] = (struct group){.main = -1, .first = i};
        }
        group_of[i] = at;
        group_take(&g[at], net, i);
    }
    free(uses);
    return n;
}

static int step_of(const struct pred_net *net, const struct group *g)
{
    return g->main >= 0 && pred_has_weights(&net->node[g->main]);
}

/* Ways within a part: groups are numbered along edges, and edges ascend by their end. */
static void find_ways(const struct pred_net *net, struct group *g, int n, const int32_t *from,
                      const int32_t *to, int m)
{
    for (int i = 0; i < n; i++)
        g[i].near_start = g[i].near_end = -1;
    for (int i = 0, e = 0; i < n; i++) {
        for (; e < m && to[e] == i; e++) {
            const struct group *p = &g[from[e]];
            if (p->far_start > g[i].far_start)
                g[i].far_start = p->far_start;
            if (g[i].near_start < 0 || p->near_start < g[i].near_start)
                g[i].near_start = p->near_start;
        }
        if (g[i].near_start < 0 || g[i].in_cross)
            g[i].near_start = 0;
        g[i].near_start += step_of(net, &g[i]);
        g[i].far_start += step_of(net, &g[i]);
    }
    for (int i = n, e = m; i-- > 0;) {
        if (g[i].near_end < 0 || g[i].out_cross)
            g[i].near_end = 0;
        g[i].near_end += step_of(net, &g[i]);
        g[i].far_end += step_of(net, &g[i]);
        for (; e > 0 && to[e - 1] == i; e--) {
            struct group *p = &g[from[e - 1]];
            if (g[i].far_end > p->far_end)
                p->far_end = g[i].far_end;
            if (p->near_end < 0 || g[i].near_end < p->near_end)
                p->near_end = g[i].near_end;
        }
    }
}

static void features(const struct pred_net *net, const struct group *g, float *x)
{
    const struct pred_node *v = &net->node[g->main >= 0 ? g->main : g->first];
    const struct pred_node *first = &net->node[g->first], *last = &net->node[g->last];
    bool input = v->kind == KIND_INPUT, output = v->kind == KIND_OUTPUT;
    float cin = input ? first->cout : first->cin, hin = input ? first->hout : first->hin;
    float cout = output ? cin : last->cout, hout = output ? hin : last->hout;
    memset(x, 0, PRED_FEATURES * sizeof *x);
    x[g->main >= 0 ? v->kind : KIND_LIGHT] = 1;
    x += KINDS;
    for (int i = 0; i < LIGHTS; i++)
        *x++ = (float)g->light[i];
    *x++ = g->light_first && g->main >= 0;
    if (v->kernel)
        x[v->kernel <= 2 ? 0 : v->kernel <= 4 ? 1 : v->kernel <= 6 ? 2 : 3] = 1;
    x += 4;
    *x++ = log2f((float)v->stride);
    *x++ = v->dilated;
    *x++ = cin / 8;
    *x++ = cout / 8;
    *x++ = (cout - cin) / 2;
    *x++ = (float)(v->kind == KIND_DEPTHWISE);
    *x++ = hout / 8;
    *x++ = (net->side - hout) / 4;
    *x++ = hout - hin;
    *x++ = log2f(1 + g->params) / 16;
    *x++ = log2f(1 + g->flops) / 24;
    *x++ = (float)g->in / 4;
    *x++ = (float)g->out / 4;
    *x++ = g->in_cross;
    *x++ = g->out_cross;
    *x++ = log1pf((float)g->near_start) / 2;
    *x++ = log1pf((float)g->far_start) / 2;
    *x++ = log1pf((float)g->near_end) / 2;
    *x++ = log1pf((float)g->far_end) / 2;
}

/* Counts what arrives and leaves, and adds the edges within the parts that are kept. */
static void add_edges(struct pred_batch *b, const struct pred_net *net, const uint8_t *part,
                      unsigned keep, struct group *g)
{
    const int32_t *group_of = b->group_of.at;
    for (int e = 0; e < net->m; e++) {
        int from = group_of[net->from[e]], to = group_of[net->to[e]];
        if (from == to)
            continue;
        if (part[net->from[e]] != part[net->to[e]]) {
            g[from].out_cross = g[to].in_cross = true;
            continue;
        }
        g[from].out++, g[to].in++;
        if (keep >> part[net->to[e]] & 1) {
            vec_push(&b->from, from);
            vec_push(&b->to, to);
        }
    }
}

void pred_batch_add(struct pred_batch *b, const struct pred_net *net, const uint8_t *part,
                    unsigned keep)
{
    struct group *g = x_calloc((size_t)net->n + 1, sizeof *g);
    int32_t *row = x_malloc(((size_t)net->n + 1) * sizeof *row);
    size_t first_edge = b->from.n;
    vec_reserve(&b->group_of, (size_t)net->n + 1);
    b->group_of.n = (size_t)net->n;
    int n = make_groups(net, part, b->group_of.at, g);
    add_edges(b, net, part, keep, g);
    find_ways(net, g, n, b->from.at + first_edge, b->to.at + first_edge,
              (int)(b->from.n - first_edge));
    float sum[PARTS][PRED_GLOBALS] = {{0}};
    for (int i = 0; i < n; i++) {
        int p = part[g[i].first];
        row[i] = -1;
        if (!(keep >> p & 1))
            continue;
        row[i] = (int32_t)b->owner.n;
        vec_push(&b->owner, b->n_samples * PARTS + p);
        vec_reserve(&b->x, b->x.n + PRED_FEATURES);
        features(net, &g[i], b->x.at + b->x.n);
        b->x.n += PRED_FEATURES;
        sum[p][0] += 1;
        sum[p][1] += g[i].params;
        sum[p][2] += g[i].flops;
    }
    for (size_t e = first_edge; e < b->from.n; e++) {
        vec_push(&b->in_w, 1 / (float)g[b->to.at[e]].in);
        vec_push(&b->out_w, 1 / (float)g[b->from.at[e]].out);
        b->from.at[e] = row[b->from.at[e]];
        b->to.at[e] = row[b->to.at[e]];
    }
    for (int p = 0; p < PARTS; p++)
        for (int k = 0; k < PRED_GLOBALS; k++)
            vec_push(&b->globals, log1pf(sum[p][k]) / pred_global_unit[k]);
    for (int k = 0; k < PRED_WAYS; k++)
        vec_push(&b->ways, net->ways[k]);
    for (int i = 0; i < net->n; i++)
        b->group_of.at[i] = row[b->group_of.at[i]];
    b->n_samples++;
    free(row);
    free(g);
}
