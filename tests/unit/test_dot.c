/* dot: DOT text, pictures, cell layouts, and that the child process is harmless. */
#include "base/file.h"
#include "base/mem.h"
#include "dot/dot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- small graphs ---- */

static int32_t add_op(struct graph_edit *e, enum op op, const char *name, int32_t a, int32_t b)
{
    struct node *n = node_new(op, name);
    if (a >= 0)
        node_add_input(n, a, 0);
    if (op == OP_CONV) {
        struct ttype t = ttype_nchw(16, 16, 3, 3);
        node_add_const(n, tensor_new_fill("", &t, 0));
    }
    if (b >= 0)
        node_add_input(n, b, 0);
    if (op != OP_OUTPUT) {
        node_add_output(n, name);
        n->out[0].type = ttype_nchw(1, 16, 8, 8);
    }
    return graph_edit_add(e, n);
}

/* input -> (conv -> relu)* with a skip around every pair -> output */
static struct graph *residual(int blocks, const char *name)
{
    struct graph_edit *e = graph_edit_new(NULL);
    graph_edit_set_name(e, name);
    int32_t at = add_op(e, OP_INPUT, "x", -1, -1);
    for (int i = 0; i < blocks; i++) {
        char s[64];
        snprintf(s, sizeof s, "conv%d", i);
        int32_t c = add_op(e, OP_CONV, s, at, -1);
        snprintf(s, sizeof s, "relu%d", i);
        int32_t r = add_op(e, OP_RELU, s, c, -1);
        snprintf(s, sizeof s, "add%d", i);
        at = add_op(e, OP_ADD, s, r, at);
    }
    add_op(e, OP_OUTPUT, "y", at, -1);
    struct graph *g = NULL;
    struct err err = {0};
    if (graph_edit_freeze(e, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    return g;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static void no_children_left(void)
{
    int status;
    assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static char *temp_path(const char *suffix)
{
    static int serial;
    return x_asprintf("test_dot.%d.%d.%s", (int)getpid(), serial++, suffix);
}

/* ---- text ---- */

static void text_has_every_node_and_edge(void **state)
{
    (void)state;
    struct graph *g = residual(3, "net");
    struct str out = {0};
    dot_text(g, NULL, &out);
    assert_int_equal(count(out.s, "[label="), graph_n_nodes(g));
    assert_int_equal(count(out.s, " -> n"), graph_n_edges(g));
    assert_non_null(strstr(out.s, "Conv 3x3\\n16x8x8"));
    assert_null(strstr(out.s, "cluster"));
    str_done(&out);
    graph_unref(g);
}

static void text_draws_segments_and_marks(void **state)
{
    (void)state;
    struct graph *g = residual(2, "net");
    int segment[8] = {-1, 0, 0, 0, 1, 1, 1, -1};
    enum dot_mark mark[8] = {0};
    mark[2] = DOT_SELECTED;
    struct dot_opts o = {.title = "a \"title\"", .segment = segment, .mark = mark, .terse = true};
    struct str out = {0};
    assert_int_equal(graph_n_slots(g), 8);
    dot_text(g, &o, &out);
    assert_int_equal(count(out.s, "subgraph cluster_"), 2);
    assert_int_equal(count(out.s, "#8ec7ff"), 1);
    assert_non_null(strstr(out.s, "a \\\"title\\\""));
    assert_null(strstr(out.s, "16x8x8"));
    str_done(&out);
    graph_unref(g);
}

static void names_cannot_break_the_text(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    graph_edit_set_name(e, "q\" [x] \\ \n \xff\xc3 \xc3\xa9");
    int32_t x = add_op(e, OP_INPUT, "\"]; evil [label=\"", -1, -1);
    int32_t r = add_op(e, OP_RELU, "back\\", x, -1);
    add_op(e, OP_OUTPUT, "\x01\xf0\x28", r, -1);
    struct graph *g = NULL;
    assert_int_equal(graph_edit_freeze(e, &g, NULL), ST_OK);
    struct str out = {0};
    dot_text(g, NULL, &out);
    const char *evil = out.s;
    while ((evil = strstr(evil, "\"]; evil"))) {
        assert_int_equal(evil[-1], '\\');
        evil++;
    }
    assert_non_null(strstr(out.s, "\xc3\xa9"));
    assert_null(strchr(out.s, '\xff'));
    char *path = temp_path("svg");
    struct err err = {0};
    if (dot_render(out.s, "svg", path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    unlink(path);
    free(path);
    str_done(&out);
    graph_unref(g);
}

static void diff_marks_each_kind(void **state)
{
    (void)state;
    struct graph *a = residual(2, "net");
    struct graph_edit *e = graph_edit_new(a);
    int32_t relu = graph_find(a, "relu0"), conv = graph_find(a, "conv0");
    int32_t add = graph_find(a, "add0");
    int32_t fresh = add_op(e, OP_TANH, "tanh0", conv, -1);
    node_set_input(graph_edit_mut(e, add), 0, fresh, 0, NULL);
    graph_edit_remove(e, relu);
    node_set_int(graph_edit_mut(e, graph_find(a, "conv1")), "group", 2);
    struct graph *b = NULL;
    struct err err = {0};
    if (graph_edit_freeze(e, &b, &err) != ST_OK)
        fail_msg("%s", err.msg);
    struct graph_diff d;
    graph_diff_init(&d, a, b, true);
    assert_int_equal(d.n_added, 1);
    assert_int_equal(d.n_removed, 1);
    struct str out = {0};
    dot_diff_text(a, b, &d, NULL, &out);
    assert_int_equal(count(out.s, "[label="), graph_n_nodes(b) + 1);
    assert_int_equal(count(out.s, "#a6e3a1"), 1); /* added */
    assert_int_equal(count(out.s, "#f5a3a3"), 1); /* removed */
    assert_int_equal(count(out.s, "#ffd27f"), d.n_changed);
    /* conv0 -> relu0 and relu0 -> add0 are drawn as what went */
    assert_int_equal(count(out.s, "color=\"#c62828\""), 2);
    char want[64];
    snprintf(want, sizeof want, "n%d -> old%d", (int)conv, (int)relu);
    assert_non_null(strstr(out.s, want));
    str_done(&out);
    graph_diff_done(&d);
    graph_unref(a);
    graph_unref(b);
}

/* ---- pictures ---- */

static void renders_every_format(void **state)
{
    (void)state;
    static const struct {
        const char *format, *magic;
    } kind[] = {{"svg", "<?xml"}, {"png", "\x89PNG"}, {"pdf", "%PDF"}, {"dot", "digraph"}};
    struct graph *g = residual(2, "net");
    struct str out = {0};
    dot_text(g, NULL, &out);
    for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
        char *path = temp_path(kind[i].format);
        struct err err = {0};
        if (dot_render(out.s, kind[i].format, path, &err) != ST_OK)
            fail_msg("%s: %s", kind[i].format, err.msg);
        unsigned char *data = NULL;
        size_t size = 0;
        assert_int_equal(file_read(path, 1 << 24, &data, &size, &err), ST_OK);
        assert_true(size > 50);
        assert_memory_equal(data, kind[i].magic, strlen(kind[i].magic));
        free(data);
        unlink(path);
        free(path);
    }
    str_done(&out);
    graph_unref(g);
    no_children_left();
}

static unsigned be32(const unsigned char *p)
{
    return (unsigned)p[0] << 24 | (unsigned)p[1] << 16 | (unsigned)p[2] << 8 | p[3];
}

/* Taller than cairo can: the picture gets a lower resolution instead of being cut. */
static void png_stays_below_the_cap(void **state)
{
    (void)state;
    struct str dot = {0};
    str_add(&dot, "digraph { node [height=2]; ");
    for (int i = 0; i < 180; i++)
        str_addf(&dot, "%d -> %d; ", i, i + 1);
    str_add(&dot, "}");
    char *path = temp_path("png");
    struct err err = {0};
    if (dot_render(dot.s, "png", path, &err) != ST_OK)
        fail_msg("%s", err.msg);
    unsigned char *data = NULL;
    size_t size = 0;
    assert_int_equal(file_read(path, 1 << 28, &data, &size, &err), ST_OK);
    assert_true(size > 24);
    unsigned height = be32(data + 20);
    assert_true(height > 20000 && height <= 32767);
    free(data);
    unlink(path);
    free(path);
    str_done(&dot);
}

static void failures_leave_no_file(void **state)
{
    (void)state;
    char *path = temp_path("svg");
    struct err err = {0};
    assert_int_equal(dot_render("digraph { broken ", "svg", path, &err), ST_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "Graphviz"));
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(dot_render("digraph {}", "gif", path, &err), ST_USAGE);
    assert_int_equal(dot_render("digraph {}", "svg", "no/such/folder/x.svg", &err), ST_IO);
    free(path);
    no_children_left();
}

/* Graphviz warns about a size it does not understand; the terminal must not see it. */
static void child_is_silent(void **state)
{
    (void)state;
    char *log = temp_path("log"), *path = temp_path("svg");
    fflush(stderr);
    int saved = dup(2);
    assert_non_null(freopen(log, "w", stderr));
    struct err err = {0};
    enum status st = dot_render("digraph { a [shape=nosuchshape]; a -> b; b [width=x]; "
                                "c [label=<<b>broken>] }",
                                "svg", path, &err);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    struct stat sb;
    assert_int_equal(stat(log, &sb), 0);
    assert_int_equal(sb.st_size, 0);
    assert_true(st == ST_OK || st == ST_UNSUPPORTED);
    unlink(log);
    unlink(path);
    free(log);
    free(path);
}

/* ---- layouts ---- */

static const struct dot_box *box_of(const struct dot_layout *l, int32_t id)
{
    for (int i = 0; i < l->n_box; i++)
        if (l->box[i].id == id)
            return &l->box[i];
    return NULL;
}

static void check_layout(const struct dot_layout *l)
{
    for (int i = 0; i < l->n_box; i++) {
        const struct dot_box *a = &l->box[i];
        assert_true(a->x >= 0 && a->y >= 0 && a->w > 0 && a->h > 0);
        assert_true(a->x + a->w <= l->width && a->y + a->h <= l->height);
        assert_true((int)strlen(a->label) <= a->w);
        for (int k = 0; k < i; k++) {
            const struct dot_box *b = &l->box[k];
            bool apart = a->x + a->w <= b->x || b->x + b->w <= a->x || a->y + a->h <= b->y ||
                         b->y + b->h <= a->y;
            assert_true(apart);
        }
    }
    for (int i = 0; i < l->n_line; i++) {
        const struct dot_line *e = &l->line[i];
        const struct dot_box *from = box_of(l, e->from), *to = box_of(l, e->to);
        assert_non_null(from);
        assert_non_null(to);
        assert_true(from->y < to->y);
        assert_true(e->n >= 2);
        assert_int_equal(e->at[0].y, from->y);
        assert_int_equal(e->at[0].x, from->x + from->w / 2);
        assert_int_equal(e->at[e->n - 1].y, to->y);
        assert_int_equal(e->at[e->n - 1].x, to->x + to->w / 2);
        for (int k = 1; k < e->n; k++) {
            bool across = e->at[k].y == e->at[k - 1].y, down = e->at[k].x == e->at[k - 1].x;
            assert_true(across != down);
            assert_true(e->at[k].y >= e->at[k - 1].y);
            assert_true(e->at[k].x >= 0 && e->at[k].x < l->width);
        }
        /* no edge runs through a box that is not its own */
        for (int b = 0; b < l->n_box; b++) {
            const struct dot_box *o = &l->box[b];
            if (o == from || o == to)
                continue;
            for (int k = 1; k < e->n; k++)
                if (e->at[k].x == e->at[k - 1].x && e->at[k].x >= o->x && e->at[k].x < o->x + o->w)
                    assert_false(o->y >= e->at[k - 1].y && o->y <= e->at[k].y);
        }
    }
}

static void layout_of_residual_blocks(void **state)
{
    (void)state;
    struct graph *g = residual(4, "net");
    struct dot_layout l = {0};
    struct err err = {0};
    if (dot_layout_init(&l, g, NULL, 0, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(l.n_box, graph_n_nodes(g));
    assert_int_equal(l.n_line, graph_n_edges(g));
    for (int i = 0; i < l.n_box; i++)
        assert_int_equal(l.box[i].id, graph_topo(g)[i]);
    check_layout(&l);
    dot_layout_done(&l);
    assert_int_equal(l.n_box, 0);
    graph_unref(g);
    no_children_left();
}

static void layout_of_a_part(void **state)
{
    (void)state;
    struct graph *g = residual(4, "net");
    bool keep[32] = {false};
    for (int i = 1; i <= 3; i++)
        keep[i] = true; /* conv0 relu0 add0 */
    struct dot_layout l = {0};
    struct err err = {0};
    if (dot_layout_init(&l, g, keep, 0, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(l.n_box, 3);
    assert_int_equal(l.n_line, 2);
    check_layout(&l);
    dot_layout_done(&l);
    bool none[32] = {false};
    assert_int_equal(dot_layout_init(&l, g, none, 0, NULL, &err), ST_OK);
    assert_int_equal(l.n_box, 0);
    dot_layout_done(&l);
    graph_unref(g);
}

/* Boxes for several nodes: edges inside of one are gone, several between two are one, and two that
 * read each other are no circle. */
static void layout_of_groups(void **state)
{
    (void)state;
    struct graph *g = residual(4, "net");
    struct dot_layout l = {0};
    struct err err = {0};
    int n = graph_n_nodes(g), of[64];
    char *const label[] = {"first", "second", "third, of no node"};
    for (int i = 0; i < n; i++)
        of[graph_topo(g)[i]] = i == n - 1 ? -1 : i % 2; /* each reads the other */
    const struct dot_groups groups = {3, of, label};
    if (dot_layout_groups(&l, g, &groups, 0, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(l.n_box, 2);
    assert_int_equal(l.n_line, 1);
    assert_int_equal(l.box[0].id, 0);
    assert_int_equal(l.box[1].id, 1);
    assert_string_equal(l.box[1].label, "second");
    check_layout(&l);
    dot_layout_done(&l);
    graph_unref(g);
    no_children_left();
}

/* Dense joins: every layer reads all before it. */
static void layout_of_dense_joins(void **state)
{
    (void)state;
    struct graph_edit *e = graph_edit_new(NULL);
    int32_t id[9];
    id[0] = add_op(e, OP_INPUT, "x", -1, -1);
    for (int i = 1; i < 9; i++) {
        struct node *n = node_new(OP_CONCAT, "");
        for (int k = 0; k < i; k++)
            node_add_input(n, id[k], 0);
        char s[16];
        snprintf(s, sizeof s, "c%d", i);
        node_add_output(n, s);
        id[i] = graph_edit_add(e, n);
    }
    struct graph *g = NULL;
    struct err err = {0};
    if (graph_edit_freeze(e, &g, &err) != ST_OK)
        fail_msg("%s", err.msg);
    struct dot_layout l = {0};
    if (dot_layout_init(&l, g, NULL, 0, NULL, &err) != ST_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(l.n_line, 36);
    check_layout(&l);
    dot_layout_done(&l);
    graph_unref(g);
}

static void layout_can_be_stopped(void **state)
{
    (void)state;
    struct graph *g = residual(400, "big");
    struct dot_layout l = {0};
    struct err err = {0};
    int cancel = 1;
    assert_int_equal(dot_layout_init(&l, g, NULL, 0, &cancel, &err), ST_CANCELLED);
    assert_int_equal(l.n_box, 0);
    assert_int_equal(dot_layout_init(&l, g, NULL, 1e-6, NULL, &err), ST_UNSUPPORTED);
    assert_int_equal(l.n_box, 0);
    assert_non_null(strstr(err.msg, "longer"));
    graph_unref(g);
    no_children_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_every_node_and_edge),
        cmocka_unit_test(text_draws_segments_and_marks),
        cmocka_unit_test(names_cannot_break_the_text),
        cmocka_unit_test(diff_marks_each_kind),
        cmocka_unit_test(renders_every_format),
        cmocka_unit_test(png_stays_below_the_cap),
        cmocka_unit_test(failures_leave_no_file),
        cmocka_unit_test(child_is_silent),
        cmocka_unit_test(layout_of_residual_blocks),
        cmocka_unit_test(layout_of_a_part),
        cmocka_unit_test(layout_of_groups),
        cmocka_unit_test(layout_of_dense_joins),
        cmocka_unit_test(layout_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
