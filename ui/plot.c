#include "ui/plot.h"

#include <math.h>
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

/* Rounded outwards; at least so much. */
static void widen(double a, double b, double least, double *lo, double *hi)
{
    if (b - a < least) {
        double middle = (a + b) / 2;
        a = middle - least / 2 > 0 || a < 0 ? middle - least / 2 : 0;
        b = a + least;
    }
    double step = nice((b - a) / 4);
    *lo = floor(a / step) * step;
    *hi = ceil(b / step) * step;
}

/* false without a value. */
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
    widen(a, b, p->least, lo, hi);
    if (p->most > 0 && *hi > p->most)
        *hi = p->most;
    return true;
}

static int col(const struct frame *f, int k, int i)
{
    const struct plot *p = f->p;
    int most = p->x_max > p->x_min ? p->x_max - p->x_min : 1;
    double at = p->line[k].x ? p->line[k].x(p->line[k].ctx, i) - p->x_min : i;
    int x = (int)(at * (f->in.w - 1) / most);
    return x < 0 ? 0 : x >= f->in.w ? f->in.w - 1 : x;
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
        int from = col(f, k, i), to = col(f, k, i + 1);
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
            screen_glyph(f->in.y + y, f->in.x + col(f, k, i), STYLE_AFTER, GLYPH_BOTH);
        else
            put(f, y, col(f, k, i), k, false);
    }
}

static void label(struct rect in, int y, double v, int decimals, const char *unit)
{
    char text[32];
    snprintf(text, sizeof text, "%.*f%s", decimals, v, unit);
    screen_put_right(in.y + y, in.x - LABEL, LABEL - 1, STYLE_DIM, text);
}

/* Title, axes and the numbers of the axis upwards, which is from lo to hi where `known`. */
static void draw_axes(struct rect in, const char *title, bool known, double lo, double hi,
                      int decimals, const char *unit)
{
    screen_put(in.y - 1, in.x, in.w + 1, STYLE_HEAD, title);
    screen_vline(in.y, in.x - 1, in.h, STYLE_EDGE);
    if (!known)
        return;
    label(in, 0, hi, decimals, unit);
    label(in, in.h - 1, lo, decimals, unit);
    if (in.h >= 7 && in.h % 2)
        label(in, in.h / 2, (lo + hi) / 2, decimals, unit);
}

static void draw_x_axis(struct rect in, const char *title, const char *first, const char *last)
{
    int y = in.y + in.h, w = (int)strlen(title);
    screen_put(y, in.x, in.w + 1, STYLE_DIM, first);
    screen_put_right(y, in.x + in.w / 2, in.w - in.w / 2, STYLE_DIM, last);
    screen_add(y, in.x + in.w / 2 - w / 2, w, STYLE_DIM, title);
}

static struct rect inside(struct rect r)
{
    return (struct rect){r.y + 1, r.x + LABEL, r.h - 2, r.w - LABEL - 1};
}

static bool too_small(struct rect r)
{
    return r.h < 5 || r.w < LABEL + 8;
}

void plot_draw(struct rect r, const struct plot *p)
{
    struct frame f = {.p = p, .in = inside(r)};
    char first[32], last[32] = "";
    if (too_small(r))
        return;
    bool known = span(p, &f.lo, &f.hi);
    draw_axes(f.in, p->title, known, f.lo, f.hi, p->decimals, p->unit);
    snprintf(first, sizeof first, "%d", p->x_min);
    if (p->x_max > p->x_min)
        snprintf(last, sizeof last, "%d", p->x_max);
    draw_x_axis(f.in, p->x_title, first, last);
    for (int k = 0; known && k < PLOT_MOST; k++)
        draw_line(&f, k);
    for (int k = 0; known && k < PLOT_MOST; k++)
        draw_points(&f, k);
}

/* ---- clouds ---- */

struct field {
    struct rect in;
    double lo[2], hi[2]; /* of x, of y */
};

static void put_point(const struct field *f, double x, double y, int style, enum glyph g)
{
    if (!isfinite(x) || !isfinite(y))
        return;
    int col = (int)lround((x - f->lo[0]) / (f->hi[0] - f->lo[0]) * (f->in.w - 1));
    int row = (int)lround((f->hi[1] - y) / (f->hi[1] - f->lo[1]) * (f->in.h - 1));
    screen_glyph(f->in.y + row, f->in.x + col, style, g);
}

static void field_init(struct field *f, struct rect in, const struct plot_cloud *p)
{
    double lo[2] = {0, 0}, hi[2] = {0, 0}, v[2];
    for (int i = 0; i < p->n; i++) {
        p->at(p->ctx, i, &v[0], &v[1]);
        for (int k = 0; k < 2; k++)
            if (isfinite(v[k])) {
                lo[k] = fmin(lo[k], v[k]);
                hi[k] = fmax(hi[k], v[k]);
            }
    }
    f->in = in;
    widen(lo[0], hi[0], 2 * pow(10, -p->x_decimals), &f->lo[0], &f->hi[0]);
    widen(lo[1], hi[1], 2 * pow(10, -p->decimals), &f->lo[1], &f->hi[1]);
}

void plot_cloud_draw(struct rect r, const struct plot_cloud *p)
{
    struct field f;
    char first[32], last[32];
    double x, y;
    if (too_small(r))
        return;
    field_init(&f, inside(r), p);
    draw_axes(f.in, p->title, true, f.lo[1], f.hi[1], p->decimals, p->unit);
    snprintf(first, sizeof first, "%.*f%s", p->x_decimals, f.lo[0], p->x_unit);
    snprintf(last, sizeof last, "%.*f%s", p->x_decimals, f.hi[0], p->x_unit);
    draw_x_axis(f.in, p->x_title, first, last);
    put_point(&f, 0, 0, STYLE_BEFORE, GLYPH_BEFORE);
    for (int i = 0; i < p->n; i++) {
        p->at(p->ctx, i, &x, &y);
        put_point(&f, x, y, STYLE_AFTER, GLYPH_AFTER);
    }
    if (p->here >= 0 && p->here < p->n) {
        p->at(p->ctx, p->here, &x, &y);
        put_point(&f, x, y, STYLE_SELECT, GLYPH_HERE);
    }
}
