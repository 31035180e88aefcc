/* Shape repair against brute force, on random small fragments and boundaries.
 * The brute force knows nothing of src/mend: it walks a description of the fragment, tries every
 * stride and every width, and asks shape_infer what each node makes of its inputs. Shape rules
 * treat channels, heights and widths apart, so the three are searched one after the other (with
 * the other two as they were) and the best assignment of all three is inferred once more as one
 * graph. What counts as best is written here from the text in mend/mend.h.
 * Usage: test_mend_brute [NUMBER [FIRST SEED]] */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "mend/mend.h"
#include "tests/diff/mend_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_WIDTH = 48 }; /* tried at least */

static int n_fragments = 2000;
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
        for (int i = 0; i < f->n_out; i++)
            bound |= f->output[i] == t;
        known[label[t]] |= bound;
    }
    for (int t = 0; t < f->n_tensor; t++) {
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

static void find_wants(struct fragment *f)
{
    double product = 1, ratio;
    for (int i = 0; i < f->n_in; i++)
        product *= (double)f->need_in[i][C] / (double)f->was[i][C];
    for (int i = 0; i < f->n_out; i++)
        product *= (double)f->need_out[i][C] / (double)f->was[f->output[i]][C];
    ratio = pow(product, 1.0 / (f->n_in + f->n_out));
    for (int t = 0; t < f->n_tensor; t++) {
        double was = (double)f->was[t][C], step = f->was[t][C] % 8 ? 1 : 8;
        f->want[t] = fmax(step, step * floor(was * ratio / step + 0.5 + 1e-9));
        if (fabs(ratio - 1) < 1e-12)
            f->want[t] = was;
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

struct search {
    const struct fragment *f;
    int axis;
    bool multiples[MAX_TENSOR]; /* of 8 are wanted in the group of this number */
    int64_t size[MAX_TENSOR];
    struct choice pick[MAX_PART], best_pick[MAX_PART];
    double best;
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
        return k > 2 * want && k > 2 * MAX_WIDTH ? -1 : c->cout >= 1;
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
    uint64_t key = hash_bytes(c, sizeof *c, (uint64_t)part);
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
            f->was[t][C] % 8 == 0 && s->size[t] % 8)
            return false;
    }
    /* What was as large as the result of a join stays so. */
    for (int i = 0; i < p->n_in && (p->op == OP_ADD || p->op == OP_MUL); i++)
        if (f->was[p->in[i]][s->axis] == f->was[p->out][s->axis] &&
            s->size[p->in[i]] != s->size[p->out])
            return false;
    return true;
}

static void try_all(struct search *s, int part, double cost)
{
    const struct fragment *f = s->f;
    if (cost >= s->best - 1e-9)
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
        if (!is || !step(s, part, &c) || !allowed(s, p))
            continue;
        double more = 0;
        for (int t = p->out; t < p->out + p->n_out && s->axis == C; t++)
            more += width_cost(f, t, s->size[t]);
        if (s->axis != C && is_window(p))
            more = stride_cost(f, part, s->axis - H, c.stride[s->axis - H]);
        s->pick[part] = c;
        try_all(s, part + 1, cost + more);
    }
}

static double search(struct search *s)
{
    s->best = INFINITY;
    try_all(s, 0, 0);
    return s->best;
}

/* The groups in which multiples of 8 can stay multiples of 8 must keep them. */
static double search_channels(struct search *s)
{
    const struct fragment *f = s->f;
    bool keep[MAX_TENSOR] = {false};
    if (isinf(search(s)))
        return INFINITY;
    for (int g = 0; g < f->n_tensor; g++) {
        bool eights = false;
        for (int t = 0; t < f->n_tensor; t++)
            eights |= f->group_of[t] == g && f->was[t][C] % 8 == 0;
        if (!eights)
            continue;
        memset(s->multiples, 0, sizeof s->multiples);
        s->multiples[g] = true;
        keep[g] = !isinf(search(s));
    }
    memcpy(s->multiples, keep, sizeof keep);
    return search(s);
}

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
    struct ttype in[2], out[MAX_TENSOR];
    struct mend_opts opts = {.time_limit_s = 20};
    struct mend_plan plan;
    struct err err = {0};
    for (int i = 0; i < f->n_in; i++)
        in[i] = ttype_nchw(1, f->need_in[i][C], f->need_in[i][H], f->need_in[i][W]);
    for (int i = 0; i < f->n_out; i++)
        out[i] = ttype_nchw(1, f->need_out[i][C], f->need_out[i][H], f->need_out[i][W]);
    if (mend_fragment(g, in, out, &opts, &plan, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return plan;
}

static void compare(uint64_t seed, int *seen)
{
    struct rng r = rng_for(seed, 0);
    static struct fragment f;
    struct choice pick[MAX_PART];
    int64_t size[MAX_TENSOR][3];
    random_fragment(&r, &f);
    random_boundary(&r, &f);
    for (int i = 0; i < f.n_part; i++)
        pick[i] = as_it_was(&f.part[i]);
    struct graph *g = make_graph(&f, pick, (const int64_t(*)[3])f.was, size);
    assert_non_null(g);
    order_windows(&f, g);
    find_groups(&f);
    find_wants(&f);
    double best = brute_force(&f);
    struct mend_plan p = mend(&f, g);
    bool found = p.result == MEND_REPAIRED || p.result == MEND_UNCHANGED;
    double own = found ? cost_of_plan(&f, p.fragment) : INFINITY;
    if (p.result == MEND_TIMEOUT || found != !isinf(best) ||
        (found && !(fabs(p.objective - best) < 1e-6 && fabs(own - best) < 1e-6))) {
        show(&f);
        fail_msg("seed %llu: %s %g (%s), its network %g, brute force %g", (unsigned long long)seed,
                 mend_result_name(p.result), p.objective, p.reason, own, best);
    }
    seen[p.result]++;
    mend_plan_done(&p);
    graph_unref(g);
}

static void test_brute_force(void **state)
{
    int seen[4] = {0};
    (void)state;
    for (int i = 0; i < n_fragments; i++)
        compare(first_seed + (uint64_t)i, seen);
    print_message("%d fragments: %d unchanged, %d repaired, %d infeasible\n", n_fragments,
                  seen[MEND_UNCHANGED], seen[MEND_REPAIRED], seen[MEND_INFEASIBLE]);
    if (n_fragments >= 1000) { /* all kinds of answers were compared */
        assert_true(seen[MEND_REPAIRED] > n_fragments / 4);
        assert_true(seen[MEND_INFEASIBLE] > n_fragments / 10);
        assert_true(seen[MEND_UNCHANGED] > n_fragments / 50);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_brute_force)};
    if (argc > 1)
        n_fragments = atoi(argv[1]);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
