/* Running statistics of normalisations, computed anew: the mean over batches of each batch's mean
 * and of its second moment, so that they describe the final weights and not those on the way. */
#include "exec/fit_priv.h"

#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>

enum { PORT_MEAN = 3, PORT_VAR = 4 };

struct entry {
    int32_t node;
    int64_t n;
    double *mean, *moment; /* sums over the batches */
};

struct bn_stats {
    VEC(struct entry) at;
    int64_t batches;
};

enum status bn_forget(const struct graph *g, struct graph **out, struct err *err)
{
    struct graph_edit *e = graph_edit_new(g);
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        if (n && n->op == OP_BATCHNORM)
            node_set_float(graph_edit_mut(e, id), "momentum", 0);
    }
    return graph_edit_freeze(e, out, err);
}

struct bn_stats *bn_stats_new(const struct graph *g)
{
    struct bn_stats *s = x_calloc(1, sizeof *s);
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        const struct tensor *mean = n && n->op == OP_BATCHNORM ? node_const(n, PORT_MEAN) : NULL;
        if (!mean || !node_const(n, PORT_VAR))
            continue;
        int64_t count = tensor_count(mean);
        vec_push(&s->at, (struct entry){id, count, x_calloc((size_t)count, sizeof(double)),
                                        x_calloc((size_t)count, sizeof(double))});
    }
    return s;
}

void bn_stats_free(struct bn_stats *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->at.n; i++) {
        free(s->at.at[i].mean);
        free(s->at.at[i].moment);
    }
    vec_done(&s->at);
    free(s);
}

void bn_stats_add(struct bn_stats *s, const struct graph *g)
{
    for (size_t i = 0; i < s->at.n; i++) {
        struct entry *at = &s->at.at[i];
        const struct node *n = graph_node(g, at->node);
        float *mean = x_calloc((size_t)at->n * 2, sizeof *mean), *var = mean + at->n;
        tensor_read(node_const(n, PORT_MEAN), mean);
        tensor_read(node_const(n, PORT_VAR), var);
        for (int64_t k = 0; k < at->n; k++) {
            at->mean[k] += mean[k];
            at->moment[k] += var[k] + (double)mean[k] * mean[k];
        }
        free(mean);
    }
    s->batches++;
}

static void set_values(struct node *n, int port, const float *value)
{
    const struct tensor *old = node_const(n, port);
    node_set_input(n, port, IN_CONST, 0,
                   tensor_new_bytes(tensor_name(old), tensor_type(old), value, tensor_size(old)));
}

enum status bn_stats_apply(const struct bn_stats *s, const struct graph *trained,
                           const struct graph *like, struct graph **out, struct err *err)
{
    struct graph_edit *e = graph_edit_new(trained);
    for (size_t i = 0; i < s->at.n; i++) {
        const struct entry *at = &s->at.at[i];
        const struct node_attr *kept = node_attr(graph_node(like, at->node), "momentum");
        struct node *n = graph_edit_mut(e, at->node);
        float *value = x_calloc((size_t)at->n, sizeof *value);
        for (int64_t k = 0; k < at->n; k++)
            value[k] = (float)(at->mean[k] / (double)s->batches);
        set_values(n, PORT_MEAN, value);
        for (int64_t k = 0; k < at->n; k++) {
            double mean = at->mean[k] / (double)s->batches;
            double var = at->moment[k] / (double)s->batches - mean * mean;
            value[k] = (float)(var > 0 ? var : 0);
        }
        set_values(n, PORT_VAR, value);
        free(value);
        if (kept)
            node_set_float(n, "momentum", kept->f);
        else
            node_remove_attr(n, "momentum");
    }
    return graph_edit_freeze(e, out, err);
}
