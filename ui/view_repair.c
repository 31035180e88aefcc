/* The shape repair of one candidate: its table and drawing, and the widths the user pins. A number
 * is solved by a worker while it is typed; one that cannot be is refused with the conflict, and the
 * last repair that was found stays on the screen until the number is changed or given up. */
#include "ui/repair_rows.h"
#include "session/describe.h"
#include "ui/repair_words.h"
#include "ui/view.h"

#include <stdio.h>
#include <string.h>

enum { STEP = 8, WIDE = 124, LIST_MIN = 84, HEAD = 2, REACH_LINES = 3, DIGITS = 5 };

struct repair {
    struct ui *ui;
    struct list list;
    struct repair_rows rows;
    struct canvas canvas;
    bool drawing;
    uint64_t asked, want; /* keys of the drawing */
    int segment;          /* selected when the view was opened */
    struct str reach;     /* what the repair in the table does outside the segment */
    /* While a number is typed (rows.edited): */
    int64_t old_pin;
    bool fresh;     /* it came from + or -; a digit begins anew */
    bool accepting; /* Enter came before the answer */
    bool restoring; /* the number was given up; the repair before it is on its way */
};

static const struct session_candidate *shown(const struct repair *v)
{
    return session_previewed(ui_session(v->ui));
}

static bool editing(const struct repair *v)
{
    return v->rows.edited >= 0;
}

static bool refused(const struct repair *v)
{
    const struct session_candidate *c = shown(v);
    return c && c->result && !c->accepted && !session_preview_busy(ui_session(v->ui));
}

static int32_t node_here(const struct repair *v)
{
    int row = list_row(&v->list);
    return row < 0 ? -1 : v->rows.row[row];
}

static const struct graph *drawn(const struct repair *v)
{
    return v->rows.after ? v->rows.after : v->rows.before;
}

/* ---- following the session ---- */

static void say_refused(struct repair *v)
{
    ui_say(v->ui, "%s is refused; another number, or Esc to restore", v->rows.typed);
}

static void stop_editing(struct repair *v)
{
    v->rows.edited = -1;
    v->accepting = false;
}

static void gather(struct repair *v)
{
    struct session *s = ui_session(v->ui);
    if (repair_rows_take(&v->rows, editing(v) || v->restoring)) {
        str_clear(&v->reach);
        if (shown(v)->result)
            repair_add_reach(session_graph(s), shown(v)->result, &v->reach);
    }
    v->restoring &= session_preview_busy(s);
    if (!v->rows.before)
        stop_editing(v);
    v->want = drawn(v) ? graph_hash(drawn(v)) * 2 + 1 : 0;
    list_refresh(&v->list);
    if (v->accepting && !session_preview_busy(s)) {
        v->accepting = false;
        if (refused(v))
            say_refused(v);
        else
            stop_editing(v);
    }
}

static enum status repair_open(struct ui *ui, void *self, struct err *err)
{
    struct repair *v = self;
    v->ui = ui;
    if (!session_previewed(ui_session(ui)))
        return err_set(err, ST_USAGE, "no candidate is shown");
    v->segment = session_selected(ui_session(ui));
    repair_rows_init(&v->rows, ui_session(ui));
    list_init(&v->list, repair_columns, repair_n_columns, &repair_source, &v->rows);
    gather(v);
    return ST_OK;
}

/* ---- drawing ---- */

static int box_style(void *ctx, int32_t id)
{
    struct repair *v = ctx;
    char mark = repair_mark(&v->rows, id);
    if (node_here(v) == id)
        return STYLE_FOCUS;
    if (mark == '!' || mark == '*')
        return mark == '!' ? STYLE_BAD : STYLE_MOVED;
    if (repair_pin(&v->rows, id))
        return STYLE_BOLD;
    return repair_node_changed(&v->rows, id) ? STYLE_WARN : STYLE_TEXT;
}

static char box_mark(void *ctx, int32_t id)
{
    struct repair *v = ctx;
    char mark = repair_mark(&v->rows, id);
    if (mark)
        return mark;
    return repair_pin(&v->rows, id) ? '=' : repair_node_changed(&v->rows, id) ? '~' : 0;
}

static bool box_member(void *ctx, int32_t id)
{
    return node_here(ctx) == id;
}

static void draw_graph(struct repair *v, struct rect r)
{
    struct session *s = ui_session(v->ui);
    uint64_t have = 0;
    const char *why = NULL;
    if (!drawn(v))
        return;
    if (v->asked != v->want) {
        session_request_layout(s, SESSION_LAYOUT_MAIN, drawn(v), NULL, v->want);
        v->asked = v->want;
    }
    const struct dot_layout *l = session_layout(s, SESSION_LAYOUT_MAIN, &have, &why);
    if (have == v->want && l) {
        struct canvas_look look = {box_style, box_mark, box_member, v};
        canvas_draw(&v->canvas, r, l, &look);
    } else if (have == v->want && why)
        screen_putf(r.y, r.x + 1, r.w - 1, STYLE_WARN, "cannot draw: %s", why);
    else
        screen_put(r.y, r.x + 1, r.w - 1, STYLE_DIM, "drawing ...");
}

/* What became of it, to stand under the title. Returns the style. */
static int status_text(const struct repair *v, struct str *out)
{
    const struct session_candidate *c = shown(v);
    char a[32], b[32];
    if (!c->result) {
        str_add(out, "waiting for the result ...");
        return STYLE_DIM;
    }
    if (session_preview_busy(ui_session(v->ui))) {
        str_add(out, "solving ...");
        return STYLE_WARN;
    }
    if (!c->accepted) {
        str_addf(out, "%s%s",
                 c->result->graph                    ? ""
                 : c->result->status == MEND_TIMEOUT ? "no answer in time: "
                                                     : "does not fit: ",
                 repair_refusal(c));
        return STYLE_BAD;
    }
    const struct candidate *r = c->result;
    str_addf(out, "%s, %d change%s", mend_result_name(r->status), r->plan.n_change,
             r->plan.n_change == 1 ? "" : "s");
    if (r->n_grown)
        str_addf(out, ", %d outside", r->n_grown);
    if (r->n_adapter)
        str_addf(out, ", %d adapter%s", r->n_adapter, r->n_adapter == 1 ? "" : "s");
    str_addf(out, ", %.1f ms; %s FLOPs, %s params", r->ms,
             text_delta((double)c->delta_flops, a, sizeof a),
             text_delta((double)c->delta_params, b, sizeof b));
    return STYLE_GOOD;
}

/* The title, and at its right end what it must be read with. */
static void draw_title(struct repair *v, struct rect r)
{
    const struct session_candidate *c = shown(v);
    char ops[256], side[160];
    describe_ops(ops, sizeof ops, c->ops);
    repair_settings(session_repair(ui_session(v->ui)), side, sizeof side);
    if (refused(v) && v->rows.after)
        snprintf(side, sizeof side, "%s", "shown: the last that fit");
    int w = text_width(side, theme_ascii());
    screen_putf(r.y, 1, r.w - w - 3, STYLE_BOLD, "%s for segment %d  %s", c->id, v->segment, ops);
    screen_put_right(r.y, r.w - w - 1, w, STYLE_WARN, side);
}

/* Returns the lines used. A long reason takes as many as it needs, up to a third of the screen. */
static int draw_head(struct repair *v, struct rect r)
{
    struct str text = {0};
    if (!shown(v)) {
        screen_put(r.y, 1, r.w - 1, STYLE_DIM, "no candidate is shown");
        return 1;
    }
    draw_title(v, r);
    int style = status_text(v, &text);
    int lines = text_lines(str_text(&text), r.w - 2, theme_ascii());
    lines = lines > r.h / 3 ? r.h / 3 : lines;
    lines = lines < HEAD ? HEAD : lines;
    screen_wrap((struct rect){r.y + 1, 1, lines, r.w - 2}, style, str_text(&text));
    str_done(&text);
    return 1 + lines;
}

static int draw_reach(const struct repair *v, struct rect r)
{
    int n = text_lines(str_text(&v->reach), r.w - 2, theme_ascii());
    n = n > REACH_LINES ? REACH_LINES : n;
    if (n == 0 || r.h < 12)
        return 0;
    screen_hline(r.y + r.h - n - 1, r.x, r.w, STYLE_EDGE);
    screen_wrap((struct rect){r.y + r.h - n, 1, n, r.w - 2}, STYLE_WARN, str_text(&v->reach));
    return n + 1;
}

static void repair_draw(struct ui *ui, void *self, struct rect r)
{
    struct repair *v = self;
    (void)ui;
    int head = draw_head(v, r), foot = draw_reach(v, r);
    struct rect body = {r.y + head, r.x, r.h - head - foot, r.w};
    if (v->drawing)
        draw_graph(v, body);
    else if (r.w >= WIDE) {
        int left = r.w * 55 / 100 > LIST_MIN ? r.w * 55 / 100 : LIST_MIN;
        list_draw(&v->list, (struct rect){body.y, body.x, body.h, left});
        screen_vline(body.y, body.x + left, body.h, STYLE_EDGE);
        draw_graph(v, (struct rect){body.y, body.x + left + 1, body.h, r.w - left - 1});
    } else
        list_draw(&v->list, body);
}

/* ---- pins ---- */

static bool pin(struct repair *v, int32_t id, int64_t n)
{
    struct err err = {0};
    bool good = session_repair_pin(ui_session(v->ui), id, n, &err) == ST_OK;
    if (!good)
        ui_fail(v->ui, &err);
    else
        ui_did_pin(v->ui, id, n);
    gather(v);
    return good;
}

/* Says so when the node under the cursor cannot have a pin. */
static bool can_pin(struct repair *v)
{
    int32_t id = node_here(v);
    const struct node *n = repair_node(&v->rows, id);
    const char *why = !n ? "no node is selected"
                      : repair_adapter(&v->rows, id)
                          ? "the width of an adapter follows from what it joins"
                      : n->op == OP_INPUT || n->op == OP_OUTPUT
                          ? "the width of an input or output is given by the network around it"
                      : !repair_width(&v->rows, id) ? "this node has no channels"
                                                    : NULL;
    if (why)
        ui_say(v->ui, "%s", why);
    return !why;
}

static void say_edit(struct repair *v)
{
    const struct node *n = repair_node(&v->rows, v->rows.edited);
    char old[48] = "no pin";
    if (v->old_pin)
        snprintf(old, sizeof old, "pin %lld", (long long)v->old_pin);
    ui_say(v->ui, "%s to %s channels: Enter accepts, Esc restores (%s)", node_label(n),
           v->rows.typed[0] ? v->rows.typed : "...", old);
}

static void restore(struct repair *v)
{
    int32_t id = v->rows.edited;
    const char *name = node_label(repair_node(&v->rows, id));
    char label[128];
    text_clean(label, sizeof label, name);
    stop_editing(v);
    v->restoring = true;
    pin(v, id, v->old_pin);
    ui_say(v->ui, v->old_pin ? "%s has its pin of %lld again" : "%s has no pin again", label,
           (long long)v->old_pin);
}

/* Enter: a number that cannot be stays where it is, with the reason above. */
static void accept(struct repair *v)
{
    const struct node *n = repair_node(&v->rows, v->rows.edited);
    if (!v->rows.typed[0])
        restore(v);
    else if (refused(v))
        say_refused(v);
    else {
        ui_say(v->ui, "%s pinned to %s channels", node_label(n), v->rows.typed);
        v->accepting = session_preview_busy(ui_session(v->ui));
        if (!v->accepting)
            stop_editing(v);
    }
}

/* Some other key: the number is kept if it may be. */
static void settle(struct repair *v)
{
    if (!editing(v))
        return;
    if (refused(v) || !v->rows.typed[0])
        restore(v);
    else
        stop_editing(v);
}

static void begin(struct repair *v)
{
    int32_t id = node_here(v);
    if (v->rows.edited == id)
        return;
    settle(v);
    v->old_pin = repair_pin(&v->rows, id);
    repair_rows_rebase(&v->rows);
    v->rows.edited = id;
    v->rows.typed[0] = 0;
}

/* Solves with what is typed now. */
static void retry(struct repair *v)
{
    int64_t n = v->old_pin;
    v->accepting = false;
    if (v->rows.typed[0])
        str_to_i64(v->rows.typed, 1, INT32_MAX, &n);
    if (pin(v, v->rows.edited, n))
        say_edit(v);
}

static void put_number(struct repair *v, int64_t n)
{
    begin(v);
    snprintf(v->rows.typed, sizeof v->rows.typed, "%.*lld", 1, (long long)n);
    v->fresh = true;
    retry(v);
}

static void step(struct repair *v, int dir)
{
    int multiple = session_repair(ui_session(v->ui))->multiple, by = multiple ? multiple : STEP;
    if (!can_pin(v))
        return;
    int32_t id = node_here(v);
    int64_t now = repair_pin(&v->rows, id);
    if (!now)
        now = repair_width(&v->rows, id);
    int64_t next = dir > 0 ? (now / by + 1) * by : (now - 1) / by * by;
    if (next <= 0)
        next = now > 1 ? now - 1 : 1;
    if (next < 99999)
        put_number(v, next);
}

static void width(struct repair *v, const char *arg)
{
    int64_t n;
    if (!*arg)
        ui_prompt(v->ui, "width ");
    else if (!str_to_i64(arg, 1, 99999, &n))
        ui_say(v->ui, "'%s' is no number of channels (1 to 99999)", arg);
    else if (can_pin(v)) {
        put_number(v, n);
        if (editing(v))
            accept(v);
    }
}

static void unpin(struct repair *v)
{
    if (can_pin(v)) {
        stop_editing(v);
        pin(v, node_here(v), 0);
    }
}

static void unpin_all(struct repair *v)
{
    struct err err = {0};
    stop_editing(v);
    if (session_unpin_all(ui_session(v->ui), &err) != ST_OK)
        ui_fail(v->ui, &err);
    else
        ui_did(v->ui, "unpin");
    gather(v);
}

/* ---- keys ---- */

static bool reject(struct repair *v)
{
    struct err err = {0};
    struct session *s = ui_session(v->ui);
    char id[24];
    snprintf(id, sizeof id, "%s", shown(v) ? shown(v)->id : "");
    if (session_reject(s, id, &err) != ST_OK) {
        ui_fail(v->ui, &err);
        return true;
    }
    struct ui *ui = v->ui;
    ui_did(ui, "reject %s", id);
    ui_pop_to(ui, VIEW_CANDIDATES);
    ui_say(ui, "%s is hidden in this session", id);
    return true;
}

static bool edit_action(struct repair *v, enum action a)
{
    if (!editing(v) || (a != ACTION_ENTER && a != ACTION_BACK))
        return false;
    if (a == ACTION_ENTER)
        accept(v);
    else
        restore(v);
    return true;
}

static bool repair_action(struct ui *ui, void *self, enum action a, const char *arg)
{
    struct repair *v = self;
    if (edit_action(v, a))
        return true;
    switch (a) {
    case ACTION_ENTER:
    case ACTION_COMPARE:
    case ACTION_WHY:
        ui_compare_preview(ui, a == ACTION_WHY);
        return true;
    case ACTION_APPLY:
        ui_apply(ui);
        return true;
    case ACTION_REJECT:
        return reject(v);
    case ACTION_WIDER:
    case ACTION_NARROWER:
        step(v, a == ACTION_WIDER ? 1 : -1);
        return true;
    case ACTION_WIDTH:
        width(v, arg);
        return true;
    case ACTION_UNPIN:
        unpin(v);
        return true;
    case ACTION_UNPIN_ALL:
        unpin_all(v);
        return true;
    case ACTION_GROW:
    case ACTION_ADAPT:
    case ACTION_MULTIPLE:
        ui_set_repair(ui, a, arg);
        return true;
    case ACTION_TOGGLE:
        v->drawing = !v->drawing;
        v->canvas.centre = true;
        return true;
    case ACTION_PAN_LEFT:
    case ACTION_PAN_RIGHT:
    case ACTION_PAN_UP:
    case ACTION_PAN_DOWN:
        return canvas_action(&v->canvas, (int)a);
    case ACTION_REDRAW:
    case ACTION_SAVE_DISPLAY:
    case ACTION_COMMAND:
    case ACTION_HELP:
        return false;
    default:
        settle(v);
        v->canvas.centre = true;
        return false;
    }
}

static bool repair_key(struct ui *ui, void *self, int key)
{
    struct repair *v = self;
    char *typed = v->rows.typed;
    bool digit = key >= '0' && key <= '9';
    (void)ui;
    if (!digit && (key != INPUT_BACKSPACE || !editing(v)))
        return false;
    if (!can_pin(v))
        return true;
    begin(v);
    if (v->fresh && digit)
        typed[0] = 0;
    v->fresh = false;
    size_t n = strlen(typed);
    if (!digit && n)
        typed[n - 1] = 0;
    else if (digit && n < DIGITS && (n || key != '0'))
        snprintf(typed + n, 2, "%c", key);
    retry(v);
    return true;
}

static void repair_changed(struct ui *ui, void *self, unsigned what)
{
    (void)ui;
    if (what & (SESSION_CHANGED_PREVIEW | SESSION_CHANGED_CANDIDATES | UI_EDITED))
        gather(self);
}

static void repair_close(struct ui *ui, void *self)
{
    struct repair *v = self;
    if (session_is_open(ui_session(ui)) && shown(v))
        session_preview(ui_session(ui), -1, NULL);
    repair_rows_done(&v->rows);
    str_done(&v->reach);
    list_done(&v->list);
}

static struct list *repair_list(void *self)
{
    struct repair *v = self;
    return &v->list;
}

const struct view_ops view_repair = {
    .size = sizeof(struct repair),
    .open = repair_open,
    .draw = repair_draw,
    .action = repair_action,
    .key = repair_key,
    .changed = repair_changed,
    .close = repair_close,
    .list = repair_list,
};
