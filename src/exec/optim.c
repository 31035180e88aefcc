#include "exec/fit_priv.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float **buffers(struct exec_param *const *p, int n)
{
    float **b = x_calloc((size_t)n, sizeof *b);
    for (int i = 0; i < n; i++)
        b[i] = x_calloc((size_t)p[i]->n, sizeof **b);
    return b;
}

static void free_buffers(float **b, int n)
{
    for (int i = 0; b && i < n; i++)
        free(b[i]);
    free(b);
}

static double gradient_norm(struct exec_param *const *p, int n)
{
    double squares = 0;
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < p[i]->n; k++)
            squares += (double)p[i]->grad[k] * p[i]->grad[k];
    return sqrt(squares);
}

void sgd_open(struct sgd *s, struct exec_param *const *p, int n)
{
    if (s->speed)
        return;
    s->n = n;
    s->speed = buffers(p, n);
    if (s->adam)
        s->square = buffers(p, n);
}

/* Kingma and Ba 2015; decay is decoupled (Loshchilov and Hutter 2019). */
static void adam_update(struct sgd *s, struct exec_param *const *p, float scale, double lr)
{
    const double beta = 0.999;
    const float keep = (float)s->momentum, keep_square = (float)beta, least = 1e-8F;
    double steps = (double)++s->steps;
    float rate = (float)(lr / (1 - pow(s->momentum, steps)));
    float unbias = (float)(1 / sqrt(1 - pow(beta, steps)));
    for (int i = 0; i < s->n; i++) {
        float *w = p[i]->value, *g = p[i]->grad, *v = s->speed[i], *q = s->square[i];
        float shrink = p[i]->decay ? (float)(lr * s->decay) : 0;
        for (int64_t k = 0; k < p[i]->n; k++) {
            g[k] *= scale;
            v[k] = keep * v[k] + (1 - keep) * g[k];
            q[k] = keep_square * q[k] + (1 - keep_square) * g[k] * g[k];
            w[k] -= shrink * w[k] + rate * v[k] / (sqrtf(q[k]) * unbias + least);
        }
    }
}

double sgd_step(struct sgd *s, struct exec_param *const *p, int n, double lr)
{
    sgd_open(s, p, n);
    double norm = gradient_norm(p, n);
    float scale = s->clip > 0 && norm > s->clip ? (float)(s->clip / norm) : 1;
    if (s->adam) {
        adam_update(s, p, scale, lr);
        return norm;
    }
    float keep = (float)s->momentum, rate = (float)lr;
    for (int i = 0; i < n; i++) {
        float *w = p[i]->value, *g = p[i]->grad, *v = s->speed[i];
        float decay = p[i]->decay ? (float)s->decay : 0;
        for (int64_t k = 0; k < p[i]->n; k++) {
            g[k] = g[k] * scale + decay * w[k];
            v[k] = keep * v[k] + g[k];
            w[k] -= rate * (g[k] + keep * v[k]);
        }
    }
    return norm;
}

void sgd_done(struct sgd *s)
{
    free_buffers(s->speed, s->n);
    free_buffers(s->square, s->n);
    s->speed = s->square = NULL;
    s->n = 0;
}

/* From a to b as t goes from 0 to 1. */
static double cosine(double a, double b, double t)
{
    const double pi = 3.14159265358979323846;
    return b + (a - b) * (1 + cos(pi * t)) / 2;
}

double one_cycle(double peak, int64_t step, int64_t steps)
{
    double begin = peak / 25, up = (double)steps / 4, at = (double)step;
    if (at < up)
        return cosine(begin, peak, at / up);
    return cosine(peak, 0, (at - up) / ((double)steps - up));
}

/* ---- averaged weights ---- */

void average_open(struct average *a, struct exec_param *const *p, int n)
{
    if (a->mean)
        return;
    a->n = n;
    a->mean = buffers(p, n);
}

void average_add(struct average *a, struct exec_param *const *p, int n)
{
    average_open(a, p, n);
    float share = 1 / (float)++a->count;
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < p[i]->n; k++)
            a->mean[i][k] += (p[i]->value[k] - a->mean[i][k]) * share;
}

void average_apply(const struct average *a, struct exec_param *const *p)
{
    for (int i = 0; a->count && i < a->n; i++)
        memcpy(p[i]->value, a->mean[i], (size_t)p[i]->n * sizeof *p[i]->value);
}

void average_done(struct average *a)
{
    free_buffers(a->mean, a->n);
    *a = (struct average){0};
}
