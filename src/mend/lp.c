/* Small integer programs as plain data: built by the channel solver and the LP writer. */
#include "mend/mend_priv.h"

#include <stdarg.h>
#include <stdio.h>

int lp_col(struct lp *lp, int64_t lo, int64_t hi, bool integer, double cost, const char *fmt, ...)
{
    struct lp_col c = {.lo = lo, .hi = hi, .integer = integer, .cost = cost};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c.name, sizeof c.name, fmt, ap);
    va_end(ap);
    vec_push(&lp->col, c);
    return (int)lp->col.n - 1;
}

void lp_row(struct lp *lp, int64_t lo, int64_t hi, const char *fmt, ...)
{
    struct lp_row r = {.first = (int)lp->term.n, .lo = lo, .hi = hi};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r.name, sizeof r.name, fmt, ap);
    va_end(ap);
    vec_push(&lp->row, r);
}

void lp_term(struct lp *lp, int col, int64_t coef)
{
    vec_push(&lp->term, (struct lp_term){col, coef});
    lp->row.at[lp->row.n - 1].n++;
}

void lp_done(struct lp *lp)
{
    vec_done(&lp->col);
    vec_done(&lp->row);
    vec_done(&lp->term);
}

size_t lp_longest(const struct lp *lp)
{
    int n = 0;
    for (size_t i = 0; i < lp->row.n; i++)
        n = lp->row.at[i].n > n ? lp->row.at[i].n : n;
    return (size_t)n;
}

int lp_width(struct lp *lp, const struct chan_class *k, int index)
{
    int64_t mult = k->used;
    int x = lp_col(lp, (k->lo + mult - 1) / mult, k->hi / mult, true, 0, "c%d", index);
    int d = lp_col(lp, 0, -1, false, k->weight, "d%d", index);
    lp_row(lp, INT64_MIN, k->want, "over%d", index); /* mult x - d <= want */
    lp_term(lp, x, mult);
    lp_term(lp, d, -1);
    lp_row(lp, k->want, INT64_MAX, "under%d", index); /* mult x + d >= want */
    lp_term(lp, x, mult);
    lp_term(lp, d, 1);
    return x;
}
