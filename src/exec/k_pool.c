/* Pooling: oneDNN where it knows the window, else plain loops (Indices, windows without any
 * element of the input, averages that count padding which only ceil_mode reaches). */
#include "exec/k.h"

#include <float.h>
#include <math.h>

struct pool {
    struct prim prim; /* empty: plain loops */
    struct geom g;    /* always three axes */
    bool max, include_pad;
};

static bool is_max(const struct step *s)
{
    return s->node->op == OP_MAXPOOL || s->node->op == OP_GLOBALMAX;
}

void k_pool_done(struct step *s)
{
    struct pool *p = s->state;

    prim_done(&p->prim);
    free(p);
}

/* How far the windows reach behind the input. */
static int64_t reach(const struct geom *g, int a)
{
    return (g->out[a] - 1) * g->stride[a] + (g->kernel[a] - 1) * g->dilation[a] + 1 - g->in[a] -
           g->pad_begin[a];
}

static bool onednn_can(const struct step *s, const struct pool *p)
{
    const struct geom *g = &p->g;

    if (s->n_out > 1)
        return false;
    for (int a = 0; a < g->axes; a++) {
        int64_t extent = (g->kernel[a] - 1) * g->dilation[a] + 1;

        if (p->include_pad && reach(g, a) > g->pad_end[a])
            return false;
        if (g->pad_begin[a] >= extent || reach(g, a) >= extent)
            return false;
        if (g->dilation[a] > 1 && (g->pad_begin[a] || reach(g, a) > 0))
            return false; /* a hole may be all that meets the input */
    }
    return true;
}

/* Leaves p->prim empty where oneDNN has no such pooling. Blocked values are described with the
 * channels that fill their last block: these hold zeros, and oneDNN is slow at leaving them out. */
static enum status describe(const struct exec *e, const struct step *s, struct pool *p,
                            const dnnl_memory_desc_t *src, const dnnl_memory_desc_t *dst,
                            struct err *err)
{
    dnnl_prop_kind_t prop = exec_training(e) ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_alg_kind_t alg = p->max           ? dnnl_pooling_max
                          : p->include_pad ? dnnl_pooling_avg_include_padding
                                           : dnnl_pooling_avg_exclude_padding;
    dnnl_dims_t end = {0}, dilation = {0};
    dnnl_pooling_v2_desc_t d;
    enum status st;

    for (int a = 0; a < p->g.axes; a++) {
        end[a] = reach(&p->g, a);
        dilation[a] = p->g.dilation[a] - 1;
    }
    TRY(exec_dnnl(dnnl_pooling_v2_forward_desc_init(&d, prop, alg, src, dst, p->g.stride,
                                                    p->g.kernel, dilation, p->g.pad_begin, end),
                  node_label(s->node), err));
    st = prim_init(&p->prim, &d, NULL, NULL, err);
    return st == ST_UNSUPPORTED ? ST_OK : st;
}

static enum status bind(struct exec *e, struct step *s, struct pool *p, struct err *err)
{
    const dnnl_memory_desc_t *workspace;

    TRY(prim_bind(&p->prim, DNNL_ARG_SRC, prim_md(&p->prim, dnnl_query_src_md), s->in[0]->data,
                  err));
    TRY(prim_bind(&p->prim, DNNL_ARG_DST, prim_md(&p->prim, dnnl_query_dst_md), s->out[0]->data,
                  err));
    workspace = exec_training(e) ? prim_md(&p->prim, dnnl_query_workspace_md) : NULL;
    if (workspace && workspace->ndims > 0) {
        s->workspace = exec_alloc((dnnl_memory_desc_get_size(workspace) + 3) / sizeof(float));
        if (!s->workspace)
            return err_set(err, ST_INTERNAL, "out of memory for a workspace");
        TRY(prim_bind(&p->prim, DNNL_ARG_WORKSPACE, workspace, s->workspace, err));
    }
    s->hint = p->prim.pd;
    return ST_OK;
}

static enum status prepare(struct exec *e, struct step *s, const dnnl_memory_desc_t *src,
                           const dnnl_memory_desc_t *dst, struct err *err)
{
    struct pool *p = x_calloc(1, sizeof *p);

    s->state = p;
    p->max = is_max(s);
    p->include_pad = !p->max && node_int(s->node, "count_include_pad", 0) != 0;
    TRY(exec_geom(s, &p->g, err));
    return onednn_can(s, p) ? describe(e, s, p, src, dst, err) : ST_OK;
}

enum status k_pool_layout(struct exec *e, struct step *s, bool *takes, struct err *err)
{
    dnnl_memory_desc_t src = exec_md_blocked(&s->in[0]->md), dst = s->out[0]->md;
    const struct pool *p;

    dst.dims[1] = src.dims[1];
    dst = exec_md_any(&dst);
    TRY(prepare(e, s, &src, &dst, err));
    p = s->state;
    *takes = p->prim.p != NULL;
    if (*takes) {
        dst = exec_md_narrow(prim_md(&p->prim, dnnl_query_dst_md), &s->out[0]->md);
        exec_set_md(s->out[0], &dst);
    }
    return ST_OK;
}

enum status k_pool_init(struct exec *e, struct step *s, struct err *err)
{
    struct pool *p;

    if (!s->state)
        TRY(prepare(e, s, &s->in[0]->md, &s->out[0]->md, err));
    p = s->state;
    if (p->prim.p)
        return bind(e, s, p, err);
    for (int a = p->g.axes; a < 3; a++)
        p->g.kernel[a] = p->g.stride[a] = p->g.dilation[a] = p->g.in[a] = p->g.out[a] = 1;
    if (p->max && exec_training(e))
        s->argmax = x_calloc((size_t)s->out[0]->count, sizeof *s->argmax);
    return ST_OK;
}

/* ---- plain loops ---- */

/* Kernel positions of axis a that meet the input, for output o: first and behind the last. */
static void meet(const struct geom *g, int a, int64_t o, int64_t *from, int64_t *to)
{
    int64_t at = o * g->stride[a] - g->pad_begin[a], d = g->dilation[a];

    *from = at < 0 ? (-at + d - 1) / d : 0;
    *to = at >= g->in[a] ? 0 : (g->in[a] - at + d - 1) / d;
    if (*to > g->kernel[a])
        *to = g->kernel[a];
}

/* Positions that count in an average with padding: what ceil_mode adds does not. */
static int64_t counted(const struct geom *g, int a, int64_t o)
{
    int64_t at = o * g->stride[a] - g->pad_begin[a], room = g->in[a] + g->pad_end[a] - at;
    int64_t n = (room + g->dilation[a] - 1) / g->dilation[a];

    return n < g->kernel[a] ? n : g->kernel[a];
}

struct found {
    float max;
    double sum;
    int64_t n, index;
};

static struct found window(const struct geom *g, const float *x, const int64_t *o)
{
    struct found f = {.max = -INFINITY, .index = 0};
    int64_t from[3], to[3], k[3];

    for (int a = 0; a < 3; a++)
        meet(g, a, o[a], &from[a], &to[a]);
    for (k[0] = from[0]; k[0] < to[0]; k[0]++)
        for (k[1] = from[1]; k[1] < to[1]; k[1]++)
            for (k[2] = from[2]; k[2] < to[2]; k[2]++) {
                int64_t at = 0;

                for (int a = 0; a < 3; a++)
                    at = at * g->in[a] + o[a] * g->stride[a] - g->pad_begin[a] +
                         k[a] * g->dilation[a];
                if (f.n == 0 || x[at] > f.max) {
                    f.max = x[at];
                    f.index = at;
                }
                f.sum += x[at];
                f.n++;
            }
    return f;
}

/* ONNX counts Indices over the whole tensor, by rows or (storage_order 1) by columns. */
static float whole_index(const struct step *s, const struct geom *g, int64_t plane, int64_t at)
{
    int64_t size = g->in[0] * g->in[1] * g->in[2];

    if (node_int(s->node, "storage_order", 0) != 0) {
        int64_t w = at % g->in[2], v = at / g->in[2] % g->in[1], u = at / g->in[2] / g->in[1];

        at = (w * g->in[1] + v) * g->in[0] + u;
    }
    return (float)(plane * size + at);
}

static void pool_plane(struct step *s, const struct pool *p, int64_t plane)
{
    const struct geom *g = &p->g;
    int64_t size = g->in[0] * g->in[1] * g->in[2], k = plane * g->out[0] * g->out[1] * g->out[2];
    const float *x = s->in[0]->data + plane * size;
    int64_t o[3];

    for (o[0] = 0; o[0] < g->out[0]; o[0]++)
        for (o[1] = 0; o[1] < g->out[1]; o[1]++)
            for (o[2] = 0; o[2] < g->out[2]; o[2]++, k++) {
                struct found f = window(g, x, o);
                int64_t n = f.n;

                if (p->include_pad)
                    n = counted(g, 0, o[0]) * counted(g, 1, o[1]) * counted(g, 2, o[2]);
                s->out[0]->data[k] = p->max ? f.max : n > 0 ? (float)(f.sum / (double)n) : 0.0F;
                if (s->n_out > 1)
                    s->out[1]->data[k] = whole_index(s, g, plane, f.index);
                if (s->argmax)
                    s->argmax[k] = (int32_t)f.index;
            }
}

enum status k_pool(struct exec *e, struct step *s, struct err *err)
{
    struct pool *p = s->state;
    const struct ttype *x = &s->in[0]->type;

    if (p->prim.p)
        return prim_run(&p->prim, e, err);
    for (int64_t plane = 0; plane < x->dim[0] * x->dim[1]; plane++)
        pool_plane(s, p, plane);
    return ST_OK;
}
