/* What a replacement does: the parts of the source are encoded once, of the network after only
 * those that differ. */
#include "pred/model_priv.h"

#include <math.h>

/* A part by itself: its groups, and what each member read of them. */
struct encoded {
    struct pred_batch batch;
    float *read; /* members x PART_READ */
};

struct pred_source {
    int refs; /* atomic */
    const struct pred_model *m;
    int table, n_ids;
    uint8_t *part; /* by id of the graph; ids beyond are PART_S */
    struct encoded e[PARTS];
    float ways[PRED_WAYS];
    double z[PRED_MAX_MEMBERS];
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

/* z of each member for the source's table, and the embedding. */
static void judge(const struct pred_model *m, const float *const *read, const float *ways,
                  int table, double *z, float *embedding)
{
    float row[NET_READ];
    memcpy(row + WAYS, ways, PRED_WAYS * sizeof *row);
    for (int k = 0; k < m->members; k++) {
        for (int p = 0; p < PARTS; p++)
            memcpy(row + p * PART_READ, read[p] + k * PART_READ, PART_READ * sizeof *row);
        z[k] = pred_head(m, k, row, table < 0 ? 0 : table);
        if (k == 0)
            pred_embedding(row, embedding);
    }
}

static bool is_known(const struct pred_model *m, int table, const float *embedding)
{
    return pred_distance(&m->scale[table], embedding) <= m->scale[table].edge;
}

static uint8_t *parts_of(const struct pred_source *s, const struct pred_net *net)
{
    uint8_t *part = x_malloc((size_t)net->n + 1);
    for (int i = 0; i < net->n; i++) {
        int32_t id = net->node[i].id;
        part[i] = id < s->n_ids ? s->part[id] : PART_S;
    }
    return part;
}

/* What lies before the segment's first node is P, what lies behind it C. */
static void assign_parts(struct pred_source *s, const struct graph *g, const int32_t *order,
                         const int32_t *segment, int n)
{
    s->n_ids = graph_n_slots(g);
    s->part = x_malloc((size_t)s->n_ids + 1);
    memset(s->part, PART_P, (size_t)s->n_ids);
    for (int i = 0; i < n; i++)
        s->part[segment[i]] = PART_S;
    bool behind = false;
    for (int i = 0; i < graph_n_nodes(g); i++) {
        int32_t id = order[i];
        behind |= s->part[id] == PART_S;
        if (behind && s->part[id] != PART_S)
            s->part[id] = PART_C;
    }
}

struct pred_source *pred_source_new(const struct pred_model *m, const struct graph *g,
                                    const int32_t *order, const int32_t *segment, int n, int table)
{
    struct pred_source *s = x_calloc(1, sizeof *s);
    const float *read[PARTS];
    float embedding[PRED_EMBEDDING];
    s->refs = 1;
    s->m = m;
    assign_parts(s, g, order, segment, n);
    struct pred_net *net = pred_net_new(g, NULL);
    uint8_t *part = parts_of(s, net);
    for (int p = 0; p < PARTS; p++) {
        encode(m, net, part, (enum pred_part)p, &s->e[p]);
        read[p] = s->e[p].read;
    }
    judge(m, read, net->ways, table, s->z, embedding);
    s->table = table >= 0 ? table : pred_nearest(m, embedding);
    if (table != s->table)
        judge(m, read, net->ways, s->table, s->z, embedding);
    memcpy(s->ways, net->ways, sizeof s->ways);
    free(part);
    pred_net_free(net);
    s->in_distribution = is_known(m, s->table, embedding);
    return s;
}

struct pred_source *pred_source_ref(struct pred_source *s)
{
    __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void pred_source_unref(struct pred_source *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (int p = 0; p < PARTS; p++)
        encoded_done(&s->e[p]);
    free(s->part);
    free(s);
}

const char *pred_source_name(const struct pred_source *s)
{
    return s->m->scale[s->table].name;
}

static bool same_batch(const struct pred_batch *a, const struct pred_batch *b)
{
    return a->x.n == b->x.n && a->from.n == b->from.n &&
           (a->x.n == 0 || memcmp(a->x.at, b->x.at, a->x.n * sizeof *a->x.at) == 0) &&
           (a->from.n == 0 ||
            (memcmp(a->from.at, b->from.at, a->from.n * sizeof *a->from.at) == 0 &&
             memcmp(a->to.at, b->to.at, a->to.n * sizeof *a->to.at) == 0));
}

/* From z to accuracy, on the scale of the source's estimate. */
static void scale_delta(const struct pred_source *s, double before, double shift,
                        struct pred_delta *out)
{
    const struct pred_scale *c = &s->m->scale[s->table];
    double z[3] = {shift, shift - c->shift, shift + c->shift}, v[3];
    for (int i = 0; i < 3; i++)
        v[i] = out->in_distribution
                   ? pred_acc(&c->curve, before + z[i]) - pred_acc(&c->curve, before)
                   : z[i];
    out->delta = v[0];
    out->low = v[1];
    out->high = v[2];
}

void pred_replacement(const struct pred_source *s, const struct graph *after,
                      struct pred_delta *out)
{
    struct encoded fresh[PARTS] = {0};
    const float *read[PARTS];
    double z[PRED_MAX_MEMBERS], before = 0, shift = 0;
    float embedding[PRED_EMBEDDING];
    bool changed = false;
    struct pred_net *net = pred_net_new(after, NULL);
    uint8_t *part = parts_of(s, net);
    for (int p = 0; p < PARTS; p++) {
        struct pred_batch b = {0};
        pred_batch_add(&b, net, part, 1U << p);
        if (same_batch(&b, &s->e[p].batch)) {
            read[p] = s->e[p].read;
        } else {
            encode(s->m, net, part, (enum pred_part)p, &fresh[p]);
            read[p] = fresh[p].read;
            changed = true;
        }
        pred_batch_done(&b);
    }
    changed |= s->m->shape.ways && memcmp(net->ways, s->ways, sizeof s->ways) != 0;
    judge(s->m, read, net->ways, s->table, z, embedding);
    for (int k = 0; k < s->m->members; k++) {
        before += s->z[k] / s->m->members;
        shift += (z[k] - s->z[k]) / s->m->members;
    }
    out->in_distribution = s->in_distribution && is_known(s->m, s->table, embedding);
    out->delta = out->low = out->high = 0; /* of a replacement by the same, for certain */
    if (changed)
        scale_delta(s, before, shift, out);
    for (int p = 0; p < PARTS; p++)
        encoded_done(&fresh[p]);
    free(part);
    pred_net_free(net);
}

/* ---- why ---- */

enum status pred_why(const struct pred_source *s, const struct graph *after, const int *cancel,
                     float *weight, struct err *err)
{
    const struct pred_model *m = s->m;
    struct pred_net *net = pred_net_new(after, NULL);
    uint8_t *part = parts_of(s, net);
    struct pred_batch b = {0};
    struct net_run run = {0};
    enum status st = ST_OK;
    pred_batch_add(&b, net, part, KEEP_ALL);
    int groups = (int)b.owner.n;
    float *moved = x_calloc((size_t)groups + 1, sizeof *moved), row[PRED_FEATURES];
    memset(weight, 0, (size_t)graph_n_slots(after) * sizeof *weight);
    for (int i = -1; i < groups && st == ST_OK; i++) { /* -1: with all of them */
        float *x = b.x.at + (size_t)(i < 0 ? 0 : i) * PRED_FEATURES;
        memcpy(row, x, sizeof row);
        if (i >= 0)
            memset(x, 0, sizeof row);
        for (int k = 0; k < m->members; k++) {
            net_forward(&m->shape, m->w + (size_t)k * (size_t)m->shape.n, &b, &run);
            float z = run.out[s->table] / (float)m->members;
            for (int at = i < 0 ? 0 : i; at < (i < 0 ? groups : i + 1); at++)
                moved[at] += i < 0 ? z : -z;
        }
        memcpy(x, row, sizeof row);
        if (cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
            st = err_set(err, ST_CANCELLED, "interrupted");
    }
    for (int i = 0; i < net->n; i++)
        weight[net->node[i].id] = moved[b.group_of.at[i]];
    free(moved);
    free(part);
    pred_batch_done(&b);
    net_run_done(&run);
    pred_net_free(net);
    return st;
}
