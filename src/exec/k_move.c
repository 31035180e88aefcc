/* Operators that only move elements: each becomes a list of strided copies (struct moves). */
#include "exec/k.h"

struct move *k_moves_add(struct moves *m)
{
    m->at = x_reallocarray(m->at, (size_t)m->n + 1, sizeof *m->at);
    m->at[m->n] = (struct move){0};
    return &m->at[m->n++];
}

struct moves *k_moves_begin(struct step *s)
{
    struct moves *m = x_calloc(1, sizeof *m);

    m->covers = true;
    s->state = m;
    return m;
}

void k_moves_done(struct step *s)
{
    struct moves *m = s->state;

    free(m->at);
    free(m);
}

enum status k_moves(struct exec *e, struct step *s, struct err *err)
{
    const struct moves *m = s->state;

    (void)e;
    (void)err;
    for (int i = 0; i < m->n; i++) {
        const struct move *v = &m->at[i];

        exec_copy(v->rank, v->dim, s->out[v->out]->data + v->dst, v->ds,
                  s->in[v->in]->data + v->src, v->ss);
    }
    return ST_OK;
}

/* ---- one flat copy ---- */

enum status k_flat_init(struct exec *e, struct step *s, struct err *err)
{
    struct move *v;

    (void)e;
    if (s->in[0]->count != s->out[0]->count)
        return exec_unsupported(s, err, "its shape is computed by the model");
    v = k_moves_add(k_moves_begin(s));
    v->rank = 1;
    v->dim[0] = (int64_t)s->in[0]->size;
    v->ss[0] = v->ds[0] = 1;
    return ST_OK;
}

/* ---- Slice ---- */

static int64_t slice_begin(int64_t start, int64_t step, int64_t dim)
{
    int64_t last = step > 0 ? dim : dim - 1;

    if (start < 0)
        start += dim;
    return start < 0 ? 0 : start > last ? last : start;
}

enum status k_slice_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *x = &s->in[0]->type, *y = &s->out[0]->type;
    int64_t start[TTYPE_MAX_RANK], axes[TTYPE_MAX_RANK], step[TTYPE_MAX_RANK];
    int n = k_const_ints(s, 1, start, TTYPE_MAX_RANK);
    int n_axes = k_const_ints(s, 3, axes, TTYPE_MAX_RANK);
    int n_step = k_const_ints(s, 4, step, TTYPE_MAX_RANK);
    struct moves *m = k_moves_begin(s);
    struct move *v = k_moves_add(m);

    (void)e;
    if (n < 0 || n_axes == -2 || n_step == -2 || !s->in[2]->tensor)
        return exec_unsupported(s, err, "the model computes its limits");
    v->rank = x->rank;
    k_strides(x, v->ss);
    k_strides(y, v->ds);
    for (int i = 0; i < v->rank; i++)
        v->dim[i] = y->dim[i];
    for (int i = 0; i < n; i++) {
        int a = n_axes < 0 ? i : ttype_axis(axes[i], x->rank);
        int64_t by = n_step < 0 ? 1 : step[i];

        v->src += slice_begin(start[i], by, x->dim[a]) * v->ss[a];
        if (y->dim[a] > 1) /* else a huge step would overflow */
            v->ss[a] *= by;
    }
    m->covers = s->in[0]->count == s->out[0]->count;
    return ST_OK;
}

/* ---- Transpose ---- */

enum status k_transpose_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *x = &s->in[0]->type, *y = &s->out[0]->type;
    struct move *v = k_moves_add(k_moves_begin(s));
    int64_t from[TTYPE_MAX_RANK];

    (void)e;
    (void)err;
    v->rank = x->rank;
    k_strides(x, from);
    k_strides(y, v->ds);
    for (int i = 0; i < v->rank; i++) {
        v->dim[i] = y->dim[i];
        v->ss[i] = from[node_ints_at(s->node, "perm", (size_t)i, v->rank - 1 - i)];
    }
    return ST_OK;
}

/* ---- DepthToSpace, SpaceToDepth ---- */

/* Both are one permutation of six axes: n, block row, block column, channel, row, column. */
enum status k_depth_init(struct exec *e, struct step *s, struct err *err)
{
    bool to_space = s->node->op == OP_DEPTHTOSPACE;
    const struct ttype *deep = &s->in[0]->type, *wide = &s->out[0]->type;
    bool crd = to_space && !strcmp(node_string(s->node, "mode", "DCR"), "CRD");
    int64_t b = node_int(s->node, "blocksize", 1), plane, in_deep[6], in_wide[6];
    struct move *v = k_moves_add(k_moves_begin(s));

    (void)e;
    (void)err;
    if (!to_space) {
        deep = &s->out[0]->type;
        wide = &s->in[0]->type;
    }
    plane = deep->dim[2] * deep->dim[3];
    v->rank = 6;
    memcpy(v->dim, (int64_t[]){deep->dim[0], b, b, wide->dim[1], deep->dim[2], deep->dim[3]},
           sizeof in_deep);
    memcpy(in_deep,
           (int64_t[]){deep->dim[1] * plane, (crd ? b : b * wide->dim[1]) * plane,
                       (crd ? 1 : wide->dim[1]) * plane, (crd ? b * b : 1) * plane, deep->dim[3],
                       1},
           sizeof in_deep);
    memcpy(in_wide,
           (int64_t[]){deep->dim[1] * plane, wide->dim[3], 1, plane * b * b, b * wide->dim[3], b},
           sizeof in_wide);
    memcpy(v->ss, to_space ? in_deep : in_wide, sizeof in_deep);
    memcpy(v->ds, to_space ? in_wide : in_deep, sizeof in_deep);
    return ST_OK;
}

/* ---- Pad ---- */

static bool is_constant_pad(const struct step *s)
{
    return !strcmp(node_string(s->node, "mode", "constant"), "constant");
}

enum status k_pad_init(struct exec *e, struct step *s, struct err *err)
{
    const struct ttype *x = &s->in[0]->type, *y = &s->out[0]->type;
    int64_t pads[2 * TTYPE_MAX_RANK];
    struct moves *m;
    struct move *v;

    (void)e;
    if (k_const_ints(s, 1, pads, 2 * TTYPE_MAX_RANK) != 2 * x->rank)
        return exec_unsupported(s, err, "the model computes its pads");
    if (!is_constant_pad(s))
        return k_pad_taps(s, !strcmp(node_string(s->node, "mode", ""), "reflect"), err);
    m = k_moves_begin(s);
    v = k_moves_add(m);
    v->rank = x->rank;
    k_strides(x, v->ss);
    k_strides(y, v->ds);
    for (int i = 0; i < v->rank; i++) { /* negative pads cut */
        int64_t begin_at = pads[i] < 0 ? -pads[i] : 0;
        int64_t end_at = pads[x->rank + i] < 0 ? x->dim[i] + pads[x->rank + i] : x->dim[i];

        v->dim[i] = end_at > begin_at ? end_at - begin_at : 0;
        v->src += begin_at * v->ss[i];
        v->dst += (pads[i] > 0 ? pads[i] : 0) * v->ds[i];
        m->covers &= v->dim[i] == x->dim[i];
    }
    return ST_OK;
}

enum status k_pad(struct exec *e, struct step *s, struct err *err)
{
    float value = s->n_in > 2 && s->in[2] ? s->in[2]->data[0] : 0.0F;

    if (!is_constant_pad(s))
        return k_resize(e, s, err);
    for (int64_t i = 0; i < s->out[0]->count; i++)
        s->out[0]->data[i] = value;
    return k_moves(e, s, err);
}

void k_pad_done(struct step *s)
{
    if (is_constant_pad(s))
        k_moves_done(s);
    else
        k_taps_done(s);
}

/* ---- Cast ---- */

enum status k_cast_init(struct exec *e, struct step *s, struct err *err)
{
    int to = s->out[0]->type.dtype;

    if (dtype_size(to) == 0 || to == DT_COMPLEX64 || to == DT_COMPLEX128)
        return exec_unsupported(s, err, "casts to %s", dtype_name(to));
    return k_flat_init(e, s, err);
}

/* Values are floats here; an integer type shows in what is cut off. */
enum status k_cast(struct exec *e, struct step *s, struct err *err)
{
    int to = s->out[0]->type.dtype;
    bool number = to == DT_FLOAT || to == DT_DOUBLE || to == DT_FLOAT16 || to == DT_BFLOAT16;
    float *y = s->out[0]->data;

    TRY(k_moves(e, s, err));
    for (int64_t i = 0; !number && i < s->out[0]->count; i++)
        y[i] = to == DT_BOOL ? (float)(y[i] != 0) : __builtin_truncf(y[i]);
    return ST_OK;
}
