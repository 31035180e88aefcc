/* Finding replacements: one walk over the indexes of all layers, outwards from the wanted cost. */
#include "segdb/segdb_priv.h"
#include <math.h>
#include <stdlib.h>

enum {
    SAME_OPS = 3,     /* records of one operator sequence in an answer, while there are others */
    LOOK_PER_ID = 20, /* index entries looked at for one that is taken */
    LOOK_AT_LEAST = 200,
    CURSORS = 2 * SEGDB_LAYERS
};

struct answer {
    struct segdb *db;
    int n_in, n_out, limit;
    double relative;
    uint64_t like;      /* hash of the operators that go first, */
    VEC(int64_t) alike; /* and their records */
    VEC(int64_t) id;
    VEC(int64_t) spare; /* passed over: too many with the same operators */
    struct u64map ops;  /* hash of operators -> records taken */
};

/* One direction of the walk in one layer. */
struct cursor {
    struct segdb_layer *layer; /* NULL: at its end */
    sqlite3_stmt *s;
    int64_t base; /* of the layer's ids */
    double away;
};

/* Twice the cost is as far as half of it. What costs (nearly) nothing is alike. */
static double cost_scale(double relative)
{
    return log2(relative + 0.01);
}

static enum status advance(const struct answer *a, struct cursor *c, struct err *err)
{
    int step = sqlite3_step(c->s);
    if (step == SQLITE_ROW) {
        c->away = fabs(cost_scale(sqlite3_column_double(c->s, 1)) - cost_scale(a->relative));
        return ST_OK;
    }
    enum status st = step == SQLITE_DONE ? ST_OK : segdb_layer_err(c->layer, err);
    c->layer = NULL;
    return st;
}

static void offer(struct answer *a, int64_t id, uint64_t ops_hash)
{
    int64_t *taken = u64map_put(&a->ops, ops_hash, 0);
    if (a->like && ops_hash == a->like)
        vec_push(&a->alike, id);
    else if (*taken < SAME_OPS) {
        ++*taken;
        vec_push(&a->id, id);
    } else {
        vec_push(&a->spare, id);
    }
}

/* Those that are alike may come late. */
static bool full(const struct answer *a)
{
    return (a->like ? a->alike.n : a->id.n) >= (size_t)a->limit;
}

static struct cursor *nearest(struct cursor *c, int n)
{
    struct cursor *best = NULL;
    for (int k = 0; k < n; k++)
        if (c[k].layer && (!best || c[k].away < best->away))
            best = &c[k];
    return best;
}

static void bind(const struct answer *a, sqlite3_stmt *s, int ratio)
{
    sqlite3_bind_int(s, 1, a->n_in);
    sqlite3_bind_int(s, 2, a->n_out);
    sqlite3_bind_int(s, 3, ratio);
}

static enum status search_ratio(struct answer *a, int ratio, struct err *err)
{
    static const enum segdb_sql way[] = {SQL_DOWN, SQL_UP};
    struct cursor c[CURSORS] = {{0}}, *at;
    int64_t look = LOOK_AT_LEAST + (int64_t)LOOK_PER_ID * a->limit;
    enum status st = ST_OK;
    for (int k = 0; k < CURSORS && st == ST_OK; k++) {
        struct segdb_layer *l = &a->db->layer[k / 2];
        if (!l->sql)
            continue;
        c[k] = (struct cursor){
            .layer = l, .s = l->stmt[way[k % 2]], .base = (int64_t)(k / 2) << SEGDB_LAYER_BITS};
        bind(a, c[k].s, ratio);
        sqlite3_bind_double(c[k].s, 4, a->relative);
        st = advance(a, &c[k], err);
    }
    while (st == ST_OK && !full(a) && look-- > 0 && (at = nearest(c, CURSORS)) != NULL) {
        offer(a, at->base | sqlite3_column_int64(at->s, 0),
              (uint64_t)sqlite3_column_int64(at->s, 2));
        st = advance(a, at, err);
    }
    for (int k = 0; k < CURSORS; k++)
        sqlite3_reset(c[k].s);
    return st;
}

/* ---- other ratios ---- */

struct ratio {
    int value, away;
};

static int by_away(const void *x, const void *y)
{
    const struct ratio *a = x, *b = y;
    if (a->away != b->away)
        return a->away < b->away ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* The smallest ratio above `at` in any layer into *next; `at`: there is none. */
static enum status next_ratio(const struct answer *a, int at, int *next, struct err *err)
{
    enum status st = ST_OK;
    *next = at;
    for (int k = 0; k < SEGDB_LAYERS && st == ST_OK; k++) {
        const struct segdb_layer *l = &a->db->layer[k];
        if (!l->sql)
            continue;
        sqlite3_stmt *s = l->stmt[SQL_RATIO];
        bind(a, s, at);
        if (sqlite3_step(s) != SQLITE_ROW)
            st = segdb_layer_err(l, err);
        int value = st == ST_OK && sqlite3_column_type(s, 0) == SQLITE_INTEGER
                        ? sqlite3_column_int(s, 0)
                        : at;
        if (value > at && (*next == at || value < *next))
            *next = value;
        sqlite3_reset(s);
    }
    return st;
}

/* Nearest first. Ratios are few, and each is found by one descent. */
static enum status search_other_ratios(struct answer *a, int ratio, struct err *err)
{
    VEC(struct ratio) r = {0};
    int at, next = -1000;
    enum status st;
    do {
        at = next;
        st = next_ratio(a, at, &next, err);
        if (st == ST_OK && next > at && next != ratio)
            vec_push(&r, (struct ratio){next, abs(next - ratio)});
    } while (st == ST_OK && next > at);
    if (r.n > 1)
        qsort(r.at, r.n, sizeof *r.at, by_away);
    for (size_t i = 0; i < r.n && st == ST_OK && a->id.n < (size_t)a->limit; i++)
        st = search_ratio(a, r.at[i].value, err);
    vec_done(&r);
    return st;
}

/* Takes what the answer holds. */
static enum status answer(struct answer *a, int ratio, int64_t **ids, int *n, struct err *err)
{
    enum status st = a->limit > 0 ? search_ratio(a, ratio, err) : ST_OK;
    if (st == ST_OK && !full(a))
        st = search_other_ratios(a, ratio, err);
    for (size_t i = 0; i < a->id.n; i++)
        vec_push(&a->alike, a->id.at[i]);
    for (size_t i = 0; i < a->spare.n && a->alike.n < (size_t)a->limit; i++)
        vec_push(&a->alike, a->spare.at[i]);
    if (st == ST_OK) {
        *n = a->alike.n < (size_t)a->limit ? (int)a->alike.n : a->limit;
        *ids = a->alike.at;
    } else {
        vec_done(&a->alike);
    }
    vec_done(&a->id);
    vec_done(&a->spare);
    u64map_done(&a->ops);
    return st;
}

enum status segdb_query_ports(struct segdb *db, const struct graph *g, const struct region *r,
                              int n_in, int n_out, int limit, int64_t **ids, int *n,
                              struct err *err)
{
    if (db->writing)
        return err_set(err, ST_USAGE, "the database is being made");
    struct cost c;
    cost_nodes(g, r->ids, r->n, &c);
    const struct ttype **t = x_calloc((size_t)(r->n_in + r->n_out) + 1, sizeof *t);
    for (int i = 0; i < r->n_in; i++)
        t[i] = graph_type(g, r->in[i]);
    for (int i = 0; i < r->n_out; i++)
        t[r->n_in + i] = graph_type(g, r->out[i]);
    struct answer a = {.db = db,
                       .n_in = n_in,
                       .n_out = n_out,
                       .limit = limit > 0 ? limit : 0,
                       .relative = segdb_relative_cost(c.flops_paper, t, r->n_in)};
    int ratio = segdb_ratio(t, r->n_in, t + r->n_in, r->n_out);
    free(t);
    return answer(&a, ratio, ids, n, err);
}

enum status segdb_query(struct segdb *db, const struct graph *g, const struct region *r, int limit,
                        int64_t **ids, int *n, struct err *err)
{
    return segdb_query_ports(db, g, r, r->n_in, r->n_out, limit, ids, n, err);
}

enum status segdb_query_like(struct segdb *db, const struct graph *fragment, int limit,
                             int64_t **ids, int *n, struct err *err)
{
    struct segdb_row row = {0};
    if (db->writing)
        return err_set(err, ST_USAGE, "the database is being made");
    segdb_row_measure(&row, fragment);
    struct answer a = {.db = db,
                       .n_in = row.n_in,
                       .n_out = row.n_out,
                       .limit = limit > 0 ? limit : 0,
                       .relative = row.relative,
                       .like = row.ops_hash};
    int ratio = row.ratio;
    segdb_row_done(&row);
    return answer(&a, ratio, ids, n, err);
}
