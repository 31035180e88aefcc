/* HiAML (Mills et al., GENNAPE 2023): four stages of two equal blocks out of 14 block types. */
#include "family/family_priv.h"

enum { STAGES = 4, BLOCKS = 2 };

/* Block types in the order of the published list. */
enum block { Z, A22, B23, J30, G30, R30, L20, T20, T31, SRC0, SRC1, SRC3, SRC7, SRC8, N_BLOCKS };
static const char *const block_name[N_BLOCKS] = {"z",    "a22",  "b23",  "j30", "g30",
                                                 "r30",  "l20",  "t20",  "t31", "src0",
                                                 "src1", "src3", "src7", "src8"};

static struct tap conv(struct builder *b, struct tap x, int64_t cout, int k, int stride,
                       enum build_act act)
{
    return build_unit(b, x, (struct conv_spec){.cout = cout, .kh = k, .sh = stride}, act);
}

/* A 1x3 that takes the whole stride, then a 3x1. */
static struct tap separated(struct builder *b, struct tap x, int64_t cout, int stride)
{
    x = build_unit(b, x, (struct conv_spec){.cout = cout, .kh = 1, .kw = 3, .sh = stride},
                   ACT_RELU6);
    return build_unit(b, x, (struct conv_spec){.cout = cout, .kh = 3, .kw = 1}, ACT_RELU6);
}

/* The input itself, or brought to the block's shape by a 1x1 convolution. */
static struct tap project(struct builder *b, struct tap x, int64_t cout, int stride)
{
    return stride == 1 && x.c == cout ? x : conv(b, x, cout, 1, stride, ACT_NONE);
}

/* Blocks whose shortcut is a 1x1 convolution even where the shape is kept. */
static struct tap source_block(struct builder *b, struct tap x, enum block type, int64_t c, int s)
{
    struct tap y = conv(b, x, c, 1, s, type == SRC0 || type == SRC1 ? ACT_RELU : ACT_NONE), a;
    switch (type) {
    case SRC0:
        a = conv(b, conv(b, y, c, 3, 1, ACT_RELU), c, 3, 1, ACT_NONE);
        break;
    case SRC1:
        a = conv(b, conv(b, x, x.c, 3, 1, ACT_RELU), c, 3, s, ACT_NONE);
        break;
    case SRC3:
        a = conv(b, conv(b, x, x.c, 1, 1, ACT_RELU), c, 3, s, ACT_RELU);
        a = conv(b, a, c, 1, 1, ACT_NONE);
        break;
    case SRC7:
        a = separated(b, separated(b, y, c, 1), c, 1);
        break;
    case SRC8:
        a = conv(b, separated(b, y, c, 1), c, 1, 1, ACT_NONE);
        break;
    default: /* T20 */
        a = separated(b, x, c, s);
        break;
    }
    return build_add(b, y, a, NULL);
}

/* Without the relu that ends every block. */
static struct tap block_body(struct builder *b, struct tap x, enum block type, int64_t c, int s)
{
    struct tap a, r;
    switch (type) {
    case Z:
        a = conv(b, x, c, 3, s, ACT_RELU);
        return build_add(b, a, separated(b, a, c, 1), NULL);
    case A22:
        a = conv(b, x, c, 3, s, ACT_RELU);
        r = conv(b, conv(b, a, c, 1, 1, ACT_RELU), c, 1, 1, ACT_NONE);
        return build_add(b, a, r, NULL);
    case B23:
        a = separated(b, separated(b, x, c, s), c, 1);
        return build_add(b, project(b, x, c, s), a, NULL);
    case J30:
        a = separated(b, conv(b, x, c, 3, s, ACT_RELU), c, 1);
        return build_add(b, project(b, x, c, s), a, NULL);
    case G30:
        a = separated(b, x, c, s);
        r = separated(b, build_add(b, project(b, x, c, s), a, NULL), c, 1);
        return build_add(b, a, conv(b, r, c, 1, 1, ACT_NONE), NULL);
    case R30:
        a = separated(b, x, c, s);
        r = conv(b, build_add(b, project(b, x, c, s), a, NULL), c, 1, 1, ACT_NONE);
        a = separated(b, a, c, 1);
        return build_add(b, build_add(b, project(b, x, c, s), r, NULL), a, NULL);
    case L20:
        return conv(b, conv(b, x, c, 3, s, ACT_RELU), c, 1, 1, ACT_NONE);
    case T31:
        r = conv(b, separated(b, x, c, s), c, 1, 1, ACT_RELU);
        a = separated(b, build_add(b, project(b, x, c, s), r, NULL), c, 1);
        return build_add(b, build_add(b, project(b, x, c, s), r, NULL), a, NULL);
    default:
        return source_block(b, x, type, c, s);
    }
}

static enum status scan_blocks(struct scan *s, int type[STAGES])
{
    for (int i = 0; i < STAGES; i++) {
        if (i)
            TRY(scan_need(s, ','));
        TRY(scan_word(s, "block", block_name, N_BLOCKS, &type[i]));
    }
    return scan_finish(s);
}

enum status hiaml_generate(struct scan *s, bool reduced, uint64_t seed, struct graph **out)
{
    int type[STAGES];
    struct builder b;
    TRY(scan_blocks(s, type));
    build_init(&b, s->text, seed, BUILD_TF_SAME);
    b.bn_epsilon = 1e-3F;
    struct tap x = build_input(&b, reduced ? 1 : 3, 32, 32);
    build_scope(&b, "stem");
    x = conv(&b, x, reduced ? 8 : 64, 3, 2, ACT_RELU);
    for (int i = 0; i < STAGES; i++) {
        int64_t c = i % 2 ? 2 * x.c : x.c;
        for (int j = 0; j < BLOCKS; j++) {
            build_scope(&b, "stage%d.%s%d", i, block_name[type[i]], j);
            x = block_body(&b, x, (enum block)type[i], c, i % 2 && j == 0 ? 2 : 1);
            x = build_relu(&b, x, NULL);
        }
    }
    build_head(&b, x, false, 10);
    return build_finish(&b, out, s->err);
}

uint64_t hiaml_count(void)
{
    uint64_t n = 1;
    for (int k = 0; k < STAGES; k++)
        n *= N_BLOCKS;
    return n;
}

void hiaml_text(struct str *text, uint64_t i)
{
    int type[STAGES];
    for (int k = STAGES; k-- > 0; i /= N_BLOCKS)
        type[k] = (int)(i % N_BLOCKS);
    for (int k = 0; k < STAGES; k++)
        str_addf(text, "%s%s", k ? "," : "", block_name[type[k]]);
}
