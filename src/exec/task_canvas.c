/* Canvases of several garments, in a grid of two by two cells: the class of each pixel, and points
 * of each garment. Both follow from the images' own pixels: what is not black is garment. */
#include "exec/fit_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A point is found when it is off by at most this share of the garment's longer side. */
#define PCK_SHARE 0.1
/* Deviation of a heat map's peak in its own pixels; the maps count for more than their mean, or
 * the ground would hide the peaks. */
#define PEAK 1.5
#define HEAT_WEIGHT 100.0

/* ---- canvases ---- */

static bool is_garment(const unsigned char *p, const struct images_info *i, int y, int x)
{
    return p[y * i->width + x] >= GROUND_BELOW;
}

/* The middle one of a row's (or column's) garment pixels. */
static int middle(const unsigned char *p, const struct images_info *i, int at, bool row)
{
    int n = 0, length = row ? i->width : i->height;
    for (int k = 0; k < length; k++)
        n += row ? is_garment(p, i, at, k) : is_garment(p, i, k, at);
    for (int k = 0, seen = 0; k < length; k++) {
        seen += row ? is_garment(p, i, at, k) : is_garment(p, i, k, at);
        if (2 * seen >= n + 1 || 2 * seen == n)
            if (row ? is_garment(p, i, at, k) : is_garment(p, i, k, at))
                return k;
    }
    return length / 2;
}

/* Within the image; an image without garment has all points in its middle. */
static void find_points(const unsigned char *p, const struct images_info *i, struct garment *g)
{
    int top = i->height, bottom = -1, left = i->width, right = -1;
    int64_t n = 0, sum_y = 0, sum_x = 0;
    for (int y = 0; y < i->height; y++)
        for (int x = 0; x < i->width; x++)
            if (is_garment(p, i, y, x)) {
                top = y < top ? y : top;
                bottom = y;
                left = x < left ? x : left;
                right = x > right ? x : right;
                sum_y += y;
                sum_x += x;
                n++;
            }
    if (n == 0) {
        for (int k = 0; k < KEYPOINTS; k++) {
            g->y[k] = (float)(i->height / 2);
            g->x[k] = (float)(i->width / 2);
        }
        g->size = i->height;
        return;
    }
    const int y[KEYPOINTS] = {top, bottom, middle(p, i, left, false), middle(p, i, right, false)};
    const int x[KEYPOINTS] = {middle(p, i, top, true), middle(p, i, bottom, true), left, right};
    for (int k = 0; k < KEYPOINTS - 1; k++) {
        g->y[k] = (float)y[k];
        g->x[k] = (float)x[k];
    }
    g->y[4] = (float)sum_y / (float)n;
    g->x[4] = (float)sum_x / (float)n;
    g->size = bottom - top > right - left ? bottom - top + 1 : right - left + 1;
}

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

void canvas_make(const struct task_data *t, bool test, int id, struct rng *augment,
                 struct canvas *c, bool *flip)
{
    struct rng r = rng_for(hash_pair(t->seed, 7 + test), (uint64_t)id);
    int cell[CANVAS_MOST] = {0, 1, 2, 3};
    const struct image_view *v = &t->view;
    c->n = 2 + (int)rng_below(&r, CANVAS_MOST - 1);
    for (int k = 0; k < c->n; k++) {
        int other = k + (int)rng_below(&r, (uint64_t)(CANVAS_MOST - k)), q = cell[other];
        int room_y = v->height - t->info.height, room_x = v->width - t->info.width;
        struct garment *g = &c->at[k];
        cell[other] = cell[k];
        g->index = k == 0 ? id : t->pool[test][rng_below(&r, (uint64_t)t->n_pool[test])];
        int y = (int)rng_below(&r, (uint64_t)room_y + 1),
            x = (int)rng_below(&r, (uint64_t)room_x + 1);
        if (augment && v->shift > 0) {
            uint64_t ways = 2 * (uint64_t)v->shift + 1;
            y = clamp(y + (int)rng_below(augment, ways) - v->shift, 0, room_y);
            x = clamp(x + (int)rng_below(augment, ways) - v->shift, 0, room_x);
        }
        g->top = q / 2 * v->height + y;
        g->left = q % 2 * v->width + x;
        find_points(images_pixels(t->d, test, g->index), &t->info, g);
    }
    *flip = augment && v->flip && rng_below(augment, 2);
}

/* Pixels (and labels, unless NULL) of a canvas. */
static void draw_canvas(const struct task_data *t, bool test, const struct canvas *c, float *x,
                        int *label)
{
    size_t size = (size_t)t->in.height * (size_t)t->in.width;
    for (size_t k = 0; k < size; k++)
        x[k] = t->view.level[0][0];
    if (label)
        memset(label, 0, size * sizeof *label);
    for (int k = 0; k < c->n; k++) {
        const struct garment *g = &c->at[k];
        const unsigned char *p = images_pixels(t->d, test, g->index);
        for (int y = 0; y < t->info.height; y++)
            for (int i = 0; i < t->info.width; i++) {
                int at = (g->top + y) * t->in.width + g->left + i;
                x[at] = t->view.level[0][p[y * t->info.width + i]];
                if (label && is_garment(p, &t->info, y, i))
                    label[at] = 1 + images_label(t->d, test, g->index);
            }
    }
}

static void mirror(const struct task_data *t, struct canvas *c, float *x, int *label)
{
    int w = t->in.width;
    for (int y = 0; y < t->in.height; y++)
        for (int i = 0, k = w - 1; i < k; i++, k--) {
            float v = x[y * w + i];
            x[y * w + i] = x[y * w + k];
            x[y * w + k] = v;
            if (label) {
                int l = label[y * w + i];
                label[y * w + i] = label[y * w + k];
                label[y * w + k] = l;
            }
        }
    for (int k = 0; k < c->n; k++) {
        struct garment *g = &c->at[k];
        g->left = w - g->left - t->info.width;
        for (int i = 0; i < KEYPOINTS; i++)
            g->x[i] = (float)(t->info.width - 1) - g->x[i];
        float x2 = g->x[2], y2 = g->y[2]; /* left and right change their names */
        g->x[2] = g->x[3];
        g->y[2] = g->y[3];
        g->x[3] = x2;
        g->y[3] = y2;
    }
}

static enum status open_canvas(struct task_data *t, struct err *err)
{
    if (t->info.channels != 1)
        return err_set(err, ST_UNSUPPORTED,
                       "task %s needs grey images on a black ground, these have %d channels",
                       t->task->info.name, t->info.channels);
    t->in = (struct maps){1, 2 * t->view.height, 2 * t->view.width};
    return ST_OK;
}

static void make_batch(struct task_data *t, bool test, const int *index, int n, struct rng *augment,
                       float *x)
{
    size_t size = (size_t)t->in.height * (size_t)t->in.width;
    for (int i = 0; i < n; i++) {
        struct canvas *c = &t->canvas[i];
        float *at = x + (size_t)i * size;
        int *label = t->label ? t->label + (size_t)i * size : NULL;
        bool flip;
        canvas_make(t, test, index[i], augment, c, &flip);
        draw_canvas(t, test, c, at, label);
        if (flip)
            mirror(t, c, at, label);
    }
}

/* ---- the class of each pixel ---- */

enum status task_segment_open(struct task_data *t, struct err *err)
{
    TRY(open_canvas(t, err));
    t->out = (struct maps){1 + t->info.classes, t->in.height, t->in.width};
    return ST_OK;
}

void task_segment_batch(struct task_data *t, bool test, const int *index, int n,
                        struct rng *augment, uint64_t draw, float *x)
{
    (void)draw;
    make_batch(t, test, index, n, augment, x);
}

double task_segment_loss(const struct task_data *t, const float *out, int n, float *grad,
                         struct score *s)
{
    int classes = t->out.channels;
    size_t plane = (size_t)t->out.height * (size_t)t->out.width;
    double share = 1.0 / (double)plane, loss = 0, e[SCORE_CLASSES];
    for (int i = 0; i < n; i++)
        for (size_t p = 0; p < plane; p++) {
            size_t first = (size_t)i * (size_t)classes * plane + p;
            int truth = t->label[(size_t)i * plane + p], best = 0;
            double sum = 0;
            for (int c = 1; c < classes; c++)
                best =
                    out[first + (size_t)c * plane] > out[first + (size_t)best * plane] ? c : best;
            double most = (double)out[first + (size_t)best * plane];
            for (int c = 0; c < classes; c++)
                sum += e[c] = exp((double)out[first + (size_t)c * plane] - most);
            loss += (most + log(sum) - (double)out[first + (size_t)truth * plane]) * share;
            for (int c = 0; grad && c < classes; c++)
                grad[first + (size_t)c * plane] = (float)((e[c] / sum - (c == truth)) * share / n);
            s->said[best]++;
            s->true_[truth]++;
            s->both[truth] += best == truth;
        }
    s->loss += loss;
    s->n += n;
    return loss;
}

/* Intersection over union, the mean over all classes that occur. */
double task_segment_value(const struct score *s)
{
    double sum = 0;
    int classes = 0;
    for (int c = 0; c < SCORE_CLASSES; c++) {
        int64_t either = s->said[c] + s->true_[c] - s->both[c];
        if (either > 0) {
            sum += (double)s->both[c] / (double)either;
            classes++;
        }
    }
    return classes ? sum / classes : 0;
}

void task_segment_trivial(struct task_data *t, int n, struct score *s)
{
    size_t size = (size_t)n * (size_t)t->out.height * (size_t)t->out.width;
    for (size_t p = 0; p < size; p++) {
        s->said[0]++;
        s->true_[t->label[p]]++;
        s->both[0] += t->label[p] == 0;
    }
}

/* ---- points ---- */

enum status task_keypoints_open(struct task_data *t, struct err *err)
{
    TRY(open_canvas(t, err));
    t->out = (struct maps){KEYPOINTS, t->in.height, t->in.width};
    return ST_OK;
}

/* Where a point of the canvas lies on a map. */
static double on_map(double at, int canvas, int map)
{
    return (at + 0.5) * map / canvas - 0.5;
}

static void draw_peak(const struct task_data *t, double y, double x, float *map)
{
    for (int i = 0; i < t->out.height; i++)
        for (int k = 0; k < t->out.width; k++) {
            double d = (i - y) * (i - y) + (k - x) * (k - x);
            float v = (float)exp(-d / (2 * PEAK * PEAK));
            float *at = map + i * t->out.width + k;
            *at = v > *at ? v : *at;
        }
}

void task_keypoints_batch(struct task_data *t, bool test, const int *index, int n,
                          struct rng *augment, uint64_t draw, float *x)
{
    size_t plane = (size_t)t->out.height * (size_t)t->out.width;
    (void)draw;
    make_batch(t, test, index, n, augment, x);
    memset(t->target, 0, (size_t)n * KEYPOINTS * plane * sizeof *t->target);
    for (int i = 0; i < n; i++)
        for (int g = 0; g < t->canvas[i].n; g++)
            for (int k = 0; k < KEYPOINTS; k++) {
                const struct garment *at = &t->canvas[i].at[g];
                draw_peak(t, on_map(at->top + (double)at->y[k], t->in.height, t->out.height),
                          on_map(at->left + (double)at->x[k], t->in.width, t->out.width),
                          t->target + ((size_t)i * KEYPOINTS + (size_t)k) * plane);
            }
}

static void add_point(const struct garment *g, int k, double y, double x, struct score *s)
{
    double dy = y - (g->top + (double)g->y[k]), dx = x - (g->left + (double)g->x[k]);
    double most = fmax(1, PCK_SHARE * g->size);
    s->sum += dy * dy + dx * dx <= most * most;
    s->terms++;
}

/* The largest value of a map within the garment's image decides, as pose estimation from given
 * boxes has it. */
static void find_peak(const struct task_data *t, const float *map, const struct garment *g,
                      double *y, double *x)
{
    float most = -HUGE_VALF;
    *y = *x = -1000;
    for (int i = 0; i < t->out.height; i++)
        for (int k = 0; k < t->out.width; k++) {
            double at_y = on_map(i, t->out.height, t->in.height);
            double at_x = on_map(k, t->out.width, t->in.width);
            if (at_y < g->top - 0.5 || at_y > g->top + t->info.height - 0.5 ||
                at_x < g->left - 0.5 || at_x > g->left + t->info.width - 0.5)
                continue;
            if (map[i * t->out.width + k] > most) {
                most = map[i * t->out.width + k];
                *y = at_y;
                *x = at_x;
            }
        }
}

double task_keypoints_loss(const struct task_data *t, const float *out, int n, float *grad,
                           struct score *s)
{
    size_t plane = (size_t)t->out.height * (size_t)t->out.width, size = KEYPOINTS * plane;
    double share = HEAT_WEIGHT / (double)size, loss = 0;
    for (size_t k = 0; k < (size_t)n * size; k++) {
        double d = (double)out[k] - (double)t->target[k];
        loss += d * d * share;
        if (grad)
            grad[k] = (float)(2 * d * share / n);
    }
    for (int i = 0; i < n; i++)
        for (int g = 0; g < t->canvas[i].n; g++)
            for (int k = 0; k < KEYPOINTS; k++) {
                double y, x;
                find_peak(t, out + ((size_t)i * KEYPOINTS + (size_t)k) * plane, &t->canvas[i].at[g],
                          &y, &x);
                add_point(&t->canvas[i].at[g], k, y, x, s);
            }
    s->loss += loss;
    s->n += n;
    return loss;
}

/* Each point where it is in the training images on the average. */
void task_keypoints_trivial(struct task_data *t, int n, struct score *s)
{
    enum { MOST = 2000 };
    double y[KEYPOINTS] = {0}, x[KEYPOINTS] = {0};
    int seen = t->n_pool[0] < MOST ? t->n_pool[0] : MOST;
    for (int i = 0; i < seen; i++) {
        struct garment g = {0};
        find_points(images_pixels(t->d, false, t->pool[0][i]), &t->info, &g);
        for (int k = 0; k < KEYPOINTS; k++) {
            y[k] += (double)g.y[k] / seen;
            x[k] += (double)g.x[k] / seen;
        }
    }
    for (int i = 0; i < n; i++)
        for (int g = 0; g < t->canvas[i].n; g++)
            for (int k = 0; k < KEYPOINTS; k++)
                add_point(&t->canvas[i].at[g], k, t->canvas[i].at[g].top + y[k],
                          t->canvas[i].at[g].left + x[k], s);
}
