#include "comm/comm.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "comm/comm_priv.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct comm {
    const struct comm_link *link;
    int rank, size;
};

#ifndef PKGLIBDIR
#define PKGLIBDIR "/usr/local/lib/autogo"
#endif

enum { FAREWELL = 32767 }; /* the largest tag that every MPI has */
#define FAREWELL_SECONDS 1.0

/* ---- the module ---- */

/* Open MPI's mpirun, the PMI of MPICH's mpiexec and Slurm's srun, and PMIx name themselves to the
 * processes they start; a number of processes that is given tells the single ones. */
static bool launched(void)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *n = getenv(sizes[i]);
        if (n)
            return strcmp(n, "1") != 0;
    }
    return getenv("PMI_RANK") || getenv("PMIX_RANK");
}

/* Beside the program in a build tree, else where it was installed. Caller frees. */
static char *module_path(void)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(exe, '/');
    char *path = slash ? x_asprintf("%.*s/" COMM_MODULE, (int)(slash - exe), exe) : NULL;
    if (path && access(path, R_OK) == 0)
        return path;
    free(path);
    return file_installed(PKGLIBDIR "/" COMM_MODULE);
}

/* For good: MPI does not like to be unloaded. Its own plug-ins must find its symbols. */
static enum status load(const struct comm_link **out, struct err *err)
{
    char *path = module_path();
    enum status st = ST_OK;
    void *lib = access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    const struct comm_link *link = lib ? dlsym(lib, COMM_LINK_SYMBOL) : NULL;
    if (access(path, R_OK) != 0)
        st = err_set(err, ST_UNSUPPORTED,
                     "started by an MPI launcher, but built without MPI (configure --with-mpi)");
    else if (!link)
        st = err_set(err, ST_UNSUPPORTED, "the MPI module does not load: %s", dlerror());
    else if (strcmp(link->version, PACKAGE_VERSION) != 0)
        st = err_set(err, ST_UNSUPPORTED, "the MPI module is of version %.20s", link->version);
    if (st != ST_OK)
        err_in_file(err, path);
    free(path);
    *out = link;
    return st;
}

static enum status failed(int rc, const char *what, struct err *err)
{
    return err_set(err, ST_IO, "MPI: %s failed (error %d)", what, rc);
}

enum status comm_open(struct comm **out, struct err *err)
{
    const struct comm_link *link;
    int rank, size;
    *out = NULL;
    if (!launched())
        return ST_OK;
    TRY(load(&link, err));
    int rc = link->open(&rank, &size);
    if (rc != 0)
        return failed(rc, "the start", err);
    struct comm *c = x_malloc(sizeof *c);
    *c = (struct comm){link, rank, size};
    if (size == 1) {
        comm_close(c, false);
        c = NULL;
    }
    *out = c;
    return ST_OK;
}

int comm_rank(const struct comm *c)
{
    return c ? c->rank : 0;
}

int comm_size(const struct comm *c)
{
    return c ? c->size : 1;
}

/* ---- messages ---- */

enum status comm_send(struct comm *c, int to, int tag, const void *data, size_t n, struct err *err)
{
    if (n > INT_MAX)
        return err_set(err, ST_INTERNAL, "a message of %zu bytes", n);
    int rc = c->link->send(to, tag, data, (int)n);
    return rc == 0 ? ST_OK : failed(rc, "sending", err);
}

enum status comm_recv(struct comm *c, struct comm_msg *m, double seconds, const int *cancel,
                      struct err *err)
{
    enum { FIRST_NS = 20000, MOST_NS = 2000000 };
    double end = seconds < 0 ? 0 : clock_s() + seconds;
    struct timespec pause = {.tv_nsec = FIRST_NS};
    int waits, n, rc;
    *m = (struct comm_msg){0};
    while ((rc = c->link->probe(&waits, &m->from, &m->tag, &n)) == 0 && !waits) {
        if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
            return ST_CANCELLED;
        if (seconds >= 0 && clock_s() >= end)
            return ST_NO;
        nanosleep(&pause, NULL);
        pause.tv_nsec = pause.tv_nsec * 2 < MOST_NS ? pause.tv_nsec * 2 : MOST_NS;
    }
    if (rc != 0)
        return failed(rc, "receiving", err);
    m->n = (size_t)n;
    m->data = x_malloc(m->n + 1);
    m->data[m->n] = '\0';
    rc = c->link->recv(m->from, m->tag, m->data, n);
    if (rc == 0)
        return ST_OK;
    free(m->data);
    m->data = NULL;
    return failed(rc, "receiving", err);
}

bool comm_waiting(const struct comm *c)
{
    int waits = 0, from, tag, n;
    return c && c->link->probe(&waits, &from, &tag, &n) == 0 && waits;
}

/* ---- the end ---- */

void comm_abort(struct comm *c, int exit_code)
{
    if (c)
        c->link->abort(exit_code);
    _exit(exit_code);
}

static void part(struct comm *c)
{
    struct comm_msg m = {0};
    enum status st = ST_OK;
    for (int rank = 1; c->rank == 0 && rank < c->size; rank++)
        comm_send(c, rank, FAREWELL, "", 0, NULL);
    while (c->rank > 0 && st == ST_OK && m.tag != FAREWELL) {
        st = comm_recv(c, &m, FAREWELL_SECONDS, NULL, NULL);
        free(m.data);
    }
}

void comm_close(struct comm *c, bool failed)
{
    if (!c)
        return;
    if (failed)
        part(c);
    else
        c->link->close();
    free(c);
}
