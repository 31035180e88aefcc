/* Inside src/mend: what the two halves of the words for a conflict share. */
#ifndef MEND_CONFLICT_TEXT_H
#define MEND_CONFLICT_TEXT_H

#include "base/str.h"
#include "mend/mend_priv.h"

enum { CONFLICT_SHOWN = 3, CONFLICT_MAX = 256 };

struct words {
    const struct model *m; /* only the constraints of the conflict */
    enum mend_axis axis;
    struct str s;
};

/* Someone who demands a number of a tensor. */
struct fixer {
    enum mend_part_kind kind;
    bool one; /* it gives 1, whatever it had */
    int32_t node;
    int v;
    int64_t lo, hi;
};

static inline const struct con *con_at(const struct words *w, size_t i)
{
    return &w->m->con.at[i];
}

/* "'a' (Add)", "input 'x'" */
void words_node(struct words *w, int32_t id);
/* "'a'" */
void words_name(struct words *w, int32_t id);
/* "'a', 'b', 'c' and 4 more" */
void words_nodes(struct words *w, const int32_t *id, int n, bool typed);
/* ", " or `last` or nothing, before the i-th of n. */
const char *words_comma(int i, int n, const char *last);
/* "the pin on 'a'" */
void words_fixer(struct words *w, const struct fixer *f);
/* "output 'y' needs 64", "output 'y' needs 64 channels" */
void words_demand(struct words *w, const struct fixer *f, bool unit);
/* The tensor of term i. */
int words_end(const struct words *w, const struct con *c, int i);
/* Who decides the size of v, through ties; NULL: it is open. */
const struct fixer *words_decider(const struct words *w, int v, const struct fixer *f, int n);

/* conflict_strides.c: a conflict with windows or scales in it. False when there is none. */
bool words_strides(struct words *w, const struct fixer *f, int n);

#endif
