/* A point of a search's front made again from its edits, on a worker. For src/session only. */
#ifndef SESSION_TAKING_H
#define SESSION_TAKING_H

#include "search/search.h"
#include "segdb/segdb.h"

struct job;
struct layers_db;

struct taking {
    int rank;                 /* of the point, from 0 */
    int from;                 /* the version that the first step changes */
    struct search_step *step; /* those that there is no version of yet */
    int n;
    int known;                     /* steps before them */
    uint64_t hash;                 /* of the point's network */
    uint64_t seed;                 /* the session's */
    const struct bpe_vocab *vocab; /* lent by the session */
    struct job **made;             /* result: for each step the replacement */
};
void taking_free(struct taking *t); /* NULL is fine */

/* What a TAKE job does. ST_NO: the steps do not lead to the point's network. */
enum status taking_run(struct job *j, struct layers_db *db, char *const path[SEGDB_LAYERS]);

#endif
