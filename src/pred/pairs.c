/* Networks that differ by one operation. */
#include "base/hash.h"
#include "pred/model_priv.h"

/* Where operations end in the text of an architecture. */
static const char ends[] = "|,/.&+@";

/* Each text is filed under itself without its word k,
 * for all k; the members of such a file are paired with the one before them, so that there are as
 * many pairs as texts and words, not as their square. */
void pred_find_pairs(const struct pred_table *t, const int *item, int n, struct pred_pairs *out)
{
    struct u64map last = {0};
    for (int i = 0; i < n; i++) {
        const char *spec = t->item.at[item[i]].spec;
        size_t len = strlen(spec), from = 0;
        for (size_t to = 0; to <= len; to++) {
            if (to < len && !strchr(ends, spec[to]))
                continue;
            uint64_t key = hash_pair(hash_bytes(spec, from, 7), hash_str(spec + to, from));
            int64_t *before = u64map_put(&last, key, -1);
            if (*before >= 0 && to > from)
                vec_push(out, (struct pred_pair){(int)*before, i});
            *before = i;
            from = to + 1;
        }
    }
    u64map_done(&last);
}
