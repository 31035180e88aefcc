/* The parts of the autopilot's view: where the search stands, its settings, its curve and front,
 * and how a point came to be. */
#ifndef UI_SEARCH_DRAW_H
#define UI_SEARCH_DRAW_H

#include "session/searching.h"
#include "ui/screen.h"

/* "est. acc (sigma)", "FLOPs": what an objective is called. */
const char *search_draw_goal(enum search_goal g);
/* "+0.12?", "-12.3 %": what a point changes; "unknown". Into buf, returned. */
const char *search_draw_change(const struct session_search *f, const struct search_point *p,
                               enum search_goal g, char *buf, size_t size);
int search_draw_style(const struct session_search *f, const struct search_point *p,
                      enum search_goal g);

/* Two lines. */
void search_draw_status(struct rect r, const struct session *s, const struct session_search *f);
/* Those that are set or matter most, in a line; or all, a line for each. */
void search_draw_settings(struct rect r, const struct session *s);
void search_draw_all_settings(struct rect r, const struct session *s);
/* The hypervolume over the networks tried, and beside it the front, point `here` marked (-1: none).
 */
void search_draw_plots(struct rect r, const struct session_search *f, int here);
/* The edits of a point: as a text, or a row for each network on the way. */
void search_draw_edits(struct rect r, const struct session_search *f, int here);
void search_draw_lineage(struct rect r, const struct session_search *f, int here);

#endif
