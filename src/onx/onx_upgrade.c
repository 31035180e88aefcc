/* Operator forms of op set 7..12 -> the form of op set 13 (onnx/docs/Changelog.md): mostly
 * attributes that became inputs. A row says below which op set the old form is met; rows without
 * a function cannot be brought over, and such nodes stay opaque. Op set 18 made the axes of some
 * reductions an input; in memory they are attributes, so that one form is enough. */
#include "onx/onx_priv.h"

/* Gives optional inputs before `i` the value "left out". */
static void pad_inputs(struct node *n, int i)
{
    while (n->n_in < i)
        node_add_input(n, IN_NONE, 0);
}

/* Moves an ints attribute to input i; an absent attribute leaves the input out. */
static void ints_to_input(struct node *n, const char *attr, int i)
{
    const struct node_attr *a = node_attr(n, attr);
    if (!a || a->kind != ATTR_INTS || n->n_in > i)
        return;
    pad_inputs(n, i);
    node_add_const(n, tensor_new_i64("", a->data, (int)a->n));
    node_remove_attr(n, attr);
}

/* A scalar of the type of the data input; float when that is not known. */
static struct tensor *scalar_like(const struct onx_loader *l, const struct node *n, float v)
{
    const struct ttype *t = onx_in_type(l, n, 0);
    struct ttype type = ttype_make(t && t->dtype ? t->dtype : DT_FLOAT, 0, NULL);
    if (type.dtype == DT_FLOAT)
        return tensor_new_f32("", v);
    if (type.dtype == DT_DOUBLE) {
        double d = (double)v;
        return tensor_new_bytes("", &type, &d, sizeof d);
    }
    return NULL;
}

static bool clip(const struct onx_loader *l, struct node *n)
{
    static const char *const bound[] = {"min", "max"};
    struct tensor *t[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        const struct node_attr *a = node_attr(n, bound[i]);
        if (a && a->kind == ATTR_FLOAT && !(t[i] = scalar_like(l, n, a->f))) {
            tensor_unref(t[0]);
            return false;
        }
    }
    for (int i = 0; i < 2; i++) {
        node_remove_attr(n, bound[i]);
        if (t[i]) {
            pad_inputs(n, i + 1);
            node_add_const(n, t[i]);
        }
    }
    return true;
}

static bool dropout(const struct onx_loader *l, struct node *n)
{
    (void)l;
    const struct node_attr *a = node_attr(n, "ratio");
    if (a && a->kind == ATTR_FLOAT && n->n_in == 1) {
        node_add_const(n, tensor_new_f32("", a->f));
        node_remove_attr(n, "ratio");
    }
    return true;
}

static bool slice(const struct onx_loader *l, struct node *n)
{
    (void)l;
    const struct node_attr *starts = node_attr(n, "starts"), *ends = node_attr(n, "ends");
    if (n->n_in != 1 || !starts || !ends || starts->kind != ATTR_INTS || ends->kind != ATTR_INTS ||
        starts->n != ends->n)
        return false;
    ints_to_input(n, "starts", 1);
    ints_to_input(n, "ends", 2);
    ints_to_input(n, "axes", 3);
    return true;
}

static bool pad(const struct onx_loader *l, struct node *n)
{
    const struct node_attr *pads = node_attr(n, "pads"), *value = node_attr(n, "value");
    struct tensor *t = NULL;
    if (n->n_in != 1 || !pads || pads->kind != ATTR_INTS)
        return false;
    if (value && value->kind == ATTR_FLOAT && value->f != 0 && !(t = scalar_like(l, n, value->f)))
        return false;
    ints_to_input(n, "pads", 1);
    node_remove_attr(n, "value");
    if (t)
        node_add_const(n, t);
    return true;
}

static bool axes_to_input(const struct onx_loader *l, struct node *n)
{
    (void)l;
    ints_to_input(n, "axes", 1);
    return true;
}

static bool split(const struct onx_loader *l, struct node *n)
{
    (void)l;
    ints_to_input(n, "split", 1);
    return true;
}

static bool top_k(const struct onx_loader *l, struct node *n)
{
    (void)l;
    const struct node_attr *a = node_attr(n, "k");
    if (!a || a->kind != ATTR_INT || n->n_in != 1)
        return false;
    int64_t k = a->i;
    node_add_const(n, tensor_new_i64("", &k, 1));
    node_remove_attr(n, "k");
    return true;
}

/* Upsample and Resize of op set 10: positions are out / scale, rounded down (Changelog, Resize-10,
 * and the rule that converters use). */
static bool old_resize(const struct onx_loader *l, struct node *n)
{
    (void)l;
    const struct node_attr *scales = node_attr(n, "scales");
    struct node_input in = {.node = IN_NONE};
    if (n->n_in == 2)
        in = n->in[1];
    if (in.tensor)
        tensor_ref(in.tensor);
    else if (n->n_in == 1 && scales && scales->kind == ATTR_FLOATS) {
        struct ttype type = ttype_make(DT_FLOAT, 1, (int64_t[]){(int64_t)scales->n});
        in.node = IN_CONST;
        in.tensor = tensor_new_bytes("", &type, scales->data, scales->n * sizeof(float));
    }
    if (in.node == IN_NONE)
        return false;
    node_remove_attr(n, "scales");
    pad_inputs(n, 2);
    node_set_input(n, 1, IN_NONE, 0, NULL);
    if (in.tensor)
        node_add_const(n, in.tensor);
    else
        node_add_input(n, in.node, in.port);
    free(n->op_type);
    n->op_type = x_strdup("Resize");
    if (strcmp(node_string(n, "mode", "nearest"), "bilinear") == 0)
        node_set_string(n, "mode", "linear", 6);
    node_set_string(n, "coordinate_transformation_mode", "asymmetric", 10);
    if (strcmp(node_string(n, "mode", "nearest"), "nearest") == 0)
        node_set_string(n, "nearest_mode", "floor", 5);
    return true;
}

/* Op set 11 demanded roi, and scales also beside sizes, as empty tensors. */
static bool resize_11(const struct onx_loader *l, struct node *n)
{
    (void)l;
    for (int i = 1; i < n->n_in && i < 3; i++)
        if (n->in[i].tensor && tensor_count(n->in[i].tensor) == 0)
            node_set_input(n, i, IN_NONE, 0, NULL);
    return true;
}

static bool resize(const struct onx_loader *l, struct node *n)
{
    return n->n_in == 2 ? old_resize(l, n) : resize_11(l, n);
}

/* Before op set 13 the data was seen as a matrix, split at the axis (1 unless told): that is the
 * new meaning when at most one of the dimensions from there on differs from 1. */
static bool softmax(const struct onx_loader *l, struct node *n)
{
    const struct ttype *t = onx_in_type(l, n, 0);
    if ((!t || t->rank < 0) && n->n_out)
        t = &n->out[0].type;
    if (!t || t->rank < 1)
        return false;
    int64_t axis = node_int(n, "axis", 1), pick = -1;
    if (axis < 0)
        axis += t->rank;
    if (axis < 0 || axis >= t->rank)
        return false;
    for (int i = (int)axis; i < t->rank; i++) {
        if (t->dim[i] == 1)
            continue;
        if (pick >= 0)
            return false;
        pick = i;
    }
    node_set_int(n, "axis", pick < 0 ? axis : pick);
    return true;
}

/* In inference form only: further outputs, or statistics for each position, are not in 13. */
static bool batch_norm(const struct onx_loader *l, struct node *n)
{
    (void)l;
    if (n->n_out > 1 || node_int(n, "spatial", 1) != 1)
        return false;
    node_remove_attr(n, "spatial");
    return true;
}

static bool scatter(const struct onx_loader *l, struct node *n)
{
    (void)l;
    free(n->op_type);
    n->op_type = x_strdup("ScatterElements");
    return true;
}

static const struct {
    const char *op_type;
    int below;
    bool (*fn)(const struct onx_loader *l, struct node *n);
    bool needs_type;
} table[] = {
    {"BatchNormalization", 13, batch_norm, false},
    {"Clip", 11, clip, false},
    {"Dropout", 12, dropout, false},
    {"Hardmax", 13, softmax, true},
    {"LogSoftmax", 13, softmax, true},
    {"Pad", 11, pad, false},
    {"ReduceSum", 13, axes_to_input, false},
    {"Resize", 13, resize, false},
    {"Scan", 9, NULL, false},
    {"Scatter", 11, scatter, false},
    {"Slice", 10, slice, false},
    {"Softmax", 13, softmax, true},
    {"Split", 13, split, false},
    {"Squeeze", 13, axes_to_input, false},
    {"TopK", 10, top_k, false},
    {"Unsqueeze", 13, axes_to_input, false},
    {"Upsample", 10, old_resize, false},
};

static size_t find(const char *op_type, int opset)
{
    size_t i = 0;
    while (i < sizeof table / sizeof *table &&
           (opset >= table[i].below || strcmp(op_type, table[i].op_type) != 0))
        i++;
    return i;
}

bool onx_is_old_form(const char *op_type, int opset)
{
    return find(op_type, opset) < sizeof table / sizeof *table;
}

bool onx_upgrade_needs_type(const char *op_type, int opset)
{
    size_t i = find(op_type, opset);
    return i < sizeof table / sizeof *table && table[i].needs_type;
}

/* Op set 18: axes of ReduceMean and ReduceMax as an input -> attribute. */
static void axes_to_attr(struct node *n)
{
    const struct tensor *t = node_const(n, 1);
    if (n->n_in != 2 || !t || tensor_type(t)->dtype != DT_INT64 || tensor_type(t)->rank != 1 ||
        tensor_count(t) > TTYPE_MAX_RANK || tensor_count(t) == 0 || node_attr(n, "axes"))
        return;
    int64_t axis[TTYPE_MAX_RANK];
    size_t count = (size_t)tensor_count(t);
    for (size_t i = 0; i < count; i++)
        axis[i] = tensor_int_at(t, (int64_t)i, 0);
    node_set_ints(n, "axes", axis, count);
    tensor_unref(n->in[1].tensor);
    n->n_in = 1;
}

bool onx_upgrade(const struct onx_loader *l, struct node *n)
{
    const char *op_type = node_op_type(n);
    size_t i = find(op_type, l->opset);
    if (l->opset >= 18 && (strcmp(op_type, "ReduceMean") == 0 || strcmp(op_type, "ReduceMax") == 0))
        axes_to_attr(n);
    if (i == sizeof table / sizeof *table)
        return true;
    return table[i].fn && table[i].fn(l, n);
}
