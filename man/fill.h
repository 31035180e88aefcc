/* Fills in a template: each line of standard input that is the name of a part ("@KEYS@") becomes
 * that part, every other line stays. */
#ifndef MAN_FILL_H
#define MAN_FILL_H

#include "base/str.h"

struct fill_part {
    const char *name;
    void (*add)(struct str *out);
};
/* To standard output; returns the exit status of a program. Ends with a NULL name. */
int fill(const struct fill_part *parts);

#endif
