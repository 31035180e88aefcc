/* Node construction and reading; ownership is told in graph.h. */
#include "graph/graph.h"
#include "graph/graph_priv.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct node *node_new(enum op op, const char *name)
{
    struct node *n = x_calloc(1, sizeof *n);
    n->refs = 1;
    n->op = op;
    n->name = x_strdup(name);
    return n;
}

static char *dup_or_null(const char *s)
{
    return s ? x_strdup(s) : NULL;
}

/* Arrays have room for the next power of two elements, so appending k elements costs O(k). */
static size_t room_for(int n)
{
    size_t cap = 1;
    while (cap < (size_t)n)
        cap *= 2;
    return cap;
}

static void *grown(void *array, int n, size_t size)
{
    if (array && (size_t)n < room_for(n))
        return array;
    return x_reallocarray(array, room_for(n + 1), size);
}

static void *copied(const void *array, int n, size_t size)
{
    void *copy = x_calloc(room_for(n), size);
    if (n)
        memcpy(copy, array, (size_t)n * size);
    return copy;
}

struct node *node_clone(const struct node *n)
{
    struct node *c = x_calloc(1, sizeof *c);
    c->refs = 1; /* other threads may be counting n's: its members are copied one by one */
    c->op = n->op;
    c->n_in = n->n_in;
    c->n_implicit = n->n_implicit;
    c->n_out = n->n_out;
    c->n_attr = n->n_attr;
    c->name = x_strdup(n->name);
    c->op_type = dup_or_null(n->op_type);
    c->domain = dup_or_null(n->domain);
    c->doc = dup_or_null(n->doc);
    c->in = copied(n->in, n->n_in, sizeof *n->in);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].tensor)
            tensor_ref(n->in[i].tensor);
    c->out = copied(n->out, n->n_out, sizeof *n->out);
    for (int i = 0; i < n->n_out; i++)
        c->out[i].name = x_strdup(n->out[i].name);
    c->attr = copied(n->attr, n->n_attr, sizeof *n->attr);
    for (int i = 0; i < n->n_attr; i++) {
        struct node_attr *a = &c->attr[i];
        a->name = x_strdup(a->name);
        if (a->data)
            a->data = x_memdup(a->data, attr_bytes(a));
    }
    return c;
}

/* Bytes behind attr->data; strings and blobs keep a NUL behind their end. */
size_t attr_bytes(const struct node_attr *a)
{
    switch (a->kind) {
    case ATTR_INTS:
        return a->n * sizeof(int64_t);
    case ATTR_FLOATS:
        return a->n * sizeof(float);
    case ATTR_STRING:
    case ATTR_BLOB:
        return a->n + 1;
    default:
        return 0;
    }
}

void node_free(struct node *n)
{
    if (!n)
        return;
    for (int i = 0; i < n->n_in; i++)
        tensor_unref(n->in[i].tensor);
    for (int i = 0; i < n->n_out; i++)
        free(n->out[i].name);
    for (int i = 0; i < n->n_attr; i++) {
        free(n->attr[i].name);
        free(n->attr[i].data);
    }
    free(n->in);
    free(n->out);
    free(n->attr);
    free(n->name);
    free(n->op_type);
    free(n->domain);
    free(n->doc);
    free(n);
}

static void add_in(struct node *n, struct node_input in)
{
    n->in = grown(n->in, n->n_in, sizeof *n->in);
    n->in[n->n_in++] = in;
}

void node_add_input(struct node *n, int32_t producer, int32_t port)
{
    add_in(n, (struct node_input){.node = producer, .port = producer < 0 ? 0 : port});
}

void node_add_const(struct node *n, struct tensor *t)
{
    add_in(n, (struct node_input){.node = IN_CONST, .tensor = t});
}

void node_set_input(struct node *n, int i, int32_t producer, int32_t port, struct tensor *tensor)
{
    tensor_unref(n->in[i].tensor);
    n->in[i] = tensor ? (struct node_input){.node = IN_CONST, .tensor = tensor}
                      : (struct node_input){.node = producer, .port = producer < 0 ? 0 : port};
}

void node_add_output(struct node *n, const char *name)
{
    n->out = grown(n->out, n->n_out, sizeof *n->out);
    n->out[n->n_out++] = (struct node_output){.name = x_strdup(name), .type = ttype_unknown()};
}

void node_set_name(struct node *n, const char *name)
{
    char *copy = x_strdup(name);
    free(n->name);
    n->name = copy;
}

static int attr_index(const struct node *n, const char *name)
{
    for (int i = 0; i < n->n_attr; i++)
        if (strcmp(n->attr[i].name, name) == 0)
            return i;
    return -1;
}

/* The attribute of this name with its old value released, in place or appended. */
static struct node_attr *attr_slot(struct node *n, const char *name, enum attr_kind kind)
{
    int i = attr_index(n, name);
    if (i < 0) {
        n->attr = grown(n->attr, n->n_attr, sizeof *n->attr);
        i = n->n_attr++;
        n->attr[i] = (struct node_attr){.name = x_strdup(name)};
    }
    struct node_attr *a = &n->attr[i];
    free(a->data);
    *a = (struct node_attr){.name = a->name, .kind = kind};
    return a;
}

void node_set_int(struct node *n, const char *attr, int64_t v)
{
    attr_slot(n, attr, ATTR_INT)->i = v;
}

void node_set_float(struct node *n, const char *attr, float v)
{
    attr_slot(n, attr, ATTR_FLOAT)->f = v;
}

static void set_bytes(struct node *n, const char *attr, enum attr_kind kind, const void *v,
                      size_t len)
{
    char *copy = x_malloc(len + 1);
    if (len)
        memcpy(copy, v, len);
    copy[len] = '\0';
    struct node_attr *a = attr_slot(n, attr, kind);
    a->data = copy;
    a->n = len;
}

void node_set_string(struct node *n, const char *attr, const char *v, size_t len)
{
    set_bytes(n, attr, ATTR_STRING, v, len);
}

void node_set_blob(struct node *n, const char *attr, const void *v, size_t len)
{
    set_bytes(n, attr, ATTR_BLOB, v, len);
}

static void set_array(struct node *n, const char *attr, enum attr_kind kind, const void *v,
                      size_t count, size_t size)
{
    void *copy = x_memdup(v, count * size);
    struct node_attr *a = attr_slot(n, attr, kind);
    a->data = copy;
    a->n = count;
}

void node_set_ints(struct node *n, const char *attr, const int64_t *v, size_t count)
{
    set_array(n, attr, ATTR_INTS, v, count, sizeof *v);
}

void node_set_floats(struct node *n, const char *attr, const float *v, size_t count)
{
    set_array(n, attr, ATTR_FLOATS, v, count, sizeof *v);
}

void node_remove_attr(struct node *n, const char *attr)
{
    int i = attr_index(n, attr);
    if (i < 0)
        return;
    free(n->attr[i].name);
    free(n->attr[i].data);
    memmove(&n->attr[i], &n->attr[i + 1], (size_t)(n->n_attr - i - 1) * sizeof *n->attr);
    n->n_attr--;
}

const struct node_attr *node_attr(const struct node *n, const char *name)
{
    int i = attr_index(n, name);
    return i < 0 ? NULL : &n->attr[i];
}

int64_t node_int(const struct node *n, const char *attr, int64_t fallback)
{
    const struct node_attr *a = node_attr(n, attr);
    return a && a->kind == ATTR_INT ? a->i : fallback;
}

float node_float(const struct node *n, const char *attr, float fallback)
{
    const struct node_attr *a = node_attr(n, attr);
    return a && a->kind == ATTR_FLOAT ? a->f : fallback;
}

const char *node_string(const struct node *n, const char *attr, const char *fallback)
{
    const struct node_attr *a = node_attr(n, attr);
    return a && a->kind == ATTR_STRING ? a->data : fallback;
}

int64_t node_ints_at(const struct node *n, const char *attr, size_t i, int64_t fallback)
{
    const struct node_attr *a = node_attr(n, attr);
    return a && a->kind == ATTR_INTS && i < a->n ? ((const int64_t *)a->data)[i] : fallback;
}

const struct tensor *node_const(const struct node *n, int i)
{
    return i < n->n_in && n->in[i].node == IN_CONST ? n->in[i].tensor : NULL;
}

const char *node_label(const struct node *n)
{
    return n->name[0] ? n->name : n->n_out ? n->out[0].name : node_op_type(n);
}

const char *node_op_type(const struct node *n)
{
    if (n->op_type)
        return n->op_type;
    const struct op_info *info = op_info(n->op);
    return info->onnx[0] ? info->onnx : info->cg;
}

bool node_is_depthwise(const struct node *n)
{
    const struct tensor *w = n->op == OP_CONV ? node_const(n, 1) : NULL;
    int64_t group = node_int(n, "group", 1);
    return w && group > 1 && tensor_type(w)->rank >= 2 && tensor_type(w)->dim[1] == 1;
}

/* Clip(0, 6): absent bounds are no bounds. */
static bool is_relu6(const struct node *n)
{
    const struct tensor *lo = node_const(n, 1), *hi = node_const(n, 2);
    return n->op == OP_CLIP && lo && hi && tensor_num_at(lo, 0, -1) == 0 &&
           tensor_num_at(hi, 0, -1) == 6;
}

const char *node_cg_name(const struct node *n)
{
    if (node_is_depthwise(n))
        return "depthwise";
    if (is_relu6(n))
        return "relu6";
    if (n->op == OP_GLOBALAVG)
        return "mean";
    return op_info(n->op)->cg;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool node_same_op(const struct node *a, const struct node *b)
{
    return a->op == b->op && same_text(node_op_type(a), node_op_type(b)) &&
           same_text(a->domain, b->domain);
}

bool node_same_attrs(const struct node *a, const struct node *b)
{
    if (a->n_attr != b->n_attr)
        return false;
    for (int i = 0; i < a->n_attr; i++) {
        const struct node_attr *x = &a->attr[i], *y = node_attr(b, x->name);
        if (!y || x->kind != y->kind || x->n != y->n || x->i != y->i ||
            memcmp(&x->f, &y->f, sizeof x->f) != 0)
            return false;
        if (x->data && memcmp(x->data, y->data, attr_bytes(x)) != 0)
            return false;
    }
    return true;
}
