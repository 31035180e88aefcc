/* dump: any stage of the way from a model to a repair, as text. */
#include "cli/cli_priv.h"

#include "base/file.h"
#include "onx/onx.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const cli_dump_stages[] = {"graph", "shape", "tokens", "segments", "milp", NULL};

static void add_input(struct str *b, const struct graph *g, const struct node *node, int i)
{
    const struct node_input *in = &node->in[i];
    char buf[128];
    if (in->node == IN_NONE)
        str_add(b, "-");
    else if (in->node == IN_CONST)
        str_addf(b, "const:%s", ttype_text(tensor_type(in->tensor), buf, sizeof buf));
    else if (in->port)
        str_addf(b, "%d.%d", (int)in->node, (int)in->port);
    else
        str_addf(b, "%d", (int)in->node);
    (void)g;
}

/* One node a line in topological order; with shapes also the types of its outputs. */
void cli_add_nodes(struct str *out, const struct graph *g, bool shapes)
{
    for (int p = 0; p < graph_n_nodes(g); p++) {
        int32_t id = graph_topo(g)[p];
        const struct node *node = graph_node(g, id);
        char buf[128];
        str_addf(out, "%d %s %s (", (int)id, node_op_type(node), node_label(node));
        for (int i = 0; i < node->n_in; i++) {
            if (i)
                str_add(out, " ");
            add_input(out, g, node, i);
        }
        str_add(out, ")");
        for (int i = 0; shapes && i < node->n_out; i++)
            str_addf(out, " %s", ttype_text(&node->out[i].type, buf, sizeof buf));
        str_add(out, "\n");
    }
}

static void dump_tokens(struct cli *c, const struct session *s, bool segments)
{
    const struct bpe_segmentation *seg = session_segmentation(s);
    const struct graph *g = session_graph(s);
    for (int k = 0; k < seg->n_segments; k++) {
        if (segments)
            str_addf(&c->out, "segment %d%s\n", k, seg->segment[k].known ? "" : " (unknown)");
        for (int i = 0; i < seg->segment[k].len; i++) {
            int at = seg->segment[k].start + i;
            const struct node *node = graph_node(g, seg->order[at]);
            str_addf(&c->out, "%s%d %s %s\n", segments ? "  " : "", seg->token[at],
                     node_op_type(node), node_label(node));
        }
    }
}

/* The solver's library writes a file of its own; it is handed on from a temporary one. */
static enum status dump_milp(struct cli *c, struct session *s, struct err *err)
{
    int k;
    const char *id = cli_get(c, "--with");
    if (!cli_get(c, "--segment") || !id)
        return err_set(err, ST_USAGE, "dump: --stage=milp needs --segment K and --with ID");
    TRY(session_find_segment(s, cli_get(c, "--segment"), &k, err));
    const char *dir = getenv("TMPDIR");
    char *path = x_asprintf("%s/autogo-XXXXXX", dir && *dir ? dir : "/tmp");
    int fd = mkstemp(path);
    enum status st;
    if (fd < 0) {
        err_set(err, ST_IO, "cannot make a temporary file");
        st = (err_in_file(err, path), ST_IO);
    } else {
        close(fd);
        unsigned char *data = NULL;
        size_t n;
        st = session_write_lp(s, k, id, path, err);
        if (st == ST_OK)
            st = file_read(path, (size_t)1 << 30, &data, &n, err);
        if (st == ST_OK)
            str_add_n(&c->out, (char *)data, n);
        free(data);
        unlink(path);
    }
    free(path);
    return st;
}

static enum status dump(struct cli *c, struct session *s, const char *stage, struct err *err)
{
    TRY(session_open(s, c->arg[0], SESSION_ASK, err));
    if (strcmp(stage, "tokens") == 0 || strcmp(stage, "segments") == 0) {
        dump_tokens(c, s, stage[0] == 's');
        return ST_OK;
    }
    return dump_milp(c, s, err);
}

static enum status run(struct cli *c, struct err *err)
{
    const char *stage = cli_get(c, "--stage");
    bool good = false;
    for (int i = 0; stage && cli_dump_stages[i]; i++)
        good |= strcmp(stage, cli_dump_stages[i]) == 0;
    if (!good)
        return err_set(err, ST_USAGE,
                       "dump: --stage is one of graph shape tokens segments milp (autogo dump "
                       "--help)");
    enum status st;
    if (strcmp(stage, "graph") == 0 || strcmp(stage, "shape") == 0) {
        struct graph *g;
        TRY(cli_model(c, c->arg[0], &g, err));
        cli_add_nodes(&c->out, g, stage[0] == 's');
        graph_unref(g);
        st = ST_OK;
    } else {
        struct session *s = cli_session(c);
        st = dump(c, s, stage, err);
        session_free(s);
    }
    if (st != ST_OK || !c->json)
        return st;
    char *text = str_take(&c->out);
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_kstr(&j, "stage", stage);
    json_kstr(&j, "text", text);
    cli_json_end(c, &j);
    free(text);
    return ST_OK;
}

static const struct cli_option options[] = {
    {"--stage", NULL, "STAGE", "graph, shape, tokens, segments or milp (the repair as an LP file)"},
    {"--segment", "-k", "K", "milp: the segment"},
    {"--with", "-w", "ID", "milp: the candidate"},
    {"--segments", NULL, "DB", "segment database below your own (the shipped one)"},
    {"--vocab", NULL, "V", "canonical (default), reference, or a vocabulary file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_dump = {
    .name = "dump",
    .args = "MODEL --stage=S",
    .help = "what a stage makes of a network",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .run = run,
};
