/* label: samples networks of a family, trains each with one recipe and writes down how good it is.
 *
 * Every process walks the same jobs in the same order (all networks with the first seed, then with
 * the second ...), skips those that have a row and those another process has claimed. So work is
 * shared by starting the same command several times, here or on machines that share the folder;
 * or by an MPI launcher (label_jobs.h). */
#include "cli/fit_options.h"
#include "base/clock.h"
#include "cli/label_jobs.h"
#include "cli/label_retest.h"

#include "cost/cost.h"
#include "exec/timing.h"
#include "family/family.h"
#include "session/model.h"

#include <stdio.h>
#include <stdlib.h>

/* Larger networks would take most of the time and say little about the others. */
#define MOST_FLOPS 12000000
enum { MOST_SEEDS = 1000, MOST_MISSES = 10000 };
enum { LATENCY_RUNS = 20 };

/* Short runs with a low peak rate repeat best: higher rates bring all networks to nearly the same
 * accuracy, apart from chance (HACKING has the pilots). */
#define SHORT_RUN .epochs = 1, .batch = 32, .bn_images = 2000, .average = .1
static const struct recipe {
    const char *family;
    struct fit_opts fit;
} recipes[] = {
    {"nb101", {SHORT_RUN, .lr = .01, .n_train = 10000}},
    {"nb201", {SHORT_RUN, .lr = .02, .n_train = 5000}},
    {"twopath", {SHORT_RUN, .lr = .01, .n_train = 10000}},
    {"inception", {SHORT_RUN, .lr = .02, .n_train = 5000}},
    {"hiaml", {SHORT_RUN, .lr = .01, .n_train = 10000}},
};

struct labelling {
    struct cli *c;
    char *family; /* with @s */
    int n, seeds;
    struct fit_opts fit;
    struct images *d;
    VEC(char *) arch;
    struct label_file file;
    struct label_jobs jobs;
};

/* ---- which networks ---- */

/* Adds sample i unless it is too large or a network that is there already. */
static enum status take_sample(struct labelling *l, int i, struct u64map *known, struct err *err)
{
    struct graph *g;
    struct cost cost;
    char *arch = family_sample(l->family, l->c->seed, i);
    enum status st = model_open(arch, NULL, &g, err);
    if (st == ST_OK) {
        cost_graph(g, &cost);
        uint64_t hash = graph_hash(g);
        bool fresh = *u64map_put(known, hash, i) == i;
        if (fresh && cost.flops_paper <= MOST_FLOPS) {
            vec_push(&l->arch, arch);
            arch = NULL;
        }
        graph_unref(g);
    }
    free(arch);
    return st;
}

static enum status sample(struct labelling *l, struct err *err)
{
    struct u64map known = {0};
    int64_t count = family_count(l->family);
    int misses = 0;
    enum status st = ST_OK;
    for (int i = 0; st == ST_OK && (int)l->arch.n < l->n; i++) {
        size_t before = l->arch.n;
        st = cli_interrupted ? ST_CANCELLED : take_sample(l, i, &known, err);
        misses = l->arch.n > before ? 0 : misses + 1;
        if ((count > 0 && i + 1 >= count) || misses >= MOST_MISSES)
            break;
        cli_progress(l->c, (int)l->arch.n, l->n, "sampling");
    }
    cli_progress_end(l->c);
    u64map_done(&known);
    if (st == ST_OK && (int)l->arch.n < l->n)
        st = err_set(err, ST_USAGE, "%s has only %zu networks of at most %d MFLOPs", l->family,
                     l->arch.n, MOST_FLOPS / 1000000);
    return st;
}

/* ---- the table ---- */

/* What may be added to the manifest; caller frees. */
static char *place_text(void)
{
    char cpu[200];
    return x_asprintf("program: autogo " PACKAGE_VERSION "\nmachine: %s\n",
                      timing_cpu(cpu, sizeof cpu));
}

static char *recipe_text(const struct labelling *l)
{
    const struct fit_opts *o = &l->fit;
    struct images_info d = images_info(l->d);
    struct str s = {0};
    str_addf(&s, "table: autogo label 2\nfamily: %s\nsampled with seed: %llu\n", l->family,
             (unsigned long long)l->c->seed);
    str_addf(&s, "largest forward pass: %d FLOP\n", MOST_FLOPS);
    str_addf(&s, "data: %s, %d classes, %dx%d, %d training and %d test images\n", d.name, d.classes,
             d.height, d.width, d.n_train, d.n_test);
    str_addf(&s, "images: %d\ntest images: %d\nepochs: %d\nbatch: %d\n",
             o->n_train > 0 && o->n_train < d.n_train ? o->n_train : d.n_train,
             o->n_test > 0 && o->n_test < d.n_test ? o->n_test : d.n_test, o->epochs, o->batch);
    str_addf(&s, "optimiser: SGD, Nesterov momentum 0.9, weight decay 0.0005 on weights, gradient "
                 "norm at most 5\n");
    str_addf(&s, "learning rate: one cycle, peak %g, to zero\n", o->lr);
    str_addf(&s, "shift: %d\nflip: %d\nnormalisation statistics from images: %d\n", o->shift,
             o->flip, o->bn_images);
    str_addf(&s, "averaged share of the last steps: %g\nthreads: %d\n", o->average, o->threads);
    str_addf(&s, "latency_ms: oneDNN, batch 1, one thread, median of %d runs before training\n",
             LATENCY_RUNS);
    return str_take(&s);
}

static enum status open_table(struct labelling *l, const char *path, struct err *err)
{
    struct str header = {0};
    char *recipe = recipe_text(l), *place = place_text();
    str_add(&header, "arch,seed");
    for (int i = 1; i <= l->fit.epochs; i++)
        str_addf(&header, ",acc%d", i);
    str_add(&header, ",acc,loss,params,flops_paper,seconds,latency_ms\n");
    enum status st = label_file_open(&l->file, path, recipe, place, str_text(&header), err);
    str_done(&header);
    free(recipe);
    free(place);
    return st;
}

/* ---- one row ---- */

/* A network whose training blew up keeps its row, without accuracy. */
static char *row_text(const struct labelling *l, const struct fit_result *r,
                      const struct cost *cost, double seconds, double latency_ms)
{
    struct str s = {0};
    for (int i = 0; i < l->fit.epochs; i++)
        if (r)
            str_addf(&s, "%.6g,", r->epoch[i].test_value);
        else
            str_add(&s, ",");
    if (r)
        str_addf(&s, "%.6g,%.6f", r->value, r->loss);
    else
        str_add(&s, ",");
    str_addf(&s, ",%lld,%lld,%.2f,%.4f", (long long)cost->params, (long long)cost->flops_paper,
             seconds, latency_ms);
    return str_take(&s);
}

/* Measured beside other work as it is, it is not kept for the command latency. */
static enum status measure(const struct graph *g, double *ms, struct err *err)
{
    struct timing t;
    const struct timing_opts o = {.batch = 1,
                                  .threads = 1,
                                  .runs = LATENCY_RUNS,
                                  .fresh = true,
                                  .unkept = true,
                                  .cancel = &cli_interrupted};
    TRY(timing_measure(&t, g, &o, err));
    *ms = t.median_ms;
    timing_done(&t);
    return ST_OK;
}

static enum status fit_row(struct labelling *l, const struct graph *g, char **row, struct err *err)
{
    struct fit_result r = {0};
    struct cost cost;
    double latency_ms;
    cost_graph(g, &cost);
    TRY(measure(g, &latency_ms, err));
    double begun = clock_s();
    enum status st = fit_run(g, l->d, &l->fit, &r, err);
    if (st == ST_OK || st == ST_NO) {
        *row = row_text(l, st == ST_OK ? &r : NULL, &cost, clock_s() - begun, latency_ms);
        st = ST_OK;
    }
    fit_result_done(&r);
    return st;
}

static enum status train(void *arg, const char *arch, int seed, char **row, struct err *err)
{
    struct labelling *l = arg;
    struct model_opts mo = {.seed = (uint64_t)seed};
    struct graph *g;
    struct err why = {0};
    l->fit.seed = (uint64_t)seed;
    TRY(model_open(arch, &mo, &g, err));
    enum status st = fit_row(l, g, row, &why);
    graph_unref(g);
    if (st != ST_OK && err) {
        *err = why;
        err_in_file(err, arch);
    }
    return st;
}

static void after_step(void *arg, int done, int all)
{
    struct labelling *l = arg;
    (void)done, (void)all;
    label_jobs_poll(l->c);
}

/* ---- the command ---- */

static enum status read_options(struct labelling *l, struct err *err)
{
    int64_t n, seeds;
    const struct recipe *r = NULL;
    const char *family = l->c->arg[0];
    size_t len = strcspn(family, "@");
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (strlen(recipes[i].family) == len && memcmp(recipes[i].family, family, len) == 0)
            r = &recipes[i];
    if (!r || (family[len] && strcmp(family + len, "@s") != 0))
        return err_set(err, ST_USAGE,
                       "label: no family '%.40s' (nb101 nb201 hiaml inception twopath)", family);
    if (!cli_get(l->c, "-n") || !cli_get(l->c, "--output"))
        return err_set(err, ST_USAGE, "label: -n N and -o CSV are needed (autogo label --help)");
    TRY(cli_get_int(l->c, "-n", 1, 1000000, 0, &n, err));
    TRY(cli_get_int(l->c, "--seeds", 1, MOST_SEEDS, 1, &seeds, err));
    l->n = (int)n;
    l->seeds = (int)seeds;
    l->fit = r->fit;
    l->fit.threads = l->c->threads ? l->c->threads : 1;
    l->fit.cancel = &cli_interrupted;
    l->fit.arg = l;
    if (l->c->comm)
        l->fit.step = after_step;
    l->family = x_asprintf("%s@s", r->family);
    return fit_options_read(l->c, &l->fit, err);
}

/* How far the labels can be trusted, into the manifest too. */
static enum status note_retest(struct labelling *l, struct label_retest *r, char *text, size_t size,
                               struct err *err)
{
    TRY(label_retest_read(cli_get(l->c, "--output"), r, err));
    if (r->networks < 3)
        return ST_OK;
    snprintf(text, size,
             "Spearman %.3f (accuracy), %.3f (cross-entropy), %d networks, mean of %d seed%s each",
             r->acc, r->loss, r->networks, r->seeds, r->seeds == 1 ? "" : "s");
    return label_file_note(&l->file, "test-retest", text, err);
}

static enum status answer(struct labelling *l, double seconds, struct err *err)
{
    struct cli *c = l->c;
    const char *path = cli_get(c, "--output");
    struct label_retest r;
    char text[160] = "";
    TRY(note_retest(l, &r, text, sizeof text, err));
    if (!c->json) {
        str_addf(&c->out, "%s: %d of %d rows, %d of them new\n", path, l->jobs.done,
                 l->n * l->seeds, l->jobs.added);
        if (text[0])
            str_addf(&c->out, "test-retest: %s\n", text);
        return ST_OK;
    }
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "family", l->family);
    json_kint(&j, "networks", l->n);
    json_kint(&j, "seeds", l->seeds);
    json_kint(&j, "rows", l->jobs.done);
    json_kint(&j, "added", l->jobs.added);
    json_knum(&j, "seconds", seconds);
    json_kstr(&j, "output", path);
    if (text[0]) {
        json_kint(&j, "retest_networks", r.networks);
        json_kint(&j, "retest_seeds", r.seeds);
        json_knum(&j, "retest_srcc", r.acc);
        json_knum(&j, "retest_srcc_loss", r.loss);
    }
    cli_json_end(c, &j);
    return ST_OK;
}

/* Rank 0, or the only process. */
static enum status lead(struct labelling *l, struct err *err)
{
    struct cli *c = l->c;
    double begun = clock_s();
    enum status st = read_options(l, err);
    if (st == ST_OK)
        st = images_open(&l->d, cli_get(c, "--data"), err);
    if (st == ST_OK)
        st = open_table(l, cli_get(c, "--output"), err);
    bool opened = st == ST_OK;
    if (st == ST_OK)
        st = sample(l, err);
    l->jobs = (struct label_jobs){.c = c,
                                  .file = &l->file,
                                  .arch = l->arch.at,
                                  .n = (int)l->arch.n,
                                  .seeds = l->seeds,
                                  .most_seeds = MOST_SEEDS,
                                  .train = train,
                                  .arg = l};
    if (st == ST_OK)
        st = label_jobs_run(&l->jobs, err);
    label_jobs_stop(c, opened ? &l->jobs : NULL, st);
    cli_progress_end(c);
    if (st == ST_OK)
        st = answer(l, clock_s() - begun, err);
    else if (st == ST_CANCELLED) {
        c->tells_itself = true;
        err_set(err, st, "interrupted; the same command goes on from there");
    }
    if (opened)
        label_file_close(&l->file);
    return st;
}

/* The other ranks: jobs come from rank 0, rows go there. */
static enum status work(struct labelling *l, struct err *err)
{
    char *place = place_text();
    enum status st = read_options(l, err);
    if (st == ST_OK)
        st = images_open(&l->d, cli_get(l->c, "--data"), err);
    st = label_jobs_work(l->c, st, place, train, l, err);
    free(place);
    return st;
}

static enum status run(struct cli *c, struct err *err)
{
    struct labelling l = {.c = c, .file.fd = -1};
    TRY(comm_open(&c->comm, err));
    enum status st = comm_rank(c->comm) > 0 ? work(&l, err) : lead(&l, err);
    for (size_t i = 0; i < l.arch.n; i++)
        free(l.arch.at[i]);
    vec_done(&l.arch);
    images_free(l.d);
    free(l.family);
    return st;
}

static const struct cli_option topics[] = {
    {"FAMILY", NULL, NULL, "nb101 nb201 hiaml inception twopath, in the reduced variant (@s)"},
    {NULL, NULL, NULL, NULL},
};
static const struct cli_option options[] = {
    {"-n", NULL, "N", "networks, drawn with --seed, of at most 12 MFLOPs"},
    {"--output", "-o", "CSV",
     "the table; the same command goes on where it ended, and several at once, or as many ranks "
     "as mpirun starts, share the work; CSV.manifest says how the rows were made"},
    {"--seeds", NULL, "K", "train each network K times, with the seeds 0 to K-1 (1)"},
    FIT_OPTIONS("by family", "by family", "by family", "by family", "by family", "by family"),
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_label = {
    .name = "label",
    .args = "FAMILY -n N -o CSV",
    .help = "train networks of a family and tabulate their accuracy",
    .min_args = 1,
    .max_args = 1,
    .topics = topics,
    .options = options,
    .run = run,
};
