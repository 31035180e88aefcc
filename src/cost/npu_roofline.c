/* The roofline of a network on an accelerator (Williams et al., CACM 2009) as an SVG picture: for
 * each layer of the array how many multiplications it does in a cycle over how many it does for
 * each byte of DRAM, under the bounds of the array and of the bandwidth. */
#include "base/str.h"
#include "cost/npu.h"

#include <math.h>

enum { WIDTH = 820, HEIGHT = 520, LEFT = 70, RIGHT = 20, TOP = 40, BOTTOM = 60 };

/* Both axes are decimal logarithms. */
struct plot {
    double x0, x1, y0, y1;
};

static double x_of(const struct plot *p, double intensity)
{
    double at = (log10(intensity) - p->x0) / (p->x1 - p->x0);
    return LEFT + fmin(fmax(at, 0), 1) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const struct plot *p, double speed)
{
    double at = (log10(speed) - p->y0) / (p->y1 - p->y0);
    return HEIGHT - BOTTOM - fmin(fmax(at, 0), 1) * (HEIGHT - TOP - BOTTOM);
}

static void add_escaped(struct str *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '>' || *text == '&' || (unsigned char)*text < ' ')
            str_addf(out, "&#%d;", (unsigned char)*text < ' ' ? ' ' : *text);
        else
            str_add_char(out, *text);
}

/* What DRAM gives does not bound a layer that takes nothing from it: such points stand at the
 * right. */
static double intensity_of(const struct npu_layer *l)
{
    return l->dram_bytes > 0 ? (double)l->macs / (double)l->dram_bytes : INFINITY;
}

static struct plot range_of(const struct npu_preset *p, const struct npu_cost *c)
{
    double ridge = (double)(p->rows * p->columns) / p->dram_bytes_per_cycle, lo = ridge, hi = ridge;
    double least = 1;
    for (int i = 0; i < c->n_layers; i++) {
        const struct npu_layer *l = &c->layer[i];
        if (l->unit != NPU_ARRAY || l->cycles <= 0 || l->macs <= 0)
            continue;
        double x = intensity_of(l);
        lo = fmin(lo, x);
        hi = isfinite(x) ? fmax(hi, x) : hi;
        least = fmin(least, (double)l->macs / (double)l->cycles);
    }
    return (struct plot){floor(log10(lo)), ceil(log10(hi) + 0.5), floor(log10(least)),
                         ceil(log10((double)(p->rows * p->columns)) + 0.1)};
}

static void add_axes(struct str *out, const struct plot *q)
{
    for (double x = q->x0; x <= q->x1; x++)
        str_addf(out,
                 "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>"
                 "<text x='%.1f' y='%d' text-anchor='middle'>%g</text>\n",
                 x_of(q, pow(10, x)), TOP, x_of(q, pow(10, x)), HEIGHT - BOTTOM,
                 x_of(q, pow(10, x)), HEIGHT - BOTTOM + 18, pow(10, x));
    for (double y = q->y0; y <= q->y1; y++)
        str_addf(out,
                 "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>"
                 "<text x='%d' y='%.1f' text-anchor='end'>%g</text>\n",
                 LEFT, y_of(q, pow(10, y)), WIDTH - RIGHT, y_of(q, pow(10, y)), LEFT - 6,
                 y_of(q, pow(10, y)) + 4, pow(10, y));
    str_addf(out, "<text x='%d' y='%d' text-anchor='middle'>MACs for each byte of DRAM</text>\n",
             WIDTH / 2, HEIGHT - 14);
    str_addf(
        out,
        "<text transform='translate(16 %d) rotate(-90)' text-anchor='middle'>MACs a cycle</text>\n",
        HEIGHT / 2);
}

void npu_roofline(const struct graph *g, const struct npu_preset *p, const struct npu_cost *c,
                  struct str *out)
{
    struct plot q = range_of(p, c);
    double peak = (double)(p->rows * p->columns), ridge = peak / p->dram_bytes_per_cycle;
    str_addf(
        out,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' "
        "font-family='DejaVu Sans, sans-serif' font-size='12'>\n"
        "<rect width='100%%' height='100%%' fill='white'/>\n<text x='%d' y='24' font-size='15'>",
        WIDTH, HEIGHT, LEFT);
    add_escaped(out, graph_name(g)[0] ? graph_name(g) : "network");
    str_add(out, " on ");
    add_escaped(out, p->name);
    str_add(out, "</text>\n");
    add_axes(out, &q);
    str_addf(out,
             "<polyline fill='none' stroke='#b00' stroke-width='2' points='%.1f,%.1f %.1f,%.1f "
             "%.1f,%.1f'/>\n",
             x_of(&q, pow(10, q.x0)), y_of(&q, pow(10, q.x0) * p->dram_bytes_per_cycle),
             x_of(&q, ridge), y_of(&q, peak), x_of(&q, pow(10, q.x1)), y_of(&q, peak));
    for (int i = 0; i < c->n_layers; i++) {
        const struct npu_layer *l = &c->layer[i];
        if (l->unit != NPU_ARRAY || l->cycles <= 0 || l->macs <= 0)
            continue;
        double share = c->cycles > 0 ? (double)l->cycles / (double)c->cycles : 0;
        str_addf(out, "<circle cx='%.1f' cy='%.1f' r='%.1f' fill='%s' fill-opacity='0.5'><title>",
                 x_of(&q, intensity_of(l)), y_of(&q, (double)l->macs / (double)l->cycles),
                 3 + 20 * sqrt(share), l->dram_cycles > l->compute_cycles ? "#c60" : "#06c");
        add_escaped(out, node_label(graph_node(g, l->node)));
        str_addf(out, ": %lld cycles (%.1f %%)</title></circle>\n", (long long)l->cycles,
                 100 * share);
    }
    str_addf(out,
             "<text x='%d' y='%d' fill='#06c'>bound by the array</text>"
             "<text x='%d' y='%d' fill='#c60'>waits for DRAM</text></svg>\n",
             WIDTH - 300, HEIGHT - BOTTOM - 12, WIDTH - 150, HEIGHT - BOTTOM - 12);
}
