/* The file: orders the nodes, lets each write its lines, and puts both files in place. */
#include "torch/torch_priv.h"
#include "base/str.h"
#include "shape/shape.h"

#include <stdio.h>

/* ---- order ---- */

struct visit {
    int32_t id;
    int next; /* input */
};

/* Depth first from the outputs, so that a branch is written whole before the next one. */
static int32_t *order_nodes(struct writer *w, int *count)
{
    struct visit *stack = x_calloc((size_t)graph_n_nodes(w->g) + 1, sizeof *stack);
    int32_t *order = x_calloc((size_t)graph_n_nodes(w->g) + 1, sizeof *order);
    bool *seen = x_calloc((size_t)graph_n_slots(w->g) + 1, sizeof *seen);
    int n_out, n = 0;
    const int32_t *out = graph_outputs(w->g, &n_out);

    for (int i = 0; i < n_out; i++) {
        int depth = 0;

        stack[depth++] = (struct visit){out[i], 0};
        while (depth > 0) {
            struct visit *v = &stack[depth - 1];
            const struct node *node = graph_node(w->g, v->id);

            if (v->next < node->n_in) {
                int32_t from = node->in[v->next++].node;

                if (from >= 0 && !seen[from]) {
                    seen[from] = true;
                    stack[depth++] = (struct visit){from, 0};
                }
                continue;
            }
            if (node->op != OP_INPUT && node->op != OP_OUTPUT)
                order[n++] = v->id;
            depth--;
        }
    }
    free(stack);
    free(seen);
    *count = n;
    return order;
}

/* Inputs are line 0, the results come after the last line. */
static void number_lines(struct writer *w, const int32_t *order, int count)
{
    int n;
    const int32_t *id = graph_inputs(w->g, &n);

    for (int i = 0; i < graph_n_slots(w->g); i++)
        w->line[i] = -1;
    for (int i = 0; i < n; i++)
        w->line[id[i]] = 0;
    for (int i = 0; i < count; i++)
        w->line[order[i]] = i + 1;
    id = graph_outputs(w->g, &n);
    for (int i = 0; i < n; i++)
        w->line[id[i]] = count + 1;
}

/* ---- lines ---- */

/* Every type that the node reads or makes must be known; other outputs than the first are of
 * Split only. */
static enum status check(struct writer *w)
{
    int n;
    const struct use *use = graph_uses(w->g, w->id, &n);

    if (!torch_fn_of(w->n->op))
        return torch_refuse(w, "PyTorch has no such operator");
    for (int i = 0; i < w->n->n_in; i++)
        if (torch_has(w, i) && torch_type(w, i)->rank < 0)
            return torch_refuse(w, "the shape of input %d is not known", i);
    if (torch_out(w)->rank < 0)
        return torch_refuse(w, "its shape is not known");
    for (int i = 0; i < n && w->n->op != OP_SPLIT; i++)
        if (use[i].port >= 0 && w->line[use[i].node] >= 0 &&
            graph_node(w->g, use[i].node)->in[use[i].port].port > 0)
            return torch_refuse(w, "its output %d is used",
                                graph_node(w->g, use[i].node)->in[use[i].port].port);
    return ST_OK;
}

static enum status write_node(struct writer *w, int32_t id)
{
    char shape[96];

    w->id = id;
    w->n = graph_node(w->g, id);
    str_clear(&w->expr);
    TRY(check(w));
    TRY(torch_fn_of(w->n->op)(w));
    str_add(&w->forward, "        ");
    for (int k = 0; k < (w->n->op == OP_SPLIT ? w->n->n_out : 1); k++)
        str_addf(&w->forward, "%s%s", k ? ", " : "", w->value[w->base[id] + k]);
    if (w->n->op == OP_SPLIT && w->n->n_out == 1)
        str_add_char(&w->forward, ',');
    str_addf(&w->forward, " = %s  # %s\n", str_text(&w->expr),
             ttype_text(torch_out(w), shape, sizeof shape));
    return ST_OK;
}

static enum status check_inputs(struct writer *w)
{
    int n;
    const int32_t *in = graph_inputs(w->g, &n);

    for (int i = 0; i < n; i++) {
        int dtype = graph_type(w->g, (struct value_ref){in[i], 0})->dtype;

        w->n = graph_node(w->g, in[i]);
        if (!torch_is_float(dtype) && !torch_dtype(dtype))
            return torch_refuse(w, "PyTorch has no type %s", dtype_name(dtype));
    }
    return ST_OK;
}

static enum status write_result(struct writer *w)
{
    int n;
    const int32_t *out = graph_outputs(w->g, &n);

    if (n == 0)
        return err_set(w->err, ST_UNSUPPORTED, "the network has no output");
    for (int i = 0; i < n; i++) {
        const char *text;

        w->id = out[i];
        w->n = graph_node(w->g, out[i]);
        TRY(torch_in(w, 0, &text));
        str_addf(&w->forward, "%s%s", i ? ", " : "        return ", text);
    }
    str_add_char(&w->forward, '\n');
    return ST_OK;
}

/* ---- the whole ---- */

static void add_plain(struct str *b, const char *s)
{
    for (; *s; s++)
        str_add_char(b, *s >= ' ' && *s < 127 && *s != '"' && *s != '\\' ? *s : '?');
}

static void describe_ports(const struct graph *g, const int32_t *id, int n, const char *what,
                           struct str *out)
{
    char shape[96];

    for (int i = 0; i < n; i++) {
        const struct node *p = graph_node(g, id[i]);
        const struct ttype *t = p->op == OP_OUTPUT ? graph_input_type(g, p, 0)
                                                   : graph_type(g, (struct value_ref){id[i], 0});

        str_addf(out, "%s ", what);
        add_plain(out, node_label(p));
        str_addf(out, ": %s %s\n", torch_is_float(t->dtype) ? "float" : dtype_name(t->dtype),
                 ttype_text(t, shape, sizeof shape));
    }
}

static void assemble(struct writer *w, const char *npz, struct str *out)
{
    int n_in, n_out;
    const int32_t *in = graph_inputs(w->g, &n_in), *result = graph_outputs(w->g, &n_out);
    const char *slash = strrchr(npz, '/');

    str_add(out, "\"\"\"");
    add_plain(out, graph_name(w->g)[0] ? graph_name(w->g) : "network");
    str_add(out, " as a PyTorch module, written by autogo.\n\n");
    describe_ports(w->g, in, n_in, "Input ", out);
    describe_ports(w->g, result, n_out, "Output", out);
    str_add(out, "\nload() gives the network with the weights of ");
    add_plain(out, slash ? slash + 1 : npz);
    str_add(out, ", which lies beside this file, ready for\n"
                 "inference; the archive's names are those of state_dict(). To train it:\n"
                 "load().train() and any optimizer over parameters().\n\"\"\"\n"
                 "import os\n\nimport numpy as np\nimport torch\nimport torch.nn.functional as F\n"
                 "from torch import nn\n\n\n"
                 "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n");
    str_add(out, str_text(&w->init));
    str_add(out, "\n    def forward(self");
    for (int i = 0; i < n_in; i++)
        str_addf(out, ", %s", w->value[w->base[in[i]]]);
    str_add(out, "):\n");
    str_add(out, str_text(&w->forward));
    str_add(
        out,
        "\n\ndef load(path=os.path.splitext(os.path.abspath(__file__))[0] + '.npz'):\n"
        "    net = Net()\n    with np.load(path) as weights:\n"
        "        net.load_state_dict({key: torch.from_numpy(weights[key]) for key in weights})\n"
        "    return net.eval()\n");
}

static enum status write_files(struct writer *w, const char *path, struct err *err)
{
    char *npz = x_asprintf("%.*s.npz", (int)(strlen(path) - 3), path);
    struct file_writer code, data;
    struct str text = {0};
    enum status st = file_writer_open(&data, npz, err);

    assemble(w, npz, &text);
    if (st == ST_OK) {
        st = file_writer_open(&code, path, err);
        if (st != ST_OK)
            file_writer_discard(&data);
    }
    if (st == ST_OK) {
        bool full;

        st = torch_npz(&w->weights, &data, err);
        fwrite(str_text(&text), 1, text.n, code.f);
        /* then its commit fails, and the weights must not be new */
        full = fflush(code.f) != 0 || ferror(code.f);
        if (st == ST_OK && !full)
            st = file_writer_commit(&data, err);
        else
            file_writer_discard(&data);
        if (st == ST_OK)
            st = file_writer_commit(&code, err);
        else
            file_writer_discard(&code);
    }
    str_done(&text);
    free(npz);
    return st;
}

static void writer_init(struct writer *w, const struct graph *g, struct err *err)
{
    int32_t n = 0;
    size_t slots = (size_t)graph_n_slots(g) + 1;

    *w = (struct writer){.g = g, .err = err};
    w->ident = x_calloc(slots, sizeof *w->ident);
    w->base = x_calloc(slots, sizeof *w->base);
    w->line = x_calloc(slots, sizeof *w->line);
    for (int32_t id = 0; id < graph_n_slots(g); id++) {
        w->base[id] = n;
        n += graph_node(g, id) ? graph_node(g, id)->n_out : 0;
    }
    w->base[slots - 1] = n;
    w->value = x_calloc((size_t)n + 1, sizeof *w->value);
}

static void writer_done(struct writer *w)
{
    for (int32_t id = 0; id < graph_n_slots(w->g); id++)
        free(w->ident[id]);
    for (int32_t i = 0; i < w->base[graph_n_slots(w->g)]; i++)
        free(w->value[i]);
    for (size_t i = 0; i < w->weights.n; i++)
        free(w->weights.at[i].key);
    for (size_t i = 0; i < w->text.n; i++)
        free(w->text.at[i]);
    free(w->ident);
    free(w->value);
    free(w->base);
    free(w->line);
    vec_done(&w->weights);
    vec_done(&w->text);
    strmap_done(&w->names);
    u64map_done(&w->known);
    str_done(&w->init);
    str_done(&w->forward);
    str_done(&w->expr);
}

enum status torch_save(const struct graph *g, const char *path, struct err *err)
{
    struct graph *typed;
    struct writer w;
    enum status st;
    int32_t *order;
    int count;

    TRY(shape_infer(g, &typed, err));
    writer_init(&w, typed, err);
    order = order_nodes(&w, &count);
    number_lines(&w, order, count);
    torch_name_nodes(&w);
    st = check_inputs(&w);
    for (int i = 0; i < count && st == ST_OK; i++)
        st = write_node(&w, order[i]);
    if (st == ST_OK)
        st = write_result(&w);
    if (st == ST_OK)
        st = write_files(&w, path, err);
    free(order);
    writer_done(&w);
    graph_unref(typed);
    return st;
}
