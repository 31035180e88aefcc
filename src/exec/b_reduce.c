/* Gradients of reductions and of the normalised exponential. */
#include "exec/exec_back.h"
#include <math.h>
#include <string.h>

/* ---- reductions ---- */

/* How to walk the input of a reduction beside its output: the output's stride is 0 along the
 * reduced axes. */
struct reduction {
    int rank;
    int64_t dim[TTYPE_MAX_RANK], out[TTYPE_MAX_RANK];
    int64_t ratio; /* input elements for each output element */
};

static unsigned reduced_axes(const struct step *s)
{
    int rank = s->in[0]->type.rank;
    const struct node_attr *attr = node_attr(s->node, "axes");
    const struct value *in = s->n_in > 1 ? s->in[1] : NULL;
    size_t n = attr ? attr->n : in ? (size_t)in->count : 0;
    unsigned mask = 0;

    for (size_t i = 0; i < n; i++) {
        int64_t a = attr ? node_ints_at(s->node, "axes", i, 0) : (int64_t)in->data[i];

        mask |= 1U << (a < 0 ? a + rank : a);
    }
    if (n == 0 && node_int(s->node, "noop_with_empty_axes", 0) == 0)
        mask = (1U << rank) - 1;
    return mask;
}

static struct reduction reduction_of(const struct step *s)
{
    const struct ttype *x = &s->in[0]->type;
    struct reduction r = {.rank = x->rank, .ratio = s->in[0]->count / s->out[0]->count};
    unsigned mask = reduced_axes(s);
    int64_t stride = 1;

    for (int i = x->rank - 1; i >= 0; i--) {
        bool gone = mask >> i & 1;

        r.dim[i] = x->dim[i];
        r.out[i] = gone ? 0 : stride;
        stride *= gone ? 1 : x->dim[i];
    }
    return r;
}

/* The output element that element `i` of the input went to. */
static int64_t goes_to(const struct reduction *r, int64_t i)
{
    int64_t to = 0;

    for (int a = r->rank - 1; a >= 0; a--) {
        to += i % r->dim[a] * r->out[a];
        i /= r->dim[a];
    }
    return to;
}

static enum status spread(struct exec *e, struct step *s, bool mean)
{
    struct reduction r = reduction_of(s);
    float scale = mean ? 1 / (float)r.ratio : 1, *dx = exec_grad_take(e, s, 0);

    if (!dx)
        return ST_OK;
    for (int64_t i = 0; i < s->in[0]->count; i++)
        dx[i] = scale * s->out[0]->grad[goes_to(&r, i)];
    exec_grad_put(e, s, 0);
    return ST_OK;
}

enum status back_reducemean(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return spread(e, s, true);
}

enum status back_reducesum(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return spread(e, s, false);
}

/* Equal largest elements share. */
enum status back_reducemax(struct exec *e, struct step *s, struct err *err)
{
    struct reduction r = reduction_of(s);
    const float *x = s->in[0]->data, *y = s->out[0]->data;
    float *dx = exec_grad_take(e, s, 0), *equal;

    (void)err;
    if (!dx)
        return ST_OK;
    equal = exec_scratch(e, EXEC_SCRATCH_A, s->out[0]->size);
    memset(equal, 0, s->out[0]->size * sizeof *equal);
    for (int64_t i = 0; i < s->in[0]->count; i++)
        equal[goes_to(&r, i)] += x[i] == y[goes_to(&r, i)];
    for (int64_t i = 0; i < s->in[0]->count; i++) {
        int64_t to = goes_to(&r, i);

        dx[i] = x[i] == y[to] ? s->out[0]->grad[to] / equal[to] : 0;
    }
    exec_grad_put(e, s, 0);
    return ST_OK;
}

enum status back_globalavg(struct exec *e, struct step *s, struct err *err)
{
    float *dx = exec_grad_take(e, s, 0);
    struct chan x, y;

    (void)err;
    if (!dx)
        return ST_OK;
    back_chan(s->in[0], &x);
    back_chan(s->out[0], &y);
    memset(dx, 0, s->in[0]->size * sizeof *dx);
    for (int64_t n = 0; n < x.n; n++)
        for (int64_t c = 0; c < x.c; c++) {
            float share = s->out[0]->grad[chan_at(&y, n, c, 0)] / (float)x.pixels;
            float *to = dx + chan_at(&x, n, c, 0);

            for (int64_t p = 0; p < x.pixels; p++)
                to[p * x.block] = share;
        }
    exec_grad_put(e, s, 0);
    return ST_OK;
}

/* ---- softmax ---- */

/* dx = y * (dy - sum of dy * y), or dx = dy - exp(y) * sum of dy. */
static enum status softmax_back(struct exec *e, struct step *s, bool logarithm)
{
    const struct ttype *t = &s->in[0]->type;
    int64_t axis = ttype_axis(node_int(s->node, "axis", -1), t->rank), n, inner = 1;
    float *dx = exec_grad_take(e, s, 0);

    if (!dx)
        return ST_OK;
    n = t->rank ? t->dim[axis] : 1;
    for (int64_t i = axis + 1; i < t->rank; i++)
        inner *= t->dim[i];
    for (int64_t row = 0; row < s->in[0]->count / n; row++) {
        int64_t at = row / inner * n * inner + row % inner;
        const float *y = s->out[0]->data + at, *dy = s->out[0]->grad + at;
        double sum = 0;

        for (int64_t k = 0; k < n * inner; k += inner)
            sum += logarithm ? dy[k] : (double)dy[k] * y[k];
        for (int64_t k = 0; k < n * inner; k += inner)
            dx[at + k] = (float)(logarithm ? dy[k] - exp(y[k]) * sum : y[k] * (dy[k] - sum));
    }
    exec_grad_put(e, s, 0);
    return ST_OK;
}

enum status back_softmax(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return softmax_back(e, s, false);
}

enum status back_logsoftmax(struct exec *e, struct step *s, struct err *err)
{
    (void)err;
    return softmax_back(e, s, true);
}
