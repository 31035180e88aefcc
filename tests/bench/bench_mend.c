/* Shape repair on all pairs of a segment of a network and a record that the segment database
 * proposes for it: times, how many can be repaired, and wrong answers, beside the repair of the
 * AutoGO tool (mend_reference) and, on a sample, beside glpsol and cbc as processes that read the
 * problem as mend_write_lp wrote it (glpsol also the tool's problem, which is how the tool works).
 * Then chains of growing length, which ask for one more halving and twice the channels.
 * Usage: bench_mend [RECORDS]; so many records a segment (300). One JSON document on stdout, times
 * in milliseconds. `repair` is mend_fragment with the ports in order, `search` is the repair under
 * every order of the ports that mutate_replace tries; of each the fastest of a few runs counts, as
 * for the others. A solver that is not installed is null. */
#include "base/file.h"
#include "bpe/bpe.h"
#include "family/family.h"
#include "mutate/mutate_priv.h"
#include "segdb/segdb.h"
#include "shape/shape.h"
#include "tests/bench/solver.h"

#include <string.h>

enum {
    RECORDS = 300,
    SAMPLE_STEP = 101, /* of so many pairs one is given to the processes */
};

struct tally {
    times ms;
    int repaired, unchanged, infeasible, timeout;
    int wrong; /* the fragment, inferred anew, is not what was asked for */
};

struct network {
    const char *spec;
    int segments, pairs;
    struct tally repair, search, reference;
    times repaired_ms;     /* those of `repair` that found something */
    int reference_valid;   /* a network came of it */
    struct sample program; /* the tool's program in process, where it has a solution */
    struct sample sample[N_PROCESS];
};

static int n_records = RECORDS;

/* ---- one pair ---- */

struct pair {
    const struct graph *frag;
    int n_in, n_out;
    struct ttype *in, *out;
};

/* The types behind all nodes forgotten and inferred anew: what was asked for? */
static bool is_right(const struct graph *repaired, const struct pair *p)
{
    struct graph_edit *e = graph_edit_new(repaired);
    struct graph *bare = NULL, *typed = NULL;
    struct ttype unknown = ttype_unknown();
    int n_in, n_out, i;
    for (int32_t id = 0; id < graph_n_slots(repaired); id++) {
        const struct node *n = graph_node(repaired, id);
        for (int k = 0; n && n->op != OP_INPUT && k < n->n_out; k++)
            graph_edit_set_type(e, (struct value_ref){id, k}, &unknown);
    }
    bool ok =
        graph_edit_freeze(e, &bare, NULL) == ST_OK && shape_infer(bare, &typed, NULL) == ST_OK;
    const int32_t *in = ok ? graph_inputs(typed, &n_in) : NULL;
    for (i = 0; ok && i < n_in; i++)
        ok = ttype_equal(&graph_node(typed, in[i])->out[0].type, &p->in[i]);
    const int32_t *out = ok ? graph_outputs(typed, &n_out) : NULL;
    for (i = 0; ok && i < n_out; i++) {
        const struct ttype *t = graph_input_type(typed, graph_node(typed, out[i]), 0);
        ok = t && t->rank == p->out[i].rank && t->dtype == p->out[i].dtype;
        for (int k = 1; ok && k < t->rank; k++)
            ok = t->dim[k] == p->out[i].dim[k];
    }
    graph_unref(bare);
    graph_unref(typed);
    return ok;
}

static void count(struct tally *t, const struct mend_plan *plan, const struct pair *p, double ms)
{
    int *const of[] = {&t->unchanged, &t->repaired, &t->infeasible, &t->timeout};
    vec_push(&t->ms, ms);
    ++*of[plan->result];
    t->wrong += plan->fragment && !is_right(plan->fragment, p);
}

typedef enum status mender(const struct graph *frag, const struct ttype *need_in,
                           const struct ttype *need_out, const struct mend_opts *opts,
                           struct mend_plan *plan, struct err *err);

/* The last run's plan is the caller's. */
static double timed(mender *mend, const struct pair *p, struct mend_plan *plan)
{
    struct mend_opts opts = {.time_limit_s = SOLVER_LIMIT_S};
    double best = INFINITY;
    for (int i = 0; i < RUNS; i++) {
        struct err err = {0};
        if (i)
            mend_plan_done(plan);
        double start = now_ms();
        check(mend(p->frag, p->in, p->out, &opts, plan, &err), &err);
        best = fmin(best, now_ms() - start);
    }
    return best;
}

static void order_types(struct ttype *to, const struct ttype *from, const int *order, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = from[order[i]];
}

/* Tries one assignment of the ports; *best is the better of it and what was there. */
static void try_order(const struct pair *at, struct mend_plan *best, struct pair *best_at)
{
    struct mend_opts opts = {.time_limit_s = SOLVER_LIMIT_S};
    struct mend_plan plan;
    struct err err = {0};
    check(mend_fragment(at->frag, at->in, at->out, &opts, &plan, &err), &err);
    bool better = plan.fragment && (!best->fragment || plan.result == MEND_UNCHANGED ||
                                    plan.objective < best->objective);
    struct mend_plan worse = better ? *best : plan;
    if (better) {
        *best = plan;
        memcpy(best_at->in, at->in, (size_t)at->n_in * sizeof *at->in);
        memcpy(best_at->out, at->out, (size_t)at->n_out * sizeof *at->out);
    }
    mend_plan_done(&worse);
}

static struct pair pair_like(const struct pair *p)
{
    struct pair q = *p;
    q.in = x_memdup(p->in, ((size_t)p->n_in + 1) * sizeof *p->in);
    q.out = x_memdup(p->out, ((size_t)p->n_out + 1) * sizeof *p->out);
    return q;
}

static void pair_done(struct pair *p)
{
    free(p->in);
    free(p->out);
}

/* The least objective under any order of the ports, as mutate_replace chooses. */
static void search_ports(const struct pair *p, struct tally *t)
{
    struct pair at = pair_like(p), best_at = pair_like(p);
    struct mend_plan best = {.result = MEND_INFEASIBLE};
    double best_ms = INFINITY;
    for (int i = 0; i < RUNS; i++) {
        struct orders in, out;
        mend_plan_done(&best);
        best.result = MEND_INFEASIBLE;
        double start = now_ms();
        orders_init(&in, p->in, p->n_in);
        orders_init(&out, p->out, p->n_out);
        for (int k = 0; k < in.n * out.n && best.result != MEND_UNCHANGED; k++) {
            order_types(at.in, p->in, in.at + k / out.n * p->n_in, p->n_in);
            order_types(at.out, p->out, out.at + k % out.n * p->n_out, p->n_out);
            try_order(&at, &best, &best_at);
        }
        orders_done(&in);
        orders_done(&out);
        best_ms = fmin(best_ms, now_ms() - start);
    }
    count(t, &best, &best_at, best_ms);
    mend_plan_done(&best);
    pair_done(&at);
    pair_done(&best_at);
}

static void bench_pair(struct network *net, const struct pair *p)
{
    bool sampled = net->pairs++ % SAMPLE_STEP == 0;
    struct mend_plan plan;
    struct err err = {0};
    double own_ms = timed(mend_fragment, p, &plan);
    bool found = plan.fragment;
    count(&net->repair, &plan, p, own_ms);
    if (found)
        vec_push(&net->repaired_ms, own_ms);
    char *problem = in_folder("problem.lp");
    if (found && sampled) {
        check(mend_write_lp(p->frag, p->in, p->out, problem, &err), &err);
        compare(&net->sample[GLPSOL], GLPSOL, own_ms, plan.objective);
        compare(&net->sample[CBC], CBC, own_ms, plan.objective);
    }
    mend_plan_done(&plan);
    search_ports(p, &net->search);
    double ms = timed(mend_reference, p, &plan);
    count(&net->reference, &plan, p, ms);
    net->reference_valid += plan.fragment != NULL;
    if (plan.result == MEND_REPAIRED) {
        vec_push(&net->program.ms, ms);
        vec_push(&net->program.own_ms, own_ms);
    }
    if (sampled && mend_reference_write_lp(p->frag, p->in, p->out, problem, NULL) == ST_OK)
        compare(&net->sample[TOOL_GLPSOL], TOOL_GLPSOL, own_ms,
                plan.result == MEND_REPAIRED ? plan.objective : NAN);
    mend_plan_done(&plan);
    free(problem);
}

/* ---- all pairs of a network ---- */

static struct segdb *open_db(void)
{
    struct segdb *db = NULL;
    struct err err = {0};
    char *path = file_data("segments/segments.db");
    check(segdb_open(&db, (const char *const[]){path}, 1, &err), &err);
    free(path);
    return db;
}

static struct bpe_vocab *open_vocab(void)
{
    struct bpe_vocab *v = NULL;
    struct err err = {0};
    char *path = file_data("segments/vocab.json");
    check(bpe_vocab_load(&v, path, &err), &err);
    free(path);
    return v;
}

static void bench_segment(struct network *net, struct segdb *db, const struct graph *g,
                          const struct region *r)
{
    struct err err = {0};
    struct pair p = {.n_in = r->n_in, .n_out = r->n_out};
    int64_t *ids = NULL;
    int n = 0;
    p.in = x_calloc((size_t)r->n_in + 1, sizeof *p.in);
    p.out = x_calloc((size_t)r->n_out + 1, sizeof *p.out);
    for (int i = 0; i < r->n_in; i++)
        p.in[i] = *graph_type(g, r->in[i]);
    for (int i = 0; i < r->n_out; i++)
        p.out[i] = *graph_type(g, r->out[i]);
    check(segdb_query(db, g, r, n_records, &ids, &n, &err), &err);
    net->segments++;
    for (int i = 0; i < n; i++) {
        struct segdb_record rec;
        check(segdb_get(db, ids[i], &rec, &err), &err);
        p.frag = rec.fragment;
        bench_pair(net, &p);
        segdb_record_done(&rec);
    }
    free(ids);
    pair_done(&p);
}

static void bench_network(struct network *net, struct segdb *db, const struct bpe_vocab *vocab)
{
    struct graph *g = NULL;
    struct bpe_segmentation seg;
    struct err err = {0};
    check(family_build(net->spec, 1, &g, &err), &err);
    check(bpe_segment_graph(vocab, g, &seg, &err), &err);
    for (int i = 0; i < seg.n_segments; i++) {
        struct region r;
        check(region_init(&r, g, seg.order + seg.segment[i].start, seg.segment[i].len, &err), &err);
        if (mutate_region_ok(g, &r, NULL, 0))
            bench_segment(net, db, g, &r);
        region_done(&r);
    }
    bpe_segmentation_done(&seg);
    graph_unref(g);
}

/* ---- chains ---- */

enum { N_CHAINS = 4, CHAIN_RUNS = 15, CHANNELS = 32, SIDE = 64 };
static const int chain_nodes[N_CHAINS] = {125, 250, 500, 1000};

static int32_t put(struct graph_edit *e, struct node *n)
{
    node_add_output(n, n->name);
    return graph_edit_add(e, n);
}

static int32_t put_conv(struct graph_edit *e, int32_t from)
{
    struct node *n = node_new(OP_CONV, "conv");
    struct ttype t = ttype_make(DT_FLOAT, 4, (int64_t[]){CHANNELS, CHANNELS, 3, 3});
    struct window w = {.kernel = {3, 3},
                       .stride = {1, 1},
                       .dilation = {1, 1},
                       .pad_begin = {1, 1},
                       .pad_end = {1, 1},
                       .group = 1};
    node_add_input(n, from, 0);
    node_add_const(n, tensor_new_he("w", &t, 9 * CHANNELS, 1));
    node_set_window(n, &w);
    return put(e, n);
}

static int32_t put_norm(struct graph_edit *e, int32_t from)
{
    struct node *n = node_new(OP_BATCHNORM, "bn");
    struct ttype t = ttype_make(DT_FLOAT, 1, (int64_t[]){CHANNELS});
    node_add_input(n, from, 0);
    for (int i = 0; i < 4; i++)
        node_add_const(n, tensor_new_fill("p", &t, i == 0 || i == 3));
    return put(e, n);
}

static int32_t put_relu(struct graph_edit *e, int32_t from)
{
    struct node *n = node_new(OP_RELU, "relu");
    node_add_input(n, from, 0);
    return put(e, n);
}

/* Convolution, normalisation, activation, and again. */
static struct graph *make_chain(int n_nodes)
{
    static int32_t (*const link[])(struct graph_edit *, int32_t) = {put_conv, put_norm, put_relu};
    struct graph_edit *e = graph_edit_new(NULL);
    struct graph *g = NULL, *typed = NULL;
    struct err err = {0};
    struct ttype t = ttype_nchw(1, CHANNELS, SIDE, SIDE);
    int32_t at = put(e, node_new(OP_INPUT, "x"));
    graph_edit_set_type(e, (struct value_ref){at, 0}, &t);
    for (int i = 0; i < n_nodes; i++)
        at = link[i % 3](e, at);
    struct node *y = node_new(OP_OUTPUT, "y");
    node_add_input(y, at, 0);
    graph_edit_add(e, y);
    check(graph_edit_freeze(e, &g, &err), &err);
    check(shape_infer(g, &typed, &err), &err);
    graph_unref(g);
    return typed;
}

static double chain_ms(int n_nodes)
{
    struct graph *g = make_chain(n_nodes);
    struct ttype in = ttype_nchw(1, CHANNELS, SIDE, SIDE);
    struct ttype out = ttype_nchw(1, 2 * CHANNELS, SIDE / 2, SIDE / 2);
    struct pair p = {.frag = g, .n_in = 1, .n_out = 1, .in = &in, .out = &out};
    double best = INFINITY;
    for (int i = 0; i < CHAIN_RUNS / RUNS; i++) {
        struct mend_plan plan;
        best = fmin(best, timed(mend_fragment, &p, &plan));
        if (plan.result != MEND_REPAIRED || !is_right(plan.fragment, &p)) {
            fprintf(stderr, "bench_mend: a chain of %d nodes is not repaired\n", n_nodes);
            exit(1);
        }
        mend_plan_done(&plan);
    }
    graph_unref(g);
    return best;
}

static void print_chains(struct json *j)
{
    double us[N_CHAINS];
    json_key(j, "chains");
    json_array(j);
    for (int i = 0; i < N_CHAINS; i++) {
        double ms = chain_ms(chain_nodes[i]);
        us[i] = ms * 1e3 / chain_nodes[i];
        json_object(j);
        json_kint(j, "nodes", chain_nodes[i]);
        json_knum(j, "ms", ms);
        json_knum(j, "us_per_node", us[i]);
        json_object_end(j);
    }
    json_array_end(j);
    /* linear: 1 */
    json_knum(j, "chain_per_node_longest_to_shortest", us[N_CHAINS - 1] / us[0]);
}

/* ---- report ---- */

static double share(double part, double whole)
{
    return whole > 0 ? part / whole : NAN;
}

static int found_by(const struct tally *t)
{
    return t->repaired + t->unchanged;
}

static void print_tally(struct json *j, const char *key, struct tally *t)
{
    json_key(j, key);
    json_object(j);
    print_times(j, "ms", &t->ms);
    json_kint(j, "repaired", t->repaired);
    json_kint(j, "unchanged", t->unchanged);
    json_kint(j, "infeasible", t->infeasible);
    json_kint(j, "timeout", t->timeout);
    json_knum(j, "success", share(found_by(t), (double)t->ms.n));
    json_kint(j, "wrong", t->wrong);
    json_object_end(j);
}

static void print_faster(struct json *j, struct sample *s)
{
    print_times(j, "ms", &s->ms);
    print_times(j, "own_ms", &s->own_ms);
    json_knum(j, "times_faster_p50", share(percentile(&s->ms, 0.5), percentile(&s->own_ms, 0.5)));
    json_knum(j, "times_faster_p99", share(percentile(&s->ms, 0.99), percentile(&s->own_ms, 0.99)));
}

static void print_process(struct json *j, enum process kind, struct sample *s)
{
    json_key(j, process_name[kind]);
    if (s->absent) {
        json_null(j);
        fprintf(stderr, "bench_mend: %s is not installed, the comparison with it is skipped\n",
                process_name[kind]);
        return;
    }
    json_object(j);
    print_faster(j, s);
    json_kint(j, "same_objective", s->equal);
    json_kint(j, "other_objective", s->differ);
    json_kint(j, "no_answer", s->failed);
    json_object_end(j);
}

static void print_network(struct json *j, struct network *net)
{
    json_object(j);
    json_kstr(j, "network", net->spec);
    json_kint(j, "segments", net->segments);
    json_kint(j, "pairs", net->pairs);
    print_tally(j, "repair", &net->repair);
    print_times(j, "repair_found_ms", &net->repaired_ms);
    print_tally(j, "search", &net->search);
    print_tally(j, "reference", &net->reference);
    json_kint(j, "reference_valid", net->reference_valid);
    json_knum(j, "success_to_reference", share(found_by(&net->repair), found_by(&net->reference)));
    json_knum(j, "search_success_to_reference",
              share(found_by(&net->search), found_by(&net->reference)));
    json_knum(j, "success_to_valid_reference", share(found_by(&net->repair), net->reference_valid));
    json_key(j, "reference_solved");
    json_object(j);
    print_faster(j, &net->program);
    json_object_end(j);
    for (int i = 0; i < N_PROCESS; i++)
        print_process(j, (enum process)i, &net->sample[i]);
    json_object_end(j);
}

static void add_times(times *to, const times *from)
{
    for (size_t i = 0; i < from->n; i++)
        vec_push(to, from->at[i]);
}

static void add_tally(struct tally *to, const struct tally *from)
{
    add_times(&to->ms, &from->ms);
    to->repaired += from->repaired;
    to->unchanged += from->unchanged;
    to->infeasible += from->infeasible;
    to->timeout += from->timeout;
    to->wrong += from->wrong;
}

static void add_sample(struct sample *to, const struct sample *from)
{
    add_times(&to->ms, &from->ms);
    add_times(&to->own_ms, &from->own_ms);
    to->equal += from->equal;
    to->differ += from->differ;
    to->failed += from->failed;
    to->absent |= from->absent;
}

static void add_network(struct network *to, const struct network *from)
{
    to->segments += from->segments;
    to->pairs += from->pairs;
    add_tally(&to->repair, &from->repair);
    add_tally(&to->search, &from->search);
    add_tally(&to->reference, &from->reference);
    add_times(&to->repaired_ms, &from->repaired_ms);
    to->reference_valid += from->reference_valid;
    add_sample(&to->program, &from->program);
    for (int i = 0; i < N_PROCESS; i++)
        add_sample(&to->sample[i], &from->sample[i]);
}

static void sample_done(struct sample *s)
{
    vec_done(&s->ms);
    vec_done(&s->own_ms);
}

static void network_done(struct network *net)
{
    vec_done(&net->repair.ms);
    vec_done(&net->search.ms);
    vec_done(&net->reference.ms);
    vec_done(&net->repaired_ms);
    sample_done(&net->program);
    for (int i = 0; i < N_PROCESS; i++)
        sample_done(&net->sample[i]);
}

int main(int argc, char **argv)
{
    static const char *const spec[] = {"zoo:resnet50", "zoo:edsr", "zoo:unet"};
    struct str out = {0};
    struct json j;
    struct network all = {.spec = "all"};
    if (argc > 1)
        n_records = atoi(argv[1]);
    make_folder();
    struct segdb *db = open_db();
    struct bpe_vocab *vocab = open_vocab();
    json_init(&j, &out);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "bench", "mend");
    json_kint(&j, "records", n_records);
    json_key(&j, "networks");
    json_array(&j);
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
        struct network net = {.spec = spec[i]};
        bench_network(&net, db, vocab);
        add_network(&all, &net);
        print_network(&j, &net);
        network_done(&net);
    }
    print_network(&j, &all);
    network_done(&all);
    json_array_end(&j);
    print_chains(&j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    bpe_vocab_free(vocab);
    segdb_abandon(db);
    remove_folder();
    return 0;
}
