/* The predictor's speed on one core: replacements of one ResNet-50 segment (100 of the shipped
 * database; their estimates alone), triples (P, S, C) at batch, steps of training.
 * Usage: bench_pred; one JSON document on stdout. */
#include "pred/model_priv.h"
#include "session/session.h"
#include "tests/bench/bench.h"
#include "tests/unit/pred_make.h"

enum { RUNS = 9, NETWORKS = 200, BATCH = 64 };

/* ---- replacements ---- */

static void bench_replacements(const struct pred_model *m, struct json *j)
{
    enum { K = 4, WANT = 100 };
    struct err err = {0};
    struct session_opts o = {.tries = 3 * WANT};
    struct session *s = session_new(&o);
    times each = {0}, all = {0};
    check(session_open(s, "zoo:resnet50", SESSION_FRESH, &err), &err);
    check(session_select(s, K, &err), &err);
    check(session_wait(s, &err), &err);
    int n = session_n_candidates(s) < WANT ? session_n_candidates(s) : WANT;
    const struct region *r = &session_segment(s, K)->region;
    for (int run = 0; run < RUNS; run++) {
        double begun = now_ms();
        struct pred_source *source =
            pred_source_new(m, session_graph(s), session_segmentation(s)->order, r->ids, r->n, 0);
        for (int i = 0; i < n; i++) {
            struct pred_delta d;
            double from = now_ms();
            pred_replacement(source, session_candidate(s, i)->result->graph, &d);
            vec_push(&each, now_ms() - from);
        }
        vec_push(&all, now_ms() - begun);
        pred_source_unref(source);
    }
    json_kint(j, "replacements", n);
    json_knum(j, "replacements_ms", percentile(&all, 0.5));
    print_times(j, "replacement_ms", &each);
    session_free(s);
    vec_done(&each);
    vec_done(&all);
}

/* ---- triples ---- */

static void bench_triples(const struct pred_model *m, const struct pred_table *t, struct json *j)
{
    struct pred_batch b = {0};
    struct net_run r = {0};
    times run = {0};
    uint8_t part[1024];
    for (int k = 0; k < RUNS; k++) {
        double begun = now_ms();
        int done = 0;
        for (size_t i = 0; i + BATCH <= t->item.n; i += BATCH) {
            pred_batch_clear(&b);
            for (size_t n = i; n < i + BATCH; n++) {
                const struct pred_net *net = t->item.at[n].net;
                pred_cut_segments(net, (int)n % net->n_segments, 1, part);
                pred_batch_add(&b, net, part, KEEP_ALL);
            }
            net_forward(&m->shape, m->w, &b, &r);
            done += BATCH;
        }
        vec_push(&run, (now_ms() - begun) / done);
    }
    json_knum(j, "triples_per_s", 1000 / percentile(&run, 0.5));
    vec_done(&run);
    pred_batch_done(&b);
    net_run_done(&r);
}

int main(void)
{
    struct bpe_vocab *v = make_vocab();
    struct pred_table t;
    struct pred_model *m;
    struct err err = {0};
    struct str out = {0};
    struct json j;
    make_table(&t, NETWORKS, v);
    struct pred_opts o = {.members = 5, .steps = 60, .seed = 1, .threads = 1};
    double begun = now_ms();
    check(pred_train(&m, &t, 1, &o, &err), &err);
    double trained = now_ms() - begun;
    json_init(&j, &out);
    json_object(&j);
    json_kstr(&j, "bench", "pred");
    json_knum(&j, "networks_per_s_training", 1000 * 5.0 * 60 * 32 / trained);
    bench_triples(m, &t, &j);
    bench_replacements(m, &j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    pred_model_free(m);
    pred_table_done(&t);
    bpe_vocab_free(v);
    return 0;
}
