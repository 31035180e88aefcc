#include "cli/report.h"

#include "base/html.h"

#include <math.h>
#include <stdio.h>

enum { REASONS = 12 };

const struct report_goal report_goals[SEARCH_GOALS] = {
    [GOAL_ACC] = {"accuracy", "estimated accuracy", "sigma"},
    [GOAL_FLOPS] = {"FLOPs", "FLOPs (the paper's rule)", ""},
    [GOAL_PARAMS] = {"parameters", "parameters", ""},
    [GOAL_MEMORY] = {"memory", "memory of activations (bytes)", "B"},
    [GOAL_CYCLES] = {"cycles", "cycles on the modelled accelerator", ""},
    [GOAL_ENERGY] = {"energy", "energy on the modelled accelerator (&#181;J)", "&#181;J"},
    [GOAL_LATENCY] = {"latency", "latency (ms, one thread, the sum of the layers)", "ms"},
};

const char *report_percent(const struct report *r, const struct search_point *p, enum search_goal g,
                           char buf[32])
{
    double was = r->base.value[g], change = 100 * (p->value[g] / was - 1);
    buf[0] = '\0';
    if (was > 0 && isfinite(change))
        snprintf(buf, 32, fabs(change) < 0.05 ? "0 %%" : "%+.1f %%", change);
    return buf;
}

const char *report_sigma(const struct report *r, const struct search_point *p, char buf[32])
{
    double change = p->value[GOAL_ACC] - r->base.value[GOAL_ACC];
    if (isnan(change))
        snprintf(buf, 32, "-");
    else
        snprintf(buf, 32, "%+.3f%s", fabs(change) < 0.0005 ? 0 : change,
                 p->in_distribution ? "" : " ?");
    return buf;
}

/* ---- the front ---- */

/* Columns that say something: what neither the base nor a point knows is left out. */
static bool is_known(const struct report *r, enum search_goal g)
{
    bool known = !isnan(r->base.value[g]);
    for (int i = 0; i < r->n_front; i++)
        known |= !isnan(r->front[i].at.value[g]);
    return known;
}

static void add_amount(struct str *out, double v, enum search_goal g)
{
    char si[32];
    if (isnan(v))
        str_add(out, "-");
    else if (g >= GOAL_ENERGY)
        str_addf(out, v < 10000 ? "%.4g" : "%.0f", v);
    else
        str_add(out, str_si(v, si, sizeof si));
    if (!isnan(v) && report_goals[g].unit[0])
        str_addf(out, "%s%s", g == GOAL_MEMORY && v >= 1000 ? "" : " ", report_goals[g].unit);
}

static void add_costs(const struct report *r, const struct search_point *p, bool changes,
                      struct str *out)
{
    char change[32];
    for (int i = GOAL_FLOPS; i < SEARCH_GOALS; i++) {
        enum search_goal g = (enum search_goal)i;
        if (!is_known(r, g))
            continue;
        str_add(out, "<td>");
        add_amount(out, p->value[g], g);
        if (changes && report_percent(r, p, g, change)[0])
            str_addf(out, " <small>%s</small>", change);
        str_add(out, "</td>");
    }
}

static void add_row(const struct report *r, int i, struct str *out)
{
    const struct report_point *p = &r->front[i];
    char sigma[32];
    str_addf(out, "<tr class='member'><th>%d</th><td>%lld</td><td>%s</td>", i + 1,
             (long long)p->at.id, report_sigma(r, &p->at, sigma));
    add_costs(r, &p->at, true, out);
    str_addf(out, "<td>%d</td><td class='text'>", p->at.edits);
    if (p->executed)
        str_add(out, "executed");
    else {
        str_add(out, "does not run: ");
        html_text(out, p->fault ? p->fault : "the reason is not known");
    }
    str_addf(out, "</td><td class='text'><a href='%s%s'>%s</a></td></tr>\n", r->prefix, p->file,
             p->file);
}

void report_front_table(const struct report *r, struct str *out)
{
    str_add(out, "<div class='wide'><table>\n<thead><tr><th></th><th>network</th>"
                 "<th>est. accuracy (sigma)</th>");
    for (int g = GOAL_FLOPS; g < SEARCH_GOALS; g++)
        if (is_known(r, (enum search_goal)g))
            str_addf(out, "<th>%s</th>", report_goals[g].column);
    str_add(out, "<th>edits</th><th class='text'>run</th><th class='text'>file</th></tr></thead>\n"
                 "<tbody><tr class='begun'><th>base</th><td>0</td><td>0</td>");
    add_costs(r, &r->base, false, out);
    str_addf(out,
             "<td>0</td><td></td><td class='text'><a href='%sbase.onnx'>base.onnx</a></td></tr>\n",
             r->prefix);
    for (int i = 0; i < r->n_front; i++)
        add_row(r, i, out);
    str_add(out, "</tbody></table></div>\n");
}

/* ---- refusals ---- */

void report_reasons_table(const struct report *r, struct str *out)
{
    const struct search_history *h = &r->history;
    int64_t others = 0;
    str_add(out, "<div class='wide'><table class='reasons'>\n<thead><tr><th>networks</th>"
                 "<th class='text'>reason</th></tr></thead>\n<tbody>");
    for (int i = 0; i < h->n_reason; i++) {
        if (i >= REASONS) {
            others += h->reason[i].n;
            continue;
        }
        str_addf(out, "<tr><td>%lld</td><td class='text'>", (long long)h->reason[i].n);
        html_text(out, h->reason[i].text);
        str_add(out, "</td></tr>\n");
    }
    if (others)
        str_addf(out, "<tr><td>%lld</td><td class='text'>%d other reasons</td></tr>\n",
                 (long long)others, h->n_reason - REASONS);
    str_add(out, "</tbody></table></div>\n");
}

/* ---- what training measured ---- */

static const cJSON *field(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* A dash where there is none. */
static void add_number(struct str *out, const cJSON *v, bool change)
{
    if (!cJSON_IsNumber(v)) {
        str_add(out, "-");
        return;
    }
    str_addf(out, change ? "%+.4g" : "%.4g", v->valuedouble);
}

static void add_list(struct str *out, const cJSON *list)
{
    const cJSON *v;
    const char *between = "";
    cJSON_ArrayForEach(v, list)
    {
        str_add(out, between);
        add_number(out, v, false);
        between = ", ";
    }
}

static void add_measured(struct str *out, const char *name, const cJSON *from)
{
    str_addf(out, "<tr class='measured'><th>%s</th><td>", name);
    add_number(out, field(from, "acc_sigma"), true);
    str_add(out, "</td><td>");
    add_number(out, field(from, "mean"), false);
    if (cJSON_IsNumber(field(from, "deviation"))) {
        str_add(out, " &#177; ");
        add_number(out, field(from, "deviation"), false);
    }
    str_add(out, "</td><td>");
    add_number(out, field(from, "change"), true);
    str_add(out, "</td><td class='text'>");
    add_list(out, field(from, "values"));
    str_add(out, "</td></tr>\n");
}

/* "3" for a point of the front, "network 77" for another. */
static void name_of(const struct report *r, const cJSON *id, char out[48])
{
    double v = cJSON_IsNumber(id) ? id->valuedouble : NAN;
    snprintf(out, 48, isnan(v) ? "?" : "network %.0f", v);
    for (int i = 0; i < r->n_front; i++)
        if ((double)r->front[i].at.id == v)
            snprintf(out, 48, "%d", i + 1);
}

static void add_text_of(struct str *out, const char *before, const cJSON *v)
{
    if (!cJSON_IsString(v) || !v->valuestring[0])
        return;
    str_add(out, before);
    html_text(out, v->valuestring);
}

/* Of a search that trained networks on the way. */
static void add_on_the_way(const struct report *r, struct str *out)
{
    const cJSON *all = field(r->doc, "measured"), *p;
    char name[48];
    if (!cJSON_IsArray(all))
        return;
    str_add(out, "<h2>Trained on the way</h2>\n<p>Networks trained for real while the search ran, "
                 "the base first; the estimates of all others were corrected by that. Metric");
    add_text_of(out, ": ", field(r->doc, "metric"));
    add_text_of(out, ", in ", field(r->doc, "unit"));
    str_add(out, ".</p>\n<div class='wide'><table>\n<thead><tr><th></th><th>generation</th>"
                 "<th>measured</th><th>change</th></tr></thead>\n<tbody>");
    cJSON_ArrayForEach(p, all)
    {
        name_of(r, field(p, "id"), name);
        str_addf(out, "<tr class='measured'><th>%s</th><td>", p == all->child ? "base" : name);
        add_number(out, field(p, "generation"), false);
        str_add(out, "</td><td>");
        add_number(out, field(p, "mean"), false);
        if (cJSON_IsNumber(field(p, "deviation"))) {
            str_add(out, " &#177; ");
            add_number(out, field(p, "deviation"), false);
        }
        str_add(out, "</td><td>");
        add_number(out, field(p, "change"), true);
        str_add(out, "</td></tr>\n");
    }
    str_add(out, "</tbody></table></div>\n");
}

void report_measured_table(const struct report *r, struct str *out)
{
    const cJSON *m = r->measured, *p;
    char name[48];
    add_on_the_way(r, out);
    if (!m)
        return;
    str_add(out, "<h2>Measured by training</h2>\n<p>Trained for real, the base and points of the "
                 "front alike. Task");
    add_text_of(out, ": ", field(m, "task"));
    add_text_of(out, "; metric: ", field(m, "metric"));
    add_text_of(out, ", in ", field(m, "unit"));
    str_add(out, "; seeds: ");
    add_list(out, field(m, "seeds"));
    str_add(
        out,
        ".</p>\n<div class='wide'><table>\n<thead><tr><th></th><th>estimated (sigma)</th>"
        "<th>measured</th><th>change</th><th class='text'>each seed</th></tr></thead>\n<tbody>");
    add_measured(out, "base", field(m, "base"));
    cJSON_ArrayForEach(p, field(m, "points"))
    {
        name_of(r, field(p, "id"), name);
        add_measured(out, name, p);
    }
    str_add(out, "</tbody></table></div>\n");
}
