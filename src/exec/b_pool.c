/* Gradients of pools. */
#include "exec/exec_back.h"
#include <stdlib.h>
#include <string.h>

struct pool {
    struct prim prim; /* empty: plain loops */
    struct geom g;
};

static void pool_done(struct step *s)
{
    struct pool *p = s->back;

    prim_done(&p->prim);
    free(p);
}

static enum status init_prim(struct step *s, struct pool *p, struct err *err)
{
    bool max = s->node->op == OP_MAXPOOL || s->node->op == OP_GLOBALMAX;
    dnnl_alg_kind_t alg = max ? dnnl_pooling_max
                          : node_int(s->node, "count_include_pad", 0)
                              ? dnnl_pooling_avg_include_padding
                              : dnnl_pooling_avg_exclude_padding;
    const dnnl_memory_desc_t *x = dnnl_primitive_desc_query_md(s->hint, dnnl_query_src_md, 0);
    const dnnl_memory_desc_t *y = dnnl_primitive_desc_query_md(s->hint, dnnl_query_dst_md, 0),
                             *work;
    const struct geom *g = &p->g;
    dnnl_dims_t dilate, pad_r;
    dnnl_pooling_v2_desc_t d;

    for (int i = 0; i < g->axes; i++) {
        dilate[i] = g->dilation[i] - 1;
        pad_r[i] = (g->out[i] - 1) * g->stride[i] + (g->kernel[i] - 1) * g->dilation[i] + 1 -
                   g->in[i] - g->pad_begin[i];
    }
    TRY(exec_dnnl(dnnl_pooling_v2_backward_desc_init(&d, alg, x, y, g->stride, g->kernel, dilate,
                                                     g->pad_begin, pad_r),
                  "a pool's gradient", err));
    TRY(prim_init(&p->prim, &d, NULL, s->hint, err));
    TRY(prim_bind(&p->prim, DNNL_ARG_DIFF_SRC, x, NULL, err));
    TRY(prim_bind(&p->prim, DNNL_ARG_DIFF_DST, y, NULL, err));
    work = s->workspace ? dnnl_primitive_desc_query_md(s->hint, dnnl_query_workspace_md, 0) : NULL;
    return work ? prim_bind(&p->prim, DNNL_ARG_WORKSPACE, work, s->workspace, err) : ST_OK;
}

enum status back_pool_init(struct exec *e, struct step *s, struct err *err)
{
    struct pool *p = s->back = x_calloc(1, sizeof *p);
    enum status st;

    s->back_done = pool_done;
    TRY(exec_geom(s, &p->g, err));
    if (!s->hint)
        return back_plain_init(e, s, err);
    st = init_prim(s, p, err);
    return st == ST_UNSUPPORTED ? exec_unsupported(s, err, "oneDNN has no gradient for it") : st;
}

/* ---- plain loops ---- */

static void argmax_back(const struct step *s, float *dx)
{
    const struct value *x = s->in[0], *y = s->out[0];
    int64_t planes = x->type.dim[0] * x->type.dim[1], in = x->count / planes;
    int64_t out = y->count / planes;

    memset(dx, 0, x->size * sizeof *dx);
    for (int64_t i = 0; i < y->count; i++)
        dx[i / out * in + s->argmax[i]] += y->grad[i];
}

/* The part of window `o` of an axis that lies in 0 .. size-1 (taps lo .. hi-1), and how many taps
 * the average counts. */
struct reach {
    int64_t first, lo, hi, counted;
};

static struct reach reach_of(const struct geom *g, int axis, int64_t o, bool padded)
{
    struct reach r = {.first = o * g->stride[axis] - g->pad_begin[axis]};
    int64_t d = g->dilation[axis], k = g->kernel[axis], end = g->in[axis] + g->pad_end[axis];

    r.lo = r.first < 0 ? (-r.first + d - 1) / d : 0;
    while (r.hi < k && r.first + r.hi * d < g->in[axis])
        r.hi++;
    while (padded && r.counted < k && r.first + r.counted * d < end)
        r.counted++;
    if (!padded)
        r.counted = r.hi > r.lo ? r.hi - r.lo : 0;
    return r;
}

static void average_window(const struct geom *g, const struct reach *r, float share, float *dx)
{
    for (int64_t i = r[0].lo; i < r[0].hi; i++)
        for (int64_t j = r[1].lo; j < r[1].hi; j++)
            for (int64_t k = r[2].lo; k < r[2].hi; k++) {
                int64_t row = r[0].first + i * g->dilation[0];

                row = row * g->in[1] + r[1].first + j * g->dilation[1];
                dx[row * g->in[2] + r[2].first + k * g->dilation[2]] += share;
            }
}

static void average_back(const struct step *s, struct geom g, float *dx)
{
    bool padded = node_int(s->node, "count_include_pad", 0) != 0;
    int64_t planes = s->in[0]->type.dim[0] * s->in[0]->type.dim[1];
    const float *dy = s->out[0]->grad;
    struct reach r[3];

    for (int i = g.axes; i < 3; i++)
        g.kernel[i] = g.stride[i] = g.dilation[i] = g.in[i] = g.out[i] = 1;
    memset(dx, 0, s->in[0]->size * sizeof *dx);
    for (int64_t p = 0; p < planes; p++, dx += g.in[0] * g.in[1] * g.in[2])
        for (int64_t i = 0; i < g.out[0]; i++)
            for (int64_t j = 0; j < g.out[1]; j++)
                for (int64_t k = 0; k < g.out[2]; k++) {
                    r[0] = reach_of(&g, 0, i, padded);
                    r[1] = reach_of(&g, 1, j, padded);
                    r[2] = reach_of(&g, 2, k, padded);
                    average_window(&g, r,
                                   *dy++ / (float)(r[0].counted * r[1].counted * r[2].counted), dx);
                }
}

enum status back_pool(struct exec *e, struct step *s, struct err *err)
{
    struct pool *p = s->back;
    float *dx = exec_grad_take(e, s, 0);

    if (!dx)
        return ST_OK;
    if (p->prim.p) {
        prim_set(&p->prim, DNNL_ARG_DIFF_SRC, dx);
        prim_set(&p->prim, DNNL_ARG_DIFF_DST, s->out[0]->grad);
        TRY(prim_run(&p->prim, e, err));
    } else if (s->argmax) {
        argmax_back(s, dx);
    } else {
        average_back(s, p->g, dx);
    }
    exec_grad_put(e, s, 0);
    return ST_OK;
}
