/* The boundary of fragments: resolution ratio, relative cost, and shapes as text. */
#include "segdb/segdb_priv.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static double area(const struct ttype *t)
{
    if (t->rank != 4 || t->dim[2] <= 0 || t->dim[3] <= 0)
        return 1;
    return (double)t->dim[2] * (double)t->dim[3];
}

int segdb_ratio(const struct ttype *const *in, int n_in, const struct ttype *const *out, int n_out)
{
    double a = 1, b = 1;
    for (int i = 0; i < n_in; i++)
        a = fmax(a, area(in[i]));
    for (int i = 0; i < n_out; i++)
        b = fmax(b, area(out[i]));
    return (int)lround(log2(a / b));
}

static double width(const struct ttype *t)
{
    int axis = t->rank == 3 ? 2 : 1; /* batch, sequence, width */
    return t->rank >= 2 && t->dim[axis] > 0 ? (double)t->dim[axis] : 1;
}

double segdb_relative_cost(int64_t flops_paper, const struct ttype *const *in, int n_in)
{
    double elements = 0, widths = 0;
    for (int i = 0; i < n_in; i++) {
        int64_t n = ttype_count(in[i], 1);
        elements += n > 0 ? (double)n : 1;
        widths += width(in[i]);
    }
    return n_in > 0 ? (double)flops_paper / (elements * widths / n_in) : 0;
}

struct segdb_ports segdb_ports_of(const struct graph *g)
{
    struct segdb_ports p;
    const int32_t *in = graph_inputs(g, &p.n_in), *out = graph_outputs(g, &p.n_out);
    p.in = x_calloc((size_t)(p.n_in + p.n_out) + 1, sizeof *p.in);
    p.out = p.in + p.n_in;
    for (int i = 0; i < p.n_in; i++)
        p.in[i] = &graph_node(g, in[i])->out[0].type;
    for (int i = 0; i < p.n_out; i++)
        p.out[i] = graph_input_type(g, graph_node(g, out[i]), 0);
    return p;
}

void segdb_ports_done(struct segdb_ports *p)
{
    free(p->in);
    memset(p, 0, sizeof *p);
}

/* ---- shapes as text ---- */

static void shape_text(const struct ttype *t, int64_t batch, struct str *out)
{
    bool batched = t->rank >= 2 && t->dim[0] == batch;
    if (t->rank < 0) {
        str_add_char(out, '?');
        return;
    }
    str_add(out, batched ? "" : "[");
    for (int i = batched; i < t->rank; i++) {
        str_add(out, i > batched ? "x" : "");
        if (t->dim[i] < 0)
            str_add_char(out, '?');
        else
            str_addf(out, "%" PRId64, t->dim[i]);
    }
    str_add(out, batched ? "" : "]");
}

void segdb_ports_text(const struct segdb_ports *p, int64_t batch, struct str *out)
{
    for (int i = 0; i < p->n_in; i++) {
        str_add(out, i ? ", " : "");
        shape_text(p->in[i], batch, out);
    }
    str_add(out, " > ");
    for (int i = 0; i < p->n_out; i++) {
        str_add(out, i ? ", " : "");
        shape_text(p->out[i], batch, out);
    }
}

static int index_of(const int32_t *list, int n, int32_t id)
{
    int i = 0;
    while (i < n - 1 && list[i] != id)
        i++;
    return i;
}

int *segdb_ports_order(const struct graph *a, const struct graph *b, const int32_t *image)
{
    int n_in, n_out;
    const int32_t *in = graph_inputs(a, &n_in), *out = graph_outputs(a, &n_out);
    const int32_t *other_in = graph_inputs(b, &n_in), *other_out = graph_outputs(b, &n_out);
    int *order = x_calloc((size_t)(n_in + n_out) + 1, sizeof *order);
    for (int i = 0; i < n_in; i++)
        order[i] = index_of(other_in, n_in, image[in[i]]);
    for (int i = 0; i < n_out; i++)
        order[n_in + i] = index_of(other_out, n_out, image[out[i]]);
    return order;
}

/* The parts between ", ": begin and length of each; how many there are. */
static int split(const char *text, size_t n, const char **at, size_t *len, int max)
{
    int parts = 0;
    for (const char *p = text, *end = text + n; parts < max; parts++) {
        const char *q = p;
        while (q < end && !(q[0] == ',' && q[1] == ' '))
            q++;
        at[parts] = p;
        len[parts] = (size_t)(q - p);
        if (q == end)
            return parts + 1;
        p = q + 2;
    }
    return max + 1;
}

bool segdb_ports_permute(const char *text, int n_in, int n_out, const int *order, struct str *out)
{
    const char *arrow = strstr(text, " > ");
    size_t total = (size_t)(n_in + n_out) + 1;
    if (!arrow)
        return false;
    const char **at = x_calloc(total, sizeof *at);
    size_t *len = x_calloc(total, sizeof *len);
    bool ok = split(text, (size_t)(arrow - text), at, len, n_in) == n_in &&
              split(arrow + 3, strlen(arrow + 3), at + n_in, len + n_in, n_out) == n_out;
    for (int i = 0; i < n_in + n_out && ok; i++) {
        int k = i < n_in ? order[i] : n_in + order[i];
        str_add(out, i == n_in ? " > " : i ? ", " : "");
        str_add_n(out, at[k], len[k]);
    }
    free(at);
    free(len);
    return ok;
}
