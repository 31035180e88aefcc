/* A search whose judge is dear: it asks less, and one seed gives one front whatever the threads and
 * however often it was broken off. */
#include "base/file.h"
#include "cost/cost.h"
#include "family/family.h"
#include "search/search.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { EVALUATIONS = 40, CHOICE = 8, BREAK = 17 };

static char dir[] = "test_learn.XXXXXX";

struct judge {
    int n, stop_after, stop; /* stop: the search is to end */
};

/* Best at some FLOPs, and the more convolutions the better. */
static bool accuracy(void *arg, const struct graph *g, double *out)
{
    struct judge *j = arg;
    struct cost c;
    cost_graph(g, &c);
    *out = -fabs(log2((double)c.flops_paper) - 22);
    for (int i = 0; i < graph_n_nodes(g); i++)
        *out += graph_node(g, graph_topo(g)[i])->op == OP_CONV ? .05 : 0;
    j->n++;
    j->stop = j->stop_after && j->n >= j->stop_after;
    return true;
}

static enum status search(const char *name, int threads, struct judge *j, int choice,
                          struct search_result *r)
{
    struct err err = {0};
    struct graph *g;
    struct bpe_vocab *v;
    char *path = x_asprintf("%s/%s", dir, name), *db = file_data("segments/segments.db");
    char *vocab = file_data("segments/vocab.json");
    assert_int_equal(family_build("nb101:3|101|c3@s", 0, &g, &err), ST_OK);
    assert_int_equal(bpe_vocab_load(&v, vocab, &err), ST_OK);
    const struct search_opts o = {.goal = {GOAL_ACC, GOAL_PARAMS},
                                  .n_goal = 2,
                                  .evaluations = EVALUATIONS,
                                  .max_loss = INFINITY,
                                  .trust = INFINITY,
                                  .points_only = true,
                                  .seed = 5,
                                  .threads = threads,
                                  .segdb = {db},
                                  .vocab = v,
                                  .accuracy = accuracy,
                                  .choice = choice,
                                  .cancel = &j->stop,
                                  .arg = j};
    enum status st = search_run(r, g, path, &o, &err);
    bpe_vocab_free(v);
    graph_unref(g);
    free(path);
    free(db);
    free(vocab);
    return st;
}

static void same(const struct search_result *a, const struct search_result *b)
{
    assert_int_equal(a->n_front, b->n_front);
    for (int i = 0; i < a->n_front; i++) {
        assert_int_equal(a->front[i].id, b->front[i].id);
        assert_true(a->front[i].hash == b->front[i].hash);
        assert_true(a->front[i].value[GOAL_ACC] == b->front[i].value[GOAL_ACC]);
    }
}

static void test_one_front(void **state)
{
    struct search_result one, two, broken;
    struct judge a = {0}, b = {0}, c = {.stop_after = BREAK};
    (void)state;
    assert_int_equal(search("one", 1, &a, CHOICE, &one), ST_OK);
    assert_int_equal(search("two", 2, &b, CHOICE, &two), ST_OK);
    assert_true(one.n_front > 1);
    same(&one, &two);
    assert_int_equal(search("broken", 2, &c, CHOICE, &broken), ST_CANCELLED);
    c = (struct judge){0};
    assert_int_equal(search("broken", 1, &c, CHOICE, &broken), ST_OK);
    assert_true(broken.resumed_at > 0);
    same(&one, &broken);
    search_result_done(&one);
    search_result_done(&two);
    search_result_done(&broken);
}

/* The judge is asked about the network begun with and what was tried, no more. */
static void test_asks_less(void **state)
{
    struct search_result r;
    struct judge j = {0};
    (void)state;
    assert_int_equal(search("less", 1, &j, CHOICE, &r), ST_OK);
    assert_true(r.state.tried >= EVALUATIONS);
    assert_true(j.n <= r.state.tried + 1);
    search_result_done(&r);
    /* another choice is another search */
    assert_int_equal(search("less", 1, &j, CHOICE + 1, &r), ST_USAGE);
}

static int setup(void **state)
{
    (void)state;
    setenv("AUTOGO_DATA", SRCDIR, 0); /* by hand, outside the build tree */
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    char *cmd = x_asprintf("rm -rf '%s'", dir);
    int rc = system(cmd);
    (void)state;
    free(cmd);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_front),
        cmocka_unit_test(test_asks_less),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
