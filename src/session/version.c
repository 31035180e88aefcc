/* The undo tree: versions, the cursor, and the segments of each version. A version is never
 * dropped, so every state of the session stays reachable by `goto`. */
#include "session/session_priv.h"

#include <stdlib.h>

void version_free(struct version *v)
{
    segments_done(v);
    graph_unref(v->graph);
    free(v->command);
    free(v->name);
    free(v->note);
    free(v);
}

void versions_done(struct session *s)
{
    for (size_t i = 0; i < s->version.n; i++)
        version_free(s->version.at[i]);
    vec_done(&s->version);
    s->cursor = 0;
    s->marked = s->diffed[0] = s->diffed[1] = -1;
}

static struct version *current(const struct session *s)
{
    return s->version.n ? s->version.at[s->cursor] : NULL;
}

/* ---- moving ---- */

enum status version_new(const struct bpe_vocab *vocab, const struct graph *g, const char *command,
                        struct version **out, struct err *err)
{
    struct version *v = x_calloc(1, sizeof *v);
    v->graph = graph_ref(g);
    v->command = x_strdup(command);
    v->name = x_strdup("");
    v->note = x_strdup("");
    enum status st = segments_cut(vocab, v, err);
    if (st != ST_OK) {
        version_free(v);
        return st;
    }
    v->pub = (struct session_version){.parent = -1,
                                      .redo = -1,
                                      .command = v->command,
                                      .name = v->name,
                                      .note = v->note,
                                      .graph = v->graph,
                                      .hash = graph_hash(g),
                                      .time = time(NULL)};
    cost_graph(g, &v->pub.cost);
    *out = v;
    return ST_OK;
}

void version_adopt(struct session *s, struct version *v, int parent)
{
    v->pub.id = (int)s->version.n;
    v->pub.parent = parent;
    vec_push(&s->version, v);
    version_move(s, v->pub.id, NULL);
}

enum status version_record(struct session *s, const char *command, uint64_t after, struct err *err)
{
    if (!s->journal)
        return ST_OK;
    return journal_append(s->journal, command, current(s)->pub.hash, after, err);
}

enum status version_undo_target(const struct session *s, int *to, struct err *err)
{
    *to = current(s)->pub.parent;
    return *to >= 0 ? ST_OK : err_set(err, ST_NO, "nothing to undo");
}

enum status version_redo_target(const struct session *s, int *to, struct err *err)
{
    *to = current(s)->pub.redo;
    return *to >= 0 ? ST_OK : err_set(err, ST_NO, "nothing to redo");
}

enum status version_move(struct session *s, int to, struct err *err)
{
    if (to < 0 || (size_t)to >= s->version.n)
        return err_set(err, ST_USAGE, "there is no version %d (0 to %zu)", to, s->version.n - 1);
    s->cursor = to;
    /* redo follows the way that was gone last, also below branches */
    for (int child = to, up; (up = s->version.at[child]->pub.parent) >= 0; child = up)
        s->version.at[up]->pub.redo = child;
    return ST_OK;
}

static enum status move_recorded(struct session *s, int to, const char *command, struct err *err)
{
    TRY(version_record(s, command, s->version.at[to]->pub.hash, err));
    candidates_drop(s);
    return version_move(s, to, err);
}

enum status session_undo(struct session *s, struct err *err)
{
    int to;
    TRY(session_may_edit(s, err));
    TRY(version_undo_target(s, &to, err));
    return move_recorded(s, to, "undo", err);
}

enum status session_redo(struct session *s, struct err *err)
{
    int to;
    TRY(session_may_edit(s, err));
    TRY(version_redo_target(s, &to, err));
    return move_recorded(s, to, "redo", err);
}

enum status session_goto(struct session *s, int version, struct err *err)
{
    TRY(session_may_edit(s, err));
    if (version < 0 || (size_t)version >= s->version.n)
        return err_set(err, ST_USAGE, "there is no version %d (0 to %zu)", version,
                       s->version.n - 1);
    if (version == s->cursor)
        return ST_OK;
    char command[32];
    snprintf(command, sizeof command, "goto %d", version);
    return move_recorded(s, version, command, err);
}

/* ---- getters ---- */

const struct graph *session_graph(const struct session *s)
{
    return s->version.n ? current(s)->graph : NULL;
}

int session_cursor(const struct session *s)
{
    return s->cursor;
}

int session_n_versions(const struct session *s)
{
    return (int)s->version.n;
}

const struct session_version *session_version(const struct session *s, int id)
{
    return id >= 0 && (size_t)id < s->version.n ? &s->version.at[id]->pub : NULL;
}

int32_t session_same_ids(const struct session *s, int a, int b)
{
    int x = a, y = b; /* parents have smaller numbers */
    while (x != y)
        if (x > y)
            x = session_version(s, x)->parent;
        else
            y = session_version(s, y)->parent;
    return x == a || x == b ? GRAPH_SAME_IDS : graph_n_slots(session_version(s, x)->graph);
}

bool session_diffed(const struct session *s, int *a, int *b)
{
    *a = s->diffed[0];
    *b = s->diffed[1];
    return *a >= 0;
}
