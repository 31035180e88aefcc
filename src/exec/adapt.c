/* A network meets other images: first convolutions, last matrix, image size, free batch. */
#include "exec/fit_priv.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"
#include "shape/shape.h"

#include <stdio.h>
#include <string.h>

enum status adapt_refuse(struct adapt *a, int32_t node, const char *why)
{
    const struct node *n = graph_node(a->g, node);
    return err_set(a->err, ST_UNSUPPORTED, "node '%s' (%s): %s", node_label(n), node_op_type(n),
                   why);
}

void adapt_say(struct adapt *a, const char *node, int64_t before, int64_t after, const char *what)
{
    str_addf(&a->text, "%s%s: %lld -> %lld %s", a->text.n ? "; " : "", node, (long long)before,
             (long long)after, what);
}

/* ---- the first convolutions ---- */

/* Learnt kernels go on: colours that are no more are summed (a grey image is equal in all), new
 * ones share what was there. A recipe stays a recipe. */
static struct tensor *with_channels(const struct tensor *old, int64_t channels, uint64_t seed)
{
    struct ttype t = *tensor_type(old);
    int64_t had = t.dim[1], plane = t.dim[2] * t.dim[3], cout = t.dim[0];
    t.dim[1] = channels;
    if (tensor_kind(old) == TENSOR_HE)
        return tensor_new_he(tensor_name(old), &t, channels * plane, seed);
    float *from = x_malloc(tensor_size(old));
    float *to = x_calloc((size_t)(cout * channels * plane), sizeof *to);
    tensor_read(old, from);
    for (int64_t o = 0; o < cout; o++)
        for (int64_t c = 0; c < (had > channels ? had : channels); c++) {
            float *dst = to + (o * channels + c % channels) * plane;
            const float *src = from + (o * had + c % had) * plane;
            int64_t copies = channels > had ? (channels - c % had + had - 1) / had : 1;
            for (int64_t k = 0; k < plane; k++)
                dst[k] += src[k] / (float)copies;
        }
    struct tensor *made =
        tensor_new_bytes(tensor_name(old), &t, to, (size_t)(cout * channels * plane) * sizeof *to);
    free(from);
    free(to);
    return made;
}

static bool keeps_channels(enum op op)
{
    return op == OP_IDENTITY || op == OP_DROPOUT || op == OP_PAD || op == OP_CAST;
}

static enum status adapt_conv(struct adapt *a, int32_t id)
{
    const struct node *n = graph_node(a->g, id);
    const struct tensor *w = node_const(n, 1);
    if (!w || tensor_type(w)->dtype != DT_FLOAT || tensor_type(w)->rank != 4 ||
        node_int(n, "group", 1) != 1)
        return adapt_refuse(a, id, "its input channels cannot be adapted to the images");
    struct tensor *made = with_channels(w, a->want.channels, hash_pair(a->seed, (uint64_t)id));
    adapt_say(a, node_label(n), tensor_type(w)->dim[1], a->want.channels, "channels");
    node_set_input(graph_edit_mut(a->e, id), 1, IN_CONST, 0, made);
    return ST_OK;
}

/* All convolutions that the images reach as they are. */
enum status adapt_channels(struct adapt *a, int32_t input, const bool *ends)
{
    VEC(int32_t) open = {0};
    enum status st = ST_OK;
    if (graph_node(a->g, input)->out[0].type.dim[1] == a->want.channels)
        return ST_OK;
    vec_push(&open, input);
    for (size_t i = 0; st == ST_OK && i < open.n; i++) {
        int n;
        const struct use *use = graph_uses(a->g, open.at[i], &n);
        for (int k = 0; st == ST_OK && k < n; k++) {
            enum op op = graph_node(a->g, use[k].node)->op;
            if (op == OP_CONV && use[k].port == 0)
                st = adapt_conv(a, use[k].node);
            else if (keeps_channels(op) && use[k].port == 0)
                vec_push(&open, use[k].node);
            else if (op != OP_ADD || !ends || !ends[use[k].node])
                st = adapt_refuse(a, use[k].node,
                                  "its input channels cannot be adapted to the images");
        }
    }
    vec_done(&open);
    return st;
}

/* ---- the last matrix ---- */

static struct tensor *with_rows(const struct tensor *old, int axis, int64_t n, uint64_t seed)
{
    struct ttype t = *tensor_type(old);
    int64_t count = tensor_count(old), had = t.dim[axis];
    t.dim[axis] = n;
    return tensor_new_he(tensor_name(old), &t, had ? count / had : 1, seed);
}

/* A bias of one number for each class; anything else is left to shape inference to judge. */
static void adapt_bias(struct adapt *a, int32_t id, int port, int64_t had)
{
    const struct node *n = graph_node(a->g, id);
    const struct tensor *b = port < n->n_in ? node_const(n, port) : NULL;
    if (!b || tensor_count(b) != had)
        return;
    struct ttype t = *tensor_type(b);
    for (int i = 0; i < t.rank; i++)
        t.dim[i] = t.dim[i] == had ? a->want.classes : t.dim[i];
    node_set_input(graph_edit_mut(a->e, id), port, IN_CONST, 0,
                   tensor_new_fill(tensor_name(b), &t, 0));
}

static bool passes_classes(enum op op)
{
    static const enum op pass[] = {OP_IDENTITY, OP_DROPOUT,    OP_SOFTMAX, OP_LOGSOFTMAX,
                                   OP_FLATTEN,  OP_RESHAPE,    OP_SQUEEZE, OP_GLOBALAVG,
                                   OP_RELU,     OP_REDUCEMEAN, OP_OUTPUT,  OP_AVGPOOL};
    for (size_t i = 0; i < sizeof pass / sizeof *pass; i++)
        if (pass[i] == op)
            return true;
    return false;
}

/* The axis of a node's weight that makes its output channels; -1: it is no matrix. */
static int class_axis(const struct node *n)
{
    if (n->op == OP_GEMM)
        return node_int(n, "transB", 0) ? 0 : 1;
    if (n->op == OP_MATMUL)
        return 1;
    return n->op == OP_CONV && node_int(n, "group", 1) == 1 ? 0 : -1;
}

static enum status adapt_classes(struct adapt *a, int32_t output, int64_t had)
{
    int32_t id = output;
    for (;;) {
        const struct node *n = graph_node(a->g, id);
        const struct tensor *w = n->n_in > 1 ? node_const(n, 1) : NULL;
        int axis = class_axis(n);
        if (n->op == OP_ADD && (w || node_const(n, 0))) {
            int bias = w ? 1 : 0;
            adapt_bias(a, id, bias, had);
            id = n->in[1 - bias].node;
        } else if (axis >= 0) {
            const struct ttype *t = w ? tensor_type(w) : NULL;
            if (!t || t->dtype != DT_FLOAT || t->rank < 2 || t->dim[axis] != had)
                return adapt_refuse(a, id, "it cannot be adapted to the number of classes");
            adapt_bias(a, id, 2, had);
            node_set_input(graph_edit_mut(a->e, id), 1, IN_CONST, 0,
                           with_rows(w, axis, a->want.classes, hash_pair(a->seed, (uint64_t)id)));
            adapt_say(a, node_label(n), had, a->want.classes, "classes");
            return ST_OK;
        } else if (passes_classes(n->op) && n->n_in > 0 && n->in[0].node >= 0)
            id = n->in[0].node;
        else
            return adapt_refuse(a, id, "no matrix or convolution before it makes the classes");
    }
}

/* ---- all of it ---- */

static int64_t elements_of_one(const struct ttype *t)
{
    int64_t n = 1;
    for (int i = 1; i < t->rank; i++)
        n = t->dim[i] > 0 ? n * t->dim[i] : -1;
    return n;
}

enum status adapt_ends(struct adapt *a, const char *what, int32_t *input, int32_t *output)
{
    int n_in, n_out;
    const int32_t *in = graph_inputs(a->g, &n_in), *end = graph_outputs(a->g, &n_out);
    if (n_in != 1 || n_out != 1)
        return err_set(a->err, ST_UNSUPPORTED,
                       "%s has one input and one output, this network %d and %d", what, n_in,
                       n_out);
    *input = in[0];
    *output = end[0];
    struct ttype t = graph_node(a->g, *input)->out[0].type;
    if (t.rank != 4 || t.dim[1] < 1 || t.dtype != DT_FLOAT)
        return adapt_refuse(a, *input, "the network does not take images (N x C x H x W, float)");
    return ST_OK;
}

enum status adapt_input(struct adapt *a, int32_t input)
{
    struct ttype t = graph_node(a->g, input)->out[0].type;
    if (t.dim[2] != a->want.height || t.dim[3] != a->want.width)
        str_addf(&a->text, "images: %lldx%lld -> %dx%d", (long long)t.dim[2], (long long)t.dim[3],
                 a->want.height, a->want.width);
    if (!DIM_IS_SYM(t.dim[0]))
        t.dim[0] = DIM_SYM(graph_edit_symbol(a->e, "N"));
    t.dim[1] = a->want.channels;
    t.dim[2] = a->want.height;
    t.dim[3] = a->want.width;
    graph_edit_set_type(a->e, (struct value_ref){input, 0}, &t);
    return ST_OK;
}

enum status adapt_finish(struct adapt *a, enum status st, struct graph **out)
{
    struct graph *changed = NULL;
    struct err why = {0};
    if (st != ST_OK)
        graph_edit_free(a->e);
    else
        st = graph_edit_freeze(a->e, &changed, a->err);
    a->e = NULL;
    if (st != ST_OK)
        return st;
    if (shape_infer(changed, out, &why) != ST_OK)
        st = err_set(a->err, ST_UNSUPPORTED, "images of %dx%dx%d do not fit: %.180s",
                     a->want.channels, a->want.height, a->want.width, why.msg);
    graph_unref(changed);
    return st;
}

static enum status change(struct adapt *a, int32_t input, int32_t output)
{
    const struct ttype *end = graph_input_type(a->g, graph_node(a->g, output), 0);
    if (!end || end->rank < 2 || end->dim[1] < 1)
        return adapt_refuse(a, output, "its shape is not known");
    TRY(adapt_input(a, input));
    TRY(adapt_channels(a, input, NULL));
    return end->dim[1] != a->want.classes ? adapt_classes(a, output, end->dim[1]) : ST_OK;
}

static enum status check_output(struct adapt *a, const struct graph *g, int32_t output)
{
    char text[96];
    const struct ttype *t = graph_input_type(g, graph_node(g, output), 0);
    if (t && t->rank >= 2 && elements_of_one(t) == a->want.classes)
        return ST_OK;
    return err_set(a->err, ST_UNSUPPORTED,
                   "the output is %s, not one number for each of %d classes",
                   t ? ttype_text(t, text, sizeof text) : "unknown", a->want.classes);
}

enum status fit_adapt(const struct graph *g, struct fit_shape s, uint64_t seed, struct graph **out,
                      char *text, size_t size, struct err *err)
{
    struct adapt a = {.g = g, .want = s, .seed = seed, .err = err};
    struct graph *typed = NULL;
    int32_t input, output;
    TRY(adapt_ends(&a, "a classifier", &input, &output));
    a.e = graph_edit_new(g);
    enum status st = adapt_finish(&a, change(&a, input, output), &typed);
    if (st == ST_OK)
        st = check_output(&a, typed, output);
    if (st == ST_OK) {
        snprintf(text, size, "%s", str_text(&a.text));
        *out = typed;
    } else
        graph_unref(typed);
    str_done(&a.text);
    return st;
}
