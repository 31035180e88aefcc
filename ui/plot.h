/* Curves in cells: one value for each epoch, points with lines between them, axes with numbers. */
#ifndef UI_PLOT_H
#define UI_PLOT_H

#include "ui/screen.h"

enum { PLOT_MOST = 2 };

struct plot {
    const char *title;
    const char *unit; /* behind the numbers of the axis */
    int x_max;        /* values go from 1 to it */
    int decimals;
    double least; /* the axis spans at least so much */
    double most;  /* and does not go beyond; 0: no limit */
    struct {
        int n;
        double (*at)(const void *ctx, int i); /* value i, 0 .. n-1 */
        const void *ctx;
    } line[PLOT_MOST];
};
/* Line 0 looks like before, line 1 like after (theme.h). */
void plot_draw(struct rect r, const struct plot *p);

#endif
