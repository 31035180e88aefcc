/* Presets of accelerators: lines "key = value", and comments from '#' on. */
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cost/npu.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum kind { NAME, COUNT, REAL, FLOW, YES_NO };

/* A key with the range of its values. */
static const struct key {
    const char *name;
    enum kind kind;
    size_t at;
    double lo, hi;
} keys[] = {
#define AT(field) offsetof(struct npu_preset, field)
    {"name", NAME, AT(name), 0, 0},
    {"rows", COUNT, AT(rows), 1, 4096},
    {"columns", COUNT, AT(columns), 1, 4096},
    {"dataflow", FLOW, AT(dataflow), 0, 0},
    {"clock_mhz", REAL, AT(clock_mhz), 1e-3, 1e6},
    {"element_bytes", COUNT, AT(element_bytes), 1, 8},
    {"sum_bytes", COUNT, AT(sum_bytes), 1, 8},
    {"input_kib", COUNT, AT(input_kib), 1, 1 << 24},
    {"weight_kib", COUNT, AT(weight_kib), 1, 1 << 24},
    {"output_kib", COUNT, AT(output_kib), 1, 1 << 24},
    {"dram_bytes_per_cycle", REAL, AT(dram_bytes_per_cycle), 1e-6, 1e9},
    {"vector_lanes", COUNT, AT(vector_lanes), 1, 1 << 20},
    {"fuse", YES_NO, AT(fuse), 0, 0},
    {"mac_pj", REAL, AT(mac_pj), 0, 1e9},
    {"sram_pj_per_byte", REAL, AT(sram_pj_per_byte), 0, 1e9},
    {"dram_pj_per_byte", REAL, AT(dram_pj_per_byte), 0, 1e9},
    {"static_mw", REAL, AT(static_mw), 0, 1e9},
#undef AT
};
enum { KEYS = sizeof keys / sizeof *keys, MOST_BYTES = 1 << 20 };

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
        return str_to_i64(value, (int64_t)k->lo, (int64_t)k->hi, (int64_t *)(void *)to);
    if (!str_to_double(value, &real) || real < k->lo || real > k->hi)
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
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if (*seen >> i & 1)
            return err_set(err, ST_USAGE, "line %d: %s was given already", line, name);
        *seen |= 1U << i;
        if (set_value(p, &keys[i], value))
            return ST_OK;
        if (keys[i].kind == COUNT || keys[i].kind == REAL)
            return err_set(err, ST_USAGE, "line %d: %s '%.40s' is no number from %g to %g", line,
                           name, value, keys[i].lo, keys[i].hi);
        return err_set(err, ST_USAGE, "line %d: %s '%.40s' is not known (%s)", line, name, value,
                       keys[i].kind == FLOW     ? "os, ws, is"
                       : keys[i].kind == YES_NO ? "yes, no"
                                                : "a name of at most 63 bytes");
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
            st = err_set(err, ST_USAGE, "the key '%s' is missing", keys[i].name);
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
