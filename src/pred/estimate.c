/* Estimates from a trained model. */
#include "base/parallel.h"
#include "pred/model_priv.h"

#include <math.h>
#include <stdatomic.h>

/* ---- networks ---- */

void pred_embedding(const float *read, float *to)
{
    const float *whole = read + WHOLE * PART_READ;
    memcpy(to, whole + NET_WIDTH, NET_WIDTH * sizeof *to);
    to[NET_WIDTH] = whole[2 * NET_WIDTH];
}

/* One of the cuts, and not the same one for all networks: so what is learnt about distances holds
 * for whatever segment is selected. */
static int embedded_cut(struct pred_cuts c, const struct pred_net *net)
{
    return (net->n * 7 + net->m) % pred_n_cuts(c, net);
}

void pred_run(struct pred_cuts how, const struct net_shape *s, const float *w,
              const struct pred_net *const *nets, int n, float *out, float *embedding)
{
    enum { MOST = 64 };
    struct pred_batch b = {0};
    struct net_run r = {0};
    VEC(uint8_t) part = {0};
    VEC(int) owner = {0}, cut = {0};
    memset(out, 0, (size_t)n * (size_t)s->outputs * sizeof *out);
    for (int i = 0; i <= n; i++) {
        int cuts = i < n ? pred_n_cuts(how, nets[i]) : 0;
        if (b.n_samples && (i == n || b.n_samples + cuts > MOST)) {
            net_forward(s, w, &b, &r);
            for (int k = 0; k < b.n_samples; k++) {
                int at = owner.at[k];
                float share = pred_cut_weight(how, nets[at], cut.at[k]);
                for (int c = 0; c < s->outputs; c++)
                    out[at * s->outputs + c] += share * r.out[k * s->outputs + c];
                if (embedding && cut.at[k] == embedded_cut(how, nets[at]))
                    pred_embedding(r.read + (size_t)k * NET_READ,
                                   embedding + (size_t)at * PRED_EMBEDDING);
            }
            pred_batch_clear(&b);
            owner.n = cut.n = 0;
        }
        for (int c = 0; c < cuts; c++) {
            vec_reserve(&part, (size_t)nets[i]->n + 1);
            pred_cut(how, nets[i], c, part.at);
            pred_batch_add(&b, nets[i], part.at, KEEP_ALL);
            vec_push(&owner, i);
            vec_push(&cut, c);
        }
    }
    pred_batch_done(&b);
    net_run_done(&r);
    vec_done(&part);
    vec_done(&owner);
    vec_done(&cut);
}

double pred_head(const struct pred_model *m, int member, float *read, int table)
{
    float room[NET_HIDDEN + NET_TOP + PRED_MAX_TABLES];
    struct net_run run = {.read = read, .hidden = room};
    run.top = run.hidden + NET_HIDDEN;
    run.out = run.top + NET_TOP;
    net_head(&m->shape, m->w + (size_t)member * (size_t)m->shape.n, 1, &run);
    return run.out[table];
}

/* A share of the networks, for one thread. */
struct share {
    const struct pred_model *m;
    const struct pred_net *const *nets;
    int n, table;
    struct pred_cuts cuts;
    struct pred_estimate *out;
};

int pred_nearest(const struct pred_model *m, const float *embedding)
{
    int best = 0;
    double least = INFINITY;
    for (int t = 0; t < m->tables; t++) {
        double d = pred_distance(&m->scale[t], embedding) / m->scale[t].edge;
        if (d < least) {
            least = d;
            best = t;
        }
    }
    return best;
}

static void estimate_from(const struct pred_model *m, int t, double z, const float *embedding,
                          struct pred_estimate *e)
{
    const struct pred_scale *s = &m->scale[t];
    e->table = t;
    e->sigma = z;
    e->distance = pred_distance(s, embedding) / s->edge;
    e->in_distribution = e->distance <= 1;
    e->acc = pred_acc(&s->curve, z);
    e->low = pred_acc(&s->curve, z - s->error);
    e->high = pred_acc(&s->curve, z + s->error);
}

static void estimate_share(void *arg, int worker, int i_share)
{
    const struct share *j = (struct share *)arg + i_share;
    (void)worker;
    const struct pred_model *m = j->m;
    size_t n = (size_t)j->n, outputs = (size_t)m->shape.outputs;
    float *out = x_malloc((n * outputs + 1) * sizeof *out),
          *sum = x_calloc(n * outputs + 1, sizeof *sum);
    float *embedding = x_malloc((n * PRED_EMBEDDING + 1) * sizeof *embedding);
    for (int k = m->members; k-- > 0;) { /* the embedding is the first one's */
        pred_run(j->cuts, &m->shape, m->w + (size_t)k * (size_t)m->shape.n, j->nets, j->n, out,
                 k == 0 ? embedding : NULL);
        for (size_t i = 0; i < n * outputs; i++)
            sum[i] += out[i] / (float)m->members;
    }
    for (size_t i = 0; i < n; i++) {
        const float *e = embedding + i * PRED_EMBEDDING;
        int t = j->table >= 0 ? j->table : pred_nearest(m, e);
        estimate_from(m, t, sum[i * outputs + (size_t)t], e, &j->out[i]);
    }
    free(out);
    free(sum);
    free(embedding);
}

void pred_networks(const struct pred_model *m, const struct pred_net *const *nets, int n, int table,
                   int threads, int cuts, struct pred_estimate *out)
{
    struct share share[PARALLEL_MOST];
    int shares = threads < 1 ? 1 : threads > PARALLEL_MOST ? PARALLEL_MOST : threads;
    for (int k = 0; k < shares; k++) {
        int first = (int)((int64_t)n * k / shares), end = (int)((int64_t)n * (k + 1) / shares);
        share[k] =
            (struct share){m, nets + first, end - first, table, {m->variant, cuts}, out + first};
    }
    parallel_for(shares, shares, estimate_share, share);
}
