/* NAS-Bench-101 (Ying et al. 2019): a cell is a small directed acyclic graph whose first vertex is
 * the input and whose last is the output. */
#include "family/family_priv.h"
#include <string.h>

enum { MAX_VERTICES = NB101_VERTICES, MAX_EDGES = NB101_EDGES, STACKS = 3 };

enum vertex_op { C3, C1, MP };
const char *const nb101_op_name[NB101_OPS] = {"c3", "c1", "mp"};

struct cell {
    int n;
    bool edge[MAX_VERTICES][MAX_VERTICES]; /* [from][to], from < to */
    int op[MAX_VERTICES];
};

/* Drops the vertices that lie on no path from input to output; false when there is no path. */
static bool cell_prune(struct cell *cell)
{
    bool from_input[MAX_VERTICES] = {true}, to_output[MAX_VERTICES] = {false};
    int map[MAX_VERTICES], n = 0;
    struct cell kept = {0};
    to_output[cell->n - 1] = true;
    for (int v = 1; v < cell->n; v++)
        for (int u = 0; u < v; u++)
            from_input[v] |= from_input[u] && cell->edge[u][v];
    for (int u = cell->n - 2; u >= 0; u--)
        for (int v = u + 1; v < cell->n; v++)
            to_output[u] |= to_output[v] && cell->edge[u][v];
    if (!to_output[0])
        return false;
    for (int v = 0; v < cell->n; v++)
        if (from_input[v] && to_output[v])
            map[n++] = v;
    kept.n = n;
    for (int v = 0; v < n; v++) {
        kept.op[v] = cell->op[map[v]];
        for (int u = 0; u < v; u++)
            kept.edge[u][v] = cell->edge[map[u]][map[v]];
    }
    *cell = kept;
    return true;
}

static int cell_edges(const struct cell *cell)
{
    int n = 0;
    for (int v = 1; v < cell->n; v++)
        for (int u = 0; u < v; u++)
            n += cell->edge[u][v];
    return n;
}

/* ---- text ---- */

static enum status cell_scan(struct scan *s, struct cell *cell)
{
    memset(cell, 0, sizeof *cell);
    TRY(scan_int(s, "number of vertices", 2, MAX_VERTICES, &cell->n));
    TRY(scan_need(s, '|'));
    size_t bits = s->at;
    for (int u = 0; u < cell->n; u++) {
        for (int v = u + 1; v < cell->n; v++) {
            if (scan_take(s, '1'))
                cell->edge[u][v] = true;
            else if (!scan_take(s, '0'))
                return scan_fail(s, s->at, "0 or 1 expected, %d vertices have %d of them", cell->n,
                                 cell->n * (cell->n - 1) / 2);
        }
    }
    TRY(scan_need(s, '|'));
    for (int v = 1; v < cell->n - 1; v++) {
        if (v > 1)
            TRY(scan_need(s, ','));
        TRY(scan_word(s, "operation", nb101_op_name, NB101_OPS, &cell->op[v]));
    }
    TRY(scan_finish(s));
    if (!cell_prune(cell))
        return scan_fail(s, bits, "no path leads from the input to the output");
    if (cell_edges(cell) > MAX_EDGES)
        return scan_fail(s, bits, "%d edges lie between input and output, at most %d are allowed",
                         cell_edges(cell), MAX_EDGES);
    return ST_OK;
}

/* ---- network ---- */

/* Vertices that feed the output share its channels, the remainder going to the first; the others
 * are as wide as their widest successor. */
static void widths_assign(const struct cell *cell, int64_t c, int64_t width[MAX_VERTICES])
{
    int last = cell->n - 1, feeding = 0, index = 0;
    for (int v = 1; v < last; v++)
        feeding += cell->edge[v][last];
    for (int v = 1; v < last; v++) {
        width[v] = 0;
        if (cell->edge[v][last]) {
            width[v] = c / feeding + (index < c % feeding);
            index++;
        }
    }
    for (int u = last - 1; u > 0; u--)
        for (int v = u + 1; v < last && !cell->edge[u][last]; v++)
            if (cell->edge[u][v] && width[v] > width[u])
                width[u] = width[v];
}

static struct tap project(struct builder *b, struct tap x, int64_t c)
{
    return build_unit(b, x, (struct conv_spec){.cout = c, .kh = 1}, ACT_RELU);
}

static struct tap vertex_build(struct builder *b, struct tap x, int op, int64_t c)
{
    if (op == MP)
        return build_pool(b, x, OP_MAXPOOL, NULL, 3, 1);
    return build_unit(b, x, (struct conv_spec){.cout = c, .kh = op == C1 ? 1 : 3}, ACT_RELU);
}

static struct tap cell_build(struct builder *b, struct tap x, const struct cell *cell, int64_t c)
{
    int last = cell->n - 1, n;
    int64_t width[MAX_VERTICES];
    struct tap at[MAX_VERTICES], in[MAX_VERTICES];
    widths_assign(cell, c, width);
    for (int v = 1; v < last; v++) {
        n = 0;
        /* A predecessor may be one channel wider than the vertex: the surplus is cut off. */
        for (int u = 1; u < v; u++)
            if (cell->edge[u][v])
                in[n++] = build_cut(b, at[u], NULL, width[v]);
        if (cell->edge[0][v])
            in[n++] = project(b, x, width[v]);
        at[v] = vertex_build(b, build_sum(b, in, n, NULL), cell->op[v], width[v]);
    }
    n = 0;
    for (int v = 1; v < last; v++)
        if (cell->edge[v][last])
            in[n++] = at[v];
    if (n == 0)
        return project(b, x, c);
    struct tap y = build_concat(b, in, n, NULL);
    return cell->edge[0][last] ? build_add(b, y, project(b, x, c), NULL) : y;
}

enum status nb101_generate(struct scan *s, bool reduced, uint64_t seed, struct graph **out)
{
    struct cell cell;
    struct builder b;
    int64_t c = reduced ? 16 : 128;
    TRY(cell_scan(s, &cell));
    build_init(&b, s->text, seed, BUILD_TF_SAME);
    b.bn_momentum = 0.997F;
    struct tap x = build_input(&b, reduced ? 1 : 3, 32, 32);
    build_scope(&b, "stem");
    x = build_unit(&b, x, (struct conv_spec){.cout = c, .kh = 3, .sh = reduced ? 2 : 1}, ACT_RELU);
    for (int i = 0; i < STACKS; i++) {
        if (i) {
            build_scope(&b, "down%d", i);
            x = build_halve(&b, x, "maxpool");
        }
        for (int j = 0; j < (reduced ? 2 : 3); j++) {
            build_scope(&b, "stack%d.cell%d", i, j);
            x = cell_build(&b, x, &cell, c << i);
        }
    }
    build_head(&b, x, false, 10);
    return build_finish(&b, out, s->err);
}
