/* What several kernels need: attributes brought into numbers, strided copies. */
#include "exec/k.h"

/* ---- integers ---- */

int k_const_ints(const struct step *s, int port, int64_t *v, int max)
{
    const struct tensor *t = node_const(s->node, port);
    int64_t n;

    if (port >= s->n_in || s->node->in[port].node == IN_NONE)
        return -1;
    n = t ? tensor_count(t) : max + 1;
    if (n > max)
        return -2;
    for (int64_t i = 0; i < n; i++)
        v[i] = tensor_int_at(t, i, 0);
    return (int)n;
}

void k_strides(const struct ttype *t, int64_t *stride)
{
    int64_t s = 1;

    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = s;
        s *= t->dim[i];
    }
}

void k_free_done(struct step *s)
{
    free(s->state);
}

/* ---- windows ---- */

static int64_t extent(const struct geom *g, int a)
{
    return (g->kernel[a] - 1) * g->dilation[a] + 1;
}

/* ConvTranspose: what is cut off a full overlap so that the output has its size (`auto_pad` and
 * `output_shape`; the first half is the larger one unless SAME_UPPER, as the operator says). */
static void cut_transposed(struct geom *g, int a, int64_t out_pad, bool upper)
{
    int64_t total = g->stride[a] * (g->in[a] - 1) + out_pad + extent(g, a) - g->out[a];

    if (total < 0)
        total = 0;
    g->pad_begin[a] = upper ? total / 2 : total - total / 2;
    g->pad_end[a] = total - g->pad_begin[a];
}

static void pad_same(struct geom *g, int a, bool upper)
{
    int64_t total = (g->out[a] - 1) * g->stride[a] + extent(g, a) - g->in[a];

    if (total < 0)
        total = 0;
    g->pad_begin[a] = upper ? total / 2 : total - total / 2;
    g->pad_end[a] = total - g->pad_begin[a];
}

enum status exec_geom(const struct step *s, struct geom *g, struct err *err)
{
    const struct node *n = s->node;
    const struct ttype *x = &s->in[0]->type, *y = &s->out[0]->type;
    const char *mode = node_string(n, "auto_pad", "NOTSET");
    bool weighted = n->op == OP_CONV || n->op == OP_CONVT, upper = !strcmp(mode, "SAME_UPPER");
    bool same = upper || !strcmp(mode, "SAME_LOWER");

    *g = (struct geom){.axes = x->rank - 2, .group = weighted ? node_int(n, "group", 1) : 1};
    if (g->axes < 1 || g->axes > 3)
        return exec_unsupported(s, err, "%d spatial axes", g->axes);
    for (int a = 0; a < g->axes; a++) {
        size_t i = (size_t)a, end = (size_t)(a + g->axes);

        g->kernel[a] = weighted ? s->in[1]->type.dim[2 + a] : node_ints_at(n, "kernel_shape", i, 1);
        g->stride[a] = node_ints_at(n, "strides", i, 1);
        g->dilation[a] = node_ints_at(n, "dilations", i, 1);
        g->in[a] = x->dim[2 + a];
        g->out[a] = y->dim[2 + a];
        if (n->op == OP_GLOBALAVG || n->op == OP_GLOBALMAX) {
            g->kernel[a] = g->in[a];
            continue;
        }
        if (n->op == OP_CONVT && (same || node_attr(n, "output_shape"))) {
            cut_transposed(g, a, node_ints_at(n, "output_padding", i, 0), upper);
        } else if (same) {
            pad_same(g, a, upper);
        } else if (strcmp(mode, "VALID") != 0) {
            g->pad_begin[a] = node_ints_at(n, "pads", i, 0);
            g->pad_end[a] = node_ints_at(n, "pads", end, 0);
        }
    }
    return ST_OK;
}

/* ---- strided copies ---- */

/* Drops axes of size 1 and joins axes that lie behind each other on both sides. */
static int squeeze(int rank, int64_t *dim, int64_t *ds, int64_t *ss)
{
    int n = 0;

    for (int i = 0; i < rank; i++) {
        if (dim[i] == 1)
            continue;
        if (n > 0 && ds[n - 1] == ds[i] * dim[i] && ss[n - 1] == ss[i] * dim[i]) {
            dim[n - 1] *= dim[i];
            ds[n - 1] = ds[i];
            ss[n - 1] = ss[i];
            continue;
        }
        dim[n] = dim[i];
        ds[n] = ds[i];
        ss[n++] = ss[i];
    }
    return n;
}

static void copy_row(int64_t n, float *dst, int64_t ds, const float *src, int64_t ss)
{
    if (ds == 1 && ss == 1) {
        memcpy(dst, src, (size_t)n * sizeof(float));
        return;
    }
    for (int64_t i = 0; i < n; i++)
        dst[i * ds] = src[i * ss];
}

static void copy_axes(int rank, const int64_t *dim, float *dst, const int64_t *ds, const float *src,
                      const int64_t *ss)
{
    if (rank == 0) {
        *dst = *src;
        return;
    }
    if (rank == 1) {
        copy_row(dim[0], dst, ds[0], src, ss[0]);
        return;
    }
    for (int64_t i = 0; i < dim[0]; i++)
        copy_axes(rank - 1, dim + 1, dst + i * ds[0], ds + 1, src + i * ss[0], ss + 1);
}

void exec_copy(int rank, const int64_t *dim, float *dst, const int64_t *ds, const float *src,
               const int64_t *ss)
{
    int64_t d[TTYPE_MAX_RANK], to[TTYPE_MAX_RANK], from[TTYPE_MAX_RANK];

    for (int i = 0; i < rank; i++) {
        if (dim[i] == 0)
            return;
        d[i] = dim[i];
        to[i] = ds[i];
        from[i] = ss[i];
    }
    copy_axes(squeeze(rank, d, to, from), d, dst, to, src, from);
}
