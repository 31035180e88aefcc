/* diff and verify: two networks compared, and one checked. */
#include "cli/cli_priv.h"

#include "onx/onx.h"
#include "session/describe.h"

#include <stdio.h>

/* ---- diff ---- */

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

static enum status run_diff(struct cli *c, struct err *err)
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

static const struct cli_option options_diff[] = {
    {"--output", "-o", "FILE", "draw both in one picture: .dot .svg .png .pdf"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_diff = {
    .name = "diff",
    .args = "A B",
    .help = "what changed from one network to another",
    .min_args = 2,
    .max_args = 2,
    .options = options_diff,
    .run = run_diff,
};

/* ---- verify ---- */

/* Same number of inputs and outputs, with types that agree. */
static bool same_interface(const struct graph *a, const struct graph *b, char *why, size_t size)
{
    for (int side = 0; side < 2; side++) {
        int na, nb;
        const int32_t *ia = side ? graph_outputs(a, &na) : graph_inputs(a, &na);
        const int32_t *ib = side ? graph_outputs(b, &nb) : graph_inputs(b, &nb);
        const char *what = side ? "output" : "input";
        if (na != nb) {
            snprintf(why, size, "%d %ss against %d", na, what, nb);
            return false;
        }
        for (int i = 0; i < na; i++) {
            const struct node *x = graph_node(a, ia[i]), *y = graph_node(b, ib[i]);
            const struct ttype *t = side ? graph_input_type(a, x, 0) : &x->out[0].type;
            const struct ttype *u = side ? graph_input_type(b, y, 0) : &y->out[0].type;
            char bt[128], bu[128];
            if (t && u && !ttype_compatible(t, u)) {
                snprintf(why, size, "%s '%s': %s against %s", what, node_label(x),
                         ttype_text(t, bt, sizeof bt), ttype_text(u, bu, sizeof bu));
                return false;
            }
        }
    }
    return true;
}

/* Every file opens (so its shapes are consistent) and passes the ONNX checker. */
static enum status check(struct cli *c, struct graph **g, char *why, size_t size, struct err *err)
{
    for (int i = 0; i < c->n_arg; i++) {
        struct err e = {0};
        TRY(cli_model(c, c->arg[i], &g[i], err));
        enum status st = onx_check(g[i], &e);
        if (st == ST_MODEL)
            snprintf(why, size, "%.100s: the ONNX checker: %.280s", c->arg[i], e.msg);
        else if (st != ST_OK) {
            *err = e;
            return st;
        }
    }
    if (!why[0] && c->n_arg == 2)
        same_interface(g[0], g[1], why, size);
    return ST_OK;
}

static enum status run_verify(struct cli *c, struct err *err)
{
    struct graph *g[2] = {NULL, NULL};
    char why[400] = "";
    enum status st = check(c, g, why, sizeof why, err);
    if (st == ST_OK && c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kstr(&j, "model", c->arg[0]);
        json_kbool(&j, "ok", !why[0]);
        json_kbool(&j, "shapes", true);
        json_kbool(&j, "checker", !strstr(why, "ONNX checker"));
        json_kbool(&j, "executed", false);
        if (why[0])
            json_kstr(&j, "reason", why);
        cli_json_end(c, &j);
    } else if (st == ST_OK && !why[0])
        str_add(&c->out, "ok: shapes are consistent, the ONNX checker accepts it (not executed)\n");
    graph_unref(g[0]);
    graph_unref(g[1]);
    if (st == ST_OK && why[0])
        return err_set(err, ST_NO, "%s", why);
    return st;
}

const struct cli_command cmd_verify = {
    .name = "verify",
    .args = "A [B]",
    .help = "check shapes and the ONNX form; with B that both fit each other",
    .min_args = 1,
    .max_args = 2,
    .run = run_verify,
};
