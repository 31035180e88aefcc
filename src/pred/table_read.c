/* Tables of labels from CSV files, with the networks they speak of. */
#include "base/csv.h"
#include "base/hash.h"
#include "base/parallel.h"
#include "family/family.h"
#include "pred/pred.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- rows ---- */

struct tally {
    double sum, squares;
    int n;
};
struct rows {
    VEC(struct tally) at; /* of each network */
    struct strmap by_spec;
};

static enum status read_rows(struct pred_table *t, struct csv *c, struct rows *r, struct err *err)
{
    size_t arch, acc, group = 0;
    TRY(csv_column(c, "arch", &arch, err));
    TRY(csv_column(c, "acc", &acc, err));
    bool grouped = csv_column(c, "group", &group, NULL) == ST_OK;
    for (;;) {
        double v;
        bool more;
        TRY(csv_next(c, &more, err));
        if (!more)
            return ST_OK;
        TRY(csv_number(c, acc, &v, err));
        if (isnan(v))
            continue; /* its training came to nothing */
        if (v < 0 || v > 1)
            return csv_bad_row(c, "an accuracy is not between 0 and 1", err);
        char *spec = family_spec_of(c->field.at[arch]);
        size_t k = (size_t)*strmap_put(&r->by_spec, spec, (int64_t)t->item.n);
        if (k == t->item.n) {
            struct pred_item fresh = {.spec = spec};
            if (grouped)
                fresh.group = hash_str(c->field.at[group], 1);
            vec_push(&t->item, fresh);
            vec_push(&r->at, (struct tally){0, 0, 0});
        } else {
            free(spec);
        }
        r->at.at[k].sum += v;
        r->at.at[k].squares += v * v;
        r->at.at[k].n++;
    }
}

static void average(struct pred_table *t, const struct rows *r)
{
    double within = 0, runs = 0;
    int spare = 0;
    for (size_t i = 0; i < t->item.n; i++) {
        const struct tally *y = &r->at.at[i];
        t->item.at[i].acc = y->sum / y->n;
        within += y->squares - y->sum * y->sum / y->n;
        spare += y->n - 1;
        runs += y->n;
    }
    /* of a mean of as many runs as a network has on average */
    t->noise = spare ? sqrt(fmax(within, 0) / spare / (runs / (double)t->item.n)) : 0;
}

/* "nb201@s" of "nb201:...@s" */
static char *family_of(const char *spec)
{
    const char *colon = strchr(spec, ':');
    return x_asprintf("%.*s%s", colon ? (int)(colon - spec) : (int)strlen(spec), spec,
                      str_ends(spec, "@s") ? "@s" : "");
}

/* ---- networks ---- */

struct building {
    struct pred_table *t;
    const struct bpe_vocab *v;
    const int *cancel;
    atomic_bool stopped;
    pthread_mutex_t lock;
    enum status st;
    struct err err;
};

static enum status build_one(struct pred_item *it, const struct bpe_vocab *v, struct err *err)
{
    struct graph *g;
    struct bpe_segmentation s;
    struct err why = {0};
    if (family_build(it->spec, 0, &g, &why) != ST_OK) {
        char text[512];
        return err_set(err, ST_USAGE, "%s", err_text(&why, text, sizeof text));
    }
    enum status st = bpe_segment_graph(v, g, &s, err);
    if (st == ST_OK) {
        it->net = pred_net_new(g, &s);
        if (!it->group)
            it->group = graph_hash(g);
        bpe_segmentation_done(&s);
    }
    graph_unref(g);
    return st;
}

static void build(void *arg, int worker, int i)
{
    struct building *b = arg;
    struct err err = {0};
    (void)worker;
    if (atomic_load(&b->stopped))
        return;
    enum status st = b->cancel && *(const volatile int *)b->cancel
                         ? err_set(&err, ST_CANCELLED, "interrupted")
                         : build_one(&b->t->item.at[i], b->v, &err);
    if (st == ST_OK)
        return;
    pthread_mutex_lock(&b->lock);
    if (b->st == ST_OK) {
        b->st = st;
        b->err = err;
    }
    pthread_mutex_unlock(&b->lock);
    atomic_store(&b->stopped, true);
}

static enum status build_all(struct pred_table *t, const struct bpe_vocab *v, int threads,
                             const int *cancel, struct err *err)
{
    struct building b = {.t = t, .v = v, .cancel = cancel, .lock = PTHREAD_MUTEX_INITIALIZER};
    parallel_for((int)t->item.n, threads, build, &b);
    if (b.st != ST_OK && err)
        *err = b.err;
    return b.st;
}

enum status pred_table_read(struct pred_table *t, const char *path, const struct bpe_vocab *v,
                            int threads, const int *cancel, struct err *err)
{
    struct csv c;
    struct rows r = {0};
    struct pred_table fresh = {0};
    TRY(csv_open(&c, path, err));
    enum status st = read_rows(&fresh, &c, &r, err);
    if (st == ST_OK && fresh.item.n == 0)
        st = err_set(err, ST_USAGE, "it has no labels");
    if (st == ST_OK) {
        average(&fresh, &r);
        fresh.name = family_of(fresh.item.at[0].spec);
        st = build_all(&fresh, v, threads, cancel, err);
    }
    if (st != ST_OK)
        err_in_file(err, path);
    csv_close(&c);
    vec_done(&r.at);
    strmap_done(&r.by_spec);
    if (st == ST_OK)
        *t = fresh;
    else
        pred_table_done(&fresh);
    return st;
}
