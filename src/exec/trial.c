/* Running on seeded inputs, and comparing what came out. */
#include "exec/trial.h"
#include "base/hash.h"
#include "base/rng.h"
#include "exec/exec_priv.h"

#include <math.h>
#include <stdio.h>

/* ---- inputs ---- */

static float draw(int dtype, struct rng *r)
{
    switch (dtype) {
    case DT_UNDEFINED:
    case DT_FLOAT:
    case DT_FLOAT16:
    case DT_BFLOAT16:
    case DT_DOUBLE:
        return (float)rng_normal(r);
    case DT_UINT8:
        return (float)rng_below(r, 256);
    default:
        return (float)rng_below(r, 2);
    }
}

void trial_fill(struct exec *e, uint64_t seed, int run)
{
    for (int i = 0; i < exec_n_inputs(e); i++) {
        const struct ttype *t = exec_input_type(e, i);
        struct rng r = rng_for(hash_pair(seed, (uint64_t)run), (uint64_t)i);
        float *x = exec_input(e, i);

        for (int64_t k = ttype_count(t, 1); k > 0; k--)
            *x++ = draw(t->dtype, &r);
    }
}

/* ---- faults ---- */

static bool all_finite(const float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

/* The first node, in order of execution, whose output is not finite: runs the nodes one by one,
 * and looks before a buffer is used again. */
static enum status find_fault(struct trial *t, const struct trial_opts *opts, int run,
                              struct err *err)
{
    const struct exec_opts o = {.threads = opts->threads, .plain = true, .cancel = opts->cancel};
    struct exec *e;
    enum status st = exec_new(&e, t->g, &o, err);

    if (st != ST_OK)
        return st;
    trial_fill(e, opts->seed, run);
    for (size_t i = 0; i < e->steps.n && st == ST_OK && !t->fault[0]; i++) {
        struct step *s = &e->steps.at[i];

        if (o.cancel && __atomic_load_n(o.cancel, __ATOMIC_RELAXED))
            st = err_set(err, ST_CANCELLED, "cancelled");
        else if (s->kernel->forward)
            st = s->kernel->forward(e, s, err);
        for (int k = 0; k < s->n_out && st == ST_OK && !t->fault[0]; k++)
            if (!all_finite(s->out[k]->data, s->out[k]->count))
                snprintf(t->fault, sizeof t->fault, "node '%.80s' (%.40s) gives no finite numbers",
                         node_label(s->node), node_op_type(s->node));
    }
    exec_free(e);
    return st;
}

/* "float 1x3x224x224" */
static const char *full_type(const struct ttype *t, char *buf, size_t size)
{
    char dims[100];

    snprintf(buf, size, "%s %s", dtype_name(t->dtype), ttype_text(t, dims, sizeof dims));
    return buf;
}

static const struct node *output_node(const struct trial *t, int i)
{
    int n;

    return graph_node(t->g, graph_outputs(t->g, &n)[i]);
}

/* What was executed against what the graph says. */
static void check_shapes(struct trial *t)
{
    char said[140], got[140];

    for (int i = 0; i < t->n_out && !t->fault[0]; i++) {
        const struct node *n = output_node(t, i);
        const struct ttype *want = graph_input_type(t->g, n, 0);

        if (!ttype_compatible(want, &t->out[i]))
            snprintf(t->fault, sizeof t->fault, "output '%.60s' is %.80s, the graph says %.80s",
                     node_label(n), full_type(&t->out[i], got, sizeof got),
                     full_type(want, said, sizeof said));
    }
}

/* ---- running ---- */

static struct ttype *types(const struct exec *e, int n,
                           const struct ttype *(*type)(const struct exec *, int))
{
    struct ttype *t = x_calloc((size_t)n + 1, sizeof *t);

    for (int i = 0; i < n; i++)
        t[i] = *type(e, i);
    return t;
}

static enum status keep_outputs(struct trial *t, const struct exec *e, int run, struct err *err)
{
    for (int i = 0; i < t->n_out; i++) {
        int64_t n = ttype_count(&t->out[i], 1);
        float *v = x_try_calloc((size_t)n + 1, sizeof *v);

        if (!v)
            return err_set(err, ST_INTERNAL, "out of memory for outputs");
        memcpy(v, exec_output(e, i), (size_t)n * sizeof *v);
        t->value[run * t->n_out + i] = v;
    }
    return ST_OK;
}

static enum status run_all(struct trial *t, struct exec *e, const struct trial_opts *opts,
                           struct err *err)
{
    t->n_in = exec_n_inputs(e);
    t->n_out = exec_n_outputs(e);
    t->in = types(e, t->n_in, exec_input_type);
    t->out = types(e, t->n_out, exec_output_type);
    t->value = x_calloc((size_t)t->runs * (size_t)t->n_out + 1, sizeof *t->value);
    check_shapes(t);
    for (int r = 0; r < t->runs && !t->fault[0]; r++) {
        trial_fill(e, opts->seed, r);
        TRY(exec_run(e, err));
        TRY(keep_outputs(t, e, r, err));
        for (int i = 0; i < t->n_out && !t->fault[0]; i++) {
            if (all_finite(t->value[r * t->n_out + i], ttype_count(&t->out[i], 1)))
                continue;
            TRY(find_fault(t, opts, r, err));
            if (!t->fault[0])
                snprintf(t->fault, sizeof t->fault, "output '%.80s' is not finite",
                         node_label(output_node(t, i)));
        }
    }
    return ST_OK;
}

enum status trial_run(struct trial *t, const struct graph *g, const struct trial_opts *opts,
                      struct err *err)
{
    const struct exec_opts o = {
        .threads = opts->threads, .plain = opts->plain, .cancel = opts->cancel};
    struct exec *e;
    struct err why = {0};
    enum status st = exec_new(&e, g, &o, &why);

    if (st == ST_MODEL) /* inference has accepted it: it is only not known well enough to be run */
        return err_set(err, ST_UNSUPPORTED, "%s", why.msg);
    if (st != ST_OK)
        return err_set(err, st, "%s", why.msg);
    *t = (struct trial){.g = graph_ref(g), .runs = opts->runs > 0 ? opts->runs : 1};
    st = run_all(t, e, opts, err);
    exec_free(e);
    if (st != ST_OK)
        trial_done(t);
    return st;
}

void trial_done(struct trial *t)
{
    for (int i = 0; t->value && i < t->runs * t->n_out; i++)
        free(t->value[i]);
    free(t->value);
    free(t->in);
    free(t->out);
    graph_unref(t->g);
    *t = (struct trial){0};
}

/* ---- comparing ---- */

static bool same_types(const char *what, int n, const struct ttype *a, int m, const struct ttype *b,
                       char *why, size_t size)
{
    char s[140], t[140];

    if (n != m) {
        snprintf(why, size, "%d %s%s against %d", n, what, n == 1 ? "" : "s", m);
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!ttype_equal(&a[i], &b[i])) {
            snprintf(why, size, "%s %d: %s against %s", what, i + 1, full_type(&a[i], s, sizeof s),
                     full_type(&b[i], t, sizeof t));
            return false;
        }
    return true;
}

/* Output i in all runs: a scale of its own for each would make much of a value near zero. */
static void compare_output(const struct trial *a, const struct trial *b, int i,
                           struct trial_diff *d)
{
    int64_t n = ttype_count(&a->out[i], 1);
    double most = 0, scale = 0;

    for (int r = 0; r < a->runs; r++) {
        const float *x = a->value[r * a->n_out + i], *y = b->value[r * b->n_out + i];

        for (int64_t k = 0; k < n; k++) {
            most = fmax(most, fabs((double)x[k] - (double)y[k]));
            scale = fmax(scale, fmax(fabs((double)x[k]), fabs((double)y[k])));
        }
    }
    d->max_abs = fmax(d->max_abs, most);
    if (most > 0)
        d->max_rel = fmax(d->max_rel, most / scale);
}

bool trial_compare(const struct trial *a, const struct trial *b, struct trial_diff *d, char *why,
                   size_t size)
{
    if (!same_types("input", a->n_in, a->in, b->n_in, b->in, why, size) ||
        !same_types("output", a->n_out, a->out, b->n_out, b->out, why, size))
        return false;
    *d = (struct trial_diff){0};
    for (int i = 0; i < a->n_out; i++)
        compare_output(a, b, i, d);
    return true;
}
