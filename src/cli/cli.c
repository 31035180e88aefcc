#include "cli/cli_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_command *const commands[] = {
    &cmd_ui,   &cmd_info,    &cmd_convert, &cmd_segment, &cmd_candidates, &cmd_mutate,
    &cmd_diff, &cmd_verify,  &cmd_zoo,     &cmd_mine,    &cmd_db,         &cmd_run,
    &cmd_dump, &cmd_fit,     &cmd_latency, &cmd_label,   &cmd_labels,     &cmd_train,
    &cmd_eval, &cmd_predict, &cmd_npu,     &cmd_search,  &cmd_report,
};
#define N_COMMANDS ((int)(sizeof commands / sizeof *commands))

static const struct cli_option common[] = {
    {"--json", NULL, NULL, "one JSON document on standard output"},
    {"--seed", NULL, "N", "seed of everything random (0)"},
    {"--threads", NULL, "N", "worker threads (one for each processor)"},
    {"--input-shape", NULL, "NAME=SHAPE", "fix an input's shape: NAME=1x3x224x224"},
    {"--help", "-h", NULL, "this text"},
    {NULL, NULL, NULL, NULL},
};

int cli_interrupted;

/* The first signal asks to stop, the second one stops. */
static void on_signal(int sig)
{
    (void)sig;
    if (cli_interrupted)
        _exit(130);
    __atomic_store_n(&cli_interrupted, 1, __ATOMIC_RELAXED);
}

/* On a stack of its own: while oneDNN's AVX-512 products run, the stack pointer points into their
 * data, and a handler there would overwrite it. */
static void set_signals(void)
{
    static char stack[1 << 16];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    bool ready = sigaltstack(&own, NULL) == 0;
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = ready ? SA_ONSTACK : 0};
    sigemptyset(&sa.sa_mask);
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
        struct sigaction old;
        /* nohup's choice stays */
        if (sigaction(caught[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(caught[i], &sa, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a failing write like any other */
}

/* A closed descriptor 0, 1 or 2 would be given to the first file opened, and that file written to
 * as if it were the screen. Reading fds stand in, so that writes fail as they should. */
static void hold_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(2);
}

/* ---- help ---- */

enum { HELP_COLUMN = 31, HELP_WIDTH = 79 };

/* Words filled into lines from the help column on; the first line has `used` columns already. */
static void add_filled(struct str *b, int used, const char *text)
{
    if (used >= HELP_COLUMN) {
        str_add_char(b, '\n');
        used = 0;
    }
    while (*text) {
        size_t fit = 0, max = HELP_WIDTH - HELP_COLUMN;
        for (size_t n = 0; n <= max; n++) {
            if (text[n] == ' ' || !text[n])
                fit = n;
            if (!text[n])
                break;
        }
        if (!fit)
            fit = strcspn(text, " ");
        str_addf(b, "%*s%.*s\n", HELP_COLUMN - used, "", (int)fit, text);
        text += fit + (text[fit] == ' ');
        used = 0;
    }
}

static void add_options(struct str *b, const struct cli_option *o)
{
    for (; o && o->name; o++) {
        size_t begin = b->n;
        str_addf(b, "  %s%s%s%s%s", o->alias ? o->alias : "", o->alias ? ", " : "", o->name,
                 o->value ? " " : "", o->value ? o->value : "");
        add_filled(b, (int)(b->n - begin), o->help);
    }
}

static void add_command_help(struct str *b, const struct cli_command *k)
{
    str_addf(b, "usage: autogo %s%s%s [options]\n%s\n\n", k->name, k->args[0] ? " " : "", k->args,
             k->help);
    add_options(b, k->topics);
    if (k->topics)
        str_add_char(b, '\n');
    add_options(b, k->options);
    add_options(b, common);
}

static void add_help(struct str *b)
{
    str_add(b, "usage: autogo COMMAND ...    autogo MODEL opens the workbench\n\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        size_t begin = b->n;
        str_addf(b, "  %s %s", commands[i]->name, commands[i]->args);
        add_filled(b, (int)(b->n - begin), commands[i]->help);
    }
    str_add(b, "\nMODEL is an ONNX file, a CG JSON file, zoo:NAME (autogo zoo lists them) or an\n"
               "architecture string such as nb201:|nor_conv_3x3~0|+|...|.\n"
               "autogo COMMAND --help tells about one command.\n"
               "Exit: 0 ok, 1 negative answer, 2 usage or I/O, 3 bad model, 4 unsupported, "
               "5 internal, 130 interrupted.\n");
}

/* Words as roff takes them. */
static void add_roff(struct str *b, const char *s)
{
    for (; *s; s++)
        if (*s == '\\')
            str_add(b, "\\e");
        else if (*s == '-')
            str_add(b, "\\-");
        else
            str_add_char(b, *s);
}

static void add_roff_options(struct str *b, const struct cli_option *o)
{
    for (; o && o->name; o++) {
        str_add(b, ".TP\n\\fB");
        add_roff(b, o->alias ? o->alias : o->name);
        if (o->alias) {
            str_add(b, "\\fR, \\fB");
            add_roff(b, o->name);
        }
        str_add(b, "\\fR");
        if (o->value) {
            str_add(b, " \\fI");
            add_roff(b, o->value);
            str_add(b, "\\fR");
        }
        str_add_char(b, '\n');
        add_roff(b, o->help);
        str_add(b, ".\n");
    }
}

void cli_man(struct str *out)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        const struct cli_command *k = commands[i];
        str_add(out, ".SS autogo ");
        add_roff(out, k->name);
        str_add_char(out, ' ');
        add_roff(out, k->args);
        str_add_char(out, '\n');
        str_addf(out, "%c", k->help[0] >= 'a' && k->help[0] <= 'z' ? k->help[0] - 32 : k->help[0]);
        add_roff(out, k->help + 1);
        str_add(out, ".\n");
        add_roff_options(out, k->topics);
        add_roff_options(out, k->options);
    }
    str_add(out, ".SS Options of every command\n");
    add_roff_options(out, common);
}

/* ---- the command line ---- */

static const struct cli_command *find_command(const char *name)
{
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* Edits (insert, delete, replace, swap) from one to the other, for short words. */
static int distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    int d[3][32];
    if (n >= 31 || m >= 31)
        return 99;
    for (size_t j = 0; j <= m; j++)
        d[0][j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int *now = d[i % 3], *up = d[(i + 2) % 3], *up2 = d[(i + 1) % 3];
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int best = up[j - 1] + (a[i - 1] != b[j - 1]);
            if (up[j] + 1 < best)
                best = up[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                up2[j - 2] + 1 < best)
                best = up2[j - 2] + 1;
            now[j] = best;
        }
    }
    return d[n % 3][m];
}

static enum status unknown_command(const char *word, struct err *err)
{
    const char *best = NULL;
    int least = 3;
    for (int i = 0; i < N_COMMANDS; i++) {
        int d = distance(word, commands[i]->name);
        if (d < least) {
            least = d;
            best = commands[i]->name;
        }
    }
    if (best)
        return err_set(err, ST_USAGE, "no command or model '%s' (did you mean '%s'?)", word, best);
    return err_set(err, ST_USAGE, "no command or model '%s' (autogo --help lists the commands)",
                   word);
}

static const struct cli_option *find_option(const struct cli_option *o, const char *name, size_t n)
{
    for (; o && o->name; o++)
        if ((strlen(o->name) == n && strncmp(o->name, name, n) == 0) ||
            (o->alias && strlen(o->alias) == n && strncmp(o->alias, name, n) == 0))
            return o;
    return NULL;
}

/* One option at argv[*i]; moves *i over a separate value. */
static enum status parse_option(struct cli *c, int argc, char **argv, int *i, struct err *err)
{
    const char *word = argv[*i], *eq = strchr(word, '=');
    size_t n = eq && word[1] == '-' ? (size_t)(eq - word) : strlen(word);
    const struct cli_option *o = find_option(c->command->options, word, n);
    if (!o)
        o = find_option(common, word, n);
    if (!o)
        return err_set(err, ST_USAGE, "%s: unknown option '%.*s' (autogo %s --help)",
                       c->command->name, (int)(n < 60 ? n : 60), word, c->command->name);
    struct cli_setting set = {o, ""};
    if (o->value && word[n] == '=')
        set.value = word + n + 1;
    else if (o->value && *i + 1 < argc)
        set.value = argv[++*i];
    else if (o->value || word[n] == '=')
        return err_set(err, ST_USAGE, "%s: %s %s (autogo %s --help)", c->command->name, o->name,
                       o->value ? "needs a value" : "takes no value", c->command->name);
    vec_push(&c->setting, set);
    return ST_OK;
}

static enum status parse_args(struct cli *c, int argc, char **argv, struct err *err)
{
    bool only_args = false;
    c->arg = x_calloc((size_t)argc + 1, sizeof *c->arg);
    for (int i = 0; i < argc; i++) {
        if (!only_args && strcmp(argv[i], "--") == 0)
            only_args = true;
        else if (!only_args && argv[i][0] == '-' && argv[i][1])
            TRY(parse_option(c, argc, argv, &i, err));
        else
            c->arg[c->n_arg++] = argv[i];
    }
    if (cli_get(c, "--help"))
        return ST_OK;
    if (c->n_arg < c->command->min_args ||
        (c->command->max_args >= 0 && c->n_arg > c->command->max_args))
        return err_set(err, ST_USAGE, "usage: autogo %s %s (autogo %s --help)", c->command->name,
                       c->command->args, c->command->name);
    int64_t v;
    c->json = cli_get(c, "--json") != NULL;
    c->input_shape = cli_get(c, "--input-shape");
    TRY(cli_get_int(c, "--threads", 1, 1024, 0, &v, err));
    c->threads = (int)v;
    TRY(cli_get_int(c, "--seed", 0, INT64_MAX, 0, &v, err));
    c->seed = (uint64_t)v;
    return ST_OK;
}

const char *cli_get(const struct cli *c, const char *name)
{
    const char *v = NULL;
    for (size_t i = 0; i < c->setting.n; i++)
        if (strcmp(c->setting.at[i].option->name, name) == 0)
            v = c->setting.at[i].value;
    return v;
}

const char **cli_get_all(const struct cli *c, const char *name, int *n)
{
    const char **all = x_calloc(c->setting.n + 1, sizeof *all);
    *n = 0;
    for (size_t i = 0; i < c->setting.n; i++)
        if (strcmp(c->setting.at[i].option->name, name) == 0)
            all[(*n)++] = c->setting.at[i].value;
    return all;
}

enum status cli_get_int(const struct cli *c, const char *name, int64_t lo, int64_t hi,
                        int64_t fallback, int64_t *out, struct err *err)
{
    const char *v = cli_get(c, name);
    *out = fallback;
    if (v && !str_to_i64(v, lo, hi, out))
        return err_set(err, ST_USAGE, "%s: '%.60s' is not a whole number from %lld to %lld", name,
                       v, (long long)lo, (long long)hi);
    return ST_OK;
}

/* ---- running ---- */

static enum status run_command(struct cli *c, int argc, char **argv, struct err *err)
{
    TRY(parse_args(c, argc, argv, err));
    if (cli_get(c, "--help")) {
        add_command_help(&c->out, c->command);
        return ST_OK;
    }
    enum status st = c->command->run(c, err);
    cli_progress_end(c);
    return st;
}

/* A word that can only be a model, or is a file: the workbench is meant. */
static bool names_model(const char *word)
{
    return strpbrk(word, ":/.") || access(word, F_OK) == 0;
}

static enum status run(struct cli *c, int argc, char **argv, struct err *err)
{
    const char *word = argc > 1 ? argv[1] : "ui";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        const struct cli_command *k = argc > 2 ? find_command(argv[2]) : NULL;
        if (argc > 2 && !k)
            return unknown_command(argv[2], err);
        if (k)
            add_command_help(&c->out, k);
        else
            add_help(&c->out);
        return ST_OK;
    }
    if (strcmp(word, "--version") == 0) {
        str_add(&c->out, "autogo " PACKAGE_VERSION "\n");
        return ST_OK;
    }
    c->command = find_command(word);
    if (c->command)
        return run_command(c, argc > 2 ? argc - 2 : 0, argv + 2, err);
    if (word[0] != '-' && !names_model(word))
        return unknown_command(word, err);
    c->command = &cmd_ui;
    return run_command(c, argc - 1, argv + 1, err);
}

int cli_main(int argc, char **argv, cli_ui_fn *ui)
{
    struct cli c = {.ui = ui};
    struct err err = {0};
    char buf[512];
    hold_descriptors();
    set_signals();
    enum status st = run(&c, argc, argv, &err);
    if (cli_interrupted && !c.ui_ran && !c.tells_itself && st != ST_OK) {
        st = ST_CANCELLED;
        err = (struct err){.msg = "interrupted"};
    }
    if (c.out.n) {
        struct err werr = {0};
        if (cli_write_out(c.out.s, c.out.n, &werr) != ST_OK) {
            st = ST_IO;
            err = werr;
        }
    }
    if (st != ST_OK && err.msg[0])
        fprintf(stderr, "autogo: %s\n", err_text(&err, buf, sizeof buf));
    /* after the last word: a launcher may end all ranks when one has failed */
    comm_close(c.comm, st != ST_OK);
    str_done(&c.out);
    vec_done(&c.setting);
    free(c.arg);
    return st == ST_OK && c.ui_ran ? c.ui_exit : status_exit_code(st);
}
