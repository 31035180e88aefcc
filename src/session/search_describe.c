/* A search in words, for the command language. */
#include "session/session_priv.h"

#include "session/describe.h"

#include <math.h>

static void add_settings(const struct session *s, struct str *out)
{
    for (int k = 0; k < SEARCH_SETTINGS; k++)
        str_addf(out, "%-12s %-14s %s\n", search_setting_info[k].name,
                 session_search_value(s, (enum search_setting)k), search_setting_info[k].help);
}

static const char *stage_text(const struct session_search *f)
{
    static const char *const text[] = {
        [SESSION_SEARCH_NONE] = "no search yet", [SESSION_SEARCH_STARTING] = "starting",
        [SESSION_SEARCH_RUNNING] = "running",    [SESSION_SEARCH_STOPPED] = "stopped",
        [SESSION_SEARCH_DONE] = "ended",         [SESSION_SEARCH_FAILED] = "failed",
    };
    return f->stage == SESSION_SEARCH_FAILED ? f->error : text[f->stage];
}

static void add_numbers(const struct session_search *f, struct str *out)
{
    const struct search_state *n = &f->now;
    str_addf(out,
             "%lld tried: %lld new, %lld seen before, %lld refused, %lld beyond the limits; "
             "%d generations\nhypervolume %.4f; %s\n",
             (long long)n->tried, (long long)n->accepted, (long long)n->duplicates,
             (long long)n->refused, (long long)n->beyond, n->generation, n->volume, f->archive);
}

static void add_changes(const struct search_state *n, struct str *out)
{
    for (int i = 0; i < n->n_change; i++)
        str_addf(out, "changed behind generation %d: %s\n", n->change[i].generation,
                 n->change[i].text);
}

static void add_cost(const struct session_search *f, const struct search_point *p,
                     enum search_goal g, struct str *out)
{
    char buf[32];
    str_addf(out, " %9s %+6.1f %%", str_si(p->value[g], buf, sizeof buf),
             100 * session_search_change(f, p, g));
}

static void add_point(const struct session_search *f, int i, struct str *out)
{
    static const enum search_goal costs[] = {GOAL_FLOPS, GOAL_PARAMS, GOAL_CYCLES};
    const struct search_point *p = &f->front[i].at;
    double acc = session_search_change(f, p, GOAL_ACC);
    str_addf(out, "%5d %6d", i + 1, p->edits);
    if (isnan(acc))
        str_addf(out, " %11s ", "unknown");
    else
        str_addf(out, " %+11.3f%s", acc, p->in_distribution ? " " : "?");
    for (size_t k = 0; k < sizeof costs / sizeof *costs; k++)
        add_cost(f, p, costs[k], out);
    str_add(out, "\n");
}

void describe_search(const struct session *s, struct str *out)
{
    struct session_search f;
    session_search_state(s, &f);
    add_settings(s, out);
    str_addf(out, "%s%s\n", stage_text(&f),
             session_search_is_other(s) ? "; a start begins another search" : "");
    if (!f.known)
        return;
    add_numbers(&f, out);
    add_changes(&f.now, out);
    str_addf(out, "%5s %6s %12s %18s %18s %18s\n", "point", "edits", "est. sigma", "FLOPs",
             "params", "cycles");
    for (int i = 0; i < f.n_front; i++)
        add_point(&f, i, out);
    str_add(out, "est. sigma: a predictor's estimate, not measured; ? it knows no such network\n");
}
