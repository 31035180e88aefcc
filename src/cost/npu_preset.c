/* Presets of accelerators: lines "key = value", and comments from '#' on. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cost/npu.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum kind { NAME, COUNT, REAL, FLOW, YES_NO };

static const struct key {
    enum kind kind;
    size_t at;
    struct npu_preset_key is;
} keys[] = {
#define AT(field) offsetof(struct npu_preset, field)
    {NAME, AT(name), {"name", "what it is called", "a name of at most 63 bytes", 0, 0}},
    {COUNT, AT(rows), {"rows", "rows of the array", NULL, 1, 4096}},
    {COUNT, AT(columns), {"columns", "columns of the array", NULL, 1, 4096}},
    {FLOW,
     AT(dataflow),
     {"dataflow", "what stays in the array: outputs, weights, inputs", "os, ws, is", 0, 0}},
    {REAL, AT(clock_mhz), {"clock_mhz", "clock in MHz", NULL, 1e-3, 1e6}},
    {COUNT, AT(element_bytes), {"element_bytes", "bytes of an operand", NULL, 1, 8}},
    {COUNT,
     AT(sum_bytes),
     {"sum_bytes", "bytes of a sum, no fewer than of an operand", NULL, 1, 8}},
    {COUNT,
     AT(input_kib),
     {"input_kib", "memory of inputs in KiB, half of it being filled", NULL, 1, 1 << 24}},
    {COUNT, AT(weight_kib), {"weight_kib", "memory of weights in KiB, likewise", NULL, 1, 1 << 24}},
    {COUNT, AT(output_kib), {"output_kib", "memory of outputs in KiB, likewise", NULL, 1, 1 << 24}},
    {REAL,
     AT(dram_bytes_per_cycle),
     {"dram_bytes_per_cycle", "bytes from or to DRAM in a cycle", NULL, 1e-6, 1e9}},
    {COUNT,
     AT(vector_lanes),
     {"vector_lanes", "operations of the vector unit in a cycle", NULL, 1, 1 << 20}},
    {YES_NO,
     AT(fuse),
     {"fuse", "whether a normalisation or an activation right behind a convolution is free",
      "yes, no", 0, 0}},
    {REAL, AT(mac_pj), {"mac_pj", "energy of a multiplication and addition in pJ", NULL, 0, 1e9}},
    {REAL,
     AT(sram_pj_per_byte),
     {"sram_pj_per_byte", "energy of the memories in pJ a byte", NULL, 0, 1e9}},
    {REAL, AT(dram_pj_per_byte), {"dram_pj_per_byte", "energy of DRAM in pJ a byte", NULL, 0, 1e9}},
    {REAL, AT(static_mw), {"static_mw", "power at all times in mW", NULL, 0, 1e9}},
#undef AT
};
enum { KEYS = sizeof keys / sizeof *keys, MOST_BYTES = 1 << 20 };

const struct npu_preset_key *npu_preset_key_at(int i)
{
    return i < KEYS ? &keys[i].is : NULL;
}

/* ---- a line ---- */

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return s;
}

static bool set_value(struct npu_preset *p, const struct key *k, const char *value)
{
    char *to = (char *)p + k->at;
    double real;
    if (k->kind == NAME) {
        size_t n = strlen(value);
        if (n == 0 || n >= sizeof p->name)
            return false;
        memcpy(to, value, n + 1);
        return true;
    }
    if (k->kind == FLOW || k->kind == YES_NO) {
        static const char *const yes_no[] = {"no", "yes"};
        int n = k->kind == FLOW ? SYSTOLIC_DATAFLOWS : 2;
        for (int i = 0; i < n; i++)
            if (strcmp(value, k->kind == FLOW ? systolic_dataflow_name((enum systolic_dataflow)i)
                                              : yes_no[i]) == 0) {
                *(int64_t *)(void *)to = i;
                return true;
            }
        return false;
    }
    if (k->kind == COUNT)
        return str_to_i64(value, (int64_t)k->is.lo, (int64_t)k->is.hi, (int64_t *)(void *)to);
    if (!str_to_double(value, &real) || real < k->is.lo || real > k->is.hi)
        return false;
    *(double *)(void *)to = real;
    return true;
}

static enum status read_line(struct npu_preset *p, char *text, int line, unsigned *seen,
                             struct err *err)
{
    char *comment = strchr(text, '#');
    if (comment)
        *comment = '\0';
    text = trim(text);
    if (!*text)
        return ST_OK;
    char *equals = strchr(text, '=');
    if (!equals)
        return err_set(err, ST_USAGE, "line %d: '%.60s' is not key = value", line, text);
    *equals = '\0';
    char *name = trim(text), *value = trim(equals + 1);
    for (int i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].is.name, name) != 0)
            continue;
        if (*seen >> i & 1)
            return err_set(err, ST_USAGE, "line %d: %s was given already", line, name);
        *seen |= 1U << i;
        if (set_value(p, &keys[i], value))
            return ST_OK;
        if (!keys[i].is.values)
            return err_set(err, ST_USAGE, "line %d: %s '%.40s' is no number from %g to %g", line,
                           name, value, keys[i].is.lo, keys[i].is.hi);
        return err_set(err, ST_USAGE, "line %d: %s '%.40s' is not known (%s)", line, name, value,
                       keys[i].is.values);
    }
    return err_set(err, ST_USAGE, "line %d: the key '%.60s' is not known", line, name);
}

enum status npu_preset_read(struct npu_preset *p, const char *text, struct err *err)
{
    struct npu_preset fresh = {0};
    unsigned seen = 0;
    char *copy = x_strdup(text), *at = copy;
    enum status st = ST_OK;
    for (int line = 1; at && st == ST_OK; line++) {
        char *end = strchr(at, '\n');
        if (end)
            *end = '\0';
        st = read_line(&fresh, at, line, &seen, err);
        at = end ? end + 1 : NULL;
    }
    free(copy);
    for (int i = 0; i < KEYS && st == ST_OK; i++)
        if (!(seen >> i & 1))
            st = err_set(err, ST_USAGE, "the key '%s' is missing", keys[i].is.name);
    if (st == ST_OK && fresh.sum_bytes < fresh.element_bytes)
        st = err_set(err, ST_USAGE, "sum_bytes %d is less than element_bytes %d: sums do not fit",
                     (int)fresh.sum_bytes, (int)fresh.element_bytes);
    if (st == ST_OK)
        *p = fresh;
    return st;
}

enum status npu_preset_load(struct npu_preset *p, const char *name, struct err *err)
{
    unsigned char *data;
    size_t n;
    char *file = x_asprintf("segments/npu/%s.npu", name);
    char *path = strpbrk(name, "/.") ? x_strdup(name) : file_data(file);
    free(file);
    enum status st = file_read(path, MOST_BYTES, &data, &n, err);
    if (st == ST_OK) {
        st = memchr(data, '\0', n) ? err_set(err, ST_USAGE, "it is no text")
                                   : npu_preset_read(p, (const char *)data, err);
        if (st != ST_OK)
            err_in_file(err, path);
        free(data);
    }
    free(path);
    return st;
}
