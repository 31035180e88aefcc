#include "session/journal.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "autogo-journal "
#define VERSION 1
#define JOURNAL_MAX_BYTES ((size_t)256 << 20)

struct journal {
    char *path;
    int fd;
    int seq;    /* of the last record */
    off_t size; /* where the next record goes; 0: no header yet */
};

static enum status io_error(const struct journal *j, const char *what, struct err *err)
{
    int e = errno;
    err_set(err, ST_IO, "%s: %s", what, strerror(e ? e : EIO));
    err_in_file(err, j->path);
    return ST_IO;
}

/* Opens and locks; the file may be renamed or removed by the process that held it before, so the
 * lock counts only when the name still leads to the same file. */
static enum status lock_file(struct journal *j, struct err *err)
{
    for (int tries = 0; tries < 100; tries++) {
        int fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return io_error(j, "cannot open the journal", err);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            int e = errno;
            close(fd);
            errno = e;
            if (e != EWOULDBLOCK)
                return io_error(j, "cannot lock the journal", err);
            err_set(err, ST_NO, "another process has this journal open");
            return err_in_file(err, j->path), ST_NO;
        }
        struct stat a, b;
        if (fstat(fd, &a) == 0 && !S_ISREG(a.st_mode)) {
            close(fd);
            err_set(err, ST_IO, "is not a regular file, so no journal can be kept in it");
            return err_in_file(err, j->path), ST_IO;
        }
        if (fstat(fd, &a) == 0 && stat(j->path, &b) == 0 && a.st_ino == b.st_ino &&
            a.st_dev == b.st_dev) {
            j->fd = fd;
            return ST_OK;
        }
        close(fd);
    }
    errno = EBUSY;
    return io_error(j, "cannot lock the journal", err);
}

enum status journal_open(struct journal **out, const char *path, struct err *err)
{
    struct journal *j = x_calloc(1, sizeof *j);
    j->path = x_strdup(path);
    j->fd = -1;
    enum status st = lock_file(j, err);
    if (st != ST_OK) {
        free(j->path);
        free(j);
        return st;
    }
    *out = j;
    return ST_OK;
}

void journal_close(struct journal *j, bool remove_empty)
{
    if (!j)
        return;
    if (remove_empty && j->seq == 0 && j->size > 0)
        unlink(j->path); /* only one begun by us, without a record */
    close(j->fd);
    free(j->path);
    free(j);
}

const char *journal_path(const struct journal *j)
{
    return j->path;
}

/* ---- reading ---- */

static uint32_t check_of(const char *line, size_t n)
{
    return (uint32_t)hash_bytes(line, n, VERSION);
}

static bool parse_hex(const char *s, size_t digits, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < digits; i++) {
        int c = s[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (d < 0)
            return false;
        v = v << 4 | (uint64_t)d;
    }
    *out = v;
    return s[digits] == '\0';
}

/* One record line without its newline; changes the line. */
static bool parse_record(char *line, int expect_seq, struct journal_record *r)
{
    char *field[6], *p = line;
    size_t n = strlen(line);
    for (int i = 0; i < 6; i++) {
        field[i] = p;
        p = strchr(p, '\t');
        if (!p != (i == 5))
            return false;
        if (p)
            p++;
    }
    uint64_t check;
    if (!parse_hex(field[5], 8, &check) || check != check_of(line, n - 9))
        return false;
    for (int i = 0; i < 5; i++)
        field[i][strcspn(field[i], "\t")] = '\0';
    int64_t seq;
    if (!str_to_i64(field[0], 1, INT32_MAX, &seq) || seq != expect_seq ||
        strlen(field[1]) >= sizeof r->time || !parse_hex(field[3], 16, &r->before) ||
        !parse_hex(field[4], 16, &r->after))
        return false;
    strcpy(r->time, field[1]);
    r->command = x_strdup(field[2]);
    return true;
}

/* "<word> <16 hex digits>[ rest]" */
static bool parse_hash_line(char *line, const char *word, uint64_t *hash, char **rest)
{
    size_t n = strlen(word);
    if (strncmp(line, word, n) != 0 || line[n] != ' ' || strlen(line) < n + 17)
        return false;
    char *end = line + n + 17;
    if (rest ? *end != ' ' : *end != '\0')
        return false;
    if (rest)
        *rest = end + 1;
    *end = '\0';
    return parse_hex(line + n + 1, 16, hash);
}

/* The header line `i` (from 0). */
static bool parse_header(char *line, int i, struct journal_header *h)
{
    char *rest = NULL;
    switch (i) {
    case 1: {
        if (!parse_hash_line(line, "model", &h->model, &rest) || strlen(rest) < 17 ||
            rest[16] != ' ')
            return false;
        rest[16] = '\0';
        if (!parse_hex(rest, 16, &h->graph))
            return false;
        h->spec = x_strdup(rest + 17);
        return true;
    }
    case 2:
        return parse_hash_line(line, "segments", &h->segments, NULL);
    case 3:
        return parse_hash_line(line, "vocabulary", &h->vocabulary, NULL);
    case 4: {
        char *end;
        if (!str_starts(line, "seed ") || line[5] < '0' || line[5] > '9')
            return false;
        errno = 0;
        h->seed = strtoull(line + 5, &end, 10);
        return errno == 0 && *end == '\0';
    }
    default:
        return strcmp(line, "begin") == 0;
    }
}

static enum status damaged(const struct journal *j, int line, struct err *err)
{
    err_set(err, ST_MODEL, "line %d of the journal is damaged", line);
    return err_in_file(err, j->path), ST_MODEL;
}

static enum status check_magic(const struct journal *j, const char *text, size_t n, struct err *err)
{
    size_t m = strlen(MAGIC);
    enum status st = ST_OK;
    if (strncmp(text, MAGIC, n < m ? n : m) != 0)
        st = err_set(err, ST_IO, "is not a session journal");
    else if (n > m + 1 && strchr(text, '\n') && atoi(text + m) != VERSION)
        st = err_set(err, ST_UNSUPPORTED, "journal format %d; this program knows %d",
                     atoi(text + m), VERSION);
    if (st != ST_OK)
        err_in_file(err, j->path);
    return st;
}

static enum status parse_lines(const struct journal *j, char *text, size_t n,
                               struct journal_text *t, struct err *err)
{
    int line = 0;
    char *p = text, *end = text + n;
    while (p < end) {
        char *nl = memchr(p, '\n', (size_t)(end - p));
        bool last = !nl || nl + 1 == end;
        bool good = nl != NULL;
        if (good) {
            *nl = '\0';
            struct journal_record r = {.line = line + 1};
            if (line == 0)
                good = true; /* looked at by check_magic */
            else if (line < 6)
                good = parse_header(p, line, &t->head);
            else {
                good = parse_record(p, (int)t->record.n + 1, &r);
                if (good)
                    vec_push(&t->record, r);
            }
        }
        if (!good)
            return last ? ST_OK : damaged(j, line + 1, err);
        line++;
        if (line >= 6) {
            t->empty = false;
            t->good_bytes = nl + 1 - text;
        }
        p = nl + 1;
    }
    return ST_OK;
}

enum status journal_read(struct journal *j, struct journal_text *out, struct err *err)
{
    unsigned char *data;
    size_t n;
    TRY(file_read(j->path, JOURNAL_MAX_BYTES, &data, &n, err));
    struct journal_text t = {.empty = true};
    enum status st = check_magic(j, (char *)data, n, err);
    if (st == ST_OK)
        st = parse_lines(j, (char *)data, n, &t, err);
    free(data);
    if (st != ST_OK) {
        journal_text_done(&t);
        return st;
    }
    *out = t;
    return ST_OK;
}

void journal_text_done(struct journal_text *t)
{
    for (size_t i = 0; i < t->record.n; i++)
        free(t->record.at[i].command);
    vec_done(&t->record);
    free(t->head.spec);
    memset(t, 0, sizeof *t);
}

/* ---- writing ---- */

static enum status write_sync(struct journal *j, const char *text, size_t n, struct err *err)
{
    size_t done = 0;
    while (done < n) {
        ssize_t w = pwrite(j->fd, text + done, n - done, j->size + (off_t)done);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            break;
        done += (size_t)w;
    }
    if (done < n || fsync(j->fd) < 0) {
        enum status st = io_error(j, "cannot write the journal", err);
        if (ftruncate(j->fd, j->size) < 0)
            errno = 0; /* what is left over is a torn last line, which reading ignores */
        return st;
    }
    j->size += (off_t)n;
    return ST_OK;
}

/* The name of a new file has to reach the disk too. */
static void sync_folder(const struct journal *j)
{
    const char *slash = strrchr(j->path, '/');
    char *dir = slash ? x_strndup(j->path, (size_t)(slash - j->path) + 1) : x_strdup(".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* some file systems cannot: the records are synced all the same */
        close(fd);
    }
    free(dir);
}

enum status journal_begin(struct journal *j, const struct journal_header *h, struct err *err)
{
    if (ftruncate(j->fd, 0) < 0)
        return io_error(j, "cannot write the journal", err);
    struct str b = {0};
    j->size = 0;
    j->seq = 0;
    str_addf(&b, MAGIC "%d\n", VERSION);
    str_addf(&b, "model %016" PRIx64 " %016" PRIx64 " ", h->model, h->graph);
    for (const char *p = h->spec; *p; p++)
        str_add_char(&b, (unsigned char)*p < ' ' ? '?' : *p);
    str_addf(&b, "\nsegments %016" PRIx64 "\nvocabulary %016" PRIx64 "\n", h->segments,
             h->vocabulary);
    str_addf(&b, "seed %" PRIu64 "\nbegin\n", h->seed);
    enum status st = write_sync(j, b.s, b.n, err);
    str_done(&b);
    if (st == ST_OK)
        sync_folder(j);
    return st;
}

enum status journal_resume(struct journal *j, const struct journal_text *t, struct err *err)
{
    if (ftruncate(j->fd, t->good_bytes) < 0 || fsync(j->fd) < 0)
        return io_error(j, "cannot write the journal", err);
    j->size = t->good_bytes;
    j->seq = (int)t->record.n;
    return ST_OK;
}

enum status journal_append(struct journal *j, const char *command, uint64_t before, uint64_t after,
                           struct err *err)
{
    struct str b = {0};
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    str_addf(&b, "%d\t%s\t", j->seq + 1, stamp);
    for (const char *p = command; *p; p++)
        str_add_char(&b, (unsigned char)*p < ' ' ? '?' : *p);
    str_addf(&b, "\t%016" PRIx64 "\t%016" PRIx64, before, after);
    str_addf(&b, "\t%08" PRIx32 "\n", check_of(b.s, b.n));
    enum status st = write_sync(j, b.s, b.n, err);
    str_done(&b);
    if (st == ST_OK)
        j->seq++;
    return st;
}

enum status journal_set_aside(struct journal *j, struct err *err)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    for (int i = 0; i < 1000; i++) {
        char *aside = i ? x_asprintf("%s.%s-%d.old", j->path, stamp, i)
                        : x_asprintf("%s.%s.old", j->path, stamp);
        /* link fails when the name is taken, rename would overwrite it */
        bool linked = link(j->path, aside) == 0;
        int e = errno;
        if (!linked && e != EEXIST && access(aside, F_OK) != 0)
            linked = rename(j->path, aside) == 0; /* a file system without links */
        else if (linked && unlink(j->path) < 0)
            linked = false;
        e = linked ? 0 : errno;
        free(aside);
        if (linked) {
            close(j->fd);
            j->fd = -1;
            j->seq = 0;
            j->size = 0;
            return lock_file(j, err);
        }
        if (e != EEXIST)
            break;
    }
    return io_error(j, "cannot set the old journal aside", err);
}
