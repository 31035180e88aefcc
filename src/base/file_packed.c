/* Reading files that may be packed by gzip. */
#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static enum status damaged(struct err *err, const char *path, const char *what)
{
    err_set(err, ST_MODEL, "%s", what);
    return err_in_file(err, path), ST_MODEL;
}

/* Everything that `packed` unpacks to, one member after the other as gzip allows. */
static enum status unpack(unsigned char *packed, size_t n, const char *path, size_t max_bytes,
                          unsigned char **data, size_t *size, struct err *err)
{
    enum { GZIP = 15 + 16 };
    size_t cap = n < (1 << 16) ? 1 << 18 : n * 4, used = 0;
    unsigned char *buf = x_malloc(cap);
    z_stream z = {.next_in = packed};
    int st = inflateInit2(&z, GZIP);
    while (st == Z_OK) {
        size_t left = n - (size_t)(z.next_in - packed);
        if (cap - used < 2)
            buf = x_realloc(buf, cap *= 2);
        size_t room = cap - used - 1; /* a NUL follows the end */
        z.avail_in = left < (1U << 30) ? (uInt)left : 1U << 30;
        z.avail_out = room < (1U << 30) ? (uInt)room : 1U << 30;
        z.next_out = buf + used;
        st = inflate(&z, Z_NO_FLUSH);
        used = (size_t)(z.next_out - buf);
        if (used > max_bytes)
            break;
        if (st == Z_STREAM_END && z.next_in < packed + n)
            st = inflateReset(&z);
        else if (st == Z_OK && z.next_in == packed + n && z.avail_out > 0)
            st = Z_BUF_ERROR; /* it ends too early */
    }
    inflateEnd(&z);
    if (st == Z_STREAM_END && used <= max_bytes) {
        buf[used] = '\0';
        *data = buf;
        *size = used;
        return ST_OK;
    }
    free(buf);
    return used > max_bytes ? damaged(err, path, "unpacked it is too large")
                            : damaged(err, path, "the packed data is damaged or cut off");
}

enum status file_read_packed(const char *path, size_t max_bytes, unsigned char **data, size_t *size,
                             struct err *err)
{
    unsigned char *raw;
    size_t n;
    TRY(file_read(path, max_bytes, &raw, &n, err));
    if (n < 2 || raw[0] != 0x1f || raw[1] != 0x8b) {
        *data = raw;
        *size = n;
        return ST_OK;
    }
    enum status st = unpack(raw, n, path, max_bytes, data, size, err);
    free(raw);
    return st;
}
