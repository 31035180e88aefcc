/* graph -> ModelProto. Strings and messages lie in an arena; the values of weights stay where they
 * are, so a model of any size is built in time and memory of its nodes. */
#include "onx/onx_build.h"

/* ---- types ---- */

static Onnx__TypeProto *type_proto(struct onx_builder *c, const struct ttype *t)
{
    Onnx__TypeProto *p = onx_alloc(c->a, 1, sizeof *p);
    Onnx__TypeProto__Tensor *tt = onx_alloc(c->a, 1, sizeof *tt);
    *p = (Onnx__TypeProto)ONNX__TYPE_PROTO__INIT;
    *tt = (Onnx__TypeProto__Tensor)ONNX__TYPE_PROTO__TENSOR__INIT;
    p->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    p->tensor_type = tt;
    tt->has_elem_type = 1;
    tt->elem_type = t->dtype;
    if (t->rank < 0)
        return p;
    tt->shape = onx_alloc(c->a, 1, sizeof *tt->shape);
    *tt->shape = (Onnx__TensorShapeProto)ONNX__TENSOR_SHAPE_PROTO__INIT;
    tt->shape->n_dim = (size_t)t->rank;
    tt->shape->dim = onx_alloc(c->a, (size_t)t->rank + 1, sizeof *tt->shape->dim);
    for (int i = 0; i < t->rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = onx_alloc(c->a, 1, sizeof *d);
        *d = (Onnx__TensorShapeProto__Dimension)ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT;
        tt->shape->dim[i] = d;
        const char *sym = DIM_IS_SYM(t->dim[i]) ? graph_symbol(c->g, DIM_SYM_INDEX(t->dim[i])) : "";
        if (t->dim[i] >= 0) {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            d->dim_value = t->dim[i];
        } else if (sym[0]) {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = onx_dup(c->a, sym);
        }
    }
    return p;
}

static void note_told(struct onx_builder *c, Onnx__ValueInfoProto *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t at = (int64_t)c->told_types.n;
        if (*strmap_put(&c->told, onx_str(list[i]->name), at) == at)
            vec_push(&c->told_types, list[i]->type);
    }
}

/* What the file said of a value whose type struct ttype cannot say. */
static Onnx__TypeProto *told_type(struct onx_builder *c, const char *name)
{
    if (!c->origin)
        return NULL;
    if (!c->told.n) {
        const Onnx__GraphProto *g = c->origin->model->graph;
        note_told(c, g->input, g->n_input);
        note_told(c, g->output, g->n_output);
        note_told(c, g->value_info, g->n_value_info);
    }
    const int64_t *at = strmap_get(&c->told, name);
    return at ? c->told_types.at[*at] : NULL;
}

/* NULL when nothing is known and it is not needed. */
static Onnx__ValueInfoProto *value_info(struct onx_builder *c, char *name, const struct ttype *t,
                                        bool needed)
{
    Onnx__TypeProto *type = t && t->dtype != DT_UNDEFINED ? type_proto(c, t) : told_type(c, name);
    if (!type && !needed)
        return NULL;
    Onnx__ValueInfoProto *v = onx_alloc(c->a, 1, sizeof *v);
    *v = (Onnx__ValueInfoProto)ONNX__VALUE_INFO_PROTO__INIT;
    v->name = name;
    v->type = type;
    return v;
}

/* ---- nodes ---- */

static Onnx__NodeProto *new_node(struct onx_builder *c, const char *op_type, int n_in, int n_out)
{
    Onnx__NodeProto *p = onx_alloc(c->a, 1, sizeof *p);
    *p = (Onnx__NodeProto)ONNX__NODE_PROTO__INIT;
    p->op_type = onx_dup(c->a, op_type);
    p->input = onx_alloc(c->a, (size_t)n_in + 1, sizeof *p->input);
    p->output = onx_alloc(c->a, (size_t)n_out + 1, sizeof *p->output);
    vec_push(&c->nodes, p);
    return p;
}

static Onnx__AttributeProto *new_attr(struct onx_builder *c, const char *name,
                                      Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *p = onx_alloc(c->a, 1, sizeof *p);
    *p = (Onnx__AttributeProto)ONNX__ATTRIBUTE_PROTO__INIT;
    p->name = onx_dup(c->a, name);
    p->has_type = 1;
    p->type = type;
    return p;
}

static enum status attr_proto(struct onx_builder *c, const struct node_attr *a,
                              Onnx__AttributeProto **out)
{
    Onnx__AttributeProto *p = NULL;
    switch (a->kind) {
    case ATTR_INT:
        p = new_attr(c, a->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
        p->has_i = 1;
        p->i = a->i;
        break;
    case ATTR_FLOAT:
        p = new_attr(c, a->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
        p->has_f = 1;
        p->f = a->f;
        break;
    case ATTR_STRING:
        p = new_attr(c, a->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
        p->has_s = 1;
        p->s = (ProtobufCBinaryData){.len = a->n, .data = a->data};
        break;
    case ATTR_INTS:
        p = new_attr(c, a->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
        p->n_ints = a->n;
        p->ints = a->data;
        break;
    case ATTR_FLOATS:
        p = new_attr(c, a->name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
        p->n_floats = a->n;
        p->floats = a->data;
        break;
    case ATTR_BLOB:
        TRY(onx_blob_parse(&p, a, c->err));
        vec_push(&c->b->parsed, p);
        break;
    }
    *out = p;
    return ST_OK;
}

static void add_attr(struct onx_builder *c, Onnx__NodeProto *p, Onnx__AttributeProto *a)
{
    Onnx__AttributeProto **list = onx_alloc(c->a, p->n_attribute + 1, sizeof *list);
    if (p->n_attribute)
        memcpy(list, p->attribute, p->n_attribute * sizeof *list);
    list[p->n_attribute++] = a;
    p->attribute = list;
}

static Onnx__TensorProto *new_init(struct onx_builder *c, char *name, const struct ttype *t)
{
    Onnx__TensorProto *p = onx_alloc(c->a, 1, sizeof *p);
    *p = (Onnx__TensorProto)ONNX__TENSOR_PROTO__INIT;
    p->name = name;
    p->has_data_type = 1;
    p->data_type = t->dtype;
    p->n_dims = (size_t)t->rank;
    p->dims = onx_alloc(c->a, (size_t)t->rank + 1, sizeof *p->dims);
    memcpy(p->dims, t->dim, (size_t)t->rank * sizeof *p->dims);
    p->has_raw_data = 1;
    return p;
}

static Onnx__TensorProto *i64_init(struct onx_builder *c, char *name, const int64_t *v, size_t n)
{
    struct ttype t = ttype_make(DT_INT64, 1, (int64_t[]){(int64_t)n});
    Onnx__TensorProto *p = new_init(c, name, &t);
    p->raw_data.len = n * sizeof *v;
    p->raw_data.data = onx_alloc(c->a, n + 1, sizeof *v);
    memcpy(p->raw_data.data, v, n * sizeof *v);
    return p;
}

/* Forms that came after op set 13 (Changelog, ReduceMean-18, ReduceMax-18, Split-18). */
static void newer_form(struct onx_builder *c, const struct node *n, Onnx__NodeProto *p)
{
    const struct node_attr *axes = node_attr(n, "axes");
    if (c->opset < 18)
        return;
    if ((n->op == OP_REDUCEMEAN || n->op == OP_REDUCEMAX) && axes && axes->kind == ATTR_INTS &&
        n->n_in == 1) {
        size_t kept = 0;
        for (size_t i = 0; i < p->n_attribute; i++)
            if (strcmp(onx_str(p->attribute[i]->name), "axes") != 0)
                p->attribute[kept++] = p->attribute[i];
        p->n_attribute = kept;
        char *name = onx_take_name2(c, p->output[0], "_axes");
        vec_push(&c->inits, i64_init(c, name, axes->data, axes->n));
        p->input[p->n_input++] = name;
    }
    if (n->op == OP_SPLIT && p->n_input == 1 && !node_attr(n, "num_outputs")) {
        Onnx__AttributeProto *a =
            new_attr(c, "num_outputs", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
        a->has_i = 1;
        a->i = n->n_out;
        add_attr(c, p, a);
    }
}

static enum status node_proto(struct onx_builder *c, int32_t id)
{
    const struct node *n = graph_node(c->g, id);
    if (c->origin && n->op == OP_OPAQUE && strmap_get(&c->origin->stale, node_label(n)))
        return err_set(c->err, ST_UNSUPPORTED,
                       "node '%s' (%s) is in a form older than operator set 13 that cannot be "
                       "brought over",
                       node_label(n), node_op_type(n));
    int n_in = n->n_in - n->n_implicit;
    Onnx__NodeProto *p = new_node(c, node_op_type(n), n_in + 1, n->n_out);
    for (int i = 0; i < n_in; i++) {
        const struct node_input *in = &n->in[i];
        p->input[i] = in->tensor            ? onx_tensor_slot(c, in->tensor)->name
                      : in->node == IN_NONE ? onx_dup(c->a, "")
                                            : *onx_value_name(c, in);
    }
    p->n_input = (size_t)n_in;
    for (int i = 0; i < n->n_out; i++)
        p->output[i] = c->value[id][i];
    p->n_output = (size_t)n->n_out;
    p->name = n->name[0] ? onx_dup(c->a, n->name) : NULL;
    p->domain = n->domain ? onx_dup(c->a, n->domain) : NULL;
    p->doc_string = n->doc ? onx_dup(c->a, n->doc) : NULL;
    p->attribute = onx_alloc(c->a, (size_t)n->n_attr + 1, sizeof *p->attribute);
    for (int i = 0; i < n->n_attr; i++)
        TRY(attr_proto(c, &n->attr[i], &p->attribute[i]));
    p->n_attribute = (size_t)n->n_attr;
    newer_form(c, n, p);
    for (int k = 0; k < n->n_out; k++)
        if (c->value[id][k][0] && !strmap_get(&c->out_names, c->value[id][k])) {
            Onnx__ValueInfoProto *v = value_info(c, c->value[id][k], &n->out[k].type, false);
            if (v)
                vec_push(&c->infos, v);
        }
    return ST_OK;
}

/* Min-heap of ids: the nodes stay in the order of their ids as far as edges allow. */
static void heap_push(int32_t *heap, int *n, int32_t id)
{
    int i = (*n)++;
    for (; i > 0 && heap[(i - 1) / 2] > id; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = id;
}

static int32_t heap_pop(int32_t *heap, int *n)
{
    int32_t top = heap[0], last = heap[--*n];
    int i = 0;
    for (int k; (k = 2 * i + 1) < *n; i = k) {
        if (k + 1 < *n && heap[k + 1] < heap[k])
            k++;
        if (heap[k] >= last)
            break;
        heap[i] = heap[k];
    }
    heap[i] = last;
    return top;
}

static enum status build_nodes(struct onx_builder *c)
{
    int n_slots = graph_n_slots(c->g), n_heap = 0;
    int32_t *heap = onx_alloc(c->a, (size_t)n_slots + 1, sizeof *heap);
    int *waits = onx_alloc(c->a, (size_t)n_slots + 1, sizeof *waits);
    for (int32_t id = 0; id < n_slots; id++) {
        const struct node *n = graph_node(c->g, id);
        for (int i = 0; n && i < n->n_in; i++)
            waits[id] += n->in[i].node >= 0;
        if (n && waits[id] == 0)
            heap_push(heap, &n_heap, id);
    }
    while (n_heap) {
        int32_t id = heap_pop(heap, &n_heap);
        const struct node *n = graph_node(c->g, id);
        if (n->op != OP_INPUT && n->op != OP_OUTPUT)
            TRY(node_proto(c, id));
        int n_use;
        const struct use *u = graph_uses(c->g, id, &n_use);
        for (int i = 0; i < n_use; i++)
            if (--waits[u[i].node] == 0)
                heap_push(heap, &n_heap, u[i].node);
    }
    for (size_t i = 0; i < c->copies.n; i++) {
        Onnx__NodeProto *p = new_node(c, "Identity", 1, 1);
        p->input[p->n_input++] = c->copies.at[i].from;
        p->output[p->n_output++] = c->copies.at[i].name;
    }
    return ST_OK;
}

/* ---- constants ---- */

/* A weight that was a ConstantOfShape node becomes one again. */
static void fill_node(struct onx_builder *c, const struct onx_named_tensor *t)
{
    const struct ttype *type = tensor_type(t->tensor);
    char *shape = onx_take_name2(c, t->name, "_shape");
    vec_push(&c->inits, i64_init(c, shape, type->dim, (size_t)type->rank));
    Onnx__NodeProto *p = new_node(c, "ConstantOfShape", 1, 1);
    p->input[p->n_input++] = shape;
    p->output[p->n_output++] = t->name;
    if (tensor_node(t->tensor)[0])
        p->name = onx_dup(c->a, tensor_node(t->tensor));
    struct ttype one = ttype_make(type->dtype, 1, (int64_t[]){1});
    struct tensor *value = tensor_new_fill("", &one, tensor_fill_value(t->tensor));
    Onnx__AttributeProto *a = new_attr(c, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
    a->t = new_init(c, onx_dup(c->a, ""), &one);
    a->t->raw_data.len = tensor_size(value);
    a->t->raw_data.data = onx_alloc(c->a, 1, tensor_size(value));
    tensor_read(value, a->t->raw_data.data);
    tensor_unref(value);
    add_attr(c, p, a);
}

static bool is_fill_node(const struct tensor *t)
{
    return tensor_node(t) && tensor_kind(t) == TENSOR_FILL;
}

static void build_tensors(struct onx_builder *c)
{
    c->b->recipe = onx_alloc(c->a, c->tensors.n + 1, sizeof *c->b->recipe);
    c->b->mark = onx_alloc(c->a, c->tensors.n + 1, 1);
    for (size_t i = 0; i < c->tensors.n; i++) {
        const struct onx_named_tensor *t = &c->tensors.at[i];
        if (is_fill_node(t->tensor))
            continue;
        Onnx__TensorProto *p = new_init(c, t->name, tensor_type(t->tensor));
        p->raw_data.len = tensor_size(t->tensor);
        p->raw_data.data = (uint8_t *)(uintptr_t)tensor_data(t->tensor);
        if (!p->raw_data.data) {
            p->raw_data.data = c->b->mark + c->b->n_recipe;
            c->b->recipe[c->b->n_recipe++] = t->tensor;
        }
        vec_push(&c->inits, p);
    }
}

/* ---- the model around it ---- */

/* The first op set that has the operator, where that is later than 13. */
static int op_since(enum op op)
{
    return op == OP_LAYERNORM ? 17 : op == OP_HARDSWISH ? 14 : 13;
}

static int needed_opset(const struct graph *g)
{
    int opset = graph_opset(g) < 13 ? 13 : graph_opset(g);
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        if (n && op_since(n->op) > opset)
            opset = op_since(n->op);
    }
    return opset;
}

static void import_domain(struct onx_builder *c, Onnx__ModelProto *m, const char *domain,
                          int64_t version)
{
    for (size_t i = 0; i < m->n_opset_import; i++)
        if (strcmp(onx_str(m->opset_import[i]->domain), domain) == 0)
            return;
    Onnx__OperatorSetIdProto *p = onx_alloc(c->a, 1, sizeof *p);
    Onnx__OperatorSetIdProto **list = onx_alloc(c->a, m->n_opset_import + 1, sizeof *list);
    if (m->n_opset_import)
        memcpy(list, m->opset_import, m->n_opset_import * sizeof *list);
    *p = (Onnx__OperatorSetIdProto)ONNX__OPERATOR_SET_ID_PROTO__INIT;
    p->domain = onx_dup(c->a, domain);
    p->has_version = 1;
    p->version = version;
    list[m->n_opset_import++] = p;
    m->opset_import = list;
}

static void build_header(struct onx_builder *c, Onnx__ModelProto *m)
{
    const Onnx__ModelProto *o = c->origin ? c->origin->model : NULL;
    *m = (Onnx__ModelProto)ONNX__MODEL_PROTO__INIT;
    if (o) {
        m->domain = o->domain;
        m->has_model_version = o->has_model_version;
        m->model_version = o->model_version;
        m->doc_string = o->doc_string;
        m->n_metadata_props = o->n_metadata_props;
        m->metadata_props = o->metadata_props;
        m->n_functions = o->n_functions;
        m->functions = o->functions;
    }
    m->has_ir_version = 1;
    m->ir_version = o && c->opset > ONX_MAX_OPSET && o->ir_version > 8 ? o->ir_version : 8;
    m->producer_name = onx_dup(c->a, "autogo");
    m->producer_version = onx_dup(c->a, PACKAGE_VERSION);
    import_domain(c, m, "", c->opset);
    for (size_t i = 0; o && i < o->n_opset_import; i++)
        if (!onx_default_domain(o->opset_import[i]->domain))
            import_domain(c, m, o->opset_import[i]->domain, o->opset_import[i]->version);
    for (size_t i = 0; i < c->nodes.n; i++)
        if (!onx_default_domain(c->nodes.at[i]->domain))
            import_domain(c, m, c->nodes.at[i]->domain, 1);
}

static void *moved(struct onx_arena *a, const void *at, size_t n, size_t size)
{
    void *p = onx_alloc(a, n + 1, size);
    if (n)
        memcpy(p, at, n * size);
    return p;
}

static void build_graph(struct onx_builder *c, Onnx__GraphProto *p)
{
    int n_in, n_out;
    const int32_t *in = graph_inputs(c->g, &n_in), *out = graph_outputs(c->g, &n_out);
    *p = (Onnx__GraphProto)ONNX__GRAPH_PROTO__INIT;
    p->name = onx_dup(c->a, graph_name(c->g)[0] ? graph_name(c->g) : "graph");
    if (c->origin) {
        const Onnx__GraphProto *o = c->origin->model->graph;
        p->doc_string = o->doc_string;
        p->n_quantization_annotation = o->n_quantization_annotation;
        p->quantization_annotation = o->quantization_annotation;
    }
    p->input = onx_alloc(c->a, (size_t)n_in + 1, sizeof *p->input);
    for (int i = 0; i < n_in; i++)
        p->input[p->n_input++] =
            value_info(c, c->value[in[i]][0], &graph_node(c->g, in[i])->out[0].type, true);
    p->output = onx_alloc(c->a, (size_t)n_out + 1, sizeof *p->output);
    for (int i = 0; i < n_out; i++) {
        const struct node *n = graph_node(c->g, out[i]);
        p->output[p->n_output++] = value_info(c, c->output[i], graph_input_type(c->g, n, 0), true);
    }
    p->n_node = c->nodes.n;
    p->node = moved(c->a, c->nodes.at, c->nodes.n, sizeof *p->node);
    p->n_initializer = c->inits.n;
    p->initializer = moved(c->a, c->inits.at, c->inits.n, sizeof *p->initializer);
    p->n_value_info = c->infos.n;
    p->value_info = moved(c->a, c->infos.at, c->infos.n, sizeof *p->value_info);
}

static enum status build(struct onx_builder *c)
{
    TRY(onx_give_names(c));
    for (size_t i = 0; i < c->tensors.n; i++)
        if (is_fill_node(c->tensors.at[i].tensor))
            fill_node(c, &c->tensors.at[i]);
    TRY(build_nodes(c));
    build_tensors(c);
    Onnx__ModelProto *m = c->b->model = onx_alloc(c->a, 1, sizeof *m);
    build_header(c, m);
    m->graph = onx_alloc(c->a, 1, sizeof *m->graph);
    build_graph(c, m->graph);
    return ST_OK;
}

enum status onx_build(struct onx_build *b, const struct graph *g, int max_opset, struct err *err)
{
    memset(b, 0, sizeof *b);
    const struct onx_origin *origin = graph_origin(g);
    int opset = needed_opset(g);
    if (origin && graph_is_untouched(g) && opset <= max_opset) {
        b->model = origin->model;
        return ST_OK;
    }
    struct onx_builder c = {.b = b,
                            .a = &b->arena,
                            .g = g,
                            .origin = origin,
                            .err = err,
                            .opset = opset < max_opset ? opset : max_opset};
    enum status st = build(&c);
    strmap_done(&c.used);
    strmap_done(&c.out_names);
    strmap_done(&c.told);
    vec_done(&c.told_types);
    u64map_done(&c.tensor_at);
    vec_done(&c.tensors);
    vec_done(&c.copies);
    vec_done(&c.nodes);
    vec_done(&c.inits);
    vec_done(&c.infos);
    if (st != ST_OK)
        onx_build_done(b);
    return st;
}

void onx_build_done(struct onx_build *b)
{
    for (size_t i = 0; i < b->parsed.n; i++)
        onnx__attribute_proto__free_unpacked(b->parsed.at[i], NULL);
    vec_done(&b->parsed);
    onx_arena_done(&b->arena);
    memset(b, 0, sizeof *b);
}
