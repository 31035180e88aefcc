/* Compiles a graph: fixes every shape, then makes the values, the buffers and the steps. */
#include "exec/plan.h"
#include "exec/exec_back.h"
#include "shape/shape.h"

#include <math.h>
#include <omp.h>

/* ---- fixed shapes ---- */

static struct ttype fixed_type(const struct exec *e, const struct ttype *t)
{
    struct ttype fixed = *t;

    if (fixed.rank > 0 && fixed.dim[0] < 0)
        fixed.dim[0] = e->opts.batch;
    return fixed;
}

static bool is_known(const struct ttype *t)
{
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] < 0)
            return false;
    return t->rank >= 0;
}

/* e->g: the given graph with the batch put for open first dimensions of its inputs. */
static enum status fix_shapes(struct exec *e, struct err *err)
{
    struct graph_edit *edit = graph_edit_new(e->given);
    struct graph *fixed;
    enum status st;
    int n;
    const int32_t *in = graph_inputs(e->given, &n);

    for (int i = 0; i < n; i++) {
        struct value_ref v = {in[i], 0};
        struct ttype t = fixed_type(e, graph_type(e->given, v));

        graph_edit_set_type(edit, v, &t);
    }
    TRY(graph_edit_freeze(edit, &fixed, err));
    st = shape_infer(fixed, &e->g, err);
    graph_unref(fixed);
    return st;
}

/* ---- values ---- */

struct value *plan_value(struct exec *e, const struct ttype *type)
{
    struct value *v = x_calloc(1, sizeof *v);

    v->type = *type;
    v->count = ttype_count(type, 1);
    v->md = exec_md_plain(type->rank, type->dim);
    v->size = (size_t)v->count;
    v->plain = true;
    v->node = v->port = -1;
    v->param = -1;
    v->first = v->last = -1;
    vec_push(&e->values, v);
    return v;
}

/* Little-endian IEEE half precision. */
static float from_half(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    float v;

    if (exponent == 31)
        v = mantissa ? NAN : INFINITY;
    else if (exponent == 0)
        v = ldexpf((float)mantissa, -24);
    else
        v = ldexpf((float)(mantissa + 1024), exponent - 25);
    return h & 0x8000 ? -v : v;
}

static float from_bfloat(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

/* False for an element type that is no number. */
static bool read_floats(const struct tensor *t, const struct value *v)
{
    int dtype = tensor_type(t)->dtype;
    uint16_t *half;

    if (dtype == DT_FLOAT) {
        tensor_read(t, v->data);
        return true;
    }
    if (dtype == DT_FLOAT16 || dtype == DT_BFLOAT16) {
        half = x_malloc((size_t)v->count * sizeof *half + 1);
        tensor_read(t, half);
        for (int64_t i = 0; i < v->count; i++)
            v->data[i] = dtype == DT_FLOAT16 ? from_half(half[i]) : from_bfloat(half[i]);
        free(half);
        return true;
    }
    if (dtype_size(dtype) == 0 || dtype == DT_COMPLEX64 || dtype == DT_COMPLEX128)
        return false;
    for (int64_t i = 0; i < v->count; i++)
        v->data[i] = (float)tensor_num_at(t, i, 0);
    return true;
}

/* One value for each tensor object, but for running statistics, which every node has for itself
 * even where a file lets them share an initialiser. */
static enum status constant(struct exec *e, const struct step *s, int port, struct value **out,
                            struct err *err)
{
    struct tensor *t = s->node->in[port].tensor;
    bool state = plan_is_state(s->node, port);

    for (size_t i = 0; i < e->values.n && !state; i++)
        if (e->values.at[i]->tensor == t && !e->values.at[i]->state) {
            *out = e->values.at[i];
            return ST_OK;
        }
    *out = plan_value(e, tensor_type(t));
    (*out)->tensor = t;
    (*out)->state = state;
    (*out)->owned = true;
    (*out)->data = exec_alloc((*out)->size);
    if (!(*out)->data)
        return err_set(err, ST_INTERNAL, "out of memory for weights");
    if (!read_floats(t, *out))
        return exec_unsupported(s, err, "a constant of type %s", dtype_name(tensor_type(t)->dtype));
    return ST_OK;
}

/* ---- steps ---- */

static bool is_number(int dtype)
{
    return dtype == DT_UNDEFINED || dtype == DT_FLOAT || dtype == DT_FLOAT16 ||
           dtype == DT_DOUBLE || dtype == DT_BFLOAT16;
}

static enum status check_types(const struct step *s, struct err *err)
{
    for (int i = 0; i < s->n_in + s->n_out; i++) {
        const struct value *v = i < s->n_in ? s->in[i] : s->out[i - s->n_in];

        if (!v)
            continue;
        if (v->count == 0 && v->node >= 0 && s->kernel->forward)
            return exec_unsupported(s, err, "a tensor without elements");
        if (!s->kernel->any_type && (i == 0 || i == s->n_in) && !is_number(v->type.dtype))
            return exec_unsupported(s, err, "element type %s", dtype_name(v->type.dtype));
    }
    return ST_OK;
}

static enum status add_output(struct exec *e, struct step *s, int port, struct err *err)
{
    struct ttype t = fixed_type(e, graph_type(e->g, (struct value_ref){s->id, port}));

    if (!is_known(&t) || ttype_count(&t, 1) < 0)
        return err_set(err, ST_MODEL, "node '%.80s' (%.40s): its shape stays unknown",
                       node_label(s->node), node_op_type(s->node));
    s->out[port] = plan_value(e, &t);
    s->out[port]->node = s->id;
    s->out[port]->port = port;
    return ST_OK;
}

/* `made` holds, by slot, the step of each node; -1 before. */
static enum status add_step(struct exec *e, int32_t id, int *made, struct err *err)
{
    const struct node *n = graph_node(e->g, id);
    struct step *s;

    vec_push(&e->steps, (struct step){.id = id, .node = n, .into = -1});
    s = &e->steps.at[e->steps.n - 1];
    s->n_in = n->n_in;
    s->n_out = n->n_out;
    s->in = x_calloc((size_t)n->n_in + 1, sizeof *s->in);
    s->out = x_calloc((size_t)n->n_out + 1, sizeof *s->out);
    s->kernel = exec_kernel_of(n->op);
    made[id] = (int)e->steps.n - 1;
    if (!s->kernel)
        return exec_unsupported(s, err, "this operator cannot be run here");
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i].node == IN_CONST)
            TRY(constant(e, s, i, &s->in[i], err));
        else if (n->in[i].node >= 0)
            s->in[i] = e->steps.at[made[n->in[i].node]].out[n->in[i].port];
        if (s->in[i])
            s->in[i]->n_uses++;
    }
    for (int i = 0; i < n->n_out; i++)
        TRY(add_output(e, s, i, err));
    return check_types(s, err);
}

/* What no output depends on is not run; graph inputs are always there. */
static bool *mark_live(const struct graph *g)
{
    bool *live = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *live);
    const int32_t *order = graph_topo(g);

    for (int k = graph_n_nodes(g) - 1; k >= 0; k--) {
        const struct node *n = graph_node(g, order[k]);

        live[order[k]] |= n->op == OP_OUTPUT || n->op == OP_INPUT;
        for (int i = 0; live[order[k]] && i < n->n_in; i++)
            if (n->in[i].node >= 0)
                live[n->in[i].node] = true;
    }
    return live;
}

static enum status add_steps(struct exec *e, struct err *err)
{
    bool *live = mark_live(e->g);
    int *made = x_calloc((size_t)graph_n_slots(e->g) + 1, sizeof *made);
    const int32_t *order = graph_topo(e->g);
    enum status st = ST_OK;

    for (int k = 0; k < graph_n_nodes(e->g) && st == ST_OK; k++)
        if (live[order[k]])
            st = add_step(e, order[k], made, err);
    if (st == ST_OK) {
        int n;
        const int32_t *id = graph_inputs(e->g, &n);

        for (int i = 0; i < n; i++)
            vec_push(&e->inputs, e->steps.at[made[id[i]]].out[0]);
        id = graph_outputs(e->g, &n);
        for (int i = 0; i < n; i++)
            vec_push(&e->outputs, e->steps.at[made[id[i]]].in[0]);
    }
    free(live);
    free(made);
    return st;
}

static enum status init_steps(struct exec *e, struct err *err)
{
    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];

        if (s->kernel->init)
            TRY(s->kernel->init(e, s, err));
        vec_push(&e->times, (struct exec_step_time){.node = s->id, .into = -1});
    }
    return ST_OK;
}

bool plan_is_fast(const struct exec *e)
{
    return !exec_training(e) && !e->opts.plain;
}

static enum status compile(struct exec *e, struct err *err)
{
    omp_set_num_threads(e->opts.threads); /* primitives are made for so many */
    if (!exec_engine())
        return err_set(err, ST_INTERNAL, "oneDNN has no CPU engine here");
    TRY(exec_dnnl(dnnl_stream_create(&e->stream, exec_engine(), dnnl_stream_default_flags),
                  "a stream", err));
    TRY(fix_shapes(e, err));
    TRY(add_steps(e, err));
    if (!e->opts.plain)
        plan_skip(e);
    if (exec_training(e))
        plan_params(e);
    if (plan_is_fast(e))
        plan_fuse(e);
    if (!e->opts.plain)
        TRY(plan_layouts(e, err));
    TRY(plan_buffers(e, err));
    TRY(init_steps(e, err));
    return exec_training(e) ? exec_grad_init(e, err) : ST_OK;
}

enum status exec_new(struct exec **out, const struct graph *g, const struct exec_opts *opts,
                     struct err *err)
{
    struct exec *e = x_calloc(1, sizeof *e);
    enum status st;

    e->given = graph_ref(g);
    e->opts = *opts;
    if (e->opts.threads < 1)
        e->opts.threads = 1;
    if (e->opts.batch < 1)
        e->opts.batch = 1;
    e->param_version = 1;
    st = compile(e, err);
    if (st != ST_OK)
        exec_free(e);
    else
        *out = e;
    return st;
}
