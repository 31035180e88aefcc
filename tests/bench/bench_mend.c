/* Times of shape repair on regions of 60 nodes, beside glpsol and cbc on the same problem.
 * Usage: bench_mend; one JSON document on stdout, times in milliseconds.
 * The regions are windows of the level order of a network (so they are convex), the boundaries
 * ask for other widths and sizes. A solver is timed as a process that reads the problem as
 * mend_write_lp wrote it; one that is not installed is named under "skipped". */
#include "family/family.h"
#include "graph/region.h"
#include "mend/mend.h"
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REGION = 60, STEP = 10, RUNS = 50, SOLVER_RUNS = 3, VARIANTS = 5 };

/* Of a boundary: factors for the channels and the divisors of the sizes. */
static const struct variant {
    double channels_in, channels_out;
    double size_in, size_out;
} variants[VARIANTS] = {
    {2, 2, 1, 1}, {1, 1, 0.5, 0.5}, {1, 1, 1, 0.5}, {0.75, 1.25, 1, 1}, {1.5, 3, 0.75, 0.375},
};

struct solver {
    const char *name;
    times ms;
    int equal, differ, failed;
    bool absent;
};

struct network {
    const char *spec;
    times ms, infeasible_ms;
    int cases, repaired, infeasible, timeout;
    struct solver solver[2];
};

static char folder[] = "/tmp/autogo-bench-XXXXXX";

/* ---- other solvers ---- */

/* A solver's exit status on a problem; what it prints goes to `log`. */
static int run(bool cbc, const char *problem, const char *answer, const char *log)
{
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
            _exit(126);
        if (cbc)
            execlp("cbc", "cbc", problem, "sec", "60", "ratioGap", "0", "solve", (char *)NULL);
        else
            execlp("glpsol", "glpsol", "--tmlim", "60", "--lp", problem, "-o", answer,
                   (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return 126;
    return WEXITSTATUS(status);
}

/* The number behind the last `key` in a file. */
static bool number_behind(const char *path, const char *key, double *v)
{
    FILE *f = fopen(path, "r");
    char line[512];
    bool found = false;
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, key);
        found |= at && sscanf(at + strlen(key), "%lf", v) == 1;
    }
    if (f)
        fclose(f);
    return found;
}

static void compare(struct solver *s, const char *problem, double objective)
{
    char log[64], answer[64];
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(answer, sizeof answer, "%s/answer", folder);
    bool is_cbc = strcmp(s->name, "cbc") == 0;
    double best = INFINITY, theirs = NAN;
    for (int i = 0; i < SOLVER_RUNS && !s->absent; i++) {
        double start = now_ms();
        int code = run(is_cbc, problem, answer, log);
        double ms = now_ms() - start;
        s->absent = code == 127;
        if (code == 0 && ms < best)
            best = ms; /* the kindest measure of a process */
    }
    if (s->absent)
        return;
    /* cbc says "Objective value:", or nothing but "Optimal objective" when all is continuous. */
    bool read = is_cbc ? number_behind(log, "Objective value:", &theirs) ||
                             number_behind(log, "Optimal objective", &theirs)
                       : number_behind(answer, "Objective:  obj =", &theirs);
    if (!read || isinf(best)) {
        s->failed++;
        return;
    }
    vec_push(&s->ms, best);
    if (fabs(theirs - objective) < 1e-6 * fmax(1, objective))
        s->equal++;
    else
        s->differ++;
    if (fabs(theirs - objective) >= 1e-6 * fmax(1, objective))
        fprintf(stderr, "bench_mend: %s finds %.9g, mend %.9g\n", s->name, theirs, objective);
}

/* ---- cases ---- */

static int64_t scaled(int64_t v, double by)
{
    int64_t n = (int64_t)ceil((double)v * by - 1e-9);
    return n < 1 ? 1 : n;
}

static struct ttype port(const struct ttype *was, double channels, double size)
{
    struct ttype t = *was;
    if (t.rank >= 2 && t.dim[1] > 4) /* an image stays one */
        t.dim[1] = scaled(t.dim[1], channels);
    for (int i = 2; i < t.rank; i++)
        t.dim[i] = scaled(t.dim[i], size);
    return t;
}

static void bench_case(struct network *net, const struct graph *g, const struct variant *v)
{
    struct ttype need_in[REGION + 1], need_out[REGION + 1];
    struct mend_opts opts = {.time_limit_s = 10};
    struct mend_plan plan;
    struct err err = {0};
    int n_in, n_out;
    const int32_t *in = graph_inputs(g, &n_in), *out = graph_outputs(g, &n_out);
    if (n_in > REGION || n_out > REGION)
        return;
    for (int i = 0; i < n_in; i++)
        need_in[i] = port(&graph_node(g, in[i])->out[0].type, v->channels_in, v->size_in);
    for (int i = 0; i < n_out; i++)
        need_out[i] =
            port(graph_input_type(g, graph_node(g, out[i]), 0), v->channels_out, v->size_out);
    double objective = 0;
    enum mend_result result = MEND_INFEASIBLE;
    for (int i = 0; i < RUNS; i++) {
        double start = now_ms();
        check(mend_fragment(g, need_in, need_out, &opts, &plan, &err), &err);
        double ms = now_ms() - start;
        objective = plan.objective;
        result = plan.result;
        if (plan.fragment)
            vec_push(&net->ms, ms);
        else
            vec_push(&net->infeasible_ms, ms);
        mend_plan_done(&plan);
    }
    net->cases++;
    net->timeout += result == MEND_TIMEOUT;
    net->infeasible += result == MEND_INFEASIBLE;
    if (result == MEND_TIMEOUT || result == MEND_INFEASIBLE)
        return;
    net->repaired++;
    char problem[64];
    snprintf(problem, sizeof problem, "%s/problem.lp", folder);
    check(mend_write_lp(g, need_in, need_out, problem, &err), &err);
    for (int i = 0; i < 2; i++)
        compare(&net->solver[i], problem, objective);
}

static void bench_network(struct network *net)
{
    struct graph *g = NULL, *part = NULL;
    struct err err = {0};
    struct region r;
    check(family_build(net->spec, 1, &g, &err), &err);
    const int32_t *topo = graph_topo(g);
    int n = graph_n_nodes(g), width = n - 2 < REGION ? n - 2 : REGION;
    for (int at = 1; at + width < n; at += STEP) {
        check(region_init(&r, g, topo + at, width, &err), &err);
        check(region_extract(g, &r, &part, &err), &err);
        for (int v = 0; v < VARIANTS; v++)
            bench_case(net, part, &variants[v]);
        graph_unref(part);
        region_done(&r);
    }
    graph_unref(g);
}

/* ---- report ---- */

static void print_solver(struct json *j, struct solver *s, double own_p50, double own_p99)
{
    json_key(j, s->name);
    json_object(j);
    if (s->absent) {
        json_kstr(j, "skipped", "not installed");
        fprintf(stderr, "bench_mend: %s is not installed, the comparison with it is skipped\n",
                s->name);
    } else {
        double p50 = percentile(&s->ms, 0.5);
        print_times(j, "ms", &s->ms);
        json_knum(j, "share_p50", own_p50 / p50);
        json_knum(j, "share_p99", own_p99 / percentile(&s->ms, 0.99));
        json_kbool(j, "below_one_tenth", own_p50 < p50 / 10);
        json_kint(j, "same_objective", s->equal);
        json_kint(j, "other_objective", s->differ);
        json_kint(j, "no_answer", s->failed);
    }
    json_object_end(j);
    vec_done(&s->ms);
}

static void print_network(struct json *j, struct network *net)
{
    double p50 = percentile(&net->ms, 0.5), p99 = percentile(&net->ms, 0.99);
    json_object(j);
    json_kstr(j, "network", net->spec);
    json_kint(j, "region_nodes", REGION);
    json_kint(j, "cases", net->cases);
    json_kint(j, "repaired", net->repaired);
    json_kint(j, "infeasible", net->infeasible);
    json_kint(j, "timeout", net->timeout);
    print_times(j, "repair_ms", &net->ms);
    print_times(j, "refusal_ms", &net->infeasible_ms);
    for (int i = 0; i < 2; i++)
        print_solver(j, &net->solver[i], p50, p99);
    json_object_end(j);
    vec_done(&net->ms);
    vec_done(&net->infeasible_ms);
}

int main(void)
{
    static const char *const spec[] = {"zoo:resnet50", "zoo:unet"};
    struct str out = {0};
    struct json j;
    char path[64];

    if (!mkdtemp(folder)) {
        perror("bench_mend: mkdtemp");
        return 3;
    }
    json_init(&j, &out);
    json_object(&j);
    json_kint(&j, "schema", 1);
    json_kstr(&j, "bench", "mend");
    json_key(&j, "networks");
    json_array(&j);
    for (size_t i = 0; i < sizeof spec / sizeof *spec; i++) {
        struct network net = {.spec = spec[i], .solver = {{.name = "glpsol"}, {.name = "cbc"}}};
        bench_network(&net);
        print_network(&j, &net);
    }
    json_array_end(&j);
    json_object_end(&j);
    puts(str_text(&out));
    str_done(&out);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder,
                 (const char *[]){"log", "answer", "problem.lp"}[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}
