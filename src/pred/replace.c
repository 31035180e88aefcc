/* What a replacement does: the parts of the source are encoded once, of the network after only those
 * that differ. */
#include "pred/model_priv.h"

#include <math.h>

/* A part by itself: its groups, and what each member read of them. */
struct encoded {
    struct pred_batch batch;
    float *read; /* members x PART_READ */
};

struct pred_source {
    const struct pred_model *m;
    int table, n_ids;
    uint8_t *part; /* by id of the graph; ids beyond, and those of the segment: PART_S */
    struct encoded e[PARTS];
    double *z; /* of each member */
    bool in_distribution;
};

static void encode(const struct pred_model *m, const struct pred_net *net, const uint8_t *part,
                   enum pred_part p, struct encoded *e)
{
    pred_batch_add(&e->batch, net, part, 1U << p);
    struct net_run run = {0};
    e->read = x_malloc((size_t)m->members * PART_READ * sizeof *e->read);
    for (int k = 0; k < m->members; k++) {
        net_encode(&m->shape, m->w + (size_t)k * (size_t)m->shape.n, &e->batch, &run);
        memcpy(e->read + k * PART_READ, run.read + p * PART_READ, PART_READ * sizeof *e->read);
    }
    net_run_done(&run);
}

static void encoded_done(struct encoded *e)
{
    pred_batch_done(&e->batch);
    free(e->read);
}

/* z of each member, and whether the whole lies within the table's distribution. */
static void judge(const struct pred_source *s, const float *const *read, double *z, bool *in)
{
    const struct pred_model *m = s->m;
    float row[NET_READ], embedding[PRED_EMBEDDING];
    for (int k = 0; k < m->members; k++) {
        for (int p = 0; p < PARTS; p++)
            memcpy(row + p * PART_READ, read[p] + k * PART_READ, PART_READ * sizeof *row);
        z[k] = pred_head(m, k, row, s->table);
        if (k == 0)
            pred_embedding(row, embedding);
    }
    *in = pred_distance(&m->scale[s->table], embedding) <= m->scale[s->table].edge;
}

static void parts_of(const struct pred_source *s, const struct pred_net *net, uint8_t *part)
{
    for (int i = 0; i < net->n; i++) {
        int32_t id = net->node[i].id;
        part[i] = id < s->n_ids ? s->part[id] : PART_S;
    }
}

struct pred_source *pred_source_new(const struct pred_model *m, const struct pred_net *net,
                                    const int32_t *segment, int n, int table)
{
    struct pred_source *s = x_calloc(1, sizeof *s);
    const float *read[PARTS];
    s->m = m;
    s->table = table;
    for (int i = 0; i < net->n; i++)
        if (net->node[i].id >= s->n_ids)
            s->n_ids = net->node[i].id + 1;
    s->part = x_malloc((size_t)s->n_ids + 1);
    memset(s->part, PART_S, (size_t)s->n_ids);
    bool *inside = x_calloc((size_t)s->n_ids + 1, sizeof *inside), behind = false;
    for (int i = 0; i < n; i++)
        if (segment[i] < s->n_ids)
            inside[segment[i]] = true;
    for (int i = 0; i < net->n; i++) {
        int32_t id = net->node[i].id;
        behind |= inside[id];
        s->part[id] = inside[id] ? PART_S : behind ? PART_C : PART_P;
    }
    free(inside);
    uint8_t *part = x_malloc((size_t)net->n + 1);
    parts_of(s, net, part);
    for (int p = 0; p < PARTS; p++) {
        encode(m, net, part, (enum pred_part)p, &s->e[p]);
        read[p] = s->e[p].read;
    }
    free(part);
    s->z = x_malloc((size_t)m->members * sizeof *s->z);
    judge(s, read, s->z, &s->in_distribution);
    return s;
}

void pred_source_free(struct pred_source *s)
{
    if (!s)
        return;
    for (int p = 0; p < PARTS; p++)
        encoded_done(&s->e[p]);
    free(s->part);
    free(s->z);
    free(s);
}

static bool same_batch(const struct pred_batch *a, const struct pred_batch *b)
{
    return a->x.n == b->x.n && a->from.n == b->from.n &&
           (a->x.n == 0 || memcmp(a->x.at, b->x.at, a->x.n * sizeof *a->x.at) == 0) &&
           (a->from.n == 0 || (memcmp(a->from.at, b->from.at, a->from.n * sizeof *a->from.at) == 0 &&
                               memcmp(a->to.at, b->to.at, a->to.n * sizeof *a->to.at) == 0));
}

/* From z to accuracy, on the scale of the source's estimate. */
static void scale_delta(const struct pred_source *s, double before, double shift,
                        struct pred_delta *out)
{
    const struct pred_scale *c = &s->m->scale[s->table];
    double z[3] = {shift, shift - c->shift, shift + c->shift}, v[3];
    for (int i = 0; i < 3; i++)
        v[i] = out->in_distribution ? pred_acc(&c->curve, before + z[i]) - pred_acc(&c->curve, before)
                                    : z[i];
    out->delta = v[0];
    out->low = v[1];
    out->high = v[2];
}

void pred_replacement(const struct pred_source *s, const struct pred_net *after,
                      struct pred_delta *out)
{
    struct encoded fresh[PARTS] = {0};
    const float *read[PARTS];
    double z[PRED_MAX_MEMBERS], before = 0, shift = 0;
    bool in;
    uint8_t *part = x_malloc((size_t)after->n + 1);
    parts_of(s, after, part);
    for (int p = 0; p < PARTS; p++) {
        struct pred_batch b = {0};
        pred_batch_add(&b, after, part, 1U << p);
        if (same_batch(&b, &s->e[p].batch)) {
            read[p] = s->e[p].read;
        } else {
            encode(s->m, after, part, (enum pred_part)p, &fresh[p]);
            read[p] = fresh[p].read;
        }
        pred_batch_done(&b);
    }
    judge(s, read, z, &in);
    for (int k = 0; k < s->m->members; k++) {
        before += s->z[k] / s->m->members;
        shift += (z[k] - s->z[k]) / s->m->members;
    }
    out->in_distribution = in && s->in_distribution;
    scale_delta(s, before, shift, out);
    for (int p = 0; p < PARTS; p++)
        encoded_done(&fresh[p]);
    free(part);
}
