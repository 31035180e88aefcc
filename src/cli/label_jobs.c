#include "cli/label_jobs.h"

#include "comm/comm.h"

#include <stdio.h>

/* Ready: place. Job, from rank 0: "JOB SEED ARCH". Row: "JOB ROW". Failed: a struct err. Stop, from
 * rank 0: an int, the status. Left: nothing, the last message of a rank. */
enum tag { READY = 1, JOB, ROW, FAILED, STOP, LEFT };

/* A rank that does not stop in this time is in an endless loop, or its machine is gone. */
#define STOP_SECONDS 30.0

static bool interrupted(void)
{
    return __atomic_load_n(&cli_interrupted, __ATOMIC_RELAXED);
}

/* ---- one job; number k stands for network k % n and seed k / n ---- */

static int total(const struct label_jobs *j)
{
    return j->n * j->seeds;
}

static const char *arch_of(const struct label_jobs *j, int k)
{
    return j->arch[k % j->n];
}

static int seed_of(const struct label_jobs *j, int k)
{
    return k / j->n;
}

static int64_t claim_of(const struct label_jobs *j, int k)
{
    return (int64_t)(k % j->n) * j->most_seeds + seed_of(j, k);
}

/* Moves *k to the first job from there on that has no row and that no other process has claimed,
 * and claims it; total(j) when there is none. */
static enum status next_job(struct label_jobs *j, int *k, struct err *err)
{
    for (; *k < total(j) && !interrupted(); ++*k) {
        bool has;
        if (!label_file_claim(j->file, claim_of(j, *k)))
            continue;
        TRY(label_file_has(j->file, arch_of(j, *k), (uint64_t)seed_of(j, *k), &has, err));
        if (!has)
            return ST_OK;
        label_file_unclaim(j->file, claim_of(j, *k));
    }
    return interrupted() ? ST_CANCELLED : ST_OK;
}

static enum status put_row(struct label_jobs *j, int k, const char *row, struct err *err)
{
    bool added;
    enum status st =
        label_file_append(j->file, arch_of(j, k), (uint64_t)seed_of(j, k), row, &added, err);
    label_file_unclaim(j->file, claim_of(j, k));
    j->added += st == ST_OK && added;
    if (st == ST_OK)
        cli_progress(j->c, j->done + j->added, total(j), arch_of(j, k));
    return st;
}

static enum status count_rows(struct label_jobs *j, struct err *err)
{
    j->done = 0;
    for (int k = 0; k < total(j); k++) {
        bool has;
        TRY(label_file_has(j->file, arch_of(j, k), (uint64_t)seed_of(j, k), &has, err));
        j->done += has;
    }
    return ST_OK;
}

/* ---- one process ---- */

static enum status train_here(struct label_jobs *j, struct err *err)
{
    int k = 0;
    for (;; k++) {
        char *row = NULL;
        TRY(next_job(j, &k, err));
        if (k >= total(j))
            return ST_OK;
        enum status st = j->train(j->arg, arch_of(j, k), seed_of(j, k), &row, err);
        if (st == ST_OK)
            st = put_row(j, k, row, err);
        free(row);
        TRY(st);
    }
}

/* ---- rank 0 ---- */

struct team {
    struct label_jobs *j;
    int next, busy; /* the next job to hand out; ranks that have one */
};

static enum status hand_out(struct team *t, int rank, struct err *err)
{
    struct label_jobs *j = t->j;
    TRY(next_job(j, &t->next, err));
    if (t->next >= total(j))
        return ST_OK;
    int k = t->next++;
    char *text = x_asprintf("%d %d %s", k, seed_of(j, k), arch_of(j, k));
    enum status st = comm_send(j->c->comm, rank, JOB, text, strlen(text), err);
    t->busy += st == ST_OK;
    free(text);
    return st;
}

static enum status take_row(struct label_jobs *j, const struct comm_msg *m, struct err *err)
{
    int k, used = 0;
    if (sscanf(m->data, "%d %n", &k, &used) != 1 || !used || k < 0 || k >= total(j))
        return err_set(err, ST_INTERNAL, "rank %d sent no row", m->from);
    return put_row(j, k, m->data + used, err);
}

static enum status take_failure(const struct comm_msg *m, struct err *err)
{
    struct err why;
    if (m->n != sizeof why)
        return err_set(err, ST_INTERNAL, "rank %d failed and could not say why", m->from);
    memcpy(&why, m->data, sizeof why);
    why.file[sizeof why.file - 1] = why.msg[sizeof why.msg - 1] = '\0';
    if (err)
        *err = why;
    return why.code > ST_OK && why.code <= ST_CANCELLED ? why.code : ST_INTERNAL;
}

static enum status take_message(struct team *t, const struct comm_msg *m, struct err *err)
{
    switch (m->tag) {
    case READY:
        TRY(label_file_place(t->j->file, m->data, err));
        return hand_out(t, m->from, err);
    case ROW:
        t->busy--;
        TRY(take_row(t->j, m, err));
        return hand_out(t, m->from, err);
    case FAILED:
        return take_failure(m, err);
    default:
        return err_set(err, ST_INTERNAL, "rank %d sent message %d", m->from, m->tag);
    }
}

static enum status lead(struct label_jobs *j, struct err *err)
{
    struct team t = {.j = j};
    TRY(next_job(j, &t.next, err)); /* nothing to do: nobody is waited for */
    while (t.busy > 0 || t.next < total(j)) {
        struct comm_msg m;
        TRY(comm_recv(j->c->comm, &m, -1, &cli_interrupted, err));
        enum status st = take_message(&t, &m, err);
        free(m.data);
        TRY(st);
    }
    return ST_OK;
}

void label_jobs_stop(struct cli *c, struct label_jobs *j, enum status st)
{
    int left = comm_size(c->comm) - 1, word = (int)st;
    bool ok = true;
    for (int rank = 1; rank <= left; rank++)
        ok = comm_send(c->comm, rank, STOP, &word, sizeof word, NULL) == ST_OK && ok;
    while (ok && left > 0) {
        struct comm_msg m;
        ok = comm_recv(c->comm, &m, STOP_SECONDS, NULL, NULL) == ST_OK;
        left -= ok && m.tag == LEFT;
        if (ok && m.tag == ROW && j)
            take_row(j, &m, NULL);
        free(m.data);
    }
    if (!ok) {
        fprintf(stderr, "autogo: a rank does not answer; all are ended\n");
        comm_abort(c->comm, status_exit_code(st == ST_OK ? ST_IO : st));
    }
}

enum status label_jobs_run(struct label_jobs *j, struct err *err)
{
    TRY(count_rows(j, err));
    if (j->done > 0)
        fprintf(stderr, "autogo: resumed at %d of %d rows\n", j->done, total(j));
    TRY(comm_size(j->c->comm) > 1 ? lead(j, err) : train_here(j, err));
    return count_rows(j, err);
}

/* ---- the other ranks ---- */

static enum status work_on(struct cli *c, const struct comm_msg *m, label_train_fn *train,
                           void *arg, struct err *err)
{
    int k, seed, used = 0;
    char *row = NULL;
    if (sscanf(m->data, "%d %d %n", &k, &seed, &used) != 2 || !used)
        return err_set(err, ST_INTERNAL, "rank 0 sent no job");
    TRY(train(arg, m->data + used, seed, &row, err));
    char *text = x_asprintf("%d %s", k, row);
    enum status st = comm_send(c->comm, 0, ROW, text, strlen(text), err);
    free(text);
    free(row);
    return st;
}

/* Jobs until something fails here, or rank 0 says stop: *stop is then its message. */
static enum status work(struct cli *c, struct comm_msg *stop, label_train_fn *train, void *arg,
                        struct err *err)
{
    for (;;) {
        struct comm_msg m;
        TRY(comm_recv(c->comm, &m, -1, &cli_interrupted, err));
        if (m.tag == STOP) {
            *stop = m;
            return ST_OK;
        }
        enum status st = work_on(c, &m, train, arg, err);
        free(m.data);
        TRY(st);
    }
}

/* Tells rank 0 why this rank gives up, and waits for its word. */
static void give_up(struct cli *c, enum status st, const struct err *why, struct comm_msg *stop)
{
    struct err text = *why;
    text.code = st;
    enum status sent = comm_send(c->comm, 0, FAILED, &text, sizeof text, NULL);
    do {
        free(stop->data);
        if (sent == ST_OK)
            sent = comm_recv(c->comm, stop, STOP_SECONDS, NULL, NULL);
        if (sent != ST_OK)
            comm_abort(c->comm, status_exit_code(st));
    } while (stop->tag != STOP);
}

enum status label_jobs_work(struct cli *c, enum status ready, const char *place,
                            label_train_fn *train, void *arg, struct err *err)
{
    struct comm_msg stop = {0};
    enum status st = ready;
    int word = ST_INTERNAL;
    if (st == ST_OK)
        st = comm_send(c->comm, 0, READY, place, strlen(place), err);
    if (st == ST_OK)
        st = work(c, &stop, train, arg, err);
    if (st != ST_OK)
        give_up(c, st, err, &stop);
    if (stop.n == sizeof word)
        memcpy(&word, stop.data, sizeof word);
    free(stop.data);
    if (comm_send(c->comm, 0, LEFT, "", 0, NULL) != ST_OK)
        comm_abort(c->comm, status_exit_code(ST_IO));
    *err = (struct err){0};
    c->tells_itself = true;
    return word >= ST_OK && word <= ST_CANCELLED ? (enum status)word : ST_INTERNAL;
}

void label_jobs_poll(struct cli *c)
{
    if (comm_waiting(c->comm))
        __atomic_store_n(&cli_interrupted, 1, __ATOMIC_RELAXED);
}
