/* The first look at untrusted bytes. protobuf-c recurses without a limit, merges repeated
 * singular messages in quadratic time and takes whatever memory the file asks for, so the wire
 * format (protobuf.dev/programming-guides/encoding) is walked before it sees anything. The walk
 * follows protobuf-c's own message descriptors, so it descends exactly where protobuf-c will. */
#include "onx/onx_priv.h"

#include "base/file.h"

/* As libprotobuf's default. */
#define MAX_DEPTH 100
/* Memory a file may need once parsed: GROWTH times its size and some more. Real files need less
 * than 20 times their size when they hold no weights, and just above it otherwise. */
#define MAX_GROWTH 24
#define MAX_FLAT ((uint64_t)256 << 20)

struct walk {
    const unsigned char *start, *end; /* of the file */
    uint64_t need, limit;
    struct err *err;
};

static enum status fault(const struct walk *w, const unsigned char *p, const char *what)
{
    return err_set(w->err, ST_MODEL, "not an ONNX model, or damaged: %s at byte %zu", what,
                   (size_t)(p - w->start));
}

/* Something that starts at p does not end before `end`. */
static enum status cut_off(const struct walk *w, const unsigned char *p, const unsigned char *end)
{
    return fault(w, p, end == w->end ? "the file ends too early (truncated)" : "a cut-off field");
}

static bool varint(const unsigned char **p, const unsigned char *end, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 70 && *p < end; shift += 7) {
        unsigned char c = *(*p)++;
        if (shift < 64)
            *v |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

static bool singular_message(const ProtobufCFieldDescriptor *f)
{
    return f->type == PROTOBUF_C_TYPE_MESSAGE && f->label != PROTOBUF_C_LABEL_REPEATED;
}

static bool is_scalar(const ProtobufCFieldDescriptor *f)
{
    return f->type != PROTOBUF_C_TYPE_MESSAGE && f->type != PROTOBUF_C_TYPE_STRING &&
           f->type != PROTOBUF_C_TYPE_BYTES;
}

static enum status walk(struct walk *w, const ProtobufCMessageDescriptor *d, const unsigned char *p,
                        const unsigned char *end, int depth);

/* One length-delimited field of n bytes at p. */
static enum status walk_bytes(struct walk *w, const ProtobufCFieldDescriptor *f,
                              const unsigned char *p, uint64_t n, int depth)
{
    if (f && f->type == PROTOBUF_C_TYPE_MESSAGE)
        return walk(w, f->descriptor, p, p + n, depth + 1);
    if (f && f->type == PROTOBUF_C_TYPE_STRING && n && memchr(p, 0, n))
        return fault(w, p, "text with a NUL");
    /* A packed varint of one byte becomes 8. */
    w->need += f && is_scalar(f) ? 8 * n : n + 24;
    return ST_OK;
}

static enum status walk(struct walk *w, const ProtobufCMessageDescriptor *d, const unsigned char *p,
                        const unsigned char *end, int depth)
{
    uint64_t seen = 0; /* singular message fields, by index in the descriptor */
    const ProtobufCFieldDescriptor *f = NULL;
    if (depth > MAX_DEPTH)
        return err_set(w->err, ST_MODEL, "nested too deeply (more than %d levels)", MAX_DEPTH);
    w->need += d->sizeof_message + 24;
    while (p < end) {
        const unsigned char *at = p;
        uint64_t tag, n = 0;
        if (!varint(&p, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
            return fault(w, at, "bad field");
        if (!f || f->id != tag >> 3)
            f = protobuf_c_message_descriptor_get_field(d, (unsigned)(tag >> 3));
        w->need += 40; /* protobuf-c's own note of the field, or a pointer and an element */
        switch (tag & 7) {
        case 0:
            if (!varint(&p, end, &n))
                return cut_off(w, at, end);
            break;
        case 1:
        case 5:
            n = tag & 4 ? 4 : 8;
            if (n > (uint64_t)(end - p))
                return cut_off(w, at, end);
            p += n;
            break;
        case 2:
            if (!varint(&p, end, &n))
                return cut_off(w, at, end);
            if (n > (uint64_t)(end - p))
                return cut_off(w, at, end);
            if (f && singular_message(f)) {
                uint64_t bit = (uint64_t)1 << ((f - d->fields) & 63);
                if (seen & bit)
                    return fault(w, at, "a field that may occur once is there twice");
                seen |= bit;
            }
            TRY(walk_bytes(w, f, p, n, depth));
            p += n;
            break;
        default:
            return fault(w, at, "bad field");
        }
        if (w->need > w->limit)
            return err_set(w->err, ST_UNSUPPORTED, "too many small parts to hold in memory");
    }
    return ST_OK;
}

enum status onx_wire_check(const ProtobufCMessageDescriptor *d, const unsigned char *bytes,
                           size_t size, struct err *err)
{
    struct walk w = {.start = bytes,
                     .end = bytes + size,
                     .limit = MAX_GROWTH * (uint64_t)size + MAX_FLAT,
                     .err = err};
    if (size > ONX_MAX_BYTES)
        return err_set(err, ST_UNSUPPORTED, "larger than 2 GiB, the limit of the format");
    return walk(&w, d, bytes, bytes + size, 0);
}

struct onx_origin *onx_origin_ref(struct onx_origin *o)
{
    __atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
    return o;
}

void onx_origin_unref(void *object)
{
    struct onx_origin *o = object;
    if (!o || __atomic_fetch_sub(&o->refs, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    onnx__model_proto__free_unpacked(o->model, NULL);
    strmap_done(&o->stale);
    free(o);
}

enum status onx_parse(struct onx_origin **out, const unsigned char *bytes, size_t size,
                      struct err *err)
{
    if (size == 0)
        return err_set(err, ST_MODEL, "the file is empty");
    TRY(onx_wire_check(&onnx__model_proto__descriptor, bytes, size, err));
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, size, bytes);
    if (!m)
        return err_set(err, ST_MODEL, "not an ONNX model, or damaged");
    if (!m->graph) {
        onnx__model_proto__free_unpacked(m, NULL);
        return err_set(err, ST_MODEL, "not an ONNX model: it has no graph");
    }
    *out = x_calloc(1, sizeof **out);
    (*out)->refs = 1;
    (*out)->model = m;
    return ST_OK;
}

enum status onx_parse_file(struct onx_origin **out, const char *path, struct err *err)
{
    unsigned char *bytes;
    size_t size;
    struct onx_origin *o = NULL;
    char *dir = file_folder(path);
    enum status st = file_read(path, ONX_MAX_BYTES, &bytes, &size, err);
    if (st == ST_OK) {
        st = onx_parse(&o, bytes, size, err);
        free(bytes);
    }
    if (st == ST_OK)
        st = onx_read_external(o->model, dir, err);
    free(dir);
    if (st == ST_OK)
        *out = o;
    else {
        onx_origin_unref(o);
        err_in_file(err, path);
    }
    return st;
}
