#include "ui/fit_draw.h"

#include "ui/plot.h"
#include "ui/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {"before", "after"};
static const int styles[] = {STYLE_BEFORE, STYLE_AFTER};
static const enum glyph marks[] = {GLYPH_BEFORE, GLYPH_AFTER};

/* ---- where it stands ---- */

/* "about 40 s left" of everything, as the steps so far let guess; "" at the beginning. */
static void left(const struct session_fit *f, int i, char *buf, size_t size)
{
    const struct session_fit_side *s = &f->side[i];
    buf[0] = 0;
    if (s->step < 3 || s->steps < 1 || s->seconds < 1)
        return;
    double sec = s->seconds * (s->steps - s->step) / s->step;
    if (i + 1 < f->n && f->side[i + 1].stage == SESSION_FIT_WAITING)
        sec += s->seconds * s->steps / s->step;
    if (sec < 90)
        snprintf(buf, size, ", about %.0f s left", sec);
    else if (sec < 5400)
        snprintf(buf, size, ", about %.0f min left", sec / 60);
    else
        snprintf(buf, size, ", about %.1f h left", sec / 3600);
}

static void side_text(const struct session_fit *f, int i, char *buf, size_t size)
{
    const struct session_fit_side *s = &f->side[i];
    char rest[48];
    switch (s->stage) {
    case SESSION_FIT_WAITING:
        snprintf(buf, size, "waits");
        break;
    case SESSION_FIT_READING:
        snprintf(buf, size, "reads the images");
        break;
    case SESSION_FIT_TRAINING:
        left(f, i, rest, sizeof rest);
        if (s->step > 0 && s->step == s->steps)
            snprintf(buf, size, "is being tested");
        else
            snprintf(buf, size, "epoch %d of %d, %d %%%s",
                     s->n_epochs < f->set.epochs ? s->n_epochs + 1 : s->n_epochs, f->set.epochs,
                     s->steps ? (int)(100.0 * s->step / s->steps) : 0, rest);
        break;
    case SESSION_FIT_TIMING:
        snprintf(buf, size, "latency is being measured");
        break;
    case SESSION_FIT_DONE:
        snprintf(buf, size, "trained");
        break;
    case SESSION_FIT_STOPPED:
        snprintf(buf, size, "stopped after %d of %d epochs", s->n_epochs, f->set.epochs);
        break;
    case SESSION_FIT_FAILED:
        snprintf(buf, size, "%s", s->error);
        break;
    }
}

void fit_draw_status(struct rect r, const struct session_fit *f)
{
    char text[512];
    bool both_fail = f->n == 2 && f->side[0].stage == SESSION_FIT_FAILED &&
                     f->side[1].stage == SESSION_FIT_FAILED &&
                     strcmp(f->side[0].error, f->side[1].error) == 0;
    for (int i = 0; i < f->n && i < r.h; i++) {
        const struct session_fit_side *s = &f->side[i];
        int x = r.x, end = r.x + r.w,
            style = s->stage == SESSION_FIT_FAILED ? STYLE_BAD : STYLE_TEXT;
        if (both_fail && i == 1)
            snprintf(text, sizeof text, "the same");
        else
            side_text(f, i, text, sizeof text);
        screen_glyph(r.y + i, x, styles[i], marks[i]);
        x += 2;
        x += screen_add(r.y + i, x, end - x, styles[i], names[i]) + (i ? 2 : 1);
        x += screen_add(r.y + i, x, end - x < 24 ? end - x : 24, STYLE_DIM, s->title) + 2;
        if (x < end)
            screen_put(r.y + i, x, end - x, style, text);
    }
    if (f->n == 1 && r.h > 1)
        screen_put(r.y + 1, r.x, r.w, STYLE_DIM,
                   "there is no other version: apply a candidate, and this compares both");
}

static int first_failed(const struct session_fit *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->side[i].stage == SESSION_FIT_FAILED)
            return i;
    return -1;
}

static bool has_epochs(const struct session_fit *f)
{
    return (f->n > 0 && f->side[0].n_epochs > 0) || (f->n > 1 && f->side[1].n_epochs > 0);
}

/* ---- curves ---- */

static double loss_at(const void *ctx, int i)
{
    const struct session_fit_side *s = ctx;
    return s->epoch[i].loss;
}

static double accuracy_at(const void *ctx, int i)
{
    const struct session_fit_side *s = ctx;
    return 100 * s->epoch[i].test_acc;
}

void fit_draw_curves(struct rect r, const struct session_fit *f)
{
    int half = r.w / 2, x_max = f->n ? f->set.epochs : 1;
    struct plot loss = {.title = "loss (training)",
                        .unit = "",
                        .x_title = "epoch",
                        .x_min = 1,
                        .x_max = x_max,
                        .decimals = 2,
                        .least = 0.1};
    struct plot accuracy = {.title = "accuracy (test)",
                            .unit = " %",
                            .x_title = "epoch",
                            .x_min = 1,
                            .x_max = x_max,
                            .least = 4,
                            .most = 100};
    for (int i = 0; i < f->n; i++) {
        loss.line[i].n = accuracy.line[i].n = f->side[i].n_epochs;
        loss.line[i].ctx = accuracy.line[i].ctx = &f->side[i];
        loss.line[i].at = loss_at;
        accuracy.line[i].at = accuracy_at;
    }
    plot_draw((struct rect){r.y, r.x, r.h, half}, &loss);
    plot_draw((struct rect){r.y, r.x + half, r.h, r.w - half}, &accuracy);
}

/* ---- epochs ---- */

enum { EPOCH_W = 6, LOSS_W = 8, SHARE_W = 8, SECONDS_W = 7, NAME_W = 3 };

static int side_width(int w)
{
    int least = NAME_W + LOSS_W + 2 * SHARE_W + SECONDS_W, room = (w - EPOCH_W) / 2;
    return room < least ? room : room > least + 10 ? least + 10 : room;
}

static void put_cells(int y, int x, int end, int style, const char *const *cell)
{
    static const int width[] = {LOSS_W, SHARE_W, SHARE_W, SECONDS_W};
    for (int i = 0; i < 4; i++) {
        if (x + width[i] <= end)
            screen_put_right(y, x, width[i], style, cell[i]);
        x += width[i];
    }
}

static void put_epoch(int y, int x, int end, int style, const struct session_fit_epoch *e)
{
    char loss[24], train[24], test[24], sec[24];
    const char *cell[] = {loss, train, test, sec};
    snprintf(loss, sizeof loss, "%.4f", e->loss);
    snprintf(train, sizeof train, "%.2f", 100 * e->train_acc);
    snprintf(test, sizeof test, "%.2f", 100 * e->test_acc);
    snprintf(sec, sizeof sec, "%.1f", e->seconds);
    put_cells(y, x, end, style, cell);
}

void fit_draw_epochs(struct rect r, const struct session_fit *f, int up)
{
    static const char *const heads[] = {"loss", "train %", "test %", "s"};
    int w = side_width(r.w), n = 0, rows = r.h - 1;
    screen_put(r.y, r.x, EPOCH_W, STYLE_HEAD, "epoch");
    for (int i = 0; i < 2; i++) {
        int x = r.x + EPOCH_W + i * w;
        if (i >= f->n && f->n > 0)
            continue;
        put_cells(r.y, x + NAME_W, x + w, STYLE_HEAD, heads);
        screen_glyph(r.y, x + NAME_W - 1, styles[i], marks[i]);
        if (i < f->n && f->side[i].n_epochs > n)
            n = f->side[i].n_epochs;
    }
    if (!has_epochs(f) && first_failed(f) >= 0) {
        screen_wrap((struct rect){r.y + 1, r.x, rows, r.w}, STYLE_BAD,
                    f->side[first_failed(f)].error);
        return;
    }
    int last = n - up < rows ? (n < rows ? n : rows) : n - up,
        first = last > rows ? last - rows : 0;
    for (int k = first; k < last; k++) {
        char text[16];
        int y = r.y + 1 + k - first;
        snprintf(text, sizeof text, "%d", k + 1);
        screen_put_right(y, r.x, EPOCH_W - 1, STYLE_DIM, text);
        for (int i = 0; i < f->n; i++)
            if (k < f->side[i].n_epochs)
                put_epoch(y, r.x + EPOCH_W + i * w + NAME_W, r.x + EPOCH_W + (i + 1) * w,
                          STYLE_TEXT, &f->side[i].epoch[k]);
    }
}

/* ---- what came of it ---- */

struct columns {
    int x, name, w, change;
};

static struct columns columns_of(struct rect r)
{
    bool wide = r.w >= 76;
    return (struct columns){r.x, wide ? 21 : 12, wide ? 11 : 9, wide ? 20 : 14};
}

static void summary_row(struct rect r, int i, const char *name, const char *before,
                        const char *after, const char *change, int style, const char *predicted)
{
    struct columns c = columns_of(r);
    int y = r.y + i, x = c.x, end = r.x + r.w, head = i == 0;
    screen_put(y, x, c.name, head ? STYLE_HEAD : STYLE_TEXT, name);
    x += c.name;
    screen_put_right(y, x, c.w, head ? STYLE_BEFORE : STYLE_TEXT, before);
    screen_put_right(y, x + c.w, c.w, head ? STYLE_AFTER : STYLE_TEXT, after);
    x += 2 * c.w;
    screen_put_right(y, x, c.change, style, change);
    x += c.change;
    int w = end - x < 13 ? end - x : 13;
    if (w > 3)
        screen_put_right(y, x, w, head ? STYLE_HEAD : STYLE_DIM, predicted);
}

/* "71.20 %" when the side is done, else "-". */
static const char *number(const struct session_fit *f, int i, double v, const char *fmt, char *buf,
                          size_t size)
{
    if (i >= f->n || f->side[i].stage != SESSION_FIT_DONE || !isfinite(v))
        return "-";
    snprintf(buf, size,
             strcmp(fmt, "%") == 0    ? "%.2f %%"
             : strcmp(fmt, "ms") == 0 ? "%.3f ms"
                                      : "%.4f",
             v);
    return buf;
}

static void accuracy_row(struct rect r, const struct session *s, const struct session_fit *f)
{
    char a[32], b[32], change[48] = "-", predicted[32] = "unknown";
    struct session_fit_change m = session_fit_measured(f), p = session_fit_predicted(s);
    int style = STYLE_DIM;
    if (m.known) {
        snprintf(change, sizeof change, "%+.2f +-%.2f pts", 100 * m.value, 100 * m.error);
        style = m.value > m.error ? STYLE_GOOD : m.value < -m.error ? STYLE_BAD : STYLE_WARN;
    }
    if (p.known)
        snprintf(predicted, sizeof predicted, "%+.2f pts", 100 * p.value);
    summary_row(r, 1, "accuracy, measured", number(f, 0, 100 * f->side[0].acc, "%", a, sizeof a),
                number(f, 1, 100 * f->side[1].acc, "%", b, sizeof b), change, style, predicted);
}

static void latency_row(struct rect r, const struct session_fit *f)
{
    char a[32], b[32], change[32] = "-";
    double before = f->side[0].latency_ms, after = f->side[1].latency_ms;
    bool both = before > 0 && after > 0;
    if (both)
        text_percent(after - before, before, change, sizeof change);
    summary_row(r, 3, "latency, measured",
                number(f, 0, before > 0 ? before : NAN, "ms", a, sizeof a),
                number(f, 1, after > 0 ? after : NAN, "ms", b, sizeof b), change,
                !both             ? STYLE_DIM
                : after <= before ? STYLE_GOOD
                                  : STYLE_BAD,
                "");
}

void fit_draw_summary(struct rect r, const struct session *s, const struct session_fit *f)
{
    char a[32], b[32], change[32] = "-", line[512];
    double before = f->side[0].loss, after = f->side[1].loss;
    bool known = session_fit_measured(f).known;
    summary_row(r, 0, "", "before", "after", "measured change", STYLE_HEAD, "predicted");
    accuracy_row(r, s, f);
    if (known)
        snprintf(change, sizeof change, "%+.4f", after - before);
    summary_row(r, 2, "loss on test images", number(f, 0, before, "", a, sizeof a),
                number(f, 1, after, "", b, sizeof b), change,
                !known            ? STYLE_DIM
                : after <= before ? STYLE_GOOD
                                  : STYLE_BAD,
                "");
    latency_row(r, f);
    r = (struct rect){r.y + 4, r.x, 1, r.w};
    if (first_failed(f) >= 0) {
        if (has_epochs(f)) /* else it stands in their place */
            screen_put(r.y, r.x, r.w, STYLE_BAD, f->side[first_failed(f)].error);
        return;
    }
    const struct session_fit_side *side =
        f->n > 1 && f->side[1].stage == SESSION_FIT_DONE ? &f->side[1] : &f->side[0];
    if (f->n == 0 || side->stage != SESSION_FIT_DONE)
        return;
    snprintf(line, sizeof line, "%s%s%s%d test images of %s, +-: one standard deviation",
             *side->adapted ? "adapted: " : "", side->adapted, *side->adapted ? "; " : "",
             side->n_test, side->data);
    screen_put(r.y, r.x, r.w, STYLE_DIM, line);
}
