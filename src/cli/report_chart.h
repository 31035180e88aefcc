/* Charts of the page about a search, as SVG elements. Their ink is the page's (currentColor) or in
 * between, so that they are readable on light and dark. */
#ifndef CLI_REPORT_CHART_H
#define CLI_REPORT_CHART_H

#include "cli/report.h"

#define FRONT_INK "#d9480f"
#define BASE_INK "#1c7ed6"

struct axis {
    double lo, hi, step;
    const char *label; /* markup, borrowed */
};
struct chart {
    int width, height;
    struct axis x, y;
};
enum { CHART_LEFT = 74, CHART_RIGHT = 18, CHART_TOP = 14, CHART_BOTTOM = 52 };

/* A range around lo .. hi that begins and ends at a tick; about so many, at 1, 2 or 5 times a power
 * of 10, no closer than `least`. */
struct axis axis_around(double lo, double hi, int ticks, double least, const char *label);
double chart_x(const struct chart *c, double v);
double chart_y(const struct chart *c, double v);
/* Opens the element and draws the axes. */
void chart_begin(const struct chart *c, const char *class, const char *title, struct str *out);

#endif
