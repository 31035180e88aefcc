/* The table that label fills: rows are appended one at a time by any number of processes, each row
 * in one write that reached the disk before the next network begins.
 *
 * Beside FILE.csv stands FILE.csv.manifest, text lines "key: value"; a process whose own lines
 * differ is refused, so that all rows of a table were made alike. Lines about the program and the
 * machine are added when they are new. The table and the claims are guarded by advisory locks
 * (open file description locks), which end with their process: after kill -9 the half row that
 * may be left is dropped, and the network is free again. One thread. */
#ifndef CLI_LABEL_FILE_H
#define CLI_LABEL_FILE_H

#include "base/err.h"
#include "base/hash.h"
#include <stdbool.h>
#include <sys/types.h>

struct label_file {
    int fd;
    char *path;
    off_t seen;         /* rows up to here are in `rows` */
    struct strmap rows; /* "SEED ARCH" */
};

/* `recipe` is the manifest that must agree, `place` what may be added to it; both whole lines.
 * ST_USAGE: another recipe, or a file that is no such table. */
enum status label_file_open(struct label_file *f, const char *path, const char *recipe,
                            const char *place, const char *header, struct err *err);
void label_file_close(struct label_file *f);
/* Adds those lines of `place` to the manifest that it lacks: another machine makes rows too. */
enum status label_file_place(struct label_file *f, const char *place, struct err *err);
/* Puts the line "KEY: VALUE" into the manifest in place of an earlier one with that key; KEY is
 * none of the recipe's. */
enum status label_file_note(struct label_file *f, const char *key, const char *value,
                            struct err *err);
/* Whether there is such a row; rows of other processes are read first. */
enum status label_file_has(struct label_file *f, const char *arch, uint64_t seed, bool *has,
                           struct err *err);
/* Claims job number `job` (below 2^40) for this process; false: another process has it. */
bool label_file_claim(struct label_file *f, int64_t job);
void label_file_unclaim(struct label_file *f, int64_t job);
/* Appends "arch","seed" and `rest` unless such a row came meanwhile; *added says which. */
enum status label_file_append(struct label_file *f, const char *arch, uint64_t seed,
                              const char *rest, bool *added, struct err *err);

#endif
