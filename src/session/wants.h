/* What a user wants of the widths of a fragment: pins, bounds and preferences, also as words:
 * "conv1:channels=64", "conv1:channels=32..128", "conv1:prefer=48". */
#ifndef SESSION_WANTS_H
#define SESSION_WANTS_H

#include "base/str.h"
#include "base/vec.h"
#include "mend/mend.h"

struct wants {
    VEC(struct mend_pin) pin;
    VEC(struct mend_bound) bound;
    VEC(struct mend_pin) prefer;
};

bool wants_any(const struct wants *w);
void wants_clear(struct wants *w);
void wants_done(struct wants *w);
void wants_copy(struct wants *to, const struct wants *from);
/* For a node: a pin takes the place of its bound and a bound of its pin. */
void wants_pin(struct wants *w, int32_t node, int64_t channels);
void wants_bound(struct wants *w, int32_t node, int64_t lo, int64_t hi);
void wants_prefer(struct wants *w, int32_t node, int64_t channels);
void wants_release(struct wants *w, int32_t node);

/* "64" or "32..128"; one number gives lo == hi and *range false. */
bool wants_parse_width(const char *text, int64_t *lo, int64_t *hi, bool *range);
/* Whether a word has the form of one, whatever its node and number. */
bool wants_is_word(const char *word);
/* Adds what the word says; ST_USAGE: no such word, or no such node of the fragment. */
enum status wants_add_word(struct wants *w, const struct graph *f, const char *word,
                           struct err *err);
/* A blank and the word, for each. */
void wants_to_words(const struct wants *w, const struct graph *f, struct str *out);

#endif
