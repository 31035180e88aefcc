/* The session journal: append-only text, one record per line, on disk before an edit is shown.
 *
 *     autogo-journal 1
 *     model <hash of the source> <graph_hash of version 0> <spec>
 *     segments <hash of the segment database>
 *     vocabulary <hash of the vocabulary file>
 *     seed <decimal>
 *     begin
 *     <sequence> TAB <UTC time> TAB <command> TAB <hash before> TAB <hash after> TAB <check>
 *
 * Hashes are 16 hexadecimal digits; <check> is 8, a hash of the line before it, so that a torn or
 * damaged record is told from a whole one. A bad last line (a crash while it was being written) is
 * ignored and cut off when the journal is continued; a bad line before the last is a damaged file.
 * An open journal is locked (flock) for the life of the handle. */
#ifndef SESSION_JOURNAL_H
#define SESSION_JOURNAL_H

#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stdint.h>

struct journal_header {
    uint64_t model, graph, segments, vocabulary, seed;
    char *spec;
};
struct journal_record {
    int line; /* in the file, from 1 */
    char time[32];
    char *command;
    uint64_t before, after;
};
struct journal_text {
    struct journal_header head;
    VEC(struct journal_record) record;
    bool empty;      /* no whole header: nothing was ever recorded */
    long good_bytes; /* up to the end of the last whole line */
};

struct journal; /* opaque */

/* Opens (or creates) and locks. ST_NO: another process has it. */
enum status journal_open(struct journal **out, const char *path, struct err *err);
/* Releases the lock. A journal without records is removed when `remove_empty`. NULL is fine. */
void journal_close(struct journal *j, bool remove_empty);
const char *journal_path(const struct journal *j);

/* Parses what is there. ST_MODEL naming the line when it is damaged, ST_UNSUPPORTED for a newer
 * format, ST_IO when the file is something else. */
enum status journal_read(struct journal *j, struct journal_text *out, struct err *err);
void journal_text_done(struct journal_text *t);

/* Starts a journal in the file, which must be empty (or have no whole header). */
enum status journal_begin(struct journal *j, const struct journal_header *head, struct err *err);
/* Goes on after the `n` records that journal_read found. */
enum status journal_resume(struct journal *j, const struct journal_text *t, struct err *err);
/* Writes and syncs one record. On failure the file is cut back to where it was. */
enum status journal_append(struct journal *j, const char *command, uint64_t before, uint64_t after,
                           struct err *err);
/* Renames the file to a free name "<path>.<time>.old" and goes on with a new, empty, locked one. */
enum status journal_set_aside(struct journal *j, struct err *err);

#endif
