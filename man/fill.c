#include "man/fill.h"

#include <stdio.h>
#include <string.h>

static const struct fill_part *find(const struct fill_part *parts, const char *line)
{
    size_t n = strcspn(line, "\n");
    for (; parts->name; parts++)
        if (strlen(parts->name) == n && strncmp(parts->name, line, n) == 0)
            return parts;
    return NULL;
}

int fill(const struct fill_part *parts)
{
    char line[4096];
    struct str text = {0};
    while (fgets(line, sizeof line, stdin)) {
        const struct fill_part *p = find(parts, line);
        if (p)
            p->add(&text);
        else
            str_add(&text, line);
    }
    fputs(str_text(&text), stdout);
    str_done(&text);
    return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}
