#include "session/overview.h"

#include "base/hash.h"
#include "base/mem.h"
#include "session/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 40 };

/* What stands in a row: a segment, or a node of none, at its first node's place. */
struct unit {
    int segment;
    int32_t node;
    uint64_t key; /* equal: it is the same again */
};

static uint64_t key_of(struct session *s, int segment, int32_t node)
{
    if (segment < 0)
        return hash_pair(0, (uint64_t)node + 1);
    const struct session_segment *p = session_segment(s, segment);
    uint64_t cost = hash_pair((uint64_t)p->cost.flops, (uint64_t)p->cost.params);
    return hash_pair(hash_str(p->ops, 1), cost);
}

static struct unit *list_units(struct session *s, int *n)
{
    const struct graph *g = session_graph(s);
    const int *of = session_segment_of(s);
    struct unit *u = x_calloc((size_t)graph_n_nodes(g) + 1, sizeof *u);
    bool *met = x_calloc((size_t)session_n_segments(s) + 1, sizeof *met);
    *n = 0;
    for (int i = 0; i < graph_n_nodes(g); i++) {
        int32_t id = graph_topo(g)[i];
        int k = of ? of[id] : -1;
        if (k >= 0 && met[k])
            continue;
        if (k >= 0)
            met[k] = true;
        u[(*n)++] = (struct unit){k, id, key_of(s, k, id)};
    }
    free(met);
    return u;
}

/* How often the `length` units at u come in a row; there are n. */
static int count_turns(const struct unit *u, int n, int length)
{
    int times = 1;
    for (int i = length; i + length <= n; i += length, times++)
        for (int k = 0; k < length; k++)
            if (u[i + k].key != u[k].key)
                return times;
    return times;
}

/* The row at u that covers most when it is folded, the shortest of those. */
static void find_turn(const struct unit *u, int n, int *length, int *times)
{
    *length = *times = 1;
    for (int k = 1; k <= OVERVIEW_TURN && 2 * k <= n; k++) {
        int t = count_turns(u, n, k);
        if (t > 1 && t * k > *times * *length)
            *length = k, *times = t;
    }
}

/* Cut between two words. */
static void cut(char *text, size_t room)
{
    if (strlen(text) <= room)
        return;
    size_t at = room - 2;
    while (at > 0 && text[at] != ' ')
        at--;
    if (at == 0)
        at = room - 3;
    memcpy(text + at, " ..", 4);
}

static char *make_label(struct session *s, const struct overview_box *b, int last)
{
    char ops[200], head[48] = "";
    if (b->segment < 0)
        return x_strdup(node_op_type(graph_node(session_graph(s), b->node)));
    const struct session_segment *p = session_segment(s, b->segment);
    describe_ops(ops, sizeof ops, p->ops);
    if (b->times == 1)
        snprintf(head, sizeof head, "%d ", b->segment);
    else
        snprintf(head, sizeof head, "x%d (%d-%d) ", b->times, b->segment, last);
    cut(ops, LABEL - strlen(head)); /* a blank: the bracket may be a digit */
    char *label = x_asprintf(" %s%s", head, ops);
    for (char *c = label; *c; c++)
        if ((unsigned char)*c < 32 || (unsigned char)*c > 126)
            *c = '?';
    return label;
}

void overview_init(struct overview *o, struct session *s, bool fold)
{
    const struct graph *g = session_graph(s);
    const int *of = session_segment_of(s);
    int n, slots = graph_n_slots(g);
    struct unit *u = list_units(s, &n);
    int *box_of = x_calloc((size_t)session_n_segments(s) + 1, sizeof *box_of);
    *o = (struct overview){.box = x_calloc((size_t)n + 1, sizeof *o->box),
                           .label = x_calloc((size_t)n + 1, sizeof *o->label),
                           .of = x_malloc(((size_t)slots + 1) * sizeof *o->of)};
    for (int i = 0; i < slots; i++)
        o->of[i] = -1;
    for (int i = 0; i < n;) {
        struct overview_box *b = &o->box[o->n];
        *b = (struct overview_box){u[i].segment, u[i].node, 1, 1};
        if (fold)
            find_turn(u + i, n - i, &b->length, &b->times);
        int end = i + b->length * b->times;
        o->label[o->n] = make_label(s, b, u[end - 1].segment);
        for (; i < end; i++)
            if (u[i].segment >= 0)
                box_of[u[i].segment] = o->n;
            else
                o->of[u[i].node] = o->n;
        o->n++;
    }
    for (int i = 0; of && i < slots; i++)
        if (of[i] >= 0)
            o->of[i] = box_of[of[i]];
    free(box_of);
    free(u);
}

void overview_done(struct overview *o)
{
    for (int i = 0; i < o->n; i++)
        free(o->label[i]);
    free(o->label);
    free(o->box);
    free(o->of);
    memset(o, 0, sizeof *o);
}
