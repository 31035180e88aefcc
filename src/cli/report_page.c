#include "cli/report.h"

#include "base/html.h"
#include "segdb/segdb.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- what was searched ---- */

static void fact(struct str *out, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fact(struct str *out, const char *name, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    str_addf(out, "<tr><th>%s</th><td>", name);
    str_vaddf(out, format, ap);
    str_add(out, "</td></tr>\n");
    va_end(ap);
}

static void add_facts(const struct report *r, struct str *out)
{
    struct str goals = {0};
    for (int k = 0; k < r->n_goal; k++)
        str_addf(&goals, "%s%s", k ? ", " : "", report_goals[r->goal[k]].axis);
    str_add(out, "<table class='facts'><tbody>\n<tr><th>model</th><td>");
    html_text(out, r->model ? r->model : "?");
    str_add(out, "</td></tr>\n");
    fact(out, "seed", "%.0f", isnan(r->seed) ? 0 : r->seed);
    fact(out, "objectives", "%s", str_text(&goals));
    fact(out, "networks tried", "%lld in %d generations", (long long)r->tried,
         r->history.n_age - 1);
    fact(out, "of them", "%lld accepted, %lld seen before, %lld refused, %lld beyond the limits",
         (long long)r->accepted, (long long)r->duplicates, (long long)r->refused,
         (long long)r->beyond);
    for (int i = 0; i < r->history.n_change; i++)
        fact(out, i ? "" : "changed on the way", "%s, behind generation %d",
             r->history.change[i].text, r->history.change[i].generation);
    fact(out, "front", "%d networks, hypervolume %.4f", r->n_front, r->volume);
    str_add(out, "</tbody></table>\n<p class='note'>Accuracy here is what a predictor estimates, "
                 "never a measurement: a change against the network begun with (base), in sigma "
                 "of ");
    html_text(out, r->table ? r->table : "an unknown table");
    str_add(out, ". A question mark: the predictor knows no network like this one.</p>\n");
    str_done(&goals);
}

/* ---- charts ---- */

static void add_charts(const struct report *r, struct str *out)
{
    const struct search_history *h = &r->history;
    int outside = report_outside(r);
    str_add(out, "<h2>Front</h2>\n");
    report_scatter(r, out);
    str_add(out, "<p class='note'>Grey: accepted networks");
    if (h->every > 1)
        str_addf(out, ", one of every %lld", (long long)h->every);
    if (outside)
        str_addf(out, "; %d of them lie outside, far from the others", outside);
    if (r->islands > 1)
        str_addf(out, "; of %lld islands those of the first, as below", (long long)r->islands);
    str_addf(out, ". Numbered, where there is room: the front%s.</p>\n",
             r->n_goal > 2 ? "; the line joins those that are best by these two objectives alone"
                           : "");
    str_add(out, "<h2>Progress</h2>\n<div class='pair'>");
    report_volume_curve(r, out);
    report_size_curve(r, out);
    str_add(out, "</div>\n<p class='note'>The hypervolume is that of the front below 1.5 in each "
                 "objective, where the base is 1 in each: costs as a share of its, accuracy as 1 "
                 "less the gain in sigma.</p>\n");
}

/* ---- each point ---- */

static void add_lineage(const struct report_point *p, struct str *out)
{
    const cJSON *e;
    str_add(out, "<ol class='lineage'>");
    cJSON_ArrayForEach(e, p->lineage)
    {
        const cJSON *id = cJSON_GetObjectItemCaseSensitive(e, "id");
        const cJSON *segment = cJSON_GetObjectItemCaseSensitive(e, "segment");
        const cJSON *record = cJSON_GetObjectItemCaseSensitive(e, "record");
        double number = cJSON_IsNumber(record) ? record->valuedouble : 0;
        char name[SEGDB_NAME];
        segdb_name(number > 0 && number < 9e15 ? (int64_t)number : 0, name);
        str_addf(out, "<li>segment %.0f replaced by %s: network %.0f</li>\n",
                 cJSON_IsNumber(segment) ? segment->valuedouble : NAN, name,
                 cJSON_IsNumber(id) ? id->valuedouble : NAN);
    }
    str_add(out, "</ol>\n");
}

static void add_point(const struct report *r, int i, struct str *out)
{
    const struct report_point *p = &r->front[i];
    char sigma[32], flops[32];
    str_addf(out, "<details><summary>%d: estimated %s sigma, FLOPs %s, %d edit%s</summary>\n",
             i + 1, report_sigma(r, &p->at, sigma), report_percent(r, &p->at, GOAL_FLOPS, flops),
             p->at.edits, p->at.edits == 1 ? "" : "s");
    if (p->at.id == 0)
        str_add(out, "<p>The network begun with, as it was.</p>\n");
    else
        add_lineage(p, out);
    if (r->why_not[i]) {
        str_add(out, "<p>No picture: ");
        html_text(out, r->why_not[i]);
        str_add(out, "</p>\n");
    } else if (r->picture[i].n)
        html_picture(out, str_text(&r->picture[i]), i + 1);
    str_add(out, "</details>\n");
}

static void add_points(const struct report *r, struct str *out)
{
    int n = r->n_front < REPORT_PICTURES ? r->n_front : REPORT_PICTURES;
    str_add(out, "<h2>How each came to be</h2>\n<p class='note'>Edits in order; segments are "
                 "numbered in the network as it then was, records as autogo db show names them. "
                 "Pictures: what is new is green, what went red, what changed amber.");
    if (n < r->n_front)
        str_addf(out, " The first %d of %d points are here.", n, r->n_front);
    str_add(out, "</p>\n");
    for (int i = 0; i < n; i++)
        add_point(r, i, out);
}

/* ---- the whole ---- */

void report_page(const struct report *r, struct str *out)
{
    const char *model = r->model ? r->model : "?";
    html_begin(out, "autogo search: ", model, "");
    str_add(out, "<h1>Search from ");
    html_text(out, model);
    str_add(out, "</h1>\n");
    add_facts(r, out);
    add_charts(r, out);
    str_add(out, "<h2>Networks of the front</h2>\n");
    report_front_table(r, out);
    report_measured_table(r, out);
    add_points(r, out);
    if (r->history.n_reason) {
        str_add(out, "<h2>Refused</h2>\n");
        report_reasons_table(r, out);
        str_add(out, "<p class='note'># stands for a number.</p>\n");
    }
    html_end(out);
}
