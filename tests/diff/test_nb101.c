/* The numbered cells of NAS-Bench-101 against a naive enumeration that knows nothing of symmetries,
 * and the networks against the benchmark's published parameter counts and cell identities. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "cost/cost.h"
#include "family/family.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_N = 7, MAX_EDGES = 9, N_OPS = 3, NAIVE_N = 6 };
static const int64_t published_count = 423624;

struct cell {
    int n;
    bool edge[MAX_N][MAX_N];
    int op[MAX_N];
};

typedef VEC(uint64_t) codes;

/* The whole matrix and the operations as one number, vertices renamed. */
static uint64_t cell_code(const struct cell *c, const int *to)
{
    uint64_t code = 0;
    for (int u = 0; u < c->n; u++)
        for (int v = 0; v < c->n; v++)
            code |= (uint64_t)c->edge[u][v] << (to[u] * c->n + to[v]);
    for (int v = 1; v < c->n - 1; v++)
        code |= (uint64_t)c->op[v] << (c->n * c->n + 2 * (to[v] - 1));
    return code;
}

typedef void code_use(uint64_t code, void *arg);

/* Calls `use` for every way to rename the vertices between input and output; to[1 .. v-1] is set.
 */
static void each_order(const struct cell *c, int *to, int v, code_use *use, void *arg)
{
    if (v >= c->n - 1) {
        to[0] = 0;
        to[c->n - 1] = c->n - 1;
        use(cell_code(c, to), arg);
        return;
    }
    for (int name = 1; name < c->n - 1; name++) {
        bool used = false;
        for (int u = 1; u < v; u++)
            used |= to[u] == name;
        if (used)
            continue;
        to[v] = name;
        each_order(c, to, v + 1, use, arg);
    }
}

static void code_least(uint64_t code, void *least)
{
    uint64_t *at = least;
    *at = code < *at ? code : *at;
}

static uint64_t cell_canonical(const struct cell *c)
{
    uint64_t least = UINT64_MAX;
    int to[MAX_N];
    each_order(c, to, 1, code_least, &least);
    return least;
}

/* Reads "n|bits|operations"; the operations are words with commas or single letters. */
static struct cell cell_read(const char *text)
{
    static const char *const word[2][N_OPS] = {{"c3", "c1", "mp"}, {"c", "o", "m"}};
    struct cell c = {.n = text[0] - '0'};
    const char *at = text + 2;
    for (int u = 0; u < c.n; u++)
        for (int v = u + 1; v < c.n; v++)
            c.edge[u][v] = *at++ == '1';
    at++;
    bool letters = c.n > 2 && strlen(at) == (size_t)c.n - 2;
    for (int v = 1; v < c.n - 1; v++) {
        c.op[v] = -1;
        for (int k = 0; k < N_OPS; k++)
            if (str_starts(at, word[letters][k]))
                c.op[v] = k;
        if (c.op[v] < 0)
            fail_msg("%s: unknown operation at '%s'", text, at);
        at += letters ? 1 : 3;
    }
    return c;
}

static struct cell cell_number(int64_t i)
{
    char *spec = family_string("nb101", i);
    assert_non_null(spec);
    assert_true(str_starts(spec, "nb101:"));
    struct cell c = cell_read(spec + strlen("nb101:"));
    free(spec);
    return c;
}

static int code_order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void codes_sort_unique(codes *c)
{
    size_t kept = 0;
    if (c->n)
        qsort(c->at, c->n, sizeof *c->at, code_order);
    for (size_t i = 0; i < c->n; i++)
        if (i == 0 || c->at[i] != c->at[i - 1])
            c->at[kept++] = c->at[i];
    c->n = kept;
}

/* ---- small cells: every matrix with every operation ---- */

static bool reaches(const struct cell *c, int u, int v)
{
    bool found = u == v;
    for (int w = u + 1; w < c->n && !found; w++)
        found = c->edge[u][w] && reaches(c, w, v);
    return found;
}

static bool is_whole(const struct cell *c)
{
    int edges = 0;
    for (int u = 0; u < c->n; u++) {
        for (int v = 0; v < c->n; v++)
            edges += c->edge[u][v];
        if (!reaches(c, 0, u) || !reaches(c, u, c->n - 1))
            return false;
    }
    return edges <= MAX_EDGES;
}

static void naive_cells(int n, codes *out)
{
    int pairs = n * (n - 1) / 2;
    for (uint32_t bits = 0; bits < (uint32_t)1 << pairs; bits++) {
        struct cell c = {.n = n};
        int digit = 0;
        for (int u = 0; u < n; u++)
            for (int v = u + 1; v < n; v++)
                c.edge[u][v] = bits >> digit++ & 1;
        if (!is_whole(&c))
            continue;
        for (bool more = true; more;) {
            vec_push(out, cell_canonical(&c));
            more = false;
            for (int v = 1; v < n - 1 && !more; v++) {
                c.op[v] = (c.op[v] + 1) % N_OPS;
                more = c.op[v] != 0;
            }
        }
    }
    codes_sort_unique(out);
}

static void test_small_cells(void **state)
{
    int64_t at = 0;
    (void)state;
    for (int n = 2; n <= NAIVE_N; n++) {
        codes naive = {0}, ours = {0};
        int64_t start = at;
        naive_cells(n, &naive);
        for (;; at++) {
            struct cell c = cell_number(at);
            if (c.n != n)
                break;
            vec_push(&ours, cell_canonical(&c));
        }
        codes_sort_unique(&ours);
        assert_int_equal(at - start, naive.n);
        assert_int_equal(ours.n, naive.n);
        assert_memory_equal(ours.at, naive.at, naive.n * sizeof *naive.at);
        vec_done(&naive);
        vec_done(&ours);
    }
}

/* ---- the benchmark's cells ---- */

/* Every cell in the order of its vertices, sorted. */
static codes all_codes;

static int all_codes_make(void **state)
{
    (void)state;
    for (int64_t i = 0; i < family_count("nb101"); i++) {
        struct cell c = cell_number(i);
        /* the number of vertices keeps cells of different sizes apart */
        vec_push(&all_codes, cell_code(&c, (int[]){0, 1, 2, 3, 4, 5, 6}) | (uint64_t)c.n << 60);
    }
    codes_sort_unique(&all_codes);
    return 0;
}

static int all_codes_free(void **state)
{
    (void)state;
    vec_done(&all_codes);
    return 0;
}

static void test_count(void **state)
{
    (void)state;
    assert_int_equal(family_count("nb101"), published_count);
    assert_int_equal(family_count("nb101@s"), published_count);
    assert_int_equal(all_codes.n, published_count);
}

struct found {
    uint64_t n; /* of vertices */
    codes codes;
};

static void code_find(uint64_t code, void *arg)
{
    struct found *f = arg;
    code |= f->n << 60;
    if (bsearch(&code, all_codes.at, all_codes.n, sizeof code, code_order))
        vec_push(&f->codes, code);
}

/* The one cell of the enumeration that differs in the order of the vertices only. */
static uint64_t cell_find(const struct cell *c, const char *text)
{
    struct found f = {.n = (uint64_t)c->n};
    int to[MAX_N];
    each_order(c, to, 1, code_find, &f);
    codes_sort_unique(&f.codes);
    if (f.codes.n != 1)
        fail_msg("%s is %zu cells", text, f.codes.n);
    uint64_t code = f.codes.at[0];
    vec_done(&f.codes);
    return code;
}

static void check_params(const struct cell *c, const char *text, int64_t params)
{
    static const char *const op[N_OPS] = {"c3", "c1", "mp"};
    struct str spec = {0};
    struct graph *g;
    struct err err = {0};
    struct cost cost;
    str_addf(&spec, "nb101:%.*s|", (int)strcspn(text + 2, "|") + 2, text);
    for (int v = 1; v < c->n - 1; v++)
        str_addf(&spec, "%s%s", v > 1 ? "," : "", op[c->op[v]]);
    if (family_build(str_text(&spec), 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", str_text(&spec), err.msg);
    cost_graph(g, &cost);
    if (cost.params != params || cost.incomplete)
        fail_msg("%s: %lld parameters, the benchmark has %lld", str_text(&spec),
                 (long long)cost.params, (long long)params);
    graph_unref(g);
    str_done(&spec);
}

static const struct table {
    const char *file;
    int rows;
} tables[] = {{"nb101_energy", 3790}, {"nb101_ec", 1001}, {"nb101_small", 91}};
enum { N_TABLES = sizeof tables / sizeof *tables };

static char *table_path(const struct table *t)
{
    const char *shared = getenv("AUTOGO_SHARED");
    return x_asprintf("%s/data/%s.csv.gz", shared ? shared : SRCDIR "/../shared", t->file);
}

/* Rows begin with cell, the benchmark's hash of the cell, parameters. */
static void check_table(const struct table *t, struct strmap *cell_of_hash, codes *cells)
{
    char *path = table_path(t), line[512];
    int n = 0;
    assert_int_equal(setenv("NB101_TABLE", path, 1), 0);
    FILE *f = popen("gzip -dc \"$NB101_TABLE\"", "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_true(str_starts(line, "arch,nb101_hash,params,"));
    for (; fgets(line, sizeof line, f); n++) {
        char *rest = line, *arch = strsep(&rest, ","), *hash = strsep(&rest, ",");
        int64_t params;
        assert_non_null(rest);
        assert_true(str_to_i64(strsep(&rest, ","), 1, INT64_MAX, &params));
        struct cell c = cell_read(arch);
        uint64_t code = cell_find(&c, arch);
        if (*strmap_put(cell_of_hash, hash, (int64_t)code) != (int64_t)code)
            fail_msg("%s: two cells have the hash %s", arch, hash);
        vec_push(cells, code);
        check_params(&c, arch, params);
    }
    assert_int_equal(pclose(f), 0);
    assert_int_equal(n, t->rows);
    free(path);
}

/* Equal hashes must be the same cell of the enumeration, different hashes different cells. */
static void test_published(void **state)
{
    struct strmap cell_of_hash = {0};
    codes cells = {0};
    (void)state;
    for (int i = 0; i < N_TABLES; i++) {
        char *path = table_path(&tables[i]);
        bool here = access(path, R_OK) == 0;
        if (!here)
            print_message("skipped: %s is not here\n", path);
        free(path);
        if (!here)
            skip();
    }
    for (int i = 0; i < N_TABLES; i++)
        check_table(&tables[i], &cell_of_hash, &cells);
    codes_sort_unique(&cells);
    assert_int_equal(cells.n, cell_of_hash.n);
    strmap_done(&cell_of_hash);
    vec_done(&cells);
}

/* ---- samples ---- */

static void test_samples_differ(void **state)
{
    enum { SAMPLES = 2000 };
    codes hashes = {0};
    (void)state;
    for (int i = 0; i < SAMPLES; i++) {
        char *spec = family_sample("nb101@s", 11, i);
        struct graph *g;
        assert_int_equal(family_build(spec, 1, &g, NULL), ST_OK);
        vec_push(&hashes, graph_hash(g));
        graph_unref(g);
        free(spec);
    }
    codes_sort_unique(&hashes);
    assert_int_equal(hashes.n, SAMPLES);
    vec_done(&hashes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_small_cells),
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_samples_differ),
    };
    return cmocka_run_group_tests(tests, all_codes_make, all_codes_free);
}
