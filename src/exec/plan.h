/* The parts of compiling, for src/exec/plan*.c. */
#ifndef EXEC_PLAN_H
#define EXEC_PLAN_H

#include "exec/k.h"

/* Inference that need not follow the nodes one by one. */
bool plan_is_fast(const struct exec *e);
/* A value without buffer and producer. */
struct value *plan_value(struct exec *e, const struct ttype *type);
/* Whether input `port` is a running statistic. */
bool plan_is_state(const struct node *n, int port);
/* Takes out steps that hand on what they get: their readers read that. */
void plan_skip(struct exec *e);
/* Finds the learnt parameters and marks what is computed from them. */
void plan_params(struct exec *e);
/* Lets convolutions compute what follows them (step.fusion). */
void plan_fuse(struct exec *e);
/* Asks the kernels for their layouts; adds steps that copy from one to another. */
enum status plan_layouts(struct exec *e, struct err *err);
/* Sets first and last of every value that a step makes or reads. */
void plan_lifetimes(struct exec *e);
/* Gives every value its buffer. */
enum status plan_buffers(struct exec *e, struct err *err);

#endif
