/* TensorProto -> struct tensor, and external data. */
#include "onx/onx_priv.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

size_t onx_tensor_bytes(const Onnx__TensorProto *p)
{
    return p->raw_data.len + 4 * (p->n_float_data + p->n_int32_data) +
           8 * (p->n_int64_data + p->n_double_data + p->n_uint64_data);
}

/* Elements and bytes that the dimensions ask for. */
static enum status extent(const Onnx__TensorProto *p, const char *name, size_t *count,
                          size_t *bytes, struct err *err)
{
    size_t n = 1;
    for (size_t i = 0; i < p->n_dims; i++)
        if (p->dims[i] < 0 || __builtin_mul_overflow(n, (size_t)p->dims[i], &n))
            return err_set(err, ST_MODEL, "tensor '%s': impossible dimensions", name);
    *count = n;
    if (__builtin_mul_overflow(n, dtype_size(p->data_type), bytes) || *bytes > PTRDIFF_MAX)
        return err_set(err, ST_MODEL, "tensor '%s': impossible dimensions", name);
    return ST_OK;
}

/* Where the values are when they are not raw_data: `have` elements of `width` bytes. */
static const void *typed_data(const Onnx__TensorProto *p, size_t *have, size_t *width)
{
    switch (p->data_type) {
    case DT_FLOAT:
    case DT_COMPLEX64:
        *have = p->n_float_data;
        *width = 4;
        return p->float_data;
    case DT_DOUBLE:
    case DT_COMPLEX128:
        *have = p->n_double_data;
        *width = 8;
        return p->double_data;
    case DT_INT64:
        *have = p->n_int64_data;
        *width = 8;
        return p->int64_data;
    case DT_UINT32:
    case DT_UINT64:
        *have = p->n_uint64_data;
        *width = 8;
        return p->uint64_data;
    default:
        *have = p->n_int32_data;
        *width = 4;
        return p->int32_data;
    }
}

enum status onx_tensor(struct tensor **out, const Onnx__TensorProto *p, const char *name,
                       struct onx_origin *origin, struct err *err)
{
    *out = NULL;
    size_t count, bytes, size = dtype_size(p->data_type);
    if (size == 0 || p->n_dims > TTYPE_MAX_RANK)
        return ST_OK;
    if (p->segment)
        return err_set(err, ST_UNSUPPORTED, "tensor '%s' is stored in segments", name);
    TRY(extent(p, name, &count, &bytes, err));
    struct ttype type = ttype_make(p->data_type, (int)p->n_dims, p->dims);
    if (p->raw_data.len || count == 0) {
        if (p->raw_data.len != bytes)
            return err_set(err, ST_MODEL, "tensor '%s': %zu bytes where its type needs %zu", name,
                           (size_t)p->raw_data.len, bytes);
        *out = tensor_new_borrowed(name, &type, bytes ? (const void *)p->raw_data.data : "", bytes,
                                   onx_origin_ref(origin), onx_origin_unref);
        return ST_OK;
    }
    size_t have, width, parts = size > 8 || p->data_type == DT_COMPLEX64 ? 2 : 1;
    const void *data = typed_data(p, &have, &width);
    if (have % parts || have / parts != count)
        return err_set(err, ST_MODEL, "tensor '%s': %zu values where its type needs %zu", name,
                       have / parts, count);
    if (width * parts == size) {
        *out =
            tensor_new_borrowed(name, &type, data, bytes, onx_origin_ref(origin), onx_origin_unref);
        return ST_OK;
    }
    /* Narrow types have each element in the low bytes of a wider one. */
    unsigned char *raw = x_try_calloc(count, size);
    if (!raw)
        return err_set(err, ST_UNSUPPORTED, "tensor '%s' does not fit in memory", name);
    for (size_t i = 0; i < count; i++)
        memcpy(raw + i * size, (const unsigned char *)data + i * width, size);
    *out = tensor_new_borrowed(name, &type, raw, bytes, raw, free);
    return ST_OK;
}

/* ---- external data ---- */

/* Only files in the model's own folder or below: a model must not read the user's other files. */
static bool safe_location(const char *path)
{
    if (!path[0] || path[0] == '/')
        return false;
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.')
            return false;
        p += n;
        p += *p == '/';
    }
    return true;
}

static bool read_at(int fd, unsigned char *dst, size_t size, int64_t offset)
{
    while (size) {
        ssize_t got = pread(fd, dst, size, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        dst += got;
        offset += got;
        size -= (size_t)got;
    }
    return true;
}

static enum status read_range(int fd, Onnx__TensorProto *t, const char *name, const char *file,
                              int64_t offset, size_t bytes, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, ST_IO, "tensor '%s': external data '%s' is not a file", name, file);
    if (offset > st.st_size || bytes > (uint64_t)(st.st_size - offset))
        return err_set(err, ST_IO, "tensor '%s': external data '%s' is too short", name, file);
    unsigned char *raw = bytes ? x_try_calloc(1, bytes) : NULL;
    if (bytes && !raw)
        return err_set(err, ST_UNSUPPORTED, "tensor '%s' does not fit in memory", name);
    if (!read_at(fd, raw, bytes, offset)) {
        free(raw);
        return err_set(err, ST_IO, "tensor '%s': cannot read external data '%s'", name, file);
    }
    if (t->has_raw_data && t->raw_data.len)
        free(t->raw_data.data);
    t->has_raw_data = 1;
    t->raw_data = (ProtobufCBinaryData){.len = bytes, .data = raw};
    return ST_OK;
}

/* A link may lead to another file of the folder, not out of it. */
static bool leads_outside(const char *dir, const char *path)
{
    char *base = realpath(dir, NULL), *real = realpath(path, NULL);
    size_t n = base ? strlen(base) : 0;
    bool inside = !real || /* nothing is there: opening it says so */
                  (base && strncmp(real, base, n) == 0 && (n == 1 || !real[n] || real[n] == '/'));
    free(base);
    free(real);
    return !inside;
}

static enum status read_tensor(Onnx__TensorProto *t, const char *dir, struct err *err)
{
    const char *name = onx_str(t->name), *location = "", *offset_text = "0", *length_text = NULL;
    int64_t offset, length;
    size_t count, bytes;
    if (!t->has_data_location || t->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return ST_OK;
    for (size_t i = 0; i < t->n_external_data; i++) {
        const char *key = onx_str(t->external_data[i]->key);
        const char *value = onx_str(t->external_data[i]->value);
        if (strcmp(key, "location") == 0)
            location = value;
        else if (strcmp(key, "offset") == 0)
            offset_text = value;
        else if (strcmp(key, "length") == 0)
            length_text = value;
    }
    TRY(extent(t, name, &count, &bytes, err));
    if (!safe_location(location))
        return err_set(err, ST_MODEL, "tensor '%s': external data '%s' is outside the folder", name,
                       location);
    if (!str_to_i64(offset_text, 0, INT64_MAX, &offset) ||
        (length_text && !str_to_i64(length_text, 0, INT64_MAX, &length)))
        return err_set(err, ST_MODEL, "tensor '%s': bad offset or length of external data", name);
    if (dtype_size(t->data_type) == 0 || (length_text && (uint64_t)length != bytes))
        return err_set(err, ST_MODEL, "tensor '%s': external data does not fit its type", name);
    if (!dir)
        return err_set(err, ST_IO, "tensor '%s': external data '%s' is not at hand", name,
                       location);
    char *path = x_asprintf("%s/%s", dir, location);
    enum status st;
    bool outside = leads_outside(dir, path);
    int fd = outside ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (outside)
        st = err_set(err, ST_MODEL, "tensor '%s': external data '%s' is outside the folder", name,
                     location);
    else if (fd < 0)
        st = err_set(err, ST_IO, "tensor '%s': external data '%s': %s", name, location,
                     strerror(errno));
    else {
        st = read_range(fd, t, name, location, offset, bytes, err);
        close(fd);
    }
    free(path);
    if (st != ST_OK)
        return st;
    /* The tensor now is as if it had always been in the file. */
    for (size_t i = 0; i < t->n_external_data; i++)
        onnx__string_string_entry_proto__free_unpacked(t->external_data[i], NULL);
    free(t->external_data);
    t->external_data = NULL;
    t->n_external_data = 0;
    t->has_data_location = 0;
    return ST_OK;
}

static enum status read_sparse(Onnx__SparseTensorProto *s, const char *dir, struct err *err)
{
    if (s->values)
        TRY(read_tensor(s->values, dir, err));
    return s->indices ? read_tensor(s->indices, dir, err) : ST_OK;
}

static enum status read_graph(Onnx__GraphProto *g, const char *dir, struct err *err);

static enum status read_node(const Onnx__NodeProto *n, const char *dir, struct err *err)
{
    for (size_t i = 0; i < n->n_attribute; i++) {
        Onnx__AttributeProto *a = n->attribute[i];
        if (a->t)
            TRY(read_tensor(a->t, dir, err));
        if (a->g)
            TRY(read_graph(a->g, dir, err));
        if (a->sparse_tensor)
            TRY(read_sparse(a->sparse_tensor, dir, err));
        for (size_t k = 0; k < a->n_tensors; k++)
            TRY(read_tensor(a->tensors[k], dir, err));
        for (size_t k = 0; k < a->n_graphs; k++)
            TRY(read_graph(a->graphs[k], dir, err));
        for (size_t k = 0; k < a->n_sparse_tensors; k++)
            TRY(read_sparse(a->sparse_tensors[k], dir, err));
    }
    return ST_OK;
}

static enum status read_graph(Onnx__GraphProto *g, const char *dir, struct err *err)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        TRY(read_tensor(g->initializer[i], dir, err));
    for (size_t i = 0; i < g->n_sparse_initializer; i++)
        TRY(read_sparse(g->sparse_initializer[i], dir, err));
    for (size_t i = 0; i < g->n_node; i++)
        TRY(read_node(g->node[i], dir, err));
    return ST_OK;
}

enum status onx_read_external(Onnx__ModelProto *m, const char *dir, struct err *err)
{
    for (size_t i = 0; i < m->n_functions; i++)
        for (size_t k = 0; k < m->functions[i]->n_node; k++)
            TRY(read_node(m->functions[i]->node[k], dir, err));
    return read_graph(m->graph, dir, err);
}
