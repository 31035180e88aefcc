/* Concat and Split. */
#include "exec/exec_back.h"
#include "exec/k.h"

/* The part of the larger type that begins at `at` along the axis is the whole of the smaller. */
static void part(struct move *v, const struct ttype *small, const struct ttype *large, int axis,
                 int64_t at, bool joining)
{
    int64_t in_small[TTYPE_MAX_RANK], in_large[TTYPE_MAX_RANK];

    k_strides(small, in_small);
    k_strides(large, in_large);
    v->rank = small->rank;
    for (int i = 0; i < v->rank; i++) {
        v->dim[i] = small->dim[i];
        v->ss[i] = joining ? in_small[i] : in_large[i];
        v->ds[i] = joining ? in_large[i] : in_small[i];
    }
    *(joining ? &v->dst : &v->src) = at * in_large[axis];
}

enum status k_concat_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *y = &s->out[0]->type;
    int axis = ttype_axis(node_int(s->node, "axis", 0), y->rank);
    struct moves *m = k_moves_begin(s);
    int64_t at = 0;

    (void)e;
    (void)err;
    for (int i = 0; i < s->n_in; i++) {
        struct move *v = k_moves_add(m);

        v->in = i;
        part(v, &s->in[i]->type, y, axis, at, true);
        at += s->in[i]->type.dim[axis];
    }
    return ST_OK;
}

/* Blocked inputs are joined by oneDNN. */
static enum status blocked_init(struct exec *e, struct step *s, struct err *err)
{
    struct prim *p = s->state;

    (void)e;
    for (int i = 0; i < s->n_in; i++)
        TRY(prim_bind(p, DNNL_ARG_MULTIPLE_SRC + i, &s->in[i]->md, s->in[i]->data, err));
    return prim_bind(p, DNNL_ARG_DST, &s->out[0]->md, s->out[0]->data, err);
}

static const struct exec_kernel blocked = {.op = OP_CONCAT,
                                           .init = blocked_init,
                                           .forward = k_prim,
                                           .done = k_prim_done,
                                           .gradient = &back_concat};

/* The gradient can be cut into parts only where these are whole blocks. */
static bool whole_blocks(const struct step *s, int axis)
{
    const dnnl_memory_desc_t *y = prim_md(s->state, dnnl_query_dst_md);
    int64_t block = 1;

    for (int i = 0; i < y->format_desc.blocking.inner_nblks; i++)
        block *= y->format_desc.blocking.inner_blks[i];
    for (int i = 0; i < s->n_in; i++)
        if (axis != 1 || s->in[i]->type.dim[axis] % block != 0)
            return false;
    return true;
}

enum status k_concat_layout(struct exec *e, struct step *s, bool *takes, struct err *err)
{
    dnnl_memory_desc_t src[PRIM_ARGS - 2], any = exec_md_any(&s->out[0]->md);
    int axis = ttype_axis(node_int(s->node, "axis", 0), s->out[0]->type.rank);
    bool some = false;
    enum status st;

    if (s->n_in > PRIM_ARGS - 2)
        return ST_OK;
    for (int i = 0; i < s->n_in; i++) {
        src[i] = s->in[i]->md;
        some |= !s->in[i]->plain;
    }
    if (!some)
        return ST_OK;
    s->kernel = &blocked;
    s->state = x_calloc(1, sizeof(struct prim));
    st = prim_init_concat(s->state, &any, axis, src, s->n_in, err);
    *takes = st == ST_OK && (!exec_training(e) || whole_blocks(s, axis));
    if (*takes) {
        exec_set_md(s->out[0], prim_md(s->state, dnnl_query_dst_md));
        return ST_OK;
    }
    k_prim_done(s);
    s->state = NULL;
    s->kernel = exec_kernel_of(OP_CONCAT);
    return st == ST_UNSUPPORTED ? ST_OK : st;
}

/* ---- written into place ---- */

static enum status joined_init(struct exec *e, struct step *s, struct err *err)
{
    struct moves *m = k_moves_begin(s);
    int64_t at = 0;

    (void)e;
    (void)err;
    for (int i = 0; i < s->n_in; at += (int64_t)s->in[i++]->size) {
        struct move *v;

        if (s->in[i]->data == s->out[0]->data + at)
            continue;
        v = k_moves_add(m);
        v->in = i;
        v->rank = 1;
        v->dim[0] = (int64_t)s->in[i]->size;
        v->ss[0] = v->ds[0] = 1;
        v->dst = at;
    }
    return ST_OK;
}

static const struct exec_kernel joined = {
    .op = OP_CONCAT, .init = joined_init, .forward = k_moves, .done = k_moves_done};

bool k_concat_in_row(const struct step *s)
{
    const struct value *y = s->out[0];
    int axis = ttype_axis(node_int(s->node, "axis", 0), y->type.rank);
    dnnl_dims_t from = {0};
    size_t at = 0;

    for (int i = 0; i < s->n_in; at += s->in[i++]->size) {
        const struct value *x = s->in[i];
        dnnl_memory_desc_t md;

        if (dnnl_memory_desc_init_submemory(&md, &y->md, x->md.dims, from) != dnnl_success ||
            md.offset0 != (int64_t)at)
            return false;
        md.offset0 = 0;
        if (!dnnl_memory_desc_equal(&md, &x->md))
            return false;
        from[axis] += x->md.dims[axis];
    }
    return at == y->size;
}

void k_concat_join(struct step *s)
{
    if (s->state)
        s->kernel->done(s);
    s->state = NULL;
    s->kernel = &joined;
}

/* ---- Split ---- */

enum status k_split_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *x = &s->in[0]->type;
    int axis = ttype_axis(node_int(s->node, "axis", 0), x->rank);
    struct moves *m = k_moves_begin(s);
    int64_t at = 0;

    (void)e;
    if (s->n_in > 1 && s->in[1] && !s->in[1]->tensor)
        return exec_unsupported(s, err, "the model computes its sizes");
    for (int i = 0; i < s->n_out; i++) {
        struct move *v = k_moves_add(m);

        v->out = i;
        part(v, &s->out[i]->type, x, axis, at, false);
        at += s->out[i]->type.dim[axis];
    }
    return ST_OK;
}
