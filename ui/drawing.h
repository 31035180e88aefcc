/* The network of the session, drawn: from afar as segments, nearer as nodes, coloured by segment or
 * by what nodes cost. Graphviz works for it on a worker. */
#ifndef UI_DRAWING_H
#define UI_DRAWING_H

#include "session/overview.h"
#include "ui/canvas.h"
#include "ui/heat.h"
#include "ui/view.h"

/* From far to near: boxes are segments; all nodes; those of the segment in hand and around it; the
 * node in hand and its neighbours. */
enum zoom { ZOOM_SEGMENTS, ZOOM_NETWORK, ZOOM_SEGMENT, ZOOM_NODE, ZOOMS };

struct drawing {
    struct ui *ui;
    enum session_layout_slot slot;
    struct canvas canvas;
    enum zoom zoom;
    bool unfolded; /* repeated rows of segments are not one box */
    int segment;   /* in hand: among session_segment, -1: none */
    int32_t node;  /* in hand, -1: none */
    /* The nodes that the view has marked, per slot, or NULL: borrowed. */
    const bool *marked;

    enum heat heat;
    const double *warmth; /* the costs that colour, per slot; NULL: none */
    double *box_warmth;   /* of each box of the overview */
    double most;          /* of a node; of a box when those are drawn */
    int slots;            /* of the current version */

    struct graph *graph;       /* of the version that what follows is of; a reference */
    unsigned turn;             /* how many there were */
    struct overview overview;  /* for ZOOM_SEGMENTS */
    uint64_t asked, asked_for; /* key of the layout asked for; what its boxes' ids are of */
    uint64_t drawn, drawn_for; /* the same of the one drawn last */
    int centred;               /* segment the window was moved to last */
};

/* `ui` has an open model. */
void drawing_init(struct drawing *d, struct ui *ui, enum session_layout_slot slot);
void drawing_done(struct drawing *d);
/* The current version is another one, or times of nodes came (SESSION_CHANGED_ bits, UI_EDITED). */
void drawing_changed(struct drawing *d, unsigned what);
/* Takes a segment, or a node with its segment, in hand; the window follows. */
void drawing_take_segment(struct drawing *d, int segment);
void drawing_take_node(struct drawing *d, int32_t node);
void drawing_draw(struct drawing *d, struct rect r);
/* The layout on the screen; NULL: none yet. Until the next poll. */
const struct dot_layout *drawing_layout(const struct drawing *d);
/* The id of the box that stands for a node in it, -1: none. */
int32_t drawing_box(const struct drawing *d, int32_t node);
/* The node that a box stands for: of several, the first. */
int32_t drawing_node(const struct drawing *d, int32_t box);
/* All of it in a few columns, with the window marked. */
void drawing_draw_map(struct drawing *d, struct rect r);
/* Zoom, heat, folding, moves of the window; true: `a` was one of them. */
bool drawing_action(struct drawing *d, enum action a, const char *arg);

#endif
