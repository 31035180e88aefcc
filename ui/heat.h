/* What nodes cost, as a colouring of the drawn network. */
#ifndef UI_HEAT_H
#define UI_HEAT_H

#include "session/session.h"

enum heat { HEAT_OFF, HEAT_CYCLES, HEAT_FLOPS, HEAT_PARAMS, HEAT_MEMORY, HEAT_TIME, HEATS };

/* "cycles" ...; by name, HEATS when there is none of it. */
const char *heat_name(enum heat h);
enum heat heat_find(const char *name);
/* What each node of the current version costs: cycles on the session's accelerator, FLOPs,
 * parameters, bytes of outputs, microseconds of a run here. By slot; caller frees. NULL: there is
 * no accelerator, or the times are not measured (session_time). */
double *heat_costs(struct session *s, enum heat h);
/* A cost as 1 to 9 of the largest, 0 when it is next to nothing; and its style. */
int heat_digit(double cost, double most);
int heat_style(int digit);

#endif
