#include "cli/cli_priv.h"

#include "session/describe.h"

static void add_values(struct json *j, const char *key, const struct graph *g,
                       const struct value_ref *v, int n)
{
    json_key(j, key);
    json_array(j);
    for (int i = 0; i < n; i++) {
        char buf[128];
        const struct ttype *t = graph_type(g, v[i]);
        json_object(j);
        json_kstr(j, "name", graph_node(g, v[i].node)->out[v[i].port].name);
        json_kstr(j, "shape", ttype_text(t, buf, sizeof buf));
        json_object_end(j);
    }
    json_array_end(j);
}

static void add_json(struct cli *c, struct session *s)
{
    const struct graph *g = session_graph(s);
    const struct bpe_segmentation *seg = session_segmentation(s);
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    cli_json_nodes(&j, "order", g, seg->order, seg->n_nodes);
    json_key(&j, "tokens");
    json_array(&j);
    for (int i = 0; i < seg->n_nodes; i++)
        json_int(&j, seg->token[i]);
    json_array_end(&j);
    json_key(&j, "segments");
    json_array(&j);
    for (int k = 0; k < seg->n_segments; k++) {
        const struct session_segment *p = session_segment(s, k);
        json_object(&j);
        json_kint(&j, "index", k);
        cli_json_nodes(&j, "nodes", g, seg->order + seg->segment[k].start, seg->segment[k].len);
        json_kstr(&j, "ops", p->ops);
        json_kint(&j, "flops", p->cost.flops);
        json_kint(&j, "params", p->cost.params);
        add_values(&j, "inputs", g, p->region.in, p->region.n_in);
        add_values(&j, "outputs", g, p->region.out, p->region.n_out);
        json_kbool(&j, "known", p->known);
        json_kbool(&j, "replaceable", p->ok);
        if (!p->ok)
            json_kstr(&j, "why", p->why);
        json_object_end(&j);
    }
    json_array_end(&j);
    cli_json_end(c, &j);
}

static enum status run(struct cli *c, struct err *err)
{
    struct session *s = cli_session(c);
    enum status st = session_open(s, c->arg[0], SESSION_ASK, err);
    if (st == ST_OK && c->json)
        add_json(c, s);
    else if (st == ST_OK)
        describe_segments(s, &c->out);
    session_free(s);
    return st;
}

static const struct cli_option options[] = {
    {"--vocab", NULL, "V", "canonical (default), reference, or a vocabulary file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_segment = {
    .name = "segment",
    .args = "MODEL",
    .help = "cut a network into segments",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
