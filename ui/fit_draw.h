/* The parts of the fit view: where training stands, its curves, epochs and what came of it. */
#ifndef UI_FIT_DRAW_H
#define UI_FIT_DRAW_H

#include "session/fitting.h"
#include "ui/screen.h"

/* A line for each network. */
void fit_draw_status(struct rect r, const struct session_fit *f);
void fit_draw_curves(struct rect r, const struct session_fit *f);
/* A line of titles and the epochs, the last `up` of them scrolled out; without any, why. */
void fit_draw_epochs(struct rect r, const struct session_fit *f, int up);
enum { FIT_SUMMARY = 5 };
void fit_draw_summary(struct rect r, const struct session *s, const struct session_fit *f);

#endif
