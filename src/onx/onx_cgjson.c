/* CG JSON -> graph. The format is TensorFlow's view of a network: `same` padding depends on the
 * input size, and every map has three dimensions, also behind a mean. ONNX wants rank 2 in front
 * of Gemm, so values behind a mean have rank 2 as far as nothing there needs a map; a matmul on a
 * 1x1 map that cannot have rank 2 becomes the 1x1 convolution that it is. */
#include "onx/onx.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)64 << 20)
#define MAX_SIZE ((int64_t)1 << 30)
#define MAX_WEIGHTS ((int64_t)1 << 40)

/* How the ranks of a node's inputs and outputs hang together. */
enum rank_rule { RANK_MAP, RANK_KEEP, RANK_MEAN, RANK_MATMUL, RANK_ANY };

static const struct word {
    const char *name;
    enum op op;
    enum rank_rule rank;
    bool weighted, window;
} words[] = {
    {"input", OP_INPUT, RANK_MAP, false, false},
    {"output", OP_OUTPUT, RANK_ANY, false, false},
    {"conv", OP_CONV, RANK_MAP, true, true},
    {"depthwise", OP_CONV, RANK_MAP, true, true},
    {"batchnorm", OP_BATCHNORM, RANK_KEEP, false, false},
    {"relu", OP_RELU, RANK_KEEP, false, false},
    {"relu6", OP_CLIP, RANK_KEEP, false, false},
    {"sigmoid", OP_SIGMOID, RANK_KEEP, false, false},
    {"tanh", OP_TANH, RANK_KEEP, false, false},
    {"identity", OP_IDENTITY, RANK_KEEP, false, false},
    {"add", OP_ADD, RANK_KEEP, false, false},
    {"mul", OP_MUL, RANK_KEEP, false, false},
    {"concat", OP_CONCAT, RANK_KEEP, false, false},
    {"maxpool", OP_MAXPOOL, RANK_MAP, false, true},
    {"avgpool", OP_AVGPOOL, RANK_MAP, false, true},
    {"mean", OP_REDUCEMEAN, RANK_MEAN, false, false},
    {"matmul", OP_GEMM, RANK_MATMUL, false, false},
};

const char *cgjson_op_at(int i)
{
    return i < (int)(sizeof words / sizeof *words) ? words[i].name : NULL;
}

struct item {
    const cJSON *json;
    const struct word *word;
    int64_t in[3], out[3]; /* c, h, w */
    bool map;              /* its output has rank 4 */
    VEC(int32_t) from, to;
};

struct reader {
    struct item *item;
    int n;
    uint64_t seed;
    struct graph_edit *e;
    struct err *err;
};

static enum status bad(const struct reader *r, int id, const char *what)
{
    const struct item *it = &r->item[id];
    return err_set(r->err, ST_MODEL, "node %d (%s): %s", id, it->word ? it->word->name : "?", what);
}

static bool is_integer(const cJSON *j, int64_t lo, int64_t hi, int64_t *v)
{
    if (!cJSON_IsNumber(j) || !(j->valuedouble >= (double)lo && j->valuedouble <= (double)hi))
        return false;
    *v = (int64_t)j->valuedouble;
    return (double)*v == j->valuedouble;
}

/* An array of exactly n integers in [lo, MAX_SIZE]. */
static bool integers(const cJSON *array, int64_t *v, int n, int64_t lo)
{
    const cJSON *j;
    int k = 0;
    if (!cJSON_IsArray(array))
        return false;
    cJSON_ArrayForEach(j, array)
    {
        if (k == n || !is_integer(j, lo, MAX_SIZE, &v[k]))
            return false;
        k++;
    }
    return k == n;
}

static const cJSON *field(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static enum status read_nodes(struct reader *r, const cJSON *nodes)
{
    const cJSON *j;
    cJSON_ArrayForEach(j, nodes)
    {
        int64_t id;
        if (!is_integer(field(j, "id"), 0, r->n - 1, &id) || r->item[id].json)
            return err_set(r->err, ST_MODEL, "node ids must be the numbers from 0 to %d, each once",
                           r->n - 1);
        struct item *it = &r->item[id];
        const char *op = cJSON_GetStringValue(field(j, "op"));
        it->json = j;
        it->map = true;
        for (size_t i = 0; op && i < sizeof words / sizeof *words; i++)
            if (strcmp(words[i].name, op) == 0)
                it->word = &words[i];
        if (!op)
            return bad(r, (int)id, "no op");
        if (!it->word)
            return err_set(r->err, ST_UNSUPPORTED, "node %d: unknown op '%s'", (int)id, op);
        if (!integers(field(j, "in_shape"), it->in, 3, 1) ||
            !integers(field(j, "out_shape"), it->out, 3, 1))
            return bad(r, (int)id, "in_shape and out_shape must be three positive numbers");
    }
    return ST_OK;
}

static enum status read_edges(struct reader *r, const cJSON *edges)
{
    const cJSON *j;
    cJSON_ArrayForEach(j, edges)
    {
        int64_t v[2];
        if (!integers(j, v, 2, 0) || v[0] >= r->n || v[1] >= r->n)
            return err_set(r->err, ST_MODEL, "an edge is not a pair of node ids");
        vec_push(&r->item[v[0]].to, (int32_t)v[1]);
        vec_push(&r->item[v[1]].from, (int32_t)v[0]);
    }
    return ST_OK;
}

static enum status check_item(const struct reader *r, int id)
{
    const struct item *it = &r->item[id];
    enum op op = it->word->op;
    bool join = op == OP_ADD || op == OP_CONCAT || op == OP_MUL;
    size_t n = it->from.n;
    if (op == OP_INPUT ? n != 0 : n == 0)
        return bad(r, id, op == OP_INPUT ? "an input has a predecessor" : "no predecessor");
    if (op == OP_OUTPUT && it->to.n)
        return bad(r, id, "an output has a successor");
    if ((!join && n > 1) || (op == OP_MUL && n != 2))
        return err_set(r->err, ST_UNSUPPORTED, "node %d (%s): %zu inputs", id, it->word->name, n);
    for (size_t i = 0; i < n && !join; i++)
        if (memcmp(r->item[it->from.at[i]].out, it->in, sizeof it->in) != 0)
            return bad(r, id, "in_shape is not the out_shape of its predecessor");
    return ST_OK;
}

/* ---- ranks ---- */

static bool couples(const struct item *it)
{
    return it->word->rank == RANK_KEEP || it->word->rank == RANK_MATMUL;
}

static void decide_ranks(struct reader *r)
{
    VEC(int32_t) todo = {0}; /* nodes found to be maps, neighbours not yet told */
    for (int id = 0; id < r->n; id++) {
        enum rank_rule rule = r->item[id].word->rank;
        r->item[id].map = rule == RANK_MAP;
    }
    for (int id = 0; id < r->n; id++) {
        const struct item *it = &r->item[id];
        if (it->map)
            vec_push(&todo, id);
        for (size_t i = 0; i < it->from.n; i++) {
            struct item *p = &r->item[it->from.at[i]];
            if ((it->map || it->word->rank == RANK_MEAN) && !p->map) {
                p->map = true;
                vec_push(&todo, it->from.at[i]);
            }
        }
    }
    while (todo.n) {
        const struct item *it = &r->item[todo.at[--todo.n]];
        for (size_t i = 0; i < it->to.n; i++) {
            struct item *s = &r->item[it->to.at[i]];
            if (couples(s) && !s->map) {
                s->map = true;
                vec_push(&todo, it->to.at[i]);
            }
        }
        for (size_t i = 0; couples(it) && i < it->from.n; i++) {
            struct item *p = &r->item[it->from.at[i]];
            if (!p->map) {
                p->map = true;
                vec_push(&todo, it->from.at[i]);
            }
        }
    }
    vec_done(&todo);
}

/* ---- nodes ---- */

static struct ttype value_type(const struct item *it)
{
    if (it->map)
        return ttype_nchw(1, it->out[0], it->out[1], it->out[2]);
    return ttype_make(DT_FLOAT, 2, (int64_t[]){1, it->out[0]});
}

static enum status add_weight(const struct reader *r, struct node *n, int id, int rank,
                              const int64_t *dim)
{
    struct ttype t = ttype_make(DT_FLOAT, rank, dim);
    int64_t count = ttype_count(&t, 0);
    if (count <= 0 || count > MAX_WEIGHTS)
        return bad(r, id, "impossible weight size");
    char *name = x_asprintf("%s.weight", n->name);
    node_add_const(n, tensor_new_he(name, &t, count / dim[0], hash_pair(r->seed, (uint64_t)id)));
    free(name);
    return ST_OK;
}

static void add_fill(struct node *n, const char *suffix, int64_t size, double value)
{
    struct ttype t = ttype_make(DT_FLOAT, 1, &size);
    char *name = x_asprintf("%s.%s", n->name, suffix);
    node_add_const(n, tensor_new_fill(name, &t, value));
    free(name);
}

static enum status read_window(const struct reader *r, int id, struct window *w)
{
    const struct item *it = &r->item[id];
    const char *padding = cJSON_GetStringValue(field(it->json, "padding"));
    const cJSON *dilation = field(it->json, "dilation");
    memset(w, 0, sizeof *w);
    w->dilation[0] = w->dilation[1] = w->group = 1;
    if (!integers(field(it->json, "kernel"), w->kernel, 2, 1) ||
        !integers(field(it->json, "stride"), w->stride, 2, 1) ||
        (dilation && !integers(dilation, w->dilation, 2, 1)))
        return bad(r, id, "kernel, stride and dilation must be two positive numbers");
    if (!padding || (strcmp(padding, "same") != 0 && strcmp(padding, "valid") != 0))
        return bad(r, id, "padding must be \"same\" or \"valid\"");
    for (int axis = 0; axis < 2; axis++) {
        if (strcmp(padding, "same") == 0)
            window_set_same(w, axis, it->in[1 + axis]);
        if (window_out(w, axis, it->in[1 + axis], false) != it->out[1 + axis])
            return bad(r, id, "out_shape does not follow from in_shape, kernel and stride");
    }
    return ST_OK;
}

static enum status set_conv(const struct reader *r, struct node *n, int id)
{
    const struct item *it = &r->item[id];
    struct window w;
    TRY(read_window(r, id, &w));
    int64_t cin = it->in[0], cout = it->out[0];
    if (strcmp(it->word->name, "depthwise") == 0) {
        if (cout % cin)
            return bad(r, id, "output channels are no multiple of the input's");
        w.group = cin;
    }
    TRY(add_weight(r, n, id, 4, (int64_t[]){cout, cin / w.group, w.kernel[0], w.kernel[1]}));
    if (cJSON_IsTrue(field(it->json, "bias")))
        add_fill(n, "bias", cout, 0);
    node_set_window(n, &w);
    return ST_OK;
}

static enum status set_matmul(const struct reader *r, struct node *n, int id)
{
    const struct item *it = &r->item[id];
    int64_t cin = it->in[0], cout = it->out[0];
    if (it->in[1] * it->in[2] != 1 || it->out[1] * it->out[2] != 1)
        return err_set(r->err, ST_UNSUPPORTED, "node %d (matmul): its map is not 1x1", id);
    if (!it->map) {
        TRY(add_weight(r, n, id, 2, (int64_t[]){cout, cin}));
        node_set_int(n, "transB", 1);
    } else {
        n->op = OP_CONV;
        TRY(add_weight(r, n, id, 4, (int64_t[]){cout, cin, 1, 1}));
        node_set_ints(n, "kernel_shape", (int64_t[]){1, 1}, 2);
    }
    if (cJSON_IsTrue(field(it->json, "bias")))
        add_fill(n, "bias", cout, 0);
    return ST_OK;
}

static enum status set_node(const struct reader *r, struct node *n, int id)
{
    const struct item *it = &r->item[id];
    struct window w;
    switch (it->word->op) {
    case OP_CONV:
        return set_conv(r, n, id);
    case OP_GEMM:
        return set_matmul(r, n, id);
    case OP_MAXPOOL:
    case OP_AVGPOOL:
        TRY(read_window(r, id, &w));
        node_set_window(n, &w);
        node_set_ints(n, "kernel_shape", w.kernel, 2); /* demanded also when it is 1x1 */
        break;
    case OP_BATCHNORM:
        add_fill(n, "scale", it->in[0], 1);
        add_fill(n, "shift", it->in[0], 0);
        add_fill(n, "mean", it->in[0], 0);
        add_fill(n, "var", it->in[0], 1);
        break;
    case OP_CLIP:
        node_add_const(n, tensor_new_f32("", 0));
        node_add_const(n, tensor_new_f32("", 6));
        break;
    case OP_CONCAT:
        node_set_int(n, "axis", 1);
        break;
    case OP_ADD:
        if (it->from.n != 2)
            n->op = OP_SUM;
        break;
    case OP_REDUCEMEAN:
        node_set_ints(n, "axes", (int64_t[]){2, 3}, 2);
        node_set_int(n, "keepdims", it->map);
        break;
    default:
        break;
    }
    return ST_OK;
}

static enum status add_nodes(struct reader *r)
{
    int n_in = 0, n_out = 0;
    for (int id = 0; id < r->n; id++) {
        n_in += r->item[id].word->op == OP_INPUT;
        n_out += r->item[id].word->op == OP_OUTPUT;
    }
    for (int id = 0; id < r->n; id++) {
        const struct item *it = &r->item[id];
        enum op op = it->word->op;
        bool alone = (op == OP_INPUT && n_in == 1) || (op == OP_OUTPUT && n_out == 1);
        char *name = alone ? x_strdup(it->word->name) : x_asprintf("%s_%d", it->word->name, id);
        struct node *n = node_new(op, name);
        for (size_t i = 0; i < it->from.n; i++)
            node_add_input(n, it->from.at[i], 0);
        if (op != OP_OUTPUT) {
            node_add_output(n, name);
            n->out[0].type = value_type(it);
        }
        free(name);
        enum status st = set_node(r, n, id);
        graph_edit_add(r->e, n);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static enum status read_graph(struct reader *r, const cJSON *root, struct graph **out)
{
    const cJSON *nodes = field(root, "nodes"), *edges = field(root, "edges");
    if (!cJSON_IsArray(nodes) || !cJSON_IsArray(edges))
        return err_set(r->err, ST_MODEL, "not a computation graph: no nodes or edges");
    r->n = cJSON_GetArraySize(nodes);
    if (r->n == 0)
        return err_set(r->err, ST_MODEL, "the model has no nodes");
    r->item = x_calloc((size_t)r->n, sizeof *r->item);
    TRY(read_nodes(r, nodes));
    TRY(read_edges(r, edges));
    for (int id = 0; id < r->n; id++)
        TRY(check_item(r, id));
    decide_ranks(r);
    r->e = graph_edit_new(NULL);
    const char *name = cJSON_GetStringValue(field(root, "name"));
    graph_edit_set_name(r->e, name ? name : "graph");
    TRY(add_nodes(r));
    struct graph_edit *e = r->e;
    r->e = NULL;
    return graph_edit_freeze(e, out, r->err);
}

enum status cgjson_load_bytes(struct graph **out, const unsigned char *bytes, size_t size,
                              uint64_t seed, struct err *err)
{
    struct reader r = {.seed = seed, .err = err};
    if (size > MAX_FILE)
        return err_set(err, ST_IO, "larger than %zu bytes", MAX_FILE);
    cJSON *root = cJSON_ParseWithLength((const char *)bytes, size);
    enum status st = root ? read_graph(&r, root, out)
                          : err_set(err, ST_MODEL, size ? "not JSON" : "the file is empty");
    cJSON_Delete(root);
    graph_edit_free(r.e);
    for (int id = 0; id < r.n && r.item; id++) {
        vec_done(&r.item[id].from);
        vec_done(&r.item[id].to);
    }
    free(r.item);
    return st;
}

enum status cgjson_load(struct graph **out, const char *path, uint64_t seed, struct err *err)
{
    unsigned char *bytes;
    size_t size;
    TRY(file_read(path, MAX_FILE, &bytes, &size, err));
    enum status st = cgjson_load_bytes(out, bytes, size, seed, err);
    free(bytes);
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}
