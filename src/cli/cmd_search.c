/* search: the autopilot without a screen. */
#include "cli/cli_priv.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/fit_options.h"
#include "cli/search_measure.h"
#include "cli/search_saved.h"
#include "search/settings.h"
#include "session/model.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct searching {
    struct cli *c;
    const char *dir;
    struct search_saved saved; /* the command line, or what --resume found */
    struct graph *base;
    struct bpe_vocab *vocab;
    struct pred_model *pred;
    struct npu_preset npu;
    char *segdb;
    struct search_settings set;
    struct search_measuring measuring;
    struct search_result r;
    bool under_way;
    double told; /* when progress was last written */
};

/* ---- options ---- */

static enum status settings(struct searching *s, struct err *err)
{
    search_settings_init(&s->set);
    for (int i = 0; i < SEARCH_SETTINGS; i++) {
        enum search_setting k = (enum search_setting)i;
        const char *value = search_saved_get(&s->saved, search_setting_info[k].name);
        if (value)
            TRY(search_settings_set(&s->set, k, value, err));
    }
    return ST_OK;
}

static enum status load(struct searching *s, struct err *err)
{
    const struct search_saved *from = &s->saved;
    struct search_opts *o = &s->set.o;
    const char *segments = search_saved_get(from, "segments");
    const char *preset = search_saved_get(from, "preset");
    TRY(cli_vocab(&s->vocab, err));
    TRY(cli_predictor(search_saved_get(from, "predictor"), &s->pred, err));
    TRY(npu_preset_load(&s->npu, preset ? preset : "os32", err));
    s->segdb = segments ? x_strdup(segments) : file_data("segments/segments.db");
    o->segdb[0] = s->segdb;
    o->vocab = s->vocab;
    o->pred = s->pred;
    o->npu = &s->npu;
    o->seed = from->seed;
    o->threads = s->c->threads ? s->c->threads
                 : s->c->comm  ? 1
                               : (int)sysconf(_SC_NPROCESSORS_ONLN);
    o->comm = s->c->comm;
    o->measure_every = s->measuring.every;
    o->measure = &s->measuring.o;
    o->cancel = &cli_interrupted;
    o->may_change = cli_get(s->c, "--resume") != NULL;
    return search_settings_bind(&s->set, s->base, s->vocab, err);
}

/* ---- results ---- */

/* In the folder of the search. */
static char *member_file(int i)
{
    return x_asprintf("front/%03d.onnx", i + 1);
}

static void json_lineage(struct json *j, const struct search_line *line)
{
    json_key(j, "lineage");
    json_array(j);
    for (size_t k = 0; k < line->n; k++) {
        const struct search_point *p = &line->at[k];
        for (int i = 0; i < p->n_step; i++) {
            json_object(j);
            json_kint(j, "id", p->id);
            json_kint(j, "segment", p->step[i].segment);
            json_kint(j, "record", p->step[i].record);
            json_object_end(j);
        }
    }
    json_array_end(j);
}

static void json_values(struct json *j, const struct search_point *p)
{
    for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++)
        json_knum(j, search_goal_name((enum search_goal)g), p->value[g]);
}

/* What `autogo report` works out the shares of all other networks from, hence exact. */
static void json_base(struct json *j, const struct search_result *r)
{
    const struct search_point *p = &r->base;
    json_key(j, "base");
    json_object(j);
    json_key(j, "acc_sigma_absolute");
    json_exact(j, p->value[GOAL_ACC]);
    json_kbool(j, "in_distribution", p->in_distribution);
    json_kbool(j, "within_limits", r->base_keeps);
    for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++) {
        json_key(j, search_goal_name((enum search_goal)g));
        json_exact(j, p->value[g]);
    }
    json_object_end(j);
}

/* What the estimate was before, and what training came to. */
static void json_learnt(const struct searching *s, struct json *j, const struct search_point *p)
{
    const struct search_truth *t = search_truth_of(&s->r, p->id);
    json_knum(j, "acc_sigma_predicted", p->predicted - s->r.base.predicted);
    json_knum(j, "measured", t ? t->value : NAN);
}

static void json_point(const struct searching *s, struct json *j, int i)
{
    const struct search_result *r = &s->r;
    const struct search_point *p = &r->front[i];
    char *file = member_file(i);
    json_object(j);
    json_kint(j, "id", p->id);
    json_kint(j, "edits", p->edits);
    json_knum(j, "acc_sigma", p->value[GOAL_ACC] - r->base.value[GOAL_ACC]);
    if (s->measuring.every)
        json_learnt(s, j, p);
    json_kbool(j, "in_distribution", p->in_distribution);
    json_knum(j, "distance", p->distance);
    json_values(j, p);
    json_kbool(j, "executed", r->fault[i][0] == '\0');
    json_kstr(j, "fault", r->fault[i][0] ? r->fault[i] : NULL);
    json_kstr(j, "file", file);
    json_lineage(j, &r->line[i]);
    json_object_end(j);
    free(file);
}

static void json_changes(const struct search_state *n, struct json *j)
{
    json_key(j, "changes");
    json_array(j);
    for (int i = 0; i < n->n_change; i++) {
        json_object(j);
        json_kint(j, "generation", n->change[i].generation);
        json_kstr(j, "setting", n->change[i].text);
        json_object_end(j);
    }
    json_array_end(j);
}

static void json_result(const struct searching *s, struct json *j)
{
    const struct search_result *r = &s->r;
    const struct search_state *n = &r->state;
    json_kstr(j, "model", s->saved.model);
    json_kint(j, "seed", (int64_t)s->saved.seed);
    json_key(j, "objectives");
    json_array(j);
    for (int k = 0; k < s->set.o.n_goal; k++)
        json_str(j, search_goal_name(s->set.o.goal[k]));
    json_array_end(j);
    json_kint(j, "islands", comm_size(s->c->comm));
    json_kint(j, "last_id", n->last_id);
    json_kint(j, "evaluated", n->tried);
    json_kint(j, "accepted", n->accepted);
    json_kint(j, "duplicates", n->duplicates);
    json_kint(j, "refused", n->refused);
    json_kint(j, "beyond_limits", n->beyond);
    json_knum(j, "feasible_rate", n->tried ? 1 - (double)n->refused / (double)n->tried : 0);
    json_kint(j, "generations", n->generation);
    json_knum(j, "hypervolume", n->volume);
    json_kstr(j, "estimates_like", r->table);
    json_base(j, r);
    if (n->n_change)
        json_changes(n, j);
    if (s->measuring.every)
        search_truths_json(&s->measuring, r, j);
    json_key(j, "front");
    json_array(j);
    for (int i = 0; i < r->n_front; i++)
        json_point(s, j, i);
    json_array_end(j);
}

static enum status folder(const char *path, struct err *err)
{
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return err_set(err, ST_IO, "%.300s: cannot be made: %s", path, strerror(errno));
    return ST_OK;
}

static enum status write_networks(const struct searching *s, struct err *err)
{
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
    /* of an earlier, longer front */
    for (int i = s->r.n_front; st == ST_OK; i++) {
        char *file = member_file(i);
        path = x_asprintf("%s/%s", s->dir, file);
        bool gone = unlink(path) < 0;
        free(path);
        free(file);
        if (gone)
            break;
    }
    return st;
}

static enum status write_front(const struct searching *s, struct err *err)
{
    struct str text = {0};
    struct json j;
    TRY(write_networks(s, err));
    char *path = x_asprintf("%s/base.onnx", s->dir);
    enum status st = model_write(s->base, NULL, path, err);
    free(path);
    TRY(st);
    /* nothing of time or machine is in it: one seed, one file */
    json_init(&j, &text);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_result(s, &j);
    json_object_end(&j);
    str_add(&text, "\n");
    path = x_asprintf("%s/front.json", s->dir);
    st = file_write(path, str_text(&text), text.n, err);
    free(path);
    str_done(&text);
    return st;
}

static void add_row(struct str *out, const struct search_result *r, int i)
{
    const struct search_point *p = &r->front[i];
    char flops[24], params[24], cycles[24], *file = member_file(i);
    str_addf(out, "%8lld %6d %+11.3f%s %9s %9s %9s %9.4g", (long long)p->id, p->edits,
             p->value[GOAL_ACC] - r->base.value[GOAL_ACC], p->in_distribution ? " " : "?",
             str_si(p->value[GOAL_FLOPS], flops, sizeof flops),
             str_si(p->value[GOAL_PARAMS], params, sizeof params),
             str_si(p->value[GOAL_CYCLES], cycles, sizeof cycles), p->value[GOAL_ENERGY]);
    if (!isnan(p->value[GOAL_LATENCY]))
        str_addf(out, " %9.3f", p->value[GOAL_LATENCY]);
    str_addf(out, "  %s%s%s\n", file, r->fault[i][0] ? ": does not run: " : "", r->fault[i]);
    free(file);
}

static void add_text(const struct searching *s)
{
    const struct search_result *r = &s->r;
    const struct search_state *n = &r->state;
    struct str *out = &s->c->out;
    str_addf(out, "%8s %6s %12s %9s %9s %9s %9s%s  file\n", "id", "edits", "est. sigma", "FLOPs",
             "params", "cycles", "uJ", isnan(r->base.value[GOAL_LATENCY]) ? "" : "        ms");
    for (int i = 0; i < r->n_front; i++)
        add_row(out, r, i);
    str_addf(out,
             "estimates of accuracy: a predictor's%s, change in sigma of %s; ? it knows no network "
             "like this one\n",
             s->measuring.every ? ", corrected by trainings" : "", r->table);
    if (s->measuring.every)
        search_truths_text(&s->measuring, r, out);
    str_addf(out,
             "%lld tried: %lld new, %lld seen before, %lld without repair, %lld beyond the limits; "
             "%d generations, %.1f s%s\n",
             (long long)n->tried, (long long)n->accepted, (long long)n->duplicates,
             (long long)n->refused, (long long)n->beyond, n->generation, n->seconds,
             r->resumed_at ? ", gone on" : "");
    for (int i = 0; i < n->n_change; i++)
        str_addf(out, "changed behind generation %d: %s\n", n->change[i].generation,
                 n->change[i].text);
    str_addf(out, "hypervolume %.4f; %s/front.json\n", n->volume, s->dir);
}

/* Of this run. */
static double rate(const struct searching *s)
{
    const struct search_state *n = &s->r.state;
    int population = s->set.o.population ? s->set.o.population : SEARCH_POPULATION;
    double tried =
        (double)(n->tried - (int64_t)s->r.resumed_at * population * comm_size(s->c->comm));
    return n->seconds > 0 ? tried / n->seconds : 0;
}

static void add_json(const struct searching *s)
{
    struct json j;
    cli_json_begin(s->c, &j);
    json_result(s, &j);
    json_kint(&j, "resumed_at", s->r.resumed_at);
    json_knum(&j, "seconds", s->r.state.seconds);
    json_knum(&j, "evaluated_per_s", rate(s));
    json_kstr(&j, "output", s->dir);
    cli_json_end(s->c, &j);
}

/* ---- progress ---- */

static void progress_line(const struct searching *s, const struct search_state *n, struct str *out)
{
    struct json j;
    if (!s->c->json) {
        str_addf(out,
                 "%lld of %lld tried in %.0f s: %lld new, %lld seen before, %lld without repair, "
                 "%lld beyond the limits; front %d, hypervolume %.4f",
                 (long long)n->tried, (long long)s->set.o.evaluations, n->seconds,
                 (long long)n->accepted, (long long)n->duplicates, (long long)n->refused,
                 (long long)n->beyond, n->n_front, n->volume);
        if (s->measuring.every)
            str_addf(out, "; %d trained", n->n_truth);
        str_add(out, "\n");
        return;
    }
    json_init(&j, out);
    json_object(&j);
    json_kint(&j, "generation", n->generation);
    json_kint(&j, "evaluated", n->tried);
    json_kint(&j, "accepted", n->accepted);
    json_kint(&j, "duplicates", n->duplicates);
    json_kint(&j, "refused", n->refused);
    json_kint(&j, "beyond_limits", n->beyond);
    json_kint(&j, "front", n->n_front);
    json_knum(&j, "hypervolume", n->volume);
    if (s->measuring.every)
        json_kint(&j, "trained", n->n_truth);
    json_knum(&j, "seconds", n->seconds);
    json_object_end(&j);
    str_add(out, "\n");
}

/* With --progress a line on stderr, once a second at most; else a bar on a terminal. Nothing before
 * the first generation. */
static void on_generation(void *arg, const struct search_state *n)
{
    struct searching *s = arg;
    if (!s->under_way) {
        s->under_way = true;
        return;
    }
    int64_t total = s->set.o.evaluations;
    char what[64];
    if (!cli_get(s->c, "--progress")) {
        snprintf(what, sizeof what, "networks tried, hypervolume %.4f", n->volume);
        cli_progress(s->c, (int)(n->tried < total ? n->tried : total), (int)total, what);
        return;
    }
    if (clock_s() - s->told < 1 && n->tried < total)
        return;
    struct str line = {0};
    progress_line(s, n, &line);
    fputs(str_text(&line), stderr);
    str_done(&line);
    s->told = clock_s();
}

/* ---- the command ---- */

/* Not before: the settings there may be of a search that runs, or of another one. */
static enum status on_begun(void *arg, struct err *err)
{
    const struct searching *s = arg;
    return search_saved_write(&s->saved, err);
}

static enum status prepare(struct searching *s, struct err *err)
{
    struct cli *c = s->c;
    TRY(search_saved_init(&s->saved, c, err));
    s->dir = s->saved.dir;
    TRY(settings(s, err));
    const struct model_opts how = {.input_shape = s->saved.input_shape, .seed = s->saved.seed};
    TRY(model_open(s->saved.model, &how, &s->base, err));
    TRY(search_measuring_init(&s->measuring, c, s->base, s->saved.seed, err));
    TRY(load(s, err));
    return folder(s->dir, err);
}

static enum status answer(struct searching *s, const char *archive, struct err *err)
{
    TRY(write_front(s, err));
    if (s->c->json)
        add_json(s);
    else
        add_text(s);
    const struct search_measuring *m = &s->measuring;
    return m->o.top ? search_measure(s->c, m, s->dir, archive, s->base, &s->r, err) : ST_OK;
}

static enum status search(struct searching *s, struct err *err)
{
    int rank = comm_rank(s->c->comm);
    TRY(prepare(s, err));
    char *path =
        rank ? x_asprintf("%s/archive-%d.db", s->dir, rank) : x_asprintf("%s/archive.db", s->dir);
    s->set.o.begun = rank ? NULL : on_begun;
    s->set.o.progress = rank ? NULL : on_generation;
    s->set.o.arg = s;
    enum status st = search_run(&s->r, s->base, path, &s->set.o, err);
    cli_progress_end(s->c);
    if (st == ST_OK && rank == 0)
        st = answer(s, path, err);
    if (st == ST_CANCELLED) {
        s->c->tells_itself = true;
        err_set(err, st, "interrupted; the same command goes on from there");
    }
    free(path);
    return st;
}

/* The others wait for this rank's messages: they are ended with it. */
static void end_all(struct cli *c, enum status st, const struct err *err)
{
    char text[512];
    if (st == ST_CANCELLED || cli_interrupted)
        return; /* the launcher tells all of them */
    fprintf(stderr, "autogo: %s\n", err_text(err, text, sizeof text));
    comm_abort(c->comm, status_exit_code(st));
}

static enum status run_search(struct cli *c, struct err *err)
{
    struct searching s = {.c = c};
    TRY(comm_open(&c->comm, err));
    enum status st = search(&s, err);
    if (st != ST_OK && c->comm)
        end_all(c, st, err);
    search_result_done(&s.r);
    search_settings_done(&s.set);
    search_measuring_done(&s.measuring);
    search_saved_done(&s.saved);
    pred_model_free(s.pred);
    bpe_vocab_free(s.vocab);
    graph_unref(s.base);
    free(s.segdb);
    return st;
}

static const struct cli_option options[] = {
    {"--output", "-o", "DIR",
     "the archive of all networks tried, front.json, and the front's networks"},
    {"--resume", NULL, "DIR",
     "go on with that search, with the settings it has; limits, --freeze, --ops and --no-ops may "
     "be "
     "changed, and it is longer with --evaluations"},
#define SETTING(id, name, value, help, changes) {"--" name, NULL, value, help},
#include "search/settings.def"
#undef SETTING
    {"--progress", NULL, NULL,
     "a line on stderr for each generation, once a second at most; JSON with --json"},
    {"--measure-every", NULL, "N",
     "after N networks tried train the most promising one, and correct the estimates of the "
     "others"},
    {"--measure-top", NULL, "N",
     "train the network and the N of the front with the best estimates, kept apart in "
     "measured.json"},
    {"--measure-seeds", NULL, "S", "trainings of each (3)"},
    {"--task", NULL, "T", "what they are trained for, see autogo fit (classify)"},
    FIT_OPTIONS("1", "10000", "the task's", "the task's", "2000", "0.1"),
    {"--segments", NULL, "DB", "segment database (the shipped one)"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {"--preset", NULL, "P", "the accelerator of cycles and energy (os32): see autogo npu"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_search = {
    .name = "search",
    .args = "MODEL -o DIR | --resume DIR",
    .help = "evolve a network towards a Pareto front by replacing segments",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .run = run_search,
};
