/* predict: how accurate a network will be, as far as the predictor knows. */
#include "base/file.h"
#include "cli/cli_priv.h"
#include "pred/pred.h"

#include <math.h>
#include <stdlib.h>

static enum status estimate(struct cli *c, const struct pred_model *m, const struct bpe_vocab *v,
                            int table, struct pred_estimate *out, struct err *err)
{
    struct graph *g;
    struct bpe_segmentation s;
    TRY(cli_model(c, c->arg[0], &g, err));
    enum status st = bpe_segment_graph(v, g, &s, err);
    if (st == ST_OK) {
        struct pred_net *net = pred_net_new(g, &s);
        const struct pred_net *nets[] = {net};
        pred_networks(m, nets, 1, table, 1, PRED_CUTS, out);
        pred_net_free(net);
        bpe_segmentation_done(&s);
    }
    graph_unref(g);
    return st;
}

static void tell(struct cli *c, const struct pred_model *m, const struct pred_estimate *e)
{
    struct json j;
    bool in = e->in_distribution;
    const char *family = pred_model_table(m, e->table);
    if (!c->json && in)
        str_addf(&c->out, "%s: accuracy %.2f %% (90 %%: %.2f to %.2f), as a network of %s\n",
                 c->arg[0], 100 * e->acc, 100 * e->low, 100 * e->high, family);
    else if (!c->json)
        str_addf(
            &c->out,
            "%s: accuracy unknown: out of distribution, %.1f times as far from %s as its edge; "
            "%+.2f sigma on its scale\n",
            c->arg[0], e->distance, family, e->sigma);
    if (!c->json)
        return;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_knum(&j, "acc", in ? e->acc : NAN);
    json_knum(&j, "low", in ? e->low : NAN);
    json_knum(&j, "high", in ? e->high : NAN);
    json_knum(&j, "sigma", e->sigma);
    json_kbool(&j, "in_distribution", in);
    json_knum(&j, "distance", e->distance);
    json_kstr(&j, "family", family);
    cli_json_end(c, &j);
}

static enum status predict(struct cli *c, const struct pred_model *m, struct err *err)
{
    struct bpe_vocab *v;
    struct pred_estimate e;
    const char *family = cli_get(c, "--family");
    int table = family ? pred_model_find(m, family) : -1;
    if (family && table < 0)
        return err_set(err, ST_USAGE, "--family '%.80s': the predictor has not learnt it", family);
    TRY(cli_vocab(&v, err));
    enum status st = estimate(c, m, v, table, &e, err);
    bpe_vocab_free(v);
    if (st == ST_OK)
        tell(c, m, &e);
    return st;
}

static enum status run_predict(struct cli *c, struct err *err)
{
    struct pred_model *m;
    TRY(cli_predictor(cli_get(c, "--predictor"), &m, err));
    enum status st = predict(c, m, err);
    pred_model_free(m);
    return st;
}

static const struct cli_option options[] = {
    {"--family", NULL, "NAME", "on the scale of this family's labels (the nearest one)"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_predict = {
    .name = "predict",
    .args = "MODEL",
    .help = "estimate a network's accuracy",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_predict,
};
