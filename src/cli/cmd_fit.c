/* fit: trains a network for a task on real images and measures it. */
#include "cli/fit_options.h"

#include "base/file.h"
#include "session/model.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum status fit_options_read(const struct cli *c, struct fit_opts *o, struct err *err)
{
    const struct {
        const char *name;
        int64_t lo, hi;
        int *to;
    } number[] = {
        {"--epochs", 1, 100000, &o->epochs}, {"--images", 1, INT32_MAX, &o->n_train},
        {"--batch", 1, 65536, &o->batch},    {"--test-images", 1, INT32_MAX, &o->n_test},
        {"--shift", 0, 64, &o->shift},       {"--bn-images", 0, INT32_MAX, &o->bn_images},
    };
    const struct {
        const char *name;
        double hi;
        double *to;
    } real[] = {{"--lr", 1000, &o->lr}, {"--average", 1, &o->average}};
    for (size_t i = 0; i < sizeof number / sizeof *number; i++) {
        int64_t v;
        TRY(cli_get_int(c, number[i].name, number[i].lo, number[i].hi, *number[i].to, &v, err));
        *number[i].to = (int)v;
    }
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        const char *text = cli_get(c, real[i].name);
        double v;
        if (!text)
            continue;
        if (!str_to_double(text, &v) || v < 0 || v > real[i].hi)
            return err_set(err, ST_USAGE, "%s: '%.60s' is not a number from 0 to %g", real[i].name,
                           text, real[i].hi);
        *real[i].to = v;
    }
    o->flip = o->flip || cli_get(c, "--flip");
    return ST_OK;
}

enum status fit_task_read(const struct cli *c, enum fit_task *task, struct err *err)
{
    const char *name = cli_get(c, "--task");
    struct str known = {0};
    if (!name || fit_task_find(name, task))
        return ST_OK;
    for (int i = 0; i < FIT_TASKS; i++)
        str_addf(&known, " %s", fit_task_info((enum fit_task)i)->name);
    err_set(err, ST_USAGE, "--task: no task '%.40s' (known:%s)", name, str_text(&known));
    str_done(&known);
    return ST_USAGE;
}

struct fitting {
    struct cli *c;
    const struct fit_task_info *task;
    int epochs;
    char last[48];
};

static bool is_share(const struct fit_task_info *t)
{
    return strcmp(t->unit, "%") == 0;
}

/* A value of the metric as people read it. */
static double shown(const struct fit_task_info *t, double value)
{
    return is_share(t) ? 100 * value : value;
}

static void on_step(void *arg, int done, int total)
{
    struct fitting *f = arg;
    cli_progress(f->c, done, total, f->last);
}

static void on_epoch(void *arg, const struct fit_epoch *e)
{
    struct fitting *f = arg;
    snprintf(f->last, sizeof f->last, "epoch %d/%d: %.2f %s", e->epoch, f->epochs,
             shown(f->task, e->test_value), f->task->unit);
}

static void add_json(struct cli *c, const struct fit_result *r, const struct fit_opts *o,
                     const struct images_info *d)
{
    const struct fit_task_info *task = fit_task_info(o->task);
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_kstr(&j, "task", task->name);
    json_kstr(&j, "metric", task->metric);
    json_kstr(&j, "unit", is_share(task) ? "share" : task->unit);
    json_knum(&j, "value", r->value);
    json_knum(&j, "baseline", r->baseline);
    if (o->task == FIT_CLASSIFY)
        json_knum(&j, "acc", r->value);
    json_knum(&j, "loss", r->loss);
    json_key(&j, "epochs");
    json_array(&j);
    for (int i = 0; i < r->n_epochs; i++) {
        const struct fit_epoch *e = &r->epoch[i];
        json_object(&j);
        json_kint(&j, "epoch", e->epoch);
        json_knum(&j, "loss", e->loss);
        json_knum(&j, "train_value", e->train_value);
        json_knum(&j, "test_value", e->test_value);
        if (o->task == FIT_CLASSIFY) {
            json_knum(&j, "train_acc", e->train_value);
            json_knum(&j, "test_acc", e->test_value);
        }
        json_knum(&j, "test_loss", e->test_loss);
        json_knum(&j, "seconds", e->seconds);
        json_object_end(&j);
    }
    json_array_end(&j);
    json_knum(&j, "seconds", r->seconds);
    json_kstr(&j, "data", d->name);
    json_kint(&j, "images", o->n_train && o->n_train < d->n_train ? o->n_train : d->n_train);
    json_kint(&j, "batch", r->batch);
    json_knum(&j, "lr", r->lr);
    json_kint(&j, "seed", (int64_t)c->seed);
    json_kint(&j, "threads", o->threads);
    json_kstr(&j, "adapted", r->adapted);
    json_kstr(&j, "checkpoint", o->checkpoint);
    json_kint(&j, "resumed", r->resumed);
    json_kstr(&j, "output", cli_get(c, "--output"));
    cli_json_end(c, &j);
}

static void add_text(struct cli *c, const struct fit_result *r, const struct fit_opts *o,
                     const struct images_info *d)
{
    const struct fit_task_info *task = fit_task_info(o->task);
    struct str *s = &c->out;
    str_addf(s, "%s on %s, task %s, batch %d, learning rate %g\n", c->arg[0], d->name, task->name,
             r->batch, r->lr);
    if (r->adapted[0])
        str_addf(s, "adapted: %s\n", r->adapted);
    if (r->resumed)
        str_addf(s, "resumed after epoch %d\n", r->resumed);
    str_addf(s, "%s in %s; without a network %.2f\n", task->metric, task->unit,
             shown(task, r->baseline));
    str_add(s, "epoch    loss    train     test  test loss  seconds\n");
    for (int i = 0; i < r->n_epochs; i++) {
        const struct fit_epoch *e = &r->epoch[i];
        str_addf(s, "%5d %7.4f %8.2f %8.2f %10.4f %8.1f\n", e->epoch, e->loss,
                 shown(task, e->train_value), shown(task, e->test_value), e->test_loss, e->seconds);
    }
    if (cli_get(c, "--output"))
        str_addf(s, "%s: written\n", cli_get(c, "--output"));
}

static enum status run(struct cli *c, struct err *err)
{
    const char *path = cli_get(c, "--output");
    struct fitting f = {.c = c};
    struct fit_opts o = {.epochs = 4,
                         .bn_images = 2000,
                         .seed = c->seed,
                         .threads = c->threads ? c->threads : (int)sysconf(_SC_NPROCESSORS_ONLN),
                         .checkpoint = cli_get(c, "--checkpoint"),
                         .cancel = &cli_interrupted,
                         .step = on_step,
                         .progress = on_epoch,
                         .arg = &f};
    struct graph *g;
    struct images *d = NULL;
    struct fit_result r = {0};
    TRY(fit_options_read(c, &o, err));
    TRY(fit_task_read(c, &o.task, err));
    /* Training takes hours: what cannot be written is to be known before. */
    if (path) {
        TRY(model_check_path(path, err));
        TRY(file_try(path, err));
    }
    if (o.checkpoint)
        TRY(file_try(o.checkpoint, err));
    f.epochs = o.epochs;
    f.task = fit_task_info(o.task);
    TRY(cli_model(c, c->arg[0], &g, err));
    enum status st = images_open(&d, cli_get(c, "--data"), err);
    if (st == ST_OK) {
        st = fit_run(g, d, &o, &r, err);
        if (st != ST_OK && st != ST_CANCELLED)
            err_in_file(err, c->arg[0]);
    }
    if (st == ST_OK && path)
        st = session_write(r.trained, NULL, path, err);
    if (st == ST_OK) {
        struct images_info info = images_info(d);
        if (c->json)
            add_json(c, &r, &o, &info);
        else
            add_text(c, &r, &o, &info);
    }
    fit_result_done(&r);
    images_free(d);
    graph_unref(g);
    return st;
}

static const struct cli_option options[] = {
    {"--task", NULL, "T",
     "classify (accuracy), sr: twice the resolution, denoise (PSNR), segment: class of each pixel "
     "of a canvas of garments (mean IoU), keypoints: points of the garments (PCK) (classify)"},
    FIT_OPTIONS("4", "all", "by task", "by task", "2000", "0"),
    {"--checkpoint", NULL, "FILE",
     "written after each epoch; the same command goes on from it, to the same result"},
    {"--output", "-o", "FILE", "write the trained network"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_fit = {
    .name = "fit",
    .args = "MODEL",
    .help = "train a network for a task on real images and measure it",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
