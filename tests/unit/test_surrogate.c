/* What is learnt of true values: against a dense solver, and what a kernel sees of a network. */
#include "base/rng.h"
#include "family/family.h"
#include "search/surrogate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { KNOWN = 24, ASKED = 12, ALL = KNOWN + ASKED, ROUNDS = 2 };

static struct graph *cell(int number)
{
    struct graph *g = NULL;
    struct err err = {0};
    char text[512], *spec = family_nb201_string(number);
    char *reduced = x_asprintf("%s@s", spec);
    if (family_build(reduced, 0, &g, &err) != ST_OK)
        fail_msg("%s", err_text(&err, text, sizeof text));
    free(spec);
    free(reduced);
    return g;
}

struct cells {
    struct graph *g[ALL];
    struct wl wl[ALL];
    double value[ALL];
};

static void cells_init(struct cells *c)
{
    struct rng r = rng_for(1, 1);
    for (int i = 0; i < ALL; i++) {
        c->g[i] = cell(4000 + i * 311);
        wl_init(&c->wl[i], c->g[i], ROUNDS);
        c->value[i] = rng_normal(&r);
    }
}

static void cells_done(struct cells *c)
{
    for (int i = 0; i < ALL; i++) {
        graph_unref(c->g[i]);
        wl_done(&c->wl[i]);
    }
}

static void learn(struct surrogate *s, const struct cells *c, int from, int to)
{
    for (int i = from; i < to; i++) {
        struct surrogate_query q;
        surrogate_query_init(&q, s, c->g[i]);
        surrogate_add(s, &q, c->value[i]);
    }
}

static struct surrogate_guess ask(const struct surrogate *s, const struct graph *g)
{
    struct surrogate_query q;
    surrogate_query_init(&q, s, g);
    struct surrogate_guess out = surrogate_ask(s, &q);
    surrogate_query_done(&q);
    return out;
}

/* ---- against Gauss ---- */

/* x with a x = b, by elimination with pivots. */
static void solve(int n, const double *a, const double *b, double *x)
{
    double m[KNOWN][KNOWN + 1];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            m[i][j] = a[i * n + j];
        m[i][n] = b[i];
    }
    for (int k = 0; k < n; k++) {
        int p = k;
        for (int i = k; i < n; i++)
            p = fabs(m[i][k]) > fabs(m[p][k]) ? i : p;
        for (int j = 0; j <= n; j++) {
            double t = m[k][j];
            m[k][j] = m[p][j];
            m[p][j] = t;
        }
        for (int i = k + 1; i < n; i++)
            for (int j = n; j >= k; j--)
                m[i][j] -= m[i][k] / m[k][k] * m[k][j];
    }
    for (int i = n - 1; i >= 0; i--) {
        x[i] = m[i][n];
        for (int j = i + 1; j < n; j++)
            x[i] -= m[i][j] * x[j];
        x[i] /= m[i][i];
    }
}

static double dot(int n, const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void check_dense(const struct surrogate *s, const struct cells *c, int n, double noise)
{
    double all[KNOWN * KNOWN], k[KNOWN], weight[KNOWN], w[KNOWN];
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            all[i * n + j] = wl_kernel(&c->wl[i], &c->wl[j]) + (i == j ? noise : 0);
    solve(n, all, c->value, weight);
    double scale = sqrt(dot(n, weight, c->value) / n);
    for (int a = KNOWN; a < ALL; a++) {
        for (int i = 0; i < n; i++)
            k[i] = wl_kernel(&c->wl[i], &c->wl[a]);
        solve(n, all, k, w);
        const struct surrogate_guess g = ask(s, c->g[a]);
        assert_float_equal(g.mean, dot(n, weight, k), 1e-6);
        assert_float_equal(g.deviation, scale * sqrt(fmax(1 - dot(n, w, k), 0)), 1e-6);
    }
}

static void test_dense(void **state)
{
    static const double noises[] = {.3, .01};
    struct cells c;
    (void)state;
    cells_init(&c);
    for (int i = 0; i < 2; i++) {
        struct surrogate *s = surrogate_new(
            &(struct surrogate_opts){.rounds = ROUNDS, .noise = noises[i], .residual = true});
        learn(s, &c, 0, 1);
        check_dense(s, &c, 1, noises[i]);
        learn(s, &c, 1, KNOWN);
        assert_int_equal(surrogate_n(s), KNOWN);
        check_dense(s, &c, KNOWN, noises[i]);
        for (int k = 0; k < KNOWN; k++)
            c.value[k] *= 1 + k % 3;
        surrogate_set(s, c.value);
        check_dense(s, &c, KNOWN, noises[i]);
        surrogate_free(s);
    }
    cells_done(&c);
}

/* A query that is asked again after each value says what a fresh one does. */
static void test_asked_again(void **state)
{
    struct cells c;
    struct surrogate_query q;
    (void)state;
    cells_init(&c);
    struct surrogate *s = surrogate_new(&(struct surrogate_opts){.rounds = ROUNDS, .noise = .01});
    surrogate_query_init(&q, s, c.g[KNOWN]);
    for (int i = 0; i < KNOWN; i++) {
        learn(s, &c, i, i + 1);
        const struct surrogate_guess old = surrogate_ask(s, &q), new = ask(s, c.g[KNOWN]);
        assert_true(old.mean == new.mean &&old.deviation == new.deviation);
        assert_false(q.known);
    }
    learn(s, &c, KNOWN, KNOWN + 1);
    surrogate_ask(s, &q);
    assert_true(q.known);
    surrogate_query_done(&q);
    surrogate_free(s);
    cells_done(&c);
}

static void test_interpolates(void **state)
{
    struct cells c;
    (void)state;
    cells_init(&c);
    struct surrogate *s =
        surrogate_new(&(struct surrogate_opts){.rounds = ROUNDS, .residual = true});
    learn(s, &c, 0, KNOWN);
    for (int i = 0; i < KNOWN; i++) {
        const struct surrogate_guess g = ask(s, c.g[i]);
        assert_float_equal(g.mean, c.value[i], 1e-6);
        assert_float_equal(g.deviation, 0, 1e-3);
    }
    assert_true(ask(s, c.g[KNOWN]).deviation > .01);
    surrogate_free(s);
    cells_done(&c);
}

/* The best stay the best, and what is like them is thought better of. */
static void test_bent(void **state)
{
    struct cells c;
    (void)state;
    cells_init(&c);
    struct surrogate *s = surrogate_new(&(struct surrogate_opts){.rounds = ROUNDS, .noise = 1e-6});
    learn(s, &c, 0, KNOWN);
    for (int i = 1; i < KNOWN; i++)
        assert_true((c.value[i] > c.value[0]) == (ask(s, c.g[i]).mean > ask(s, c.g[0]).mean));
    surrogate_free(s);
    cells_done(&c);
}

/* ---- what the kernel sees ---- */

/* The same network with its nodes in opposite order and the terms of sums exchanged. */
static struct graph *turned(const struct graph *g)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct graph *out;
    struct err err = {0};
    int n = graph_n_nodes(g);
    int32_t *at = x_calloc((size_t)graph_n_slots(g), sizeof *at);
    for (int i = 0; i < n; i++)
        at[graph_topo(g)[n - 1 - i]] = i;
    for (int i = 0; i < n; i++) {
        struct node *c = node_clone(graph_node(g, graph_topo(g)[n - 1 - i]));
        for (int k = 0; k < c->n_in; k++)
            if (c->in[k].node >= 0)
                c->in[k].node = at[c->in[k].node];
        if (c->op == OP_ADD) {
            struct node_input t = c->in[0];
            c->in[0] = c->in[1];
            c->in[1] = t;
        }
        assert_int_equal(graph_edit_add(e, c), i);
    }
    free(at);
    assert_int_equal(graph_edit_freeze(e, &out, &err), ST_OK);
    return out;
}

static double likeness(const struct graph *a, const struct graph *b)
{
    struct wl x, y;
    wl_init(&x, a, ROUNDS);
    wl_init(&y, b, ROUNDS);
    double k = wl_kernel(&x, &y);
    wl_done(&x);
    wl_done(&y);
    return k;
}

static void test_order(void **state)
{
    struct cells c;
    (void)state;
    cells_init(&c);
    for (int i = 0; i < ALL; i++) {
        struct graph *t = turned(c.g[i]);
        assert_float_equal(likeness(c.g[i], t), 1, 1e-12);
        graph_unref(t);
    }
    cells_done(&c);
}

static struct graph *built(const char *spec)
{
    struct graph *g = NULL;
    struct err err = {0};
    assert_int_equal(family_build(spec, 0, &g, &err), ST_OK);
    return g;
}

static void test_likeness(void **state)
{
    (void)state;
    struct graph *a = built("nb201:|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|"
                            "nor_conv_3x3~2|@s");
    /* the same two convolutions, elsewhere in the cell */
    struct graph *same = built("nb201:|nor_conv_3x3~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|"
                               "none~2|@s");
    struct graph *near = built("nb201:|nor_conv_3x3~0|+|none~0|none~1|+|none~0|nor_conv_1x1~1|"
                               "none~2|@s");
    struct graph *far = built("nb201:|avg_pool_3x3~0|+|none~0|none~1|+|none~0|avg_pool_3x3~1|"
                              "none~2|@s");
    assert_float_equal(likeness(a, same), 1, 1e-12);
    assert_true(likeness(a, near) < 1);
    assert_true(likeness(a, far) < likeness(a, near));
    graph_unref(a);
    graph_unref(same);
    graph_unref(near);
    graph_unref(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),        cmocka_unit_test(test_asked_again),
        cmocka_unit_test(test_interpolates), cmocka_unit_test(test_bent),
        cmocka_unit_test(test_order),        cmocka_unit_test(test_likeness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
