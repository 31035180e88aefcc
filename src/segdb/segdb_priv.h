/* Inside src/segdb: the text form of fragments, isomorphism, and what a handle holds. */
#ifndef SEGDB_SEGDB_PRIV_H
#define SEGDB_SEGDB_PRIV_H

#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"
#include "segdb/segdb.h"
#include <sqlite3.h>

/* Version of the tables and of the text form together (PRAGMA user_version). */
enum { SEGDB_VERSION = 1, SEGDB_APPLICATION = 0x41475347 /* "AGSG" */ };

/* ---- text form: a head line, then one line a node in topological order,
 *     OP NAME=VALUE ... < INPUT ... > OUTPUT ...
 * INPUT: PRODUCER.PORT (PRODUCER counts the node lines from 0), "-" (left out), or a constant,
 *     TYPE alone (a learnt parameter, see segdb_param), TYPE=he:FAN_IN, TYPE=fill:VALUE or
 *     TYPE=v:VALUE,VALUE ...
 * OUTPUT: TYPE, "=" (the type of the first connected input), or "-" (unused).
 * TYPE: float[N,64,7,7]; N is the batch, ? an unknown size; no brackets: unknown shape. ---- */

/* What a learnt parameter starts from: He-normal with this fan-in, or a constant. */
struct segdb_param {
    bool he;
    int64_t fan_in;
    double fill;
};
/* false when input `port` of the node is no learnt parameter, but part of the computation. */
bool segdb_param(const struct node *n, int port, const struct ttype *t, struct segdb_param *out);
/* ST_UNSUPPORTED when something has no text form. The batch dimension is written N. */
enum status segdb_text_write(const struct graph *fragment, struct str *out, struct err *err);
/* Any bytes are allowed to come; ST_MODEL names the line. */
enum status segdb_text_read(const char *text, struct graph **out, struct err *err);
/* One node without its producers; equal for corresponding nodes of isomorphic fragments. The
 * constants of a commutative operator are listed in any order. */
enum status segdb_text_label(const struct graph *fragment, int32_t id, struct str *out,
                             struct err *err);
/* "Conv3x3 BatchNormalization Relu" */
void segdb_text_ops(const struct graph *fragment, struct str *out);
/* Values that round-trip; "." whatever the locale. */
void segdb_text_number(struct str *out, double v, bool is_double);

/* ---- isomorphism of two fragments as read by segdb_text_read ---- */
bool segdb_same(const struct graph *a, const struct graph *b);

/* Resolution ratio of the boundary: log2 of input area / output area, rounded, so that 2 is one
 * halving of both axes. Batch and channels do not count. */
int segdb_ratio(const struct ttype *const *in, int n_in, const struct ttype *const *out, int n_out);

/* ---- the handle ---- */

struct segdb_row {
    uint64_t hash;
    int n_nodes, n_in, n_out, ratio;
    int64_t flops, params, count;
    char *origin, *ops, *body;
    int64_t next; /* row with the same hash, -1: none */
};

struct segdb {
    char *path;
    int64_t count;
    uint64_t hash;
    /* reading */
    sqlite3 *sql;
    sqlite3_stmt *get, *up, *down, *next_ratio;
    /* writing */
    bool writing;
    struct file_writer file;
    VEC(struct segdb_row) row;
    struct u64map by_text; /* hash of the body -> row */
    struct u64map by_hash; /* graph_hash -> first row */
};

uint64_t segdb_rows_hash(const struct segdb *db);
void segdb_free(struct segdb *db);

#endif
