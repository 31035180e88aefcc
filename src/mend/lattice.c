/* Integer programs without their equations. Bounds aside, integer equations have the solutions
 * x = x0 + L z for all integer z, or none (Hermite normal form). So each column is x0 modulo the
 * gcd of its row of L, which shows contradictions of remainders at once, and the program in z has
 * every remainder right: in x, branching would walk through all widths in search of an even one. */
#include "mend/mend_priv.h"

#include <math.h>

#define NO_LIMIT (INT64_MAX / 4)
#define TOO_LARGE ((int64_t)1 << 31)

enum answer { NO_POINT, MAYBE, TOO_HARD };

struct lattice {
    const struct lp *lp;
    int n_row, n_col, n_known; /* known: new columns that the equations fix */
    int *of_col;               /* place of a column of the program, -1: continuous */
    int64_t *at;               /* n_row equations, then the unimodular matrix; by row */
    int64_t *rhs, *y;          /* of the equations; what they fix of the new columns */
    int n_fixed;
    int64_t *lo, *hi, *base, *step; /* of a column */
    bool *fixed;
};

static int64_t *entry(const struct lattice *l, int row, int col)
{
    return &l->at[row * l->n_col + col];
}

/* Column `to` minus q times column `from`; false when numbers grow too large to go on. */
static bool subtract(struct lattice *l, int to, int from, int64_t q)
{
    for (int r = 0; r < l->n_row + l->n_col; r++) {
        int64_t *x = entry(l, r, to), part;
        if (__builtin_mul_overflow(q, *entry(l, r, from), &part) ||
            __builtin_sub_overflow(*x, part, x) || *x > TOO_LARGE || *x < -TOO_LARGE)
            return false;
    }
    return true;
}

static void swap(struct lattice *l, int a, int b)
{
    for (int r = 0; r < l->n_row + l->n_col && a != b; r++) {
        int64_t t = *entry(l, r, a);
        *entry(l, r, a) = *entry(l, r, b);
        *entry(l, r, b) = t;
    }
}

/* Leaves one entry in the row from column `first` on, which moves there. */
static bool gather(struct lattice *l, int row, int first)
{
    for (int c = first + 1; c < l->n_col; c++)
        while (*entry(l, row, c)) { /* Euclid's algorithm on two columns */
            int64_t q = *entry(l, row, first) / *entry(l, row, c);
            if (q && !subtract(l, first, c, q))
                return false;
            swap(l, first, c);
        }
    return true;
}

/* Sum of row times y over the first n columns. */
static bool known_part(const struct lattice *l, int row, int n, int64_t *sum)
{
    int64_t part;
    *sum = 0;
    for (int c = 0; c < n; c++)
        if (__builtin_mul_overflow(*entry(l, row, c), l->y[c], &part) ||
            __builtin_add_overflow(*sum, part, sum))
            return false;
    return *sum <= TOO_LARGE && *sum >= -TOO_LARGE;
}

/* Echelon form; fills in base and step. */
static enum answer reduce(struct lattice *l)
{
    int n = 0;
    int64_t known;
    for (int r = 0; r < l->n_row; r++) {
        if (!known_part(l, r, n, &known) || (n < l->n_col && !gather(l, r, n)))
            return TOO_HARD;
        int64_t pivot = n < l->n_col ? *entry(l, r, n) : 0, rest = l->rhs[r] - known;
        if (pivot ? rest % pivot != 0 : rest != 0)
            return NO_POINT;
        if (pivot)
            l->y[n++] = rest / pivot;
    }
    for (int c = 0; c < l->n_col; c++) {
        if (!known_part(l, l->n_row + c, n, &l->base[c]))
            return TOO_HARD;
        l->step[c] = 0;
        for (int k = n; k < l->n_col; k++)
            l->step[c] = gcd64(l->step[c], *entry(l, l->n_row + c, k));
    }
    l->n_known = n;
    return MAYBE;
}

static bool is_equation(const struct lattice *l, const struct lp_row *r)
{
    for (int t = 0; t < r->n; t++)
        if (l->of_col[l->lp->term.at[r->first + t].col] < 0)
            return false;
    return r->n && r->lo == r->hi;
}

/* The equations of the program and those of the columns that have one value left. */
static void write_equations(struct lattice *l, int n_equation)
{
    int row = 0;
    l->n_row = n_equation + l->n_fixed;
    memset(l->at, 0, (size_t)(l->n_row + l->n_col) * (size_t)l->n_col * sizeof *l->at);
    for (size_t i = 0; i < l->lp->row.n; i++) {
        const struct lp_row *r = &l->lp->row.at[i];
        if (!is_equation(l, r))
            continue;
        for (int t = 0; t < r->n; t++) {
            const struct lp_term *term = &l->lp->term.at[r->first + t];
            *entry(l, row, l->of_col[term->col]) += term->coef;
        }
        l->rhs[row++] = r->lo;
    }
    for (int c = 0; c < l->n_col; c++) {
        *entry(l, l->n_row + c, c) = 1;
        if (l->fixed[c]) {
            *entry(l, row, c) = 1;
            l->rhs[row++] = l->lo[c];
        }
    }
}

/* Moves the bounds to numbers of the column; false when there is none between them. */
static bool tighten(struct lattice *l, int c)
{
    int64_t *lo = &l->lo[c], *hi = &l->hi[c], step = l->step[c], base = l->base[c];
    if (!step)
        return base >= *lo && base <= *hi;
    *lo += ((base - *lo) % step + step) % step;
    *hi -= ((*hi - base) % step + step) % step;
    return *lo <= *hi;
}

static enum answer find_points(struct lattice *l, int n_equation)
{
    for (bool again = true; again;) {
        again = false;
        write_equations(l, n_equation);
        enum answer a = reduce(l);
        for (int c = 0; c < l->n_col && a == MAYBE; c++) {
            if (!tighten(l, c))
                a = NO_POINT;
            if (l->step[c] && l->lo[c] == l->hi[c] && !l->fixed[c]) {
                l->fixed[c] = again = true;
                l->n_fixed++;
            }
        }
        if (a != MAYBE)
            return a;
    }
    return MAYBE;
}

static int lattice_init(struct lattice *l, const struct lp *lp)
{
    int n_equation = 0;
    size_t n = lp->col.n;
    *l = (struct lattice){.lp = lp};
    l->of_col = x_calloc(n + 1, sizeof *l->of_col);
    l->lo = x_calloc(n + 1, sizeof *l->lo);
    l->hi = x_calloc(n + 1, sizeof *l->hi);
    for (size_t i = 0; i < n; i++) {
        const struct lp_col *c = &lp->col.at[i];
        l->of_col[i] = c->integer ? l->n_col : -1;
        if (!c->integer)
            continue;
        l->lo[l->n_col] = c->lo;
        l->hi[l->n_col++] = c->hi < c->lo ? NO_LIMIT : c->hi;
    }
    for (size_t i = 0; i < lp->row.n; i++)
        n_equation += is_equation(l, &lp->row.at[i]);
    size_t n_int = (size_t)l->n_col, n_row = (size_t)n_equation + n_int; /* at most */
    l->at = x_calloc((n_row + n_int) * n_int + 1, sizeof *l->at);
    l->rhs = x_calloc(n_row + 1, sizeof *l->rhs);
    l->y = x_calloc(n_int + 1, sizeof *l->y);
    l->base = x_calloc(n_int + 1, sizeof *l->base);
    l->step = x_calloc(n_int + 1, sizeof *l->step);
    l->fixed = x_calloc(n_int + 1, sizeof *l->fixed);
    return n_equation;
}

static void lattice_done(struct lattice *l)
{
    free(l->of_col);
    free(l->lo);
    free(l->hi);
    free(l->at);
    free(l->rhs);
    free(l->y);
    free(l->base);
    free(l->step);
    free(l->fixed);
}

/* ---- the program in z ---- */

/* Adds coef * (column c - its x0) to the last row of z, whose first column is `first`. */
static void add_in_z(const struct lattice *l, struct lp *z, int first, int c, int64_t coef)
{
    for (int k = l->n_known; k < l->n_col; k++)
        if (*entry(l, l->n_row + c, k))
            lp_term(z, first + k - l->n_known, coef * *entry(l, l->n_row + c, k));
}

static int64_t minus(int64_t bound, int64_t known)
{
    return bound == INT64_MIN || bound == INT64_MAX ? bound : bound - known;
}

/* One row of the program in z; equal columns are one term. */
static void row_in_z(const struct lattice *l, const struct lp_row *r, const int *new_col, int first,
                     int64_t *sum, struct lp *z)
{
    const struct lp *lp = l->lp;
    int64_t known = 0;
    for (int t = 0; t < r->n; t++) {
        const struct lp_term *term = &lp->term.at[r->first + t];
        int c = l->of_col[term->col];
        if (c < 0) {
            sum[new_col[term->col]] += term->coef;
            continue;
        }
        known += term->coef * l->base[c];
        for (int k = l->n_known; k < l->n_col; k++)
            sum[first + k - l->n_known] += term->coef * *entry(l, l->n_row + c, k);
    }
    lp_row(z, minus(r->lo, known), minus(r->hi, known), "%s", r->name);
    for (size_t i = 0; i < z->col.n; i++)
        if (sum[i])
            lp_term(z, (int)i, sum[i]);
    memset(sum, 0, z->col.n * sizeof *sum);
}

static void write_in_z(const struct lattice *l, struct lp *z, int *new_col)
{
    const struct lp *lp = l->lp;
    for (size_t i = 0; i < lp->col.n; i++) {
        const struct lp_col *c = &lp->col.at[i];
        new_col[i] = c->integer ? -1 : lp_col(z, c->lo, c->hi, false, c->cost, "%s", c->name);
    }
    int first = (int)z->col.n;
    for (int k = l->n_known; k < l->n_col; k++)
        lp_col(z, INT64_MIN, 0, true, 0, "z%d", k);
    for (size_t i = 0; i < lp->col.n; i++) {
        int c = l->of_col[i];
        for (int k = l->n_known; c >= 0 && k < l->n_col; k++)
            z->col.at[first + k - l->n_known].cost +=
                lp->col.at[i].cost * (double)*entry(l, l->n_row + c, k);
        if (c < 0 || !l->step[c])
            continue;
        lp_row(z, l->lo[c] - l->base[c],
               l->hi[c] >= NO_LIMIT - l->step[c] ? INT64_MAX : l->hi[c] - l->base[c], "b%d", c);
        add_in_z(l, z, first, c, 1);
    }
    int64_t *sum = x_calloc(z->col.n + 1, sizeof *sum);
    for (size_t i = 0; i < lp->row.n; i++)
        if (!is_equation(l, &lp->row.at[i]))
            row_in_z(l, &lp->row.at[i], new_col, first, sum, z);
    free(sum);
}

static enum solved solve_in_z(const struct lattice *l, const struct limits *lim, double *x)
{
    struct lp z = {0};
    int *new_col = x_calloc(l->lp->col.n + 1, sizeof *new_col);
    write_in_z(l, &z, new_col);
    size_t first = z.col.n - (size_t)(l->n_col - l->n_known);
    double *value = x_calloc(z.col.n + 1, sizeof *value);
    enum solved st = lp_branch(&z, lim, value);
    for (size_t i = 0; st == SOLVED && i < l->lp->col.n; i++) {
        int c = l->of_col[i];
        x[i] = c < 0 ? value[new_col[i]] : (double)l->base[c];
        for (int k = l->n_known; c >= 0 && k < l->n_col; k++)
            x[i] += (double)*entry(l, l->n_row + c, k) *
                    floor(value[first + (size_t)(k - l->n_known)] + 0.5);
    }
    free(value);
    free(new_col);
    lp_done(&z);
    return st;
}

enum solved lp_solve(const struct lp *lp, const struct limits *lim, double *x)
{
    struct lattice l;
    int n_equation = lattice_init(&l, lp);
    enum answer a = n_equation ? find_points(&l, n_equation) : TOO_HARD;
    enum solved st = a == NO_POINT ? SOLVED_NONE
                     : a == MAYBE  ? solve_in_z(&l, lim, x)
                                   : lp_branch(lp, lim, x);
    lattice_done(&l);
    return st;
}
