/* Inside src/mend: the model that the axis solver, the channel solver, the LP writer and the
 * rebuilder share.
 *
 * Every tensor of the fragment that has the form N x C x H x W or N x C is a "value" with one
 * unknown size per axis. Nodes become constraints between sizes of one axis, in topological order,
 * so a prefix of the constraint list is the problem of the first nodes (reasons are found so).
 * Tensors of any other form are frozen: what touches them keeps its shapes. */
#ifndef MEND_MEND_PRIV_H
#define MEND_MEND_PRIV_H

#include "base/clock.h"
#include "base/vec.h"
#include "mend/mend.h"

#define MEND_MAX_CHANNELS 65536
#define MEND_MAX_SIZE ((int64_t)1 << 24)

enum { AXIS_C, AXIS_H, AXIS_W, N_AXES };

enum con_kind {
    CON_EQ,     /* term[0].v = term[1].v */
    CON_FIX,    /* term[0].v = k */
    CON_LIN,    /* sum of coef * v = k */
    CON_DIV,    /* k divides term[0].v */
    CON_BCAST,  /* term[0].v is 1 or equals term[1].v */
    CON_WINDOW, /* term[1].v = window of `node` over term[0].v; its stride may change */
    CON_SCALE,  /* term[1].v = floor(term[0].v * scale) */
};

/* Who fixes a size. */
enum why { WHY_NODE, WHY_INPUT, WHY_OUTPUT, WHY_PIN, WHY_KEEP, WHY_ONE };

struct term {
    int v;
    int64_t coef;
};

struct con {
    enum con_kind kind;
    enum why why;
    int axis;
    int32_t node;
    int first, n; /* terms */
    int64_t k;
    double scale;
    int win; /* CON_WINDOW: index into model.win */
};

struct mval {
    int32_t node, port;
    int rank;            /* 4, 2, or 0: frozen */
    int64_t was[N_AXES]; /* sizes before; H and W are 0 at rank 2 */
};

/* A node with a choosable stride. */
struct mwin {
    int32_t node;
    struct window w;
    bool transposed;
    bool same[2]; /* the output was ceil(in / stride) (transposed: in * stride) before */
    int order;    /* position among the windows in topological order */
};

struct model {
    const struct graph *g;
    const struct mend_opts *opts; /* never NULL */
    int n_val;
    struct mval *val;
    int *base; /* value of output 0 of a node id */
    VEC(struct con) con;
    VEC(struct term) term;
    VEC(struct mwin) win;
    double ratio;         /* geometric mean of need/has channels over the ports */
    char *reason;         /* borrowed, 256 bytes: why there is no model */
    struct mend_part bad; /* whose fault that is */
    bool loose;           /* parts are left out: sizes may be free, up to `most` */
    int64_t most[N_AXES];
    struct mend_opts own;     /* what opts points to */
    struct mend_bound *bound; /* own.bound, when bounds are left out */
};

struct limits {
    double until_ms; /* on clock_ms()'s clock */
    const int *cancel;
};

enum solved { SOLVED, SOLVED_NONE, SOLVED_TIMEOUT, SOLVED_CANCELLED };

/* SOLVED while there is time. */
enum solved limits_check(const struct limits *lim);

/* ---- model.c ---- */

/* False, with m->reason set, when the boundary does not fit the fragment at all. */
bool model_init(struct model *m, const struct graph *g, const struct ttype *need_in,
                const struct ttype *need_out, const struct mend_opts *opts, char *reason);
void model_done(struct model *m);
/* The value at input port i of n, -1 for constants, frozen tensors and absent inputs. */
int model_in(const struct model *m, const struct node *n, int i);
void reason_set(char *reason, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "the node 'x' (Conv)", "input 'x'" ...: who a FIX constraint speaks for; into buf, returned. */
const char *con_who(const struct model *m, const struct con *c, char *buf, size_t size);
/* Quoted node label for reasons, cut to a readable length. */
const char *node_quoted(const struct graph *g, int32_t id, char *buf, size_t size);

bool part_equal(const struct mend_part *a, const struct mend_part *b);
/* The part that a constraint belongs to. */
struct mend_part con_part(const struct con *c);

/* ---- nodes.c: constraints of one node ---- */

void model_node(struct model *m, int32_t id);
void add_fix(struct model *m, int axis, int v, int64_t size, int32_t node, enum why why);
/* Reduced axes of a ReduceX/Squeeze/Unsqueeze as a bit set; false when they cannot be known. */
bool node_axes(const struct node *n, int rank, unsigned *mask);
/* Whether a constant that runs along the channels can be made anew for another width, and with
 * which value (the neutral element of the operator). */
bool const_neutral(const struct node *n, int port, double *value);

/* ---- axis.c: heights and widths ---- */

/* The stride that makes `out` from `in` (the present one if it does), 0 when none does. */
int64_t win_stride(const struct mwin *w, int axis, int64_t in, int64_t out);
/* Pads along spatial axis `a` that divide (transposed: multiply) the size by the stride. */
void window_make_same(struct window *w, int a, int64_t in, bool transposed);
/* Output sizes possible under a stride (one or two; < 1 does not fit); their number. */
int win_outs(const struct mwin *w, int axis, int64_t in, int64_t stride, int64_t *out);
/* Stride choices, ascending, at most 4. */
int win_choices(const struct mwin *w, int axis, int64_t *t);
/* What a changed stride costs: one for each, and less than one in all for being early. */
int64_t win_cost(const struct model *m, const struct mwin *w);
double win_cost_unit(const struct model *m);
/* size[v] for every value along `axis`; *cost is in objective units. */
enum solved axis_solve(const struct model *m, int axis, const struct limits *lim, int64_t *size,
                       double *cost, char *reason);
/* Whether there is a solution. */
enum solved axis_possible(const struct model *m, int axis, const struct limits *lim);

/* The axis problem after merging equal sizes; axis.c builds it, elim.c solves it, lp.c writes it.
 */
struct dom {
    int n;
    int64_t *at;  /* ascending */
    int64_t most; /* no size is larger */
};
struct rel {
    enum con_kind kind;
    int n, c[3]; /* classes */
    int64_t coef[3], k;
    const struct con *con;
};
struct axis_problem {
    const struct model *m;
    int axis;
    int *cls; /* class of each value, -1 when the value has no such axis */
    int n_cls;
    struct dom *dom;
    VEC(struct rel) rel;
    bool empty; /* some class has no size left */
};
/* The first n_con constraints; as_is: only the present strides and pads. */
void axis_init(struct axis_problem *p, const struct model *m, int axis, int n_con, bool as_is);
void axis_done(struct axis_problem *p);
/* Cost of sizes x for classes r->c, or COST_NEVER. */
#define COST_NEVER INT64_MAX
int64_t rel_cost(const struct axis_problem *p, const struct rel *r, const int64_t *x);
/* Removes sizes that no assignment of a single relation supports. False when a domain empties. */
bool axis_prune(struct axis_problem *p);

/* ---- loose.c ---- */

/* Whether the constraints along one axis can be met at all, sizes that nothing fixes being free up
 * to m->most; size[v] of one solution. What is preferred and what it costs plays no part. */
enum solved loose_solve(const struct model *m, int axis, const struct limits *lim, int64_t *size);

/* ---- conflict_text.c ---- */

/* m: constraints along one axis that cannot be met together. */
void conflict_text(const struct model *m, int axis, char *text, size_t size);

/* ---- elim.c ---- */

/* Smallest total cost over the problem; pick[c] = index into dom[c]. */
enum solved elim_solve(const struct axis_problem *p, const struct limits *lim, int *pick,
                       int64_t *cost);

/* ---- chan.c: channels ---- */

struct chan_class {
    bool fixed;                    /* by the boundary, a pin or a node */
    bool known;                    /* fixed, or follows from what is fixed */
    int64_t size;                  /* when known, and after solving */
    int64_t was, want, mult, soft; /* soft: multiple that is kept when possible */
    int64_t used;                  /* the multiple that was kept */
    int64_t lo, hi;                /* of an open width; shrunk by the sums */
    int weight;
    const struct con *by;
    const struct mend_bound *by_lo, *by_hi; /* where lo and hi come from; NULL: no bound */
};
struct chan_row {
    int32_t node;
    int64_t k;
    VEC(struct term) term; /* v: class */
};
struct chan {
    const struct model *m;
    int *cls;
    int n_cls;
    struct chan_class *at;
    VEC(struct chan_row) row;
};
/* Merges, fixes and propagates. SOLVED_NONE with a reason when that already contradicts. */
enum solved chan_init(struct chan *c, const struct model *m, char *reason);
void chan_done(struct chan *c);
/* "the bound on 'a' allows 8 to 32 channels", for a class that has one. */
void bound_words(const struct chan *c, const struct chan_class *k, char *buf, size_t size);
int64_t gcd64(int64_t a, int64_t b);
/* chan_rows.c: from what is fixed to what follows; intervals of the rest. */
enum solved chan_propagate(struct chan *c, char *reason);
/* Decides what is left. */
enum solved chan_solve(struct chan *c, const struct limits *lim, double *cost, char *reason);
/* By class, of open ones: the same number (one of the classes) where sums couple them. */
int *chan_parts(const struct chan *c);
/* The widths of part `id` nearest to the present wants that are multiples of `used`. */
enum solved chan_place(struct chan *c, const int *part, int id, const struct limits *lim);
double chan_cost(const struct chan *c);

/* ---- budget.c, budget_solve.c: limits on FLOPs and parameters ---- */

/* With all sizes known: makes the widths keep max_flops_paper and max_params, and settles ties by
 * near_flops_paper; changes the widths in `size` and their share of *objective. */
enum solved budget_fit(const struct model *m, const struct limits *lim, const struct ttype *need_in,
                       int64_t *size, double *objective, char *reason);
/* The count that decides, of the repaired fragment. False with a reason when a limit is broken. */
bool budget_holds(const struct graph *g, const struct mend_opts *opts, char *reason);

/* ---- lp.c, glpk.c: linear programs ---- */

struct lp_col {
    char name[32];
    int64_t lo, hi; /* hi < lo: no upper bound; lo == INT64_MIN: none at all */
    bool integer;
    double cost;
};
struct lp_row {
    char name[32];
    int first, n;
    int64_t lo, hi; /* INT64_MIN, INT64_MAX: open */
};
struct lp_term {
    int col;
    int64_t coef;
};
struct lp {
    VEC(struct lp_col) col;
    VEC(struct lp_row) row;
    VEC(struct lp_term) term;
};
int lp_col(struct lp *lp, int64_t lo, int64_t hi, bool integer, double cost, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void lp_row(struct lp *lp, int64_t lo, int64_t hi, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds to the last row. */
void lp_term(struct lp *lp, int col, int64_t coef);
void lp_done(struct lp *lp);
/* Terms of the longest row. */
size_t lp_longest(const struct lp *lp);
/* Column of the width of class k: width = k->used * column. Adds |width - want| as cost. */
int lp_width(struct lp *lp, const struct chan_class *k, int index);

/* x: one value per column. SOLVED also when the time ran out with a solution in hand. */
enum solved lp_solve(const struct lp *lp, const struct limits *lim, double *x);
/* The same by GLPK alone. */
enum solved lp_branch(const struct lp *lp, const struct limits *lim, double *x);
enum status lp_write(const struct lp *lp, const char *path, struct err *err);

/* ---- mend.c ---- */

/* The fragment with these sizes, inferred: result, fragment and change of the plan, or a reason
 * where it does not make the boundary. */
enum status mend_finish(const struct model *m, const int64_t *size, const struct ttype *need_in,
                        const struct ttype *need_out, struct mend_plan *plan, struct err *err);

/* ---- rebuild.c ---- */

/* The fragment with sizes size[N_AXES * v + axis]; appends to plan->change, *changed tells whether
 * any node differs. Inputs are typed, all other types are cleared. */
enum status rebuild(const struct model *m, const int64_t *size, const struct ttype *need_in,
                    struct mend_plan *plan, struct graph **out, bool *changed, struct err *err);

#endif
