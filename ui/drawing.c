#include "ui/drawing.h"

#include "base/hash.h"
#include "base/mem.h"
#include "ui/around.h"

#include <stdlib.h>
#include <string.h>

/* Above so many nodes not all of them are drawn: Graphviz's time grows faster than the network. */
enum { DRAW_ALL = 1500, HOPS = 3 };

static const char *const zoom_names[ZOOMS] = {"segments", "network", "segment", "node"};

static struct session *session(const struct drawing *d)
{
    return ui_session(d->ui);
}

static bool fits(const struct drawing *d)
{
    return graph_n_nodes(session_graph(session(d))) <= DRAW_ALL;
}

/* ---- heat ---- */

/* The costs that colour, and the most of them. */
static void warm(struct drawing *d)
{
    struct session *s = session(d);
    d->warmth = heat_costs(ui_costs(d->ui), s, d->heat);
    if (d->heat == HEAT_TIME && !d->warmth && session_is_open(s)) {
        struct err err = {0};
        if (session_time(s, &err) != ST_OK)
            ui_fail(d->ui, &err);
    }
    free(d->box_warmth);
    d->box_warmth = x_calloc((size_t)d->overview.n + 1, sizeof *d->box_warmth);
    d->most = 0;
    for (int i = 0; d->warmth && i < d->slots; i++) {
        int box = d->zoom == ZOOM_SEGMENTS ? d->overview.of[i] : -1;
        double now = d->warmth[i];
        if (box >= 0)
            now = d->box_warmth[box] += now;
        d->most = now > d->most ? now : d->most;
    }
}

static void say_heat(struct drawing *d)
{
    char most[24];
    const char *why = NULL;
    if (d->heat == HEAT_TIME && !d->warmth)
        session_times(session(d), &why);
    if (d->warmth)
        ui_say(d->ui, "coloured by %s%s; 9 is the most of a %s, %s%s",
               d->heat == HEAT_TIME ? "measured " : "", heat_name(d->heat),
               d->zoom == ZOOM_SEGMENTS ? "box" : "node", str_si(d->most, most, sizeof most),
               d->heat == HEAT_TIME ? " us" : "");
    else if (why)
        ui_say(d->ui, "the time of nodes cannot be measured: %s", why);
    else
        ui_say(d->ui, "%s",
               d->heat == HEAT_OFF    ? "coloured by segment"
               : d->heat == HEAT_TIME ? "measuring how long each node takes ..."
                                      : "cycles are not known: there is no accelerator");
}

static void set_heat(struct drawing *d, const char *arg)
{
    enum heat next = *arg ? heat_find(arg) : (enum heat)((d->heat + 1) % HEATS);
    if (next == HEATS) {
        ui_say(d->ui,
               "the drawing is coloured by cycles, FLOPs, parameters, memory or time, or off");
        return;
    }
    d->heat = next;
    warm(d);
    say_heat(d);
}

static int digit_of(const struct drawing *d, int32_t id)
{
    if (!d->warmth || id < 0)
        return 0;
    if (d->zoom == ZOOM_SEGMENTS)
        return id < d->overview.n ? heat_digit(d->box_warmth[id], d->most) : 0;
    return id < d->slots ? heat_digit(d->warmth[id], d->most) : 0;
}

/* ---- what is drawn ---- */

/* What the layout's ids are of, and which layout it is. */
static void keys(const struct drawing *d, uint64_t *ids, uint64_t *key)
{
    bool boxes = d->zoom == ZOOM_SEGMENTS;
    *ids = hash_pair(d->turn, boxes ? 1 + (uint64_t)d->unfolded : 0);
    uint64_t part = d->zoom == ZOOM_SEGMENT ? (uint64_t)(d->segment + 1)
                    : d->zoom == ZOOM_NODE  ? (uint64_t)(d->node + 1)
                                            : 0;
    *key = hash_pair(*ids, hash_pair((uint64_t)d->zoom, part));
}

static void request(struct drawing *d)
{
    const struct graph *g = session_graph(session(d));
    if (d->zoom == ZOOM_SEGMENTS) {
        const struct dot_groups groups = {d->overview.n, d->overview.of, d->overview.label};
        session_request_groups(session(d), d->slot, g, &groups, d->asked);
        return;
    }
    if (d->zoom == ZOOM_NETWORK) {
        session_request_layout(session(d), d->slot, g, NULL, d->asked);
        return;
    }
    const struct session_segment *seg = session_segment(session(d), d->segment);
    bool *keep = x_calloc((size_t)graph_n_slots(g) + 1, sizeof *keep);
    for (int i = 0; d->zoom == ZOOM_SEGMENT && seg && i < seg->region.n; i++)
        keep[seg->region.ids[i]] = true;
    if (d->node >= 0)
        keep[d->node] = true;
    around_grow(g, keep, d->zoom == ZOOM_SEGMENT ? HOPS : 1);
    session_request_layout(session(d), d->slot, g, keep, d->asked);
    free(keep);
}

const struct dot_layout *drawing_layout(const struct drawing *d)
{
    uint64_t have;
    const struct dot_layout *l = session_layout(session(d), d->slot, &have, NULL);
    return l && have == d->drawn && d->drawn_for == d->asked_for ? l : NULL;
}

int32_t drawing_box(const struct drawing *d, int32_t node)
{
    if (d->zoom != ZOOM_SEGMENTS)
        return node;
    return node >= 0 && node < d->slots ? d->overview.of[node] : -1;
}

int32_t drawing_node(const struct drawing *d, int32_t box)
{
    if (d->zoom != ZOOM_SEGMENTS)
        return box;
    return box >= 0 && box < d->overview.n ? d->overview.box[box].node : -1;
}

/* ---- how boxes look ---- */

static bool in_hand(const struct drawing *d, int32_t id)
{
    if (d->zoom == ZOOM_SEGMENTS)
        return id == drawing_box(d, d->node);
    const struct session_segment *seg = session_segment(session(d), d->segment);
    return seg ? region_has(&seg->region, id) : id == d->node;
}

static bool is_marked(const struct drawing *d, int32_t id)
{
    return d->marked && d->zoom != ZOOM_SEGMENTS && id < d->slots && d->marked[id];
}

static int box_style(void *ctx, int32_t id)
{
    const struct drawing *d = ctx;
    const int *of = session_segment_of(session(d));
    int32_t node = drawing_node(d, id);
    if (id == drawing_box(d, d->node))
        return STYLE_SELECT;
    if (is_marked(d, id))
        return STYLE_MATCH;
    if (d->warmth)
        return heat_style(digit_of(d, id));
    if (in_hand(d, id))
        return STYLE_FOCUS;
    return of && node >= 0 ? theme_segment(of[node]) : STYLE_TEXT;
}

/* Without colours what is in hand is marked by other brackets. */
static char box_mark(void *ctx, int32_t id)
{
    const struct drawing *d = ctx;
    int digit = digit_of(d, id);
    if (digit)
        return (char)('0' + digit);
    if (is_marked(d, id))
        return '*';
    if (theme_mono() && id == drawing_box(d, d->node))
        return '>';
    return theme_mono() && in_hand(d, id) ? '#' : 0;
}

static bool box_member(void *ctx, int32_t id)
{
    return in_hand(ctx, id);
}

void drawing_draw(struct drawing *d, struct rect r)
{
    uint64_t have = 0, ids, key;
    const char *why = NULL;
    if (r.h < 2 || !session_is_open(session(d)))
        return;
    keys(d, &ids, &key);
    if (d->asked != key) {
        d->asked = key;
        d->asked_for = ids;
        request(d);
    }
    const struct dot_layout *l = session_layout(session(d), d->slot, &have, &why);
    if (l && have == d->asked && d->drawn != have) {
        d->drawn = have;
        d->drawn_for = d->asked_for;
        d->canvas.centre = true;
        d->canvas.reveal = d->node >= 0;
    }
    if ((l = drawing_layout(d))) {
        struct canvas_look look = {box_style, box_mark, box_member, d};
        if (d->node < 0 && d->centred != d->segment)
            d->canvas.centre = true;
        d->centred = d->segment;
        d->canvas.hand = drawing_box(d, d->node);
        canvas_draw(&d->canvas, r, l, &look);
    } else if (why) {
        screen_putf(r.y + 1, r.x + 2, r.w - 2, STYLE_WARN, "cannot draw: %s (z: nearer)", why);
    } else
        screen_put(r.y + 1, r.x + 2, r.w - 2, STYLE_DIM, "drawing ...");
}

void drawing_draw_map(struct drawing *d, struct rect r)
{
    const struct dot_layout *l = drawing_layout(d);
    struct canvas_look look = {.style = box_style, .ctx = d};
    if (l)
        canvas_draw_map(&d->canvas, r, l, &look);
}

/* ---- the state ---- */

static void refresh(struct drawing *d)
{
    struct session *s = session(d);
    overview_done(&d->overview);
    graph_unref(d->graph);
    d->graph = NULL;
    d->slots = 0;
    d->turn++;
    if (session_is_open(s)) {
        d->graph = graph_ref(session_graph(s));
        d->slots = graph_n_slots(d->graph);
        overview_init(&d->overview, s, !d->unfolded);
        if (d->node >= d->slots || (d->node >= 0 && !graph_node(session_graph(s), d->node)))
            d->node = -1;
        if (d->zoom == ZOOM_NETWORK && !fits(d))
            d->zoom = ZOOM_SEGMENT;
    }
    warm(d);
}

void drawing_init(struct drawing *d, struct ui *ui, enum session_layout_slot slot)
{
    *d = (struct drawing){.ui = ui, .slot = slot, .segment = -1, .node = -1, .centred = -1};
    d->heat = (enum heat)ui_pref(ui, PREF_HEAT);
    d->zoom = fits(d) ? ZOOM_NETWORK : ZOOM_SEGMENT;
    refresh(d);
}

void drawing_done(struct drawing *d)
{
    overview_done(&d->overview);
    graph_unref(d->graph);
    free(d->box_warmth);
}

void drawing_changed(struct drawing *d, unsigned what)
{
    if (what & UI_EDITED && session_graph(session(d)) != d->graph)
        refresh(d);
    if (what & SESSION_CHANGED_TIMES && d->heat == HEAT_TIME && session_is_open(session(d))) {
        warm(d);
        say_heat(d);
    }
}

void drawing_take_segment(struct drawing *d, int segment)
{
    d->segment = segment;
    d->node = -1;
    /* From afar a box is in hand, not a segment. */
    const struct session_segment *seg = session_segment(session(d), segment);
    if (d->zoom == ZOOM_SEGMENTS && seg && seg->region.n)
        d->node = seg->region.ids[0];
}

void drawing_take_node(struct drawing *d, int32_t node)
{
    const int *of = session_segment_of(session(d));
    d->node = node;
    if (node >= 0 && of)
        d->segment = of[node];
    d->canvas.reveal = true;
}

static void set_zoom(struct drawing *d, int by, const char *arg)
{
    int next = (int)d->zoom + by;
    if (*arg)
        for (next = 0; next < ZOOMS && strcmp(arg, zoom_names[next]) != 0;)
            next++;
    if (*arg && next == ZOOMS) {
        ui_say(d->ui, "the drawing shows segments, the network, a segment or a node");
        return;
    }
    if (next == ZOOM_NETWORK && !fits(d)) {
        if (*arg) {
            ui_say(d->ui, "the network has more than %d nodes: too many to draw each", DRAW_ALL);
            return;
        }
        next += by;
    }
    if (next < 0 || next >= ZOOMS) {
        ui_say(d->ui, by < 0 ? "this is all of it" : "nearer it does not go");
        return;
    }
    d->zoom = (enum zoom)next;
    const struct session_segment *seg = session_segment(session(d), d->segment);
    if (d->node < 0 && seg && seg->region.n)
        d->node = seg->region.ids[0];
    warm(d);
    ui_say(d->ui, "%s",
           next == ZOOM_SEGMENTS  ? "each box is a segment"
           : next == ZOOM_NETWORK ? "all nodes of the network"
           : next == ZOOM_SEGMENT ? "the segment and what is around it"
                                  : "the node and its neighbours");
}

static void fold(struct drawing *d)
{
    d->unfolded = !d->unfolded;
    refresh(d);
    ui_say(d->ui, "%s%s",
           d->unfolded ? "every segment has a box of its own" : "what is repeated is one box (x6)",
           d->zoom == ZOOM_SEGMENTS ? "" : ", from afar (Z)");
}

bool drawing_action(struct drawing *d, enum action a, const char *arg)
{
    switch (a) {
    case ACTION_HEAT:
        set_heat(d, arg);
        return true;
    case ACTION_ZOOM_IN:
    case ACTION_ZOOM_OUT:
        set_zoom(d, a == ACTION_ZOOM_IN ? 1 : -1, arg);
        return true;
    case ACTION_FOLD:
        fold(d);
        return true;
    case ACTION_PAN_LEFT:
    case ACTION_PAN_RIGHT:
    case ACTION_PAN_UP:
    case ACTION_PAN_DOWN:
        return canvas_action(&d->canvas, (int)a);
    default:
        return false;
    }
}
