/* mine: a vocabulary and a segment database from networks; or databases into one. */
#include "cli/cli_priv.h"
#include "base/clock.h"

#include "cli/labels.h"
#include "cli/source.h"
#include "segdb/segdb.h"
#include "session/model.h"
#include "session/store.h"

#include <stdio.h>

enum { SAVE_SECONDS = 20 };

/* ---- mining ---- */

struct mining {
    struct cli *c;
    bool begun;
};

static enum status open_source(const char *spec, struct graph **out, struct err *err)
{
    enum status st = cli_interrupted ? ST_CANCELLED : model_open(spec, NULL, out, err);
    if (st != ST_OK && cli_interrupted) /* a read that the signal ended is no bad model */
        return err_set(err, ST_CANCELLED, "interrupted");
    return st;
}

static void on_progress(void *arg, int done, int total, const char *what)
{
    struct mining *m = arg;
    if (!m->begun && done > 0)
        fprintf(stderr, "autogo: resumed at %d of %d\n", done, total);
    m->begun = true;
    cli_progress(m->c, done, total, what);
}

static char *vocab_beside(const char *db)
{
    const char *slash = strrchr(db, '/');
    return slash ? x_asprintf("%.*s/vocab.json", (int)(slash - db), db) : x_strdup("vocab.json");
}

static void answer(struct cli *c, const struct segdb_mined *m, int networks, int labelled,
                   const char *vocab, const char *db, double seconds)
{
    if (!c->json) {
        if (cli_get(c, "--labels"))
            str_addf(&c->out, "%d of %d networks have a score\n", labelled, networks);
        str_addf(&c->out, "%s: %d tokens, %d merges\n%s: %lld segments\n", vocab, m->tokens,
                 m->merges, db, (long long)m->segments);
        return;
    }
    struct json j;
    cli_json_begin(c, &j);
    json_kint(&j, "networks", networks);
    if (cli_get(c, "--labels"))
        json_kint(&j, "labelled", labelled);
    json_kint(&j, "vocab", m->tokens + m->merges);
    json_kint(&j, "tokens", m->tokens);
    json_kint(&j, "merges", m->merges);
    json_kint(&j, "segments", m->segments);
    json_knum(&j, "seconds", seconds);
    json_kint(&j, "resumed_at", m->resumed_at);
    json_kstr(&j, "output", db);
    json_kstr(&j, "vocab_file", vocab);
    cli_json_end(c, &j);
}

static enum status mine(struct cli *c, const struct source_list *src, const char *vocab,
                        const char *db, struct err *err)
{
    struct mining m = {.c = c};
    struct segdb_mine_opts o = {.save_s = SAVE_SECONDS,
                                .cancel = &cli_interrupted,
                                .progress = on_progress,
                                .arg = &m,
                                .open_model = open_source};
    struct segdb_mined mined = {0};
    const char *labels = cli_get(c, "--labels"), *score = cli_get(c, "--score");
    const char *const *specs = (const char *const *)src->at.at;
    int64_t merges, piece;
    int n = (int)src->at.n, labelled = 0;
    TRY(cli_get_int(c, "--merges", 1, 1000000, 2000, &merges, err));
    TRY(cli_get_int(c, "--max-piece", 2, BPE_MAX_PIECE, 16, &piece, err));
    if (score && !labels)
        return err_set(err, ST_USAGE, "mine: --score needs --labels");
    o.n_merges = (int)merges;
    o.max_piece = (int)piece;
    int *times = labels ? x_calloc((size_t)n + 1, sizeof *times) : NULL;
    o.times = times;
    enum status st = ST_OK;
    if (labels)
        st = labels_read(labels, score ? score : "acc", specs, n, times, &labelled, err);
    double begun = clock_s();
    c->tells_itself = st == ST_OK;
    if (st == ST_OK)
        st = segdb_mine(specs, n, vocab, db, &o, &mined, err);
    cli_progress_end(c);
    free(times);
    if (st == ST_OK)
        answer(c, &mined, n, labelled, vocab, db, clock_s() - begun);
    else if (st == ST_CANCELLED)
        err_set(err, st, "interrupted; the same command goes on from there");
    return st;
}

static enum status mine_sources(struct cli *c, const char *db, struct err *err)
{
    struct source_list src = {{0}};
    char *vocab = cli_get(c, "--vocab") ? x_strdup(cli_get(c, "--vocab")) : vocab_beside(db);
    enum status st = ST_OK;
    if (strcmp(vocab, db) == 0)
        st = err_set(err, ST_USAGE, "mine: vocabulary and database cannot be one file");
    for (int i = 0; st == ST_OK && i < c->n_arg; i++)
        st = source_add(&src, c->arg[i], c->seed, err);
    if (st == ST_OK)
        st = mine(c, &src, vocab, db, err);
    source_done(&src);
    free(vocab);
    return st;
}

/* ---- merging ---- */

static void on_merge(void *arg, int done, int total, const char *what)
{
    cli_progress(arg, done, total, what);
}

static enum status merge(struct cli *c, const char *path, struct err *err)
{
    double begun = clock_s();
    int64_t n;
    if (cli_get(c, "--vocab") || cli_get(c, "--labels"))
        return err_set(err, ST_USAGE, "mine: --merge makes a database only, without %s",
                       cli_get(c, "--vocab") ? "--vocab" : "--labels");
    TRY(store_merge(path, c->arg, c->n_arg, &cli_interrupted, on_merge, c, &n, err));
    if (!c->json) {
        str_addf(&c->out, "%s: %lld segments\n", path, (long long)n);
        return ST_OK;
    }
    struct json j;
    cli_json_begin(c, &j);
    json_key(&j, "merged");
    json_array(&j);
    for (int i = 0; i < c->n_arg; i++)
        json_str(&j, c->arg[i]);
    json_array_end(&j);
    json_kint(&j, "segments", n);
    json_knum(&j, "seconds", clock_s() - begun);
    json_kstr(&j, "output", path);
    cli_json_end(c, &j);
    return ST_OK;
}

static enum status run(struct cli *c, struct err *err)
{
    const char *db = cli_get(c, "--output");
    if (!db)
        return err_set(err, ST_USAGE, "mine: -o DB is needed (autogo mine --help)");
    return cli_get(c, "--merge") ? merge(c, db, err) : mine_sources(c, db, err);
}

static const struct cli_option topics[] = {
    {"MODEL", NULL, NULL, "a file, zoo:NAME or an architecture string"},
    {"zoo:*", NULL, NULL, "the zoo"},
    {"FAMILY:*", NULL, NULL, "every network of nb101, nb201 (without none) or hiaml"},
    {"FAMILY:sample=N", NULL, NULL, "N different networks of a family, drawn with --seed"},
    {"DIR", NULL, NULL, "every .onnx and .json file in the folder and below it"},
    {"@FILE", NULL, NULL, "one source a line; # begins a comment"},
    {NULL, NULL, NULL, NULL},
};
static const struct cli_option options[] = {
    {"--output", "-o", "DB",
     "the segment database to make; after an interruption the same command goes on from DB.part"},
    {"--vocab", NULL, "FILE", "the vocabulary to make (vocab.json beside DB)"},
    {"--merges", NULL, "N", "merges to learn (2000)"},
    {"--max-piece", NULL, "N", "longest segment in nodes (16)"},
    {"--labels", NULL, "CSV",
     "let good networks count more in the vocabulary: CSV has a column arch (a source, or a cell "
     "of "
     "NAS-Bench-201 or -101 without its family) and one of scores; within a family the best counts "
     "10 times, the worst once, evenly by rank, and a network without a score 5 times"},
    {"--score", NULL, "NAME", "the column of scores, larger is better (acc)"},
    {"--merge", NULL, NULL, "the arguments are databases: merge them into DB, counts added up"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_mine = {
    .name = "mine",
    .args = "SOURCE... -o DB",
    .help = "learn a vocabulary and a segment database from networks",
    .min_args = 1,
    .max_args = -1,
    .topics = topics,
    .options = options,
    .run = run,
};
