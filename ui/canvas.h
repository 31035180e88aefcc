/* Draws a layout of boxes and lines (dot.h) in a window of cells that can be moved over it. */
#ifndef UI_CANVAS_H
#define UI_CANVAS_H

#include "dot/dot.h"
#include "ui/screen.h"

struct canvas {
    int x, y;    /* the layout's cell in the window's top left corner */
    int h, w;    /* the window, at the last drawing */
    bool centre; /* at the next drawing, move to the members */
    bool reveal; /* at the next drawing, move as far as box `hand` needs to be seen */
    int32_t hand;
};

/* How the boxes look; functions may be NULL. */
struct canvas_look {
    int (*style)(void *ctx, int32_t id);
    char (*mark)(void *ctx, int32_t id);   /* put in place of the brackets; 0: none */
    bool (*member)(void *ctx, int32_t id); /* what `centre` moves to */
    void *ctx;
};

void canvas_draw(struct canvas *c, struct rect r, const struct dot_layout *l,
                 const struct canvas_look *look);
/* The whole layout as dots, with the window's part of it marked, after canvas_draw. */
void canvas_draw_map(const struct canvas *c, struct rect r, const struct dot_layout *l,
                     const struct canvas_look *look);
/* Moves the window; true when `action` is one that does. */
bool canvas_action(struct canvas *c, int action);

#endif
