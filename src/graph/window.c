/* Window geometry (ONNX operator specification: Conv, ConvTranspose, MaxPool, AveragePool). */
#include "graph/graph.h"

#include <string.h>

static const char *const auto_pads[] = {
    [PAD_EXPLICIT] = "NOTSET",
    [PAD_SAME_UPPER] = "SAME_UPPER",
    [PAD_SAME_LOWER] = "SAME_LOWER",
    [PAD_VALID] = "VALID",
};

/* Refuses sizes whose products would overflow or that no real network has. */
#define WINDOW_MAX ((int64_t)1 << 30)

static bool sane(int64_t v, int64_t lo)
{
    return v >= lo && v <= WINDOW_MAX;
}

bool node_window(const struct node *n, struct window *w)
{
    bool conv = n->op == OP_CONV || n->op == OP_CONVT;
    if (!conv && n->op != OP_MAXPOOL && n->op != OP_AVGPOOL)
        return false;
    memset(w, 0, sizeof *w);
    const struct ttype *weight = NULL;
    if (conv) {
        const struct tensor *t = node_const(n, 1);
        weight = t ? tensor_type(t) : NULL;
        if (!weight || weight->rank != 4)
            return false;
    }
    const struct node_attr *kernel = node_attr(n, "kernel_shape");
    if (kernel ? kernel->kind != ATTR_INTS || kernel->n != 2 : !conv)
        return false;
    w->group = conv ? node_int(n, "group", 1) : 1;
    if (!sane(w->group, 1))
        return false;
    for (size_t a = 0; a < 2; a++) {
        w->kernel[a] = node_ints_at(n, "kernel_shape", a, weight ? weight->dim[2 + a] : 1);
        w->stride[a] = node_ints_at(n, "strides", a, 1);
        w->dilation[a] = node_ints_at(n, "dilations", a, 1);
        w->pad_begin[a] = node_ints_at(n, "pads", a, 0);
        w->pad_end[a] = node_ints_at(n, "pads", a + 2, 0);
        w->out_pad[a] = node_ints_at(n, "output_padding", a, 0);
        if (!sane(w->kernel[a], 1) || !sane(w->stride[a], 1) || !sane(w->dilation[a], 1) ||
            !sane(w->pad_begin[a], 0) || !sane(w->pad_end[a], 0) || !sane(w->out_pad[a], 0))
            return false;
    }
    if (weight) {
        w->cin = n->op == OP_CONV ? weight->dim[1] * w->group : weight->dim[0];
        w->cout = n->op == OP_CONV ? weight->dim[0] : weight->dim[1] * w->group;
        w->bias = n->n_in > 2 && n->in[2].node != IN_NONE;
    }
    const char *mode = node_string(n, "auto_pad", "NOTSET");
    for (int i = PAD_EXPLICIT; i <= PAD_VALID; i++)
        if (strcmp(mode, auto_pads[i]) == 0)
            w->auto_pad = (enum auto_pad)i;
    w->ceil_mode = node_int(n, "ceil_mode", 0) != 0;
    return true;
}

/* Sets an ints attribute, unless it is absent and the value is its default. */
static void set_pair(struct node *n, const char *attr, const int64_t *v, size_t count,
                     int64_t fallback)
{
    bool differs = false;
    for (size_t i = 0; i < count; i++)
        differs |= node_ints_at(n, attr, i, fallback) != v[i];
    if (differs)
        node_set_ints(n, attr, v, count);
}

void node_set_window(struct node *n, const struct window *w)
{
    int64_t pads[4] = {w->pad_begin[0], w->pad_begin[1], w->pad_end[0], w->pad_end[1]};
    bool conv = n->op == OP_CONV || n->op == OP_CONVT;
    if (!conv || node_attr(n, "kernel_shape"))
        set_pair(n, "kernel_shape", w->kernel, 2, 0);
    else
        node_set_ints(n, "kernel_shape", w->kernel, 2);
    set_pair(n, "strides", w->stride, 2, 1);
    set_pair(n, "dilations", w->dilation, 2, 1);
    if (w->auto_pad == PAD_EXPLICIT) {
        node_remove_attr(n, "auto_pad");
        set_pair(n, "pads", pads, 4, 0);
    } else {
        node_remove_attr(n, "pads");
        node_set_string(n, "auto_pad", auto_pads[w->auto_pad], strlen(auto_pads[w->auto_pad]));
    }
    if (conv && node_int(n, "group", 1) != w->group)
        node_set_int(n, "group", w->group);
    if (!conv && node_int(n, "ceil_mode", 0) != w->ceil_mode)
        node_set_int(n, "ceil_mode", w->ceil_mode);
    if (n->op == OP_CONVT)
        set_pair(n, "output_padding", w->out_pad, 2, 0);
}

int64_t window_out(const struct window *w, int axis, int64_t in, bool transposed)
{
    int64_t k = (w->kernel[axis] - 1) * w->dilation[axis] + 1, s = w->stride[axis];
    int64_t pads = w->auto_pad == PAD_VALID ? 0 : w->pad_begin[axis] + w->pad_end[axis];
    bool same = w->auto_pad == PAD_SAME_UPPER || w->auto_pad == PAD_SAME_LOWER;
    if (in < 1 || in > WINDOW_MAX)
        return 0;
    if (transposed)
        return same ? in * s : s * (in - 1) + w->out_pad[axis] + k - pads;
    if (same)
        return (in + s - 1) / s;
    int64_t room = in + pads - k;
    if (room < 0)
        return 0;
    int64_t out = room / s + 1;
    /* As the operator specification up to op set 17 has it: also a last window that starts in the
     * end padding counts (op set 22 and PyTorch drop it). */
    if (w->ceil_mode && room % s)
        out++;
    return out;
}

void window_set_same(struct window *w, int axis, int64_t in)
{
    int64_t k = (w->kernel[axis] - 1) * w->dilation[axis] + 1, s = w->stride[axis];
    int64_t out = (in + s - 1) / s, total = (out - 1) * s + k - in;
    if (total < 0)
        total = 0;
    w->auto_pad = PAD_EXPLICIT;
    w->pad_begin[axis] = total / 2;
    w->pad_end[axis] = total - total / 2;
}
