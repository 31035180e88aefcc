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

/* What is known of the samples of a batch. */
struct samples {
    struct pred_cuts how;
    const struct pred_net *const *nets;
    VEC(int) owner; /* index in nets */
    VEC(int) cut;
};

/* Adds what one set of weights makes of a batch. */
static void add_batch(const struct samples *x, const struct net_shape *s, const float *w,
                      const struct pred_batch *b, struct net_run *r, float *out, float *embedding)
{
    net_forward(s, w, b, r);
    for (int k = 0; k < b->n_samples; k++) {
        int at = x->owner.at[k];
        float share = pred_cut_weight(x->how, x->nets[at], x->cut.at[k]);
        for (int c = 0; c < s->outputs; c++)
            out[at * s->outputs + c] += share * r->out[k * s->outputs + c];
        if (embedding && x->cut.at[k] == embedded_cut(x->how, x->nets[at]))
            pred_embedding(r->read + (size_t)k * (size_t)s->read,
                           embedding + (size_t)at * PRED_EMBEDDING);
    }
}

void pred_run(struct pred_cuts how, const struct net_shape *s, const float *w, int sets,
              const struct pred_net *const *nets, int n, float *out, float *embedding)
{
    enum { MOST = 64 };
    struct pred_batch b = {0};
    struct net_run r = {0};
    struct samples x = {.how = how, .nets = nets};
    VEC(uint8_t) part = {0};
    size_t outputs = (size_t)n * (size_t)s->outputs;
    memset(out, 0, (size_t)sets * outputs * sizeof *out);
    for (int i = 0; i <= n; i++) {
        int cuts = i < n ? pred_n_cuts(how, nets[i]) : 0;
        if (b.n_samples && (i == n || b.n_samples + cuts > MOST)) {
            for (size_t k = 0; k < (size_t)sets; k++)
                add_batch(&x, s, w + k * (size_t)s->n, &b, &r, out + k * outputs,
                          k == 0 ? embedding : NULL);
            pred_batch_clear(&b);
            x.owner.n = x.cut.n = 0;
        }
        for (int c = 0; c < cuts; c++) {
            vec_reserve(&part, (size_t)nets[i]->n + 1);
            pred_cut(how, nets[i], c, part.at);
            pred_batch_add(&b, nets[i], part.at, KEEP_ALL);
            vec_push(&x.owner, i);
            vec_push(&x.cut, c);
        }
    }
    pred_batch_done(&b);
    net_run_done(&r);
    vec_done(&part);
    vec_done(&x.owner);
    vec_done(&x.cut);
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
    size_t members = (size_t)m->members, each = n * outputs;
    float *out = x_malloc((members * each + 1) * sizeof *out),
          *sum = x_calloc(each + 1, sizeof *sum);
    float *embedding = x_malloc((n * PRED_EMBEDDING + 1) * sizeof *embedding);
    pred_run(j->cuts, &m->shape, m->w, m->members, j->nets, j->n, out, embedding);
    for (size_t k = members; k-- > 0;)
        for (size_t i = 0; i < each; i++)
            sum[i] += out[k * each + i] / (float)m->members;
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
