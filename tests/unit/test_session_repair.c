/* session: settings of repairs, wants of widths, conflicts; in candidates, edits, and the journal.
 */
#include "base/mem.h"
#include "session/model.h"
#include "session/session.h"
#include "session/settings.h"
#include "session/wants.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64], vocab[128], db[128], journal[128];

/* ---- help ---- */

static void ok(enum status st, const struct err *err)
{
    if (st != ST_OK)
        fail_msg("status %d: %s: %s", st, err->file, err->msg);
}

static enum status open_source(const char *spec, struct graph **out, struct err *err)
{
    return model_open(spec, NULL, out, err);
}

static void clean(const char *part)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.' && strstr(e->d_name, part)) {
            char *path = x_asprintf("%s/%s", dir, e->d_name);
            unlink(path);
            free(path);
        }
    if (d)
        closedir(d);
}

/* Segments with one, two and more ports a side, some of which fit the U-Net only with help. */
static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    static const char *const spec[] = {
        "zoo:unet",
        "inception:3*mp3+p3+p5+p5:16>16&ap3+d3:16>16&mp3+p5:16>16&ap3+p3:16>16/3*d3+s5+s5:16>32&d3+"
        "p5+mp3:16>16&mp3+s5:16>16/2*p3+mp3:64>64&c3:64>64/6*d5+s3:64>128&c5:128>128",
        "inception:4*c5+c5:16>16&c3+c5:16>16/6*s5+s5:64>32&p3+d5+c5+s5:16>16&d5+c1:16>16/5*s5+s5+c3"
        ":64>64&c5+c5+dc1:32>32&c3+d3:32>32/6*s3+p5+c5:512>256"};
    snprintf(dir, sizeof dir, "test_session_repair.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(vocab, sizeof vocab, "%s/vocab.json", dir);
    snprintf(db, sizeof db, "%s/segments.db", dir);
    snprintf(journal, sizeof journal, "%s/session.journal", dir);
    setenv("XDG_DATA_HOME", dir, 1);
    struct segdb_mine_opts o = {.n_merges = 40, .max_piece = 8, .open_model = open_source};
    struct segdb_mined mined;
    enum status st = segdb_mine(spec, 3, vocab, db, &o, &mined, &err);
    if (st != ST_OK)
        fprintf(stderr, "mine: %s\n", err.msg);
    return st == ST_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    clean("");
    return rmdir(dir);
}

static struct session *opened(enum session_journal kind)
{
    struct err err = {0};
    struct session_opts o = {.threads = 2,
                             .tries = 20,
                             .vocab_path = vocab,
                             .segdb_path = db,
                             .journal = kind,
                             .journal_path = journal};
    struct session *s = session_new(&o);
    ok(session_open(s, "zoo:unet", SESSION_ASK, &err), &err);
    return s;
}

static void choose(struct session *s, int k)
{
    struct err err = {0};
    ok(session_select(s, k, &err), &err);
    ok(session_wait(s, &err), &err);
}

static void set(struct session *s, const struct session_repair *r)
{
    struct err err = {0};
    ok(session_set_repair(s, r, &err), &err);
    ok(session_wait(s, &err), &err);
}

static char *say(struct session *s, const char *line)
{
    struct err err = {0};
    struct str out = {0};
    enum status st = session_command(s, line, 0, &out, &err);
    if (st != ST_OK)
        fail_msg("%s: %s", line, err.msg);
    return out.s ? str_take(&out) : x_strdup("");
}

static void says(struct session *s, const char *line, const char *what)
{
    char *text = say(s, line);
    if (!strstr(text, what))
        fail_msg("'%s' says '%s', not '%s'", line, text, what);
    free(text);
}

static void refuses(struct session *s, const char *line, enum status want, const char *what)
{
    struct err err = {0};
    struct str out = {0};
    enum status st = session_command(s, line, 0, &out, &err);
    if (st != want || !strstr(err.msg, what))
        fail_msg("'%s' gives %d '%s', not %d '%s'", line, st, err.msg, want, what);
    str_done(&out);
}

/* The first candidate that needed the help, in any segment of the model, which is then selected. */
static const struct session_candidate *helped(struct session *s, bool grown)
{
    for (int k = 0; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        choose(s, k);
        for (int i = 0; i < session_n_candidates(s); i++) {
            const struct session_candidate *c = session_candidate(s, i);
            if (grown ? c->result->n_grown : c->result->n_adapter)
                return c;
        }
    }
    fail_msg("no segment has a candidate that needs it");
    return NULL;
}

static int32_t wide_conv(const struct graph *f)
{
    for (int i = 0; i < graph_n_nodes(f); i++) {
        int32_t id = graph_topo(f)[i];
        const struct node *n = graph_node(f, id);
        int uses;
        const struct use *u = graph_uses(f, id, &uses);
        bool inner = n->op == OP_CONV && !node_is_depthwise(n);
        for (int j = 0; j < uses; j++)
            inner &= graph_node(f, u[j].node)->op != OP_OUTPUT;
        if (inner)
            return id;
    }
    return -1;
}

/* ---- words ---- */

static void limits_are_read(void **state)
{
    (void)state;
    struct cost now = {.flops_paper = 1000, .params = 50};
    static const struct {
        const char *value;
        int64_t want; /* -1: refused */
    } t[] = {{"4.2G", 4200000000},
             {"8000000001", 8000000001},
             {"12k", 12000},
             {"+10%", 1100},
             {"-20%", 800},
             {"off", 0},
             {"10%", -1},
             {"-100%", -1},
             {"", -1},
             {"G", -1},
             {"0", -1},
             {"-5", -1},
             {"1e40", -1},
             {"nan", -1},
             {"+%", -1},
             {"9223372036854775808", -1}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct session_repair r = {.max_flops_paper = 7};
        struct err err = {0};
        enum status st = settings_set(&r, "max-flops", t[i].value, &now, &err);
        if (st != (t[i].want < 0 ? ST_USAGE : ST_OK) ||
            r.max_flops_paper != (t[i].want < 0 ? 7 : t[i].want))
            fail_msg("'%s' gives %d, %lld", t[i].value, st, (long long)r.max_flops_paper);
    }
}

static void settings_come_back_from_words(void **state)
{
    (void)state;
    struct session_repair r = {4, true, 16, 8000000000, 0}, back = {0};
    struct cost now = {0};
    struct str words = {0};
    settings_add_words(&r, &words);
    assert_string_equal(words.s, " grow=4 adapt=on multiple=16 max-flops=8000000000");
    char *rest = words.s;
    for (char *w; (w = strtok_r(rest, " ", &rest));) {
        assert_true(settings_is_word(w));
        assert_false(wants_is_word(w));
        assert_int_equal(settings_set_word(&back, w, &now, NULL), ST_OK);
    }
    assert_true(settings_equal(&r, &back));
    assert_true(wants_is_word("grow=4:channels=8")); /* a node may be called anything */
    str_done(&words);
}

/* ---- candidates ---- */

static void settings_change_the_candidates(void **state)
{
    (void)state;
    struct session *s = opened(SESSION_JOURNAL_OFF);
    int more_grown = 0, more_adapted = 0, others = 0;
    for (int k = 0; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        const struct region *r = &session_segment(s, k)->region;
        set(s, &(struct session_repair){0});
        choose(s, k);
        int plain = session_n_candidates(s);
        for (int i = 0; i < plain; i++) {
            const struct candidate *c = session_candidate(s, i)->result;
            assert_true(c->n_grown == 0 && c->n_adapter == 0);
        }
        set(s, &(struct session_repair){.grow = 8}); /* the segment stays selected */
        assert_int_equal(session_selected(s), k);
        more_grown += session_n_candidates(s) > plain;
        set(s, &(struct session_repair){.adapt = true});
        more_adapted += session_n_candidates(s) > plain;
        for (int i = 0; i < session_n_candidates(s); i++) {
            int n_in, n_out;
            graph_inputs(session_candidate(s, i)->fragment, &n_in);
            graph_outputs(session_candidate(s, i)->fragment, &n_out);
            others += n_in != r->n_in || n_out != r->n_out;
        }
    }
    assert_true(more_grown > 0);
    assert_true(more_adapted > 0);
    assert_true(others > 0);
    session_free(s);
}

static void settings_out_of_range_are_refused(void **state)
{
    (void)state;
    struct session *s = opened(SESSION_JOURNAL_OFF);
    static const struct session_repair bad[] = {{.grow = 65},
                                                {.grow = -1},
                                                {.multiple = 1025},
                                                {.max_flops_paper = -1},
                                                {.max_params = -1}};
    set(s, &(struct session_repair){.grow = 3});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        assert_int_equal(session_set_repair(s, &bad[i], &err), ST_USAGE);
        assert_int_equal(session_repair(s)->grow, 3);
    }
    refuses(s, "set grow x", ST_USAGE, "0 to 64");
    refuses(s, "set adapt maybe", ST_USAGE, "on nor off");
    refuses(s, "set colour blue", ST_USAGE, "colour");
    refuses(s, "set grow", ST_USAGE, "usage");
    says(s, "set", "grow        3");
    session_free(s);
}

static void limits_hold(void **state)
{
    (void)state;
    struct session *s = opened(SESSION_JOURNAL_OFF);
    const struct cost now = session_version(s, 0)->cost;
    struct session_repair r = {.grow = 2,
                               .adapt = true,
                               .max_flops_paper = now.flops_paper - now.flops_paper / 50,
                               .max_params = now.params - now.params / 500};
    int fit = 0;
    set(s, &r);
    for (int k = 0; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        choose(s, k);
        for (int i = 0; i < session_n_candidates(s); i++) {
            struct cost c;
            cost_graph(session_candidate(s, i)->result->graph, &c);
            assert_true(c.flops_paper <= r.max_flops_paper);
            assert_true(c.params <= r.max_params);
            fit++;
        }
    }
    assert_true(fit > 0);
    /* what no repair of the segment can reach is refused before one is tried */
    r = (struct session_repair){.max_flops_paper = 1000000};
    choose(s, 1);
    set(s, &r);
    assert_int_equal(session_n_candidates(s), 0);
    assert_true(session_n_refused(s) > 0);
    for (int i = 0; i < session_n_refused(s); i++)
        assert_non_null(
            strstr(session_refused(s, i)->reason, "the network without the segment has"));
    /* a limit is for one network, how repairs are made is not */
    r.grow = 4;
    set(s, &r);
    struct err err = {0};
    assert_int_equal(session_open(s, "zoo:fsrcnn-3", SESSION_FRESH, &err), ST_OK);
    assert_int_equal(session_repair(s)->max_flops_paper, 0);
    assert_int_equal(session_repair(s)->grow, 4);
    session_free(s);
}

/* ---- conflicts ---- */

static void conflict_is_sound(const struct session_candidate *c)
{
    assert_false(c->accepted);
    assert_non_null(c->conflict);
    assert_true(c->conflict->n > 0);
    assert_string_equal(c->reason, c->conflict->text);
    for (int i = 0; i < c->conflict->n; i++)
        assert_non_null(graph_node(c->fragment, c->conflict->part[i].node));
}

static void a_refused_candidate_is_explained(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF);
    int found = 0;
    for (int k = 0; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        choose(s, k);
        for (int i = 0; i < session_n_refused(s); i++) {
            assert_null(session_refused(s, i)->conflict);
            ok(session_preview_refused(s, i, &err), &err);
            assert_true(session_preview_busy(s));
            assert_non_null(session_previewed(s));
            ok(session_wait(s, &err), &err);
            conflict_is_sound(session_previewed(s));
            assert_int_equal(session_apply(s, &err), ST_NO);
            char *text = x_strdup(session_previewed(s)->reason);
            char *line = x_asprintf("explain %s", session_refused(s, i)->id);
            says(s, line, text);
            free(line);
            free(text);
            found++;
        }
        assert_int_equal(session_preview_refused(s, session_n_refused(s), &err), ST_USAGE);
        refuses(s, "explain self", ST_NO, "not refused");
        refuses(s, "explain 1", ST_NO, "not refused");
        refuses(s, "explain s99999", ST_NO, "not among");
    }
    assert_true(found > 0);
    session_free(s);
}

/* Two pins across a sum, or the like: some pin of some candidate cannot be met. */
static void an_impossible_pin_has_a_conflict(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF);
    int found = 0;
    for (int k = 0; k < session_n_segments(s) && !found; k++) {
        if (!session_segment(s, k)->ok)
            continue;
        choose(s, k);
        ok(session_preview(s, session_rank(s, "self"), &err), &err);
        const struct graph *f = session_previewed(s)->fragment;
        int32_t out = graph_outputs(f, &(int){0})[0], last = graph_node(f, out)->in[0].node;
        ok(session_repair_pin(s, last, 7, &err), &err); /* the boundary fixes another width */
        ok(session_wait(s, &err), &err);
        conflict_is_sound(session_previewed(s));
        says(s, "explain", session_previewed(s)->conflict->text);
        ok(session_unpin_all(s, &err), &err);
        ok(session_wait(s, &err), &err);
        assert_true(session_previewed(s)->accepted);
        assert_null(session_previewed(s)->conflict);
        found++;
    }
    assert_true(found > 0);
    session_free(s);
}

/* ---- bounds and preferences ---- */

static void bounds_and_preferences_are_kept(void **state)
{
    (void)state;
    struct session *s = opened(SESSION_JOURNAL_OFF);
    choose(s, 1);
    char line[128];
    says(s, "show self", "self for segment 1");
    int32_t node = wide_conv(session_previewed(s)->fragment);
    assert_true(node >= 0);
    snprintf(line, sizeof line, "pin #%d 32..40", node);
    free(say(s, line));
    const struct session_candidate *c = session_previewed(s);
    assert_true(c->accepted);
    int64_t got = graph_node(c->result->plan.fragment, node)->out[0].type.dim[1];
    assert_true(got >= 32 && got <= 40);
    snprintf(line, sizeof line, "prefer #%d 40", node);
    free(say(s, line));
    got = graph_node(session_previewed(s)->result->plan.fragment, node)->out[0].type.dim[1];
    assert_int_equal(got, 40);
    uint64_t hash = session_previewed(s)->hash;
    snprintf(line, sizeof line, "pin #%d 9..3", node);
    refuses(s, line, ST_USAGE, "32..128");
    says(s, "apply", "prefer=40");
    char *again = x_strdup(session_version(s, 1)->command);
    assert_non_null(strstr(again, "channels=32..40"));
    free(say(s, "undo"));
    says(s, again, "version 2");
    assert_true(session_version(s, 2)->hash == hash);
    free(again);
    session_free(s);
}

/* ---- the journal ---- */

static void edits_replay_with_their_settings(void **state)
{
    (void)state;
    struct err err = {0};
    for (int grown = 0; grown < 2; grown++) {
        clean("journal");
        struct session *s = opened(SESSION_JOURNAL_FILE);
        struct session_repair r = grown ? (struct session_repair){.grow = 8, .multiple = 4}
                                        : (struct session_repair){.adapt = true};
        set(s, &r);
        const struct session_candidate *c = helped(s, grown);
        uint64_t hash = c->hash;
        char *line = x_asprintf("apply %s", c->id);
        says(s, line, grown ? " grow=8 multiple=4" : " adapt=on");
        free(line);
        /* without the settings the same words would be another edit, or none */
        free(say(s, "undo"));
        set(s, &(struct session_repair){0});
        says(s, "replace 1 self", "version 2: replace 1 self (");
        free(say(s, "goto 1"));
        session_free(s);

        s = opened(SESSION_JOURNAL_FILE);
        set(s, &(struct session_repair){.multiple = 128, .max_params = 1});
        assert_non_null(session_pending(s));
        ok(session_recover(s, SESSION_RECOVER, &err), &err);
        assert_int_equal(session_n_versions(s), 3);
        assert_int_equal(session_cursor(s), 1);
        assert_true(session_version(s, 1)->hash == hash);
        assert_int_equal(session_repair(s)->multiple, 128);
        session_free(s);
    }
    clean("journal");
}

static void words_of_an_edit_go_before_the_settings(void **state)
{
    (void)state;
    struct session *s = opened(SESSION_JOURNAL_OFF);
    set(s, &(struct session_repair){.grow = 8});
    says(s, "replace 1 self grow=2 max-flops=+0%", " grow=2 max-flops=");
    says(s, "replace 1 self", " grow=8 (");
    says(s, "replace 1 self grow=0", "replace 1 self (");
    refuses(s, "replace 1 self grow=99", ST_USAGE, "0 to 64");
    refuses(s, "replace 1 self shrink=9", ST_USAGE, "NODE:channels");
    refuses(s, "replace 1 self max-flops=1k", ST_NO, "more than the limit");
    session_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_read),
        cmocka_unit_test(settings_come_back_from_words),
        cmocka_unit_test(settings_change_the_candidates),
        cmocka_unit_test(settings_out_of_range_are_refused),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_refused_candidate_is_explained),
        cmocka_unit_test(an_impossible_pin_has_a_conflict),
        cmocka_unit_test(bounds_and_preferences_are_kept),
        cmocka_unit_test(edits_replay_with_their_settings),
        cmocka_unit_test(words_of_an_edit_go_before_the_settings),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
