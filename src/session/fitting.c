#include "session/session_priv.h"
#include "base/clock.h"

#include "session/describe.h"
#include "session/training.h"

#include <math.h>
#include <stdlib.h>

static void side_done(struct fit_side *side)
{
    training_unref(side->t);
    free(side->title);
    *side = (struct fit_side){0};
}

void fitting_drop(struct session *s)
{
    pool_cancel(s->pool, TAG_FIT);
    for (int i = 0; i < 2; i++)
        side_done(&s->fitting.side[i]);
    s->fitting.n = 0;
}

/* ---- starting and stopping ---- */

static bool is_over(const struct fit_side *side)
{
    return side->end != FIT_OPEN;
}

bool session_fit_running(const struct session *s)
{
    for (int i = 0; i < s->fitting.n; i++)
        if (!is_over(&s->fitting.side[i]))
            return true;
    return false;
}

void session_fit_stop(struct session *s)
{
    pool_cancel(s->pool, TAG_FIT);
    for (int i = 0; i < s->fitting.n; i++)
        if (!is_over(&s->fitting.side[i]))
            s->fitting.side[i].end = FIT_STOPPED;
}

static bool same_recipe(const struct session_fit_settings *a, const struct session_fit_settings *b)
{
    return a->epochs == b->epochs && a->images == b->images && a->test == b->test &&
           a->batch == b->batch && fabs(a->lr - b->lr) <= 0 && a->seed == b->seed &&
           strcmp(a->data, b->data) == 0;
}

/* What the sides at hand measured of this network by these settings; a new reference, or NULL. */
static struct training *measured(const struct session *s, const struct graph *g)
{
    for (int i = 0; i < s->fitting.n; i++) {
        const struct fit_side *side = &s->fitting.side[i];
        if (side->end == FIT_DONE && side->t->graph == g &&
            same_recipe(&side->t->set, &s->fitting.set))
            return training_ref(side->t);
    }
    return NULL;
}

static void begin(struct session *s, const struct fit_side *side)
{
    struct job *j = job_new(JOB_FIT, side->t->graph);
    j->tag = TAG_FIT;
    j->training = training_ref(side->t);
    pool_submit(s->pool, j);
}

/* The one to be trained as `after`; NULL when it is the model as opened. */
static enum status choose_after(const struct session *s, bool preview, const struct graph **g,
                                char **title, struct err *err)
{
    const struct session_candidate *c = session_previewed(s);
    *g = NULL;
    if (preview) {
        if (!c || session_preview_busy(s) || !c->accepted)
            return err_set(err, ST_USAGE, "no candidate that fits is shown");
        *g = c->result->graph;
        *title = x_asprintf("%s in segment %d", c->id, s->hunt.segment);
    } else if (s->cursor != 0) {
        *g = session_graph(s);
        *title = x_asprintf("version %d", s->cursor);
    }
    return ST_OK;
}

/* Known where the predictor knows such networks. */
static struct session_fit_change predict_change(struct session *s, const struct graph *before,
                                                const struct graph *after)
{
    const double bound = 1.645; /* deviations that 90 % of normal errors are below */
    struct pred_delta d;
    if (!scoring_between(s, before, after, &d) || !d.in_distribution)
        return (struct session_fit_change){0};
    return (struct session_fit_change){
        .known = true, .value = d.delta, .error = (d.high - d.low) / 2 / bound};
}

enum status session_fit_start(struct session *s, bool preview, struct err *err)
{
    const struct graph *g[2] = {0};
    char *title = NULL;
    struct fit_side side[2] = {0};
    bool all = true;
    TRY(session_need_model(s, err));
    TRY(choose_after(s, preview, &g[1], &title, err));
    g[0] = s->version.at[0]->graph;
    int n = g[1] ? 2 : 1;
    for (int i = 0; i < n; i++) {
        side[i].t = measured(s, g[i]);
        side[i].end = side[i].t ? FIT_DONE : FIT_OPEN;
        all = all && side[i].t;
    }
    if (all && n == s->fitting.n) {
        for (int i = 0; i < n; i++)
            side_done(&side[i]);
        free(title);
        return err_set(err, ST_NO, "measured with these settings already; another seed, perhaps?");
    }
    fitting_drop(s);
    side[0].title = x_strdup("version 0");
    side[1].title = title;
    s->fitting.n = n;
    s->fitting.predicted = n > 1 ? predict_change(s, g[0], g[1]) : (struct session_fit_change){0};
    for (int i = 0; i < n; i++) {
        if (!side[i].t)
            /* One processor is left to the rest of the session. */
            side[i].t = training_new(g[i], &s->fitting.set, s->threads > 1 ? s->threads - 1 : 1);
        s->fitting.side[i] = side[i];
        if (side[i].end == FIT_OPEN)
            begin(s, &s->fitting.side[i]);
    }
    return ST_OK;
}

/* ---- what comes from the worker ---- */

static void tell_end(struct session *s, unsigned *changed)
{
    struct session_fit f;
    session_fit_state(s, &f);
    struct session_fit_change c = session_fit_measured(&f);
    if (c.known)
        session_note(s, true, "trained: accuracy %.2f %% before, %.2f %% after",
                     100 * f.side[0].acc, 100 * f.side[1].acc);
    else if (f.n == 1 && f.side[0].stage == SESSION_FIT_DONE)
        session_note(s, true, "trained: accuracy %.2f %%", 100 * f.side[0].acc);
    else
        session_note(s, false, "training ended without a result for both; see fit");
    *changed |= SESSION_CHANGED_NOTICE;
}

void fitting_take(struct session *s, struct job *j, unsigned *changed)
{
    for (int i = 0; i < s->fitting.n; i++) {
        struct fit_side *side = &s->fitting.side[i];
        if (side->t != j->training || is_over(side))
            continue;
        side->end = j->status == ST_OK ? FIT_DONE : FIT_FAILED;
        side->err = j->err;
        *changed |= SESSION_CHANGED_FIT;
        if (!session_fit_running(s))
            tell_end(s, changed);
    }
    job_free(j);
}

static int64_t seen_of(const struct session *s)
{
    int64_t n = 0;
    for (int i = 0; i < s->fitting.n; i++) {
        const struct training *t = s->fitting.side[i].t;
        n += __atomic_load_n(&t->step, __ATOMIC_RELAXED) +
             __atomic_load_n(&t->n_epochs, __ATOMIC_RELAXED) +
             __atomic_load_n(&t->stage, __ATOMIC_RELAXED);
    }
    return n;
}

void fitting_look(struct session *s, unsigned *changed)
{
    int64_t now = session_fit_running(s) ? seen_of(s) : 0;
    if (now != s->fitting.seen)
        *changed |= SESSION_CHANGED_FIT;
    s->fitting.seen = now;
}

/* ---- how it stands ---- */

static void fill(const struct fit_side *side, struct session_fit_side *out)
{
    struct training *t = side->t;
    out->title = side->title;
    out->stage = (enum session_fit_stage)__atomic_load_n(&t->stage, __ATOMIC_ACQUIRE);
    out->n_epochs = __atomic_load_n(&t->n_epochs, __ATOMIC_ACQUIRE);
    out->epoch = t->epoch;
    out->step = __atomic_load_n(&t->step, __ATOMIC_RELAXED);
    out->steps = __atomic_load_n(&t->steps, __ATOMIC_RELAXED);
    out->adapted = out->data = "";
    if (side->end == FIT_OPEN && out->stage == SESSION_FIT_TRAINING)
        out->seconds = clock_s() - t->begun;
    else if (side->end == FIT_STOPPED)
        out->stage = SESSION_FIT_STOPPED;
    else if (side->end == FIT_FAILED) {
        out->stage = SESSION_FIT_FAILED;
        err_text(&side->err, out->error, sizeof out->error);
    } else if (side->end == FIT_DONE) {
        out->stage = SESSION_FIT_DONE;
        out->acc = t->acc;
        out->loss = t->loss;
        out->n_test = t->n_test;
        out->adapted = t->adapted;
        out->data = t->data;
        out->trained = t->trained;
        out->latency_ms = t->latency_ms;
        out->latency_batch = t->latency_batch;
    }
}

void session_fit_state(const struct session *s, struct session_fit *out)
{
    *out = (struct session_fit){.n = s->fitting.n};
    for (int i = 0; i < s->fitting.n; i++)
        fill(&s->fitting.side[i], &out->side[i]);
    if (out->n) {
        out->set = s->fitting.side[0].t->set;
        out->threads = s->fitting.side[0].t->threads;
    }
}

int session_fit_percent(const struct session *s)
{
    double sum = 0;
    for (int i = 0; i < s->fitting.n; i++) {
        const struct training *t = s->fitting.side[i].t;
        int steps = __atomic_load_n(&t->steps, __ATOMIC_RELAXED);
        if (steps > 0)
            sum += (double)__atomic_load_n(&t->step, __ATOMIC_RELAXED) / steps;
    }
    return s->fitting.n ? (int)(100 * sum / s->fitting.n) : 0;
}

/* ---- what came of it ---- */

struct session_fit_change session_fit_measured(const struct session_fit *f)
{
    struct session_fit_change c = {0};
    if (f->n < 2)
        return c;
    for (int i = 0; i < 2; i++) {
        const struct session_fit_side *side = &f->side[i];
        if (side->stage != SESSION_FIT_DONE)
            return (struct session_fit_change){0};
        /* One more of either answer, so that all right is not taken for certain. */
        double n = side->n_test, share = (side->acc * n + 1) / (n + 2);
        c.error += share * (1 - share) / (n + 2);
    }
    c.known = true;
    c.value = f->side[1].acc - f->side[0].acc;
    c.error = sqrt(c.error);
    return c;
}

struct session_fit_change session_fit_predicted(const struct session *s)
{
    return s->fitting.predicted;
}

enum status fitting_trained(const struct session *s, const struct graph **out, struct err *err)
{
    const struct fitting *f = &s->fitting;
    if (f->n == 0 || f->side[f->n - 1].end != FIT_DONE)
        return err_set(err, ST_NO, "no network was trained to its end (fit start)");
    *out = f->side[f->n - 1].t->trained;
    return ST_OK;
}

enum status session_fit_save_later(struct session *s, const char *path, struct err *err)
{
    const struct graph *g = NULL;
    TRY(session_may_write(s, err));
    TRY(fitting_trained(s, &g, err));
    TRY(model_check_path(path, err));
    struct job *j = job_new(JOB_WRITE, g);
    j->tag = TAG_WRITE;
    j->path = x_strdup(path);
    pool_submit(s->pool, j);
    return ST_OK;
}
