/* Two-Path (Mills et al., GENNAPE 2023): two independent chains of blocks whose ends are
 * concatenated. */
#include "family/family_priv.h"

enum { MAX_BLOCKS = 4, MAX_OPS = 3, PATHS = 2, REDUCTIONS = 2 };

enum op_code { C3, C5, DC3, R2C3, R4C3, E2C3, S3, S5, C1, R2C1, E2C1, AP3, MP3, N_CODES };
enum { N_CONV = C1 }; /* codes below are of the conv kind, the others "supp" */
static const char *const code_name[N_CODES] = {"c3", "c5", "dc3",  "r2c3", "r4c3", "e2c3", "s3",
                                               "s5", "c1", "r2c1", "e2c1", "ap3",  "mp3"};

struct block {
    int op[MAX_OPS], n;
    bool reduction;
};
struct path {
    struct block block[MAX_BLOCKS];
    int n;
};

/* ---- text ---- */

static enum status block_scan(struct scan *s, struct block *block)
{
    size_t start = s->at;
    int supp = 0;
    block->n = 0;
    do {
        if (block->n == MAX_OPS)
            return scan_fail(s, s->at, "a block has at most %d operations", MAX_OPS);
        TRY(scan_word(s, "operation", code_name, N_CODES, &block->op[block->n]));
        supp += block->op[block->n++] >= N_CONV;
    } while (scan_take(s, '+'));
    if (supp == block->n || supp > 1)
        return scan_fail(s, start,
                         "a block has at least one convolution (c3 to s5) and at most one of c1 "
                         "r2c1 e2c1 ap3 mp3");
    block->reduction = scan_take(s, '!');
    return ST_OK;
}

static enum status path_scan(struct scan *s, struct path *path)
{
    path->n = 0;
    do {
        if (path->n == MAX_BLOCKS)
            return scan_fail(s, s->at, "a path has at most %d blocks", MAX_BLOCKS);
        TRY(block_scan(s, &path->block[path->n]));
        path->n++;
    } while (scan_take(s, '.'));
    return ST_OK;
}

static enum status reductions_check(struct scan *s, size_t start, const struct path *path)
{
    int reductions = 0;
    for (int i = 0; i < path->n; i++)
        reductions += path->block[i].reduction;
    if (reductions != REDUCTIONS)
        return scan_fail(s, start, "%d of the path's blocks are reductions ('!'), %d are needed",
                         reductions, REDUCTIONS);
    return ST_OK;
}

static enum status paths_scan(struct scan *s, struct path path[PATHS])
{
    size_t start[PATHS];
    for (int p = 0; p < PATHS; p++) {
        if (p)
            TRY(scan_need(s, '/'));
        start[p] = s->at;
        TRY(path_scan(s, &path[p]));
    }
    TRY(scan_finish(s));
    for (int p = 0; p < PATHS; p++)
        TRY(reductions_check(s, start[p], &path[p]));
    return ST_OK;
}

/* ---- network ---- */

static struct tap conv(struct builder *b, struct tap x, int64_t cout, int k, int stride,
                       enum build_act act)
{
    return build_unit(b, x, (struct conv_spec){.cout = cout, .kh = k, .sh = stride}, act);
}

/* Two convolutions with `hidden` channels in between and no activation. */
static struct tap through(struct builder *b, struct tap x, int64_t hidden, int64_t cout, int k,
                          int stride)
{
    return conv(b, conv(b, x, hidden, k, stride, ACT_NONE), cout, k, 1, ACT_NONE);
}

static struct tap op_build(struct builder *b, struct tap x, int code, int64_t cout, int stride)
{
    int k = code == S5 ? 5 : 3;
    switch (code) {
    case C3:
    case C5:
        return conv(b, x, cout, code == C3 ? 3 : 5, stride, ACT_RELU6);
    case DC3:
        return conv(b, conv(b, x, x.c, 3, stride, ACT_RELU6), cout, 3, 1, ACT_RELU6);
    case R2C3:
        return through(b, x, x.c / 2, cout, 3, stride);
    case R4C3:
        return through(b, x, x.c / 4, cout, 3, stride);
    case E2C3:
        return through(b, x, 2 * x.c, cout, 3, stride);
    case S3:
    case S5:
        x = build_unit(b, x, (struct conv_spec){.cout = cout, .kh = 1, .kw = k, .sh = stride},
                       ACT_RELU6);
        return build_unit(b, x, (struct conv_spec){.cout = cout, .kh = k, .kw = 1}, ACT_RELU6);
    case C1:
        return conv(b, x, cout, 1, 1, ACT_RELU6);
    case R2C1:
        return through(b, x, x.c / 2, x.c, 1, 1);
    case E2C1:
        return through(b, x, 2 * x.c, x.c, 1, 1);
    default:
        return build_bn(b, build_pool(b, x, code == AP3 ? OP_AVGPOOL : OP_MAXPOOL, NULL, 3, 1),
                        NULL);
    }
}

/* The first operation of the conv kind changes the shape, the others keep theirs. */
static struct tap block_build(struct builder *b, struct tap x, const struct block *block)
{
    struct tap y = x;
    bool changed = false;
    for (int i = 0; i < block->n; i++) {
        bool changes = block->reduction && !changed && block->op[i] < N_CONV;
        y = op_build(b, y, block->op[i], changes ? 2 * y.c : y.c, changes ? 2 : 1);
        changed |= changes;
    }
    return block->reduction ? y : build_add(b, y, x, NULL);
}

enum status twopath_generate(struct scan *s, bool reduced, uint64_t seed, struct graph **out)
{
    struct path path[PATHS];
    struct builder b;
    struct tap end[PATHS];
    int64_t c = reduced ? 8 : 32;
    TRY(paths_scan(s, path));
    build_init(&b, s->text, seed, BUILD_TF_SAME);
    b.bn_epsilon = 1e-3F;
    struct tap x = build_input(&b, reduced ? 1 : 3, 32, 32);
    build_scope(&b, "stem");
    x = conv(&b, x, c, 3, 1, ACT_RELU6);
    x = conv(&b, x, c, 3, 2, ACT_RELU6);
    for (int p = 0; p < PATHS; p++) {
        end[p] = x;
        for (int i = 0; i < path[p].n; i++) {
            build_scope(&b, "path%d.%d", p + 1, i);
            end[p] = block_build(&b, end[p], &path[p].block[i]);
        }
    }
    build_scope(&b, "post");
    x = build_concat(&b, end, PATHS, NULL);
    x = conv(&b, x, reduced ? 64 : 512, 3, 1, ACT_RELU6);
    build_head(&b, x, true, 10);
    return build_finish(&b, out, s->err);
}

/* ---- sampling ---- */

static void block_draw(struct str *text, struct rng *r)
{
    int op[MAX_OPS], n = 1 + (int)rng_below(r, MAX_OPS);
    bool supp = false;
    for (int i = 0; i < n; i++) {
        bool draw = i > 0 && !supp && rng_below(r, N_CODES) >= N_CONV;
        supp |= draw;
        op[i] = draw ? N_CONV + (int)rng_below(r, N_CODES - N_CONV) : (int)rng_below(r, N_CONV);
    }
    draw_shuffle(op, n, r);
    for (int i = 0; i < n; i++)
        str_addf(text, "%s%s", i ? "+" : "", code_name[op[i]]);
}

void twopath_draw(struct str *text, bool reduced, struct rng *r)
{
    (void)reduced;
    for (int p = 0; p < PATHS; p++) {
        int order[MAX_BLOCKS] = {0, 1, 2, 3}, n = 2 + (int)rng_below(r, MAX_BLOCKS - 1);
        draw_shuffle(order, n, r);
        str_add(text, p ? "/" : "");
        for (int i = 0; i < n; i++) {
            str_add(text, i ? "." : "");
            block_draw(text, r);
            str_add(text, order[i] < REDUCTIONS ? "!" : "");
        }
    }
}
