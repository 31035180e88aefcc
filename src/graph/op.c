#include "graph/op.h"

#include <stddef.h>
#include <string.h>

static const struct op_info table[OP_COUNT] = {
#define OP(id, onnx, cg, token, arity, shape, cost, min_in, max_in, comm, weighted) \
    [OP_##id] = {#id,         onnx,   cg,     token, ARITY_##arity, SHAPE_##shape,  \
                 COST_##cost, min_in, max_in, comm,  weighted},
#include "graph/op_list.def"
#undef OP
};

const struct op_info *op_info(enum op op)
{
    return &table[op];
}

/* Linear: some sixty short names, compared once for each node of a file. */
enum op op_from_onnx(const char *op_type)
{
    for (int i = 0; i < OP_COUNT; i++)
        if (table[i].onnx[0] && strcmp(table[i].onnx, op_type) == 0)
            return (enum op)i;
    return OP_OPAQUE;
}

bool op_from_cg(const char *cg, enum op *op)
{
    static const struct {
        const char *cg;
        enum op op;
    } special[] = {{"depthwise", OP_CONV}, {"relu6", OP_CLIP}, {"matmul", OP_GEMM}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(special[i].cg, cg) == 0)
            return *op = special[i].op, true;
    for (int i = 0; i < OP_COUNT; i++)
        if (cg[0] && strcmp(table[i].cg, cg) == 0)
            return *op = (enum op)i, true;
    return false;
}
