#include "cli/report_chart.h"

#include "base/html.h"
#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FAR_SHARE 0.01 /* of the networks at each end of an axis may lie outside */
enum { MANY = 100 };   /* points of a front are drawn smaller from here on */

struct spot {
    double x, y;
};

struct scatter {
    const struct report *r;
    enum search_goal gx, gy;
    struct chart c;
    char label[2][200];
    VEC(struct spot) box; /* what is taken already, for the numbers beside the points */
};

/* Accuracy is shown as what it changes. */
static double shown(const struct report *r, const struct search_point *p, enum search_goal g)
{
    return g == GOAL_ACC ? p->value[g] - r->base.value[g] : p->value[g];
}

static void axis_label(const struct report *r, enum search_goal g, char out[200])
{
    struct str table = {0};
    html_text(&table, r->table ? r->table : "an unknown table");
    if (g == GOAL_ACC)
        snprintf(out, 200, "estimated accuracy: change, in sigma of %.120s", str_text(&table));
    else
        snprintf(out, 200, "%s", report_goals[g].axis);
    str_done(&table);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Holds the front, the base, and all networks but a few that are far from the others. */
static struct axis axis_of(const struct report *r, enum search_goal g, int ticks, const char *label)
{
    const struct search_history *h = &r->history;
    double *v = x_malloc(((size_t)h->n_point + 1) * sizeof *v);
    double lo = shown(r, &r->base, g), hi = lo;
    int n = 0;
    for (int i = 0; i < h->n_point; i++)
        if (isfinite(shown(r, &h->point[i], g)))
            v[n++] = shown(r, &h->point[i], g);
    qsort(v, (size_t)n, sizeof *v, by_value);
    int far = (int)(n * FAR_SHARE);
    for (int i = far; i<n - far; i += n - 2 * far> 1 ? n - 2 * far - 1 : 1) {
        lo = fmin(lo, v[i]);
        hi = fmax(hi, v[i]);
    }
    for (int i = 0; i < r->n_front; i++) {
        lo = fmin(lo, shown(r, &r->front[i].at, g));
        hi = fmax(hi, shown(r, &r->front[i].at, g));
    }
    free(v);
    double room = 0.03 * (hi - lo);
    lo = g == GOAL_ACC || lo > room ? lo - room : fmin(lo, 0);
    hi += room;
    return axis_around(lo, hi, ticks, 0, label);
}

/* The first objective goes up, the second to the right; a search with one is seen over FLOPs. */
static void scatter_init(struct scatter *s, const struct report *r)
{
    *s = (struct scatter){.r = r, .gy = r->goal[0], .c = {.width = 900, .height = 520}};
    s->gx = r->n_goal > 1 ? r->goal[1] : r->goal[0] == GOAL_FLOPS ? GOAL_PARAMS : GOAL_FLOPS;
    axis_label(r, s->gx, s->label[0]);
    axis_label(r, s->gy, s->label[1]);
    s->c.x = axis_of(r, s->gx, 8, s->label[0]);
    s->c.y = axis_of(r, s->gy, 6, s->label[1]);
}

static bool place(const struct scatter *s, const struct search_point *p, struct spot *out)
{
    double x = shown(s->r, p, s->gx), y = shown(s->r, p, s->gy);
    *out = (struct spot){chart_x(&s->c, x), chart_y(&s->c, y)};
    return x >= s->c.x.lo && x <= s->c.x.hi && y >= s->c.y.lo && y <= s->c.y.hi;
}

int report_outside(const struct report *r)
{
    struct scatter s;
    struct spot at;
    int n = 0;
    scatter_init(&s, r);
    for (int i = 0; i < r->history.n_point; i++)
        n += !place(&s, &r->history.point[i], &at);
    return n;
}

/* One path of dots: short, and faint however many lie upon each other. */
static void add_cloud(const struct scatter *s, struct str *out)
{
    const struct search_history *h = &s->r->history;
    struct spot at;
    str_add(out, "<path class='tried' fill='none' stroke='currentColor' stroke-opacity='.22' "
                 "stroke-width='4' stroke-linecap='round' d='M0 0");
    for (int i = 0; i < h->n_point; i++)
        if (place(s, &h->point[i], &at))
            str_addf(out, "M%.1f %.1fh0", at.x, at.y);
    str_add(out, "'/>\n");
}

/* Among the points of the front, in these two objectives alone: with more, some look beaten. */
static bool is_beaten(const struct scatter *s, int i)
{
    const struct search_point *base = &s->r->base;
    const struct report_point *f = s->r->front;
    const double b[] = {search_share(base, &f[i].at, s->gx), search_share(base, &f[i].at, s->gy)};
    for (int k = 0; k < s->r->n_front; k++) {
        const double a[] = {search_share(base, &f[k].at, s->gx),
                            search_share(base, &f[k].at, s->gy)};
        if (front_dominates(a, b, 2))
            return true;
    }
    return false;
}

static int by_x(const void *a, const void *b)
{
    const struct spot *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->y > q->y) - (p->y < q->y);
}

static void add_front_line(const struct scatter *s, struct str *out)
{
    VEC(struct spot) line = {0};
    struct spot at;
    for (int i = 0; i < s->r->n_front; i++)
        if (place(s, &s->r->front[i].at, &at) && !is_beaten(s, i))
            vec_push(&line, at);
    if (line.n)
        qsort(line.at, line.n, sizeof *line.at, by_x);
    str_add(out, "<polyline class='front' fill='none' stroke='" FRONT_INK
                 "' stroke-width='1.5' points='");
    for (size_t i = 0; i < line.n; i++)
        str_addf(out, "%.1f,%.1f ", line.at[i].x, line.at[i].y);
    str_add(out, "'/>\n");
    vec_done(&line);
}

enum { BOX_W = 17, BOX_H = 13 };

/* Boxes are all of one size, given by their middles. */
static bool is_free(const struct scatter *s, struct spot at)
{
    if (at.x < CHART_LEFT + BOX_W / 2 || at.x > s->c.width - CHART_RIGHT || at.y < CHART_TOP ||
        at.y > s->c.height - CHART_BOTTOM)
        return false;
    for (size_t i = 0; i < s->box.n; i++)
        if (fabs(s->box.at[i].x - at.x) < BOX_W && fabs(s->box.at[i].y - at.y) < BOX_H)
            return false;
    return true;
}

/* Beside the point where there is room; without a number where there is none (its title says it).
 */
static void add_number(struct scatter *s, struct spot p, const char *text, struct str *out)
{
    static const struct spot beside[] = {{13, -10}, {-13, -10}, {-13, 10}, {13, 10},
                                         {0, -15},  {0, 15},    {18, 0},   {-18, 0}};
    for (size_t k = 0; k < sizeof beside / sizeof *beside; k++) {
        struct spot at = {p.x + beside[k].x, p.y + beside[k].y};
        if (!is_free(s, at))
            continue;
        vec_push(&s->box, at);
        str_addf(out, "<text x='%.1f' y='%.1f' text-anchor='middle' font-size='11'>%s</text>\n",
                 at.x, at.y + 4, text);
        return;
    }
}

static void add_front_points(struct scatter *s, struct str *out)
{
    const struct report *r = s->r;
    struct spot at;
    char text[32], change[32];
    for (int i = 0; i < r->n_front; i++)
        if (place(s, &r->front[i].at, &at))
            vec_push(&s->box, at);
    for (int i = 0; i < r->n_front; i++) {
        const struct search_point *p = &r->front[i].at;
        if (!place(s, p, &at))
            continue;
        str_addf(out,
                 "<circle class='point' cx='%.1f' cy='%.1f' r='%.1f' fill='" FRONT_INK
                 "'><title>%d: estimated %s sigma",
                 at.x, at.y, r->n_front > MANY ? 2.5 : 4.5, i + 1, report_sigma(r, p, text));
        for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++)
            if (report_percent(r, p, (enum search_goal)g, change)[0])
                str_addf(out, ", %s %s", report_goals[g].column, change);
        str_add(out, "</title></circle>\n");
    }
    for (int i = 0; i < r->n_front; i++) {
        snprintf(text, sizeof text, "%d", i + 1);
        if (place(s, &r->front[i].at, &at))
            add_number(s, at, text, out);
    }
}

static void add_base(struct scatter *s, struct str *out)
{
    struct spot at;
    place(s, &s->r->base, &at);
    vec_push(&s->box, at);
    str_addf(out,
             "<path class='base' d='M%.1f %.1fl7 7l-7 7l-7 -7z' fill='" BASE_INK
             "'><title>the network begun with</title></path>\n"
             "<text x='%.1f' y='%.1f' fill='" BASE_INK "' font-weight='bold'%s>base</text>\n",
             at.x, at.y - 7, at.x > s->c.width - 80 ? at.x - 11 : at.x + 11, at.y + 4,
             at.x > s->c.width - 80 ? " text-anchor='end'" : "");
    for (int k = 0; k < 2; k++) /* the word takes the room of two numbers */
        vec_push(&s->box,
                 (struct spot){at.x + (at.x > s->c.width - 80 ? -1 : 1) * (18 + 16 * k), at.y});
}

void report_scatter(const struct report *r, struct str *out)
{
    struct scatter s;
    scatter_init(&s, r);
    chart_begin(&s.c, "scatter", "networks by the first two objectives", out);
    add_cloud(&s, out);
    add_front_line(&s, out);
    add_base(&s, out);
    add_front_points(&s, out);
    str_add(out, "</svg>\n");
    vec_done(&s.box);
}
