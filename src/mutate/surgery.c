#include "mutate/surgery.h"

#include "base/hash.h"
#include "base/mem.h"
#include "shape/shape.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- operators ---- */

/* `window`: a kernel follows the name, and a stride may. */
static const struct form {
    const char *name;
    enum op op;
    bool window, depthwise;
} forms[] = {
    {"conv", OP_CONV, true, false},          {"dw", OP_CONV, true, true},
    {"maxpool", OP_MAXPOOL, true, false},    {"avgpool", OP_AVGPOOL, true, false},
    {"bn", OP_BATCHNORM, false, false},      {"relu", OP_RELU, false, false},
    {"relu6", OP_CLIP, false, false},        {"leakyrelu", OP_LEAKYRELU, false, false},
    {"elu", OP_ELU, false, false},           {"sigmoid", OP_SIGMOID, false, false},
    {"tanh", OP_TANH, false, false},         {"hardswish", OP_HARDSWISH, false, false},
    {"identity", OP_IDENTITY, false, false},
};
enum { FORMS = sizeof forms / sizeof *forms, MOST_SIDE = 99 };

void surgery_ops(struct str *out)
{
    for (int i = 0; i < FORMS; i++)
        str_addf(out, "%s%s%s", i ? " " : "", forms[i].name, forms[i].window ? "KxK" : "");
}

/* "3" or "3x5"; true at the end of the text or at `stop`, which *text then is at. */
static bool scan_sides(const char **text, char stop, int64_t out[2])
{
    int n = 0, sides = sscanf(*text, "%2" SCNd64 "%n", &out[0], &n);
    if (sides != 1 || out[0] < 1)
        return false;
    *text += n;
    out[1] = out[0];
    if (**text == 'x') {
        if (sscanf(*text + 1, "%2" SCNd64 "%n", &out[1], &n) != 1 || out[1] < 1)
            return false;
        *text += 1 + n;
    }
    return **text == '\0' || **text == stop;
}

/* What "conv3x3/2" says. */
static bool parse_op(const char *text, const struct form **form, int64_t kernel[2],
                     int64_t stride[2])
{
    size_t letters = strcspn(text, "0123456789/");
    kernel[0] = kernel[1] = stride[0] = stride[1] = 1;
    for (int i = 0; i < FORMS; i++) {
        const struct form *f = &forms[i];
        const char *rest = text + letters;
        *form = f;
        if (!f->window && strcmp(text, f->name) == 0)
            return true;
        if (!f->window || strlen(f->name) != letters || strncmp(text, f->name, letters) != 0)
            continue;
        if (!scan_sides(&rest, '/', kernel))
            return false;
        if (*rest == '\0')
            return true;
        rest++;
        return scan_sides(&rest, '\0', stride) && *rest == '\0';
    }
    return false;
}

/* ---- words ---- */

static enum status wrong_word(const char *word, const char *like, struct err *err)
{
    return err_set(err, ST_USAGE, "'%.60s' is not like %s", word, like);
}

static enum status set_kind(struct surgery *s, enum surgery_kind kind, const char *word,
                            struct err *err)
{
    bool more = kind == SURGERY_WINDOW && s->kind == SURGERY_WINDOW;
    if (s->kind != SURGERY_NONE && !more)
        return err_set(err, ST_USAGE, "'%.60s' does not go with what stands before it", word);
    s->kind = kind;
    return ST_OK;
}

static enum status set_op(struct surgery *s, enum surgery_kind kind, const char *word,
                          const char *value, struct err *err)
{
    const struct form *f;
    int64_t kernel[2], stride[2];
    if (strlen(value) >= sizeof s->op || !parse_op(value, &f, kernel, stride)) {
        struct str known = {0};
        surgery_ops(&known);
        err_set(err, ST_USAGE, "'%.40s': no such operator (%s)", word, str_text(&known));
        str_done(&known);
        return ST_USAGE;
    }
    snprintf(s->op, sizeof s->op, "%s", value);
    return set_kind(s, kind, word, err);
}

static enum status set_sides(struct surgery *s, int64_t to[2], const char *word, const char *value,
                             struct err *err)
{
    if (!scan_sides(&value, '\0', to))
        return wrong_word(word, "kernel=5, stride=2x1", err);
    return set_kind(s, SURGERY_WINDOW, word, err);
}

static enum status set_number(struct surgery *s, int64_t *to, const char *word, const char *value,
                              struct err *err)
{
    bool width = to == &s->width;
    if (!str_to_i64(value, 1, 1 << 24, to))
        return wrong_word(word, "group=8, dilation=2, width=64", err);
    return width ? ST_OK : set_kind(s, SURGERY_WINDOW, word, err);
}

enum status surgery_word(struct surgery *s, const char *word, bool *taken, struct err *err)
{
    const struct {
        const char *name;
        int64_t *sides, *number;
        enum surgery_kind op;
    } words[] = {
        {"kernel=", s->kernel, NULL, SURGERY_NONE},      {"stride=", s->stride, NULL, SURGERY_NONE},
        {"dilation=", NULL, &s->dilation, SURGERY_NONE}, {"group=", NULL, &s->group, SURGERY_NONE},
        {"width=", NULL, &s->width, SURGERY_NONE},       {"op=", NULL, NULL, SURGERY_OP},
        {"before=", NULL, NULL, SURGERY_BEFORE},         {"after=", NULL, NULL, SURGERY_AFTER},
    };
    *taken = true;
    if (strcmp(word, "delete") == 0)
        return set_kind(s, SURGERY_DELETE, word, err);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].name);
        if (strncmp(word, words[i].name, n) != 0)
            continue;
        return words[i].sides    ? set_sides(s, words[i].sides, word, word + n, err)
               : words[i].number ? set_number(s, words[i].number, word, word + n, err)
                                 : set_op(s, words[i].op, word, word + n, err);
    }
    *taken = false;
    return ST_OK;
}

static void add_sides(struct str *out, const char *name, const int64_t v[2])
{
    if (v[0] && v[0] == v[1])
        str_addf(out, " %s=%lld", name, (long long)v[0]);
    else if (v[0])
        str_addf(out, " %s=%lldx%lld", name, (long long)v[0], (long long)v[1]);
}

static void add_number(struct str *out, const char *name, int64_t v)
{
    if (v)
        str_addf(out, " %s=%lld", name, (long long)v);
}

void surgery_to_words(const struct surgery *s, struct str *out)
{
    static const char *const ops[] = {
        [SURGERY_OP] = "op", [SURGERY_BEFORE] = "before", [SURGERY_AFTER] = "after"};
    add_sides(out, "kernel", s->kernel);
    add_sides(out, "stride", s->stride);
    add_number(out, "dilation", s->dilation);
    add_number(out, "group", s->group);
    add_number(out, "width", s->width);
    if (s->kind == SURGERY_DELETE)
        str_add(out, " delete");
    else if (s->kind >= SURGERY_OP)
        str_addf(out, " %s=%s", ops[s->kind], s->op);
}

/* ---- nodes ---- */

struct site {
    const struct graph *g;
    struct graph_edit *e;
    uint64_t seed;
};

static void add_weight(struct node *n, int64_t cout, int64_t cin, const int64_t kernel[2],
                       uint64_t seed)
{
    struct ttype t = {.dtype = DT_FLOAT, .rank = 4, .dim = {cout, cin, kernel[0], kernel[1]}};
    node_add_const(n, tensor_new_he("", &t, cin * kernel[0] * kernel[1], seed));
}

static void add_vectors(struct node *n, int64_t channels)
{
    static const double scale_shift_mean_variance[] = {1, 0, 0, 1};
    struct ttype t = {.dtype = DT_FLOAT, .rank = 1, .dim = {channels}};
    for (int i = 0; i < 4; i++)
        node_add_const(n, tensor_new_fill("", &t, scale_shift_mean_variance[i]));
}

static void set_window(struct node *n, const int64_t kernel[2], const int64_t stride[2],
                       int64_t group)
{
    struct window w = {.stride = {stride[0], stride[1]},
                       .kernel = {kernel[0], kernel[1]},
                       .dilation = {1, 1},
                       .group = group};
    for (int i = 0; i < 2; i++) {
        w.pad_begin[i] = (kernel[i] - 1) / 2;
        w.pad_end[i] = kernel[i] - 1 - w.pad_begin[i];
    }
    node_set_window(n, &w);
}

/* "layer1.conv1.relu", with a number where that is taken. */
static char *new_name(const struct graph *g, const char *beside, const char *op)
{
    char *name = x_asprintf("%s.%s", beside, op);
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    for (int i = 2; graph_find(g, name) >= 0; i++) {
        free(name);
        name = x_asprintf("%s.%s.%d", beside, op, i);
    }
    return name;
}

/* The operator over a value of type `x`, with `cout` channels where it may choose. */
static enum status make_node(const struct site *at, const char *text, struct value_ref from,
                             const struct ttype *x, int64_t cout, struct node **out,
                             struct err *err)
{
    const struct form *f;
    int64_t kernel[2], stride[2], cin = x && x->rank >= 2 ? x->dim[1] : 0;
    if (!parse_op(text, &f, kernel, stride))
        return err_set(err, ST_USAGE, "no operator '%.20s'", text);
    bool needs_channels = f->op == OP_CONV || f->op == OP_BATCHNORM;
    if ((needs_channels && cin < 1) || (f->window && (!x || x->rank != 4)))
        return err_set(err, ST_USAGE, "%.20s needs N x C x H x W, which is not known here", text);
    struct node *n = node_new(f->op, "");
    node_add_input(n, from.node, from.port);
    if (f->op == OP_CONV)
        add_weight(n, f->depthwise ? cin : cout, f->depthwise ? 1 : cin, kernel,
                   hash_pair(at->seed, hash_str(text, 0)));
    if (f->op == OP_BATCHNORM)
        add_vectors(n, cin);
    if (f->op == OP_CLIP) {
        node_add_const(n, tensor_new_f32("", 0));
        node_add_const(n, tensor_new_f32("", 6));
    }
    if (f->window)
        set_window(n, kernel, stride, f->depthwise ? cin : 1);
    node_add_output(n, "");
    *out = n;
    return ST_OK;
}

/* ---- the changes ---- */

static void read_instead(const struct site *at, int32_t was, struct value_ref now, int32_t but)
{
    int n;
    const struct use *u = graph_uses(at->g, was, &n);
    for (int i = 0; i < n; i++)
        if (u[i].node != but)
            node_set_input(graph_edit_mut(at->e, u[i].node), u[i].port, now.node, now.port, NULL);
}

static enum status remove_node(const struct site *at, int32_t id, struct err *err)
{
    const struct node *n = graph_node(at->g, id);
    if (n->n_in == 0 || n->in[0].node < 0)
        return err_set(err, ST_USAGE, "it has no input that could take its place");
    read_instead(at, id, (struct value_ref){n->in[0].node, n->in[0].port}, -1);
    graph_edit_remove(at->e, id);
    return ST_OK;
}

static enum status put_instead(const struct site *at, int32_t id, const char *op, struct err *err)
{
    const struct node *old = graph_node(at->g, id);
    struct node *n;
    if (old->n_in == 0 || old->in[0].node < 0)
        return err_set(err, ST_USAGE, "it has no input that another operator could take");
    const struct ttype *y = &old->out[0].type;
    struct value_ref from = {old->in[0].node, old->in[0].port};
    TRY(make_node(at, op, from, graph_type(at->g, from),
                  y->rank >= 2 && y->dim[1] > 0 ? y->dim[1] : 1, &n, err));
    node_set_name(n, old->name);
    read_instead(at, id, (struct value_ref){graph_edit_add(at->e, n), 0}, -1);
    graph_edit_remove(at->e, id);
    return ST_OK;
}

static enum status put_behind(const struct site *at, struct value_ref v, const char *op,
                              int32_t only_for, const char *beside, struct err *err)
{
    const struct ttype *x = graph_type(at->g, v);
    struct node *n;
    TRY(make_node(at, op, v, x, x && x->rank >= 2 ? x->dim[1] : 1, &n, err));
    char *name = new_name(at->g, beside, op);
    node_set_name(n, name);
    free(name);
    struct value_ref now = {graph_edit_add(at->e, n), 0};
    if (only_for >= 0)
        node_set_input(graph_edit_mut(at->e, only_for), 0, now.node, now.port, NULL);
    else
        read_instead(at, v.node, now, now.node);
    return ST_OK;
}

static void new_weight(struct node *n, const struct window *w, uint64_t seed)
{
    const struct tensor *old = node_const(n, 1);
    struct ttype t = *tensor_type(old);
    bool same =
        t.dim[2] == w->kernel[0] && t.dim[3] == w->kernel[1] && t.dim[1] * w->group == w->cin;
    if (same)
        return;
    t.dim[1] = w->cin / w->group;
    t.dim[2] = w->kernel[0];
    t.dim[3] = w->kernel[1];
    node_set_input(n, 1, IN_CONST, 0,
                   tensor_new_he(tensor_name(old), &t, t.dim[1] * t.dim[2] * t.dim[3], seed));
}

static enum status change_window(const struct site *at, int32_t id, const struct surgery *s,
                                 struct err *err)
{
    struct window w;
    const struct node *n = graph_node(at->g, id);
    if (n->op == OP_CONVT || !node_window(n, &w))
        return err_set(err, ST_USAGE, "it has no window that can be changed");
    if (n->op == OP_CONV && !node_const(n, 1))
        return err_set(err, ST_USAGE, "its weight is no constant");
    for (int i = 0; i < 2; i++) {
        int64_t kernel = s->kernel[i] ? s->kernel[i] : w.kernel[i];
        int64_t dilation = s->dilation ? s->dilation : w.dilation[i];
        /* as much smaller as before, as for `same` */
        int64_t grown = (kernel - 1) * dilation - (w.kernel[i] - 1) * w.dilation[i];
        int64_t all = w.pad_begin[i] + w.pad_end[i] + grown;
        w.kernel[i] = kernel;
        w.dilation[i] = dilation;
        w.stride[i] = s->stride[i] ? s->stride[i] : w.stride[i];
        if (w.auto_pad == PAD_EXPLICIT && grown) {
            w.pad_begin[i] = all > 0 ? all / 2 : 0;
            w.pad_end[i] = all > 0 ? all - all / 2 : 0;
        }
    }
    if (s->group && (n->op != OP_CONV || w.cin % s->group || w.cout % s->group))
        return err_set(err, ST_USAGE, "%lld groups do not divide %lld and %lld channels",
                       (long long)s->group, (long long)w.cin, (long long)w.cout);
    w.group = s->group ? s->group : w.group;
    struct node *to = graph_edit_mut(at->e, id);
    node_set_window(to, &w);
    if (n->op == OP_CONV)
        new_weight(to, &w, hash_pair(at->seed, (uint64_t)id));
    return ST_OK;
}

static enum status make(const struct site *at, int32_t id, const struct surgery *s, struct err *err)
{
    const struct node *n = graph_node(at->g, id);
    if (n->op == OP_INPUT || n->op == OP_OUTPUT || n->op == OP_OPAQUE || n->n_out != 1)
        return err_set(err, ST_USAGE, "%s nodes cannot be changed by hand", node_op_type(n));
    switch (s->kind) {
    case SURGERY_WINDOW:
        return change_window(at, id, s, err);
    case SURGERY_DELETE:
        return remove_node(at, id, err);
    case SURGERY_OP:
        return put_instead(at, id, s->op, err);
    case SURGERY_BEFORE:
        return n->n_in > 0 && n->in[0].node >= 0
                   ? put_behind(at, (struct value_ref){n->in[0].node, n->in[0].port}, s->op, id,
                                node_label(n), err)
                   : err_set(err, ST_USAGE, "it has no input");
    case SURGERY_AFTER:
        return put_behind(at, (struct value_ref){id, 0}, s->op, -1, node_label(n), err);
    case SURGERY_NONE:
        break;
    }
    return ST_OK;
}

enum status surgery_apply(const struct graph *g, int32_t node, const struct surgery *s,
                          uint64_t seed, struct graph **out, struct err *err)
{
    struct site at = {g, graph_edit_new(g), seed};
    struct graph *raw;
    enum status st = make(&at, node, s, err);
    if (st != ST_OK) {
        graph_edit_free(at.e);
        return st;
    }
    TRY(graph_edit_freeze(at.e, &raw, err));
    st = shape_infer(raw, out, err);
    graph_unref(raw);
    return st;
}

bool surgery_holds(const struct node *n, const struct surgery *s)
{
    struct window w;
    if (s->kind != SURGERY_WINDOW)
        return true;
    if (!node_window(n, &w))
        return false;
    for (int i = 0; i < 2; i++)
        if ((s->kernel[i] && w.kernel[i] != s->kernel[i]) ||
            (s->stride[i] && w.stride[i] != s->stride[i]) ||
            (s->dilation && w.dilation[i] != s->dilation))
            return false;
    return !s->group || w.group == s->group;
}
