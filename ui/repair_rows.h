/* The table of a repair: what each node of a fragment was, what the solver made of it, the widths
 * the user pins, and marks: what moved by the last change, what is in the conflict, what was added.
 * The last repair that was found stays in it while another number is refused. */
#ifndef UI_REPAIR_ROWS_H
#define UI_REPAIR_ROWS_H

#include "session/session.h"
#include "ui/list.h"

struct repair_rows {
    struct session *session;
    struct graph *before;        /* as in the database; referenced, as the next two */
    struct graph *after;         /* the last repair that was found, or NULL */
    struct graph *base;          /* the one before that: what differs from it has moved; or NULL */
    VEC(struct adapter) adapter; /* of `after`; nodes are those of the fragment */
    int n_row;
    int32_t *row;   /* node ids in topological order */
    int32_t edited; /* the node whose number is being typed; -1 */
    char typed[8];
};

extern const struct list_column repair_columns[];
extern const int repair_n_columns;
extern const struct list_source repair_source; /* its ctx is the struct repair_rows */

void repair_rows_init(struct repair_rows *r, struct session *s);
void repair_rows_done(struct repair_rows *r);
/* Takes the preview in; true when another repair is shown than before. `keep_base`: what moved is
 * still measured from the repair before. */
bool repair_rows_take(struct repair_rows *r, bool keep_base);

/* From now on, what moves is measured from the repair shown. */
void repair_rows_rebase(struct repair_rows *r);

/* NULL when a row is no node (-1). Borrowed. */
const struct node *repair_node(const struct repair_rows *r, int32_t id);
/* The width shown, 0 when it is not known or there is none. */
int64_t repair_width(const struct repair_rows *r, int32_t id);
/* 0: not pinned. */
int64_t repair_pin(const struct repair_rows *r, int32_t id);
const struct adapter *repair_adapter(const struct repair_rows *r, int32_t id);
/* '!' in the conflict, '*' moved, '+' an adapter; 0: nothing to say. */
char repair_mark(const struct repair_rows *r, int32_t id);
/* The repair changed its width or stride. */
bool repair_node_changed(const struct repair_rows *r, int32_t id);

#endif
