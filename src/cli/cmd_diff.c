/* diff: what changed from one network to another. */
#include "cli/cli_priv.h"

#include "session/describe.h"

#include <math.h>

static void json_side(struct json *j, const char *key, const struct graph *g, int32_t id)
{
    struct comparison_cells c;
    json_key(j, key);
    if (id < 0) {
        json_null(j);
        return;
    }
    comparison_cells(g, id, &c);
    json_object(j);
    json_kstr(j, "node", node_label(graph_node(g, id)));
    json_kstr(j, "op", node_op_type(graph_node(g, id)));
    json_kstr(j, "kernel", c.kernel);
    json_kstr(j, "width", c.width);
    json_kstr(j, "shape", c.shape);
    json_object_end(j);
}

static void json_rows(struct json *j, const struct comparison *k)
{
    json_key(j, "nodes");
    json_array(j);
    for (int i = 0; i < k->n_row; i++) {
        json_object(j);
        json_kstr(j, "kind", comparison_kind_name(k->row[i].kind));
        json_side(j, "before", k->g[0], k->row[i].id[0]);
        json_side(j, "after", k->g[1], k->row[i].id[1]);
        json_object_end(j);
    }
    json_array_end(j);
}

/* The labels of one kind, as they are called after. */
static void json_kind(struct json *j, const struct comparison *k, enum comparison_kind kind)
{
    json_key(j, comparison_kind_name(kind));
    json_array(j);
    for (int i = 0; i < k->n_row; i++)
        if (k->row[i].kind == kind)
            json_str(j, node_label(graph_node(k->g[1], k->row[i].id[1])));
    json_array_end(j);
}

/* null: not known, not measured. */
static void json_metrics(struct json *j, const struct comparison_costs *m)
{
    json_key(j, "metrics");
    json_object(j);
    for (int k = 0; k < METRICS; k++) {
        if (!comparison_shown(m, (enum comparison_metric)k))
            continue;
        json_key(j, comparison_metric_key((enum comparison_metric)k));
        json_object(j);
        json_knum(j, "before", m->value[k][0]);
        json_knum(j, "after", m->value[k][1]);
        json_object_end(j);
    }
    json_object_end(j);
    json_kint(j, "threads", m->threads);
    json_kstr(j, "npu", *m->npu ? m->npu : NULL);
    json_kstr(j, "family", *m->table ? m->table : NULL);
    bool in = m->has_delta && m->delta.in_distribution;
    json_knum(j, "delta_acc", m->has_delta ? m->delta.delta * (in ? 100 : 1) : NAN);
    json_kstr(j, "delta_unit", m->has_delta ? (in ? "percent" : "sigma") : NULL);
    json_kbool(j, "in_distribution", in);
}

static void diff_json(struct cli *c, struct session *s, const struct comparison *k,
                      const char *path)
{
    struct json j;
    struct cost cost[2];
    struct comparison_costs m;
    for (int i = 0; i < 2; i++)
        cost_graph(k->g[i], &cost[i]);
    session_measure(s, k, &m);
    cli_json_begin(c, &j);
    json_kstr(&j, "a", c->arg[0]);
    json_kstr(&j, "b", c->arg[1]);
    json_kbool(&j, "equal", k->equal);
    cli_json_nodes(&j, "added", k->g[1], k->diff.added, k->diff.n_added);
    cli_json_nodes(&j, "removed", k->g[0], k->diff.removed, k->diff.n_removed);
    json_kind(&j, k, COMPARISON_RESIZED);
    json_kind(&j, k, COMPARISON_CHANGED);
    json_rows(&j, k);
    cli_json_deltas(&j, &cost[0], &cost[1]);
    json_metrics(&j, &m);
    if (path)
        json_kstr(&j, "output", path);
    cli_json_end(c, &j);
}

static enum status compare(struct cli *c, const struct graph *a, const struct graph *b,
                           struct err *err)
{
    const char *path = cli_get(c, "--output");
    const struct comparison_said said[] = {{c->arg[0], "", ""}, {c->arg[1], "", ""}};
    struct session *s = cli_session(c);
    struct comparison k;
    enum status st = ST_OK;
    comparison_init(&k, a, b, 0);
    if (path)
        st = session_compare_now(s, &k, said, path, err);
    if (st == ST_OK && c->json)
        diff_json(c, s, &k, path);
    else if (st == ST_OK)
        describe_comparison(&k, &c->out);
    comparison_done(&k);
    session_free(s);
    return st;
}

/* A session does without; who names a file wants that one. */
static enum status check_tools(const struct cli *c, struct err *err)
{
    const char *preset = cli_get(c, "--preset"), *predictor = cli_get(c, "--predictor");
    struct npu_preset npu;
    struct pred_model *model = NULL;
    if (preset)
        TRY(npu_preset_load(&npu, preset, err));
    if (predictor)
        TRY(cli_predictor(predictor, &model, err));
    pred_model_free(model);
    return ST_OK;
}

static enum status run(struct cli *c, struct err *err)
{
    struct graph *a = NULL, *b = NULL;
    TRY(check_tools(c, err));
    enum status st = cli_model(c, c->arg[0], &a, err);
    if (st == ST_OK)
        st = cli_model(c, c->arg[1], &b, err);
    if (st == ST_OK)
        st = compare(c, a, b, err);
    graph_unref(a);
    graph_unref(b);
    return st;
}

static const struct cli_option options[] = {
    {"--output", "-o", "FILE",
     "as a page .html (drawings, costs, node by node), or in one picture: .dot .svg .png .pdf"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {"--preset", NULL, "P",
     "the accelerator of the cycles (os32): a name of autogo npu, or a file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_diff = {
    .name = "diff",
    .args = "A B",
    .help = "what changed from one network to another",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .run = run,
};
