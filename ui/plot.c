#include "ui/plot.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LABEL = 7 };

struct frame {
    const struct plot *p;
    struct rect in; /* where points are */
    double lo, hi;
};

/* The largest of 1, 2, 5 times a power of ten that is not above v. */
static double nice(double v)
{
    double p = pow(10, floor(log10(v)));
    return v >= 5 * p ? 5 * p : v >= 2 * p ? 2 * p : p;
}

/* Rounded outwards; false without a value. */
static bool span(const struct plot *p, double *lo, double *hi)
{
    double a = INFINITY, b = -INFINITY;
    for (int k = 0; k < PLOT_MOST; k++)
        for (int i = 0; i < p->line[k].n; i++) {
            double v = p->line[k].at(p->line[k].ctx, i);
            if (!isfinite(v))
                continue;
            a = v < a ? v : a;
            b = v > b ? v : b;
        }
    if (a > b)
        return false;
    if (b - a < p->least) {
        double middle = (a + b) / 2;
        a = middle - p->least / 2 > 0 || a < 0 ? middle - p->least / 2 : 0;
        b = a + p->least;
    }
    double step = nice((b - a) / 4);
    *lo = floor(a / step) * step;
    *hi = ceil(b / step) * step;
    if (p->most > 0 && *hi > p->most)
        *hi = p->most;
    return true;
}

static int col(const struct frame *f, int i)
{
    int most = f->p->x_max > 1 ? f->p->x_max - 1 : 1;
    return (int)((int64_t)i * (f->in.w - 1) / most);
}

static int row(const struct frame *f, double v)
{
    int y = (int)lround((f->hi - v) / (f->hi - f->lo) * (f->in.h - 1));
    return y < 0 ? 0 : y >= f->in.h ? f->in.h - 1 : y;
}

static void put(const struct frame *f, int y, int x, int k, bool line)
{
    static const enum glyph glyph[2][2] = {{GLYPH_BEFORE, GLYPH_AFTER},
                                           {GLYPH_BEFORE_LINE, GLYPH_AFTER_LINE}};
    screen_glyph(f->in.y + y, f->in.x + x, k ? STYLE_AFTER : STYLE_BEFORE, glyph[line][k]);
}

static void draw_line(const struct frame *f, int k)
{
    const struct plot *p = f->p;
    for (int i = 0; i + 1 < p->line[k].n; i++) {
        double a = p->line[k].at(p->line[k].ctx, i), b = p->line[k].at(p->line[k].ctx, i + 1);
        int from = col(f, i), to = col(f, i + 1);
        for (int x = from + 1; x < to; x++)
            put(f, row(f, a + (b - a) * (x - from) / (to - from)), x, k, true);
    }
}

/* Points over all lines; where both meet there is a sign of its own. */
static void draw_points(const struct frame *f, int k)
{
    const struct plot *p = f->p;
    for (int i = 0; i < p->line[k].n; i++) {
        int y = row(f, p->line[k].at(p->line[k].ctx, i));
        if (k && i < p->line[0].n && row(f, p->line[0].at(p->line[0].ctx, i)) == y)
            screen_glyph(f->in.y + y, f->in.x + col(f, i), STYLE_AFTER, GLYPH_BOTH);
        else
            put(f, y, col(f, i), k, false);
    }
}

static void label(const struct frame *f, struct rect r, int y, double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.*f%s", f->p->decimals, v, f->p->unit);
    screen_put_right(f->in.y + y, r.x, LABEL - 1, STYLE_DIM, text);
}

void plot_draw(struct rect r, const struct plot *p)
{
    struct frame f = {.p = p, .in = {r.y + 1, r.x + LABEL, r.h - 2, r.w - LABEL - 1}};
    char text[32];
    if (r.h < 5 || r.w < LABEL + 8)
        return;
    screen_put(r.y, r.x + LABEL, r.w - LABEL, STYLE_HEAD, p->title);
    screen_vline(f.in.y, r.x + LABEL - 1, f.in.h, STYLE_EDGE);
    int low = r.y + r.h - 1;
    snprintf(text, sizeof text, "%d", p->x_max);
    screen_put(low, r.x + LABEL, r.w - LABEL, STYLE_DIM, "1");
    if (p->x_max > 1)
        screen_put_right(low, r.x + LABEL + 1, f.in.w - 1, STYLE_DIM, text);
    screen_add(low, r.x + LABEL + f.in.w / 2 - 2, 5, STYLE_DIM, "epoch");
    if (!span(p, &f.lo, &f.hi))
        return;
    label(&f, r, 0, f.hi);
    label(&f, r, f.in.h - 1, f.lo);
    if (f.in.h >= 7 && f.in.h % 2)
        label(&f, r, f.in.h / 2, (f.lo + f.hi) / 2);
    for (int k = 0; k < PLOT_MOST; k++)
        draw_line(&f, k);
    for (int k = 0; k < PLOT_MOST; k++)
        draw_points(&f, k);
}
