/* Labelled images: IDX files (LeCun's MNIST page describes them) and CIFAR-10's binary batches. */
#include "exec/fit_priv.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FASHION_MNIST "/usr/share/datasets/fashion-mnist"

enum { MOST_BYTES = 1 << 30, MOST_SIDE = 4096 };

struct images {
    struct images_info info;
    char *name;
    unsigned char *pixel[2], *label[2]; /* training, test */
};

static enum status damaged(struct err *err, const char *path, const char *what)
{
    err_set(err, ST_MODEL, "%s", what);
    err_in_file(err, path);
    return ST_MODEL;
}

/* ---- files ---- */

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The file's bytes without its header; dim[rank] receives the header's sizes. */
static enum status read_idx(const char *path, int rank, uint32_t *dim, unsigned char **out,
                            struct err *err)
{
    unsigned char *data;
    size_t size, want = 1, header = 4 + 4 * (size_t)rank;
    TRY(file_read_packed(path, MOST_BYTES, &data, &size, err));
    const char *fault = NULL;
    if (size < header || big_endian(data) != 0x800u + (unsigned)rank)
        fault = rank == 3 ? "no IDX file of images (unsigned bytes, three dimensions)"
                          : "no IDX file of labels (unsigned bytes, one dimension)";
    for (int i = 0; !fault && i < rank; i++) {
        dim[i] = big_endian(data + 4 + 4 * i);
        if (dim[i] == 0 || dim[i] > MOST_BYTES / want || (i > 0 && dim[i] > MOST_SIDE))
            fault = "the sizes in the header cannot be";
        else
            want *= dim[i];
    }
    if (!fault && size - header != want)
        fault =
            size - header < want ? "shorter than its header says" : "longer than its header says";
    if (fault) {
        free(data);
        return damaged(err, path, fault);
    }
    memmove(data, data + header, want);
    *out = data;
    return ST_OK;
}

/* Two spellings are about, each packed or not. Caller frees; NULL: the folder has none. */
static char *idx_path(const char *dir, const char *set, const char *what, int rank)
{
    static const char *const form[][2] = {{"-", ""}, {"-", ".gz"}, {".", ""}, {".", ".gz"}};
    for (size_t i = 0; i < sizeof form / sizeof *form; i++) {
        char *path =
            x_asprintf("%s/%s-%s%sidx%d-ubyte%s", dir, set, what, form[i][0], rank, form[i][1]);
        if (access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

static enum status read_idx_of(const char *dir, const char *set, const char *what, int rank,
                               uint32_t *dim, unsigned char **out, struct err *err)
{
    char *path = idx_path(dir, set, what, rank);
    enum status st = ST_OK;
    if (path)
        st = read_idx(path, rank, dim, out, err);
    else {
        err_set(err, ST_IO, "%s-%s-idx%d-ubyte is missing", set, what, rank);
        err_in_file(err, dir);
        st = ST_IO;
    }
    free(path);
    return st;
}

static enum status open_idx(struct images *d, const char *dir, struct err *err)
{
    static const char *const set[] = {"train", "t10k"};
    uint32_t size[2][3], labels[2];
    for (int i = 0; i < 2; i++) {
        TRY(read_idx_of(dir, set[i], "images", 3, size[i], &d->pixel[i], err));
        TRY(read_idx_of(dir, set[i], "labels", 1, &labels[i], &d->label[i], err));
        if (labels[i] != size[i][0])
            return damaged(err, dir,
                           i ? "t10k: not as many labels as images"
                             : "train: not as many labels as images");
    }
    if (size[0][1] != size[1][1] || size[0][2] != size[1][2])
        return damaged(err, dir, "training and test images differ in size");
    d->info = (struct images_info){.channels = 1,
                                   .height = (int)size[0][1],
                                   .width = (int)size[0][2],
                                   .n_train = (int)size[0][0],
                                   .n_test = (int)size[1][0]};
    return ST_OK;
}

/* ---- CIFAR-10 ---- */

enum { CIFAR_SIDE = 32, CIFAR_PIXELS = 3 * CIFAR_SIDE * CIFAR_SIDE, CIFAR_ROW = CIFAR_PIXELS + 1 };

/* Appends one file's rows (a label, then the pixels by channel). */
static enum status read_cifar(struct images *d, int set, int *n, const char *path, struct err *err)
{
    unsigned char *data;
    size_t size;
    TRY(file_read_packed(path, MOST_BYTES, &data, &size, err));
    if (size == 0 || size % CIFAR_ROW) {
        free(data);
        return damaged(err, path, "not a whole number of CIFAR-10 rows (3073 bytes each)");
    }
    size_t rows = size / CIFAR_ROW, had = (size_t)*n;
    d->pixel[set] = x_reallocarray(d->pixel[set], had + rows, CIFAR_PIXELS);
    d->label[set] = x_reallocarray(d->label[set], had + rows, 1);
    for (size_t i = 0; i < rows; i++) {
        d->label[set][had + i] = data[i * CIFAR_ROW];
        memcpy(d->pixel[set] + (had + i) * CIFAR_PIXELS, data + i * CIFAR_ROW + 1, CIFAR_PIXELS);
    }
    free(data);
    *n += (int)rows;
    return ST_OK;
}

static enum status open_cifar(struct images *d, const char *dir, struct err *err)
{
    enum status st = ST_OK;
    d->info = (struct images_info){.channels = 3, .height = CIFAR_SIDE, .width = CIFAR_SIDE};
    for (int i = 1; st == ST_OK && i <= 5; i++) {
        char *path = x_asprintf("%s/data_batch_%d.bin", dir, i);
        if (i == 1 || access(path, F_OK) == 0)
            st = read_cifar(d, 0, &d->info.n_train, path, err);
        free(path);
    }
    char *path = x_asprintf("%s/test_batch.bin", dir);
    if (st == ST_OK)
        st = read_cifar(d, 1, &d->info.n_test, path, err);
    free(path);
    return st;
}

/* ---- opening ---- */

static enum status count_classes(struct images *d, const char *dir, struct err *err)
{
    int most[2] = {0, 0}, n[2] = {d->info.n_train, d->info.n_test};
    for (int set = 0; set < 2; set++)
        for (int i = 0; i < n[set]; i++)
            if (d->label[set][i] > most[set])
                most[set] = d->label[set][i];
    if (most[1] > most[0])
        return damaged(err, dir, "the test images have a label that no training image has");
    if (most[0] == 0)
        return damaged(err, dir, "all images have the same label");
    d->info.classes = most[0] + 1;
    return ST_OK;
}

static bool has_file(const char *dir, const char *name)
{
    char *path = x_asprintf("%s/%s", dir, name);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

enum status images_open(struct images **out, const char *dir, struct err *err)
{
    struct images *d = x_calloc(1, sizeof *d);
    const char *from = dir ? dir : FASHION_MNIST, *name = NULL;
    char *inside = x_asprintf("%s/cifar-10-batches-bin", from);
    char *idx = idx_path(from, "train", "images", 3);
    enum status st = ST_IO;
    if (idx) {
        st = open_idx(d, from, err);
        name = dir ? dir : "Fashion-MNIST";
    } else if (has_file(from, "data_batch_1.bin") || has_file(inside, "data_batch_1.bin")) {
        st = open_cifar(d, has_file(from, "data_batch_1.bin") ? from : inside, err);
        name = "CIFAR-10";
    } else if (dir) {
        err_set(err, ST_IO, "no images in it (IDX files or CIFAR-10's binary batches)");
        err_in_file(err, dir);
    } else
        err_set(err, ST_IO,
                "no images: install the package dataset-fashion-mnist or name a folder of IDX "
                "files or CIFAR-10's binary batches (--data)");
    if (st == ST_OK)
        st = count_classes(d, from, err);
    free(idx);
    free(inside);
    if (st == ST_OK) {
        d->info.name = d->name = x_strdup(name);
        *out = d;
    } else
        images_free(d);
    return st;
}

void images_free(struct images *d)
{
    if (!d)
        return;
    for (int i = 0; i < 2; i++) {
        free(d->pixel[i]);
        free(d->label[i]);
    }
    free(d->name);
    free(d);
}

struct images_info images_info(const struct images *d)
{
    return d->info;
}

int images_label(const struct images *d, bool test, int i)
{
    return d->label[test][i];
}

const unsigned char *images_pixels(const struct images *d, bool test, int i)
{
    return d->pixel[test] +
           (size_t)i * (size_t)d->info.channels * (size_t)d->info.height * (size_t)d->info.width;
}

/* ---- batches ---- */

static int padded(int size, int pad)
{
    int power = 1;
    while (power < size)
        power *= 2;
    return pad > 0 ? size + 2 * pad : pad < 0 ? size : power;
}

void image_view_init(struct image_view *v, const struct images *d, int pad, const int *index, int n)
{
    const struct images_info *i = &d->info;
    size_t plane = (size_t)i->height * (size_t)i->width;
    *v = (struct image_view){.height = padded(i->height, pad), .width = padded(i->width, pad)};
    v->top = (v->height - i->height) / 2;
    v->left = (v->width - i->width) / 2;
    for (int c = 0; c < i->channels; c++) {
        double count = 0, sum = 0, squares = 0;
        int64_t seen[256] = {0};
        for (int k = 0; k < n; k++) {
            const unsigned char *p =
                d->pixel[0] + ((size_t)index[k] * (size_t)i->channels + (size_t)c) * plane;
            for (size_t x = 0; x < plane; x++)
                seen[p[x]]++;
        }
        for (int b = 0; b < 256; b++) {
            count += (double)seen[b];
            sum += b * (double)seen[b];
            squares += (double)b * b * (double)seen[b];
        }
        double mean = sum / count, variance = squares / count - mean * mean;
        double scale = variance > 0 ? 1 / sqrt(variance) : 1;
        for (int b = 0; b < 256; b++)
            v->level[c][b] = (float)((b - mean) * scale);
    }
}

/* One channel, its image's corner at (top, left) of the padded one; what lies outside is cut. */
static void place(const struct image_view *v, const struct images_info *i, const unsigned char *p,
                  const float *level, int top, int left, bool flip, float *out)
{
    for (int k = 0; k < v->height * v->width; k++)
        out[k] = level[0];
    int from = left < 0 ? -left : 0;
    int to = left + i->width > v->width ? v->width - left : i->width;
    for (int y = 0; y < i->height; y++) {
        if (top + y < 0 || top + y >= v->height)
            continue;
        const unsigned char *row = p + (size_t)y * (size_t)i->width;
        float *dst = out + (size_t)(top + y) * (size_t)v->width;
        for (int x = from; x < to; x++)
            dst[left + x] = level[row[flip ? i->width - 1 - x : x]];
    }
}

void images_batch(const struct images *d, const struct image_view *v, bool test, const int *index,
                  int n, struct rng *augment, float *out)
{
    const struct images_info *i = &d->info;
    size_t plane = (size_t)i->height * (size_t)i->width;
    for (int k = 0; k < n; k++) {
        int top = v->top, left = v->left;
        bool flip = false;
        if (augment && v->shift > 0) {
            uint64_t ways = 2 * (uint64_t)v->shift + 1;
            top += (int)rng_below(augment, ways) - v->shift;
            left += (int)rng_below(augment, ways) - v->shift;
        }
        if (augment && v->flip)
            flip = rng_below(augment, 2);
        for (int c = 0; c < i->channels; c++) {
            const unsigned char *p =
                d->pixel[test] + ((size_t)index[k] * (size_t)i->channels + (size_t)c) * plane;
            place(v, i, p, v->level[c], top, left, flip, out);
            out += (size_t)v->height * (size_t)v->width;
        }
    }
}
