/* GLPK, the only file that knows it. A problem is made, solved and freed inside one call. GLPK's
 * environment is thread-local and is freed at the end of the call, so a worker that stops leaves
 * nothing behind. Errors inside GLPK would abort the process: its error hook leaves by longjmp,
 * the one place in the program that does. */
#include "mend/mend_priv.h"

#include "base/file.h"

#include <glpk.h>
#include <setjmp.h>

static int silent(void *info, const char *text)
{
    (void)info, (void)text;
    return 1;
}

static void escape(void *info)
{
    longjmp(*(jmp_buf *)info, 1);
}

static void poll_limits(glp_tree *tree, void *info)
{
    if (limits_check(info) != SOLVED)
        glp_ios_terminate(tree);
}

static void set_bounds(glp_prob *p, void (*set)(glp_prob *, int, int, double, double), int at,
                       bool open_lo, bool open_hi, int64_t lo, int64_t hi)
{
    int type = open_lo && open_hi ? GLP_FR
               : open_lo          ? GLP_UP
               : open_hi          ? GLP_LO
               : lo == hi         ? GLP_FX
                                  : GLP_DB;
    set(p, at, type, open_lo ? 0 : (double)lo, open_hi ? 0 : (double)hi);
}

static void fill(glp_prob *p, const struct lp *lp, int *index, double *value)
{
    glp_set_obj_dir(p, GLP_MIN);
    if (lp->col.n)
        glp_add_cols(p, (int)lp->col.n);
    if (lp->row.n)
        glp_add_rows(p, (int)lp->row.n);
    for (int i = 0; i < (int)lp->col.n; i++) {
        const struct lp_col *c = &lp->col.at[i];
        glp_set_col_name(p, i + 1, c->name);
        glp_set_obj_coef(p, i + 1, c->cost);
        glp_set_col_kind(p, i + 1, c->integer ? GLP_IV : GLP_CV);
        bool open = c->lo == INT64_MIN;
        set_bounds(p, glp_set_col_bnds, i + 1, open, open || c->hi < c->lo, c->lo, c->hi);
    }
    for (int i = 0; i < (int)lp->row.n; i++) {
        const struct lp_row *r = &lp->row.at[i];
        glp_set_row_name(p, i + 1, r->name);
        set_bounds(p, glp_set_row_bnds, i + 1, r->lo == INT64_MIN, r->hi == INT64_MAX, r->lo,
                   r->hi);
        for (int t = 0; t < r->n; t++) {
            index[t + 1] = lp->term.at[r->first + t].col + 1;
            value[t + 1] = (double)lp->term.at[r->first + t].coef;
        }
        glp_set_mat_row(p, i + 1, r->n, index, value);
    }
}

static enum solved run(glp_prob *p, const struct lp *lp, const struct limits *lim, double *x)
{
    double left = lim->until_ms - clock_ms();
    if (left < 1)
        return SOLVED_TIMEOUT;
    glp_iocp o;
    glp_init_iocp(&o);
    o.msg_lev = GLP_MSG_OFF;
    o.presolve = GLP_ON;
    o.gmi_cuts = o.mir_cuts = o.cov_cuts = o.clq_cuts = GLP_ON;
    o.tm_lim = left > 1e9 ? 1000000000 : (int)left;
    o.cb_func = poll_limits;
    o.cb_info = (void *)(uintptr_t)lim;
    int code = glp_intopt(p, &o);
    int status = glp_mip_status(p);
    if (status == GLP_OPT || status == GLP_FEAS) {
        for (int i = 0; i < (int)lp->col.n; i++)
            x[i] = glp_mip_col_val(p, i + 1);
        return SOLVED;
    }
    enum solved stopped = limits_check(lim);
    if (stopped == SOLVED_CANCELLED)
        return stopped;
    return code == GLP_ETMLIM || code == GLP_ESTOP ? SOLVED_TIMEOUT : SOLVED_NONE;
}

/* Calls `work` inside GLPK's guard. False when GLPK gave up on an internal error. */
struct guarded {
    const struct lp *lp;
    const struct limits *lim;
    double *x;
    const char *path;
    int *index;
    double *value;
    enum solved result;
    int written;
    bool ok;
};

static bool guard(struct guarded *w)
{
    jmp_buf out;
    w->index = x_calloc(lp_longest(w->lp) + 1, sizeof *w->index);
    w->value = x_calloc(lp_longest(w->lp) + 1, sizeof *w->value);
    if (setjmp(out) == 0) {
        glp_term_hook(silent, NULL);
        glp_error_hook(escape, &out);
        glp_prob *p = glp_create_prob();
        fill(p, w->lp, w->index, w->value);
        if (w->path)
            w->written = glp_write_lp(p, NULL, w->path);
        else
            w->result = run(p, w->lp, w->lim, w->x);
        w->ok = true;
    }
    glp_free_env(); /* frees the problem too */
    free(w->index);
    free(w->value);
    return w->ok;
}

enum solved lp_branch(const struct lp *lp, const struct limits *lim, double *x)
{
    struct guarded w = {.lp = lp, .lim = lim, .x = x};
    return guard(&w) ? w.result : SOLVED_TIMEOUT;
}

enum status lp_write(const struct lp *lp, const char *path, struct err *err)
{
    struct file_writer f;
    TRY(file_writer_open(&f, path, err));
    struct guarded w = {.lp = lp, .path = f.tmp ? f.tmp : f.path};
    if (!guard(&w) || w.written != 0) {
        file_writer_discard(&f);
        err_set(err, ST_IO, "cannot write the linear program");
        err_in_file(err, path);
        return ST_IO;
    }
    return file_writer_commit(&f, err);
}
