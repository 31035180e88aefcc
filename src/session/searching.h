/* The autopilot within a session: a search (search.h) of the network at hand runs on a thread of
 * its own, so that everything else goes on, and leaves its front here after each generation. Points
 * of the front are taken into the session as the edits that lead to them; nothing else of a search
 * changes the session or is journalled.
 *
 * Its archive lies in the user's state folder under a name made of the network and the settings. So
 * stopping a search and starting it with the same settings, in this session or another one, goes on
 * behind its last whole generation; with other settings it is another search. Only limits, what is
 * frozen and what may be put in can be changed while a search runs or is stopped (settings.def);
 * its archive is found by each of the settings that it had, and the last ones hold. Archives that
 * were not written for 30 days and are not among the newest 20 are removed when a search starts.
 *
 * Threads: all calls belong to the session's thread. The worker leaves whole snapshots;
 * session_poll fetches the newest and tells of it with SESSION_CHANGED_SEARCH. */
#ifndef SESSION_SEARCHING_H
#define SESSION_SEARCHING_H

#include "search/settings.h"
#include "session/session.h"

/* ---- settings: of the search that runs or is stopped, and of the next start ---- */

/* By name, as the command line has them (settings.def); "default" drops one. A search that runs has
 * it from the next generation on. ST_USAGE: no such name or value; ST_NO: of a search that runs it
 * stays. */
enum status session_search_set(struct session *s, const char *name, const char *value,
                               struct err *err);
/* As it was set, else what holds without it in words ("64", "none"). Until the next set. */
const char *session_search_value(const struct session *s, enum search_setting k);
bool session_search_is_set(const struct session *s, enum search_setting k);
/* There is a search at hand, and a start would not go on with it. */
bool session_search_is_other(const struct session *s);

/* ---- a run ---- */

/* Goes on with a search that was stopped, when the settings are as they were; else, or when `here`,
 * begins at the current version. ST_NO: it runs, or has tried all it was told to;
 * ST_USAGE: a setting does not fit the network. What only the worker finds out (no predictor for
 * the accuracy that is an objective, an archive that is in use) is told by the state. */
enum status session_search_start(struct session *s, bool here, struct err *err);
/* The generation under way is lost, all before it are in the archive. */
void session_search_stop(struct session *s);
bool session_search_running(const struct session *s);
/* Of the evaluations, 0..100. */
int session_search_percent(const struct session *s);

enum session_search_stage {
    SESSION_SEARCH_NONE,
    SESSION_SEARCH_STARTING, /* or reading the archive */
    SESSION_SEARCH_RUNNING,
    SESSION_SEARCH_STOPPED, /* by the user */
    SESSION_SEARCH_DONE,
    SESSION_SEARCH_FAILED,
};
struct session_search_point {
    struct search_point at;
    struct search_line line; /* how it came to be, from the first edit to itself */
};
struct session_search_past {
    int64_t tried;
    double volume;
};
struct session_search {
    enum session_search_stage stage;
    int version;                       /* whose network it is of */
    const struct search_settings *set; /* of this search; NULL: there is none */
    const char *archive;               /* its file */
    char error[420];                   /* why it failed */
    /* Once a snapshot is there (`known`), as of its last whole generation: */
    bool known;
    struct search_state now; /* its `base` and `front` are not used; seconds are of this run */
    double rate;             /* networks tried in a second, in this run */
    struct search_point base;
    const struct session_search_point *front; /* by the first objective, then by id */
    int n_front;
    const struct session_search_past *past; /* some of the generations, the newest last */
    int n_past;
};
/* How it stands. What is pointed to is valid until the next start, stop, poll or model. */
void session_search_state(const struct session *s, struct session_search *out);
/* What point p changes of the network begun with: of GOAL_ACC in sigma, else as a share (-.1: a
 * tenth less). */
double session_search_change(const struct session_search *f, const struct search_point *p,
                             enum search_goal g);

/* ---- taking a point ---- */

/* Asks a worker to make point i of the front again from its edits, each a replacement as the user
 * would say it, by undoable versions and records below the version that was searched from; those
 * that are there already are not made again. SESSION_CHANGED_VERSION and a notice tell of the end.
 * Nothing is changed when the edits do not lead to the point's network. */
enum status session_search_take(struct session *s, int i, struct err *err);

#endif
