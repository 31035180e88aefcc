/* Base networks that classify images. Names are those of torchvision's state dictionaries, so that
 * published weights can be matched by name. */
#include "family/family_priv.h"
#include <stdio.h>

enum { IMAGENET_CLASSES = 1000 };

/* ---- ResNet (He et al. 2015), "v1.5": the stride of a bottleneck is in its 3x3 ---- */

static struct tap bottleneck(struct builder *b, struct tap x, int64_t width, int stride,
                             bool downsample)
{
    struct tap y = x;
    y = build_conv(b, y, "conv1", (struct conv_spec){.cout = width, .kh = 1});
    y = build_bn(b, y, "bn1");
    y = build_relu(b, y, "relu1");
    y = build_conv(b, y, "conv2", (struct conv_spec){.cout = width, .kh = 3, .sh = stride});
    y = build_bn(b, y, "bn2");
    y = build_relu(b, y, "relu2");
    y = build_conv(b, y, "conv3", (struct conv_spec){.cout = 4 * width, .kh = 1});
    y = build_bn(b, y, "bn3");
    if (downsample) {
        x = build_conv(b, x, "downsample.0",
                       (struct conv_spec){.cout = 4 * width, .kh = 1, .sh = stride});
        x = build_bn(b, x, "downsample.1");
    }
    y = build_add(b, y, x, "add");
    return build_relu(b, y, "relu3");
}

void zoo_resnet(struct builder *b, int variant)
{
    const int blocks[4] = {3, 4, variant == 101 ? 23 : 6, 3};
    struct tap x = build_input(b, 3, 224, 224);
    x = build_conv(b, x, "conv1", (struct conv_spec){.cout = 64, .kh = 7, .sh = 2});
    x = build_bn(b, x, "bn1");
    x = build_relu(b, x, "relu");
    x = build_pool(b, x, OP_MAXPOOL, "maxpool", 3, 2);
    for (int layer = 0; layer < 4; layer++) {
        for (int i = 0; i < blocks[layer]; i++) {
            build_scope(b, "layer%d.%d", layer + 1, i);
            x = bottleneck(b, x, (int64_t)64 << layer, layer && i == 0 ? 2 : 1, i == 0);
        }
    }
    build_scope(b, "%s", "");
    x = build_mean(b, x, "avgpool");
    build_output(b, build_fc(b, x, "fc", IMAGENET_CLASSES));
}

/* ---- VGG (Simonyan and Zisserman 2014) with batch normalisation ---- */

void zoo_vgg(struct builder *b, int variant)
{
    static const int convs[5] = {2, 2, 3, 3, 3};
    static const int width[5] = {64, 128, 256, 512, 512};
    struct tap x = build_input(b, 3, 224, 224);
    int at = 0; /* position in torchvision's flat list */
    for (int group = 0; group < 5; group++) {
        for (int i = 0; i < convs[group]; i++) {
            struct conv_spec s = {.cout = width[group], .kh = 3, .bias = true};
            x = build_conv(b, x, build_fmt(b, "features.%d", at++), s);
            x = build_bn(b, x, build_fmt(b, "features.%d", at++));
            x = build_relu(b, x, build_fmt(b, "features.%d", at++));
        }
        x = build_halve(b, x, build_fmt(b, "features.%d", at++));
    }
    if (variant == ZOO_VGG_GAP) {
        x = build_mean(b, x, "avgpool");
        build_output(b, build_fc(b, x, "classifier", IMAGENET_CLASSES));
        return;
    }
    x = build_flatten(b, x, "flatten");
    x = build_relu(b, build_fc(b, x, "classifier.0", 4096), "classifier.1");
    x = build_relu(b, build_fc(b, x, "classifier.3", 4096), "classifier.4");
    build_output(b, build_fc(b, x, "classifier.6", IMAGENET_CLASSES));
}

/* ---- MobileNetV2 (Sandler et al. 2018) ---- */

/* Convolution, normalisation and relu6 as features "at.0", "at.1" and "at.2". */
static struct tap conv_bn_relu6(struct builder *b, struct tap x, const char *at, struct conv_spec s)
{
    char name[3][32];
    for (int i = 0; i < 3; i++)
        snprintf(name[i], sizeof name[i], "%s.%d", at, i);
    x = build_conv(b, x, name[0], s);
    x = build_bn(b, x, name[1]);
    return build_relu6(b, x, name[2]);
}

static struct tap inverted_residual(struct builder *b, struct tap x, int expand, int64_t cout,
                                    int stride)
{
    struct tap y = x;
    int64_t hidden = x.c * expand;
    int at = 0;
    char name[32];
    if (expand > 1) {
        snprintf(name, sizeof name, "conv.%d", at++);
        y = conv_bn_relu6(b, y, name, (struct conv_spec){.cout = hidden, .kh = 1});
    }
    snprintf(name, sizeof name, "conv.%d", at++);
    y = conv_bn_relu6(b, y, name,
                      (struct conv_spec){.cout = hidden, .kh = 3, .sh = stride, .group = hidden});
    y = build_conv(b, y, build_fmt(b, "conv.%d", at++), (struct conv_spec){.cout = cout, .kh = 1});
    y = build_bn(b, y, build_fmt(b, "conv.%d", at));
    return stride == 1 && x.c == cout ? build_add(b, y, x, "add") : y;
}

void zoo_mobilenet(struct builder *b, int variant)
{
    static const struct {
        int expand, cout, n, stride;
    } row[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    int feature = 1;
    (void)variant;
    struct tap x = build_input(b, 3, 224, 224);
    x = conv_bn_relu6(b, x, "features.0", (struct conv_spec){.cout = 32, .kh = 3, .sh = 2});
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        for (int j = 0; j < row[i].n; j++) {
            build_scope(b, "features.%d", feature++);
            x = inverted_residual(b, x, row[i].expand, row[i].cout, j == 0 ? row[i].stride : 1);
        }
    }
    build_scope(b, "%s", "");
    x = conv_bn_relu6(b, x, "features.18", (struct conv_spec){.cout = 1280, .kh = 1});
    x = build_mean(b, x, "avgpool");
    build_output(b, build_fc(b, x, "classifier.1", IMAGENET_CLASSES));
}
