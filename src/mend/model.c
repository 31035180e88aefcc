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

bool part_equal(const struct mend_part *a, const struct mend_part *b)
{
    return a->kind == b->kind && a->axis == b->axis && a->node == b->node;
}

struct mend_part con_part(const struct con *c)
{
    static const enum mend_part_kind kind[] = {
        [WHY_NODE] = MEND_PART_NODE, [WHY_INPUT] = MEND_PART_INPUT, [WHY_OUTPUT] = MEND_PART_OUTPUT,
        [WHY_PIN] = MEND_PART_PIN,   [WHY_KEEP] = MEND_PART_NODE,   [WHY_ONE] = MEND_PART_NODE};
    return (struct mend_part){kind[c->why], (enum mend_axis)c->axis, c->node};
}

static bool left_out(const struct model *m, struct mend_part part)
{
    for (int i = 0; i < m->opts->n_without; i++)
        if (part_equal(&m->opts->without[i], &part))
            return true;
    return false;
}

static bool refuse(struct model *m, enum mend_part_kind kind, int32_t node)
{
    m->bad = (struct mend_part){kind, MEND_AXIS_C, node};
    return false;
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

/* The type of a port and what the boundary needs there. */
struct port {
    int32_t node;
    int v;
    enum why why;
    const struct ttype *has, *need;
};

/* Whether the port can have the boundary's type and rank, and its shape where that is frozen. */
static bool port_fits(struct model *m, const struct port *p, bool live)
{
    char name[64], a[96], b[96];
    struct con who = {.why = p->why, .node = p->node};
    if (!p->has) {
        reason_set(m->reason, "%s has no type", con_who(m, &who, name, sizeof name));
        return false;
    }
    if (p->has->dtype && p->need->dtype && p->has->dtype != p->need->dtype) {
        reason_set(m->reason, "%s is %s, the boundary has %s", con_who(m, &who, name, sizeof name),
                   dtype_name(p->has->dtype), dtype_name(p->need->dtype));
        return false;
    }
    bool open = live ? live_rank(p->need) != m->val[p->v].rank : !same_but_batch(p->has, p->need);
    if (open)
        reason_set(m->reason, "%s has the shape %s, which cannot become %s",
                   con_who(m, &who, name, sizeof name), ttype_text(p->has, a, sizeof a),
                   ttype_text(p->need, b, sizeof b));
    return !open;
}

/* Fixes what the port can, or says why it never fits. *log_ratio grows by ln(need/has). */
static bool model_port(struct model *m, const struct port *p, double *log_ratio, int *n_ratio)
{
    bool live = p->has && p->v >= 0 && m->val[p->v].rank;
    struct con who = {.why = p->why, .axis = AXIS_C, .node = p->node};
    struct mend_part part = con_part(&who);
    if (!left_out(m, part) && !port_fits(m, p, live))
        return refuse(m, part.kind, p->node);
    if (!live || live_rank(p->need) != m->val[p->v].rank)
        return true;
    for (int axis = 0; axis < m->val[p->v].rank - 1; axis++) {
        add_fix(m, axis, p->v, p->need->dim[1 + axis], p->node, p->why);
        if (p->need->dim[1 + axis] > m->most[axis])
            m->most[axis] = p->need->dim[1 + axis];
    }
    *log_ratio += log((double)p->need->dim[1] / (double)p->has->dim[1]);
    ++*n_ratio;
    return true;
}

static bool model_pin(struct model *m, const struct mend_pin *pin)
{
    const struct node *n = graph_node(m->g, pin->node);
    char name[64];
    int v = n && n->n_out ? m->base[pin->node] : -1;
    node_quoted(m->g, pin->node, name, sizeof name);
    if (v < 0 || !m->val[v].rank) {
        reason_set(m->reason, "the pin on %s: it has no channels to fix", name);
        return false;
    }
    if (pin->channels < 1 || pin->channels > MEND_MAX_CHANNELS) {
        reason_set(m->reason, "the pin on %s: %lld is not between 1 and %d", name,
                   (long long)pin->channels, MEND_MAX_CHANNELS);
        return false;
    }
    add_fix(m, AXIS_C, v, pin->channels, pin->node, WHY_PIN);
    return true;
}

static bool model_pins(struct model *m)
{
    for (int i = 0; i < m->opts->n_pin; i++) {
        const struct mend_pin *pin = &m->opts->pin[i];
        if (!left_out(m, (struct mend_part){MEND_PART_PIN, MEND_AXIS_C, pin->node}) &&
            !model_pin(m, pin))
            return refuse(m, MEND_PART_PIN, pin->node);
    }
    return true;
}

/* A copy of the options of which bounds can be left out. */
static void own_opts(struct model *m, const struct mend_opts *opts)
{
    m->own = *opts;
    m->opts = &m->own;
    if (!opts->n_without || !opts->n_bound)
        return;
    m->bound = x_malloc((size_t)opts->n_bound * sizeof *m->bound);
    m->own.bound = m->bound;
    m->own.n_bound = 0;
    for (int i = 0; i < opts->n_bound; i++)
        if (!left_out(m, (struct mend_part){MEND_PART_BOUND, MEND_AXIS_C, opts->bound[i].node}))
            m->bound[m->own.n_bound++] = opts->bound[i];
}

/* A size that nothing fixes could be anything: it is looked for up to here. */
static void limit_sizes(struct model *m)
{
    for (int axis = 0; axis < N_AXES; axis++) {
        for (int v = 0; v < m->n_val; v++)
            if (m->val[v].was[axis] > m->most[axis])
                m->most[axis] = m->val[v].was[axis];
        m->most[axis] = 2 * m->most[axis] + 64;
    }
}

static void drop_left_out(struct model *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->con.n; i++)
        if (!left_out(m, con_part(&m->con.at[i])))
            m->con.at[n++] = m->con.at[i];
    m->con.n = n;
}

bool model_init(struct model *m, const struct graph *g, const struct ttype *need_in,
                const struct ttype *need_out, const struct mend_opts *opts, char *reason)
{
    memset(m, 0, sizeof *m);
    m->g = g;
    m->reason = reason;
    m->loose = opts->n_without > 0;
    own_opts(m, opts);
    number_values(m);
    int n_in, n_out, n_ratio = 0;
    double log_ratio = 0;
    const int32_t *in = graph_inputs(g, &n_in), *out = graph_outputs(g, &n_out);
    for (int i = 0; i < n_in; i++) {
        struct port p = {in[i], m->base[in[i]], WHY_INPUT, &graph_node(g, in[i])->out[0].type,
                         &need_in[i]};
        if (!model_port(m, &p, &log_ratio, &n_ratio))
            return false;
    }
    if (!model_pins(m))
        return false;
    const int32_t *topo = graph_topo(g);
    for (int i = 0; i < graph_n_nodes(g); i++)
        model_node(m, topo[i]);
    for (int i = 0; i < n_out; i++) {
        const struct node *o = graph_node(g, out[i]);
        struct port p = {out[i], model_in(m, o, 0), WHY_OUTPUT, graph_input_type(g, o, 0),
                         &need_out[i]};
        if (!model_port(m, &p, &log_ratio, &n_ratio))
            return false;
    }
    m->ratio = n_ratio ? exp(log_ratio / n_ratio) : 1;
    limit_sizes(m);
    if (m->loose)
        drop_left_out(m);
    return true;
}

void model_done(struct model *m)
{
    free(m->val);
    free(m->base);
    free(m->bound);
    vec_done(&m->con);
    vec_done(&m->term);
    vec_done(&m->win);
}
