/* Limits on FLOPs and parameters. With the heights and widths of all tensors known, what a fragment
 * costs is a polynomial in its channel widths: the kernel of a convolution or a dense layer is a
 * product of two widths (a depthwise one of one), everything else a multiple of one. Its
 * coefficients are read off the cost of one rebuilt fragment, so src/cost alone knows the rules,
 * and src/cost counts the repaired fragment once more in the end. All coefficients are positive:
 * wider never costs less. Counts are exact in a double below 2^53. Two trifles count too much here,
 * so that the limit is kept all the same: a tensor that two nodes share counts twice, and a scale
 * or bias as a node of its own counts one parameter where it has one channel. */
#include "mend/budget.h"

#include "cost/cost.h"
#include "shape/shape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the polynomials ---- */

double poly_at(const struct poly *p, const int64_t *width)
{
    double sum = p->base;
    for (size_t i = 0; i < p->term.n; i++) {
        const struct poly_term *t = &p->term.at[i];
        sum += t->coef * (double)width[t->a] * (t->b < 0 ? 1 : (double)width[t->b]);
    }
    return sum;
}

/* coef * width a * width b; -1: no such factor. Widths that are known go into the coefficient. */
static void poly_add(struct poly *p, const struct chan *c, double coef, int a, int b)
{
    if (a >= 0 && c->at[a].known) {
        coef *= (double)c->at[a].size;
        a = -1;
    }
    if (b >= 0 && c->at[b].known) {
        coef *= (double)c->at[b].size;
        b = -1;
    }
    if (a < b) {
        int t = a;
        a = b;
        b = t;
    }
    if (a < 0)
        p->base += coef;
    else if (coef != 0)
        vec_push(&p->term, (struct poly_term){a, b, coef});
}

static int by_classes(const void *x, const void *y)
{
    const struct poly_term *s = x, *t = y;
    return s->a != t->a ? (s->a > t->a) - (s->a < t->a) : (s->b > t->b) - (s->b < t->b);
}

static void poly_merge(struct poly *p)
{
    size_t n = 0;
    if (p->term.n)
        qsort(p->term.at, p->term.n, sizeof *p->term.at, by_classes);
    for (size_t i = 0; i < p->term.n; i++) {
        if (n && by_classes(&p->term.at[n - 1], &p->term.at[i]) == 0)
            p->term.at[n - 1].coef += p->term.at[i].coef;
        else
            p->term.at[n++] = p->term.at[i];
    }
    p->term.n = n;
}

/* ---- one node ---- */

static int class_of(const struct chan *c, int v)
{
    return v < 0 ? -1 : c->cls[v];
}

/* Whether a node has parameters that are as many as its channels, besides a kernel. */
static bool runs_along(const struct model *m, const struct node *n, int v)
{
    for (int i = 0; v >= 0 && i < n->n_in; i++) {
        const struct tensor *t = node_const(n, i);
        int at = t ? tensor_type(t)->rank - (m->val[v].rank - 1) : -1;
        switch (op_info(n->op)->shape) {
        case SHAPE_CONV:
        case SHAPE_CONVT:
        case SHAPE_NORM:
            return true;
        case SHAPE_GEMM:
        case SHAPE_MATMUL:
            at = i == 2 && t ? tensor_type(t)->rank - 1 : -1;
            if (at == 0)
                return true;
            break;
        default:
            break;
        }
        if (at >= 0 && tensor_type(t)->dim[at] != 1)
            return true;
    }
    return false;
}

struct kernel {
    double params;
    int a, b; /* its classes */
};

/* `was`: the node before; of one channel a depthwise convolution is no longer told from a dense. */
static struct kernel kernel_of(const struct budget *b, const struct node *was,
                               const struct node *now, int in, int out)
{
    struct kernel k = {0, -1, -1};
    struct window w;
    enum shape_rule rule = op_info(now->op)->shape;
    bool conv = rule == SHAPE_CONV || rule == SHAPE_CONVT;
    if (!conv && rule != SHAPE_GEMM && rule != SHAPE_MATMUL)
        return k;
    const struct tensor *t = now->n_in > 1 ? node_const(now, 1) : NULL;
    k.params = t ? (double)tensor_count(t) : 0;
    k.b = class_of(b->c, out);
    k.a = class_of(b->c, in);
    if (conv && node_window(was, &w) && w.group > 1 && w.group == w.cin)
        k.a = -1; /* depthwise: the groups follow */
    return k;
}

static double width_of(const struct chan *c, int cls)
{
    return cls < 0 ? 1 : (double)c->at[cls].size;
}

/* `now`: the node in the rebuilt fragment, whose widths are those of b->c. */
static void add_node(struct budget *b, const struct model *m, const struct graph *g, int32_t id)
{
    const struct node *n = graph_node(m->g, id), *now = graph_node(g, id);
    int in = model_in(m, n, 0), out = n->n_out ? m->base[id] : -1, edges = 0;
    out = out >= 0 && m->val[out].rank ? out : -1;
    struct cost all;
    cost_node(g, id, &all);
    for (int i = 0; i < n->n_in; i++)
        edges += n->in[i].node >= 0;
    struct kernel k = kernel_of(b, n, now, in, out);
    double macs = 2.0 * (edges > 1 ? edges : 1) * (double)all.macs;
    double pair = width_of(b->c, k.a) * width_of(b->c, k.b);
    int o = class_of(b->c, out);
    poly_add(&b->flops, b->c, macs / pair, k.a, k.b);
    poly_add(&b->flops, b->c, ((double)all.flops_paper - macs) / width_of(b->c, o), o, -1);
    poly_add(&b->params, b->c, k.params / pair, k.a, k.b);
    double rest = (double)all.params - k.params;
    int along = runs_along(m, n, out) ? o : -1;
    if (along >= 0 && op_info(n->op)->shape == SHAPE_BROADCAST && rest < width_of(b->c, along))
        rest = width_of(b->c, along); /* src/cost leaves out single elements */
    poly_add(&b->params, b->c, rest / width_of(b->c, along), along, -1);
}

/* False when the sizes make no graph; the check of the result says why. */
static bool budget_init(struct budget *b, const struct model *m, struct chan *c,
                        const struct ttype *need_in, const int64_t *size)
{
    struct mend_plan scratch = {0};
    struct graph *bare = NULL, *typed = NULL;
    bool changed;
    memset(b, 0, sizeof *b);
    b->c = c;
    b->max_flops = (double)m->opts->max_flops_paper;
    b->max_params = (double)m->opts->max_params;
    bool ok = rebuild(m, size, need_in, &scratch, &bare, &changed, NULL) == ST_OK &&
              shape_infer(bare, &typed, NULL) == ST_OK;
    for (int i = 0; ok && i < graph_n_nodes(m->g); i++)
        add_node(b, m, typed, graph_topo(m->g)[i]);
    poly_merge(&b->flops);
    poly_merge(&b->params);
    graph_unref(bare);
    graph_unref(typed);
    mend_plan_done(&scratch);
    return ok;
}

static void budget_done(struct budget *b)
{
    vec_done(&b->flops.term);
    vec_done(&b->params.term);
}

/* ---- ties ---- */

/* A width outside all sums, as near to the wanted one as another: the one whose FLOPs are nearer
 * to near_flops_paper, one class after the other. */
static void settle_ties(struct budget *b, double near)
{
    struct chan *c = b->c;
    int64_t *width = x_calloc((size_t)c->n_cls + 1, sizeof *width);
    for (int i = 0; i < c->n_cls; i++)
        width[i] = c->at[i].size;
    for (int i = 0; i < c->n_cls; i++) {
        struct chan_class *k = &c->at[i];
        int64_t other = 2 * k->want - k->size;
        if (k->known || other == k->size || other < k->lo || other > k->hi || other % k->used ||
            in_row(c, i))
            continue;
        double as_is = poly_at(&b->flops, width);
        width[i] = other;
        double changed = poly_at(&b->flops, width);
        if (fabs(changed - near) < fabs(as_is - near))
            k->size = other;
        width[i] = k->size;
    }
    free(width);
}

static bool any_tie(const struct chan *c)
{
    for (int i = 0; i < c->n_cls; i++) {
        const struct chan_class *k = &c->at[i];
        if (!k->known && k->size != k->want && (2 * k->want - k->size) % k->used == 0)
            return true;
    }
    return false;
}

/* ---- front ---- */

static const char *count_text(double v, char *buf, size_t size)
{
    static const char unit[] = " KMGTP";
    int u = 0;
    double x = v;
    for (; x >= 99999.5 && unit[u + 1]; u++)
        x /= 1000;
    if (u)
        snprintf(buf, size, "%.5g%c", x, unit[u]);
    else
        snprintf(buf, size, "%.0f", x);
    return buf;
}

void budget_broken(const char *what, double has, double limit, bool least, char *reason)
{
    char a[32], b[32];
    reason_set(reason, "%s %s %s are needed%s, but the limit leaves %s",
               least ? "at least" : "here", count_text(has, a, sizeof a), what,
               least ? " even at the smallest widths" : "", count_text(limit, b, sizeof b));
}

bool budget_holds(const struct graph *g, const struct mend_opts *opts, char *reason)
{
    struct cost c;
    if (!opts->max_flops_paper && !opts->max_params)
        return true;
    cost_graph(g, &c);
    if (opts->max_flops_paper && c.flops_paper > opts->max_flops_paper) {
        budget_broken("FLOPs", (double)c.flops_paper, (double)opts->max_flops_paper, false, reason);
        return false;
    }
    if (opts->max_params && c.params > opts->max_params) {
        budget_broken("parameters", (double)c.params, (double)opts->max_params, false, reason);
        return false;
    }
    return true;
}

static enum solved fit(struct chan *c, const struct model *m, const struct limits *lim,
                       const struct ttype *need_in, const int64_t *size, char *reason)
{
    const struct mend_opts *o = m->opts;
    bool limited = o->max_flops_paper > 0 || o->max_params > 0;
    struct budget b;
    if (!limited && !any_tie(c))
        return SOLVED;
    enum solved st = SOLVED;
    if (budget_init(&b, m, c, need_in, size)) {
        if (o->near_flops_paper > 0)
            settle_ties(&b, (double)o->near_flops_paper);
        if (limited)
            st = budget_solve(&b, lim, reason);
    }
    budget_done(&b);
    return st;
}

enum solved budget_fit(const struct model *m, const struct limits *lim, const struct ttype *need_in,
                       int64_t *size, double *objective, char *reason)
{
    const struct mend_opts *o = m->opts;
    struct chan c;
    double before = 0;
    if (!o->max_flops_paper && !o->max_params && !o->near_flops_paper)
        return SOLVED;
    enum solved st = chan_init(&c, m, reason);
    if (st == SOLVED)
        st = chan_solve(&c, lim, &before, reason);
    for (int v = 0; st == SOLVED && v < m->n_val; v++)
        if (c.cls[v] >= 0) /* only a time that ran out makes two solutions differ */
            c.at[c.cls[v]].size = size[N_AXES * v + AXIS_C];
    if (st == SOLVED) {
        before = chan_cost(&c);
        st = fit(&c, m, lim, need_in, size, reason);
    }
    for (int v = 0; st == SOLVED && v < m->n_val; v++)
        if (c.cls[v] >= 0)
            size[N_AXES * v + AXIS_C] = c.at[c.cls[v]].size;
    if (st == SOLVED)
        *objective += chan_cost(&c) - before;
    chan_done(&c);
    return st;
}
