/* Fills in the generated parts of a manual page, so that keys and commands are written down once:
 *     mkman <autogo.1.in >autogo.1
 * A line @COMMANDS@ becomes the commands with their options, @KEYS@ the table of actions, @WORDS@
 * the command language, @FIELDS@ the fields of candidates, @ZOO@ the networks. */
#include "cli/cli.h"
#include "family/family.h"
#include "session/field.h"
#include "ui/ui.h"

#include <stdio.h>
#include <string.h>

/* Text that roff takes as it is: no escapes, no requests. */
static void put_roff(const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", stdout);
    for (; *s; s++) {
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
    }
}

static void put_words(void)
{
    int n;
    const struct session_word *w = session_words(&n);
    for (int i = 0; i < n; i++) {
        printf(".TP\n\\fB");
        put_roff(w[i].name);
        printf("\\fR");
        if (*w[i].args) {
            printf(" \\fI");
            put_roff(w[i].args);
            printf("\\fR");
        }
        putchar('\n');
        put_roff(w[i].help);
        puts(".");
    }
}

static void put_fields(void)
{
    for (int i = 0; i < field_count(); i++) {
        const struct field *f = field_at(i);
        printf(".TP\n\\fB");
        put_roff(f->name);
        printf("\\fR%s", *f->unit ? " (" : "");
        put_roff(f->unit);
        puts(*f->unit ? ")" : "");
        put_roff(f->help);
        puts(".");
    }
}

static void put_zoo(void)
{
    const struct family_zoo *z;
    for (int i = 0; (z = family_zoo_at(i)); i++) {
        printf(".TP\n\\fBzoo:");
        put_roff(z->name);
        printf("\\fR\n");
        put_roff(z->summary);
        putchar('\n');
    }
}

int main(void)
{
    char line[4096];
    struct str text = {0};
    while (fgets(line, sizeof line, stdin)) {
        str_clear(&text);
        if (strcmp(line, "@COMMANDS@\n") == 0) {
            cli_man(&text);
            fputs(str_text(&text), stdout);
        } else if (strcmp(line, "@KEYS@\n") == 0) {
            ui_man(&text);
            fputs(str_text(&text), stdout);
        } else if (strcmp(line, "@WORDS@\n") == 0) {
            put_words();
        } else if (strcmp(line, "@FIELDS@\n") == 0) {
            put_fields();
        } else if (strcmp(line, "@ZOO@\n") == 0) {
            put_zoo();
        } else {
            fputs(line, stdout);
        }
    }
    str_done(&text);
    return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}
