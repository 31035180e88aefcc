#include "ui/glance_draw.h"

#include "session/describe.h"
#include "ui/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME = 14, COUNT = 5 };

/* Draws the text in at most h lines and moves down; one line is left free below when `gap`. */
static void put(struct rect *r, int style, const char *text, int h, bool gap)
{
    int n = text_lines(text, r->w, theme_ascii());
    n = n < h ? n : h;
    n = n < r->h ? n : r->h > 0 ? r->h : 0;
    screen_wrap((struct rect){r->y, r->x, n, r->w}, style, text);
    r->y += n + gap;
    r->h -= n + gap;
}

static void put_costs(struct rect *r, const struct session_glance *g)
{
    char a[32], b[32], line[160];
    str_si((double)g->cost.flops, a, sizeof a);
    snprintf(line, sizeof line, "%s%sFLOPs, %s params", a, strchr(a, ' ') ? "" : " ",
             str_si((double)g->cost.params, b, sizeof b));
    put(r, STYLE_TEXT, line, 2, false);
    snprintf(line, sizeof line, "%d nodes, %d edges", g->nodes, g->edges);
    put(r, STYLE_TEXT, line, 1, false);
    snprintf(line, sizeof line, "activations %sB peak%s",
             str_si((double)g->cost.peak_activation_bytes, a, sizeof a),
             g->cost.incomplete ? " (some shapes are unknown: lower bounds)" : "");
    put(r, STYLE_TEXT, line, 2, true);
}

static void put_ports(struct rect *r, const struct session_glance *g)
{
    char *text = x_strdup(g->ports), *save = NULL;
    for (char *l = strtok_r(text, "\n", &save); l && r->h > 0; l = strtok_r(NULL, "\n", &save)) {
        screen_put(r->y++, r->x, r->w, STYLE_DIM, l);
        r->h--;
    }
    free(text);
    r->y++;
    r->h--;
}

/* The most frequent ones, as bars. */
static void put_ops(struct rect *r, const struct session_glance *g)
{
    int bar = r->w - NAME - COUNT - 2;
    for (int i = 0; i < g->n_ops && r->h > 0; i++, r->y++, r->h--) {
        if (r->h == 1 && i + 1 < g->n_ops) {
            screen_putf(r->y, r->x, r->w, STYLE_DIM, "and %d more kinds", g->n_ops - i);
            return;
        }
        char name[40];
        describe_ops(name, sizeof name, g->op[i].name);
        screen_put(r->y, r->x, NAME, STYLE_TEXT, name);
        screen_putf(r->y, r->x + NAME + 1, COUNT, STYLE_TEXT, "%*d", COUNT, g->op[i].n);
        int n = (int)((long)bar * g->op[i].n / g->op[0].n);
        for (int x = 0; x < n; x++)
            screen_glyph(r->y, r->x + NAME + COUNT + 2 + x, STYLE_BEFORE, GLYPH_BLOCK);
    }
}

void glance_draw(const struct session_glance *g, const char *title, const char *about,
                 struct rect r)
{
    put(&r, STYLE_BOLD, title, 2, false);
    if (*about)
        put(&r, STYLE_DIM, about, 3, true);
    else
        put(&r, STYLE_DIM, "", 0, true);
    if (!g)
        put(&r, STYLE_DIM, "reading ...", 1, false);
    else if (g->status != ST_OK)
        put(&r, STYLE_BAD, g->err.msg, r.h, false);
    else {
        put_costs(&r, g);
        put_ports(&r, g);
        put_ops(&r, g);
    }
}
