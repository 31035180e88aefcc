/* The log, and what :stats tells. */
#include "ui/ui_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void ui_log(struct ui *ui, const char *kind, const char *fmt, ...)
{
    struct err err = {0};
    va_list ap;
    va_start(ap, fmt);
    enum status st = log_vadd(&ui->log, kind, &err, fmt, ap);
    va_end(ap);
    if (st != ST_OK)
        ui_fail(ui, &err); /* there is no log any more */
}

void stats_job(void *ctx, const char *kind, double seconds, enum status st)
{
    struct ui *ui = ctx;
    struct job_stats *j = ui->stats.job;
    while (j->kind && strcmp(j->kind, kind) != 0 && j + 1 < ui->stats.job + UI_JOB_KINDS)
        j++;
    j->kind = kind;
    j->n++;
    j->sum += seconds;
    if (seconds > j->most)
        j->most = seconds;
    ui_log(ui, "job", "%s %s %.1f ms", kind,
           st == ST_OK   ? "ok"
           : st == ST_NO ? "no"
                         : "failed",
           seconds * 1e3);
}

static int by_size(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
    return (x > y) - (x < y);
}

static void add_keys(const struct stats *t, struct str *out)
{
    unsigned sorted[UI_TIMES];
    size_t n = 0;
    for (size_t i = 0; i < UI_TIMES; i++)
        if (t->times[i])
            sorted[n++] = t->times[i];
    qsort(sorted, n, sizeof *sorted, by_size);
    if (n == 0)
        n = 1, sorted[0] = 0;
    str_addf(out,
             "key to frame: median %.1f ms, p99 %.1f ms, p99.9 %.1f ms, most %.1f ms; %lu keys, "
             "%lu frames\n",
             sorted[n / 2] / 1e3, sorted[(n - 1) * 99 / 100] / 1e3,
             sorted[(n - 1) * 999 / 1000] / 1e3, sorted[n - 1] / 1e3, t->n_keys, t->n_frames);
}

static long memory_mib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose(f);
    }
    return pages * sysconf(_SC_PAGESIZE) >> 20;
}

static void add_session(const struct session *s, struct str *out)
{
    str_addf(out, "session: %s, %d version%s, %d candidates, %d refused\n", session_spec(s),
             session_n_versions(s), session_n_versions(s) == 1 ? "" : "s", session_n_candidates(s),
             session_n_refused(s));
    const char *journal = session_journal_path(s);
    str_addf(out, "journal: %s\n", *journal ? journal : "none");
}

void stats_show(struct ui *ui)
{
    const struct stats *t = &ui->stats;
    struct str out = {0};
    add_keys(t, &out);
    str_addf(&out, "start: first frame after %.1f ms; opening the model took %.1f ms\n",
             t->first_frame * 1e3, t->opened * 1e3);
    str_addf(&out, "memory: %ld MiB; %d threads for jobs\n", memory_mib(),
             session_threads(ui->tab->session));
    if (session_is_open(ui->tab->session))
        add_session(ui->tab->session, &out);
    str_addf(&out, "\njobs that ended       n     mean     most\n");
    for (const struct job_stats *j = t->job; j < t->job + UI_JOB_KINDS && j->kind; j++)
        str_addf(&out, "  %-15s %6d %6.1f ms %5.1f ms\n", j->kind, j->n, j->sum / j->n * 1e3,
                 j->most * 1e3);
    ui_show_text(ui, str_text(&out));
    str_done(&out);
}
