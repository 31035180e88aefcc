/* From box to box over a drawn graph. */
#ifndef UI_WALK_H
#define UI_WALK_H

#include "dot/dot.h"

enum walk { WALK_UP, WALK_DOWN, WALK_LEFT, WALK_RIGHT };

/* The box that an edge joins to box `from`, above or below it (the nearest column of several), or
 * the nearest beside it. -1: there is none, or `from` is not drawn. O(boxes + edges). */
int32_t walk_box(const struct dot_layout *l, int32_t from, enum walk dir);
/* The box nearest to `rows` below (above, when negative) box `from`; -1: there are no boxes. */
int32_t walk_rows(const struct dot_layout *l, int32_t from, int rows);

#endif
