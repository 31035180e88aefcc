/* session: journal and recovery, the undo tree, candidates, the command language. */
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "family/family.h"
#include "segdb/segdb.h"
#include "session/journal.h"
#include "session/model.h"
#include "session/overview.h"
#include "session/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL                                                                                \
    "nb201:|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|skip_connect~0|nor_conv_3x3~1|" \
    "avg_pool_3x3~2|"

static char dir[64], vocab[128], db[128], journal[128];
static char *data_home, *own; /* the user's data folder, their database in it */

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

/* A small vocabulary and database of its own, so that nothing depends on the shipped ones. */
static int setup(void **state)
{
    (void)state;
    struct err err = {0};
    snprintf(dir, sizeof dir, "test_session.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(vocab, sizeof vocab, "%s/vocab.json", dir);
    snprintf(db, sizeof db, "%s/segments.db", dir);
    snprintf(journal, sizeof journal, "%s/session.journal", dir);
    char *spec[9] = {x_strdup(MODEL)};
    for (int i = 1; i < 9; i++)
        spec[i] = family_nb201_string(1700 * i + 13);
    struct segdb_mine_opts o = {.n_merges = 60, .max_piece = 6, .open_model = open_source};
    struct segdb_mined mined;
    enum status st = segdb_mine((const char *const *)spec, 9, vocab, db, &o, &mined, &err);
    for (int i = 0; i < 9; i++)
        free(spec[i]);
    if (st != ST_OK)
        fprintf(stderr, "mine: %s\n", err.msg);
    char *full = realpath(dir, NULL);
    data_home = x_asprintf("%s/data", full);
    free(full);
    setenv("XDG_DATA_HOME", data_home, 1);
    own = session_user_segments(1);
    return st == ST_OK ? 0 : -1;
}

/* The user has no segments. */
static void forget_own(void)
{
    char *folder = x_asprintf("%s/autogo", data_home);
    DIR *d = opendir(folder);
    struct dirent *e;
    while (d && (e = readdir(d))) {
        char *path = x_asprintf("%s/%s", folder, e->d_name);
        unlink(path);
        free(path);
    }
    if (d)
        closedir(d);
    free(folder);
}

static void empty_dir(const char *only)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    while (d && (e = readdir(d)))
        if (e->d_name[0] != '.' && (!only || strstr(e->d_name, only))) {
            char *path = x_asprintf("%s/%s", dir, e->d_name);
            unlink(path);
            free(path);
        }
    if (d)
        closedir(d);
}

static int teardown(void **state)
{
    (void)state;
    char *folder = x_asprintf("%s/autogo", data_home);
    forget_own();
    rmdir(folder);
    rmdir(data_home);
    free(folder);
    free(data_home);
    free(own);
    empty_dir(NULL);
    return rmdir(dir);
}

static int count_files(const char *part)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    int n = 0;
    while (d && (e = readdir(d)))
        n += strstr(e->d_name, part) != NULL;
    closedir(d);
    return n;
}

static struct session *new_session(enum session_journal kind, int threads)
{
    struct session_opts o = {.threads = threads,
                             .tries = 30,
                             .vocab_path = vocab,
                             .segdb_path = db,
                             .journal = kind,
                             .journal_path = journal};
    return session_new(&o);
}

static struct session *opened(enum session_journal kind, enum session_recover mode)
{
    struct err err = {0};
    struct session *s = new_session(kind, 2);
    ok(session_open(s, MODEL, mode, &err), &err);
    return s;
}

/* A segment with an accepted candidate that changes the network; its id into buf. */
static int find_edit(struct session *s, char *buf, size_t size)
{
    struct err err = {0};
    for (int k = 0; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        ok(session_select(s, k, &err), &err);
        ok(session_wait(s, &err), &err);
        for (int i = 0; i < session_n_candidates(s); i++) {
            const struct session_candidate *c = session_candidate(s, i);
            if (c->record && c->hash != session_version(s, session_cursor(s))->hash) {
                snprintf(buf, size, "%s", c->id);
                return k;
            }
        }
    }
    fail_msg("no segment of the test model has a real replacement");
    return -1;
}

static char edit_id[24];
static int edit_k = -1;

static void need_edit(void)
{
    if (edit_k >= 0)
        return;
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    edit_k = find_edit(s, edit_id, sizeof edit_id);
    session_free(s);
}

static uint64_t here(const struct session *s)
{
    return session_version(s, session_cursor(s))->hash;
}

static void say(struct session *s, const char *line)
{
    struct err err = {0};
    struct str out = {0};
    ok(session_command(s, line, 0, &out, &err), &err);
    str_done(&out);
}

static enum status refuse(struct session *s, const char *line, struct err *err)
{
    struct str out = {0};
    *err = (struct err){0};
    enum status st = session_command(s, line, 0, &out, err);
    str_done(&out);
    return st;
}

/* ---- models ---- */

static void opens_what_a_spec_names(void **state)
{
    (void)state;
    struct err err = {0};
    struct graph *g = NULL, *h = NULL;
    ok(model_open(MODEL, NULL, &g, &err), &err);
    char *path = x_asprintf("%s/model.onnx", dir);
    ok(model_write(g, NULL, path, &err), &err);
    uint64_t a, b;
    ok(model_read(path, NULL, &h, &a, &err), &err);
    assert_true(graph_hash(g) == graph_hash(h));
    graph_unref(h);
    ok(model_read(MODEL, NULL, &h, &b, &err), &err);
    assert_true(b == graph_hash(g));
    assert_true(a != b);
    graph_unref(h);
    graph_unref(g);
    free(path);
    assert_int_equal(model_open("zoo:nothing", NULL, &g, &err), ST_USAGE);
    err = (struct err){0};
    assert_int_equal(model_open("no/such/file.onnx", NULL, &g, &err), ST_IO);
    assert_string_equal(err.file, "no/such/file.onnx");
}

static void fixes_an_input_shape(void **state)
{
    (void)state;
    struct err err = {0};
    struct graph *g;
    struct model_opts o = {.input_shape = "2x3x48x48"};
    ok(model_open(MODEL, &o, &g, &err), &err);
    int n;
    const struct ttype *t = &graph_node(g, graph_inputs(g, &n)[0])->out[0].type;
    assert_int_equal(t->dim[0], 2);
    assert_int_equal(t->dim[3], 48);
    graph_unref(g);
    static const char *const bad[] = {"2x3x48x",    "x", "nosuch=1x3x32x32",
                                      "1x-3x32x32", "",  "1x3x32x32x1x1x1x1x1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.input_shape = bad[i];
        assert_int_equal(model_open(MODEL, &o, &g, &err), ST_USAGE);
    }
}

/* ---- the journal by itself ---- */

static void write_text(const char *text)
{
    struct err err = {0};
    ok(file_write(journal, text, strlen(text), &err), &err);
}

static char *read_text(const char *path)
{
    unsigned char *data = NULL;
    size_t n = 0;
    struct err err = {0};
    ok(file_read(path, 1 << 24, &data, &n, &err), &err);
    char *text = x_strndup((const char *)data, n);
    free(data);
    return text;
}

static void make_journal(int records)
{
    struct err err = {0};
    struct journal *j;
    struct journal_header h = {1, 2, 3, 4, 5, (char *)(uintptr_t) "a model"};
    unlink(journal);
    ok(journal_open(&j, journal, &err), &err);
    ok(journal_begin(j, &h, &err), &err);
    for (int i = 0; i < records; i++)
        ok(journal_append(j, i % 2 ? "undo" : "replace 3 s12", (uint64_t)i, (uint64_t)i + 1, &err),
           &err);
    journal_close(j, false);
}

static enum status read_journal(struct journal_text *t, struct err *err)
{
    struct journal *j;
    ok(journal_open(&j, journal, err), err);
    enum status st = journal_read(j, t, err);
    journal_close(j, false);
    return st;
}

static void journal_round_trip(void **state)
{
    (void)state;
    struct err err = {0};
    struct journal_text t = {0};
    make_journal(3);
    ok(read_journal(&t, &err), &err);
    assert_int_equal(t.record.n, 3);
    assert_string_equal(t.head.spec, "a model");
    assert_int_equal(t.head.seed, 5);
    assert_string_equal(t.record.at[0].command, "replace 3 s12");
    assert_int_equal(t.record.at[2].after, 3);
    assert_int_equal(t.record.at[2].line, 9);
    journal_text_done(&t);
}

/* Cut at every byte: all whole records before the cut are there, and writing goes on after them. */
static void journal_torn_anywhere(void **state)
{
    (void)state;
    struct err err = {0};
    make_journal(3);
    char *text = read_text(journal);
    size_t n = strlen(text);
    for (size_t cut = 0; cut <= n; cut++) {
        int lines = 0;
        for (size_t i = 0; i < cut; i++)
            lines += text[i] == '\n';
        char *part = x_strndup(text, cut);
        write_text(part);
        free(part);
        struct journal_text t = {0};
        ok(read_journal(&t, &err), &err);
        assert_int_equal(t.record.n, lines > 6 ? lines - 6 : 0);
        assert_int_equal(t.empty, lines < 6);
        if (!t.empty) {
            struct journal *j;
            struct journal_text again = {0};
            ok(journal_open(&j, journal, &err), &err);
            ok(journal_resume(j, &t, &err), &err);
            ok(journal_append(j, "redo", 7, 8, &err), &err);
            journal_close(j, false);
            ok(read_journal(&again, &err), &err);
            assert_int_equal(again.record.n, t.record.n + 1);
            assert_string_equal(again.record.at[t.record.n].command, "redo");
            journal_text_done(&again);
        }
        journal_text_done(&t);
    }
    free(text);
}

static void journal_damage_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct journal_text t = {0};
    make_journal(3);
    char *text = read_text(journal);
    char *record = strstr(text, "s12"); /* in line 7, the first record */
    assert_non_null(record);
    *record = 'S';
    write_text(text);
    assert_int_equal(read_journal(&t, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "line 7"));
    free(text);
    write_text("dear diary\n");
    assert_int_equal(read_journal(&t, &err), ST_IO);
    write_text("autogo-journal 99\nmodel x\n");
    assert_int_equal(read_journal(&t, &err), ST_UNSUPPORTED);
}

static void journal_is_locked_and_set_aside(void **state)
{
    (void)state;
    struct err err = {0};
    struct journal *a, *b;
    empty_dir("journal");
    make_journal(1);
    ok(journal_open(&a, journal, &err), &err);
    assert_int_equal(journal_open(&b, journal, &err), ST_NO);
    ok(journal_set_aside(a, &err), &err);
    assert_int_equal(journal_open(&b, journal, &err), ST_NO);
    journal_close(a, true);
    ok(journal_open(&b, journal, &err), &err);
    journal_close(b, true);
    assert_int_equal(count_files(".old"), 1);
    empty_dir("journal");
}

/* ---- candidates ---- */

/* All candidates and refusals of segment k as text. */
static char *list(struct session *s, int k)
{
    struct err err = {0};
    struct str b = {0};
    ok(session_select(s, k, &err), &err);
    ok(session_wait(s, &err), &err);
    for (int i = 0; i < session_n_candidates(s); i++) {
        const struct session_candidate *c = session_candidate(s, i);
        str_addf(&b, "%s %" PRId64 " %016" PRIx64 "\n", c->id, c->delta_flops_paper, c->hash);
    }
    for (int i = 0; i < session_n_refused(s); i++)
        str_addf(&b, "%s: %s\n", session_refused(s, i)->id, session_refused(s, i)->reason);
    str_addf(&b, "and %d that give the same\n", session_n_same(s));
    return str_take(&b);
}

static void candidates_do_not_depend_on_threads(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s[2] = {new_session(SESSION_JOURNAL_OFF, 1),
                            new_session(SESSION_JOURNAL_OFF, 4)};
    for (int i = 0; i < 2; i++)
        ok(session_open(s[i], MODEL, SESSION_ASK, &err), &err);
    int n = session_n_segments(s[0]), looked = 0;
    assert_true(n > 3);
    for (int k = 0; k < n && looked < 6; k++) {
        if (!session_segment(s[0], k)->ok)
            continue;
        looked++;
        char *a = list(s[0], k), *b = list(s[1], k);
        assert_string_equal(a, b);
        assert_non_null(strstr(a, "self 0 "));
        free(a);
        free(b);
    }
    assert_true(looked > 0);
    session_free(s[0]);
    session_free(s[1]);
}

static void candidates_are_ranked(void **state)
{
    (void)state;
    need_edit();
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    free(list(s, edit_k));
    int done, total;
    session_progress(s, &done, &total);
    assert_int_equal(done, total);
    assert_int_equal(total, session_n_candidates(s) + session_n_refused(s) + session_n_same(s));
    for (int i = 1; i < session_n_candidates(s); i++) {
        const struct session_candidate *a = session_candidate(s, i - 1),
                                       *b = session_candidate(s, i);
        assert_true(a->delta_flops_paper < b->delta_flops_paper ||
                    (a->delta_flops_paper == b->delta_flops_paper && a->record < b->record));
    }
    assert_true(session_rank(s, edit_id) >= 0);
    say(s, "reject self");
    assert_int_equal(session_rank(s, "self"), -1);
    session_free(s);
}

/* Networks that are there already are neither candidates nor refused, and do not count as tries. */
static void equal_networks_are_folded(void **state)
{
    (void)state;
    struct err err = {0};
    int folded = 0, replaced = 0;
    for (int tries = 2; tries <= 6; tries += 2) {
        struct session_opts o = {
            .threads = 2, .tries = tries, .vocab_path = vocab, .segdb_path = db};
        struct session *s = session_new(&o);
        ok(session_open(s, MODEL, SESSION_ASK, &err), &err);
        for (int k = 0; k < session_n_segments(s); k++) {
            if (!session_segment(s, k)->ok)
                continue;
            free(list(s, k));
            int n = session_n_candidates(s), counted = n + session_n_refused(s) - 1; /* self */
            for (int i = 0; i < n; i++)
                for (int j = 0; j < i; j++)
                    assert_true(session_candidate(s, i)->hash != session_candidate(s, j)->hash);
            for (int i = 0; i < n; i++)
                assert_true(session_candidate(s, i)->record == 0 ||
                            session_candidate(s, i)->hash != here(s));
            for (int i = 0; i < session_n_refused(s); i++)
                assert_null(strstr(session_refused(s, i)->reason, "same network"));
            assert_true(session_n_same(s) + counted <= 2 * tries);
            assert_true(counted <= tries);
            folded += session_n_same(s);
            replaced += session_n_same(s) > 0 && counted == tries;
        }
        session_free(s);
    }
    assert_true(folded > 0);
    assert_true(replaced > 0);
}

static void selecting_again_drops_the_old_jobs(void **state)
{
    (void)state;
    need_edit();
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    char *calm = list(s, edit_k);
    for (int k = 0; k < session_n_segments(s); k++)
        ok(session_select(s, k, &err), &err);
    char *after = list(s, edit_k);
    assert_string_equal(calm, after);
    free(calm);
    free(after);
    ok(session_select(s, edit_k, &err), &err);
    session_free(s); /* with jobs under way */
}

static void self_gives_the_same_network(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    uint64_t before = here(s);
    int tried = 0;
    for (int k = 0; k < session_n_segments(s); k++)
        if (session_segment(s, k)->ok) {
            ok(session_replace(s, k, "self", NULL, 0, &err), &err);
            assert_true(here(s) == before);
            tried++;
        }
    assert_true(tried > 0);
    assert_int_equal(session_n_versions(s), tried + 1);
    session_free(s);
}

/* A convolution of a candidate's fragment that its output does not fix. */
static int32_t inner_conv(const struct graph *f)
{
    for (int i = 0; i < graph_n_nodes(f); i++) {
        int32_t id = graph_topo(f)[i];
        if (graph_node(f, id)->op == OP_CONV)
            return id;
    }
    return -1;
}

static void pins_are_solved_and_released(void **state)
{
    (void)state;
    need_edit();
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    int pinned = 0, refused = 0;
    for (int k = 0; k < session_n_segments(s) && pinned + refused < 4; k++) {
        if (!session_segment(s, k)->ok)
            continue;
        free(list(s, k));
        for (int i = 0; i < session_n_candidates(s) && pinned + refused < 4; i++) {
            ok(session_preview(s, i, &err), &err);
            const struct session_candidate *c = session_previewed(s);
            int32_t node = inner_conv(c->fragment);
            if (node < 0)
                continue;
            uint64_t before = c->hash;
            ok(session_repair_pin(s, node, 24, &err), &err);
            assert_true(session_preview_busy(s));
            assert_int_equal(session_apply(s, &err), ST_NO);
            ok(session_wait(s, &err), &err);
            assert_false(session_preview_busy(s));
            c = session_previewed(s);
            if (c->accepted) {
                const struct graph *f = c->result->plan.fragment;
                assert_int_equal(graph_node(f, node)->out[0].type.dim[1], 24);
                pinned++;
            } else {
                assert_true(c->reason[0] != '\0');
                assert_int_equal(session_apply(s, &err), ST_NO);
                refused++;
            }
            ok(session_unpin_all(s, &err), &err);
            ok(session_wait(s, &err), &err);
            assert_true(session_previewed(s)->hash == before);
        }
    }
    assert_true(pinned + refused > 0);
    session_free(s);
}

/* ---- versions ---- */

static void undo_tree(void **state)
{
    (void)state;
    need_edit();
    struct err err = {0};
    char line[64];
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    uint64_t first = here(s);
    assert_int_equal(session_undo(s, &err), ST_NO);
    assert_int_equal(session_redo(s, &err), ST_NO);
    snprintf(line, sizeof line, "replace %d %s", edit_k, edit_id);
    say(s, line); /* 1 */
    uint64_t edited = here(s);
    assert_true(edited != first);
    say(s, "undo");
    assert_true(here(s) == first);
    snprintf(line, sizeof line, "replace %d self", edit_k);
    say(s, line); /* 2, beside 1 */
    assert_int_equal(session_version(s, 2)->parent, 0);
    assert_true(here(s) == first);
    say(s, "undo");
    say(s, "redo"); /* the branch taken last */
    assert_int_equal(session_cursor(s), 2);
    say(s, "goto 1"); /* the other one is still there */
    assert_true(here(s) == edited);
    say(s, "undo");
    say(s, "redo"); /* and is now the one taken last */
    assert_int_equal(session_cursor(s), 1);
    assert_int_equal(session_goto(s, 3, &err), ST_USAGE);
    struct comparison c;
    assert_int_equal(session_same_ids(s, 0, 2), GRAPH_SAME_IDS);
    assert_int_equal(session_same_ids(s, 2, 0), GRAPH_SAME_IDS);
    assert_int_equal(session_same_ids(s, 1, 2), graph_n_slots(session_version(s, 0)->graph));
    comparison_init(&c, session_version(s, 0)->graph, session_version(s, 2)->graph, GRAPH_SAME_IDS);
    assert_int_equal(c.count[COMPARISON_ADDED], c.count[COMPARISON_REMOVED]);
    assert_true(c.equal);
    comparison_done(&c);
    session_free(s);
}

static void outside_of_the_segment_nothing_moves(void **state)
{
    (void)state;
    need_edit();
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    struct graph *before = graph_ref(session_graph(s));
    const int *of = session_segment_of(s);
    bool *inside = x_calloc((size_t)graph_n_slots(before), 1);
    for (int i = 0; i < graph_n_slots(before); i++)
        inside[i] = of[i] == edit_k;
    ok(session_replace(s, edit_k, edit_id, NULL, 0, &err), &err);
    const struct graph *after = session_graph(s);
    for (int i = 0; i < graph_n_slots(before); i++) {
        const struct node *n = graph_node(before, i);
        if (!n)
            continue;
        if (inside[i])
            assert_null(graph_node(after, i));
        else
            assert_string_equal(n->name, graph_node(after, i)->name);
    }
    free(inside);
    graph_unref(before);
    session_free(s);
}

/* ---- recovery ---- */

/* Does `lines` in a child that dies without any farewell. */
static void crash_after(const char *const *lines, int n)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        struct str out = {0};
        struct session *s = new_session(SESSION_JOURNAL_FILE, 1);
        bool good = session_open(s, MODEL, SESSION_FRESH, &err) == ST_OK;
        for (int i = 0; i < n && good; i++)
            good = session_command(s, lines[i], 0, &out, &err) == ST_OK;
        _exit(good ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void recovers_the_whole_tree(void **state)
{
    (void)state;
    need_edit();
    struct err err = {0};
    char edit[64], self[64];
    snprintf(edit, sizeof edit, "replace %d %s", edit_k, edit_id);
    snprintf(self, sizeof self, "replace %d self", edit_k);
    const char *lines[] = {edit, "undo", self, "reject s1", "goto 1", "undo", "redo"};
    empty_dir("journal");
    crash_after(lines, 7);
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_ASK);
    const struct session_pending *p = session_pending(s);
    assert_non_null(p);
    assert_int_equal(p->edits, 7);
    assert_false(p->closed);
    assert_false(p->changed);
    assert_int_equal(refuse(s, "undo", &err), ST_USAGE); /* the question comes first */
    assert_int_equal(refuse(s, self, &err), ST_USAGE);
    say(s, "recover");
    assert_null(session_pending(s));
    assert_int_equal(session_n_versions(s), 3);
    assert_int_equal(session_cursor(s), 1);
    assert_int_equal(session_version(s, 2)->parent, 0);
    assert_string_equal(session_version(s, 1)->command, edit);
    say(s, "undo");
    session_free(s); /* by quit this time */
    s = opened(SESSION_JOURNAL_FILE, SESSION_ASK);
    assert_true(session_pending(s)->closed);
    assert_int_equal(session_pending(s)->edits, 8);
    say(s, "fresh");
    assert_int_equal(session_n_versions(s), 1);
    session_free(s);
    assert_int_equal(count_files(".old"), 1);
    assert_int_equal(count_files("session.journal"), 1); /* the empty new one is gone */
    empty_dir("journal");
}

/* Changes by hand are journalled with all that they depend on. */
static void recovers_changes_by_hand(void **state)
{
    (void)state;
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    const struct graph *g = session_graph(s);
    const char *conv = NULL;
    for (int i = 0; i < graph_n_nodes(g) && !conv; i++) {
        const struct node *n = graph_node(g, graph_topo(g)[i]);
        conv = n->op == OP_CONV ? node_label(n) : NULL;
    }
    assert_non_null(conv);
    char kernel[128], after[128];
    snprintf(kernel, sizeof kernel, "edit %s kernel=5", conv);
    snprintf(after, sizeof after, "edit %s after=relu6", conv);
    say(s, kernel);
    say(s, after);
    uint64_t hash = here(s);
    session_free(s);
    const char *lines[] = {kernel, "undo", "redo", "set grow 3", after};
    empty_dir("journal");
    crash_after(lines, 5);
    s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
    assert_int_equal(session_n_versions(s), 3);
    assert_true(here(s) == hash);
    assert_non_null(strstr(session_version(s, 2)->command, "after=relu6 grow=3"));
    say(s, "undo");
    assert_string_equal(session_version(s, 1)->command, kernel);
    session_free(s);
    empty_dir("journal");
}

/* Nodes of the user's choice are a segment like any other, in whatever order they were asked for.
 */
static void recovers_segments_of_ones_own(void **state)
{
    (void)state;
    need_edit();
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    struct err err = {0};
    const struct region *r = &session_segment(s, edit_k)->region;
    int n = session_n_segments(s), k, again;
    assert_int_equal(session_own_segment(s, r->ids, r->n, &k, &err), ST_OK);
    assert_int_equal(k, edit_k); /* it is one already */
    int32_t two[2] = {r->ids[0], r->ids[1]};
    assert_int_equal(session_own_segment(s, two, 1, &k, &err), ST_OK);
    assert_int_equal(k, n);
    assert_int_equal(session_segment(s, k)->region.n, 1);
    assert_int_equal(session_own_segment(s, two + 1, 1, &k, &err), ST_OK);
    assert_int_equal(k, n + 1);
    assert_int_equal(session_own_segment(s, two, 1, &again, &err), ST_OK);
    assert_int_equal(again, n);
    assert_int_equal(session_n_segments(s), n + 2);
    char first[64], second[64];
    snprintf(first, sizeof first, "segment nodes:#%d", (int)two[0]);
    snprintf(second, sizeof second, "replace nodes:#%d self", (int)two[1]);
    say(s, second);
    uint64_t hash = here(s);
    assert_string_equal(session_version(s, 1)->command, second);
    assert_int_equal(refuse(s, "segment nodes:no_such_node", &err), ST_USAGE);
    assert_int_equal(refuse(s, "segment nodes:", &err), ST_USAGE);
    assert_int_equal(refuse(s, "segment nodes:#999999", &err), ST_USAGE);
    session_free(s);
    const char *lines[] = {first, second, "undo", "redo"};
    empty_dir("journal");
    crash_after(lines, 4);
    s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
    assert_int_equal(session_n_versions(s), 2);
    assert_true(here(s) == hash);
    assert_string_equal(session_version(s, 1)->command, second);
    session_free(s);
    empty_dir("journal");
}

static void replay_stops_where_hashes_differ(void **state)
{
    (void)state;
    need_edit();
    struct err err = {0};
    char edit[64];
    snprintf(edit, sizeof edit, "replace %d %s", edit_k, edit_id);
    const char *lines[] = {edit};
    empty_dir("journal");
    crash_after(lines, 1);
    struct journal *j;
    struct journal_text t = {0};
    ok(journal_open(&j, journal, &err), &err);
    ok(journal_read(j, &t, &err), &err);
    ok(journal_resume(j, &t, &err), &err);
    uint64_t at = t.record.at[0].after;
    ok(journal_append(j, "undo", at, at + 1, &err), &err); /* line 8: not where undo leads */
    journal_close(j, false);
    journal_text_done(&t);
    struct session *s = new_session(SESSION_JOURNAL_FILE, 1);
    assert_int_equal(session_open(s, MODEL, SESSION_RECOVER, &err), ST_NO);
    assert_non_null(strstr(err.msg, "line 8"));
    assert_int_equal(session_n_versions(s), 2); /* what was right is there, and goes on */
    assert_true(here(s) == at);
    assert_int_equal(count_files(".old"), 1);
    say(s, "undo");
    session_free(s);
    s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
    assert_int_equal(session_n_versions(s), 2);
    assert_int_equal(session_cursor(s), 0);
    session_free(s);
    empty_dir("journal");
}

static void another_model_is_not_replayed(void **state)
{
    (void)state;
    struct err err = {0};
    make_journal(2);
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_ASK);
    assert_true(session_pending(s)->changed);
    assert_int_equal(session_recover(s, SESSION_RECOVER, &err), ST_NO);
    assert_non_null(session_pending(s));
    ok(session_recover(s, SESSION_FRESH, &err), &err);
    session_free(s);
    assert_int_equal(count_files(".old"), 1);
    empty_dir("journal");
}

static void a_second_process_has_its_own_journal(void **state)
{
    (void)state;
    char *home = x_asprintf("%s/home", dir);
    mkdir(home, 0700);
    char *full = realpath(home, NULL);
    setenv("XDG_STATE_HOME", full, 1);
    struct session *a = opened(SESSION_JOURNAL_DEFAULT, SESSION_ASK);
    struct session *b = opened(SESSION_JOURNAL_DEFAULT, SESSION_ASK);
    assert_string_not_equal(session_journal_path(a), session_journal_path(b));
    assert_null(session_notice(a));
    assert_non_null(strstr(session_notice(b), "another autogo"));
    session_free(b);
    session_free(a);
    /* without a place for it there is a notice and no journal */
    char *sub = x_asprintf("%s/autogo/sessions", home), *up = x_asprintf("%s/autogo", home);
    assert_int_equal(rmdir(sub), 0);
    struct err err = {0};
    ok(file_write(sub, "x", 1, &err), &err);
    a = opened(SESSION_JOURNAL_DEFAULT, SESSION_ASK);
    assert_string_equal(session_journal_path(a), "");
    assert_non_null(strstr(session_notice(a), "will not survive"));
    session_free(a);
    unsetenv("XDG_STATE_HOME");
    unlink(sub);
    rmdir(up);
    rmdir(home);
    free(sub);
    free(up);
    free(full);
    free(home);
}

/* A record that cannot be written is an edit that does not happen. */
static void a_full_disk_refuses_the_edit(void **state)
{
    (void)state;
    need_edit();
    empty_dir("journal");
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        struct stat st;
        struct session *s = new_session(SESSION_JOURNAL_FILE, 1);
        if (session_open(s, MODEL, SESSION_FRESH, &err) != ST_OK || stat(journal, &st) < 0)
            _exit(1);
        struct rlimit lim = {(rlim_t)st.st_size + 20, (rlim_t)st.st_size + 20};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &lim);
        if (session_replace(s, edit_k, "self", NULL, 0, &err) != ST_IO)
            _exit(2);
        struct stat now;
        _exit(session_n_versions(s) == 1 && stat(journal, &now) == 0 && now.st_size == st.st_size
                  ? 0
                  : 3);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    empty_dir("journal");
}

/* ---- the user's own segments ---- */

#define OTHER "zoo:fsrcnn-3"

/* A segment of the session's model that the first layer does not have, kept; its number. */
static int keep_new(struct session *s)
{
    struct err err = {0};
    for (int k = 0; k < session_n_segments(s); k++) {
        struct str out = {0};
        char line[32];
        if (!session_segment(s, k)->ok)
            continue;
        snprintf(line, sizeof line, "keep %d", k);
        ok(session_command(s, line, 0, &out, &err), &err);
        bool fresh = strstr(out.s, "kept as u") != NULL;
        if (!fresh)
            assert_non_null(strstr(out.s, "known already as "));
        str_done(&out);
        if (fresh)
            return k;
    }
    fail_msg("no segment of the model is new");
    return -1;
}

static void keep_from_other(void)
{
    struct err err = {0};
    struct session *s = new_session(SESSION_JOURNAL_OFF, 1);
    ok(session_open(s, OTHER, SESSION_ASK, &err), &err);
    keep_new(s);
    session_free(s);
}

/* The first segment of MODEL for which `id` is a candidate; -1: none. */
static int where_it_fits(struct session *s, const char *id)
{
    for (int k = 0; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        free(list(s, k));
        if (session_rank(s, id) >= 0)
            return k;
    }
    return -1;
}

static int64_t count_own(void)
{
    struct segdb *d;
    struct err err = {0};
    const char *path = own;
    ok(segdb_open(&d, &path, 1, &err), &err);
    int64_t n = segdb_count(d);
    segdb_close(d, NULL);
    return n;
}

static void a_kept_segment_is_a_candidate(void **state)
{
    (void)state;
    struct err err = {0};
    char line[64];
    forget_own();
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    assert_int_equal(where_it_fits(s, "u1"), -1);
    keep_from_other();
    /* noticed at the next selection */
    int k = where_it_fits(s, "u1");
    assert_true(k >= 0);
    const struct session_candidate *c = session_candidate(s, session_rank(s, "u1"));
    assert_string_equal(c->origin, OTHER);
    assert_int_equal(c->seen->n_origins, 1);
    assert_string_equal(c->seen->origin[0].group, "zoo");
    assert_int_equal(c->seen->origin[0].count, 1);
    snprintf(line, sizeof line, "replace %d u77", k);
    assert_int_equal(refuse(s, line, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "your segment database has no u77"));
    snprintf(line, sizeof line, "replace %d u1", k);
    say(s, line);
    assert_string_equal(session_version(s, 1)->command, line);
    session_free(s);
    assert_int_equal(count_own(), 1);
    forget_own();
}

static void keeping_twice_adds_nothing(void **state)
{
    (void)state;
    struct err err = {0};
    forget_own();
    struct session *s = new_session(SESSION_JOURNAL_OFF, 2);
    ok(session_open(s, OTHER, SESSION_ASK, &err), &err);
    int k = keep_new(s);
    for (int i = 0; i < 2; i++) { /* two at once, too */
        ok(session_keep(s, k, &err), &err);
        ok(session_keep(s, k, &err), &err);
        ok(session_wait(s, &err), &err);
        for (int j = 0; j < 2; j++) {
            const char *note = session_notice(s);
            assert_non_null(note);
            assert_non_null(strstr(note, "known already as u1"));
            assert_true(session_notice_good(s));
        }
        assert_null(session_notice(s));
    }
    session_free(s);
    assert_int_equal(count_own(), 1);
    /* what the shipped database has stays there */
    s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    k = 0;
    while (!session_segment(s, k)->ok)
        k++;
    struct str out = {0};
    char line[32];
    snprintf(line, sizeof line, "segment %d", k);
    say(s, line);
    ok(session_command(s, "keep", 0, &out, &err), &err);
    assert_non_null(strstr(out.s, "known already as s"));
    str_done(&out);
    session_free(s);
    assert_int_equal(count_own(), 1);
    forget_own();
}

static void what_is_asked_to_be_kept_is_kept(void **state)
{
    (void)state;
    struct err err = {0};
    forget_own();
    struct session *s = new_session(SESSION_JOURNAL_OFF, 1);
    ok(session_open(s, OTHER, SESSION_ASK, &err), &err);
    int k = keep_new(s);
    forget_own();
    ok(session_select(s, k, &err), &err); /* with much else to do */
    ok(session_keep(s, k, &err), &err);
    session_free(s);
    assert_int_equal(count_own(), 1);
    forget_own();
}

/* A place where nothing can be written. */
static void keeping_may_fail(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = new_session(SESSION_JOURNAL_OFF, 1);
    char *folder = x_asprintf("%s/autogo", data_home);
    forget_own();
    assert_int_equal(rmdir(folder), 0);
    ok(file_write(folder, "x", 1, &err), &err);
    ok(session_open(s, OTHER, SESSION_ASK, &err), &err);
    int k = 0;
    while (!session_segment(s, k)->ok)
        k++;
    ok(session_keep(s, k, &err), &err);
    ok(session_wait(s, &err), &err);
    const char *note = session_notice(s);
    assert_non_null(note);
    assert_non_null(strstr(note, "was not kept"));
    assert_non_null(strstr(note, own));
    assert_false(session_notice_good(s));
    session_free(s);
    unlink(folder);
    free(folder);
    free(session_user_segments(1)); /* the folder is there again */
}

static void a_damaged_own_database_is_left_out(void **state)
{
    (void)state;
    need_edit();
    struct err err = {0};
    forget_own();
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    char *without = list(s, edit_k);
    session_free(s);
    ok(file_write(own, "no database", 11, &err), &err);
    s = opened(SESSION_JOURNAL_FILE, SESSION_FRESH);
    for (int i = 0; i < 2; i++) {
        char *with = list(s, edit_k);
        assert_string_equal(with, without);
        free(with);
    }
    const char *note = session_notice(s);
    assert_non_null(note);
    assert_non_null(strstr(note, own));
    assert_non_null(strstr(note, "without your own segments"));
    assert_false(session_notice_good(s));
    assert_null(session_notice(s)); /* once */
    assert_int_equal(session_try(s, edit_k, "u1", NULL, 0, &err), ST_USAGE);
    ok(session_replace(s, edit_k, edit_id, NULL, 0, &err), &err);
    session_free(s);
    /* one that is damaged while the session is open, and made whole again */
    forget_own();
    s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    free(list(s, edit_k));
    assert_null(session_notice(s));
    ok(file_write(own, "no database", 11, &err), &err);
    char *with = list(s, edit_k);
    assert_string_equal(with, without);
    free(with);
    assert_non_null(session_notice(s));
    forget_own();
    keep_from_other();
    assert_true(where_it_fits(s, "u1") >= 0);
    assert_null(session_notice(s));
    session_free(s);
    free(without);
    forget_own();
    empty_dir("journal");
}

/* A journal whose edit used a segment that is gone, or is another one now. */
static void recovery_without_the_own_segment(void **state)
{
    (void)state;
    struct err err = {0};
    char line[64];
    const char *lines[] = {line};
    for (int other = 0; other < 2; other++) {
        forget_own();
        empty_dir("journal");
        keep_from_other();
        struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
        int k = where_it_fits(s, "u1");
        assert_true(k >= 0);
        session_free(s);
        snprintf(line, sizeof line, "replace %d u1", k);
        crash_after(lines, 1);
        s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER); /* as it should be */
        assert_int_equal(session_n_versions(s), 2);
        session_free(s);
        if (other) {
            struct graph *g = NULL, *f = NULL;
            struct segdb *d;
            struct region r;
            forget_own();
            ok(model_open(MODEL, NULL, &g, &err), &err);
            int32_t conv = inner_conv(g);
            ok(region_init(&r, g, &conv, 1, &err), &err);
            ok(region_extract(g, &r, &f, &err), &err);
            ok(segdb_edit(&d, own, &err), &err);
            ok(segdb_add(d, f, "x", NULL, &err), &err);
            ok(segdb_close(d, &err), &err);
            region_done(&r);
            graph_unref(f);
            graph_unref(g);
        } else {
            struct segdb *d;
            ok(segdb_edit(&d, own, &err), &err);
            ok(segdb_remove(d, 1, &err), &err);
            ok(segdb_close(d, &err), &err);
        }
        s = new_session(SESSION_JOURNAL_FILE, 1);
        err = (struct err){0};
        assert_int_equal(session_open(s, MODEL, SESSION_RECOVER, &err), ST_NO);
        assert_non_null(strstr(err.msg, "line 7 ('replace"));
        assert_non_null(strstr(err.msg, other ? "another network" : "has no u1"));
        assert_int_equal(session_n_versions(s), 1);
        assert_int_equal(session_cursor(s), 0);
        assert_int_equal(count_files(".old"), 1);
        session_free(s);
    }
    forget_own();
    empty_dir("journal");
}

/* ---- kill -9 ---- */

/* Edits for ever; after each one tells how many versions there are, and the hash. */
static void edit_for_ever(int fd)
{
    struct err err = {0};
    struct session *s = new_session(SESSION_JOURNAL_FILE, 1);
    if (session_open(s, MODEL, SESSION_FRESH, &err) != ST_OK)
        _exit(1);
    for (int i = 0;; i++) {
        enum status st = i % 3 == 0   ? session_replace(s, edit_k, edit_id, NULL, 0, &err)
                         : i % 3 == 1 ? session_undo(s, &err)
                                      : session_replace(s, edit_k, "self", NULL, 0, &err);
        if (st == ST_OK && i % 3 == 2)
            st = session_undo(s, &err);
        uint64_t told[3] = {(uint64_t)session_n_versions(s), (uint64_t)session_cursor(s), here(s)};
        if (st != ST_OK || write(fd, told, sizeof told) != sizeof told)
            _exit(1);
    }
}

static void survives_kill_9(void **state)
{
    (void)state;
    need_edit();
    unsigned random = 12345;
    int in_flight = 0;
    for (int round = 0; round < 100; round++) {
        int fd[2];
        empty_dir("journal");
        assert_int_equal(pipe(fd), 0);
        pid_t pid = fork();
        if (pid == 0) {
            close(fd[0]);
            edit_for_ever(fd[1]);
        }
        close(fd[1]);
        uint64_t told[3], last[3] = {1, 0, 0};
        if (round % 10) /* some die while they open */
            assert_int_equal(read(fd[0], last, sizeof last), sizeof last);
        random = random * 1103515245 + 12345;
        usleep(random >> 16 & 8191);
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        while (read(fd[0], told, sizeof told) == sizeof told)
            memcpy(last, told, sizeof last);
        close(fd[0]);
        struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
        /* at least what was shown, at most the one edit under way (which may be two records) */
        uint64_t n = (uint64_t)session_n_versions(s);
        assert_in_range(n, last[0], last[0] + 1);
        if (last[2])
            assert_true(session_version(s, (int)last[1])->hash == last[2]);
        in_flight += n != last[0];
        session_free(s);
    }
    assert_true(in_flight < 100);
    empty_dir("journal");
}

/* ---- the command language ---- */

static void commands_check_their_arguments(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "frobnicate", "undo 3",      "segment",    "segment x",    "segment 99999", "goto -1",
        "goto",       "open",        "open a b",   "export",       "pin 3",         "apply 1 2",
        "replace 0",  "replace 0 x", "reject x y", "help nothing", "open \"x",      "candidates 0",
        "keep",       "keep x",      "keep 99999", "keep 1 2",     "reject u",      "reject s0"};
    struct err err;
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum status st = refuse(s, bad[i], &err);
        if (st != ST_USAGE)
            fail_msg("'%s' gave %d (%s)", bad[i], st, err.msg);
        assert_true(err.msg[0] != '\0');
    }
    say(s, "");
    say(s, "   # a remark");
    say(s, "help");
    say(s, "info");
    say(s, "segments");
    say(s, "history");
    assert_int_equal(refuse(s, "apply", &err), ST_NO);
    assert_int_equal(refuse(s, "export /tmp/x.doc", &err), ST_USAGE);
    assert_false(session_quit_asked(s));
    say(s, "quit");
    assert_true(session_quit_asked(s));
    session_free(s);
}

static void commands_without_a_model(void **state)
{
    (void)state;
    struct err err;
    struct session *s = new_session(SESSION_JOURNAL_OFF, 1);
    int n;
    const struct session_word *w = session_words(&n);
    for (int i = 0; i < n; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s%s", w[i].name,
                 w[i].args[0] && w[i].args[0] != '[' ? " 0 0" : "");
        if (strcmp(w[i].name, "help") == 0 || strcmp(w[i].name, "quit") == 0 ||
            strcmp(w[i].name, "fields") == 0)
            continue;
        enum status st = refuse(s, line, &err);
        assert_int_not_equal(st, ST_OK);
    }
    assert_int_equal(refuse(s, "open no.such.file", &err), ST_IO);
    assert_false(session_is_open(s));
    session_free(s);
}

/* ---- filters, orders, tags, more, batches ---- */

/* What a line says; caller frees. */
static char *told(struct session *s, const char *line)
{
    struct err err = {0};
    struct str out = {0};
    ok(session_command(s, line, 0, &out, &err), &err);
    return out.s ? str_take(&out) : x_strdup("");
}

static void a_filter_and_an_order_choose_the_list(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    need_edit();
    ok(session_select(s, edit_k, &err), &err);
    ok(session_wait(s, &err), &err);
    int n = session_n_candidates(s), *rank = x_calloc((size_t)n, sizeof *rank), want = 0;
    assert_int_equal(session_listed(s, rank), n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(rank[i], i);
        assert_int_equal(session_candidate(s, i)->rank, i + 1);
        want += session_candidate(s, i)->delta_flops < 0;
    }
    say(s, "filter  dflops < 0 ");
    assert_string_equal(session_filter(s), "dflops < 0");
    assert_int_equal(session_listed(s, rank), want);
    for (int i = 0; i < want; i++)
        assert_true(session_candidate(s, rank[i])->delta_flops < 0);
    /* one that is wrong changes nothing */
    assert_int_equal(refuse(s, "filter dflops<0 && dac>1", &err), ST_USAGE);
    assert_string_equal(err.msg, "column 13: no field 'dac' (dacc?)");
    assert_string_equal(session_filter(s), "dflops < 0");
    /* quotes stay */
    say(s, "filter ops~\"conv3x3 \" || !(id=self)");
    assert_string_equal(session_filter(s), "ops~\"conv3x3 \" || !(id=self)");
    say(s, "filter");
    for (int turned = 0; turned < 2; turned++) {
        say(s, turned ? "sort -params" : "sort params");
        assert_int_equal(session_listed(s, rank), n);
        for (int i = 1; i < n; i++) {
            int64_t a = session_candidate(s, rank[i - 1])->delta_params,
                    b = session_candidate(s, rank[i])->delta_params;
            assert_true(turned ? a >= b : a <= b);
            assert_true(a != b || rank[i - 1] < rank[i]);
        }
    }
    assert_int_equal(refuse(s, "sort speed", &err), ST_USAGE);
    free(rank);
    session_free(s);
}

static void tags_come_back(void **state)
{
    (void)state;
    struct err err = {0};
    char line[128];
    unlink(journal);
    need_edit();
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_FRESH);
    snprintf(line, sizeof line, "segment %d", edit_k);
    say(s, line);
    snprintf(line, sizeof line, "show %s", edit_id);
    say(s, line);
    say(s, "tag good");
    say(s, "tag so-so");
    say(s, "tag good"); /* again: no record */
    say(s, "tag other s99");
    say(s, "untag so-so");
    assert_string_equal(session_previewed(s)->tags, "good");
    assert_int_equal(session_n_tagged(s), 2);
    char *out = told(s, "filter tag=good");
    assert_true(str_starts(out, "1 of "));
    free(out);
    out = told(s, "candidates");
    assert_non_null(strstr(out, "tags"));
    assert_non_null(strstr(out, edit_id));
    free(out);
    static const char *const bad[] = {"tag a,b", "tag good self", "tag good nothing"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(refuse(s, bad[i], &err), ST_USAGE);
    session_free(s);
    char *text = read_text(journal);
    snprintf(line, sizeof line, "\ttag good %s\t", edit_id);
    assert_non_null(strstr(text, line));
    assert_null(strstr(strstr(text, line) + 1, line));
    free(text);
    s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
    assert_int_equal(session_n_tagged(s), 2);
    snprintf(line, sizeof line, "segment %d", edit_k);
    say(s, line);
    say(s, "candidates");
    assert_string_equal(session_candidate(s, session_rank(s, edit_id))->tags, "good");
    say(s, "untag other s99");
    assert_int_equal(session_n_tagged(s), 1);
    session_free(s);
    unlink(journal);
}

/* ---- names and notes of versions ---- */

static void first_conv(const struct session *s, char *buf, size_t size)
{
    const struct graph *g = session_graph(s);
    for (int i = 0; i < graph_n_nodes(g); i++) {
        const struct node *n = graph_node(g, graph_topo(g)[i]);
        if (n->op == OP_CONV) {
            snprintf(buf, size, "%s", node_label(n));
            return;
        }
    }
    fail_msg("no convolution");
}

static void names_come_back(void **state)
{
    (void)state;
    struct err err = {0};
    char conv[128], line[300];
    int v = -1;
    empty_dir("journal");
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_FRESH);
    first_conv(s, conv, sizeof conv);
    snprintf(line, sizeof line, "edit %s after=relu6", conv);
    say(s, line);
    say(s, "name a short one");
    say(s, "name a short one"); /* again: no record */
    say(s, "note with  two blanks, & a \"word\"");
    say(s, "name @0 \"as it came\"");
    say(s, "mark 0");
    say(s, "note of the marked one");
    say(s, "mark off");
    assert_string_equal(session_version(s, 1)->name, "a short one");
    assert_string_equal(session_version(s, 1)->note, "with  two blanks, & a \"word\"");
    assert_string_equal(session_version(s, 0)->name, "as it came");
    assert_string_equal(session_version(s, 0)->note, "of the marked one");
    ok(session_find_version(s, "a short one", &v, &err), &err);
    assert_int_equal(v, 1);
    say(s, "goto \"as it came\"");
    assert_int_equal(session_cursor(s), 0);
    char *out = told(s, "history");
    assert_non_null(strstr(out, "1 (from 0) \"a short one\": edit"));
    assert_non_null(strstr(out, "\n      with  two blanks"));
    free(out);
    say(s, "name @1");
    say(s, "name @1 other");
    session_free(s);
    char *text = read_text(journal);
    assert_non_null(strstr(text, "\tname @1 a short one\t"));
    assert_null(strstr(strstr(text, "\tname @1 a short one\t") + 1, "\tname @1 a short one\t"));
    assert_non_null(strstr(text, "\tname @1\t"));

    /* torn in its last record: what was before it is there */
    char *last = strstr(text, "\tname @1 other\t");
    last[9] = '\0';
    write_text(text);
    free(text);
    s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
    assert_string_equal(session_version(s, 1)->name, "");
    assert_string_equal(session_version(s, 0)->note, "of the marked one");
    say(s, "name @1 goes on");
    session_free(s);
    s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
    assert_string_equal(session_version(s, 1)->name, "goes on");
    assert_string_equal(session_version(s, 1)->note, "with  two blanks, & a \"word\"");
    assert_int_equal(session_marked(s), -1);
    session_free(s);
    empty_dir("journal");
}

static void names_are_words(void **state)
{
    (void)state;
    struct err err;
    char line[400], conv[128];
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    first_conv(s, conv, sizeof conv);
    snprintf(line, sizeof line, "edit %s after=relu6", conv);
    say(s, line);
    say(s, "name @0 first");
    static const char *const bad[] = {
        "name 3",         "name -1",       "name off",         "name @1 @2",     "name # no",
        "name a \"b\" c", "name first",    "name @7 x",        "name @nobody x", "name tab\there",
        "note \x01",      "note \x7f",     "name \xc2\x85 c1", "name \xff",      "goto nobody",
        "goto 2",         "diff 0 nobody", "mark 2",           "diff 0 1 x.doc", "mark nobody"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (refuse(s, bad[i], &err) != ST_USAGE)
            fail_msg("'%s' was not refused", bad[i]);
        assert_true(err.msg[0] != '\0' && !strpbrk(err.msg, "\n\t\x01\x7f"));
    }
    for (int kind = 0; kind < 2; kind++) {
        int most = kind ? SESSION_NOTE : SESSION_NAME;
        snprintf(line, sizeof line, "%s %0*d", kind ? "note" : "name", most, 0);
        line[5] = 'x'; /* no number */
        say(s, line);
        snprintf(line, sizeof line, "%s %0*d", kind ? "note" : "name", most + 1, 0);
        line[5] = 'x';
        assert_int_equal(refuse(s, line, &err), ST_USAGE);
        assert_non_null(strstr(err.msg, "too long"));
    }
    assert_int_equal(strlen(session_version(s, 1)->name), SESSION_NAME);
    session_free(s);
}

/* A record that a program does not know, as an older one that of a name: it stops there and says
 * so, and nothing is lost. */
static void an_unknown_record_stops_the_replay(void **state)
{
    (void)state;
    struct err err = {0};
    char conv[128], line[200];
    empty_dir("journal");
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_FRESH);
    first_conv(s, conv, sizeof conv);
    snprintf(line, sizeof line, "edit %s after=relu6", conv);
    say(s, line);
    uint64_t at = here(s);
    session_free(s);
    static const char *const records[] = {"rename @1 x", "name x", "name @9 x", "note @1 \xff"};
    char *text = read_text(journal);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        struct journal *j;
        struct journal_text t = {0};
        empty_dir("journal");
        write_text(text);
        ok(journal_open(&j, journal, &err), &err);
        ok(journal_read(j, &t, &err), &err);
        ok(journal_resume(j, &t, &err), &err);
        ok(journal_append(j, records[i], at, at, &err), &err);
        journal_close(j, false);
        journal_text_done(&t);
        s = new_session(SESSION_JOURNAL_FILE, 1);
        assert_int_equal(session_open(s, MODEL, SESSION_RECOVER, &err), ST_NO);
        assert_non_null(strstr(err.msg, "replay stopped at line 9"));
        assert_int_equal(session_n_versions(s), 2);
        assert_int_equal(count_files(".old"), 1);
        session_free(s);
        err = (struct err){0};
    }
    free(text);
    empty_dir("journal");
}

/* ---- two versions compared ---- */

static int times(const char *text, const char *what)
{
    int n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

/* Versions of two branches: new nodes of either have the same ids and are not the same nodes. */
static void branches_are_compared(void **state)
{
    (void)state;
    char conv[128], line[300], page[128];
    struct err err = {0};
    struct comparison c;
    struct comparison_costs m;
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    first_conv(s, conv, sizeof conv);
    snprintf(line, sizeof line, "edit %s after=relu6", conv);
    say(s, line);
    say(s, "name <clipped> & more");
    say(s, "note is it worth it?");
    say(s, "undo");
    snprintf(line, sizeof line, "edit %s before=tanh", conv);
    say(s, line);
    snprintf(line, sizeof line, "edit %s kernel=5", conv);
    say(s, line);
    const struct graph *a = session_version(s, 1)->graph, *b = session_version(s, 3)->graph;
    comparison_init(&c, a, b, session_same_ids(s, 1, 3));
    assert_int_equal(c.count[COMPARISON_REMOVED], 1); /* the clip */
    assert_int_equal(c.count[COMPARISON_ADDED], 1);   /* the tanh */
    assert_int_equal(c.count[COMPARISON_RESIZED], 1); /* the kernel */
    for (int i = 0; i < c.n_row; i++)
        for (int k = 0; k < 2; k++)
            assert_int_equal(c.row[i].id[k] >= 0,
                             c.row[i].kind != (k ? COMPARISON_REMOVED : COMPARISON_ADDED));
    session_measure(s, &c, &m);
    assert_true(m.value[METRIC_FLOPS][1] > m.value[METRIC_FLOPS][0]);
    assert_int_equal(comparison_verdict(&m, METRIC_FLOPS), 1);
    assert_int_equal(comparison_verdict(&m, METRIC_LATENCY), 0);
    assert_string_equal(comparison_value(&m, METRIC_LATENCY, 0, line, sizeof line), "not measured");
    assert_string_equal(comparison_change(&m, METRIC_LATENCY, line, sizeof line), "");
    assert_false(comparison_shown(&m, METRIC_LATENCY_ALL));
    comparison_done(&c);

    /* as a page, every node and edge drawn, rows for what differs */
    snprintf(page, sizeof page, "%s/page.html", dir);
    snprintf(line, sizeof line, "diff \"<clipped> & more\" 3 %s", page);
    say(s, line);
    char *text = read_text(page);
    assert_int_equal(times(text, "<svg "), 2);
    assert_int_equal(times(text, "<g class='node"), graph_n_nodes(a) + graph_n_nodes(b));
    assert_int_equal(times(text, "<path class='edge'"), graph_n_edges(a) + graph_n_edges(b));
    assert_int_equal(times(text, "<g class='node removed'"), 1);
    assert_int_equal(times(text, "<g class='node added'"), 1);
    assert_int_equal(times(text, "<tr class='row "), 3);
    assert_int_equal(times(text, "<tr class='metric'"), METRICS - 1);
    assert_int_equal(times(text, "not measured"), 2);
    assert_null(strstr(text, "<clipped>"));
    assert_int_equal(times(text, "&#60;clipped&#62; &#38; more"),
                     4); /* title, head, facts, drawing */
    assert_non_null(strstr(text, "is it worth it?"));
    assert_null(strstr(text, "src=")); /* nothing from elsewhere */
    assert_null(strstr(text, "<link"));
    free(text);

    /* on a worker */
    struct str out = {0};
    unlink(page);
    ok(session_command(s, line, SESSION_ASYNC, &out, &err), &err);
    ok(session_wait(s, &err), &err);
    assert_non_null(strstr(session_notice(s), "page.html: written"));
    assert_int_equal(access(page, R_OK), 0);
    str_done(&out);
    unlink(page);
    session_free(s);
}

/* The costs that a worker brings, until others are asked for. */
static void costs_are_asked_for(void **state)
{
    (void)state;
    struct err err = {0};
    struct comparison c, d;
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    comparison_init(&c, session_graph(s), session_graph(s), GRAPH_SAME_IDS);
    assert_null(session_compared(s, &c));
    session_compare(s, &c);
    ok(session_wait(s, &err), &err);
    const struct comparison_costs *m = session_compared(s, &c);
    assert_non_null(m);
    assert_true(m->value[METRIC_PARAMS][0] > 0);
    assert_true(m->value[METRIC_PARAMS][0] == m->value[METRIC_PARAMS][1]);
    assert_true(c.equal);
    assert_int_equal(c.n_row, 0);
    comparison_init(&d, session_graph(s), session_graph(s), 0);
    session_compare(s, &d);
    assert_null(session_compared(s, &d));
    ok(session_wait(s, &err), &err);
    assert_non_null(session_compared(s, &d));
    comparison_done(&c);
    comparison_done(&d);
    session_free(s);
}

static void more_joins_the_others(void **state)
{
    (void)state;
    struct err err = {0};
    struct session_opts o = {.threads = 2, .tries = 3, .vocab_path = vocab, .segdb_path = db};
    struct session *s = session_new(&o);
    need_edit();
    ok(session_open(s, MODEL, SESSION_ASK, &err), &err);
    assert_int_equal(session_more(s, "self", &err), ST_NO);
    ok(session_select(s, edit_k, &err), &err);
    ok(session_wait(s, &err), &err);
    int tried = session_n_candidates(s) + session_n_refused(s) + session_n_same(s);
    int fit = session_n_candidates(s);
    ok(session_more(s, "self", &err), &err);
    assert_int_equal(session_more(s, "self", &err), ST_NO); /* one at a time */
    ok(session_wait(s, &err), &err);
    int now = session_n_candidates(s) + session_n_refused(s) + session_n_same(s);
    assert_true(now > tried && now <= tried + 20);
    assert_true(session_n_candidates(s) >= fit);
    const char *note = session_notice(s);
    assert_non_null(note);
    assert_non_null(strstr(note, " more like self: "));
    /* none twice */
    for (int i = 0; i < session_n_candidates(s); i++)
        for (int k = 0; k < i; k++)
            assert_true(session_candidate(s, i)->record != session_candidate(s, k)->record);
    /* until there are no more */
    for (int i = 0; i < 100 && !strstr(note, "nothing more"); i++) {
        ok(session_more(s, "self", &err), &err);
        ok(session_wait(s, &err), &err);
        note = session_notice(s);
        assert_non_null(note);
    }
    assert_non_null(strstr(note, "the database has nothing more like self"));
    session_free(s);
}

/* The best of each segment, chosen by hand as the batch does. */
static int by_hand(struct session *s, char *commands, size_t size)
{
    struct err err = {0};
    int edits = 0;
    commands[0] = '\0';
    for (int k = 0; k < session_n_segments(s); k++) {
        if (!session_segment(s, k)->ok)
            continue;
        ok(session_select(s, k, &err), &err);
        ok(session_wait(s, &err), &err);
        for (int i = 0; i < session_n_candidates(s); i++) {
            const struct session_candidate *c = session_candidate(s, i);
            if (c->record == 0 || c->delta_params >= 0)
                continue;
            snprintf(commands, size, "replace %d %s", k, c->id);
            edits++;
            break;
        }
        if (edits)
            break;
    }
    return edits;
}

static void a_batch_goes_over_the_segments(void **state)
{
    (void)state;
    struct err err = {0};
    char first[64];
    unlink(journal);
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_FRESH);
    assert_int_equal(by_hand(s, first, sizeof first), 1);
    int n = session_n_segments(s), done, total;
    char *out = told(s, "batch dparams<0");
    assert_false(session_batch_progress(s, &done, &total));
    assert_int_equal(done, n);
    assert_int_equal(total, n);
    assert_true(session_n_versions(s) > 1);
    assert_string_equal(session_version(s, 1)->command, first);
    assert_non_null(strstr(out, first));
    assert_non_null(strstr(out, "segment 0: "));
    free(out);
    const char *note = session_notice(s);
    assert_true(note && str_starts(note, "batch: "));
    for (int i = 1; i < session_n_versions(s); i++) {
        assert_true(session_version(s, i)->parent == i - 1);
        assert_true(session_version(s, i)->cost.params < session_version(s, i - 1)->cost.params);
        assert_true(str_starts(session_version(s, i)->command, "replace "));
    }
    uint64_t end = here(s);
    int versions = session_n_versions(s);
    session_free(s);
    /* the journal holds single edits */
    s = opened(SESSION_JOURNAL_FILE, SESSION_RECOVER);
    assert_int_equal(session_n_versions(s), versions);
    assert_true(here(s) == end);
    for (int i = 1; i < versions; i++)
        say(s, "undo");
    assert_int_equal(session_cursor(s), 0);
    /* the number of threads changes nothing */
    session_free(s);
    unlink(journal);
    s = new_session(SESSION_JOURNAL_OFF, 1);
    ok(session_open(s, MODEL, SESSION_ASK, &err), &err);
    say(s, "batch dparams<0");
    assert_true(here(s) == end);
    session_free(s);
}

static void a_batch_by_a_field_a_tag_a_list(void **state)
{
    (void)state;
    struct err err = {0};
    char line[128];
    need_edit();
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    snprintf(line, sizeof line, "tag mine %s", edit_id);
    say(s, line);
    snprintf(line, sizeof line, "batch in %d mine", edit_k);
    say(s, line);
    assert_int_equal(session_n_versions(s), 2);
    snprintf(line, sizeof line, "replace %d %s", edit_k, edit_id);
    assert_string_equal(session_version(s, 1)->command, line);
    say(s, "undo");
    /* the largest by params, which nothing else would choose */
    snprintf(line, sizeof line, "batch by -params in %d,%d-%d params>0", edit_k, edit_k, edit_k);
    say(s, line);
    const struct session_version *last = session_version(s, session_cursor(s));
    assert_int_equal(last->parent, 0);
    say(s, "undo");
    ok(session_select(s, edit_k, &err), &err);
    ok(session_wait(s, &err), &err);
    int64_t most = INT64_MIN;
    for (int i = 0; i < session_n_candidates(s); i++) {
        const struct session_candidate *c = session_candidate(s, i);
        most = c->record && c->delta_params > most ? c->delta_params : most;
    }
    assert_int_equal(last->cost.params - session_version(s, 0)->cost.params, most);
    /* nothing passes; what the field does not know is not chosen */
    int n = session_n_versions(s);
    say(s, "batch dflops<-5");
    say(s, "batch by dacc params>0");
    say(s, "batch nosuchtag");
    assert_int_equal(session_n_versions(s), n);
    static const char *const bad[] = {"batch",
                                      "batch dac<0",
                                      "batch by speed tag",
                                      "batch in 5-3 tag",
                                      "batch in 999 tag",
                                      "batch in x tag",
                                      "batch by"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(refuse(s, bad[i], &err), ST_USAGE);
    session_free(s);
}

static void a_batch_stops(void **state)
{
    (void)state;
    struct err err = {0};
    struct str out = {0};
    int done, total;
    unlink(journal);
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_FRESH);
    ok(session_command(s, "batch dparams<0", SESSION_ASYNC, &out, &err), &err);
    assert_true(session_batch_progress(s, &done, &total));
    assert_int_equal(refuse(s, "batch tag", &err), ST_OK); /* waits for the one before */
    str_done(&out);
    int n = session_n_versions(s);
    while (session_notice(s))
        ;
    /* by hand */
    ok(session_batch(s, "params>0", &err), &err);
    assert_int_equal(session_batch(s, "params>0", &err), ST_USAGE);
    say(s, "batch stop");
    assert_false(session_batch_progress(s, &done, &total));
    assert_non_null(strstr(session_notice(s), "stopped: by you"));
    ok(session_wait(s, &err), &err);
    assert_int_equal(session_n_versions(s), n);
    /* by an edit */
    ok(session_batch(s, "params>0", &err), &err);
    ok(session_undo(s, &err), &err);
    ok(session_wait(s, &err), &err);
    assert_false(session_batch_progress(s, &done, &total));
    assert_non_null(strstr(session_notice(s), "stopped: the network was edited meanwhile"));
    assert_int_equal(session_n_versions(s), n);
    /* by another model, and by the end */
    ok(session_batch(s, "params>0", &err), &err);
    ok(session_open(s, MODEL, SESSION_FRESH, &err), &err);
    assert_false(session_batch_progress(s, &done, &total));
    ok(session_batch(s, "params>0", &err), &err);
    session_free(s);
    empty_dir(".journal");
}

static void a_failing_open_keeps_the_model(void **state)
{
    (void)state;
    struct err err;
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    uint64_t hash = here(s);
    assert_int_equal(refuse(s, "open no.such.file", &err), ST_IO);
    assert_true(session_is_open(s));
    assert_string_equal(session_spec(s), MODEL);
    assert_true(here(s) == hash);
    session_free(s);
}

/* ---- opening on a worker ---- */

static enum status end_of_opening(struct session *s, struct err *err)
{
    *err = (struct err){0};
    while (!(session_poll(s) & SESSION_CHANGED_OPENED))
        usleep(1000);
    return session_open_end(s, SESSION_ASK, err);
}

static void a_worker_opens_what_session_open_does(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_FILE, SESSION_FRESH);
    char *path = x_asprintf("%s/model.onnx", dir);
    ok(session_export(s, path, &err), &err);
    uint64_t hash = here(s);
    session_open_later(s, OTHER); /* the newest question counts */
    session_open_later(s, path);
    assert_string_equal(session_opening(s), path);
    assert_string_equal(session_spec(s), MODEL); /* until then the old one is at hand */
    assert_true(session_busy(s));
    ok(session_select(s, 0, &err), &err);
    ok(end_of_opening(s, &err), &err);
    assert_null(session_opening(s));
    assert_string_equal(session_spec(s), path);
    assert_true(here(s) == hash);
    assert_true(session_n_segments(s) > 0);
    assert_int_equal(session_selected(s), -1);
    ok(session_set_name(s, 0, "first", &err), &err);
    session_free(s);
    /* its journal is that of the same bytes, read at once or later */
    for (int later = 0; later < 2; later++) {
        s = new_session(SESSION_JOURNAL_FILE, 1);
        if (later)
            session_open_later(s, path);
        ok(later ? end_of_opening(s, &err) : session_open(s, path, SESSION_ASK, &err), &err);
        assert_non_null(session_pending(s));
        assert_false(session_pending(s)->changed);
        session_free(s);
    }
    unlink(path);
    free(path);
    empty_dir("journal");
}

static void an_opening_that_fails_or_stops_keeps_the_model(void **state)
{
    (void)state;
    struct err err = {0};
    char *pipe = x_asprintf("%s/pipe.onnx", dir);
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    session_open_later(s, "no.such.file");
    assert_int_equal(end_of_opening(s, &err), ST_IO);
    assert_string_equal(err.file, "no.such.file");
    assert_string_equal(session_spec(s), MODEL);
    assert_int_equal(session_open_end(s, SESSION_ASK, &err), ST_USAGE);
    /* nobody writes into it */
    assert_int_equal(mkfifo(pipe, 0600), 0);
    session_open_later(s, pipe);
    usleep(20000);
    assert_int_equal(session_poll(s), 0);
    session_open_stop(s);
    assert_null(session_opening(s));
    assert_false(session_busy(s));
    session_open_later(s, OTHER);
    ok(end_of_opening(s, &err), &err);
    assert_string_equal(session_spec(s), OTHER);
    session_open_later(s, pipe);
    session_free(s); /* does not wait for it */
    unlink(pipe);
    free(pipe);
}

static void a_script_goes_the_whole_way(void **state)
{
    (void)state;
    need_edit();
    char line[160];
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    snprintf(line, sizeof line, "segment %d", edit_k);
    say(s, line);
    say(s, "candidates 5");
    snprintf(line, sizeof line, "show %s", edit_id);
    say(s, line);
    say(s, "apply");
    assert_int_equal(session_cursor(s), 1);
    say(s, "diff");
    snprintf(line, sizeof line, "export %s/out.onnx", dir);
    say(s, line);
    struct graph *g;
    snprintf(line, sizeof line, "%s/out.onnx", dir);
    ok(model_open(line, NULL, &g, &err), &err);
    assert_true(graph_hash(g) == here(s));
    graph_unref(g);
    session_free(s);
}

/* Without folding each segment is a box; folded, a box holds what its turns hold, each like the
 * first. */
static void an_overview_folds_what_repeats(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = new_session(SESSION_JOURNAL_OFF, 1);
    ok(session_open(s, "zoo:resnet50", SESSION_ASK, &err), &err);
    const int *of = session_segment_of(s);
    const struct graph *g = session_graph(s);
    struct overview flat, folded;
    overview_init(&flat, s, false);
    overview_init(&folded, s, true);
    assert_int_equal(flat.n, session_n_segments(s));
    assert_true(folded.n < flat.n);
    int segments = 0;
    for (int i = 0; i < folded.n; i++) {
        const struct overview_box *b = &folded.box[i];
        segments += b->length * b->times;
        assert_int_equal(b->segment, of[b->node]);
        assert_int_equal(strncmp(folded.label[i], b->times > 1 ? " x" : " ", 2 - (b->times == 1)),
                         0);
    }
    assert_int_equal(segments, flat.n);
    for (int i = 0; i < graph_n_nodes(g); i++) {
        int32_t id = graph_topo(g)[i];
        const struct overview_box *one = &flat.box[flat.of[id]], *all = &folded.box[folded.of[id]];
        assert_int_equal(one->segment, of[id]);
        assert_int_equal(one->times, 1);
        /* of a row of one segment all are like the first */
        if (all->times > 1 && all->length == 1)
            assert_string_equal(session_segment(s, one->segment)->ops,
                                session_segment(s, all->segment)->ops);
    }
    overview_done(&flat);
    overview_done(&folded);
    session_free(s);
}

static void layouts_come_back(void **state)
{
    (void)state;
    struct err err = {0};
    struct session *s = opened(SESSION_JOURNAL_OFF, SESSION_ASK);
    const struct graph *g = session_graph(s);
    bool *keep = x_calloc((size_t)graph_n_slots(g), sizeof *keep);
    for (int i = 0; i < 5; i++)
        keep[graph_topo(g)[i]] = true;
    uint64_t key;
    const char *why;
    session_request_layout(s, SESSION_LAYOUT_MAIN, g, NULL, 1); /* overtaken */
    session_request_layout(s, SESSION_LAYOUT_MAIN, g, keep, 2);
    ok(session_wait(s, &err), &err);
    const struct dot_layout *l = session_layout(s, SESSION_LAYOUT_MAIN, &key, &why);
    if (!l)
        fail_msg("no layout: %s", why ? why : "?");
    assert_int_equal(key, 2);
    assert_int_equal(l->n_box, 5);
    free(keep);
    session_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_a_spec_names),
        cmocka_unit_test(fixes_an_input_shape),
        cmocka_unit_test(journal_round_trip),
        cmocka_unit_test(journal_torn_anywhere),
        cmocka_unit_test(journal_damage_is_named),
        cmocka_unit_test(journal_is_locked_and_set_aside),
        cmocka_unit_test(candidates_do_not_depend_on_threads),
        cmocka_unit_test(candidates_are_ranked),
        cmocka_unit_test(equal_networks_are_folded),
        cmocka_unit_test(selecting_again_drops_the_old_jobs),
        cmocka_unit_test(self_gives_the_same_network),
        cmocka_unit_test(pins_are_solved_and_released),
        cmocka_unit_test(undo_tree),
        cmocka_unit_test(outside_of_the_segment_nothing_moves),
        cmocka_unit_test(recovers_the_whole_tree),
        cmocka_unit_test(recovers_changes_by_hand),
        cmocka_unit_test(recovers_segments_of_ones_own),
        cmocka_unit_test(replay_stops_where_hashes_differ),
        cmocka_unit_test(another_model_is_not_replayed),
        cmocka_unit_test(a_second_process_has_its_own_journal),
        cmocka_unit_test(a_full_disk_refuses_the_edit),
        cmocka_unit_test(a_kept_segment_is_a_candidate),
        cmocka_unit_test(keeping_twice_adds_nothing),
        cmocka_unit_test(what_is_asked_to_be_kept_is_kept),
        cmocka_unit_test(keeping_may_fail),
        cmocka_unit_test(a_damaged_own_database_is_left_out),
        cmocka_unit_test(recovery_without_the_own_segment),
        cmocka_unit_test(survives_kill_9),
        cmocka_unit_test(commands_check_their_arguments),
        cmocka_unit_test(commands_without_a_model),
        cmocka_unit_test(a_filter_and_an_order_choose_the_list),
        cmocka_unit_test(tags_come_back),
        cmocka_unit_test(names_come_back),
        cmocka_unit_test(names_are_words),
        cmocka_unit_test(an_unknown_record_stops_the_replay),
        cmocka_unit_test(branches_are_compared),
        cmocka_unit_test(costs_are_asked_for),
        cmocka_unit_test(more_joins_the_others),
        cmocka_unit_test(a_batch_goes_over_the_segments),
        cmocka_unit_test(a_batch_by_a_field_a_tag_a_list),
        cmocka_unit_test(a_batch_stops),
        cmocka_unit_test(a_failing_open_keeps_the_model),
        cmocka_unit_test(a_worker_opens_what_session_open_does),
        cmocka_unit_test(an_opening_that_fails_or_stops_keeps_the_model),
        cmocka_unit_test(a_script_goes_the_whole_way),
        cmocka_unit_test(an_overview_folds_what_repeats),
        cmocka_unit_test(layouts_come_back),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
