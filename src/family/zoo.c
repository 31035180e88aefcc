#include "family/family_priv.h"
#include <string.h>

static const struct zoo_row {
    struct family_zoo shown;
    zoo_build *build;
    int variant;
} zoo[] = {
    {{"resnet50", "ResNet-50 v1.5, ImageNet classes, 3x224x224"}, zoo_resnet, 50},
    {{"resnet101", "ResNet-101 v1.5, ImageNet classes, 3x224x224"}, zoo_resnet, 101},
    {{"vgg16", "VGG-16 with batch normalisation, three fully connected layers, 3x224x224"},
     zoo_vgg,
     ZOO_VGG_FC},
    {{"vgg16-gap", "VGG-16 with batch normalisation, global average pooling head, 3x224x224"},
     zoo_vgg,
     ZOO_VGG_GAP},
    {{"mobilenetv2", "MobileNetV2 1.0, ImageNet classes, 3x224x224"}, zoo_mobilenet, 0},
    {{"edsr", "EDSR baseline, super-resolution x2, complete, 3x320x180"}, zoo_edsr, ZOO_EDSR_X2},
    {{"edsr-x3", "EDSR baseline, super-resolution x3, complete, 3x320x180"}, zoo_edsr, ZOO_EDSR_X3},
    {{"edsr-x4", "EDSR baseline, super-resolution x4, complete, 3x320x180"}, zoo_edsr, ZOO_EDSR_X4},
    {{"edsr-body", "EDSR baseline, its 16 residual blocks only, 64x320x180"},
     zoo_edsr,
     ZOO_EDSR_BODY},
    {{"fsrcnn", "FSRCNN(56,12,4), super-resolution x2 by a 9x9 transposed convolution, 1x360x640"},
     zoo_fsrcnn,
     ZOO_FSRCNN_DECONV},
    {{"fsrcnn-3", "FSRCNN with 3 middle layers, x2 by depth to space, 1x360x640"},
     zoo_fsrcnn,
     ZOO_FSRCNN_3},
    {{"fsrcnn-4", "FSRCNN with 4 middle layers, x2 by depth to space, 1x360x640"},
     zoo_fsrcnn,
     ZOO_FSRCNN_4},
    {{"unet", "U-Net for denoising, 24 to 384 channels, residual output, 1x256x320"}, zoo_unet, 0},
};
enum { N_ZOO = sizeof zoo / sizeof *zoo };

const struct family_zoo *family_zoo_at(int i)
{
    return i >= 0 && i < N_ZOO ? &zoo[i].shown : NULL;
}

/* Zoo names hold '-', so they are not words of the scanner. */
static enum status zoo_unknown(struct scan *s)
{
    struct str list = {0};
    size_t len = s->end - s->at;
    for (int i = 0; i < N_ZOO; i++)
        str_addf(&list, " %s", zoo[i].shown.name);
    enum status st =
        scan_fail(s, s->at, "unknown network '%.*s%s' (known:%s)", len > 24 ? 24 : (int)len,
                  s->text + s->at, len > 24 ? "..." : "", str_text(&list));
    str_done(&list);
    return st;
}

enum status zoo_generate(struct scan *s, uint64_t seed, struct graph **out)
{
    size_t len = s->end - s->at;
    for (int i = 0; i < N_ZOO; i++) {
        const char *name = zoo[i].shown.name;
        if (strlen(name) == len && memcmp(name, s->text + s->at, len) == 0) {
            struct builder b;
            build_init(&b, name, seed, BUILD_SYMMETRIC);
            zoo[i].build(&b, zoo[i].variant);
            return build_finish(&b, out, s->err);
        }
    }
    return zoo_unknown(s);
}
