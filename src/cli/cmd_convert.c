/* convert and zoo: a network to a file. */
#include "cli/cli_priv.h"

#include "family/family.h"
#include "session/model.h"

#include <stdlib.h>

static enum status write_model(struct cli *c, const char *spec, const char *path, struct err *err)
{
    struct graph *g;
    if (!model_can_write(path)) {
        err_set(err, ST_USAGE, "the suffix must be one of .onnx .json .dot .svg .png .pdf");
        return err_in_file(err, path), ST_USAGE;
    }
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
    return write_model(c, c->arg[0], path, err);
}

static enum status run_zoo(struct cli *c, struct err *err)
{
    const char *path = cli_get(c, "--output");
    if (path && c->n_arg == 0)
        return err_set(err, ST_USAGE, "zoo: which network goes to %s? (autogo zoo NAME -o FILE)",
                       path);
    if (c->n_arg) {
        char *spec = strchr(c->arg[0], ':') ? x_strdup(c->arg[0]) : x_asprintf("zoo:%s", c->arg[0]);
        char *file = path ? x_strdup(path) : x_asprintf("%s.onnx", c->arg[0]);
        enum status st = ST_OK;
        if (!path && strpbrk(c->arg[0], ":/|"))
            st = err_set(err, ST_USAGE, "zoo: -o FILE is needed for an architecture string");
        if (st == ST_OK)
            st = write_model(c, spec, file, err);
        free(file);
        free(spec);
        return st;
    }
    struct json j;
    if (c->json) {
        cli_json_begin(c, &j);
        json_key(&j, "zoo");
        json_array(&j);
    }
    const struct family_zoo *z;
    for (int i = 0; (z = family_zoo_at(i)); i++)
        if (c->json) {
            json_object(&j);
            json_kstr(&j, "name", z->name);
            json_kstr(&j, "summary", z->summary);
            json_object_end(&j);
        } else
            str_addf(&c->out, "zoo:%-12s %s\n", z->name, z->summary);
    if (c->json) {
        json_array_end(&j);
        cli_json_end(c, &j);
    }
    return ST_OK;
}

static const struct cli_option options_convert[] = {
    {"--output", "-o", "FILE", "the file; its suffix chooses onnx json dot svg png pdf"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_convert = {
    "convert",       "MODEL -o FILE", "write a network in another form", 1, 1,
    options_convert, run_convert};

static const struct cli_option options_zoo[] = {
    {"--output", "-o", "FILE", "where to write it (NAME.onnx)"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_zoo = {
    "zoo", "[NAME]", "list the base networks, or write one", 0, 1, options_zoo, run_zoo};
