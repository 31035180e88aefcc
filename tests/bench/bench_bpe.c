/* Times of training a vocabulary, beside spm_train (SentencePiece) on the same sequences, and of
 * cutting a network into segments.
 * Usage: bench_bpe; one JSON document on stdout, times in milliseconds.
 * The corpus holds samples of the five families, and the zoo. spm_train is timed as a process from
 * text to vocabulary; `file_ms` is the same way of ours (corpus text to vocabulary text), and
 * `ratio` compares these two. null: spm_train is not installed. */
#include "family/family.h"
#include "tests/bench/bench.h"
#include "tests/diff/spm.h"

enum { MERGES = 2000, MAX_PIECE = 16, RUNS = 5, CUTS = 2000, NODES = 500 };

static const struct {
    const char *name;
    int samples;
} family[] = {
    {"nb101", 5000}, {"nb201", 4096}, {"hiaml", 4600}, {"inception", 580}, {"twopath", 6900},
};

struct corpus {
    struct bpe_corpus *c;
    int networks;
    struct graph *probe; /* of all, the one nearest to NODES nodes */
};

/* Takes the spec. */
static void add(struct corpus *all, char *spec)
{
    struct graph *g = NULL;
    struct err err = {0};
    check(family_build(spec, 1, &g, &err), &err);
    check(bpe_corpus_add(all->c, g, 1, &err), &err);
    all->networks++;
    if (!all->probe || abs(graph_n_nodes(g) - NODES) < abs(graph_n_nodes(all->probe) - NODES)) {
        graph_unref(all->probe);
        all->probe = graph_ref(g);
    }
    graph_unref(g);
    free(spec);
}

static void build(struct corpus *all)
{
    const struct family_zoo *z;
    all->c = bpe_corpus_new(BPE_CANONICAL);
    for (size_t f = 0; f < sizeof family / sizeof *family; f++)
        for (int i = 0; i < family[f].samples; i++)
            add(all, family_sample(family[f].name, 0, i));
    for (int i = 0; (z = family_zoo_at(i)); i++)
        add(all, x_asprintf("zoo:%s", z->name));
}

static double time_training(const struct bpe_corpus *c, struct bpe_vocab **out)
{
    times ms = {0};
    struct err err = {0};
    for (int i = 0; i < RUNS; i++) {
        bpe_vocab_free(*out);
        double start = now_ms();
        check(bpe_train(c, MERGES, MAX_PIECE, out, &err), &err);
        vec_push(&ms, now_ms() - start);
    }
    double median = percentile(&ms, 0.5);
    vec_done(&ms);
    return median;
}

static double time_file(const struct bpe_corpus *c)
{
    struct str text = {0}, vocab = {0};
    struct bpe_corpus *read = NULL;
    struct bpe_vocab *v = NULL;
    struct err err = {0};
    bpe_corpus_write(c, &text);
    double start = now_ms();
    check(bpe_corpus_read(text.s, &read, &err), &err);
    check(bpe_train(read, MERGES, MAX_PIECE, &v, &err), &err);
    bpe_vocab_write(v, &vocab);
    double ms = now_ms() - start;
    bpe_corpus_free(read);
    bpe_vocab_free(v);
    str_done(&text);
    str_done(&vocab);
    return ms;
}

/* NAN when it is not installed or fails. */
static double time_spm(const struct bpe_corpus *c)
{
    static const char *const name[] = {"in", "out.model", "out.vocab", "out.log"};
    char folder[] = "/tmp/autogo-bench-XXXXXX";
    struct str text = {0};
    struct err err = {0};
    int n_chars = spm_text(c, &text);
    if (!mkdtemp(folder)) {
        perror("bench: mkdtemp");
        exit(3);
    }
    char *input = x_asprintf("%s/in", folder), *prefix = x_asprintf("%s/out", folder);
    FILE *f = fopen(input, "w");
    if (!f || fwrite(text.s, 1, text.n, f) != text.n || fclose(f))
        check(err_set(&err, ST_IO, "cannot write %s", input), &err);
    double start = now_ms();
    int code = spm_train(input, prefix, MERGES, n_chars, MAX_PIECE);
    double ms = now_ms() - start;
    if (code)
        fprintf(stderr, "bench_bpe: spm_train %s, the comparison with it is skipped\n",
                code == 127 ? "is not installed" : "failed");
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char *path = x_asprintf("%s/%s", folder, name[i]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
    free(input);
    free(prefix);
    str_done(&text);
    return code ? NAN : ms;
}

static void time_cuts(const struct bpe_vocab *v, const struct graph *g, times *ms)
{
    struct bpe_segmentation s;
    struct err err = {0};
    for (int i = 0; i < CUTS; i++) {
        double start = now_ms();
        check(bpe_segment_graph(v, g, &s, &err), &err);
        vec_push(ms, now_ms() - start);
        bpe_segmentation_done(&s);
    }
}

static void print_training(struct json *j, const struct corpus *all, struct bpe_vocab **v)
{
    double train = time_training(all->c, v), file = time_file(all->c), spm = time_spm(all->c);
    json_key(j, "train");
    json_object(j);
    json_kint(j, "merges", bpe_vocab_n_merges(*v));
    json_knum(j, "ms", train);
    json_knum(j, "file_ms", file);
    json_knum(j, "spm_train_ms", spm);
    json_knum(j, "ratio", spm / file);
    json_object_end(j);
}

int main(void)
{
    struct str out = {0};
    struct json j;
    struct corpus all = {0};
    struct bpe_vocab *v = NULL;
    times cuts = {0};

    json_init(&j, &out);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "bench", "bpe");
    double start = now_ms();
    build(&all);
    json_key(&j, "corpus");
    json_object(&j);
    json_kint(&j, "networks", all.networks);
    json_kint(&j, "tokens", all.c->total);
    json_kint(&j, "sequences", (int64_t)all.c->line.n);
    json_knum(&j, "build_ms", now_ms() - start);
    json_object_end(&j);
    print_training(&j, &all, &v);
    time_cuts(v, all.probe, &cuts);
    json_key(&j, "segment");
    json_object(&j);
    json_kint(&j, "nodes", graph_n_nodes(all.probe));
    print_times(&j, "ms", &cuts);
    json_object_end(&j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    vec_done(&cuts);
    bpe_vocab_free(v);
    bpe_corpus_free(all.c);
    graph_unref(all.probe);
    return 0;
}
