/* Heights and widths. Each axis is a problem of its own: classes of equal sizes, a few reachable
 * sizes for each class, and relations between them. Sizes that nothing supports are removed; what
 * then has a choice goes to elim.c, which is exact. Where every window is "same"-like the sizes of
 * a class are ceil(h / 2^p), so a size stands for a total stride and the problem is one of
 * potential differences; `valid` windows, transposed ones and pads are covered alike, because the
 * arithmetic is that of the operators. */
#include "mend/mend_priv.h"

/* More sizes for one tensor than this come from no network; the tables would grow too large. */
#define MAX_DOM 4096

/* ---- windows ---- */

void window_make_same(struct window *w, int a, int64_t in, bool transposed)
{
    if (w->auto_pad == PAD_SAME_UPPER || w->auto_pad == PAD_SAME_LOWER)
        return;
    if (w->auto_pad == PAD_VALID)
        for (int i = 0; i < 2; i++)
            w->pad_begin[i] = w->pad_end[i] = 0;
    w->auto_pad = PAD_EXPLICIT;
    if (!transposed) {
        window_set_same(w, a, in);
        return;
    }
    int64_t total = (w->kernel[a] - 1) * w->dilation[a] + 1 - w->stride[a];
    w->out_pad[a] = total < 0 ? -total : 0;
    w->pad_begin[a] = total < 0 ? 0 : total / 2;
    w->pad_end[a] = total < 0 ? 0 : total - total / 2;
}

int win_outs(const struct mwin *w, int axis, int64_t in, int64_t stride, int64_t *out)
{
    int a = axis - AXIS_H, n = 0;
    struct window changed = w->w;
    changed.stride[a] = stride;
    /* Without a change of stride also as it is, so that what fits already stays untouched. */
    if (!w->same[a] || stride == w->w.stride[a])
        out[n++] = window_out(&changed, a, in, w->transposed);
    if (w->same[a]) {
        window_make_same(&changed, a, in, w->transposed);
        out[n++] = window_out(&changed, a, in, w->transposed);
    }
    return n == 2 && out[0] == out[1] ? 1 : n;
}

static bool win_gives(const struct mwin *w, int axis, int64_t in, int64_t stride, int64_t out)
{
    int64_t o[2];
    int n = win_outs(w, axis, in, stride, o);
    return n > 0 && (o[0] == out || (n > 1 && o[1] == out));
}

int win_choices(const struct mwin *w, int axis, int64_t *t)
{
    int64_t now = w->w.stride[axis - AXIS_H];
    int n = 0;
    for (int64_t s = 1; s <= 4; s *= 2) {
        if (now < s && (n == 0 || t[n - 1] < now))
            t[n++] = now;
        t[n++] = s;
    }
    if (now > t[n - 1])
        t[n++] = now;
    return n;
}

int64_t win_stride(const struct mwin *w, int axis, int64_t in, int64_t out)
{
    int64_t now = w->w.stride[axis - AXIS_H], t[4];
    if (win_gives(w, axis, in, now, out))
        return now;
    int n = win_choices(w, axis, t);
    for (int i = 0; i < n; i++)
        if (win_gives(w, axis, in, t[i], out))
            return t[i];
    return 0;
}

double win_cost_unit(const struct model *m)
{
    return m->win.n ? (double)(m->win.n * m->win.n) : 1;
}

int64_t win_cost(const struct model *m, const struct mwin *w)
{
    int64_t n = (int64_t)m->win.n;
    return n * n + (n - 1 - w->order);
}

/* ---- sets of sizes ---- */

struct sizes {
    VEC(int64_t) at;
};

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sizes_add(struct sizes *s, int64_t v)
{
    if (v >= 1 && v <= MEND_MAX_SIZE)
        vec_push(&s->at, v);
}

/* Sorts, drops doubles and what is too large, moves into a dom. */
static struct dom sizes_take(struct sizes *s, int64_t most)
{
    size_t n = 0;
    if (s->at.n)
        qsort(s->at.at, s->at.n, sizeof *s->at.at, by_size);
    for (size_t i = 0; i < s->at.n && s->at.at[i] <= most; i++)
        if (!n || s->at.at[n - 1] != s->at.at[i])
            s->at.at[n++] = s->at.at[i];
    if (n > MAX_DOM && most == MEND_MAX_SIZE)
        n = MAX_DOM;
    return (struct dom){(int)n, s->at.at, most};
}

static int dom_find(const struct dom *d, int64_t v)
{
    int lo = 0, hi = d->n;
    if (hi < 1 || v < d->at[0] || v > d->at[hi - 1])
        return -1;
    if (d->at[hi - 1] - d->at[0] == hi - 1) /* without gaps, as free sizes are */
        return (int)(v - d->at[0]);
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (d->at[mid] < v)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < d->n && d->at[lo] == v ? lo : -1;
}

/* ---- relations ---- */

/* The size at place `at` of a sum that the others determine; 0 when there is none. */
static int64_t lin_rest(const struct rel *r, int at, const int64_t *x)
{
    int64_t rest = r->k;
    for (int i = 0; i < r->n; i++)
        if (i != at)
            rest -= r->coef[i] * x[i];
    return rest % r->coef[at] ? 0 : rest / r->coef[at];
}

static int64_t scaled(const struct con *c, int64_t in)
{
    double out = (double)in * c->scale;
    return out >= 1 && out <= (double)MEND_MAX_SIZE ? (int64_t)out : 0;
}

int64_t rel_cost(const struct axis_problem *p, const struct rel *r, const int64_t *x)
{
    switch (r->kind) {
    case CON_FIX:
        return x[0] == r->k ? 0 : COST_NEVER;
    case CON_LIN:
        return lin_rest(r, 0, x) == x[0] ? 0 : COST_NEVER;
    case CON_BCAST:
        return x[0] == 1 || x[0] == x[1] ? 0 : COST_NEVER;
    case CON_SCALE:
        return scaled(r->con, x[0]) == x[1] ? 0 : COST_NEVER;
    case CON_WINDOW: {
        const struct mwin *w = &p->m->win.at[r->con->win];
        int64_t t = win_stride(w, p->axis, x[0], x[1]);
        if (!t)
            return COST_NEVER;
        return t == w->w.stride[p->axis - AXIS_H] ? 0 : win_cost(p->m, w);
    }
    default:
        return 0;
    }
}

/* What the class at place `at` of r can be, given the sizes of the others. */
static void image(const struct axis_problem *p, const struct rel *r, int at, bool as_is,
                  struct sizes *s)
{
    const struct dom *d = &p->dom[r->c[at == 0 ? r->n - 1 : 0]];
    int64_t t[4], out[2];
    switch (r->kind) {
    case CON_FIX:
        sizes_add(s, r->k);
        break;
    case CON_WINDOW: {
        const struct mwin *w = &p->m->win.at[r->con->win];
        int n = as_is ? 0 : win_choices(w, p->axis, t);
        for (int i = 0; i < d->n; i++) {
            if (as_is)
                sizes_add(s, window_out(&w->w, p->axis - AXIS_H, d->at[i], w->transposed));
            for (int k = 0; k < n; k++)
                for (int o = win_outs(w, p->axis, d->at[i], t[k], out); o-- > 0;)
                    sizes_add(s, out[o]);
        }
        break;
    }
    case CON_SCALE:
        for (int i = 0; i < d->n; i++)
            sizes_add(s, scaled(r->con, d->at[i]));
        break;
    case CON_LIN: {
        int a = at == 0 ? r->n - 1 : 0, b = 3 - at - a;
        int64_t x[3] = {0};
        for (int i = 0; i < (r->n > 1 ? d->n : 1); i++)
            for (int j = 0; j < (r->n == 3 ? p->dom[r->c[b]].n : 1); j++) {
                if (r->n > 1)
                    x[a] = d->at[i];
                if (r->n == 3)
                    x[b] = p->dom[r->c[b]].at[j];
                sizes_add(s, lin_rest(r, at, x));
            }
        break;
    }
    default:
        break;
    }
}

/* Keeps in `d` what is in `other` too. */
static void dom_meet(struct dom *d, const struct dom *other)
{
    int n = 0;
    for (int i = 0; i < d->n; i++)
        if (dom_find(other, d->at[i]) >= 0)
            d->at[n++] = d->at[i];
    d->n = n;
}

/* True when size `x` at place `at` of r has a partner in the other domains. */
static bool supported(const struct axis_problem *p, const struct rel *r, int at, int64_t v)
{
    int64_t x[3] = {0};
    x[at] = v;
    if (r->n == 1)
        return rel_cost(p, r, x) != COST_NEVER;
    if (r->kind == CON_WINDOW && at == 0) {
        const struct mwin *w = &p->m->win.at[r->con->win];
        int64_t t[4], out[2];
        int n = win_choices(w, p->axis, t);
        for (int i = 0; i < n; i++)
            for (int o = win_outs(w, p->axis, v, t[i], out); o-- > 0;)
                if (dom_find(&p->dom[r->c[1]], out[o]) >= 0)
                    return true;
        return false;
    }
    int a = at == 0 ? 1 : 0, b = r->n == 3 ? 3 - at - a : -1;
    const struct dom *other = &p->dom[r->c[a]];
    if (r->kind == CON_LIN && b < 0)
        return dom_find(other, lin_rest(r, a, x)) >= 0;
    if (r->kind == CON_SCALE && at == 0)
        return dom_find(other, scaled(r->con, v)) >= 0;
    if (r->kind == CON_BCAST)
        return dom_find(other, v) >= 0 || (at == 0 ? v == 1 : dom_find(other, 1) >= 0);
    for (int i = 0; i < other->n; i++) {
        x[a] = other->at[i];
        if (b < 0 ? rel_cost(p, r, x) != COST_NEVER
                  : dom_find(&p->dom[r->c[b]], lin_rest(r, b, x)) >= 0)
            return true;
    }
    return false;
}

static void keep_supported(const struct axis_problem *p, const struct rel *r, int at, struct dom *d)
{
    int n = 0;
    for (int i = 0; i < d->n; i++)
        if (supported(p, r, at, d->at[i]))
            d->at[n++] = d->at[i];
    d->n = n;
}

/* Keeps in `d`, the sizes behind a window or scale, what some size before it gives. */
static void keep_image(const struct axis_problem *p, const struct rel *r, struct dom *d)
{
    const struct dom *in = &p->dom[r->c[0]];
    bool *mark = x_calloc((size_t)d->n + 1, sizeof *mark);
    const struct mwin *w = r->kind == CON_WINDOW ? &p->m->win.at[r->con->win] : NULL;
    int64_t t[4], out[2];
    int n = w ? win_choices(w, p->axis, t) : 1, kept = 0;
    for (int i = 0; i < in->n; i++)
        for (int k = 0; k < n; k++) {
            int n_out = 1;
            if (w)
                n_out = win_outs(w, p->axis, in->at[i], t[k], out);
            else
                out[0] = scaled(r->con, in->at[i]);
            while (n_out-- > 0) {
                int at = dom_find(d, out[n_out]);
                if (at >= 0)
                    mark[at] = true;
            }
        }
    for (int i = 0; i < d->n; i++)
        if (mark[i])
            d->at[kept++] = d->at[i];
    d->n = kept;
    free(mark);
}

static bool prune_rel(struct axis_problem *p, const struct rel *r)
{
    bool changed = false;
    for (int at = 0; at < r->n; at++) {
        struct dom *d = &p->dom[r->c[at]];
        int n = d->n;
        if (at == 1 && (r->kind == CON_WINDOW || r->kind == CON_SCALE))
            keep_image(p, r, d);
        else
            keep_supported(p, r, at, d);
        changed |= n != d->n;
        p->empty |= d->n == 0;
    }
    return changed;
}

bool axis_prune(struct axis_problem *p)
{
    bool changed = true;
    /* Free sizes are many; backwards from what is fixed they become few. */
    for (size_t i = p->rel.n; p->m->loose && i-- > 0;)
        if (p->rel.at[i].n == 1)
            prune_rel(p, &p->rel.at[i]);
    for (size_t i = p->rel.n; p->m->loose && i-- > 0 && !p->empty;)
        prune_rel(p, &p->rel.at[i]);
    while (changed && !p->empty) {
        changed = false;
        for (size_t i = 0; i < p->rel.n && !p->empty; i++)
            changed |= prune_rel(p, &p->rel.at[i]);
        for (size_t i = p->rel.n; i-- > 0 && !p->empty;)
            changed |= prune_rel(p, &p->rel.at[i]);
    }
    return !p->empty;
}

/* ---- building ---- */

static int root(int *up, int v)
{
    while (up[v] != v)
        v = up[v] = up[up[v]];
    return v;
}

static void merge_equal(struct axis_problem *p, int n_con)
{
    const struct model *m = p->m;
    int *up = x_calloc((size_t)m->n_val + 1, sizeof *up);
    for (int v = 0; v < m->n_val; v++)
        up[v] = v;
    for (int i = 0; i < n_con; i++) {
        const struct con *c = &m->con.at[i];
        if (c->axis == p->axis && c->kind == CON_EQ)
            up[root(up, m->term.at[c->first].v)] = root(up, m->term.at[c->first + 1].v);
    }
    p->cls = x_calloc((size_t)m->n_val + 1, sizeof *p->cls);
    for (int v = 0; v < m->n_val; v++)
        p->cls[v] = -1;
    for (int v = 0; v < m->n_val; v++) {
        if (m->val[v].rank <= p->axis + 1)
            continue;
        int r = root(up, v);
        if (p->cls[r] < 0)
            p->cls[r] = p->n_cls++;
        p->cls[v] = p->cls[r];
    }
    free(up);
}

static int new_class(struct axis_problem *p, int64_t most)
{
    p->dom = x_reallocarray(p->dom, (size_t)p->n_cls + 2, sizeof *p->dom);
    p->dom[p->n_cls] = (struct dom){-1, NULL, most};
    return p->n_cls++;
}

/* A sum of many terms becomes a chain of sums of three; the partial sums are classes. */
static void add_sum(struct axis_problem *p, const struct con *c)
{
    const struct term *t = &p->m->term.at[c->first];
    struct rel r = {.kind = CON_LIN, .con = c};
    for (int i = 0; i < c->n; i++) {
        int cls = p->cls[t[i].v], at = 0;
        while (at < r.n && r.c[at] != cls)
            at++;
        if (at < r.n) {
            r.coef[at] += t[i].coef;
            continue;
        }
        if (r.n == 2 && i + 1 < c->n) { /* partial - c0 - c1 = 0 */
            int part = new_class(p, p->m->loose ? c->n * p->dom[cls].most : MEND_MAX_SIZE);
            struct rel sum = r;
            sum.n = 3;
            sum.c[2] = part;
            sum.coef[2] = -1;
            vec_push(&p->rel, sum);
            r.c[0] = part;
            r.coef[0] = 1;
            r.n = 1;
        }
        r.c[r.n] = cls;
        r.coef[r.n++] = t[i].coef;
    }
    r.k = c->k;
    int n = 0;
    for (int i = 0; i < r.n; i++)
        if (r.coef[i]) {
            r.c[n] = r.c[i];
            r.coef[n++] = r.coef[i];
        }
    r.n = n;
    if (n)
        vec_push(&p->rel, r);
    else
        p->empty |= r.k != 0;
}

static void add_rel(struct axis_problem *p, const struct con *c)
{
    const struct term *t = &p->m->term.at[c->first];
    if (c->kind == CON_EQ || c->kind == CON_DIV)
        return;
    if (c->kind == CON_LIN) {
        add_sum(p, c);
        return;
    }
    struct rel r = {.kind = c->kind, .n = c->n, .k = c->k, .con = c};
    for (int i = 0; i < c->n; i++)
        r.c[i] = p->cls[t[i].v];
    vec_push(&p->rel, r);
}

/* What a relation says about a class can be listed: it is not a free size before a window, nor the
 * sum of two free ones. */
static bool can_list(const struct axis_problem *p, const struct rel *r, int at)
{
    if (r->kind == CON_BCAST)
        return false;
    if (r->n > 1 && at == 0 && r->kind != CON_LIN)
        return false;
    if (r->n < 3 || !p->m->loose)
        return true;
    int a = at == 0 ? 2 : 0;
    return (int64_t)p->dom[r->c[a]].n * p->dom[r->c[3 - at - a]].n <= MAX_DOM;
}

/* Reachable sizes, forward. A class reached twice keeps the sizes common to both. */
static void reach(struct axis_problem *p, bool as_is)
{
    for (size_t i = 0; i < p->rel.n && !p->empty; i++) {
        const struct rel *r = &p->rel.at[i];
        int at = r->n - 1, unknown = 0;
        for (int k = r->n - 1; k >= 0; k--)
            if (p->dom[r->c[k]].n < 0) {
                at = k;
                unknown++;
            }
        if (unknown > 1 || !can_list(p, r, at))
            continue;
        struct sizes s = {{0}};
        image(p, r, at, as_is, &s);
        struct dom *d = &p->dom[r->c[at]], found = sizes_take(&s, d->most);
        if (d->n < 0) {
            *d = found;
        } else {
            dom_meet(d, &found);
            free(found.at);
        }
        p->empty |= d->n == 0;
    }
}

/* What no chain from a boundary or a kept shape reaches keeps its sizes. */
static void keep_unreached(struct axis_problem *p)
{
    for (int v = 0; v < p->m->n_val; v++) {
        struct dom *d = p->cls[v] < 0 ? NULL : &p->dom[p->cls[v]];
        if (!d || d->n >= 0)
            continue;
        struct sizes s = {{0}};
        sizes_add(&s, p->m->val[v].was[p->axis]);
        *d = sizes_take(&s, d->most);
    }
}

/* Where constraints are left out, it may have any size. */
static void free_unreached(struct axis_problem *p)
{
    for (size_t i = 0; i < p->rel.n; i++)
        for (int k = 0; k < p->rel.at[i].n; k++) {
            struct dom *d = &p->dom[p->rel.at[i].c[k]];
            if (d->n >= 0)
                continue;
            d->n = (int)d->most;
            d->at = x_malloc((size_t)d->n * sizeof *d->at);
            for (int x = 0; x < d->n; x++)
                d->at[x] = x + 1;
        }
}

void axis_init(struct axis_problem *p, const struct model *m, int axis, int n_con, bool as_is)
{
    memset(p, 0, sizeof *p);
    p->m = m;
    p->axis = axis;
    merge_equal(p, n_con);
    p->dom = x_calloc((size_t)p->n_cls + 1, sizeof *p->dom);
    for (int i = 0; i < p->n_cls; i++)
        p->dom[i] = (struct dom){-1, NULL, m->loose ? m->most[axis] : MEND_MAX_SIZE};
    for (int i = 0; i < n_con; i++)
        if (m->con.at[i].axis == axis)
            add_rel(p, &m->con.at[i]);
    reach(p, as_is);
    if (m->loose && !p->empty)
        free_unreached(p);
    keep_unreached(p);
}

void axis_done(struct axis_problem *p)
{
    for (int i = 0; i < p->n_cls; i++)
        free(p->dom[i].at);
    free(p->dom);
    free(p->cls);
    vec_done(&p->rel);
}
