/* The page about a search (autogo report): what it is made from, and its parts. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "base/str.h"
#include "search/history.h"

#include <cjson/cJSON.h>

/* A point of the front as front.json has it; texts are borrowed from the document. */
struct report_point {
    struct search_point at; /* id, edits, numbers; accuracy is on the scale of the base's */
    bool executed;
    const char *fault, *file; /* file: in the folder of the search */
    const cJSON *lineage;     /* [{id, segment, record}], or NULL */
};
enum { REPORT_PICTURES = 12 };
struct report {
    cJSON *doc, *measured; /* front.json; measured.json or NULL */
    const char *model, *table;
    double seed;
    enum search_goal goal[FRONT_GOALS];
    int n_goal;
    int64_t tried, accepted, duplicates, refused, beyond, last_id, islands;
    double volume;
    struct search_point base;
    struct report_point *front;
    int n_front;
    struct search_history history;
    struct str picture[REPORT_PICTURES]; /* of the first points; empty: there is none */
    char *why_not[REPORT_PICTURES];      /* NULL: nothing went wrong */
    char *prefix;                        /* of links into the folder: "" or "../found/" */
};

/* ---- report_read.c ---- */

/* front.json and, where it is, measured.json of the folder. ST_MODEL: damaged. */
enum status report_read(struct report *r, const char *dir, struct err *err);
void report_done(struct report *r);

/* ---- report_svg.c: charts ---- */

/* All networks and the front, by two objectives. */
void report_scatter(const struct report *r, struct str *out);
/* How many networks lie outside that picture, too far from the others. */
int report_outside(const struct report *r);
void report_volume_curve(const struct report *r, struct str *out);
void report_size_curve(const struct report *r, struct str *out);

/* ---- report_table.c ---- */

struct report_goal {
    const char *column, *axis, *unit; /* markup */
};
extern const struct report_goal report_goals[SEARCH_GOALS];
/* "+1.8 %" against the base; "" where that says nothing. */
const char *report_percent(const struct report *r, const struct search_point *p, enum search_goal g,
                           char buf[32]);
/* "+0.10", with a question mark out of distribution; a dash: not known. */
const char *report_sigma(const struct report *r, const struct search_point *p, char buf[32]);
void report_front_table(const struct report *r, struct str *out);
void report_reasons_table(const struct report *r, struct str *out);
/* Nothing without measured.json. */
void report_measured_table(const struct report *r, struct str *out);

/* ---- report_page.c ---- */

void report_page(const struct report *r, struct str *out);

#endif
