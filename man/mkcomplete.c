/* Fills in the generated parts of the completions of a shell, which come from the program's tables:
 *     mkcomplete bash|zsh|fish PRESET.npu ... <autogo.bash.in >autogo.bash */
#include "man/complete.h"

#include <stdio.h>

static const struct shell {
    const char *name;
    const struct fill_part *parts;
} shells[] = {{"bash", complete_bash}, {"zsh", complete_zsh}, {"fish", complete_fish}};

int main(int argc, char **argv)
{
    const struct fill_part *parts = NULL;
    for (size_t i = 0; argc > 1 && i < sizeof shells / sizeof *shells; i++)
        if (strcmp(argv[1], shells[i].name) == 0)
            parts = shells[i].parts;
    if (!parts) {
        fputs("usage: mkcomplete bash|zsh|fish PRESET.npu ... <TEMPLATE\n", stderr);
        return 2;
    }
    complete_init(argv + 2, argc - 2);
    int rc = fill(parts);
    complete_done();
    return rc;
}
