#include "ui/heat.h"

#include "base/mem.h"
#include "ui/theme.h"

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

double *heat_costs(struct session *s, enum heat h)
{
    const struct graph *g = session_graph(s);
    const struct npu_preset *p = h == HEAT_CYCLES ? session_npu(s) : NULL;
    const char *why;
    const double *ms = h == HEAT_TIME ? session_times(s, &why) : NULL;
    if ((h == HEAT_CYCLES && !p) || (h == HEAT_TIME && !ms))
        return NULL;
    double *out = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *out);
    if (p)
        add_cycles(g, p, out);
    else if (!ms)
        add_counts(g, h, out);
    for (int i = 0; ms && i < graph_n_slots(g); i++)
        out[i] = 1000 * ms[i];
    return out;
}

int heat_digit(double cost, double most)
{
    return most > 0 ? (int)(9 * cost / most + 0.5) : 0;
}

int heat_style(int digit)
{
    return digit >= 6 ? STYLE_BAD : digit >= 3 ? STYLE_WARN : digit >= 1 ? STYLE_GOOD : STYLE_DIM;
}
