/* Writing and checking. The bytes are streamed; the values of a recipe exist only while they are
 * written. */
#include "onx/onx_priv.h"

#include "base/file.h"
#include "onx/onx_shim.h"

#include <errno.h>

struct sink {
    ProtobufCBuffer base; /* first: protobuf-c gives this back to append() */
    FILE *f;              /* or, when NULL, into `bytes` */
    unsigned char *bytes;
    size_t n, cap;
    const struct onx_build *b;
    int error; /* errno of the first failure */
};

static void put(struct sink *s, const void *data, size_t n)
{
    if (s->error || n == 0)
        return;
    errno = 0;
    if (s->f) {
        if (fwrite(data, 1, n, s->f) != n)
            s->error = errno ? errno : EIO;
    } else if (n > s->cap - s->n) {
        s->error = EOVERFLOW; /* more than the size that was computed */
    } else {
        memcpy(s->bytes + s->n, data, n);
        s->n += n;
    }
}

static void append(ProtobufCBuffer *buffer, size_t n, const uint8_t *data)
{
    struct sink *s = (struct sink *)buffer;
    uintptr_t at = (uintptr_t)data, mark = s->b ? (uintptr_t)s->b->mark : 0;
    if (!s->b || !s->b->n_recipe || at < mark || at >= mark + s->b->n_recipe) {
        put(s, data, n);
        return;
    }
    const struct tensor *t = s->b->recipe[at - mark];
    unsigned char *values = x_try_calloc(1, n);
    if (!values || n != tensor_size(t)) {
        s->error = ENOMEM;
        free(values);
        return;
    }
    tensor_read(t, values);
    put(s, values, n);
    free(values);
}

static enum status packed_size(const Onnx__ModelProto *m, size_t *size, struct err *err)
{
    *size = onnx__model_proto__get_packed_size(m);
    if (*size > ONX_MAX_BYTES)
        return err_set(err, ST_UNSUPPORTED, "%.1f GB: larger than 2 GiB, the limit of the format",
                       (double)*size * 1e-9);
    return ST_OK;
}

enum status onx_pack(const Onnx__ModelProto *m, const struct onx_build *b, unsigned char **bytes,
                     size_t *size, struct err *err)
{
    struct sink s = {.base = {.append = append}, .b = b};
    TRY(packed_size(m, &s.cap, err));
    s.bytes = x_try_calloc(1, s.cap + 1);
    if (!s.bytes)
        return err_set(err, ST_UNSUPPORTED, "does not fit in memory");
    protobuf_c_message_pack_to_buffer(&m->base, &s.base);
    if (s.error) {
        free(s.bytes);
        return err_set(err, ST_INTERNAL, "cannot pack the model: %s", strerror(s.error));
    }
    *bytes = s.bytes;
    *size = s.n;
    return ST_OK;
}

enum status onx_save_bytes(const struct graph *g, unsigned char **bytes, size_t *size,
                           struct err *err)
{
    struct onx_build b;
    TRY(onx_build(&b, g, INT32_MAX, err));
    enum status st = onx_pack(b.model, &b, bytes, size, err);
    onx_build_done(&b);
    return st;
}

static enum status write_model(const struct onx_build *b, const char *path, struct err *err)
{
    struct file_writer w;
    size_t size;
    TRY(packed_size(b->model, &size, err));
    TRY(file_writer_open(&w, path, err));
    struct sink s = {.base = {.append = append}, .f = w.f, .b = b};
    protobuf_c_message_pack_to_buffer(&b->model->base, &s.base);
    if (s.error) {
        file_writer_discard(&w);
        return err_set(err, ST_IO, "cannot write: %s", strerror(s.error));
    }
    return file_writer_commit(&w, err);
}

enum status onx_save(const struct graph *g, const char *path, struct err *err)
{
    struct onx_build b;
    enum status st = onx_build(&b, g, INT32_MAX, err);
    if (st == ST_OK) {
        st = write_model(&b, path, err);
        onx_build_done(&b);
    }
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}

/* ---- libonnx ---- */

/* What stays in the copy for libonnx: shapes, axes, scales and the like. */
#define SMALL_TENSOR 1024

static Onnx__ValueInfoProto *input_like(struct onx_arena *a, const Onnx__TensorProto *t, char *name)
{
    Onnx__ValueInfoProto *v = onx_alloc(a, 1, sizeof *v);
    Onnx__TypeProto *type = onx_alloc(a, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tt = onx_alloc(a, 1, sizeof *tt);
    Onnx__TensorShapeProto *shape = onx_alloc(a, 1, sizeof *shape);
    *v = (Onnx__ValueInfoProto)ONNX__VALUE_INFO_PROTO__INIT;
    *type = (Onnx__TypeProto)ONNX__TYPE_PROTO__INIT;
    *tt = (Onnx__TypeProto__Tensor)ONNX__TYPE_PROTO__TENSOR__INIT;
    *shape = (Onnx__TensorShapeProto)ONNX__TENSOR_SHAPE_PROTO__INIT;
    v->name = name;
    v->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tt;
    tt->has_elem_type = 1;
    tt->elem_type = t->data_type;
    tt->shape = shape;
    shape->dim = onx_alloc(a, t->n_dims + 1, sizeof *shape->dim);
    for (; shape->n_dim < t->n_dims; shape->n_dim++) {
        Onnx__TensorShapeProto__Dimension *d = onx_alloc(a, 1, sizeof *d);
        *d = (Onnx__TensorShapeProto__Dimension)ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT;
        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        d->dim_value = t->dims[shape->n_dim];
        shape->dim[shape->n_dim] = d;
    }
    return v;
}

static const Onnx__TensorProto *big_constant(const Onnx__NodeProto *n)
{
    if (strcmp(onx_str(n->op_type), "Constant") != 0 || !onx_default_domain(n->domain) ||
        n->n_attribute != 1 || n->n_output != 1 || !n->attribute[0]->t)
        return NULL;
    return onx_tensor_bytes(n->attribute[0]->t) > SMALL_TENSOR ? n->attribute[0]->t : NULL;
}

Onnx__ModelProto *onx_trimmed(struct onx_arena *a, const Onnx__ModelProto *m)
{
    const Onnx__GraphProto *from = m->graph;
    Onnx__ModelProto *r = onx_alloc(a, 1, sizeof *r);
    Onnx__GraphProto *g = onx_alloc(a, 1, sizeof *g);
    struct strmap inputs = {0}, outputs = {0};
    *r = *m;
    *g = *from;
    r->graph = g;
    r->n_training_info = 0;
    g->n_initializer = g->n_node = 0;
    g->initializer = onx_alloc(a, from->n_initializer + 1, sizeof *g->initializer);
    g->node = onx_alloc(a, from->n_node + 1, sizeof *g->node);
    g->input =
        onx_alloc(a, from->n_input + from->n_initializer + from->n_node + 1, sizeof *g->input);
    for (size_t i = 0; i < from->n_input; i++) {
        g->input[i] = from->input[i];
        strmap_put(&inputs, onx_str(from->input[i]->name), 1);
    }
    for (size_t i = 0; i < from->n_output; i++)
        strmap_put(&outputs, onx_str(from->output[i]->name), 1);
    for (size_t i = 0; i < from->n_initializer; i++) {
        Onnx__TensorProto *t = from->initializer[i];
        bool listed = strmap_get(&inputs, onx_str(t->name)) != NULL;
        if (onx_tensor_bytes(t) <= SMALL_TENSOR || !t->name || (!listed && m->ir_version < 4))
            g->initializer[g->n_initializer++] = t;
        else if (!listed)
            g->input[g->n_input++] = input_like(a, t, t->name);
    }
    for (size_t i = 0; i < from->n_node; i++) {
        const Onnx__TensorProto *t = big_constant(from->node[i]);
        if (t && !strmap_get(&outputs, from->node[i]->output[0]))
            g->input[g->n_input++] = input_like(a, t, from->node[i]->output[0]);
        else
            g->node[g->n_node++] = from->node[i];
    }
    strmap_done(&inputs);
    strmap_done(&outputs);
    return r;
}

static enum status check_model(const Onnx__ModelProto *m, const struct onx_build *b, bool trusted,
                               struct err *err)
{
    struct onx_arena arena = {0};
    unsigned char *bytes = NULL;
    size_t size;
    char msg[200] = "";
    enum status st = onx_guard(m, err);
    if (st == ST_OK)
        st = onx_pack(onx_trimmed(&arena, m), b, &bytes, &size, err);
    if (st == ST_OK) {
        int bad = trusted ? onx_shim_check(bytes, size, msg, sizeof msg)
                          : onx_child_check(bytes, size, msg, sizeof msg);
        if (bad)
            st = err_set(err, bad == 1 ? ST_MODEL : ST_INTERNAL, "libonnx: %s", msg);
    }
    free(bytes);
    onx_arena_done(&arena);
    return st;
}

/* Whether shape_infer has seen all that libonnx will look at. */
static bool is_trusted(const struct graph *g)
{
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        const struct node *n = graph_node(g, id);
        if (n && n->op == OP_OPAQUE)
            return false;
    }
    return !graph_is_untouched(g);
}

enum status onx_check(const struct graph *g, struct err *err)
{
    struct onx_build b;
    TRY(onx_build(&b, g, ONX_MAX_OPSET, err));
    enum status st = check_model(b.model, &b, is_trusted(g), err);
    onx_build_done(&b);
    return st;
}

enum status onx_check_file(const char *path, struct err *err)
{
    struct onx_origin *o;
    TRY(onx_parse_file(&o, path, err));
    enum status st = check_model(o->model, NULL, false, err);
    onx_origin_unref(o);
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}
