/* Files: whole reads with a size limit, atomic writes (temporary file beside the target, fsync,
 * rename), so that a full disk or a crash never leaves half a file. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads a regular file or a pipe; *data is malloc'ed (caller frees), a NUL follows its end. */
enum status file_read(const char *path, size_t max_bytes, unsigned char **data, size_t *size,
                      struct err *err);

/* The same until an atomic flag is set: ST_CANCELLED, also when a pipe has no writer. NULL: never.
 */
enum status file_read_until(const char *path, size_t max_bytes, const int *cancel,
                            unsigned char **data, size_t *size, struct err *err);

/* As file_read, unpacked when the file is gzip's. ST_MODEL: it is damaged or cut off. */
enum status file_read_packed(const char *path, size_t max_bytes, unsigned char **data, size_t *size,
                             struct err *err);

/* The folder part of a path, "." when it has none; caller frees. */
char *file_folder(const char *path);

/* An atomic writer: open, write to f, then commit or discard (either one frees it). */
struct file_writer {
    FILE *f;
    char *path, *tmp;
};
enum status file_writer_open(struct file_writer *w, const char *path, struct err *err);
enum status file_writer_commit(struct file_writer *w, struct err *err);
void file_writer_discard(struct file_writer *w);
/* Whether a file can be written there, before long work: as file_writer_open, and nothing is left.
 */
enum status file_try(const char *path, struct err *err);
/* Opens, writes and commits in one call. */
enum status file_write(const char *path, const void *data, size_t size, struct err *err);

/* $XDG_<kind>_HOME/autogo/<name> with the standard default; kind is "DATA", "CACHE", "STATE" or
 * "CONFIG". Makes the folders when `make`. Caller frees. */
char *file_xdg(const char *kind, const char *name, int make);
/* `path` as configure knows it, below the root that the program was installed under: "" as a rule,
 * a folder where make install DESTDIR=... staged it or an image is mounted. Caller frees. */
char *file_installed(const char *path);
/* Where installed data lies: $AUTOGO_DATA, else beside the program's sources when it runs from a
 * build tree, else pkgdatadir. The path of `name` in it; caller frees. */
char *file_data(const char *name);

#endif
