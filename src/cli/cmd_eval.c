/* eval: how good the predictor is on networks that it did not learn from. */
#include "cli/cli_priv.h"
#include "cli/label_retest.h"
#include "cli/lesson.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct summary {
    double sum, squares;
    int n;
};

static void summary_add(struct summary *s, double v)
{
    if (isnan(v))
        return;
    s->sum += v;
    s->squares += v * v;
    s->n++;
}

static double summary_mean(const struct summary *s)
{
    return s->n ? s->sum / s->n : NAN;
}

static double summary_sd(const struct summary *s)
{
    return s->n > 1 ? sqrt(fmax(s->squares - s->sum * s->sum / s->n, 0) / (s->n - 1)) : NAN;
}

/* Of one variant on one table, over the seeds. */
struct result {
    int n, pairs, clear_pairs;
    struct summary srcc, kendall, error, coverage, width, in_distribution, delta_srcc, delta_sign;
};

static void result_add(struct result *r, const struct pred_score *s)
{
    r->n += s->n;
    r->pairs += s->pairs;
    r->clear_pairs += s->clear_pairs;
    summary_add(&r->srcc, s->srcc);
    summary_add(&r->kendall, s->kendall);
    summary_add(&r->error, s->error);
    summary_add(&r->coverage, s->coverage);
    summary_add(&r->width, s->width);
    summary_add(&r->in_distribution, s->in_distribution);
    summary_add(&r->delta_srcc, s->delta_srcc);
    summary_add(&r->delta_sign, s->delta_sign);
}

struct evaluation {
    struct lesson l;
    int seeds;
    double test, learn;
    bool variant[PRED_VARIANTS];
    struct result result[PRED_VARIANTS][PRED_MAX_TABLES];
    struct label_retest retest[PRED_MAX_TABLES];
};

/* Groups below `test` are tested on; of the others so many are learnt from that they are `learn` of
 * all. */
static void split(struct pred_table *t, double test, double learn, uint64_t seed)
{
    for (size_t i = 0; i < t->item.n; i++) {
        double at = pred_split(t->item.at[i].group, seed);
        t->item.at[i].use = at < test ? PRED_TEST : at < test + learn ? PRED_LEARN : PRED_LEFT;
    }
}

static enum status evaluate_one(struct evaluation *e, enum pred_variant v, uint64_t seed,
                                struct err *err)
{
    struct lesson *l = &e->l;
    struct pred_model *m;
    struct pred_opts o = l->opts;
    o.variant = v;
    o.seed = seed;
    for (int i = 0; i < l->n_own; i++)
        split(&l->table[i], e->test, e->learn, seed);
    TRY(pred_train(&m, l->table, l->n, &o, err));
    for (int i = 0; i < l->n_own; i++) {
        struct pred_score s;
        pred_evaluate(m, i, &l->table[i], l->c->threads, &s);
        result_add(&e->result[v][i], &s);
    }
    pred_model_free(m);
    return ST_OK;
}

static enum status evaluate(struct evaluation *e, struct err *err)
{
    int done = 0, all = 0;
    for (int v = 0; v < PRED_VARIANTS; v++)
        all += e->variant[v] * e->seeds;
    for (int s = 0; s < e->seeds; s++)
        for (int v = 0; v < PRED_VARIANTS; v++)
            if (e->variant[v]) {
                cli_progress(e->l.c, done++, all, pred_variant_name((enum pred_variant)v));
                TRY(evaluate_one(e, (enum pred_variant)v, e->l.opts.seed + (uint64_t)s, err));
            }
    cli_progress_end(e->l.c);
    return ST_OK;
}

static void add_mean(struct str *out, const struct summary *s, double unit)
{
    char text[32] = "-";
    if (s->n > 1)
        snprintf(text, sizeof text, "%.3f+-%.3f", summary_mean(s) * unit, summary_sd(s) * unit);
    else if (s->n == 1)
        snprintf(text, sizeof text, "%.3f", summary_mean(s) * unit);
    str_addf(out, " %14s", text);
}

static void eval_text(const struct evaluation *e, struct str *out)
{
    str_addf(out, "%-14s %-9s %6s %14s %14s %14s %14s %14s %8s\n", "table", "variant", "tested",
             "SRCC", "Kendall", "in 90 %", "delta SRCC", "delta sign", "ceiling");
    for (int t = 0; t < e->l.n_own; t++)
        for (int v = 0; v < PRED_VARIANTS; v++) {
            const struct result *r = &e->result[v][t];
            if (!e->variant[v])
                continue;
            str_addf(out, "%-14s %-9s %6d", e->l.table[t].name,
                     pred_variant_name((enum pred_variant)v), r->n / e->seeds);
            add_mean(out, &r->srcc, 1);
            add_mean(out, &r->kendall, 1);
            add_mean(out, &r->coverage, 1);
            add_mean(out, &r->delta_srcc, 1);
            add_mean(out, &r->delta_sign, 1);
            if (e->retest[t].networks)
                str_addf(out, " %8.3f\n", e->retest[t].acc);
            else
                str_addf(out, " %8s\n", "-");
        }
}

static void json_summary(struct json *j, const char *key, const struct summary *s)
{
    char sd[64];
    snprintf(sd, sizeof sd, "%s_sd", key);
    json_knum(j, key, summary_mean(s));
    json_knum(j, sd, summary_sd(s));
}

static const char *const srcc_keys[PRED_VARIANTS] = {"srcc_psc", "srcc_psc_1to1", "srcc_gnn"};

static void eval_json(const struct evaluation *e)
{
    struct json j;
    cli_json_begin(e->l.c, &j);
    json_kint(&j, "seeds", e->seeds);
    json_key(&j, "families");
    json_object(&j);
    for (int t = 0; t < e->l.n_own; t++) {
        json_key(&j, e->l.table[t].name);
        json_object(&j);
        json_kint(&j, "n", (int64_t)e->l.table[t].item.n);
        for (int v = 0; v < PRED_VARIANTS; v++)
            if (e->variant[v])
                json_summary(&j, srcc_keys[v], &e->result[v][t].srcc);
        int first = 0;
        while (!e->variant[first])
            first++;
        const struct result *r = &e->result[first][t];
        json_kstr(&j, "variant", pred_variant_name((enum pred_variant)first));
        json_kint(&j, "tested", r->n / e->seeds);
        json_summary(&j, "kendall_psc", &r->kendall);
        json_summary(&j, "error", &r->error);
        json_summary(&j, "coverage", &r->coverage);
        json_summary(&j, "width", &r->width);
        json_summary(&j, "in_distribution", &r->in_distribution);
        json_kint(&j, "pairs", r->pairs / e->seeds);
        json_summary(&j, "delta_srcc", &r->delta_srcc);
        json_summary(&j, "delta_sign_accuracy", &r->delta_sign);
        json_knum(&j, "ceiling", e->retest[t].networks ? e->retest[t].acc : NAN);
        json_object_end(&j);
    }
    json_object_end(&j);
    cli_json_end(e->l.c, &j);
}

static enum status share_option(const struct cli *c, const char *name, double fallback, double *out,
                                struct err *err)
{
    const char *text = cli_get(c, name);
    *out = fallback;
    if (text && (!str_to_double(text, out) || !(*out > 0 && *out < 1)))
        return err_set(err, ST_USAGE, "%s '%.80s': a share above 0 and below 1 is wanted", name,
                       text);
    return ST_OK;
}

static enum status eval_run(struct evaluation *e, struct err *err)
{
    struct cli *c = e->l.c;
    int64_t seeds;
    bool table1 = cli_get(c, "--table1") != NULL;
    TRY(cli_get_int(c, "--seeds", 1, 1000, 5, &seeds, err));
    TRY(share_option(c, "--test", 0.2, &e->test, err));
    TRY(share_option(c, "--learn", 1 - e->test - 1e-9, &e->learn, err));
    e->seeds = (int)seeds;
    TRY(lesson_begin(&e->l, err));
    double noise = 0;
    TRY(share_option(c, "--noise", 0, &noise, err));
    for (int i = 0; i < e->l.n_own && noise > 0; i++)
        e->l.table[i].noise = noise;
    for (int v = 0; v < PRED_VARIANTS; v++)
        e->variant[v] = table1 || (enum pred_variant)v == e->l.opts.variant;
    /* a table that came from elsewhere has no seeds to compare */
    for (int i = 0; i < e->l.n_own; i++)
        if (label_retest_read(e->l.path[i], &e->retest[i], NULL) != ST_OK)
            e->retest[i].networks = 0;
    TRY(evaluate(e, err));
    if (c->json)
        eval_json(e);
    else
        eval_text(e, &c->out);
    return ST_OK;
}

static enum status run_eval(struct cli *c, struct err *err)
{
    struct evaluation *e = x_calloc(1, sizeof *e);
    e->l.c = c;
    enum status st = eval_run(e, err);
    cli_progress_end(c);
    lesson_done(&e->l);
    free(e);
    return st;
}

static const struct cli_option options_eval[] = {
    LESSON_OPTIONS,
    {"--seeds", NULL, "K", "splits and trainings; means and deviations are told (5)"},
    {"--test", NULL, "SHARE", "of the networks, by group, that is tested on (0.2)"},
    {"--beside", NULL, "CSV",
     "another table, of which all is learnt from and nothing tested "
     "(repeatable)"},
    {"--learn", NULL, "SHARE", "of the networks that is learnt from (all others)"},
    {"--noise", NULL, "X",
     "deviation of a label from one run to another, of 1 (from the rows of several "
     "seeds); the sign of smaller differences is not judged"},
    {"--table1", NULL, NULL, "all three variants, as in Table 1 of the paper"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_eval = {
    .name = "eval",
    .args = "--labels CSV",
    .help = "how well a predictor does on networks it has not seen",
    .min_args = 0,
    .max_args = 0,
    .options = options_eval,
    .run = run_eval,
};
