/* The autopilot: networks tried in a second on one thread and on two, from ResNet-50 with estimates
 * of accuracy and cycles; and the memory that a long search takes, from a small network.
 * Usage: bench_search; one JSON document on stdout. Slow: some minutes. */
#include "base/file.h"
#include "base/mem.h"
#include "search/search.h"
#include "session/model.h"
#include "tests/bench/bench.h"

#include <string.h>
#include <unistd.h>

enum { TRIED = 3000, EARLY = 20000, LATE = 100000 };
#define SMALL                                                                                \
    "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_1x1~1|" \
    "nor_conv_3x3~2|@s"

static char folder[] = "/tmp/autogo-bench-XXXXXX";

/* ---- one search ---- */

static void search_run_at(const char *spec, const char *name, const struct search_opts *o,
                          struct search_state *end)
{
    struct err err = {0};
    struct graph *g;
    struct search_result r;
    char *path = x_asprintf("%s/%s.db", folder, name);
    check(model_open(spec, &(struct model_opts){0}, &g, &err), &err);
    check(search_run(&r, g, path, o, &err), &err);
    *end = r.state;
    search_result_done(&r);
    graph_unref(g);
    unlink(path);
    free(path);
}

/* Processor time when the last generation ended. */
static void take_clock(void *arg, const struct search_state *s)
{
    (void)s;
    *(clock_t *)arg = clock();
}

static void bench_rate(struct search_opts o, struct json *j)
{
    struct search_state end[2];
    clock_t begun, ended[2];
    double busy[2];
    o.evaluations = TRIED;
    o.progress = take_clock;
    for (int k = 0; k < 2; k++) {
        o.threads = 1 + k;
        o.arg = &ended[k];
        begun = clock();
        search_run_at("zoo:resnet50", k ? "two" : "one", &o, &end[k]);
        busy[k] = (double)(ended[k] - begun) / CLOCKS_PER_SEC;
    }
    double one = (double)end[0].tried / end[0].seconds, two = (double)end[1].tried / end[1].seconds;
    /* of a machine that others use too */
    json_knum(j, "tried_per_processor_s", (double)end[0].tried / busy[0]);
    json_knum(j, "tried_per_processor_s_2_threads", (double)end[1].tried / busy[1]);
    json_kint(j, "tried", end[0].tried);
    json_kint(j, "accepted", end[0].accepted);
    json_knum(j, "tried_per_s", one);
    json_knum(j, "tried_per_s_2_threads", two);
    json_knum(j, "ratio_2_threads", two / one);
}

/* ---- memory ---- */

struct memory {
    int64_t tried;
    double seconds, now_kb, most_kb;
};
struct watch {
    struct memory at[2];
    int n;
};

static double status_kb(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    return at ? strtod(at + strlen(key), NULL) : NAN;
}

static void watch_memory(void *arg, const struct search_state *s)
{
    static const int64_t when[2] = {EARLY, LATE};
    struct watch *w = arg;
    unsigned char *text;
    size_t size;
    struct err err = {0};
    if (w->n == 2 || s->tried < when[w->n])
        return;
    check(file_read("/proc/self/status", 1 << 16, &text, &size, &err), &err);
    w->at[w->n++] = (struct memory){s->tried, s->seconds, status_kb((char *)text, "VmRSS:"),
                                    status_kb((char *)text, "VmHWM:")};
    free(text);
}

static void bench_memory(struct search_opts o, struct json *j)
{
    struct watch w = {0};
    struct search_state end;
    o.evaluations = LATE;
    o.threads = 1;
    o.pred = NULL; /* faster, and most are accepted: more to be remembered */
    o.goal[0] = GOAL_PARAMS;
    o.progress = watch_memory;
    o.arg = &w;
    search_run_at(SMALL, "small", &o, &end);
    json_key(j, "memory");
    json_array(j);
    for (int k = 0; k < w.n; k++) {
        json_object(j);
        json_kint(j, "tried", w.at[k].tried);
        json_knum(j, "seconds", w.at[k].seconds);
        json_knum(j, "resident_kb", w.at[k].now_kb);
        json_knum(j, "most_kb", w.at[k].most_kb);
        json_object_end(j);
    }
    json_array_end(j);
    json_kint(j, "memory_accepted", end.accepted);
    json_knum(j, "bytes_each",
              1024 * (w.at[1].now_kb - w.at[0].now_kb) / (double)(w.at[1].tried - w.at[0].tried));
}

int main(void)
{
    struct err err = {0};
    struct bpe_vocab *vocab;
    struct pred_model *pred;
    struct npu_preset npu;
    struct str out = {0};
    struct json j;
    char *segments = file_data("segments/segments.db"), *words = file_data("segments/vocab.json"),
         *predictor = file_data("segments/predictor.bin");
    if (!mkdtemp(folder)) {
        perror("bench: mkdtemp");
        return 2;
    }
    check(bpe_vocab_load(&vocab, words, &err), &err);
    check(pred_model_load(&pred, predictor, &err), &err);
    check(npu_preset_load(&npu, "os32", &err), &err);
    const struct search_opts o = {.goal = {GOAL_ACC, GOAL_FLOPS, GOAL_CYCLES},
                                  .n_goal = 3,
                                  .max_loss = INFINITY,
                                  .trust = 1.25,
                                  .seed = 1,
                                  .segdb = {segments},
                                  .vocab = vocab,
                                  .pred = pred,
                                  .npu = &npu};
    json_init(&j, &out);
    json_object(&j);
    json_kstr(&j, "bench", "search");
    bench_memory(o, &j); /* first: nothing is freed yet that could be taken again */
    bench_rate(o, &j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    rmdir(folder);
    pred_model_free(pred);
    bpe_vocab_free(vocab);
    free(segments);
    free(words);
    free(predictor);
    return 0;
}
