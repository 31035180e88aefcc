/* Text to fragments. The text may come from a damaged or foreign database, so everything in it is
 * checked: counts, ranges, sizes, references (to earlier lines only, so there are no cycles). */
#include "segdb/segdb_priv.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_LINE_WORDS = 20000, MAX_VALUES = 4096, MAX_LINES = 100000 };
#define MAX_DIM ((int64_t)1 << 40)

struct reader {
    struct graph_edit *e;
    int line; /* nodes read so far */
    int batch;
    VEC(int) n_out;     /* outputs of each node */
    struct strmap stem; /* names begin with it -> how many */
    struct err *err;
};

static enum status bad(struct reader *r, const char *what)
{
    return err_set(r->err, ST_MODEL, "segment text, line %d: %s", r->line + 2, what);
}

/* Splits off the part of *s up to `sep`; NULL at the end. Cuts the string in place. */
static char *cut(char **s, char sep)
{
    char *p = *s;
    if (!p)
        return NULL;
    char *q = strchr(p, sep);
    *s = q ? q + 1 : NULL;
    if (q)
        *q = 0;
    return p;
}

static bool read_number(const char *s, double *out)
{
    if (!strcmp(s, "inf") || !strcmp(s, "-inf"))
        *out = s[0] == '-' ? -INFINITY : INFINITY;
    else if (!strcmp(s, "nan"))
        *out = NAN;
    else
        return str_to_double(s, out);
    return true;
}

/* Undoes %XX in place; false when malformed. *n: bytes (the text may hold NULs). */
static bool unescape(char *s, size_t *n)
{
    char *to = s;
    for (const char *p = s; *p; p++) {
        unsigned byte;
        if (*p != '%') {
            *to++ = *p;
            continue;
        }
        if (!strchr("0123456789ABCDEF", p[1] ? p[1] : '?') ||
            !strchr("0123456789ABCDEF", p[2] ? p[2] : '?') || sscanf(p + 1, "%2X", &byte) != 1)
            return false;
        *to++ = (char)byte;
        p += 2;
    }
    *n = (size_t)(to - s);
    *to = 0;
    return true;
}

/* ---- types and constants ---- */

static bool read_dtype(const char *s, uint8_t *out)
{
    for (int d = DT_UNDEFINED; d <= DT_BFLOAT16; d++)
        if (!strcmp(s, dtype_name(d))) {
            *out = (uint8_t)d;
            return true;
        }
    return false;
}

/* "float[N,64,?]" or "float" (shape unknown). */
static bool read_type(const struct reader *r, char *s, struct ttype *t)
{
    *t = ttype_unknown();
    char *dims = strchr(s, '[');
    if (dims) {
        size_t n = strlen(dims);
        if (dims[n - 1] != ']')
            return false;
        dims[n - 1] = 0;
        *dims++ = 0;
        t->rank = 0;
    }
    if (!read_dtype(s, &t->dtype))
        return false;
    if (!dims || !*dims)
        return true;
    for (char *d; (d = cut(&dims, ','));) {
        int64_t v;
        if (t->rank == TTYPE_MAX_RANK)
            return false;
        if (!strcmp(d, "N"))
            v = DIM_SYM(r->batch);
        else if (!strcmp(d, "?"))
            v = DIM_UNKNOWN;
        else if (!str_to_i64(d, 0, MAX_DIM, &v))
            return false;
        t->dim[t->rank++] = v;
    }
    return true;
}

static bool put_element(const struct ttype *t, unsigned char *at, const char *s)
{
    size_t size = dtype_size(t->dtype);
    double d;
    int64_t i;
    if (t->dtype == DT_FLOAT || t->dtype == DT_DOUBLE) {
        if (!read_number(s, &d))
            return false;
        float f = (float)d;
        memcpy(at, t->dtype == DT_FLOAT ? (const void *)&f : (const void *)&d, size);
        return true;
    }
    if (!str_to_i64(s, INT64_MIN, INT64_MAX, &i))
        return false;
    for (size_t k = 0; k < size; k++)
        at[k] = (unsigned char)((uint64_t)i >> (8 * k));
    return true;
}

static struct tensor *read_values(const struct ttype *t, int64_t count, char *list)
{
    size_t size = dtype_size(t->dtype), n = 0;
    bool ok = count <= MAX_VALUES && (count == 0) == !*list;
    if (!ok)
        return NULL;
    unsigned char *data = x_calloc((size_t)count + 1, size);
    if (!*list)
        list = NULL;
    for (char *s; ok && (s = cut(&list, ','));)
        ok = n < (size_t)count && put_element(t, data + n++ * size, s);
    struct tensor *out = NULL;
    if (ok && n == (size_t)count)
        out = tensor_new_bytes("", t, data, n * size);
    free(data);
    return out;
}

/* Those that tensors can hold as plain numbers. */
static bool is_number(int dtype)
{
    return dtype == DT_FLOAT || (dtype >= DT_UINT8 && dtype <= DT_INT64) || dtype == DT_BOOL ||
           dtype == DT_DOUBLE || dtype == DT_UINT32;
}

/* "float[64,3,3,3]", "float[1]=fill:2"; NULL when malformed. */
static struct tensor *read_const(const struct reader *r, const struct node *n, char *s)
{
    struct ttype t;
    int64_t fan, count, bytes;
    double v;
    struct segdb_param p = {0};
    uint64_t seed = hash_pair((uint64_t)r->line, (uint64_t)n->n_in);
    char *recipe = strchr(s, '=');
    if (recipe)
        *recipe++ = 0;
    if (!read_type(r, s, &t) || t.rank < 0)
        return NULL;
    for (int i = 0; i < t.rank; i++)
        if (t.dim[i] < 0)
            return NULL;
    count = ttype_count(&t, 1);
    if (count < 0 || !is_number(t.dtype) ||
        __builtin_mul_overflow(count, (int64_t)dtype_size(t.dtype), &bytes) || bytes > MAX_DIM)
        return NULL;
    if (!recipe)
        return !segdb_param(n, n->n_in, &t, &p) ? NULL
               : p.he                           ? tensor_new_he("", &t, p.fan_in, seed)
                                                : tensor_new_fill("", &t, p.fill);
    if (str_starts(recipe, "he:") && str_to_i64(recipe + 3, 1, MAX_DIM, &fan))
        return t.dtype == DT_FLOAT ? tensor_new_he("", &t, fan, seed) : NULL;
    if (str_starts(recipe, "fill:") && read_number(recipe + 5, &v))
        return tensor_new_fill("", &t, v);
    if (str_starts(recipe, "v:"))
        return read_values(&t, count, recipe + 2);
    return NULL;
}

/* ---- nodes ---- */

static bool read_list(struct node *n, const char *name, char *s, bool ints)
{
    VEC(int64_t) iv = {0};
    VEC(float) fv = {0};
    bool ok = true;
    if (!*s)
        s = NULL;
    for (char *w; ok && (w = cut(&s, ','));) {
        int64_t i;
        double d;
        ok = ints ? str_to_i64(w, INT64_MIN, INT64_MAX, &i) : read_number(w, &d);
        if (ok && ints)
            vec_push(&iv, i);
        else if (ok)
            vec_push(&fv, (float)d);
    }
    if (ok && ints)
        node_set_ints(n, name, iv.at, iv.n);
    else if (ok)
        node_set_floats(n, name, fv.at, fv.n);
    vec_done(&iv);
    vec_done(&fv);
    return ok;
}

static bool read_attr(struct node *n, char *s)
{
    char *name = cut(&s, '=');
    size_t len;
    int64_t i;
    double d;
    if (!s || !*s || !*name || !unescape(name, &len) || strlen(name) != len || node_attr(n, name))
        return false;
    char kind = *s++;
    switch (kind) {
    case 'i':
        if (!str_to_i64(s, INT64_MIN, INT64_MAX, &i))
            return false;
        node_set_int(n, name, i);
        return true;
    case 'f':
        if (!read_number(s, &d))
            return false;
        node_set_float(n, name, (float)d);
        return true;
    case 's':
        if (!unescape(s, &len))
            return false;
        node_set_string(n, name, s, len);
        return true;
    case 'I':
    case 'F':
        return read_list(n, name, s, kind == 'I');
    default:
        return false;
    }
}

static bool read_input(const struct reader *r, struct node *n, char *s)
{
    int64_t node, port;
    if (!strcmp(s, "-")) {
        node_add_input(n, IN_NONE, 0);
        return true;
    }
    if (strchr(s, '[')) {
        struct tensor *t = read_const(r, n, s);
        if (t)
            node_add_const(n, t);
        return t != NULL;
    }
    char *p = strchr(s, '.');
    if (!p)
        return false;
    *p = 0;
    if (!str_to_i64(s, 0, r->line - 1, &node) ||
        !str_to_i64(p + 1, 0, (int64_t)r->n_out.at[node] - 1, &port))
        return false;
    node_add_input(n, (int32_t)node, (int32_t)port);
    return true;
}

static bool read_output(const struct reader *r, struct node *n, char *s)
{
    char name[80];
    struct ttype t = ttype_unknown();
    bool unused = !strcmp(s, "-");
    if (!strcmp(s, "=")) {
        int i = 0;
        while (i < n->n_in && n->in[i].node < 0)
            i++;
        if (i == n->n_in)
            return false;
        t = graph_edit_node(r->e, n->in[i].node)->out[n->in[i].port].type;
    } else if (!unused && !read_type(r, s, &t)) {
        return false;
    }
    if (n->n_out)
        snprintf(name, sizeof name, "%s_%d", n->name, n->n_out + 1);
    else
        snprintf(name, sizeof name, "%s", n->name);
    node_add_output(n, unused ? "" : name);
    n->out[n->n_out - 1].type = t;
    return true;
}

static bool read_op(const char *s, enum op *op)
{
    if (!strcmp(s, "input"))
        *op = OP_INPUT;
    else if (!strcmp(s, "output"))
        *op = OP_OUTPUT;
    else
        *op = op_from_onnx(s);
    return *op != OP_OPAQUE;
}

static const char *count_fault(const struct node *n)
{
    const struct op_info *info = op_info(n->op);
    if (n->n_in < info->min_in || (info->max_in >= 0 && n->n_in > info->max_in))
        return "wrong number of inputs";
    if (n->op == OP_OUTPUT ? n->n_out != 0 : n->n_out < 1)
        return "wrong number of outputs";
    if (n->op == OP_INPUT && n->n_out != 1)
        return "an input has one output";
    if (n->op == OP_OUTPUT && n->in[0].node < 0)
        return "an output must be connected";
    return NULL;
}

/* conv1, bn1, relu1, conv2 ...: short words for people, unique as they end in a number. */
static void make_name(struct reader *r, enum op op, char *name, size_t size)
{
    const struct op_info *info = op_info(op);
    const char *word = op == OP_BATCHNORM ? "bn" : info->cg[0] ? info->cg : info->onnx;
    char stem[32];
    size_t n = 0;
    for (; n < sizeof stem - 1 && word[n]; n++)
        stem[n] = (char)(word[n] >= 'A' && word[n] <= 'Z' ? word[n] - 'A' + 'a' : word[n]);
    stem[n] = '\0';
    int64_t *count = strmap_put(&r->stem, stem, 0);
    snprintf(name, size, "%s%lld", stem, (long long)++*count);
}

static enum status read_line(struct reader *r, char *line)
{
    enum op op;
    char name[64];
    char *word = cut(&line, ' ');
    if (!read_op(word, &op))
        return bad(r, "unknown operator");
    make_name(r, op, name, sizeof name);
    struct node *n = node_new(op, name);
    int part = 0, words = 0; /* 0 attributes, 1 inputs, 2 outputs */
    bool ok = true;
    while (ok && (word = cut(&line, ' '))) {
        if (++words > MAX_LINE_WORDS)
            ok = false;
        else if (part < 2 && !strcmp(word, part ? ">" : "<"))
            part++;
        else
            ok = part == 0   ? read_attr(n, word)
                 : part == 1 ? read_input(r, n, word)
                             : read_output(r, n, word);
    }
    const char *fault = !ok ? "malformed" : part != 2 ? "incomplete" : count_fault(n);
    if (fault) {
        node_free(n);
        return bad(r, fault);
    }
    vec_push(&r->n_out, n->n_out);
    graph_edit_add(r->e, n);
    r->line++;
    return ST_OK;
}

static enum status read_head(struct reader *r, const char *line)
{
    int64_t opset;
    char want[32];
    int n = snprintf(want, sizeof want, "autogo-segment %d ", SEGDB_VERSION);
    if (!str_starts(line, want) || !str_to_i64(line + n, 7, 1000, &opset))
        return err_set(r->err, ST_MODEL, "segment text: not of version %d", SEGDB_VERSION);
    graph_edit_set_opset(r->e, (int)opset);
    return ST_OK;
}

enum status segdb_text_read(const char *text, struct graph **out, struct err *err)
{
    struct reader r = {.e = graph_edit_new(NULL), .err = err};
    r.batch = graph_edit_symbol(r.e, "N");
    char *copy = x_strdup(text), *rest = copy, *line = cut(&rest, '\n');
    enum status st = read_head(&r, line);
    while (st == ST_OK && (line = cut(&rest, '\n')) && (*line || rest))
        st = r.line < MAX_LINES ? read_line(&r, line) : bad(&r, "too many nodes");
    if (st == ST_OK && !r.line)
        st = bad(&r, "no nodes");
    free(copy);
    vec_done(&r.n_out);
    strmap_done(&r.stem);
    if (st != ST_OK) {
        graph_edit_free(r.e);
        return st;
    }
    return graph_edit_freeze(r.e, out, err);
}
