#include "cost/systolic.h"

static const char *const names[SYSTOLIC_DATAFLOWS] = {"os", "ws", "is"};

const char *systolic_dataflow_name(enum systolic_dataflow d)
{
    return names[d];
}

int64_t sat_mul(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_mul_overflow(a, b, &r) ? INT64_MAX : r;
}

int64_t sat_add(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_add_overflow(a, b, &r) ? INT64_MAX : r;
}

static int64_t folds_of(int64_t work, int size)
{
    return work / size + (work % size != 0);
}

struct systolic_cost systolic_run(int rows, int columns, enum systolic_dataflow d,
                                  struct systolic_work w)
{
    int64_t along_rows = d == SYSTOLIC_OS ? w.pixels : w.window;
    int64_t along_columns = d == SYSTOLIC_IS ? w.pixels : w.filters;
    int64_t stream = d == SYSTOLIC_OS ? w.window : d == SYSTOLIC_WS ? w.pixels : w.filters;
    int64_t fr = folds_of(along_rows, rows), fc = folds_of(along_columns, columns);
    struct systolic_cost c = {.folds = sat_mul(fr, fc)};
    int64_t inputs = sat_mul(w.pixels, w.window), weights = sat_mul(w.window, w.filters);
    int64_t outputs = sat_mul(w.pixels, w.filters);

    c.cycles = sat_mul(c.folds, sat_add(2 * (int64_t)rows + columns - 2, stream)) - 1;
    c.input_passes = d == SYSTOLIC_IS ? 1 : fc;
    c.weight_passes = d == SYSTOLIC_WS ? 1 : d == SYSTOLIC_OS ? fr : fc;
    c.input_reads = sat_mul(inputs, c.input_passes);
    c.weight_reads = sat_mul(weights, c.weight_passes);
    /* Windows along the rows are cut into folds whose sums are parts of the outputs. */
    c.output_writes = sat_mul(outputs, d == SYSTOLIC_OS ? 1 : fr);
    c.output_reads = sat_mul(outputs, d == SYSTOLIC_OS ? 0 : fr - 1);
    return c;
}
