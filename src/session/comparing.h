/* Two versions compared on a worker: what they cost, and the page or picture of both. */
#ifndef SESSION_COMPARING_H
#define SESSION_COMPARING_H

#include "session/comparison.h"
#include "session/session.h"

struct comparing {
    struct comparison c;
    struct comparison_tools tools; /* lent by the session */
    char *model, *title[2], *name[2], *note[2];
    char *path;                    /* of the page or picture; NULL: only the costs are asked for */
    struct comparison_costs costs; /* result */
};
/* NULL is fine. */
void comparing_free(struct comparing *w);
/* What a COMPARE job does. `cancel` may be NULL. */
enum status comparing_run(struct comparing *w, const int *cancel, struct err *err);

#endif
