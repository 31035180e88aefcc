/* Changing segment databases as files, for the batch front end: what the session does to the user's
 * own one (session_keep), here to any. Each call opens, changes and writes the whole, or leaves the
 * file as it was; errors name it. Thread-safe. */
#ifndef SESSION_STORE_H
#define SESSION_STORE_H

#include "segdb/segdb.h"

/* Adds a fragment to the database at `path`, which is made when absent (segdb_edit, segdb_add). */
enum status store_add(const char *path, const struct graph *fragment, const char *origin,
                      int64_t *number, struct err *err);
/* Removes all of the segments or none; name[i] is what the user calls number[i]. ST_USAGE: one of
 * them is not there. */
enum status store_remove(const char *path, const int64_t *number, char *const *name, int n,
                         struct err *err);
/* Makes a database of all segments of others; `path` may be one of them. *segments receives their
 * number. `cancel` (may be NULL) is polled, `progress` (may be NULL) told before each. */
enum status store_merge(const char *path, char *const *from, int n, const int *cancel,
                        void (*progress)(void *arg, int done, int total, const char *what),
                        void *arg, int64_t *segments, struct err *err);

#endif
