/* Running and training networks. Inference beside ONNX Runtime, where AUTOGO_ORT names a folder
 * with it (tests/diff/ort.h): batch 1, on one thread and on two; both take turns within one run,
 * for a machine that has other work slows down both. Training: whole steps (forward, backward,
 * update), and for comparison the convolutions of the same shapes alone, as oneDNN lays them out
 * itself. Usage: bench_exec [ROUNDS]; one JSON document on stdout, times in milliseconds. `ratio`
 * is our median to theirs, `ratio_best` the fastest runs'; `conv_share` is the share of the GFLOP/s
 * of the convolutions alone that is left in whole steps. What is not there is null. */
#include "base/rng.h"
#include "exec/exec_priv.h"
#include "family/family.h"
#include "onx/onx.h"
#include "shape/shape.h"
#include "tests/bench/bench.h"
#include "tests/diff/ort.h"

enum {
    ROUNDS = 12,
    RUNS_EACH = 3, /* in a round, behind one that does not count */
};

static int n_rounds = ROUNDS;

/* ---- networks ---- */

/* zoo: or family: specs, else a file in the shared folder; NULL: not there. */
static struct graph *network(const char *name)
{
    const char *shared = getenv("AUTOGO_SHARED");
    struct graph *g = NULL, *typed;
    struct err err = {0};
    if (strchr(name, ':')) {
        check(family_build(name, 1, &g, &err), &err);
        return g;
    }
    char *path = x_asprintf("%s/data/onnx/%s", shared ? shared : "../shared", name);
    if (access(path, R_OK) == 0) {
        check(onx_load(&g, path, &err), &err);
        check(shape_infer(g, &typed, &err), &err);
        graph_unref(g);
        g = typed;
    } else {
        fprintf(stderr, "bench_exec: SKIP %s: no such file\n", path);
    }
    free(path);
    return g;
}

static struct exec *compiled(const struct graph *g, const struct exec_opts *opts)
{
    struct exec *e;
    struct err err = {0};
    struct rng r = rng_for(1, 0);
    check(exec_new(&e, g, opts, &err), &err);
    for (int i = 0; i < exec_n_inputs(e); i++)
        for (int64_t k = 0; k < ttype_count(exec_input_type(e, i), 1); k++)
            exec_input(e, i)[k] = (float)rng_normal(&r);
    return e;
}

/* ---- inference ---- */

/* Threads of the other side go on looking for work for a while. */
static void settle(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
}

static void run_ours(struct exec *e, times *t)
{
    struct err err = {0};
    settle();
    for (int i = 0; i <= RUNS_EACH; i++) {
        double start = now_ms();
        check(exec_run(e, &err), &err);
        if (i > 0)
            vec_push(t, now_ms() - start);
    }
}

static bool run_theirs(struct ort *o, times *t)
{
    settle();
    for (int i = 0; i <= RUNS_EACH; i++) {
        double ms = ort_run(o);
        if (ms < 0)
            return false;
        if (i > 0)
            vec_push(t, ms);
    }
    return true;
}

static void bench_inference(struct json *j, struct ort *o, const char *name, int threads)
{
    struct graph *g = network(name);
    times ours = {0}, theirs = {0};
    if (!g)
        return;
    struct exec *e = compiled(g, &(struct exec_opts){.threads = threads});
    bool beside = o->pid && ort_load(o, g, e, threads);
    if (o->pid && !beside)
        fprintf(stderr, "bench_exec: ONNX Runtime: %s: %s\n", name, o->answer);
    for (int i = 0; i < n_rounds; i++) {
        run_ours(e, &ours);
        beside = beside && run_theirs(o, &theirs);
    }
    json_object(j);
    json_kstr(j, "model", name);
    json_kint(j, "threads", threads);
    print_times(j, "ms", &ours);
    print_times(j, "onnxruntime_ms", &theirs);
    json_knum(j, "ratio", percentile(&ours, 0.5) / percentile(&theirs, 0.5));
    json_knum(j, "ratio_best", percentile(&ours, 0) / percentile(&theirs, 0));
    json_object_end(j);
    vec_done(&ours);
    vec_done(&theirs);
    exec_free(e);
    graph_unref(g);
}

/* ---- convolutions alone ---- */

enum { FORWARD, DATA, WEIGHTS, KINDS };

struct alone {
    struct prim prim[KINDS];
    float *buf[KINDS][3];
    double flops; /* of one kind */
    bool has[KINDS];
};
typedef VEC(struct alone) alones;

static void give(struct alone *a, int kind, int k, int arg, dnnl_query_t what)
{
    const dnnl_memory_desc_t *md = prim_md(&a->prim[kind], what);
    struct err err = {0};
    size_t n = dnnl_memory_desc_get_size(md) / sizeof(float);
    float *buf = a->buf[kind][k] = exec_alloc(n);
    for (size_t i = 0; i < n; i++) /* not zeros, which some machines are faster with */
        buf[i] = (float)(i % 7) * 0.1F - 0.3F;
    check(prim_bind(&a->prim[kind], arg, md, buf, &err), &err);
}

/* The three convolutions of a step in whatever layouts oneDNN takes by itself. */
static void make_alone(struct alone *a, const struct step *s)
{
    const struct ttype *w = &s->in[1]->type, *x = &s->in[0]->type, *y = &s->out[0]->type;
    struct err err = {0};
    struct geom g;
    int grouped;
    dnnl_dims_t dims, dilation;
    dnnl_memory_desc_t mx, mw, my, px = exec_md_plain(x->rank, x->dim);
    dnnl_memory_desc_t py = exec_md_plain(y->rank, y->dim);
    dnnl_convolution_desc_t d;
    check(exec_geom(s, &g, &err), &err);
    grouped = g.group > 1;
    dims[0] = g.group;
    dims[grouped] = w->dim[0] / g.group;
    for (int i = 1; i < w->rank; i++)
        dims[grouped + i] = w->dim[i];
    for (int i = 0; i < g.axes; i++) {
        dilation[i] = g.dilation[i] - 1;
        g.pad_end[i] = (g.out[i] - 1) * g.stride[i] + (g.kernel[i] - 1) * g.dilation[i] + 1 -
                       g.in[i] - g.pad_begin[i];
    }
    dnnl_memory_desc_init_by_tag(&mw, w->rank + grouped, dims, dnnl_f32, dnnl_format_tag_any);
    mx = exec_md_any(&px);
    my = exec_md_any(&py);
    a->flops = 2.0 * (double)s->out[0]->count * (double)(s->in[1]->count / w->dim[0]);
    a->has[FORWARD] = a->has[WEIGHTS] = true;
    a->has[DATA] = s->in[0]->learns;
    dnnl_dilated_convolution_forward_desc_init(&d, dnnl_forward_training, dnnl_convolution_direct,
                                               &mx, &mw, NULL, &my, g.stride, dilation, g.pad_begin,
                                               g.pad_end);
    check(prim_init(&a->prim[FORWARD], &d, NULL, NULL, &err), &err);
    give(a, FORWARD, 0, DNNL_ARG_SRC, dnnl_query_src_md);
    give(a, FORWARD, 1, DNNL_ARG_WEIGHTS, dnnl_query_weights_md);
    give(a, FORWARD, 2, DNNL_ARG_DST, dnnl_query_dst_md);
    dnnl_dilated_convolution_backward_weights_desc_init(&d, dnnl_convolution_direct, &mx, &mw, NULL,
                                                        &my, g.stride, dilation, g.pad_begin,
                                                        g.pad_end);
    check(prim_init(&a->prim[WEIGHTS], &d, NULL, a->prim[FORWARD].pd, &err), &err);
    give(a, WEIGHTS, 0, DNNL_ARG_SRC, dnnl_query_src_md);
    give(a, WEIGHTS, 1, DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md);
    give(a, WEIGHTS, 2, DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md);
    if (!a->has[DATA])
        return;
    dnnl_dilated_convolution_backward_data_desc_init(&d, dnnl_convolution_direct, &mx, &mw, &my,
                                                     g.stride, dilation, g.pad_begin, g.pad_end);
    check(prim_init(&a->prim[DATA], &d, NULL, a->prim[FORWARD].pd, &err), &err);
    give(a, DATA, 0, DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md);
    give(a, DATA, 1, DNNL_ARG_WEIGHTS, dnnl_query_weights_md);
    give(a, DATA, 2, DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md);
}

static void free_alone(struct alone *a)
{
    for (int k = 0; k < KINDS; k++) {
        prim_done(&a->prim[k]);
        for (int i = 0; i < 3; i++)
            free(a->buf[k][i]);
    }
}

static double run_alone(struct exec *e, const alones *all)
{
    struct err err = {0};
    double start = now_ms();
    for (size_t i = 0; i < all->n; i++)
        for (int k = 0; k < KINDS; k++)
            if (all->at[i].has[k])
                check(prim_run(&all->at[i].prim[k], e, &err), &err);
    return now_ms() - start;
}

/* ---- training ---- */

struct training {
    struct exec *e;
    float **grad_out, **velocity;
};

static struct training begin_training(struct exec *e)
{
    struct training t = {.e = e};
    t.grad_out = x_calloc((size_t)exec_n_outputs(e) + 1, sizeof(float *));
    t.velocity = x_calloc((size_t)exec_n_params(e) + 1, sizeof(float *));
    for (int i = 0; i < exec_n_outputs(e); i++) {
        int64_t n = ttype_count(exec_output_type(e, i), 1);
        t.grad_out[i] = x_calloc((size_t)n, sizeof(float));
        for (int64_t k = 0; k < n; k++)
            t.grad_out[i][k] = (k % 2 ? 1.0F : -1.0F) / (float)n;
    }
    for (int i = 0; i < exec_n_params(e); i++)
        t.velocity[i] = x_calloc((size_t)exec_param(e, i)->n, sizeof(float));
    return t;
}

static void end_training(struct training *t)
{
    for (int i = 0; i < exec_n_outputs(t->e); i++)
        free(t->grad_out[i]);
    for (int i = 0; i < exec_n_params(t->e); i++)
        free(t->velocity[i]);
    free(t->grad_out);
    free(t->velocity);
}

static double step(struct training *t)
{
    struct err err = {0};
    double start = now_ms();
    check(exec_run(t->e, &err), &err);
    check(exec_backward(t->e, (const float *const *)t->grad_out, NULL, &err), &err);
    for (int i = 0; i < exec_n_params(t->e); i++) {
        struct exec_param *p = exec_param(t->e, i);
        float *v = t->velocity[i];
        for (int64_t k = 0; k < p->n; k++) {
            v[k] = 0.9F * v[k] + p->grad[k];
            p->value[k] -= 1e-4F * v[k];
        }
    }
    exec_params_changed(t->e);
    return now_ms() - start;
}

static void bench_training(struct json *j, const char *name, int64_t batch, int threads)
{
    struct graph *g = network(name);
    struct exec *e =
        compiled(g, &(struct exec_opts){.mode = EXEC_TRAIN, .batch = batch, .threads = threads});
    struct training t = begin_training(e);
    alones all = {0};
    times steps = {0}, convs = {0};
    double flops = 0;
    for (size_t i = 0; i < e->steps.n; i++) {
        struct alone a = {0};
        if (e->steps.at[i].kernel->op != OP_CONV)
            continue;
        make_alone(&a, &e->steps.at[i]);
        flops += a.flops * (2 + a.has[DATA]);
        vec_push(&all, a);
    }
    step(&t);
    run_alone(e, &all);
    for (int i = 0; i < n_rounds; i++) {
        vec_push(&steps, step(&t));
        vec_push(&convs, run_alone(e, &all));
    }
    json_object(j);
    json_kstr(j, "model", name);
    json_kint(j, "batch", batch);
    json_kint(j, "threads", threads);
    print_times(j, "step_ms", &steps);
    print_times(j, "conv_alone_ms", &convs);
    json_knum(j, "gflops", flops / percentile(&steps, 0.5) / 1e6);
    json_knum(j, "gflops_alone", flops / percentile(&convs, 0.5) / 1e6);
    json_knum(j, "conv_share", percentile(&convs, 0.5) / percentile(&steps, 0.5));
    json_object_end(j);
    for (size_t i = 0; i < all.n; i++)
        free_alone(&all.at[i]);
    vec_done(&all);
    vec_done(&steps);
    vec_done(&convs);
    end_training(&t);
    exec_free(e);
    graph_unref(g);
}

int main(int argc, char **argv)
{
    static const char *const models[] = {"zoo:resnet50", "zoo:mobilenetv2",
                                         "light_squeezenet.onnx"};
    static const char small[] = "nb201:|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|"
                                "skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|@s";
    struct str out = {0};
    struct ort o;
    struct json j;
    if (argc > 1)
        n_rounds = atoi(argv[1]);
    if (!ort_open(&o))
        fprintf(stderr, "bench_exec: SKIP ONNX Runtime: %s\n", o.answer);
    json_init(&j, &out);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "bench", "exec");
    json_key(&j, "inference");
    json_array(&j);
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (int threads = 1; threads <= 2; threads++)
            bench_inference(&j, &o, models[i], threads);
    json_array_end(&j);
    ort_close(&o);
    json_key(&j, "training");
    json_array(&j);
    for (int threads = 1; threads <= 2; threads++) {
        bench_training(&j, small, 64, threads);
        bench_training(&j, "zoo:resnet50", 4, threads);
    }
    json_array_end(&j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    return 0;
}
