/* Which of the candidates are listed, and in which order. */
#include "session/session_priv.h"

#include <stdlib.h>

enum status session_set_filter(struct session *s, const char *text, struct err *err)
{
    struct filter *f = NULL;
    if (*text)
        TRY(filter_parse(text, &f, err));
    char *copy = x_strdup(text); /* it may be the text of the one before */
    filter_free(s->filter);
    free(s->filter_text);
    s->filter = f;
    s->filter_text = copy;
    return ST_OK;
}

const char *session_filter(const struct session *s)
{
    return s->filter_text;
}

bool session_keeps(const struct session *s, const struct session_candidate *c)
{
    return !s->filter || filter_holds(s->filter, c);
}

enum status session_set_order(struct session *s, const char *text, struct err *err)
{
    return field_order_parse(text, &s->order, err);
}

static int by_order(const void *x, const void *y, void *arg)
{
    const struct session *s = arg;
    const struct session_candidate *a = session_candidate(s, *(const int *)x),
                                   *b = session_candidate(s, *(const int *)y);
    int order = field_compare(&s->order, a, b);
    return order ? order : a->rank - b->rank;
}

int session_listed(const struct session *s, int *rank)
{
    int n = 0;
    for (int r = 0; r < session_n_candidates(s); r++)
        if (session_keeps(s, session_candidate(s, r)))
            rank[n++] = r;
    qsort_r(rank, (size_t)n, sizeof *rank, by_order, (void *)(uintptr_t)s);
    return n;
}
