/* The segment databases of a session: the shipped one (or the one named by an option) and the
 * user's over it, which other processes may change or replace at any time.
 *
 * `struct layers` belongs to the session's thread. It looks at the user's file when a segment is
 * selected and counts the changes it sees; jobs carry that number, and a thread whose own handle is
 * of another number opens it anew. Paths do not change while threads run.
 * A user's file that cannot be used is left out: the handle says why, and the shipped one serves.
 */
#ifndef SESSION_LAYERS_H
#define SESSION_LAYERS_H

#include "segdb/segdb.h"

#include <sys/stat.h>

struct layers {
    char *path[SEGDB_LAYERS];
    unsigned generation; /* from 1 */
    struct stat seen;    /* the user's file at the last look; all zero: there was none */
    unsigned told;       /* the generation whose trouble the user knows of */
};
void layers_init(struct layers *l, const char *shipped);
void layers_done(struct layers *l);
/* Looks whether the user's file is another one than before. Cheap. */
void layers_look(struct layers *l);

/* One thread's handle; starts zeroed. */
struct layers_db {
    struct segdb *db;
    unsigned generation;
    struct err trouble; /* why the user's file was left out; code ST_OK: it was not */
};
/* Opens, or opens anew when the generation is another one. On failure there is no handle. */
enum status layers_open(struct layers_db *d, char *const path[SEGDB_LAYERS], unsigned generation,
                        struct err *err);
void layers_close(struct layers_db *d);

/* Adds a region to the user's database, unless a layer has it already. `d` is this thread's handle.
 * *id is its id in the layers, *known whether it was there. ST_NO: it may not be stored. */
enum status layers_keep(struct layers_db *d, char *const path[SEGDB_LAYERS], unsigned generation,
                        const struct graph *g, const struct region *r, const char *origin,
                        int64_t *id, bool *known, struct err *err);

#endif
