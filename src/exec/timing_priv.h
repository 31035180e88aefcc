/* The parts of measuring, for src/exec/timing*.c. */
#ifndef EXEC_TIMING_PRIV_H
#define EXEC_TIMING_PRIV_H

#include "exec/timing.h"

/* Gives the calling thread, and those it makes from now on, as many CPUs as there are threads: one
 * of each core first. False when there are fewer, or the system refuses; then nothing changed. */
bool timing_pin(int threads);

/* t->batch and t->threads say what is looked for; true when a result of at least t->runs runs is
 * kept: then the other fields are set. */
bool timing_load(struct timing *t, const struct graph *g, bool inner);
/* Failures are of no consequence. */
void timing_store(const struct timing *t, const struct graph *g, bool inner);

#endif
