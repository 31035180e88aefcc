/* Inside of a session; for src/session only. Threads and failure: session.h. */
#ifndef SESSION_SESSION_PRIV_H
#define SESSION_SESSION_PRIV_H

#include "base/hash.h"
#include "session/field.h"
#include "session/filter.h"
#include "session/fitting.h"
#include "session/job.h"
#include "session/journal.h"
#include "session/model.h"
#include "session/searching.h"
#include "session/session.h"

#include <stdio.h>

/* Tags of jobs (job.h). */
enum {
    TAG_SELECT = 1,
    TAG_PREVIEW,
    TAG_WHY,
    TAG_WRITE,
    TAG_KEEP,
    TAG_FIT,
    TAG_TIME,
    TAG_SEARCH,
    TAG_TAKE,
    TAG_BATCH,
    TAG_COMPARE,
    TAG_GLANCE,
    TAG_OPEN,
    TAG_LAYOUT /* + slot */
};

struct version {
    struct session_version pub;
    struct graph *graph;
    char *command, *name, *note;
    bool segmented;
    struct bpe_segmentation seg;
    struct session_segment **segment;  /* seg.n_segments of them, NULL: not worked out yet */
    VEC(struct session_segment *) own; /* made by the user */
    int *segment_of;                   /* per slot */
    bool on_npu; /* the next two are worked out, for the session's accelerator */
    int64_t cycles;
    double energy_uj;
};

/* A candidate: of the list, or the preview's own with pins. */
struct entry {
    struct session_candidate pub;
    struct job *job; /* owns everything pub points to */
    char *ops;       /* of self */
    char why[300];
};

/* The records tried for a segment: of the one in hand, or of the one a batch is at. */
struct hunt {
    int tag;       /* of its jobs */
    int segment;   /* of the current version; -1: none */
    bool querying; /* the database is being asked */
    int done, total;
    struct err asking; /* why the database gave no answer; ST_OK */
    int64_t *ids;      /* what the database proposed */
    int n_ids, next_id;
    struct u64map tried;          /* records */
    VEC(struct entry *) all;      /* owns the entries */
    VEC(struct entry *) accepted; /* by rank */
    VEC(struct entry *) refused;  /* by record */
    VEC(struct entry *) same;     /* by record; give a network that is there already */
    bool unranked;                /* `all` has grown */
    struct pred_source *source;   /* of the segment in its version, or NULL */
    char like[SEGDB_NAME];        /* more like this one were asked for */
    bool liking;                  /* the database is being asked for them */
    int likes;                    /* how often they were asked for, */
    int like_left;                /* and of the last time so many records are still to come */
};

/* What the user calls a candidate. */
struct tagged {
    char id[SEGDB_NAME];
    char *names; /* parted by blanks */
};

struct batch; /* batch.c */

struct layout {
    struct job *job; /* the newest that came back, or NULL */
    uint64_t asked;  /* key of the newest request */
    bool making;
};

/* One of the networks that are trained. */
struct fit_side {
    struct training *t; /* a reference */
    char *title;
    enum { FIT_OPEN, FIT_DONE, FIT_STOPPED, FIT_FAILED } end;
    struct err err;
};

struct fitting {
    struct session_fit_settings set; /* of the next run */
    struct fit_side side[2];
    struct session_fit_change predicted;
    int n;
    int64_t seen; /* of the worker's counters */
};

struct searching {
    struct search_settings set;  /* of the next start */
    struct evolution *e;         /* the search at hand, a reference; NULL: none */
    struct evolution_state *now; /* the newest that came of it, or NULL */
    int version;                 /* whose network it is of */
    enum { SEARCH_OPEN, SEARCH_STOPPED, SEARCH_DONE, SEARCH_FAILED } end;
    struct err err;
};

struct glanced {
    char *key;
    struct session_glance *answer;
};

struct notice {
    char *text;
    bool good;
};

struct session {
    struct session_opts opts; /* strings are owned */
    char *vocab_path, *input_shape, *journal_file;
    uint64_t seed;
    int threads;

    char *spec;
    uint64_t model_hash;
    VEC(struct version *) version;
    int cursor, marked; /* marked: -1: none */
    int diffed[2];      /* session_diffed; -1: none */
    struct bpe_vocab *vocab;
    char *npu_name;
    struct npu_preset npu;
    enum { NPU_UNREAD, NPU_READ, NPU_BAD } npu_state;
    char *predictor_path;
    struct pred_model *pred; /* NULL: none, or not looked for yet */
    bool pred_sought;
    struct job *why; /* the answer about the shown candidate, or NULL */
    struct session_reasons reasons;
    struct layers layers;
    struct layers_db db; /* of this thread */
    struct pool *pool;

    struct journal *journal;
    bool pending; /* an answer about the old journal is waited for */
    struct session_pending pending_pub;
    struct journal_text old;

    struct hunt hunt;     /* for the selected segment */
    struct batch *batch;  /* what is going on, or the last that was; NULL: none */
    struct strmap hidden; /* ids rejected by the user */
    VEC(struct tagged) tagged;
    struct filter *filter; /* of the list, or NULL */
    char *filter_text;
    struct field_order order;

    struct entry *base;   /* the previewed entry of the list, or NULL */
    struct entry *pinned; /* the preview with pins solved, or NULL */
    bool repairing;
    struct wants wants; /* of the preview */
    struct session_repair how;

    struct graph *timing; /* whose nodes' times were asked for last, or NULL */
    struct job *timed;    /* the answer about it, or NULL */
    struct job *compared; /* the answer about the versions compared last, or NULL */
    struct layout layout[SESSION_LAYOUT_COUNT];
    struct fitting fitting;
    struct searching searching;
    VEC(struct glanced) glance; /* the oldest first */
    char *glancing;             /* key of the model that is being read, or NULL */
    char *opening;              /* session_opening */
    struct job *opened;         /* it has been read, or cannot be; NULL: not yet */
    VEC(struct notice) notice;  /* not told yet */
    struct notice told;         /* the one lent out last */
    bool quit;
};

/* session.c */
/* Everything that belongs to the model at hand. */
void session_drop_model(struct session *s);
enum status vocab_read(const char *path, struct bpe_vocab **out, struct err *err);
enum status session_need_model(const struct session *s, struct err *err);
/* The vocabulary is read. */
enum status session_need_vocab(struct session *s, struct err *err);
/* As above, and no question about an old journal is open. */
enum status session_may_edit(const struct session *s, struct err *err);
/* This thread's handle on the databases as they are now. */
enum status session_need_db(struct session *s, struct err *err);
/* Tells, once, that the user's database was left out. */
void session_note_trouble(struct session *s, const struct err *trouble);
void session_note(struct session *s, bool good, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool session_interrupted(const struct session *s);

/* scoring.c: the predictor and what it knows of the selected segment. */
/* The model, loaded when first asked for; NULL: there is none (a notice says when it is damaged).
 */
const struct pred_model *scoring_model(struct session *s);
/* What a QUERY job needs to make the source. */
void scoring_lend(struct session *s, struct job *query);
/* Takes the source that a QUERY job made. */
void scoring_take(struct hunt *h, struct job *query);
/* Gives a mutation of segment k a source: that of the hunt when it is for that segment, else one
 * made at once. */
void scoring_give(struct session *s, const struct hunt *h, int k, struct job *j);
void scoring_drop(struct hunt *h);
/* What leads from one version to a later one is estimated to do; false: there is no predictor. */
bool scoring_between(struct session *s, const struct graph *before, const struct graph *after,
                     struct pred_delta *out);
void why_take(struct session *s, struct job *j, unsigned *changed);
void why_drop(struct session *s);

/* version.c */
/* A version, segmented as far as there is a vocabulary, not yet in the tree. Takes a reference of
 * g. On any thread. */
enum status version_new(const struct bpe_vocab *vocab, const struct graph *g, const char *command,
                        struct version **out, struct err *err);
void version_free(struct version *v);
/* Puts it under `parent` and moves there, without journalling. */
void version_adopt(struct session *s, struct version *v, int parent);
void versions_done(struct session *s);
/* Journals `command` (hash before = of the cursor). */
enum status version_record(struct session *s, const char *command, uint64_t after, struct err *err);
/* Moves the cursor without journalling, for replay as well. */
enum status version_move(struct session *s, int to, struct err *err);
/* Where undo and redo lead; ST_NO when nowhere. */
enum status version_undo_target(const struct session *s, int *to, struct err *err);
enum status version_redo_target(const struct session *s, int *to, struct err *err);

/* segments.c */
enum status segments_cut(const struct bpe_vocab *vocab, struct version *v, struct err *err);
void segments_done(struct version *v);
/* "Conv3x3 BatchNormalization Relu" of these nodes in topological order; caller frees. */
char *version_ops(const struct graph *g, const int32_t *ids, int n);
/* Of its session_segment_word: part of the seed of a replacement. */
uint64_t segment_key(const struct session *s, int k);

/* naming.c: a record of the journal, "name @3 TEXT". */
enum status naming_replay(struct session *s, const char *command, struct err *err);
void naming_drop(struct session *s); /* of the versions that are there */

/* hunt.c */
/* Asks for the candidates of segment k of the current version; what was there is dropped. A segment
 * that may not be replaced has none. */
enum status hunt_start(struct session *s, struct hunt *h, int k, struct err *err);
void hunt_drop(struct session *s, struct hunt *h);
void hunt_done(struct hunt *h);
/* Takes a QUERY, CANDIDATE or LIKE job of its in. */
void hunt_take(struct session *s, struct hunt *h, struct job *j);
/* Sorts what hunt_take added into accepted, refused and same. */
void hunt_rank(struct session *s, struct hunt *h);
/* Everything that was to be tried was. */
bool hunt_over(const struct hunt *h);
/* The mutation job of segment k of the current version; ST_USAGE when there is no such segment,
 * ST_NO when it may not be replaced. */
enum status candidate_job(struct session *s, enum job_kind kind, int k, int64_t record,
                          struct job **out, struct err *err);
/* Wraps a finished job (taken over). */
struct entry *entry_new(struct job *j);
void entry_free(struct entry *e);

/* candidates.c */
void candidates_drop(struct session *s); /* selection, candidates, preview */
void candidates_take(struct session *s, struct job *j, unsigned *changed);
/* "self" or a segment's name -> 0 or its id. */
bool candidate_parse_id(const char *id, int64_t *record);
void candidate_set_hidden(struct session *s, const char *id);
/* Why an id is not among the candidates; NULL when it was not tried. */
const char *candidate_why_not(const struct session *s, const char *id);

/* tags.c */
/* "" for none; until the next change. */
const char *tags_of(const struct session *s, const char *id);
/* Without journalling; false: it was so already. */
bool tags_put(struct session *s, const char *id, const char *name, bool on);
/* ST_USAGE: no word of letters, digits and . _ - */
enum status tags_check(const char *name, struct err *err);
void tags_drop(struct session *s);

/* batch.c */
void batch_take(struct session *s, struct job *j, unsigned *changed);
/* Ends it, if one is going on: by the user, or because of something else. */
void batch_stop(struct session *s, const char *why);
void batch_done(struct session *s);
/* A line for each segment that it dealt with; ST_OK or why it stopped early. */
enum status batch_tell(const struct session *s, struct str *out, struct err *err);

/* preview.c */
void preview_drop(struct session *s);
/* Takes a finished repair over. */
void preview_take(struct session *s, struct job *j, unsigned *changed);
/* Bounds and wishes, as session_repair_pin; NODE is one of the shown candidate. */
enum status preview_bound(struct session *s, int32_t node, int64_t lo, int64_t hi, struct err *err);
enum status preview_prefer(struct session *s, int32_t node, int64_t channels, struct err *err);

/* edit.c */
/* Computes segment k by id on this thread; job->cand is the result. The words are of wants.h and
 * settings.h; settings that none of them names are those of `how`. `patience`: as in the job. */
enum status edit_compute(struct session *s, int k, const char *id, const char *const *word,
                         int n_word, const struct session_repair *how, double patience,
                         struct job **out, struct err *err);
/* Journals a computed job as the canonical replacement of segment k, and moves to its version. */
enum status edit_apply(struct session *s, int k, const struct job *j, struct err *err);
/* The version that a computed job makes, with its canonical command; ST_NO when it was refused. */
enum status edit_version(struct session *s, int k, const struct job *j, struct version **out,
                         struct err *err);

/* Journals a version and goes there; frees it when that fails. */
enum status edit_adopt(struct session *s, struct version *v, struct err *err);

/* surgery.c: the version that session_edit_node makes; `patience` as in the job. */
enum status surgery_version(struct session *s, const char *name, const char *const *word, int n,
                            const struct session_repair *how, double patience, struct version **out,
                            struct err *err);

/* keep.c */
void keep_take(struct session *s, struct job *j, unsigned *changed);
/* session_keep on this thread; what came of it is added to `out` as a line. */
enum status keep_now(struct session *s, int k, struct str *out, struct err *err);

/* fitting.c */
void fitting_drop(struct session *s);
void fitting_take(struct session *s, struct job *j, unsigned *changed);
/* Whether a worker got further. */
void fitting_look(struct session *s, unsigned *changed);
/* What session_fit_save_later writes; borrowed. */
enum status fitting_trained(const struct session *s, const struct graph **out, struct err *err);

/* searching.c */
void searching_init(struct session *s);
void searching_drop(struct session *s); /* the search; its settings stay */
void searching_done(struct session *s);
void searching_take(struct session *s, struct job *j, unsigned *changed);
/* Whether the worker left something new. */
void searching_look(struct session *s, unsigned *changed);
/* How the search at hand ended: what failed, as an error. */
enum status searching_end(const struct session *s, struct err *err);

/* taking.c */
void taking_take(struct session *s, struct job *j, unsigned *changed);
/* session_search_take on this thread; what came of it is added to `out` as a line. */
enum status taking_now(struct session *s, int i, struct str *out, struct err *err);

/* comparing.c */
void comparing_take(struct session *s, struct job *j, unsigned *changed);
void comparing_drop(struct session *s);
/* glance.c */
void glance_take(struct session *s, struct job *j, unsigned *changed);
void glance_done(struct session *s);

/* opening.c */
void opening_take(struct session *s, struct job *j, unsigned *changed);

/* timed.c */
void timed_take(struct session *s, struct job *j, unsigned *changed);
void timed_drop(struct session *s);

/* recover.c */
enum status recover_open(struct session *s, enum session_recover mode, struct err *err);

/* layout.c */
void layout_take(struct session *s, struct job *j, unsigned *changed);
void layouts_done(struct session *s);

#endif
