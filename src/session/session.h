/* The open model: its versions, the segment in hand, the candidates for it, and the journal.
 * The only interface through which the fronts change anything.
 *
 * A session belongs to one thread (the front's). Heavy work (candidates, repairs, layouts,
 * pictures) runs on worker threads as jobs; a job holds a frozen graph and returns a result, and
 * session_poll() takes results in. Candidates are ranked by a total order, so the list does not
 * depend on the number of threads. Every edit is a record in the journal, on disk, before any
 * getter shows it.
 *
 * Ownership: pointers returned are borrowed. "Until the next edit" means until a call that changes
 * the current version or the model (session_open, _open_end, _recover, _apply, _replace, _undo,
 * _redo, _goto, _command); "until the next poll" also until session_poll/session_wait. A graph may
 * be kept with graph_ref. Failure: err.h; a call that fails leaves the session as it was. */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include "bpe/bpe.h"
#include "cost/cost.h"
#include "cost/npu.h"
#include "dot/dot.h"
#include "mutate/mutate.h"
#include "pred/pred.h"
#include "segdb/segdb.h"
#include "session/comparison.h"
#include <time.h>

struct session; /* opaque */

enum session_journal {
    SESSION_JOURNAL_OFF,     /* batch commands: nothing is kept */
    SESSION_JOURNAL_DEFAULT, /* under file_xdg("STATE", "sessions/...") */
    SESSION_JOURNAL_FILE,    /* at opts.journal_path */
};

/* Settings of all repairs from now on; those that differ from the defaults (all zero) are part of
 * the record of an edit. */
struct session_repair {
    int grow;     /* nodes outside the segment that may change too, 0 .. 64 */
    bool adapt;   /* adapters at the ports when nothing else fits */
    int multiple; /* widths are multiples of it where possible; 0: of 8 where they were, .. 1024 */
    /* Of the whole network (FLOPs by the paper's rule); 0: no limit, as after session_open. */
    int64_t max_flops_paper, max_params;
};

struct session_opts {
    uint64_t seed;
    int threads;            /* 0: as many as there are processors */
    int tries;              /* records of the database tried for a segment; 0: 100 */
    const char *vocab_path; /* NULL or "canonical": the shipped segments/vocab.json; "reference":
                               segments/reference.json; else a file */
    const char *segdb_path; /* NULL: the shipped segments/segments.db; the user's is over it */
    const char *npu_preset; /* the accelerator, as npu_preset_load's name; NULL: os32 */
    const char *predictor_path;   /* NULL: the shipped segments/predictor.bin, if there is one */
    const char *input_shape;      /* "NAME=1x3x224x224" for a model with open dimensions, or NULL */
    struct session_repair repair; /* how repairs are made at first */
    bool yields;                  /* workers give way to the thread that the session belongs to */
    bool read_only; /* no journal; edits, exports and whatever else would be written are refused */
    /* Told of each job that ended and was not cancelled, from session_poll; NULL: nobody is. */
    void (*on_job)(void *ctx, const char *kind, double seconds, enum status st);
    void *on_job_ctx;
    enum session_journal journal;
    const char *journal_path;
    const int *interrupt; /* polled while waiting (set by a signal handler); NULL: never */
};

/* A session without a model; strings are copied. Never fails. */
struct session *session_new(const struct session_opts *opts);
/* Cancels the jobs, closes the journal (an empty one is removed). NULL is fine. */
void session_free(struct session *s);

/* The accelerator that candidates are judged on; NULL: its preset cannot be read (a notice says
 * why).
 */
const struct npu_preset *session_npu(struct session *s);

/* ---- the model and its recovery ---- */

enum session_recover {
    SESSION_ASK,     /* open; an unfinished session of this model waits for session_recover() */
    SESSION_RECOVER, /* go on where it was */
    SESSION_FRESH,   /* set the old journal aside (renamed, never deleted) and begin anew */
};

/* Opens a model (model_open's spec) in place of the one at hand. On failure the old one stays
 * (none stays when the journal of SESSION_JOURNAL_FILE cannot be used). With SESSION_ASK and an
 * unfinished session found, session_pending() tells about it and edits are refused until
 * session_recover is called. With SESSION_RECOVER, ST_NO means that the model is open but the old
 * session could not be replayed, or not to its end (see session_recover). Without a place for the
 * default journal there is none, and session_notice() says so. */
enum status session_open(struct session *s, const char *spec, enum session_recover mode,
                         struct err *err);

/* The same in two parts, between which the model at hand can be worked with. A worker reads; the
 * strings are copied; what was being opened before is not any more. SESSION_CHANGED_OPENED tells
 * that the answer is there, also when it cannot be opened. */
void session_open_later(struct session *s, const char *spec);
/* Puts what was read in place of the model at hand, as session_open does, whose errors it has.
 * ST_USAGE: there is no answer yet. */
enum status session_open_end(struct session *s, enum session_recover mode, struct err *err);
/* What is being opened, from session_open_later to _end; NULL: nothing. */
const char *session_opening(const struct session *s);
/* It is not to be opened after all; nothing happens when none is. */
void session_open_stop(struct session *s);

struct session_pending {
    const char *path; /* the journal */
    int edits;        /* records that can be replayed */
    char time[32];    /* of the last one, as written in the journal; "" when none */
    bool closed;      /* it was left by quit, not by a crash */
    bool changed;     /* the model or the segment database is another one since: cannot go on */
};
/* What waits for an answer; NULL when nothing does. Until the next edit. */
const struct session_pending *session_pending(const struct session *s);
/* Answers with SESSION_RECOVER (replays; hashes are compared record by record) or SESSION_FRESH.
 * A replay that cannot go on stops: ST_NO with the line number; what was reached stays in the
 * session, the old journal is set aside, and the session is usable. */
enum status session_recover(struct session *s, enum session_recover mode, struct err *err);

bool session_is_open(const struct session *s);
const char *session_spec(const struct session *s);         /* as given; "" when none */
const char *session_journal_path(const struct session *s); /* "" when there is none */
uint64_t session_seed(const struct session *s);
int session_threads(const struct session *s);

/* ---- versions: the undo tree ---- */

struct session_version {
    int id, parent;      /* 0 is the model as opened, its parent is -1 */
    int redo;            /* the child that redo goes to, -1: none */
    const char *command; /* the canonical command that made it: "replace 5 s12"; "open ..." for 0 */
    const char *name, *note; /* what the user calls it and says of it; "" for none */
    const struct graph *graph;
    uint64_t hash; /* graph_hash */
    struct cost cost;
    time_t time;
};
/* The current version. */
const struct graph *session_graph(const struct session *s); /* until the next edit */
int session_cursor(const struct session *s);
int session_n_versions(const struct session *s);
/* NULL when there is no such version. Until the next edit. */
const struct session_version *session_version(const struct session *s, int id);
/* Which ids are the same nodes in both, as graph_diff_init has it. The versions exist. */
int32_t session_same_ids(const struct session *s, int a, int b);

/* The version that a word means, its number or its name. ST_USAGE: there is none. */
enum status session_find_version(const struct session *s, const char *word, int *out,
                                 struct err *err);

enum status session_undo(struct session *s, struct err *err); /* ST_NO: nothing to undo */
enum status session_redo(struct session *s, struct err *err);
enum status session_goto(struct session *s, int version, struct err *err);

/* Gives a version a name or a note, "" takes it off; journalled. ST_USAGE: control characters, more
 * than so many bytes, not UTF-8; a name that another version has, or that would mean something else
 * in the command language. */
enum { SESSION_NAME = 40, SESSION_NOTE = 200 };
enum status session_set_name(struct session *s, int version, const char *name, struct err *err);
enum status session_set_note(struct session *s, int version, const char *note, struct err *err);
/* The one that others are to be compared with, -1: none. Not journalled. */
int session_marked(const struct session *s);
enum status session_mark(struct session *s, int version, struct err *err);

/* The versions that the command `diff` showed last; false: it showed none, or wrote them. */
bool session_diffed(const struct session *s, int *a, int *b);

/* ---- segments of the current version ---- */

struct session_segment {
    struct region region;
    struct cost cost;
    bool known;    /* all tokens are in the vocabulary */
    bool ok;       /* may be replaced */
    char why[256]; /* why not */
    char *ops;     /* "Conv3x3 BatchNormalization Relu" in topological order */
};
/* Segments are numbered 0.. in the order of the segmentation; behind them come those of the user's
 * choice, in the order in which they were made. */
int session_n_segments(const struct session *s);
/* These nodes, and those on paths between them, as a segment: the one that they are already, or one
 * more. It belongs to the version. ST_USAGE: a hole among the ids. */
enum status session_own_segment(struct session *s, const int32_t *ids, int n, int *k,
                                struct err *err);
/* Worked out when first asked for. NULL when out of range. Until the next edit. */
const struct session_segment *session_segment(struct session *s, int k);
/* The segment that a word names: "5", or "nodes:conv1,#17", which is session_own_segment of nodes
 * said by name or by number. ST_USAGE: there is no such segment or node. */
enum status session_find_segment(struct session *s, const char *word, int *k, struct err *err);
/* The word for segment k, which exists, that means the same whatever was asked for before. */
void session_segment_word(const struct session *s, int k, struct str *out);
/* Index of the segment that the vocabulary puts the node in, per slot (-1: none), for
 * dot_opts.segment. Until the next edit. */
const int *session_segment_of(const struct session *s);
const struct bpe_segmentation *session_segmentation(const struct session *s);
/* The selected segment, -1 when none. */
int session_selected(const struct session *s);
/* Selects (or with -1 drops the selection) and starts the jobs that fill the candidates; jobs of
 * the selection before are cancelled. A segment that may not be replaced is selected too; it just
 * has no candidates. Returns at once. */
enum status session_select(struct session *s, int k, struct err *err);

/* ---- candidates of the selected segment ---- */

struct session_candidate {
    char id[SEGDB_NAME];            /* "self", "s123", or "u12" of the user's database */
    int64_t record;                 /* in the databases (segdb.h); 0 for self */
    int rank;                       /* from 1; 0: it is not among the accepted */
    const char *origin, *ops;       /* "" for none */
    const char *tags;               /* what the user calls it, parted by blanks; "" for none */
    const struct segdb_seen *seen;  /* NULL for self and for a record that cannot be read */
    const struct graph *fragment;   /* as in the database, before repair; pins name its ids */
    const struct candidate *result; /* graph, plan, costs; NULL while it is being worked out */
    bool accepted;                  /* result->graph exists */
    const char *reason;             /* why it is not among the accepted; "" otherwise */
    const struct mend_conflict *conflict; /* of a refused preview; NULL: not known, or none */
    uint64_t hash;                        /* graph_hash of the child */
    int64_t delta_flops, delta_flops_paper, delta_params; /* of the whole network */
    const char *npu;      /* the modelled accelerator (session_npu); NULL: there is none, */
    int64_t delta_cycles; /* and these are not known */
    double delta_energy_uj;
    int64_t npu_cycles; /* of the current version */
    double npu_energy_uj;
    /* What it is estimated to do to the accuracy, on the scale of this table of labels; NULL: there
     * is no estimate. */
    const struct pred_delta *estimate;
    const char *estimate_table;
};
/* Accepted ones by rank (0 is best): largest estimated gain of accuracy first, where the network is
 * of a distribution that the predictor knows; those it cannot judge behind them, smallest
 * delta_flops_paper first; ties by record. Rejected by
 * the user (session_reject) are left out; of those that give equal networks the first stays, and
 * of those that give the current network only self. Until the next poll. */
int session_n_candidates(const struct session *s);
const struct session_candidate *session_candidate(const struct session *s, int rank);
/* Refused ones, by record. Until the next poll. */
int session_n_refused(const struct session *s);
const struct session_candidate *session_refused(const struct session *s, int i);
/* How many more were tried and left out because they give a network that is there already. They do
 * not count as tries: others are tried in their place, as far as the database has them. */
int session_n_same(const struct session *s);
/* Rank of an id among the accepted; -1 when it is not there. */
int session_rank(const struct session *s, const char *id);
/* Progress of filling in: done of total; total is -1 while the database is being asked. */
void session_progress(const struct session *s, int *done, int *total);
/* ST_OK, or why the database could not be asked about the selected segment. */
enum status session_candidates_status(const struct session *s, struct err *err);
/* Hides a candidate in this session; journalled. */
enum status session_reject(struct session *s, const char *id, struct err *err);

/* ---- tags: what the user calls candidates ---- */

/* Gives a candidate a tag or takes it off, in this session; journalled. A record has its tags for
 * every segment. *changed (may be NULL): it was not so already. ST_USAGE: `id` is none of a record,
 * or the name is no word of letters, digits and . _ - */
enum status session_tag(struct session *s, const char *id, const char *name, bool on, bool *changed,
                        struct err *err);
/* How many records have tags. */
int session_n_tagged(const struct session *s);

/* ---- which are listed, and in which order: fields of field.h ---- */

/* A filter expression (filter.h); "": all are listed again. Holds for all segments. */
enum status session_set_filter(struct session *s, const char *text, struct err *err);
const char *session_filter(const struct session *s); /* "" when there is none */
bool session_keeps(const struct session *s, const struct session_candidate *c);
/* "dflops": the smallest first, as less of it is better; "-dflops": the other way round; "": by
 * rank. What is not known is last in either. */
enum status session_set_order(struct session *s, const char *text, struct err *err);
/* The ranks (from 0) of the accepted candidates that the filter keeps, in that order, into `rank`,
 * which has room for session_n_candidates; returns how many. */
int session_listed(const struct session *s, int *rank);

/* ---- more like one of them ---- */

/* Asks the database for records like candidate `id`, a tried one: with its operators first, then
 * nearest in relative cost. Those that were not tried yet are, and join the others;
 * session_notice() tells how many fit. ST_NO: it was not tried, or an earlier call goes on. */
enum status session_more(struct session *s, const char *id, struct err *err);

/* ---- batches: the best candidate of each segment ---- */

/* "[by FIELD] [in 3,5-7] EXPR": for each segment (of those given) of the current version in turn
 * the candidates are tried, and of those that pass the filter EXPR, or have the tag when it is a
 * word that is no field (those of session_filter when there is none), the best by FIELD (by rank)
 * is applied, as session_apply does; all while session_poll is called. A segment that an edit
 * before has changed, that may not be replaced or has no such candidate is passed over. An error,
 * or another edit, ends it; what was applied stays. session_notice() tells at the end. ST_USAGE:
 * another batch goes on, or the text is wrong. */
enum status session_batch(struct session *s, const char *text, struct err *err);
/* Segments dealt with and all of them; false: none goes on. */
bool session_batch_progress(const struct session *s, int *done, int *total);
void session_batch_stop(struct session *s);

/* ---- preview: the candidate under the magnifying glass, and its pins ---- */

/* Takes candidate `rank` as the preview, without pins; -1 drops the preview. */
enum status session_preview(struct session *s, int rank, struct err *err);
/* The same with refused candidate `i`: a worker finds the conflict it was refused for. */
enum status session_preview_refused(struct session *s, int i, struct err *err);
/* NULL when there is none. While a pin is being solved, `result` is the result before it and
 * session_preview_busy() is true. Until the next poll. */
const struct session_candidate *session_previewed(const struct session *s);
bool session_preview_busy(const struct session *s);
const struct mend_pin *session_pins(const struct session *s, int *n);
/* Fixes the output channels of a fragment node (0: releases it, also from a bound or preference of
 * the command language) and solves again on a worker. */
enum status session_repair_pin(struct session *s, int32_t fragment_node, int64_t channels,
                               struct err *err);
enum status session_unpin_all(struct session *s, struct err *err);
/* A fragment node by name or "#id"; -1 when there is none. */
int32_t session_fragment_node(const struct graph *fragment, const char *name);

/* ---- how repairs are made ---- */

const struct session_repair *session_repair(const struct session *s);
/* Drops the preview and asks for the candidates of the selected segment again. ST_USAGE: a value
 * out of range. */
enum status session_set_repair(struct session *s, const struct session_repair *r, struct err *err);

/* ---- edits ---- */

/* Applies the preview (with its pins), journalled. ST_NO when it was refused or is not ready.
 * The selection and the preview are dropped. */
enum status session_apply(struct session *s, struct err *err);
/* Works out segment k of the current version by the record `id` on this thread, selects k and makes
 * the result the preview, also a refused one. Words: pins, bounds and preferences of widths
 * ("NODE:channels=N", "NODE:channels=LO..HI", "NODE:prefer=N") and settings of the repair
 * ("grow=4", "adapt=on") that go before those of the session. ST_USAGE for an unknown segment, id,
 * node or word. */
enum status session_try(struct session *s, int k, const char *id, const char *const *word,
                        int n_word, struct err *err);
/* The canonical edit, done at once on this thread: session_try and session_apply in one. ST_NO
 * with the reason when it cannot be repaired. */
enum status session_replace(struct session *s, int k, const char *id, const char *const *word,
                            int n_word, struct err *err);
/* The shape repair that `session_try` would solve first, without limits, as a CPLEX LP file. */
enum status session_write_lp(struct session *s, int k, const char *id, const char *path,
                             struct err *err);

/* ---- the user's own segments ---- */

/* Where they are: segments.db in the data folder of the user. Makes the folder when `make`. Caller
 * frees. */
char *session_user_segments(int make);
/* Adds segment k of the current version to them, on a worker; session_notice() tells its name, or
 * the name by which it is known already. Finished also when the session ends before. */
enum status session_keep(struct session *s, int k, struct err *err);

/* ---- why an estimate is what it is ---- */

/* Asks a worker how much each node of the current network, and of the shown candidate's, moves the
 * estimate (pred_why). ST_NO: no candidate is shown, or there is no predictor. */
enum status session_why(struct session *s, struct err *err);
struct session_reasons {
    const float *weight[2]; /* per slot of the current network, of the candidate's; in sigma */
    int n[2];
};
/* The answer, as long as that candidate is shown as it is; NULL: not asked, not ready, or stopped.
 * Until the next poll. */
const struct session_reasons *session_reasons(const struct session *s);

/* Asks a worker, once for each version in hand, how long each node of the current network takes in
 * a run here, on one thread, while the session's other work goes on; SESSION_CHANGED_TIMES tells of
 * the end. */
enum status session_time(struct session *s, struct err *err);
/* Milliseconds by slot of the current network (a node computed along with another has 0) once they
 * are measured, until the next poll; else NULL, and in *why what went wrong, NULL: nothing. */
const double *session_times(const struct session *s, const char **why);

/* Changes the node of this name (or with an output of it) by hand; words are surgery.h's, and
 * settings of the repair. A width is pinned and repaired, up to 64 nodes changing with it unless
 * `grow` is set; the others are made as they are, and repaired when the network does not stay
 * consistent. ST_NO says why it cannot be. */
enum status session_edit_node(struct session *s, const char *name, const char *const *word, int n,
                              struct err *err);

/* ---- jobs ---- */

enum {
    SESSION_CHANGED_CANDIDATES = 1, /* list or progress */
    SESSION_CHANGED_PREVIEW = 2,
    SESSION_CHANGED_LAYOUT = 4,
    SESSION_CHANGED_NOTICE = 8,
    SESSION_CHANGED_FIT = 16, /* fitting.h */
    SESSION_CHANGED_TIMES = 32,
    SESSION_CHANGED_SEARCH = 64,   /* searching.h */
    SESSION_CHANGED_VERSION = 128, /* the current one is another */
    SESSION_CHANGED_BATCH = 256,   /* how far it is */
    SESSION_CHANGED_COMPARED = 512,
    SESSION_CHANGED_GLANCE = 1024, /* glance.h */
    SESSION_CHANGED_OPENED = 2048, /* session_open_end has an answer */
};
/* Readable when results wait. Valid for the life of the session. */
int session_fd(const struct session *s);
/* Takes results in, without blocking; returns SESSION_CHANGED_ bits. */
unsigned session_poll(struct session *s);
/* Waits until no job is left. ST_CANCELLED when opts.interrupt became set. */
enum status session_wait(struct session *s, struct err *err);
bool session_busy(const struct session *s);
/* A line about something that ended or was noticed in the background (a picture written, a segment
 * kept, a second process on the same model); NULL when there is none new. Borrowed until the next
 * call. */
const char *session_notice(struct session *s);
/* Whether that line tells of a success. */
bool session_notice_good(const struct session *s);

/* Layouts in cells, made by a worker. Each slot holds one; a new request cancels the one before. */
enum session_layout_slot {
    SESSION_LAYOUT_MAIN,
    SESSION_LAYOUT_GRAPH,
    SESSION_LAYOUT_PAIR, /* two of them, aligned (dot_layout_pair_init) */
    SESSION_LAYOUT_COUNT
};
/* keep: per slot of g (NULL: all), copied. `key` is the caller's word for what it asked. */
void session_request_layout(struct session *s, enum session_layout_slot slot, const struct graph *g,
                            const bool *keep, uint64_t key);
/* The same for SESSION_LAYOUT_PAIR; to_b: a diff's. All is copied. */
void session_request_layouts(struct session *s, const struct graph *const g[2], const int32_t *to_b,
                             bool *const keep[2], uint64_t key);
/* The same of boxes that stand for several nodes each; copied. */
void session_request_groups(struct session *s, enum session_layout_slot slot, const struct graph *g,
                            const struct dot_groups *groups, uint64_t key);
/* The newest layout of the slot, its key in *key; NULL when none yet (or it failed: *why is its
 * reason, NULL while it is being made; key and why may be NULL). Until the next poll. */
const struct dot_layout *session_layout(const struct session *s, enum session_layout_slot slot,
                                        uint64_t *key, const char **why);

/* ---- writing ---- */

/* The current version to a file; the suffix chooses onnx json dot svg png pdf py. */
enum status session_export(struct session *s, const char *path, struct err *err);
/* The same on a worker; session_notice() tells how it went. */
enum status session_export_later(struct session *s, const char *path, struct err *err);
/* Graph a compared with b (n_same: graph_diff_init's) as one picture (dot svg png pdf). */
enum status session_export_diff(const struct graph *a, const struct graph *b, int32_t n_same,
                                const char *path, struct err *err);
/* The same as an SVG element, added to `out`. */
enum status session_draw_diff(const struct graph *a, const struct graph *b, int32_t n_same,
                              struct str *out, struct err *err);
/* ---- comparing: comparison.h ---- */

/* What both cost, worked out on this thread; and asked of a worker: NULL until it has it (then
 * SESSION_CHANGED_COMPARED), or when others were asked for since. Until the next poll. */
void session_measure(struct session *s, const struct comparison *c, struct comparison_costs *out);
void session_compare(struct session *s, const struct comparison *c);
const struct comparison_costs *session_compared(const struct session *s,
                                                const struct comparison *c);
/* As a page (html) or one picture (svg png pdf dot), by suffix; later: on a worker,
 * session_notice() tells how it went. */
enum status session_compare_check(const char *path, struct err *err);
enum status session_compare_now(struct session *s, const struct comparison *c,
                                const struct comparison_said said[2], const char *path,
                                struct err *err);
enum status session_compare_later(struct session *s, const struct comparison *c,
                                  const struct comparison_said said[2], const char *path,
                                  struct err *err);

/* Any graph; segment_of as dot_opts.segment or NULL. */
enum status session_write(const struct graph *g, const int *segment_of, const char *path,
                          struct err *err);

/* ---- the command language (command_list.def) ---- */

struct session_word {
    const char *name, *args, *help;
};
/* All commands in listing order, for completion and help. */
const struct session_word *session_words(int *n);
bool session_is_word(const char *name);

enum {
    SESSION_ASYNC = 1, /* do not wait for jobs: session_poll brings the results */
};
/* Runs one line; what it has to say is added to `out` (whole lines). An empty line or a comment
 * (#) does nothing. */
enum status session_command(struct session *s, const char *line, unsigned flags, struct str *out,
                            struct err *err);
/* ST_NO: the session is read-only. */
enum status session_may_write(const struct session *s, struct err *err);
/* `quit` was said. */
bool session_quit_asked(const struct session *s);

#endif
