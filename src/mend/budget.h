/* Between budget.c and budget_solve.c: FLOPs and parameters as polynomials in the open widths. */
#ifndef MEND_BUDGET_H
#define MEND_BUDGET_H

#include "mend/mend_priv.h"

struct poly_term {
    int a, b; /* classes, b <= a; b < 0: one factor only */
    double coef;
};
struct poly {
    double base;
    VEC(struct poly_term) term;
};
struct budget {
    struct chan *c;
    struct poly flops, params;
    double max_flops, max_params; /* 0: no limit */
};

double poly_at(const struct poly *p, const int64_t *width);
/* Whether a channel sum holds the class. */
bool in_row(const struct chan *c, int cls);
/* c->at[].size within the limits, at the least cost: exact up to a number of trials. */
enum solved budget_solve(struct budget *b, const struct limits *lim, char *reason);
/* "at least 12.4M FLOPs are needed even at the smallest widths, but the limit is 10M" */
void budget_broken(const char *what, double has, double limit, bool least, char *reason);

#endif
