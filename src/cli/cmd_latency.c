/* latency: how long one run of a network takes on this machine. */
#include "cli/cli_priv.h"

#include "exec/layer_time.h"

#include <stdio.h>
#include <unistd.h>

static void on_run(void *arg, int done, int total)
{
    struct cli *c = arg;
    cli_progress(c, done, total, c->arg[0]);
}

static double layers_ms(const struct timing *t)
{
    double sum = 0;
    for (int i = 0; i < t->n_layers; i++)
        sum += t->layer[i].ms;
    return sum;
}

static double share_of(double ms, double sum)
{
    return sum > 0 ? ms / sum : 0;
}

static const char *into_label(const struct graph *g, const struct exec_step_time *l)
{
    return l->into >= 0 ? node_label(graph_node(g, l->into)) : NULL;
}

/* The network put together from its layer shapes; `layers` 0: nobody asked. */
static enum status by_shape(const struct cli *c, const struct graph *g,
                            const struct timing_opts *whole, struct layer_sum *out, struct err *err)
{
    *out = (struct layer_sum){0};
    if (!cli_get(c, "--shapes"))
        return ST_OK;
    struct layer_clock *clock = layer_clock_new(whole);
    enum status st = layer_clock_sum(clock, g, out, NULL, err);
    layer_clock_free(clock);
    return st;
}

static void add_text(struct cli *c, const struct graph *g, const struct timing *t,
                     const struct layer_sum *shapes)
{
    struct str *s = &c->out;
    const double sum = layers_ms(t);
    str_addf(s, "%s: %.3f ms (10 %%: %.3f, 90 %%: %.3f) batch %lld, %d thread%s, %d runs%s%s\n",
             c->arg[0], t->median_ms, t->p10_ms, t->p90_ms, (long long)t->batch, t->threads,
             t->threads == 1 ? "" : "s", t->runs, t->pinned ? "" : ", not pinned",
             t->cached ? ", measured earlier" : "");
    if (t->layer)
        str_add(s, "        ms  share  operator              node\n");
    for (int i = 0; i < t->n_layers; i++) {
        const struct exec_step_time *l = &t->layer[i];
        const struct node *n = graph_node(g, l->node);
        const char *into = into_label(g, l);
        if (into)
            str_addf(s, "         -      -  %-20s  %s, within %s\n", node_op_type(n), node_label(n),
                     into);
        else
            str_addf(s, "%10.4f %5.1f%%  %-20s  %s\n", l->ms, 100 * share_of(l->ms, sum),
                     node_op_type(n), node_label(n));
    }
    if (t->layer)
        str_addf(s, "the nodes take %.3f ms together, %+.1f %% of the whole run's time\n", sum,
                 100 * (sum / t->median_ms - 1));
    if (shapes->layers)
        str_addf(s,
                 "%d layers of %d shapes, each shape measured by itself (%d now), take %.3f ms "
                 "together, %+.1f %% of the whole run's time\n",
                 shapes->layers, shapes->shapes, shapes->measured, shapes->ms,
                 100 * (shapes->ms / t->median_ms - 1));
}

static void add_json(struct cli *c, const struct graph *g, const struct timing *t,
                     const struct layer_sum *shapes)
{
    struct json j;
    char cpu[200];
    const double sum = layers_ms(t);
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_knum(&j, "median_ms", t->median_ms);
    json_knum(&j, "p10_ms", t->p10_ms);
    json_knum(&j, "p90_ms", t->p90_ms);
    json_kint(&j, "threads", t->threads);
    json_kint(&j, "batch", t->batch);
    json_kint(&j, "runs", t->runs);
    json_kbool(&j, "pinned", t->pinned);
    json_kbool(&j, "cached", t->cached);
    json_kstr(&j, "cpu", timing_cpu(cpu, sizeof cpu));
    if (shapes->layers) {
        json_kint(&j, "shapes", shapes->shapes);
        json_kint(&j, "shapes_measured", shapes->measured);
        json_knum(&j, "shapes_ms", shapes->ms);
        json_knum(&j, "shapes_error", shapes->ms / t->median_ms - 1);
    }
    if (t->layer) {
        json_knum(&j, "layers_ms", sum);
        json_knum(&j, "layers_error", sum / t->median_ms - 1);
        json_key(&j, "layers");
        json_array(&j);
    }
    for (int i = 0; i < t->n_layers; i++) {
        const struct exec_step_time *l = &t->layer[i];
        const struct node *n = graph_node(g, l->node);
        json_object(&j);
        json_kstr(&j, "node", node_label(n));
        json_kstr(&j, "op", node_op_type(n));
        json_knum(&j, "ms", l->ms);
        json_knum(&j, "share", share_of(l->ms, sum));
        json_kstr(&j, "into", into_label(g, l));
        json_object_end(&j);
    }
    if (t->layer)
        json_array_end(&j);
    cli_json_end(c, &j);
}

static enum status run(struct cli *c, struct err *err)
{
    int64_t batch, runs;
    struct graph *g;
    struct timing t = {0};
    struct layer_sum shapes;
    TRY(cli_get_int(c, "--batch", 1, 4096, 0, &batch, err));
    TRY(cli_get_int(c, "--runs", 1, 1000000, 30, &runs, err));
    TRY(cli_model(c, c->arg[0], &g, err));
    const struct timing_opts o = {.batch = batch,
                                  .threads =
                                      c->threads ? c->threads : (int)sysconf(_SC_NPROCESSORS_ONLN),
                                  .runs = (int)runs,
                                  .fresh = cli_get(c, "--fresh") != NULL,
                                  .layers = cli_get(c, "--layers") != NULL,
                                  .seed = c->seed,
                                  .cancel = &cli_interrupted,
                                  .progress = on_run,
                                  .arg = c};
    enum status st = timing_measure(&t, g, &o, err);
    if (st == ST_OK)
        st = by_shape(c, g, &o, &shapes, err);
    if (st == ST_OK) {
        if (c->json)
            add_json(c, g, &t, &shapes);
        else
            add_text(c, g, &t, &shapes);
    } else if (st != ST_CANCELLED) {
        err_in_file(err, c->arg[0]);
    }
    timing_done(&t);
    graph_unref(g);
    return st;
}

static const struct cli_option options[] = {
    {"--batch", NULL, "B", "inputs in a run, where the network leaves it open (1)"},
    {"--runs", NULL, "R", "measured runs, after some that are not counted (30)"},
    {"--layers", NULL, NULL, "the time of each node too, and what computes it along"},
    {"--shapes", NULL, NULL, "the sum of the layers too, each shape measured by itself and kept"},
    {"--fresh", NULL, NULL, "measure even when an earlier result is kept"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_latency = {
    .name = "latency",
    .args = "MODEL",
    .help = "measure how long a run takes on this machine",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
