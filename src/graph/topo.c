/* The order of a version: uses of every output, and the level order of AutoGO:
 * generation 0 in id order; then, walking a generation in order, each successor (ascending id) is
 * appended to the next generation when its last input arrives. */
#include "graph/graph_priv.h"

#include "base/mem.h"

#include <stdlib.h>

static enum status check_ports(const struct graph *g, const struct node *n, struct err *err)
{
    for (int i = 0; i < n->n_in; i++) {
        const struct node_input *in = &n->in[i];
        if (in->node < 0)
            continue;
        const struct node *from = graph_node(g, in->node);
        if (!from || in->port < 0 || in->port >= from->n_out)
            return err_set(err, ST_MODEL, "node '%s' (%s): input %d comes from nowhere",
                           node_label(n), node_op_type(n), i);
    }
    return ST_OK;
}

/* Counting sort of the edges by producer; walking consumers by ascending id and port makes each
 * list ascending. Returns in-degrees in `degree`. */
static void index_uses(struct graph *g, int32_t *degree)
{
    g->use_at = x_calloc((size_t)g->n_slots + 1, sizeof *g->use_at);
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t id = 0; id < g->n_slots; id++) {
            const struct node *n = graph_node(g, id);
            for (int i = 0; n && i < n->n_in; i++) {
                if (n->in[i].node < 0)
                    continue;
                if (pass == 0) {
                    g->use_at[n->in[i].node + 1]++;
                    degree[id]++;
                } else {
                    g->use[g->use_at[n->in[i].node]++] = (struct use){id, i};
                }
            }
        }
        if (pass == 0) {
            for (int i = 0; i < g->n_slots; i++)
                g->use_at[i + 1] += g->use_at[i];
            g->n_edges = g->use_at[g->n_slots];
            g->use = x_calloc((size_t)g->n_edges, sizeof *g->use);
        }
    }
    /* The second pass moved every start to its end: shift back. */
    for (int i = g->n_slots; i > 0; i--)
        g->use_at[i] = g->use_at[i - 1];
    g->use_at[0] = 0;
}

enum status graph_order(struct graph *g, struct err *err)
{
    for (int32_t id = 0; id < g->n_slots; id++) {
        const struct node *n = graph_node(g, id);
        if (n) {
            TRY(check_ports(g, n, err));
            g->n_nodes++;
            g->n_input += n->op == OP_INPUT;
            g->n_output += n->op == OP_OUTPUT;
        }
    }
    int32_t *degree = x_calloc((size_t)g->n_slots, sizeof *degree);
    index_uses(g, degree);
    g->topo = x_calloc((size_t)g->n_nodes, sizeof *g->topo);
    g->topo_pos = x_malloc((size_t)g->n_slots * sizeof *g->topo_pos);
    g->input = x_calloc((size_t)g->n_input, sizeof *g->input);
    g->output = x_calloc((size_t)g->n_output, sizeof *g->output);
    int in = 0, out = 0, tail = 0;
    for (int32_t id = 0; id < g->n_slots; id++) {
        const struct node *n = graph_node(g, id);
        g->topo_pos[id] = -1;
        if (n && degree[id] == 0)
            g->topo[tail++] = id;
        if (n && n->op == OP_INPUT)
            g->input[in++] = id;
        if (n && n->op == OP_OUTPUT)
            g->output[out++] = id;
    }
    for (int head = 0; head < tail; head++) {
        int32_t id = g->topo[head];
        g->topo_pos[id] = head;
        for (int32_t u = g->use_at[id]; u < g->use_at[id + 1]; u++)
            if (--degree[g->use[u].node] == 0)
                g->topo[tail++] = g->use[u].node;
    }
    enum status st = ST_OK;
    for (int32_t id = 0; tail < g->n_nodes && id < g->n_slots && st == ST_OK; id++)
        if (degree[id] > 0)
            st = err_set(err, ST_MODEL, "node '%s' (%s): lies on or behind a cycle",
                         node_label(graph_node(g, id)), node_op_type(graph_node(g, id)));
    free(degree);
    return st;
}
