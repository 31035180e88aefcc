/* Curves in cells: points with lines between them, axes with numbers; and clouds of points. */
#ifndef UI_PLOT_H
#define UI_PLOT_H

#include "ui/screen.h"

enum { PLOT_MOST = 2 };

struct plot {
    const char *title;
    const char *unit; /* behind the numbers of the axis */
    const char *x_title;
    int x_min, x_max;
    int decimals;
    double least; /* the axis spans at least so much */
    double most;  /* and does not go beyond; 0: no limit */
    struct {
        int n;
        double (*at)(const void *ctx, int i); /* value i, 0 .. n-1 */
        double (*x)(const void *ctx, int i);  /* and where it is; NULL: at x_min + i */
        const void *ctx;
    } line[PLOT_MOST];
};
/* Line 0 looks like before, line 1 like after (theme.h). */
void plot_draw(struct rect r, const struct plot *p);

/* Points against both axes; what they are compared with is at 0, 0. */
struct plot_cloud {
    const char *title, *unit; /* of the axis upwards */
    const char *x_title, *x_unit;
    int decimals, x_decimals;
    int n;
    void (*at)(const void *ctx, int i, double *x, double *y);
    const void *ctx;
    int here; /* the one to stand out, -1: none */
};
void plot_cloud_draw(struct rect r, const struct plot_cloud *p);

#endif
