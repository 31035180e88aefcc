#include "session/describe.h"

#include "base/mem.h"
#include "session/field.h"
#include "session/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void describe_ops(char *out, size_t size, const char *ops)
{
    static const struct {
        const char *name, *brief;
    } shorter[] = {
        {"BatchNormalization", "BN"},   {"InstanceNormalization", "IN"},
        {"LayerNormalization", "LN"},   {"GlobalAveragePool", "GlobalAvg"},
        {"AveragePool", "AvgPool"},     {"ConvTranspose", "ConvT"},
        {"DepthToSpace", "D2S"},        {"SpaceToDepth", "S2D"},
        {"GlobalMaxPool", "GlobalMax"},
    };
    size_t k = 0;
    while (*ops && k + 1 < size) {
        bool word = k == 0 || out[k - 1] == ' ';
        const char *put = NULL;
        for (size_t i = 0; word && !put && i < sizeof shorter / sizeof *shorter; i++)
            if (str_starts(ops, shorter[i].name)) {
                put = shorter[i].brief;
                ops += strlen(shorter[i].name);
            }
        if (put)
            k += (size_t)snprintf(out + k, size - k, "%s", put);
        else
            out[k++] = *ops++;
    }
    out[k < size ? k : size - 1] = 0;
}

void describe_operator(const struct node *n, char *buf, size_t size)
{
    struct window w = {0};
    int at = snprintf(buf, size, "%s", node_op_type(n));
    if (!node_window(n, &w) || at < 0 || (size_t)at >= size)
        return;
    at += snprintf(buf + at, size - (size_t)at, " %lldx%lld", (long long)w.kernel[0],
                   (long long)w.kernel[1]);
    if ((size_t)at < size && w.stride[0] > 1)
        at += snprintf(buf + at, size - (size_t)at, "/%lld", (long long)w.stride[0]);
    if ((size_t)at < size && node_is_depthwise(n))
        snprintf(buf + at, size - (size_t)at, " dw");
    else if ((size_t)at < size && w.group > 1)
        snprintf(buf + at, size - (size_t)at, " g%lld", (long long)w.group);
}

void describe_attribute(const struct node_attr *a, struct str *out)
{
    enum { MOST = 8 };
    bool list = a->kind == ATTR_INTS || a->kind == ATTR_FLOATS;
    str_addf(out, "%s=", a->name);
    if (a->kind == ATTR_INT)
        str_addf(out, "%lld", (long long)a->i);
    else if (a->kind == ATTR_FLOAT)
        str_addf(out, "%g", (double)a->f);
    else if (a->kind == ATTR_STRING)
        str_addf(out, "%.40s", (const char *)a->data);
    else if (!list)
        str_add(out, "...");
    for (size_t i = 0; list && i < a->n && i < MOST; i++)
        if (a->kind == ATTR_INTS)
            str_addf(out, "%s%lld", i ? "," : "", (long long)((const int64_t *)a->data)[i]);
        else
            str_addf(out, "%s%g", i ? "," : "", (double)((const float *)a->data)[i]);
    if (list && a->n > MOST)
        str_add(out, ",...");
}

const char *describe_delta(int64_t v, char *buf, size_t size)
{
    char num[24];
    str_si(v < 0 ? -(double)v : (double)v, num, sizeof num);
    snprintf(buf, size, "%s%s", v > 0 ? "+" : v < 0 ? "-" : "", num);
    return buf;
}

const char *describe_gain_interval(const struct pred_delta *e, char *buf, size_t size)
{
    if (!e)
        snprintf(buf, size, "%s", "");
    else if (e->in_distribution)
        snprintf(buf, size, "%+.2f (%+.2f..%+.2f) %%", 100 * e->delta, 100 * e->low, 100 * e->high);
    else
        snprintf(buf, size, "%+.2f (%+.2f..%+.2f) sigma ?", e->delta, e->low, e->high);
    return buf;
}

void describe_ports(const char *what, int width, const struct graph *g, const int32_t *ids, int n,
                    struct str *out)
{
    for (int i = 0; i < n; i++) {
        const struct node *node = graph_node(g, ids[i]);
        const struct ttype *t = node->n_out ? &node->out[0].type : graph_input_type(g, node, 0);
        char buf[128];
        str_addf(out, "%-*s %s %s\n", width, what, node_label(node),
                 t ? ttype_text(t, buf, sizeof buf) : "?");
    }
}

static void add_ops(const struct graph *g, struct str *out)
{
    int count[OP_COUNT] = {0}, opaque = 0;
    for (int i = 0; i < graph_n_nodes(g); i++)
        count[graph_node(g, graph_topo(g)[i])->op]++;
    opaque = count[OP_OPAQUE];
    str_addf(out, "%-12s", "operators");
    for (int op = 0; op < OP_COUNT; op++)
        if (count[op] && op != OP_OPAQUE && op != OP_INPUT && op != OP_OUTPUT)
            str_addf(out, " %s %d", op_info((enum op)op)->onnx, count[op]);
    str_add(out, "\n");
    if (opaque)
        str_addf(out, "%-12s %d\n", "opaque", opaque);
}

void describe_graph(const char *spec, const struct graph *g, struct str *out)
{
    struct cost c;
    int n;
    char buf[32];
    cost_graph(g, &c);
    str_addf(out, "%-12s %s\n", "model", spec);
    if (graph_name(g)[0])
        str_addf(out, "%-12s %s\n", "name", graph_name(g));
    const int32_t *ids = graph_inputs(g, &n);
    describe_ports("input", 12, g, ids, n, out);
    ids = graph_outputs(g, &n);
    describe_ports("output", 12, g, ids, n, out);
    str_addf(out, "%-12s %d, edges %d\n", "nodes", graph_n_nodes(g), graph_n_edges(g));
    add_ops(g, out);
    str_addf(out, "%-12s %s (%lld)\n", "parameters", str_si((double)c.params, buf, sizeof buf),
             (long long)c.params);
    str_addf(out, "%-12s %s\n", "macs", str_si((double)c.macs, buf, sizeof buf));
    str_addf(out, "%-12s %s\n", "flops", str_si((double)c.flops, buf, sizeof buf));
    str_addf(out, "%-12s %s\n", "flops_paper", str_si((double)c.flops_paper, buf, sizeof buf));
    str_addf(out, "%-12s %sB peak%s\n", "activations",
             str_si((double)c.peak_activation_bytes, buf, sizeof buf),
             c.incomplete ? " (some shapes are unknown: costs are lower bounds)" : "");
}

void describe_segments(struct session *s, struct str *out)
{
    char buf[32];
    for (int k = 0; k < session_n_segments(s); k++) {
        const struct session_segment *seg = session_segment(s, k);
        str_addf(out, "%4d %3d nodes %d->%d %9s  %s%s%s\n", k, seg->region.n, seg->region.n_in,
                 seg->region.n_out, str_si((double)seg->cost.flops, buf, sizeof buf), seg->ops,
                 seg->ok ? "" : "  - ", seg->ok ? "" : seg->why);
    }
}

/* Which of its three ways a repair went. */
static const char *repair_way(const struct candidate *c, char *buf, size_t size)
{
    if (c->n_adapter)
        snprintf(buf, size, "adapted %d", c->n_adapter);
    else if (c->n_grown)
        snprintf(buf, size, "grown %d", c->n_grown);
    else
        snprintf(buf, size, "%s", mend_result_name(c->status));
    return buf;
}

/* "segment 3: 97 candidates, 12 kept by dacc>0, 3 refused". */
static void add_counts(const struct session *s, int kept, struct str *out)
{
    int done, total;
    session_progress(s, &done, &total);
    str_addf(out, "segment %d: %d candidates", session_selected(s), session_n_candidates(s));
    if (*session_filter(s))
        str_addf(out, ", %d kept by %s", kept, session_filter(s));
    str_addf(out, ", %d refused", session_n_refused(s));
    if (session_n_same(s))
        str_addf(out, ", +%d that give the same network", session_n_same(s));
    if (done != total)
        str_add(out, ", still looking");
}

static void add_candidate(const struct session_candidate *c, bool estimated, bool tagged,
                          struct str *out)
{
    char f[32], p[32], way[32], gain[64];
    str_addf(out, "%4d %-9s ", c->rank, c->id);
    if (estimated)
        str_addf(out, "%-28s ", describe_gain_interval(c->estimate, gain, sizeof gain));
    str_addf(out, "%-10s %-10s %-11s ", describe_delta(c->delta_flops, f, sizeof f),
             describe_delta(c->delta_params, p, sizeof p), repair_way(c->result, way, sizeof way));
    if (tagged)
        str_addf(out, "%-10s ", c->tags);
    str_addf(out, "%s\n", c->ops);
}

void describe_candidates(struct session *s, int top, struct str *out)
{
    int *rank = x_calloc((size_t)session_n_candidates(s) + 1, sizeof *rank);
    int n = session_listed(s, rank);
    add_counts(s, n, out);
    const struct session_candidate *first = session_candidate(s, 0);
    bool estimated = first && first->estimate, tagged = session_n_tagged(s) > 0;
    str_addf(out, "\nrank id        %sflops      params     repair      %soperators\n",
             estimated ? "est. accuracy (90 %)         " : "", tagged ? "tags       " : "");
    for (int i = 0; i < n && i < top; i++)
        add_candidate(session_candidate(s, rank[i]), estimated, tagged, out);
    free(rank);
    if (estimated)
        str_addf(out, "estimates: a predictor's, as for networks of %s%s\n", first->estimate_table,
                 first->estimate->in_distribution
                     ? ""
                     : "; it knows no network like this one (?), so they do not rank");
}

void describe_fields(struct str *out)
{
    for (int i = 0; i < field_count(); i++) {
        const struct field *f = field_at(i);
        str_addf(out, "%-10s %-7s %s\n", f->name, f->unit, f->help);
    }
    str_add(out, "share: of the network as it is, -5% is -.05. Numbers: < <= > >= = !=, with % k M "
                 "G T. Texts: ~ (contains) !~ = !=. && || ! ( )\n");
}

/* What the repair changed outside the segment, and put at its ports. */
static void add_outside(const struct graph *before, const struct candidate *c, struct str *out)
{
    for (int i = 0; i < c->n_grown; i++) {
        const struct node *was = graph_node(before, c->grown[i]),
                          *is = graph_node(c->graph, c->grown[i]);
        const struct ttype *a = &was->out[0].type, *b = &is->out[0].type;
        char from[128], to[128];
        str_addf(out, "  outside %s (%s): ", node_label(is), node_op_type(is));
        if (ttype_equal(a, b))
            str_add(out, "other weights\n");
        else
            str_addf(out, "%s -> %s\n", ttype_text(a, from, sizeof from),
                     ttype_text(b, to, sizeof to));
    }
    for (int i = 0; i < c->n_adapter; i++) {
        const struct adapter *a = &c->adapter[i];
        str_addf(out, "  adapter %s at %s %d: %s\n", adapter_kind_name(a->kind),
                 a->at_input ? "input" : "output", a->port + 1,
                 node_label(graph_node(c->graph, a->node)));
    }
}

/* Ids by the size of their weight. */
struct weighed {
    float weight;
    int32_t id;
};

static int heaviest_first(const void *x, const void *y)
{
    const struct weighed *a = x, *b = y;
    if (fabsf(a->weight) > fabsf(b->weight) || fabsf(a->weight) < fabsf(b->weight))
        return fabsf(a->weight) > fabsf(b->weight) ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

void describe_reasons(const struct session *s, struct str *out)
{
    enum { MOST = 10 };
    const struct session_reasons *r = session_reasons(s);
    const struct session_candidate *c = session_previewed(s);
    const struct graph *g[2] = {session_graph(s), c->result->graph};
    static const char *const title[] = {"now", "with"};
    str_add(out, "what moves the estimate most (sigma; + raises it; judged by leaving the layer of "
                 "the node out)\n");
    for (int k = 0; k < 2; k++) {
        struct weighed *w = x_malloc(((size_t)r->n[k] + 1) * sizeof *w);
        int n = 0;
        for (int i = 0; i < r->n[k]; i++)
            if (graph_node(g[k], i) && op_info(graph_node(g[k], i)->op)->weighted)
                w[n++] = (struct weighed){r->weight[k][i], i};
        qsort(w, (size_t)n, sizeof *w, heaviest_first);
        str_addf(out, "%s%s%s:\n", title[k], k ? " " : "", k ? c->id : "");
        for (int i = 0; i < n && i < MOST; i++) {
            const struct node *v = graph_node(g[k], w[i].id);
            bool fresh = k && (w[i].id >= graph_n_slots(g[0]) || graph_node(g[0], w[i].id) != v);
            str_addf(out, "  %+8.3f  %s %s%s\n", (double)w[i].weight, node_op_type(v),
                     node_label(v), fresh ? "  (new)" : "");
        }
        free(w);
    }
}

void describe_settings(const struct session_repair *r, struct str *out)
{
    for (int i = 0; i < SETTINGS; i++) {
        char *value = settings_value(r, i);
        str_addf(out, "%-11s %-12s %s\n", settings_name(i), value, settings_help(i));
        free(value);
    }
}

void describe_refusal(const struct session_candidate *c, struct str *out)
{
    str_addf(out, "%s was refused: %s\n", c->id, c->reason);
    for (int i = 0; c->conflict && i < c->conflict->n; i++) {
        const struct mend_part *p = &c->conflict->part[i];
        const struct node *node = graph_node(c->fragment, p->node);
        str_addf(out, "  %-8s %-6s #%d %s (%s)\n", mend_axis_name(p->axis),
                 mend_part_kind_name(p->kind), (int)p->node, node ? node_label(node) : "",
                 node ? node_op_type(node) : "");
    }
}

const struct node *describe_node(const struct session_candidate *c, int32_t id)
{
    const struct node *node = graph_node(c->fragment, id);
    const struct graph *f = c->result->plan.fragment;
    return node || !f ? node : graph_node(f, id);
}

void describe_preview(struct session *s, struct str *out)
{
    const struct session_candidate *c = session_previewed(s);
    char f[32], p[32];
    if (!c)
        return;
    str_addf(out, "%s for segment %d: %s\n", c->id, session_selected(s), c->ops);
    if (!c->accepted) {
        str_addf(out, "refused: %s\n", c->reason);
        return;
    }
    str_addf(out, "repair %s", mend_result_name(c->result->status));
    str_addf(out, ", flops %s, parameters %s\n", describe_delta(c->delta_flops, f, sizeof f),
             describe_delta(c->delta_params, p, sizeof p));
    const struct mend_plan *plan = &c->result->plan;
    for (int i = 0; i < plan->n_change; i++) {
        const struct mend_change *m = &plan->change[i];
        const struct node *node = describe_node(c, m->node);
        str_addf(out, "  #%d %s: %s %lld -> %lld\n", (int)m->node, node ? node_label(node) : "",
                 mend_what_name(m->what), (long long)m->before, (long long)m->after);
    }
    add_outside(session_graph(s), c->result, out);
}

void describe_history(struct session *s, struct str *out)
{
    char p[32], f[32];
    for (int i = 0; i < session_n_versions(s); i++) {
        const struct session_version *v = session_version(s, i);
        str_addf(out, "%c %d", i == session_cursor(s) ? '*' : ' ', v->id);
        if (v->parent >= 0)
            str_addf(out, " (from %d)", v->parent);
        if (*v->name)
            str_addf(out, " \"%s\"", v->name);
        str_addf(out, ": %s, flops %s, parameters %s%s\n", v->command,
                 str_si((double)v->cost.flops, f, sizeof f),
                 str_si((double)v->cost.params, p, sizeof p),
                 i == session_marked(s) ? ", marked" : "");
        if (*v->note)
            str_addf(out, "      %s\n", v->note);
    }
}

/* "3x3/2 Nx64x56x56" */
static void add_cells(const struct comparison_cells *c, struct str *out)
{
    if (*c->kernel)
        str_addf(out, " %s", c->kernel);
    if (*c->shape)
        str_addf(out, " %s", c->shape);
}

void describe_comparison(const struct comparison *c, struct str *out)
{
    struct cost cost[2];
    char f[32], p[32];
    for (int i = 0; i < c->n_row; i++) {
        const struct comparison_row *r = &c->row[i];
        struct comparison_cells cell[2];
        int k = r->id[1] >= 0;
        const struct node *node = graph_node(c->g[k], r->id[k]);
        for (int side = 0; side < 2; side++)
            comparison_cells(c->g[side], r->id[side], &cell[side]);
        str_addf(out, "%-8s %s (%s)", comparison_kind_name(r->kind), node_label(node),
                 node_op_type(node));
        add_cells(&cell[r->id[0] < 0], out);
        if (r->id[0] >= 0 && r->id[1] >= 0 && memcmp(&cell[0], &cell[1], sizeof cell[0]) != 0) {
            str_add(out, " ->");
            add_cells(&cell[1], out);
        }
        str_add(out, "\n");
    }
    for (int k = 0; k < 2; k++)
        cost_graph(c->g[k], &cost[k]);
    str_addf(out, "flops %s, parameters %s\n",
             describe_delta(cost[1].flops - cost[0].flops, f, sizeof f),
             describe_delta(cost[1].params - cost[0].params, p, sizeof p));
}
