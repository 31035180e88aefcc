/* candidates and mutate: what could stand in the place of a segment, and putting it there. */
#include "cli/cli_priv.h"

#include "onx/onx.h"
#include "session/describe.h"
#include "session/model.h"

#include <stdio.h>
#include <stdlib.h>

static enum status need_segment(const struct cli *c, struct err *err)
{
    if (cli_get(c, "--segment"))
        return ST_OK;
    return err_set(err, ST_USAGE, "%s: --segment K is needed (autogo segment MODEL lists them)",
                   c->command->name);
}

/* ---- candidates ---- */

/* Refused candidate i; with --explain as the preview, with its conflict. */
static enum status refused(struct cli *c, struct session *s, int i,
                           const struct session_candidate **out, struct err *err)
{
    if (cli_get(c, "--explain")) {
        TRY(session_preview_refused(s, i, err));
        TRY(session_wait(s, err));
    }
    *out = cli_get(c, "--explain") ? session_previewed(s) : session_refused(s, i);
    return ST_OK;
}

static void listed_json(struct json *j, struct session *s, int top)
{
    int *rank = x_calloc((size_t)session_n_candidates(s) + 1, sizeof *rank);
    int n = session_listed(s, rank);
    json_kint(j, "kept", n);
    json_key(j, "candidates");
    json_array(j);
    for (int i = 0; i < n && i < top; i++) {
        json_object(j);
        json_kint(j, "rank", rank[i] + 1);
        cli_json_candidate(j, session_candidate(s, rank[i]));
        json_object_end(j);
    }
    json_array_end(j);
    free(rank);
}

static enum status candidates_json(struct cli *c, struct session *s, int k, int top,
                                   struct err *err)
{
    enum status st = ST_OK;
    const struct session_candidate *p;
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_kint(&j, "segment", k);
    json_kint(&j, "tried", session_n_candidates(s) + session_n_refused(s));
    json_kint(&j, "accepted", session_n_candidates(s));
    json_kint(&j, "same", session_n_same(s));
    listed_json(&j, s, top);
    json_key(&j, "rejected");
    json_array(&j);
    for (int i = 0; i < session_n_refused(s) && st == ST_OK; i++) {
        st = refused(c, s, i, &p, err);
        if (st != ST_OK)
            break;
        json_object(&j);
        json_kstr(&j, "id", p->id);
        json_kstr(&j, "reason", p->reason);
        cli_json_conflict(&j, p);
        json_object_end(&j);
    }
    json_array_end(&j);
    cli_json_end(c, &j);
    return st;
}

static enum status candidates_text(struct cli *c, struct session *s, int top, struct err *err)
{
    const struct session_candidate *p;
    describe_candidates(s, top, &c->out);
    for (int i = 0; cli_get(c, "--explain") && i < session_n_refused(s); i++) {
        TRY(refused(c, s, i, &p, err));
        describe_refusal(p, &c->out);
    }
    return ST_OK;
}

/* What --filter and --sort say. */
static enum status set_listing(struct cli *c, struct session *s, struct err *err)
{
    struct err why = {0};
    const char *filter = cli_get(c, "--filter"), *sort = cli_get(c, "--sort");
    if (filter && session_set_filter(s, filter, &why) != ST_OK)
        return err_set(err, why.code, "--filter: %s", why.msg);
    if (sort && session_set_order(s, sort, &why) != ST_OK)
        return err_set(err, why.code, "--sort: %s", why.msg);
    return ST_OK;
}

static bool keeps_any(struct session *s)
{
    for (int i = 0; i < session_n_candidates(s); i++)
        if (session_keeps(s, session_candidate(s, i)))
            return true;
    return false;
}

static enum status find(struct cli *c, struct session *s, int top, struct err *err)
{
    int k;
    TRY(set_listing(c, s, err));
    TRY(session_open(s, c->arg[0], SESSION_ASK, err));
    TRY(cli_set_repair(c, s, err));
    TRY(session_find_segment(s, cli_get(c, "--segment"), &k, err));
    TRY(session_select(s, k, err));
    TRY(cli_wait(c, s, "candidates", err));
    TRY(session_candidates_status(s, err));
    const char *note = session_notice(s); /* the user's own segments were left out */
    if (note)
        fprintf(stderr, "autogo: %s\n", note);
    TRY(c->json ? candidates_json(c, s, k, top, err) : candidates_text(c, s, top, err));
    const struct session_segment *seg = session_segment(s, k);
    if (!seg->ok)
        return err_set(err, ST_NO, "segment %d cannot be replaced: %s", k, seg->why);
    if (!session_n_candidates(s))
        return err_set(err, ST_NO, "segment %d: no candidate fits", k);
    return keeps_any(s)
               ? ST_OK
               : err_set(err, ST_NO, "segment %d: no candidate passes %s", k, session_filter(s));
}

static enum status run_candidates(struct cli *c, struct err *err)
{
    int64_t top, tries;
    TRY(need_segment(c, err));
    TRY(cli_get_int(c, "--top", 1, 1000000, 20, &top, err));
    TRY(cli_get_int(c, "--tries", 1, 1000000, top > 100 ? top : 100, &tries, err));
    struct session_opts o = {.seed = c->seed,
                             .threads = c->threads,
                             .tries = (int)tries,
                             .input_shape = c->input_shape,
                             .vocab_path = cli_get(c, "--vocab"),
                             .segdb_path = cli_get(c, "--segments"),
                             .predictor_path = cli_get(c, "--predictor"),
                             .npu_preset = cli_get(c, "--preset"),
                             .interrupt = &cli_interrupted};
    struct session *s = session_new(&o);
    enum status st = find(c, s, (int)top, err);
    session_free(s);
    return st;
}

/* ---- mutate ---- */

static void mutate_json(struct cli *c, const struct session_candidate *p, int k, const char *path)
{
    struct json j;
    cli_json_begin(c, &j);
    json_kstr(&j, "model", c->arg[0]);
    json_kint(&j, "segment", k);
    cli_json_candidate(&j, p);
    if (!p->accepted) {
        json_kstr(&j, "reason", p->reason);
        cli_json_conflict(&j, p);
    } else {
        char hash[24];
        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)p->hash);
        json_kstr(&j, "hash", hash);
        cli_json_nodes(&j, "added", p->result->graph, p->result->added, p->result->n_added);
        json_kstr(&j, "output", path);
    }
    cli_json_end(c, &j);
}

static enum status mutate(struct cli *c, struct session *s, const char *path, struct err *err)
{
    int k;
    struct cli_words words = {0};
    TRY(session_open(s, c->arg[0], SESSION_ASK, err));
    TRY(cli_set_repair(c, s, err));
    TRY(session_find_segment(s, cli_get(c, "--segment"), &k, err));
    enum status st = cli_wants(c, &words, err);
    if (st == ST_OK)
        st = session_try(s, k, cli_get(c, "--with"), (const char *const *)words.at, (int)words.n,
                         err);
    cli_words_done(&words);
    TRY(st);
    const struct session_candidate *p = session_previewed(s);
    if (p->accepted && str_ends(path, ".onnx")) {
        /* the file must be one that others accept: nothing is written otherwise */
        struct err why = {0};
        st = onx_check(p->result->graph, &why);
        if (st == ST_MODEL)
            return err_set(err, ST_INTERNAL, "the ONNX checker refuses the result: %.180s",
                           why.msg);
        if (st != ST_OK)
            return err_set(err, st, "%s", why.msg);
    }
    if (p->accepted)
        TRY(session_write(p->result->graph, NULL, path, err));
    if (c->json)
        mutate_json(c, p, k, path);
    else {
        describe_preview(s, &c->out);
        if (p->accepted)
            str_addf(&c->out, "%s: written\n", path);
    }
    return p->accepted ? ST_OK : err_set(err, ST_NO, "segment %d: %s: %s", k, p->id, p->reason);
}

static enum status run_mutate(struct cli *c, struct err *err)
{
    const char *path = cli_get(c, "--output");
    TRY(need_segment(c, err));
    if (!cli_get(c, "--with") || !path)
        return err_set(err, ST_USAGE,
                       "mutate: --with ID and -o FILE are needed (autogo mutate "
                       "--help)");
    TRY(model_check_path(path, err));
    struct session *s = cli_session(c);
    enum status st = mutate(c, s, path, err);
    session_free(s);
    return st;
}

static const struct cli_option options_candidates[] = {
    {"--segment", "-k", "K",
     "the segment (autogo segment lists them), or nodes:NODE,NODE... and what is between"},
    {"--top", "-n", "N", "how many to list (20)"},
    {"--tries", NULL, "N", "how many records of the database to try (100)"},
    {"--filter", NULL, "EXPR",
     "list only those with such numbers and names: dflops<-1% && ops~conv3x3 && !adapted"},
    {"--sort", NULL, "FIELD", "the better by a field first; -FIELD: the other way round"},
    CLI_REPAIR_OPTIONS,
    {"--explain", NULL, NULL, "tell why each refused one cannot be repaired"},
    {"--segments", NULL, "DB", "segment database below your own (the shipped one)"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {"--preset", NULL, "P",
     "the accelerator of the cycles (os32): a name of autogo npu, or a file"},
    {"--vocab", NULL, "V", "canonical (default), reference, or a vocabulary file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_candidates = {
    .name = "candidates",
    .args = "MODEL --segment K",
    .help = "what could replace a segment, ranked",
    .min_args = 1,
    .max_args = 1,
    .options = options_candidates,
    .run = run_candidates,
};

static const struct cli_option options_mutate[] = {
    {"--segment", "-k", "K",
     "the segment (autogo segment lists them), or nodes:NODE,NODE... and what is between"},
    {"--with", "-w", "ID", "the candidate: self, s123 or u12 (autogo candidates lists them)"},
    {"--pin", NULL, "NODE:channels=N", "fix the width of a node of the candidate (repeatable)"},
    {"--bound", NULL, "NODE:channels=LO..HI", "the range of a width (repeatable)"},
    {"--prefer", NULL, "NODE:channels=N", "the width that is wanted if it can be (repeatable)"},
    CLI_REPAIR_OPTIONS,
    {"--output", "-o", "FILE", "where the result goes"},
    {"--segments", NULL, "DB", "segment database below your own (the shipped one)"},
    {"--predictor", NULL, "FILE", "as autogo train writes it (the shipped one)"},
    {"--preset", NULL, "P",
     "the accelerator of the cycles (os32): a name of autogo npu, or a file"},
    {"--vocab", NULL, "V", "canonical (default), reference, or a vocabulary file"},
    {NULL, NULL, NULL, NULL},
};
const struct cli_command cmd_mutate = {
    .name = "mutate",
    .args = "MODEL --segment K --with ID -o FILE",
    .help = "replace a segment and write the result",
    .min_args = 1,
    .max_args = 1,
    .options = options_mutate,
    .run = run_mutate,
};
