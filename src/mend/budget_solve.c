/* Widths within limits on FLOPs and parameters. First a repair by rule: the wanted widths are
 * scaled down together, by halving, until the limits hold, then one after the other grows again as
 * far as it can. Then branch and bound over the open widths, nearest to the wanted ones first, with
 * that repair to beat; it proves the optimum or that there is none, unless its work (terms of the
 * polynomials looked at) becomes too much first. */
#include "mend/budget.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_WORK = 30000000, HALVINGS = 12 };

struct search {
    struct budget *b;
    const struct limits *lim;
    int n;
    int *open;      /* classes in the order of decision; those in sums come first */
    bool *set;      /* by class: decided */
    int64_t *width; /* by class; the smallest where not decided */
    int64_t *best;
    double best_cost;   /* INFINITY: none found */
    int64_t work, step; /* of one visit */
    int visits;
    enum solved stop; /* SOLVED: go on */
};

bool in_row(const struct chan *c, int cls)
{
    for (size_t i = 0; i < c->row.n; i++)
        for (size_t t = 0; t < c->row.at[i].term.n; t++)
            if (c->row.at[i].term.at[t].v == cls)
                return true;
    return false;
}

static bool fits(const struct budget *b, const int64_t *width)
{
    return (!(b->max_flops > 0) || poly_at(&b->flops, width) <= b->max_flops) &&
           (!(b->max_params > 0) || poly_at(&b->params, width) <= b->max_params);
}

/* ---- how wide one class can be ---- */

/* Largest x with p <= limit, all other widths given; below 0 when there is none. */
static double poly_max(const struct poly *p, double limit, const int64_t *width, int cls)
{
    double rest = p->base, once = 0, twice = 0;
    for (size_t i = 0; i < p->term.n; i++) {
        const struct poly_term *t = &p->term.at[i];
        double a = (double)width[t->a], b = t->b < 0 ? 1 : (double)width[t->b];
        if (t->a == cls && t->b == cls)
            twice += t->coef;
        else if (t->a == cls)
            once += t->coef * b;
        else if (t->b == cls)
            once += t->coef * a;
        else
            rest += t->coef * a * b;
    }
    double left = limit - rest;
    if (left < 0)
        return -1;
    if (twice > 0) {
        double x = floor((sqrt(once * once + 4 * twice * left) - once) / (2 * twice)) + 1;
        return twice * x * x + once * x <= left ? x : x - 1; /* whatever the root's last bit */
    }
    return once > 0 ? floor(left / once) : MEND_MAX_CHANNELS;
}

/* Largest width of the class that keeps the limits and its own, a multiple of its step. */
static int64_t widest(const struct budget *b, const int64_t *width, int cls)
{
    const struct chan_class *k = &b->c->at[cls];
    double most = (double)k->hi;
    if (b->max_flops > 0)
        most = fmin(most, poly_max(&b->flops, b->max_flops, width, cls));
    if (b->max_params > 0)
        most = fmin(most, poly_max(&b->params, b->max_params, width, cls));
    return most < 1 ? 0 : (int64_t)most / k->used * k->used;
}

static double width_cost(const struct chan_class *k, int64_t width)
{
    return k->weight * fabs((double)(width - k->want));
}

/* The multiple of the step in first .. last (multiples themselves) that is nearest to the want. */
static int64_t nearest_in(const struct chan_class *k, int64_t first, int64_t last)
{
    int64_t low = k->want / k->used * k->used, high = low == k->want ? low : low + k->used;
    int64_t size = k->want - low >= high - k->want ? high : low;
    return size < first ? first : size > last ? last : size;
}

/* ---- by rule ---- */

static void keep_best(struct search *s)
{
    struct chan *c = s->b->c;
    s->best_cost = chan_cost(c);
    for (int i = 0; i < c->n_cls; i++)
        s->best[i] = c->at[i].size;
}

static bool sizes_fit(struct search *s)
{
    struct chan *c = s->b->c;
    for (int i = 0; i < c->n_cls; i++)
        s->width[i] = c->at[i].size;
    return fits(s->b, s->width);
}

/* The widths of one part nearest to `scale` times the wanted ones. */
static enum solved place(struct search *s, const int *part, int id, double scale)
{
    struct chan *c = s->b->c;
    int64_t *want = x_calloc((size_t)c->n_cls + 1, sizeof *want);
    for (int i = 0; i < c->n_cls; i++) {
        want[i] = c->at[i].want;
        int64_t scaled = (int64_t)(scale * (double)want[i]);
        c->at[i].want = scaled < 1 ? 1 : scaled;
    }
    enum solved st = chan_place(c, part, id, s->lim);
    for (int i = 0; i < c->n_cls; i++)
        c->at[i].want = want[i];
    free(want);
    return st;
}

/* One part nearer to its wanted widths, as far as the limits allow and halving finds. */
static void enlarge(struct search *s, const int *part, int id, double scale)
{
    struct chan *c = s->b->c;
    int64_t *size = x_calloc((size_t)c->n_cls + 1, sizeof *size);
    double cost = chan_cost(c), hi = 1, at = 1;
    for (int round = 0; round < 4; round++, at = (scale + hi) / 2) {
        for (int i = 0; i < c->n_cls; i++)
            size[i] = c->at[i].size;
        bool ok = place(s, part, id, at) == SOLVED && sizes_fit(s);
        if (ok && chan_cost(c) <= cost) {
            cost = chan_cost(c);
            scale = at;
        } else {
            for (int i = 0; i < c->n_cls; i++)
                c->at[i].size = size[i];
            hi = at;
        }
        if (scale >= 1)
            break;
    }
    free(size);
}

/* A width outside all sums, by itself: exactly. */
static void enlarge_single(struct search *s, int cls)
{
    struct chan_class *k = &s->b->c->at[cls];
    sizes_fit(s);
    int64_t size = nearest_in(k, k->size, widest(s->b, s->width, cls));
    if (width_cost(k, size) < width_cost(k, k->size))
        k->size = size;
}

static enum solved place_all(struct search *s, const int *part, double scale)
{
    struct chan *c = s->b->c;
    enum solved st = SOLVED;
    for (int i = 0; i < c->n_cls && st == SOLVED; i++)
        if (!c->at[i].known && part[i] == i)
            st = place(s, part, i, scale);
    return st;
}

/* All widths outside the sums, or all sums, in turn. */
static void enlarge_all(struct search *s, const int *part, bool sums, double scale)
{
    struct chan *c = s->b->c;
    for (int i = 0; i < c->n_cls; i++) {
        if (c->at[i].known || part[i] != i || in_row(c, i) != sums)
            continue;
        if (sums)
            enlarge(s, part, i, scale);
        else
            enlarge_single(s, i);
    }
    if (chan_cost(c) < s->best_cost)
        keep_best(s);
}

static void by_rule(struct search *s)
{
    struct chan *c = s->b->c;
    int *part = chan_parts(c);
    double lo = 0, hi = 1, scale = 0, best_scale = 0;
    enum solved st = SOLVED;
    for (int round = 0; round <= HALVINGS && (st == SOLVED || st == SOLVED_NONE); round++) {
        st = place_all(s, part, scale);
        if (st == SOLVED && sizes_fit(s)) {
            double before = s->best_cost;
            enlarge_all(s, part, false, scale);
            best_scale = s->best_cost < before ? scale : best_scale;
            lo = scale;
        } else if (round > 0) {
            hi = scale;
        }
        scale = (lo + hi) / 2;
    }
    for (int i = 0; i < c->n_cls && s->best_cost < INFINITY; i++)
        c->at[i].size = s->best[i];
    if (s->best_cost < INFINITY) {
        enlarge_all(s, part, true, best_scale);
        enlarge_all(s, part, false, best_scale);
    }
    free(part);
}

/* ---- branch and bound ---- */

static int64_t round_up(int64_t v, int64_t step)
{
    int64_t r = v % step;
    return r == 0 ? v : v > 0 ? v - r + step : v - r;
}

/* Shrinks *lo .. *hi of a class to what a sum leaves it. */
static void row_range(const struct search *s, const struct chan_row *r, int cls, int64_t *lo,
                      int64_t *hi)
{
    const struct chan *c = s->b->c;
    int64_t least = r->k, most = r->k, own = 0; /* own * width is between them */
    for (size_t t = 0; t < r->term.n; t++) {
        int v = r->term.at[t].v;
        int64_t a = r->term.at[t].coef;
        const struct chan_class *k = &c->at[v];
        bool known = k->known || s->set[v];
        int64_t size = k->known ? k->size : s->width[v];
        int64_t from = known ? size : k->lo, to = known ? size : k->hi;
        if (v == cls) {
            own = a;
            continue;
        }
        least -= a * (a > 0 ? to : from);
        most -= a * (a > 0 ? from : to);
    }
    if (own < 0) {
        int64_t t = least;
        least = -most;
        most = -t;
        own = -own;
    }
    if (own) {
        int64_t from = least > 0 ? (least + own - 1) / own : 0, to = most < 0 ? 0 : most / own;
        *lo = from > *lo ? from : *lo;
        *hi = to < *hi ? to : *hi;
    }
}

/* What the classes after `depth` cost at least, each by itself; INFINITY when one finds no room. */
static double rest_cost(const struct search *s, int depth)
{
    double sum = 0;
    for (int i = depth; i < s->n; i++) {
        const struct chan_class *k = &s->b->c->at[s->open[i]];
        int64_t first = round_up(k->lo, k->used), last = widest(s->b, s->width, s->open[i]);
        if (last < first)
            return INFINITY;
        sum += width_cost(k, nearest_in(k, first, last));
    }
    return sum;
}

static void dive(struct search *s, int depth, double cost);

/* One width of the class to decide. False when neither it nor what is farther off can be best. */
static bool try_width(struct search *s, int depth, double cost, int64_t width)
{
    int cls = s->open[depth];
    const struct chan_class *k = &s->b->c->at[cls];
    if (cost + width_cost(k, width) >= s->best_cost)
        return false;
    s->width[cls] = width;
    dive(s, depth + 1, cost + width_cost(k, width));
    return s->stop == SOLVED;
}

static void dive(struct search *s, int depth, double cost)
{
    struct chan *c = s->b->c;
    if (depth == s->n) {
        s->best_cost = cost;
        for (int i = 0; i < c->n_cls; i++)
            s->best[i] = c->at[i].known ? c->at[i].size : s->width[i];
        return;
    }
    if (++s->visits % 1024 == 0)
        s->stop = limits_check(s->lim);
    s->work += s->step * (s->n - depth);
    if (s->work > MAX_WORK)
        s->stop = SOLVED_TIMEOUT;
    if (s->stop != SOLVED || cost + rest_cost(s, depth) >= s->best_cost)
        return;
    int cls = s->open[depth];
    const struct chan_class *k = &c->at[cls];
    int64_t lo = k->lo, hi = widest(s->b, s->width, cls);
    bool summed = false;
    for (size_t i = 0; i < c->row.n; i++)
        for (size_t t = 0; t < c->row.at[i].term.n; t++)
            if (c->row.at[i].term.at[t].v == cls) {
                row_range(s, &c->row.at[i], cls, &lo, &hi);
                summed = true;
            }
    int64_t first = round_up(lo, k->used), last = hi / k->used * k->used;
    if (first > last)
        return;
    int64_t smallest = s->width[cls], at = nearest_in(k, first, last), down = at, up = at + k->used;
    s->set[cls] = true;
    /* A narrower width may be what the limits need; a wider one than the nearest only a sum. */
    bool on = true;
    while (on && (down >= first || (summed && up <= last))) {
        bool narrower =
            !summed || up > last || (down >= first && width_cost(k, down) <= width_cost(k, up));
        on = try_width(s, depth, cost, narrower ? down : up);
        *(narrower ? &down : &up) += narrower ? -k->used : k->used;
    }
    s->set[cls] = false;
    s->width[cls] = smallest;
}

/* ---- front ---- */

/* Best widths that are multiples of `used`. */
static enum solved search(struct search *s)
{
    struct chan *c = s->b->c;
    s->best_cost = INFINITY;
    s->visits = 0;
    s->work = 0;
    s->stop = SOLVED;
    by_rule(s);
    bool possible = true;
    for (int i = 0; i < c->n_cls; i++) {
        const struct chan_class *k = &c->at[i];
        s->width[i] = k->known ? k->size : round_up(k->lo, k->used);
        possible = possible && (k->known || s->width[i] <= k->hi);
    }
    if (possible && fits(s->b, s->width))
        dive(s, 0, 0);
    for (int i = 0; i < c->n_cls && s->best_cost < INFINITY; i++)
        c->at[i].size = s->best[i];
    if (s->stop == SOLVED_CANCELLED)
        return s->stop;
    return s->best_cost < INFINITY ? SOLVED : s->stop == SOLVED ? SOLVED_NONE : s->stop;
}

static void search_init(struct search *s, struct budget *b, const struct limits *lim)
{
    size_t n = (size_t)b->c->n_cls + 1;
    *s = (struct search){.b = b, .lim = lim};
    s->step = (int64_t)(b->flops.term.n + b->params.term.n + 1);
    s->open = x_calloc(n, sizeof *s->open);
    s->set = x_calloc(n, sizeof *s->set);
    s->width = x_calloc(n, sizeof *s->width);
    s->best = x_calloc(n, sizeof *s->best);
    for (int sums = 1; sums >= 0; sums--)
        for (int i = 0; i < b->c->n_cls; i++)
            if (!b->c->at[i].known && in_row(b->c, i) == sums)
                s->open[s->n++] = i;
}

static void search_done(struct search *s)
{
    free(s->open);
    free(s->set);
    free(s->width);
    free(s->best);
}

/* False with a reason when even the smallest widths are too wide. */
static bool smallest_fit(struct search *s, char *reason)
{
    const struct budget *b = s->b;
    for (int i = 0; i < b->c->n_cls; i++) {
        const struct chan_class *k = &b->c->at[i];
        s->width[i] = k->known ? k->size : round_up(k->lo, k->mult);
    }
    if (fits(b, s->width))
        return true;
    double flops = poly_at(&b->flops, s->width);
    if (b->max_flops > 0 && flops > b->max_flops)
        budget_broken("FLOPs", flops, b->max_flops, true, reason);
    else
        budget_broken("parameters", poly_at(&b->params, s->width), b->max_params, true, reason);
    return false;
}

static enum solved search_eased(struct search *s, char *reason)
{
    bool eased = false;
    enum solved st = search(s);
    for (int i = 0; i < s->n && (st == SOLVED_NONE || st == SOLVED_TIMEOUT); i++) {
        struct chan_class *k = &s->b->c->at[s->open[i]];
        eased |= k->used != k->mult;
        k->used = k->mult;
    }
    if (eased)
        st = search(s);
    if (st == SOLVED_NONE)
        reason_set(reason, "no widths keep both the channel sums and the limit on cost");
    if (st == SOLVED_TIMEOUT)
        reason_set(reason,
                   "no widths within the limit on cost were found, though there may be some");
    return st;
}

enum solved budget_solve(struct budget *b, const struct limits *lim, char *reason)
{
    struct search s;
    search_init(&s, b, lim);
    enum solved st = SOLVED;
    if (!sizes_fit(&s))
        st = !smallest_fit(&s, reason) ? SOLVED_NONE : search_eased(&s, reason);
    search_done(&s);
    return st;
}
