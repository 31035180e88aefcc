/* Inside dot only: labels, the child process, and what runs in it. */
#ifndef DOT_DOT_PRIV_H
#define DOT_DOT_PRIV_H

#include "dot/dot.h"

/* "Conv 3x3/2", "DWConv 5x5", "Relu"; printable ASCII only, so that bytes are cells. */
const char *dot_op_label(const struct node *n, char *buf, size_t size);
/* The type of the first output (of the input for OP_OUTPUT), NULL when there is none. */
const struct ttype *dot_node_type(const struct graph *g, const struct node *n);

/* ---- boxes.c ---- */

/* In graph_topo order (of their first node), with label and size; places are still open. */
struct dot_boxes {
    struct dot_box *box;
    int n_box, n_edge;
    int *edge; /* 2 * n_edge numbers of boxes, the earlier one first */
};
void dot_boxes_of_nodes(const struct graph *g, const bool *keep, struct dot_boxes *out);
void dot_boxes_of_groups(const struct graph *g, const struct dot_groups *groups,
                         struct dot_boxes *out);

/* ---- child.c ---- */

/* Runs in the child: does the work and answers through dot_reply or dot_reply_error. */
typedef void dot_work(int reply_fd, int keep_fd, void *arg);

/* Forks, runs work(), collects its answer: 'K' and what dot_reply gave. `keep_fd` (or -1) is handed
 * on to the child, under another number. A child that crashes, gives no answer or needs longer than
 * limit_s is ST_UNSUPPORTED, a raised `cancel` ST_CANCELLED; the child is dead and reaped in every
 * case. */
enum status dot_child(dot_work *work, void *arg, int keep_fd, double limit_s, const int *cancel,
                      struct str *reply, struct err *err);
void dot_reply(int fd, const void *data, size_t size);
void dot_reply_error(int fd, enum status code, const char *text);

/* ---- gv.c: the only file that includes Graphviz; call these in a child only ---- */

struct dot_gv_render {
    const char *dot, *format;
};
void dot_gv_render(int reply_fd, int out_fd, void *arg); /* arg: struct dot_gv_render */

/* The answer of dot_gv_layout, in order: for every node x and y of its centre, for every edge the
 * number of points, then x and y of each (control points of cubic Bezier pieces, 3k + 1 of them).
 * All are doubles, in points, y upwards. */
struct dot_gv_layout {
    int n_node, n_edge;
    const double *width; /* of each node, in points */
    const int *edge;     /* 2 * n_edge node numbers */
    double height, node_sep;
};
void dot_gv_layout(int reply_fd, int unused_fd, void *arg);

#endif
