#include "ui/folder.h"

#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static bool may_be_model(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".onnx") == 0 || strcasecmp(dot, ".json") == 0);
}

static int by_kind_and_name(const void *a, const void *b)
{
    const struct folder_entry *x = a, *y = b;
    if (x->folder != y->folder)
        return y->folder - x->folder;
    bool up = strcmp(x->name, "..") == 0, down = strcmp(y->name, "..") == 0;
    return up != down ? down - up : strcmp(x->name, y->name);
}

char *folder_path(const struct folder *f, int entry)
{
    const char *name = f->entry.at[entry].name;
    if (strcmp(name, "..") == 0) {
        const char *slash = strrchr(f->path, '/');
        return slash == f->path ? x_strdup("/") : x_strndup(f->path, (size_t)(slash - f->path));
    }
    return x_asprintf("%s/%s", strcmp(f->path, "/") == 0 ? "" : f->path, name);
}

static void add(struct folder *f, const struct dirent *e)
{
    struct stat info;
    char *path = x_asprintf("%s/%s", f->path, e->d_name);
    bool good = (e->d_type != DT_REG || may_be_model(e->d_name)) && stat(path, &info) == 0;
    free(path);
    if (good && (S_ISDIR(info.st_mode) || (S_ISREG(info.st_mode) && may_be_model(e->d_name))))
        vec_push(&f->entry, (struct folder_entry){x_strdup(e->d_name), S_ISDIR(info.st_mode),
                                                  info.st_size, info.st_mtime});
}

enum status folder_read(struct folder *f, const char *path, bool hidden, struct err *err)
{
    struct folder now = {.path = realpath(path, NULL)};
    DIR *d = now.path ? opendir(now.path) : NULL;
    if (!d) {
        err_set(err, ST_IO, "%s", strerror(errno));
        free(now.path);
        return err_in_file(err, path);
    }
    for (struct dirent *e; (e = readdir(d));) {
        bool up = strcmp(e->d_name, "..") == 0;
        if (strcmp(e->d_name, ".") == 0 || (up && strcmp(now.path, "/") == 0) ||
            (!up && e->d_name[0] == '.' && !hidden))
            continue;
        add(&now, e);
    }
    closedir(d);
    if (now.entry.n)
        qsort(now.entry.at, now.entry.n, sizeof *now.entry.at, by_kind_and_name);
    folder_done(f);
    *f = now;
    return ST_OK;
}

void folder_done(struct folder *f)
{
    for (size_t i = 0; i < f->entry.n; i++)
        free(f->entry.at[i].name);
    vec_done(&f->entry);
    free(f->path);
    f->path = NULL;
}
