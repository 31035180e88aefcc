/* The graph network: features -> NET_WIDTH numbers a group, NET_LAYERS rounds of messages (each
 * adds relu(W [own | mean of those before | mean of those behind] + b)), sums and means over each
 * part, a small perceptron, one output for each table it was trained on. */
#include "exec/gemm.h"
#include "pred/pred_priv.h"

#include <math.h>

/* Sums over a part are in units of so many groups. */
#define SUM_UNIT 16.0F

static int place(int *at, int rows, int columns)
{
    int here = *at;
    *at += (rows + 1) * columns;
    return here;
}

struct net_shape net_shape(int outputs, bool one_way, bool ways)
{
    struct net_shape s = {.outputs = outputs, .one_way = one_way, .ways = ways};
    s.read = ways ? NET_READ : WAYS;
    s.embed = place(&s.n, PRED_FEATURES, NET_WIDTH);
    for (int l = 0; l < NET_LAYERS; l++)
        s.layer[l] = place(&s.n, 3 * NET_WIDTH, NET_WIDTH);
    s.hidden = place(&s.n, s.read, NET_HIDDEN);
    s.top = place(&s.n, NET_HIDDEN, NET_TOP);
    s.head = place(&s.n, NET_TOP, outputs);
    return s;
}

static void init_matrix(float *w, int rows, int columns, double scale, struct rng *r)
{
    double sd = scale * sqrt(2.0 / rows);
    for (int i = 0; i < rows * columns; i++)
        w[i] = (float)(sd * rng_normal(r));
    memset(w + rows * columns, 0, (size_t)columns * sizeof *w);
}

void net_init(const struct net_shape *s, float *w, struct rng *r)
{
    init_matrix(w + s->embed, PRED_FEATURES, NET_WIDTH, 1, r);
    for (int l = 0; l < NET_LAYERS; l++)
        init_matrix(w + s->layer[l], 3 * NET_WIDTH, NET_WIDTH, 0.7, r);
    init_matrix(w + s->hidden, s->read, NET_HIDDEN, 0.7, r);
    init_matrix(w + s->top, NET_HIDDEN, NET_TOP, 1, r);
    init_matrix(w + s->head, NET_TOP, s->outputs, 0.3, r);
}

void net_run_done(struct net_run *r)
{
    vec_done(&r->values);
    vec_done(&r->count);
}

/* y = x w + bias, of n rows. */
static void linear(const float *x, const float *w, int n, int in, int out, float *y)
{
    const float *bias = w + in * out;
    for (int i = 0; i < n; i++)
        memcpy(y + (size_t)i * (size_t)out, bias, (size_t)out * sizeof *y);
    exec_gemm(false, false, n, out, in, x, w, 1, y);
}

static void relu(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
}

/* y += a x, of NET_WIDTH numbers. */
static void add_scaled(float *restrict y, const float *restrict x, float a)
{
    for (int k = 0; k < NET_WIDTH; k++)
        y[k] += a * x[k];
}

/* Fills the two means beside h in rows of [h | before | behind]. */
static void gather(const struct net_shape *s, const struct pred_batch *b, float *rows)
{
    enum { W = NET_WIDTH };
    for (size_t i = 0; i < b->owner.n; i++)
        memset(rows + i * 3 * W + W, 0, 2 * W * sizeof *rows);
    for (size_t e = 0; e < b->from.n; e++) {
        float *from = rows + (size_t)b->from.at[e] * 3 * W,
              *to = rows + (size_t)b->to.at[e] * 3 * W;
        float in = b->in_w.at[e], out = s->one_way ? 0 : b->out_w.at[e];
        add_scaled(to + W, from, in);
        add_scaled(from + 2 * W, to, out);
    }
}

/* Where in net_run.read a part lies; `owner` as in the batch. */
static size_t read_place(const struct net_shape *s, int32_t owner)
{
    return (size_t)(owner / PARTS) * (size_t)s->read + (size_t)(owner % PARTS) * PART_READ;
}

/* Sums and means of h over each part, and the part's own figures. */
static void read_out(const struct net_shape *s, const struct pred_batch *b, struct net_run *r)
{
    enum { W = NET_WIDTH };
    const float *rows = r->layer[NET_LAYERS];
    memset(r->read, 0, (size_t)b->n_samples * (size_t)s->read * sizeof *r->read);
    for (size_t i = 0; i < b->owner.n; i++) {
        float *restrict to = r->read + read_place(s, b->owner.at[i]);
        const float *restrict h = rows + i * 3 * W;
        for (int k = 0; k < W; k++)
            to[k] += h[k];
    }
    for (int p = 0; p < b->n_samples * PARTS; p++) {
        float *to = r->read + read_place(s, p);
        float share = r->count.at[p] ? 1 / (float)r->count.at[p] : 0;
        for (int k = 0; k < W; k++) {
            to[W + k] = to[k] * share;
            to[k] /= SUM_UNIT;
        }
        memcpy(to + 2 * W, b->globals.at + (size_t)p * PRED_GLOBALS, PRED_GLOBALS * sizeof *to);
    }
    for (size_t i = 0; s->ways && i < (size_t)b->n_samples; i++)
        memcpy(r->read + i * NET_READ + WAYS, b->ways.at + i * PRED_WAYS,
               PRED_WAYS * sizeof(float));
}

/* The part of a row that follows from the others. */
static void read_whole(float *row)
{
    enum { W = NET_WIDTH };
    float *whole = row + WHOLE * PART_READ;
    double groups = 0, figure[PRED_GLOBALS] = {0};
    memset(whole, 0, PART_READ * sizeof *whole);
    for (int p = 0; p < PARTS; p++) {
        const float *part = row + p * PART_READ;
        groups += net_groups(part);
        for (int k = 0; k < W; k++)
            whole[k] += part[k];
        for (int k = 0; k < PRED_GLOBALS; k++)
            figure[k] += expm1((double)part[2 * W + k] * pred_global_unit[k]);
    }
    for (int k = 0; k < W && groups > 0.5; k++)
        whole[W + k] = (float)(whole[k] * SUM_UNIT / groups);
    for (int k = 0; k < PRED_GLOBALS; k++)
        whole[2 * W + k] = (float)(log1p(figure[k]) / pred_global_unit[k]);
}

double net_groups(const float *part)
{
    return expm1(pred_global_unit[0] * (double)part[2 * NET_WIDTH]);
}

static void make_room(const struct net_shape *s, const struct pred_batch *b, struct net_run *r)
{
    size_t groups = b->owner.n, samples = (size_t)b->n_samples;
    size_t layer = groups * 3 * NET_WIDTH;
    size_t sample = (size_t)s->read + NET_HIDDEN + NET_TOP + (size_t)s->outputs;
    vec_reserve(&r->values, (NET_LAYERS + 1) * layer + samples * sample + groups * NET_WIDTH);
    float *at = r->values.at;
    for (int l = 0; l <= NET_LAYERS; l++, at += layer)
        r->layer[l] = at;
    r->read = at;
    r->hidden = r->read + samples * (size_t)s->read;
    r->top = r->hidden + samples * NET_HIDDEN;
    r->out = r->top + samples * NET_TOP;
    r->scratch = r->out + samples * (size_t)s->outputs;
    vec_reserve(&r->count, samples * PARTS + 1);
    memset(r->count.at, 0, samples * PARTS * sizeof *r->count.at);
    for (size_t i = 0; i < groups; i++)
        r->count.at[b->owner.at[i]]++;
}

/* The h of a round: what the round before had (NULL: it is the first) and what is new. */
static void add_round(float *restrict rows, const float *restrict old, const float *restrict new,
                      int groups)
{
    enum { W = NET_WIDTH };
    for (size_t i = 0; i < (size_t)groups; i++) {
        if (!old)
            memcpy(rows + i * 3 * W, new + i *W, W * sizeof *rows);
        for (size_t k = 0; old && k < W; k++)
            rows[i * 3 * W + k] = new[i * W + k] + old[i * 3 * W + k];
    }
}

void net_encode(const struct net_shape *s, const float *w, const struct pred_batch *b,
                struct net_run *r)
{
    enum { W = NET_WIDTH };
    int groups = (int)b->owner.n;
    make_room(s, b, r);
    linear(b->x.at, w + s->embed, groups, PRED_FEATURES, W, r->scratch);
    relu(r->scratch, (size_t)groups * W);
    for (int l = 0; l <= NET_LAYERS; l++) {
        add_round(r->layer[l], l ? r->layer[l - 1] : NULL, r->scratch, groups);
        if (l == NET_LAYERS)
            break;
        gather(s, b, r->layer[l]);
        linear(r->layer[l], w + s->layer[l], groups, 3 * W, W, r->scratch);
        relu(r->scratch, (size_t)groups * W);
    }
    read_out(s, b, r);
}

void net_head(const struct net_shape *s, const float *w, int samples, struct net_run *r)
{
    for (int i = 0; i < samples; i++)
        read_whole(r->read + (size_t)i * (size_t)s->read);
    linear(r->read, w + s->hidden, samples, s->read, NET_HIDDEN, r->hidden);
    relu(r->hidden, (size_t)samples * NET_HIDDEN);
    linear(r->hidden, w + s->top, samples, NET_HIDDEN, NET_TOP, r->top);
    relu(r->top, (size_t)samples * NET_TOP);
    linear(r->top, w + s->head, samples, NET_TOP, s->outputs, r->out);
}

void net_forward(const struct net_shape *s, const float *w, const struct pred_batch *b,
                 struct net_run *r)
{
    net_encode(s, w, b, r);
    net_head(s, w, b->n_samples, r);
}

/* ---- backward ---- */

/* Gradients of y = x w + bias: into dw (added), and dx unless NULL. */
static void linear_back(const float *x, const float *w, const float *dy, int n, int in, int out,
                        float *dw, float *dx)
{
    exec_gemm(true, false, in, out, n, x, dy, 1, dw);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < out; k++)
            dw[in * out + k] += dy[(size_t)i * (size_t)out + (size_t)k];
    if (dx)
        exec_gemm(false, true, n, in, out, dy, w, 0, dx);
}

static void relu_back(const float *y, float *dy, size_t n)
{
    for (size_t i = 0; i < n; i++)
        dy[i] = y[i] > 0 ? dy[i] : 0;
}

static void read_back(const struct net_shape *s, const struct pred_batch *b,
                      const struct net_run *r, const float *d_read, float *dh)
{
    enum { W = NET_WIDTH };
    for (size_t i = 0; i < b->owner.n; i++) {
        int sample = b->owner.at[i] / PARTS, all = 0;
        const float *d = d_read + read_place(s, b->owner.at[i]);
        const float *whole = d_read + (size_t)sample * (size_t)s->read + WHOLE * PART_READ;
        for (int p = 0; p < PARTS; p++)
            all += r->count.at[sample * PARTS + p];
        float share = 1 / (float)r->count.at[b->owner.at[i]], whole_share = 1 / (float)all;
        for (int k = 0; k < W; k++)
            dh[i * W + (size_t)k] =
                (d[k] + whole[k]) / SUM_UNIT + d[W + k] * share + whole[W + k] * whole_share;
    }
}

/* Adds to dh what comes back through rows of [h | before | behind]. */
static void gather_back(const struct net_shape *s, const struct pred_batch *b, const float *d_rows,
                        float *dh)
{
    enum { W = NET_WIDTH };
    for (size_t i = 0; i < b->owner.n; i++)
        for (int k = 0; k < W; k++)
            dh[i * W + (size_t)k] += d_rows[i * 3 * W + (size_t)k];
    for (size_t e = 0; e < b->from.n; e++) {
        size_t from = (size_t)b->from.at[e], to = (size_t)b->to.at[e];
        float in = b->in_w.at[e], out = s->one_way ? 0 : b->out_w.at[e];
        for (size_t k = 0; k < W; k++) {
            dh[from * W + k] += in * d_rows[to * 3 * W + W + k];
            dh[to * W + k] += out * d_rows[from * 3 * W + 2 * W + k];
        }
    }
}

void net_backward(const struct net_shape *s, const float *w, const struct pred_batch *b,
                  struct net_run *r, const float *d_out, float *grad)
{
    enum { W = NET_WIDTH };
    int groups = (int)b->owner.n, samples = b->n_samples;
    size_t n = (size_t)groups * W, rows = (size_t)samples;
    float *d_top = x_malloc(rows * (NET_TOP + NET_HIDDEN + (size_t)s->read) * sizeof *d_top + 1);
    float *d_hidden = d_top + rows * NET_TOP, *d_read = d_hidden + rows * NET_HIDDEN;
    float *dh = x_malloc(5 * n * sizeof *dh + 1), *dz = dh + n, *d_rows = dz + n;

    linear_back(r->top, w + s->head, d_out, samples, NET_TOP, s->outputs, grad + s->head, d_top);
    relu_back(r->top, d_top, rows * NET_TOP);
    linear_back(r->hidden, w + s->top, d_top, samples, NET_HIDDEN, NET_TOP, grad + s->top,
                d_hidden);
    relu_back(r->hidden, d_hidden, rows * NET_HIDDEN);
    linear_back(r->read, w + s->hidden, d_hidden, samples, s->read, NET_HIDDEN, grad + s->hidden,
                d_read);
    read_back(s, b, r, d_read, dh);
    for (int l = NET_LAYERS; l-- > 0;) {
        /* what the round added is the difference of h after and before it */
        for (size_t i = 0; i < (size_t)groups; i++)
            for (size_t k = 0; k < W; k++) {
                float added = r->layer[l + 1][i * 3 * W + k] - r->layer[l][i * 3 * W + k];
                dz[i * W + k] = added > 0 ? dh[i * W + k] : 0;
            }
        linear_back(r->layer[l], w + s->layer[l], dz, groups, 3 * W, W, grad + s->layer[l], d_rows);
        gather_back(s, b, d_rows, dh);
    }
    for (size_t i = 0; i < (size_t)groups; i++)
        for (size_t k = 0; k < W; k++)
            dz[i * W + k] = r->layer[0][i * 3 * W + k] > 0 ? dh[i * W + k] : 0;
    linear_back(b->x.at, w + s->embed, dz, groups, PRED_FEATURES, W, grad + s->embed, NULL);
    free(d_top);
    free(dh);
}
