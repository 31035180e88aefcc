/* Runs and trains networks on this machine's CPU (oneDNN).
 *
 * A graph is compiled for fixed input shapes into a list of steps, each a kernel over buffers.
 * Values that leave the module are plain float, row-major in the order of the graph's dimensions
 * (NCHW); inside, kernels choose layouts. One struct exec belongs to one thread at a time; its
 * kernels may use several (exec_opts.threads). The same graph, options and inputs give the same
 * bytes on one machine. oneDNN is loaded with the first exec_new. */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include "graph/graph.h"

struct exec; /* opaque */

enum exec_mode {
    EXEC_INFER, /* running statistics, dropout off */
    EXEC_TRAIN  /* batch statistics, values kept for exec_backward */
};
struct exec_opts {
    enum exec_mode mode;
    int threads;   /* 0: 1 */
    int64_t batch; /* stands for every symbolic or unknown first dimension; 0: 1 */
    bool plain;    /* no folding, no fusion, no chosen layouts: what each node says, one by one */
    bool profile;  /* time each step (exec_profile) */
    const int *cancel; /* polled between steps; NULL: never */
};

/* ST_UNSUPPORTED names the first node that cannot be run (opaque, an element type, an attribute);
 * ST_MODEL: a shape stays unknown. The graph is referenced until exec_free. */
enum status exec_new(struct exec **out, const struct graph *g, const struct exec_opts *opts,
                     struct err *err);
void exec_free(struct exec *e); /* NULL is fine */

/* Inputs and outputs in the graph's order. Buffers are the exec's; inputs are to be filled before
 * each run (integers as float values), outputs are valid until the next one. */
int exec_n_inputs(const struct exec *e);
int exec_n_outputs(const struct exec *e);
const struct ttype *exec_input_type(const struct exec *e, int i); /* all dimensions known */
const struct ttype *exec_output_type(const struct exec *e, int i);
float *exec_input(struct exec *e, int i);
const float *exec_output(const struct exec *e, int i);
/* ST_CANCELLED; ST_INTERNAL when oneDNN fails. */
enum status exec_run(struct exec *e, struct err *err);

/* Milliseconds of the last run at each node that has a step of its own; 0 for those fused into
 * another (`into`: that node, else -1). */
struct exec_step_time {
    int32_t node, into;
    double ms;
    double copy_ms; /* of ms: copying its inputs into another layout first */
};
const struct exec_step_time *exec_profile(const struct exec *e, int *n);

/* ---- training (EXEC_TRAIN) ---- */

/* A learnt parameter: a float constant of a weighted node, the scale and shift of a normalisation,
 * a PRelu slope, a bias added by Add or Mul. Shared tensors are one parameter. */
struct exec_param {
    int32_t node;
    int port;
    int64_t n;
    float *value, *grad; /* plain, row-major; owned by the exec */
    bool decay;          /* weight decay applies: weights of convolutions and matrices only */
};
int exec_n_params(const struct exec *e);
struct exec_param *exec_param(struct exec *e, int i);
/* Running statistics i, *n numbers, which runs change; NULL: there are no more. */
float *exec_state(struct exec *e, int i, int64_t *n);
/* Gradients of the last run: grad_out[i] (plain, may be NULL for 0) is d loss / d output i. Sets
 * (not adds to) every parameter's grad; grad_in[i] (may be NULL) receives d loss / d input i. */
enum status exec_backward(struct exec *e, const float *const *grad_out, float *const *grad_in,
                          struct err *err);
/* From now on Dropout drops (EXEC_TRAIN), the elements that this seed chooses; 0: nothing. */
void exec_set_dropout(struct exec *e, uint64_t seed);
/* To be called after parameter values were changed. */
void exec_params_changed(struct exec *e);
/* A version of the graph with the present parameters and running statistics in place. */
enum status exec_trained(const struct exec *e, struct graph **out, struct err *err);

#endif
