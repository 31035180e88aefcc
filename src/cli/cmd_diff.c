/* diff: what changed from one network to another. */
#include "cli/cli_priv.h"

#include "session/describe.h"

static void diff_json(struct cli *c, const struct graph *a, const struct graph *b,
                      const struct graph_diff *d, const char *path)
{
    struct json j;
    struct cost ca, cb;
    cost_graph(a, &ca);
    cost_graph(b, &cb);
    cli_json_begin(c, &j);
    json_kstr(&j, "a", c->arg[0]);
    json_kstr(&j, "b", c->arg[1]);
    json_kbool(&j, "equal", graph_hash(a) == graph_hash(b));
    cli_json_nodes(&j, "added", b, d->added, d->n_added);
    cli_json_nodes(&j, "removed", a, d->removed, d->n_removed);
    for (int resized = 1; resized >= 0; resized--) {
        json_key(&j, resized ? "resized" : "changed");
        json_array(&j);
        for (int i = 0; i < d->n_changed; i++)
            if (describe_resized(a, d->changed_a[i], b, d->changed_b[i]) == resized)
                json_str(&j, node_label(graph_node(b, d->changed_b[i])));
        json_array_end(&j);
    }
    cli_json_deltas(&j, &ca, &cb);
    if (path)
        json_kstr(&j, "output", path);
    cli_json_end(c, &j);
}

static enum status run(struct cli *c, struct err *err)
{
    struct graph *a = NULL, *b = NULL;
    const char *path = cli_get(c, "--output");
    enum status st = cli_model(c, c->arg[0], &a, err);
    if (st == ST_OK)
        st = cli_model(c, c->arg[1], &b, err);
    if (st == ST_OK && path)
        st = session_export_diff(a, b, false, path, err);
    if (st == ST_OK) {
        struct graph_diff d;
        graph_diff_init(&d, a, b, false);
        if (c->json)
            diff_json(c, a, b, &d, path);
        else
            describe_diff(a, b, &d, &c->out);
        graph_diff_done(&d);
    }
    graph_unref(a);
    graph_unref(b);
    return st;
}

static const struct cli_option options[] = {
    {"--output", "-o", "FILE", "draw both in one picture: .dot .svg .png .pdf"},
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
