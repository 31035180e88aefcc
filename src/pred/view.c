/* What the predictor knows of each node of a graph. */
#include "pred/pred_priv.h"

#include "cost/cost.h"

#include <math.h>

/* Operators that are not listed are KIND_OTHER. */
static const struct {
    enum op op;
    enum pred_kind kind;
} kinds[] = {
    {OP_INPUT, KIND_INPUT},
    {OP_OUTPUT, KIND_OUTPUT},
    {OP_CONV, KIND_CONV},
    {OP_CONVT, KIND_CONVT},
    {OP_GEMM, KIND_MATMUL},
    {OP_MATMUL, KIND_MATMUL},
    {OP_BATCHNORM, KIND_NORM},
    {OP_INSTANCENORM, KIND_NORM},
    {OP_LAYERNORM, KIND_NORM},
    {OP_LRN, KIND_NORM},
    {OP_RELU, KIND_RELU},
    {OP_CLIP, KIND_RELU},
    {OP_LEAKYRELU, KIND_RELU},
    {OP_PRELU, KIND_RELU},
    {OP_ELU, KIND_ACT},
    {OP_SELU, KIND_ACT},
    {OP_SIGMOID, KIND_ACT},
    {OP_TANH, KIND_ACT},
    {OP_HARDSIGMOID, KIND_ACT},
    {OP_HARDSWISH, KIND_ACT},
    {OP_SOFTPLUS, KIND_ACT},
    {OP_ERF, KIND_ACT},
    {OP_DROPOUT, KIND_SAME},
    {OP_IDENTITY, KIND_SAME},
    {OP_CAST, KIND_SAME},
    {OP_ADD, KIND_ADD},
    {OP_SUM, KIND_ADD},
    {OP_SUB, KIND_ADD},
    {OP_MUL, KIND_MUL},
    {OP_DIV, KIND_MUL},
    {OP_CONCAT, KIND_CONCAT},
    {OP_SPLIT, KIND_PART},
    {OP_SLICE, KIND_PART},
    {OP_MAXPOOL, KIND_MAXPOOL},
    {OP_AVGPOOL, KIND_AVGPOOL},
    {OP_GLOBALAVG, KIND_GLOBAL},
    {OP_GLOBALMAX, KIND_GLOBAL},
    {OP_REDUCEMEAN, KIND_GLOBAL},
    {OP_REDUCEMAX, KIND_GLOBAL},
    {OP_REDUCESUM, KIND_GLOBAL},
    {OP_FLATTEN, KIND_VIEW},
    {OP_RESHAPE, KIND_VIEW},
    {OP_TRANSPOSE, KIND_VIEW},
    {OP_SQUEEZE, KIND_VIEW},
    {OP_UNSQUEEZE, KIND_VIEW},
    {OP_RESIZE, KIND_RESIZE},
    {OP_DEPTHTOSPACE, KIND_RESIZE},
    {OP_SPACETODEPTH, KIND_RESIZE},
};

static uint8_t kind_of(const struct node *n, const struct window *w, bool windowed)
{
    uint8_t kind = KIND_OTHER;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].op == n->op)
            kind = (uint8_t)kinds[i].kind;
    if (n->op == OP_CONV && node_is_depthwise(n))
        return KIND_DEPTHWISE;
    if (n->op == OP_CONV && windowed && w->group > 1)
        return KIND_GROUPED;
    return kind;
}

/* log2 of channels and of the mean side of what flows; 0 where the shape does not say. */
static void measure(const struct ttype *t, float *channels, float *side)
{
    *channels = *side = 0;
    if (!t || t->rank < 2)
        return;
    if (t->dim[1] > 0)
        *channels = log2f((float)t->dim[1]);
    double area = 1;
    for (int i = 2; i < t->rank; i++)
        area *= t->dim[i] > 0 ? (double)t->dim[i] : 1;
    *side = t->rank > 2 ? (float)(log2(area) / (t->rank - 2)) : 0;
}

static bool multiplies_by_zero(const struct node *n)
{
    for (int i = 0; n->op == OP_MUL && i < n->n_in; i++) {
        const struct tensor *t = node_const(n, i);
        if (t && tensor_count(t) == 1 && tensor_num_at(t, 0, 1) == 0)
            return true;
    }
    return false;
}

/* Which nodes an image can reach and that reach an output. `order` is topological. */
static bool *find_live(const struct graph *g, const int32_t *order, int n)
{
    bool *ahead = x_calloc((size_t)graph_n_slots(g), 1);
    bool *live = x_calloc((size_t)graph_n_slots(g), 1);
    for (int k = 0; k < n; k++) {
        const struct node *v = graph_node(g, order[k]);
        ahead[order[k]] = v->op == OP_INPUT;
        for (int i = 0; i < v->n_in && !multiplies_by_zero(v); i++)
            ahead[order[k]] |= v->in[i].node >= 0 && ahead[v->in[i].node];
    }
    for (int k = n; k-- > 0;) {
        int uses;
        const struct use *use = graph_uses(g, order[k], &uses);
        enum op op = graph_node(g, order[k])->op;
        live[order[k]] = op == OP_OUTPUT;
        for (int i = 0; i < uses; i++)
            live[order[k]] |= live[use[i].node] && ahead[use[i].node];
        if (op != OP_INPUT && op != OP_OUTPUT)
            live[order[k]] &= ahead[order[k]];
        else
            live[order[k]] = true;
    }
    free(ahead);
    return live;
}

static struct pred_node describe(const struct graph *g, int32_t id)
{
    const struct node *n = graph_node(g, id);
    struct window w = {0};
    struct cost cost;
    bool windowed = node_window(n, &w);
    struct pred_node v = {.id = id, .kind = kind_of(n, &w, windowed), .stride = 1};
    if (windowed) {
        int64_t side = w.kernel[0] > w.kernel[1] ? w.kernel[0] : w.kernel[1];
        int64_t step = w.stride[0] > w.stride[1] ? w.stride[0] : w.stride[1];
        v.kernel = (uint8_t)(side < 255 ? side : 255);
        v.stride = (uint8_t)(step < 255 ? step : 255);
        v.dilated = w.dilation[0] > 1 || w.dilation[1] > 1;
    }
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].node >= 0) {
            measure(graph_input_type(g, n, i), &v.cin, &v.hin);
            break;
        }
    if (n->n_out)
        measure(&n->out[0].type, &v.cout, &v.hout);
    cost_node(g, id, &cost);
    v.params = (float)cost.params;
    v.flops = (float)cost.flops_paper;
    return v;
}

bool pred_has_weights(const struct pred_node *v)
{
    return v->kind == KIND_CONV || v->kind == KIND_GROUPED || v->kind == KIND_DEPTHWISE ||
           v->kind == KIND_CONVT || v->kind == KIND_MATMUL;
}

static int by_to_from(const void *x, const void *y)
{
    const int32_t *a = x, *b = y;
    return a[1] != b[1] ? (a[1] > b[1]) - (a[1] < b[1]) : (a[0] > b[0]) - (a[0] < b[0]);
}

static void connect(struct pred_net *net, const struct graph *g, const int32_t *at)
{
    VEC(int32_t) pair = {0};
    for (int k = 0; k < net->n; k++) {
        const struct node *v = graph_node(g, net->node[k].id);
        for (int i = 0; i < v->n_in; i++)
            if (v->in[i].node >= 0 && at[v->in[i].node] >= 0) {
                vec_push(&pair, at[v->in[i].node]);
                vec_push(&pair, k);
            }
    }
    if (pair.n)
        qsort(pair.at, pair.n / 2, 2 * sizeof *pair.at, by_to_from);
    net->m = (int)(pair.n / 2);
    net->from = x_calloc(pair.n / 2 + 1, sizeof *net->from);
    net->to = x_calloc(pair.n / 2 + 1, sizeof *net->to);
    for (int e = 0; e < net->m; e++) {
        net->from[e] = pair.at[2 * e];
        net->to[e] = pair.at[2 * e + 1];
    }
    vec_done(&pair);
}

static void take_node(struct pred_net *net, const struct graph *g, int32_t id, int32_t *at)
{
    at[id] = net->n;
    net->segment[net->n] = net->n_segments;
    net->node[net->n] = describe(g, id);
    if (net->node[net->n].kind == KIND_INPUT && net->node[net->n].hout > net->side)
        net->side = net->node[net->n].hout;
    net->n++;
}

struct pred_net *pred_net_new(const struct graph *g, const struct bpe_segmentation *s)
{
    struct pred_net *net = x_calloc(1, sizeof *net);
    size_t nodes = (size_t)graph_n_nodes(g) + 1;
    const int32_t *order = s ? s->order : graph_topo(g);
    int32_t *at = x_malloc((size_t)graph_n_slots(g) * sizeof *at + 1);
    bool *live = find_live(g, order, graph_n_nodes(g));
    net->node = x_calloc(nodes, sizeof *net->node);
    net->segment = x_calloc(nodes, sizeof *net->segment);
    for (int i = 0; i < graph_n_slots(g); i++)
        at[i] = -1;
    for (int k = 0; k < (s ? s->n_segments : 1); k++) {
        int start = s ? s->segment[k].start : 0, before = net->n;
        int end = start + (s ? s->segment[k].len : graph_n_nodes(g));
        for (int i = start; i < end; i++)
            if (live[order[i]])
                take_node(net, g, order[i], at);
        net->n_segments += net->n > before;
    }
    connect(net, g, at);
    pred_find_ways(net);
    free(at);
    free(live);
    return net;
}

void pred_net_free(struct pred_net *net)
{
    if (!net)
        return;
    free(net->node);
    free(net->segment);
    free(net->from);
    free(net->to);
    free(net);
}
