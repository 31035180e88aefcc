#include "cli/lesson.h"

#include "base/file.h"

#include <stdlib.h>

void lesson_done(struct lesson *l)
{
    for (int i = 0; i < l->n; i++)
        pred_table_done(&l->table[i]);
    bpe_vocab_free(l->vocab);
    free(l->path);
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

enum status lesson_begin(struct lesson *l, struct err *err)
{
    struct cli *c = l->c;
    int n;
    TRY(lesson_options(l, err));
    l->path = cli_get_all(c, "--labels", &n);
    if (n < 1 || n > PRED_MAX_TABLES)
        return err_set(err, ST_USAGE, "%s: --labels CSV is needed, at most %d times",
                       c->command->name, PRED_MAX_TABLES);
    char *vocab = file_data("segments/vocab.json");
    enum status st = bpe_vocab_load(&l->vocab, vocab, err);
    free(vocab);
    TRY(st);
    for (int i = 0; i < n; i++) {
        TRY(pred_table_read(&l->table[i], l->path[i], l->vocab, c->threads, &cli_interrupted, err));
        l->n = i + 1;
        for (int k = 0; k < i; k++)
            if (strcmp(l->table[k].name, l->table[i].name) == 0)
                return err_set(err, ST_USAGE, "%.80s: a table of %s was given already", l->path[i],
                               l->table[i].name);
    }
    return ST_OK;
}
