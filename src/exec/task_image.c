/* Images to images: super-resolution and denoising. Values are 0 to 1. */
#include "exec/fit_priv.h"

#include "base/hash.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* Standard deviation of the noise, as the published denoisers are compared at. */
#define NOISE (25 / 255.0)
#define MOST_PSNR 100.0

static void open_values(struct task_data *t)
{
    for (int c = 0; c < IMAGE_CHANNELS; c++)
        for (int b = 0; b < 256; b++)
            t->view.level[c][b] = (float)b / 255;
    t->out = (struct maps){t->info.channels, t->view.height, t->view.width};
}

enum status task_sr_open(struct task_data *t, struct err *err)
{
    open_values(t);
    if (t->out.height % 2 || t->out.width % 2)
        return err_set(err, ST_UNSUPPORTED, "images of %dx%d cannot be halved", t->out.height,
                       t->out.width);
    t->in = (struct maps){t->out.channels, t->out.height / 2, t->out.width / 2};
    return ST_OK;
}

enum status task_denoise_open(struct task_data *t, struct err *err)
{
    (void)err;
    open_values(t);
    t->in = t->out;
    return ST_OK;
}

void task_sr_batch(struct task_data *t, bool test, const int *index, int n, struct rng *augment,
                   uint64_t draw, float *x)
{
    int h = t->in.height, w = t->in.width;
    (void)draw;
    images_batch(t->d, &t->view, test, index, n, augment, t->target);
    t->given = x;
    for (int p = 0; p < n * t->in.channels * h; p++) {
        const float *row = t->target + (size_t)p * 4 * (size_t)w, *next = row + 2 * w;
        for (int k = 0; k < w; k++)
            *x++ = (row[2 * k] + row[2 * k + 1] + next[2 * k] + next[2 * k + 1]) / 4;
    }
}

void task_denoise_batch(struct task_data *t, bool test, const int *index, int n,
                        struct rng *augment, uint64_t draw, float *x)
{
    size_t size = (size_t)t->in.channels * (size_t)t->in.height * (size_t)t->in.width;
    images_batch(t->d, &t->view, test, index, n, augment, t->target);
    t->given = x;
    for (int i = 0; i < n; i++) {
        struct rng r = rng_for(hash_pair(t->seed, draw * 2 + test), (uint64_t)index[i]);
        for (size_t k = 0; k < size; k++)
            x[(size_t)i * size + k] =
                t->target[(size_t)i * size + k] + (float)(NOISE * rng_normal(&r));
    }
}

/* Of one image, without the black frame, values cut to 0 .. 1 as a file would have them. */
static double psnr(const struct task_data *t, const float *got, const float *want)
{
    int h = t->view.height, w = t->view.width, terms = 0;
    double squares = 0;
    for (int c = 0; c < t->out.channels; c++)
        for (int y = t->view.top; y < t->view.top + t->info.height; y++)
            for (int x = t->view.left; x < t->view.left + t->info.width; x++, terms++) {
                size_t k = ((size_t)c * (size_t)h + (size_t)y) * (size_t)w + (size_t)x;
                double v = fmin(fmax((double)got[k], 0), 1) - (double)want[k];
                squares += v * v;
            }
    double mean = squares / terms;
    return mean > 1e-10 ? -10 * log10(mean) : MOST_PSNR;
}

static void add_psnr(const struct task_data *t, const float *got, int i, struct score *s)
{
    size_t size = (size_t)t->out.channels * (size_t)t->out.height * (size_t)t->out.width;
    s->sum += psnr(t, got, t->target + (size_t)i * size);
    s->terms++;
}

/* Mean absolute error, which blurs less than the squared one (Lim et al. 2017). */
double task_image_loss(const struct task_data *t, const float *out, int n, float *grad,
                       struct score *s)
{
    size_t size = (size_t)t->out.channels * (size_t)t->out.height * (size_t)t->out.width;
    float share = (float)(1.0 / ((double)size * n));
    double loss = 0;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (size_t k = (size_t)i * size; k < (size_t)(i + 1) * size; k++) {
            float d = out[k] - t->target[k];
            sum += fabs((double)d);
            if (grad)
                grad[k] = d > 0 ? share : d < 0 ? -share : 0;
        }
        loss += sum / (double)size;
        add_psnr(t, out + (size_t)i * size, i, s);
    }
    s->loss += loss;
    s->n += n;
    return loss;
}

/* ---- answers without a network ---- */

/* Bilinear, pixel centres at halves. */
static void enlarge(const float *from, int h, int w, float *to)
{
    for (int y = 0; y < 2 * h; y++)
        for (int x = 0; x < 2 * w; x++) {
            int near_y = y / 2, near_x = x / 2;
            int far_y = near_y + (y % 2 ? 1 : -1), far_x = near_x + (x % 2 ? 1 : -1);
            far_y = far_y < 0 || far_y >= h ? near_y : far_y;
            far_x = far_x < 0 || far_x >= w ? near_x : far_x;
            const float *a = from + near_y * w, *b = from + far_y * w;
            *to++ = (9 * a[near_x] + 3 * a[far_x] + 3 * b[near_x] + b[far_x]) / 16;
        }
}

void task_sr_trivial(struct task_data *t, int n, struct score *s)
{
    size_t in = (size_t)t->in.height * (size_t)t->in.width, c = (size_t)t->in.channels;
    float *made = x_malloc(4 * in * c * sizeof *made);
    for (int i = 0; i < n; i++) {
        for (size_t k = 0; k < c; k++)
            enlarge(t->given + ((size_t)i * c + k) * in, t->in.height, t->in.width,
                    made + 4 * k * in);
        add_psnr(t, made, i, s);
    }
    free(made);
}

void task_denoise_trivial(struct task_data *t, int n, struct score *s)
{
    size_t size = (size_t)t->out.channels * (size_t)t->out.height * (size_t)t->out.width;
    for (int i = 0; i < n; i++)
        add_psnr(t, t->given + (size_t)i * size, i, s);
}
