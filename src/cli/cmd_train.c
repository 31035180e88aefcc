/* train: the predictor from tables of labels. */
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/lesson.h"

#include <stdlib.h>

/* What the model was made of, beside it. */
static enum status write_manifest(const struct lesson *l, const struct pred_model *m,
                                  const char *path, double seconds, struct err *err)
{
    struct str s = {0};
    const struct pred_opts *o = &l->opts;
    str_addf(&s, "program: autogo " PACKAGE_VERSION "\nvariant: %s%s\nmembers: %d\nseed: %llu\n",
             pred_variant_name(o->variant), o->reference ? ", as the paper trains" : "", o->members,
             (unsigned long long)o->seed);
    for (int i = 0; i < l->n; i++) {
        unsigned char *data;
        size_t n;
        TRY(file_read_packed(l->path[i], (size_t)1 << 30, &data, &n, err));
        const char *slash = strrchr(l->path[i], '/');
        str_addf(&s,
                 "labels of %s: %zu networks, %s, hash %016llx; Spearman correlation with the "
                 "members that left them out: %.3f\n",
                 l->table[i].name, l->table[i].item.n, slash ? slash + 1 : l->path[i],
                 (unsigned long long)hash_bytes(data, n, 0), pred_model_rank(m, i));
        free(data);
    }
    str_addf(&s, "seconds: %.0f\ncommand: autogo train --seed %llu --members %d --variant %s%s",
             seconds, (unsigned long long)o->seed, o->members, pred_variant_name(o->variant),
             o->reference ? " --reference" : "");
    if (o->steps)
        str_addf(&s, " --steps %d", o->steps);
    for (int i = 0; i < l->n; i++)
        str_addf(&s, " --labels %s",
                 strrchr(l->path[i], '/') ? strrchr(l->path[i], '/') + 1 : l->path[i]);
    str_add(&s, "\n");
    char *name = x_asprintf("%s.manifest", path);
    enum status st = file_write(name, str_text(&s), s.n, err);
    free(name);
    str_done(&s);
    return st;
}

static void on_step(void *arg, int done, int total)
{
    cli_progress(arg, done, total, "steps");
}

static enum status train(struct lesson *l, const char *path, struct err *err)
{
    struct cli *c = l->c;
    struct pred_model *m;
    double begun = clock_s();
    TRY(file_try(path, err));
    TRY(lesson_begin(l, err));
    l->opts.progress = on_step;
    l->opts.progress_arg = c;
    TRY(pred_train(&m, l->table, l->n, &l->opts, err));
    double seconds = clock_s() - begun;
    cli_progress_end(c);
    enum status st = pred_model_save(m, path, err);
    if (st == ST_OK)
        st = write_manifest(l, m, path, seconds, err);
    pred_model_free(m);
    TRY(st);
    if (c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_key(&j, "families");
        json_object(&j);
        for (int i = 0; i < l->n; i++)
            json_kint(&j, l->table[i].name, (int64_t)l->table[i].item.n);
        json_object_end(&j);
        json_knum(&j, "seconds", seconds);
        json_kstr(&j, "output", path);
        cli_json_end(c, &j);
    } else {
        str_addf(&c->out, "%s: learnt", path);
        for (int i = 0; i < l->n; i++)
            str_addf(&c->out, "%s %s (%zu networks)", i ? "," : "", l->table[i].name,
                     l->table[i].item.n);
        str_addf(&c->out, " in %.0f s\n", seconds);
    }
    return ST_OK;
}

static enum status run_train(struct cli *c, struct err *err)
{
    struct lesson l = {.c = c};
    if (!cli_get(c, "--output"))
        return err_set(err, ST_USAGE, "train: -o FILE is needed");
    enum status st = train(&l, cli_get(c, "--output"), err);
    cli_progress_end(c);
    lesson_done(&l);
    return st;
}

static const struct cli_option options[] = {
    LESSON_OPTIONS,
    {"--output", "-o", "FILE", "the predictor; FILE.manifest says what it was made of"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_train = {
    .name = "train",
    .args = "--labels CSV -o FILE",
    .help = "train a predictor of accuracy from tables of labels",
    .min_args = 0,
    .max_args = 0,
    .options = options,
    .run = run_train,
};
