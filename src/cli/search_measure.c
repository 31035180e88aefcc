#include "cli/search_measure.h"

#include "base/file.h"
#include "cli/fit_options.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static void on_training(void *arg, int done, int total)
{
    cli_progress(arg, done, total, "trainings");
}

/* A short run by default, as label's: its ranks repeat well. */
static enum status read_options(struct search_measuring *m, struct cli *c, struct err *err)
{
    struct measure_opts *o = &m->o;
    int64_t top, seeds;
    *o = (struct measure_opts){
        .fit = {.epochs = 1,
                .n_train = 10000,
                .bn_images = 2000,
                .average = .1,
                .threads = c->threads ? c->threads : (int)sysconf(_SC_NPROCESSORS_ONLN),
                .cancel = &cli_interrupted},
        .progress = on_training,
        .arg = c};
    TRY(cli_get_int(c, "--measure-top", 1, 1000, 0, &top, err));
    TRY(cli_get_int(c, "--measure-every", 1, (int64_t)1 << 40, 0, &m->every, err));
    TRY(cli_get_int(c, "--measure-seeds", 1, MEASURE_SEEDS, 3, &seeds, err));
    TRY(fit_options_read(c, &o->fit, err));
    TRY(fit_task_read(c, &o->fit.task, err));
    o->top = (int)top;
    o->seeds = (int)seeds;
    return ST_OK;
}

static enum status check_fit(const struct search_measuring *m, const struct graph *base,
                             struct err *err)
{
    enum { FEW = 8 };
    struct fit_opts few = m->o.fit;
    struct fit_result r = {0};
    few.epochs = 1;
    few.n_train = few.n_test = few.bn_images = few.batch = FEW;
    enum status st = fit_run(base, m->images, &few, &r, err);
    fit_result_done(&r);
    return st == ST_NO ? ST_OK : st; /* so few images may blow it up */
}

enum status search_measuring_init(struct search_measuring *m, struct cli *c,
                                  const struct graph *base, uint64_t seed, struct err *err)
{
    *m = (struct search_measuring){0};
    TRY(read_options(m, c, err));
    if (m->o.top == 0 && m->every == 0)
        return ST_OK;
    TRY(images_open(&m->images, cli_get(c, "--data"), err));
    m->o.images = m->images;
    m->o.fit.data_seed = seed;
    return check_fit(m, base, err);
}

void search_measuring_done(struct search_measuring *m)
{
    images_free(m->images);
    m->images = NULL;
}

/* ---- results ---- */

static void json_measured(struct json *j, const struct measured *p)
{
    json_object(j);
    json_kint(j, "id", p->id);
    json_knum(j, "acc_sigma", p->estimate);
    json_key(j, "values");
    json_array(j);
    for (int i = 0; i < p->n; i++)
        json_num(j, p->value[i]);
    json_array_end(j);
    json_knum(j, "mean", p->mean);
    json_knum(j, "deviation", p->deviation);
    json_knum(j, "change", p->change);
    json_knum(j, "error", p->error);
    json_object_end(j);
}

static bool is_share(const struct fit_task_info *t)
{
    return strcmp(t->unit, "%") == 0;
}

static enum status write_json(const char *dir, const struct measurement *m,
                              const struct fit_task_info *t, int seeds, struct err *err)
{
    struct str text = {0};
    struct json j;
    json_init(&j, &text);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "task", t->name);
    json_kstr(&j, "metric", t->metric);
    json_kstr(&j, "unit", is_share(t) ? "share" : t->unit);
    json_key(&j, "seeds");
    json_array(&j);
    for (int i = 0; i < seeds; i++)
        json_int(&j, i);
    json_array_end(&j);
    json_knum(&j, "slope", m->slope);
    json_key(&j, "base");
    json_measured(&j, &m->at[0]);
    json_key(&j, "points");
    json_array(&j);
    for (int i = 1; i < m->n; i++)
        json_measured(&j, &m->at[i]);
    json_array_end(&j);
    json_object_end(&j);
    str_add(&text, "\n");
    char *path = x_asprintf("%s/measured.json", dir);
    enum status st = file_write(path, str_text(&text), text.n, err);
    free(path);
    str_done(&text);
    return st;
}

/* Nothing where there is none. */
static void add_error(struct str *out, double error)
{
    if (!isnan(error))
        str_addf(out, " +- %5.2f", error);
    else
        str_add(out, "         ");
}

static void add_text(struct str *out, const struct measurement *m, const struct fit_task_info *t)
{
    double unit = is_share(t) ? 100 : 1;
    str_addf(out, "trained for real: %s in %s, mean and deviation of %d seeds\n", t->metric,
             t->unit, m->at[0].n);
    str_addf(out, "%8s %12s %18s %18s\n", "id", "est. sigma", "measured", "change");
    for (int i = 0; i < m->n; i++) {
        const struct measured *p = &m->at[i];
        str_addf(out, "%8lld %+12.3f %9.2f", (long long)p->id, p->estimate, unit * p->mean);
        add_error(out, unit * p->deviation);
        if (i > 0) {
            str_addf(out, " %+9.2f", unit * p->change);
            add_error(out, unit * p->error);
        }
        str_add(out, "\n");
    }
    if (!isnan(m->slope))
        str_addf(out, "an estimated sigma came to %+.2f %s\n", unit * m->slope, t->unit);
}

enum status search_measure(struct cli *c, const struct search_measuring *how, const char *dir,
                           const char *archive, const struct graph *base,
                           const struct search_result *r, struct err *err)
{
    struct measurement m;
    enum status st = measure_front(&m, base, r, archive, &how->o, err);
    cli_progress_end(c);
    TRY(st);
    const struct fit_task_info *t = fit_task_info(how->o.fit.task);
    st = write_json(dir, &m, t, how->o.seeds, err);
    if (st == ST_OK && !c->json)
        add_text(&c->out, &m, t);
    measurement_done(&m);
    return st;
}

/* ---- on the way ---- */

const struct search_truth *search_truth_of(const struct search_result *r, int64_t id)
{
    for (int i = 0; i < r->n_truth; i++)
        if (r->truth[i].id == id)
            return &r->truth[i];
    return NULL;
}

void search_truths_json(const struct search_measuring *m, const struct search_result *r,
                        struct json *j)
{
    const struct fit_task_info *t = fit_task_info(m->o.fit.task);
    json_kint(j, "measured_every", m->every);
    json_kstr(j, "task", t->name);
    json_kstr(j, "metric", t->metric);
    json_kstr(j, "unit", is_share(t) ? "share" : t->unit);
    json_key(j, "measured");
    json_array(j);
    for (int i = 0; i < r->n_truth; i++) {
        const struct search_truth *p = &r->truth[i];
        json_object(j);
        json_kint(j, "id", p->id);
        json_kint(j, "generation", p->generation);
        json_kint(j, "seeds", p->n);
        json_knum(j, "mean", p->value);
        json_knum(j, "deviation", p->deviation);
        json_knum(j, "change", p->value - r->truth[0].value);
        json_object_end(j);
    }
    json_array_end(j);
}

void search_truths_text(const struct search_measuring *m, const struct search_result *r,
                        struct str *out)
{
    const struct fit_task_info *t = fit_task_info(m->o.fit.task);
    double unit = is_share(t) ? 100 : 1;
    str_addf(out, "trained on the way: %s in %s, mean and deviation of %d seeds\n", t->metric,
             t->unit, m->o.seeds);
    str_addf(out, "%8s %10s %18s %9s\n", "id", "generation", "measured", "change");
    for (int i = 0; i < r->n_truth; i++) {
        const struct search_truth *p = &r->truth[i];
        str_addf(out, "%8lld %10d %9.2f", (long long)p->id, p->generation, unit * p->value);
        add_error(out, unit * p->deviation);
        if (i > 0)
            str_addf(out, " %+9.2f", unit * (p->value - r->truth[0].value));
        str_add(out, "\n");
    }
}
