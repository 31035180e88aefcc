/* The network from afar: a box for each segment, and one for several when a row of segments comes
 * again and again ("x6"). */
#ifndef SESSION_OVERVIEW_H
#define SESSION_OVERVIEW_H

#include "session/session.h"

struct overview_box {
    int segment;  /* the first one, -1: a node of none */
    int32_t node; /* the first one, in graph_topo order */
    int length;   /* segments in one turn, */
    int times;    /* and how often they come; 1: once */
};
struct overview {
    int n;
    struct overview_box *box;
    int *of;      /* per slot: its box */
    char **label; /* printable ASCII */
};
/* Of the current version. `fold`: what is repeated is one box. Two segments are the same when their
 * operators, FLOPs and parameters are. O(nodes + segments * OVERVIEW_TURN). */
enum { OVERVIEW_TURN = 16 /* segments at most that come again together */ };
void overview_init(struct overview *o, struct session *s, bool fold);
void overview_done(struct overview *o);

#endif
