#include "search/search_priv.h"

void credit_add(struct credit *c, uint64_t key, bool stayed)
{
    int64_t i = *u64map_put(&c->at, key, (int64_t)c->count.n);
    if (i == (int64_t)c->count.n)
        vec_push(&c->count, (struct credit_count){0});
    c->count.at[i].tried++;
    c->count.at[i].stayed += stayed;
}

double credit_of(const struct credit *c, uint64_t key)
{
    const int64_t *i = u64map_get(&c->at, key);
    struct credit_count n = i ? c->count.at[*i] : (struct credit_count){0};
    return (double)(n.stayed + 1) / (double)(n.tried + 2);
}

void credit_done(struct credit *c)
{
    u64map_done(&c->at);
    vec_done(&c->count);
}
