/* labels: tables of measured accuracy from other sources in the form that train and eval read. */
#include "base/csv.h"
#include "base/file.h"
#include "cli/cli_priv.h"
#include "family/family.h"

#include <math.h>
#include <string.h>

struct import {
    size_t arch, acc, group;
    bool grouped;
    double unit; /* of the source: 1, or 100 for per cent */
    int rows, left_out;
};

static void add_quoted(struct str *s, const char *text)
{
    str_add_char(s, '"');
    for (; *text; text++) {
        if (*text == '"')
            str_add_char(s, '"');
        str_add_char(s, *text);
    }
    str_add_char(s, '"');
}

static enum status import_row(struct import *in, struct csv *c, struct str *out, struct err *err)
{
    double v;
    TRY(csv_number(c, in->acc, &v, err));
    if (isnan(v)) {
        in->left_out++;
        return ST_OK;
    }
    if (v < 0 || v > in->unit)
        return csv_bad_row(c,
                           in->unit > 1 ? "an accuracy is not between 0 and 100 per cent"
                                        : "an accuracy is not between 0 and 1 (--percent?)",
                           err);
    char *spec = family_spec_of(c->field.at[in->arch]);
    if (family_is_spec(spec)) {
        add_quoted(out, spec);
        str_addf(out, ",%.6f", v / in->unit);
        if (in->grouped)
            str_addf(out, ",%s", c->field.at[in->group]);
        str_add_char(out, '\n');
        in->rows++;
    } else {
        in->left_out++;
    }
    free(spec);
    return ST_OK;
}

static enum status import(struct cli *c, struct import *in, struct csv *t, struct err *err)
{
    struct str out = {0};
    const char *column = cli_get(c, "--column"), *group = cli_get(c, "--group");
    TRY(csv_column(t, "arch", &in->arch, err));
    TRY(csv_column(t, column ? column : "acc", &in->acc, err));
    if (group)
        TRY(csv_column(t, group, &in->group, err));
    in->grouped = group != NULL;
    str_add(&out, in->grouped ? "arch,acc,group\n" : "arch,acc\n");
    enum status st = ST_OK;
    for (bool more = true; st == ST_OK && more;) {
        st = csv_next(t, &more, err);
        if (st == ST_OK && more)
            st = import_row(in, t, &out, err);
    }
    if (st == ST_OK && in->rows == 0)
        st = err_set(err, ST_USAGE, "%.200s: no architecture in it is of a family that is known",
                     c->arg[1]);
    if (st == ST_OK)
        st = file_write(cli_get(c, "--output"), str_text(&out), out.n, err);
    str_done(&out);
    return st;
}

static enum status run_labels(struct cli *c, struct err *err)
{
    struct csv t;
    struct import in = {.unit = cli_get(c, "--percent") ? 100 : 1};
    if (strcmp(c->arg[0], "import") != 0)
        return err_set(err, ST_USAGE, "labels: '%.80s' is not known (autogo labels --help)",
                       c->arg[0]);
    if (!cli_get(c, "--output"))
        return err_set(err, ST_USAGE, "labels import: -o CSV is needed");
    TRY(csv_open(&t, c->arg[1], err));
    enum status st = import(c, &in, &t, err);
    csv_close(&t);
    TRY(st);
    if (c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kint(&j, "rows", in.rows);
        json_kint(&j, "left_out", in.left_out);
        json_kstr(&j, "output", cli_get(c, "--output"));
        cli_json_end(c, &j);
    } else {
        str_addf(&c->out, "%s: %d rows, %d left out\n", cli_get(c, "--output"), in.rows,
                 in.left_out);
    }
    return ST_OK;
}

static const struct cli_option topics[] = {
    {"import CSV", NULL, NULL,
     "rewrite a published table (it may be packed by gzip) with a column "
     "arch: specs, or the texts of NAS-Bench-201 and -101"},
    {NULL, NULL, NULL, NULL},
};
static const struct cli_option options[] = {
    {"--column", NULL, "NAME", "the column with the accuracy (acc)"},
    {"--percent", NULL, NULL, "it is in per cent"},
    {"--group", NULL, "NAME", "the column that is equal for networks which compute the same"},
    {"--output", "-o", "CSV", "where the table goes"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_labels = {
    .name = "labels",
    .args = "import CSV -o CSV",
    .help = "tables of accuracies from other sources",
    .min_args = 2,
    .max_args = 2,
    .topics = topics,
    .options = options,
    .run = run_labels,
};
