/* What libonnx must not be given: it divides by strides, and expands calls of model-local
 * functions recursively without looking whether they end. */
#include "onx/onx_priv.h"

#define MAX_FUNCTIONS 10000
#define MAX_CALL_DEPTH 64
#define MAX_EXPANDED_NODES 1000000

struct guard {
    const Onnx__ModelProto *m;
    struct strmap index; /* "domain:name" -> function */
    int64_t *cost;       /* nodes of the expanded function; -1: not known yet */
    int depth;
    int64_t sum; /* of the node list being walked */
    enum status st;
    struct err *err;
};

static void count_node(const Onnx__NodeProto *n, void *arg);

/* Expanded size of a list of nodes. */
static int64_t count_list(struct guard *g, Onnx__NodeProto **nodes, size_t n)
{
    Onnx__GraphProto list = ONNX__GRAPH_PROTO__INIT;
    list.node = nodes;
    list.n_node = n;
    int64_t outer = g->sum;
    g->sum = 0;
    onx_each_node(&list, count_node, g);
    int64_t sum = g->sum;
    g->sum = outer;
    return sum;
}

static int64_t function_cost(struct guard *g, size_t f)
{
    const Onnx__FunctionProto *p = g->m->functions[f];
    if (g->cost[f] >= 0 || g->st != ST_OK)
        return g->cost[f];
    if (g->depth >= MAX_CALL_DEPTH) {
        g->st = err_set(g->err, ST_MODEL, "function '%s' calls itself, or calls go too deep",
                        onx_str(p->name));
        return 0;
    }
    g->depth++;
    int64_t cost = count_list(g, p->node, p->n_node);
    g->depth--;
    return g->cost[f] = cost;
}

static void count_node(const Onnx__NodeProto *n, void *arg)
{
    struct guard *g = arg;
    if (g->st != ST_OK)
        return;
    for (size_t i = 0; i < n->n_attribute; i++) {
        const Onnx__AttributeProto *a = n->attribute[i];
        if (strcmp(onx_str(a->name), "strides") == 0)
            for (size_t k = 0; k < a->n_ints; k++)
                if (a->ints[k] <= 0) {
                    g->st = err_set(g->err, ST_MODEL, "node '%s' (%s): stride %lld", onx_label(n),
                                    onx_str(n->op_type), (long long)a->ints[k]);
                    return;
                }
    }
    g->sum++;
    if (g->m->n_functions) {
        char *key = x_asprintf("%s:%s", onx_str(n->domain), onx_str(n->op_type));
        const int64_t *f = strmap_get(&g->index, key);
        free(key);
        if (f)
            g->sum += function_cost(g, (size_t)*f);
    }
    if (g->sum > MAX_EXPANDED_NODES && g->st == ST_OK)
        g->st = err_set(g->err, ST_UNSUPPORTED, "node '%s' (%s): more than %d nodes in all",
                        onx_label(n), onx_str(n->op_type), MAX_EXPANDED_NODES);
}

enum status onx_guard(const Onnx__ModelProto *m, struct err *err)
{
    struct guard g = {.m = m, .err = err};
    if (m->n_functions > MAX_FUNCTIONS)
        return err_set(err, ST_UNSUPPORTED, "more than %d functions", MAX_FUNCTIONS);
    g.cost = x_calloc(m->n_functions, sizeof *g.cost);
    for (size_t i = 0; i < m->n_functions; i++) {
        const Onnx__FunctionProto *f = m->functions[i];
        char *key = x_asprintf("%s:%s", onx_str(f->domain), onx_str(f->name));
        strmap_put(&g.index, key, (int64_t)i);
        free(key);
        g.cost[i] = -1;
    }
    for (size_t i = 0; i < m->n_functions; i++)
        function_cost(&g, i);
    count_list(&g, m->graph->node, m->graph->n_node);
    strmap_done(&g.index);
    free(g.cost);
    return g.st;
}
