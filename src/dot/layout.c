/* From a Graphviz layout to terminal cells.
 *
 * Graphviz decides what is hard: ranks, the order in a rank, and the column of every node and of
 * every edge in the ranks it passes. Rows are ours: a rank is one row, and between two ranks there
 * are as many rows as the horizontal runs of edges need to stay apart (channel routing with
 * tracks). Boxes have an odd width, so that the centre of a straight chain is one column whatever
 * the labels. */
#include "dot/dot_priv.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 8, ROW = 16, GAP_CELLS = 2, MAX_TRACKS = 6, MAX_JOGS = 400, MAX_GRID = 8 << 20 };
#define LIMIT_S 10.0

/* One edge while it is routed: columns at the ranks first .. first + n - 1. */
struct route {
    int from, to; /* box numbers */
    int first, n;
    int *col;
};

/* The horizontal run of an edge between two ranks. */
struct jog {
    int route, from_col, to_col, track;
    int tail, head; /* box when the edge starts / ends at this gap, else -1 */
};

/* ---- splines ---- */

static void bezier_at(const double *p, double t, double *x, double *y)
{
    double u = 1 - t, b0 = u * u * u, b1 = 3 * u * u * t, b2 = 3 * u * t * t, b3 = t * t * t;
    *x = b0 * p[0] + b1 * p[2] + b2 * p[4] + b3 * p[6];
    *y = b0 * p[1] + b1 * p[3] + b2 * p[5] + b3 * p[7];
}

/* x of the curve at height y; the curve falls or rises monotonically, as dot's do. */
static double spline_x(const double *p, int n_points, double y, double fallback)
{
    double best = fallback, nearest = HUGE_VAL;
    for (int k = 0; k + 3 < n_points; k += 3) {
        const double *q = p + 2 * k;
        double top = fmax(q[1], q[7]), bottom = fmin(q[1], q[7]);
        double off = y > top ? y - top : y < bottom ? bottom - y : 0;
        if (off >= nearest)
            continue;
        nearest = off;
        double lo = 0, hi = 1, x = q[0], at;
        bool falls = q[7] < q[1];
        for (int i = 0; i < 24; i++) {
            double mid = (lo + hi) / 2;
            bezier_at(q, mid, &x, &at);
            if ((at > y) == falls)
                lo = mid;
            else
                hi = mid;
        }
        best = x;
    }
    return best;
}

static int cell_of(double x)
{
    return (int)floor(x / CELL);
}

/* ---- ranks ---- */

static int descending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* The distinct heights, top first. */
static int find_ranks(const double *node, int n, double *level)
{
    double *ys = x_malloc(((size_t)n + 1) * sizeof *ys);
    for (int i = 0; i < n; i++)
        ys[i] = node[2 * i + 1];
    qsort(ys, (size_t)n, sizeof *ys, descending);
    int m = 0;
    for (int i = 0; i < n; i++)
        if (m == 0 || level[m - 1] - ys[i] > ROW / 2.0)
            level[m++] = ys[i];
    free(ys);
    return m;
}

static int rank_of(const double *level, int m, double y)
{
    int lo = 0, hi = m - 1;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (level[mid] - y > ROW / 2.0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- tracks between two ranks ---- */

static int min_col(const struct jog *j)
{
    return j->from_col < j->to_col ? j->from_col : j->to_col;
}

static int max_col(const struct jog *j)
{
    return j->from_col > j->to_col ? j->from_col : j->to_col;
}

/* Edges of one node may share their run: they read as a tree. */
static bool may_share(const struct jog *a, const struct jog *b)
{
    return (a->tail >= 0 && a->tail == b->tail) || (a->head >= 0 && a->head == b->head);
}

/* True when `b` must lie on a later track than it does, because of `a`. */
static bool must_sink(const struct jog *a, const struct jog *b)
{
    if (may_share(a, b))
        return false;
    /* a leaves downwards from the column that b arrives in: a's run must come first. */
    if (a->from_col == b->to_col)
        return b->track <= a->track;
    if (b->from_col == a->to_col)
        return false;
    return a->track == b->track && min_col(a) <= max_col(b) && min_col(b) <= max_col(a);
}

/* Gives every jog its track; returns the number of rows the gap needs. */
static int assign_tracks(struct jog *jog, int n)
{
    if (n > MAX_JOGS)
        return 1;
    bool moved = true;
    for (int round = 0; moved && round < 4 * MAX_TRACKS; round++) {
        moved = false;
        for (int i = 0; i < n; i++)
            for (int k = 0; k < n; k++)
                if (i != k && jog[k].track + 1 < MAX_TRACKS && must_sink(&jog[i], &jog[k])) {
                    jog[k].track++;
                    moved = true;
                }
    }
    int last = 0;
    for (int i = 0; i < n; i++)
        if (jog[i].track > last)
            last = jog[i].track;
    return last + 1;
}

/* ---- putting it together ---- */

struct work {
    int n_box, n_edge, n_rank;
    const int *edge;             /* box numbers, 2 * n_edge */
    const double *node, *spline; /* inside the reply */
    double *level;
    int *box_rank, *col; /* of every box: rank, column of its centre */
    int *row;            /* of every rank */
    struct route *route;
    struct jog **jog; /* of every gap */
    int *n_jog;
};

/* ---- straightening ---- */

/* What stands where, rank by rank: Graphviz leaves many neighbours one cell apart, which would cost
 * every straight chain a jog. */
struct grid {
    int left, width, n_rank;
    unsigned char *cell; /* NULL: too large, nothing is straightened */
};

static int occupied(const struct grid *g, int rank, int col)
{
    int x = col - g->left;
    return x < 0 || x >= g->width ? 0 : g->cell[(size_t)rank * (size_t)g->width + (size_t)x];
}

static void occupy(struct grid *g, int rank, int from, int to, int by)
{
    for (int c = from; c <= to; c++) {
        int x = c - g->left;
        if (x >= 0 && x < g->width)
            g->cell[(size_t)rank * (size_t)g->width + (size_t)x] += (unsigned char)by;
    }
}

/* Moves what stands in from..to by one column when that leaves a free column beside it. */
static bool shift(struct grid *g, int rank, int from, int to, int by)
{
    int edge = by < 0 ? from : to;
    if (occupied(g, rank, edge + by) || occupied(g, rank, edge + 2 * by))
        return false;
    occupy(g, rank, from, to, -1);
    occupy(g, rank, from + by, to + by, 1);
    return true;
}

static void straighten(struct work *w, const struct dot_box *box)
{
    struct grid g = {.n_rank = w->n_rank};
    int right = 0, *n_in = x_calloc((size_t)w->n_box + 1, sizeof *n_in);
    for (int i = 0; i < w->n_box; i++) {
        int x = w->col[i] - box[i].w / 2;
        g.left = x < g.left ? x : g.left;
        right = x + box[i].w > right ? x + box[i].w : right;
    }
    g.width = right - g.left;
    if ((double)g.width * g.n_rank < MAX_GRID)
        g.cell = x_calloc((size_t)g.width * (size_t)g.n_rank + 1, 1);
    for (int i = 0; g.cell && i < w->n_box; i++)
        occupy(&g, w->box_rank[i], w->col[i] - box[i].w / 2, w->col[i] + box[i].w / 2, 1);
    for (int e = 0; g.cell && e < w->n_edge; e++) {
        n_in[w->route[e].to]++;
        for (int k = 1; k + 1 < w->route[e].n; k++)
            occupy(&g, w->route[e].first + k, w->route[e].col[k], w->route[e].col[k], 1);
    }
    /* edges come by their tail, tails in topological order: what is above is settled */
    for (int e = 0; g.cell && e < w->n_edge; e++) {
        struct route *r = &w->route[e];
        r->col[0] = w->col[r->from];
        for (int k = 1; k + 1 < r->n; k++) {
            int by = r->col[k - 1] - r->col[k];
            if ((by == 1 || by == -1) && shift(&g, r->first + k, r->col[k], r->col[k], by))
                r->col[k] += by;
        }
        int last = r->n > 1 ? r->col[r->n - 2] : w->col[r->to], by = last - w->col[r->to];
        int half = box[r->to].w / 2, c = w->col[r->to];
        if (n_in[r->to] == 1 && (by == 1 || by == -1) &&
            shift(&g, w->box_rank[r->to], c - half, c + half, by))
            w->col[r->to] += by;
    }
    for (int e = 0; e < w->n_edge; e++)
        if (w->route[e].n > 1) {
            w->route[e].col[0] = w->col[w->route[e].from];
            w->route[e].col[w->route[e].n - 1] = w->col[w->route[e].to];
        }
    free(g.cell);
    free(n_in);
}

static void route_edges(struct work *w)
{
    const double *s = w->spline;
    for (int e = 0; e < w->n_edge; e++) {
        int n_points = (int)*s++;
        struct route *r = &w->route[e];
        r->from = w->edge[2 * e];
        r->to = w->edge[2 * e + 1];
        r->first = w->box_rank[r->from];
        r->n = w->box_rank[r->to] - r->first + 1;
        if (r->n > 1) {
            r->col = x_calloc((size_t)r->n, sizeof *r->col);
            r->col[0] = w->col[r->from];
            r->col[r->n - 1] = w->col[r->to];
            for (int k = 1; k + 1 < r->n; k++)
                r->col[k] =
                    cell_of(spline_x(s, n_points, w->level[r->first + k], w->node[2 * r->to]));
        }
        s += 2 * n_points;
    }
}

static void route_gaps(struct work *w)
{
    for (int e = 0; e < w->n_edge; e++)
        for (int k = 0; k + 1 < w->route[e].n; k++)
            w->n_jog[w->route[e].first + k]++;
    for (int r = 0; r < w->n_rank; r++) {
        w->jog[r] = x_calloc((size_t)w->n_jog[r] + 1, sizeof **w->jog);
        w->n_jog[r] = 0;
    }
    for (int e = 0; e < w->n_edge; e++) {
        const struct route *t = &w->route[e];
        for (int k = 0; k + 1 < t->n; k++) {
            int gap = t->first + k;
            if (t->col[k] != t->col[k + 1])
                w->jog[gap][w->n_jog[gap]++] = (struct jog){.route = e,
                                                            .from_col = t->col[k],
                                                            .to_col = t->col[k + 1],
                                                            .tail = k == 0 ? t->from : -1,
                                                            .head = k + 2 == t->n ? t->to : -1};
        }
    }
    int row = 0;
    for (int r = 0; r < w->n_rank; r++) {
        w->row[r] = row;
        row += 1 + assign_tracks(w->jog[r], w->n_jog[r]);
    }
}

static void add_point(struct dot_line *l, int x, int y)
{
    if (l->n > 1 && ((l->at[l->n - 1].x == x && l->at[l->n - 2].x == x) ||
                     (l->at[l->n - 1].y == y && l->at[l->n - 2].y == y)))
        l->n--; /* goes on straight */
    l->at[l->n].x = x;
    l->at[l->n].y = y;
    l->n++;
}

static void make_lines(struct work *w, struct dot_layout *l)
{
    int *next = x_calloc((size_t)w->n_rank + 1, sizeof *next);
    for (int e = 0; e < w->n_edge; e++) {
        const struct route *t = &w->route[e];
        struct dot_line *line = &l->line[e];
        line->from = l->box[t->from].id;
        line->to = l->box[t->to].id;
        line->at = x_calloc(2 * (size_t)(t->n > 0 ? t->n : 1) + 2, sizeof *line->at);
        if (t->n < 2)
            continue;
        add_point(line, t->col[0], w->row[t->first]);
        for (int k = 0; k + 1 < t->n; k++) {
            int gap = t->first + k;
            if (t->col[k] == t->col[k + 1])
                continue;
            int y = w->row[gap] + 1 + w->jog[gap][next[gap]++].track;
            add_point(line, t->col[k], y);
            add_point(line, t->col[k + 1], y);
        }
        add_point(line, t->col[t->n - 1], w->row[t->first + t->n - 1]);
    }
    free(next);
}

/* Moves everything so that the leftmost cell is column 0, and measures. */
static void fit(struct dot_layout *l)
{
    int left = l->n_box > 0 ? l->box[0].x : 0;
    for (int i = 0; i < l->n_box; i++)
        if (l->box[i].x < left)
            left = l->box[i].x;
    for (int i = 0; i < l->n_line; i++)
        for (int k = 0; k < l->line[i].n; k++)
            if (l->line[i].at[k].x < left)
                left = l->line[i].at[k].x;
    for (int i = 0; i < l->n_box; i++) {
        struct dot_box *b = &l->box[i];
        b->x -= left;
        if (b->x + b->w > l->width)
            l->width = b->x + b->w;
        if (b->y + b->h > l->height)
            l->height = b->y + b->h;
    }
    for (int i = 0; i < l->n_line; i++)
        for (int k = 0; k < l->line[i].n; k++) {
            l->line[i].at[k].x -= left;
            if (l->line[i].at[k].x >= l->width)
                l->width = l->line[i].at[k].x + 1;
        }
}

/* Points `node` and `spline` into the reply when it is as long as it says. */
static bool parse_reply(struct work *w, const double *v, size_t n)
{
    size_t at = 2 * (size_t)w->n_box;
    if (n < at)
        return false;
    w->node = v;
    w->spline = v + at;
    for (size_t i = 0; i < at; i++)
        if (!isfinite(v[i]) || fabs(v[i]) > 1e8)
            return false;
    for (int e = 0; e < w->n_edge; e++) {
        if (at >= n || !(v[at] >= 0) || v[at] > 1e6)
            return false;
        size_t points = (size_t)v[at++];
        for (size_t i = 0; i < 2 * points; i++, at++)
            if (at >= n || !isfinite(v[at]) || fabs(v[at]) > 1e8)
                return false;
    }
    return at == n;
}

static void build(struct work *w, struct dot_layout *l)
{
    size_t n_box = (size_t)w->n_box + 1;
    w->level = x_calloc(n_box, sizeof *w->level);
    w->box_rank = x_calloc(n_box, sizeof *w->box_rank);
    w->col = x_calloc(n_box, sizeof *w->col);
    w->n_rank = find_ranks(w->node, w->n_box, w->level);
    for (int i = 0; i < w->n_box; i++)
        w->box_rank[i] = rank_of(w->level, w->n_rank, w->node[2 * i + 1]);
    w->row = x_calloc((size_t)w->n_rank + 1, sizeof *w->row);
    w->route = x_calloc((size_t)w->n_edge + 1, sizeof *w->route);
    w->jog = x_calloc((size_t)w->n_rank + 1, sizeof *w->jog);
    w->n_jog = x_calloc((size_t)w->n_rank + 1, sizeof *w->n_jog);
    for (int i = 0; i < w->n_box; i++)
        w->col[i] = cell_of(w->node[2 * i]);
    route_edges(w);
    straighten(w, l->box);
    route_gaps(w);
    for (int i = 0; i < w->n_box; i++) {
        l->box[i].x = w->col[i] - l->box[i].w / 2;
        l->box[i].y = w->row[w->box_rank[i]];
    }
    l->n_line = w->n_edge;
    l->line = x_calloc((size_t)w->n_edge + 1, sizeof *l->line);
    make_lines(w, l);
    fit(l);
}

static void work_done(struct work *w)
{
    for (int e = 0; w->route && e < w->n_edge; e++)
        free(w->route[e].col);
    for (int r = 0; w->jog && r < w->n_rank; r++)
        free(w->jog[r]);
    free(w->route);
    free(w->jog);
    free(w->n_jog);
    free(w->level);
    free(w->box_rank);
    free(w->row);
    free(w->col);
}

/* Takes the boxes over. */
static enum status lay_out(struct dot_boxes *b, struct dot_layout *l, double limit_s,
                           const int *cancel, struct err *err)
{
    struct dot_layout made = {.box = b->box, .n_box = b->n_box};
    struct work w = {.n_box = b->n_box, .n_edge = b->n_edge, .edge = b->edge};
    struct str reply = {0};
    enum status st = ST_OK;
    double *v = NULL;
    if (made.n_box > 0) {
        double *width = x_calloc((size_t)b->n_box, sizeof *width);
        for (int i = 0; i < b->n_box; i++)
            width[i] = b->box[i].w * CELL;
        struct dot_gv_layout job = {w.n_box, w.n_edge, width, w.edge, ROW, GAP_CELLS * CELL};
        st = dot_child(dot_gv_layout, &job, -1, limit_s > 0 ? limit_s : LIMIT_S, cancel, &reply,
                       err);
        free(width);
        if (st == ST_OK) {
            size_t n = (reply.n - 1) / sizeof *v;
            v = x_malloc(n * sizeof *v + 1);
            memcpy(v, reply.s + 1, n * sizeof *v);
            if (parse_reply(&w, v, n))
                build(&w, &made);
            else
                st = err_set(err, ST_UNSUPPORTED, "Graphviz gave a broken layout");
        }
    }
    free(v);
    str_done(&reply);
    work_done(&w);
    free(b->edge);
    if (st == ST_OK)
        *l = made;
    else
        dot_layout_done(&made);
    return st;
}

enum status dot_layout_init(struct dot_layout *l, const struct graph *g, const bool *keep,
                            double limit_s, const int *cancel, struct err *err)
{
    struct dot_boxes b;
    dot_boxes_of_nodes(g, keep, &b);
    return lay_out(&b, l, limit_s, cancel, err);
}

enum status dot_layout_groups(struct dot_layout *l, const struct graph *g,
                              const struct dot_groups *groups, double limit_s, const int *cancel,
                              struct err *err)
{
    struct dot_boxes b;
    dot_boxes_of_groups(g, groups, &b);
    return lay_out(&b, l, limit_s, cancel, err);
}

void dot_layout_done(struct dot_layout *l)
{
    for (int i = 0; i < l->n_line; i++)
        free(l->line[i].at);
    free(l->line);
    free(l->box);
    memset(l, 0, sizeof *l);
}
