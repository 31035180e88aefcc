/* A model that is to be opened: read, typed, cut and costed on a worker, or by session_open on the
 * session's thread. */
#ifndef SESSION_OPENING_H
#define SESSION_OPENING_H

#include "session/layers.h"
#include "session/model.h"
#include "session/session.h"

struct version;

struct opening {
    char *spec;
    struct model_opts how;         /* strings lent by the session */
    bool hashed;                   /* the hash is wanted */
    const char *vocab_path;        /* lent by the session */
    const struct bpe_vocab *vocab; /* lent by the session; NULL: to be read */
    struct bpe_vocab *read;        /* result, when it was; owned */
    bool based;                    /* the databases are wanted, as of this generation */
    unsigned generation;
    struct layers_db db;     /* result, when they are; owned */
    struct version *version; /* result, owned; not yet in the tree */
    uint64_t hash;           /* result: model_read's */
};
/* NULL is fine. */
void opening_free(struct opening *o);
/* What an OPEN job does. `cancel` may be NULL. */
enum status opening_run(struct opening *o, char *const path[SEGDB_LAYERS], const int *cancel,
                        struct err *err);

#endif
