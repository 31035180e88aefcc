/* What could replace the selected segment. The table fills while workers deliver; refused ones,
 * with the reason, are a table of their own behind Tab. */
#include "session/describe.h"
#include "session/filter.h"
#include "ui/candidate_rows.h"
#include "ui/repair_words.h"
#include "ui/view.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

/* From so many columns on, the repaired segment under the cursor is drawn beside the table. */
enum { WIDE = 150, LIST_PART = 65 };

struct candidates {
    struct ui *ui;
    struct candidate_rows rows;
    struct list fit, refused;
    bool show_refused;
    char wrong[256]; /* what is the matter with the filter, "" for nothing */
    char tag[32];    /* the last one given */
    struct canvas canvas;
    uint64_t asked; /* key of the drawing */
};

static const struct session_candidate *at(const struct candidates *v, int row)
{
    return session_candidate(ui_session(v->ui), row);
}

/* ---- the view ---- */

static void refresh(struct candidates *v)
{
    candidate_list_refresh(&v->fit, &v->rows);
    list_refresh(&v->refused);
}

static enum status filter_refused(struct candidates *v, const char *text, struct err *err)
{
    struct filter *f = NULL;
    if (*text)
        TRY(filter_parse(text, &f, err));
    filter_free(v->rows.refused_filter);
    v->rows.refused_filter = f;
    return ST_OK;
}

/* A text with an operator is an expression, any other one is words to look for. While one is being
 * typed the last that could be understood holds. */
static void candidates_filter(struct ui *ui, void *self, const char *text)
{
    struct candidates *v = self;
    struct err err = {0};
    bool meant = filter_is_meant(text);
    const char *expression = meant ? text : "";
    struct list *l = v->show_refused ? &v->refused : &v->fit;
    enum status st = v->show_refused ? filter_refused(v, expression, &err)
                                     : session_set_filter(ui_session(ui), expression, &err);
    snprintf(v->wrong, sizeof v->wrong, "%s", st == ST_OK ? "" : err.msg);
    l->keeps = !meant ? NULL : v->show_refused ? candidate_refused_kept : candidate_kept;
    list_set_filter(l, text);
}

static enum status candidates_open(struct ui *ui, void *self, struct err *err)
{
    struct candidates *v = self;
    v->ui = ui;
    if (session_selected(ui_session(ui)) < 0)
        return err_set(err, ST_USAGE, "no segment is selected");
    v->rows.session = ui_session(ui);
    candidate_list_init(&v->fit, &v->rows);
    candidate_refused_list_init(&v->refused, &v->rows);
    /* a filter holds for all segments */
    snprintf(v->fit.filter, sizeof v->fit.filter, "%s", session_filter(v->rows.session));
    v->fit.keeps = candidate_kept;
    refresh(v);
    return ST_OK;
}

/* Whether a filter asks for accuracies where the predictor has none to tell. */
static bool asks_in_vain(const struct candidates *v)
{
    const struct session_candidate *c = at(v, 0);
    return c && c->estimate && !c->estimate->in_distribution && v->fit.keeps &&
           v->fit.shown.n == 0 && text_has(v->fit.filter, "dacc");
}

/* How many there are, and how far the looking is. */
static void add_counts(const struct candidates *v, struct str *out)
{
    const struct session *s = ui_session(v->ui);
    const struct list *l = v->show_refused ? &v->refused : &v->fit;
    int done = 0, total = 0;
    session_progress(s, &done, &total);
    if (asks_in_vain(v)) {
        str_addf(out, "0 of %d shown: the predictor knows no such network; try dsigma for dacc",
                 session_n_candidates(s));
        return;
    }
    str_addf(out, "%d fit, %d refused", session_n_candidates(s), session_n_refused(s));
    if (l->filter[0])
        str_addf(out, ", %zu shown by /%s", l->shown.n, l->filter);
    if (session_n_same(s))
        str_addf(out, ", +%d that give the same network", session_n_same(s));
    if (total < 0)
        str_add(out, "; asking the database ...");
    else if (done < total)
        str_addf(out, "; %d of %d tried ...", done, total);
    if (v->show_refused)
        str_add(out, "; these are the refused");
}

/* What is the matter with the filter, and which one holds instead. */
static void add_wrong(const struct candidates *v, struct str *out)
{
    const char *kept = v->show_refused ? "" : session_filter(ui_session(v->ui));
    str_addf(out, "filter: %s%s%s", v->wrong, *kept ? "; shown: " : "", kept);
}

static const char *why_empty(const struct candidates *v, const struct session_segment *seg)
{
    const struct session *s = ui_session(v->ui);
    int done = 0, total = 0;
    session_progress(s, &done, &total);
    return !seg->ok                    ? seg->why
           : total < 0 || done < total ? "looking for candidates ..."
           : session_n_refused(s)      ? "no replacement fits; Tab shows the refused ones and why"
                                  : "the database has no replacement with these inputs and outputs";
}

static void draw_head(struct candidates *v, struct rect r)
{
    struct session *s = ui_session(v->ui);
    int k = session_selected(s);
    const struct session_segment *seg = session_segment(s, k);
    char si[24], line[256];
    struct str counts = {0};
    if (!seg)
        return;
    int head = snprintf(line, sizeof line, "segment %d  ", k);
    describe_ops(line + head, sizeof line - (size_t)head, seg->ops);
    int x = 1 + screen_add(r.y, 1, r.w - 30 > 20 ? r.w - 30 : r.w - 2, theme_segment(k), line);
    screen_putf(r.y, x + 2, r.w - x - 2, STYLE_DIM, "%d node%s, %s FLOPs", seg->region.n,
                seg->region.n == 1 ? "" : "s", str_si((double)seg->cost.flops, si, sizeof si));
    char how[128];
    repair_settings(session_repair(s), how, sizeof how);
    int w = text_width(how, theme_ascii());
    (v->wrong[0] ? add_wrong : add_counts)(v, &counts);
    screen_put(r.y + 1, 1, r.w - 3 - w, v->wrong[0] ? STYLE_WARN : STYLE_DIM, str_text(&counts));
    str_done(&counts);
    screen_put_right(r.y + 1, r.w - 1 - w, w, STYLE_WARN, how);
    v->fit.empty = why_empty(v, seg);
    v->refused.empty = "none was refused";
}

/* First what is done outside, then the changes within; those of adapters go without saying. */
static void add_changes(const struct candidates *v, const struct session_candidate *c,
                        struct str *out)
{
    const struct mend_plan *p = &c->result->plan;
    repair_add_reach(session_graph(ui_session(v->ui)), c->result, out);
    for (int i = 0; i < p->n_change; i++) {
        const struct node *n = graph_node(c->fragment, p->change[i].node);
        if (n)
            str_addf(out, "%s%s %s %lld %s %lld", out->n ? "; " : "", node_label(n),
                     mend_what_name(p->change[i].what), (long long)p->change[i].before,
                     theme_glyph(GLYPH_TO), (long long)p->change[i].after);
    }
    if (out->n == 0)
        str_add(out, "fits as it is");
}

/* "seen 1,234x in nb101, zoo, files; first in nb101:..." */
static void add_seen(const struct session_candidate *c, struct str *out)
{
    char count[32];
    int64_t n = 0;
    for (int i = 0; i < c->seen->n_origins; i++)
        n += c->seen->origin[i].count;
    str_addf(out, "seen %sx in ", text_count(n, count, sizeof count));
    for (int i = 0; i < c->seen->n_origins; i++) {
        const char *group = c->seen->origin[i].group;
        str_addf(out, "%s%s", i ? ", " : "", group[0] ? group : "files");
    }
    str_addf(out, "; first in %s", c->origin);
}

static void draw_detail(struct candidates *v, struct rect r)
{
    const struct list *l = v->show_refused ? &v->refused : &v->fit;
    int row = list_row(l);
    const struct session_candidate *c = row < 0           ? NULL
                                        : v->show_refused ? session_refused(ui_session(v->ui), row)
                                                          : at(v, row);
    screen_hline(r.y, r.x, r.w, STYLE_EDGE);
    if (!c)
        return;
    struct str line = {0};
    char gain[80];
    screen_putf(r.y + 1, r.x + 1, r.w - 1, STYLE_BOLD, "%s  %s", c->id, c->ops);
    if (*c->tags)
        str_addf(&line, "tags: %s; ", c->tags);
    if (c->estimate && c->record)
        str_addf(&line, "accuracy, estimated: %s, as in %s; ",
                 describe_gain_interval(c->estimate, gain, sizeof gain), c->estimate_table);
    if (c->seen)
        add_seen(c, &line);
    else
        str_add(&line, c->record ? "" : "the segment itself");
    screen_put(r.y + 2, r.x + 1, r.w - 1, STYLE_DIM, str_text(&line));
    str_clear(&line);
    if (c->accepted)
        add_changes(v, c, &line);
    else
        str_add(&line, c->reason);
    screen_put(r.y + 3, r.x + 1, r.w - 1, c->accepted ? STYLE_DIM : STYLE_BAD, str_text(&line));
    str_done(&line);
}

/* ---- the drawing of the row under the cursor ---- */

static bool changed_node(const struct candidates *v, int32_t id)
{
    const struct session_candidate *c = at(v, list_row(&v->fit));
    for (int i = 0; c && c->result && i < c->result->plan.n_change; i++)
        if (c->result->plan.change[i].node == id)
            return true;
    return false;
}

static int box_style(void *ctx, int32_t id)
{
    return changed_node(ctx, id) ? STYLE_WARN : STYLE_TEXT;
}

static char box_mark(void *ctx, int32_t id)
{
    return changed_node(ctx, id) ? '~' : 0;
}

static void draw_fragment(struct candidates *v, struct rect r)
{
    struct session *s = ui_session(v->ui);
    int row = list_row(&v->fit);
    const struct session_candidate *c = row < 0 ? NULL : at(v, row);
    uint64_t have = 0;
    if (!c || !c->result || !c->result->plan.fragment)
        return;
    uint64_t want = hash_pair((uint64_t)session_selected(s), (uint64_t)c->record);
    if (v->asked != want) {
        session_request_layout(s, SESSION_LAYOUT_MAIN, c->result->plan.fragment, NULL, want);
        v->asked = want;
        v->canvas.y = 0;
    }
    const struct dot_layout *l = session_layout(s, SESSION_LAYOUT_MAIN, &have, NULL);
    if (have == want && l) {
        struct canvas_look look = {box_style, box_mark, NULL, v};
        canvas_draw(&v->canvas, r, l, &look);
    }
}

static void candidates_draw(struct ui *ui, void *self, struct rect r)
{
    struct candidates *v = self;
    (void)ui;
    int detail = r.h >= 14 ? 4 : 0;
    draw_head(v, r);
    struct rect body = {r.y + 2, r.x, r.h - 2 - detail, r.w};
    if (r.w >= WIDE && !v->show_refused) {
        body.w = r.w * LIST_PART / 100;
        screen_vline(body.y, body.w, body.h, STYLE_EDGE);
        draw_fragment(v, (struct rect){body.y, body.w + 1, body.h, r.w - body.w - 1});
    }
    list_draw(v->show_refused ? &v->refused : &v->fit, body);
    if (detail)
        draw_detail(v, (struct rect){r.y + r.h - detail, r.x, detail, r.w});
}

/* Makes the row under the cursor the preview. */
static bool preview(struct candidates *v)
{
    struct session *s = ui_session(v->ui);
    struct err err = {0};
    int row = list_row(v->show_refused ? &v->refused : &v->fit);
    enum status st;
    if (row < 0) {
        ui_say(v->ui, "no candidate is selected");
        return false;
    }
    if (v->show_refused)
        st = session_preview_refused(s, row, &err);
    else
        st = session_preview(s, row, &err);
    if (st != ST_OK)
        ui_fail(v->ui, &err);
    else
        ui_did(v->ui, "%s %s", v->show_refused ? "explain" : "show", session_previewed(s)->id);
    return st == ST_OK;
}

/* A refused one can be looked at, no more. */
static bool is_refused(struct candidates *v)
{
    int row = list_row(&v->refused);
    if (!v->show_refused || row < 0)
        return false;
    ui_say(v->ui, "%s", repair_refusal(session_refused(ui_session(v->ui), row)));
    return true;
}

static void reject(struct candidates *v)
{
    struct session *s = ui_session(v->ui);
    struct err err = {0};
    int row = list_row(&v->fit);
    char id[24];
    if (v->show_refused || row < 0)
        return;
    snprintf(id, sizeof id, "%s", at(v, row)->id);
    if (session_reject(s, id, &err) != ST_OK)
        ui_fail(v->ui, &err);
    else {
        ui_did(v->ui, "reject %s", id);
        ui_say(v->ui, "%s is hidden in this session", id);
    }
    refresh(v);
}

/* The row under the cursor; NULL, and a message, when there is none. */
static const struct session_candidate *in_hand(struct candidates *v)
{
    int row = list_row(v->show_refused ? &v->refused : &v->fit);
    if (row < 0)
        ui_say(v->ui, "no candidate is selected");
    return row < 0 ? NULL : v->show_refused ? session_refused(ui_session(v->ui), row) : at(v, row);
}

/* Gives the tag, or takes it off. */
static void tag(struct candidates *v, const char *name)
{
    struct session *s = ui_session(v->ui);
    const struct session_candidate *c = in_hand(v);
    struct err err = {0};
    bool changed = false;
    char id[SEGDB_NAME];
    if (!c)
        return;
    if (!*name) {
        char line[48];
        snprintf(line, sizeof line, "tag %s", v->tag);
        ui_prompt(v->ui, line);
        return;
    }
    snprintf(id, sizeof id, "%s", c->id);
    enum status st = session_tag(s, id, name, true, &changed, &err);
    bool off = st == ST_OK && !changed;
    if (off)
        st = session_tag(s, id, name, false, NULL, &err);
    if (st != ST_OK) {
        ui_fail(v->ui, &err);
        return;
    }
    snprintf(v->tag, sizeof v->tag, "%s", name);
    ui_did(v->ui, "%s %s %s", off ? "untag" : "tag", name, id);
    ui_say(v->ui, "%s %s the tag %s", id, off ? "no longer has" : "has", name);
    refresh(v);
}

static void more(struct candidates *v)
{
    const struct session_candidate *c = in_hand(v);
    struct err err = {0};
    if (c && session_more(ui_session(v->ui), c->id, &err) != ST_OK)
        ui_fail(v->ui, &err);
    else if (c) {
        ui_did(v->ui, "more %s", c->id);
        ui_say(v->ui, "looking for more like %s ...", c->id);
    }
}

static bool candidates_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct candidates *v = self;
    switch (a) {
    case ACTION_ENTER:
        if (preview(v))
            ui_push(ui, VIEW_REPAIR);
        return true;
    case ACTION_COMPARE:
    case ACTION_WHY:
        if (!is_refused(v) && preview(v))
            ui_compare_preview(ui, a == ACTION_WHY);
        return true;
    case ACTION_APPLY:
        if (!is_refused(v) && preview(v))
            ui_apply(ui);
        return true;
    case ACTION_REJECT:
        reject(v);
        return true;
    case ACTION_TAG:
        tag(v, arg);
        return true;
    case ACTION_MORE:
        more(v);
        return true;
    case ACTION_GROW:
    case ACTION_ADAPT:
    case ACTION_MULTIPLE:
        ui_set_repair(ui, a, arg);
        return true;
    case ACTION_TOGGLE:
        v->show_refused = !v->show_refused;
        return true;
    default:
        return false;
    }
}

static void candidates_changed(struct ui *ui, void *self, unsigned what)
{
    struct candidates *v = self;
    (void)ui;
    if (what & UI_EDITED) /* another view may have used the drawing's place */
        v->asked = 0;
    if (what & (SESSION_CHANGED_CANDIDATES | UI_EDITED))
        refresh(v);
}

static void candidates_close(struct ui *ui, void *self)
{
    struct candidates *v = self;
    (void)ui;
    list_done(&v->fit);
    list_done(&v->refused);
    filter_free(v->rows.refused_filter);
}

static struct list *candidates_list(void *self)
{
    struct candidates *v = self;
    return v->show_refused ? &v->refused : &v->fit;
}

const struct view_ops view_candidates = {
    .size = sizeof(struct candidates),
    .open = candidates_open,
    .draw = candidates_draw,
    .action = candidates_action,
    .changed = candidates_changed,
    .filter = candidates_filter,
    .close = candidates_close,
    .list = candidates_list,
};
