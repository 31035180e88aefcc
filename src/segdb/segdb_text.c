/* Fragments to text. Only the architecture is written: kernels become He recipes, biases and
 * normalisation parameters their initial values, so equal architectures give equal text wherever
 * their weights came from. Constants that are parameters of the computation (shapes, axes,
 * scales) keep their values. */
#include "segdb/segdb_priv.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_VALUES = 64 };

void segdb_text_number(struct str *out, double v, bool is_double)
{
    char buf[40];
    if (isnan(v)) {
        str_add(out, "nan");
        return;
    }
    if (isinf(v)) {
        str_add(out, v < 0 ? "-inf" : "inf");
        return;
    }
    /* The shortest text that reads back as the same number. */
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, v);
        double back = strtod(buf, NULL);
        if (is_double ? back == v : (float)back == (float)v)
            break;
    }
    for (char *p = buf; *p; p++)
        if (*p == ',')
            *p = '.';
    str_add(out, buf);
}

/* Most of a text is small integers, and mining writes millions of texts. */
static void add_int(struct str *out, int64_t v)
{
    char buf[24], *p = buf + sizeof buf;
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    str_add_n(out, p, (size_t)(buf + sizeof buf - p));
}

/* Names and strings: everything but letters, digits and "_-" as %XX. */
static void write_word(struct str *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '_' || c == '-')
            str_add_char(out, (char)c);
        else
            str_addf(out, "%%%02X", c);
    }
}

/* ---- types ---- */

int64_t segdb_text_batch(const struct graph *g)
{
    int n;
    const int32_t *in = graph_inputs(g, &n);
    for (int i = 0; i < n; i++) {
        const struct node *nd = graph_node(g, in[i]);
        if (nd->n_out && nd->out[0].type.rank >= 2)
            return nd->out[0].type.dim[0];
    }
    return DIM_UNKNOWN;
}

/* Half octaves below the widest. One channel alone is broadcast, or an image in grey. */
static void write_width(struct str *out, int64_t d, const struct segdb_scale *s)
{
    if (d > 1)
        str_addf(out, "w%ld", lround(2 * log2((double)s->widest / (double)d)));
    else
        add_int(out, d);
}

static void write_dim(struct str *out, const struct ttype *t, int i, const struct segdb_scale *s)
{
    int64_t d = t->dim[i];
    if (i == 0 && t->rank >= 2 && d == s->batch)
        str_add_char(out, 'N');
    else if (d < 0)
        str_add_char(out, '?');
    else if (s->free && i >= 2 && d > 1) /* one element differs from more: it is broadcast */
        str_add_char(out, '*');
    else if (s->free && i == 1)
        write_width(out, d, s);
    else
        add_int(out, d);
}

/* The type of a value. */
static void write_type(struct str *out, const struct ttype *t, const struct segdb_scale *s)
{
    str_add(out, dtype_name(t->dtype));
    if (t->rank < 0)
        return;
    str_add_char(out, '[');
    for (int i = 0; i < t->rank; i++) {
        if (i)
            str_add_char(out, ',');
        write_dim(out, t, i, s);
    }
    str_add_char(out, ']');
}

static void write_const_type(struct str *out, const struct ttype *t)
{
    const struct segdb_scale literal = {.batch = INT64_MIN};
    write_type(out, t, &literal);
}

/* Free of scale: sizes that follow from the values around are left out. */
static void write_learnt(struct str *out, const struct node *n, const struct ttype *t)
{
    bool implied =
        n->op == OP_CONV || n->op == OP_CONVT || n->op == OP_BATCHNORM || n->op == OP_INSTANCENORM;
    str_addf(out, "%s[", dtype_name(t->dtype));
    for (int i = 0; i < t->rank; i++) {
        if (i)
            str_add_char(out, ',');
        if (implied && i >= 2) /* the window, which need not be an attribute */
            add_int(out, t->dim[i]);
        else
            str_add_char(out, implied ? '_' : t->dim[i] == 1 ? '1' : '*');
    }
    str_add_char(out, ']');
}

/* ---- constants ---- */

static int64_t fan_in(const struct node *n, const struct ttype *t)
{
    int64_t fan = 1; /* a factor of the element count, which was found not to overflow */
    if (n->op == OP_GEMM && t->rank == 2)
        return node_int(n, "transB", 0) ? t->dim[1] : t->dim[0];
    if (n->op == OP_MATMUL)
        return t->rank >= 2 ? t->dim[t->rank - 2] : t->rank == 1 ? t->dim[0] : 1;
    for (int i = n->op == OP_CONVT ? 2 : 1; i < t->rank; i++)
        fan *= t->dim[i] > 0 ? t->dim[i] : 1;
    if (n->op == OP_CONVT && t->rank > 0)
        fan *= t->dim[0] / (node_int(n, "group", 1) > 0 ? node_int(n, "group", 1) : 1);
    return fan > 0 ? fan : 1;
}

bool segdb_param(const struct node *n, int port, const struct ttype *t, struct segdb_param *out)
{
    const struct op_info *info = op_info(n->op);
    *out = (struct segdb_param){0};
    if (t->dtype != DT_FLOAT && t->dtype != DT_DOUBLE)
        return false;
    if (info->weighted && port <= 1 && t->dtype == DT_FLOAT) {
        out->he = true;
        out->fan_in = fan_in(n, t);
    } else if (info->cost == COST_NORM && port >= 1) {
        out->fill = port == 1 || port == 4; /* scale and variance; else shift and mean */
    } else if (n->op == OP_PRELU && port == 1) {
        out->fill = 0.25;
    } else if (!info->weighted || port != 2) {
        return false;
    }
    return true;
}

static bool is_integer(int dtype)
{
    return (dtype >= DT_UINT8 && dtype <= DT_INT64) || dtype == DT_BOOL || dtype == DT_UINT32;
}

static void write_element(struct str *out, const struct tensor *t, int64_t i)
{
    int dtype = tensor_type(t)->dtype;
    if (is_integer(dtype))
        add_int(out, tensor_int_at(t, i, 0));
    else
        segdb_text_number(out, tensor_num_at(t, i, 0), dtype == DT_DOUBLE);
}

static bool all_equal(const struct tensor *t)
{
    int64_t n = tensor_count(t);
    double first = tensor_num_at(t, 0, 0);
    for (int64_t i = 1; i < n && tensor_kind(t) != TENSOR_FILL; i++)
        if (!(tensor_num_at(t, i, 0) == first))
            return false;
    return true;
}

static enum status write_const(struct str *out, const struct node *n, int port,
                               const struct tensor *t, bool free_of_scale, struct err *err)
{
    const struct ttype *type = tensor_type(t);
    int64_t count = tensor_count(t);
    struct segdb_param p;
    if (segdb_param(n, port, type, &p)) {
        if (free_of_scale)
            write_learnt(out, n, type);
        else
            write_const_type(out, type);
        return ST_OK;
    }
    write_const_type(out, type);
    bool values = is_integer(type->dtype) || type->dtype == DT_FLOAT || type->dtype == DT_DOUBLE;
    if (!values || count < 0)
        return err_set(err, ST_UNSUPPORTED, "node '%s' (%s): a constant of type %s", node_label(n),
                       node_op_type(n), dtype_name(type->dtype));
    if (tensor_kind(t) == TENSOR_HE) {
        str_addf(out, "=he:%" PRId64, tensor_fan_in(t));
    } else if (count > 1 && all_equal(t)) {
        str_add(out, "=fill:");
        write_element(out, t, 0);
    } else if (count <= MAX_VALUES) {
        str_add(out, "=v:");
        for (int64_t i = 0; i < count; i++) {
            if (i)
                str_add_char(out, ',');
            write_element(out, t, i);
        }
    } else if (type->dtype == DT_FLOAT) {
        /* A learnt vector beside the table's parameters (a scale or a shift). */
        str_add(out, n->op == OP_MUL || n->op == OP_DIV ? "=fill:1" : "=fill:0");
    } else {
        return err_set(err, ST_UNSUPPORTED, "node '%s' (%s): a constant of %" PRId64 " values",
                       node_label(n), node_op_type(n), count);
    }
    return ST_OK;
}

/* ---- attributes ---- */

static int by_name(const void *a, const void *b)
{
    const struct node_attr *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static enum status write_attr(struct str *out, const struct node *n, const struct node_attr *a,
                              struct err *err)
{
    str_add_char(out, ' ');
    write_word(out, a->name, strlen(a->name));
    str_add_char(out, '=');
    switch (a->kind) {
    case ATTR_INT:
        str_add_char(out, 'i');
        add_int(out, a->i);
        break;
    case ATTR_FLOAT:
        str_add_char(out, 'f');
        segdb_text_number(out, (double)a->f, false);
        break;
    case ATTR_STRING:
        str_add_char(out, 's');
        write_word(out, a->data, a->n);
        break;
    case ATTR_INTS:
        str_add_char(out, 'I');
        for (size_t i = 0; i < a->n; i++) {
            str_add(out, i ? "," : "");
            add_int(out, ((const int64_t *)a->data)[i]);
        }
        break;
    case ATTR_FLOATS:
        str_add_char(out, 'F');
        for (size_t i = 0; i < a->n; i++) {
            if (i)
                str_add_char(out, ',');
            segdb_text_number(out, (double)((const float *)a->data)[i], false);
        }
        break;
    default:
        return err_set(err, ST_UNSUPPORTED, "node '%s' (%s): attribute %s", node_label(n),
                       node_op_type(n), a->name);
    }
    return ST_OK;
}

/* Numbers that steer training and rounding, not the architecture: families differ in them. */
static bool is_fine_print(const struct node *n, const struct node_attr *a)
{
    return op_info(n->op)->cost == COST_NORM &&
           (!strcmp(a->name, "epsilon") || !strcmp(a->name, "momentum"));
}

static enum status write_head(struct str *out, const struct node *n, bool free_of_scale,
                              struct err *err)
{
    if (n->op == OP_OPAQUE || n->domain || n->n_implicit)
        return err_set(err, ST_UNSUPPORTED, "node '%s' (%s) is opaque", node_label(n),
                       node_op_type(n));
    str_add(out, n->op == OP_INPUT    ? "input"
                 : n->op == OP_OUTPUT ? "output"
                                      : op_info(n->op)->onnx);
    const struct node_attr **a = x_calloc((size_t)n->n_attr + 1, sizeof *a);
    for (int i = 0; i < n->n_attr; i++)
        a[i] = &n->attr[i];
    qsort(a, (size_t)n->n_attr, sizeof *a, by_name);
    enum status st = ST_OK;
    for (int i = 0; i < n->n_attr && st == ST_OK; i++) {
        if (free_of_scale && is_fine_print(n, a[i]))
            continue;
        if (free_of_scale && !strcmp(a[i]->name, "group") && node_is_depthwise(n))
            str_add(out, " group=depthwise");
        else
            st = write_attr(out, n, a[i], err);
    }
    free(a);
    return st;
}

static void write_outputs(struct str *out, const struct graph *g, const struct node *n,
                          const struct segdb_scale *scale)
{
    const struct ttype *first = NULL;
    for (int i = 0; i < n->n_in && !first; i++)
        if (n->in[i].node >= 0)
            first = graph_input_type(g, n, i);
    str_add(out, " >");
    for (int i = 0; i < n->n_out; i++) {
        str_add_char(out, ' ');
        if (!scale->free && n->out[i].name[0] && first && ttype_equal(first, &n->out[i].type))
            str_add_char(out, '=');
        else if (n->out[i].name[0])
            write_type(out, &n->out[i].type, scale);
        else
            str_add_char(out, '-');
    }
}

/* ---- whole fragments ---- */

enum status segdb_text_write(const struct graph *g, struct str *out, struct err *err)
{
    const int32_t *topo = graph_topo(g);
    const struct segdb_scale literal = {.batch = segdb_text_batch(g)};
    str_addf(out, "autogo-segment %d %d\n", SEGDB_VERSION, graph_opset(g));
    for (int k = 0; k < graph_n_nodes(g); k++) {
        const struct node *n = graph_node(g, topo[k]);
        TRY(write_head(out, n, false, err));
        str_add(out, " <");
        for (int i = 0; i < n->n_in; i++) {
            str_add_char(out, ' ');
            if (n->in[i].node >= 0) {
                add_int(out, graph_topo_pos(g, n->in[i].node));
                str_add_char(out, '.');
                add_int(out, n->in[i].port);
            } else if (n->in[i].node == IN_CONST)
                TRY(write_const(out, n, i, n->in[i].tensor, false, err));
            else
                str_add_char(out, '-');
        }
        write_outputs(out, g, n, &literal);
        str_add_char(out, '\n');
    }
    return ST_OK;
}

static int by_text(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

enum status segdb_text_label(const struct graph *g, int32_t id, const struct segdb_scale *scale,
                             struct str *out, struct err *err)
{
    const struct node *n = graph_node(g, id);
    TRY(write_head(out, n, scale->free, err));
    VEC(char *) part = {0};
    enum status st = ST_OK;
    for (int i = 0; i < n->n_in && st == ST_OK; i++) {
        struct str s = {0};
        if (n->in[i].node >= 0)
            str_add_char(&s, '*');
        else if (n->in[i].node == IN_CONST)
            st = write_const(&s, n, i, n->in[i].tensor, scale->free, err);
        else
            str_add_char(&s, '-');
        vec_push(&part, str_take(&s));
    }
    if (op_info(n->op)->commutative && part.n > 1)
        qsort(part.at, part.n, sizeof *part.at, by_text);
    str_add(out, " <");
    for (size_t i = 0; i < part.n; i++) {
        str_addf(out, " %s", part.at[i]);
        free(part.at[i]);
    }
    vec_done(&part);
    write_outputs(out, g, n, scale);
    return st;
}

void segdb_text_ops(const struct graph *g, struct str *out)
{
    const int32_t *topo = graph_topo(g);
    bool first = true;
    for (int k = 0; k < graph_n_nodes(g); k++) {
        const struct node *n = graph_node(g, topo[k]);
        struct window w;
        if (n->op == OP_INPUT || n->op == OP_OUTPUT)
            continue;
        if (!first)
            str_add_char(out, ' ');
        first = false;
        str_add(out, node_op_type(n));
        if (node_window(n, &w))
            str_addf(out, "%" PRId64 "x%" PRId64 "%s", w.kernel[0], w.kernel[1],
                     node_is_depthwise(n) ? "dw"
                     : w.group > 1        ? "g"
                                          : "");
    }
}
