/* What a network costs: parameters, MACs, FLOPs by two rules, activation memory.
 * Per node through the cost_rule of the operator table. Unknown shapes and opaque nodes cost 0 and
 * set `incomplete`, and so does a count above INT64_MAX. Thread-safe.
 *
 * Counts are for batch 1: a symbolic batch counts as 1, and where the first input has a fixed
 * batch B > 1, a leading dimension that B divides is divided by it.
 *
 * flops_paper is the rule of the AutoGO paper: 2 x (kernel MACs, + 1 for each output where a
 * convolution has a bias; matrix products always have one; 2 for each element of a normalisation;
 * 1 for each output element of an activation, a pool or an elementwise join) x the number of edges
 * that arrive (at least 1). The paper has names for few operators. Operators of the same kind
 * count like those: all activations like relu (Clip, LeakyRelu, PRelu, Elu, Selu, HardSigmoid,
 * HardSwish, Softplus), ConvTranspose like a convolution over its input size, Instance- and
 * LayerNormalization like batchnorm, global pools and reductions like mean, Sub and Div like add
 * and mul. All other elementwise operators (Softmax, LRN, Exp, Erf, Pow, Max, Resize ...) count 0
 * like the paper's unknown ones.
 * A join that one edge reaches (the other operand is a constant) is not in a CG: an Add behind a
 * convolution is its bias, all others count 0. */
#ifndef COST_COST_H
#define COST_COST_H

#include "graph/graph.h"

struct cost {
    /* Kernels, biases, normalisation scale and bias (running statistics are not trained), PRelu
     * slopes, and constants of more than one element that are added or multiplied (a bias or a
     * scale as a node of its own). A tensor used twice counts once. */
    int64_t params;
    int64_t macs;        /* multiply-accumulates of conv, depthwise, transposed conv, matmul */
    int64_t flops;       /* 2 x macs */
    int64_t flops_paper; /* the rule of the AutoGO paper, FLOP */
    int64_t peak_activation_bytes; /* largest sum of live activations over graph_topo order */
    bool incomplete;
};

/* params, macs, flops, flops_paper of one node (peak stays 0). */
void cost_node(const struct graph *g, int32_t id, struct cost *out);
/* Of some nodes together (peak stays 0). */
void cost_nodes(const struct graph *g, const int32_t *ids, int n, struct cost *out);
/* Of the whole graph. O(V + E). An activation lives from its producer to its last user; a node
 * holds its inputs and outputs at once (nothing is computed in place). */
void cost_graph(const struct graph *g, struct cost *out);

#endif
