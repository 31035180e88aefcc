#include "cli/cli.h"
#ifndef AUTOGO_NO_UI
#include "ui/ui.h"

static int workbench(const struct cli_ui *o)
{
    struct ui_opts opts = {.model = o->model,
                           .keys = o->keys,
                           .config = o->config,
                           .log = o->log,
                           .session = o->session};
    return ui_main(&opts);
}
#define WORKBENCH workbench
#else
#define WORKBENCH NULL
#endif

#include <locale.h>

int main(int argc, char **argv)
{
    /* Only the encoding: numbers keep their '.' whatever the locale. */
    setlocale(LC_CTYPE, "");
    return cli_main(argc, argv, WORKBENCH);
}
