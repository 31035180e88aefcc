/* Configuration files from any bytes: what is wrong names its line, the rest holds and can be asked
 * about. */
#include "base/mem.h"
#include "ui/config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct config *c)
{
    char value[40];
    struct str keys = {0};
    for (int p = 0; p < PREF_COUNT; p++)
        if (!pref_value((enum pref)p, c->pref[p], value, sizeof value))
            abort();
    for (size_t i = 0; i < c->binding.n; i++)
        for (int v = 0; v < VIEW_COUNT; v++)
            if (config_binding(c, (enum view_id)v, c->binding.at[i].key) &&
                config_action(c, (enum view_id)v, c->binding.at[i].key) != c->binding.at[i].action)
                abort();
    for (int a = 1; a < ACTION_COUNT; a++)
        config_keys(c, (enum action)a, VIEW_MODELS, &keys);
    str_done(&keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = x_strndup((const char *)data, size);
    struct config c;
    struct err err = {0};
    int line = 0, lines = 1, bad;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    config_init(&c);
    bad = config_text(&c, text, &err);
    if (bad > lines || (bad > 0) != (err.code != ST_OK) ||
        (bad && (sscanf(err.msg, "line %d:", &line) != 1 || line < 1 || line > lines)))
        abort();
    ask(&c);
    config_done(&c);
    free(text);
    return 0;
}
