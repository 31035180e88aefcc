/* The segment database: segments (fragments with explicit ports) mined from networks, in SQLite.
 *
 * A segment is a structure: operators, attributes, wiring, and widths relative to each other (to
 * the half octave). Two fragments are the same segment when one is the other with all widths
 * multiplied and at another resolution; a database keeps one fragment of each (the first seen), and
 * the shapes at its ports that were seen. Shape repair brings any of them to any width, so more
 * would be the same candidate again.
 *
 * One connection per thread; a struct segdb is not shared between threads.
 * A record's fragment is a graph as region_extract makes it, without weight values. */
#ifndef SEGDB_SEGDB_H
#define SEGDB_SEGDB_H

#include "bpe/bpe.h"
#include "cost/cost.h"

struct segdb; /* opaque */

/* Ids: layer << 40 | number. A segment's name is "s123" in the first layer (the shipped database),
 * "u123" in the second (the user's). Numbers are never used again after a removal. */
enum { SEGDB_LAYERS = 2, SEGDB_NAME = 24 };
void segdb_name(int64_t id, char name[SEGDB_NAME]);
bool segdb_name_parse(const char *name, int64_t *id);

struct segdb_record {
    int64_t id;
    char *name;   /* what --with takes */
    char *origin; /* first network it was seen in */
    char *ops;    /* "Conv3x3 BatchNormalization Relu" in topological order */
    int n_nodes, n_in, n_out;
    int ratio;     /* log2 of input area / output area, rounded: 2 is one halving of both axes */
    int64_t count; /* occurrences while mining, all shapes */
    int n_shapes;
    int64_t flops_paper, params; /* of the fragment */
    struct graph *fragment;
};

/* Read-only open of existing databases, first layer first (1 <= n <= SEGDB_LAYERS; a path may be
 * NULL except the first: that layer is empty). A newer schema or a damaged file is refused,
 * ST_MODEL. */
enum status segdb_open(struct segdb **out, const char *const *path, int n, struct err *err);
/* Creates a new database at `path` for writing (complete only after segdb_close succeeded). */
enum status segdb_create(struct segdb **out, const char *path, struct err *err);
/* For writing, with what is at `path` already; the folder and the file are made when absent.
 * Another process that edits the same file is waited for (a lock beside it). */
enum status segdb_edit(struct segdb **out, const char *path, struct err *err);
/* Frees `db` in either case. A database being written is written now, all or nothing. */
enum status segdb_close(struct segdb *db, struct err *err);
/* Gives up a database being written (an existing file at its path stays); closes a read one.
 * NULL is fine. */
void segdb_abandon(struct segdb *db);
int64_t segdb_count(const struct segdb *db); /* of all layers */
/* Hash of the contents of the first layer (free of time and machine), for the session journal. */
uint64_t segdb_hash(const struct segdb *db);

/* ---- writing: after segdb_create or segdb_edit (ids there are of layer 0; the user's database,
 * opened alone, also calls its segments s1, s2 ...) ---- */

/* Adds an occurrence: a new segment, or count + 1 of one that is the same structure (verified).
 * Weight values are not kept; the batch size becomes the symbol N. *number (may be NULL) receives
 * its number. ST_UNSUPPORTED: the fragment holds opaque nodes, or constants or attributes that
 * have no text form. */
enum status segdb_add(struct segdb *db, const struct graph *fragment, const char *origin,
                      int64_t *number, struct err *err);
/* Adds all segments of another database, with their counts; none when that one is damaged. */
enum status segdb_absorb(struct segdb *db, const char *path, struct err *err);
/* ST_USAGE: no such number. */
enum status segdb_remove(struct segdb *db, int64_t number, struct err *err);

/* ---- reading ---- */

enum status segdb_get(struct segdb *db, int64_t id, struct segdb_record *out, struct err *err);
void segdb_record_done(struct segdb_record *r);
/* The smallest id above `id` (0 to begin), 0: none. */
int64_t segdb_next(struct segdb *db, int64_t id);
/* *id of the segment that is the same structure as the fragment, of the first layer that has it;
 * 0: none. ST_UNSUPPORTED as segdb_add. O(log records) and one comparison. */
enum status segdb_find(struct segdb *db, const struct graph *fragment, int64_t *id,
                       struct err *err);

/* What was seen of a segment, most frequent first: `text` is the shapes at its ports,
 * "64x56x56 > 256x56x56". */
struct segdb_shape {
    char *text;
    int64_t flops_paper, params, count;
};
/* In which groups of networks ("nb101", "zoo", "" for files), most frequent first. */
struct segdb_origin {
    char *group;
    int64_t count;
};
struct segdb_seen {
    int n_shapes, n_origins;
    struct segdb_shape *shape;
    struct segdb_origin *origin;
};
enum status segdb_seen(struct segdb *db, int64_t id, struct segdb_seen *out, struct err *err);
void segdb_seen_done(struct segdb_seen *s);

/* Validates a row anew: the fragment parses, is connected and acyclic, its types follow from its
 * inputs by shape_infer, its costs, ports and hash are those of the row, its counts add up, no
 * other row of its layer is the same structure, and written as ONNX with its own ports it passes
 * the ONNX checker. ST_MODEL says what is wrong. */
enum status segdb_check(struct segdb *db, int64_t id, struct err *err);

/* Ids of the records with these port counts, most promising first: same resolution ratio between
 * inputs and outputs first, then nearest in relative cost to the region (segdb_relative_cost; half
 * of it is as far as twice); few of one operator sequence (ops) as long as there are others. *ids:
 * caller frees. O(limit log records), only of the index. */
enum status segdb_query(struct segdb *db, const struct graph *g, const struct region *r, int limit,
                        int64_t **ids, int *n, struct err *err);
/* The same for records with other port counts than the region's. */
enum status segdb_query_ports(struct segdb *db, const struct graph *g, const struct region *r,
                              int n_in, int n_out, int limit, int64_t **ids, int *n,
                              struct err *err);
/* Ids of the records with the port counts of a fragment, most alike first: those of its operator
 * sequence, then as segdb_query orders. The record of the fragment itself is among them. */
enum status segdb_query_like(struct segdb *db, const struct graph *fragment, int limit,
                             int64_t **ids, int *n, struct err *err);
/* FLOPs (paper's rule) over elements at the input ports times their mean width: about the same for
 * one structure at all widths and resolutions. */
double segdb_relative_cost(int64_t flops_paper, const struct ttype *const *in, int n_in);

/* Whether the region of `g` may be stored: no opaque, input or output node, inputs and outputs
 * known in shape (but for the batch), connected, convex; no multiplication by zero. */
bool segdb_worth(const struct graph *g, const struct region *r);

/* ---- mining ---- */

/* Mines networks (each string as family_build or a path takes; opened by `open_model`) into a
 * canonical vocabulary and a database. The same specs in the same order give the same files.
 * Networks are opened twice, one at a time. Neither file changes when any step fails.
 *
 * Every `save_s` seconds and when it is cancelled the state is written to `db_path`.part; mining
 * the same specs with the same options later goes on from there, and gives the same files as one
 * that was not interrupted. A .part file of anything else is overwritten, a finished run removes
 * it. */
struct segdb_mine_opts {
    int n_merges, max_piece;
    double save_s;     /* 0: only when cancelled */
    const int *cancel; /* polled; NULL: never */
    void (*progress)(void *arg, int done, int total, const char *what);
    void *arg;
    enum status (*open_model)(const char *spec, struct graph **out, struct err *err);
    const int *times; /* how much each spec counts in training (bpe_corpus_add); NULL: 1 */
};
struct segdb_mined {
    int resumed_at; /* networks (of 2 n: each is opened twice) that an earlier run had done */
    int64_t segments;
    int tokens, merges;
};
enum status segdb_mine(const char *const *specs, int n, const char *vocab_path, const char *db_path,
                       const struct segdb_mine_opts *opts, struct segdb_mined *out,
                       struct err *err);

#endif
