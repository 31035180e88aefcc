/* From a fragment and its boundary to values and constraints. */
#include "mend/mend_priv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void reason_set(char *reason, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, 256, fmt, ap);
    va_end(ap);
}

const char *node_quoted(const struct graph *g, int32_t id, char *buf, size_t size)
{
    const struct node *n = graph_node(g, id);
    const char *label = n ? node_label(n) : "";
    if (*label)
        snprintf(buf, size, "'%.40s'", label);
    else
        snprintf(buf, size, "%.30s #%d", n ? node_op_type(n) : "node", (int)id);
    return buf;
}

const char *con_who(const struct model *m, const struct con *c, char *buf, size_t size)
{
    char name[64];
    node_quoted(m->g, c->node, name, sizeof name);
    const struct node *n = graph_node(m->g, c->node);
    switch (c->why) {
    case WHY_INPUT:
        snprintf(buf, size, "input %s", name);
        break;
    case WHY_OUTPUT:
        snprintf(buf, size, "output %s", name);
        break;
    case WHY_PIN:
        snprintf(buf, size, "the pin on %s", name);
        break;
    default:
        snprintf(buf, size, "%s (%.24s)", name, node_op_type(n));
    }
    return buf;
}

int model_in(const struct model *m, const struct node *n, int i)
{
    if (i >= n->n_in || n->in[i].node < 0)
        return -1;
    int v = m->base[n->in[i].node] + n->in[i].port;
    return m->val[v].rank ? v : -1;
}

void add_fix(struct model *m, int axis, int v, int64_t size, int32_t node, enum why why)
{
    struct con c = {.kind = CON_FIX, .why = why, .axis = axis, .node = node, .n = 1, .k = size};
    c.first = (int)m->term.n;
    vec_push(&m->term, (struct term){v, 1});
    vec_push(&m->con, c);
}

/* N x C x H x W or N x C with every size but the batch known. */
static int live_rank(const struct ttype *t)
{
    if (t->rank != 4 && t->rank != 2)
        return 0;
    for (int i = 1; i < t->rank; i++)
        if (t->dim[i] < 1 || t->dim[i] > MEND_MAX_SIZE)
            return 0;
    return t->rank;
}

static void number_values(struct model *m)
{
    int slots = graph_n_slots(m->g);
    m->base = x_calloc((size_t)slots + 1, sizeof *m->base);
    for (int32_t id = 0; id < slots; id++) {
        const struct node *n = graph_node(m->g, id);
        m->base[id] = m->n_val;
        m->n_val += n ? n->n_out : 0;
    }
    m->val = x_calloc((size_t)m->n_val + 1, sizeof *m->val);
    for (int32_t id = 0; id < slots; id++) {
        const struct node *n = graph_node(m->g, id);
        for (int p = 0; n && p < n->n_out; p++) {
            struct mval *v = &m->val[m->base[id] + p];
            const struct ttype *t = &n->out[p].type;
            v->node = id;
            v->port = p;
            v->rank = live_rank(t);
            for (int a = 0; v->rank && a < v->rank - 1; a++)
                v->was[a] = t->dim[1 + a];
        }
    }
}

/* Shapes that agree beyond the batch: all that a frozen boundary tensor allows. */
static bool same_but_batch(const struct ttype *a, const struct ttype *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = a->rank > 1 ? 1 : 0; i < a->rank; i++)
        if (a->dim[i] >= 0 && b->dim[i] >= 0 && a->dim[i] != b->dim[i])
            return false;
    return true;
}

/* One port: fixes what it can, or says why it never fits. *log_ratio grows by ln(need/has). */
static bool model_port(struct model *m, int32_t node, int v, const struct ttype *has,
                       const struct ttype *need, enum why why, double *log_ratio, int *n_ratio)
{
    char name[64], a[96], b[96];
    struct con who = {.why = why, .node = node};
    if (has->dtype && need->dtype && has->dtype != need->dtype) {
        reason_set(m->reason, "%s is %s, the boundary has %s", con_who(m, &who, name, sizeof name),
                   dtype_name(has->dtype), dtype_name(need->dtype));
        return false;
    }
    bool live = v >= 0 && m->val[v].rank;
    bool open = live ? live_rank(need) != m->val[v].rank : !same_but_batch(has, need);
    if (open) {
        reason_set(m->reason, "%s has the shape %s, which cannot become %s",
                   con_who(m, &who, name, sizeof name), ttype_text(has, a, sizeof a),
                   ttype_text(need, b, sizeof b));
        return false;
    }
    for (int axis = 0; live && axis < m->val[v].rank - 1; axis++)
        add_fix(m, axis, v, need->dim[1 + axis], node, why);
    if (live) {
        *log_ratio += log((double)need->dim[1] / (double)has->dim[1]);
        ++*n_ratio;
    }
    return true;
}

static bool model_pins(struct model *m, const struct mend_pin *pin, int n_pin)
{
    for (int i = 0; i < n_pin; i++) {
        const struct node *n = graph_node(m->g, pin[i].node);
        char name[64];
        int v = n && n->n_out ? m->base[pin[i].node] : -1;
        if (v < 0 || !m->val[v].rank) {
            reason_set(m->reason, "the pin on %s: it has no channels to fix",
                       node_quoted(m->g, pin[i].node, name, sizeof name));
            return false;
        }
        if (pin[i].channels < 1 || pin[i].channels > MEND_MAX_CHANNELS) {
            reason_set(m->reason, "the pin on %s: %lld is not between 1 and %d",
                       node_quoted(m->g, pin[i].node, name, sizeof name),
                       (long long)pin[i].channels, MEND_MAX_CHANNELS);
            return false;
        }
        add_fix(m, AXIS_C, v, pin[i].channels, pin[i].node, WHY_PIN);
    }
    return true;
}

bool model_init(struct model *m, const struct graph *g, const struct ttype *need_in,
                const struct ttype *need_out, const struct mend_pin *pin, int n_pin, char *reason)
{
    memset(m, 0, sizeof *m);
    m->g = g;
    m->reason = reason;
    number_values(m);
    int n_in, n_out, n_ratio = 0;
    double log_ratio = 0;
    const int32_t *in = graph_inputs(g, &n_in), *out = graph_outputs(g, &n_out);
    for (int i = 0; i < n_in; i++)
        if (!model_port(m, in[i], m->base[in[i]], &graph_node(g, in[i])->out[0].type, &need_in[i],
                        WHY_INPUT, &log_ratio, &n_ratio))
            return false;
    if (!model_pins(m, pin, n_pin))
        return false;
    const int32_t *topo = graph_topo(g);
    for (int i = 0; i < graph_n_nodes(g); i++)
        model_node(m, topo[i]);
    for (int i = 0; i < n_out; i++) {
        const struct node *o = graph_node(g, out[i]);
        const struct ttype *has = graph_input_type(g, o, 0);
        int v = model_in(m, o, 0);
        if (!has || !model_port(m, out[i], v, has, &need_out[i], WHY_OUTPUT, &log_ratio, &n_ratio))
            return false;
    }
    m->ratio = n_ratio ? exp(log_ratio / n_ratio) : 1;
    return true;
}

void model_done(struct model *m)
{
    free(m->val);
    free(m->base);
    vec_done(&m->con);
    vec_done(&m->term);
    vec_done(&m->win);
}
