/* The tables of candidates: columns, cells, what they are sorted by. */
#ifndef UI_CANDIDATE_ROWS_H
#define UI_CANDIDATE_ROWS_H

#include "session/filter.h"
#include "session/session.h"
#include "ui/list.h"

struct candidate_rows {
    struct session *session;
    double reach[2];               /* the farthest end of an interval: in sigma, of the accuracy */
    struct filter *refused_filter; /* an expression for the refused, or NULL */
};

/* The accepted ones. */
void candidate_list_init(struct list *l, struct candidate_rows *r);
/* After they changed: which columns there are, and the scale of the intervals. */
void candidate_list_refresh(struct list *l, struct candidate_rows *r);
/* Whether the session's filter keeps a row; ctx: struct candidate_rows. */
bool candidate_kept(void *ctx, int row);
void candidate_refused_list_init(struct list *l, struct candidate_rows *r);
/* Whether the expression for them keeps a row. */
bool candidate_refused_kept(void *ctx, int row);

#endif
