#include "cli/sketch.h"

#include "base/mem.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>

enum { UP = 1, RIGHT = 2, DOWN = 4, LEFT = 8 };

/* By the sides that a cell joins. */
static const char *const line_ascii[16] = {" ", "|", "-", "+", "|", "|", "+", "+",
                                           "-", "+", "-", "+", "+", "+", "+", "+"};
static const char *const line_utf8[16] = {" ", "│", "─", "└", "│", "│", "┌", "├",
                                          "─", "┘", "─", "┴", "┐", "┤", "┬", "┼"};

bool sketch_wants_ascii(void)
{
    const char *ascii = getenv("AUTOGO_ASCII");
    return strcmp(nl_langinfo(CODESET), "UTF-8") != 0 || (ascii && *ascii);
}

/* `text` holds the boxes (0: none there), `sides` what lines join. */
struct raster {
    int w, h;
    char *text;
    unsigned char *sides;
};

static size_t at(const struct raster *r, int x, int y)
{
    return (size_t)y * (size_t)r->w + (size_t)x;
}

static bool inside(const struct raster *r, int x, int y)
{
    return x >= 0 && y >= 0 && x < r->w && y < r->h;
}

static void run(struct raster *r, int x0, int y0, int x1, int y1)
{
    bool down = x0 == x1;
    int from = down ? y0 : x0, to = down ? y1 : x1;
    if (from > to) {
        int t = from;
        from = to;
        to = t;
    }
    for (int i = from; i <= to; i++) {
        int x = down ? x0 : i, y = down ? i : y0;
        int sides = (i > from ? down ? UP : LEFT : 0) | (i < to ? down ? DOWN : RIGHT : 0);
        if (inside(r, x, y))
            r->sides[at(r, x, y)] |= (unsigned char)sides;
    }
}

static void draw_line(struct raster *r, const struct dot_line *line)
{
    for (int k = 0; k + 1 < line->n; k++)
        run(r, line->at[k].x, line->at[k].y, line->at[k + 1].x, line->at[k + 1].y);
}

static void draw_box(struct raster *r, const struct dot_box *b)
{
    size_t len = strlen(b->label);
    for (int i = 0; i < b->w; i++) {
        char c = i == 0 ? '[' : i == b->w - 1 ? ']' : ' ';
        if (i > 0 && i < b->w - 1 && (size_t)(i - 1) < len)
            c = b->label[i - 1];
        if (inside(r, b->x + i, b->y))
            r->text[at(r, b->x + i, b->y)] = c;
    }
}

void sketch_layout(const struct dot_layout *l, bool ascii, struct str *out)
{
    const char *const *glyph = ascii ? line_ascii : line_utf8;
    struct raster r = {.w = l->width, .h = l->height};
    size_t cells = (size_t)r.w * (size_t)r.h;
    r.text = x_calloc(cells + 1, 1);
    r.sides = x_calloc(cells + 1, 1);
    for (int i = 0; i < l->n_line; i++)
        draw_line(&r, &l->line[i]);
    for (int i = 0; i < l->n_box; i++)
        draw_box(&r, &l->box[i]);
    for (int y = 0; y < r.h; y++) {
        int end = r.w;
        while (end > 0 && !r.text[at(&r, end - 1, y)] && !r.sides[at(&r, end - 1, y)])
            end--;
        for (int x = 0; x < end; x++) {
            char c = r.text[at(&r, x, y)];
            if (c)
                str_add_char(out, c);
            else
                str_add(out, glyph[r.sides[at(&r, x, y)] & 15]);
        }
        str_add_char(out, '\n');
    }
    free(r.text);
    free(r.sides);
}
