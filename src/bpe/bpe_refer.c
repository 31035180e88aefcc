/* Reference tokens, as the tool of the paper (AutoGO, NeurIPS 2023) makes them, with its oddities:
 * anything whose name holds "add" (`paddings` too) is read as add, strides, groups and kernel
 * heights are not seen, and the order of neighbours matters. */
#include "bpe/bpe_priv.h"
#include <ctype.h>
#include <stdlib.h>

static void op_name(const struct node *n, struct str *out)
{
    const char *s = node_is_depthwise(n) ? "depthwise" : op_info(n->op)->token;
    if (!strcmp(node_cg_name(n), "relu6"))
        s = "relu";
    if (!*s) {
        /* A foreign operator may have any name, a token may not (bpe_token_is_plain). */
        for (s = node_op_type(n); *s; s++)
            str_add_char(out, *s >= ' ' && *s <= '~' ? (char)tolower((unsigned char)*s) : '?');
        return;
    }
    str_add(out, strstr(s, "add") ? "add" : s);
}

static int by_value(const void *a, const void *b)
{
    int32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static void in_neighbours(const struct graph *g, const struct node *n, struct str *out)
{
    VEC(int32_t) id = {0};
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].node >= 0)
            vec_push(&id, n->in[i].node);
    if (id.n > 1)
        qsort(id.at, id.n, sizeof *id.at, by_value);
    for (size_t i = 0; i < id.n; i++) {
        if (i && id.at[i] == id.at[i - 1])
            continue;
        if (i)
            str_add_char(out, ',');
        op_name(graph_node(g, id.at[i]), out);
    }
    vec_done(&id);
}

void refer_token(const struct graph *g, int32_t id, struct str *out)
{
    const struct node *n = graph_node(g, id);
    op_name(n, out);
    str_add_char(out, ':');
    if (op_info(n->op)->weighted) {
        struct window w;
        str_addf(out, "%lld", node_window(n, &w) ? (long long)w.kernel[1] : 0LL);
    }
    str_add_char(out, ':');
    in_neighbours(g, n, out);
    str_add_char(out, ':');
    int n_use;
    const struct use *u = graph_uses(g, id, &n_use);
    for (int i = 0; i < n_use; i++) {
        if (i && u[i].node == u[i - 1].node)
            continue;
        if (i)
            str_add_char(out, ',');
        op_name(graph_node(g, u[i].node), out);
    }
}
