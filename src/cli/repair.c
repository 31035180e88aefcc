/* The options of candidates and mutate that say how a repair is made, and its JSON. */
#include "cli/cli_priv.h"

#include "session/describe.h"
#include "session/settings.h"
#include "session/wants.h"

#include <stdlib.h>

enum status cli_set_repair(const struct cli *c, struct session *s, struct err *err)
{
    struct session_repair r = *session_repair(s);
    const struct cost *now = &session_version(s, session_cursor(s))->cost;
    for (int i = 0; i < SETTINGS; i++) {
        char *option = x_asprintf("--%s", settings_name(i));
        const char *value = cli_get(c, option);
        bool flag = strcmp(option, "--adapt") == 0;
        enum status st = ST_OK;
        if (value)
            st = settings_set(&r, settings_name(i), flag ? "on" : value, now, err);
        free(option);
        TRY(st);
    }
    return session_set_repair(s, &r, err);
}

/* ---- widths ---- */

/* The values of one option as words of wants.h. */
static enum status add_words(const struct cli *c, const char *option, struct cli_words *out,
                             struct err *err)
{
    static const char mark[] = ":channels=";
    bool bound = strcmp(option, "--bound") == 0, prefer = strcmp(option, "--prefer") == 0;
    int n;
    const char **value = cli_get_all(c, option, &n);
    enum status st = ST_OK;
    for (int i = 0; i < n && st == ST_OK; i++) {
        const char *at = NULL;
        int64_t lo, hi;
        bool range;
        for (const char *p = value[i]; (p = strstr(p, mark)); p++)
            at = p;
        if (!at || !wants_parse_width(at + sizeof mark - 1, &lo, &hi, &range) || range != bound)
            st = err_set(err, ST_USAGE, "%s '%.100s' is not like NODE:channels=%s", option,
                         value[i], bound ? "32..128" : "64");
        else if (prefer)
            vec_push(out,
                     x_asprintf("%.*s:prefer=%lld", (int)(at - value[i]), value[i], (long long)lo));
        else
            vec_push(out, x_strdup(value[i]));
    }
    free(value);
    return st;
}

enum status cli_wants(const struct cli *c, struct cli_words *out, struct err *err)
{
    TRY(add_words(c, "--pin", out, err));
    TRY(add_words(c, "--bound", out, err));
    return add_words(c, "--prefer", out, err);
}

void cli_words_done(struct cli_words *w)
{
    for (size_t i = 0; i < w->n; i++)
        free(w->at[i]);
    vec_done(w);
}

/* ---- JSON ---- */

static void add_changes(struct json *j, const struct session_candidate *k)
{
    const struct mend_plan *plan = &k->result->plan;
    json_key(j, "changes");
    json_array(j);
    for (int i = 0; i < plan->n_change; i++) {
        const struct mend_change *m = &plan->change[i];
        const struct node *node = describe_node(k, m->node);
        json_object(j);
        json_kstr(j, "node", node ? node_label(node) : "");
        json_kstr(j, "what", mend_what_name(m->what));
        json_kint(j, "before", m->before);
        json_kint(j, "after", m->after);
        json_object_end(j);
    }
    json_array_end(j);
}

static void add_adapters(struct json *j, const struct candidate *c)
{
    json_key(j, "adapters");
    json_array(j);
    for (int i = 0; c->graph && i < c->n_adapter; i++) {
        const struct adapter *a = &c->adapter[i];
        json_object(j);
        json_kstr(j, "node", node_label(graph_node(c->graph, a->node)));
        json_kstr(j, "kind", adapter_kind_name(a->kind));
        json_kstr(j, "at", a->at_input ? "input" : "output");
        json_kint(j, "port", a->port);
        json_object_end(j);
    }
    json_array_end(j);
}

void cli_json_repair(struct json *j, const struct session_candidate *k)
{
    const struct candidate *c = k->result;
    json_key(j, "repair");
    json_object(j);
    json_kstr(j, "status", mend_result_name(c->status));
    json_knum(j, "ms", c->plan.ms);
    add_changes(j, k);
    cli_json_nodes(j, "grown", c->graph, c->grown, c->graph ? c->n_grown : 0);
    add_adapters(j, c);
    json_object_end(j);
}

void cli_json_conflict(struct json *j, const struct session_candidate *k)
{
    if (!k->conflict)
        return;
    json_key(j, "conflict");
    json_object(j);
    json_kstr(j, "text", k->conflict->text);
    json_key(j, "parts");
    json_array(j);
    for (int i = 0; i < k->conflict->n; i++) {
        const struct mend_part *p = &k->conflict->part[i];
        const struct node *node = graph_node(k->fragment, p->node);
        json_object(j);
        json_kstr(j, "kind", mend_part_kind_name(p->kind));
        json_kstr(j, "axis", mend_axis_name(p->axis));
        json_kstr(j, "node", node ? node_label(node) : "");
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}
