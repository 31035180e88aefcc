/* What a model is, without opening it: read on a worker, for lists in which a cursor moves. The
 * newest question counts; the one before is cancelled. Answers are kept, a few dozen, as long as
 * the file stays as it was. */
#ifndef SESSION_GLANCE_H
#define SESSION_GLANCE_H

#include "session/session.h"

struct glance_op {
    const char *name; /* as ONNX has it; "opaque" */
    int n;
};

struct session_glance {
    enum status status; /* ST_OK: what follows is known; else only err, why it cannot be read */
    struct err err;
    char *name; /* the graph's own; "" */
    int nodes, edges;
    struct cost cost;
    char *ports; /* "input  data Nx3x32x32", a line for each input, then the outputs */
    struct glance_op *op;
    int n_ops; /* the most frequent first */
};

/* The answer about a model (model_open's spec); NULL: it is being read, SESSION_CHANGED_GLANCE
 * tells of the end. Until the next call or poll. */
const struct session_glance *session_glance(struct session *s, const char *spec);
/* The cursor has left: nothing more is to be read. */
void session_glance_stop(struct session *s);

#endif
