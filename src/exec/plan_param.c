/* What is learnt: finds the parameters among the constants, and puts them back into a graph. */
#include "exec/plan.h"
#include "shape/shape.h"

/* Ports whose constants are learnt; a bit of `decay` for those that weight decay shrinks. */
static const struct learnt {
    unsigned ports, decay;
} learnt[OP_COUNT] = {
    [OP_CONV] = {6, 2},      [OP_CONVT] = {6, 2},     [OP_GEMM] = {6, 2},
    [OP_MATMUL] = {3, 3},    [OP_BATCHNORM] = {6, 0}, [OP_INSTANCENORM] = {6, 0},
    [OP_LAYERNORM] = {6, 0}, [OP_PRELU] = {2, 0},     [OP_ADD] = {3, 0},
    [OP_MUL] = {3, 0},
};

bool plan_is_state(const struct node *n, int port)
{
    return n->op == OP_BATCHNORM && port >= 3;
}

static bool is_param(const struct step *s, int port)
{
    const struct value *v = s->in[port];
    enum op op = s->node->op;

    if (!v || !v->tensor || v->state || v->type.dtype != DT_FLOAT || port > 2 ||
        !(learnt[op].ports >> port & 1))
        return false;
    /* A single number in an expression (as in a GELU spelt out) is no bias. */
    return (op != OP_ADD && op != OP_MUL) || v->count > 1;
}

static void add_param(struct exec *e, const struct step *s, int port)
{
    struct value *v = s->in[port];
    bool decay = learnt[s->node->op].decay >> port & 1;

    if (v->param >= 0) {
        e->params.at[v->param].decay |= decay;
        return;
    }
    v->param = (int)e->params.n;
    v->learns = true;
    v->grad_buf = exec_alloc(v->size);
    if (!v->grad_buf)
        v->grad_buf = x_malloc(SIZE_MAX / 2); /* ends the program in the usual way */
    vec_push(&e->param_value, v);
    vec_push(&e->params, (struct exec_param){.node = s->id,
                                             .port = port,
                                             .n = v->count,
                                             .value = v->data,
                                             .grad = v->grad_buf,
                                             .decay = decay});
}

void plan_params(struct exec *e)
{
    for (size_t i = 0; i < e->steps.n; i++) {
        struct step *s = &e->steps.at[i];
        bool learns = false;

        for (int p = 0; p < s->n_in; p++) {
            if (is_param(s, p))
                add_param(e, s, p);
            learns |= s->in[p] && s->in[p]->learns;
        }
        for (int p = 0; p < s->n_out; p++)
            s->out[p]->learns = learns;
    }
}

int exec_n_params(const struct exec *e)
{
    return (int)e->params.n;
}

struct exec_param *exec_param(struct exec *e, int i)
{
    return &e->params.at[i];
}

float *exec_state(struct exec *e, int i, int64_t *n)
{
    for (size_t k = 0; k < e->values.n; k++) {
        struct value *v = e->values.at[k];

        if (v->tensor && v->state && v->type.dtype == DT_FLOAT && i-- == 0) {
            *n = v->count;
            return v->data;
        }
    }
    return NULL;
}

void exec_params_changed(struct exec *e)
{
    e->param_version++;
}

void exec_set_dropout(struct exec *e, uint64_t seed)
{
    e->dropout_seed = seed;
}

/* ---- back into the graph ---- */

static bool is_trained(const struct value *v)
{
    return v && v->tensor && (v->param >= 0 || v->state) && v->type.dtype == DT_FLOAT;
}

/* One new tensor for each trained value, so that what was shared stays shared. */
static struct tensor *trained_tensor(const struct value *v, struct tensor **made)
{
    if (!*made)
        *made = tensor_new_bytes(tensor_name(v->tensor), &v->type, v->data,
                                 (size_t)v->count * sizeof(float));
    return tensor_ref(*made);
}

static size_t value_index(const struct exec *e, const struct value *v)
{
    size_t i = 0;

    while (e->values.at[i] != v)
        i++;
    return i;
}

enum status exec_trained(const struct exec *e, struct graph **out, struct err *err)
{
    struct graph_edit *edit = graph_edit_new(e->given);
    struct tensor **made = x_calloc(e->values.n + 1, sizeof(struct tensor *));
    enum status st;

    for (size_t i = 0; i < e->steps.n; i++) {
        const struct step *s = &e->steps.at[i];

        for (int p = 0; p < s->n_in; p++)
            if (is_trained(s->in[p]))
                node_set_input(graph_edit_mut(edit, s->id), p, IN_CONST, 0,
                               trained_tensor(s->in[p], &made[value_index(e, s->in[p])]));
    }
    st = graph_edit_freeze(edit, out, err);
    for (size_t i = 0; i < e->values.n; i++)
        tensor_unref(made[i]);
    free(made);
    return st;
}
