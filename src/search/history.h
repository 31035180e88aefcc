/* A search looked back at: what its archive tells without the networks. */
#ifndef SEARCH_HISTORY_H
#define SEARCH_HISTORY_H

#include "search/search.h"

/* How the front stood when so many networks had been tried. */
struct search_age {
    int64_t tried;
    double volume; /* see search_share */
    int n_front;
};
struct search_reason {
    char *text; /* numbers in it are '#': they differ from network to network */
    int64_t n;
};
struct search_look {
    const struct search_point *base;
    enum search_goal goal[FRONT_GOALS];
    int n_goal;
    int64_t last_id; /* look no further; more may have been tried since */
    int most_points; /* keep about so many of the accepted */
    const int *cancel;
};
struct search_history {
    struct search_age *age; /* the first: nothing tried yet; then one for each generation */
    struct search_point *point;
    struct search_reason *reason; /* most frequent first */
    struct search_change *change; /* in order */
    int n_age, n_point, n_reason, n_change;
    int64_t every; /* of the accepted, the 1st, the (1 + every)th ... are in `point` */
};
/* Reads the archive at `path`, and changes nothing. ST_USAGE: a search is writing it; ST_MODEL: no
 * archive, or damaged, or of fewer networks. O(children of the front at the time). */
enum status search_history_init(struct search_history *h, const char *path,
                                const struct search_look *look, struct err *err);
void search_history_done(struct search_history *h);

#endif
