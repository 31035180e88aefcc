/* db add and db remove: segments of one's own. */
#include "cli/db.h"

#include "session/store.h"

#include <stdio.h>
#include <unistd.h>

/* ---- add ---- */

/* The shipped database and the user's are one to a candidate search, so what either holds is not
 * added again. */
static enum status find_known(const struct cli *c, const struct graph *fragment, int64_t *id,
                              struct err *err)
{
    struct db_files f;
    struct segdb *db;
    db_files_init(&f, c);
    enum status st = ST_OK;
    *id = 0;
    if (access(f.path[0], F_OK) == 0) {
        st = db_open(&f, &db, err);
        if (st == ST_OK) {
            st = segdb_find(db, fragment, id, err);
            segdb_close(db, NULL);
        }
    }
    db_files_done(&f);
    return st;
}

static enum status put(const struct cli *c, const struct graph *fragment, const char *origin,
                       int64_t *id, struct err *err)
{
    int layer;
    int64_t number;
    char *path = db_edited(c, 1, &layer);
    enum status st = store_add(path, fragment, origin, &number, err);
    if (st == ST_OK)
        *id = db_id(layer, number);
    free(path);
    return st;
}

static enum status may_keep(const struct graph *g, const struct region *r, struct err *err)
{
    if (segdb_worth(g, r))
        return ST_OK;
    if (!region_is_connected(g, r))
        return err_set(err, ST_NO, "the nodes are not connected");
    if (!region_is_convex(g, r))
        return err_set(err, ST_NO, "a path leaves the nodes and comes back");
    if (!r->n_in || !r->n_out)
        return err_set(err, ST_NO, "the nodes have no %s", r->n_in ? "outputs" : "inputs");
    return err_set(err, ST_NO,
                   "not a piece to keep: it has an unknown operator or shape, an input or output "
                   "of the network, or a multiplication by zero");
}

static enum status add_region(const struct cli *c, const struct graph *g, const struct region *r,
                              int64_t *id, bool *known, struct err *err)
{
    struct graph *fragment;
    TRY(may_keep(g, r, err));
    TRY(region_extract(g, r, &fragment, err));
    enum status st = find_known(c, fragment, id, err);
    *known = st == ST_OK && *id != 0;
    if (st == ST_OK && !*known)
        st = put(c, fragment, c->arg[1], id, err);
    graph_unref(fragment);
    return st;
}

/* The nodes of A,B,C; the graph is the caller's to free. */
static enum status named_region(const struct cli *c, struct graph **g, struct region *r,
                                struct err *err)
{
    char *names = x_strdup(cli_get(c, "--nodes")), *save = NULL;
    VEC(int32_t) ids = {0};
    enum status st = cli_model(c, c->arg[1], g, err);
    for (char *name = strtok_r(names, ",", &save); st == ST_OK && name;
         name = strtok_r(NULL, ",", &save)) {
        int32_t id = graph_find(*g, name);
        if (id < 0)
            st = err_set(err, ST_USAGE, "%.80s has no node '%.80s'", c->arg[1], name);
        vec_push(&ids, id);
    }
    if (st == ST_OK && !ids.n)
        st = err_set(err, ST_USAGE, "--nodes: no node is named");
    if (st == ST_OK)
        st = region_init(r, *g, ids.at, (int)ids.n, err);
    vec_done(&ids);
    free(names);
    return st;
}

static enum status add_named(const struct cli *c, int64_t *id, bool *known, struct err *err)
{
    struct graph *g = NULL;
    struct region r = {0};
    enum status st = named_region(c, &g, &r, err);
    if (st == ST_OK)
        st = add_region(c, g, &r, id, known, err);
    region_done(&r);
    graph_unref(g);
    return st;
}

static enum status add_segment(const struct cli *c, int64_t *id, bool *known, struct err *err)
{
    int64_t k;
    TRY(cli_get_int(c, "--segment", 0, INT32_MAX, 0, &k, err));
    struct session *s = cli_session(c);
    enum status st = session_open(s, c->arg[1], SESSION_ASK, err);
    const struct session_segment *seg = st == ST_OK ? session_segment(s, (int)k) : NULL;
    if (st == ST_OK && !seg)
        st = err_set(err, ST_USAGE, "there is no segment %lld (0 to %d)", (long long)k,
                     session_n_segments(s) - 1);
    if (st == ST_OK)
        st = add_region(c, session_graph(s), &seg->region, id, known, err);
    session_free(s);
    return st;
}

enum status db_add(struct cli *c, struct err *err)
{
    int64_t id;
    bool known;
    if (!cli_get(c, "--segment") == !cli_get(c, "--nodes"))
        return err_set(err, ST_USAGE, "db add: --segment K or --nodes A,B,C says what to add");
    TRY(cli_get(c, "--nodes") ? add_named(c, &id, &known, err) : add_segment(c, &id, &known, err));
    char name[SEGDB_NAME];
    int layer;
    segdb_name(id, name);
    char *path = db_edited(c, 0, &layer);
    if (c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kstr(&j, "model", c->arg[1]);
        json_kstr(&j, "name", name);
        json_kbool(&j, "known", known);
        json_kstr(&j, "database", path);
        cli_json_end(c, &j);
    } else if (known)
        str_addf(&c->out, "known as %s\n", name);
    else
        str_addf(&c->out, "added as %s to %s\n", name, path);
    free(path);
    return ST_OK;
}

/* ---- remove ---- */

static enum status parse_numbers(const struct cli *c, int layer, int64_t *number, struct err *err)
{
    for (int i = 1; i < c->n_arg; i++) {
        int64_t id;
        if (!segdb_name_parse(c->arg[i], &id))
            return err_set(err, ST_USAGE, "'%.60s' is no name of a segment (s12, u3)", c->arg[i]);
        number[i - 1] = id ^ db_id(layer, 0);
        if (number[i - 1] != (id & (db_id(1, 0) - 1)))
            return layer ? err_set(err, ST_USAGE,
                                   "%s is in the shipped database, which stays as it is", c->arg[i])
                         : err_set(err, ST_USAGE, "%s is not in the database of --segments",
                                   c->arg[i]);
    }
    return ST_OK;
}

enum status db_remove(struct cli *c, struct err *err)
{
    int layer, n = c->n_arg - 1;
    int64_t *number = x_calloc((size_t)n, sizeof *number);
    char *path = db_edited(c, 0, &layer);
    enum status st = parse_numbers(c, layer, number, err);
    if (st == ST_OK && access(path, F_OK) != 0)
        st = err_set(err, ST_USAGE, "there is no segment %s (no database %s)", c->arg[1], path);
    if (st == ST_OK)
        st = store_remove(path, number, c->arg + 1, n, err);
    if (st == ST_OK && c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kstr(&j, "database", path);
        json_key(&j, "removed");
        json_array(&j);
        for (int i = 1; i < c->n_arg; i++)
            json_str(&j, c->arg[i]);
        json_array_end(&j);
        cli_json_end(c, &j);
    } else if (st == ST_OK)
        for (int i = 1; i < c->n_arg; i++)
            str_addf(&c->out, "%s removed\n", c->arg[i]);
    free(path);
    free(number);
    return st;
}
