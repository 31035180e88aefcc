/* The line at the bottom: commands, filters and questions, with history and completion. */
#ifndef UI_PROMPT_H
#define UI_PROMPT_H

#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>

enum prompt_kind { PROMPT_NONE, PROMPT_COMMAND, PROMPT_FILTER, PROMPT_QUESTION };
#define PROMPT_HISTORIES 2 /* of commands and filters */

enum prompt_result { PROMPT_GOES_ON, PROMPT_CHANGED, PROMPT_DONE, PROMPT_CANCELLED };

/* What Tab offers: whole lines in place of the text. */
struct prompt_words {
    VEC(char *) word;
};
void prompt_offer(struct prompt_words *w, const char *line);

struct prompt {
    enum prompt_kind kind;
    char label[200]; /* ":" or "/" or the question */
    char text[512];
    size_t n, at;
    bool yes; /* the answer to a question */
    struct prompt_history {
        VEC(char *) line;
    } history[PROMPT_HISTORIES];
    size_t recall; /* line of the history shown; == n: the text being typed */
    char typed[512];
    struct prompt_words words; /* Tab goes round them */
    size_t word;
    /* Fills in the lines that complete `text`. */
    void (*complete)(void *ctx, const char *text, struct prompt_words *out);
    void *ctx;
};

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *label, const char *text);
void prompt_close(struct prompt *p);
enum prompt_result prompt_key(struct prompt *p, int key);
/* As if the text were typed; what does not fit is left out. */
void prompt_insert(struct prompt *p, const char *text);
/* Draws it in row y, the choices of a completion in the row above. */
void prompt_draw(struct prompt *p, int y, int w);
void prompt_done(struct prompt *p);

#endif
