/* Inside src/segdb: the text form of fragments, the identity of structures, rows and files. */
#ifndef SEGDB_SEGDB_PRIV_H
#define SEGDB_SEGDB_PRIV_H

#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/vec.h"
#include "segdb/segdb.h"
#include <sqlite3.h>

/* Version of the tables, of the text form and of the identity together (PRAGMA user_version). */
enum { SEGDB_VERSION = 2 };
/* PRAGMA application_id of a database, and of the state of an unfinished mining run. */
enum { SEGDB_APPLICATION = 0x41475347 /* "AGSG" */, SEGDB_PART = 0x41475350 /* "AGSP" */ };

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
/* Any bytes are allowed to come; ST_MODEL names the line. Nodes are named conv1, bn1, conv2 ... */
enum status segdb_text_read(const char *text, struct graph **out, struct err *err);
/* "Conv3x3 BatchNormalization Relu" */
void segdb_text_ops(const struct graph *fragment, struct str *out);
/* The number in decimal so that it reads back as the same; "." whatever the locale. */
void segdb_text_number(struct str *out, double v, bool is_double);
/* Size of the first input's leading dimension; DIM_UNKNOWN: there is none. */
int64_t segdb_text_batch(const struct graph *fragment);

/* How sizes enter a label: literally, or widths relative to the widest and no resolutions. */
struct segdb_scale {
    bool free;
    int64_t widest, batch;
};
/* One node without its producers. The constants of a commutative operator are listed in any
 * order. */
enum status segdb_text_label(const struct graph *fragment, int32_t id,
                             const struct segdb_scale *scale, struct str *out, struct err *err);

/* ---- texts as they are stored (segdb_squeeze.c) ---- */

enum { SEGDB_BODY_MAX = 4 << 20 }; /* bytes of a text */
/* *n receives the size; caller frees. The text has at most SEGDB_BODY_MAX bytes. */
unsigned char *segdb_deflate(const char *text, size_t *n);
/* Caller frees; NULL: no such data, or too much text. */
char *segdb_inflate(const unsigned char *data, size_t n);

/* ---- identity (segdb_iso.c) ---- */

/* The widest value, and whether the fragment's sizes may be left out of its labels at all. */
struct segdb_scale segdb_scale_of(const struct graph *g);
/* Equal for fragments of the same structure. */
uint64_t segdb_structure_hash(const struct graph *g);
/* Whether two fragments are the same structure. `image` (one entry for each slot of `a`, may be
 * NULL) receives the node of `b` that each node of `a` corresponds to. */
bool segdb_same(const struct graph *a, const struct graph *b, int32_t *image);

/* ---- ports (segdb_port.c) ---- */

/* The types at the boundary of a fragment; `in` and `out` lie in one block. */
struct segdb_ports {
    int n_in, n_out;
    const struct ttype **in, **out;
};
/* Borrows from the fragment. */
struct segdb_ports segdb_ports_of(const struct graph *fragment);
void segdb_ports_done(struct segdb_ports *p);
/* Resolution ratio of the boundary: log2 of input area / output area, rounded, so that 2 is one
 * halving of both axes. Batch and channels do not count. */
int segdb_ratio(const struct ttype *const *in, int n_in, const struct ttype *const *out, int n_out);
/* "64x56x56, 32x56x56 > 256x56x56"; without the batch. */
void segdb_ports_text(const struct segdb_ports *p, int64_t batch, struct str *out);
/* In which order the ports of `b` stand for those of `a`, by the image that segdb_same gave:
 * n_in, then n_out numbers; caller frees. */
int *segdb_ports_order(const struct graph *a, const struct graph *b, const int32_t *image);
/* The text with its ports in another order: part k of the result is part order[k] of `text`.
 * false when the text does not have as many. */
bool segdb_ports_permute(const char *text, int n_in, int n_out, const int *order, struct str *out);

/* ---- rows (segdb_row.c) ---- */

struct segdb_row {
    int64_t number;
    uint64_t hash; /* segdb_structure_hash */
    int n_nodes, n_in, n_out, ratio;
    double relative; /* segdb_relative_cost */
    int64_t flops, params, count;
    uint64_t ops_hash;   /* of segdb_text_ops */
    char *origin, *body; /* body NULL: removed */
    VEC(struct segdb_shape) shape;
    VEC(struct segdb_origin) group;
    int64_t next; /* index of a row with the same hash, -1: none */
};

/* What follows from the fragment: hash, ports, costs, ops. */
void segdb_row_measure(struct segdb_row *row, const struct graph *fragment);
/* The occurrences of one shape and one group, made when new. */
struct segdb_shape *segdb_row_shape(struct segdb_row *row, const char *text);
int64_t *segdb_row_group(struct segdb_row *row, const char *group);
void segdb_row_sort(struct segdb_row *row); /* shapes and groups: most frequent first */
/* Over all columns of the row and of what belongs to it (sorted). */
uint64_t segdb_row_sum(const struct segdb_row *row);
void segdb_row_done(struct segdb_row *row);
/* The group of a network: "nb201" for "nb201:...", "" for files. Caller frees. */
char *segdb_group(const char *origin);

/* ---- files (segdb_file.c) ---- */

/* The statements that make the tables, in the order of the table sqlite_master; a file must have
 * exactly these. The last two are indexes. */
enum { SEGDB_SCHEMA_N = 6, SEGDB_INDEX_N = 2 };
extern const char *const segdb_schema[SEGDB_SCHEMA_N];

enum segdb_sql {
    SQL_ROW,
    SQL_SHAPES,
    SQL_ORIGINS,
    SQL_NEXT,
    SQL_UP,
    SQL_DOWN,
    SQL_RATIO,
    SQL_LIKE,
    SQL_COUNT
};

/* A database file open for reading; `sql` NULL: none. */
struct segdb_layer {
    char *path;
    sqlite3 *sql;
    sqlite3_stmt *stmt[SQL_COUNT];
    int64_t count;
    uint64_t hash;
};

/* `lasting`: nothing but this program writes there and only by replacing the file, so SQLite need
 * not look for locks and journals. */
enum status segdb_layer_open(struct segdb_layer *l, const char *path, int application, bool lasting,
                             struct err *err);
void segdb_layer_close(struct segdb_layer *l);
/* Status and message of what SQLite complains about; ST_MODEL with this text. Both name the file.
 */
enum status segdb_layer_err(const struct segdb_layer *l, struct err *err);
enum status segdb_layer_bad(const struct segdb_layer *l, struct err *err, const char *what);
/* Row `number` with its shapes and groups, its sum and ranges checked. ST_USAGE: there is none. */
enum status segdb_layer_row(struct segdb_layer *l, int64_t number, struct segdb_row *out,
                            struct err *err);
/* The smallest number above this one; 0: none. */
int64_t segdb_layer_next(struct segdb_layer *l, int64_t number);
/* Value of a row of the table meta; ST_MODEL when it is not there. */
enum status segdb_layer_meta(struct segdb_layer *l, const char *key, int64_t *out, struct err *err);
enum status segdb_layer_meta_text(struct segdb_layer *l, const char *key, char **out,
                                  struct err *err);

/* How far a mining run has come. */
struct segdb_part {
    uint64_t key; /* of its specs and options */
    bool mining;  /* `text` is the vocabulary; else the corpus that it will be learnt from */
    int next;     /* first network that is still to do */
    char *text;
};
uint64_t segdb_part_sum(const struct segdb_part *p);
/* The rows as the bytes of a file; with `part` (may be NULL) of an unfinished run. *bytes: of
 * sqlite3_malloc. */
enum status segdb_rows_pack(struct segdb *db, const struct segdb_part *part, unsigned char **bytes,
                            size_t *n, struct err *err);
/* Adds all rows of a file as they are, to a database without any. */
enum status segdb_rows_load(struct segdb *db, struct segdb_layer *from, struct err *err);

/* ---- the handle ---- */

struct segdb {
    /* reading */
    int n_layers;
    struct segdb_layer layer[SEGDB_LAYERS];
    /* writing */
    bool writing;
    char *path;
    int lock;                  /* descriptor of the lock file; -1: none */
    VEC(struct segdb_row) row; /* by number */
    int64_t n_rows, next;      /* rows that are not removed; the number of the next one */
    struct u64map by_hash;     /* segdb_structure_hash -> first row */
    struct strmap by_text;     /* body -> index in `known` */
    VEC(struct segdb_known) known;
};
/* Where a spelling of a fragment counts. */
struct segdb_known {
    int64_t row;
    size_t shape;
};

enum { SEGDB_LAYER_BITS = 40 };

/* The layer of an id; NULL: there is none. */
struct segdb_layer *segdb_layer_of(struct segdb *db, int64_t id);
/* segdb_layer_row by id. */
enum status segdb_row_get(struct segdb *db, int64_t id, struct segdb_row *out, struct err *err);
uint64_t segdb_rows_hash(const struct segdb *db);

/* A database that is being written, not bound to any lock. */
struct segdb *segdb_new(const char *path);
void segdb_free(struct segdb *db);
/* Enters a row whose columns are complete; takes it over. */
void segdb_enter(struct segdb *db, struct segdb_row *row);
/* Puts the file in place: written whole beside the old one, then renamed. `before` (may be NULL)
 * is called when all bytes are on disk, and a failure of it leaves the old file. */
enum status segdb_write(struct segdb *db, enum status (*before)(void *arg, struct err *err),
                        void *arg, struct err *err);

/* ---- an unfinished mining run (segdb_part.c) ---- */

uint64_t segdb_part_key(const char *const *specs, int n, const struct segdb_mine_opts *opts);
/* Takes up what is at `path` when it is whole and of this key: *out and the rows of `db`. */
bool segdb_part_load(const char *path, uint64_t key, struct segdb *db, struct segdb_part *out);
enum status segdb_part_save(const char *path, const struct segdb_part *part, struct segdb *db,
                            struct err *err);

#endif
