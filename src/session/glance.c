#include "session/glance.h"

#include "session/describe.h"
#include "session/session_priv.h"

#include <stdlib.h>
#include <sys/stat.h>

/* A file above this is read when it is opened, not while a cursor passes over it. */
#define GLANCE_BYTES ((off_t)1 << 30)
enum { GLANCES = 48 };

void glance_free(struct session_glance *g)
{
    if (!g)
        return;
    free(g->name);
    free(g->ports);
    free(g->op);
    free(g);
}

/* ---- on a worker ---- */

static int most_first(const void *a, const void *b)
{
    const struct glance_op *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n) - (x->n > y->n) : strcmp(x->name, y->name);
}

static void count_ops(const struct graph *g, struct session_glance *out)
{
    int count[OP_COUNT] = {0};
    for (int i = 0; i < graph_n_nodes(g); i++)
        count[graph_node(g, graph_topo(g)[i])->op]++;
    out->op = x_calloc(OP_COUNT, sizeof *out->op);
    for (int op = 0; op < OP_COUNT; op++)
        if (count[op] && op != OP_INPUT && op != OP_OUTPUT)
            out->op[out->n_ops++] = (struct glance_op){
                op == OP_OPAQUE ? "opaque" : op_info((enum op)op)->onnx, count[op]};
    qsort(out->op, (size_t)out->n_ops, sizeof *out->op, most_first);
}

static void describe(const struct graph *g, struct session_glance *out)
{
    struct str ports = {0};
    int n;
    const int32_t *ids = graph_inputs(g, &n);
    describe_ports("input", 6, g, ids, n, &ports);
    ids = graph_outputs(g, &n);
    describe_ports("output", 6, g, ids, n, &ports);
    str_add(&ports, "");
    out->ports = str_take(&ports);
    out->name = x_strdup(graph_name(g));
    out->nodes = graph_n_nodes(g);
    out->edges = graph_n_edges(g);
    cost_graph(g, &out->cost);
    count_ops(g, out);
}

static enum status read_model(const struct job *j, struct graph **out, struct err *err)
{
    struct stat info;
    struct model_opts o = {.seed = j->seed, .input_shape = j->input_shape, .cancel = &j->cancel};
    if (stat(j->path, &info) == 0 && !S_ISREG(info.st_mode)) {
        err_set(err, ST_USAGE, "no regular file");
        return err_in_file(err, j->path);
    }
    if (stat(j->path, &info) == 0 && info.st_size > GLANCE_BYTES) {
        err_set(err, ST_UNSUPPORTED, "too large to be read before it is opened");
        return err_in_file(err, j->path);
    }
    return model_open(j->path, &o, out, err);
}

enum status glance_run(struct job *j)
{
    struct graph *g = NULL;
    j->glance = x_calloc(1, sizeof *j->glance);
    j->glance->status = read_model(j, &g, &j->glance->err);
    if (j->glance->status == ST_OK && !__atomic_load_n(&j->cancel, __ATOMIC_RELAXED))
        describe(g, j->glance);
    graph_unref(g);
    return j->glance->status;
}

/* ---- the answers ---- */

/* Of a file also what tells that it is another one. Caller frees. */
static char *key_of(const char *spec)
{
    struct stat info;
    if (stat(spec, &info) != 0)
        return x_strdup(spec);
    return x_asprintf("%s\n%lld %lld.%09ld", spec, (long long)info.st_size,
                      (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

static void ask(struct session *s, const char *spec, char *key)
{
    session_glance_stop(s);
    struct job *j = job_new(JOB_GLANCE, NULL);
    j->tag = TAG_GLANCE;
    j->urgent = true;
    j->seed = s->opts.seed;
    j->path = x_strdup(spec);
    j->input_shape = s->input_shape;
    s->glancing = key;
    pool_submit(s->pool, j);
}

const struct session_glance *session_glance(struct session *s, const char *spec)
{
    char *key = key_of(spec);
    for (size_t i = 0; i < s->glance.n; i++)
        if (strcmp(s->glance.at[i].key, key) == 0) {
            if (s->glancing)
                session_glance_stop(s);
            free(key);
            return s->glance.at[i].answer;
        }
    if (s->glancing && strcmp(s->glancing, key) == 0)
        free(key);
    else
        ask(s, spec, key);
    return NULL;
}

void session_glance_stop(struct session *s)
{
    pool_cancel(s->pool, TAG_GLANCE);
    free(s->glancing);
    s->glancing = NULL;
}

static void forget(struct session *s, size_t i)
{
    free(s->glance.at[i].key);
    glance_free(s->glance.at[i].answer);
    s->glance.n--;
    memmove(s->glance.at + i, s->glance.at + i + 1, (s->glance.n - i) * sizeof *s->glance.at);
}

void glance_take(struct session *s, struct job *j, unsigned *changed)
{
    if (s->glancing && j->glance) {
        if (s->glance.n == GLANCES)
            forget(s, 0);
        vec_push(&s->glance, (struct glanced){s->glancing, j->glance});
        s->glancing = NULL;
        j->glance = NULL;
        *changed |= SESSION_CHANGED_GLANCE;
    }
    job_free(j);
}

void glance_done(struct session *s)
{
    while (s->glance.n)
        forget(s, s->glance.n - 1);
    vec_done(&s->glance);
    free(s->glancing);
}
