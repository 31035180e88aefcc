/* What the compare view shows, and its drawing. */
#ifndef UI_COMPARE_DRAW_H
#define UI_COMPARE_DRAW_H

#include "ui/view.h"

enum compare_show { COMPARE_BOTH, COMPARE_BEFORE, COMPARE_AFTER, COMPARE_LIST, COMPARE_SHOWS };

struct compare_side {
    struct compare *owner;
    int k; /* 0 before, 1 after */
    const char *title;
    struct canvas canvas;
    int32_t found; /* node that the search or the list stands on, -1 */
};
struct compare {
    struct ui *ui;
    struct comparison c;
    struct compare_side side[2];
    struct list list; /* of the rows of c */
    int *row_of[2];   /* per slot; -1: none */
    enum compare_show show;
    uint64_t key; /* of the layouts that are wanted */
    bool whole, why;
    double most; /* the largest weight that a node has, for `why` */
    bool aim;    /* at the next drawing the found nodes, or all that differ, come to the middle */
    bool panned; /* the drawings were moved by hand: the list follows them */
    char find[128];
};

void compare_draw_all(struct compare *v, struct rect r);
/* The columns and cells of the list. */
void compare_list_init(struct compare *v);

#endif
