/* Validating a row anew: everything that can be derived from its fragment is. */
#include "onx/onx.h"
#include "segdb/segdb_priv.h"
#include "shape/shape.h"
#include <stdlib.h>

/* The fragment with the types of its inputs only. */
static enum status untyped(const struct graph *g, struct graph **out, struct err *err)
{
    struct graph_edit *e = graph_edit_new(g);
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        if (!n || n->op == OP_INPUT)
            continue;
        for (int i = 0; i < n->n_out; i++) {
            struct ttype t = ttype_unknown();
            graph_edit_set_type(e, (struct value_ref){id, i}, &t);
        }
    }
    return graph_edit_freeze(e, out, err);
}

static enum status check_types(const struct graph *g, struct err *err)
{
    struct graph *bare = NULL, *typed = NULL;
    enum status st = untyped(g, &bare, err);
    if (st == ST_OK)
        st = shape_infer(bare, &typed, err);
    for (int32_t id = 0; st == ST_OK && id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        for (int i = 0; n && st == ST_OK && i < n->n_out; i++)
            if (n->out[i].name[0] &&
                !ttype_equal(&n->out[i].type, &graph_node(typed, id)->out[i].type))
                st = err_set(err, ST_MODEL, "node '%s' (%s): not the type that follows",
                             node_label(n), node_op_type(n));
    }
    graph_unref(bare);
    graph_unref(typed);
    return st;
}

static enum status check_region(const struct graph *g, struct err *err)
{
    VEC(int32_t) ids = {0};
    struct region r;
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        if (n && n->op != OP_INPUT && n->op != OP_OUTPUT)
            vec_push(&ids, id);
    }
    enum status st = ids.n ? region_init(&r, g, ids.at, (int)ids.n, err) : ST_MODEL;
    if (!ids.n)
        return err_set(err, st, "it has no nodes");
    vec_done(&ids);
    if (st != ST_OK)
        return st;
    int n_in, n_out;
    graph_inputs(g, &n_in);
    graph_outputs(g, &n_out);
    if (!region_is_connected(g, &r))
        st = err_set(err, ST_MODEL, "it is not connected");
    else if (r.n_in != n_in || r.n_out != n_out)
        st = err_set(err, ST_MODEL, "an input or output is used by nothing");
    else if (!segdb_worth(g, &r))
        st = err_set(err, ST_MODEL, "it is nothing that mining would store");
    region_done(&r);
    return st;
}

static enum status check_columns(const struct segdb_row *row, const struct graph *g,
                                 struct err *err)
{
    struct segdb_row own = {0};
    struct str text = {0};
    segdb_row_measure(&own, g);
    const struct {
        const char *what;
        bool same;
    } column[] = {
        {"hash", row->hash == own.hash},
        {"number of nodes", row->n_nodes == own.n_nodes},
        {"number of ports", row->n_in == own.n_in && row->n_out == own.n_out},
        {"resolution ratio", row->ratio == own.ratio},
        {"relative cost", row->relative == own.relative},
        {"FLOPs", row->flops == own.flops},
        {"parameters", row->params == own.params},
        {"operators", row->ops_hash == own.ops_hash},
    };
    enum status st = ST_OK;
    for (size_t i = 0; i < sizeof column / sizeof *column && st == ST_OK; i++)
        if (!column[i].same)
            st = err_set(err, ST_MODEL, "its %s is not that of its fragment", column[i].what);
    /* The fragment itself is among the shapes seen. */
    struct segdb_ports p = segdb_ports_of(g);
    segdb_ports_text(&p, segdb_text_batch(g), &text);
    size_t k = 0;
    while (k < row->shape.n && strcmp(row->shape.at[k].text, str_text(&text)) != 0)
        k++;
    if (st == ST_OK && (k == row->shape.n || row->shape.at[k].flops_paper != own.flops ||
                        row->shape.at[k].params != own.params))
        st = err_set(err, ST_MODEL, "its own shape is not among those seen");
    segdb_ports_done(&p);
    str_done(&text);
    segdb_row_done(&own);
    return st;
}

/* That no other row is the same structure: counts would be split between them. */
static enum status check_single(struct segdb_layer *l, const struct segdb_row *row,
                                const struct graph *g, struct err *err)
{
    VEC(int64_t) like = {0};
    sqlite3_stmt *s = l->stmt[SQL_LIKE];
    sqlite3_bind_int64(s, 1, (int64_t)row->hash);
    sqlite3_bind_int64(s, 2, row->number);
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        vec_push(&like, sqlite3_column_int64(s, 0));
    enum status st = step == SQLITE_DONE ? ST_OK : segdb_layer_err(l, err);
    sqlite3_reset(s);
    for (size_t i = 0; i < like.n && st == ST_OK; i++) {
        struct segdb_row other;
        struct graph *h = NULL;
        st = segdb_layer_row(l, like.at[i], &other, err);
        if (st != ST_OK)
            break;
        st = segdb_text_read(other.body, &h, err);
        if (st == ST_OK && segdb_same(g, h, NULL))
            st = err_set(err, ST_MODEL, "segment number %lld is the same structure",
                         (long long)like.at[i]);
        graph_unref(h);
        segdb_row_done(&other);
    }
    vec_done(&like);
    return st;
}

enum status segdb_check(struct segdb *db, int64_t id, struct err *err)
{
    struct segdb_row row;
    struct graph *g = NULL;
    struct err why = {0};
    char name[SEGDB_NAME];
    TRY(segdb_row_get(db, id, &row, err));
    struct segdb_layer *l = segdb_layer_of(db, id);
    enum status st = segdb_text_read(row.body, &g, &why);
    if (st == ST_OK)
        st = check_types(g, &why);
    if (st == ST_OK)
        st = check_region(g, &why);
    if (st == ST_OK)
        st = check_columns(&row, g, &why);
    if (st == ST_OK)
        st = check_single(l, &row, g, &why);
    if (st == ST_OK)
        st = onx_check(g, &why);
    if (st != ST_OK) {
        segdb_name(id, name);
        st = err_set(err, st == ST_INTERNAL ? st : ST_MODEL, "segment %s: %s", name, why.msg);
        err_in_file(err, l->path);
    }
    graph_unref(g);
    segdb_row_done(&row);
    return st;
}
