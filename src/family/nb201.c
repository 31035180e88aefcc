/* NAS-Bench-201 (Dong and Yang 2020): a cell of 4 states and 6 edges, in the form AutoGO's graphs
 * have it (pre-activated convolutions, batch normalisation after a pool, a reduction cell without
 * normalisation). */
#include "family/family_priv.h"
#include <stdio.h>

enum nb201_op { NB_NONE, NB_SKIP, NB_CONV1, NB_CONV3, NB_POOL, NB_OPS };
enum { STATES = 4, EDGES = 6, STRINGS = 15625 };

static const char *const op_name[NB_OPS] = {"none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3",
                                            "avg_pool_3x3"};

struct nb201_cell {
    int op[STATES][STATES]; /* [to][from] */
};

static enum status cell_scan(struct scan *s, struct nb201_cell *cell)
{
    for (int to = 1; to < STATES; to++) {
        if (to > 1)
            TRY(scan_need(s, '+'));
        TRY(scan_need(s, '|'));
        for (int from = 0; from < to; from++) {
            int source;
            TRY(scan_word(s, "operation", op_name, NB_OPS, &cell->op[to][from]));
            TRY(scan_need(s, '~'));
            TRY(scan_int(s, "source state", from, from, &source));
            TRY(scan_need(s, '|'));
        }
    }
    return scan_finish(s);
}

static void cell_text(struct str *text, const int op[EDGES])
{
    for (int to = 1, edge = 0; to < STATES; to++) {
        str_add(text, to > 1 ? "+|" : "|");
        for (int from = 0; from < to; from++)
            str_addf(text, "%s~%d|", op_name[op[edge++]], from);
    }
}

char *family_nb201_string(int i)
{
    struct str text = {0};
    int op[EDGES];
    if (i < 0 || i >= STRINGS)
        return NULL;
    for (int e = EDGES; e-- > 0; i /= NB_OPS)
        op[e] = i % NB_OPS;
    str_add(&text, "nb201:");
    cell_text(&text, op);
    return str_take(&text);
}

/* Counted and numbered are cells without `none`, of which AutoGO's networks are. */
uint64_t nb201_count(void)
{
    uint64_t n = 1;
    for (int e = 0; e < EDGES; e++)
        n *= NB_OPS - 1;
    return n;
}

void nb201_text(struct str *text, uint64_t i)
{
    int op[EDGES];
    for (int e = EDGES; e-- > 0; i /= NB_OPS - 1)
        op[e] = 1 + (int)(i % (NB_OPS - 1));
    cell_text(text, op);
}

static struct tap edge_build(struct builder *b, struct tap x, int op, int from, int to)
{
    char name[32];
    if (op == NB_SKIP)
        return build_identity(b, x, build_fmt(b, "edge%d%d.skip", from, to));
    if (op == NB_POOL) {
        x = build_pool(b, x, OP_AVGPOOL, build_fmt(b, "edge%d%d.pool", from, to), 3, 1);
    } else {
        x = build_relu(b, x, build_fmt(b, "edge%d%d.relu", from, to));
        snprintf(name, sizeof name, "edge%d%d.conv", from, to);
        x = build_conv(b, x, name, (struct conv_spec){.cout = x.c, .kh = op == NB_CONV1 ? 1 : 3});
    }
    return build_bn(b, x, build_fmt(b, "edge%d%d.bn", from, to));
}

/* An edge `none` contributes nothing, and a state from which only such edges lead to the output is
 * not built. A state that is needed but gets nothing is the cell's input times 0. */
static struct tap cell_build(struct builder *b, struct tap x, const struct nb201_cell *cell)
{
    struct tap state[STATES] = {x};
    bool live[STATES] = {[STATES - 1] = true};
    for (int to = STATES - 1; to > 0; to--)
        for (int from = 0; live[to] && from < to; from++)
            live[from] |= cell->op[to][from] != NB_NONE;
    for (int to = 1; to < STATES; to++) {
        struct tap in[STATES];
        int n = 0;
        for (int from = 0; live[to] && from < to; from++)
            if (cell->op[to][from] != NB_NONE)
                in[n++] = edge_build(b, state[from], cell->op[to][from], from, to);
        if (live[to] && n == 0)
            in[n++] = build_zero(b, x, build_fmt(b, "state%d.zero", to));
        if (!live[to])
            continue;
        /* The last state is summed from its youngest source on, as AutoGO's graphs have it. */
        bool reverse = to == STATES - 1;
        state[to] = in[reverse ? n - 1 : 0];
        for (int i = 1; i < n; i++)
            state[to] = build_add(b, state[to], in[reverse ? n - 1 - i : i],
                                  build_fmt(b, "state%d.add%d", to, i));
    }
    return state[STATES - 1];
}

static struct tap reduction_build(struct builder *b, struct tap x)
{
    struct tap main = build_conv(b, x, "conv1", (struct conv_spec){.cout = x.c, .kh = 3});
    main = build_relu(b, main, "relu1");
    main = build_conv(b, main, "conv2", (struct conv_spec){.cout = 2 * x.c, .kh = 3, .sh = 2});
    struct tap side = build_pool(b, x, OP_AVGPOOL, "side.pool", 3, 2);
    side = build_conv(b, side, "side.conv", (struct conv_spec){.cout = 2 * x.c, .kh = 1});
    return build_relu(b, build_add(b, main, side, "add"), "relu2");
}

enum status nb201_generate(struct scan *s, bool reduced, uint64_t seed, struct graph **out)
{
    struct nb201_cell cell;
    struct builder b;
    TRY(cell_scan(s, &cell));
    build_init(&b, s->text, seed, BUILD_TF_SAME);
    b.bn_epsilon = 1e-3F;
    b.bn_momentum = 0.99F;
    struct tap x = build_input(&b, reduced ? 1 : 3, 32, 32);
    build_scope(&b, "stem");
    x = build_conv(&b, x, "conv",
                   (struct conv_spec){.cout = reduced ? 8 : 16, .kh = 3, .sh = reduced ? 2 : 1});
    x = build_bn(&b, x, "bn");
    for (int stage = 0; stage < 3; stage++) {
        if (stage) {
            build_scope(&b, "reduce%d", stage);
            x = reduction_build(&b, x);
        }
        for (int i = 0; i < (reduced ? 2 : 5); i++) {
            build_scope(&b, "stage%d.cell%d", stage, i);
            x = cell_build(&b, x, &cell);
        }
    }
    build_head(&b, x, true, 10);
    return build_finish(&b, out, s->err);
}
