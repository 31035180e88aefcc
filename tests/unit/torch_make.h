/* Networks of one node from a line of text, for the tests of torch. Included behind cmocka.h. */
#ifndef TESTS_UNIT_TORCH_MAKE_H
#define TESTS_UNIT_TORCH_MAKE_H

#include "base/rng.h"
#include "base/vec.h"
#include "graph/graph.h"
#include "shape/shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One operator:
 *   in   inputs by blanks: 2x3x8 a float input (N: an open batch), w2x3 random values, p4 positive
 *        ones, i1,2 integers, s1,2.5 numbers, f0.5 a scalar, - left out
 *   attr attributes by blanks: axis=1, alpha=0.5, mode=edge, pads=1,1 (with a comma: a list) */
struct torch_row {
    const char *name, *op, *in, *attr;
    int n_out; /* 0: 1 */
};

static inline struct ttype make_type(struct graph_edit *e, const char *text)
{
    struct ttype t = {.dtype = DT_FLOAT};

    while (*text) {
        bool open = *text == 'N';

        t.dim[t.rank++] = open ? DIM_SYM(graph_edit_symbol(e, "N")) : strtoll(text, NULL, 10);
        text += strcspn(text, "x");
        text += *text == 'x';
    }
    return t;
}

static inline struct tensor *make_random(struct graph_edit *e, const char *text, int seed)
{
    struct ttype t = make_type(e, text + 1);
    int64_t n = ttype_count(&t, 1);
    float *v = x_calloc((size_t)n + 1, sizeof *v);
    struct rng rng = rng_for(17, (uint64_t)seed);
    struct tensor *made;

    for (int64_t i = 0; i < n; i++)
        v[i] = (float)(*text == 'p' ? 0.5 + rng_double(&rng) : rng_normal(&rng));
    made = tensor_new_bytes(text, &t, v, (size_t)n * sizeof *v);
    free(v);
    return made;
}

static inline struct tensor *make_ints(const char *text)
{
    int64_t v[16];
    int n = 0;

    for (const char *p = text; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        v[n++] = strtoll(p, NULL, 10);
    return tensor_new_i64("", v, n);
}

static inline struct tensor *make_floats(const char *text)
{
    struct ttype t = {.dtype = DT_FLOAT, .rank = 1};
    float v[16];
    int n = 0;

    for (const char *p = text; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        v[n++] = strtof(p, NULL);
    t.dim[0] = n;
    return tensor_new_bytes("", &t, v, (size_t)n * sizeof *v);
}

static inline void make_input(struct graph_edit *e, struct node *n, const char *text, int i)
{
    if (*text == '-') {
        node_add_input(n, IN_NONE, 0);
    } else if (*text == 'w' || *text == 'p') {
        node_add_const(n, make_random(e, text, i));
    } else if (*text == 'i') {
        node_add_const(n, make_ints(text + 1));
    } else if (*text == 'f') {
        node_add_const(n, tensor_new_f32("", strtof(text + 1, NULL)));
    } else if (*text == 's') {
        node_add_const(n, make_floats(text + 1));
    } else {
        char name[16];
        struct node *input;

        snprintf(name, sizeof name, "in.%d", i);
        input = node_new(OP_INPUT, name);
        node_add_output(input, name);
        input->out[0].type = make_type(e, text);
        node_add_input(n, graph_edit_add(e, input), 0);
    }
}

static inline void make_attr(struct node *n, char *text)
{
    char *value = strchr(text, '=') + 1;
    int64_t v[16];
    size_t count = 0;

    value[-1] = '\0';
    if (strchr("-0123456789", *value) == NULL) {
        node_set_string(n, text, value, strlen(value));
    } else if (strchr(value, ',')) {
        for (char *p = value; *p; p += *p == ',')
            v[count++] = strtoll(p, &p, 10);
        node_set_ints(n, text, v, count);
    } else if (strchr(value, '.')) {
        node_set_float(n, text, strtof(value, NULL));
    } else {
        node_set_int(n, text, strtoll(value, NULL, 10));
    }
}

static inline struct graph *make_row(const struct torch_row *row)
{
    struct graph_edit *e = graph_edit_new(NULL);
    struct node *n = node_new(op_from_onnx(row->op), "the.node");
    char *in = x_strdup(row->in), *attr = x_strdup(row->attr ? row->attr : ""), *state;
    struct graph *g, *typed;
    struct err err = {0};
    int32_t id;
    int i = 0;

    graph_edit_set_opset(e, 13);
    graph_edit_set_name(e, "row");
    for (char *p = strtok_r(in, " ", &state); p; p = strtok_r(NULL, " ", &state))
        make_input(e, n, p, i++);
    for (char *p = strtok_r(attr, " ", &state); p; p = strtok_r(NULL, " ", &state))
        make_attr(n, p);
    for (i = 0; i < (row->n_out ? row->n_out : 1); i++) {
        char name[16];

        snprintf(name, sizeof name, "out.%d", i);
        node_add_output(n, name);
    }
    id = graph_edit_add(e, n);
    for (i = 0; i < (row->n_out ? row->n_out : 1); i++) {
        struct node *out = node_new(OP_OUTPUT, "");

        node_add_input(out, id, i);
        graph_edit_add(e, out);
    }
    free(in);
    free(attr);
    if (graph_edit_freeze(e, &g, &err) != ST_OK || shape_infer(g, &typed, &err) != ST_OK)
        fail_msg("%s: %s", row->name, err.msg);
    graph_unref(g);
    return typed;
}

#endif
