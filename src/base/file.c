#include "base/file.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status io_error(struct err *err, const char *path, const char *what, int number)
{
    err_set(err, ST_IO, "%s: %s", what, strerror(number));
    err_in_file(err, path);
    return ST_IO;
}

/* So much between two looks at the flag; what comes from a pipe may not come for ever. */
enum { PIECE = 16 << 20, LOOK_MS = 50 };

/* As read(), which goes on once there is something, or the flag is set: ECANCELED. */
static ssize_t read_piece(int fd, void *buf, size_t n, const int *cancel)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (!cancel)
        return read(fd, buf, n);
    do {
        if (__atomic_load_n(cancel, __ATOMIC_RELAXED)) {
            errno = ECANCELED;
            return -1;
        }
    } while (poll(&p, 1, LOOK_MS) == 0);
    return read(fd, buf, n < PIECE ? n : PIECE);
}

static enum status read_fd(int fd, const char *path, size_t max_bytes, size_t guess,
                           const int *cancel, unsigned char **data, size_t *size, struct err *err)
{
    size_t cap = guess + 1, n = 0;
    unsigned char *buf = x_try_calloc(1, cap);
    for (;;) {
        if (!buf)
            return io_error(err, path, "cannot read", ENOMEM);
        ssize_t got = read_piece(fd, buf + n, cap - n, cancel);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0 && errno == ECANCELED) {
            free(buf);
            err_set(err, ST_CANCELLED, "interrupted");
            return err_in_file(err, path), ST_CANCELLED;
        }
        if (got < 0) {
            int e = errno;
            free(buf);
            return io_error(err, path, "cannot read", e);
        }
        if (got == 0)
            break;
        n += (size_t)got;
        if (n > max_bytes) {
            free(buf);
            err_set(err, ST_IO, "larger than %zu bytes", max_bytes);
            return err_in_file(err, path), ST_IO;
        }
        if (n == cap) {
            unsigned char *more = realloc(buf, cap * 2);
            if (!more)
                free(buf);
            buf = more;
            cap *= 2;
        }
    }
    buf[n] = 0; /* n < cap: a full buffer has been grown */
    *data = buf;
    *size = n;
    return ST_OK;
}

enum status file_read_until(const char *path, size_t max_bytes, const int *cancel,
                            unsigned char **data, size_t *size, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | (cancel ? O_NONBLOCK : 0));
    if (fd < 0)
        return io_error(err, path, "cannot open", errno);
    struct stat st;
    enum status result;
    if (fstat(fd, &st) < 0)
        result = io_error(err, path, "cannot read", errno);
    else if (S_ISDIR(st.st_mode))
        result = io_error(err, path, "cannot read", EISDIR);
    else if (S_ISREG(st.st_mode) && (uintmax_t)st.st_size > max_bytes) {
        err_set(err, ST_IO, "larger than %zu bytes", max_bytes);
        err_in_file(err, path);
        result = ST_IO;
    } else
        result = read_fd(fd, path, max_bytes, S_ISREG(st.st_mode) ? (size_t)st.st_size : 65536,
                         cancel, data, size, err);
    close(fd);
    return result;
}

enum status file_read(const char *path, size_t max_bytes, unsigned char **data, size_t *size,
                      struct err *err)
{
    return file_read_until(path, max_bytes, NULL, data, size, err);
}

char *file_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return x_strdup(".");
    return slash == path ? x_strdup("/") : x_strndup(path, (size_t)(slash - path));
}

enum status file_writer_open(struct file_writer *w, const char *path, struct err *err)
{
    memset(w, 0, sizeof *w);
    /* A device or a pipe (/dev/full, /dev/stdout) is written in place: it cannot be replaced. */
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && S_ISDIR(st.st_mode))
        return io_error(err, path, "cannot write", EISDIR);
    if (exists && access(path, W_OK) < 0)
        return io_error(err, path, "cannot write", errno);
    int fd;
    if (exists && !S_ISREG(st.st_mode)) {
        fd = open(path, O_WRONLY | O_CLOEXEC);
    } else {
        /* Through a symbolic link the file it points to is replaced, not the link. */
        char *real = exists ? realpath(path, NULL) : NULL;
        w->path = real ? real : x_strdup(path);
        w->tmp = x_asprintf("%s.XXXXXX", w->path);
        fd = mkostemp(w->tmp, O_CLOEXEC);
        if (fd >= 0) {
            mode_t mask = umask(0);
            umask(mask);
            if (fchmod(fd, exists ? st.st_mode & 07777 : 0666 & ~mask) < 0)
                errno = 0; /* a file system without modes: the file is written all the same */
        }
    }
    if (fd < 0) {
        int e = errno;
        free(w->path);
        free(w->tmp);
        memset(w, 0, sizeof *w);
        return io_error(err, path, "cannot write", e);
    }
    if (!w->path)
        w->path = x_strdup(path);
    w->f = fdopen(fd, "wb");
    if (!w->f) {
        int e = errno;
        close(fd);
        file_writer_discard(w);
        return io_error(err, path, "cannot write", e);
    }
    return ST_OK;
}

enum status file_writer_commit(struct file_writer *w, struct err *err)
{
    bool bad = ferror(w->f) != 0;
    errno = 0;
    bad |= fflush(w->f) != 0;
    int e = errno;
    if (!bad && w->tmp && fsync(fileno(w->f)) < 0) {
        bad = true;
        e = errno;
    }
    if (fclose(w->f) != 0 && !bad) {
        bad = true;
        e = errno;
    }
    w->f = NULL;
    if (!bad && w->tmp && rename(w->tmp, w->path) < 0) {
        bad = true;
        e = errno;
    }
    if (bad) {
        io_error(err, w->path, "cannot write", e ? e : EIO);
        file_writer_discard(w);
        return ST_IO;
    }
    free(w->tmp);
    w->tmp = NULL;
    file_writer_discard(w);
    return ST_OK;
}

void file_writer_discard(struct file_writer *w)
{
    if (w->f)
        fclose(w->f);
    if (w->tmp)
        unlink(w->tmp);
    free(w->tmp);
    free(w->path);
    memset(w, 0, sizeof *w);
}

enum status file_try(const char *path, struct err *err)
{
    struct file_writer w;
    TRY(file_writer_open(&w, path, err));
    file_writer_discard(&w);
    return ST_OK;
}

enum status file_write(const char *path, const void *data, size_t size, struct err *err)
{
    struct file_writer w;
    TRY(file_writer_open(&w, path, err));
    if (size && fwrite(data, 1, size, w.f) != size) {
        int e = errno;
        io_error(err, path, "cannot write", e ? e : EIO);
        file_writer_discard(&w);
        return ST_IO;
    }
    return file_writer_commit(&w, err);
}

static void make_dirs(char *path)
{
    for (char *p = path + 1; *p; p++)
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0700);
            *p = '/';
        }
}

char *file_xdg(const char *kind, const char *name, int make)
{
    static const struct {
        const char *kind, *fallback;
    } table[] = {{"DATA", ".local/share"},
                 {"CACHE", ".cache"},
                 {"STATE", ".local/state"},
                 {"CONFIG", ".config"}};
    char *var = x_asprintf("XDG_%s_HOME", kind);
    const char *base = getenv(var), *home = getenv("HOME");
    free(var);
    char *path = NULL;
    if (base && base[0] == '/')
        path = x_asprintf("%s/autogo/%s", base, name);
    for (size_t i = 0; !path && i < sizeof table / sizeof *table; i++)
        if (strcmp(kind, table[i].kind) == 0)
            path = x_asprintf("%s/%s/autogo/%s", home && home[0] ? home : "/tmp", table[i].fallback,
                              name);
    if (!path)
        path = x_asprintf("/tmp/autogo/%s", name);
    if (make)
        make_dirs(path);
    return path;
}

#ifndef PKGDATADIR
#define PKGDATADIR "/usr/local/share/autogo"
#endif

#ifndef BINDIR
#define BINDIR "/usr/local/bin"
#endif

char *file_installed(const char *path)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    if (!slash)
        return x_strdup(path);
    *slash = '\0';
    size_t root = str_ends(exe, BINDIR) ? strlen(exe) - strlen(BINDIR) : 0;
    return x_asprintf("%.*s%s", (int)root, exe, path);
}

char *file_data(const char *name)
{
    const char *env = getenv("AUTOGO_DATA");
    if (env && *env)
        return x_asprintf("%s/%s", env, name);
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n > 0) {
        /* In a build tree the data lies in the source tree: the folder of the program, or above
         * (tests/unit), or above a sub-build (build/). */
        exe[n] = '\0';
        char *dir = exe;
        for (int up = 0; up < 4; up++) {
            dir = dirname(dir);
            char *path = x_asprintf("%s/%s", dir, name);
            char *mark = x_asprintf("%s/src/graph/op_list.def", dir);
            bool here = access(mark, R_OK) == 0 && access(path, R_OK) == 0;
            free(mark);
            if (here)
                return path;
            free(path);
        }
    }
    char *folder = file_installed(PKGDATADIR);
    char *path = x_asprintf("%s/%s", folder, name);
    free(folder);
    return path;
}
