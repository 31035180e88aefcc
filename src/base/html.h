/* Self-contained pages, as XML has it, which HTML takes too: any tool can read them. */
#ifndef BASE_HTML_H
#define BASE_HTML_H

#include "base/str.h"

/* Text as markup: nothing in it is taken as a tag. */
void html_text(struct str *out, const char *text);
/* Up to the body. `kind` is markup before the title's text; `more_style` goes with the common
 * style. */
void html_begin(struct str *out, const char *kind, const char *title, const char *more_style);
void html_end(struct str *out);
/* An SVG element in a box; the ids of one picture are told from another's by the number. */
void html_picture(struct str *out, const char *svg, int number);

#endif
