/* Shape repair against CBC (coinor-cbc), on random larger fragments with bounds, pins, preferences
 * and multiples: the problem as mend writes it, solved by the other program, must have the same
 * objective. Skipped where cbc is not installed.
 * Usage: test_mend_cbc [NUMBER [FIRST SEED]]; AUTOGO_HEAVY=1: 1,000 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/diff/mend_net.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int n_fragments = 40;
static uint64_t first_seed = 1;
static char folder[] = "/tmp/autogo-cbc-XXXXXX";

/* ---- the other solver ---- */

enum answer { OPTIMAL, IMPOSSIBLE, ABSENT, UNKNOWN };

static int run_cbc(const char *problem, const char *log, const char *preprocess)
{
    pid_t id = fork();
    assert_true(id >= 0);
    if (id == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
            _exit(126);
        execlp("cbc", "cbc", problem, "preprocess", preprocess, "sec", "60", "ratio", "0", "solve",
               (char *)NULL);
        _exit(127);
    }
    int status = 0;
    assert_int_equal(waitpid(id, &status, 0), id);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

static enum answer ask_cbc(const char *problem, double *objective)
{
    /* All is fixed or continuous: the linear program alone answers. */
    static const char *const optimum[] = {"Objective value:", "Optimal objective",
                                          "Optimal - objective value"};
    char log[64], line[512];
    enum answer a = UNKNOWN;
    snprintf(log, sizeof log, "%s/log", folder);
    int code = run_cbc(problem, log, "on");
    if (code != 0 && code != 127) /* an assertion of CBC 2.10.8 fails now and then */
        code = run_cbc(problem, log, "off");
    if (code == 127)
        return ABSENT;
    FILE *f = fopen(log, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (a == UNKNOWN && strstr(line, "nfeasible")) /* its heuristics say so on the way, too */
            a = IMPOSSIBLE;
        for (int i = 0; i < 3; i++) {
            const char *at = strstr(line, optimum[i]);
            if (at && sscanf(at + strlen(optimum[i]), "%lf", objective) == 1)
                a = OPTIMAL;
        }
    }
    fclose(f);
    unlink(log);
    return code == 0 ? a : UNKNOWN;
}

/* ---- comparison ---- */

/* False when cbc is not there. */
static bool compare(uint64_t seed, int *seen)
{
    struct rng r = rng_for(seed, 1);
    static struct fragment f;
    static struct request q;
    struct choice pick[MAX_PART];
    int64_t size[MAX_TENSOR][3];
    char problem[64];
    struct mend_plan p;
    struct err err = {0};
    random_fragment(&r, &large, &f);
    random_boundary(&r, &f);
    if (chance(&r, 60))
        random_wishes(&r, &f);
    for (int i = 0; i < f.n_part; i++)
        pick[i] = as_it_was(&f.part[i]);
    struct graph *g = make_graph(&f, pick, (const int64_t(*)[3])f.was, size);
    assert_non_null(g);
    make_request(&f, g, &q);
    if (mend_fragment(g, q.in, q.out, &q.opts, &p, &err) != ST_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.msg);
    snprintf(problem, sizeof problem, "%s/problem.lp", folder);
    if (mend_write_lp_with(g, q.in, q.out, &q.opts, problem, &err) != ST_OK)
        fail_msg("seed %llu: %s", (unsigned long long)seed, err.msg);
    double theirs = NAN;
    enum answer a = ask_cbc(problem, &theirs);
    bool found = p.result == MEND_REPAIRED || p.result == MEND_UNCHANGED;
    if (a != ABSENT && (p.result == MEND_TIMEOUT || a != (found ? OPTIMAL : IMPOSSIBLE) ||
                        (found && fabs(theirs - p.objective) > 1e-6 * fmax(1, p.objective))))
        fail_msg("seed %llu: %s %.9g (%s), cbc %s %.9g", (unsigned long long)seed,
                 mend_result_name(p.result), p.objective, p.reason,
                 a == OPTIMAL      ? "optimal"
                 : a == IMPOSSIBLE ? "infeasible"
                                   : "unknown",
                 theirs);
    seen[p.result]++;
    mend_plan_done(&p);
    graph_unref(g);
    unlink(problem);
    return a != ABSENT;
}

static void test_cbc(void **state)
{
    (void)state;
    int seen[4] = {0};
    bool there = true;
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < n_fragments && there; i++)
        there = compare(first_seed + (uint64_t)i, seen);
    rmdir(folder);
    if (!there) {
        print_message("cbc is not installed (package coinor-cbc): skipped\n");
        skip();
    }
    print_message("%d fragments, same answer as cbc: %d unchanged, %d repaired, %d infeasible\n",
                  n_fragments, seen[MEND_UNCHANGED], seen[MEND_REPAIRED], seen[MEND_INFEASIBLE]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cbc)};
    const char *heavy = getenv("AUTOGO_HEAVY");
    if (heavy && *heavy && *heavy != '0')
        n_fragments = 1000;
    if (argc > 1)
        n_fragments = atoi(argv[1]);
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
