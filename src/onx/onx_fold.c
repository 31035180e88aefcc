/* Nodes that only make constants become tensors: Constant, ConstantOfShape of a constant shape,
 * and Identity over constants. Exporters use all three for weights. */
#include "onx/onx_priv.h"

/* Fills of types that a recipe cannot express are written out up to this size. */
#define MAX_EXPANDED ((size_t)64 << 20)
#define MAX_FILL ((int64_t)1 << 40)

static const Onnx__AttributeProto *find_attr(const Onnx__NodeProto *n, const char *name)
{
    for (size_t i = 0; i < n->n_attribute; i++)
        if (strcmp(onx_str(n->attribute[i]->name), name) == 0)
            return n->attribute[i];
    return NULL;
}

static enum status constant(struct onx_loader *l, const Onnx__NodeProto *n, struct tensor **out,
                            struct err *err)
{
    const char *name = n->output[0];
    const Onnx__AttributeProto *a = n->n_attribute == 1 ? n->attribute[0] : NULL;
    const char *kind = a ? onx_str(a->name) : "";
    struct ttype type = ttype_make(DT_FLOAT, 0, NULL);
    if (strcmp(kind, "value") == 0 && a->t)
        return onx_tensor(out, a->t, name, l->origin, err);
    if (strcmp(kind, "value_float") == 0 && a->has_f)
        *out = tensor_new_bytes(name, &type, &a->f, sizeof a->f);
    else if (strcmp(kind, "value_int") == 0 && a->has_i) {
        type.dtype = DT_INT64;
        *out = tensor_new_bytes(name, &type, &a->i, sizeof a->i);
    } else if (strcmp(kind, "value_floats") == 0 && a->n_floats) {
        type = ttype_make(DT_FLOAT, 1, (int64_t[]){(int64_t)a->n_floats});
        *out = tensor_new_bytes(name, &type, a->floats, a->n_floats * sizeof *a->floats);
    } else if (strcmp(kind, "value_ints") == 0 && a->n_ints && a->n_ints <= INT32_MAX)
        *out = tensor_new_i64(name, a->ints, (int)a->n_ints);
    return ST_OK;
}

/* Whether every element can be the double `value` without loss. */
static bool fill_is_exact(const struct tensor *one, double *value)
{
    int dtype = tensor_type(one)->dtype;
    if (dtype == DT_FLOAT || dtype == DT_DOUBLE) {
        *value = tensor_num_at(one, 0, 0);
        return true;
    }
    int64_t i = tensor_int_at(one, 0, INT64_MIN);
    *value = (double)i;
    /* INT64_MIN also stands for "not an integer type". */
    return i > -((int64_t)1 << 53) && i < (int64_t)1 << 53;
}

static struct tensor *repeat(const char *name, const struct ttype *type, const struct tensor *one)
{
    size_t size = dtype_size(type->dtype), n = (size_t)ttype_count(type, 0);
    unsigned char *p = n <= MAX_EXPANDED / size ? x_try_calloc(n ? n : 1, size) : NULL;
    if (!p)
        return NULL;
    for (size_t i = 0; i < n; i++)
        memcpy(p + i * size, tensor_data(one), size);
    return tensor_new_borrowed(name, type, p, n * size, p, free);
}

static enum status constant_of_shape(struct onx_loader *l, const Onnx__NodeProto *n,
                                     struct tensor **out, struct err *err)
{
    const struct onx_value *v = n->n_input ? onx_value(l, n->input[0]) : NULL;
    if (!v || v->kind != VALUE_CONST)
        return ST_OK;
    const struct ttype *st = tensor_type(v->tensor);
    int64_t rank = tensor_count(v->tensor);
    if (st->dtype != DT_INT64 || st->rank != 1 || rank > TTYPE_MAX_RANK)
        return ST_OK;
    const Onnx__AttributeProto *a = find_attr(n, "value");
    struct tensor *one = NULL;
    if (a && !a->t)
        return ST_OK;
    if (a)
        TRY(onx_tensor(&one, a->t, "", l->origin, err));
    else
        one = tensor_new_f32("", 0);
    if (!one || tensor_count(one) != 1) {
        tensor_unref(one);
        return ST_OK;
    }
    int64_t dim[TTYPE_MAX_RANK];
    for (int64_t i = 0; i < rank; i++)
        dim[i] = tensor_int_at(v->tensor, i, -1);
    struct ttype type = ttype_make(tensor_type(one)->dtype, (int)rank, dim);
    int64_t count = ttype_count(&type, -1);
    bool fits = count >= 0 && count <= MAX_FILL;
    for (int i = 0; i < rank; i++)
        fits &= dim[i] >= 0;
    double value;
    if (!fits)
        ;
    else if (fill_is_exact(one, &value)) {
        *out = tensor_new_fill(n->output[0], &type, value);
        tensor_mark_node(*out, onx_str(n->name));
    } else
        *out = repeat(n->output[0], &type, one);
    tensor_unref(one);
    return fits ? ST_OK
                : err_set(err, ST_MODEL, "node '%s' (ConstantOfShape): impossible dimensions",
                          onx_label(n));
}

static void identity(struct onx_loader *l, const Onnx__NodeProto *n, struct tensor **out)
{
    const struct onx_value *v = n->n_input == 1 ? onx_value(l, n->input[0]) : NULL;
    if (v && v->kind == VALUE_CONST)
        *out = tensor_ref(v->tensor);
}

enum status onx_fold(struct onx_loader *l, struct err *err)
{
    for (size_t i = 0; i < l->g->n_node; i++) {
        const Onnx__NodeProto *n = l->g->node[i];
        const char *op = onx_str(n->op_type);
        struct tensor *t = NULL;
        /* An output of the graph must stay the output of a node. */
        if (!onx_default_domain(n->domain) || n->n_output != 1 || !n->output[0][0] ||
            strmap_get(&l->outputs, n->output[0]))
            continue;
        if (strcmp(op, "Constant") == 0)
            TRY(constant(l, n, &t, err));
        else if (strcmp(op, "ConstantOfShape") == 0)
            TRY(constant_of_shape(l, n, &t, err));
        else if (strcmp(op, "Identity") == 0)
            identity(l, n, &t);
        if (!t)
            continue;
        l->folded[i] = true;
        struct onx_value v = {.kind = VALUE_CONST, .tensor = t};
        TRY(onx_define(l, n->output[0], v, onx_label(n), err));
    }
    return ST_OK;
}
