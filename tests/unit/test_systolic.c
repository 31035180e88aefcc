/* The systolic array: formulas against a simulator that moves data through the array one cycle at a
 * time, and a published figure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "cost/systolic.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 8, MOST = 20, LAYERS = 200 };

/* ---- the simulator ---- */

/* Registers of one array: what each element holds, and what travels right and down. */
struct array {
    int rows, columns;
    double held[SIDE][SIDE], right[SIDE][SIDE], down[SIDE][SIDE];
    int64_t cycle;
};

struct product {
    int m, n, k; /* pixels, filters, window */
    double a[MOST][MOST], b[MOST][MOST], c[MOST][MOST];
};

static double a_at(const struct product *p, int i, int k)
{
    return i >= 0 && i < p->m && k >= 0 && k < p->k ? p->a[i][k] : 0;
}

static double b_at(const struct product *p, int k, int j)
{
    return k >= 0 && k < p->k && j >= 0 && j < p->n ? p->b[k][j] : 0;
}

/* One fold with a stationary operand: it is pushed down from the top, a row a cycle; then the other
 * one enters from the left, each row a cycle after the one above it, and sums move down and leave
 * at the bottom. held(r, c), stream(t, r) and out(t, c) say what these are. */
static void fold_stationary(struct array *s, struct product *p, int row0, int column0, int stream,
                            bool inputs_stay)
{
    memset(s->held, 0, sizeof s->held);
    for (int r = s->rows; r-- > 0; s->cycle++)
        for (int c = 0; c < s->columns; c++) {
            for (int k = s->rows - 1; k > 0; k--)
                s->held[k][c] = s->held[k - 1][c];
            s->held[0][c] =
                inputs_stay ? a_at(p, column0 + c, row0 + r) : b_at(p, row0 + r, column0 + c);
        }
    memset(s->right, 0, sizeof s->right);
    memset(s->down, 0, sizeof s->down);
    int left = stream * s->columns;
    for (int t = 0; left > 0; t++, s->cycle++) {
        double right[SIDE][SIDE], down[SIDE][SIDE];
        for (int r = 0; r < s->rows; r++)
            for (int c = 0; c < s->columns; c++) {
                int at = t - r; /* what enters row r now */
                double in = c ? s->right[r][c - 1]
                            : at >= 0 && at < stream
                                ? (inputs_stay ? b_at(p, row0 + r, at) : a_at(p, at, row0 + r))
                                : 0;
                right[r][c] = in;
                down[r][c] = (r ? s->down[r - 1][c] : 0) + in * s->held[r][c];
            }
        memcpy(s->right, right, sizeof right);
        memcpy(s->down, down, sizeof down);
        for (int c = 0; c < s->columns; c++) {
            int at = t - (s->rows - 1) - c; /* which one leaves column c now */
            if (at < 0 || at >= stream)
                continue;
            int i = inputs_stay ? column0 + c : at, j = inputs_stay ? at : column0 + c;
            if (i < p->m && j < p->n)
                p->c[i][j] += s->down[s->rows - 1][c];
            left--;
        }
    }
}

/* One fold with stationary sums: both operands stream, then the sums are pushed out downwards. */
static void fold_outputs(struct array *s, struct product *p, int row0, int column0)
{
    memset(s->held, 0, sizeof s->held);
    memset(s->right, 0, sizeof s->right);
    memset(s->down, 0, sizeof s->down);
    int last = p->k - 1 + s->rows - 1 + s->columns - 1; /* the last product, in the far corner */
    for (int t = 0; t <= last; t++, s->cycle++) {
        double right[SIDE][SIDE], down[SIDE][SIDE];
        for (int r = 0; r < s->rows; r++)
            for (int c = 0; c < s->columns; c++) {
                right[r][c] = c ? s->right[r][c - 1] : a_at(p, row0 + r, t - r);
                down[r][c] = r ? s->down[r - 1][c] : b_at(p, t - c, column0 + c);
                s->held[r][c] += right[r][c] * down[r][c];
            }
        memcpy(s->right, right, sizeof right);
        memcpy(s->down, down, sizeof down);
    }
    for (int r = s->rows; r-- > 0; s->cycle++) /* a row leaves at the bottom in each cycle */
        for (int c = 0; c < s->columns; c++)
            if (row0 + r < p->m && column0 + c < p->n)
                p->c[row0 + r][column0 + c] += s->held[r][c];
}

static int64_t simulate(struct product *p, int rows, int columns, enum systolic_dataflow d)
{
    struct array s = {.rows = rows, .columns = columns};
    int along_rows = d == SYSTOLIC_OS ? p->m : p->k, along_columns = d == SYSTOLIC_IS ? p->m : p->n;
    memset(p->c, 0, sizeof p->c);
    for (int r = 0; r < along_rows; r += rows)
        for (int c = 0; c < along_columns; c += columns)
            if (d == SYSTOLIC_OS)
                fold_outputs(&s, p, r, c);
            else
                fold_stationary(&s, p, r, c, d == SYSTOLIC_WS ? p->m : p->n, d == SYSTOLIC_IS);
    return s.cycle;
}

/* ---- tests ---- */

static void test_simulator(void **state)
{
    struct rng r = rng_for(7, 0);
    static struct product p;
    (void)state;
    for (int layer = 0; layer < LAYERS; layer++) {
        p.m = 1 + (int)rng_below(&r, MOST);
        p.n = 1 + (int)rng_below(&r, MOST);
        p.k = 1 + (int)rng_below(&r, MOST);
        int rows = 1 + (int)rng_below(&r, SIDE), columns = 1 + (int)rng_below(&r, SIDE);
        for (int i = 0; i < MOST; i++)
            for (int k = 0; k < MOST; k++) {
                p.a[i][k] = (double)rng_below(&r, 9) - 4;
                p.b[i][k] = (double)rng_below(&r, 9) - 4;
            }
        for (int d = 0; d < SYSTOLIC_DATAFLOWS; d++) {
            int64_t cycles = simulate(&p, rows, columns, (enum systolic_dataflow)d);
            struct systolic_cost c = systolic_run(rows, columns, (enum systolic_dataflow)d,
                                                  (struct systolic_work){p.m, p.n, p.k});
            if (c.cycles != cycles - 1) /* cycles are numbered from 0 */
                fail_msg("%s %dx%d, %d %d %d: %lld, simulated %lld",
                         systolic_dataflow_name((enum systolic_dataflow)d), rows, columns, p.m, p.n,
                         p.k, (long long)c.cycles, (long long)cycles - 1);
            for (int i = 0; i < p.m; i++)
                for (int j = 0; j < p.n; j++) {
                    double want = 0;
                    for (int k = 0; k < p.k; k++)
                        want += p.a[i][k] * p.b[k][j];
                    if (want != p.c[i][j])
                        fail_msg("the simulator computes something else");
                }
        }
    }
}

/* AlexNet's first convolution, 224x224x3, 11x11, stride 4, 96 filters, 55x55 outputs. */
static void test_alexnet(void **state)
{
    struct systolic_cost c =
        systolic_run(32, 32, SYSTOLIC_WS, (struct systolic_work){55 * 55, 96, 11 * 11 * 3});
    (void)state;
    assert_int_equal(c.folds, 36);
    assert_int_equal(c.cycles, 112283);
}

static void test_traffic(void **state)
{
    struct systolic_work w = {10, 6, 9};
    (void)state;
    struct systolic_cost os = systolic_run(4, 4, SYSTOLIC_OS, w);
    assert_int_equal(os.input_reads, 10 * 9 * 2); /* two folds of filters */
    assert_int_equal(os.weight_reads, 9 * 6 * 3); /* three of pixels */
    assert_int_equal(os.output_writes, 60);
    assert_int_equal(os.output_reads, 0);
    struct systolic_cost ws = systolic_run(4, 4, SYSTOLIC_WS, w);
    assert_int_equal(ws.weight_reads, 54);
    assert_int_equal(ws.input_reads, 90 * 2);
    assert_int_equal(ws.output_writes, 60 * 3); /* three folds of the window */
    assert_int_equal(ws.output_reads, 60 * 2);
    struct systolic_cost is = systolic_run(4, 4, SYSTOLIC_IS, w);
    assert_int_equal(is.input_reads, 90);
    assert_int_equal(is.weight_reads, 54 * 3);
    /* far beyond what can be counted: no overflow */
    struct systolic_work huge = {INT64_MAX / 2, INT64_MAX / 2, INT64_MAX / 2};
    assert_true(systolic_run(2, 2, SYSTOLIC_OS, huge).cycles >= INT64_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simulator),
        cmocka_unit_test(test_alexnet),
        cmocka_unit_test(test_traffic),
    };
    return cmocka_run_group_tests_name("systolic", tests, NULL, NULL);
}
