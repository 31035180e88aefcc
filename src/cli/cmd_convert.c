/* convert: a network to a file. */
#include "cli/cli_priv.h"

#include "session/model.h"

enum status cli_write_model(struct cli *c, const char *spec, const char *path, struct err *err)
{
    struct graph *g;
    TRY(model_check_path(path, err));
    TRY(cli_model(c, spec, &g, err));
    enum status st = session_write(g, NULL, path, err);
    graph_unref(g);
    if (st != ST_OK)
        return st;
    if (c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kstr(&j, "model", spec);
        json_kstr(&j, "output", path);
        cli_json_end(c, &j);
    } else
        str_addf(&c->out, "%s: written\n", path);
    return ST_OK;
}

static enum status run_convert(struct cli *c, struct err *err)
{
    const char *path = cli_get(c, "--output");
    if (!path)
        return err_set(err, ST_USAGE, "convert: -o FILE is needed (autogo convert --help)");
    return cli_write_model(c, c->arg[0], path, err);
}

static const struct cli_option options_convert[] = {
    {"--output", "-o", "FILE",
     "the file; its suffix chooses onnx json dot svg png pdf py (a PyTorch module and its "
     "weights)"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_convert = {
    .name = "convert",
    .args = "MODEL -o FILE",
    .help = "write a network in another form",
    .min_args = 1,
    .max_args = 1,
    .options = options_convert,
    .run = run_convert,
};
