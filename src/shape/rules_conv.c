/* Rules of operators with a kernel or with parameters for each channel: convolutions, pools,
 * matrix products, normalisations. */
#include "shape/shape_priv.h"
#include <string.h>

#define MAX_SPATIAL (TTYPE_MAX_RANK - 2)
/* window_out() takes sizes up to this. */
#define WINDOW_MAX ((int64_t)1 << 30)

/* ---- windows over any number of spatial axes ---- */

struct span {
    int n; /* spatial axes */
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int64_t pad[2 * MAX_SPATIAL], out_pad[MAX_SPATIAL];
    enum auto_pad auto_pad;
    bool ceil_mode;
};

static enum status read_auto_pad(struct shaper *s, enum auto_pad *mode)
{
    static const struct {
        const char *name;
        enum auto_pad mode;
    } names[] = {{"NOTSET", PAD_EXPLICIT},
                 {"SAME_UPPER", PAD_SAME_UPPER},
                 {"SAME_LOWER", PAD_SAME_LOWER},
                 {"VALID", PAD_VALID}};
    const char *text = node_string(s->n, "auto_pad", "NOTSET");

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].name, text) == 0) {
            *mode = names[i].mode;
            return ST_OK;
        }
    return shape_fault(s, "auto_pad '%.40s' is unknown", text);
}

/* Everything but the kernel, which the caller knows from the weight or the attribute. */
static enum status read_span(struct shaper *s, int n, struct span *w)
{
    w->n = n;
    TRY(shape_attr_ints(s, "strides", n, 1, WINDOW_MAX, 1, w->stride));
    TRY(shape_attr_ints(s, "dilations", n, 1, WINDOW_MAX, 1, w->dilation));
    TRY(shape_attr_ints(s, "pads", 2 * n, 0, WINDOW_MAX, 0, w->pad));
    TRY(shape_attr_ints(s, "output_padding", n, 0, WINDOW_MAX, 0, w->out_pad));
    TRY(read_auto_pad(s, &w->auto_pad));
    w->ceil_mode = node_int(s->n, "ceil_mode", 0) != 0;
    return ST_OK;
}

/* Output sizes of all spatial axes; what cannot be known stays DIM_UNKNOWN. */
static enum status slide(struct shaper *s, const struct span *w, const int64_t *in, bool transposed,
                         int64_t *out)
{
    for (int i = 0; i < w->n; i++) {
        struct window one = {.kernel = {w->kernel[i], 1},
                             .stride = {w->stride[i], 1},
                             .dilation = {w->dilation[i], 1},
                             .pad_begin = {w->pad[i], 0},
                             .pad_end = {w->pad[w->n + i], 0},
                             .out_pad = {w->out_pad[i], 0},
                             .auto_pad = w->auto_pad,
                             .ceil_mode = w->ceil_mode};

        out[i] = DIM_UNKNOWN;
        if (w->kernel[i] > WINDOW_MAX || in[i] > WINDOW_MAX)
            return shape_fault(s, "spatial axis %d is too large", i);
        if (w->kernel[i] < 0 || in[i] < 0)
            continue;
        out[i] = window_out(&one, 0, in[i], transposed);
        if (out[i] < 1)
            return shape_fault(s, "kernel %lld does not fit into size %lld (axis %d)",
                               (long long)w->kernel[i], (long long)in[i], i);
    }
    return ST_OK;
}

/* The rank that input and weight agree on; 0 when neither is known. */
static enum status kernel_rank(struct shaper *s, const struct ttype *x, const struct ttype *w,
                               int *rank)
{
    *rank = w->rank >= 0 ? w->rank : x->rank >= 0 ? x->rank : 0;
    if (w->rank >= 0 && x->rank >= 0 && w->rank != x->rank)
        return shape_fault(s, "weight has rank %d, input has rank %d", w->rank, x->rank);
    if (*rank != 0 && *rank < 3)
        return shape_fault(s, "input of rank %d, needs 3 at least", *rank);
    return ST_OK;
}

/* kernel_shape against the weight's sizes. */
static enum status read_kernel(struct shaper *s, const struct ttype *w, struct span *win)
{
    TRY(shape_attr_ints(s, "kernel_shape", win->n, 1, WINDOW_MAX, DIM_UNKNOWN, win->kernel));
    for (int i = 0; w->rank >= 0 && i < win->n; i++) {
        int64_t k = w->dim[2 + i];

        if (k == 0)
            return shape_fault(s, "kernel size is 0");
        if (k > 0 && win->kernel[i] > 0 && k != win->kernel[i])
            return shape_fault(s, "kernel_shape is %lld, but the weight has %lld (axis %d)",
                               (long long)win->kernel[i], (long long)k, i);
        if (k > 0)
            win->kernel[i] = k;
    }
    return ST_OK;
}

static enum status read_group(struct shaper *s, int64_t *group)
{
    *group = node_int(s->n, "group", 1);
    if (*group < 1 || *group > SHAPE_DIM_MAX)
        return shape_fault(s, "group is %lld", (long long)*group);
    return ST_OK;
}

/* Input channels against weight dimension `w_in`, of which the input has `times` groups. */
static enum status check_channels(struct shaper *s, int64_t c, int64_t group, int64_t w_in,
                                  int64_t times)
{
    if (c == 0 || w_in == 0)
        return shape_fault(s, "has no channels");
    if (c > 0 && c % group)
        return shape_fault(s, "group %lld does not divide %lld channels", (long long)group,
                           (long long)c);
    if (c > 0 && w_in > 0 && w_in * times != c)
        return shape_fault(s, "weight takes %lld channels, input has %lld",
                           (long long)(w_in * times), (long long)c);
    return ST_OK;
}

enum status rule_conv(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0), *w = shape_in(s, 1);
    struct span win = {0};
    int64_t group, cout;
    uint8_t dtype;
    int rank;

    TRY(shape_join_dtype(s, 0, 2, &dtype));
    TRY(read_group(s, &group));
    TRY(kernel_rank(s, x, w, &rank));
    s->out[0].dtype = dtype;
    if (rank == 0)
        return ST_OK;
    TRY(read_span(s, rank - 2, &win));
    TRY(read_kernel(s, w, &win));
    cout = w->rank >= 0 ? w->dim[0] : DIM_UNKNOWN;
    if (cout == 0)
        return shape_fault(s, "weight has no output channels");
    if (cout > 0 && cout % group)
        return shape_fault(s, "group %lld does not divide %lld output channels", (long long)group,
                           (long long)cout);
    TRY(check_channels(s, x->rank >= 0 ? x->dim[1] : DIM_UNKNOWN, group,
                       w->rank >= 0 ? w->dim[1] : DIM_UNKNOWN, group));
    TRY(shape_param_vector(s, 2, "bias", cout));
    s->out[0].rank = (int8_t)rank;
    s->out[0].dim[0] = x->rank >= 0 ? x->dim[0] : DIM_UNKNOWN;
    s->out[0].dim[1] = cout;
    for (int i = 2; i < rank; i++)
        s->out[0].dim[i] = DIM_UNKNOWN;
    if (x->rank < 0)
        return ST_OK;
    return slide(s, &win, x->dim + 2, false, s->out[0].dim + 2);
}

/* The attribute output_shape fixes the sizes, and the pads follow from it. */
static enum status transposed_sizes(struct shaper *s, const struct span *win, const int64_t *in,
                                    int64_t *out)
{
    for (int i = 0; i < win->n; i++) {
        int64_t step = win->stride[i] > win->dilation[i] ? win->stride[i] : win->dilation[i];

        if (win->out_pad[i] >= step && win->out_pad[i] > 0)
            return shape_fault(s, "output_padding %lld is not below the stride or dilation",
                               (long long)win->out_pad[i]);
    }
    if (!node_attr(s->n, "output_shape"))
        return slide(s, win, in, true, out);
    return shape_attr_ints(s, "output_shape", win->n, 1, WINDOW_MAX, 1, out);
}

enum status rule_convt(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0), *w = shape_in(s, 1);
    int64_t group, cout = DIM_UNKNOWN;
    struct span win = {0};
    uint8_t dtype;
    int rank;

    TRY(shape_join_dtype(s, 0, 2, &dtype));
    TRY(read_group(s, &group));
    TRY(kernel_rank(s, x, w, &rank));
    s->out[0].dtype = dtype;
    if (rank == 0)
        return ST_OK;
    TRY(read_span(s, rank - 2, &win));
    TRY(read_kernel(s, w, &win));
    if (w->rank >= 0 && w->dim[1] >= 0)
        cout = w->dim[1] * group;
    if (cout == 0)
        return shape_fault(s, "weight has no output channels");
    TRY(check_channels(s, x->rank >= 0 ? x->dim[1] : DIM_UNKNOWN, group,
                       w->rank >= 0 ? w->dim[0] : DIM_UNKNOWN, 1));
    if (w->rank >= 0 && w->dim[0] >= 0 && w->dim[0] % group)
        return shape_fault(s, "group %lld does not divide %lld channels", (long long)group,
                           (long long)w->dim[0]);
    TRY(shape_param_vector(s, 2, "bias", cout));
    s->out[0].rank = (int8_t)rank;
    s->out[0].dim[0] = x->rank >= 0 ? x->dim[0] : DIM_UNKNOWN;
    s->out[0].dim[1] = cout;
    for (int i = 2; i < rank; i++)
        s->out[0].dim[i] = DIM_UNKNOWN;
    if (x->rank < 0)
        return ST_OK;
    return transposed_sizes(s, &win, x->dim + 2, s->out[0].dim + 2);
}

enum status rule_pool(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);
    const struct node_attr *k = node_attr(s->n, "kernel_shape");
    struct span win = {0};

    if (!k || k->kind != ATTR_INTS)
        return shape_fault(s, "attribute kernel_shape is missing");
    if (k->n < 1 || k->n > MAX_SPATIAL)
        return shape_fault(s, "attribute kernel_shape has %zu values", k->n);
    if (x->rank >= 0 && x->rank != (int)k->n + 2)
        return shape_fault(s, "kernel_shape has %zu values for an input of rank %d", k->n, x->rank);
    TRY(read_span(s, (int)k->n, &win));
    TRY(shape_attr_ints(s, "kernel_shape", win.n, 1, WINDOW_MAX, 1, win.kernel));
    for (int i = 0; i < win.n && win.auto_pad == PAD_EXPLICIT; i++) {
        int64_t extent = (win.kernel[i] - 1) * win.dilation[i] + 1;

        if (win.pad[i] >= extent || win.pad[win.n + i] >= extent)
            return shape_fault(s, "padding is not below the kernel (axis %d)", i);
    }
    s->out[0] = *x;
    if (x->rank >= 0)
        TRY(slide(s, &win, x->dim + 2, false, s->out[0].dim + 2));
    if (s->n->n_out > 1) { /* Indices */
        s->out[1] = s->out[0];
        s->out[1].dtype = DT_INT64;
    }
    return ST_OK;
}

enum status rule_global(struct shaper *s)
{
    const struct ttype *x = shape_in(s, 0);

    s->out[0] = *x;
    if (x->rank < 0)
        return ST_OK;
    if (x->rank < 3)
        return shape_fault(s, "input of rank %d, needs 3 at least", x->rank);
    for (int i = 2; i < x->rank; i++) {
        if (x->dim[i] == 0)
            return shape_fault(s, "pools over nothing (axis %d is 0)", i);
        s->out[0].dim[i] = 1;
    }
    return ST_OK;
}

/* ---- normalisation ---- */

enum status rule_norm(struct shaper *s)
{
    static const char *const names[] = {"", "scale", "bias", "mean", "variance"};
    const struct ttype *x = shape_in(s, 0);
    int64_t c = DIM_UNKNOWN;

    s->out[0] = *x;
    if (x->rank == 0 || (s->n->op == OP_INSTANCENORM && x->rank >= 0 && x->rank < 3))
        return shape_fault(s, "input of rank %d", x->rank);
    if (x->rank > 0) /* the specification takes rank 1 for one channel */
        c = x->rank == 1 ? 1 : x->dim[1];
    for (int i = 1; i < s->n->n_in && i < 5; i++) {
        const struct ttype *p = shape_in(s, i);

        TRY(shape_param_vector(s, i, names[i], c));
        if (c < 0 && p && p->rank == 1) /* the parameters must agree among themselves */
            c = p->dim[0];
    }
    for (int i = 1; i < s->n->n_out; i++) /* training outputs of BatchNormalization */
        s->out[i] = ttype_make(s->out[0].dtype, 1, &c);
    return ST_OK;
}

/* ---- matrix products ---- */

enum status rule_gemm(struct shaper *s)
{
    const struct ttype *a = shape_in(s, 0), *b = shape_in(s, 1), *c = shape_in(s, 2);
    int ta = node_int(s->n, "transA", 0) != 0, tb = node_int(s->n, "transB", 0) != 0;
    int64_t m = DIM_UNKNOWN, n = DIM_UNKNOWN, ka = DIM_UNKNOWN, kb = DIM_UNKNOWN;
    uint8_t dtype;

    TRY(shape_join_dtype(s, 0, 2, &dtype));
    if ((a->rank >= 0 && a->rank != 2) || (b->rank >= 0 && b->rank != 2))
        return shape_fault(s, "input of rank %d, needs 2",
                           a->rank >= 0 && a->rank != 2 ? a->rank : b->rank);
    if (a->rank == 2) {
        m = a->dim[ta];
        ka = a->dim[!ta];
    }
    if (b->rank == 2) {
        kb = b->dim[tb];
        n = b->dim[!tb];
    }
    if (ka >= 0 && kb >= 0 && ka != kb)
        return shape_fault(s, "weight takes %lld features, input has %lld", (long long)kb,
                           (long long)ka);
    s->out[0] = ttype_make(dtype, 2, (int64_t[]){m, n});
    if (c && !shape_broadcasts_to(&s->out[0], c))
        return shape_fault(s, "bias does not fit %lld outputs", (long long)n);
    return ST_OK;
}

/* numpy's matmul: vectors get an axis that is dropped again, leading axes are broadcast. */
enum status rule_matmul(struct shaper *s)
{
    struct ttype a = *shape_in(s, 0), b = *shape_in(s, 1), lead_a, lead_b, *out = &s->out[0];
    bool a_vec = a.rank == 1, b_vec = b.rank == 1;
    int64_t m, ka, kb, n;

    TRY(shape_join_dtype(s, 0, 1, &out->dtype));
    if (a.rank == 0 || b.rank == 0)
        return shape_fault(s, "input is a scalar");
    if (a.rank < 0 || b.rank < 0)
        return ST_OK;
    ka = a.dim[a.rank - 1];
    m = a_vec ? 1 : a.dim[a.rank - 2];
    kb = b_vec ? b.dim[0] : b.dim[b.rank - 2];
    n = b_vec ? 1 : b.dim[b.rank - 1];
    if (ka >= 0 && kb >= 0 && ka != kb)
        return shape_fault(s, "inner sizes %lld and %lld differ", (long long)ka, (long long)kb);
    lead_a = ttype_make(out->dtype, a_vec ? 0 : a.rank - 2, a.dim);
    lead_b = ttype_make(out->dtype, b_vec ? 0 : b.rank - 2, b.dim);
    if (!shape_broadcast(&lead_a, &lead_b))
        return shape_fault(s, "leading dimensions cannot be broadcast");
    *out = lead_a;
    if (!a_vec)
        out->dim[out->rank++] = m;
    if (!b_vec)
        out->dim[out->rank++] = n;
    return ST_OK;
}
