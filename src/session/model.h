/* Opening a model from whatever names it. Thread-safe. */
#ifndef SESSION_MODEL_H
#define SESSION_MODEL_H

#include "graph/graph.h"

struct model_opts {
    uint64_t seed;           /* of weights that the source does not have */
    const char *input_shape; /* "NAME=1x3x224x224", or without NAME= for the only input; NULL */
    const int *cancel;       /* atomic flag, looked at between steps: ST_CANCELLED; NULL: never */
};

/* `spec` is an ONNX file, a CG JSON file, "zoo:NAME" or an architecture string. The graph is
 * inferred and validated. opts may be NULL. Errors name the file (or spec) and the node; a model
 * whose spatial sizes are open is ST_UNSUPPORTED. */
enum status model_open(const char *spec, const struct model_opts *opts, struct graph **out,
                       struct err *err);
/* The same, and the hash of what `spec` names: of the bytes of a file, which is read once, else of
 * the graph. */
enum status model_read(const char *spec, const struct model_opts *opts, struct graph **out,
                       uint64_t *hash, struct err *err);

/* Writes g by suffix: onnx json dot svg png pdf py. segment_of: per node slot, or NULL. */
enum status model_write(const struct graph *g, const int *segment_of, const char *path,
                        struct err *err);
/* ST_USAGE, naming all suffixes: model_write knows no form for this one. */
enum status model_check_path(const char *path, struct err *err);

#endif
