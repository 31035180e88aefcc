#include "session/model.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "dot/dot.h"
#include "family/family.h"
#include "onx/onx.h"
#include "shape/shape.h"
#include "torch/torch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "NAME=1x3x224x224" -> the type, with the element type of the input it is for. */
static enum status parse_shape(const struct graph *g, const char *text, char **name,
                               struct ttype *type, struct err *err)
{
    const char *eq = strrchr(text, '=');
    const char *dims = eq ? eq + 1 : text;
    int n, rank = 0;
    const int32_t *in = graph_inputs(g, &n);
    char *wanted = eq ? x_strndup(text, (size_t)(eq - text)) : x_strdup("");
    const struct node *node = n == 1 && !eq ? graph_node(g, in[0]) : NULL;
    for (int i = 0; eq && i < n; i++) {
        const struct node *c = graph_node(g, in[i]);
        if (strcmp(c->name, wanted) == 0 || strcmp(c->out[0].name, wanted) == 0)
            node = c;
    }
    enum status st = ST_OK;
    if (!node && eq)
        st = err_set(err, ST_USAGE, "--input-shape: the model has no input '%s'", wanted);
    else if (!node)
        st = err_set(err, ST_USAGE, "--input-shape: the model has %d inputs, write NAME=%s", n,
                     dims);
    int64_t dim[TTYPE_MAX_RANK];
    while (st == ST_OK) {
        size_t len = strcspn(dims, "x");
        char *part = x_strndup(dims, len);
        bool good = rank < TTYPE_MAX_RANK && str_to_i64(part, 1, INT32_MAX, &dim[rank]);
        free(part);
        if (!good) {
            st = err_set(err, ST_USAGE, "--input-shape: '%s' is not like 1x3x224x224", text);
            break;
        }
        rank++;
        if (!dims[len])
            break;
        dims += len + 1;
    }
    if (st != ST_OK) {
        free(wanted);
        return st;
    }
    int dtype = node->out[0].type.dtype;
    *type = ttype_make(dtype ? dtype : DT_FLOAT, rank, dim);
    *name = wanted;
    return ST_OK;
}

static enum status override_shape(struct graph **g, const char *text, struct err *err)
{
    char *name;
    struct ttype type;
    struct graph *out;
    TRY(parse_shape(*g, text, &name, &type, err));
    enum status st = shape_set_input(*g, name, &type, &out, err);
    free(name);
    if (st == ST_OK) {
        graph_unref(*g);
        *g = out;
    }
    return st;
}

static bool looks_like_json(const unsigned char *p, size_t n)
{
    size_t i = 0;
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        i = 3;
    while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\n' || p[i] == '\r'))
        i++;
    /* '{' is also field 15, type 3: no field of ModelProto is a group, so this is no ONNX file. */
    return i < n && p[i] == '{';
}

/* Of the bytes of a file, a MiB at a time, each with the hash so far as its seed: journals have it.
 */
static uint64_t hash_file(const unsigned char *bytes, size_t n)
{
    enum { CHUNK = 1 << 20 };
    uint64_t h = 0;
    for (size_t at = 0; at < n; at += CHUNK)
        h = hash_bytes(bytes + at, n - at < CHUNK ? n - at : CHUNK, h);
    return h;
}

static enum status not_stopped(const struct model_opts *o, struct err *err)
{
    return o->cancel && __atomic_load_n(o->cancel, __ATOMIC_RELAXED)
               ? err_set(err, ST_CANCELLED, "interrupted")
               : ST_OK;
}

static enum status load_bytes(const char *path, const unsigned char *bytes, size_t n,
                              const struct model_opts *o, struct graph **out, struct err *err)
{
    TRY(not_stopped(o, err));
    if (str_ends(path, ".json") || looks_like_json(bytes, n))
        return cgjson_load_bytes(out, bytes, n, o->seed, err);
    char *folder = file_folder(path);
    enum status st = onx_load_bytes(out, bytes, n, folder, err);
    free(folder);
    return st;
}

static enum status load_file(const char *path, const struct model_opts *o, struct graph **out,
                             uint64_t *hash, struct err *err)
{
    unsigned char *bytes;
    size_t n;
    TRY(file_read_until(path, ONX_MAX_BYTES, o->cancel, &bytes, &n, err));
    if (hash)
        *hash = hash_file(bytes, n);
    enum status st = load_bytes(path, bytes, n, o, out, err);
    free(bytes);
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}

/* Adds the way out to the error about open dimensions. */
static void hint_input_shape(struct err *err)
{
    size_t n = err ? strlen(err->msg) : 0;
    static const char hint[] = " (give --input-shape NAME=1x3x224x224)";
    if (err && n + sizeof hint <= sizeof err->msg && !strstr(err->msg, "--input-shape"))
        memcpy(err->msg + n, hint, sizeof hint);
}

enum status model_read(const char *spec, const struct model_opts *opts, struct graph **out,
                       uint64_t *hash, struct err *err)
{
    static const struct model_opts none = {0};
    const struct model_opts *o = opts ? opts : &none;
    struct graph *g = NULL, *typed = NULL;
    struct stat info;
    /* one and the same pipe gives other bytes another time */
    bool family = family_is_spec(spec),
         file = !family && stat(spec, &info) == 0 && S_ISREG(info.st_mode);
    enum status st = family ? family_build(spec, o->seed, &g, err)
                            : load_file(spec, o, &g, file ? hash : NULL, err);
    if (st != ST_OK)
        return err_in_file(err, spec), st;
    st = not_stopped(o, err);
    if (st == ST_OK && o->input_shape)
        st = override_shape(&g, o->input_shape, err);
    if (st == ST_OK)
        st = shape_infer_strict(g, &typed, err);
    graph_unref(g);
    if (st == ST_UNSUPPORTED)
        hint_input_shape(err);
    if (st != ST_OK)
        return err_in_file(err, spec), st;
    if (hash && !file)
        *hash = graph_hash(typed);
    *out = typed;
    return ST_OK;
}

enum status model_open(const char *spec, const struct model_opts *opts, struct graph **out,
                       struct err *err)
{
    return model_read(spec, opts, out, NULL, err);
}

static const char *suffix_of(const char *path)
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
    return dot && (!slash || dot > slash) ? dot + 1 : "";
}

enum status model_check_path(const char *path, struct err *err)
{
    static const char *const known[] = {"onnx", "json", "dot", "svg", "png", "pdf", "py"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(suffix_of(path), known[i]) == 0)
            return ST_OK;
    err_set(err, ST_USAGE, "the suffix must be one of .onnx .json .dot .svg .png .pdf .py");
    return err_in_file(err, path), ST_USAGE;
}

enum status model_write(const struct graph *g, const int *segment_of, const char *path,
                        struct err *err)
{
    const char *suffix = suffix_of(path);
    enum status st;
    TRY(model_check_path(path, err));
    if (strcmp(suffix, "onnx") == 0)
        st = onx_save(g, path, err);
    else if (strcmp(suffix, "json") == 0)
        st = cgjson_save(g, path, err);
    else if (strcmp(suffix, "py") == 0)
        st = torch_save(g, path, err);
    else {
        struct str text = {0};
        struct dot_opts opts = {.title = graph_name(g), .segment = segment_of};
        dot_text(g, &opts, &text);
        st = dot_render(str_text(&text), suffix, path, err);
        str_done(&text);
    }
    if (st != ST_OK)
        err_in_file(err, path);
    return st;
}
