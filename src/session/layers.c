#include "session/layers.h"

#include "base/file.h"
#include "base/mem.h"
#include "session/session.h"

#include <stdlib.h>
#include <string.h>

char *session_user_segments(int make)
{
    return file_xdg("DATA", "segments.db", make);
}

void layers_init(struct layers *l, const char *shipped)
{
    *l = (struct layers){.generation = 1};
    l->path[0] = shipped ? x_strdup(shipped) : file_data("segments/segments.db");
    l->path[1] = session_user_segments(0);
    layers_look(l);
}

void layers_done(struct layers *l)
{
    for (int i = 0; i < SEGDB_LAYERS; i++)
        free(l->path[i]);
}

void layers_look(struct layers *l)
{
    struct stat now;
    if (stat(l->path[1], &now) < 0)
        memset(&now, 0, sizeof now);
    /* The time of a change, not of the contents: a file restored with its old time is new too. */
    if (now.st_dev != l->seen.st_dev || now.st_ino != l->seen.st_ino ||
        now.st_size != l->seen.st_size || now.st_ctim.tv_sec != l->seen.st_ctim.tv_sec ||
        now.st_ctim.tv_nsec != l->seen.st_ctim.tv_nsec)
        l->generation++;
    l->seen = now;
}

void layers_close(struct layers_db *d)
{
    if (d->db)
        segdb_close(d->db, NULL);
    *d = (struct layers_db){0};
}

enum status layers_open(struct layers_db *d, char *const path[SEGDB_LAYERS], unsigned generation,
                        struct err *err)
{
    if (d->db && d->generation == generation)
        return ST_OK;
    layers_close(d);
    struct stat info;
    const char *both[SEGDB_LAYERS] = {path[0], path[1]};
    struct segdb *db = NULL;
    struct err trouble = {0};
    bool user = stat(path[1], &info) == 0;
    if (user && segdb_open(&db, both, SEGDB_LAYERS, &trouble) != ST_OK)
        db = NULL;
    if (!db) {
        enum status st = segdb_open(&db, both, 1, err);
        if (st != ST_OK)
            return err_in_file(err, path[0]), st;
    }
    if (trouble.code != ST_OK)
        err_in_file(&trouble, path[1]);
    *d = (struct layers_db){.db = db, .generation = generation, .trouble = trouble};
    return ST_OK;
}

/* ---- adding ---- */

static enum status add(const char *path, const struct graph *fragment, const char *origin,
                       int64_t *id, bool *known, struct err *err)
{
    struct segdb *db;
    int64_t number = 0;
    TRY(segdb_edit(&db, path, err));
    int64_t before = segdb_count(db);
    enum status st = segdb_add(db, fragment, origin, &number, err);
    /* another process may have been quicker since the handle was opened */
    *known = st == ST_OK && segdb_count(db) == before;
    if (st != ST_OK || *known)
        segdb_abandon(db);
    else
        st = segdb_close(db, err);
    *id = (int64_t)1 << 40 | number;
    return st;
}

enum status layers_keep(struct layers_db *d, char *const path[SEGDB_LAYERS], unsigned generation,
                        const struct graph *g, const struct region *r, const char *origin,
                        int64_t *id, bool *known, struct err *err)
{
    struct graph *f;
    if (!segdb_worth(g, r))
        return err_set(err, ST_NO,
                       "only a connected piece with inputs and outputs of known shape is kept");
    TRY(layers_open(d, path, generation, err));
    TRY(region_extract(g, r, &f, err));
    enum status st = segdb_find(d->db, f, id, err);
    *known = st == ST_OK && *id != 0;
    if (st == ST_OK && !*known) {
        st = add(path[1], f, origin, id, known, err);
        if (st != ST_OK)
            err_in_file(err, path[1]);
    }
    graph_unref(f);
    return st;
}
