/* The words for conflicts of heights and widths that strides could change: which sizes they can
 * give, found by solving without the part that is not content with them. */
#include "mend/conflict_text.h"

enum { SHOWN_SIZES = 6 };

/* "14, 7 or 4"; of many sizes those around `near`. */
static void add_sizes(struct words *w, const struct dom *d, int64_t near)
{
    int first = 0, shown = d->n > SHOWN_SIZES ? SHOWN_SIZES : d->n;
    while (first < d->n - shown && d->at[d->n - 1 - first - shown / 2] > near)
        first++;
    str_add(&w->s, first ? "... " : "");
    for (int i = 0; i < shown; i++)
        str_addf(&w->s, "%s%lld", words_comma(i, d->n, " or "),
                 (long long)d->at[d->n - 1 - first - i]);
    str_add(&w->s, first + shown < d->n ? " ..." : "");
}

static bool dom_has(const struct dom *d, int64_t size)
{
    for (int i = 0; i < d->n; i++)
        if (d->at[i] == size)
            return true;
    return false;
}

static bool changes_size(const struct con *c)
{
    return c->kind == CON_WINDOW || c->kind == CON_SCALE || c->kind == CON_LIN;
}

/* "the strides 1, 2 or 4 of 'p' (MaxPool) make" */
static void add_movers(struct words *w, int32_t except, const char *does, const char *do_)
{
    int32_t id[CONFLICT_MAX] = {0};
    const struct mwin *only = NULL;
    int n = 0, n_win = 0;
    for (size_t i = 0; i < w->m->con.n && n < CONFLICT_MAX; i++) {
        const struct con *c = con_at(w, i);
        if (!changes_size(c) || c->node == except || (n && id[n - 1] == c->node))
            continue;
        id[n++] = c->node;
        if (c->kind == CON_WINDOW) {
            n_win++;
            only = &w->m->win.at[c->win];
        }
    }
    if (n_win)
        str_add(&w->s, "the strides ");
    if (n == 1 && n_win == 1) {
        int64_t t[4];
        int count = win_choices(only, (int)w->axis, t);
        for (int i = 0; i < count; i++)
            str_addf(&w->s, "%s%lld", words_comma(i, count, " or "), (long long)t[i]);
        str_add(&w->s, " ");
    }
    if (n_win)
        str_add(&w->s, "of ");
    words_nodes(w, id, n, n == 1);
    str_addf(&w->s, " %s", n == 1 && !n_win ? does : do_);
}

/* " from 14 (input 'x')", when one number is where all comes from. */
static void add_source(struct words *w, const struct fixer *f, int n, const struct fixer *except)
{
    const struct fixer *source = NULL;
    for (int i = 0; i < n; i++) {
        if (f[i].one || &f[i] == except || (except && f[i].node == except->node))
            continue;
        if (source)
            return;
        source = &f[i];
    }
    if (!source)
        return;
    str_addf(&w->s, " from %lld (", (long long)source->lo);
    words_fixer(w, source);
    str_add(&w->s, ")");
}

/* The problem of the constraints that are not those of `kind` and `node`. */
static void init_without(struct words *w, struct axis_problem *p, struct model *rest,
                         enum mend_part_kind kind, int32_t node)
{
    *rest = *w->m;
    memset(&rest->con, 0, sizeof rest->con);
    for (size_t i = 0; i < w->m->con.n; i++) {
        const struct con *c = con_at(w, i);
        if (con_part(c).kind != kind || c->node != node)
            vec_push(&rest->con, *c);
    }
    axis_init(p, rest, (int)w->axis, (int)rest->con.n, false);
    axis_prune(p);
}

static void done_without(struct axis_problem *p, struct model *rest)
{
    axis_done(p);
    vec_done(&rest->con);
}

/* A number that the strides do not give. */
static void say_target(struct words *w, const struct fixer *f, int n, const struct fixer *target)
{
    struct model rest;
    struct axis_problem p;
    init_without(w, &p, &rest, target->kind, target->node);
    const struct dom *d = &p.dom[p.cls[target->v]];
    if (d->n > 0 && !dom_has(d, target->lo)) {
        add_movers(w, -1, "makes", "make");
        str_addf(&w->s, " the %s ", mend_axis_name(w->axis));
        add_sizes(w, d, target->lo);
        add_source(w, f, n, target);
        str_add(&w->s, ", but ");
        words_demand(w, target, false);
    } else {
        words_demand(w, target, true);
        str_add(&w->s, ", which ");
        add_movers(w, -1, "cannot give", "cannot give");
        add_source(w, f, n, target);
        str_add(&w->s, " in all branches at once");
    }
    done_without(&p, &rest);
}

/* Two operands that the strides do not make equal. */
static void say_join(struct words *w, const struct fixer *f, int n, int32_t join)
{
    const struct node *node = graph_node(w->m->g, join);
    struct model rest;
    struct axis_problem p;
    init_without(w, &p, &rest, MEND_PART_NODE, join);
    int a = model_in(w->m, node, 0), b = -1;
    for (int i = 1; i < node->n_in && b < 0; i++)
        b = model_in(w->m, node, i) == a ? -1 : model_in(w->m, node, i);
    words_node(w, join);
    str_addf(&w->s, " joins tensors of different %s: ", mend_axis_name(w->axis));
    const struct dom *da = a < 0 ? NULL : &p.dom[p.cls[a]], *db = b < 0 ? NULL : &p.dom[p.cls[b]];
    if (da && db && da->n > 0 && db->n > 0 && da->n <= SHOWN_SIZES && db->n <= SHOWN_SIZES) {
        words_name(w, w->m->val[a].node);
        str_add(&w->s, " can have ");
        add_sizes(w, da, 0);
        str_add(&w->s, ", ");
        words_name(w, w->m->val[b].node);
        str_add(&w->s, " ");
        add_sizes(w, db, 0);
    } else {
        add_movers(w, join, "does not make them equal", "do not make them equal");
    }
    add_source(w, f, n, NULL);
    done_without(&p, &rest);
}

static void say_window(struct words *w, const struct fixer *f, int n, const struct con *c)
{
    const struct window *win = &w->m->win.at[c->win].w;
    int a = w->axis == MEND_AXIS_H ? 0 : 1;
    const struct fixer *by = words_decider(w, words_end(w, c, 0), f, n);
    words_node(w, c->node);
    str_addf(&w->s, " has a window of %lld and no stride that fits",
             (long long)((win->kernel[a] - 1) * win->dilation[a] + 1));
    if (by) {
        str_add(&w->s, ": ");
        words_demand(w, by, true);
    }
}

static int n_operands(const struct words *w, int32_t id)
{
    int n = 0;
    const struct node *node = graph_node(w->m->g, id);
    for (int i = 0; i < node->n_in; i++)
        n += model_in(w->m, node, i) >= 0;
    return n;
}

bool words_strides(struct words *w, const struct fixer *f, int n)
{
    const struct fixer *target = NULL;
    const struct con *window = NULL;
    int32_t join = -1;
    bool moves = false;
    for (size_t i = 0; i < w->m->con.n; i++) {
        const struct con *c = con_at(w, i);
        moves |= c->kind == CON_WINDOW || c->kind == CON_SCALE;
        if (c->kind == CON_WINDOW)
            window = c;
        if (c->why == WHY_NODE && c->kind != CON_WINDOW && n_operands(w, c->node) > 1)
            join = c->node;
    }
    if (!moves)
        return false;
    for (int i = 0; i < n; i++)
        if (f[i].kind == MEND_PART_OUTPUT || (f[i].kind == MEND_PART_NODE && join < 0 && !target))
            target = &f[i];
    if (target)
        say_target(w, f, n, target);
    else if (join >= 0)
        say_join(w, f, n, join);
    else if (window)
        say_window(w, f, n, window);
    return target || join >= 0 || window;
}
