/* run and ui: a session led by a script, or by a person. */
#include "cli/cli_priv.h"

#include "base/file.h"
#include "session/script.h"

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

/* What is printed, as it happens: a long script is followed while it runs. */
struct runner {
    struct cli *c;
    struct session *s;
    struct str all;  /* for --json, and what the last failed to print */
    struct str said; /* by the last command */
    bool taught;     /* the last lines were a lesson's */
};

static enum status run_command(struct runner *r, const struct script_step *step, struct err *err)
{
    str_clear(&r->said);
    if (r->taught)
        str_add(&r->all, "\n");
    r->taught = false;
    if (cli_get(r->c, "--echo"))
        str_addf(&r->all, "> %s\n", step->text);
    enum status st = session_command(r->s, step->text, 0, &r->said, err);
    for (const char *note; (note = session_notice(r->s));)
        str_addf(&r->said, "%s\n", note);
    str_add(&r->all, str_text(&r->said));
    return st;
}

static enum status run_tell(struct runner *r, const struct script_step *step, struct err *err)
{
    (void)err;
    str_addf(&r->all, "\n%s\n", step->text);
    r->taught = true;
    return ST_OK;
}

/* Nobody is asked: the right answer is taken. */
static enum status run_ask(struct runner *r, const struct script_step *step, struct err *err)
{
    const char *why = "";
    (void)err;
    str_addf(&r->all, "\n? %s\n", step->text);
    for (size_t i = 0; i < step->answer.n; i++) {
        const struct script_answer *a = &step->answer.at[i];
        str_addf(&r->all, "%s %zu  %s\n", a->right ? "*" : " ", i + 1, a->text);
        if (a->right)
            why = a->why;
    }
    str_addf(&r->all, "%s\n", why);
    r->taught = true;
    return ST_OK;
}

static enum status run_pause(struct runner *r, const struct script_step *step, struct err *err)
{
    (void)r;
    (void)step;
    (void)err;
    return ST_OK;
}

static enum status run_expect(struct runner *r, const struct script_step *step, struct err *err)
{
    return strstr(str_text(&r->said), step->text)
               ? ST_OK
               : err_set(err, ST_NO, "the command before does not say '%.150s'", step->text);
}

static enum status run_steps(struct runner *r, const struct script *script, int *line,
                             struct err *err)
{
    static enum status (*const run[])(struct runner *, const struct script_step *,
                                      struct err *) = {[SCRIPT_COMMAND] = run_command,
                                                       [SCRIPT_TELL] = run_tell,
                                                       [SCRIPT_PAUSE] = run_pause,
                                                       [SCRIPT_ASK] = run_ask,
                                                       [SCRIPT_EXPECT] = run_expect};
    enum status st = ST_OK;
    *line = script->lines;
    for (size_t i = 0; i < script->step.n && st == ST_OK; i++) {
        const struct script_step *step = &script->step.at[i];
        st = cli_interrupted ? err_set(err, ST_CANCELLED, "interrupted")
                             : run[step->kind](r, step, err);
        if (st != ST_OK)
            script_locate(err, script->name, step->line);
        if (!r->c->json && r->all.n && st == ST_OK) {
            st = cli_write_out(r->all.s, r->all.n, err);
            str_clear(&r->all);
        }
        if (st != ST_OK || session_quit_asked(r->s)) {
            *line = step->line;
            break;
        }
    }
    return st;
}

static void json_history(struct json *j, const struct session *s)
{
    json_key(j, "history");
    json_array(j);
    for (int i = 0; i < session_n_versions(s); i++) {
        const struct session_version *v = session_version(s, i);
        json_object(j);
        json_kint(j, "version", v->id);
        json_kint(j, "parent", v->parent);
        json_kstr(j, "command", v->command);
        json_kstr(j, "name", v->name);
        json_kstr(j, "note", v->note);
        json_kint(j, "flops", v->cost.flops);
        json_kint(j, "params", v->cost.params);
        json_object_end(j);
    }
    json_array_end(j);
}

static enum status run_all(struct cli *c, const struct script *script, struct err *err)
{
    int line;
    struct runner r = {.c = c, .s = scripted_session(c)};
    enum status st = run_steps(&r, script, &line, err);
    if (c->json) {
        struct json j;
        cli_json_begin(c, &j);
        json_kstr(&j, "script", script->name);
        json_kint(&j, "lines", line);
        json_kbool(&j, "ok", st == ST_OK);
        json_kstr(&j, "model", session_spec(r.s));
        json_kint(&j, "versions", session_n_versions(r.s));
        json_kint(&j, "version", session_cursor(r.s));
        json_history(&j, r.s);
        json_kstr(&j, "output", str_text(&r.all));
        cli_json_end(c, &j);
    } else if (r.all.n)
        str_add(&c->out, str_text(&r.all));
    str_done(&r.all);
    str_done(&r.said);
    session_free(r.s);
    return st;
}

static enum status run_script(struct cli *c, struct err *err)
{
    unsigned char *data;
    size_t n;
    struct script script;
    const char *path = strcmp(c->arg[0], "-") == 0 ? "/dev/stdin" : c->arg[0];
    TRY(file_read(path, (size_t)16 << 20, &data, &n, err));
    enum status st = script_parse(&script, c->arg[0], (char *)data, n, err);
    free(data);
    if (st == ST_OK)
        st = run_all(c, &script, err);
    script_done(&script);
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
    .help = "a scripted session or a lesson, the words of the ':' line (- reads standard input)",
    .min_args = 1,
    .max_args = 1,
    .options = options_run,
    .run = run_script,
};

/* ---- ui ---- */

static enum status run_ui(struct cli *c, struct err *err)
{
    const char *journal = cli_get(c, "--journal");
    struct session_opts o = {.seed = c->seed,
                             .threads = c->threads,
                             .input_shape = c->input_shape,
                             .vocab_path = cli_get(c, "--vocab"),
                             .segdb_path = cli_get(c, "--segments"),
                             .predictor_path = cli_get(c, "--predictor"),
                             .npu_preset = cli_get(c, "--preset"),
                             .yields = true,
                             .read_only = cli_get(c, "--readonly") != NULL,
                             .journal = journal ? SESSION_JOURNAL_FILE : SESSION_JOURNAL_DEFAULT,
                             .journal_path = journal};
    if (journal && o.read_only)
        return err_set(err, ST_USAGE, "--readonly keeps no journal: --journal does not go with it");
    if (!c->ui)
        return err_set(err, ST_UNSUPPORTED, "this autogo was built without the workbench");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, ST_USAGE,
                       "the workbench needs a terminal (autogo --help lists the commands that "
                       "do not)");
    c->ui_ran = true;
    c->ui_exit = c->ui(&(struct cli_ui){.model = c->n_arg ? c->arg[0] : NULL,
                                        .keys = cli_get(c, "--keys"),
                                        .config = cli_get(c, "--config"),
                                        .log = cli_get(c, "--log"),
                                        .session = o});
    return ST_OK;
}

static const struct cli_option options_ui[] = {
    {"--keys", NULL, "FILE", "feed the keys in FILE"},
    {"--config", NULL, "FILE", "settings and keys (autogo.5) instead of your configuration"},
    {"--readonly", NULL, NULL, "look only: no edits, no journal, nothing written"},
    {"--log", NULL, "FILE", "add what is done, how long jobs took, and errors to FILE"},
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
