/* A training run in words, for the command language. */
#include "session/session_priv.h"

#include "session/describe.h"

static void add_settings(const struct session_fit_settings *set, struct str *out)
{
    char buf[512];
    for (int i = 0; i < SESSION_FIT_SETTINGS; i++)
        str_addf(out, "%-9s %-14s %s\n", session_fit_name(i),
                 session_fit_value(set, i, buf, sizeof buf), session_fit_help(i));
}

static const char *stage_text(const struct session_fit_side *side)
{
    switch (side->stage) {
    case SESSION_FIT_WAITING:
        return "waits";
    case SESSION_FIT_READING:
        return "reads the images";
    case SESSION_FIT_TRAINING:
        return "is being trained";
    case SESSION_FIT_TIMING:
        return "is being timed";
    case SESSION_FIT_DONE:
        return "trained";
    case SESSION_FIT_STOPPED:
        return "stopped";
    case SESSION_FIT_FAILED:
        return side->error;
    }
    return "";
}

static void add_side(const struct session_fit_side *side, const char *name, struct str *out)
{
    str_addf(out, "%s (%s): %s\n", name, side->title, stage_text(side));
    if (side->adapted && side->adapted[0])
        str_addf(out, "adapted: %s\n", side->adapted);
    if (side->n_epochs)
        str_add(out, "epoch    loss  train %   test %  test loss  seconds\n");
    for (int i = 0; i < side->n_epochs; i++) {
        const struct session_fit_epoch *e = &side->epoch[i];
        str_addf(out, "%5d %7.4f %8.2f %8.2f %10.4f %8.1f\n", i + 1, e->loss, 100 * e->train_acc,
                 100 * e->test_acc, e->test_loss, e->seconds);
    }
    if (side->latency_ms > 0)
        str_addf(out, "latency, measured: %.3f ms (batch %lld, 1 thread)\n", side->latency_ms,
                 (long long)side->latency_batch);
}

void describe_fit(const struct session *s, struct str *out)
{
    struct session_fit f;
    session_fit_state(s, &f);
    add_settings(session_fit_settings(s), out);
    if (f.n > 0)
        add_side(&f.side[0], "before", out);
    if (f.n > 1)
        add_side(&f.side[1], "after", out);
    struct session_fit_change m = session_fit_measured(&f), p = session_fit_predicted(s);
    if (!m.known)
        return;
    str_addf(out, "measured change of accuracy: %+.2f points, +- %.2f\n", 100 * m.value,
             100 * m.error);
    if (p.known)
        str_addf(out, "predicted: %+.2f points, +- %.2f\n", 100 * p.value, 100 * p.error);
    else
        str_add(out, "predicted: unknown (the predictor knows no such network)\n");
}
