/* What all commands share for saying things: JSON pieces, progress, standard output. */
#include "cli/cli_priv.h"
#include "base/clock.h"
#include "base/file.h"

#include "session/model.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum status cli_model(const struct cli *c, const char *spec, struct graph **out, struct err *err)
{
    struct model_opts o = {.seed = c->seed, .input_shape = c->input_shape};
    return model_open(spec, &o, out, err);
}

enum status cli_vocab(struct bpe_vocab **out, struct err *err)
{
    char *path = file_data("segments/vocab.json");
    enum status st = bpe_vocab_load(out, path, err);
    free(path);
    return st;
}

enum status cli_predictor(const char *given, struct pred_model **out, struct err *err)
{
    char *path = given ? x_strdup(given) : file_data("segments/predictor.bin");
    enum status st = pred_model_load(out, path, err);
    free(path);
    return st;
}

struct session *cli_session(const struct cli *c)
{
    struct session_opts o = {.seed = c->seed,
                             .threads = c->threads,
                             .input_shape = c->input_shape,
                             .vocab_path = cli_get(c, "--vocab"),
                             .segdb_path = cli_get(c, "--segments"),
                             .predictor_path = cli_get(c, "--predictor"),
                             .npu_preset = cli_get(c, "--preset"),
                             .interrupt = &cli_interrupted};
    return session_new(&o);
}

void cli_json_begin(struct cli *c, struct json *j)
{
    json_init(j, &c->out);
    json_object(j);
    json_kint(j, "schema", 1);
}

void cli_json_end(struct cli *c, struct json *j)
{
    json_object_end(j);
    str_add_char(&c->out, '\n');
}

void cli_json_candidate(struct json *j, const struct session_candidate *k)
{
    json_kstr(j, "id", k->id);
    json_kstr(j, "origin", k->origin);
    json_kstr(j, "ops", k->ops);
    const struct pred_delta *e = k->estimate;
    double unit = e && e->in_distribution ? 100 : 1;
    json_knum(j, "delta_acc", e ? e->delta * unit : NAN);
    json_knum(j, "delta_acc_low", e ? e->low * unit : NAN);
    json_knum(j, "delta_acc_high", e ? e->high * unit : NAN);
    json_kstr(j, "delta_unit", e ? (e->in_distribution ? "percent" : "sigma") : NULL);
    json_kstr(j, "delta_family", e ? k->estimate_table : NULL);
    json_kbool(j, "in_distribution", e && e->in_distribution);
    json_kint(j, "delta_flops", k->delta_flops);
    json_kint(j, "delta_flops_paper", k->delta_flops_paper);
    json_kint(j, "delta_params", k->delta_params);
    json_kstr(j, "npu", k->npu);
    json_key(j, "delta_cycles");
    if (k->npu)
        json_int(j, k->delta_cycles);
    else
        json_null(j);
    json_knum(j, "delta_energy_uj", k->npu ? k->delta_energy_uj : NAN);
    cli_json_repair(j, k);
}

void cli_json_nodes(struct json *j, const char *key, const struct graph *g, const int32_t *ids,
                    int n)
{
    json_key(j, key);
    json_array(j);
    for (int i = 0; i < n; i++)
        json_str(j, node_label(graph_node(g, ids[i])));
    json_array_end(j);
}

void cli_json_deltas(struct json *j, const struct cost *a, const struct cost *b)
{
    json_kint(j, "delta_params", b->params - a->params);
    json_kint(j, "delta_macs", b->macs - a->macs);
    json_kint(j, "delta_flops", b->flops - a->flops);
    json_kint(j, "delta_flops_paper", b->flops_paper - a->flops_paper);
    json_kint(j, "delta_peak_activation_bytes",
              b->peak_activation_bytes - a->peak_activation_bytes);
}

/* ---- progress ---- */

void cli_progress(struct cli *c, int done, int total, const char *what)
{
    static double begun, last; /* one bar at a time, on the main thread */
    double now = clock_s();
    if (!isatty(STDERR_FILENO))
        return;
    if (!c->progress_shown)
        begun = now;
    else if (now - last < 0.1 && done != total)
        return;
    last = now;
    c->progress_shown = true;
    char bar[21];
    int fill = total > 0 ? (int)((int64_t)done * 20 / total) : 0;
    for (int i = 0; i < 20; i++)
        bar[i] = i < fill ? '#' : '.';
    bar[20] = '\0';
    double rate = now > begun ? done / (now - begun) : 0;
    fprintf(stderr, "\r[%s] %d/%d", bar, done, total > 0 ? total : 0);
    if (rate > 0)
        fprintf(stderr, " %.1f/s, %.0f s left", rate, total > done ? (total - done) / rate : 0.0);
    fprintf(stderr, " %.40s\033[K", what);
    fflush(stderr);
}

void cli_progress_end(struct cli *c)
{
    if (c->progress_shown)
        fprintf(stderr, "\r\033[K");
    c->progress_shown = false;
}

enum status cli_wait(struct cli *c, struct session *s, const char *what, struct err *err)
{
    if (!isatty(STDERR_FILENO))
        return session_wait(s, err);
    while (session_busy(s)) {
        int done, total;
        struct pollfd p = {.fd = session_fd(s), .events = POLLIN};
        poll(&p, 1, 100);
        session_poll(s);
        session_progress(s, &done, &total);
        cli_progress(c, done, total < 0 ? 0 : total, what);
        if (cli_interrupted)
            break;
    }
    cli_progress_end(c);
    return session_wait(s, err);
}

/* ---- standard output ---- */

enum status cli_write_out(const char *text, size_t n, struct err *err)
{
    while (n) {
        ssize_t w = write(STDOUT_FILENO, text, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
            poll(&p, 1, -1);
            continue;
        }
        if (w <= 0)
            return err_set(err, ST_IO, "cannot write standard output: %s",
                           strerror(errno ? errno : EIO));
        text += w;
        n -= (size_t)w;
    }
    return ST_OK;
}
