/* Pieces of Python: operands, numbers, tuples, and the constants that they bring along. */
#include "torch/torch_priv.h"

#include <math.h>
#include <stdio.h>

enum status torch_refuse(struct writer *w, const char *fmt, ...)
{
    char why[128];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return err_set(w->err, ST_UNSUPPORTED, "node '%.80s' (%.40s): %s", node_label(w->n),
                   node_op_type(w->n), why);
}

static const char *keep(struct writer *w, struct str *s)
{
    char *text = str_take(s);

    vec_push(&w->text, text);
    return text;
}

const char *torch_text(struct writer *w, const char *fmt, ...)
{
    struct str s = {0};
    va_list ap;

    va_start(ap, fmt);
    str_vaddf(&s, fmt, ap);
    va_end(ap);
    return keep(w, &s);
}

void torch_expr(struct writer *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    str_vaddf(&w->expr, fmt, ap);
    va_end(ap);
}

void torch_module(struct writer *w, const char *fmt, ...)
{
    va_list ap;

    str_addf(&w->init, "        self.%s = ", w->ident[w->id]);
    va_start(ap, fmt);
    str_vaddf(&w->init, fmt, ap);
    va_end(ap);
    str_add_char(&w->init, '\n');
}

/* ---- numbers ---- */

const char *torch_number(struct writer *w, double v)
{
    char text[40];

    if (isnan(v))
        return "float('nan')";
    if (isinf(v))
        return v > 0 ? "float('inf')" : "(-float('inf'))";
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtof(text, NULL) == (float)v)
            break;
    }
    for (char *p = text; *p; p++)
        if (*p == ',') /* a locale's decimal point */
            *p = '.';
    if (!strpbrk(text, ".e"))
        strcat(text, ".0");
    return torch_text(w, v < 0 ? "(%s)" : "%s", text);
}

const char *torch_tuple(struct writer *w, const int64_t *v, int n)
{
    struct str s = {0};

    str_add_char(&s, '(');
    for (int i = 0; i < n; i++)
        str_addf(&s, "%s%lld", i ? ", " : "", (long long)v[i]);
    str_add(&s, n == 1 ? ",)" : ")");
    return keep(w, &s);
}

const char *torch_same(struct writer *w, const int64_t *v, int n)
{
    for (int i = 1; i < n; i++)
        if (v[i] != v[0])
            return torch_tuple(w, v, n);
    return torch_text(w, "%lld", (long long)v[0]);
}

const char *torch_dtype(int dtype)
{
    static const char *const names[] = {
        [DT_FLOAT] = "torch.float32",  [DT_FLOAT16] = "torch.float16",
        [DT_DOUBLE] = "torch.float64", [DT_BFLOAT16] = "torch.bfloat16",
        [DT_INT8] = "torch.int8",      [DT_INT16] = "torch.int16",
        [DT_INT32] = "torch.int32",    [DT_INT64] = "torch.int64",
        [DT_UINT8] = "torch.uint8",    [DT_BOOL] = "torch.bool",
    };

    return dtype >= 0 && dtype < (int)(sizeof names / sizeof *names) ? names[dtype] : NULL;
}

/* ---- inputs ---- */

bool torch_has(const struct writer *w, int i)
{
    return i < w->n->n_in && w->n->in[i].node != IN_NONE;
}

const struct ttype *torch_type(const struct writer *w, int i)
{
    return graph_input_type(w->g, w->n, i);
}

const struct ttype *torch_out(const struct writer *w)
{
    return graph_type(w->g, (struct value_ref){w->id, 0});
}

enum status torch_ints(struct writer *w, int i, int64_t *v, int max, int *n)
{
    const struct tensor *t = node_const(w->n, i);

    *n = -1;
    if (!torch_has(w, i))
        return ST_OK;
    if (!t || tensor_count(t) > max)
        return torch_refuse(w, "the model computes its input %d", i);
    *n = (int)tensor_count(t);
    for (int k = 0; k < *n; k++)
        v[k] = tensor_int_at(t, k, 0);
    return ST_OK;
}

/* ---- constants ---- */

/* What training changes, as src/exec has it: see torch_in's callers for the weighted operators. */
static bool learns(const struct writer *w, const struct tensor *t)
{
    static const bool ops[OP_COUNT] = {
        [OP_ADD] = true,   [OP_MUL] = true,       [OP_GEMM] = true, [OP_MATMUL] = true,
        [OP_PRELU] = true, [OP_LAYERNORM] = true, [OP_CONV] = true, [OP_CONVT] = true};
    bool bias = w->n->op != OP_ADD && w->n->op != OP_MUL;

    return ops[w->n->op] && tensor_type(t)->dtype == DT_FLOAT && (bias || tensor_count(t) > 1);
}

static void add_weight(struct writer *w, const struct tensor *t, const struct ttype *shape,
                       char *key, bool transposed, bool learnt)
{
    struct weight e = {.key = key, .t = t, .transposed = transposed, .learnt = learnt};

    e.rank = shape->rank;
    memcpy(e.dim, shape->dim, sizeof e.dim);
    vec_push(&w->weights, e);
}

bool torch_is_float(int dtype)
{
    return dtype == DT_UNDEFINED || dtype == DT_FLOAT || dtype == DT_DOUBLE ||
           dtype == DT_FLOAT16 || dtype == DT_BFLOAT16;
}

static bool same_form(const struct weight *e, const struct ttype *shape, bool transposed)
{
    return e->transposed == transposed && e->rank == shape->rank &&
           memcmp(e->dim, shape->dim, (size_t)e->rank * sizeof *e->dim) == 0;
}

/* A parameter or a buffer of the module itself. */
static enum status own_constant(struct writer *w, struct tensor *t, const char **text)
{
    const struct ttype *type = tensor_type(t);
    const char *dtype = torch_is_float(type->dtype) ? "torch.float32" : torch_dtype(type->dtype);
    const char *shape = torch_tuple(w, type->dim, type->rank);
    int64_t *at = u64map_get(&w->known, (uint64_t)(uintptr_t)t);
    bool learnt = learns(w, t);
    char *name, *made;

    if (!dtype)
        return torch_refuse(w, "PyTorch has no constants of type %s", dtype_name(type->dtype));
    if (at && same_form(&w->weights.at[*at], type, false)) {
        *text = torch_text(w, "self.%s", w->weights.at[*at].key);
        return ST_OK;
    }
    made = x_asprintf("%s_const", w->ident[w->id] ? w->ident[w->id] : "result");
    name = torch_fresh(w, tensor_name(t)[0] ? tensor_name(t) : made);
    free(made);
    if (learnt)
        str_addf(&w->init, "        self.%s = nn.Parameter(torch.zeros(%s))\n", name, shape);
    else
        str_addf(&w->init, "        self.register_buffer('%s', torch.zeros(%s, dtype=%s))\n", name,
                 shape, dtype);
    *u64map_put(&w->known, (uint64_t)(uintptr_t)t, 0) = (int64_t)w->weights.n;
    *text = torch_text(w, "self.%s", name);
    add_weight(w, t, type, name, false, learnt);
    return ST_OK;
}

enum status torch_in(struct writer *w, int i, const char **text)
{
    const struct node_input *in = &w->n->in[i];

    if (in->node == IN_CONST)
        return own_constant(w, in->tensor, text);
    *text = w->value[w->base[in->node] + in->port];
    return ST_OK;
}

bool torch_is_number(const struct writer *w, int i)
{
    const struct tensor *t = node_const(w->n, i);

    return t && tensor_count(t) == 1 && isfinite(tensor_num_at(t, 0, (double)NAN));
}

enum status torch_in_number(struct writer *w, int i, const char **text)
{
    const struct tensor *t = node_const(w->n, i);
    int dtype;

    if (!torch_is_number(w, i))
        return torch_in(w, i, text);
    dtype = tensor_type(t)->dtype;
    if (dtype == DT_FLOAT || dtype == DT_DOUBLE)
        *text = torch_number(w, tensor_num_at(t, 0, 0));
    else
        *text = torch_text(w, tensor_int_at(t, 0, 0) < 0 ? "(%lld)" : "%lld",
                           (long long)tensor_int_at(t, 0, 0));
    return ST_OK;
}

enum status torch_weight(struct writer *w, int i, const char *name, const struct ttype *shape,
                         bool transposed, bool learnt)
{
    struct tensor *t = w->n->in[i].tensor;
    struct ttype own;
    const struct weight *first;
    int64_t *at;
    char *key;

    if (!t)
        return torch_refuse(w, "the model computes its input %d", i);
    if (!torch_is_float(tensor_type(t)->dtype))
        return torch_refuse(w, "weights of type %s", dtype_name(tensor_type(t)->dtype));
    own = *tensor_type(t);
    if (transposed) {
        own.dim[0] = tensor_type(t)->dim[1];
        own.dim[1] = tensor_type(t)->dim[0];
    }
    if (!shape)
        shape = &own;
    key = x_asprintf("%s.%s", w->ident[w->id], name);
    at = learnt ? u64map_get(&w->known, (uint64_t)(uintptr_t)t) : NULL;
    first = at ? &w->weights.at[*at] : NULL;
    /* One tensor of several nodes is one parameter. */
    if (first && first->learnt && same_form(first, shape, transposed))
        str_addf(&w->init, "        self.%s = self.%s\n", key, first->key);
    if (learnt && !at)
        *u64map_put(&w->known, (uint64_t)(uintptr_t)t, 0) = (int64_t)w->weights.n;
    add_weight(w, t, shape, key, transposed, learnt);
    return ST_OK;
}
