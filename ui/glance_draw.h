/* What is known of a model that is not open (glance.h), beside the list it is chosen from. */
#ifndef UI_GLANCE_DRAW_H
#define UI_GLANCE_DRAW_H

#include "session/glance.h"
#include "ui/screen.h"

/* `title` in bold, `about` (may be "") below it; g NULL: it is being read. */
void glance_draw(const struct session_glance *g, const char *title, const char *about,
                 struct rect r);

#endif
