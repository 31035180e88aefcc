/* npu: what a network costs on an accelerator. */
#include "base/file.h"
#include "cli/cli_priv.h"
#include "cost/npu.h"

#include <stdio.h>

static const char *const unit_names[] = {"-", "array", "vector"};

static void add_text(struct str *out, const struct graph *g, const struct npu_preset *p,
                     const struct npu_cost *c)
{
    char a[32], b[32], d[32];
    str_addf(out, "%-44s %-7s %10s %6s %9s %9s %10s\n", "node", "unit", "cycles", "used", "SRAM",
             "DRAM", "uJ");
    for (int i = 0; i < c->n_layers; i++) {
        const struct npu_layer *l = &c->layer[i];
        const struct node *n = graph_node(g, l->node);
        char name[64];
        snprintf(name, sizeof name, "%.28s %.14s", node_label(n), node_op_type(n));
        if (l->into >= 0) {
            str_addf(out, "%-44s in %s\n", name, node_label(graph_node(g, l->into)));
            continue;
        }
        str_addf(out, "%-44s %-7s %10lld %5.1f%% %8sB %8sB %10.3f%s\n", name, unit_names[l->unit],
                 (long long)l->cycles, 100 * l->utilisation,
                 str_si((double)l->sram_bytes, a, sizeof a),
                 str_si((double)l->dram_bytes, b, sizeof b), l->energy_uj,
                 l->dram_cycles > l->compute_cycles ? "  waits for DRAM" : "");
    }
    str_addf(
        out,
        "%s: %lld cycles (%.3f ms at %g MHz), %s of them waiting for DRAM; array used %.1f %%\n"
        "SRAM %sB, DRAM %sB; %.1f uJ, %.1f mW on average%s\n",
        p->name, (long long)c->cycles, c->ms, p->clock_mhz,
        str_si((double)c->stall_cycles, d, sizeof d), 100 * c->utilisation,
        str_si((double)c->sram_bytes, a, sizeof a), str_si((double)c->dram_bytes, b, sizeof b),
        c->energy_uj, c->power_mw, c->incomplete ? " (some nodes are unknown: lower bounds)" : "");
}

static void add_json(struct cli *c, const struct graph *g, const struct npu_preset *p,
                     const struct npu_cost *n)
{
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_kstr(&j, "preset", p->name);
    json_kint(&j, "cycles", n->cycles);
    json_kint(&j, "stall_cycles", n->stall_cycles);
    json_knum(&j, "ms", n->ms);
    json_knum(&j, "utilisation", n->utilisation);
    json_kint(&j, "macs", n->macs);
    json_kint(&j, "sram_bytes", n->sram_bytes);
    json_kint(&j, "dram_bytes", n->dram_bytes);
    json_knum(&j, "energy_uj", n->energy_uj);
    json_knum(&j, "power_mw", n->power_mw);
    json_kbool(&j, "incomplete", n->incomplete);
    json_kstr(&j, "output", cli_get(c, "--output"));
    json_key(&j, "layers");
    json_array(&j);
    for (int i = 0; i < n->n_layers; i++) {
        const struct npu_layer *l = &n->layer[i];
        json_object(&j);
        json_kstr(&j, "node", node_label(graph_node(g, l->node)));
        json_kstr(&j, "op", node_op_type(graph_node(g, l->node)));
        json_kstr(&j, "unit", unit_names[l->unit]);
        json_kstr(&j, "into", l->into < 0 ? NULL : node_label(graph_node(g, l->into)));
        json_kint(&j, "cycles", l->cycles);
        json_kint(&j, "compute_cycles", l->compute_cycles);
        json_kint(&j, "dram_cycles", l->dram_cycles);
        json_kint(&j, "macs", l->macs);
        json_kint(&j, "sram_bytes", l->sram_bytes);
        json_kint(&j, "dram_bytes", l->dram_bytes);
        json_knum(&j, "utilisation", l->utilisation);
        json_knum(&j, "energy_uj", l->energy_uj);
        json_object_end(&j);
    }
    json_array_end(&j);
    cli_json_end(c, &j);
}

static enum status write_picture(const struct graph *g, const struct npu_preset *p,
                                 const struct npu_cost *c, const char *path, struct err *err)
{
    struct str svg = {0};
    if (!str_ends(path, ".svg"))
        return err_set(err, ST_USAGE, "%.200s: the picture is a .svg", path);
    npu_roofline(g, p, c, &svg);
    enum status st = file_write(path, str_text(&svg), svg.n, err);
    str_done(&svg);
    return st;
}

static enum status run_npu(struct cli *c, struct err *err)
{
    struct npu_preset p;
    struct npu_cost cost;
    struct graph *g;
    const char *preset = cli_get(c, "--preset");
    TRY(npu_preset_load(&p, preset ? preset : "os32", err));
    TRY(cli_model(c, c->arg[0], &g, err));
    npu_cost_graph(g, &p, &cost);
    enum status st = ST_OK;
    if (cli_get(c, "--output"))
        st = write_picture(g, &p, &cost, cli_get(c, "--output"), err);
    if (st == ST_OK && c->json)
        add_json(c, g, &p, &cost);
    else if (st == ST_OK)
        add_text(&c->out, g, &p, &cost);
    npu_cost_done(&cost);
    graph_unref(g);
    return st;
}

static const struct cli_option options[] = {
    {"--preset", "-p", "P", "the accelerator: os32 (default), tpu, eyeriss, phone, or a file"},
    {"--output", "-o", "SVG", "draw the roofline: what bounds each layer"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_npu = {
    .name = "npu",
    .args = "MODEL",
    .help = "cycles, traffic and energy on a modelled accelerator",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run_npu,
};
