/* One row of a database in memory. */
#include "family/family.h"
#include "segdb/segdb_priv.h"
#include <stdlib.h>

void segdb_row_measure(struct segdb_row *row, const struct graph *g)
{
    struct cost c;
    struct str ops = {0};
    struct segdb_ports p = segdb_ports_of(g);
    cost_graph(g, &c);
    segdb_text_ops(g, &ops);
    row->hash = segdb_structure_hash(g);
    row->n_nodes = graph_n_nodes(g) - p.n_in - p.n_out;
    row->n_in = p.n_in;
    row->n_out = p.n_out;
    row->ratio = segdb_ratio(p.in, p.n_in, p.out, p.n_out);
    row->relative = segdb_relative_cost(c.flops_paper, p.in, p.n_in);
    row->flops = c.flops_paper;
    row->params = c.params;
    row->ops_hash = hash_str(str_text(&ops), 0);
    str_done(&ops);
    segdb_ports_done(&p);
}

char *segdb_group(const char *origin)
{
    return x_strndup(origin, family_is_spec(origin) ? strcspn(origin, ":") : 0);
}

struct segdb_shape *segdb_row_shape(struct segdb_row *row, const char *text)
{
    for (size_t i = 0; i < row->shape.n; i++)
        if (!strcmp(row->shape.at[i].text, text))
            return &row->shape.at[i];
    vec_push(&row->shape, (struct segdb_shape){.text = x_strdup(text)});
    return &row->shape.at[row->shape.n - 1];
}

int64_t *segdb_row_group(struct segdb_row *row, const char *group)
{
    for (size_t i = 0; i < row->group.n; i++)
        if (!strcmp(row->group.at[i].group, group))
            return &row->group.at[i].count;
    vec_push(&row->group, (struct segdb_origin){.group = x_strdup(group)});
    return &row->group.at[row->group.n - 1].count;
}

static int by_shape_count(const void *x, const void *y)
{
    const struct segdb_shape *a = x, *b = y;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return strcmp(a->text, b->text);
}

static int by_group_count(const void *x, const void *y)
{
    const struct segdb_origin *a = x, *b = y;
    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    return strcmp(a->group, b->group);
}

void segdb_row_sort(struct segdb_row *row)
{
    if (row->shape.n > 1)
        qsort(row->shape.at, row->shape.n, sizeof *row->shape.at, by_shape_count);
    if (row->group.n > 1)
        qsort(row->group.at, row->group.n, sizeof *row->group.at, by_group_count);
}

static uint64_t sum_ints(uint64_t h, const int64_t *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = hash_pair(h, (uint64_t)v[i]);
    return h;
}

uint64_t segdb_row_sum(const struct segdb_row *r)
{
    uint64_t relative;
    memcpy(&relative, &r->relative, sizeof relative);
    const int64_t v[] = {r->number, (int64_t)r->hash, r->n_nodes,          r->n_in,
                         r->n_out,  r->ratio,         (int64_t)relative,   r->flops,
                         r->params, r->count,         (int64_t)r->ops_hash};
    uint64_t h = sum_ints(SEGDB_VERSION, v, sizeof v / sizeof *v);
    h = hash_str(r->origin, h);
    h = hash_str(r->body, h);
    for (size_t i = 0; i < r->shape.n; i++) {
        const struct segdb_shape *s = &r->shape.at[i];
        const int64_t w[] = {s->flops_paper, s->params, s->count};
        h = sum_ints(hash_str(s->text, h), w, 3);
    }
    for (size_t i = 0; i < r->group.n; i++)
        h = sum_ints(hash_str(r->group.at[i].group, h), &r->group.at[i].count, 1);
    return h;
}

void segdb_row_done(struct segdb_row *row)
{
    for (size_t i = 0; i < row->shape.n; i++)
        free(row->shape.at[i].text);
    for (size_t i = 0; i < row->group.n; i++)
        free(row->group.at[i].group);
    vec_done(&row->shape);
    vec_done(&row->group);
    free(row->origin);
    free(row->body);
    memset(row, 0, sizeof *row);
}
