/* Mining: networks -> corpus -> vocabulary -> segments -> database. */
#include "segdb/segdb_priv.h"
#include <stdlib.h>

static bool shape_is_open(const struct ttype *t)
{
    if (t->rank < 0)
        return true;
    /* The first dimension is the batch where there are two or more. */
    for (int i = t->rank >= 2; i < t->rank; i++)
        if (t->dim[i] < 0)
            return true;
    return false;
}

bool segdb_worth(const struct graph *g, const struct region *r)
{
    if (r->n < 1 || r->n_in < 1 || r->n_out < 1)
        return false;
    for (int i = 0; i < r->n; i++) {
        const struct node *n = graph_node(g, r->ids[i]);
        if (n->op == OP_OPAQUE || n->op == OP_INPUT || n->op == OP_OUTPUT)
            return false;
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k].name[0] && shape_is_open(&n->out[k].type))
                return false;
    }
    for (int i = 0; i < r->n_in; i++)
        if (shape_is_open(graph_type(g, r->in[i])))
            return false;
    return region_is_connected(g, r) && region_is_convex(g, r);
}

static enum status add_segment(struct segdb *db, const struct graph *g, const int32_t *ids, int n,
                               const char *origin, struct err *err)
{
    struct region r;
    struct graph *fragment = NULL;
    TRY(region_init(&r, g, ids, n, err));
    enum status st = ST_OK;
    if (segdb_worth(g, &r)) {
        st = region_extract(g, &r, &fragment, err);
        if (st == ST_OK)
            st = segdb_add(db, fragment, origin, err);
        /* What has no text form is left out; the rest of the network still counts. */
        if (st == ST_UNSUPPORTED)
            st = ST_OK;
        graph_unref(fragment);
    }
    region_done(&r);
    return st;
}

static enum status add_network(struct segdb *db, const struct bpe_vocab *v, const struct graph *g,
                               bool whole, const char *origin, struct err *err)
{
    struct bpe_segmentation s;
    TRY(whole ? bpe_segment_graph(v, g, &s, err) : bpe_segment_pieces(v, g, &s, err));
    enum status st = ST_OK;
    for (int i = 0; i < s.n_segments && st == ST_OK; i++)
        st = add_segment(db, g, s.order + s.segment[i].start, s.segment[i].len, origin, err);
    bpe_segmentation_done(&s);
    return st;
}

static void report(const struct segdb_mine_opts *opts, int done, int total, const char *what)
{
    if (opts->progress)
        opts->progress(opts->arg, done, total, what);
}

static enum status open_spec(const struct segdb_mine_opts *opts, const char *spec,
                             struct graph **out, struct err *err)
{
    struct err why = {0};
    enum status st = opts->open_model(spec, out, &why);
    if (st == ST_OK)
        return st;
    if (err)
        *err = why;
    err_in_file(err, spec);
    return st;
}

/* The family of a spec is its group: "zoo", "nb201" ...; files are one group. */
static void set_group(struct bpe_corpus *c, const char *spec)
{
    const char *colon = strchr(spec, ':');
    char *name = colon && !strchr(spec, '/') ? x_strndup(spec, (size_t)(colon - spec)) : NULL;
    bpe_corpus_group(c, name ? name : "");
    free(name);
}

static enum status learn(const char *const *specs, int n, const struct segdb_mine_opts *opts,
                         struct bpe_vocab **out, struct err *err)
{
    struct bpe_corpus *c = bpe_corpus_new(BPE_CANONICAL);
    enum status st = ST_OK;
    for (int i = 0; i < n && st == ST_OK; i++) {
        struct graph *g = NULL;
        report(opts, i, 2 * n, specs[i]);
        st = open_spec(opts, specs[i], &g, err);
        set_group(c, specs[i]);
        if (st == ST_OK)
            st = bpe_corpus_add(c, g, err);
        graph_unref(g);
    }
    if (st == ST_OK) {
        report(opts, n, 2 * n, "vocabulary");
        st = bpe_train(c, opts->n_merges, opts->max_piece, out, err);
    }
    bpe_corpus_free(c);
    return st;
}

/* Each network is cut with the whole vocabulary, and into the bare pieces of its first quarter and
 * sixteenth, so that the database holds small, general segments beside the long ones that only some
 * networks have. */
static enum status collect(const char *const *specs, int n, const struct segdb_mine_opts *opts,
                           const struct bpe_vocab *v, struct segdb *db, struct err *err)
{
    int merges = bpe_vocab_n_merges(v);
    struct bpe_vocab *quarter = bpe_vocab_prefix(v, merges / 4);
    struct bpe_vocab *sixteenth = bpe_vocab_prefix(v, merges / 16);
    const struct bpe_vocab *level[] = {v, quarter, sixteenth};
    enum status st = ST_OK;
    for (int i = 0; i < n && st == ST_OK; i++) {
        struct graph *g = NULL;
        report(opts, n + i, 2 * n, specs[i]);
        st = open_spec(opts, specs[i], &g, err);
        for (size_t k = 0; k < sizeof level / sizeof *level && st == ST_OK; k++)
            st = add_network(db, level[k], g, k == 0, specs[i], err);
        graph_unref(g);
    }
    bpe_vocab_free(quarter);
    bpe_vocab_free(sixteenth);
    if (st == ST_OK)
        report(opts, 2 * n, 2 * n, "database");
    return st;
}

enum status segdb_mine(const char *const *specs, int n, const char *vocab_path, const char *db_path,
                       const struct segdb_mine_opts *opts, struct err *err)
{
    struct segdb *db = NULL;
    struct bpe_vocab *v = NULL;
    if (n < 1)
        return err_set(err, ST_USAGE, "nothing to mine");
    TRY(segdb_create(&db, db_path, err));
    enum status st = learn(specs, n, opts, &v, err);
    if (st == ST_OK)
        st = collect(specs, n, opts, v, db, err);
    if (st == ST_OK)
        st = bpe_vocab_save(v, vocab_path, err);
    if (st == ST_OK)
        st = segdb_close(db, err);
    else
        segdb_abandon(db);
    bpe_vocab_free(v);
    return st;
}
