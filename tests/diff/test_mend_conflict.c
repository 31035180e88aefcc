/* Stated conflicts of the shape repair against the claim they make: the set has no solution when
 * everything else is left out, and has one without any of its parts. Asked of mend_fragment, and of
 * a brute force that knows nothing of src/mend. SHOW_CONFLICTS=1 prints them.
 * Usage: test_mend_conflict [CASES [FIRST SEED]]; AUTOGO_HEAVY=1: 40,000 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/vec.h"
#include "mend/mend.h"
#include "tests/diff/mend_net.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_STEPS = 50000 };

static int n_cases = 1000;
static uint64_t first_seed = 1;

/* ---- a random problem ---- */

struct problem {
    struct fragment f;
    struct graph *g;
    int32_t id[MAX_PART], out_id[MAX_TENSOR]; /* nodes of the parts and of the outputs */
    struct request q;
};

static void make_problem(struct problem *p, uint64_t seed)
{
    struct rng r = rng_for(seed, 0);
    struct fragment *f = &p->f;
    struct choice pick[MAX_PART];
    int64_t size[MAX_TENSOR][3];
    char name[16];
    memset(p, 0, sizeof *p);
    do
        random_fragment(&r, chance(&r, 90) ? &small : &large, f);
    while (f->n_part == f->n_in);
    random_boundary(&r, f);
    random_wishes(&r, f);
    if (chance(&r, 40)) { /* one more number that may not fit */
        int64_t *need = f->need_out[any(&r, 0, f->n_out - 1)];
        need[any(&r, C, W)] = any(&r, 1, 16);
    }
    for (int i = 0; i < f->n_part; i++)
        pick[i] = as_it_was(&f->part[i]);
    p->g = make_graph(f, pick, (const int64_t(*)[3])f->was, size);
    assert_non_null(p->g);
    for (int i = 0; i < f->n_part; i++) {
        snprintf(name, sizeof name, "p%d", i);
        p->id[i] = graph_find(p->g, name);
    }
    for (int i = 0; i < f->n_out; i++) {
        snprintf(name, sizeof name, "y%d", i);
        p->out_id[i] = graph_find(p->g, name);
    }
    make_request(f, p->g, &p->q);
}

static enum mend_result repair(const struct problem *p, const struct mend_opts *opts)
{
    struct mend_plan plan;
    struct err err = {0};
    if (mend_fragment(p->g, p->q.in, p->q.out, opts, &plan, &err) != ST_OK)
        fail_msg("%s", err.msg);
    enum mend_result result = plan.result;
    if (opts->n_without)
        assert_null(plan.fragment);
    mend_plan_done(&plan);
    return result;
}

/* ---- parts ---- */

struct parts {
    VEC(struct mend_part) at;
};

/* All constraints but the first n of `keep`, the one at `except` not kept either. */
static struct parts others(const struct problem *p, const struct mend_part *keep, int n, int except)
{
    static const enum mend_axis axes[] = {MEND_AXIS_C, MEND_AXIS_H, MEND_AXIS_W};
    struct parts all = {{0}}, rest = {{0}};
    for (int a = 0; a < 3; a++) {
        for (int i = 0; i < p->f.n_part; i++)
            vec_push(&all.at, (struct mend_part){i < p->f.n_in ? MEND_PART_INPUT : MEND_PART_NODE,
                                                 axes[a], p->id[i]});
        for (int i = 0; i < p->f.n_out; i++)
            vec_push(&all.at, (struct mend_part){MEND_PART_OUTPUT, axes[a], p->out_id[i]});
    }
    for (int i = 0; i < p->q.opts.n_pin; i++)
        vec_push(&all.at, (struct mend_part){MEND_PART_PIN, MEND_AXIS_C, p->q.pin[i].node});
    for (int i = 0; i < p->q.opts.n_bound; i++)
        vec_push(&all.at, (struct mend_part){MEND_PART_BOUND, MEND_AXIS_C, p->q.bound[i].node});
    for (size_t i = 0; i < all.at.n; i++) {
        bool kept = false;
        for (int k = 0; k < n; k++)
            kept |= k != except && keep[k].kind == all.at.at[i].kind &&
                    keep[k].axis == all.at.at[i].axis && keep[k].node == all.at.at[i].node;
        if (!kept)
            vec_push(&rest.at, all.at.at[i]);
    }
    vec_done(&all.at);
    return rest;
}

static enum mend_result repair_without(const struct problem *p, const struct mend_conflict *c,
                                       int except)
{
    struct parts left = others(p, c->part, c->n, except);
    struct mend_opts opts = p->q.opts;
    opts.without = left.at.at;
    opts.n_without = (int)left.at.n;
    enum mend_result result = repair(p, &opts);
    vec_done(&left.at);
    return result;
}

/* ---- brute force ---- */

struct brute {
    const struct problem *p;
    const struct mend_conflict *c;
    int except, axis;
    int64_t most, size[MAX_TENSOR];
    bool matters[MAX_TENSOR];
    struct u64map memo;
    int steps;
    bool gave_up;
};

static bool in_set(const struct brute *b, enum mend_part_kind kind, int32_t node)
{
    for (int i = 0; i < b->c->n; i++)
        if (i != b->except && b->c->part[i].kind == kind && b->c->part[i].node == node)
            return true;
    return false;
}

static bool node_kept(const struct brute *b, int part)
{
    return in_set(b, MEND_PART_NODE, b->p->id[part]);
}

/* What ports, pins and bounds say about tensor t. */
static bool size_ok(const struct brute *b, int t)
{
    const struct problem *p = b->p;
    const struct fragment *f = &p->f;
    int64_t x = b->size[t];
    if (x < 1 || x > b->most)
        return false;
    for (int i = 0; i < f->n_in; i++)
        if (f->part[i].out == t && in_set(b, MEND_PART_INPUT, p->id[i]) &&
            x != f->need_in[i][b->axis])
            return false;
    for (int i = 0; i < f->n_out; i++)
        if (f->output[i] == t && in_set(b, MEND_PART_OUTPUT, p->out_id[i]) &&
            x != f->need_out[i][b->axis])
            return false;
    for (int i = 0; i < p->q.opts.n_pin && b->axis == C; i++)
        if (f->part[p->f.ask.pin[i].part].out == t && in_set(b, MEND_PART_PIN, p->q.pin[i].node) &&
            x != p->q.pin[i].channels)
            return false;
    for (int i = 0; i < p->q.opts.n_bound && b->axis == C; i++)
        if (f->part[p->f.ask.bound[i].part].out == t &&
            in_set(b, MEND_PART_BOUND, p->q.bound[i].node) &&
            (x < p->q.bound[i].lo || x > p->q.bound[i].hi))
            return false;
    return true;
}

/* Channels of a part that it accepts, written down from the operators' definitions. */
static bool channels_ok(const struct brute *b, const struct part *p)
{
    const int64_t *s = b->size;
    int64_t in = s[p->in[0]], out = s[p->out], sum = 0;
    if (is_free(p))
        return in % p->group == 0 && out % p->group == 0;
    if (p->op == OP_CONV)
        return out == in * p->mult;
    if (p->op == OP_CONCAT) {
        for (int i = 0; i < p->n_in; i++)
            sum += s[p->in[i]];
        return sum == out;
    }
    for (int i = 0; i < p->n_out && p->op == OP_SPLIT; i++) {
        sum += s[p->out + i];
        if (!p->sized && s[p->out + i] * p->n_out != in)
            return false;
    }
    if (p->op == OP_SPLIT)
        return sum == in;
    if (p->op == OP_DEPTHTOSPACE)
        return in == out * p->block * p->block;
    if (p->op == OP_SPACETODEPTH)
        return out == in * p->block * p->block;
    for (int i = 0; i < p->n_in; i++)
        if (s[p->in[i]] != out)
            return false;
    return true;
}

/* The size behind the part under a choice, through shape_infer and a memo; 0: none. */
static int64_t infer_size(struct brute *b, int part, const struct choice *c)
{
    const struct fragment *f = &b->p->f;
    const struct part *p = &f->part[part];
    uint64_t key = hash_bytes(c, sizeof *c, (uint64_t)part);
    for (int i = 0; i < p->n_in; i++)
        key = hash_pair(key, (uint64_t)b->size[p->in[i]]);
    int64_t *known = u64map_put(&b->memo, key, -1);
    if (*known >= 0)
        return *known;
    int64_t in[MAX_IN][3], out[MAX_OUT][3];
    for (int i = 0; i < p->n_in; i++) {
        memcpy(in[i], f->was[p->in[i]], sizeof in[i]);
        in[i][b->axis] = b->size[p->in[i]];
    }
    *known = infer_one(p, in, c, out) ? out[0][b->axis] : 0;
    return *known;
}

static bool join_ok(const struct brute *b, const struct part *p)
{
    const struct fragment *f = &b->p->f;
    for (int i = 0; i < p->n_in && (p->op == OP_ADD || p->op == OP_MUL); i++)
        if (f->was[p->in[i]][b->axis] == f->was[p->out][b->axis] &&
            b->size[p->in[i]] != b->size[p->out])
            return false;
    return true;
}

static bool place(struct brute *b, int part);

/* Output k and the following ones of a part can have any size. */
static bool place_any(struct brute *b, int part, int k)
{
    const struct part *p = &b->p->f.part[part];
    if (k == p->n_out) {
        bool asks = b->axis == C && p->op != OP_INPUT && node_kept(b, part);
        return (!asks || channels_ok(b, p)) && place(b, part + 1);
    }
    int t = p->out + k;
    int64_t was = b->p->f.was[t][b->axis];
    for (int64_t x = 0; x <= b->most && !b->gave_up; x++) {
        b->size[t] = x ? x : was; /* what it was is the best guess */
        b->gave_up = ++b->steps > MAX_STEPS;
        if (!b->matters[t] || size_ok(b, t))
            if (place_any(b, part, k + 1))
                return true;
        if (!b->matters[t])
            break;
    }
    return false;
}

static bool place_inferred(struct brute *b, int part)
{
    const struct fragment *f = &b->p->f;
    const struct part *p = &f->part[part];
    int a = b->axis - H, n = is_window(p) ? 8 : 1;
    int64_t in_was = f->was[p->in[0]][b->axis], out_was = f->was[p->out][b->axis];
    for (int k = 0; k < n && !b->gave_up; k++) {
        struct choice c = as_it_was(p);
        if (is_window(p)) {
            int64_t s = p->stride[a];
            bool same = out_was == (p->op == OP_CONVT ? in_was * s : (in_was + s - 1) / s);
            c.stride[a] = k / 2 == 3 ? s : (int64_t)1 << k / 2;
            c.same[a] = k % 2;
            if (c.same[a] ? !same : same && c.stride[a] != s)
                continue;
        }
        int64_t out = infer_size(b, part, &c);
        bool ok = out > 0;
        for (int i = 0; i < p->n_out; i++) {
            b->size[p->out + i] = out;
            ok = ok && size_ok(b, p->out + i);
        }
        b->gave_up |= ++b->steps > MAX_STEPS;
        if (ok && join_ok(b, p) && place(b, part + 1))
            return true;
    }
    return false;
}

static bool place(struct brute *b, int part)
{
    const struct fragment *f = &b->p->f;
    if (part == f->n_part)
        return true;
    if (b->axis == C || f->part[part].op == OP_INPUT || !node_kept(b, part))
        return place_any(b, part, 0);
    return place_inferred(b, part);
}

/* 1: the parts can be met, 0: they cannot, -1: too many possibilities. */
static int brute_force(const struct problem *p, const struct mend_conflict *c, int except)
{
    static struct brute b;
    const struct fragment *f = &p->f;
    memset(&b, 0, sizeof b);
    b.p = p;
    b.c = c;
    b.except = except;
    b.axis = (int)c->part[0].axis;
    for (int t = 0; t < f->n_tensor; t++)
        b.most = f->was[t][b.axis] > b.most ? f->was[t][b.axis] : b.most;
    for (int i = 0; i < f->n_in; i++)
        b.most = f->need_in[i][b.axis] > b.most ? f->need_in[i][b.axis] : b.most;
    for (int i = 0; i < f->n_out; i++)
        b.most = f->need_out[i][b.axis] > b.most ? f->need_out[i][b.axis] : b.most;
    /* As mend.h says; channels could be more than anyone needs here. */
    b.most = b.axis == C ? 16 * b.most + 64 : 2 * b.most + 64;
    for (int i = 0; i < f->n_part; i++)
        for (int k = 0; k < f->part[i].n_in + f->part[i].n_out && node_kept(&b, i); k++)
            b.matters[k < f->part[i].n_in ? f->part[i].in[k]
                                          : f->part[i].out + k - f->part[i].n_in] = true;
    for (int t = 0; t < f->n_tensor; t++) {
        b.size[t] = f->was[t][b.axis];
        for (int64_t x = 1; x <= 40 && !b.matters[t]; x++) {
            int64_t was = b.size[t];
            b.size[t] = x;
            b.matters[t] |= !size_ok(&b, t);
            b.size[t] = was;
        }
    }
    bool found = place(&b, 0);
    u64map_done(&b.memo);
    return found ? 1 : b.gave_up ? -1 : 0;
}

/* ---- the claim ---- */

struct seen {
    int conflicts, axis[3], kind[5], parts, brute, longest, length;
    double ms, worst_ms;
};

static void show(const struct problem *p, const struct mend_conflict *c, uint64_t seed)
{
    print_message("seed %llu: %s\n", (unsigned long long)seed, c->text);
    for (int i = 0; i < c->n; i++)
        print_message("  %s '%s', %s\n", mend_part_kind_name(c->part[i].kind),
                      node_label(graph_node(p->g, c->part[i].node)),
                      mend_axis_name(c->part[i].axis));
}

static void check_conflict(const struct problem *p, const struct mend_conflict *c, uint64_t seed,
                           struct seen *s)
{
    if (c->n < 1 || !c->minimal || strlen(c->text) < 20) {
        show(p, c, seed);
        fail_msg("not a minimal conflict in words");
    }
    for (int k = -1; k < c->n; k++) {
        enum mend_result want = k < 0 ? MEND_INFEASIBLE : MEND_REPAIRED;
        enum mend_result is = repair_without(p, c, k);
        int brute = brute_force(p, c, k);
        s->brute += brute >= 0;
        if (is != want || (brute >= 0 && brute != (k >= 0))) {
            show(p, c, seed);
            fail_msg("without part %d: %s, brute force %d", k, mend_result_name(is), brute);
        }
    }
    s->conflicts++;
    s->axis[c->part[0].axis]++;
    s->parts += c->n;
    s->length += (int)strlen(c->text);
    s->longest = (int)strlen(c->text) > s->longest ? (int)strlen(c->text) : s->longest;
    for (int i = 0; i < c->n; i++)
        s->kind[c->part[i].kind]++;
    if (getenv("SHOW_CONFLICTS"))
        show(p, c, seed);
}

static void test_claims(void **state)
{
    struct seen s = {0};
    (void)state;
    for (uint64_t seed = first_seed; s.conflicts < n_cases; seed++) {
        static struct problem p;
        struct mend_conflict c;
        struct err err = {0};
        make_problem(&p, seed);
        enum mend_result result = repair(&p, &p.q.opts);
        enum status st = mend_explain(p.g, p.q.in, p.q.out, &p.q.opts, &c, &err);
        if (st != (result == MEND_INFEASIBLE ? ST_OK : ST_NO))
            fail_msg("seed %llu: %s, but %s%s", (unsigned long long)seed, mend_result_name(result),
                     c.text, err.msg);
        if (st == ST_OK)
            check_conflict(&p, &c, seed, &s);
        mend_conflict_done(&c);
        graph_unref(p.g);
    }
    print_message("%d conflicts, %.1f parts on average (channels %d, heights %d, widths %d; "
                  "inputs %d, outputs %d, pins %d, bounds %d, nodes %d), text %d characters, "
                  "at most %d; %d answers of the brute force\n",
                  s.conflicts, (double)s.parts / s.conflicts, s.axis[0], s.axis[1], s.axis[2],
                  s.kind[0], s.kind[1], s.kind[2], s.kind[3], s.kind[4], s.length / s.conflicts,
                  s.longest, s.brute);
    if (n_cases >= 1000)
        for (int i = 0; i < 5; i++)
            assert_true(s.kind[i] > 20 && s.axis[i % 3] > 20);
    assert_true(s.brute > s.parts / 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_claims)};
    if (getenv("AUTOGO_HEAVY"))
        n_cases = 40000;
    if (argc > 1)
        n_cases = atoi(argv[1]);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
