/* Python identifiers from node names. */
#include "torch/torch_priv.h"

#include <ctype.h>
#include <stdio.h>

/* Words of Python, names of the written module, and what nn.Module already calls something. */
static const char *const taken[] = {
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "match",
    "case",
    "print",
    "float",
    "self",
    "x",
    "os",
    "np",
    "nn",
    "F",
    "torch",
    "Net",
    "load",
    "T_destination",
    "add_module",
    "apply",
    "bfloat16",
    "buffers",
    "call_super_init",
    "children",
    "compile",
    "cpu",
    "cuda",
    "double",
    "dump_patches",
    "eval",
    "extra_repr",
    "forward",
    "get_buffer",
    "get_extra_state",
    "get_parameter",
    "get_submodule",
    "half",
    "ipu",
    "load_state_dict",
    "modules",
    "mtia",
    "named_buffers",
    "named_children",
    "named_modules",
    "named_parameters",
    "parameters",
    "register_backward_hook",
    "register_buffer",
    "register_forward_hook",
    "register_forward_pre_hook",
    "register_full_backward_hook",
    "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook",
    "register_module",
    "register_parameter",
    "register_state_dict_post_hook",
    "register_state_dict_pre_hook",
    "requires_grad_",
    "set_extra_state",
    "set_submodule",
    "share_memory",
    "state_dict",
    "to",
    "to_empty",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad",
};

enum { LONGEST = 60 };

/* Letters, digits and single underscores; none of these in front (nn.Module keeps _names). */
static void identifier(const char *label, char *out)
{
    size_t n = 0;

    for (; *label && n < LONGEST; label++) {
        bool good = isascii((unsigned char)*label) && isalnum((unsigned char)*label);

        if (!good && (n == 0 || out[n - 1] == '_'))
            continue;
        if (n == 0 && isdigit((unsigned char)*label))
            out[n++] = 'n';
        out[n++] = good ? *label : '_';
    }
    while (n > 0 && out[n - 1] == '_')
        n--;
    out[n] = '\0';
    if (n == 0)
        snprintf(out, LONGEST, "node");
}

char *torch_fresh(struct writer *w, const char *stem)
{
    char name[LONGEST + 2], *whole;
    int64_t *last;

    if (w->names.n == 0)
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
            strmap_put(&w->names, taken[i], 1);
    identifier(stem, name);
    last = strmap_put(&w->names, name, 0);
    if (*last == 0) {
        *last = 1;
        return x_strdup(name);
    }
    for (int64_t i = *last + 1;; i++) {
        whole = x_asprintf("%s_%lld", name, (long long)i);
        if (!strmap_get(&w->names, whole))
            break;
        free(whole);
    }
    strmap_put(&w->names, whole, 1);
    return whole;
}

/* Whether all uses of the node's values are on line `line`. */
static bool used_on(const struct writer *w, int32_t id, int32_t line)
{
    int n;
    const struct use *use = graph_uses(w->g, id, &n);

    for (int i = 0; i < n; i++)
        if (w->line[use[i].node] != line && w->line[use[i].node] >= 0)
            return false;
    return n > 0;
}

static int n_used(const struct writer *w, int32_t id, int port)
{
    int n, found = 0;
    const struct use *use = graph_uses(w->g, id, &n);

    for (int i = 0; i < n; i++)
        found += w->line[use[i].node] >= 0 &&
                 graph_node(w->g, use[i].node)->in[use[i].port].port == port;
    return found;
}

static void name_values(struct writer *w, int32_t id)
{
    const struct node *n = graph_node(w->g, id);
    char **value = w->value + w->base[id];
    int n_inputs;

    graph_inputs(w->g, &n_inputs);
    if (n->op == OP_SPLIT) {
        for (int k = 0; k < n->n_out; k++) {
            char *stem = x_asprintf("%s_%d", w->ident[id], k);

            value[k] = n_used(w, id, k) ? torch_fresh(w, stem) : x_strdup("_");
            free(stem);
        }
        return;
    }
    /* What only the next line reads is x, as people write it, and lives no longer than needed. */
    bool passing = used_on(w, id, w->line[id] + 1) && (n->op != OP_INPUT || n_inputs == 1);

    for (int k = 0; k < n->n_out; k++)
        value[k] = x_strdup(k == 0 && !passing ? w->ident[id] : "x");
}

void torch_name_nodes(struct writer *w)
{
    const int32_t *order = graph_topo(w->g);

    for (int k = 0; k < graph_n_nodes(w->g); k++) {
        int32_t id = order[k];
        const struct node *n = graph_node(w->g, id);

        if (w->line[id] < 0 || n->op == OP_OUTPUT)
            continue;
        w->ident[id] = torch_fresh(w, node_label(n));
        name_values(w, id);
    }
}
