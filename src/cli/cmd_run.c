/* run and ui: a session led by a script, or by a person. */
#include "cli/cli_priv.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- run ---- */

static struct session *scripted_session(const struct cli *c)
{
    const char *journal = cli_get(c, "--journal");
    struct session_opts o = {.seed = c->seed,
                             .threads = c->threads,
                             .input_shape = c->input_shape,
                             .vocab_path = cli_get(c, "--vocab"),
                             .segdb_path = cli_get(c, "--segments"),
                             .predictor_path = cli_get(c, "--predictor"),
                             .npu_preset = cli_get(c, "--preset"),
                             .journal = journal ? SESSION_JOURNAL_FILE : SESSION_JOURNAL_OFF,
                             .journal_path = journal,
                             .interrupt = &cli_interrupted};
    return session_new(&o);
}

/* Names the line of the script that failed. */
static void locate(struct err *err, const char *script, int line)
{
    char msg[sizeof err->msg], head[200];
    snprintf(msg, sizeof msg, "%s", err->msg);
    if (err->file[0])
        snprintf(head, sizeof head, "line %d: %.150s: ", line, err->file);
    else
        snprintf(head, sizeof head, "line %d: ", line);
    snprintf(err->msg, sizeof err->msg, "%s%.*s", head, (int)(sizeof msg - strlen(head) - 1), msg);
    snprintf(err->file, sizeof err->file, "%s", script);
}

static enum status run_lines(struct cli *c, struct session *s, char *text, const char *script,
                             struct err *err)
{
    int line = 0;
    struct str all = {0}; /* for --json */
    enum status st = ST_OK;
    while (st == ST_OK && text && !session_quit_asked(s)) {
        char *next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        line++;
        if (cli_get(c, "--echo") && text[strspn(text, " \t\r")] && *text != '#')
            str_addf(&all, "> %s\n", text);
        st = cli_interrupted ? err_set(err, ST_CANCELLED, "interrupted")
                             : session_command(s, text, 0, &all, err);
        for (const char *note; (note = session_notice(s));)
            str_addf(&all, "%s\n", note);
        if (st != ST_OK)
            locate(err, script, line);
        if (!c->json && all.n && st == ST_OK) {
            /* as it happens: a long script is followed while it runs */
            st = cli_write_out(all.s, all.n, err);
            str_clear(&all);
        }
        text = next;
    }
    if (c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kstr(&j, "script", script);
        json_kint(&j, "lines", line);
        json_kbool(&j, "ok", st == ST_OK);
        json_kstr(&j, "model", session_spec(s));
        json_kint(&j, "versions", session_n_versions(s));
        json_kint(&j, "version", session_cursor(s));
        json_kstr(&j, "output", str_text(&all));
        cli_json_end(c, &j);
    } else if (all.n)
        str_add(&c->out, str_text(&all));
    str_done(&all);
    return st;
}

static enum status run_script(struct cli *c, struct err *err)
{
    unsigned char *data;
    size_t n;
    const char *path = strcmp(c->arg[0], "-") == 0 ? "/dev/stdin" : c->arg[0];
    TRY(file_read(path, (size_t)16 << 20, &data, &n, err));
    enum status st = ST_OK;
    if (memchr(data, 0, n)) {
        err_set(err, ST_USAGE, "is not a text file");
        st = (err_in_file(err, c->arg[0]), ST_USAGE);
    } else {
        struct session *s = scripted_session(c);
        st = run_lines(c, s, (char *)data, c->arg[0], err);
        session_free(s);
    }
    free(data);
    return st;
}

static const struct cli_option options_run[] = {
    {"--echo", NULL, NULL, "print every command before its answer"},
    {"--journal", NULL, "FILE", "keep the session's journal in FILE (recover goes on with it)"},
    {"--segments", NULL, "DB", "segment database below your own (the shipped one)"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {"--preset", NULL, "P",
     "the accelerator of the cycles (os32): a name of autogo npu, or a file"},
    {"--vocab", NULL, "V", "canonical (default), reference, or a vocabulary file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_run = {
    .name = "run",
    .args = "SCRIPT",
    .help = "a scripted session, the words of the ':' line (- reads standard input)",
    .min_args = 1,
    .max_args = 1,
    .options = options_run,
    .run = run_script,
};

/* ---- ui ---- */

static enum status run_ui(struct cli *c, struct err *err)
{
    const char *journal = cli_get(c, "--journal"), *keys = cli_get(c, "--keys");
    struct session_opts o = {.seed = c->seed,
                             .threads = c->threads,
                             .input_shape = c->input_shape,
                             .vocab_path = cli_get(c, "--vocab"),
                             .segdb_path = cli_get(c, "--segments"),
                             .predictor_path = cli_get(c, "--predictor"),
                             .npu_preset = cli_get(c, "--preset"),
                             .journal = journal ? SESSION_JOURNAL_FILE : SESSION_JOURNAL_DEFAULT,
                             .journal_path = journal};
    if (!c->ui)
        return err_set(err, ST_UNSUPPORTED, "this autogo was built without the workbench");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, ST_USAGE,
                       "the workbench needs a terminal (autogo --help lists the commands that "
                       "do not)");
    c->ui_ran = true;
    c->ui_exit = c->ui(&o, c->n_arg ? c->arg[0] : NULL, keys);
    return ST_OK;
}

static const struct cli_option options_ui[] = {
    {"--keys", NULL, "FILE", "feed the keys in FILE"},
    {"--journal", NULL, "FILE", "keep the session's journal in FILE"},
    {"--segments", NULL, "DB", "segment database below your own (the shipped one)"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {"--preset", NULL, "P",
     "the accelerator of the cycles (os32): a name of autogo npu, or a file"},
    {"--vocab", NULL, "V", "canonical (default), reference, or a vocabulary file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_ui = {
    .name = "ui",
    .args = "[MODEL]",
    .help = "the workbench",
    .min_args = 0,
    .max_args = 1,
    .options = options_ui,
    .run = run_ui,
};
