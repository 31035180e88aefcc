#include "session/comparison.h"

#include "exec/timing.h"
#include "session/describe.h"
#include "session/scoring.h"

#include <math.h>
#include <stdio.h>

/* ---- accuracy ---- */

/* What leads from one version to another one of the same line. */
static void estimate_change(const struct comparison *c, const struct pred_model *m,
                            struct comparison_costs *out)
{
    struct pred_source *source = scoring_source(m, c->g[0], &c->diff);
    pred_replacement(source, c->g[1], &out->delta);
    snprintf(out->table, sizeof out->table, "%s", pred_source_name(source));
    out->has_delta = out->has_interval = true;
    pred_source_unref(source);
}

/* Of each network by itself, on the scale of the first one's table. */
static void estimate_both(const struct comparison *c, const struct comparison_tools *tools,
                          struct comparison_costs *out)
{
    struct pred_estimate e[2];
    int table = *out->table ? pred_model_find(tools->pred, out->table) : -1;
    for (int k = 0; k < 2; k++) {
        struct bpe_segmentation cut;
        if (bpe_segment_graph(tools->vocab, c->g[k], &cut, NULL) != ST_OK)
            return;
        struct pred_net *net = pred_net_new(c->g[k], &cut);
        const struct pred_net *nets[] = {net};
        pred_networks(tools->pred, nets, 1, table, 1, PRED_CUTS, &e[k]);
        table = e[0].table;
        if (e[k].in_distribution)
            out->value[METRIC_ACC][k] = e[k].acc;
        pred_net_free(net);
        bpe_segmentation_done(&cut);
    }
    snprintf(out->table, sizeof out->table, "%s", pred_model_table(tools->pred, table));
    if (out->has_delta)
        return;
    out->has_delta = true;
    out->delta.in_distribution = e[0].in_distribution && e[1].in_distribution;
    out->delta.delta = out->delta.in_distribution ? e[1].acc - e[0].acc : e[1].sigma - e[0].sigma;
}

/* ---- all ---- */

static void find_time(const struct comparison *c, int threads, double out[2])
{
    for (int k = 0; k < 2; k++) {
        struct timing t;
        out[k] = timing_known(&t, c->g[k], threads) ? t.median_ms : NAN;
    }
}

static void on_npu(const struct comparison *c, const struct npu_preset *npu,
                   struct comparison_costs *out)
{
    snprintf(out->npu, sizeof out->npu, "%s", npu->name);
    for (int k = 0; k < 2; k++) {
        struct npu_cost cost;
        npu_cost_graph(c->g[k], npu, &cost);
        out->value[METRIC_CYCLES][k] = (double)cost.cycles;
        out->value[METRIC_ENERGY][k] = cost.energy_uj;
        npu_cost_done(&cost);
    }
}

void comparison_measure(const struct comparison *c, const struct comparison_tools *tools,
                        struct comparison_costs *out)
{
    *out = (struct comparison_costs){.threads = tools->threads};
    for (int m = 0; m < METRICS; m++)
        out->value[m][0] = out->value[m][1] = NAN;
    for (int k = 0; k < 2; k++) {
        struct cost cost;
        cost_graph(c->g[k], &cost);
        out->value[METRIC_PARAMS][k] = (double)cost.params;
        out->value[METRIC_FLOPS][k] = (double)cost.flops;
        out->value[METRIC_FLOPS_PAPER][k] = (double)cost.flops_paper;
        out->value[METRIC_MEMORY][k] = (double)cost.peak_activation_bytes;
        out->incomplete |= cost.incomplete;
    }
    if (tools->npu)
        on_npu(c, tools->npu, out);
    if (tools->pred && c->n_same == GRAPH_SAME_IDS)
        estimate_change(c, tools->pred, out);
    if (tools->pred && tools->vocab)
        estimate_both(c, tools, out);
    find_time(c, 1, out->value[METRIC_LATENCY]);
    if (tools->threads > 1)
        find_time(c, tools->threads, out->value[METRIC_LATENCY_ALL]);
}

/* ---- in words ---- */

static const struct {
    const char *key, *name, *none;
} info[METRICS] = {
    [METRIC_ACC] = {"acc", "est. accuracy", "unknown"},
    [METRIC_PARAMS] = {"params", "parameters", ""},
    [METRIC_FLOPS] = {"flops", "FLOPs (2 x MACs)", ""},
    [METRIC_FLOPS_PAPER] = {"flops_paper", "FLOPs (paper)", ""},
    [METRIC_MEMORY] = {"peak_activation_bytes", "activations, bytes", ""},
    [METRIC_CYCLES] = {"cycles", "cycles", "unknown"},
    [METRIC_ENERGY] = {"energy_uj", "energy, uJ", "unknown"},
    [METRIC_LATENCY] = {"latency_ms", "ms, 1 thread", "not measured"},
    [METRIC_LATENCY_ALL] = {"latency_all_ms", "ms", "not measured"},
};

const char *comparison_metric_key(enum comparison_metric k)
{
    return info[k].key;
}

const char *comparison_metric_name(const struct comparison_costs *m, enum comparison_metric k,
                                   char *buf, size_t size)
{
    if (k == METRIC_LATENCY_ALL)
        snprintf(buf, size, "ms, %d threads", m->threads);
    else
        snprintf(buf, size, "%s", info[k].name);
    return buf;
}

const char *comparison_value(const struct comparison_costs *m, enum comparison_metric k, int side,
                             char *buf, size_t size)
{
    double v = m->value[k][side];
    if (isnan(v))
        snprintf(buf, size, "%s", info[k].none);
    else if (k == METRIC_ACC)
        snprintf(buf, size, "%.2f %%", 100 * v);
    else if (k >= METRIC_LATENCY)
        snprintf(buf, size, "%.3f", v);
    else if (k == METRIC_ENERGY)
        snprintf(buf, size, v < 10000 ? "%.4g" : "%.0f", v);
    else
        str_si(v, buf, size);
    return buf;
}

const char *comparison_change(const struct comparison_costs *m, enum comparison_metric k, char *buf,
                              size_t size)
{
    double by = m->value[k][1] - m->value[k][0];
    char num[32];
    buf[0] = '\0';
    if (k == METRIC_ACC && m->has_delta && m->has_interval)
        describe_gain_interval(&m->delta, buf, size);
    else if (k == METRIC_ACC && m->has_delta)
        snprintf(buf, size, m->delta.in_distribution ? "%+.2f %%" : "%+.2f sigma ?",
                 m->delta.in_distribution ? 100 * m->delta.delta : m->delta.delta);
    else if (isnan(by))
        buf[0] = '\0';
    else if (k >= METRIC_ENERGY)
        snprintf(buf, size, fabs(by) < 0.0005 ? "0" : fabs(by) < 1000 ? "%+.3g" : "%+.0f", by);
    else
        snprintf(buf, size, "%s%s",
                 by > 0   ? "+"
                 : by < 0 ? "-"
                          : "",
                 str_si(fabs(by), num, sizeof num));
    return buf;
}

const char *comparison_percent(const struct comparison_costs *m, enum comparison_metric k,
                               char *buf, size_t size)
{
    double was = m->value[k][0], by = 100 * (m->value[k][1] / was - 1);
    buf[0] = '\0';
    if (k != METRIC_ACC && was > 0 && isfinite(by))
        snprintf(buf, size, fabs(by) < 0.005 ? "0" : "%+.2f %%", by);
    return buf;
}

int comparison_verdict(const struct comparison_costs *m, enum comparison_metric k)
{
    double by =
        k == METRIC_ACC ? m->has_delta ? -m->delta.delta : 0 : m->value[k][1] - m->value[k][0];
    return by < 0 ? -1 : by > 0 ? 1 : 0;
}

bool comparison_shown(const struct comparison_costs *m, enum comparison_metric k)
{
    return k != METRIC_LATENCY_ALL || !isnan(m->value[k][0]) || !isnan(m->value[k][1]);
}
