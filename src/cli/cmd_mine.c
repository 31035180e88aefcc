/* mine: a vocabulary and a segment database from networks. A source is a model, or a whole set:
 * zoo:* , nb201:* (all 15625 cells), nb201:*N (every N-th of them), @FILE (one source a line). */
#include "cli/cli_priv.h"

#include "base/file.h"
#include "family/family.h"
#include "segdb/segdb.h"
#include "session/model.h"

#include <stdlib.h>
#include <time.h>

#define NB201_CELLS 15625

struct sources {
    VEC(char *) at;
};

static enum status add_source(struct sources *s, const char *text, int depth, struct err *err);

static enum status add_file(struct sources *s, const char *path, int depth, struct err *err)
{
    unsigned char *data;
    size_t n;
    if (depth > 4)
        return err_set(err, ST_USAGE, "source lists are nested too deep: @%.100s", path);
    TRY(file_read(path, (size_t)64 << 20, &data, &n, err));
    enum status st = ST_OK;
    char *save = NULL;
    for (char *line = strtok_r((char *)data, "\n", &save); line && st == ST_OK;
         line = strtok_r(NULL, "\n", &save)) {
        size_t len = strcspn(line, "#\r");
        while (len && (line[len - 1] == ' ' || line[len - 1] == '\t'))
            len--;
        line[len] = '\0';
        line += strspn(line, " \t");
        if (*line)
            st = add_source(s, line, depth + 1, err);
    }
    free(data);
    return st;
}

static enum status add_source(struct sources *s, const char *text, int depth, struct err *err)
{
    int64_t step = 1;
    if (text[0] == '@')
        return add_file(s, text + 1, depth, err);
    if (strcmp(text, "zoo:*") == 0) {
        const struct family_zoo *z;
        for (int i = 0; (z = family_zoo_at(i)); i++)
            vec_push(&s->at, x_asprintf("zoo:%s", z->name));
        return ST_OK;
    }
    if (str_starts(text, "nb201:*")) {
        if (text[7] && !str_to_i64(text + 7, 1, NB201_CELLS, &step))
            return err_set(err, ST_USAGE, "'%.60s' is not like nb201:*16", text);
        for (int64_t i = 0; i < NB201_CELLS; i += step)
            vec_push(&s->at, family_nb201_string((int)i));
        return ST_OK;
    }
    vec_push(&s->at, x_strdup(text));
    return ST_OK;
}

static enum status open_source(const char *spec, struct graph **out, struct err *err)
{
    if (cli_interrupted)
        return err_set(err, ST_CANCELLED, "interrupted");
    return model_open(spec, NULL, out, err);
}

static void on_progress(void *arg, int done, int total, const char *what)
{
    cli_progress(arg, done, total, what);
}

/* What came out, read back from the files. */
static enum status answer(struct cli *c, const char *vocab, const char *db, double seconds,
                          struct err *err)
{
    struct bpe_vocab *v;
    struct segdb *d;
    TRY(bpe_vocab_load(&v, vocab, err));
    int tokens = bpe_vocab_n_tokens(v), merges = bpe_vocab_n_merges(v);
    bpe_vocab_free(v);
    TRY(segdb_open(&d, db, err));
    int64_t n = segdb_count(d);
    segdb_close(d, NULL);
    if (c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kint(&j, "vocab", tokens + merges);
        json_kint(&j, "tokens", tokens);
        json_kint(&j, "merges", merges);
        json_kint(&j, "segments", n);
        json_knum(&j, "seconds", seconds);
        json_kstr(&j, "output", db);
        json_kstr(&j, "vocab_file", vocab);
        cli_json_end(c, &j);
    } else
        str_addf(&c->out, "%s: %d tokens, %d merges\n%s: %lld segments\n", vocab, tokens, merges,
                 db, (long long)n);
    return ST_OK;
}

static char *vocab_beside(const char *db)
{
    const char *slash = strrchr(db, '/');
    return slash ? x_asprintf("%.*s/vocab.json", (int)(slash - db), db) : x_strdup("vocab.json");
}

static enum status run(struct cli *c, struct err *err)
{
    const char *db = cli_get(c, "--output");
    int64_t merges, piece;
    if (!db)
        return err_set(err, ST_USAGE, "mine: -o DB is needed (autogo mine --help)");
    TRY(cli_get_int(c, "--merges", 1, 1000000, 800, &merges, err));
    TRY(cli_get_int(c, "--max-piece", 2, 1000, 16, &piece, err));
    struct sources src = {{0}};
    enum status st = ST_OK;
    for (int i = 0; st == ST_OK && i < c->n_arg; i++)
        st = add_source(&src, c->arg[i], 0, err);
    char *vocab = cli_get(c, "--vocab") ? x_strdup(cli_get(c, "--vocab")) : vocab_beside(db);
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    struct segdb_mine_opts o = {.n_merges = (int)merges,
                                .max_piece = (int)piece,
                                .progress = on_progress,
                                .arg = c,
                                .open_model = open_source};
    if (st == ST_OK)
        st = segdb_mine((const char *const *)src.at.at, (int)src.at.n, vocab, db, &o, err);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    cli_progress_end(c);
    double s = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) * 1e-9;
    if (st == ST_OK)
        st = answer(c, vocab, db, s, err);
    for (size_t i = 0; i < src.at.n; i++)
        free(src.at.at[i]);
    vec_done(&src.at);
    free(vocab);
    return st;
}

static const struct cli_option options[] = {
    {"--output", "-o", "DB", "the segment database to make"},
    {"--vocab", NULL, "FILE", "the vocabulary to make (vocab.json beside DB)"},
    {"--merges", NULL, "N", "merges to learn (800)"},
    {"--max-piece", NULL, "N", "longest segment in nodes (16)"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_mine = {"mine",
                                     "SOURCE... -o DB",
                                     "learn a vocabulary and a segment database from networks",
                                     1,
                                     -1,
                                     options,
                                     run};
