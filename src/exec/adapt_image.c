/* Adaptation of networks from images to images: first convolutions, last convolution, sizes. */
#include "exec/fit_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>

bool adapt_output(const struct graph *g, struct maps *out)
{
    int n;
    const int32_t *end = graph_outputs(g, &n);
    const struct ttype *t = graph_input_type(g, graph_node(g, end[0]), 0);
    if (!t || t->rank != 4 || t->dtype != DT_FLOAT)
        return false;
    for (int i = 1; i < 4; i++)
        if (t->dim[i] < 1 || t->dim[i] > INT16_MAX)
            return false;
    *out = (struct maps){(int)t->dim[1], (int)t->dim[2], (int)t->dim[3]};
    return true;
}

/* Learnt kernels go on: an output that is new repeats one that was there, several become their
 * mean. `axis` makes the outputs. A recipe stays a recipe. */
static struct tensor *with_outputs(const struct tensor *old, int axis, int64_t want, uint64_t seed)
{
    struct ttype t = *tensor_type(old);
    int64_t had = t.dim[axis], outer = axis ? t.dim[0] : 1, inner = 1;
    for (int i = axis + 1; i < t.rank; i++)
        inner *= t.dim[i];
    t.dim[axis] = want;
    if (tensor_kind(old) == TENSOR_HE)
        return tensor_new_he(tensor_name(old), &t, tensor_fan_in(old), seed);
    size_t size = (size_t)(outer * want * inner);
    float *from = x_malloc(tensor_size(old)), *to = x_calloc(size, sizeof *to);
    tensor_read(old, from);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < (had > want ? had : want); k++) {
            int64_t share = had > want ? (had - k % want + want - 1) / want : 1;
            const float *src = from + (o * had + k % had) * inner;
            float *dst = to + (o * want + k % want) * inner;
            for (int64_t i = 0; i < inner; i++)
                dst[i] += src[i] / (float)share;
        }
    struct tensor *made = tensor_new_bytes(tensor_name(old), &t, to, size * sizeof *to);
    free(from);
    free(to);
    return made;
}

/* The convolution that makes the result; what lies behind it may only add the input or move
 * pixels. ends[]: the Adds on the way. */
static enum status last_conv(struct adapt *a, int32_t input, int32_t output, bool *ends,
                             int32_t *conv)
{
    int32_t id = output;
    for (;;) {
        const struct node *n = graph_node(a->g, id);
        if ((n->op == OP_CONV || n->op == OP_CONVT) && node_int(n, "group", 1) == 1 &&
            node_const(n, 1) && tensor_type(node_const(n, 1))->rank == 4) {
            *conv = id;
            return ST_OK;
        }
        int port = 0;
        if (n->op == OP_ADD && (n->in[0].node == input || n->in[1].node == input)) {
            ends[id] = true;
            port = n->in[0].node == input;
        } else if (n->op != OP_OUTPUT && n->op != OP_IDENTITY && n->op != OP_CLIP &&
                   n->op != OP_SIGMOID)
            return adapt_refuse(a, id, "no convolution before it makes the image's channels");
        id = n->in[port].node;
        if (id < 0)
            return adapt_refuse(a, output, "no convolution makes the image's channels");
    }
}

static enum status adapt_last(struct adapt *a, int32_t id, int want)
{
    const struct node *n = graph_node(a->g, id);
    const struct tensor *w = node_const(n, 1), *bias = n->n_in > 2 ? node_const(n, 2) : NULL;
    int axis = n->op == OP_CONVT ? 1 : 0;
    uint64_t seed = hash_pair(a->seed, (uint64_t)id);
    if (tensor_type(w)->dtype != DT_FLOAT || (n->n_in > 2 && n->in[2].node != IN_NONE && !bias))
        return adapt_refuse(a, id, "its output channels cannot be adapted to the images");
    adapt_say(a, node_label(n), tensor_type(w)->dim[axis], want, "output channels");
    node_set_input(graph_edit_mut(a->e, id), 1, IN_CONST, 0, with_outputs(w, axis, want, seed));
    if (bias)
        node_set_input(graph_edit_mut(a->e, id), 2, IN_CONST, 0, with_outputs(bias, 0, want, seed));
    return ST_OK;
}

/* Weights that are not learnt yet begin smaller than He's: variance 1 / (3 fan-in), as the
 * published networks for images began. He's doubles the signal in each residual block that has no
 * normalisation, and EDSR has sixteen of them. */
static void calm(struct adapt *a)
{
    int count = 0;
    for (int32_t id = 0; id < graph_edit_n_slots(a->e); id++) {
        const struct node *n = graph_edit_node(a->e, id);
        for (int i = 0; n && i < n->n_in; i++) {
            const struct tensor *t = node_const(n, i);
            if (!t || tensor_kind(t) != TENSOR_HE)
                continue;
            struct tensor *small =
                tensor_new_he(tensor_name(t), tensor_type(t), 6 * tensor_fan_in(t), tensor_seed(t));
            struct node *mut = graph_edit_mut(a->e, id);
            node_set_input(mut, i, IN_CONST, 0, small);
            n = graph_edit_node(a->e, id);
            count++;
        }
    }
    if (count)
        str_addf(&a->text, "%s%d fresh weights drawn smaller", a->text.n ? "; " : "", count);
}

static enum status change(struct adapt *a, int32_t input, int32_t output, int want)
{
    const struct ttype *end = graph_input_type(a->g, graph_node(a->g, output), 0);
    bool *ends = x_calloc((size_t)graph_n_slots(a->g), sizeof *ends);
    enum status st = ST_OK;
    int32_t conv = -1;
    if (!end || end->rank != 4 || end->dim[1] < 1)
        st = adapt_refuse(a, output, "the network does not give images (N x C x H x W)");
    if (st == ST_OK)
        st = adapt_input(a, input);
    bool last = st == ST_OK && end->dim[1] != want;
    if (last)
        st = last_conv(a, input, output, ends, &conv);
    if (st == ST_OK)
        st = adapt_channels(a, input, ends);
    if (st == ST_OK && last)
        st = adapt_last(a, conv, want);
    if (st == ST_OK)
        calm(a);
    free(ends);
    return st;
}

enum status adapt_image(const struct graph *g, const struct task_data *t, uint64_t seed,
                        struct graph **out, struct str *text, struct err *err)
{
    struct adapt a = {.g = g, .seed = seed, .err = err};
    struct graph *made = NULL;
    int32_t input, output;
    struct maps m = {0};
    a.want = (struct fit_shape){t->in.channels, t->in.height, t->in.width, 0};
    TRY(adapt_ends(&a, "a network for images", &input, &output));
    a.e = graph_edit_new(g);
    enum status st = adapt_finish(&a, change(&a, input, output, t->out.channels), &made);
    if (st == ST_OK && (!adapt_output(made, &m) || m.channels != t->out.channels ||
                        m.height != t->out.height || m.width != t->out.width))
        st = err_set(err, ST_UNSUPPORTED,
                     "images of %dx%dx%d become %dx%dx%d, the task needs %dx%dx%d", t->in.channels,
                     t->in.height, t->in.width, m.channels, m.height, m.width, t->out.channels,
                     t->out.height, t->out.width);
    if (st == ST_OK) {
        str_add(text, str_text(&a.text));
        *out = made;
    } else
        graph_unref(made);
    str_done(&a.text);
    return st;
}
