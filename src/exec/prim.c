/* oneDNN's objects wrapped so that a kernel is a handful of lines. */
#include "exec/exec_priv.h"

#include <pthread.h>

static dnnl_engine_t engine;

static void make_engine(void)
{
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
}

dnnl_engine_t exec_engine(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_engine);
    return engine;
}

enum status exec_dnnl(dnnl_status_t s, const char *what, struct err *err)
{
    static const char *const names[] = {
        [dnnl_out_of_memory] = "out of memory",
        [dnnl_invalid_arguments] = "invalid arguments",
        [dnnl_unimplemented] = "not implemented",
        [dnnl_iterator_ends] = "no implementation",
        [dnnl_runtime_error] = "failed while running",
        [dnnl_not_required] = "not required",
    };

    if (s == dnnl_success)
        return ST_OK;
    return err_set(err, ST_INTERNAL, "oneDNN: %s: %s", what,
                   (size_t)s < sizeof names / sizeof *names && names[s] ? names[s] : "failed");
}

/* ---- descriptors ---- */

dnnl_memory_desc_t exec_md_plain(int rank, const int64_t *dim)
{
    dnnl_dims_t dims = {1}, strides = {1};
    dnnl_memory_desc_t md;
    int n = rank ? rank : 1;
    int64_t stride = 1;

    for (int i = rank - 1; i >= 0; i--) {
        dims[i] = dim[i];
        strides[i] = stride;
        stride *= dim[i];
    }
    dnnl_memory_desc_init_by_strides(&md, n, dims, dnnl_f32, strides);
    return md;
}

dnnl_memory_desc_t exec_md_any(const dnnl_memory_desc_t *md)
{
    dnnl_memory_desc_t any;

    dnnl_memory_desc_init_by_tag(&any, md->ndims, md->dims, dnnl_f32, dnnl_format_tag_any);
    return any;
}

static bool is_plain(const dnnl_memory_desc_t *md)
{
    return md->format_kind == dnnl_blocked && md->format_desc.blocking.inner_nblks == 0;
}

dnnl_memory_desc_t exec_md_blocked(const dnnl_memory_desc_t *md)
{
    static const dnnl_format_tag_t by8[] = {dnnl_aBc8b, dnnl_aBcd8b, dnnl_aBcde8b};
    static const dnnl_format_tag_t by16[] = {dnnl_aBc16b, dnnl_aBcd16b, dnnl_aBcde16b};
    bool wide =
        (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
    int64_t block = wide ? 16 : 8;
    dnnl_memory_desc_t r = *md;

    if (is_plain(md)) {
        if (md->ndims < 3 || md->ndims > 5 || md->dims[1] <= block / 2)
            return r;
        r.dims[1] = (md->dims[1] + block - 1) / block * block;
        dnnl_memory_desc_init_by_tag(&r, md->ndims, r.dims, dnnl_f32,
                                     wide ? by16[md->ndims - 3] : by8[md->ndims - 3]);
    }
    memcpy(r.dims, r.padded_dims, sizeof r.dims);
    return r;
}

dnnl_memory_desc_t exec_md_narrow(const dnnl_memory_desc_t *md, const dnnl_memory_desc_t *like)
{
    dnnl_memory_desc_t r = *md;

    memcpy(r.dims, like->dims, sizeof r.dims);
    return r;
}

void exec_set_md(struct value *v, const dnnl_memory_desc_t *md)
{
    dnnl_memory_desc_t plain = exec_md_plain(v->type.rank, v->type.dim);

    v->md = *md;
    v->plain = dnnl_memory_desc_equal(md, &plain);
    v->size = v->plain ? (size_t)v->count : dnnl_memory_desc_get_size(md) / sizeof(float);
}

const dnnl_memory_desc_t *prim_md(const struct prim *p, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(p->pd, what, 0);
}

/* ---- primitives ---- */

static enum status make(struct prim *p, struct err *err)
{
    const dnnl_memory_desc_t *scratch = prim_md(p, dnnl_query_scratchpad_md);

    TRY(exec_dnnl(dnnl_primitive_create(&p->p, p->pd), "a primitive", err));
    p->scratchpad = scratch ? dnnl_memory_desc_get_size(scratch) : 0;
    if (p->scratchpad)
        TRY(prim_bind(p, DNNL_ARG_SCRATCHPAD, scratch, NULL, err));
    return ST_OK;
}

enum status prim_init(struct prim *p, const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr,
                      const_dnnl_primitive_desc_t hint, struct err *err)
{
    dnnl_primitive_attr_t own = NULL;
    dnnl_status_t s;

    if (attr)
        s = dnnl_primitive_attr_clone(&own, attr);
    else
        s = dnnl_primitive_attr_create(&own);
    TRY(exec_dnnl(s, "attributes", err));
    dnnl_primitive_attr_set_scratchpad_mode(own, dnnl_scratchpad_mode_user);
    s = dnnl_primitive_desc_create(&p->pd, desc, own, exec_engine(), hint);
    dnnl_primitive_attr_destroy(own);
    if (s == dnnl_unimplemented)
        return ST_UNSUPPORTED;
    TRY(exec_dnnl(s, "a primitive descriptor", err));
    return make(p, err);
}

bool prim_is_reference(const struct prim *p)
{
    const char *name = NULL;

    return dnnl_primitive_desc_query(p->pd, dnnl_query_impl_info_str, 0, &name) == dnnl_success &&
           strncmp(name, "ref", 3) == 0;
}

enum status prim_init_reorder(struct prim *p, const dnnl_memory_desc_t *from, float *src,
                              const dnnl_memory_desc_t *to, float *dst, struct err *err)
{
    dnnl_engine_t eng = exec_engine();
    dnnl_primitive_attr_t attr;
    dnnl_status_t s;

    TRY(exec_dnnl(dnnl_primitive_attr_create(&attr), "attributes", err));
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    s = dnnl_reorder_primitive_desc_create(&p->pd, from, eng, to, eng, attr);
    dnnl_primitive_attr_destroy(attr);
    TRY(exec_dnnl(s, "a reorder", err));
    TRY(make(p, err));
    TRY(prim_bind(p, DNNL_ARG_FROM, from, src, err));
    return prim_bind(p, DNNL_ARG_TO, to, dst, err);
}

enum status prim_init_concat(struct prim *p, const dnnl_memory_desc_t *dst, int axis,
                             const dnnl_memory_desc_t *src, int n, struct err *err)
{
    dnnl_primitive_attr_t attr;
    dnnl_status_t s;

    TRY(exec_dnnl(dnnl_primitive_attr_create(&attr), "attributes", err));
    dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    s = dnnl_concat_primitive_desc_create(&p->pd, dst, n, axis, src, attr, exec_engine());
    dnnl_primitive_attr_destroy(attr);
    if (s == dnnl_unimplemented)
        return ST_UNSUPPORTED;
    TRY(exec_dnnl(s, "a concatenation", err));
    return make(p, err);
}

enum status prim_bind(struct prim *p, int arg, const dnnl_memory_desc_t *md, void *data,
                      struct err *err)
{
    dnnl_memory_t m;

    if (p->n == PRIM_ARGS)
        return err_set(err, ST_INTERNAL, "oneDNN: too many arguments");
    TRY(exec_dnnl(dnnl_memory_create(&m, md, exec_engine(), data), "a memory", err));
    p->arg[p->n++] = (dnnl_exec_arg_t){arg, m};
    return ST_OK;
}

void prim_set(struct prim *p, int arg, void *data)
{
    for (int i = 0; i < p->n; i++)
        if (p->arg[i].arg == arg)
            dnnl_memory_set_data_handle(p->arg[i].memory, data);
}

enum status prim_run(struct prim *p, struct exec *e, struct err *err)
{
    if (p->scratchpad)
        prim_set(p, DNNL_ARG_SCRATCHPAD,
                 exec_scratch(e, EXEC_SCRATCH_DNNL, (p->scratchpad + 3) / sizeof(float)));
    return exec_dnnl(dnnl_primitive_execute(p->p, e->stream, p->n, p->arg), "a primitive", err);
}

void prim_done(struct prim *p)
{
    for (int i = 0; i < p->n; i++)
        dnnl_memory_destroy(p->arg[i].memory);
    if (p->p)
        dnnl_primitive_destroy(p->p);
    if (p->pd)
        dnnl_primitive_desc_destroy(p->pd);
    memset(p, 0, sizeof *p);
}
