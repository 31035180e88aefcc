/* search: the autopilot without a screen. */
#include "cli/cli_priv.h"

#include "base/file.h"
#include "search/search.h"
#include "session/model.h"
#include "session/settings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>

struct searching {
    struct cli *c;
    const char *dir;
    struct graph *base;
    struct bpe_vocab *vocab;
    struct pred_model *pred;
    struct npu_preset npu;
    char *segdb;
    struct search_opts o;
    struct search_result r;
};

/* ---- options ---- */

static enum status goals(struct searching *s, struct err *err)
{
    const char *text = cli_get(s->c, "--objectives");
    char *copy = x_strdup(text ? text : "acc,flops"), *rest = copy;
    enum status st = ST_OK;
    for (char *word; st == ST_OK && (word = strsep(&rest, ",")) != NULL;) {
        enum search_goal g;
        bool twice = false;
        if (!search_goal_find(word, &g)) {
            st = err_set(err, ST_USAGE,
                         "--objectives: '%.40s' is none of acc, flops, params, memory, cycles, "
                         "energy",
                         word);
            break;
        }
        for (int k = 0; k < s->o.n_goal; k++)
            twice |= s->o.goal[k] == g;
        if (twice || s->o.n_goal == FRONT_GOALS)
            st = err_set(err, ST_USAGE, "--objectives: at most %d different ones", FRONT_GOALS);
        else
            s->o.goal[s->o.n_goal++] = g;
    }
    free(copy);
    return st;
}

static enum status number(const struct cli *c, const char *name, double fallback, double *out,
                          struct err *err)
{
    const char *text = cli_get(c, name);
    *out = fallback;
    if (text && (!str_to_double(text, out) || !(*out >= 0) || *out > 1e9))
        return err_set(err, ST_USAGE, "%s: '%.40s' is no number of at least 0", name, text);
    return ST_OK;
}

static enum status limits(struct searching *s, struct err *err)
{
    static const char *const names[] = {"max-flops", "max-params"};
    struct session_repair r = {0};
    struct cost now;
    cost_graph(s->base, &now);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char option[20];
        snprintf(option, sizeof option, "--%s", names[i]);
        if (cli_get(s->c, option))
            TRY(settings_set(&r, names[i], cli_get(s->c, option), &now, err));
    }
    s->o.max_flops_paper = r.max_flops_paper;
    s->o.max_params = r.max_params;
    return number(s->c, "--max-loss", INFINITY, &s->o.max_loss, err);
}

static enum status scheme(struct searching *s, struct err *err)
{
    const char *text = cli_get(s->c, "--scheme");
    if (text && strcmp(text, "nsga2") != 0 && strcmp(text, "random") != 0)
        return err_set(err, ST_USAGE, "--scheme: '%.40s' is neither nsga2 nor random", text);
    s->o.scheme = text && strcmp(text, "random") == 0 ? SEARCH_RANDOM : SEARCH_NSGA2;
    return ST_OK;
}

static enum status load(struct searching *s, struct err *err)
{
    struct cli *c = s->c;
    const char *preset = cli_get(c, "--preset");
    TRY(cli_vocab(&s->vocab, err));
    TRY(cli_predictor(c, &s->pred, err));
    TRY(npu_preset_load(&s->npu, preset ? preset : "os32", err));
    s->segdb = cli_get(c, "--segments") ? x_strdup(cli_get(c, "--segments"))
                                        : file_data("segments/segments.db");
    s->o.segdb[0] = s->segdb;
    s->o.vocab = s->vocab;
    s->o.pred = s->pred;
    s->o.npu = &s->npu;
    return ST_OK;
}

static enum status options_of(struct searching *s, struct err *err)
{
    struct cli *c = s->c;
    int64_t population;
    double minutes;
    TRY(goals(s, err));
    TRY(scheme(s, err));
    TRY(cli_get_int(c, "--evaluations", 1, (int64_t)1 << 40, 1000, &s->o.evaluations, err));
    TRY(cli_get_int(c, "--population", 4, 4096, 64, &population, err));
    TRY(number(c, "--minutes", 0, &minutes, err));
    s->o.population = (int)population;
    s->o.seconds = 60 * minutes;
    s->o.seed = c->seed;
    s->o.threads = c->threads;
    s->o.cancel = &cli_interrupted;
    return ST_OK;
}

/* ---- results ---- */

/* In the folder of the search. */
static char *member_file(int i)
{
    return x_asprintf("front/%03d.onnx", i + 1);
}

static void json_result(const struct searching *s, struct json *j)
{
    const struct search_result *r = &s->r;
    json_kstr(j, "model", s->c->arg[0]);
    json_kint(j, "seed", (int64_t)s->c->seed);
    json_kint(j, "evaluated", r->tried);
    json_kint(j, "accepted", r->accepted);
    json_kint(j, "duplicates", r->duplicates);
    json_kint(j, "refused", r->refused);
    json_kint(j, "beyond_limits", r->beyond);
    json_knum(j, "feasible_rate", r->tried ? 1 - (double)r->refused / (double)r->tried : 0);
    json_kint(j, "generations", r->generations);
    json_knum(j, "hypervolume", r->volume);
    json_kstr(j, "estimates_like", r->table);
    json_key(j, "front");
    json_array(j);
    for (int i = 0; i < r->n_front; i++) {
        const struct search_point *p = &r->front[i];
        char *file = member_file(i);
        json_object(j);
        json_kint(j, "id", p->id);
        json_kint(j, "edits", p->edits);
        json_knum(j, "acc_sigma", p->value[GOAL_ACC] - r->base.value[GOAL_ACC]);
        json_kbool(j, "in_distribution", p->in_distribution);
        for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++)
            json_knum(j, search_goal_name((enum search_goal)g), p->value[g]);
        json_kbool(j, "executed", r->fault[i][0] == '\0');
        json_kstr(j, "fault", r->fault[i][0] ? r->fault[i] : NULL);
        json_kstr(j, "file", file);
        json_object_end(j);
        free(file);
    }
    json_array_end(j);
}

static enum status folder(const char *path, struct err *err)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return err_set(err, ST_IO, "%.300s: cannot be made: %s", path, strerror(errno));
    return ST_OK;
}

static enum status write_front(const struct searching *s, struct err *err)
{
    struct str text = {0};
    struct json j;
    char *path = x_asprintf("%s/front", s->dir);
    enum status st = folder(path, err);
    free(path);
    for (int i = 0; i < s->r.n_front && st == ST_OK; i++) {
        char *file = member_file(i);
        path = x_asprintf("%s/%s", s->dir, file);
        st = model_write(s->r.graph[i], NULL, path, err);
        free(path);
        free(file);
    }
    /* nothing of time or machine is in it: one seed, one file */
    json_init(&j, &text);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_result(s, &j);
    json_object_end(&j);
    str_add(&text, "\n");
    path = x_asprintf("%s/front.json", s->dir);
    if (st == ST_OK)
        st = file_write(path, str_text(&text), text.n, err);
    free(path);
    str_done(&text);
    return st;
}

static void add_text(const struct searching *s)
{
    const struct search_result *r = &s->r;
    struct str *out = &s->c->out;
    str_addf(out, "%8s %6s %12s %9s %9s %9s %9s  file\n", "id", "edits", "est. sigma", "FLOPs",
             "params", "cycles", "uJ");
    for (int i = 0; i < r->n_front; i++) {
        const struct search_point *p = &r->front[i];
        char flops[24], params[24], cycles[24], *file = member_file(i);
        str_addf(out, "%8lld %6d %+11.3f%s %9s %9s %9s %9.4g  %s%s%s\n", (long long)p->id, p->edits,
                 p->value[GOAL_ACC] - r->base.value[GOAL_ACC], p->in_distribution ? " " : "?",
                 str_si(p->value[GOAL_FLOPS], flops, sizeof flops),
                 str_si(p->value[GOAL_PARAMS], params, sizeof params),
                 str_si(p->value[GOAL_CYCLES], cycles, sizeof cycles), p->value[GOAL_ENERGY], file,
                 r->fault[i][0] ? ": does not run: " : "", r->fault[i]);
        free(file);
    }
    str_addf(out,
             "estimates of accuracy: a predictor's, change in sigma of %s; ? it knows no network "
             "like this one\n",
             r->table);
    str_addf(out,
             "%lld tried: %lld new, %lld seen before, %lld without repair, %lld beyond the limits; "
             "%d generations, %.1f s%s\n",
             (long long)r->tried, (long long)r->accepted, (long long)r->duplicates,
             (long long)r->refused, (long long)r->beyond, r->generations, r->seconds,
             r->resumed_at ? ", gone on" : "");
    str_addf(out, "hypervolume %.4f; %s/front.json\n", r->volume, s->dir);
}

static void add_json(const struct searching *s)
{
    struct json j;
    double new_ones = (double)(s->r.tried - (int64_t)s->r.resumed_at * s->o.population);
    cli_json_begin(s->c, &j);
    json_result(s, &j);
    json_kint(&j, "resumed_at", s->r.resumed_at);
    json_knum(&j, "seconds", s->r.seconds);
    json_knum(&j, "evaluated_per_s", s->r.seconds > 0 ? new_ones / s->r.seconds : 0);
    json_kstr(&j, "output", s->dir);
    cli_json_end(s->c, &j);
}

/* ---- the command ---- */

static void on_generation(void *arg, int64_t done, int64_t total, double volume)
{
    char what[64];
    snprintf(what, sizeof what, "networks tried, hypervolume %.4f", volume);
    cli_progress(arg, (int)(done < total ? done : total), (int)total, what);
}

static enum status search(struct searching *s, struct err *err)
{
    TRY(options_of(s, err));
    TRY(cli_model(s->c, s->c->arg[0], &s->base, err));
    TRY(limits(s, err));
    TRY(load(s, err));
    TRY(folder(s->dir, err));
    s->o.progress = on_generation;
    s->o.arg = s->c;
    char *path = x_asprintf("%s/archive.db", s->dir);
    enum status st = search_run(&s->r, s->base, path, &s->o, err);
    free(path);
    cli_progress_end(s->c);
    TRY(st);
    TRY(write_front(s, err));
    if (s->c->json)
        add_json(s);
    else
        add_text(s);
    return ST_OK;
}

static enum status run_search(struct cli *c, struct err *err)
{
    struct searching s = {.c = c, .dir = cli_get(c, "--output")};
    if (!s.dir)
        return err_set(err, ST_USAGE, "search: -o DIR is needed (autogo search --help)");
    enum status st = search(&s, err);
    search_result_done(&s.r);
    pred_model_free(s.pred);
    bpe_vocab_free(s.vocab);
    graph_unref(s.base);
    free(s.segdb);
    return st;
}

static const struct cli_option options[] = {
    {"--output", "-o", "DIR",
     "the archive of all networks tried, front.json, and the front's networks; the same command "
     "goes on where it ended"},
    {"--objectives", NULL, "LIST",
     "1 to 4 of acc, flops, params, memory, cycles, energy (acc,flops)"},
    {"--evaluations", NULL, "N", "networks to try, in whole generations (1000)"},
    {"--minutes", NULL, "M", "end after the generation in which so much time has passed"},
    {"--population", NULL, "N", "networks that have children, and children of a generation (64)"},
    {"--scheme", NULL, "S", "nsga2 (default), or random to compare with"},
    {"--max-flops", NULL, "X", "limit of FLOPs (paper's rule): 4.2G, +10%, -20%"},
    {"--max-params", NULL, "X", "limit of parameters: 25M, +10%, -20%"},
    {"--max-loss", NULL, "X", "most estimated accuracy that may be lost, in sigma"},
    {"--segments", NULL, "DB", "segment database (the shipped one)"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {"--preset", NULL, "P", "the accelerator of cycles and energy (os32): see autogo npu"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_search = {
    .name = "search",
    .args = "MODEL -o DIR",
    .help = "evolve a network towards a Pareto front by replacing segments",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_search,
};
