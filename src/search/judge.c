/* What a network costs and is estimated to reach. */
#include "search/search_priv.h"

#include "cost/cost.h"

#include <math.h>

static enum status estimate(struct search_point *p, const struct graph *g,
                            const struct search_opts *o, int *table, struct err *err)
{
    struct bpe_segmentation s;
    struct pred_estimate e;
    TRY(bpe_segment_graph(o->vocab, g, &s, err));
    struct pred_net *net = pred_net_new(g, &s);
    const struct pred_net *nets[] = {net};
    pred_networks(o->pred, nets, 1, *table, 1, PRED_QUICK, &e);
    p->value[GOAL_ACC] = p->predicted = e.sigma;
    p->in_distribution = e.in_distribution;
    p->distance = e.distance;
    *table = e.table;
    pred_net_free(net);
    bpe_segmentation_done(&s);
    return ST_OK;
}

enum status judge(struct search_point *p, const struct graph *g, const struct search_opts *o,
                  int *table, struct err *err)
{
    struct cost c;
    cost_graph(g, &c);
    for (int i = 0; i < SEARCH_GOALS; i++)
        p->value[i] = NAN;
    p->predicted = NAN;
    p->value[GOAL_FLOPS] = (double)c.flops_paper;
    p->value[GOAL_PARAMS] = (double)c.params;
    p->value[GOAL_MEMORY] = (double)c.peak_activation_bytes;
    if (o->npu) {
        struct npu_cost n;
        npu_cost_graph(g, o->npu, &n);
        p->value[GOAL_CYCLES] = (double)n.cycles;
        p->value[GOAL_ENERGY] = n.energy_uj;
        npu_cost_done(&n);
    }
    if (o->choice > 0 && p->id > 0) /* see learn.c */
        return ST_OK;
    if (o->accuracy) {
        p->in_distribution = o->accuracy(o->arg, g, &p->value[GOAL_ACC]);
        return ST_OK;
    }
    return o->pred ? estimate(p, g, o, table, err) : ST_OK;
}
