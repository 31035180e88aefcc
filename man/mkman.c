/* Fills in the generated parts of a manual page, so that keys and commands are written down once:
 *     mkman <autogo.1.in >autogo.1 */
#include "cli/cli.h"
#include "family/family.h"
#include "man/fill.h"
#include "ui/ui.h"

/* Text that roff takes as it is: no escapes, no requests. */
static void add_roff(struct str *out, const char *s)
{
    if (*s == '.' || *s == '\'')
        str_add(out, "\\&");
    for (; *s; s++)
        if (*s == '\\')
            str_add(out, "\\e");
        else if (*s == '-')
            str_add(out, "\\-");
        else
            str_add_char(out, *s);
}

static void add_words(struct str *out)
{
    int n;
    const struct session_word *w = session_words(&n);
    for (int i = 0; i < n; i++) {
        str_add(out, ".TP\n\\fB");
        add_roff(out, w[i].name);
        str_add(out, "\\fR");
        if (*w[i].args) {
            str_add(out, " \\fI");
            add_roff(out, w[i].args);
            str_add(out, "\\fR");
        }
        str_add_char(out, '\n');
        add_roff(out, w[i].help);
        str_add(out, ".\n");
    }
}

static void add_zoo(struct str *out)
{
    const struct family_zoo *z;
    for (int i = 0; (z = family_zoo_at(i)); i++) {
        str_add(out, ".TP\n\\fBzoo:");
        add_roff(out, z->name);
        str_add(out, "\\fR\n");
        add_roff(out, z->summary);
        str_add_char(out, '\n');
    }
}

int main(void)
{
    static const struct fill_part parts[] = {
        {"@COMMANDS@", cli_man}, /* with their options */
        {"@KEYS@", ui_man},      /* the table of actions */
        {"@WORDS@", add_words},  /* the command language */
        {"@ZOO@", add_zoo},      {NULL, NULL},
    };
    return fill(parts);
}
