/* Base networks that make images: super-resolution and denoising. */
#include "family/family_priv.h"

static struct tap conv_bias(struct builder *b, struct tap x, const char *name, int64_t cout, int k)
{
    return build_conv(b, x, name, (struct conv_spec){.cout = cout, .kh = k, .bias = true});
}

/* ---- EDSR baseline (Lim et al. 2017): 16 blocks of 64 channels ---- */

static struct tap edsr_body(struct builder *b, struct tap x)
{
    for (int i = 0; i < 16; i++) {
        build_scope(b, "body.%d", i);
        struct tap y = conv_bias(b, x, "body.0", 64, 3);
        y = build_relu(b, y, "body.1");
        y = conv_bias(b, y, "body.2", 64, 3);
        x = build_add(b, y, x, "add");
    }
    build_scope(b, "%s", "");
    return conv_bias(b, x, "body.16", 64, 3);
}

void zoo_edsr(struct builder *b, int variant)
{
    if (variant == ZOO_EDSR_BODY) {
        build_output(b, edsr_body(b, build_input(b, 64, 320, 180)));
        return;
    }
    struct tap x = build_input(b, 3, 320, 180);
    x = conv_bias(b, x, "head.0", 64, 3);
    x = build_add(b, edsr_body(b, x), x, "add");
    int steps = variant == ZOO_EDSR_X4 ? 2 : 1, r = variant == ZOO_EDSR_X3 ? 3 : 2;
    for (int i = 0; i < steps; i++) {
        x = conv_bias(b, x, build_fmt(b, "tail.0.%d", 2 * i), (int64_t)64 * r * r, 3);
        x = build_shuffle(b, x, build_fmt(b, "tail.0.%d", 2 * i + 1), r);
    }
    build_output(b, conv_bias(b, x, "tail.1", 3, 3));
}

/* ---- FSRCNN (Dong et al. 2016) with relu in the place of PReLU ---- */

static struct tap conv_relu(struct builder *b, struct tap x, const char *name, int64_t cout, int k)
{
    x = conv_bias(b, x, name, cout, k);
    return build_relu(b, x, NULL);
}

/* The network of the paper ends in a transposed convolution; fsrcnn-3 and fsrcnn-4 end in depth to
 * space, with widths that come nearest to the FLOPs AutoGO states for its unpublished networks. */
void zoo_fsrcnn(struct builder *b, int variant)
{
    static const struct {
        int d, s, m;
    } size[] = {[ZOO_FSRCNN_DECONV] = {56, 12, 4},
                [ZOO_FSRCNN_3] = {20, 12, 3},
                [ZOO_FSRCNN_4] = {32, 12, 4}};
    struct tap x = build_input(b, 1, 360, 640);
    x = conv_relu(b, x, "feature", size[variant].d, 5);
    x = conv_relu(b, x, "shrink", size[variant].s, 1);
    for (int i = 0; i < size[variant].m; i++)
        x = conv_relu(b, x, build_fmt(b, "map.%d", i), size[variant].s, 3);
    x = conv_relu(b, x, "expand", size[variant].d, 1);
    if (variant == ZOO_FSRCNN_DECONV) {
        build_output(b, build_deconv(b, x, "deconv", 1, 9, 2));
        return;
    }
    x = conv_bias(b, x, "upscale", 4, 3);
    build_output(b, build_shuffle(b, x, "shuffle", 2));
}

/* ---- U-Net (Ronneberger et al. 2015) that predicts the noise ---- */

static struct tap unet_level(struct builder *b, struct tap x, int64_t c)
{
    x = conv_relu(b, x, "conv1", c, 3);
    return conv_relu(b, x, "conv2", c, 3);
}

void zoo_unet(struct builder *b, int variant)
{
    enum { LEVELS = 5 };
    struct tap skip[LEVELS], input = build_input(b, 1, 256, 320), x = input;
    (void)variant;
    for (int i = 0; i < LEVELS; i++) {
        build_scope(b, "down%d", i);
        if (i)
            x = build_halve(b, x, "pool");
        x = skip[i] = unet_level(b, x, (int64_t)24 << i);
    }
    for (int i = LEVELS - 2; i >= 0; i--) {
        int64_t c = (int64_t)24 << i;
        build_scope(b, "up%d", i);
        x = conv_bias(b, x, "up", 4 * c, 1);
        x = build_shuffle(b, x, "shuffle", 2);
        x = build_concat(b, (struct tap[]){skip[i], x}, 2, "concat");
        x = unet_level(b, x, c);
    }
    build_scope(b, "%s", "");
    x = conv_bias(b, x, "last", 1, 3);
    build_output(b, build_add(b, input, x, "add"));
}
