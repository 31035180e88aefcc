/* A layout in cells as an SVG element. */
#include "dot/dot_priv.h"

#include "base/html.h"

enum { CELL_W = 8, CELL_H = 18, HALF_BOX = 8, MARGIN = 6 };

static int middle_x(int x)
{
    return MARGIN + x * CELL_W + CELL_W / 2;
}

static int middle_y(int y)
{
    return MARGIN + y * CELL_H + CELL_H / 2;
}

static void add_line(const struct dot_line *e, struct str *out)
{
    str_add(out, "<path class='edge' d='");
    for (int i = 0; i < e->n; i++)
        str_addf(out, "%c%d %d", i ? 'L' : 'M', middle_x(e->at[i].x), middle_y(e->at[i].y));
    str_add(out, "'/>\n");
}

static void add_box(const struct dot_box *b, const struct graph *g, enum dot_mark mark,
                    const char *prefix, struct str *out)
{
    static const char *const class[] = {[DOT_PLAIN] = "",
                                        [DOT_ADDED] = " added",
                                        [DOT_REMOVED] = " removed",
                                        [DOT_CHANGED] = " changed",
                                        [DOT_SELECTED] = " selected"};
    const struct node *n = graph_node(g, b->id);
    const struct ttype *t = dot_node_type(g, n);
    char type[128];
    str_addf(out, "<g class='node%s' id='%s%d'><title>", class[mark], prefix, (int)b -> id);
    html_text(out, node_label(n));
    if (t && t->rank >= 0)
        str_addf(out, " %s", ttype_text(t, type, sizeof type));
    str_addf(out, "</title><rect x='%d' y='%d' width='%d' height='%d' rx='4'/><text x='%d' y='%d'>",
             MARGIN + b->x * CELL_W, middle_y(b->y) - HALF_BOX, b->w * CELL_W, 2 * HALF_BOX,
             MARGIN + b->x * CELL_W + b->w * CELL_W / 2, middle_y(b->y) + 4);
    html_text(out, b->label);
    str_add(out, "</text></g>\n");
}

void dot_layout_svg(const struct dot_layout *l, const struct graph *g, const enum dot_mark *mark,
                    const char *prefix, struct str *out)
{
    int w = 2 * MARGIN + l->width * CELL_W, h = 2 * MARGIN + l->height * CELL_H;
    str_addf(out,
             "<svg xmlns='http://www.w3.org/2000/svg' class='drawing' width='%d' height='%d' "
             "viewBox='0 0 %d %d' font-family='DejaVu Sans Mono, monospace' font-size='11' "
             "text-anchor='middle'>\n",
             w, h, w, h);
    for (int i = 0; i < l->n_line; i++)
        add_line(&l->line[i], out);
    for (int i = 0; i < l->n_box; i++)
        add_box(&l->box[i], g, mark[l->box[i].id], prefix, out);
    str_add(out, "</svg>\n");
}
