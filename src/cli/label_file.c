#include "cli/label_file.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_BYTES = 1 << 30 };
/* Bytes that stand for jobs in locks lie beyond any table. */
#define JOB_BYTES ((off_t)1 << 41)

static enum status io_error(const struct label_file *f, const char *what, struct err *err)
{
    int number = errno ? errno : EIO;
    err_set(err, ST_IO, "%s: %s", what, strerror(number));
    err_in_file(err, f->path);
    return ST_IO;
}

/* ---- locks ---- */

static bool set_lock(const struct label_file *f, int command, short type, off_t at, off_t n)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = n};
    int r;
    do
        r = fcntl(f->fd, command, &l);
    while (r < 0 && errno == EINTR);
    return r == 0;
}

static enum status lock(const struct label_file *f, struct err *err)
{
    return set_lock(f, F_OFD_SETLKW, F_WRLCK, 0, 1) ? ST_OK : io_error(f, "cannot lock", err);
}

static void unlock(const struct label_file *f)
{
    set_lock(f, F_OFD_SETLK, F_UNLCK, 0, 1);
}

bool label_file_claim(struct label_file *f, int64_t job)
{
    return set_lock(f, F_OFD_SETLK, F_WRLCK, JOB_BYTES + job, 1);
}

void label_file_unclaim(struct label_file *f, int64_t job)
{
    set_lock(f, F_OFD_SETLK, F_UNLCK, JOB_BYTES + job, 1);
}

/* ---- rows ---- */

static char *key_of(const char *arch, uint64_t seed)
{
    return x_asprintf("%llu %s", (unsigned long long)seed, arch);
}

/* "ARCH",SEED,... as label_file_append writes it. */
static void take_row(struct label_file *f, const char *line)
{
    const char *end = line[0] == '"' ? strchr(line + 1, '"') : NULL;
    if (!end || end[1] != ',')
        return;
    char *arch = x_strndup(line + 1, (size_t)(end - line - 1));
    char *key = key_of(arch, strtoull(end + 2, NULL, 10));
    strmap_put(&f->rows, key, 1);
    free(key);
    free(arch);
}

/* Reads whole rows behind f->seen. Under the lock nobody is writing, so what follows the last line
 * end was left by a process that died: `mend` cuts it off. */
static enum status read_rows(struct label_file *f, bool mend, struct err *err)
{
    struct stat st;
    if (fstat(f->fd, &st) < 0)
        return io_error(f, "cannot read", err);
    if (st.st_size < f->seen || st.st_size - f->seen > MOST_BYTES) {
        err_set(err, ST_IO, "it was cut off or has grown beyond reason while it was in use");
        return err_in_file(err, f->path), ST_IO;
    }
    size_t n = (size_t)(st.st_size - f->seen), got = 0;
    char *text = x_malloc(n + 1);
    while (got < n) {
        ssize_t r = pread(f->fd, text + got, n - got, f->seen + (off_t)got);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        got += (size_t)r;
    }
    text[got] = '\0';
    char *line = text, *end;
    for (; (end = memchr(line, '\n', (size_t)(text + got - line))); line = end + 1) {
        *end = '\0';
        take_row(f, line);
    }
    f->seen += line - text;
    bool half = line < text + got;
    free(text);
    if (got < n)
        return io_error(f, "cannot read", err);
    if (half && mend && ftruncate(f->fd, f->seen) < 0)
        return io_error(f, "cannot drop a half row", err);
    return ST_OK;
}

static enum status append(struct label_file *f, const char *text, size_t n, struct err *err)
{
    ssize_t w;
    do
        w = write(f->fd, text, n);
    while (w < 0 && errno == EINTR);
    if (w == (ssize_t)n && fsync(f->fd) == 0) {
        f->seen += w;
        return ST_OK;
    }
    if (w >= 0 && w < (ssize_t)n)
        errno = ENOSPC;
    enum status st = io_error(f, "cannot write", err);
    if (w > 0 && ftruncate(f->fd, f->seen) < 0)
        return st; /* the half row goes when the table is opened again */
    return st;
}

enum status label_file_has(struct label_file *f, const char *arch, uint64_t seed, bool *has,
                           struct err *err)
{
    char *key = key_of(arch, seed);
    enum status st = read_rows(f, false, err);
    *has = strmap_get(&f->rows, key) != NULL;
    free(key);
    return st;
}

enum status label_file_append(struct label_file *f, const char *arch, uint64_t seed,
                              const char *rest, bool *added, struct err *err)
{
    char *row = x_asprintf("\"%s\",%llu,%s\n", arch, (unsigned long long)seed, rest);
    char *key = key_of(arch, seed);
    *added = false;
    enum status st = lock(f, err);
    if (st == ST_OK) {
        st = read_rows(f, true, err);
        *added = st == ST_OK && !strmap_get(&f->rows, key);
        if (*added)
            st = append(f, row, strlen(row), err);
        if (st == ST_OK)
            strmap_put(&f->rows, key, 1);
        unlock(f);
    }
    free(row);
    free(key);
    return st;
}

/* ---- opening ---- */

static bool has_line(const char *text, const char *line, size_t n)
{
    for (const char *p = text; (p = strstr(p, line)); p++)
        if ((p == text || p[-1] == '\n') && (p[n] == '\n' || !p[n]))
            return true;
    return false;
}

/* A new table's manifest is written, an old one's must begin with the recipe. */
static enum status agree(const struct label_file *f, bool fresh, const char *recipe,
                         const char *place, struct err *err)
{
    char *path = x_asprintf("%s.manifest", f->path);
    unsigned char *had = NULL;
    size_t size;
    enum status st = fresh ? ST_OK : file_read(path, MOST_BYTES, &had, &size, err);
    struct str now = {0};
    str_add(&now, had ? (char *)had : recipe);
    if (st == ST_OK && !str_starts(str_text(&now), recipe)) {
        st = err_set(err, ST_USAGE, "the table was made with another recipe");
        err_in_file(err, path);
    }
    size_t before = had ? now.n : 0;
    while (st == ST_OK && *place) {
        size_t n = strcspn(place, "\n");
        char *line = x_strndup(place, n);
        if (!has_line(str_text(&now), line, n))
            str_addf(&now, "%s\n", line);
        free(line);
        place += n + (place[n] == '\n');
    }
    if (st == ST_OK && now.n > before)
        st = file_write(path, now.s, now.n, err);
    str_done(&now);
    free(had);
    free(path);
    return st;
}

static enum status begin(struct label_file *f, const char *recipe, const char *place,
                         const char *header, struct err *err)
{
    struct stat s;
    size_t n = strlen(header);
    char *first = x_calloc(n + 1, 1);
    if (fstat(f->fd, &s) < 0) {
        free(first);
        return io_error(f, "cannot read", err);
    }
    /* A process that died in its first write left less than a header. */
    ssize_t got = pread(f->fd, first, n, 0);
    bool ours = got >= 0 && memcmp(first, header, (size_t)got) == 0;
    bool fresh = ours && (size_t)got < n;
    free(first);
    if (!ours) {
        err_set(err, ST_USAGE, "not a table of this recipe: the header is another one");
        return err_in_file(err, f->path), ST_USAGE;
    }
    TRY(agree(f, fresh, recipe, place, err));
    if (fresh && ftruncate(f->fd, 0) < 0)
        return io_error(f, "cannot write", err);
    return fresh ? append(f, header, n, err) : read_rows(f, true, err);
}

enum status label_file_open(struct label_file *f, const char *path, const char *recipe,
                            const char *place, const char *header, struct err *err)
{
    *f = (struct label_file){.path = x_strdup(path)};
    f->fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    enum status st = f->fd < 0 ? io_error(f, "cannot open", err) : lock(f, err);
    if (st == ST_OK) {
        st = begin(f, recipe, place, header, err);
        unlock(f);
    }
    if (st != ST_OK)
        label_file_close(f);
    return st;
}

enum status label_file_place(struct label_file *f, const char *place, struct err *err)
{
    TRY(lock(f, err));
    enum status st = agree(f, false, "", place, err);
    unlock(f);
    return st;
}

static enum status replace_line(const char *path, const char *key, const char *value,
                                struct err *err)
{
    unsigned char *had;
    size_t size, n = strlen(key);
    struct str now = {0};
    TRY(file_read(path, MOST_BYTES, &had, &size, err));
    for (const char *p = (char *)had, *end; *p; p = end) {
        end = p + strcspn(p, "\n");
        end += *end == '\n';
        if (strncmp(p, key, n) != 0 || p[n] != ':')
            str_addf(&now, "%.*s", (int)(end - p), p);
    }
    str_addf(&now, "%s: %s\n", key, value);
    enum status st = ST_OK;
    if (strcmp(str_text(&now), (char *)had) != 0)
        st = file_write(path, now.s, now.n, err);
    str_done(&now);
    free(had);
    return st;
}

enum status label_file_note(struct label_file *f, const char *key, const char *value,
                            struct err *err)
{
    char *path = x_asprintf("%s.manifest", f->path);
    enum status st = lock(f, err);
    if (st == ST_OK) {
        st = replace_line(path, key, value, err);
        unlock(f);
    }
    free(path);
    return st;
}

void label_file_close(struct label_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    strmap_done(&f->rows);
}
