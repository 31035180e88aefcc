/* A folder as a list to choose a model from: folders first, then what a model may be in. */
#ifndef UI_FOLDER_H
#define UI_FOLDER_H

#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct folder_entry {
    char *name; /* ".." first, except in the root */
    bool folder;
    off_t size; /* bytes */
    time_t changed;
};

struct folder {
    char *path; /* absolute; NULL: none was read yet */
    VEC(struct folder_entry) entry;
};

/* Reads `path` in place of what was there; `hidden`: also names that begin with a dot. ST_IO: it
 * cannot be read, and what was there stays. */
enum status folder_read(struct folder *f, const char *path, bool hidden, struct err *err);
void folder_done(struct folder *f);
/* The path of an entry; caller frees. */
char *folder_path(const struct folder *f, int entry);

#endif
