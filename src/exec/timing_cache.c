/* Results kept from one run of the program to the next. A file begins with what was measured, in
 * words; then come the numbers, and a check over all of it. */
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "exec/exec_priv.h"
#include "exec/timing_priv.h"

#include <math.h>
#include <stdio.h>

enum {
    MOST_BYTES = 4096,
    EXECUTOR = 2 /* raised when networks take another time than before */
};

const char *timing_cpu(char *buf, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256], name[200];

    snprintf(buf, size, "unknown");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "model name : %199[^\n]", name) == 1) {
            snprintf(buf, size, "%s", name);
            break;
        }
    if (f)
        fclose(f);
    return buf;
}

/* What the numbers depend on. */
static void add_key(struct str *s, const struct timing *t, const struct graph *g, bool inner)
{
    const dnnl_version_t *v = dnnl_version();
    char cpu[200];

    str_addf(s, "autogo latency %s.%d\n%s %016llx\nbatch %lld\nthreads %d\n", PACKAGE_VERSION,
             EXECUTOR, inner ? "piece" : "graph", (unsigned long long)graph_hash(g),
             (long long)t->batch, t->threads);
    str_addf(s, "cpu %s\noneDNN %d.%d.%d isa %d\n", timing_cpu(cpu, sizeof cpu), v->major, v->minor,
             v->patch, (int)dnnl_get_effective_cpu_isa());
}

static char *file_of(const struct str *key, int make)
{
    char name[40];

    snprintf(name, sizeof name, "latency/%016llx",
             (unsigned long long)hash_bytes(key->s, key->n, 0));
    return file_xdg("CACHE", name, make);
}

static void add_check(struct str *s)
{
    str_addf(s, "check %016llx\n", (unsigned long long)hash_bytes(s->s, s->n, 1));
}

/* `text` follows the key in a file: the numbers, as they were written. */
static bool read_numbers(struct timing *t, const char *text)
{
    struct timing was = *t;
    int pinned;

    if (sscanf(text, "median %lf p10 %lf p90 %lf runs %d pinned %d", &was.median_ms, &was.p10_ms,
               &was.p90_ms, &was.runs, &pinned) != 5)
        return false;
    if (!(was.p10_ms >= 0 && was.median_ms > 0 && was.p10_ms <= was.median_ms &&
          was.median_ms <= was.p90_ms) ||
        !isfinite(was.p90_ms) || was.runs < t->runs)
        return false;
    *t = was;
    t->pinned = pinned != 0;
    t->cached = true;
    return true;
}

bool timing_load(struct timing *t, const struct graph *g, bool inner)
{
    struct str text = {0};
    unsigned char *data = NULL;
    size_t size = 0;
    bool found = false;
    char *path;

    add_key(&text, t, g, inner);
    path = file_of(&text, 0);
    if (file_read(path, MOST_BYTES, &data, &size, NULL) == ST_OK && size > text.n &&
        memcmp(data, text.s, text.n) == 0) {
        const char *numbers = (const char *)data + text.n, *check = strstr(numbers, "check ");

        if (check) {
            str_add_n(&text, numbers, (size_t)(check - numbers));
            add_check(&text);
            found = text.n == size && memcmp(data, text.s, size) == 0 && read_numbers(t, numbers);
        }
    }
    free(data);
    free(path);
    str_done(&text);
    return found;
}

void timing_store(const struct timing *t, const struct graph *g, bool inner)
{
    struct str text = {0};
    char *path;

    add_key(&text, t, g, inner);
    path = file_of(&text, 1);
    str_addf(&text, "median %.17g p10 %.17g p90 %.17g runs %d pinned %d\n", t->median_ms, t->p10_ms,
             t->p90_ms, t->runs, t->pinned);
    add_check(&text);
    file_write(path, text.s, text.n, NULL);
    free(path);
    str_done(&text);
}
