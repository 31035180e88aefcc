/* The reader of scripts and lessons on any bytes: it says no and names a line, or what it read
 * keeps what the fronts rely on. */
#include "base/str.h"
#include "session/script.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_question(const struct script_step *step)
{
    int right = 0;
    for (size_t i = 0; i < step->answer.n; i++) {
        right += step->answer.at[i].right;
        if (!*step->answer.at[i].text || !*step->answer.at[i].why)
            abort();
    }
    if (step->answer.n < 2 || step->answer.n > SCRIPT_ANSWERS || right != 1)
        abort();
}

static void check(const struct script *s)
{
    int line = 0;
    for (size_t i = 0; i < s->step.n; i++) {
        const struct script_step *step = &s->step.at[i];
        if (step->line <= line || step->line > s->lines || strlen(step->text) > (size_t)16 << 20)
            abort();
        if (step->kind == SCRIPT_TELL && (!*step->text || strlen(step->text) > SCRIPT_TEXT))
            abort();
        if (step->kind == SCRIPT_ASK)
            check_question(step);
        line = step->line;
    }
    if (script_stops(s) > (int)s->step.n + 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script s;
    struct err err = {0};
    enum status st = script_parse(&s, "fuzz", (const char *)data, size, &err);
    if (st == ST_OK)
        check(&s);
    else if (st != ST_USAGE || err.code != ST_USAGE || strcmp(err.file, "fuzz") != 0)
        abort();
    script_done(&s);
    return 0;
}
