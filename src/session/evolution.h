/* One search on a worker. The session and the job each hold a reference; what there is to tell is a
 * snapshot, which the worker makes and leaves, and the session fetches. For src/session only. */
#ifndef SESSION_EVOLUTION_H
#define SESSION_EVOLUTION_H

#include "session/searching.h"

#include <pthread.h>

/* Generations whose hypervolume is remembered; of more, every second one, and so on. */
enum { EVOLUTION_PAST = 512 };
struct evolution_past {
    struct session_search_past at[EVOLUTION_PAST];
    int n;
    int64_t stride; /* at least so many networks lie between two of them; the newest stands last */
};

struct evolution_state {
    struct search_state now;
    double rate;
    struct search_point base;
    struct session_search_point *front;
    int n_front;
    struct evolution_past past;
    struct search_change *change; /* that of `now` */
    bool anew;                    /* more was expected in the archive */
};
void evolution_state_free(struct evolution_state *s); /* NULL is fine */

struct evolution {
    int refs; /* atomic */
    struct graph *base;
    struct search_settings set;  /* complete: its options are what is begun with */
    struct search_settings said; /* the session's: as it was changed since */
    char *archive;
    int64_t expected; /* networks that the archive should have */

    pthread_mutex_t lock;
    struct evolution_state *fresh; /* left for the session, under the lock; or NULL */
    struct search_settings next;   /* left for the worker, likewise, */
    bool changed;                  /* where this is set */

    /* The worker's own. */
    struct evolution_past past;
    struct session_search_point *front; /* as of the generation before */
    int n_front;
    struct search_settings lent; /* what the search was told last */
    bool begun;                  /* the first state of this run came: */
    int64_t tried;
    double seconds;
    bool anew;
    int wake;
};

/* `set` is bound to the network and complete but for cancelling and progress; both it and `archive`
 * are taken over. */
struct evolution *evolution_new(const struct graph *base, const struct search_settings *set,
                                char *archive);
struct evolution *evolution_ref(struct evolution *e);
void evolution_unref(struct evolution *e); /* NULL is fine */
/* What came before, of the same search. */
void evolution_expect(struct evolution *e, const struct evolution_state *before);
/* A byte goes to `wake` after each generation. */
enum status evolution_run(struct evolution *e, const int *cancel, int wake, struct err *err);
/* What may be changed is as in `set`, which is bound and taken over, from the next generation on.
 */
void evolution_change(struct evolution *e, const struct search_settings *set);
/* A change that the search has not met, and when it has ended will not. */
bool evolution_waits(struct evolution *e);
/* The newest state that was not fetched yet, the caller's; NULL: none. */
struct evolution_state *evolution_fetch(struct evolution *e);

#endif
