/* What could replace the selected segment. The table fills while workers deliver; refused ones,
 * with the reason, are a table of their own behind Tab. */
#include "ui/repair_words.h"
#include "session/describe.h"
#include "ui/view.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

/* From so many columns on, the repaired segment under the cursor is drawn beside the table. */
enum { WIDE = 150, LIST_PART = 65 };

struct candidates {
    struct ui *ui;
    struct list fit, refused;
    bool show_refused;
    struct canvas canvas;
    uint64_t asked; /* key of the drawing */
};

enum {
    COL_RANK,
    COL_ID,
    COL_OPS,
    COL_GAIN,
    COL_RANGE,
    COL_FLOPS,
    COL_SHARE,
    COL_PARAMS,
    COL_CYCLES,
    COL_ENERGY,
    COL_REPAIR,
    COL_CHANGES,
    COL_MS
};

static const struct list_column columns[] = {
    [COL_RANK] = {"rank", 4, .right = true},
    [COL_ID] = {"id", 6},
    [COL_OPS] = {"operators", 12, .flex = true},
    [COL_GAIN] = {"est. acc", 9, .right = true},
    [COL_RANGE] = {"90 %", 14, .right = true, .prio = 4},
    [COL_FLOPS] = {"+FLOPs", 9, .right = true},
    [COL_SHARE] = {"+%", 7, .right = true, .prio = 3},
    [COL_PARAMS] = {"+params", 9, .right = true},
    [COL_CYCLES] = {"+cycles", 9, .right = true, .prio = 2},
    [COL_ENERGY] = {"+uJ", 8, .right = true, .prio = 5},
    [COL_REPAIR] = {"repair", 9},
    [COL_CHANGES] = {"chg", 3, .right = true, .prio = 1},
    [COL_MS] = {"ms", 6, .right = true, .prio = 2},
};

enum { REF_ID, REF_OPS, REF_WHY };

static const struct list_column refused_columns[] = {
    [REF_ID] = {"id", 6},
    [REF_OPS] = {"operators", 20, .flex = true},
    [REF_WHY] = {"why not", 24, .flex = true},
};

static const struct session_candidate *at(const struct candidates *v, int row)
{
    return session_candidate(ui_session(v->ui), row);
}

static int fit_rows(void *ctx)
{
    struct candidates *v = ctx;
    return session_n_candidates(ui_session(v->ui));
}

static double now_flops(const struct candidates *v)
{
    const struct session *s = ui_session(v->ui);
    const struct session_version *now = session_version(s, session_cursor(s));
    return now ? (double)now->cost.flops : 0;
}

/* In per cent of accuracy; in the table's deviations and marked where the predictor knows no
 * network like this one. */
static void gain_text(const struct pred_delta *e, char *buf, size_t size)
{
    if (!e)
        snprintf(buf, size, "unknown");
    else if (e->in_distribution)
        snprintf(buf, size, "%+.2f %%", 100 * e->delta);
    else
        snprintf(buf, size, "%+.2f s?", e->delta);
}

static void range_text(const struct pred_delta *e, char *buf, size_t size)
{
    double unit = e && e->in_distribution ? 100 : 1;
    if (e)
        snprintf(buf, size, "%+.1f..%+.1f", unit * e->low, unit * e->high);
}

static void fit_cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct candidates *v = ctx;
    const struct session_candidate *c = at(v, row);
    if (!c || !c->result)
        return;
    switch (col) {
    case COL_RANK:
        snprintf(buf, size, "%d", row + 1);
        break;
    case COL_ID:
        snprintf(buf, size, "%s", c->id);
        break;
    case COL_OPS:
        text_ops(buf, size, c->ops);
        break;
    case COL_GAIN:
        gain_text(c->estimate, buf, size);
        break;
    case COL_RANGE:
        range_text(c->estimate, buf, size);
        break;
    case COL_FLOPS:
        text_delta((double)c->delta_flops, buf, size);
        break;
    case COL_SHARE:
        text_percent((double)c->delta_flops, now_flops(v), buf, size);
        if (strlen(buf) > 2 && strcmp(buf + strlen(buf) - 2, " %") == 0)
            buf[strlen(buf) - 2] = 0;
        break;
    case COL_PARAMS:
        text_delta((double)c->delta_params, buf, size);
        break;
    case COL_CYCLES:
        if (c->npu)
            text_delta((double)c->delta_cycles, buf, size);
        else
            snprintf(buf, size, "unknown");
        break;
    case COL_ENERGY:
        if (c->npu)
            text_delta(c->delta_energy_uj, buf, size);
        break;
    case COL_REPAIR:
        repair_brief(c->result, buf, size);
        break;
    case COL_CHANGES:
        snprintf(buf, size, "%d", c->result->plan.n_change);
        break;
    default:
        snprintf(buf, size, "%.1f", c->result->ms);
    }
}

static bool fit_number(void *ctx, int row, int col, double *out)
{
    struct candidates *v = ctx;
    const struct session_candidate *c = at(v, row);
    if (!c || !c->result)
        return false;
    switch (col) {
    case COL_RANK:
        *out = row + 1;
        return true;
    case COL_GAIN:
    case COL_RANGE:
        if (!c->estimate)
            return false;
        *out = col == COL_GAIN ? c->estimate->delta : c->estimate->high - c->estimate->low;
        return true;
    case COL_FLOPS:
        *out = (double)c->delta_flops;
        return true;
    case COL_SHARE:
        *out = now_flops(v) > 0 ? 100.0 * (double)c->delta_flops / now_flops(v) : 0;
        return true;
    case COL_PARAMS:
        *out = (double)c->delta_params;
        return true;
    case COL_CYCLES:
    case COL_ENERGY:
        *out = col == COL_CYCLES ? (double)c->delta_cycles : c->delta_energy_uj;
        return c->npu != NULL;
    case COL_CHANGES:
        *out = c->result->plan.n_change;
        return true;
    case COL_MS:
        *out = c->result->ms;
        return true;
    default:
        return false;
    }
}

static int fit_style(void *ctx, int row, int col)
{
    struct candidates *v = ctx;
    const struct session_candidate *c = at(v, row);
    if (!c || !c->result)
        return STYLE_DIM;
    if (col == COL_GAIN && c->estimate && c->estimate->in_distribution && c->record)
        return c->estimate->low > 0 ? STYLE_GOOD : c->estimate->high < 0 ? STYLE_BAD : STYLE_TEXT;
    double d = col == COL_PARAMS   ? (double)c->delta_params
               : col == COL_CYCLES ? (double)c->delta_cycles
               : col == COL_ENERGY ? c->delta_energy_uj
                                   : (double)c->delta_flops;
    if (col == COL_FLOPS || col == COL_SHARE || col == COL_PARAMS || col == COL_CYCLES ||
        col == COL_ENERGY)
        return d < 0 ? STYLE_GOOD : d > 0 ? STYLE_BAD : STYLE_DIM;
    if (col == COL_REPAIR)
        return c->result->status == MEND_UNCHANGED ? STYLE_DIM : STYLE_WARN;
    return col == COL_OPS ? STYLE_TEXT : STYLE_DIM;
}

static uint64_t fit_id(void *ctx, int row)
{
    struct candidates *v = ctx;
    const struct session_candidate *c = at(v, row);
    return c ? (uint64_t)c->record + 1 : 0;
}

static const struct list_source fit_source = {fit_rows, fit_cell, fit_number, fit_style, fit_id};

static int refused_rows(void *ctx)
{
    struct candidates *v = ctx;
    return session_n_refused(ui_session(v->ui));
}

static void refused_cell(void *ctx, int row, int col, char *buf, size_t size)
{
    struct candidates *v = ctx;
    const struct session_candidate *c = session_refused(ui_session(v->ui), row);
    if (c && col == REF_OPS)
        text_ops(buf, size, c->ops);
    else if (c)
        snprintf(buf, size, "%s", col == REF_ID ? c->id : c->reason);
}

static uint64_t refused_id(void *ctx, int row)
{
    struct candidates *v = ctx;
    const struct session_candidate *c = session_refused(ui_session(v->ui), row);
    return c ? (uint64_t)c->record + 1 : 0;
}

static const struct list_source refused_source = {refused_rows, refused_cell, NULL, NULL,
                                                  refused_id};

/* ---- the view ---- */

static enum status candidates_open(struct ui *ui, void *self, struct err *err)
{
    struct candidates *v = self;
    v->ui = ui;
    if (session_selected(ui_session(ui)) < 0)
        return err_set(err, ST_USAGE, "no segment is selected");
    list_init(&v->fit, columns, sizeof columns / sizeof *columns, &fit_source, v);
    list_init(&v->refused, refused_columns, 3, &refused_source, v);
    list_refresh(&v->fit);
    list_refresh(&v->refused);
    return ST_OK;
}

static void draw_head(struct candidates *v, struct rect r)
{
    struct session *s = ui_session(v->ui);
    int k = session_selected(s), done = 0, total = 0;
    const struct session_segment *seg = session_segment(s, k);
    char si[24], line[256];
    if (!seg)
        return;
    session_progress(s, &done, &total);
    int head = snprintf(line, sizeof line, "segment %d  ", k);
    text_ops(line + head, sizeof line - (size_t)head, seg->ops);
    int x = 1 + screen_add(r.y, 1, r.w - 30 > 20 ? r.w - 30 : r.w - 2, theme_segment(k), line);
    screen_putf(r.y, x + 2, r.w - x - 2, STYLE_DIM, "%d node%s, %s FLOPs", seg->region.n,
                seg->region.n == 1 ? "" : "s", str_si((double)seg->cost.flops, si, sizeof si));
    size_t n = (size_t)snprintf(line, sizeof line, "%d fit, %d refused", session_n_candidates(s),
                                session_n_refused(s));
    if (session_n_same(s))
        n += (size_t)snprintf(line + n, sizeof line - n, ", +%d that give the same network",
                              session_n_same(s));
    if (total < 0)
        snprintf(line + n, sizeof line - n, "; asking the database ...");
    else if (done < total)
        snprintf(line + n, sizeof line - n, "; %d of %d tried ...", done, total);
    char how[128];
    repair_settings(session_repair(s), how, sizeof how);
    int w = text_width(how, theme_ascii());
    screen_putf(r.y + 1, 1, r.w - 3 - w, STYLE_DIM, "%s%s", line,
                v->show_refused ? "; these are the refused" : "");
    screen_put_right(r.y + 1, r.w - 1 - w, w, STYLE_WARN, how);
    v->fit.empty = !seg->ok                    ? seg->why
                   : total < 0 || done < total ? "looking for candidates ..."
                   : session_n_refused(s)
                       ? "no replacement fits; Tab shows the refused ones and why"
                       : "the database has no replacement with these inputs and outputs";
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
    list_refresh(&v->fit);
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
    if (what & (SESSION_CHANGED_CANDIDATES | UI_EDITED)) {
        list_refresh(&v->fit);
        list_refresh(&v->refused);
    }
}

static void candidates_close(struct ui *ui, void *self)
{
    struct candidates *v = self;
    (void)ui;
    list_done(&v->fit);
    list_done(&v->refused);
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
    .close = candidates_close,
    .list = candidates_list,
};
