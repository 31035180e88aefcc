/* Bodies are stored deflated (RFC 1950), each on its own: they make up most of a database. */
#define ZLIB_CONST
#include "segdb/segdb_priv.h"
#include <stdlib.h>
#include <zlib.h>

/* What bodies are made of, the most frequent last: short texts hardly repeat themselves, but they
 * repeat this. Part of the file format. */
static const char words[] =
    "autogo-segment 2 13\ninput < > float[N,1024,14,14] float[N,32,32,32] float[N,256,16,16]"
    "Slice < 0.0 int64[1]=v:0 int64[1]=v:42 int64[1]=v:1 > float[N,85,16,16]\n"
    "GlobalAveragePool ReduceMean axes=I2,3 keepdims=i0 Flatten axis=i1 Gemm transB=i1"
    "DepthToSpace blocksize=i2 mode=sCRD ConvTranspose output_padding=I1,1 Identity Softmax"
    "Concat axis=i1 < 4.0 7.0 1.0 > float[N,128,8,8]\nAdd < 3.0 8.0 > =\n"
    "MaxPool kernel_shape=I2,2 strides=I2,2 < 2.0 > float[N,64,16,16]\n"
    "AveragePool count_include_pad=i0 kernel_shape=I3,3 pads=I1,1,1,1 < 0.0 > =\n"
    "Conv group=i64 kernel_shape=I5,5 pads=I2,2,2,2 strides=I2,2 < 5.0 float[64,1,5,5] float[64] >"
    " =\nConv kernel_shape=I1,5 pads=I0,2,0,2 strides=I1,2 pads=I2,0,2,0 pads=I0,0,1,1"
    "Clip < 2.0 float[]=v:0 float[]=v:6 > =\n"
    "Conv kernel_shape=I1,1 < 0.0 float[128,128,1,1] > float[N,128,32,32]\n"
    "BatchNormalization epsilon=f0.001 momentum=f0.99 < 1.0 float[256] float[256] float[256] "
    "float[256] > =\nRelu < 2.0 > =\noutput < 3.0 >\n"
    "Conv kernel_shape=I3,3 pads=I1,1,1,1 < 0.0 float[64,64,3,3] > =\n"
    "BatchNormalization epsilon=f1e-05 momentum=f0.997 < 6.0 float[128] float[128] float[128] "
    "float[128] > =\nRelu < 7.0 > =\nBatchNormalization epsilon=f0.001 momentum=f0.9 < 9.0 "
    "float[64] float[64] float[64] float[64] > =\n";

static voidpf get_memory(voidpf opaque, uInt n, uInt size)
{
    (void)opaque;
    return x_calloc(n, size);
}

static void free_memory(voidpf opaque, voidpf p)
{
    (void)opaque;
    free(p);
}

unsigned char *segdb_deflate(const char *text, size_t *n)
{
    z_stream z = {.zalloc = get_memory, .zfree = free_memory};
    size_t size = strlen(text), room;
    /* A window of 8 KiB holds the dictionary and nearly any text; more takes longer to set up than
     * to use. */
    deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, 13, 6, Z_DEFAULT_STRATEGY);
    deflateSetDictionary(&z, (const Bytef *)words, sizeof words - 1);
    room = deflateBound(&z, size);
    unsigned char *out = x_malloc(room);
    z.next_in = (const Bytef *)text;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)room;
    deflate(&z, Z_FINISH);
    *n = z.total_out;
    deflateEnd(&z);
    return out;
}

char *segdb_inflate(const unsigned char *data, size_t n)
{
    z_stream z = {.zalloc = get_memory, .zfree = free_memory};
    struct str text = {0};
    Bytef part[4096];
    int rc = n <= SEGDB_BODY_MAX ? inflateInit(&z) : Z_DATA_ERROR;
    z.next_in = data;
    z.avail_in = (uInt)n;
    while (rc == Z_OK && text.n <= SEGDB_BODY_MAX) {
        z.next_out = part;
        z.avail_out = sizeof part;
        rc = inflate(&z, Z_NO_FLUSH);
        if (rc == Z_NEED_DICT)
            rc = inflateSetDictionary(&z, (const Bytef *)words, sizeof words - 1);
        str_add_n(&text, (const char *)part, sizeof part - z.avail_out);
    }
    bool whole = rc == Z_STREAM_END && !z.avail_in && strlen(str_text(&text)) == text.n;
    inflateEnd(&z);
    if (whole)
        return str_take(&text);
    str_done(&text);
    return NULL;
}
