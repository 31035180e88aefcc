/* Cycles and on-chip traffic of matrix products on a systolic array, after SCALE-Sim (Samajdar et
 * al., ISPASS 2020, section 3).
 *
 * A convolution is a product of `pixels` x `window` and `window` x `filters`. One of the three
 * stays in the array (the dataflow), two are laid along its rows and columns and cut into folds;
 * the rest streams through. Pure functions; counts saturate at INT64_MAX. */
#ifndef COST_SYSTOLIC_H
#define COST_SYSTOLIC_H

#include <stdbool.h>
#include <stdint.h>

enum systolic_dataflow {
    SYSTOLIC_OS, /* output stationary: pixels along rows, filters along columns, windows stream */
    SYSTOLIC_WS, /* weight stationary: windows along rows, filters along columns, pixels stream */
    SYSTOLIC_IS, /* input stationary: windows along rows, pixels along columns, filters stream */
};
enum { SYSTOLIC_DATAFLOWS = SYSTOLIC_IS + 1 };
const char *systolic_dataflow_name(enum systolic_dataflow d); /* "os", "ws", "is" */

struct systolic_work {
    int64_t pixels, filters, window; /* each >= 1 */
};
struct systolic_cost {
    int64_t folds;
    int64_t cycles; /* folds x (2 rows + columns + stream - 2) - 1: the number of the last one */
    /* Elements that cross the edge of the array. */
    int64_t input_reads, weight_reads, output_writes, output_reads /* partial sums */;
    /* How often all inputs, all weights are streamed or loaded: once for each fold of the other. */
    int64_t input_passes, weight_passes;
};
struct systolic_cost systolic_run(int rows, int columns, enum systolic_dataflow d,
                                  struct systolic_work w);

/* a b, a + b, at most INT64_MAX; for a, b >= 0. */
int64_t sat_mul(int64_t a, int64_t b);
int64_t sat_add(int64_t a, int64_t b);

#endif
