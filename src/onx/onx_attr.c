/* Attributes in both directions, and a look into subgraphs. */
#include "onx/onx_priv.h"

const char *onx_str(const char *s)
{
    return s ? s : "";
}

const char *onx_label(const Onnx__NodeProto *n)
{
    if (n->name && n->name[0])
        return n->name;
    return n->n_output && n->output[0][0] ? n->output[0] : onx_str(n->op_type);
}

bool onx_default_domain(const char *domain)
{
    return !domain || !domain[0] || strcmp(domain, "ai.onnx") == 0;
}

bool onx_has_subgraph(const Onnx__NodeProto *n)
{
    for (size_t i = 0; i < n->n_attribute; i++)
        if (n->attribute[i]->g || n->attribute[i]->n_graphs)
            return true;
    return false;
}

Onnx__AttributeProto__AttributeType onx_attr_type(const Onnx__AttributeProto *a)
{
    if (a->has_type && a->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED)
        return a->type;
    return a->has_f      ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT
           : a->has_i    ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT
           : a->has_s    ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING
           : a->t        ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR
           : a->g        ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH
           : a->n_floats ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS
           : a->n_ints   ? ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS
                         : ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

static void set_blob(struct node *n, const Onnx__AttributeProto *a)
{
    size_t size = onnx__attribute_proto__get_packed_size(a);
    uint8_t *bytes = x_malloc(size ? size : 1);
    onnx__attribute_proto__pack(a, bytes);
    node_set_blob(n, onx_str(a->name), bytes, size);
    free(bytes);
}

void onx_attrs_from_proto(struct node *n, const Onnx__NodeProto *p)
{
    for (size_t i = 0; i < p->n_attribute; i++) {
        const Onnx__AttributeProto *a = p->attribute[i];
        const char *name = onx_str(a->name);
        /* The value may sit in another field than the type says, or in several: keep it all. */
        bool plain = !a->ref_attr_name && !a->t && !a->g && !a->sparse_tensor && !a->tp &&
                     !a->n_strings && !a->n_tensors && !a->n_graphs && !a->n_sparse_tensors &&
                     !a->n_type_protos && !a->base.n_unknown_fields &&
                     a->has_f + a->has_i + a->has_s + (a->n_floats > 0) + (a->n_ints > 0) <= 1;
        Onnx__AttributeProto__AttributeType type = onx_attr_type(a);
        if (plain && type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT)
            node_set_int(n, name, a->i);
        else if (plain && type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT)
            node_set_float(n, name, a->f);
        else if (plain && type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING)
            node_set_string(n, name, a->s.data ? (const char *)a->s.data : "", a->s.len);
        else if (plain && type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS)
            node_set_ints(n, name, a->ints, a->n_ints);
        else if (plain && type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS)
            node_set_floats(n, name, a->floats, a->n_floats);
        else
            set_blob(n, a);
    }
}

enum status onx_blob_parse(Onnx__AttributeProto **out, const struct node_attr *a, struct err *err)
{
    TRY(onx_wire_check(&onnx__attribute_proto__descriptor, a->data, a->n, err));
    *out = onnx__attribute_proto__unpack(NULL, a->n, a->data);
    return *out ? ST_OK : err_set(err, ST_MODEL, "attribute '%s' is damaged", a->name);
}

void onx_each_node(const Onnx__GraphProto *g, void (*fn)(const Onnx__NodeProto *n, void *arg),
                   void *arg)
{
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        fn(n, arg);
        for (size_t k = 0; k < n->n_attribute; k++) {
            const Onnx__AttributeProto *a = n->attribute[k];
            if (a->g)
                onx_each_node(a->g, fn, arg);
            for (size_t j = 0; j < a->n_graphs; j++)
                onx_each_node(a->graphs[j], fn, arg);
        }
    }
}

/* Names defined in a subgraph; scopes form a chain towards the outside. */
struct scope {
    struct strmap names;
    const struct scope *outer;
};

static void define(struct scope *s, const char *name)
{
    strmap_put(&s->names, onx_str(name), 1);
}

static void use(struct onx_names *out, const struct scope *s, const char *name)
{
    if (!name || !name[0])
        return;
    for (; s; s = s->outer)
        if (strmap_get(&s->names, name))
            return;
    if (strmap_get(&out->seen, name))
        return;
    strmap_put(&out->seen, name, 1);
    vec_push(&out->list, name);
}

static void captured_by_attr(struct onx_names *out, const Onnx__AttributeProto *a,
                             const struct scope *outer);

static void captured_by_graph(struct onx_names *out, const Onnx__GraphProto *g,
                              const struct scope *outer)
{
    struct scope s = {.outer = outer};
    for (size_t i = 0; i < g->n_input; i++)
        define(&s, g->input[i]->name);
    for (size_t i = 0; i < g->n_initializer; i++)
        define(&s, g->initializer[i]->name);
    for (size_t i = 0; i < g->n_sparse_initializer; i++)
        if (g->sparse_initializer[i]->values)
            define(&s, g->sparse_initializer[i]->values->name);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            define(&s, g->node[i]->output[k]);
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        for (size_t k = 0; k < n->n_input; k++)
            use(out, &s, n->input[k]);
        for (size_t k = 0; k < n->n_attribute; k++)
            captured_by_attr(out, n->attribute[k], &s);
    }
    for (size_t i = 0; i < g->n_output; i++)
        use(out, &s, g->output[i]->name);
    strmap_done(&s.names);
}

static void captured_by_attr(struct onx_names *out, const Onnx__AttributeProto *a,
                             const struct scope *outer)
{
    if (a->g)
        captured_by_graph(out, a->g, outer);
    for (size_t i = 0; i < a->n_graphs; i++)
        captured_by_graph(out, a->graphs[i], outer);
}

void onx_captured(struct onx_names *out, const Onnx__AttributeProto *a)
{
    captured_by_attr(out, a, NULL);
}

void onx_names_done(struct onx_names *n)
{
    vec_done(&n->list);
    strmap_done(&n->seen);
}
