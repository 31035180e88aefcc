/* label: samples networks of a family, trains each with one recipe and writes down how good it is.
 *
 * Every process walks the same jobs in the same order (all networks with the first seed, then with
 * the second ...), skips those that have a row and those another process has claimed. So work is
 * shared by starting the same command several times, here or on machines that share the folder. */
#include "cli/fit_options.h"
#include "cli/label_file.h"

#include "cost/cost.h"
#include "family/family.h"
#include "session/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Larger networks would take most of the time and say little about the others. */
#define MOST_FLOPS 12000000
enum { MOST_SEEDS = 1000, MOST_MISSES = 10000 };

/* What a run of each family needs for its rank to be worth something. */
static const struct recipe {
    const char *family;
    struct fit_opts fit;
} recipes[] = {
    {"nb101", {.epochs = 2, .n_train = 10000, .batch = 64, .lr = .05, .bn_images = 2000}},
    {"nb201", {.epochs = 2, .n_train = 10000, .batch = 64, .lr = .05, .bn_images = 2000}},
    {"twopath", {.epochs = 2, .n_train = 10000, .batch = 64, .lr = .05, .bn_images = 2000}},
    {"inception", {.epochs = 2, .n_train = 10000, .batch = 64, .lr = .05, .bn_images = 2000}},
    {"hiaml", {.epochs = 4, .n_train = 20000, .batch = 64, .lr = .05, .bn_images = 5000}},
};

struct labelling {
    struct cli *c;
    char *family; /* with @s */
    int n, seeds;
    struct fit_opts fit;
    struct images *d;
    VEC(char *) arch;
    struct label_file file;
    int done, added; /* rows of this job in the table; those made here */
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

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

static void machine_name(char *buf, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256], name[200];
    snprintf(buf, size, "unknown");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %199[^\n]", name) == 1) {
            snprintf(buf, size, "%s", name);
            break;
        }
    if (f)
        fclose(f);
}

static char *recipe_text(const struct labelling *l)
{
    const struct fit_opts *o = &l->fit;
    struct images_info d = images_info(l->d);
    struct str s = {0};
    str_addf(&s, "table: autogo label 1\nfamily: %s\nsampled with seed: %llu\n", l->family,
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
    return str_take(&s);
}

static enum status open_table(struct labelling *l, const char *path, struct err *err)
{
    char machine[200];
    struct str header = {0};
    char *recipe = recipe_text(l);
    machine_name(machine, sizeof machine);
    char *place = x_asprintf("program: autogo " PACKAGE_VERSION "\nmachine: %s\n", machine);
    str_add(&header, "arch,seed");
    for (int i = 1; i <= l->fit.epochs; i++)
        str_addf(&header, ",acc%d", i);
    str_add(&header, ",acc,loss,params,flops_paper,seconds\n");
    enum status st = label_file_open(&l->file, path, recipe, place, str_text(&header), err);
    str_done(&header);
    free(recipe);
    free(place);
    return st;
}

/* ---- one row ---- */

/* A network whose training blew up keeps its row, without accuracy. */
static char *row_text(const struct labelling *l, const struct fit_result *r,
                      const struct cost *cost, double seconds)
{
    struct str s = {0};
    for (int i = 0; i < l->fit.epochs; i++)
        if (r)
            str_addf(&s, "%.6g,", r->epoch[i].test_acc);
        else
            str_add(&s, ",");
    if (r)
        str_addf(&s, "%.6g,%.6f", r->acc, r->loss);
    else
        str_add(&s, ",");
    str_addf(&s, ",%lld,%lld,%.2f", (long long)cost->params, (long long)cost->flops_paper, seconds);
    return str_take(&s);
}

static enum status train(struct labelling *l, const char *arch, int seed, struct err *err)
{
    struct model_opts mo = {.seed = (uint64_t)seed};
    struct graph *g;
    struct cost cost;
    struct fit_result r = {0};
    struct err why = {0};
    double begun = now_s();
    TRY(model_open(arch, &mo, &g, err));
    cost_graph(g, &cost);
    l->fit.seed = (uint64_t)seed;
    enum status st = fit_classify(g, l->d, &l->fit, &r, &why);
    graph_unref(g);
    if (st != ST_OK && st != ST_NO) {
        if (err)
            *err = why;
        err_in_file(err, arch);
        return st;
    }
    bool added;
    char *row = row_text(l, st == ST_OK ? &r : NULL, &cost, now_s() - begun);
    st = label_file_append(&l->file, arch, (uint64_t)seed, row, &added, err);
    l->added += st == ST_OK && added;
    free(row);
    fit_result_done(&r);
    return st;
}

static enum status one_job(struct labelling *l, int network, int seed, struct err *err)
{
    const char *arch = l->arch.at[network];
    int64_t job = (int64_t)network * MOST_SEEDS + seed;
    bool has;
    if (!label_file_claim(&l->file, job))
        return ST_OK;
    enum status st = label_file_has(&l->file, arch, (uint64_t)seed, &has, err);
    if (st == ST_OK && !has)
        st = train(l, arch, seed, err);
    label_file_unclaim(&l->file, job);
    return st;
}

static enum status count_rows(struct labelling *l, struct err *err)
{
    l->done = 0;
    for (int seed = 0; seed < l->seeds; seed++)
        for (int i = 0; i < l->n; i++) {
            bool has;
            TRY(label_file_has(&l->file, l->arch.at[i], (uint64_t)seed, &has, err));
            l->done += has;
        }
    return ST_OK;
}

static enum status all_jobs(struct labelling *l, struct err *err)
{
    TRY(count_rows(l, err));
    int before = l->done;
    if (before > 0)
        fprintf(stderr, "autogo: resumed at %d of %d rows\n", before, l->n * l->seeds);
    for (int seed = 0; seed < l->seeds; seed++)
        for (int i = 0; i < l->n; i++) {
            if (cli_interrupted)
                return ST_CANCELLED;
            TRY(one_job(l, i, seed, err));
            cli_progress(l->c, before + l->added, l->n * l->seeds, l->arch.at[i]);
        }
    return count_rows(l, err);
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
    l->family = x_asprintf("%s@s", r->family);
    return fit_options_read(l->c, &l->fit, err);
}

static void answer(struct cli *c, const struct labelling *l, double seconds)
{
    const char *path = cli_get(c, "--output");
    if (!c->json) {
        str_addf(&c->out, "%s: %d of %d rows, %d of them new\n", path, l->done, l->n * l->seeds,
                 l->added);
        return;
    }
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "family", l->family);
    json_kint(&j, "networks", l->n);
    json_kint(&j, "seeds", l->seeds);
    json_kint(&j, "rows", l->done);
    json_kint(&j, "added", l->added);
    json_knum(&j, "seconds", seconds);
    json_kstr(&j, "output", path);
    cli_json_end(c, &j);
}

static enum status run(struct cli *c, struct err *err)
{
    struct labelling l = {.c = c, .file.fd = -1};
    double begun = now_s();
    enum status st = read_options(&l, err);
    if (st == ST_OK)
        st = images_open(&l.d, cli_get(c, "--data"), err);
    if (st == ST_OK)
        st = open_table(&l, cli_get(c, "--output"), err);
    bool opened = st == ST_OK;
    if (st == ST_OK)
        st = sample(&l, err);
    if (st == ST_OK)
        st = all_jobs(&l, err);
    cli_progress_end(c);
    if (st == ST_OK)
        answer(c, &l, now_s() - begun);
    else if (st == ST_CANCELLED) {
        c->tells_itself = true;
        err_set(err, st, "interrupted; the same command goes on from there");
    }
    if (opened)
        label_file_close(&l.file);
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
     "the table; the same command goes on where it ended, and several at once share the work; "
     "CSV.manifest says how the rows were made"},
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
