/* The cells of NAS-Bench-101, numbered: patterns of edges up to the order of the vertices between
 * input and output, and for each of them the ways to put operations on its vertices, up to the
 * pattern's own symmetries. A pattern stands in the order that gives the smallest bits. */
#include "base/mem.h"
#include "family/family_priv.h"
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_N = NB101_VERTICES, MAX_ORDERS = 120, MAX_PATTERNS = 4096 };

struct pattern {
    uint32_t bits; /* the upper triangle row by row, its first digit is the highest bit */
    int n;
    uint64_t first; /* number of its first cell */
};

static struct {
    struct pattern pattern[MAX_PATTERNS];
    int n;
    uint64_t cells;
} table;

/* Where a vertex comes to stand; input and output stay. */
struct order {
    int to[MAX_N];
};

/* The next order in lexicographic order of the inner vertices; false after the last. */
static bool order_next(struct order *o, int n)
{
    int *v = o->to + 1, last = n - 3, i = last - 1, k = last;
    while (i >= 0 && v[i] > v[i + 1])
        i--;
    if (i < 0)
        return false;
    while (v[k] < v[i])
        k--;
    int t = v[i];
    v[i] = v[k];
    v[k] = t;
    for (int a = i + 1, b = last; a < b; a++, b--) {
        t = v[a];
        v[a] = v[b];
        v[b] = t;
    }
    return true;
}

static struct order order_first(int n)
{
    struct order o;
    for (int v = 0; v < n; v++)
        o.to[v] = v;
    return o;
}

static uint32_t edge_bit(int n, int u, int v)
{
    int before = u * (2 * n - u - 1) / 2 + v - u - 1;
    return (uint32_t)1 << (n * (n - 1) / 2 - 1 - before);
}

/* False where an edge would lead backwards. */
static bool reordered(uint32_t bits, int n, const struct order *o, uint32_t *out)
{
    *out = 0;
    for (int u = 0; u < n; u++) {
        for (int v = u + 1; v < n; v++) {
            if (!(bits & edge_bit(n, u, v)))
                continue;
            if (o->to[u] > o->to[v])
                return false;
            *out |= edge_bit(n, o->to[u], o->to[v]);
        }
    }
    return true;
}

/* ---- the table ---- */

/* Labelings that an order of the vertices leaves as they are: one free choice a cycle. */
static uint64_t labelings_fixed(const struct order *o, int n)
{
    uint64_t count = 1;
    bool seen[MAX_N] = {false};
    for (int start = 1; start < n - 1; start++) {
        count *= seen[start] ? 1 : NB101_OPS;
        for (int v = start; !seen[v]; v = o->to[v])
            seen[v] = true;
    }
    return count;
}

/* Marks all orders of a pattern as seen. The number of its cells is the mean of the labelings fixed
 * over its symmetries (Burnside's lemma). */
static void pattern_add(uint32_t bits, int n, uint8_t *seen)
{
    uint64_t fixed = 0, symmetries = 0;
    struct order o = order_first(n);
    do {
        uint32_t other;
        if (!reordered(bits, n, &o, &other))
            continue;
        seen[other / 8] |= (uint8_t)(1U << other % 8);
        if (other == bits) {
            fixed += labelings_fixed(&o, n);
            symmetries++;
        }
    } while (order_next(&o, n));
    assert(table.n < MAX_PATTERNS);
    table.pattern[table.n++] = (struct pattern){bits, n, table.cells};
    table.cells += fixed / symmetries;
}

static int bit_count(uint32_t bits)
{
    int n = 0;
    for (; bits; bits &= bits - 1)
        n++;
    return n;
}

/* Edges only lead forwards, so a vertex lies on a path from input to output when something enters
 * and something leaves it, and all others do. */
static bool all_on_paths(uint32_t bits, const uint32_t *enter, const uint32_t *leave, int n)
{
    for (int v = 0; v < n - 1; v++)
        if (!(bits & leave[v]) || !(bits & enter[v + 1]))
            return false;
    return true;
}

static void patterns_add(int n)
{
    uint32_t enter[MAX_N] = {0}, leave[MAX_N] = {0}, end = (uint32_t)1 << n * (n - 1) / 2;
    uint8_t *seen = x_calloc(end / 8 + 1, 1);
    for (int u = 0; u < n; u++) {
        for (int v = u + 1; v < n; v++) {
            leave[u] |= edge_bit(n, u, v);
            enter[v] |= edge_bit(n, u, v);
        }
    }
    for (uint32_t bits = 0; bits < end; bits++)
        if (!(seen[bits / 8] >> bits % 8 & 1) && bit_count(bits) <= NB101_EDGES &&
            all_on_paths(bits, enter, leave, n))
            pattern_add(bits, n, seen);
    free(seen);
}

static void table_fill(void)
{
    for (int n = 2; n <= MAX_N; n++)
        patterns_add(n);
}

static void table_need(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, table_fill);
}

uint64_t nb101_count(void)
{
    table_need();
    return table.cells;
}

/* ---- one cell ---- */

static bool is_symmetry(uint32_t bits, int n, const struct order *o)
{
    for (int u = 0; u < n; u++)
        for (int v = u + 1; v < n; v++)
            if (bits & edge_bit(n, u, v) &&
                (o->to[u] > o->to[v] || !(bits & edge_bit(n, o->to[u], o->to[v]))))
                return false;
    return true;
}

static int symmetries_list(const struct pattern *p, struct order *out)
{
    int count = 0;
    struct order o = order_first(p->n);
    do {
        if (is_symmetry(p->bits, p->n, &o))
            out[count++] = o;
    } while (order_next(&o, p->n));
    return count;
}

/* Of the labelings that the symmetries turn into each other, the cell is numbered by the least. */
static bool labeling_least(const int *op, int n, const struct order *symmetry, int count)
{
    for (int k = 0; k < count; k++) {
        int v = 1;
        while (v < n - 1 && op[symmetry[k].to[v]] == op[v])
            v++;
        if (v < n - 1 && op[symmetry[k].to[v]] < op[v])
            return false;
    }
    return true;
}

static void labeling_next(int *op, int n)
{
    for (int v = n - 2; v > 0; v--) {
        op[v] = (op[v] + 1) % NB101_OPS;
        if (op[v])
            return;
    }
}

void nb101_text(struct str *text, uint64_t i)
{
    struct order symmetry[MAX_ORDERS];
    int lo = 0, hi, op[MAX_N] = {0};
    table_need();
    for (hi = table.n; hi - lo > 1;) {
        int mid = (lo + hi) / 2;
        *(table.pattern[mid].first <= i ? &lo : &hi) = mid;
    }
    const struct pattern *p = &table.pattern[lo];
    int count = symmetries_list(p, symmetry);
    for (uint64_t left = i - p->first;; labeling_next(op, p->n))
        if (labeling_least(op, p->n, symmetry, count) && left-- == 0)
            break;
    str_addf(text, "%d|", p->n);
    for (int digit = p->n * (p->n - 1) / 2; digit-- > 0;)
        str_add_char(text, p->bits >> digit & 1 ? '1' : '0');
    str_add_char(text, '|');
    for (int v = 1; v < p->n - 1; v++)
        str_addf(text, "%s%s", v > 1 ? "," : "", nb101_op_name[op[v]]);
}
