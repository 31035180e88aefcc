/* What the shells complete, made from the program's tables: which words can be at which place of a
 * command line. A file complete_SHELL.c writes that down in the words of one shell. */
#ifndef MAN_COMPLETE_H
#define MAN_COMPLETE_H

#include "cli/cli_priv.h"
#include "man/fill.h"

struct complete_word {
    char *text;
    const char *help; /* NULL: none */
};
/* What can be besides the words of a list. */
enum complete_more { MORE_NOTHING, MORE_FILES, MORE_FOLDERS, MORE_RECORDS /* of one's own */ };
enum { MORE_KINDS = MORE_RECORDS + 1 };
struct complete_list {
    char *name; /* a part of a function's name */
    struct complete_word *at;
    size_t n, cap;
    enum complete_more more;
    bool commas; /* several, with commas between */
};

/* An argument of a command: "db add MODEL" is {db, "add", 2, false, "MODEL"}. */
struct complete_place {
    const struct cli_command *command;
    char *verb; /* NULL: the command has no verbs, or this is the place of the verb */
    int at;     /* 1: the first argument */
    bool rest;  /* this one and all behind it */
    char *what; /* "MODEL", "VERB" */
};

struct complete {
    struct complete_list **list;
    struct complete_place *place;
    size_t n_list, n_place;
};
extern struct complete complete;

void complete_init(char *const *presets, int n_presets);
void complete_done(void);
/* The list of an option's values, of an argument; NULL: anything can be there. */
const struct complete_list *complete_of_option(const struct cli_option *o);
const struct complete_list *complete_of_place(const struct complete_place *p);
/* Its own options, then the common ones; NULL past the end. */
const struct cli_option *complete_option_at(const struct cli_command *k, int i);
bool complete_has_verbs(const struct cli_command *k);
/* "db add 2"; "mine " for all places from there on. */
void complete_add_place(struct str *out, const struct complete_place *p);
/* In single quotes; `quote` is how the shell writes one that is inside. */
void complete_quote(struct str *out, const char *s, const char *quote);
/* The command that names the segments in one's own database, a line each. */
#define COMPLETE_RECORDS \
    "autogo db list --top 1000000 2>/dev/null | sed -n 's/^\\(u[0-9]*\\) .*/\\1/p'\n"

/* The parts of a shell's template. */
extern const struct fill_part complete_bash[], complete_zsh[], complete_fish[];

#endif
