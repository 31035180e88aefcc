/* What nodes cost, as a colouring of the drawn network. */
#ifndef UI_HEAT_H
#define UI_HEAT_H

#include "session/session.h"

enum heat { HEAT_OFF, HEAT_CYCLES, HEAT_FLOPS, HEAT_PARAMS, HEAT_MEMORY, HEAT_TIME, HEATS };

/* "cycles" ...; by name, HEATS when there is none of it. */
const char *heat_name(enum heat h);
enum heat heat_find(const char *name);
/* Costs of the version at hand, each worked out when first asked for. Zeroed is empty. */
struct heat_costs {
    struct graph *graph; /* its graph, a reference */
    const double *ms;    /* the times that cost[HEAT_TIME] was made of */
    double *cost[HEATS];
};
/* What each node of the current version costs: cycles on the session's accelerator, FLOPs,
 * parameters, bytes of outputs, microseconds of a run here. By slot, until the version or (time) a
 * measurement changes. NULL: there is no model or no accelerator, or the times are not measured
 * (session_time). */
const double *heat_costs(struct heat_costs *c, struct session *s, enum heat h);
void heat_costs_done(struct heat_costs *c);
/* A cost as 1 to 9 of the largest, 0 when it is next to nothing; and its style. */
int heat_digit(double cost, double most);
int heat_style(int digit);

#endif
