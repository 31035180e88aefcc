/* What the tests and benches of the predictor share: tables of small networks with labels that
 * follow a rule, and models from them. */
#ifndef TESTS_UNIT_PRED_MAKE_H
#define TESTS_UNIT_PRED_MAKE_H

#include "base/file.h"
#include "family/family.h"
#include "pred/pred.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline struct bpe_vocab *make_vocab(void)
{
    struct bpe_vocab *v;
    struct err err = {0};
    char *path = file_data("segments/vocab.json");
    if (bpe_vocab_load(&v, path, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    free(path);
    return v;
}

/* Counts of an operation in the text rule the label, so there is something to learn. */
static inline double rule(const char *spec)
{
    int good = 0, bad = 0;
    for (const char *p = spec; (p = strstr(p, "conv_3x3")); p++)
        good++;
    for (const char *p = spec; (p = strstr(p, "avg_pool")); p++)
        bad++;
    return 0.5 + 0.06 * good - 0.03 * bad;
}

/* n sampled networks of nb201@s in a CSV file, which the caller removes. */
static inline void make_labels(const char *path, int n)
{
    struct str s = {0};
    str_add(&s, "arch,acc\n");
    for (int i = 0; i < n; i++) {
        char *spec = family_sample("nb201@s", 5, i);
        str_addf(&s, "\"%s\",%.4f\n", spec, rule(spec));
        free(spec);
    }
    if (file_write(path, str_text(&s), s.n, NULL) != ST_OK)
        abort();
    str_done(&s);
}

static inline void make_table(struct pred_table *t, int n, const struct bpe_vocab *v)
{
    static const char path[] = "pred-labels.csv";
    struct err err = {0};
    make_labels(path, n);
    if (pred_table_read(t, path, v, 2, NULL, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.msg);
        abort();
    }
    unlink(path);
}

#endif
