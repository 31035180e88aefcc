/* A small network drawn with characters. */
#ifndef CLI_SKETCH_H
#define CLI_SKETCH_H

#include "base/str.h"
#include "dot/dot.h"

/* Lines of text, nothing behind their last character. */
void sketch_layout(const struct dot_layout *l, bool ascii, struct str *out);
/* The locale has no UTF-8, or $AUTOGO_ASCII is set. */
bool sketch_wants_ascii(void);

#endif
