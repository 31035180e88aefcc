/* The trainer against spm_train (SentencePiece) on networks of the five families.
 *
 * The two break ties differently, and after a tie their merges differ for good reason. So the
 * merges of each are replayed one after another with exact counts, and each must be a most
 * frequent pair at its turn.
 *
 * spm_train holds to that only where no pair (x, x) overlaps itself: of x x x it drops the second
 * occurrence for good, also when the first one has gone into another piece since (later versions
 * count both). So sequences are cut here wherever something, of any length, would come a third
 * time in a row; then no run x x x of any pieces can arise, and the rule is the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/file.h"
#include "bpe/bpe_priv.h"
#include "family/family.h"
#include <stdio.h>
#include "tests/diff/spm.h"

enum { MERGES = 400, MAX_PIECE = 16, SAMPLES = 40 };

static char folder[] = "/tmp/test_bpe_spm_XXXXXX";

/* ---- replay ---- */

struct replay {
    VEC(int) sym; /* -1 between sequences */
    VEC(int) left, right, len;
    int *count, n_max;     /* count[left * n_max + right] */
    struct bpe_trie known; /* the pieces so far */
};

static int spell(const struct replay *r, int s, int *out)
{
    if (r->left.at[s] < 0) {
        out[0] = s;
        return 1;
    }
    int n = spell(r, r->left.at[s], out);
    return n + spell(r, r->right.at[s], out + n);
}

static void symbol(struct replay *r, int left, int right)
{
    vec_push(&r->len, left < 0 ? 1 : r->len.at[left] + r->len.at[right]);
    vec_push(&r->left, left);
    vec_push(&r->right, right);
}

static void count(struct replay *r)
{
    memset(r->count, 0, (size_t)r->n_max * (size_t)r->n_max * sizeof *r->count);
    bool taken = false; /* by the pair (x, x) that begins one place before */
    for (size_t i = 0; i + 1 < r->sym.n; i++) {
        int a = r->sym.at[i], b = r->sym.at[i + 1];
        if (a < 0 || b < 0 || (a == b && taken)) {
            taken = false;
            continue;
        }
        r->count[a * r->n_max + b]++;
        taken = a == b;
    }
}

static void merge(struct replay *r, int l, int right)
{
    size_t k = 0;
    int made = (int)r->len.n;
    symbol(r, l, right);
    for (size_t i = 0; i < r->sym.n; i++) {
        bool here = i + 1 < r->sym.n && r->sym.at[i] == l && r->sym.at[i + 1] == right;
        r->sym.at[k++] = here ? made : r->sym.at[i];
        i += here;
    }
    r->sym.n = k;
}

/* ---- pieces ---- */

struct pieces {
    VEC(int) seq; /* one after another */
    VEC(int) len;
};

static void pieces_done(struct pieces *p)
{
    vec_done(&p->seq);
    vec_done(&p->len);
}

/* The pair that spells a piece now, the most frequent one, and the count of the best of all. */
static int find_pair(const struct replay *r, const int *piece, int len, int *l, int *right,
                     int *best)
{
    int chosen = 0;
    *best = 0;
    for (int a = 0; a < (int)r->len.n; a++)
        for (int b = 0; b < (int)r->len.n; b++) {
            int seq[2 * MAX_PIECE], n = r->len.at[a] + r->len.at[b];
            int times = r->count[a * r->n_max + b];
            if (n > MAX_PIECE || (times <= *best && (times <= chosen || n != len)))
                continue;
            spell(r, b, seq + spell(r, a, seq));
            /* What spells a piece learnt already is passed over by both. */
            if (times > *best && bpe_trie_get(&r->known, seq, n) < 0)
                *best = times;
            if (times > chosen && n == len && !memcmp(seq, piece, (size_t)n * sizeof *seq)) {
                chosen = times;
                *l = a;
                *right = b;
            }
        }
    return chosen;
}

static void check_greedy(const char *who, const struct bpe_corpus *c, const struct pieces *p)
{
    struct replay r = {.n_max = (int)c->token.n + (int)p->len.n};
    r.count = x_calloc((size_t)r.n_max * (size_t)r.n_max, sizeof *r.count);
    for (size_t i = 0; i < c->token.n; i++)
        symbol(&r, -1, -1);
    for (size_t k = 0; k < c->line.n; k++)
        for (int64_t t = 0; t < c->line.at[k].count; t++) {
            for (int i = 0; i < c->line.at[k].len; i++)
                vec_push(&r.sym, c->seq.at[c->line.at[k].at + (size_t)i]);
            vec_push(&r.sym, -1);
        }
    const int *piece = p->seq.at;
    for (size_t k = 0; k < p->len.n; k++) {
        int best, l = -1, right = -1, len = p->len.at[k];
        count(&r);
        int chosen = find_pair(&r, piece, len, &l, &right, &best);
        if (!chosen || chosen != best)
            fail_msg("%s: merge %zu occurs %d times, another one %d", who, k, chosen, best);
        *bpe_trie_put(&r.known, piece, len) = (int)k;
        piece += len;
        merge(&r, l, right);
    }
    free(r.count);
    bpe_trie_done(&r.known);
    vec_done(&r.sym);
    vec_done(&r.left);
    vec_done(&r.right);
    vec_done(&r.len);
}

static void ours(const struct bpe_corpus *c, struct pieces *p)
{
    struct bpe_vocab *v = NULL;
    assert_int_equal(bpe_train(c, MERGES, MAX_PIECE, &v, NULL), ST_OK);
    for (int k = 0; k < bpe_vocab_n_merges(v); k++) {
        int len;
        const int *seq = bpe_vocab_merge(v, k, &len);
        vec_push(&p->len, len);
        for (int i = 0; i < len; i++)
            vec_push(&p->seq, seq[i]);
    }
    bpe_vocab_free(v);
}

/* False when spm_train is not installed. */
static bool theirs(const struct bpe_corpus *c, struct pieces *p)
{
    char *input = x_asprintf("%s/in", folder), *prefix = x_asprintf("%s/out", folder);
    char *vocab = x_asprintf("%s.vocab", prefix);
    struct str text = {0};
    unsigned char *data = NULL;
    size_t size;
    int n_chars = spm_text(c, &text);
    assert_int_equal(file_write(input, text.s, text.n, NULL), ST_OK);
    int code = spm_train(input, prefix, MERGES, n_chars, MAX_PIECE);
    if (code != 127) {
        assert_int_equal(code, 0);
        assert_int_equal(file_read(vocab, 1 << 24, &data, &size, NULL), ST_OK);
        for (char *at = strtok((char *)data, "\n"); at; at = strtok(NULL, "\n")) {
            int token, len = 0;
            while ((token = spm_token(&at)) >= 0) {
                vec_push(&p->seq, token);
                len++;
            }
            if (len >= 2)
                vec_push(&p->len, len);
            else
                p->seq.n -= (size_t)len; /* a character, not a merge */
        }
    }
    str_done(&text);
    free(data);
    free(input);
    free(prefix);
    free(vocab);
    return code != 127;
}

/* ---- corpus ---- */

static void add(struct bpe_corpus *c, const char *spec)
{
    struct graph *g = NULL;
    struct err err = {0};
    if (family_build(spec, 1, &g, &err) != ST_OK)
        fail_msg("%s: %s", spec, err.msg);
    assert_int_equal(bpe_corpus_add(c, g, 1, NULL), ST_OK);
    graph_unref(g);
}

/* All in one group: spm_train knows no weights. */
static struct bpe_corpus *five_families(void)
{
    struct bpe_corpus *c = bpe_corpus_new(BPE_CANONICAL);
    const struct family_zoo *z;
    const char *family;
    for (int i = 0; (z = family_zoo_at(i)); i++) {
        char *spec = x_asprintf("zoo:%s", z->name);
        add(c, spec);
        free(spec);
    }
    for (int f = 0; (family = family_name_at(f)); f++)
        for (int i = 0; i < SAMPLES; i++) {
            char *spec = family_sample(family, 0, i);
            add(c, spec);
            free(spec);
        }
    return c;
}

static bool ends_in_cube(const int *end, int n)
{
    for (int p = 1; 3 * p <= n; p++) {
        size_t bytes = (size_t)p * sizeof *end;
        if (!memcmp(end - p, end - 2 * p, bytes) && !memcmp(end - p, end - 3 * p, bytes))
            return true;
    }
    return false;
}

static struct bpe_corpus *without_cubes(const struct bpe_corpus *c)
{
    struct bpe_corpus *cut = bpe_corpus_new(BPE_CANONICAL);
    for (size_t i = 0; i < c->token.n; i++)
        bpe_corpus_token(cut, c->token.at[i], c->barrier.at[i]);
    for (size_t k = 0; k < c->line.n; k++) {
        const struct bpe_line *l = &c->line.at[k];
        const int *seq = c->seq.at + l->at;
        int start = 0;
        for (int i = 1; i <= l->len; i++)
            if (i == l->len || ends_in_cube(seq + i + 1, i + 1 - start)) {
                bpe_corpus_add_ids(cut, seq + start, i - start, l->count, NULL);
                start = i;
            }
    }
    return cut;
}

static void every_merge_is_most_frequent(void **state)
{
    (void)state;
    struct bpe_corpus *c = five_families(), *cut = without_cubes(c);
    struct pieces a = {0}, b = {0}, spm = {0};
    ours(c, &a);
    assert_int_equal(a.len.n, MERGES);
    check_greedy("bpe_train", c, &a);
    ours(cut, &b);
    check_greedy("bpe_train", cut, &b);
    bool there = theirs(cut, &spm);
    if (there) {
        assert_int_equal(spm.len.n, MERGES);
        check_greedy("spm_train", cut, &spm);
    }
    pieces_done(&a);
    pieces_done(&b);
    pieces_done(&spm);
    bpe_corpus_free(c);
    bpe_corpus_free(cut);
    if (!there) {
        print_message("no spm_train (Debian: sentencepiece)\n");
        skip();
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state)
{
    static const char *const name[] = {"in", "out.model", "out.vocab", "out.log"};
    (void)state;
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char *path = x_asprintf("%s/%s", folder, name[i]);
        unlink(path);
        free(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_merge_is_most_frequent)};
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
