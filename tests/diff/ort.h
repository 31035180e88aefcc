/* ONNX Runtime in a process beside: node with tests/bench/ort.js, which finds the package
 * onnxruntime-node in the folder $AUTOGO_ORT (npm install --ignore-scripts onnxruntime-node). */
#ifndef TESTS_DIFF_ORT_H
#define TESTS_DIFF_ORT_H

#include "base/mem.h"
#include "exec/exec.h"
#include "onx/onx.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct ort {
    FILE *to, *from;
    pid_t pid;
    char folder[64];
    char answer[512]; /* the last one, or what went wrong */
};

/* False unless node answers as expected, which leaves what comes behind `expected` in o->answer. */
static inline bool ort_ask(struct ort *o, const char *expected, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline bool ort_ask(struct ort *o, const char *expected, const char *fmt, ...)
{
    size_t n = strlen(expected);
    va_list ap;

    va_start(ap, fmt);
    vfprintf(o->to, fmt, ap);
    va_end(ap);
    fputc('\n', o->to);
    fflush(o->to);
    if (!fgets(o->answer, sizeof o->answer, o->from)) {
        snprintf(o->answer, sizeof o->answer, "node has ended");
        return false;
    }
    o->answer[strcspn(o->answer, "\n")] = 0;
    if (strncmp(o->answer, expected, n) != 0)
        return false;
    memmove(o->answer, o->answer + n, strlen(o->answer + n) + 1);
    return true;
}

static inline char *ort_file(const struct ort *o, const char *name)
{
    return x_asprintf("%s/%s", o->folder, name);
}

static inline void ort_close(struct ort *o)
{
    static const char *const name[] = {"net.onnx", "values"};
    int status;

    if (!o->pid)
        return;
    fclose(o->to);
    fclose(o->from);
    waitpid(o->pid, &status, 0);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char *path = ort_file(o, name[i]);

        unlink(path);
        free(path);
    }
    rmdir(o->folder);
    o->pid = 0;
}

static inline void ort_child(const int *in, const int *out)
{
    const char *src = getenv("srcdir");
    char *script = x_asprintf("%s/tests/bench/ort.js", src ? src : ".");

    dup2(in[0], 0);
    dup2(out[1], 1);
    close(in[1]);
    close(out[0]);
    execlp("node", "node", script, (char *)NULL);
    _exit(127);
}

/* False, with the reason in o->answer, where ONNX Runtime is not there. */
static inline bool ort_open(struct ort *o)
{
    const char *dir = getenv("AUTOGO_ORT");
    int in[2], out[2];

    *o = (struct ort){.folder = "/tmp/autogo-ort-XXXXXX"};
    snprintf(o->answer, sizeof o->answer, "AUTOGO_ORT is not set");
    if (!dir || !*dir || !mkdtemp(o->folder))
        return false;
    signal(SIGPIPE, SIG_IGN);
    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return false;
    o->pid = fork();
    if (o->pid == 0)
        ort_child(in, out);
    close(in[0]);
    close(out[1]);
    o->to = fdopen(in[1], "w");
    o->from = fdopen(out[0], "r");
    if (ort_ask(o, "error", "hello"))
        return true;
    ort_close(o);
    snprintf(o->answer, sizeof o->answer, "no onnxruntime-node in AUTOGO_ORT");
    return false;
}

/* Loads g, which is written as a file first, and hands over the inputs of e, made for it. */
static inline bool ort_load(struct ort *o, const struct graph *g, struct exec *e, int threads)
{
    char *net = ort_file(o, "net.onnx"), *values = ort_file(o, "values");
    struct err err = {0};
    bool ok = onx_save(g, net, &err) == ST_OK;

    if (!ok)
        snprintf(o->answer, sizeof o->answer, "%s", err.msg);
    ok = ok && ort_ask(o, "ok", "load %d %s", threads, net);
    for (int i = 0; ok && i < exec_n_inputs(e); i++) {
        const struct ttype *t = exec_input_type(e, i);
        FILE *f = fopen(values, "wb");
        char dims[256] = "";

        if (f) {
            fwrite(exec_input(e, i), sizeof(float), (size_t)ttype_count(t, 1), f);
            fclose(f);
        }
        for (int d = 0; d < t->rank; d++)
            snprintf(dims + strlen(dims), sizeof dims - strlen(dims), " %lld",
                     (long long)t->dim[d]);
        ok = ort_ask(o, "ok", "input %d %s%s", i, values, dims);
    }
    free(net);
    free(values);
    return ok;
}

/* Milliseconds of a run; negative: it failed. */
static inline double ort_run(struct ort *o)
{
    return ort_ask(o, "ms", "run") ? atof(o->answer) : -1;
}

/* Output i of the last run; NULL unless it has n elements. Caller frees. */
static inline float *ort_output(struct ort *o, int i, int64_t n)
{
    char *values = ort_file(o, "values");
    float *v = x_calloc((size_t)n + 1, sizeof *v);
    FILE *f = NULL;
    bool ok = ort_ask(o, "ok", "output %d %s", i, values) && atoll(o->answer) == n &&
              (f = fopen(values, "rb")) && fread(v, sizeof *v, (size_t)n, f) == (size_t)n;

    if (f)
        fclose(f);
    free(values);
    if (!ok)
        free(v);
    return ok ? v : NULL;
}

#endif
