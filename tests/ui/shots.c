/* Pictures of the workbench at work, for the README: each row of the table is a run of the real
 * program on a terminal of its own.
 *     shots PROGRAM FOLDER      writes FOLDER/NAME.svg */
#include "vt.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 8 };

static const struct shot {
    const char *name, *model;
    int cols, rows;
    /* Keys in words; what begins with ':' is typed as it stands, with Enter; "=TEXT" waits for it.
     */
    const char *step[STEPS];
} shots[] = {
    {"segments", "zoo:resnet50", 120, 32, {"j j j", "=[Conv 1x1 64]", ":heat cycles", "=9 is the"}},
    {"graph",
     "zoo:resnet50",
     120,
     32,
     {"j j j Tab", "=layer1.1.conv1", "Z", "=x5 (10", "t", "=9 is"}},
    {"candidates", "zoo:mobilenetv2", 120, 32, {"j j j Enter", "= fit,", "j j j j"}},
    {"repair",
     "zoo:resnet50",
     120,
     32,
     {"j j j Enter", "= fit,", "/ops~conv3x3 && changes>0", "Enter", "=repaired", "j 4 8"}},
    {"compare", "zoo:resnet50", 120, 32, {"j j j Enter", "= fit,", "j c", "=parameters"}},
    {"autopilot", "zoo:resnet50", 120, 32, {"a t", "=ended, "}},
};

static void take(struct vt *v, const char *step)
{
    if (step[0] == '=') { /* a search takes longer than a terminal is waited for */
        if (!vt_expect(v, step + 1) && !vt_expect(v, step + 1))
            exit(1);
    } else if (step[0] == ':' || step[0] == '/') {
        vt_type(v, step);
        vt_keys(v, "Enter");
    } else
        vt_keys(v, step);
    vt_settle(v);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    for (size_t i = 0; i < sizeof shots / sizeof *shots; i++) {
        const struct shot *s = &shots[i];
        const struct vt_opts o = {.rows = s->rows, .cols = s->cols};
        const char *const args[] = {argv[1], "ui", s->model, NULL};
        char path[512];
        struct vt *v = vt_start(args, &o);
        take(v, "=version 0");
        for (int k = 0; k < STEPS && s->step[k]; k++)
            take(v, s->step[k]);
        vt_quiet(v, 300);
        snprintf(path, sizeof path, "%s/%s.svg", argv[2], s->name);
        if (!vt_picture(v, path)) {
            perror(path);
            return 1;
        }
        vt_free(v);
    }
    return 0;
}
