/* Mining: networks -> corpus -> vocabulary -> segments -> database. */
#include "segdb/segdb_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ---- what is stored ---- */

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

/* A branch that is switched off: no replacement for one that computes something. */
static bool is_switched_off(const struct node *n)
{
    for (int i = 0; n->op == OP_MUL && i < n->n_in; i++) {
        const struct tensor *t = node_const(n, i);
        int64_t k = 0, count = t ? tensor_count(t) : 0;
        while (k < count && tensor_num_at(t, k, 1) == 0)
            k++;
        if (count > 0 && k == count)
            return true;
    }
    return false;
}

bool segdb_worth(const struct graph *g, const struct region *r)
{
    if (r->n < 1 || r->n_in < 1 || r->n_out < 1)
        return false;
    for (int i = 0; i < r->n; i++) {
        const struct node *n = graph_node(g, r->ids[i]);
        if (n->op == OP_OPAQUE || n->op == OP_INPUT || n->op == OP_OUTPUT || is_switched_off(n))
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
            st = segdb_add(db, fragment, origin, NULL, err);
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

/* ---- a run ---- */

struct mine {
    const char *const *specs;
    int n;
    const struct segdb_mine_opts *opts;
    const char *db_path;
    char *part_path;
    struct segdb *db;
    struct segdb_part part; /* its text is made when it is saved */
    struct timespec saved;
    struct bpe_corpus *corpus; /* in the first half */
    struct bpe_vocab *vocab;   /* in the second */
};

static void report(const struct mine *m, int done, const char *what)
{
    if (m->opts->progress)
        m->opts->progress(m->opts->arg, done, 2 * m->n, what);
}

static enum status open_spec(const struct mine *m, int i, struct graph **out, struct err *err)
{
    struct err why = {0};
    enum status st = m->opts->open_model(m->specs[i], out, &why);
    if (st == ST_OK)
        return st;
    if (err)
        *err = why;
    err_in_file(err, m->specs[i]);
    return st;
}

static enum status save(struct mine *m, struct err *err)
{
    struct str text = {0};
    if (m->part.mining)
        bpe_vocab_write(m->vocab, &text);
    else
        bpe_corpus_write(m->corpus, &text);
    m->part.text = str_take(&text);
    enum status st = segdb_part_save(m->part_path, &m->part, m->db, err);
    free(m->part.text);
    m->part.text = NULL;
    clock_gettime(CLOCK_MONOTONIC, &m->saved);
    return st;
}

/* Between two networks: whether to stop here, and whether it is time to save. */
static enum status pause_point(struct mine *m, struct err *err)
{
    const struct segdb_mine_opts *o = m->opts;
    struct timespec now;
    if (o->cancel && __atomic_load_n(o->cancel, __ATOMIC_RELAXED))
        return err_set(err, ST_CANCELLED, "interrupted");
    clock_gettime(CLOCK_MONOTONIC, &now);
    double age =
        (double)(now.tv_sec - m->saved.tv_sec) + (double)(now.tv_nsec - m->saved.tv_nsec) * 1e-9;
    /* A state that cannot be written is no reason to give up what can still come to its end. */
    if (o->save_s > 0 && age >= o->save_s)
        save(m, NULL);
    return ST_OK;
}

static enum status learn_from(struct mine *m, int i, struct err *err)
{
    struct graph *g = NULL;
    TRY(pause_point(m, err));
    report(m, i, m->specs[i]);
    TRY(open_spec(m, i, &g, err));
    char *group = segdb_group(m->specs[i]);
    bpe_corpus_group(m->corpus, group);
    enum status st = bpe_corpus_add(m->corpus, g, m->opts->times ? m->opts->times[i] : 1, err);
    free(group);
    graph_unref(g);
    return st;
}

static enum status learn(struct mine *m, struct err *err)
{
    for (; m->part.next < m->n; m->part.next++)
        TRY(learn_from(m, m->part.next, err));
    report(m, m->n, "vocabulary");
    TRY(bpe_train(m->corpus, m->opts->n_merges, m->opts->max_piece, &m->vocab, err));
    bpe_corpus_free(m->corpus);
    m->corpus = NULL;
    m->part.mining = true;
    m->part.next = 0;
    return ST_OK;
}

/* Each network is cut with the whole vocabulary, and into the bare pieces of its first quarter and
 * sixteenth, so that the database holds small, general segments beside the long ones that only some
 * networks have. */
static enum status collect(struct mine *m, struct err *err)
{
    int merges = bpe_vocab_n_merges(m->vocab);
    struct bpe_vocab *quarter = bpe_vocab_prefix(m->vocab, merges / 4);
    struct bpe_vocab *sixteenth = bpe_vocab_prefix(m->vocab, merges / 16);
    const struct bpe_vocab *level[] = {m->vocab, quarter, sixteenth};
    enum status st = ST_OK;
    while (st == ST_OK && m->part.next < m->n) {
        int i = m->part.next;
        struct graph *g = NULL;
        if ((st = pause_point(m, err)) != ST_OK)
            break;
        report(m, m->n + i, m->specs[i]);
        st = open_spec(m, i, &g, err);
        for (size_t k = 0; k < sizeof level / sizeof *level && st == ST_OK; k++)
            st = add_network(m->db, level[k], g, k == 0, m->specs[i], err);
        graph_unref(g);
        m->part.next += st == ST_OK;
    }
    bpe_vocab_free(quarter);
    bpe_vocab_free(sixteenth);
    return st;
}

/* Goes on where an earlier run was, or begins. Returns how many networks it had done. */
static int take_up(struct mine *m)
{
    uint64_t key = m->part.key;
    struct segdb_part p = {0};
    int done = 0;
    m->db = segdb_new(m->db_path);
    if (segdb_part_load(m->part_path, key, m->db, &p) && p.next <= m->n &&
        (p.mining ? bpe_vocab_read(p.text, strlen(p.text), &m->vocab, NULL)
                  : bpe_corpus_read(p.text, &m->corpus, NULL)) == ST_OK) {
        m->part.mining = p.mining;
        m->part.next = p.next;
        done = p.next + (p.mining ? m->n : 0);
    } else {
        segdb_free(m->db);
        m->db = segdb_new(m->db_path);
        m->corpus = bpe_corpus_new(BPE_CANONICAL);
    }
    free(p.text);
    return done;
}

static enum status put_vocabulary(void *arg, struct err *err)
{
    return file_writer_commit(arg, err);
}

/* Both files are written whole before either is replaced. */
static enum status finish(struct mine *m, const char *vocab_path, struct err *err)
{
    struct str text = {0};
    struct file_writer w;
    TRY(file_writer_open(&w, vocab_path, err));
    enum status st = ST_OK;
    bpe_vocab_write(m->vocab, &text);
    errno = 0;
    if (fwrite(text.s, 1, text.n, w.f) != text.n || fflush(w.f) != 0) {
        st = err_set(err, ST_IO, "cannot write: %s", strerror(errno));
        err_in_file(err, vocab_path);
    } else {
        st = segdb_write(m->db, put_vocabulary, &w, err);
    }
    if (st != ST_OK && w.f)
        file_writer_discard(&w);
    str_done(&text);
    return st;
}

/* Called when a run was cancelled; a state that cannot be kept is the worse news. */
static enum status keep_state(struct mine *m, struct err *err)
{
    struct err why = {0};
    if (save(m, &why) == ST_OK)
        return ST_CANCELLED;
    err_set(err, ST_IO, "interrupted, and how far it came is lost: %.160s", why.msg);
    err_in_file(err, m->part_path);
    return ST_IO;
}

enum status segdb_mine(const char *const *specs, int n, const char *vocab_path, const char *db_path,
                       const struct segdb_mine_opts *opts, struct segdb_mined *out, struct err *err)
{
    if (n < 1)
        return err_set(err, ST_USAGE, "nothing to mine");
    TRY(file_try(db_path, err));
    TRY(file_try(vocab_path, err));
    struct mine m = {.specs = specs, .n = n, .opts = opts, .db_path = db_path};
    m.part_path = x_asprintf("%s.part", db_path);
    m.part.key = segdb_part_key(specs, n, opts);
    clock_gettime(CLOCK_MONOTONIC, &m.saved);
    int resumed_at = take_up(&m);
    enum status st = m.part.mining ? ST_OK : learn(&m, err);
    if (st == ST_OK)
        st = collect(&m, err);
    if (st == ST_OK) {
        report(&m, 2 * n, "database");
        st = finish(&m, vocab_path, err);
    } else if (st == ST_CANCELLED) {
        st = keep_state(&m, err);
    }
    if (st == ST_OK) {
        unlink(m.part_path);
        if (out)
            *out = (struct segdb_mined){.resumed_at = resumed_at,
                                        .segments = segdb_count(m.db),
                                        .tokens = bpe_vocab_n_tokens(m.vocab),
                                        .merges = bpe_vocab_n_merges(m.vocab)};
    }
    segdb_free(m.db);
    bpe_corpus_free(m.corpus);
    if (m.vocab)
        bpe_vocab_free(m.vocab);
    free(m.part_path);
    return st;
}
