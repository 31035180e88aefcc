/* verify: whether a network is well-formed and runs, and whether two compute the same. */
#include "cli/cli_priv.h"

#include "exec/trial.h"
#include "onx/onx.h"

#include <stdio.h>

struct verifying {
    struct cli *c;
    struct graph *g[2];
    struct trial trial[2];
    double tolerance;
    bool checked; /* the ONNX checker accepts all */
    int n_run;    /* how many were executed */
    bool compared;
    struct trial_diff diff;
    enum status answer; /* of the command, once nothing failed */
    char why[600];      /* unless that is ST_OK */
};

/* Every file opens (so its shapes are consistent) and passes the ONNX checker. */
static enum status check(struct verifying *v, struct err *err)
{
    struct cli *c = v->c;
    for (int i = 0; i < c->n_arg; i++) {
        struct err e = {0};
        TRY(cli_model(c, c->arg[i], &v->g[i], err));
        enum status st = onx_check(v->g[i], &e);
        if (st == ST_MODEL) {
            snprintf(v->why, sizeof v->why, "%s: the ONNX checker: %s", c->arg[i], e.msg);
            v->answer = ST_NO;
            return ST_OK;
        }
        if (st != ST_OK) {
            *err = e;
            return st;
        }
    }
    v->checked = true;
    return ST_OK;
}

static enum status execute(struct verifying *v, int64_t runs, struct err *err)
{
    struct cli *c = v->c;
    const struct trial_opts opts = {
        .seed = c->seed, .runs = (int)runs, .threads = c->threads, .cancel = &cli_interrupted};
    for (int i = 0; i < c->n_arg && v->answer == ST_OK; i++) {
        struct err e = {0};
        enum status st = trial_run(&v->trial[i], v->g[i], &opts, &e);
        if (st == ST_UNSUPPORTED) {
            snprintf(v->why, sizeof v->why, "%s: not executed: %s", c->arg[i], e.msg);
            v->answer = st;
        } else if (st != ST_OK) {
            err_in_file(&e, c->arg[i]);
            *err = e;
            return st;
        } else if (v->trial[i].fault[0]) {
            snprintf(v->why, sizeof v->why, "%s: %s", c->arg[i], v->trial[i].fault);
            v->answer = ST_NO;
        }
        v->n_run += st == ST_OK;
    }
    return ST_OK;
}

static void compare(struct verifying *v)
{
    char why[300];
    v->compared = trial_compare(&v->trial[0], &v->trial[1], &v->diff, why, sizeof why);
    if (!v->compared) {
        snprintf(v->why, sizeof v->why, "%s does not fit %s: %s", v->c->arg[1], v->c->arg[0], why);
        v->answer = ST_NO;
    } else if (v->diff.max_rel > v->tolerance) {
        snprintf(v->why, sizeof v->why,
                 "the outputs differ by up to %.3g, %.3g of the largest (tolerance %g)",
                 v->diff.max_abs, v->diff.max_rel, v->tolerance);
        v->answer = ST_NO;
    }
}

static void add_json(const struct verifying *v)
{
    struct cli *c = v->c;
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    if (c->n_arg == 2)
        json_kstr(&j, "other", c->arg[1]);
    json_kbool(&j, "ok", v->answer == ST_OK);
    json_kbool(&j, "shapes", true);
    json_kbool(&j, "checker", v->checked);
    json_kbool(&j, "executed", v->n_run == c->n_arg);
    if (v->n_run == c->n_arg)
        json_kint(&j, "runs", v->trial[0].runs);
    if (v->compared) {
        json_knum(&j, "max_abs_diff", v->diff.max_abs);
        json_knum(&j, "max_rel_diff", v->diff.max_rel);
        json_knum(&j, "tolerance", v->tolerance);
    }
    if (v->answer != ST_OK)
        json_kstr(&j, "reason", v->why);
    cli_json_end(c, &j);
}

static void add_text(const struct verifying *v)
{
    struct str *s = &v->c->out;
    int runs = v->trial[0].runs;
    str_addf(s,
             "ok: shapes are consistent, the ONNX checker accepts %s, outputs are finite (%d "
             "run%s on seeded inputs)\n",
             v->c->n_arg == 2 ? "both" : "it", runs, runs == 1 ? "" : "s");
    if (v->compared)
        str_addf(s, "outputs differ by at most %.3g, %.3g of the largest (tolerance %g)\n",
                 v->diff.max_abs, v->diff.max_rel, v->tolerance);
}

static enum status read_tolerance(const struct cli *c, double *out, struct err *err)
{
    const char *v = cli_get(c, "--tolerance");
    if (v && (!str_to_double(v, out) || *out < 0))
        return err_set(err, ST_USAGE, "--tolerance: '%.60s' is not a number from 0 on", v);
    return ST_OK;
}

static enum status run(struct cli *c, struct err *err)
{
    struct verifying v = {.c = c, .tolerance = 1e-4, .answer = ST_OK};
    int64_t runs;
    TRY(read_tolerance(c, &v.tolerance, err));
    TRY(cli_get_int(c, "--runs", 1, 1000, 2, &runs, err));
    enum status st = check(&v, err);
    if (st == ST_OK && v.answer == ST_OK)
        st = execute(&v, runs, err);
    if (st == ST_OK && v.answer == ST_OK && c->n_arg == 2)
        compare(&v);
    if (st == ST_OK && c->json)
        add_json(&v);
    else if (st == ST_OK && v.answer == ST_OK)
        add_text(&v);
    for (int i = 0; i < 2; i++) {
        trial_done(&v.trial[i]);
        graph_unref(v.g[i]);
    }
    if (st == ST_OK && v.answer != ST_OK)
        return err_set(err, v.answer, "%s", v.why);
    return st;
}

static const struct cli_option options[] = {
    {"--runs", NULL, "R", "sets of seeded inputs (2)"},
    {"--tolerance", NULL, "T", "how far outputs of A and B may differ, by the largest one (1e-4)"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_verify = {
    .name = "verify",
    .args = "A [B]",
    .help = "check shapes and the ONNX form, and run it; with B compare the outputs of both",
    .min_args = 1,
    .max_args = 2,
    .options = options,
    .run = run,
};
