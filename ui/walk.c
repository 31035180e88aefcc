#include "ui/walk.h"

#include <limits.h>
#include <stdlib.h>

/* A row is as far as so many columns; a box beside is at most so many rows off. */
enum { ROW_COST = 16, BESIDE = 8 };

static const struct dot_box *find(const struct dot_layout *l, int32_t id)
{
    for (int i = 0; i < l->n_box; i++)
        if (l->box[i].id == id)
            return &l->box[i];
    return NULL;
}

static int column(const struct dot_box *b)
{
    return b->x + b->w / 2;
}

static int32_t along_edge(const struct dot_layout *l, const struct dot_box *at, bool down)
{
    int32_t best = -1;
    int least = INT_MAX;
    for (int i = 0; i < l->n_line; i++) {
        const struct dot_line *line = &l->line[i];
        if ((down ? line->from : line->to) != at->id)
            continue;
        const struct dot_box *b = find(l, down ? line->to : line->from);
        int off = b ? abs(column(b) - column(at)) : INT_MAX;
        if (off < least)
            least = off, best = b->id;
    }
    return best;
}

int32_t walk_box(const struct dot_layout *l, int32_t from, enum walk dir)
{
    const struct dot_box *at = find(l, from);
    int32_t best = -1;
    int least = INT_MAX;
    if (!at)
        return -1;
    if (dir == WALK_UP || dir == WALK_DOWN)
        return along_edge(l, at, dir == WALK_DOWN);
    for (int i = 0; i < l->n_box; i++) {
        const struct dot_box *b = &l->box[i];
        int dx = column(b) - column(at), dy = abs(b->y - at->y);
        int off = abs(dx) + ROW_COST * dy;
        if ((dir == WALK_LEFT ? dx < 0 : dx > 0) && dy <= BESIDE && off < least)
            least = off, best = b->id;
    }
    return best;
}

int32_t walk_rows(const struct dot_layout *l, int32_t from, int rows)
{
    const struct dot_box *at = find(l, from);
    int32_t best = -1;
    long least = LONG_MAX;
    for (int i = 0; i < l->n_box; i++) {
        const struct dot_box *b = &l->box[i];
        long off =
            at ? labs((long)b->y - at->y - rows) * ROW_COST + abs(column(b) - column(at)) : i;
        if (off < least)
            least = off, best = b->id;
    }
    return best;
}
