/* The predictor at work on a worker. For src/session only. */
#ifndef SESSION_SCORING_H
#define SESSION_SCORING_H

#include "graph/region.h"
#include "pred/pred.h"

struct job;

/* What a WHY job does: weights of the nodes of both networks. */
enum status scoring_why(struct job *j);
/* `before` with all that a diff takes out of it or changes as the segment. Caller unrefs. */
struct pred_source *scoring_source(const struct pred_model *m, const struct graph *before,
                                   const struct graph_diff *d);

#endif
