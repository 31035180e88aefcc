/* Checkpoints of training. The file: a magic line, the recipe's hash, epochs done, their records,
 * then for each buffer its length and numbers, and a hash over all of it. Little-endian floats as
 * in memory: a checkpoint belongs to the machine whose bytes it is to go on with. */
#include "exec/fit_priv.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char magic[24] = "autogo fit checkpoint 1\n";

enum { HASH_SEED = 11 };

/* Goes over everything in one order, to write it, to count it or to take it in. */
struct walk {
    enum { WALK_COUNT, WALK_PUT, WALK_GET } way;
    unsigned char *at;
    size_t n, size;
    bool fault;
};

static void walk_bytes(struct walk *w, void *p, size_t n)
{
    if (w->way != WALK_COUNT) {
        if (w->fault || w->size - w->n < n) {
            w->fault = true;
            return;
        }
        if (w->way == WALK_PUT)
            memcpy(w->at + w->n, p, n);
        else
            memcpy(p, w->at + w->n, n);
    }
    w->n += n;
}

static void walk_floats(struct walk *w, float *p, int64_t n)
{
    uint64_t count = (uint64_t)n;
    walk_bytes(w, &count, sizeof count);
    if (count != (uint64_t)n)
        w->fault = true;
    else
        walk_bytes(w, p, (size_t)n * sizeof *p);
}

/* The part before the numbers. */
static void walk_head(struct walk *w, char *name, uint64_t *recipe, int64_t *done)
{
    walk_bytes(w, name, sizeof magic);
    walk_bytes(w, recipe, sizeof *recipe);
    walk_bytes(w, done, sizeof *done);
}

static void walk_buffers(struct walk *w, const struct checkpoint *c, float **b)
{
    for (int i = 0; i < c->n_param; i++)
        walk_floats(w, b[i], c->param[i]->n);
}

static void walk_body(struct walk *w, const struct checkpoint *c, int64_t done)
{
    for (int64_t i = 0; i < done; i++) {
        struct fit_epoch *e = &c->epoch[i];
        double v[] = {e->loss, e->train_value, e->test_value, e->test_loss, e->seconds};
        walk_bytes(w, v, sizeof v);
        *e = (struct fit_epoch){(int)i + 1, v[0], v[1], v[2], v[3], v[4]};
    }
    for (int i = 0; i < c->n_param; i++)
        walk_floats(w, c->param[i]->value, c->param[i]->n);
    int64_t n;
    float *state;
    for (int i = 0; (state = exec_state(c->e, i, &n)) != NULL; i++)
        walk_floats(w, state, n);
    walk_bytes(w, &c->sgd->steps, sizeof c->sgd->steps);
    walk_buffers(w, c, c->sgd->speed);
    if (c->sgd->adam)
        walk_buffers(w, c, c->sgd->square);
    walk_bytes(w, &c->average->count, sizeof c->average->count);
    if (c->average->count > 0) {
        average_open(c->average, c->param, c->n_param);
        walk_buffers(w, c, c->average->mean);
    }
}

enum status checkpoint_write(const struct checkpoint *c, const char *path, struct err *err)
{
    char name[sizeof magic];
    uint64_t recipe = c->recipe;
    int64_t done = c->done;
    struct walk w = {.way = WALK_COUNT};
    memcpy(name, magic, sizeof magic);
    sgd_open(c->sgd, c->param, c->n_param);
    walk_head(&w, name, &recipe, &done);
    walk_body(&w, c, done);
    size_t size = w.n + sizeof(uint64_t);
    unsigned char *data = x_malloc(size);
    w = (struct walk){.way = WALK_PUT, .at = data, .size = size};
    walk_head(&w, name, &recipe, &done);
    walk_body(&w, c, done);
    uint64_t sum = hash_bytes(data, w.n, HASH_SEED);
    memcpy(data + w.n, &sum, sizeof sum);
    enum status st = file_write(path, data, size, err);
    free(data);
    return st;
}

static enum status refuse(struct err *err, enum status st, const char *path, const char *what)
{
    err_set(err, st, "%s", what);
    err_in_file(err, path);
    return st;
}

/* All of it is checked before anything is taken; leaves w behind the head, its size without the
 * hash. */
static enum status read_head(const struct checkpoint *c, struct walk *w, const char *path,
                             int64_t *done, struct err *err)
{
    char name[sizeof magic];
    uint64_t recipe = 0, sum;
    walk_head(w, name, &recipe, done);
    if (w->size < sizeof magic || memcmp(w->at, magic, sizeof magic) != 0)
        return refuse(err, ST_MODEL, path, "no checkpoint of fit");
    if (w->fault || w->size < w->n + sizeof sum)
        return refuse(err, ST_MODEL, path, "the checkpoint is cut off");
    w->size -= sizeof sum;
    memcpy(&sum, w->at + w->size, sizeof sum);
    if (sum != hash_bytes(w->at, w->size, HASH_SEED))
        return refuse(err, ST_MODEL, path, "the checkpoint is damaged or cut off");
    if (recipe != c->recipe)
        return refuse(err, ST_USAGE, path,
                      "the checkpoint is of another network, other images or other options; "
                      "nothing was changed");
    if (*done < 1 || *done > c->n_epochs)
        return refuse(err, ST_MODEL, path, "the checkpoint is damaged");
    return ST_OK;
}

enum status checkpoint_read(struct checkpoint *c, const char *path, struct err *err)
{
    struct walk w = {.way = WALK_GET};
    int64_t done = 0;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return ST_OK;
    TRY(file_read(path, SIZE_MAX / 4, &w.at, &w.size, err));
    enum status st = read_head(c, &w, path, &done, err);
    if (st == ST_OK) {
        sgd_open(c->sgd, c->param, c->n_param);
        walk_body(&w, c, done);
        /* The hash was right, so a length that is not was written by another program. */
        if (w.fault || w.n != w.size)
            st = refuse(err, ST_MODEL, path, "the checkpoint does not have this network's weights");
        else
            c->done = (int)done;
        exec_params_changed(c->e);
    }
    free(w.at);
    return st;
}
