#include "cli/cli_priv.h"

#include "base/hash.h"
#include "session/describe.h"

#include <stdio.h>

static void add_ports(struct json *j, const char *key, const struct graph *g, const int32_t *ids,
                      int n)
{
    json_key(j, key);
    json_array(j);
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(g, ids[i]);
        const struct ttype *t = node->n_out ? &node->out[0].type : graph_input_type(g, node, 0);
        json_object(j);
        json_kstr(j, "name", node_label(node));
        json_kstr(j, "dtype", t ? dtype_name(t->dtype) : NULL);
        json_key(j, "shape");
        if (t && t->rank >= 0) {
            json_array(j);
            for (int d = 0; d < t->rank; d++)
                if (t->dim[d] >= 0)
                    json_int(j, t->dim[d]);
                else if (DIM_IS_SYM(t->dim[d]))
                    json_str(j, graph_symbol(g, DIM_SYM_INDEX(t->dim[d])));
                else
                    json_null(j);
            json_array_end(j);
        } else
            json_null(j);
        json_object_end(j);
    }
    json_array_end(j);
}

static void add_ops(struct json *j, const struct graph *g)
{
    struct strmap seen = {0};
    const int32_t *order = graph_topo(g);
    int n = graph_n_nodes(g);
    for (int i = 0; i < n; i++)
        (*strmap_put(&seen, node_op_type(graph_node(g, order[i])), 0))++;
    json_key(j, "ops");
    json_object(j);
    for (int i = 0; i < n; i++) {
        const char *name = node_op_type(graph_node(g, order[i]));
        int64_t *count = strmap_get(&seen, name);
        if (*count > 0)
            json_kint(j, name, *count);
        *count = 0;
    }
    json_object_end(j);
    strmap_done(&seen);
    json_key(j, "opaque");
    json_array(j);
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(g, order[i]);
        if (node->op == OP_OPAQUE)
            json_str(j, node_label(node));
    }
    json_array_end(j);
}

static void add_json(struct cli *c, const struct graph *g)
{
    struct json j;
    struct cost k;
    int n;
    cost_graph(g, &k);
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_kstr(&j, "name", graph_name(g));
    const int32_t *ids = graph_inputs(g, &n);
    add_ports(&j, "inputs", g, ids, n);
    ids = graph_outputs(g, &n);
    add_ports(&j, "outputs", g, ids, n);
    json_kint(&j, "nodes", graph_n_nodes(g));
    json_kint(&j, "edges", graph_n_edges(g));
    add_ops(&j, g);
    json_kint(&j, "params", k.params);
    json_kint(&j, "macs", k.macs);
    json_kint(&j, "flops", k.flops);
    json_kint(&j, "flops_paper", k.flops_paper);
    json_kint(&j, "peak_activation_bytes", k.peak_activation_bytes);
    json_kbool(&j, "incomplete", k.incomplete);
    char hash[24];
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)graph_hash(g));
    json_kstr(&j, "hash", hash);
    cli_json_end(c, &j);
}

static enum status run(struct cli *c, struct err *err)
{
    struct graph *g;
    TRY(cli_model(c, c->arg[0], &g, err));
    if (c->json)
        add_json(c, g);
    else
        describe_graph(c->arg[0], g, &c->out);
    graph_unref(g);
    return ST_OK;
}

const struct cli_command cmd_info = {
    .name = "info",
    .args = "MODEL",
    .help = "what a network is and costs",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
