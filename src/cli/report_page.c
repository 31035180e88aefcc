#include "cli/report.h"

#include "segdb/segdb.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark;--ground:#fff;--ink:#1b1b1b;--dim:#666;--line:#d8d8d8;"
    "--link:#0b5cad;--band:#f4f4f2}\n"
    "@media (prefers-color-scheme:dark){:root{--ground:#15171a;--ink:#e4e4e2;--dim:#9c9c9a;"
    "--line:#3a3d42;--link:#82b9ff;--band:#1f2226}}\n"
    "body{margin:0 auto;max-width:68rem;padding:1.5rem 1.2rem 4rem;background:var(--ground);"
    "color:var(--ink);font:16px/1.5 'DejaVu Sans',Verdana,sans-serif}\n"
    "h1{font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}h2{font-size:1.2rem;"
    "margin-top:2.2em}\n"
    "a{color:var(--link)}small,.note{color:var(--dim)}.note{font-size:.85rem}\n"
    "table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}\n"
    "th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;"
    "white-space:nowrap;vertical-align:top}\n"
    ".text{text-align:left}.facts th{text-align:left;font-weight:normal;color:var(--dim)}"
    ".facts td,.reasons .text{text-align:left;white-space:normal;overflow-wrap:anywhere}\n"
    "td small{display:block}.begun{background:var(--band)}.wide{overflow-x:auto}\n"
    ".scatter text{paint-order:stroke;stroke:var(--ground);stroke-width:3px}\n"
    ".scatter,.curve{display:block;width:100%;height:auto}"
    ".pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1rem}\n"
    "details{border:1px solid var(--line);border-radius:4px;margin:.6rem 0;padding:.5rem .8rem}"
    "summary{cursor:pointer}\n"
    ".picture{background:#fff;color:#000;border-radius:4px;overflow-x:auto;padding:.4rem;"
    "text-align:center}.picture svg{max-width:100%;height:auto}\n";

void report_text(struct str *out, const char *text)
{
    while (*text) {
        int n = str_utf8(text);
        if (n == 0)
            str_add(out, "\xef\xbf\xbd");
        else if (n > 1)
            str_add_n(out, text, (size_t)n);
        else if (strchr("<>&'\"", *text))
            str_addf(out, "&#%d;", *text);
        else
            str_add_char(out, (unsigned char)*text < ' ' ? ' ' : *text);
        text += n ? n : 1;
    }
}

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
    report_text(out, r->model ? r->model : "?");
    str_add(out, "</td></tr>\n");
    fact(out, "seed", "%.0f", isnan(r->seed) ? 0 : r->seed);
    fact(out, "objectives", "%s", str_text(&goals));
    fact(out, "networks tried", "%lld in %d generations", (long long)r->tried,
         r->history.n_age - 1);
    fact(out, "of them", "%lld accepted, %lld seen before, %lld refused, %lld beyond the limits",
         (long long)r->accepted, (long long)r->duplicates, (long long)r->refused,
         (long long)r->beyond);
    fact(out, "front", "%d networks, hypervolume %.4f", r->n_front, r->volume);
    str_add(out, "</tbody></table>\n<p class='note'>Accuracy here is what a predictor estimates, "
                 "never a measurement: a change against the network begun with (base), in sigma "
                 "of ");
    report_text(out, r->table ? r->table : "an unknown table");
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

/* The ids of one picture are told from another's. */
static void add_picture(const char *svg, int number, struct str *out)
{
    const char *id;
    str_add(out, "<div class='picture'>");
    for (; (id = strstr(svg, " id=\"")); svg = id + 5) {
        str_add_n(out, svg, (size_t)(id - svg));
        str_addf(out, " id=\"p%d-", number);
    }
    str_add(out, svg);
    str_add(out, "</div>\n");
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
        report_text(out, r->why_not[i]);
        str_add(out, "</p>\n");
    } else if (r->picture[i].n)
        add_picture(str_text(&r->picture[i]), i + 1, out);
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

/* As XML has it, which HTML takes too: any tool can read it. */
void report_page(const struct report *r, struct str *out)
{
    str_add(out, "<!DOCTYPE html>\n<html xmlns='http://www.w3.org/1999/xhtml' lang='en'>\n<head>"
                 "<meta charset='utf-8'/>\n<meta name='viewport' "
                 "content='width=device-width, initial-scale=1'/>\n<title>autogo search: ");
    report_text(out, r->model ? r->model : "?");
    str_addf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>Search from ", style);
    report_text(out, r->model ? r->model : "?");
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
    str_add(out, "</body>\n</html>\n");
}
