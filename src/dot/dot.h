/* Drawing: DOT text, pictures and layouts of one graph or of two compared.
 * All Graphviz work is done in a child process (the library may abort and is not re-entrant).
 * Thread-safe. */
#ifndef DOT_DOT_H
#define DOT_DOT_H

#include "graph/region.h"

enum dot_mark { DOT_PLAIN, DOT_ADDED, DOT_REMOVED, DOT_CHANGED, DOT_SELECTED };

struct dot_opts {
    const char *title;         /* NULL: none */
    const int *segment;        /* per slot: segment index or -1; NULL: no clusters */
    const enum dot_mark *mark; /* per slot; NULL: none */
    bool terse;                /* labels: operator only (for cells) */
};

void dot_text(const struct graph *g, const struct dot_opts *opts, struct str *out);
/* Both versions in one picture: unchanged nodes once, removed red, added green, changed amber. */
void dot_diff_text(const struct graph *a, const struct graph *b, const struct graph_diff *d,
                   const struct dot_opts *opts, struct str *out);
/* format: "svg", "png", "pdf", "dot". Atomic. */
enum status dot_render(const char *dot, const char *format, const char *path, struct err *err);
/* The same as an SVG element, without the prolog of a file, added to `out`. */
enum status dot_render_svg(const char *dot, struct str *out, struct err *err);

/* A layout in terminal cells: every node is a box of w x h cells (h is 1, w odd) with its top left
 * corner at x, y; every edge is a polyline of horizontal and vertical runs from the centre of its
 * producer's box to the centre of its consumer's: draw boxes over lines. Runs of different
 * producers are kept on different rows. Several edges between two nodes are one line. Labels are
 * printable ASCII and fit with one cell on either side. */
struct dot_box {
    int32_t id;
    int x, y, w, h;
    char label[48];
};
struct dot_line {
    int32_t from, to;
    int n;
    struct {
        int x, y;
    } * at;
};
struct dot_layout {
    int width, height, n_box, n_line;
    struct dot_box *box; /* in graph_topo order */
    struct dot_line *line;
};
/* Only the nodes with keep[id] (NULL: all); dropped neighbours become no boxes. `cancel` (may be
 * NULL) is polled; `limit_s` bounds the child (0: 10 s). ST_UNSUPPORTED when Graphviz gives up. */
enum status dot_layout_init(struct dot_layout *l, const struct graph *g, const bool *keep,
                            double limit_s, const int *cancel, struct err *err);
/* Nodes that are drawn as one box each group; the boxes' ids are the numbers of the groups, their
 * labels are printable ASCII. Edges inside of a group are not drawn. */
struct dot_groups {
    int n;
    const int *of; /* per slot: 0 .. n - 1, or -1: not drawn */
    char *const *label;
};
enum status dot_layout_groups(struct dot_layout *l, const struct graph *g,
                              const struct dot_groups *groups, double limit_s, const int *cancel,
                              struct err *err);
void dot_layout_done(struct dot_layout *l);

#endif
