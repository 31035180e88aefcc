/* The archives of searches in the user's state folder: their names, and which are removed. */
#include "session/archives.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "search/archive.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NEWEST = 20, DAYS = 30, SECONDS = 24 * 60 * 60 };

char *archives_name(uint64_t network, uint64_t settings)
{
    char name[96];
    snprintf(name, sizeof name, "searches/%016" PRIx64 "-%016" PRIx64 ".db", network,
             hash_pair(settings, ARCHIVE_VERSION));
    return file_xdg("STATE", name, 1);
}

char *archives_file(const char *name)
{
    char full[PATH_MAX];
    return x_strdup(realpath(name, full) ? full : name);
}

void archives_also(const char *archive, const char *name)
{
    const char *slash = strrchr(archive, '/');
    if (strcmp(archive, name) == 0)
        return;
    /* one that is there is of another search, or leads here already */
    int known = symlink(slash ? slash + 1 : archive, name);
    (void)known;
}

struct file {
    char *path;
    time_t written;
};

static int newest_first(const void *a, const void *b)
{
    const struct file *x = a, *y = b;
    return x->written != y->written ? (x->written < y->written ? 1 : -1) : strcmp(x->path, y->path);
}

/* Names that lead nowhere any more go at once. */
static bool is_archive(const char *path, time_t *written)
{
    struct stat is;
    if (lstat(path, &is) < 0)
        return false;
    if (S_ISLNK(is.st_mode) && access(path, F_OK) < 0)
        unlink(path);
    *written = is.st_mtime;
    return S_ISREG(is.st_mode);
}

void archives_prune(const char *keep)
{
    VEC(struct file) all = {0};
    char *folder = file_xdg("STATE", "searches", 0);
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d)) != NULL;) {
        struct file f = {x_asprintf("%s/%s", folder, e->d_name), 0};
        size_t n = strlen(e->d_name);
        if (n > 3 && strcmp(e->d_name + n - 3, ".db") == 0 && is_archive(f.path, &f.written))
            vec_push(&all, f);
        else
            free(f.path);
    }
    if (d)
        closedir(d);
    if (all.n)
        qsort(all.at, all.n, sizeof *all.at, newest_first);
    for (size_t i = 0; i < all.n; i++) {
        bool old = time(NULL) - all.at[i].written > (time_t)DAYS * SECONDS;
        if (i >= NEWEST && old && strcmp(all.at[i].path, keep) != 0)
            archive_remove(all.at[i].path);
        free(all.at[i].path);
    }
    vec_done(&all);
    free(folder);
}
