/* Labelled networks, and how they are cut. */
#include "base/hash.h"
#include "pred/model_priv.h"

static const char *const variant_names[PRED_VARIANTS] = {"psc", "psc-1to1", "gnn"};

const char *pred_variant_name(enum pred_variant v)
{
    return variant_names[v];
}

bool pred_variant_find(const char *name, enum pred_variant *out)
{
    for (int v = 0; v < PRED_VARIANTS; v++)
        if (strcmp(variant_names[v], name) == 0) {
            *out = (enum pred_variant)v;
            return true;
        }
    return false;
}

void pred_table_done(struct pred_table *t)
{
    for (size_t i = 0; i < t->item.n; i++) {
        pred_net_free(t->item.at[i].net);
        free(t->item.at[i].spec);
    }
    vec_done(&t->item);
    free(t->name);
    t->name = NULL;
}

double pred_split(uint64_t group, uint64_t seed)
{
    return (double)(hash_mix(hash_pair(group, seed)) >> 11) * 0x1p-53;
}

int pred_n_cuts(struct pred_cuts c, const struct pred_net *net)
{
    if (c.variant != PRED_PSC || net->n_segments < 2)
        return 1;
    return net->n_segments < c.most ? net->n_segments + 1 : c.most;
}

float pred_cut_weight(struct pred_cuts c, const struct pred_net *net, int i)
{
    int n = pred_n_cuts(c, net);
    return n == 1 ? 1 : i == 0 ? 0.5F : 0.5F / (float)(n - 1);
}

void pred_cut(struct pred_cuts c, const struct pred_net *net, int i, uint8_t *part)
{
    int n = pred_n_cuts(c, net);
    if (c.variant == PRED_GNN || net->n_segments < 1 || (c.variant == PRED_PSC && i == 0))
        memset(part, PART_S, (size_t)net->n);
    else if (c.variant == PRED_PSC) /* evenly spread */
        pred_cut_segments(net, (2 * i - 1) * net->n_segments / (2 * (n - 1)), 1, part);
    else /* one that depends on nothing but the network */
        pred_cut_segments(
            net,
            (int)(hash_bytes(net->node, (size_t)net->n * sizeof *net->node, (uint64_t)net->m) %
                  (uint64_t)net->n_segments),
            1, part);
}
