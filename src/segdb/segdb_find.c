/* Finding a structure in the layers by its hash. */
#include "segdb/segdb_priv.h"

/* The segment of one layer that is the same structure as `g`; *number 0: none. */
static enum status find_in(struct segdb *db, int layer, uint64_t hash, const struct graph *g,
                           int64_t *id, struct err *err)
{
    sqlite3_stmt *s = db->layer[layer].stmt[SQL_LIKE];
    enum status st = ST_OK;
    int step = SQLITE_DONE;
    *id = 0;
    sqlite3_bind_int64(s, 1, (int64_t)hash);
    sqlite3_bind_int64(s, 2, 0);
    while (st == ST_OK && !*id && (step = sqlite3_step(s)) == SQLITE_ROW) {
        struct segdb_record r;
        int64_t at = (int64_t)layer << SEGDB_LAYER_BITS | sqlite3_column_int64(s, 0);
        st = segdb_get(db, at, &r, err);
        if (st != ST_OK)
            break;
        if (segdb_same(r.fragment, g, NULL))
            *id = at;
        segdb_record_done(&r);
    }
    if (st == ST_OK && step != SQLITE_ROW && step != SQLITE_DONE)
        st = segdb_layer_err(&db->layer[layer], err);
    sqlite3_reset(s);
    return st;
}

enum status segdb_find(struct segdb *db, const struct graph *fragment, int64_t *id, struct err *err)
{
    struct str body = {0};
    struct graph *g = NULL;
    if (db->writing)
        return err_set(err, ST_USAGE, "the database is open for writing");
    /* as it would be kept: without weights, with N as its batch */
    enum status st = segdb_text_write(fragment, &body, err);
    if (st == ST_OK)
        st = segdb_text_read(body.s, &g, err);
    str_done(&body);
    if (st != ST_OK)
        return st;
    uint64_t hash = segdb_structure_hash(g);
    *id = 0;
    for (int i = 0; i < db->n_layers && st == ST_OK && !*id; i++)
        if (db->layer[i].sql)
            st = find_in(db, i, hash, g, id, err);
    graph_unref(g);
    return st;
}
