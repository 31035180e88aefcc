/* Operators: enum op and what the operator table (op_list.def) says about each of them. */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include <stdbool.h>

enum op {
#define OP(id, ...) OP_##id,
#include "graph/op_list.def"
#undef OP
    OP_COUNT
};

/* How many tensor inputs join: a chain op has one data input (port 0), others are parameters. */
enum op_arity { ARITY_NONE, ARITY_ONE, ARITY_JOIN };

/* Rules named in the table; each module maps a rule to its function with the same list, so a new
 * operator is one row, and a new rule is one function in each module that needs it. */
enum shape_rule {
    SHAPE_INPUT,
    SHAPE_OUTPUT,
    SHAPE_SAME,
    SHAPE_CONV,
    SHAPE_CONVT,
    SHAPE_GEMM,
    SHAPE_MATMUL,
    SHAPE_NORM,
    SHAPE_BROADCAST,
    SHAPE_CONCAT,
    SHAPE_SPLIT,
    SHAPE_SLICE,
    SHAPE_POOL,
    SHAPE_GLOBAL,
    SHAPE_REDUCE,
    SHAPE_FLATTEN,
    SHAPE_RESHAPE,
    SHAPE_TRANSPOSE,
    SHAPE_SQUEEZE,
    SHAPE_UNSQUEEZE,
    SHAPE_RESIZE,
    SHAPE_DEPTH,
    SHAPE_PAD,
    SHAPE_CAST,
    SHAPE_DECLARED,
};
enum cost_rule { COST_ZERO, COST_CONV, COST_CONVT, COST_GEMM, COST_NORM, COST_ELEM, COST_POOL };

struct op_info {
    const char *id;    /* "CONV" */
    const char *onnx;  /* operator name in domain "" ("" when there is none) */
    const char *cg;    /* CG JSON / paper name, "" when the paper has none */
    const char *token; /* name in reference tokens, "" when none */
    enum op_arity arity;
    enum shape_rule shape;
    enum cost_rule cost;
    int min_in, max_in; /* inputs including parameters; max_in -1: any number */
    bool commutative;   /* inputs may be permuted */
    bool weighted;      /* carries a kernel (paper 1.1) */
};

const struct op_info *op_info(enum op op);
/* OP_OPAQUE when the operator is not in the table. */
enum op op_from_onnx(const char *op_type);
/* false when no row has this CG name. "depthwise", "relu6" and "mean" are found too. */
bool op_from_cg(const char *cg, enum op *op);

#endif
