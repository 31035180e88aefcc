#include "cli/lesson.h"

#include "base/file.h"

#include <stdlib.h>

void lesson_done(struct lesson *l)
{
    for (int i = 0; i < l->n; i++)
        pred_table_done(&l->table[i]);
    bpe_vocab_free(l->vocab);
}

static enum status lesson_options(struct lesson *l, struct err *err)
{
    struct cli *c = l->c;
    const char *variant = cli_get(c, "--variant");
    int64_t members, steps;
    TRY(cli_get_int(c, "--members", 2, PRED_MAX_MEMBERS, 5, &members, err));
    TRY(cli_get_int(c, "--steps", 1, 10000000, 0, &steps, err));
    l->opts = (struct pred_opts){.seed = c->seed,
                                 .threads = c->threads,
                                 .members = (int)members,
                                 .steps = (int)steps,
                                 .reference = cli_get(c, "--reference") != NULL,
                                 .cancel = &cli_interrupted};
    if (variant && !pred_variant_find(variant, &l->opts.variant))
        return err_set(err, ST_USAGE, "--variant '%.80s': psc, psc-1to1 and gnn are known",
                       variant);
    return ST_OK;
}

static enum status read_tables(struct lesson *l, const char *option, struct err *err)
{
    struct cli *c = l->c;
    int n;
    const char **path = cli_get_all(c, option, &n);
    enum status st = ST_OK;
    if (l->n + n > PRED_MAX_TABLES)
        st = err_set(err, ST_USAGE, "%s: at most %d tables", option, PRED_MAX_TABLES);
    for (int i = 0; i < n && st == ST_OK; i++) {
        struct pred_table *t = &l->table[l->n];
        st = pred_table_read(t, path[i], l->vocab, c->threads, &cli_interrupted, err);
        if (st != ST_OK)
            break;
        l->path[l->n++] = path[i];
        for (int k = 0; k + 1 < l->n && st == ST_OK; k++)
            if (strcmp(l->table[k].name, t->name) == 0)
                st = err_set(err, ST_USAGE, "%.200s: a table of %s was given already", path[i],
                             t->name);
    }
    free(path);
    return st;
}

enum status lesson_begin(struct lesson *l, struct err *err)
{
    struct cli *c = l->c;
    TRY(lesson_options(l, err));
    if (!cli_get(c, "--labels"))
        return err_set(err, ST_USAGE, "%s: --labels CSV is needed", c->command->name);
    TRY(cli_vocab(&l->vocab, err));
    TRY(read_tables(l, "--labels", err));
    l->n_own = l->n;
    return read_tables(l, "--beside", err);
}
