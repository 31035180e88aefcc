#include "ui/interval.h"

#include "ui/theme.h"

#include <math.h>
#include <stdio.h>

static int cell_of(double v, double reach)
{
    enum { MIDDLE = INTERVAL_CELLS / 2 };
    double at = MIDDLE + MIDDLE * v / reach;
    return at < 0 ? 0 : at > INTERVAL_CELLS - 1 ? INTERVAL_CELLS - 1 : (int)lrint(at);
}

const char *interval_bar(double low, double at, double high, double reach, char *buf, size_t size)
{
    int lo = cell_of(low, reach), mid = cell_of(at, reach), hi = cell_of(high, reach);
    size_t n = 0;
    buf[0] = '\0';
    for (int i = 0; i < INTERVAL_CELLS && n + 5 < size; i++) {
        bool zero = i == INTERVAL_CELLS / 2, in = i >= lo && i <= hi;
        n += (size_t)snprintf(buf + n, size - n, "%s",
                              i == mid     ? theme_glyph(GLYPH_HERE)
                              : zero && in ? theme_glyph(GLYPH_CROSS)
                              : zero       ? theme_glyph(GLYPH_VLINE)
                              : in         ? theme_glyph(GLYPH_HLINE)
                                           : " ");
    }
    return buf;
}
