/* A script: lines of the command language, and between them lines for teaching, which any other
 * reader takes for comments:
 *
 *   #: text                   told (lines that follow each other are one text)
 *   #-                        a pause, until a key is pressed
 *   #? question               a question, then at least two answers, one of them right:
 *   #+ answer | explanation   the right one
 *   #x answer | explanation   a wrong one
 *   #= text                   what the command before says must have this text (`autogo run`)
 *
 * All of it is read before anything runs. Failure: ST_USAGE, with the file and "line N: ...". */
#ifndef SESSION_SCRIPT_H
#define SESSION_SCRIPT_H

#include "base/err.h"
#include "base/vec.h"
#include <stdbool.h>
#include <stddef.h>

/* What fits a panel of the workbench at 80x24. */
enum { SCRIPT_TEXT = 600, SCRIPT_QUESTION = 240, SCRIPT_ANSWER = 72, SCRIPT_ANSWERS = 5 };

enum script_kind { SCRIPT_COMMAND, SCRIPT_TELL, SCRIPT_PAUSE, SCRIPT_ASK, SCRIPT_EXPECT };

struct script_answer {
    char *text, *why;
    bool right;
};
struct script_step {
    enum script_kind kind;
    int line;   /* from 1 */
    char *text; /* the command, the text (its lines parted by '\n'), the question, what is expected;
                   "" of a pause */
    VEC(struct script_answer) answer;
};
struct script {
    char *name;
    int lines;
    VEC(struct script_step) step; /* in the order of the lines */
};

/* `name` is for messages; `data` need not end with a NUL. script_done in either case. */
enum status script_parse(struct script *out, const char *name, const char *data, size_t size,
                         struct err *err);
enum status script_read(struct script *out, const char *path, struct err *err);
void script_done(struct script *s);
/* Whether it teaches: has texts or questions. */
bool script_is_lesson(const struct script *s);
/* How often it waits for a key: pauses and questions, and the end when a text is left to be read.
 */
int script_stops(const struct script *s);
/* Names the line of the script that failed. */
void script_locate(struct err *err, const char *name, int line);

#endif
