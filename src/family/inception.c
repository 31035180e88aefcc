/* Inception (Mills et al., GENNAPE 2023): four stages of equal blocks with up to four parallel
 * paths. Convolutions have biases; widths in the text are absolute. */
#include "family/family_priv.h"

enum { STAGES = 4, MAX_PATHS = 4, MAX_OPS = 10, MAX_REPEAT = 16, MAX_WIDTH = 8192 };

enum op_code { C3, C5, D3, D5, S3, S5, P3, P5, C1, DC1, AP3, MP3, N_CODES };
enum { N_CONV = C1, N_CAPABLE = AP3 }; /* conv kind; able to change the channels */
static const char *const code_name[N_CODES] = {"c3", "c5", "d3", "d5",  "s3",  "s5",
                                               "p3", "p5", "c1", "dc1", "ap3", "mp3"};

struct path {
    int op[MAX_OPS], n;
    int inner, out;
    int stride_op, first, last; /* takes the stride; first and last able to change channels */
};
struct stage {
    struct path path[MAX_PATHS];
    int n, repeat;
};

/* ---- text ---- */

static void path_place(struct path *p)
{
    p->stride_op = p->first = p->last = -1;
    for (int i = 0; i < p->n; i++) {
        if (p->op[i] < N_CONV && p->stride_op < 0)
            p->stride_op = i;
        if (p->op[i] < N_CAPABLE && p->first < 0)
            p->first = i;
        if (p->op[i] < N_CAPABLE)
            p->last = i;
    }
}

static enum status path_scan(struct scan *s, struct path *p)
{
    size_t start = s->at;
    p->n = 0;
    do {
        if (p->n == MAX_OPS)
            return scan_fail(s, s->at, "a path has at most %d operations", MAX_OPS);
        TRY(scan_word(s, "operation", code_name, N_CODES, &p->op[p->n]));
        p->n++;
    } while (scan_take(s, '+'));
    path_place(p);
    if (p->stride_op < 0)
        return scan_fail(s, start, "a path needs one of c3 c5 d3 d5 s3 s5 p3 p5");
    TRY(scan_need(s, ':'));
    start = s->at;
    TRY(scan_int(s, "inner width", 2, MAX_WIDTH, &p->inner));
    TRY(scan_need(s, '>'));
    TRY(scan_int(s, "width", 2, MAX_WIDTH, &p->out));
    if (p->first == p->last && p->inner != p->out)
        return scan_fail(s, start,
                         "one operation alone sets the channels, so both widths must be equal");
    return ST_OK;
}

static enum status stages_scan(struct scan *s, struct stage stage[STAGES])
{
    for (int i = 0; i < STAGES; i++) {
        struct stage *st = &stage[i];
        if (i)
            TRY(scan_need(s, '/'));
        TRY(scan_int(s, "number of blocks", 1, MAX_REPEAT, &st->repeat));
        TRY(scan_need(s, '*'));
        st->n = 0;
        do {
            if (st->n == MAX_PATHS)
                return scan_fail(s, s->at, "a block has at most %d paths", MAX_PATHS);
            TRY(path_scan(s, &st->path[st->n]));
            st->n++;
        } while (scan_take(s, '&'));
    }
    return scan_finish(s);
}

/* ---- network ---- */

static struct tap conv(struct builder *b, struct tap x, int64_t cout, int kh, int kw, int sh,
                       int sw, enum build_act act)
{
    return build_unit(
        b, x,
        (struct conv_spec){.cout = cout, .kh = kh, .kw = kw, .sh = sh, .sw = sw, .bias = true},
        act);
}

static struct tap depthwise(struct builder *b, struct tap x, int64_t cout, int k, int stride)
{
    if (x.c != cout)
        x = build_conv(b, x, NULL, (struct conv_spec){.cout = cout, .kh = 1});
    return build_unit(
        b, x, (struct conv_spec){.cout = cout, .kh = k, .sh = stride, .group = cout, .bias = true},
        ACT_RELU6);
}

/* Two branches of [1,k] and [k,1] side by side; at stride 2 each is both, in either order. */
static struct tap parallel(struct builder *b, struct tap x, int64_t cout, int k, int stride)
{
    int64_t c0 = cout / 2, c1 = cout - c0;
    struct tap y[2];
    y[0] = conv(b, x, c0, 1, k, 1, stride, ACT_NONE);
    if (stride > 1)
        y[0] = conv(b, y[0], c0, k, 1, stride, 1, ACT_NONE);
    y[1] = conv(b, x, c1, k, 1, stride, 1, ACT_NONE);
    if (stride > 1)
        y[1] = conv(b, y[1], c1, 1, k, 1, stride, ACT_NONE);
    return build_relu6(b, build_concat(b, y, 2, NULL), NULL);
}

static struct tap op_build(struct builder *b, struct tap x, int code, int64_t cout, int stride)
{
    int k = code == C5 || code == D5 || code == S5 || code == P5 ? 5 : 3;
    switch (code) {
    case C3:
    case C5:
        return conv(b, x, cout, k, k, stride, stride, ACT_RELU6);
    case D3:
    case D5:
        return depthwise(b, x, cout, k, stride);
    case S3:
    case S5:
        x = conv(b, x, cout, 1, k, 1, stride, ACT_RELU6);
        return conv(b, x, cout, k, 1, stride, 1, ACT_RELU6);
    case P3:
    case P5:
        return parallel(b, x, cout, k, stride);
    case DC1:
        x = conv(b, x, cout, 1, 1, 1, 1, ACT_RELU6);
        return conv(b, x, cout, 1, 1, 1, 1, ACT_RELU6);
    case C1:
        return conv(b, x, cout, 1, 1, 1, 1, ACT_RELU6);
    default:
        return build_bn(b, build_pool(b, x, code == AP3 ? OP_AVGPOOL : OP_MAXPOOL, NULL, 3, 1),
                        NULL);
    }
}

static struct tap path_build(struct builder *b, struct tap x, const struct path *p, int stride)
{
    for (int i = 0; i < p->n; i++) {
        int64_t cout = i == p->last ? p->out : i == p->first ? p->inner : x.c;
        x = op_build(b, x, p->op[i], cout, i == p->stride_op ? stride : 1);
    }
    return x;
}

static struct tap block_build(struct builder *b, struct tap x, const struct stage *st, int64_t c,
                              int stride)
{
    struct tap end[MAX_PATHS];
    for (int i = 0; i < st->n; i++)
        end[i] = path_build(b, x, &st->path[i], stride);
    struct tap y = build_concat(b, end, st->n, NULL);
    if (y.c != c)
        y = conv(b, y, c, 1, 1, 1, 1, ACT_NONE);
    return stride == 1 && x.c == c ? build_add(b, y, x, NULL) : y;
}

enum status inception_generate(struct scan *s, bool reduced, uint64_t seed, struct graph **out)
{
    struct stage stage[STAGES];
    struct builder b;
    int64_t c = reduced ? 8 : 32;
    TRY(stages_scan(s, stage));
    build_init(&b, s->text, seed, BUILD_TF_SAME);
    b.bn_epsilon = 1e-3F;
    b.bn_momentum = 0.99F;
    struct tap x = build_input(&b, reduced ? 1 : 3, 32, 32);
    build_scope(&b, "stem");
    x = conv(&b, x, c, 3, 3, reduced ? 2 : 1, reduced ? 2 : 1, ACT_RELU6);
    for (int i = 0; i < STAGES; i++) {
        for (int j = 0; j < stage[i].repeat; j++) {
            build_scope(&b, "stage%d.%d", i, j);
            x = block_build(&b, x, &stage[i], c << i, i && j == 0 ? 2 : 1);
        }
    }
    build_scope(&b, "post");
    x = conv(&b, x, reduced ? 64 : 512, 3, 3, 1, 1, ACT_RELU6);
    build_head(&b, x, true, 10);
    return build_finish(&b, out, s->err);
}

/* ---- sampling ---- */

static void widths_draw(int width[MAX_PATHS], int paths, int c, int floor, struct rng *r)
{
    if (paths == 3) {
        width[0] = c / 2;
        width[1] = c / 4;
        width[2] = c - c / 2 - c / 4;
    } else {
        for (int i = 0; i < paths; i++)
            width[i] = c / paths;
    }
    draw_shuffle(width, paths, r);
    for (int i = 0; i < paths; i++)
        width[i] = width[i] < floor ? floor : width[i];
}

static void path_draw(struct str *text, int n, int out, int floor, struct rng *r)
{
    struct path p = {.n = n};
    bool supp = false;
    for (int i = 0; i < n; i++) {
        bool draw = i > 0 && !supp && rng_below(r, N_CODES) >= N_CONV;
        supp |= draw;
        p.op[i] = draw ? N_CONV + (int)rng_below(r, N_CODES - N_CONV) : (int)rng_below(r, N_CONV);
    }
    draw_shuffle(p.op, n, r);
    path_place(&p);
    p.inner = out;
    if (p.first != p.last) {
        uint64_t draw = rng_below(r, 10);
        p.inner = draw < 3 ? out / 2 : draw < 9 ? out : 2 * out;
        p.inner = p.inner < floor ? floor : p.inner;
    }
    for (int i = 0; i < n; i++)
        str_addf(text, "%s%s", i ? "+" : "", code_name[p.op[i]]);
    str_addf(text, ":%d>%d", p.inner, out);
}

void inception_draw(struct str *text, bool reduced, struct rng *r)
{
    static const int budget_max[MAX_PATHS] = {3, 4, 8, 10}, per_path[MAX_PATHS] = {1, 1, 2, 2};
    int floor = reduced ? 4 : 16, least = reduced ? 1 : 2, most = reduced ? 3 : 6;
    for (int i = 0; i < STAGES; i++) {
        int width[MAX_PATHS], paths = 1 + (int)rng_below(r, MAX_PATHS);
        int budget = budget_max[paths - 1], min = per_path[paths - 1];
        str_addf(text, "%s%d*", i ? "/" : "",
                 least + (int)rng_below(r, (uint64_t)(most - least + 1)));
        widths_draw(width, paths, (reduced ? 8 : 32) << i, floor, r);
        for (int p = 0; p < paths; p++) {
            int max = budget - min * (paths - 1 - p);
            int n = min + (int)rng_below(r, (uint64_t)(max - min + 1));
            budget -= n;
            str_add(text, p ? "&" : "");
            path_draw(text, n, width[p], floor, r);
        }
    }
}
