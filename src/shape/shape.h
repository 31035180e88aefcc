/* Shape and type inference, and the validator for what libonnx lets through.
 *
 * One rule for each enum shape_rule of the operator table. Inference is independent of libonnx:
 * it is what decides whether a mutated network is right. Layout is NCHW; any dimension may be a
 * symbol (batch), which is carried through. Thread-safe; no state. */
#ifndef SHAPE_SHAPE_H
#define SHAPE_SHAPE_H

#include "graph/graph.h"

/* Infers every output type from the input types and the constants, in topological order, and
 * validates each node (kernel channels against the input, groups, BatchNormalization parameter
 * sizes, Concat axes, broadcasting, window fits ...): the first fault is ST_MODEL, "node 'conv1'
 * (Conv): group 3 does not divide 64 channels". *out is `g` itself (a new reference) when no type
 * changes. Outputs of opaque nodes keep the type they have (the file's or libonnx's).
 * A shape that cannot be known is left unknown and is no fault. O(V + E). */
enum status shape_infer(const struct graph *g, struct graph **out, struct err *err);

/* As shape_infer, then requires that every value that reaches a convolution, pool or
 * normalisation has known channels and spatial size; else ST_UNSUPPORTED naming the input whose
 * dimensions are open. */
enum status shape_infer_strict(const struct graph *g, struct graph **out, struct err *err);

/* A version whose OP_INPUT `name` ("" = the only input) has this fixed shape, types re-inferred. */
enum status shape_set_input(const struct graph *g, const char *name, const struct ttype *type,
                            struct graph **out, struct err *err);

#endif
