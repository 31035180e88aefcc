/* The segment database: segments (fragments with explicit ports) mined from networks, in SQLite.
 * One connection per thread; a struct segdb is not shared between threads.
 * A record's fragment is a graph as region_extract makes it, without weight values. */
#ifndef SEGDB_SEGDB_H
#define SEGDB_SEGDB_H

#include "bpe/bpe.h"
#include "cost/cost.h"

struct segdb; /* opaque */

struct segdb_record {
    int64_t id;
    char *name;   /* "s123" : what --with takes */
    char *origin; /* first network it was seen in */
    char *ops;    /* "Conv3x3 BatchNormalization Relu" in topological order */
    int n_nodes, n_in, n_out;
    int64_t count; /* occurrences while mining */
    int64_t flops_paper, params;
    struct graph *fragment;
};

/* Read-only open of an existing database. A newer schema or a damaged file is refused, ST_MODEL. */
enum status segdb_open(struct segdb **out, const char *path, struct err *err);
/* Creates a new database at `path` for writing (complete only after segdb_close succeeded). */
enum status segdb_create(struct segdb **out, const char *path, struct err *err);
/* Frees `db` in either case. A database being created is written now, all or nothing. */
enum status segdb_close(struct segdb *db, struct err *err);
/* Gives up a database being created (an existing file at its path stays); closes a read one.
 * NULL is fine. */
void segdb_abandon(struct segdb *db);
int64_t segdb_count(const struct segdb *db);
/* Hash of the contents (free of time and machine), for the session journal. */
uint64_t segdb_hash(const struct segdb *db);

/* Adds an occurrence: a new record, or count + 1 of an isomorphic one (verified). Weight values
 * are not kept; the batch size becomes the symbol N. ST_UNSUPPORTED: the fragment holds opaque
 * nodes, or constants or attributes that have no text form. Only after segdb_create. */
enum status segdb_add(struct segdb *db, const struct graph *fragment, const char *origin,
                      struct err *err);
enum status segdb_get(struct segdb *db, int64_t id, struct segdb_record *out, struct err *err);
void segdb_record_done(struct segdb_record *r);

/* Ids of the records with these port counts, most promising first: same resolution ratio between
 * inputs and outputs first, then nearest in size to the region's flops_paper; few of one operator
 * sequence (ops) as long as there are others. *ids: caller frees. O(limit log records), only of
 * the index. */
enum status segdb_query(struct segdb *db, const struct graph *g, const struct region *r, int limit,
                        int64_t **ids, int *n, struct err *err);

/* Whether the region of `g` may be stored: no opaque, input or output node, inputs and outputs
 * known in shape (but for the batch), connected, convex. */
bool segdb_worth(const struct graph *g, const struct region *r);

/* Mines networks (each string as family_build or a path takes; opened by `open_model`) into a
 * canonical vocabulary and a database. The same specs in the same order give the same files.
 * Networks are opened twice, one at a time. Nothing is written when any step fails. */
struct segdb_mine_opts {
    int n_merges, max_piece;
    void (*progress)(void *arg, int done, int total, const char *what);
    void *arg;
    enum status (*open_model)(const char *spec, struct graph **out, struct err *err);
};
enum status segdb_mine(const char *const *specs, int n, const char *vocab_path, const char *db_path,
                       const struct segdb_mine_opts *opts, struct err *err);

#endif
