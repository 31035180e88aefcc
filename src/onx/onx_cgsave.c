/* graph -> CG JSON. What the format cannot say is refused, never dropped. */
#include "onx/onx.h"

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

struct edge {
    int from, to, port;
};

struct writer {
    const struct graph *g;
    int *number; /* slot -> id in the file */
    int *slot;   /* id in the file -> slot */
    int n;
    struct json j;
    struct err *err;
};

static enum status refuse(const struct writer *w, const struct node *n, const char *what)
{
    return err_set(w->err, ST_UNSUPPORTED, "node '%s' (%s): a computation graph has no word for %s",
                   node_label(n), node_op_type(n), what);
}

/* The format numbers weighted nodes first. */
static void number_nodes(struct writer *w)
{
    int n_slots = graph_n_slots(w->g);
    w->number = x_calloc((size_t)n_slots, sizeof *w->number);
    w->slot = x_calloc((size_t)n_slots, sizeof *w->slot);
    for (int pass = 0; pass < 2; pass++)
        for (int32_t id = 0; id < n_slots; id++) {
            const struct node *n = graph_node(w->g, id);
            if (!n || op_info(n->op)->weighted != (pass == 0))
                continue;
            w->number[id] = w->n;
            w->slot[w->n++] = id;
        }
}

/* Channels and map size; rank 2 is a 1x1 map. */
static bool chw(const struct ttype *t, int64_t v[3])
{
    if (!t || t->dtype != DT_FLOAT || (t->rank != 2 && t->rank != 4))
        return false;
    v[0] = t->dim[1];
    v[1] = t->rank == 4 ? t->dim[2] : 1;
    v[2] = t->rank == 4 ? t->dim[3] : 1;
    return v[0] > 0 && v[1] > 0 && v[2] > 0;
}

static void put_list(struct json *j, const char *key, const int64_t *v, int n)
{
    json_key(j, key);
    json_array(j);
    for (int i = 0; i < n; i++)
        json_int(j, v[i]);
    json_array_end(j);
}

/* NULL when the pads are neither. */
static const char *padding_word(const struct window *w, const int64_t in[3], bool ignores_pads)
{
    struct window same = *w;
    bool is_same = w->auto_pad == PAD_SAME_UPPER, is_valid = w->auto_pad == PAD_VALID;
    for (int a = 0; a < 2; a++)
        window_set_same(&same, a, in[1 + a]);
    if (w->auto_pad == PAD_EXPLICIT) {
        is_same = is_valid = true;
        for (int a = 0; a < 2; a++) {
            is_same &= w->pad_begin[a] == same.pad_begin[a] && w->pad_end[a] == same.pad_end[a];
            is_valid &= w->pad_begin[a] == 0 && w->pad_end[a] == 0;
        }
    }
    /* `same` leaves the padding out of an average. */
    bool padded = same.pad_begin[0] || same.pad_begin[1] || same.pad_end[0] || same.pad_end[1];
    if (is_same && !(ignores_pads && padded))
        return "same";
    return is_valid ? "valid" : NULL;
}

static enum status put_window(struct writer *w, const struct node *n, const int64_t in[3],
                              const int64_t out[3])
{
    struct window win;
    bool conv = n->op == OP_CONV;
    if (!node_window(n, &win))
        return refuse(w, n, "this window");
    const char *padding =
        padding_word(&win, in, n->op == OP_AVGPOOL && node_int(n, "count_include_pad", 0));
    win.ceil_mode = false;
    for (int a = 0; a < 2; a++)
        if (window_out(&win, a, in[1 + a], false) != out[1 + a])
            return refuse(w, n, "ceil_mode");
    if (!padding)
        return refuse(w, n, "these pads");
    if (!conv && (win.dilation[0] != 1 || win.dilation[1] != 1))
        return refuse(w, n, "dilation of a pool");
    if (conv && win.group != 1 && !node_is_depthwise(n))
        return refuse(w, n, "groups");
    put_list(&w->j, "kernel", win.kernel, 2);
    put_list(&w->j, "stride", win.stride, 2);
    json_kstr(&w->j, "padding", padding);
    if (conv) {
        put_list(&w->j, "dilation", win.dilation, 2);
        json_kbool(&w->j, "bias", win.bias);
    }
    return ST_OK;
}

/* Gemm(x, W, b) with the scales it has by default, x as it is. */
static bool plain_matmul(const struct node *n)
{
    if (n->op == OP_MATMUL)
        return node_const(n, 1) != NULL;
    return node_const(n, 1) && node_int(n, "transA", 0) == 0 &&
           node_float(n, "alpha", 1.0f) == 1.0f && node_float(n, "beta", 1.0f) == 1.0f;
}

static bool spatial_mean(const struct node *n)
{
    int64_t a = node_ints_at(n, "axes", 0, 0), b = node_ints_at(n, "axes", 1, 0);
    const struct node_attr *axes = node_attr(n, "axes");
    a += a < 0 ? 4 : 0;
    b += b < 0 ? 4 : 0;
    return n->op == OP_GLOBALAVG ||
           (axes && axes->n == 2 && a + b == 5 && (a == 2 || a == 3) && n->n_in == 1);
}

/* What an attribute or a constant says that the format's word for the node does not. */
static enum status check_node(const struct writer *w, const struct node *n)
{
    bool join = op_info(n->op)->arity == ARITY_JOIN && n->op != OP_MATMUL;
    for (int i = 0; join && i < n->n_in; i++)
        if (n->in[i].node < 0)
            return refuse(w, n, "a constant operand");
    for (int k = 1; k < n->n_out; k++)
        if (n->out[k].name[0])
            return refuse(w, n, "a second output");
    if (n->n_in > 0 && n->in[0].node < 0)
        return refuse(w, n, "a constant input");
    if (n->op == OP_CONCAT && node_int(n, "axis", 1) != 1 && node_int(n, "axis", 1) != -3)
        return refuse(w, n, "an axis other than channels");
    if ((n->op == OP_GEMM || n->op == OP_MATMUL) && !plain_matmul(n))
        return refuse(w, n, "this product");
    if (strcmp(node_cg_name(n), "mean") == 0 && !spatial_mean(n))
        return refuse(w, n, "these axes");
    if (n->op == OP_CONV && !node_const(n, 1))
        return refuse(w, n, "a computed kernel");
    return ST_OK;
}

/* "" when the format of this module's reader has no such word. */
static const char *word_of(const struct node *n)
{
    static const char *const beyond[] = {"depthtospace", "spacetodepthnd", "paddings"};
    const char *word = node_cg_name(n);
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        if (strcmp(word, beyond[i]) == 0)
            return "";
    return word;
}

static enum status put_node(struct writer *w, int number)
{
    const struct node *n = graph_node(w->g, w->slot[number]);
    const char *word = word_of(n);
    int64_t in[3], out[3];
    if (!word[0])
        return refuse(w, n, "it");
    TRY(check_node(w, n));
    const struct ttype *from = n->op == OP_INPUT ? &n->out[0].type : graph_input_type(w->g, n, 0);
    const struct ttype *to = n->op == OP_OUTPUT ? from : &n->out[0].type;
    if (!chw(from, in) || !chw(to, out))
        return refuse(w, n, "an open or odd shape");
    json_object(&w->j);
    json_kint(&w->j, "id", number);
    json_kstr(&w->j, "op", word);
    if (n->op == OP_CONV || n->op == OP_MAXPOOL || n->op == OP_AVGPOOL)
        TRY(put_window(w, n, in, out));
    if (n->op == OP_GEMM || n->op == OP_MATMUL)
        json_kbool(&w->j, "bias", n->op == OP_GEMM && n->n_in > 2 && n->in[2].node != IN_NONE);
    put_list(&w->j, "in_shape", in, 3);
    put_list(&w->j, "out_shape", out, 3);
    json_object_end(&w->j);
    str_add_char(w->j.out, '\n');
    return ST_OK;
}

static int by_ids(const void *x, const void *y)
{
    const struct edge *a = x, *b = y;
    return a->from != b->from ? (a->from > b->from) - (a->from < b->from)
                              : (a->to > b->to) - (a->to < b->to);
}

/* Edges sorted by ids, but those into one node in the order of its ports, which they stand for:
 * they share out the places they have among themselves. */
static void put_edges(struct writer *w)
{
    VEC(struct edge) list = {0};
    for (int k = 0; k < w->n; k++) {
        const struct node *n = graph_node(w->g, w->slot[k]);
        for (int i = 0; i < n->n_in; i++)
            if (n->in[i].node >= 0)
                vec_push(&list, (struct edge){w->number[n->in[i].node], k, i});
    }
    if (list.n)
        qsort(list.at, list.n, sizeof *list.at, by_ids);
    int *next = x_calloc((size_t)w->n, sizeof *next); /* next data port of each node */
    json_array(&w->j);
    for (size_t i = 0; i < list.n; i++) {
        const struct node *n = graph_node(w->g, w->slot[list.at[i].to]);
        int *port = &next[list.at[i].to];
        while (n->in[*port].node < 0)
            ++*port;
        json_array(&w->j);
        json_int(&w->j, w->number[n->in[(*port)++].node]);
        json_int(&w->j, list.at[i].to);
        json_array_end(&w->j);
    }
    json_array_end(&w->j);
    free(next);
    vec_done(&list);
}

static enum status put_graph(struct writer *w)
{
    int n_in;
    const int32_t *inputs = graph_inputs(w->g, &n_in);
    int64_t v[3];
    json_object(&w->j);
    json_kstr(&w->j, "name", graph_name(w->g));
    if (n_in != 1 || !chw(&graph_node(w->g, inputs[0])->out[0].type, v))
        return err_set(w->err, ST_UNSUPPORTED,
                       "a computation graph has exactly one input of known size");
    json_key(&w->j, "input");
    json_object(&w->j);
    json_kint(&w->j, "c", v[0]);
    json_kint(&w->j, "h", v[1]);
    json_kint(&w->j, "w", v[2]);
    json_object_end(&w->j);
    json_key(&w->j, "nodes");
    json_array(&w->j);
    for (int k = 0; k < w->n; k++)
        TRY(put_node(w, k));
    json_array_end(&w->j);
    json_key(&w->j, "edges");
    put_edges(w);
    json_object_end(&w->j);
    str_add_char(w->j.out, '\n');
    return ST_OK;
}

enum status cgjson_save(const struct graph *g, const char *path, struct err *err)
{
    struct str text = {0};
    struct writer w = {.g = g, .err = err};
    json_init(&w.j, &text);
    number_nodes(&w);
    enum status st = put_graph(&w);
    if (st == ST_OK)
        st = file_write(path, text.s, text.n, err);
    free(w.number);
    free(w.slot);
    str_done(&text);
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}
