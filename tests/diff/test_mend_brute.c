/* Shape repair against brute force, on random small fragments and boundaries.
 * The brute force knows nothing of src/mend: it walks a description of the fragment, tries every
 * stride and every width, and asks shape_infer what each node makes of its inputs. Shape rules
 * treat channels, heights and widths apart, so the three are searched one after the other (with
 * the other two as they were) and the best assignment of all three is inferred once more as one
 * graph. What counts as best is written here from the text in mend/mend.h.
 * Limits on cost are compared at the heights and widths of the repair without them, with FLOPs and
 * parameters counted here.
 * Usage: test_mend_brute [NUMBER [FIRST SEED]]; AUTOGO_HEAVY=1: 10,000 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "cost/cost.h"
#include "mend/mend.h"
#include "tests/diff/mend_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_VISITS = 500000 }; /* choices at most */

static int n_fragments = 300;
static uint64_t first_seed = 1;

/* ---- what is best ---- */

/* Tensors whose widths are equal for good: through nodes that keep the channels. */
static bool tied(const struct part *p, int i, int k)
{
    if (p->op == OP_SPLIT && !p->sized) /* equal parts */
        return i >= p->n_in && k >= p->n_in;
    return p->op != OP_INPUT && p->op != OP_CONCAT && p->op != OP_SPLIT && !is_depth(p) &&
           !is_free(p) && p->mult <= 1;
}

static int end_of(const struct part *p, int i) /* inputs, then outputs */
{
    return i < p->n_in ? p->in[i] : p->out + i - p->n_in;
}

/* Spreads the smallest label over all that is tied. */
static void spread(const struct fragment *f, int *label)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int n = 0; n < f->n_part; n++) {
            const struct part *p = &f->part[n];
            for (int i = 0; i < p->n_in + p->n_out; i++)
                for (int k = 0; k < p->n_in + p->n_out; k++) {
                    int *a = &label[end_of(p, i)], *b = &label[end_of(p, k)];
                    if (tied(p, i, k) && *a < *b) {
                        *b = *a;
                        changed = true;
                    }
                }
        }
    }
}

/* Coefficient of class `cls` in the channel sum of a part (0 = sum of all). */
static int64_t coef(const struct part *p, const int *label, int cls)
{
    int64_t sum = 0;
    bool one_part = p->op == OP_SPLIT && !p->sized;
    for (int i = 0; i < p->n_in + p->n_out; i++) {
        int64_t k = i < p->n_in ? 1 : -1;
        if (p->op == OP_DEPTHTOSPACE && i >= p->n_in)
            k = -p->block * p->block;
        if (p->op == OP_SPACETODEPTH && i < p->n_in)
            k = p->block * p->block;
        if (p->op == OP_CONV && i < p->n_in)
            k = p->mult;
        if (one_part && i >= p->n_in)
            k = i == p->n_in ? -p->n_out : 0;
        if (label[end_of(p, i)] == cls)
            sum += k;
    }
    return sum;
}

static bool has_sum(const struct part *p)
{
    return p->op == OP_CONCAT || p->op == OP_SPLIT || is_depth(p) || p->mult > 1;
}

/* Which widths follow from the boundary, and which of the others hang together. */
static void find_groups(struct fragment *f)
{
    int label[MAX_TENSOR];
    bool known[MAX_TENSOR] = {false};
    for (int t = 0; t < f->n_tensor; t++)
        label[t] = t;
    spread(f, label);
    for (int t = 0; t < f->n_tensor; t++) {
        bool bound = t < f->n_in;
        for (int i = 0; i < f->ask.n_pin; i++)
            bound |= f->part[f->ask.pin[i].part].out == t;
        for (int i = 0; i < f->n_out; i++)
            bound |= f->output[i] == t;
        known[label[t]] |= bound;
    }
    for (int t = 0; t < f->n_tensor; t++) {
        f->cls[t] = label[t];
        f->fixed[t] = known[label[t]];
        f->group_of[t] = label[t];
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int n = 0; n < f->n_part; n++) {
            int open = 0, last = 0;
            for (int t = 0; t < f->n_tensor && has_sum(&f->part[n]); t++)
                if (label[t] == t && !known[t] && coef(&f->part[n], label, t)) {
                    open++;
                    last = t;
                }
            if (open == 1)
                known[last] = changed = true;
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (int n = 0; n < f->n_part; n++)
            for (int t = 0; t < f->n_tensor && has_sum(&f->part[n]); t++)
                for (int u = 0; u < f->n_tensor; u++)
                    if (!known[label[t]] && !known[label[u]] && f->group_of[t] < f->group_of[u] &&
                        ((coef(&f->part[n], label, label[t]) &&
                          coef(&f->part[n], label, label[u])) ||
                         label[t] == label[u])) {
                        f->group_of[u] = f->group_of[t];
                        changed = true;
                    }
    }
    for (int t = 0; t < f->n_tensor; t++)
        if (known[label[t]])
            f->group_of[t] = -1;
}

static int64_t lcm(int64_t a, int64_t b)
{
    int64_t m = a;
    while (m % b)
        m += a;
    return m;
}

/* The multiple wanted of tensor t, 1 when its bounds leave none that its groups divide. */
static int64_t find_multiple(const struct fragment *f, int t, int64_t wanted)
{
    int64_t lo = 1, hi = 65536, step = wanted;
    for (int i = 0; i < f->ask.n_bound; i++) {
        const struct wish *b = &f->ask.bound[i];
        if (f->cls[f->part[b->part].out] != f->cls[t])
            continue;
        lo = b->lo > lo ? b->lo : lo;
        hi = b->hi < hi ? b->hi : hi;
    }
    for (int i = 0; i < f->n_part; i++) {
        const struct part *p = &f->part[i];
        if (is_free(p) && p->group > 1 &&
            (f->cls[p->out] == f->cls[t] || f->cls[p->in[0]] == f->cls[t]))
            step = lcm(step, p->group);
    }
    for (int64_t w = step; w <= hi; w += step)
        if (w >= lo)
            return wanted;
    return 1;
}

static void find_wants(struct fragment *f)
{
    double product = 1, ratio;
    for (int i = 0; i < f->n_in; i++)
        product *= (double)f->need_in[i][C] / (double)f->was[i][C];
    for (int i = 0; i < f->n_out; i++)
        product *= (double)f->need_out[i][C] / (double)f->was[f->output[i]][C];
    ratio = pow(product, 1.0 / (f->n_in + f->n_out));
    for (int t = 0; t < f->n_tensor; t++) {
        bool eight = f->was[t][C] % 8 == 0;
        double was = (double)f->was[t][C], step = eight && !f->ask.multiple ? 8 : 1;
        f->want[t] = fmax(step, step * floor(was * ratio / step + 0.5 + 1e-9));
        if (fabs(ratio - 1) < 1e-12)
            f->want[t] = was;
        for (int i = f->ask.n_prefer - 1; i >= 0; i--) /* the first one counts */
            if (f->cls[f->part[f->ask.prefer[i].part].out] == f->cls[t]) {
                f->want[t] = (double)f->ask.prefer[i].lo;
                eight = f->was[t][C] % 8 == 0 && f->ask.prefer[i].lo % 8 == 0;
            }
        f->multiple[t] = find_multiple(f, t, f->ask.multiple ? f->ask.multiple : eight ? 8 : 1);
    }
}

static double width_cost(const struct fragment *f, int t, int64_t width)
{
    return f->fixed[t] ? 0 : fabs((double)width - f->want[t]);
}

static double stride_cost(const struct fragment *f, int part, int a, int64_t stride)
{
    double n = f->n_window;
    return stride == f->part[part].stride[a] ? 0 : 1 + (n - 1 - f->order[part]) / (n * n);
}

/* ---- brute force along one axis ---- */

struct burden {
    double params, flops;
};

struct search {
    const struct fragment *f;
    int axis;
    bool multiples[MAX_TENSOR]; /* are kept in the group of this number */
    int64_t size[MAX_TENSOR];
    struct choice pick[MAX_PART], best_pick[MAX_PART];
    double best;
    bool limited;
    struct burden used; /* by the parts before */
    int visits;
    struct u64map memo;
};

static bool was_same(const struct fragment *f, const struct part *p, int a)
{
    int64_t in = f->was[p->in[0]][H + a], out = f->was[p->out][H + a], s = p->stride[a];
    return out == (p->op == OP_CONVT ? in * s : (in + s - 1) / s);
}

/* Changes *c to choice `k` of a part: 1, or 0 when there is no such choice, -1 past the last. */
static int choose(const struct search *s, const struct part *p, int k, struct choice *c)
{
    if (s->axis == C && is_free(p)) {
        int64_t want = (int64_t)s->f->want[p->out]; /* near ones first, to find bounds early */
        c->cout = k % 2 ? want - (k + 1) / 2 : want + k / 2;
        /* A sum may hold eight times a multiple. */
        int64_t most = 64 + 8 * s->f->ask.multiple;
        return k > 2 * want && k > 2 * most ? -1 : c->cout >= 1;
    }
    if (s->axis == C && is_sized(p)) {
        int64_t total = s->size[p->in[0]], rest = total;
        if (k >= (p->n_out == 2 ? total : total * total))
            return -1;
        c->piece[0] = p->n_out == 2 ? k : k / total;
        c->piece[1] = k % total;
        for (int i = 0; i < p->n_out - 1; i++)
            rest -= c->piece[i];
        c->piece[p->n_out - 1] = rest;
        for (int i = 0; i < p->n_out; i++)
            if (c->piece[i] < 1)
                return 0;
        return 1;
    }
    if (s->axis == C || !is_window(p))
        return k == 0 ? 1 : -1;
    /* Strides 1, 2, 4 and the present one; pads as they are or, where the window has only
     * divided the size by its stride, made for that again. */
    int a = s->axis - H;
    bool same = was_same(s->f, p, a);
    if (k >= 8)
        return -1;
    c->stride[a] = k / 2 == 3 ? p->stride[a] : (int64_t)1 << k / 2;
    c->same[a] = k % 2;
    return c->same[a] ? same : !same || c->stride[a] == p->stride[a];
}

/* Sizes of a part's outputs along the axis, through shape_infer and a memo. */
static bool step(struct search *s, int part, const struct choice *c)
{
    const struct fragment *f = s->f;
    const struct part *p = &f->part[part];
    int a = s->axis - H;
    int64_t what = s->axis != C ? 2 * c->stride[a] + c->same[a]
                                : c->cout | c->piece[0] << 16 | c->piece[1] << 32;
    uint64_t key = hash_pair((uint64_t)what, (uint64_t)part);
    for (int i = 0; i < p->n_in; i++)
        key = hash_pair(key, (uint64_t)s->size[p->in[i]]);
    int64_t *known = u64map_put(&s->memo, key, -1), found = 0;
    if (*known < 0) {
        int64_t in[MAX_IN][3], out[MAX_OUT][3];
        for (int i = 0; i < p->n_in; i++) {
            memcpy(in[i], f->was[p->in[i]], sizeof in[i]);
            in[i][s->axis] = s->size[p->in[i]];
        }
        if (infer_one(p, in, c, out))
            for (int i = 0; i < p->n_out; i++)
                found |= out[i][s->axis] << 20 * i;
        *known = found;
    }
    for (int i = 0; i < p->n_out; i++)
        s->size[p->out + i] = *known >> 20 * i & 0xFFFFF;
    return *known != 0;
}

static bool allowed(const struct search *s, const struct part *p)
{
    const struct fragment *f = s->f;
    for (int t = p->out; t < p->out + p->n_out; t++) {
        for (int i = 0; i < f->n_out; i++)
            if (f->output[i] == t && s->size[t] != f->need_out[i][s->axis])
                return false;
        if (s->axis == C && f->group_of[t] >= 0 && s->multiples[f->group_of[t]] &&
            s->size[t] % f->multiple[t])
            return false;
        for (int i = 0; i < f->ask.n_pin && s->axis == C; i++)
            if (f->part[f->ask.pin[i].part].out == t && s->size[t] != f->ask.pin[i].lo)
                return false;
        for (int i = 0; i < f->ask.n_bound && s->axis == C; i++)
            if (f->part[f->ask.bound[i].part].out == t &&
                (s->size[t] < f->ask.bound[i].lo || s->size[t] > f->ask.bound[i].hi))
                return false;
    }
    /* What was as large as the result of a join stays so. */
    for (int i = 0; i < p->n_in && (p->op == OP_ADD || p->op == OP_MUL); i++)
        if (f->was[p->in[i]][s->axis] == f->was[p->out][s->axis] &&
            s->size[p->in[i]] != s->size[p->out])
            return false;
    return true;
}

/* Parameters and FLOPs (the rule of cost/cost.h) of a part, its widths in s->size. */
static struct burden part_burden(const struct search *s, int part)
{
    const struct fragment *f = s->f;
    const struct part *p = &f->part[part];
    struct burden b = {0, 0};
    if (p->op == OP_INPUT)
        return b;
    double in = (double)s->size[p->in[0]], out = (double)s->size[p->out];
    double area = (double)(f->now[p->out][H] * f->now[p->out][W]);
    double from = (double)(f->now[p->in[0]][H] * f->now[p->in[0]][W]);
    switch (p->op) {
    case OP_CONV:
    case OP_CONVT:
        b.params =
            in * out / (p->mult ? in : (double)p->group) * (double)(p->kernel[0] * p->kernel[1]);
        b.flops = 2 * b.params * (p->op == OP_CONV ? area : from);
        b.params += p->bias ? out : 0;
        b.flops += p->bias ? 2 * out * area : 0;
        break;
    case OP_BATCHNORM:
        b.params = 2 * out;
        b.flops = 4 * out * area;
        break;
    case OP_RELU:
    case OP_MAXPOOL:
    case OP_AVGPOOL:
    case OP_GLOBALAVG:
        b.flops = 2 * out * area;
        break;
    case OP_ADD:
    case OP_MUL:
        /* a constant of one element stays one, and does not count */
        b.params = p->beside_const && f->was[p->out][C] > 1 ? out : 0;
        b.flops = p->beside_const ? 0 : 4 * out * area;
        for (int i = 0; i < f->n_part && p->beside_const && p->op == OP_ADD; i++)
            if (f->part[i].out == p->in[0] &&
                (f->part[i].op == OP_CONV || f->part[i].op == OP_CONVT))
                b.flops = 2 * out * area; /* a bias */
        break;
    default:
        break;
    }
    return b;
}

static void try_all(struct search *s, int part, double cost)
{
    const struct fragment *f = s->f;
    if (s->visits > MAX_VISITS || cost >= s->best - 1e-9 || s->used.params > f->max_params ||
        s->used.flops > f->max_flops)
        return;
    if (part == f->n_part) {
        s->best = cost;
        memcpy(s->best_pick, s->pick, sizeof s->pick);
        return;
    }
    const struct part *p = &f->part[part];
    if (p->op == OP_INPUT) {
        s->size[p->out] = f->need_in[part][s->axis];
        if (allowed(s, p))
            try_all(s, part + 1, cost);
        return;
    }
    struct choice c = as_it_was(p);
    for (int k = 0, is; (is = choose(s, p, k, &c)) >= 0; k++) {
        s->visits++;
        if (!is || !step(s, part, &c) || !allowed(s, p))
            continue;
        double more = 0;
        for (int t = p->out; t < p->out + p->n_out && s->axis == C; t++)
            more += width_cost(f, t, s->size[t]);
        if (s->axis != C && is_window(p))
            more = stride_cost(f, part, s->axis - H, c.stride[s->axis - H]);
        s->pick[part] = c;
        struct burden before = s->used;
        if (s->limited) {
            struct burden own = part_burden(s, part);
            s->used.params += own.params;
            s->used.flops += own.flops;
        }
        try_all(s, part + 1, cost + more);
        s->used = before;
    }
}

static double search(struct search *s)
{
    s->best = INFINITY;
    try_all(s, 0, 0);
    return s->best;
}

/* The groups in which all multiples can be kept must keep them. Under limits on cost the same
 * ones, or none in any group. */
static double search_channels(struct search *s)
{
    const struct fragment *f = s->f;
    bool keep[MAX_TENSOR] = {false};
    s->limited = false;
    if (isinf(search(s)))
        return INFINITY;
    for (int g = 0; g < f->n_tensor; g++) {
        bool any_multiple = false;
        for (int t = 0; t < f->n_tensor; t++)
            any_multiple |= f->group_of[t] == g && f->multiple[t] > 1;
        if (!any_multiple)
            continue;
        memset(s->multiples, 0, sizeof s->multiples);
        s->multiples[g] = true;
        keep[g] = !isinf(search(s));
    }
    memcpy(s->multiples, keep, sizeof keep);
    s->limited = f->max_params < INFINITY || f->max_flops < INFINITY;
    if (!s->limited || search(s) < INFINITY)
        return s->limited ? s->best : search(s);
    memset(s->multiples, 0, sizeof s->multiples);
    return search(s);
}

/* NAN: too many choices. */
static double brute_force(const struct fragment *f)
{
    struct choice pick[MAX_PART];
    double total = 0;
    for (int axis = C; axis <= W; axis++) {
        static struct search s;
        memset(&s, 0, sizeof s);
        s.f = f;
        s.axis = axis;
        total += axis == C ? search_channels(&s) : search(&s);
        u64map_done(&s.memo);
        if (s.visits > MAX_VISITS)
            return NAN;
        for (int i = 0; i < f->n_part; i++) {
            struct choice *c = &pick[i], *b = &s.best_pick[i];
            if (axis == C) {
                *c = *b;
                continue;
            }
            c->stride[axis - H] = b->stride[axis - H];
            c->same[axis - H] = b->same[axis - H];
        }
        if (isinf(total))
            return total;
    }
    int64_t size[MAX_TENSOR][3];
    struct graph *g = make_graph(f, pick, f->need_in, size);
    assert_non_null(g); /* the axes are independent */
    graph_unref(g);
    for (int i = 0; i < f->n_out; i++)
        assert_true(same_sizes(size[f->output[i]], f->need_out[i], C));
    return total;
}

/* ---- comparison ---- */

static void show(const struct fragment *f)
{
    for (int i = 0; i < f->n_part; i++) {
        const struct part *p = &f->part[i];
        print_message("p%d %s (", i, op_info(p->op)->id);
        for (int k = 0; k < p->n_in; k++)
            print_message(" t%d", p->in[k]);
        print_message(" )");
        if (is_window(p))
            print_message(" k %dx%d s %dx%d d %d pads %d %d %d %d auto %d ceil %d group %d mult %d",
                          (int)p->kernel[0], (int)p->kernel[1], (int)p->stride[0],
                          (int)p->stride[1], (int)p->dilation, (int)p->pad[0], (int)p->pad[1],
                          (int)p->pad[2], (int)p->pad[3], (int)p->auto_pad, p->ceil_mode,
                          (int)p->group, (int)p->mult);
        for (int k = 0; k < p->n_out; k++) {
            int t = p->out + k;
            print_message("  t%d %dx%dx%d%s", t, (int)f->was[t][C], (int)f->was[t][H],
                          (int)f->was[t][W], f->fixed[t] ? " fixed" : "");
            if (!f->fixed[t])
                print_message(" wants %g in %d", f->want[t], f->group_of[t]);
        }
        print_message("%s\n", is_sized(p) ? " sized" : "");
    }
    for (int i = 0; i < f->n_in; i++)
        print_message("need in %d %d %d\n", (int)f->need_in[i][C], (int)f->need_in[i][H],
                      (int)f->need_in[i][W]);
    for (int i = 0; i < f->n_out; i++)
        print_message("need t%d %d %d %d\n", f->output[i], (int)f->need_out[i][C],
                      (int)f->need_out[i][H], (int)f->need_out[i][W]);
}

/* The repaired fragment without its types, inferred anew: must be the boundary; its own cost. */
static double cost_of_plan(const struct fragment *f, const struct graph *repaired)
{
    struct graph_edit *e = graph_edit_new(repaired);
    struct ttype unknown = ttype_unknown();
    for (int32_t id = 0; id < graph_n_slots(repaired); id++) {
        const struct node *n = graph_node(repaired, id);
        for (int k = 0; n && n->op != OP_INPUT && k < n->n_out; k++)
            graph_edit_set_type(e, (struct value_ref){id, k}, &unknown);
    }
    struct graph *g = freeze(e);
    if (!g)
        return -1;
    double cost = 0;
    for (int i = 0; i < f->n_part; i++) {
        const struct part *p = &f->part[i];
        char name[16];
        struct window w;
        snprintf(name, sizeof name, "p%d", i);
        int32_t id = graph_find(g, name);
        const struct node *n = graph_node(g, id);
        for (int k = 0; k < p->n_out; k++) {
            const struct ttype *t = graph_type(g, (struct value_ref){id, k});
            cost += width_cost(f, p->out + k, t->dim[1]);
            for (int o = 0; o < f->n_out; o++)
                if (f->output[o] == p->out + k && !same_sizes(t->dim + 1, f->need_out[o], C))
                    cost = NAN;
        }
        for (int a = 0; a < 2 && is_window(p) && node_window(n, &w); a++)
            cost += stride_cost(f, i, a, w.stride[a]);
    }
    graph_unref(g);
    return cost;
}

static void order_windows(struct fragment *f, const struct graph *g)
{
    char name[16];
    int pos[MAX_PART];
    for (int i = 0; i < f->n_part; i++) {
        snprintf(name, sizeof name, "p%d", i);
        pos[i] = graph_topo_pos(g, graph_find(g, name));
    }
    for (int i = 0; i < f->n_part; i++) {
        f->n_window += is_window(&f->part[i]);
        for (int k = 0; k < f->n_part; k++)
            f->order[i] += is_window(&f->part[k]) && pos[k] < pos[i];
    }
}

static struct mend_plan mend(const struct fragment *f, const struct graph *g)
{
    struct request q;
    struct mend_plan plan;
    struct err err = {0};
    make_request(f, g, &q);
    if (f->max_params < INFINITY)
        q.opts.max_params = (int64_t)f->max_params;
    if (f->max_flops < INFINITY)
        q.opts.max_flops_paper = (int64_t)f->max_flops;
    if (mend_fragment(g, q.in, q.out, &q.opts, &plan, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return plan;
}

/* The repair, compared with brute force; the plan is the caller's. Without fragment and reason
 * where there are too many choices to try. */
static struct mend_plan check(const struct fragment *f, const struct graph *g, uint64_t seed)
{
    double best = brute_force(f);
    if (isnan(best))
        return (struct mend_plan){.result = MEND_TIMEOUT};
    struct mend_plan p = mend(f, g);
    bool found = p.result == MEND_REPAIRED || p.result == MEND_UNCHANGED;
    double own = found ? cost_of_plan(f, p.fragment) : INFINITY;
    if (p.result == MEND_TIMEOUT || found != !isinf(best) ||
        (found && !(fabs(p.objective - best) < 1e-6 && fabs(own - best) < 1e-6))) {
        show(f);
        fail_msg("seed %llu: %s %g (%s), its network %g, brute force %g", (unsigned long long)seed,
                 mend_result_name(p.result), p.objective, p.reason, own, best);
    }
    return p;
}

/* Limits on what the repaired network costs: most can be kept, some just not. */
static void random_limits(struct rng *r, struct fragment *f, const struct mend_plan *p)
{
    struct cost c;
    cost_graph(p->fragment, &c);
    if (chance(r, 60) && c.params > 0)
        f->max_params = fmax(1, floor((double)c.params * (double)any(r, 40, 101) / 100));
    else if (c.flops_paper > 0)
        f->max_flops = fmax(1, floor((double)c.flops_paper * (double)any(r, 40, 101) / 100));
    for (int i = 0; i < f->n_part; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        int32_t id = graph_find(p->fragment, name);
        for (int k = 0; k < f->part[i].n_out; k++)
            memcpy(f->now[f->part[i].out + k],
                   graph_type(p->fragment, (struct value_ref){id, k})->dim + 1, sizeof *f->now);
    }
}

static bool open_widths(const struct fragment *f)
{
    for (int t = 0; t < f->n_tensor; t++)
        if (f->group_of[t] >= 0)
            return true;
    return false;
}

static void compare(uint64_t seed, int *seen)
{
    struct rng r = rng_for(seed, 0);
    static struct fragment f;
    struct choice pick[MAX_PART];
    int64_t size[MAX_TENSOR][3];
    random_fragment(&r, &small, &f);
    random_boundary(&r, &f);
    if (chance(&r, 60))
        random_wishes(&r, &f);
    f.max_params = f.max_flops = INFINITY;
    for (int i = 0; i < f.n_part; i++)
        pick[i] = as_it_was(&f.part[i]);
    struct graph *g = make_graph(&f, pick, (const int64_t(*)[3])f.was, size);
    assert_non_null(g);
    order_windows(&f, g);
    find_groups(&f);
    find_wants(&f);
    struct mend_plan p = check(&f, g, seed);
    seen[p.result]++;
    if (p.fragment && chance(&r, open_widths(&f) ? 80 : 5)) {
        random_limits(&r, &f, &p);
        struct mend_plan limited = check(&f, g, seed);
        seen[4] += limited.result != MEND_TIMEOUT;
        seen[5] += limited.result == MEND_INFEASIBLE;
        seen[6] += limited.fragment && limited.objective > p.objective;
        mend_plan_done(&limited);
    }
    mend_plan_done(&p);
    graph_unref(g);
}

static void test_brute_force(void **state)
{
    int seen[7] = {0}; /* by result; with limits on cost, of them refused, dearer */
    (void)state;
    for (int i = 0; i - seen[MEND_TIMEOUT] < n_fragments; i++)
        compare(first_seed + (uint64_t)i, seen);
    print_message("%d fragments: %d unchanged, %d repaired, %d infeasible; "
                  "%d more had too many choices; %d once more within a limit on cost: %d "
                  "infeasible, %d at a higher objective\n",
                  n_fragments, seen[MEND_UNCHANGED], seen[MEND_REPAIRED], seen[MEND_INFEASIBLE],
                  seen[MEND_TIMEOUT], seen[4], seen[5], seen[6]);
    if (n_fragments >= 1000) { /* all kinds of answers were compared */
        assert_true(seen[MEND_REPAIRED] > n_fragments / 4);
        assert_true(seen[MEND_INFEASIBLE] > n_fragments / 10);
        assert_true(seen[MEND_UNCHANGED] > n_fragments / 50);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_brute_force)};
    const char *heavy = getenv("AUTOGO_HEAVY");
    if (heavy && *heavy && *heavy != '0')
        n_fragments = 10000;
    if (argc > 1)
        n_fragments = atoi(argv[1]);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
