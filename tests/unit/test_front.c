/* Fronts against their definitions: domination by pairs, volume by counting cells of a grid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "search/front.h"

#include <math.h>
#include <string.h>

enum { N = 24, GRID = 6 };

/* Numbers on a grid, so that ties are frequent. */
static void fill(double *v, int m, uint64_t seed)
{
    struct rng r = rng_for(seed, 0);
    for (int i = 0; i < N * m; i++)
        v[i] = (double)rng_below(&r, GRID);
}

static void test_dominates(void **state)
{
    (void)state;
    const double a[] = {1, 2}, b[] = {1, 3}, c[] = {0, 4};
    assert_true(front_dominates(a, b, 2));
    assert_false(front_dominates(b, a, 2));
    assert_false(front_dominates(a, a, 2));
    assert_false(front_dominates(a, c, 2) || front_dominates(c, a, 2));
}

/* Each rank holds exactly the points that only points of lower ranks dominate. */
static void test_rank(void **state)
{
    (void)state;
    double v[N * FRONT_GOALS];
    int rank[N];
    for (uint64_t seed = 0; seed < 40; seed++) {
        int m = 1 + (int)(seed % FRONT_GOALS);
        fill(v, m, seed);
        front_rank(v, N, m, rank);
        for (int i = 0; i < N; i++) {
            int highest = -1;
            for (int j = 0; j < N; j++)
                if (front_dominates(v + j * m, v + i * m, m))
                    highest = rank[j] > highest ? rank[j] : highest;
            assert_int_equal(rank[i], highest + 1);
        }
    }
}

static void test_crowding(void **state)
{
    (void)state;
    const double v[] = {0, 4, 1, 2, 2, 1, 4, 0};
    const int at[] = {0, 1, 2, 3};
    double d[4];
    front_crowding(v, 2, at, 4, d);
    assert_true(isinf(d[0]) && isinf(d[3]));
    assert_true(fabs(d[1] - (2. / 4 + 3. / 4)) < 1e-12);
    assert_true(fabs(d[2] - (3. / 4 + 2. / 4)) < 1e-12);
}

/* The dominated cells of a grid of unit cells, one by one. */
static double count_cells(const double *v, int m)
{
    int cells = 1, count = 0;
    for (int k = 0; k < m; k++)
        cells *= GRID;
    for (int c = 0; c < cells; c++) {
        bool covered = false;
        for (int i = 0; i < N && !covered; i++) {
            covered = true;
            for (int k = 0, rest = c; k < m; k++, rest /= GRID)
                covered &= v[i * m + k] <= rest % GRID;
        }
        count += covered;
    }
    return count;
}

static void test_volume(void **state)
{
    (void)state;
    double v[N * FRONT_GOALS];
    const double ref[] = {GRID, GRID, GRID, GRID}, tight[] = {1, 1, 1, 1};
    for (uint64_t seed = 0; seed < 40; seed++) {
        int m = 1 + (int)(seed % FRONT_GOALS);
        fill(v, m, seed);
        assert_true(fabs(front_volume(v, N, m, ref) - count_cells(v, m)) < 1e-9);
    }
    const double out[] = {2, 0};
    assert_true(front_volume(out, 1, 2, tight) == 0);
    assert_true(front_volume(out, 0, 2, ref) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dominates),
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_crowding),
        cmocka_unit_test(test_volume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
