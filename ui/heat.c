#include "ui/heat.h"

#include "base/mem.h"
#include "ui/theme.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[HEATS] = {"off", "cycles", "FLOPs", "parameters", "memory", "time"};

const char *heat_name(enum heat h)
{
    return names[h];
}

enum heat heat_find(const char *name)
{
    int h = 0;
    while (h < HEATS && strcmp(names[h], name) != 0)
        h++;
    return (enum heat)h;
}

static void add_cycles(const struct graph *g, const struct npu_preset *p, double *out)
{
    struct npu_cost c;
    npu_cost_graph(g, p, &c);
    for (int i = 0; i < c.n_layers; i++)
        out[c.layer[i].node] = (double)c.layer[i].cycles;
    npu_cost_done(&c);
}

static double output_bytes(const struct node *n)
{
    double bytes = 0;
    for (int i = 0; i < n->n_out; i++) {
        int64_t count = ttype_count(&n->out[i].type, 1);
        bytes += count > 0 ? (double)count * (double)dtype_size(n->out[i].type.dtype) : 0;
    }
    return bytes;
}

static void add_counts(const struct graph *g, enum heat h, double *out)
{
    for (int i = 0; i < graph_n_nodes(g); i++) {
        int32_t id = graph_topo(g)[i];
        struct cost c;
        cost_node(g, id, &c);
        out[id] = h == HEAT_FLOPS    ? (double)c.flops_paper
                  : h == HEAT_PARAMS ? (double)c.params
                                     : output_bytes(graph_node(g, id));
    }
}

/* NULL: unknown. Caller frees. */
static double *work_out(struct session *s, enum heat h, const double *ms)
{
    const struct graph *g = session_graph(s);
    const struct npu_preset *p = h == HEAT_CYCLES ? session_npu(s) : NULL;
    if ((h == HEAT_CYCLES && !p) || (h == HEAT_TIME && !ms))
        return NULL;
    double *out = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *out);
    if (p)
        add_cycles(g, p, out);
    else if (h != HEAT_TIME)
        add_counts(g, h, out);
    else
        for (int i = 0; i < graph_n_slots(g); i++)
            out[i] = 1000 * ms[i];
    return out;
}

const double *heat_costs(struct heat_costs *c, struct session *s, enum heat h)
{
    const char *why;
    if (h == HEAT_OFF || !session_is_open(s))
        return NULL;
    const double *ms = session_times(s, &why);
    if (c->graph != session_graph(s)) {
        heat_costs_done(c);
        c->graph = graph_ref(session_graph(s));
    }
    if (c->ms != ms) {
        free(c->cost[HEAT_TIME]);
        c->cost[HEAT_TIME] = NULL;
    }
    c->ms = ms;
    if (!c->cost[h])
        c->cost[h] = work_out(s, h, ms);
    return c->cost[h];
}

void heat_costs_done(struct heat_costs *c)
{
    for (int h = 0; h < HEATS; h++)
        free(c->cost[h]);
    graph_unref(c->graph);
    memset(c, 0, sizeof *c);
}

int heat_digit(double cost, double most)
{
    return most > 0 ? (int)(9 * cost / most + 0.5) : 0;
}

int heat_style(int digit)
{
    return digit >= 6 ? STYLE_BAD : digit >= 3 ? STYLE_WARN : digit >= 1 ? STYLE_GOOD : STYLE_DIM;
}
