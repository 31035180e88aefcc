/* Other solvers as processes: glpsol and cbc on a problem in LP format. They work in a folder that
 * the bench makes and removes: the problem is its file problem.lp. */
#ifndef TESTS_BENCH_SOLVER_H
#define TESTS_BENCH_SOLVER_H

#include "tests/bench/bench.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RUNS = 3, /* of which the fastest counts */
    SOLVER_LIMIT_S = 20,
};

enum process { GLPSOL, CBC, TOOL_GLPSOL, N_PROCESS };
static const char *const process_name[N_PROCESS] = {"glpsol", "cbc", "reference_by_glpsol"};

/* Another solver on some of the pairs, and our times on the same. */
struct sample {
    times ms, own_ms;
    int equal, differ, failed;
    bool absent;
};

static char folder[] = "/tmp/autogo-bench-XXXXXX";

static inline char *in_folder(const char *name)
{
    return x_asprintf("%s/%s", folder, name);
}

/* A solver's exit status on the problem; what it prints goes to `log`. */
static inline int run(bool cbc)
{
    char *problem = in_folder("problem.lp"), *answer = in_folder("answer"), *log = in_folder("log");
    char limit[16];
    snprintf(limit, sizeof limit, "%d", SOLVER_LIMIT_S);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen(log, "w", stdout) || dup2(1, 2) < 0)
            _exit(126);
        if (cbc)
            execlp("cbc", "cbc", problem, "sec", limit, "ratioGap", "0", "solve", (char *)NULL);
        else
            execlp("glpsol", "glpsol", "--tmlim", limit, "--lp", problem, "-o", answer,
                   (char *)NULL);
        _exit(127);
    }
    int status = 0;
    bool ended = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status);
    free(problem);
    free(answer);
    free(log);
    return ended ? WEXITSTATUS(status) : 126;
}

/* The number behind the last `key` in a file of the folder. */
static inline bool number_behind(const char *name, const char *key, double *v)
{
    char line[512], *path = in_folder(name);
    FILE *f = fopen(path, "r");
    bool found = false;
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, key);
        found |= at && sscanf(at + strlen(key), "%lf", v) == 1;
    }
    if (f)
        fclose(f);
    free(path);
    return found;
}

/* Times the process on problem.lp; objective NAN: not compared. */
static inline void compare(struct sample *s, enum process kind, double own_ms, double objective)
{
    double best = INFINITY, theirs = NAN;
    for (int i = 0; i < RUNS && !s->absent; i++) {
        double start = now_ms();
        int code = run(kind == CBC);
        double ms = now_ms() - start;
        s->absent = code == 127;
        if (code == 0 && ms < best)
            best = ms;
    }
    if (s->absent)
        return;
    /* cbc says "Objective value:", or nothing but "Optimal objective" when all is continuous. */
    bool read = kind == CBC ? number_behind("log", "Objective value:", &theirs) ||
                                  number_behind("log", "Optimal objective", &theirs)
                            : number_behind("answer", "Objective:  obj =", &theirs);
    if (!read || isinf(best)) {
        s->failed++;
        return;
    }
    vec_push(&s->ms, best);
    vec_push(&s->own_ms, own_ms);
    bool same = isnan(objective) || fabs(theirs - objective) < 1e-6 * fmax(1, objective);
    *(same ? &s->equal : &s->differ) += 1;
    if (!same)
        fprintf(stderr, "bench: %s finds %.9g, mend %.9g\n", process_name[kind], theirs, objective);
}

static inline void make_folder(void)
{
    if (mkdtemp(folder))
        return;
    perror("bench: mkdtemp");
    exit(3);
}

static inline void remove_folder(void)
{
    static const char *const name[] = {"log", "answer", "problem.lp"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char *path = in_folder(name[i]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

#endif
