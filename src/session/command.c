/* The command language: one line, one command. What a command says goes to `out` as whole lines;
 * the fronts show it, scripts print it. */
#include "session/session_priv.h"

#include "session/describe.h"
#include "session/settings.h"

#include <stdlib.h>

#define MAX_WORDS 128

struct call {
    struct session *s;
    unsigned flags;
    int n;
    char **word; /* the arguments, without the command */
    struct str *out;
};

/* ---- arguments ---- */

static enum status settle(const struct call *c, struct err *err)
{
    return c->flags & SESSION_ASYNC ? ST_OK : session_wait(c->s, err);
}

static enum status number_arg(const char *text, const char *what, int64_t lo, int64_t hi, int *out,
                              struct err *err)
{
    int64_t v;
    if (!str_to_i64(text, lo, hi, &v))
        return err_set(err, ST_USAGE, "'%s' is no %s", text, what);
    *out = (int)v;
    return ST_OK;
}

/* RANK (from 1) or ID -> index among the accepted. */
static enum status rank_arg(const struct call *c, const char *text, int *out, struct err *err)
{
    struct session *s = c->s;
    int64_t v;
    if (session_selected(s) < 0)
        return err_set(err, ST_USAGE, "no segment is selected (segment K)");
    TRY(settle(c, err));
    if (str_to_i64(text, 1, INT32_MAX, &v)) {
        *out = (int)v - 1;
        if (*out >= session_n_candidates(s))
            return err_set(err, ST_NO, "there is no candidate of rank %d; segment %d has %d",
                           *out + 1, session_selected(s), session_n_candidates(s));
        return ST_OK;
    }
    if (!candidate_parse_id(text, &v))
        return err_set(err, ST_USAGE, "'%s' is neither a rank nor an id (self, s123, u12)", text);
    *out = session_rank(s, text);
    if (*out >= 0)
        return ST_OK;
    const char *why = candidate_why_not(s, text);
    return why ? err_set(err, ST_NO, "%s was refused: %s", text, why)
               : err_set(err, ST_NO, "%s is not among the candidates", text);
}

/* ---- the commands ---- */

static enum status cmd_OPEN(const struct call *c, struct err *err)
{
    TRY(session_open(c->s, c->word[0], SESSION_ASK, err));
    const struct session_pending *p = session_pending(c->s);
    str_addf(c->out, "%s: %d nodes, %d segments\n", c->word[0], graph_n_nodes(session_graph(c->s)),
             session_n_segments(c->s));
    if (p)
        str_addf(c->out, "an earlier session of it has %d edits (%s): recover or fresh\n", p->edits,
                 p->time);
    return ST_OK;
}

static enum status cmd_RECOVER(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    TRY(session_recover(c->s, SESSION_RECOVER, err));
    str_addf(c->out, "%d versions; at version %d\n", session_n_versions(c->s),
             session_cursor(c->s));
    return ST_OK;
}

static enum status cmd_FRESH(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    return session_recover(c->s, SESSION_FRESH, err);
}

static enum status cmd_INFO(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    describe_graph(session_spec(c->s), session_graph(c->s), c->out);
    return ST_OK;
}

static enum status cmd_SEGMENTS(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    describe_segments(c->s, c->out);
    return ST_OK;
}

static enum status cmd_TOKENS(const struct call *c, struct err *err)
{
    int k = 0;
    TRY(session_need_model(c->s, err));
    if (c->n == 0)
        return describe_cuts(c->s, c->out, err);
    TRY(session_find_segment(c->s, c->word[0], &k, err));
    describe_tokens(c->s, k, c->out);
    return ST_OK;
}

static enum status cmd_SEGMENT(const struct call *c, struct err *err)
{
    int k = 0;
    TRY(session_need_model(c->s, err));
    TRY(session_find_segment(c->s, c->word[0], &k, err));
    TRY(session_select(c->s, k, err));
    const struct session_segment *seg = session_segment(c->s, k);
    str_addf(c->out, "segment %d: %s\n", k, seg->ops);
    if (!seg->ok)
        str_addf(c->out, "it cannot be replaced: %s\n", seg->why);
    return ST_OK;
}

static enum status cmd_CANDIDATES(const struct call *c, struct err *err)
{
    int top = 20;
    TRY(session_need_model(c->s, err));
    if (c->n)
        TRY(number_arg(c->word[0], "count", 1, INT32_MAX, &top, err));
    if (session_selected(c->s) < 0)
        return err_set(err, ST_USAGE, "no segment is selected (segment K)");
    TRY(settle(c, err));
    describe_candidates(c->s, top, c->out);
    return ST_OK;
}

static enum status cmd_FILTER(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    TRY(session_set_filter(c->s, c->n ? c->word[0] : "", err));
    if (c->n && session_n_candidates(c->s)) {
        int *rank = x_calloc((size_t)session_n_candidates(c->s), sizeof *rank);
        str_addf(c->out, "%d of %d candidates pass\n", session_listed(c->s, rank),
                 session_n_candidates(c->s));
        free(rank);
    }
    return ST_OK;
}

static enum status cmd_SORT(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    return session_set_order(c->s, c->n ? c->word[0] : "", err);
}

static enum status cmd_FIELDS(const struct call *c, struct err *err)
{
    (void)err;
    describe_fields(c->out);
    return ST_OK;
}

/* The candidate that argument i names by rank or id, else the shown one; its id into buf. */
static enum status id_arg(const struct call *c, int i, char buf[SEGDB_NAME], struct err *err)
{
    const struct session_candidate *p = session_previewed(c->s);
    int64_t record;
    int rank;
    if (c->n <= i && !p)
        return err_set(err, ST_NO, "no candidate is shown (show RANK)");
    const char *id = c->n <= i ? p->id : c->word[i];
    if (!candidate_parse_id(id, &record)) {
        TRY(rank_arg(c, id, &rank, err));
        id = session_candidate(c->s, rank)->id;
    }
    snprintf(buf, SEGDB_NAME, "%s", id);
    return ST_OK;
}

static enum status cmd_MORE(const struct call *c, struct err *err)
{
    char id[SEGDB_NAME];
    TRY(session_need_model(c->s, err));
    TRY(settle(c, err));
    TRY(id_arg(c, 0, id, err));
    TRY(session_more(c->s, id, err));
    return settle(c, err);
}

static enum status tag(const struct call *c, bool on, struct err *err)
{
    char id[SEGDB_NAME];
    bool changed;
    TRY(session_may_edit(c->s, err));
    TRY(id_arg(c, 1, id, err));
    TRY(session_tag(c->s, id, c->word[0], on, &changed, err));
    str_addf(c->out, "%s %s the tag %s\n", id,
             on        ? changed ? "has" : "already has"
             : changed ? "no longer has"
                       : "does not have",
             c->word[0]);
    return ST_OK;
}

static enum status cmd_TAG(const struct call *c, struct err *err)
{
    return tag(c, true, err);
}

static enum status cmd_UNTAG(const struct call *c, struct err *err)
{
    return tag(c, false, err);
}

static enum status cmd_SHOW(const struct call *c, struct err *err)
{
    int rank = 0;
    TRY(session_need_model(c->s, err));
    TRY(rank_arg(c, c->word[0], &rank, err));
    TRY(session_preview(c->s, rank, err));
    describe_preview(c->s, c->out);
    return ST_OK;
}

/* A refused candidate becomes the preview, as `pin` may help it. */
static enum status refused_arg(const struct call *c, const char *text, struct err *err)
{
    struct session *s = c->s;
    int64_t v;
    if (session_selected(s) < 0)
        return err_set(err, ST_USAGE, "no segment is selected (segment K)");
    TRY(settle(c, err));
    for (int i = 0; i < session_n_refused(s); i++)
        if (strcmp(session_refused(s, i)->id, text) == 0)
            return session_preview_refused(s, i, err);
    if (!str_to_i64(text, 1, session_n_candidates(s), &v) && session_rank(s, text) < 0)
        return err_set(err, ST_NO, "%.60s is not among the candidates", text);
    return err_set(err, ST_NO, "%.60s is not refused", text);
}

static enum status cmd_EXPLAIN(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    if (c->n)
        TRY(refused_arg(c, c->word[0], err));
    TRY(settle(c, err));
    const struct session_candidate *p = session_previewed(c->s);
    if (!p)
        return err_set(err, ST_NO, "no candidate is shown (show RANK)");
    if (session_preview_busy(c->s))
        return ST_OK;
    if (p->accepted)
        return err_set(err, ST_NO, "%s is not refused", p->id);
    describe_refusal(p, c->out);
    return ST_OK;
}

static enum status cmd_WHY(const struct call *c, struct err *err)
{
    int rank;
    TRY(session_need_model(c->s, err));
    if (c->n) {
        TRY(rank_arg(c, c->word[0], &rank, err));
        TRY(session_preview(c->s, rank, err));
    }
    TRY(session_why(c->s, err));
    TRY(settle(c, err));
    if (session_reasons(c->s))
        describe_reasons(c->s, c->out);
    return ST_OK;
}

/* The node of the shown candidate that the first argument names. */
static enum status node_arg(const struct call *c, int32_t *node, struct err *err)
{
    TRY(session_need_model(c->s, err));
    const struct session_candidate *p = session_previewed(c->s);
    if (!p)
        return err_set(err, ST_NO, "no candidate is shown (show RANK)");
    *node = p->fragment ? session_fragment_node(p->fragment, c->word[0]) : -1;
    return *node >= 0 ? ST_OK
                      : err_set(err, ST_USAGE, "the candidate has no node '%s'", c->word[0]);
}

static enum status tell_preview(const struct call *c, struct err *err)
{
    TRY(settle(c, err));
    if (!session_preview_busy(c->s))
        describe_preview(c->s, c->out);
    return ST_OK;
}

static enum status cmd_PIN(const struct call *c, struct err *err)
{
    int32_t node = -1;
    int64_t lo = 0, hi = 0;
    bool range;
    TRY(node_arg(c, &node, err));
    if (!wants_parse_width(c->word[1], &lo, &hi, &range))
        return err_set(err, ST_USAGE, "'%s' is no number of channels (64, or 32..128)", c->word[1]);
    TRY(range ? preview_bound(c->s, node, lo, hi, err) : session_repair_pin(c->s, node, lo, err));
    return tell_preview(c, err);
}

static enum status cmd_PREFER(const struct call *c, struct err *err)
{
    int32_t node = -1;
    int channels = 0;
    TRY(node_arg(c, &node, err));
    TRY(number_arg(c->word[1], "number of channels", 1, INT32_MAX, &channels, err));
    TRY(preview_prefer(c->s, node, channels, err));
    return tell_preview(c, err);
}

static enum status cmd_UNPIN(const struct call *c, struct err *err)
{
    int32_t node = -1;
    TRY(session_need_model(c->s, err));
    if (c->n) {
        TRY(node_arg(c, &node, err));
        TRY(session_repair_pin(c->s, node, 0, err));
    } else
        TRY(session_unpin_all(c->s, err));
    return tell_preview(c, err);
}

static enum status cmd_SET(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    struct session_repair r = *session_repair(c->s);
    if (c->n == 1)
        return err_set(err, ST_USAGE, "usage: set [NAME VALUE]");
    if (c->n == 0) {
        describe_settings(&r, c->out);
        return ST_OK;
    }
    TRY(settings_set(&r, c->word[0], c->word[1], &session_version(c->s, session_cursor(c->s))->cost,
                     err));
    return session_set_repair(c->s, &r, err);
}

static void tell_version(const struct call *c)
{
    const struct session_version *v = session_version(c->s, session_cursor(c->s));
    str_addf(c->out, "version %d: %s (%016llx)\n", v->id, v->command, (unsigned long long)v->hash);
}

static enum status cmd_APPLY(const struct call *c, struct err *err)
{
    int rank = 0;
    TRY(session_may_edit(c->s, err));
    if (c->n) {
        TRY(rank_arg(c, c->word[0], &rank, err));
        TRY(session_preview(c->s, rank, err));
    }
    TRY(settle(c, err));
    TRY(session_apply(c->s, err));
    tell_version(c);
    return ST_OK;
}

static enum status cmd_REPLACE(const struct call *c, struct err *err)
{
    int k = 0;
    TRY(session_may_edit(c->s, err));
    TRY(session_find_segment(c->s, c->word[0], &k, err));
    TRY(session_replace(c->s, k, c->word[1], (const char *const *)c->word + 2, c->n - 2, err));
    tell_version(c);
    return ST_OK;
}

static enum status cmd_BATCH(const struct call *c, struct err *err)
{
    int done, total;
    TRY(session_need_model(c->s, err));
    if (c->n && strcmp(c->word[0], "stop") == 0) {
        session_batch_stop(c->s);
        return ST_OK;
    }
    TRY(settle(c, err));
    TRY(session_batch(c->s, c->n ? c->word[0] : "", err));
    if (c->flags & SESSION_ASYNC && session_batch_progress(c->s, &done, &total)) {
        str_addf(c->out, "a batch over %d segments goes on (batch stop)\n", total - done);
        return ST_OK;
    }
    TRY(settle(c, err));
    return c->flags & SESSION_ASYNC ? ST_OK : batch_tell(c->s, c->out, err);
}

static enum status cmd_EDIT(const struct call *c, struct err *err)
{
    TRY(session_may_edit(c->s, err));
    TRY(session_edit_node(c->s, c->word[0], (const char *const *)c->word + 1, c->n - 1, err));
    tell_version(c);
    return ST_OK;
}

static enum status cmd_REJECT(const struct call *c, struct err *err)
{
    int rank = 0;
    int64_t record;
    char id[24];
    TRY(session_may_edit(c->s, err));
    if (candidate_parse_id(c->word[0], &record))
        snprintf(id, sizeof id, "%s", c->word[0]);
    else {
        TRY(rank_arg(c, c->word[0], &rank, err));
        snprintf(id, sizeof id, "%s", session_candidate(c->s, rank)->id);
    }
    TRY(session_reject(c->s, id, err));
    str_addf(c->out, "%s is hidden in this session\n", id);
    return ST_OK;
}

static enum status cmd_KEEP(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    int k = session_selected(c->s);
    if (c->n)
        TRY(session_find_segment(c->s, c->word[0], &k, err));
    if (k < 0)
        return err_set(err, ST_USAGE, "no segment is selected (segment K)");
    return c->flags & SESSION_ASYNC ? session_keep(c->s, k, err) : keep_now(c->s, k, c->out, err);
}

static enum status cmd_UNDO(const struct call *c, struct err *err)
{
    TRY(session_undo(c->s, err));
    tell_version(c);
    return ST_OK;
}

static enum status cmd_REDO(const struct call *c, struct err *err)
{
    TRY(session_redo(c->s, err));
    tell_version(c);
    return ST_OK;
}

static enum status cmd_GOTO(const struct call *c, struct err *err)
{
    int v = 0;
    TRY(session_may_edit(c->s, err));
    TRY(session_find_version(c->s, c->word[0], &v, err));
    TRY(session_goto(c->s, v, err));
    tell_version(c);
    return ST_OK;
}

static enum status cmd_HISTORY(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    describe_history(c->s, c->out);
    return ST_OK;
}

static enum status cmd_MARK(const struct call *c, struct err *err)
{
    int v = c->n && strcmp(c->word[0], "off") == 0 ? -1 : session_cursor(c->s);
    if (c->n && v >= 0)
        TRY(session_find_version(c->s, c->word[0], &v, err));
    TRY(session_mark(c->s, v, err));
    if (v < 0)
        str_add(c->out, "no version is marked\n");
    else
        str_addf(c->out, "version %d is marked\n", v);
    return ST_OK;
}

/* "[@VERSION] [TEXT]", which is one argument; quotes around the text are none of it. */
static enum status version_and_text(const struct call *c, int *version, const char **text,
                                    struct err *err)
{
    char none[] = "", *p = c->n ? c->word[0] : none;
    *text = "";
    TRY(session_may_edit(c->s, err));
    *version = session_marked(c->s) >= 0 ? session_marked(c->s) : session_cursor(c->s);
    if (*p == '@') {
        char *word = p + 1;
        p += strcspn(p, " ");
        if (*p)
            *p++ = '\0';
        p += strspn(p, " ");
        TRY(session_find_version(c->s, word, version, err));
    }
    size_t n = strlen(p);
    if (n > 1 && p[0] == '"' && p[n - 1] == '"') {
        p[n - 1] = '\0';
        p++;
    }
    if (*p)
        *text = p;
    return ST_OK;
}

static enum status cmd_NAME(const struct call *c, struct err *err)
{
    int v;
    const char *text;
    TRY(version_and_text(c, &v, &text, err));
    TRY(session_set_name(c->s, v, text, err));
    if (*text)
        str_addf(c->out, "version %d is called '%s'\n", v, text);
    else
        str_addf(c->out, "version %d has no name\n", v);
    return ST_OK;
}

static enum status cmd_NOTE(const struct call *c, struct err *err)
{
    int v;
    const char *text;
    TRY(version_and_text(c, &v, &text, err));
    TRY(session_set_note(c->s, v, text, err));
    str_addf(c->out, "version %d has %s\n", v, *text ? "the note" : "no note");
    return ST_OK;
}

static struct comparison_said said_of(const struct session_version *v, char title[32])
{
    snprintf(title, 32, "version %d", v->id);
    return (struct comparison_said){title, v->name, v->note};
}

/* From the marked version, or the first, to the current one when none are named. */
static enum status cmd_DIFF(const struct call *c, struct err *err)
{
    struct session *s = c->s;
    int a = session_marked(s), b = session_cursor(s);
    char title[2][32];
    struct comparison k;
    TRY(session_need_model(s, err));
    if (a < 0 || a == b)
        a = 0;
    if (c->n > 0)
        TRY(session_find_version(s, c->word[0], &a, err));
    if (c->n > 1)
        TRY(session_find_version(s, c->word[1], &b, err));
    const struct session_version *va = session_version(s, a), *vb = session_version(s, b);
    comparison_init(&k, va->graph, vb->graph, session_same_ids(s, a, b));
    const struct comparison_said said[] = {said_of(va, title[0]), said_of(vb, title[1])};
    enum status st = ST_OK;
    s->diffed[0] = c->n < 3 ? a : -1;
    s->diffed[1] = c->n < 3 ? b : -1;
    if (c->n < 3)
        describe_comparison(&k, c->out);
    else if (c->flags & SESSION_ASYNC)
        st = session_compare_later(s, &k, said, c->word[2], err);
    else
        st = session_compare_now(s, &k, said, c->word[2], err);
    if (st == ST_OK && c->n == 3)
        str_addf(c->out, "%s: %s\n", c->word[2],
                 c->flags & SESSION_ASYNC ? "is being written" : "written");
    comparison_done(&k);
    return st;
}

static enum status fit_start(const struct call *c, struct err *err)
{
    const struct session_candidate *p = session_previewed(c->s);
    TRY(settle(c, err));
    TRY(session_fit_start(c->s, p && p->accepted, err));
    return settle(c, err);
}

static enum status fit_save(const struct call *c, const char *path, struct err *err)
{
    const struct graph *g = NULL;
    if (c->flags & SESSION_ASYNC)
        return session_fit_save_later(c->s, path, err);
    TRY(fitting_trained(c->s, &g, err));
    TRY(session_write(g, NULL, path, err));
    str_addf(c->out, "%s: written\n", path);
    return ST_OK;
}

static enum status cmd_FIT(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    const char *verb = c->n ? c->word[0] : "";
    if (c->n == 2 && strcmp(verb, "save") == 0)
        return fit_save(c, c->word[1], err);
    if (c->n == 1 && strcmp(verb, "stop") == 0)
        session_fit_stop(c->s);
    else if (c->n == 1 && strcmp(verb, "start") == 0)
        TRY(fit_start(c, err));
    else if (c->n % 2)
        return err_set(err, ST_USAGE, "usage: fit [start | stop | save FILE | NAME VALUE]...");
    for (int i = 0; i + 1 < c->n; i += 2)
        TRY(session_fit_set(c->s, c->word[i], c->word[i + 1], err));
    if (c->n == 0 || (c->n == 1 && !(c->flags & SESSION_ASYNC)))
        describe_fit(c->s, c->out);
    return ST_OK;
}

/* A script waits for its end. */
static enum status search_start(const struct call *c, bool here, struct err *err)
{
    TRY(session_search_start(c->s, here, err));
    if (c->flags & SESSION_ASYNC)
        return ST_OK;
    TRY(settle(c, err));
    TRY(searching_end(c->s, err));
    describe_search(c->s, c->out);
    return ST_OK;
}

static enum status search_take(const struct call *c, const char *which, struct err *err)
{
    int i = 0;
    TRY(number_arg(which, "point of the front", 1, INT32_MAX, &i, err));
    return c->flags & SESSION_ASYNC ? session_search_take(c->s, i - 1, err)
                                    : taking_now(c->s, i - 1, c->out, err);
}

static enum status cmd_SEARCH(const struct call *c, struct err *err)
{
    TRY(session_need_model(c->s, err));
    const char *verb = c->n ? c->word[0] : "show";
    if (c->n <= 1 && strcmp(verb, "show") == 0)
        return describe_search(c->s, c->out), ST_OK;
    if (c->n == 1 && strcmp(verb, "start") == 0)
        return search_start(c, false, err);
    if (c->n == 2 && strcmp(verb, "start") == 0 && strcmp(c->word[1], "here") == 0)
        return search_start(c, true, err);
    if (c->n == 1 && strcmp(verb, "stop") == 0)
        return session_search_stop(c->s), ST_OK;
    if (c->n == 2 && strcmp(verb, "take") == 0)
        return search_take(c, c->word[1], err);
    if (c->n != 3 || strcmp(verb, "set") != 0)
        return err_set(err, ST_USAGE,
                       "usage: search [show | start [here] | stop | set NAME VALUE | take I]");
    TRY(session_search_set(c->s, c->word[1], c->word[2], err));
    str_addf(c->out, "%s: %s%s\n", c->word[1], c->word[2],
             session_search_is_other(c->s)  ? "; another search from now on (search start)"
             : session_search_running(c->s) ? "; from the next generation on"
                                            : "");
    return ST_OK;
}

static enum status cmd_EXPORT(const struct call *c, struct err *err)
{
    if (c->flags & SESSION_ASYNC)
        return session_export_later(c->s, c->word[0], err);
    TRY(session_export(c->s, c->word[0], err));
    str_addf(c->out, "%s: written\n", c->word[0]);
    return ST_OK;
}

static enum status cmd_HELP(const struct call *c, struct err *err)
{
    int n;
    const struct session_word *w = session_words(&n);
    bool found = c->n == 0;
    for (int i = 0; i < n; i++)
        if (c->n == 0 || strcmp(c->word[0], w[i].name) == 0) {
            char usage[64];
            snprintf(usage, sizeof usage, "%s %s", w[i].name, w[i].args);
            str_addf(c->out, "%-36s %s\n", usage, w[i].help);
            found = true;
        }
    return found ? ST_OK : err_set(err, ST_USAGE, "no command '%s' (help lists them)", c->word[0]);
}

static enum status cmd_QUIT(const struct call *c, struct err *err)
{
    (void)err;
    c->s->quit = true;
    return ST_OK;
}

/* ---- dispatch ---- */

static const struct session_word words[] = {
#define CMD(id, name, args, help) {name, args, help},
#include "session/command_list.def"
#undef CMD
};

static enum status (*const functions[])(const struct call *, struct err *) = {
#define CMD(id, name, args, help) cmd_##id,
#include "session/command_list.def"
#undef CMD
};

const struct session_word *session_words(int *n)
{
    *n = (int)(sizeof words / sizeof *words);
    return words;
}

/* How many arguments a pattern takes: words, of which those in [] may be left out. */
static void arity(const char *args, int *lo, int *hi)
{
    bool optional = false;
    *lo = *hi = 0;
    for (const char *p = args; *p; p++) {
        optional |= *p == '[';
        if (p == args || p[-1] == ' ') {
            (*hi)++;
            *lo += !optional;
        }
    }
    if (strstr(args, "..."))
        *hi = MAX_WORDS;
}

/* Words are parted by blanks; "..." keeps blanks in a file name. In place. */
static enum status split_line(char *line, char **word, int *n, struct err *err)
{
    char *p = line;
    *n = 0;
    for (;;) {
        while (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n')
            p++;
        if (!*p || (*p == '#' && *n == 0))
            return ST_OK;
        if (*n == MAX_WORDS)
            return err_set(err, ST_USAGE, "more than %d words", MAX_WORDS);
        bool quoted = *p == '"';
        p += quoted;
        word[(*n)++] = p;
        while (*p && (quoted ? *p != '"' : !strchr(" \t\r\n", *p)))
            p++;
        if (quoted && !*p)
            return err_set(err, ST_USAGE, "a \" is not closed");
        if (*p)
            *p++ = '\0';
    }
}

static const struct session_word *find_word(const char *name, size_t n)
{
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (strlen(words[k].name) == n && strncmp(words[k].name, name, n) == 0)
            return &words[k];
    return NULL;
}

bool session_is_word(const char *name)
{
    return find_word(name, strlen(name)) != NULL;
}

static enum status run_words(struct session *s, char **word, int n, unsigned flags, struct str *out,
                             struct err *err)
{
    const struct session_word *w = find_word(word[0], strlen(word[0]));
    if (!w)
        return err_set(err, ST_USAGE, "no command '%s' (help lists them)", word[0]);
    int lo, hi;
    arity(w->args, &lo, &hi);
    if (n - 1 < lo || n - 1 > hi)
        return err_set(err, ST_USAGE, "usage: %s %s", w->name, w->args);
    struct call c = {.s = s, .flags = flags, .n = n - 1, .word = word + 1, .out = out};
    return functions[w - words](&c, err);
}

/* An expression or a text is one argument as it stands, blanks and quotes and all. */
static bool split_expression(char *line, char **word, int *n)
{
    char *name = line + strspn(line, " \t"), *rest = name + strcspn(name, " \t\r\n");
    const struct session_word *w = find_word(name, (size_t)(rest - name));
    if (!w || (!strstr(w->args, "EXPR") && !strstr(w->args, "TEXT")))
        return false;
    char *arg = rest + strspn(rest, " \t\r\n"), *end = arg + strlen(arg);
    while (end > arg && strchr(" \t\r\n", end[-1]))
        end--;
    *end = *rest = '\0';
    word[0] = name;
    word[1] = arg;
    *n = 1 + (end > arg);
    return true;
}

enum status session_command(struct session *s, const char *line, unsigned flags, struct str *out,
                            struct err *err)
{
    char *copy = x_strdup(line), *word[MAX_WORDS];
    int n;
    enum status st = split_expression(copy, word, &n) ? ST_OK : split_line(copy, word, &n, err);
    if (st == ST_OK && n)
        st = run_words(s, word, n, flags, out, err);
    free(copy);
    return st;
}
