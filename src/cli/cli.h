/* The batch front end: one command line, one answer on stdout, one line on stderr when it fails.
 *
 * A command is a struct cli_command in a file cmd_*.c and one row of the table in cli.c. It adds
 * its answer to cli->out, which is written at the end in one go, so a failing command prints
 * nothing half. Exit codes: status_exit_code. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/json.h"
#include "session/session.h"

/* What is said on the command line to the workbench; NULL: nothing (ui.h). */
struct cli_ui {
    const char *model, *keys, *config, *log;
    struct session_opts session;
};
/* The workbench, as main() passes it in. Returns the exit code. */
typedef int cli_ui_fn(const struct cli_ui *opts);

/* The whole program. `ui` is NULL when there is no workbench in this build. */
int cli_main(int argc, char **argv, cli_ui_fn *ui);
/* The man page section on commands and options, made from the table of commands. */
void cli_man(struct str *out);

#endif
