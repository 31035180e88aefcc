/* Inside of the batch front end; for src/cli, and for what is made of its tables (man/). */
#ifndef CLI_CLI_PRIV_H
#define CLI_CLI_PRIV_H

#include "base/vec.h"
#include "cli/cli.h"
#include "comm/comm.h"

/* An option, or a line of help on something else (a verb, a form of argument). */
struct cli_option {
    const char *name;  /* "--top" */
    const char *alias; /* "-n", or NULL */
    const char *value; /* "N": takes a value; NULL: a flag */
    const char *help;
};

struct cli;

struct cli_command {
    const char *name, *args, *help;
    int min_args, max_args;           /* max -1: any number */
    const struct cli_option *topics;  /* what arguments can be; ends with a NULL name, or NULL */
    const struct cli_option *options; /* the same */
    enum status (*run)(struct cli *c, struct err *err);
};

struct cli_setting {
    const struct cli_option *option;
    const char *value;
};

struct cli {
    const struct cli_command *command;
    int n_arg;
    char **arg;
    VEC(struct cli_setting) setting;
    bool json;
    uint64_t seed;
    int threads;
    const char *input_shape;
    struct str out;
    cli_ui_fn *ui;
    int ui_exit; /* of the workbench */
    bool ui_ran;
    bool progress_shown;
    struct comm *comm; /* other processes of this command; NULL: none */
    bool tells_itself; /* how it was interrupted: the error stands as it is */
};

/* The commands in the order of --help, NULL past the end; the options that all of them have. */
const struct cli_command *cli_command_at(int i);
extern const struct cli_option cli_common[];
/* What dump --stage can be; ends with NULL. */
extern const char *const cli_dump_stages[];

/* Set by SIGINT, SIGTERM and SIGHUP. */
extern int cli_interrupted;

/* The last value of an option; NULL when it was not given ("" for a flag). */
const char *cli_get(const struct cli *c, const char *name);
/* All values; *n receives their number. Caller frees the array. */
const char **cli_get_all(const struct cli *c, const char *name, int *n);
/* The value as a number; `fallback` when it was not given. */
enum status cli_get_int(const struct cli *c, const char *name, int64_t lo, int64_t hi,
                        int64_t fallback, int64_t *out, struct err *err);

/* Opens the model (model_open with the common options). */
enum status cli_model(const struct cli *c, const char *spec, struct graph **out, struct err *err);
/* Opens `spec` and writes it to a file, with the answer of convert. */
enum status cli_write_model(struct cli *c, const char *spec, const char *path, struct err *err);
/* The shipped vocabulary; the predictor given (--predictor), or NULL: the shipped one. */
enum status cli_vocab(struct bpe_vocab **out, struct err *err);
enum status cli_predictor(const char *given, struct pred_model **out, struct err *err);
/* A session without a journal, with the common options and --vocab, --segments. */
struct session *cli_session(const struct cli *c);

/* How repairs are made: rows for a table of options. */
/* clang-format off */
#define CLI_REPAIR_OPTIONS                                                                         \
    {"--grow", NULL, "K", "a repair may change up to K nodes outside the segment too (0)"},        \
    {"--adapt", NULL, NULL, "put adapters at the ports when nothing else fits"},                   \
    {"--multiple", NULL, "N", "widths are multiples of N where possible (of 8 where they were)"},  \
    {"--max-flops", NULL, "X", "limit of the network's FLOPs (paper's rule): 4.2G, +10%, -20%"},   \
    {"--max-params", NULL, "X", "limit of the network's parameters: 25M, +10%, -20%"}
/* clang-format on */
/* Gives them to a session with an open model. */
enum status cli_set_repair(const struct cli *c, struct session *s, struct err *err);
/* The values of --pin, --bound and --prefer as words of session_try. */
struct cli_words {
    char **at;
    size_t n, cap;
};
enum status cli_wants(const struct cli *c, struct cli_words *out, struct err *err);
void cli_words_done(struct cli_words *w);

/* Starts the --json document: { "schema": 1. */
void cli_json_begin(struct cli *c, struct json *j);
void cli_json_end(struct cli *c, struct json *j);
/* The keys of one candidate, inside an object. */
void cli_json_candidate(struct json *j, const struct session_candidate *k);
/* Its "repair", and when it was refused and that is known, its "conflict". */
void cli_json_repair(struct json *j, const struct session_candidate *k);
void cli_json_conflict(struct json *j, const struct session_candidate *k);
/* "key": ["label", ...] */
void cli_json_nodes(struct json *j, const char *key, const struct graph *g, const int32_t *ids,
                    int n);
/* delta_* keys of b against a. */
void cli_json_deltas(struct json *j, const struct cost *a, const struct cost *b);
/* One node a line in topological order; with `shapes` also the types of its outputs. */
void cli_add_nodes(struct str *out, const struct graph *g, bool shapes);

/* A bar with rate and time left on stderr, when it is a terminal. */
void cli_progress(struct cli *c, int done, int total, const char *what);
void cli_progress_end(struct cli *c);
/* session_wait with a bar. */
enum status cli_wait(struct cli *c, struct session *s, const char *what, struct err *err);
/* Writes all of it to stdout. */
enum status cli_write_out(const char *text, size_t n, struct err *err);

extern const struct cli_command cmd_info, cmd_convert, cmd_zoo, cmd_segment, cmd_candidates,
    cmd_mutate, cmd_diff, cmd_verify, cmd_mine, cmd_db, cmd_run, cmd_dump, cmd_ui, cmd_fit,
    cmd_latency, cmd_label, cmd_labels, cmd_train, cmd_eval, cmd_predict, cmd_npu, cmd_search,
    cmd_report;

#endif
