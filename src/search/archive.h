/* The archive of a search: every child with its lineage, numbers or reason of refusal, in SQLite.
 * Generations are written whole or not at all. One process at a time holds an archive. */
#ifndef SEARCH_ARCHIVE_H
#define SEARCH_ARCHIVE_H

#include "search/search.h"

enum search_fate {
    FATE_ACCEPTED,
    FATE_REFUSED,
    FATE_DUPLICATE,
    FATE_BEYOND,
    FATE_GUEST, /* accepted elsewhere, on another rank */
    FATE_WAY    /* between a guest and a network that is known here */
};
enum { FATES = FATE_WAY + 1 };

/* PRAGMA user_version and application_id; the tables. */
enum { ARCHIVE_VERSION = 5, ARCHIVE_APPLICATION = 0x41474152 /* "AGAR" */ };
extern const char archive_schema[];

struct archive; /* opaque */

/* Opens or makes it. `what` names the search (network, options): ST_USAGE when the archive at
 * `path` is of another one, or another process holds it; ST_MODEL: no archive, or damaged. */
enum status archive_open(struct archive **out, const char *path, const char *what, struct err *err);
/* One that is there, to read only: nothing may be added. Errors as above. */
enum status archive_look(struct archive **out, const char *path, struct err *err);
void archive_close(struct archive *a); /* NULL is fine */
/* Removes the file of one, of any version, that nobody uses; else it does nothing. */
void archive_remove(const char *path);
/* The last generation that there is; 0: none. */
enum status archive_generations(struct archive *a, int64_t *out, struct err *err);
/* Drops those after `generation`. */
enum status archive_forget(struct archive *a, int64_t generation, struct err *err);
enum status archive_begin(struct archive *a, struct err *err);
enum status archive_add(struct archive *a, const struct search_point *p, enum search_fate fate,
                        const char *reason, struct err *err);
enum status archive_commit(struct archive *a, struct err *err);
/* All children in order; `reason` is why one was refused, "": it was not. */
typedef enum status archive_take(void *arg, const struct search_point *p, enum search_fate fate,
                                 const char *reason, struct err *err);
enum status archive_each(struct archive *a, archive_take *take, void *arg, struct err *err);
enum status archive_get(struct archive *a, int64_t id, struct search_point *out, struct err *err);

/* What may be changed on the way, and behind which generation it was; 0: begun with. In a
 * transaction of the caller's. */
enum status archive_set(struct archive *a, int64_t generation, const char *name, const char *value,
                        struct err *err);
enum status archive_unset(struct archive *a, int64_t generation, const char *name, struct err *err);
typedef enum status archive_take_setting(void *arg, int64_t generation, const char *name,
                                         const char *value, struct err *err);
/* By generation. */
enum status archive_settings(struct archive *a, archive_take_setting *take, void *arg,
                             struct err *err);

/* Truths on the way, and the estimates of accuracy that they changed: behind a generation the last
 * one of a network counts. In a transaction of the caller's. */
enum status archive_tell(struct archive *a, const struct search_truth *t, struct err *err);
enum status archive_correct(struct archive *a, int64_t generation, int64_t id, double acc,
                            struct err *err);
typedef enum status archive_take_truth(void *arg, const struct search_truth *t, struct err *err);
/* In the order in which they were told. */
enum status archive_truths(struct archive *a, archive_take_truth *take, void *arg, struct err *err);
typedef enum status archive_take_correction(void *arg, int64_t id, double acc, struct err *err);
/* Those behind a generation; *any: there are some. */
enum status archive_corrected(struct archive *a, int64_t generation, archive_take_correction *take,
                              void *arg, bool *any, struct err *err);

/* Opens one that is there for what was measured: values of networks (by hash) that a recipe trained
 * with a seed; NaN: the training blew up. Written at once. */
enum status archive_again(struct archive **out, const char *path, struct err *err);
enum status archive_measured(struct archive *a, uint64_t hash, const char *recipe, uint64_t seed,
                             double *out, bool *known, struct err *err);
enum status archive_measure(struct archive *a, uint64_t hash, const char *recipe, uint64_t seed,
                            double value, struct err *err);

#endif
