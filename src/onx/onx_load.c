/* ModelProto -> graph. Names are resolved in two passes, so the nodes may come in any order;
 * the freeze of the edit finds cycles. */
#include "onx/onx_priv.h"

#include "onx/onx_shim.h"

/* Beyond these, a file is not a real model but would make linear searches slow. */
#define MAX_ATTRIBUTES 1000
#define MAX_SYMBOLS 1000

enum status onx_define(struct onx_loader *l, const char *name, struct onx_value v, const char *who,
                       struct err *err)
{
    int64_t at = (int64_t)l->values.n;
    if (*strmap_put(&l->names, name, at) != at) {
        tensor_unref(v.tensor);
        return err_set(err, ST_MODEL, "'%s' defines '%s', which is defined already", who, name);
    }
    vec_push(&l->values, v);
    return ST_OK;
}

static struct onx_value *find_value(const struct onx_loader *l, const char *name)
{
    const int64_t *at = strmap_get(&l->names, name);
    return at ? &l->values.at[*at] : NULL;
}

const struct onx_value *onx_value(const struct onx_loader *l, const char *name)
{
    return find_value(l, name);
}

const struct ttype *onx_in_type(const struct onx_loader *l, const struct node *n, int i)
{
    if (i >= n->n_in || n->in[i].node == IN_NONE)
        return NULL;
    if (n->in[i].tensor)
        return tensor_type(n->in[i].tensor);
    return &l->nodes.at[n->in[i].node]->out[n->in[i].port].type;
}

/* ---- types ---- */

static int64_t symbol(struct onx_loader *l, const char *name)
{
    int64_t *k = strmap_get(&l->symbols, name);
    if (!k && l->symbols.n >= MAX_SYMBOLS)
        return DIM_UNKNOWN;
    if (!k)
        k = strmap_put(&l->symbols, name, graph_edit_symbol(l->e, name));
    return DIM_SYM(*k);
}

static int64_t dimension(struct onx_loader *l, const Onnx__TensorShapeProto__Dimension *d,
                         bool inferred)
{
    if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
        return d->dim_value < 0 ? DIM_UNKNOWN : d->dim_value;
    if (d->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM ||
        !onx_str(d->dim_param)[0])
        return DIM_UNKNOWN;
    if (inferred && !strmap_get(&l->symbols, d->dim_param))
        return DIM_UNKNOWN;
    return symbol(l, d->dim_param);
}

static bool is_plain_type(const Onnx__TypeProto *t)
{
    return !t || t->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET ||
           (t->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
            (!t->tensor_type->shape || t->tensor_type->shape->n_dim <= TTYPE_MAX_RANK));
}

struct ttype onx_type(struct onx_loader *l, const Onnx__TypeProto *t, bool inferred)
{
    struct ttype r = ttype_unknown();
    if (!t || !is_plain_type(t) || t->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET)
        return r;
    const Onnx__TypeProto__Tensor *tt = t->tensor_type;
    if (tt->elem_type > 0 && tt->elem_type <= DT_BFLOAT16)
        r.dtype = (uint8_t)tt->elem_type;
    if (!tt->shape)
        return r;
    r.rank = (int8_t)tt->shape->n_dim;
    for (size_t i = 0; i < tt->shape->n_dim; i++)
        r.dim[i] = dimension(l, tt->shape->dim[i], inferred);
    return r;
}

/* The type of the value that a ValueInfoProto speaks of, where it is a node's output. */
static void apply_info(struct onx_loader *l, const Onnx__ValueInfoProto *info, bool inferred)
{
    const struct onx_value *v = find_value(l, onx_str(info->name));
    if (!v || v->kind != VALUE_NODE)
        return;
    struct ttype *t = &l->nodes.at[v->node]->out[v->port].type;
    if (inferred && t->dtype != DT_UNDEFINED && t->rank >= 0)
        return;
    struct ttype got = onx_type(l, info->type, inferred);
    if (inferred && got.dtype == DT_UNDEFINED)
        return;
    *t = got;
    if (!is_plain_type(info->type))
        l->opaque[v->node] = true;
}

/* ---- nodes ---- */

static int32_t next_id(const struct onx_loader *l)
{
    return (int32_t)l->nodes.n;
}

static enum status load_initializers(struct onx_loader *l, struct err *err)
{
    for (size_t i = 0; i < l->g->n_initializer; i++) {
        const Onnx__TensorProto *p = l->g->initializer[i];
        struct onx_value v = {.kind = VALUE_CONST};
        if (!onx_str(p->name)[0])
            return err_set(err, ST_MODEL, "an initializer has no name");
        TRY(onx_tensor(&v.tensor, p, p->name, l->origin, err));
        if (!v.tensor)
            v.kind = VALUE_ABSENT; /* a Constant node stands for it, see odd_constants */
        TRY(onx_define(l, p->name, v, "initializer", err));
    }
    for (size_t i = 0; i < l->g->n_sparse_initializer; i++) {
        const Onnx__SparseTensorProto *p = l->g->sparse_initializer[i];
        if (!p->values || !onx_str(p->values->name)[0])
            return err_set(err, ST_MODEL, "a sparse initializer has no name");
        struct onx_value v = {.kind = VALUE_ABSENT};
        TRY(onx_define(l, p->values->name, v, "sparse initializer", err));
    }
    return ST_OK;
}

static enum status load_inputs(struct onx_loader *l, struct err *err)
{
    for (size_t i = 0; i < l->g->n_input; i++) {
        const Onnx__ValueInfoProto *p = l->g->input[i];
        const char *name = onx_str(p->name);
        if (!name[0])
            return err_set(err, ST_MODEL, "an input of the graph has no name");
        /* Before IR 4 every initializer is among the inputs too. */
        const struct onx_value *v = find_value(l, name);
        if (v && v->kind != VALUE_NODE)
            continue;
        TRY(onx_define(l, name, (struct onx_value){.kind = VALUE_NODE, .node = next_id(l)}, "input",
                       err));
        struct node *n = node_new(OP_INPUT, name);
        node_add_output(n, name);
        n->out[0].type = onx_type(l, p->type, false);
        vec_push(&l->nodes, n);
    }
    return ST_OK;
}

/* A Constant node for an initializer that struct tensor cannot hold. */
static void add_odd_constant(struct onx_loader *l, const char *name, Onnx__AttributeProto *a)
{
    struct onx_value *v = find_value(l, name);
    *v = (struct onx_value){.kind = VALUE_NODE, .node = next_id(l)};
    struct node *n = node_new(OP_OPAQUE, name);
    n->op_type = x_strdup("Constant");
    node_add_output(n, name);
    Onnx__NodeProto p = ONNX__NODE_PROTO__INIT;
    p.attribute = &a;
    p.n_attribute = 1;
    onx_attrs_from_proto(n, &p);
    vec_push(&l->nodes, n);
}

static void odd_constants(struct onx_loader *l)
{
    char value[] = "value", sparse_value[] = "sparse_value";
    for (size_t i = 0; i < l->g->n_initializer; i++) {
        Onnx__AttributeProto a = ONNX__ATTRIBUTE_PROTO__INIT;
        a.name = value;
        a.has_type = 1;
        a.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        a.t = l->g->initializer[i];
        if (find_value(l, a.t->name)->kind == VALUE_ABSENT)
            add_odd_constant(l, a.t->name, &a);
    }
    for (size_t i = 0; i < l->g->n_sparse_initializer; i++) {
        Onnx__AttributeProto a = ONNX__ATTRIBUTE_PROTO__INIT;
        a.name = sparse_value;
        a.has_type = 1;
        a.type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR;
        a.sparse_tensor = l->g->sparse_initializer[i];
        add_odd_constant(l, a.sparse_tensor->values->name, &a);
    }
}

static enum status declare_outputs(struct onx_loader *l, struct err *err)
{
    int32_t id = next_id(l);
    for (size_t i = 0; i < l->g->n_node; i++) {
        const Onnx__NodeProto *p = l->g->node[i];
        if (l->folded[i])
            continue;
        if (!onx_str(p->op_type)[0])
            return err_set(err, ST_MODEL, "node '%s' has no operator", onx_label(p));
        for (size_t k = 0; k < p->n_output; k++) {
            struct onx_value v = {.kind = VALUE_NODE, .node = id, .port = (int32_t)k};
            if (p->output[k][0])
                TRY(onx_define(l, p->output[k], v, onx_label(p), err));
        }
        id++;
    }
    return ST_OK;
}

static enum status connect(struct onx_loader *l, struct node *n, const char *name,
                           const char *label, struct err *err)
{
    const struct onx_value *v = find_value(l, name);
    if (!name[0])
        node_add_input(n, IN_NONE, 0);
    else if (!v)
        return err_set(err, ST_MODEL, "node '%s' (%s): input '%s' is not defined", label,
                       node_op_type(n), name);
    else if (v->kind == VALUE_CONST)
        node_add_const(n, tensor_ref(v->tensor));
    else
        node_add_input(n, v->node, v->port);
    return ST_OK;
}

/* All nodes start as opaque ones; classify() decides when their form is known. */
static enum status load_node(struct onx_loader *l, const Onnx__NodeProto *p, struct err *err)
{
    struct node *n = node_new(OP_OPAQUE, onx_str(p->name));
    vec_push(&l->nodes, n);
    n->op_type = x_strdup(p->op_type);
    if (onx_str(p->domain)[0])
        n->domain = x_strdup(p->domain);
    if (onx_str(p->doc_string)[0])
        n->doc = x_strdup(p->doc_string);
    for (size_t i = 0; i < p->n_output; i++)
        node_add_output(n, p->output[i]);
    for (size_t i = 0; i < p->n_input; i++)
        TRY(connect(l, n, p->input[i], onx_label(p), err));
    if (p->n_attribute > MAX_ATTRIBUTES)
        return err_set(err, ST_UNSUPPORTED, "node '%s' (%s) has more than %d attributes",
                       onx_label(p), p->op_type, MAX_ATTRIBUTES);
    onx_attrs_from_proto(n, p);
    if (!onx_has_subgraph(p))
        return ST_OK;
    struct onx_names outer = {0};
    enum status st = ST_OK;
    for (size_t i = 0; i < p->n_attribute; i++)
        onx_captured(&outer, p->attribute[i]);
    for (size_t i = 0; i < outer.list.n && st == ST_OK; i++)
        st = connect(l, n, outer.list.at[i], onx_label(p), err);
    n->n_implicit = (int)outer.list.n;
    onx_names_done(&outer);
    return st;
}

static enum status load_nodes(struct onx_loader *l, struct err *err)
{
    l->first = next_id(l);
    for (size_t i = 0; i < l->g->n_node; i++)
        if (!l->folded[i])
            TRY(load_node(l, l->g->node[i], err));
    return ST_OK;
}

static enum status load_outputs(struct onx_loader *l, struct err *err)
{
    for (size_t i = 0; i < l->g->n_output; i++) {
        const char *name = onx_str(l->g->output[i]->name);
        if (!name[0] || !find_value(l, name))
            return err_set(err, ST_MODEL, "output '%s' of the graph is not defined", name);
        struct node *n = node_new(OP_OUTPUT, name);
        vec_push(&l->nodes, n);
        TRY(connect(l, n, name, name, err));
    }
    return ST_OK;
}

/* ---- operators ---- */

static bool modelled(const struct onx_loader *l, int32_t id, enum op op)
{
    const struct node *n = l->nodes.at[id];
    const struct op_info *info = op_info(op);
    return op != OP_OPAQUE && op != OP_INPUT && op != OP_OUTPUT && !l->opaque[id] &&
           n->n_implicit == 0 && n->n_in >= info->min_in &&
           (info->max_in < 0 || n->n_in <= info->max_in) && n->n_out > 0;
}

struct old_search {
    int opset;
    bool found;
};

static void note_old(const Onnx__NodeProto *n, void *arg)
{
    struct old_search *s = arg;
    s->found |= onx_default_domain(n->domain) && onx_is_old_form(onx_str(n->op_type), s->opset);
}

static bool old_inside(const Onnx__NodeProto *p, int opset)
{
    struct old_search s = {.opset = opset};
    for (size_t i = 0; i < p->n_attribute; i++) {
        if (p->attribute[i]->g)
            onx_each_node(p->attribute[i]->g, note_old, &s);
        for (size_t k = 0; k < p->attribute[i]->n_graphs; k++)
            onx_each_node(p->attribute[i]->graphs[k], note_old, &s);
    }
    return s.found;
}

static void classify(struct onx_loader *l, int32_t id, const Onnx__NodeProto *p)
{
    struct node *n = l->nodes.at[id];
    bool sub = onx_has_subgraph(p), fresh = true;
    if (onx_default_domain(n->domain)) {
        fresh = onx_upgrade(l, n);
        enum op op = op_from_onnx(n->op_type);
        if (fresh && !sub && modelled(l, id, op)) {
            n->op = op;
            free(n->op_type);
            n->op_type = NULL;
        }
    }
    if (!fresh || (sub && old_inside(p, l->opset)))
        strmap_put(&l->origin->stale, node_label(n), 1);
}

/* Whether an output's type is missing where the shapes of op_list.def cannot give it. */
static bool needs_inference(const struct onx_loader *l, int32_t id, const Onnx__NodeProto *p)
{
    const struct node *n = l->nodes.at[id];
    bool table = onx_default_domain(n->domain) && !onx_has_subgraph(p) &&
                 op_from_onnx(n->op_type) != OP_OPAQUE;
    if (table && !onx_upgrade_needs_type(n->op_type, l->opset))
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i].name[0] && (n->out[i].type.rank < 0 || n->out[i].type.dtype == DT_UNDEFINED))
            return true;
    return false;
}

/* Asks libonnx for the types of values. No answer is no fault: they stay unknown. */
static void infer(struct onx_loader *l)
{
    struct onx_arena arena = {0};
    unsigned char *bytes = NULL, *typed = NULL;
    size_t size, typed_size;
    char msg[256];
    struct onx_origin *o = NULL;
    if (onx_guard(l->origin->model, NULL) == ST_OK &&
        onx_pack(onx_trimmed(&arena, l->origin->model), NULL, &bytes, &size, NULL) == ST_OK &&
        onx_child_infer(bytes, size, &typed, &typed_size, msg, sizeof msg) == 0 &&
        onx_parse(&o, typed, typed_size, NULL) == ST_OK) {
        for (size_t i = 0; i < o->model->graph->n_value_info; i++)
            apply_info(l, o->model->graph->value_info[i], true);
        for (size_t i = 0; i < o->model->graph->n_output; i++)
            apply_info(l, o->model->graph->output[i], true);
    }
    onx_origin_unref(o);
    free(bytes);
    free(typed);
    onx_arena_done(&arena);
}

static void settle_types(struct onx_loader *l)
{
    l->opaque = x_calloc(l->nodes.n, sizeof *l->opaque);
    for (size_t i = 0; i < l->g->n_value_info; i++)
        apply_info(l, l->g->value_info[i], false);
    for (size_t i = 0; i < l->g->n_output; i++)
        apply_info(l, l->g->output[i], false);
    bool ask = false;
    int32_t id = l->first;
    for (size_t i = 0; i < l->g->n_node; i++)
        if (!l->folded[i])
            ask |= needs_inference(l, id++, l->g->node[i]);
    if (ask)
        infer(l);
    id = l->first;
    for (size_t i = 0; i < l->g->n_node; i++)
        if (!l->folded[i])
            classify(l, id++, l->g->node[i]);
}

/* ---- all of it ---- */

static enum status check_header(struct onx_loader *l, struct err *err)
{
    const Onnx__ModelProto *m = l->origin->model;
    int64_t opset = -1;
    for (size_t i = 0; i < m->n_opset_import; i++)
        if (onx_default_domain(m->opset_import[i]->domain))
            opset = m->opset_import[i]->version;
    if (l->g->n_node == 0)
        return err_set(err, ST_MODEL, "the model has no nodes");
    if (opset < 0)
        return err_set(err, ST_MODEL, "the model does not say which operator set it uses");
    if (opset < 7 || opset > 1000)
        return err_set(err, ST_UNSUPPORTED, "operator set %lld (7 and later can be read)",
                       (long long)opset);
    l->opset = (int)opset;
    for (size_t i = 0; i < l->g->n_output; i++)
        if (*strmap_put(&l->outputs, onx_str(l->g->output[i]->name), (int64_t)i) != (int64_t)i)
            return err_set(err, ST_MODEL, "two outputs of the graph are named '%s'",
                           onx_str(l->g->output[i]->name));
    return ST_OK;
}

static enum status load_all(struct onx_loader *l, struct err *err)
{
    TRY(check_header(l, err));
    graph_edit_set_name(l->e, onx_str(l->g->name));
    graph_edit_set_opset(l->e, l->opset < 13 ? 13 : l->opset);
    l->folded = x_calloc(l->g->n_node, sizeof *l->folded);
    TRY(load_initializers(l, err));
    TRY(load_inputs(l, err));
    odd_constants(l);
    TRY(onx_fold(l, err));
    TRY(declare_outputs(l, err));
    TRY(load_nodes(l, err));
    TRY(load_outputs(l, err));
    settle_types(l);
    for (size_t i = 0; i < l->nodes.n; i++) {
        graph_edit_add(l->e, l->nodes.at[i]);
        l->nodes.at[i] = NULL;
    }
    graph_edit_set_origin(l->e, onx_origin_ref(l->origin), onx_origin_unref);
    return ST_OK;
}

static enum status load_origin(struct graph **out, struct onx_origin *o, struct err *err)
{
    struct onx_loader l = {.origin = o, .g = o->model->graph, .e = graph_edit_new(NULL)};
    enum status st = load_all(&l, err);
    if (st == ST_OK)
        st = graph_edit_freeze(l.e, out, err);
    else
        graph_edit_free(l.e);
    for (size_t i = 0; i < l.nodes.n; i++)
        node_free(l.nodes.at[i]);
    for (size_t i = 0; i < l.values.n; i++)
        tensor_unref(l.values.at[i].tensor);
    vec_done(&l.nodes);
    vec_done(&l.values);
    strmap_done(&l.names);
    strmap_done(&l.outputs);
    strmap_done(&l.symbols);
    free(l.folded);
    free(l.opaque);
    return st;
}

enum status onx_load_bytes(struct graph **out, const unsigned char *bytes, size_t size,
                           const char *dir_of_external_data, struct err *err)
{
    struct onx_origin *o;
    TRY(onx_parse(&o, bytes, size, err));
    enum status st = onx_read_external(o->model, dir_of_external_data, err);
    if (st == ST_OK)
        st = load_origin(out, o, err);
    onx_origin_unref(o);
    return st;
}

enum status onx_load(struct graph **out, const char *path, struct err *err)
{
    struct onx_origin *o;
    TRY(onx_parse_file(&o, path, err));
    enum status st = load_origin(out, o, err);
    onx_origin_unref(o);
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}
