/* Makes ONNX files for tests, field by field, so that old and broken ones can be made too. */
#ifndef TESTS_ONX_MAKE_H
#define TESTS_ONX_MAKE_H

#include "onx/onx_priv.h"

struct mk {
    struct onx_arena a;
    Onnx__ModelProto *m;
    Onnx__GraphProto *g;
};

/* list[n++] = item, in the arena. */
#define MK_PUSH(k, list, n, item)                                    \
    do {                                                             \
        void *mk_new_ = onx_alloc(&(k)->a, (n) + 1, sizeof *(list)); \
        if (n)                                                       \
            memcpy(mk_new_, (list), (n) * sizeof *(list));           \
        (list) = mk_new_;                                            \
        (list)[(n)++] = (item);                                      \
    } while (0)

static inline void mk_opset(struct mk *k, const char *domain, int64_t version)
{
    Onnx__OperatorSetIdProto *p = onx_alloc(&k->a, 1, sizeof *p);
    *p = (Onnx__OperatorSetIdProto)ONNX__OPERATOR_SET_ID_PROTO__INIT;
    p->domain = onx_dup(&k->a, domain);
    p->has_version = 1;
    p->version = version;
    MK_PUSH(k, k->m->opset_import, k->m->n_opset_import, p);
}

static inline Onnx__GraphProto *mk_graph(struct mk *k, const char *name)
{
    Onnx__GraphProto *g = onx_alloc(&k->a, 1, sizeof *g);
    *g = (Onnx__GraphProto)ONNX__GRAPH_PROTO__INIT;
    g->name = onx_dup(&k->a, name);
    return g;
}

static inline void mk_start(struct mk *k, int ir, int opset)
{
    memset(k, 0, sizeof *k);
    k->m = onx_alloc(&k->a, 1, sizeof *k->m);
    *k->m = (Onnx__ModelProto)ONNX__MODEL_PROTO__INIT;
    k->g = k->m->graph = mk_graph(k, "g");
    k->m->has_ir_version = 1;
    k->m->ir_version = ir;
    if (opset)
        mk_opset(k, "", opset);
}

static inline void mk_end(struct mk *k)
{
    onx_arena_done(&k->a);
}

/* rank -1: no shape; a dimension below 0 is the symbol "N". */
static inline Onnx__ValueInfoProto *mk_value(struct mk *k, const char *name, int dtype, int rank,
                                             const int64_t *dim)
{
    Onnx__ValueInfoProto *v = onx_alloc(&k->a, 1, sizeof *v);
    *v = (Onnx__ValueInfoProto)ONNX__VALUE_INFO_PROTO__INIT;
    v->name = onx_dup(&k->a, name);
    v->type = onx_alloc(&k->a, 1, sizeof *v->type);
    *v->type = (Onnx__TypeProto)ONNX__TYPE_PROTO__INIT;
    v->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    Onnx__TypeProto__Tensor *t = v->type->tensor_type = onx_alloc(&k->a, 1, sizeof *t);
    *t = (Onnx__TypeProto__Tensor)ONNX__TYPE_PROTO__TENSOR__INIT;
    t->has_elem_type = 1;
    t->elem_type = dtype;
    if (rank < 0)
        return v;
    t->shape = onx_alloc(&k->a, 1, sizeof *t->shape);
    *t->shape = (Onnx__TensorShapeProto)ONNX__TENSOR_SHAPE_PROTO__INIT;
    for (int i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = onx_alloc(&k->a, 1, sizeof *d);
        *d = (Onnx__TensorShapeProto__Dimension)ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT;
        if (dim[i] >= 0) {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            d->dim_value = dim[i];
        } else {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = onx_dup(&k->a, "N");
        }
        MK_PUSH(k, t->shape->dim, t->shape->n_dim, d);
    }
    return v;
}

static inline void mk_input(struct mk *k, const char *name, int dtype, int rank, const int64_t *dim)
{
    MK_PUSH(k, k->g->input, k->g->n_input, mk_value(k, name, dtype, rank, dim));
}

static inline void mk_output(struct mk *k, const char *name, int dtype, int rank,
                             const int64_t *dim)
{
    MK_PUSH(k, k->g->output, k->g->n_output, mk_value(k, name, dtype, rank, dim));
}

static inline Onnx__TensorProto *mk_tensor(struct mk *k, const char *name, int dtype, int rank,
                                           const int64_t *dim, const void *raw, size_t size)
{
    Onnx__TensorProto *t = onx_alloc(&k->a, 1, sizeof *t);
    *t = (Onnx__TensorProto)ONNX__TENSOR_PROTO__INIT;
    t->name = onx_dup(&k->a, name);
    t->has_data_type = 1;
    t->data_type = dtype;
    for (int i = 0; i < rank; i++)
        MK_PUSH(k, t->dims, t->n_dims, dim[i]);
    t->has_raw_data = raw != NULL;
    t->raw_data.len = raw ? size : 0;
    t->raw_data.data = onx_alloc(&k->a, size + 1, 1);
    if (raw && size)
        memcpy(t->raw_data.data, raw, size);
    return t;
}

static inline Onnx__TensorProto *mk_init(struct mk *k, const char *name, int dtype, int rank,
                                         const int64_t *dim, const void *raw, size_t size)
{
    Onnx__TensorProto *t = mk_tensor(k, name, dtype, rank, dim, raw, size);
    MK_PUSH(k, k->g->initializer, k->g->n_initializer, t);
    return t;
}

/* Names separated by spaces; "-" is the empty name. */
static inline void mk_names(struct mk *k, char ***list, size_t *n, const char *names)
{
    while (*names) {
        size_t len = strcspn(names, " ");
        char *one = onx_alloc(&k->a, len + 1, 1);
        if (!(len == 1 && names[0] == '-'))
            memcpy(one, names, len);
        MK_PUSH(k, *list, *n, one);
        names += len;
        names += *names == ' ';
    }
}

static inline Onnx__NodeProto *mk_node_in(struct mk *k, Onnx__GraphProto *g, const char *op,
                                          const char *inputs, const char *outputs)
{
    Onnx__NodeProto *p = onx_alloc(&k->a, 1, sizeof *p);
    *p = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
    p->op_type = onx_dup(&k->a, op);
    mk_names(k, &p->input, &p->n_input, inputs);
    mk_names(k, &p->output, &p->n_output, outputs);
    MK_PUSH(k, g->node, g->n_node, p);
    return p;
}

static inline Onnx__NodeProto *mk_node(struct mk *k, const char *op, const char *inputs,
                                       const char *outputs)
{
    Onnx__NodeProto *p = mk_node_in(k, k->g, op, inputs, outputs);
    p->name = onx_dup(&k->a, op);
    return p;
}

static inline Onnx__AttributeProto *mk_attr(struct mk *k, Onnx__NodeProto *n, const char *name,
                                            Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *a = onx_alloc(&k->a, 1, sizeof *a);
    *a = (Onnx__AttributeProto)ONNX__ATTRIBUTE_PROTO__INIT;
    a->name = onx_dup(&k->a, name);
    a->has_type = 1;
    a->type = type;
    MK_PUSH(k, n->attribute, n->n_attribute, a);
    return a;
}

static inline void mk_int(struct mk *k, Onnx__NodeProto *n, const char *name, int64_t v)
{
    Onnx__AttributeProto *a = mk_attr(k, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = v;
}

static inline void mk_float(struct mk *k, Onnx__NodeProto *n, const char *name, float v)
{
    Onnx__AttributeProto *a = mk_attr(k, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = v;
}

static inline void mk_string(struct mk *k, Onnx__NodeProto *n, const char *name, const char *v)
{
    Onnx__AttributeProto *a = mk_attr(k, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.len = strlen(v);
    a->s.data = (uint8_t *)onx_dup(&k->a, v);
}

static inline void mk_ints(struct mk *k, Onnx__NodeProto *n, const char *name, int count,
                           const int64_t *v)
{
    Onnx__AttributeProto *a = mk_attr(k, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    for (int i = 0; i < count; i++)
        MK_PUSH(k, a->ints, a->n_ints, v[i]);
}

static inline void mk_floats(struct mk *k, Onnx__NodeProto *n, const char *name, int count,
                             const float *v)
{
    Onnx__AttributeProto *a = mk_attr(k, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    for (int i = 0; i < count; i++)
        MK_PUSH(k, a->floats, a->n_floats, v[i]);
}

/* The packed bytes; caller frees. */
static inline unsigned char *mk_bytes(const struct mk *k, size_t *size)
{
    *size = onnx__model_proto__get_packed_size(k->m);
    unsigned char *bytes = x_malloc(*size + 1);
    onnx__model_proto__pack(k->m, bytes);
    return bytes;
}

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

#endif
