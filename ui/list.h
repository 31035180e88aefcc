/* A scrolling table: columns, sort, filter, a cursor that stays on its row while rows come and go.
 * The rows belong to the view, which answers through a struct list_source. */
#ifndef UI_LIST_H
#define UI_LIST_H

#include "base/vec.h"
#include "ui/screen.h"
#include <stdint.h>

struct list_column {
    const char *title;
    int width; /* cells; of a flexible column the least */
    bool right;
    bool flex; /* shares what is left */
    bool more; /* more of it is better: sorted by its name, that comes first */
    int prio;  /* columns with a higher number are left out first when space is short; 0: never */
    const char *name; /* what it is called beside its title, or NULL */
};

struct list_source {
    int (*rows)(void *ctx);
    void (*cell)(void *ctx, int row, int col, char *buf, size_t size);
    /* Value to sort and filter a column by; NULL or false: by its text. */
    bool (*number)(void *ctx, int row, int col, double *out);
    int (*style)(void *ctx, int row, int col); /* NULL: plain */
    uint64_t (*id)(void *ctx, int row);        /* what a row is known by; NULL: its number */
};

struct list {
    const struct list_column *col;
    int n_col;
    const struct list_source *src;
    void *ctx;
    VEC(int) shown;   /* rows that pass the filter, in order */
    int at, top;      /* cursor and first visible, in `shown` */
    int page;         /* rows on the screen at the last drawing, */
    struct rect body; /* and where they were */
    uint64_t at_id;
    bool moved; /* by the user: from then on the cursor stays on its row */
    int sort;   /* column, -1: the source's order */
    bool descending;
    unsigned hidden; /* columns left out, by bits */
    char filter[512];
    /* What the filter keeps, when it is not for the list to say; NULL: rows with all its words. */
    bool (*keeps)(void *ctx, int row);
    const char *empty; /* said when there are no rows */
};

void list_init(struct list *l, const struct list_column *col, int n_col,
               const struct list_source *src, void *ctx);
void list_done(struct list *l);
/* After the rows changed. The cursor stays on the row of the same id once it was moved; before, it
 * stays at the top. */
void list_refresh(struct list *l);
/* The row under the cursor, -1 when there is none. */
int list_row(const struct list *l);
/* Puts the cursor on a row (if it is shown). */
void list_go(struct list *l, int row);
void list_draw(struct list *l, struct rect r);
void list_set_filter(struct list *l, const char *text);
/* By title or name (case does not matter, a prefix will do), the better first; "-TITLE": the other
 * way round. False when there is none such. */
bool list_sort_by(struct list *l, const char *title);
/* A click at y, x puts the cursor there; false: no row is there. *again: it was there already. */
bool list_click(struct list *l, int y, int x, bool *again);
/* Moves, sort keys; `action` is an enum action. true when it was one for a list. */
bool list_action(struct list *l, int action);

#endif
