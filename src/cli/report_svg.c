#include "cli/report_chart.h"

#include <math.h>
#include <stdio.h>

#define MOST 1e100 /* a damaged file may say anything */

/* ---- axes ---- */

struct axis axis_around(double lo, double hi, int ticks, double least, const char *label)
{
    lo = fmin(fmax(lo, -MOST), MOST);
    hi = fmin(fmax(hi, -MOST), MOST);
    if (!(hi - lo > 1e-9 * fabs(hi))) {
        double room = lo != 0 ? fabs(lo) * 0.05 : 1;
        lo -= room;
        hi = lo + 2 * room;
    }
    double rough = (hi - lo) / ticks, ten = pow(10, floor(log10(rough)));
    double step = ten * (rough <= ten ? 1 : rough <= 2 * ten ? 2 : rough <= 5 * ten ? 5 : 10);
    step = fmax(step, least);
    return (struct axis){floor(lo / step) * step, ceil(hi / step) * step, step, label};
}

double chart_x(const struct chart *c, double v)
{
    return CHART_LEFT + (v - c->x.lo) / (c->x.hi - c->x.lo) * (c->width - CHART_LEFT - CHART_RIGHT);
}

double chart_y(const struct chart *c, double v)
{
    return c->height - CHART_BOTTOM -
           (v - c->y.lo) / (c->y.hi - c->y.lo) * (c->height - CHART_TOP - CHART_BOTTOM);
}

/* As many digits as tell one tick from the next. */
static void tick_text(const struct axis *a, double v, char buf[32])
{
    static const struct {
        double unit;
        const char *suffix;
    } scale[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {1, ""}};
    double most = fmax(fabs(a->lo), fabs(a->hi));
    size_t i = 0;
    while (i + 1 < sizeof scale / sizeof *scale && most < scale[i].unit)
        i++;
    int digits = (int)fmax(0, ceil(-log10(a->step / scale[i].unit) - 1e-9));
    if (fabs(v) < a->step / 2)
        snprintf(buf, 32, "0");
    else
        snprintf(buf, 32, "%.*f%s", digits < 9 ? digits : 9, v / scale[i].unit, scale[i].suffix);
}

static int n_ticks(const struct axis *a)
{
    return (int)((a->hi - a->lo) / a->step + 1e-9);
}

static void add_axes(const struct chart *c, struct str *out)
{
    char text[32];
    for (int i = 0; i <= n_ticks(&c->x); i++) {
        double v = c->x.lo + i * c->x.step, x = chart_x(c, v);
        tick_text(&c->x, v, text);
        str_addf(out,
                 "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='currentColor' "
                 "stroke-opacity='.15'/><text x='%.1f' y='%d' text-anchor='middle'>%s</text>\n",
                 x, CHART_TOP, x, c->height - CHART_BOTTOM, x, c->height - CHART_BOTTOM + 17, text);
    }
    for (int i = 0; i <= n_ticks(&c->y); i++) {
        double v = c->y.lo + i * c->y.step, y = chart_y(c, v);
        tick_text(&c->y, v, text);
        str_addf(out,
                 "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='currentColor' "
                 "stroke-opacity='.15'/><text x='%d' y='%.1f' text-anchor='end'>%s</text>\n",
                 CHART_LEFT, y, c->width - CHART_RIGHT, y, CHART_LEFT - 7, y + 4, text);
    }
    str_addf(out, "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n",
             (CHART_LEFT + c->width - CHART_RIGHT) / 2, c->height - 12, c->x.label);
    str_addf(out, "<text transform='translate(15 %d) rotate(-90)' text-anchor='middle'>%s</text>\n",
             (CHART_TOP + c->height - CHART_BOTTOM) / 2, c->y.label);
}

void chart_begin(const struct chart *c, const char *class, const char *title, struct str *out)
{
    str_addf(out,
             "<svg xmlns='http://www.w3.org/2000/svg' class='%s' viewBox='0 0 %d %d' role='img' "
             "font-family='DejaVu Sans, sans-serif' font-size='12' fill='currentColor'>"
             "<title>%s</title>\n",
             class, c->width, c->height, title);
    add_axes(c, out);
}

/* ---- curves over the networks tried ---- */

static double volume_of(const struct search_age *a)
{
    return a->volume;
}

static double size_of(const struct search_age *a)
{
    return a->n_front;
}

/* Steps: a front stands until the next generation. */
static void add_curve(const struct report *r, double (*value)(const struct search_age *),
                      double least, const char *title, struct str *out)
{
    const struct search_history *h = &r->history;
    double lo = INFINITY, hi = -INFINITY;
    char last[100];
    for (int i = 0; i < h->n_age; i++) {
        lo = fmin(lo, value(&h->age[i]));
        hi = fmax(hi, value(&h->age[i]));
    }
    double tried = (double)h->age[h->n_age - 1].tried;
    struct chart c = {460, 280, axis_around(0, tried, 5, 1, "networks tried"),
                      axis_around(lo, hi, 5, least, title)};
    c.x.hi = tried > 0 ? tried : c.x.hi; /* time ends where the search does */
    snprintf(last, sizeof last, "%s: %.6g in the end", title, value(&h->age[h->n_age - 1]));
    chart_begin(&c, "curve", last, out);
    str_add(out, "<path class='line' fill='none' stroke='" FRONT_INK "' stroke-width='1.8' d='");
    for (int i = 0; i < h->n_age; i++) {
        double y = chart_y(&c, value(&h->age[i]));
        if (i == 0)
            str_addf(out, "M%.1f %.1f", chart_x(&c, 0), y);
        else if (i + 1 == h->n_age || value(&h->age[i]) != value(&h->age[i - 1]))
            str_addf(out, "H%.1fV%.1f", chart_x(&c, (double)h->age[i].tried), y);
    }
    str_add(out, "'/>\n</svg>\n");
}

void report_volume_curve(const struct report *r, struct str *out)
{
    add_curve(r, volume_of, 0, "hypervolume of the front", out);
}

void report_size_curve(const struct report *r, struct str *out)
{
    add_curve(r, size_of, 1, "networks in the front", out);
}
