#include "graph/resample.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

static double half_pixel(double k, double scale, double in, double out)
{
    (void)in;
    (void)out;
    return (k + 0.5) / scale - 0.5;
}

static double pytorch_half_pixel(double k, double scale, double in, double out)
{
    return out > 1 ? half_pixel(k, scale, in, out) : 0;
}

static double align_corners(double k, double scale, double in, double out)
{
    (void)scale;
    return out > 1 ? k * (in - 1) / (out - 1) : 0;
}

static double asymmetric(double k, double scale, double in, double out)
{
    (void)in;
    (void)out;
    return k / scale;
}

static double tf_half_pixel(double k, double scale, double in, double out)
{
    (void)in;
    (void)out;
    return (k + 0.5) / scale;
}

static const struct where {
    const char *name;
    resample_where_fn *f;
} wheres[] = {
    {"half_pixel", half_pixel},
    {"pytorch_half_pixel", pytorch_half_pixel},
    {"align_corners", align_corners},
    {"asymmetric", asymmetric},
    {"tf_half_pixel_for_nn", tf_half_pixel},
};

static double prefer_floor(double x)
{
    return ceil(x - 0.5);
}

static double prefer_ceil(double x)
{
    return floor(x + 0.5);
}

static const struct rounding {
    const char *name;
    resample_round_fn *f;
} roundings[] = {
    {"round_prefer_floor", prefer_floor},
    {"round_prefer_ceil", prefer_ceil},
    {"floor", floor},
    {"ceil", ceil},
};

resample_where_fn *resample_where(const char *mode)
{
    for (size_t i = 0; i < sizeof wheres / sizeof *wheres; i++)
        if (strcmp(mode, wheres[i].name) == 0)
            return wheres[i].f;
    return NULL;
}

resample_round_fn *resample_round(const char *mode)
{
    for (size_t i = 0; i < sizeof roundings / sizeof *roundings; i++)
        if (strcmp(mode, roundings[i].name) == 0)
            return roundings[i].f;
    return NULL;
}
