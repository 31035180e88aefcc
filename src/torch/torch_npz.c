/* Weights as .npz: a zip archive of .npy arrays, stored as they are. Without times, so that the
 * same weights give the same bytes. */
#include "torch/torch_priv.h"

#include <zlib.h>

enum { LOCAL = 30, CENTRAL = 46, END = 22, NPY_ALIGN = 64, ZIP_VERSION = 20, JANUARY_1980 = 33 };

struct entry {
    uint32_t crc, size, at;
};

static const struct numpy_type {
    int dtype;
    const char *name;
} numpy_types[] = {
    {DT_FLOAT, "<f4"}, {DT_DOUBLE, "<f8"}, {DT_FLOAT16, "<f2"}, {DT_BFLOAT16, "<f4"},
    {DT_INT8, "|i1"},  {DT_INT16, "<i2"},  {DT_INT32, "<i4"},   {DT_INT64, "<i8"},
    {DT_UINT8, "|u1"}, {DT_BOOL, "|b1"},
};

static unsigned char *put16(unsigned char *p, unsigned v)
{
    *p++ = v & 0xff;
    *p++ = v >> 8 & 0xff;
    return p;
}

static unsigned char *put32(unsigned char *p, uint32_t v)
{
    return put16(put16(p, v & 0xffff), v >> 16);
}

/* ---- one array ---- */

static void npy_header(const struct weight *e, struct str *out)
{
    const char *type = "<f4";
    struct str dict = {0};

    for (size_t i = 0; i < sizeof numpy_types / sizeof *numpy_types; i++)
        if (numpy_types[i].dtype == tensor_type(e->t)->dtype)
            type = numpy_types[i].name;
    str_addf(&dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
    for (int i = 0; i < e->rank; i++)
        str_addf(&dict, "%lld,%s", (long long)e->dim[i], i + 1 < e->rank ? " " : "");
    str_add(&dict, "), }");
    while ((10 + dict.n + 1) % NPY_ALIGN)
        str_add_char(&dict, ' ');
    str_add_char(&dict, '\n');
    str_add_n(out, "\x93NUMPY\x01\x00", 8);
    str_add_char(out, (char)(dict.n & 0xff));
    str_add_char(out, (char)(dict.n >> 8));
    str_add_n(out, str_text(&dict), dict.n);
    str_done(&dict);
}

static void transpose(const struct ttype *t, size_t size, const unsigned char *from,
                      unsigned char *to)
{
    size_t rows = (size_t)t->dim[0], cols = (size_t)t->dim[1];

    for (size_t c = 0; c < cols; c++)
        for (size_t r = 0; r < rows; r++)
            memcpy(to + (c * rows + r) * size, from + (r * cols + c) * size, size);
}

/* numpy has no bfloat16: the upper half of a float. */
static void widen(size_t n, const unsigned char *from, unsigned char *to)
{
    for (size_t i = 0; i < n; i++) {
        memset(to + 4 * i, 0, 2);
        memcpy(to + 4 * i + 2, from + 2 * i, 2);
    }
}

/* `fresh` takes the place of what *own holds. */
static const unsigned char *made(unsigned char **own, unsigned char *fresh)
{
    free(*own);
    *own = fresh;
    return fresh;
}

/* The elements as they are written; *own is to be freed. NULL: no memory. */
static const unsigned char *elements(const struct weight *e, size_t *size, unsigned char **own)
{
    const struct ttype *type = tensor_type(e->t);
    const unsigned char *data = tensor_data(e->t);
    unsigned char *fresh;

    *own = NULL;
    *size = tensor_size(e->t);
    if (!data) {
        data = *own = x_try_calloc(1, *size + 1);
        if (!data)
            return NULL;
        tensor_read(e->t, *own);
    }
    if (e->transposed) {
        fresh = x_try_calloc(1, *size + 1);
        if (fresh)
            transpose(type, dtype_size(type->dtype), data, fresh);
        data = made(own, fresh);
    }
    if (data && type->dtype == DT_BFLOAT16) {
        fresh = x_try_calloc(2, *size + 1);
        if (fresh)
            widen(*size / 2, data, fresh);
        *size *= 2;
        data = made(own, fresh);
    }
    return data;
}

/* ---- the archive ---- */

static unsigned char *shared_fields(unsigned char *p, const struct entry *at, size_t name)
{
    p = put16(put16(put16(p, ZIP_VERSION), 0), 0); /* no flags, stored */
    p = put32(put16(put16(p, 0), JANUARY_1980), at->crc);
    p = put32(put32(p, at->size), at->size);
    return put16(put16(p, (unsigned)name), 0);
}

static enum status write_entry(const struct weight *e, struct entry *at, uint64_t *pos, FILE *f,
                               struct err *err)
{
    char *name = x_asprintf("%s.npy", e->key);
    unsigned char head[LOCAL], *own;
    struct str npy = {0};
    enum status st = ST_OK;
    size_t size, len = strlen(name);
    const unsigned char *data = elements(e, &size, &own);

    npy_header(e, &npy);
    if (!data)
        st = err_set(err, ST_INTERNAL, "out of memory for weights");
    else if (*pos + LOCAL + len + npy.n + size > UINT32_MAX)
        st = err_set(err, ST_UNSUPPORTED, "more than 4 GiB of weights");
    if (st == ST_OK) {
        at->at = (uint32_t)*pos;
        at->size = (uint32_t)(npy.n + size);
        at->crc = (uint32_t)crc32_z(0, (const unsigned char *)str_text(&npy), npy.n);
        at->crc = (uint32_t)crc32_z(at->crc, data, size);
        shared_fields(put32(head, 0x04034b50), at, len);
        fwrite(head, 1, LOCAL, f);
        fwrite(name, 1, len, f);
        fwrite(str_text(&npy), 1, npy.n, f);
        fwrite(data, 1, size, f);
        *pos += LOCAL + len + npy.n + size;
    }
    str_done(&npy);
    free(own);
    free(name);
    return st;
}

static void write_directory(const struct weights *all, const struct entry *entry, uint64_t pos,
                            FILE *f)
{
    unsigned char head[CENTRAL], end[END] = {0}, *p;
    uint32_t size = 0;

    for (size_t i = 0; i < all->n; i++) {
        size_t len = strlen(all->at[i].key) + 4;

        p = put16(put32(head, 0x02014b50), ZIP_VERSION);
        p = shared_fields(p, &entry[i], len);
        p = put16(put16(put16(p, 0), 0), 0); /* no comment, disk 0, attributes */
        put32(put32(p, 0), entry[i].at);
        fwrite(head, 1, CENTRAL, f);
        fprintf(f, "%s.npy", all->at[i].key);
        size += (uint32_t)(CENTRAL + len);
    }
    p = put16(put16(put32(end, 0x06054b50), 0), 0);
    p = put16(put16(p, (unsigned)all->n), (unsigned)all->n);
    put32(put32(p, size), (uint32_t)pos);
    fwrite(end, 1, END, f);
}

enum status torch_npz(const struct weights *all, struct file_writer *w, struct err *err)
{
    struct entry *entry = x_calloc(all->n + 1, sizeof *entry);
    uint64_t pos = 0;
    enum status st = ST_OK;

    if (all->n > UINT16_MAX - 1)
        st = err_set(err, ST_UNSUPPORTED, "more than 65534 weights");
    for (size_t i = 0; i < all->n && st == ST_OK; i++)
        st = write_entry(&all->at[i], &entry[i], &pos, w->f, err);
    if (st == ST_OK)
        write_directory(all, entry, pos, w->f);
    free(entry);
    return st;
}
