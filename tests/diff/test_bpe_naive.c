/* The trainer against one that recounts everything before each merge, on random corpora small
 * enough to be full of ties, runs of one symbol, barriers and repeated lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include <stdio.h>
#include "bpe/bpe_priv.h"

struct naive {
    VEC(int) sym;  /* lines end with -1 */
    VEC(int) len;  /* of each symbol; 0: barrier */
    VEC(int) left; /* of each symbol; -1: a token */
    VEC(int) right;
    VEC(int) banned; /* pairs passed over: left, right, ... */
};

static int64_t naive_count(const struct naive *s, int l, int r)
{
    int64_t n = 0;
    for (size_t i = 0; i + 1 < s->sym.n; i++)
        if (s->sym.at[i] == l && s->sym.at[i + 1] == r) {
            n++;
            i++; /* no overlap */
        }
    return n;
}

static bool naive_banned(const struct naive *s, int l, int r)
{
    for (size_t i = 0; i < s->banned.n; i += 2)
        if (s->banned.at[i] == l && s->banned.at[i + 1] == r)
            return true;
    return false;
}

static bool naive_best(const struct naive *s, int max_piece, int *l, int *r)
{
    int64_t best = 1;
    for (size_t i = 0; i + 1 < s->sym.n; i++) {
        int a = s->sym.at[i], b = s->sym.at[i + 1];
        if (a < 0 || b < 0 || !s->len.at[a] || !s->len.at[b] ||
            s->len.at[a] + s->len.at[b] > max_piece || naive_banned(s, a, b))
            continue;
        int64_t n = naive_count(s, a, b);
        if (n > best || (n == best && best > 1 && (a < *l || (a == *l && b < *r)))) {
            best = n;
            *l = a;
            *r = b;
        }
    }
    return best > 1;
}

static void naive_merge(struct naive *s, int l, int r, int made)
{
    size_t k = 0;
    for (size_t i = 0; i < s->sym.n; i++) {
        if (i + 1 < s->sym.n && s->sym.at[i] == l && s->sym.at[i + 1] == r) {
            s->sym.at[k++] = made;
            i++;
        } else {
            s->sym.at[k++] = s->sym.at[i];
        }
    }
    s->sym.n = k;
}

static int naive_spell(const struct naive *s, int x, int *out)
{
    if (s->left.at[x] < 0) {
        out[0] = x;
        return 1;
    }
    int n = naive_spell(s, s->left.at[x], out);
    return n + naive_spell(s, s->right.at[x], out + n);
}

static bool is_known(const struct bpe_vocab *v, int upto, const int *seq, int n)
{
    for (int k = 0; k < upto; k++) {
        int len;
        const int *have = bpe_vocab_merge(v, k, &len);
        if (len == n && !memcmp(have, seq, (size_t)n * sizeof *seq))
            return true;
    }
    return false;
}

/* Follows the naive rule and compares each merge with the one learnt. */
static void check_against_naive(struct naive *s, const struct bpe_vocab *v, int n_merges,
                                int max_piece)
{
    int k = 0, l = -1, r = -1;
    while (k < n_merges && naive_best(s, max_piece, &l, &r)) {
        int seq[BPE_MAX_PIECE], n = naive_spell(s, l, seq);
        n += naive_spell(s, r, seq + n);
        if (is_known(v, k, seq, n)) {
            vec_push(&s->banned, l);
            vec_push(&s->banned, r);
            continue;
        }
        assert_true(k < bpe_vocab_n_merges(v));
        int len;
        const int *have = bpe_vocab_merge(v, k, &len);
        assert_int_equal(len, n);
        assert_memory_equal(have, seq, (size_t)n * sizeof *seq);
        vec_push(&s->len, n);
        vec_push(&s->left, l);
        vec_push(&s->right, r);
        naive_merge(s, l, r, (int)s->len.n - 1);
        k++;
    }
    assert_int_equal(bpe_vocab_n_merges(v), k);
}

static void one_corpus(uint64_t seed)
{
    struct rng rng = rng_for(20231, seed);
    int n_tokens = 1 + (int)rng_below(&rng, 6), lines = 1 + (int)rng_below(&rng, 12);
    int max_piece = 2 + (int)rng_below(&rng, 15), n_merges = (int)rng_below(&rng, 40);
    bool barriers = rng_below(&rng, 3) == 0;
    struct bpe_corpus *c = bpe_corpus_new(BPE_REFERENCE);
    struct naive s = {0};
    for (int i = 0; i < n_tokens; i++) {
        char name[16];
        bool barrier = barriers && i == 0;
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(bpe_corpus_token(c, name, barrier), i);
        vec_push(&s.len, barrier ? 0 : 1);
        vec_push(&s.left, -1);
        vec_push(&s.right, -1);
    }
    for (int k = 0; k < lines; k++) {
        int line[60], n = (int)rng_below(&rng, 60), again = 1 + (int)rng_below(&rng, 3);
        int times = rng_below(&rng, 3) ? 1 : 1 + (int)rng_below(&rng, 5);
        /* Runs of one symbol overlap themselves. */
        for (int i = 0; i < n; i++)
            line[i] = i && rng_below(&rng, 3) == 0 ? line[i - 1]
                                                   : (int)rng_below(&rng, (uint64_t)n_tokens);
        for (int t = 0; t < again; t++)
            assert_int_equal(bpe_corpus_add_ids(c, line, n, times, NULL), ST_OK);
        for (int t = 0; t < again * times; t++) {
            for (int i = 0; i < n; i++)
                vec_push(&s.sym, line[i]);
            vec_push(&s.sym, -1);
        }
    }
    struct bpe_vocab *v = NULL;
    assert_int_equal(bpe_train(c, n_merges, max_piece, &v, NULL), ST_OK);
    check_against_naive(&s, v, n_merges, max_piece);
    bpe_vocab_free(v);
    bpe_corpus_free(c);
    vec_done(&s.sym);
    vec_done(&s.len);
    vec_done(&s.left);
    vec_done(&s.right);
    vec_done(&s.banned);
}

static void trainer_equals_naive(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++)
        one_corpus(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(trainer_equals_naive)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
