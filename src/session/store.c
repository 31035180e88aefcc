#include "session/store.h"

static enum status finish(struct segdb *db, const char *path, enum status st, struct err *err)
{
    if (st == ST_OK)
        st = segdb_close(db, err);
    else
        segdb_abandon(db);
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}

enum status store_add(const char *path, const struct graph *fragment, const char *origin,
                      int64_t *number, struct err *err)
{
    struct segdb *db;
    TRY(segdb_edit(&db, path, err));
    return finish(db, path, segdb_add(db, fragment, origin, number, err), err);
}

enum status store_remove(const char *path, const int64_t *number, char *const *name, int n,
                         struct err *err)
{
    struct segdb *db;
    TRY(segdb_edit(&db, path, err));
    enum status st = ST_OK;
    for (int i = 0; st == ST_OK && i < n; i++) {
        st = segdb_remove(db, number[i], err);
        if (st == ST_USAGE)
            err_set(err, st, "there is no segment %.60s", name[i]);
    }
    return finish(db, path, st, err);
}

enum status store_merge(const char *path, char *const *from, int n, const int *cancel,
                        void (*progress)(void *arg, int done, int total, const char *what),
                        void *arg, int64_t *segments, struct err *err)
{
    struct segdb *db;
    TRY(segdb_create(&db, path, err));
    enum status st = ST_OK;
    for (int i = 0; st == ST_OK && i < n; i++) {
        if (progress)
            progress(arg, i, n, from[i]);
        st = cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED)
                 ? err_set(err, ST_CANCELLED, "interrupted")
                 : segdb_absorb(db, from[i], err);
    }
    *segments = segdb_count(db);
    return finish(db, path, st, err);
}
