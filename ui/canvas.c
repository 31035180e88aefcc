#include "ui/canvas.h"

#include "base/mem.h"
#include "ui/actions.h"

#include <stdio.h>
#include <stdlib.h>

enum { UP = 1, RIGHT = 2, DOWN = 4, LEFT = 8 };

/* The window's cells while lines are laid over each other: which sides each cell joins. */
struct raster {
    const struct canvas *c;
    unsigned char *sides;
};

static void join(struct raster *r, int x, int y, unsigned sides)
{
    x -= r->c->x;
    y -= r->c->y;
    if (x >= 0 && y >= 0 && x < r->c->w && y < r->c->h)
        r->sides[y * r->c->w + x] |= (unsigned char)sides;
}

static int max(int a, int b)
{
    return a > b ? a : b;
}

static int min(int a, int b)
{
    return a < b ? a : b;
}

static void vertical(struct raster *r, int x, int y0, int y1)
{
    int top = min(y0, y1), bottom = max(y0, y1);
    if (x < r->c->x || x >= r->c->x + r->c->w)
        return;
    for (int y = max(top, r->c->y - 1); y <= min(bottom, r->c->y + r->c->h); y++)
        join(r, x, y, (y > top ? UP : 0) | (y < bottom ? DOWN : 0));
}

static void horizontal(struct raster *r, int y, int x0, int x1)
{
    int left = min(x0, x1), right = max(x0, x1);
    if (y < r->c->y || y >= r->c->y + r->c->h)
        return;
    for (int x = max(left, r->c->x - 1); x <= min(right, r->c->x + r->c->w); x++)
        join(r, x, y, (x > left ? LEFT : 0) | (x < right ? RIGHT : 0));
}

static void draw_lines(struct canvas *c, struct rect at, const struct dot_layout *l)
{
    struct raster r = {c, x_calloc((size_t)c->w * (size_t)c->h, 1)};
    for (int i = 0; i < l->n_line; i++) {
        const struct dot_line *line = &l->line[i];
        if (line->n < 2 || max(line->at[0].y, line->at[line->n - 1].y) < c->y ||
            min(line->at[0].y, line->at[line->n - 1].y) >= c->y + c->h)
            continue;
        for (int k = 0; k + 1 < line->n; k++) {
            int x0 = line->at[k].x, y0 = line->at[k].y;
            int x1 = line->at[k + 1].x, y1 = line->at[k + 1].y;
            if (x0 == x1)
                vertical(&r, x0, y0, y1);
            else if (y0 == y1)
                horizontal(&r, y0, x0, x1);
            else { /* slanted: down, across, down */
                int mid = (y0 + y1) / 2;
                vertical(&r, x0, y0, mid);
                horizontal(&r, mid, x0, x1);
                vertical(&r, x1, mid, y1);
            }
        }
    }
    for (int y = 0; y < c->h; y++)
        for (int x = 0; x < c->w; x++)
            if (r.sides[y * c->w + x])
                screen_glyph(at.y + y, at.x + x, STYLE_EDGE, theme_joint(r.sides[y * c->w + x]));
    free(r.sides);
}

/* Text at column x of the window, cut at its borders. */
static void put(const struct canvas *c, struct rect at, int y, int x, int style, const char *text)
{
    for (; *text && x < c->w; text++, x++)
        if (x >= 0) {
            char one[2] = {*text, 0};
            screen_add(at.y + y, at.x + x, 1, style, one);
        }
}

static void draw_box(struct canvas *c, struct rect at, const struct dot_box *b,
                     const struct canvas_look *look)
{
    int y = b->y - c->y, x = b->x - c->x;
    if (y + b->h <= 0 || y >= c->h || x + b->w <= 0 || x >= c->w)
        return;
    int style = look->style ? look->style(look->ctx, b->id) : STYLE_TEXT;
    char mark = look->mark ? look->mark(look->ctx, b->id) : 0;
    char line[64];
    int inner = b->w - 2;
    if (inner < 0 || inner > 60)
        return;
    /* a digit behind a label would be read as part of it */
    bool digit = mark >= '0' && mark <= '9';
    snprintf(line, sizeof line, "%c%-*.*s%c", mark ? mark : '[', inner, inner, b->label,
             mark && !digit ? mark : ']');
    /* Labels are ASCII (operator, kernel, channels); an opaque operator may bring anything. */
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 32 || (unsigned char)*p > 126)
            *p = '?';
    if (y >= 0)
        put(c, at, y, x, style, line);
}

/* Cells that stay between the box in hand and the window's border. */
enum { MARGIN = 3 };

static int slide(int at, int size, int from, int to)
{
    int margin = to - from + 2 * MARGIN <= size ? MARGIN : 0;
    return from - margin < at ? from - margin : to + margin > at + size ? to + margin - size : at;
}

static void reveal(struct canvas *c, const struct dot_layout *l, int32_t hand)
{
    for (int i = 0; i < l->n_box; i++)
        if (l->box[i].id == hand) {
            c->x = slide(c->x, c->w, l->box[i].x, l->box[i].x + l->box[i].w);
            c->y = slide(c->y, c->h, l->box[i].y, l->box[i].y + l->box[i].h);
            return;
        }
}

static void centre(struct canvas *c, const struct dot_layout *l, const struct canvas_look *look)
{
    int x0 = 0, x1 = 0, y0 = 0, y1 = 0;
    bool any = false;
    for (int i = 0; i < l->n_box; i++) {
        const struct dot_box *b = &l->box[i];
        if (!look->member || !look->member(look->ctx, b->id))
            continue;
        x0 = any ? min(x0, b->x) : b->x;
        x1 = any ? max(x1, b->x + b->w) : b->x + b->w;
        y0 = any ? min(y0, b->y) : b->y;
        y1 = any ? max(y1, b->y + b->h) : b->y + b->h;
        any = true;
    }
    if (any) {
        c->x = (x0 + x1 - c->w) / 2;
        c->y = y1 - y0 > c->h - 4 ? y0 - 2 : (y0 + y1 - c->h) / 2;
    } else
        c->x = (l->width - c->w) / 2;
}

/* The window never leaves the drawing; what is smaller than the window stands in its middle. */
static void clamp(struct canvas *c, const struct dot_layout *l)
{
    if (l->width <= c->w)
        c->x = (l->width - c->w) / 2;
    else
        c->x = max(0, min(c->x, l->width - c->w));
    if (l->height <= c->h)
        c->y = 0;
    else
        c->y = max(0, min(c->y, l->height - c->h));
}

void canvas_draw(struct canvas *c, struct rect r, const struct dot_layout *l,
                 const struct canvas_look *look)
{
    if (r.h < 1 || r.w < 1)
        return;
    c->h = r.h;
    c->w = r.w;
    if (c->centre)
        centre(c, l, look);
    if (c->reveal)
        reveal(c, l, c->hand);
    c->centre = c->reveal = false;
    clamp(c, l);
    draw_lines(c, r, l);
    for (int i = 0; i < l->n_box; i++)
        draw_box(c, r, &l->box[i], look);
}

void canvas_draw_map(const struct canvas *c, struct rect r, const struct dot_layout *l,
                     const struct canvas_look *look)
{
    if (r.h < 1 || r.w < 1 || l->width < 1 || l->height < 1)
        return;
    int h = min(r.h, l->height), w = min(r.w, max(1, l->width / 2));
    int top = (int)((long)max(c->y, 0) * h / l->height);
    int bottom = (int)((long)min(c->y + c->h, l->height) * h / l->height);
    for (int y = 0; y < h; y++)
        screen_glyph(r.y + y, r.x, STYLE_EDGE, y >= top && y <= bottom ? GLYPH_THUMB : GLYPH_TRACK);
    for (int i = 0; i < l->n_box && w > 1; i++) {
        const struct dot_box *b = &l->box[i];
        int y = (int)((long)b->y * h / l->height);
        int x = 1 + (int)((long)(b->x + b->w / 2) * (w - 1) / l->width);
        screen_glyph(r.y + y, r.x + x, look->style ? look->style(look->ctx, b->id) : STYLE_TEXT,
                     GLYPH_DOT);
    }
}

bool canvas_action(struct canvas *c, int action)
{
    int half = c->h / 2 > 0 ? c->h / 2 : 1;
    switch (action) {
    case ACTION_PAN_LEFT:
        c->x -= 8;
        break;
    case ACTION_PAN_RIGHT:
        c->x += 8;
        break;
    case ACTION_PAN_UP:
        c->y -= 4;
        break;
    case ACTION_PAN_DOWN:
        c->y += 4;
        break;
    case ACTION_UP:
        c->y--;
        break;
    case ACTION_DOWN:
        c->y++;
        break;
    case ACTION_PAGE_UP:
        c->y -= half;
        break;
    case ACTION_PAGE_DOWN:
        c->y += half;
        break;
    case ACTION_TOP:
        c->y = 0;
        break;
    case ACTION_BOTTOM:
        c->y = 1 << 28;
        break;
    default:
        return false;
    }
    return true;
}
