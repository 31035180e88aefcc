/* segdb: reading databases, whole and damaged ones. */
#include "segdb_make.h"

/* ---- records ---- */

static void names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "s", "12", "s0", "s-1", "t1", "s1x", "s99999999999999"};
    char name[SEGDB_NAME];
    int64_t id = 0;
    assert_true(segdb_name_parse("s12", &id) && id == 12);
    assert_true(segdb_name_parse("u7", &id) && id == (INT64_C(1) << 40 | 7));
    segdb_name(id, name);
    assert_string_equal(name, "u7");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(segdb_name_parse(bad[i], &id));
}

static void store_and_fetch(void **state)
{
    (void)state;
    struct graph *g = build("zoo:resnet50");
    struct graph *a = cut_out(g, "layer1.1."), *b = cut_out(g, "layer2.1.");
    struct graph *c = cut_out(g, "layer2.0.");
    struct segdb *db = create(db_path);
    assert_int_equal(add(db, a, "zoo:first"), 1);
    assert_int_equal(add(db, b, "models/second.onnx"), 1);
    assert_int_equal(add(db, b, "zoo:third"), 1);
    assert_int_equal(add(db, c, "zoo:fourth"), 2);
    assert_int_equal(segdb_count(db), 2);
    uint64_t hash = segdb_hash(db);
    struct err err = {0};
    struct segdb_record r;
    struct segdb_seen seen;
    assert_int_equal(segdb_get(db, 1, &r, &err), ST_USAGE);
    close_db(db);

    db = open_db(db_path);
    assert_int_equal(segdb_count(db), 2);
    assert_true(segdb_hash(db) == hash);
    assert_int_equal(segdb_get(db, 1, &r, &err), ST_OK);
    assert_string_equal(r.name, "s1");
    assert_string_equal(r.origin, "zoo:first");
    assert_string_equal(r.ops, "Conv1x1 BatchNormalization Relu Conv3x3 BatchNormalization Relu "
                               "Conv1x1 BatchNormalization Add Relu");
    assert_int_equal(r.count, 3);
    assert_int_equal(r.n_shapes, 2);
    assert_int_equal(r.n_nodes, 10);
    assert_int_equal(r.n_in, 1);
    assert_int_equal(r.n_out, 1);
    assert_int_equal(r.ratio, 0);
    struct cost want, other;
    cost_graph(a, &want);
    cost_graph(b, &other);
    assert_int_equal(r.flops_paper, want.flops_paper);
    assert_int_equal(r.params, want.params);
    assert_int_equal(graph_n_nodes(r.fragment), graph_n_nodes(a));
    static const char *const node[] = {"input1", "conv1", "bn1", "relu1", "conv2", "bn2",
                                       "relu2",  "conv3", "bn3", "add1",  "relu3", "output1"};
    for (size_t i = 0; i < sizeof node / sizeof *node; i++)
        assert_true(graph_find(r.fragment, node[i]) >= 0);
    segdb_record_done(&r);
    assert_int_equal(segdb_seen(db, 1, &seen, &err), ST_OK);
    assert_int_equal(seen.n_shapes, 2);
    assert_string_equal(seen.shape[0].text, "512x28x28 > 512x28x28");
    assert_int_equal(seen.shape[0].count, 2);
    assert_int_equal(seen.shape[0].params, other.params);
    assert_int_equal(seen.shape[0].flops_paper, other.flops_paper);
    assert_string_equal(seen.shape[1].text, "256x56x56 > 256x56x56");
    assert_int_equal(seen.shape[1].count, 1);
    assert_int_equal(seen.shape[1].params, want.params);
    assert_int_equal(seen.n_origins, 2);
    assert_string_equal(seen.origin[0].group, "zoo");
    assert_int_equal(seen.origin[0].count, 2);
    assert_string_equal(seen.origin[1].group, "");
    segdb_seen_done(&seen);
    assert_int_equal(segdb_get(db, 2, &r, &err), ST_OK);
    assert_int_equal(r.ratio, 2);
    segdb_record_done(&r);
    assert_int_equal(segdb_next(db, 0), 1);
    assert_int_equal(segdb_next(db, 1), 2);
    assert_int_equal(segdb_next(db, 2), 0);
    for (int64_t id = 1; id <= 2; id++)
        if (segdb_check(db, id, &err) != ST_OK)
            fail_msg("%s", err.msg);
    int64_t found = -1;
    struct graph *d = cut_out(g, "layer3.1."), *e = cut_out(g, "layer1.1.conv1");
    assert_int_equal(segdb_find(db, d, &found, &err), ST_OK);
    assert_int_equal(found, 1);
    assert_int_equal(segdb_find(db, e, &found, &err), ST_OK);
    assert_int_equal(found, 0);
    graph_unref(d);
    graph_unref(e);
    assert_int_equal(segdb_get(db, 3, &r, &err), ST_USAGE);
    assert_int_equal(segdb_get(db, -1, &r, &err), ST_USAGE);
    assert_int_equal(segdb_check(db, INT64_MAX, &err), ST_USAGE);
    assert_int_equal(segdb_seen(db, INT64_C(1) << 40 | 1, &seen, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "u1"));
    assert_int_equal(segdb_add(db, a, "x", NULL, &err), ST_USAGE);
    assert_int_equal(segdb_remove(db, 1, &err), ST_USAGE);
    assert_int_equal(segdb_absorb(db, db_path, &err), ST_USAGE);
    assert_int_equal(segdb_close(db, &err), ST_OK);
    graph_unref(a);
    graph_unref(b);
    graph_unref(c);
    graph_unref(g);
}

/* Shapes are told in the port order of the record, however the fragment came. */
static void ports_keep_their_order(void **state)
{
    (void)state;
    struct segdb *db = create(db_path);
    struct segdb_seen seen;
    assert_int_equal(add_text(db,
                              HEAD "input < > float[N,8,4,4]\ninput < > float[N,16,4,4]\n"
                                   "Conv < 0.0 float[16,8,1,1] > float[N,16,4,4]\n"
                                   "Add < 2.0 1.0 > =\nRelu < 3.0 > =\noutput < 4.0 >\n",
                              "x"),
                     1);
    assert_int_equal(add_text(db,
                              HEAD "input < > float[N,32,6,6]\ninput < > float[N,16,6,6]\n"
                                   "Conv < 1.0 float[32,16,1,1] > float[N,32,6,6]\n"
                                   "Add < 0.0 2.0 > =\nRelu < 3.0 > =\noutput < 4.0 >\n",
                              "x"),
                     1);
    close_db(db);
    /* Also when it comes from another database. */
    db = create(other_path);
    add_text(db,
             HEAD "input < > float[N,32,6,6]\ninput < > float[N,16,6,6]\n"
                  "Conv < 1.0 float[32,16,1,1] > float[N,32,6,6]\n"
                  "Add < 0.0 2.0 > =\nRelu < 3.0 > =\noutput < 4.0 >\n",
             "x");
    close_db(db);
    db = edit(db_path);
    assert_int_equal(segdb_absorb(db, other_path, NULL), ST_OK);
    close_db(db);
    db = open_db(db_path);
    assert_int_equal(segdb_seen(db, 1, &seen, NULL), ST_OK);
    assert_int_equal(seen.n_shapes, 2);
    assert_string_equal(seen.shape[0].text, "16x6x6, 32x6x6 > 32x6x6");
    assert_int_equal(seen.shape[0].count, 2);
    assert_string_equal(seen.shape[1].text, "8x4x4, 16x4x4 > 16x4x4");
    segdb_seen_done(&seen);
    assert_int_equal(segdb_check(db, 1, NULL), ST_OK);
    close_db(db);
}

/* Batch, weights, names, op set and node order do not make a new record; parameters do. */
static void what_makes_a_record(void **state)
{
    (void)state;
    struct segdb *db = create(db_path);
    const struct {
        const char *text;
        int64_t count;
    } step[] = {
        {HEAD IN "Mul < 0.0 float[]=v:2 > =\noutput < 1.0 >\n", 1},
        {"autogo-segment 2 17\n" IN "Mul < 0.0 float[]=v:2 > =\noutput < 1.0 >\n", 1},
        {HEAD "input < > float[1,8,4,4]\nMul < 0.0 float[]=v:2 > =\noutput < 1.0 >\n", 1},
        {HEAD IN "Mul < float[]=v:2 0.0 > =\noutput < 1.0 >\n", 1},
        {HEAD IN "Mul < 0.0 float[]=v:3 > =\noutput < 1.0 >\n", 2},
        {HEAD IN "Reshape < 0.0 int64[2]=v:0,-1 > float[N,128]\noutput < 1.0 >\n", 3},
        {HEAD IN "Reshape < 0.0 int64[2]=v:-1,128 > float[N,128]\noutput < 1.0 >\n", 4},
        {HEAD IN "Conv < 0.0 float[8,8,1,1]=fill:0 > =\noutput < 1.0 >\n", 5},
        {HEAD IN "Conv < 0.0 float[8,8,1,1]=he:99 > =\noutput < 1.0 >\n", 5},
        {HEAD IN "Conv < 0.0 float[8,8,1,1] float[8]=v:1,2,3,4,5,6,7,8 > =\noutput < 1.0 >\n", 6},
        {HEAD IN "Conv < 0.0 float[8,8,1,1] float[8] > =\noutput < 1.0 >\n", 6},
        {HEAD IN "Conv group=i2 < 0.0 float[8,4,1,1] > =\noutput < 1.0 >\n", 7},
    };
    for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
        add_text(db, step[i].text, "x");
        if (segdb_count(db) != step[i].count)
            fail_msg("step %zu: %d records", i, (int)segdb_count(db));
    }
    struct node *n = node_new(OP_OPAQUE, "odd");
    struct graph_edit *e = graph_edit_new(NULL);
    node_add_output(n, "y");
    graph_edit_add(e, n);
    struct graph *g = NULL;
    struct err err = {0};
    assert_int_equal(graph_edit_freeze(e, &g, &err), ST_OK);
    assert_int_equal(segdb_add(db, g, "x", NULL, &err), ST_UNSUPPORTED);
    assert_int_equal(segdb_count(db), 7);
    graph_unref(g);
    segdb_abandon(db);
}

static bool is_worth(const char *text)
{
    struct graph *g = parse(text);
    VEC(int32_t) id = {0};
    struct region r;
    for (int32_t i = 0; i < graph_n_slots(g); i++)
        if (graph_node(g, i)->op != OP_INPUT && graph_node(g, i)->op != OP_OUTPUT)
            vec_push(&id, i);
    assert_int_equal(region_init(&r, g, id.at, (int)id.n, NULL), ST_OK);
    bool worth = segdb_worth(g, &r);
    region_done(&r);
    vec_done(&id);
    graph_unref(g);
    return worth;
}

static void worth(void **state)
{
    (void)state;
#define OUT "output < 1.0 >\n"
    assert_true(is_worth(HEAD IN "Relu < 0.0 > =\n" OUT));
    assert_true(is_worth(HEAD IN "Mul < 0.0 float[2]=v:0,1 > =\n" OUT));
    assert_true(is_worth(HEAD IN "Add < 0.0 float[]=v:0 > =\n" OUT));
    assert_false(is_worth(HEAD IN "Mul < 0.0 float[]=v:0 > =\n" OUT));
    assert_false(is_worth(HEAD IN "Mul < float[1,8,1,1]=fill:0 0.0 > =\n" OUT));
    assert_false(is_worth(HEAD "input < > float[N,?,4,4]\nRelu < 0.0 > =\n" OUT));
    assert_false(is_worth(HEAD IN IN "Relu < 0.0 > =\nRelu < 1.0 > =\noutput < 2.0 >\n"
                                     "output < 3.0 >\n"));
}

/* ---- damaged files ---- */

static enum status try_open(const char *path, struct segdb **db, struct err *err)
{
    const char *list[] = {path};
    *err = (struct err){0};
    *db = NULL;
    enum status st = segdb_open(db, list, 1, err);
    assert_true(st == ST_OK || err->msg[0]);
    return st;
}

static enum status only_open(const char *path, struct err *err)
{
    struct segdb *db;
    enum status st = try_open(path, &db, err);
    segdb_abandon(db);
    return st;
}

enum { SAMPLES = 12 };

/* What a record tells, as one text. */
static char *told(struct segdb *db, int64_t id, enum status *st)
{
    struct segdb_record r;
    struct segdb_seen seen;
    struct err err = {0};
    struct str s = {0};
    *st = segdb_get(db, id, &r, &err);
    if (*st == ST_OK) {
        str_addf(&s, "%s %s %d %d %d %d %lld %lld %lld\n", r.origin, r.ops, r.n_nodes, r.n_in,
                 r.n_out, r.ratio, (long long)r.count, (long long)r.flops_paper,
                 (long long)r.params);
        assert_int_equal(segdb_text_write(r.fragment, &s, NULL), ST_OK);
        segdb_record_done(&r);
        *st = segdb_seen(db, id, &seen, &err);
    }
    if (*st == ST_OK) {
        for (int i = 0; i < seen.n_shapes; i++)
            str_addf(&s, "%s %lld\n", seen.shape[i].text, (long long)seen.shape[i].count);
        for (int i = 0; i < seen.n_origins; i++)
            str_addf(&s, "%s %lld\n", seen.origin[i].group, (long long)seen.origin[i].count);
        segdb_seen_done(&seen);
    }
    assert_true(*st == ST_OK || err.msg[0]);
    return str_take(&s);
}

/* What a damaged file still tells is right. */
static int use_all(struct segdb *db, char *const *want, const struct graph *g,
                   const struct region *r)
{
    int refused = 0, n;
    int64_t *ids;
    enum status st;
    struct err err = {0};
    for (int64_t id = 1; id <= SAMPLES; id++) {
        char *have = told(db, id, &st);
        if (st == ST_OK)
            assert_string_equal(have, want[id - 1]);
        refused += st != ST_OK;
        free(have);
    }
    int64_t at = 0, next;
    for (int k = 0; k < 2 * SAMPLES && (next = segdb_next(db, at)); k++) {
        assert_true(next > at);
        at = next;
    }
    segdb_check(db, 1 + segdb_hash(db) % SAMPLES, &err);
    if (segdb_query(db, g, r, 20, &ids, &n, &err) == ST_OK) {
        for (int i = 0; i < n; i++)
            free(told(db, ids[i], &st));
        free(ids);
    }
    return refused;
}

static void make_sample(const char *path)
{
    struct segdb *db = create(path);
    struct str s = {0};
    for (int i = 1; i <= SAMPLES; i++) {
        str_clear(&s);
        str_addf(&s, HEAD IN "Elu alpha=f%d < 0.0 > =\nRelu < 1.0 > =\noutput < 2.0 >\n", i);
        add_text(db, str_text(&s), i % 2 ? "zoo:sample" : "sample");
        add_text(db, str_text(&s), "nb201:x");
    }
    str_done(&s);
    close_db(db);
}

static void damaged_files(void **state)
{
    (void)state;
    unsigned char *bytes;
    size_t n;
    struct err err;
    struct segdb *db;
    char *want[SAMPLES];
    enum status st;
    make_sample(db_path);
    assert_int_equal(try_open(db_path, &db, &err), ST_OK);
    assert_int_equal(segdb_count(db), SAMPLES);
    for (int i = 0; i < SAMPLES; i++) {
        want[i] = told(db, i + 1, &st);
        assert_int_equal(st, ST_OK);
    }
    segdb_abandon(db);
    read_whole(db_path, &bytes, &n);
    for (size_t k = 0; k < n; k += k < 4096 ? 500 : 1999) {
        put_bytes(other_path, bytes, k);
        assert_int_equal(only_open(other_path, &err), ST_MODEL);
        assert_string_equal(err.file, other_path);
    }
    struct graph *g = build("zoo:resnet50");
    struct region r;
    int32_t id = graph_find(g, "layer1.0.conv1");
    assert_int_equal(region_init(&r, g, &id, 1, NULL), ST_OK);
    struct rng rng = rng_for(3, 3);
    int opened = 0, refused = 0;
    for (int i = 0; i < 400; i++) {
        unsigned char *copy = x_memdup(bytes, n);
        for (int k = i % 4 ? 1 : 20; k; k--)
            copy[rng_below(&rng, n)] ^= (unsigned char)(1 + rng_below(&rng, 255));
        put_bytes(other_path, copy, n);
        st = try_open(other_path, &db, &err);
        assert_true(st == ST_OK || st == ST_MODEL);
        if (st == ST_OK) {
            opened++;
            refused += use_all(db, want, g, &r) > 0;
            segdb_abandon(db);
        }
        /* Nor is it taken for a database to add to, and it stays as it is. */
        if (i % 8 == 0 && st != ST_OK) {
            assert_int_equal(segdb_edit(&db, other_path, &err), ST_MODEL);
            assert_file(other_path, copy, n);
        } else {
            free(copy);
        }
    }
    assert_true(opened > 20 && opened < 380 && refused > 5);
    region_done(&r);
    graph_unref(g);
    for (int i = 0; i < SAMPLES; i++)
        free(want[i]);
    /* user_version at offset 60, big-endian; application_id at 68; the journal mode at 18. */
    static const struct {
        int at, value;
        const char *word;
    } wrong[] = {{63, 3, "newer"}, {63, 1, "autogo mine"}, {71, 0x48, "not a"}, {18, 2, "not a"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        unsigned char *copy = x_memdup(bytes, n);
        copy[wrong[i].at] = (unsigned char)wrong[i].value;
        put_bytes(other_path, copy, n);
        assert_int_equal(only_open(other_path, &err), ST_MODEL);
        if (!strstr(err.msg, wrong[i].word))
            fail_msg("%s", err.msg);
        assert_int_equal(segdb_edit(&db, other_path, &err), ST_MODEL);
        assert_file(other_path, copy, n);
    }
    free(bytes);
    put_bytes(other_path, "hello\n", 6);
    assert_int_equal(only_open(other_path, &err), ST_MODEL);
    assert_int_equal(only_open("/nonexistent/x.db", &err), ST_IO);
}

/* Rows that are wrong but have the right sums, as a hostile file would. */
static void wrong_rows(void **state)
{
    (void)state;
    static const char relu[] = HEAD IN "Relu < 0.0 > =\noutput < 1.0 >\n";
    static const struct {
        const char *body, *shape, *get, *check; /* the word in the message; NULL: accepted */
        int64_t count, flops, relative_zero;
        int n_in;
    } bad[] = {
        {relu, "8x4x4 > 8x4x4", NULL, NULL, 1, 0, 0, 0},
        {relu, "8x4x4 > 8x4x4", "range", "range", -3, 0, 0, 0},
        {relu, "8x4x4 > 8x4x4", "range", "range", 1, -5, 0, 0},
        {relu, "8x4x4 > 8x4x4", NULL, "FLOPs", 1, 7, 0, 0},
        {relu, "8x4x4 > 8x4x4", NULL, "relative", 1, 0, 1, 0},
        {relu, "8x4x4 > 8x4x4", "agree", "ports", 1, 0, 0, 2},
        {relu, "9x4x4 > 9x4x4", NULL, "its own shape", 1, 0, 0, 0},
        {"nonsense", "x", "version", "version", 1, 0, 0, 0},
        {HEAD IN "Relu < 0.0 > float[N,9,4,4]\noutput < 1.0 >\n", "8x4x4 > 9x4x4", NULL, "relu1", 1,
         0, 0, 0},
        {HEAD IN "Conv < 0.0 float[8,9,1,1] > =\noutput < 1.0 >\n", "8x4x4 > 8x4x4", NULL, "conv1",
         1, 0, 0, 0},
        {HEAD IN IN "Relu < 0.0 > =\nRelu < 1.0 > =\noutput < 2.0 >\noutput < 3.0 >\n",
         "8x4x4, 8x4x4 > 8x4x4, 8x4x4", NULL, "connected", 1, 0, 0, 0},
        {HEAD IN IN "Relu < 0.0 > =\noutput < 2.0 >\n", "8x4x4, 8x4x4 > 8x4x4", NULL, "used", 1, 0,
         0, 0},
        {HEAD IN "output < 0.0 >\n", "8x4x4 > 8x4x4", "range", "range", 1, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct segdb_row row = {.number = 1, .count = bad[i].count};
        struct segdb_record r;
        struct graph *g = NULL;
        struct err err = {0};
        if (segdb_text_read(bad[i].body, &g, NULL) == ST_OK) {
            segdb_row_measure(&row, g);
            graph_unref(g);
        } else {
            row.n_nodes = row.n_in = row.n_out = 1;
        }
        row.origin = x_strdup("x");
        row.body = x_strdup(bad[i].body);
        *segdb_row_shape(&row, bad[i].shape) = (struct segdb_shape){
            .text = row.shape.at[0].text,
            .count = bad[i].count,
            .flops_paper = row.flops,
            .params = row.params,
        };
        *segdb_row_group(&row, "") = bad[i].count;
        row.flops = bad[i].flops ? bad[i].flops : row.flops;
        row.relative = bad[i].relative_zero ? 0 : row.relative;
        row.n_in = bad[i].n_in ? bad[i].n_in : row.n_in;
        struct segdb *db = create(db_path);
        segdb_enter(db, &row);
        close_db(db);
        db = open_db(db_path);
        enum status st = segdb_get(db, 1, &r, &err);
        if (st != (bad[i].get ? ST_MODEL : ST_OK) || (bad[i].get && !strstr(err.msg, bad[i].get)))
            fail_msg("row %zu, get: %d %s", i, st, err.msg);
        if (st == ST_OK)
            segdb_record_done(&r);
        st = segdb_check(db, 1, &err);
        if (st != (bad[i].check ? ST_MODEL : ST_OK) ||
            (bad[i].check && !strstr(err.msg, bad[i].check)))
            fail_msg("row %zu, check: %d %s", i, st, err.msg);
        segdb_abandon(db);
    }
    /* The same structure twice. */
    struct segdb *db = create(db_path);
    add_text(db, relu, "x");
    struct segdb_row twice = {.number = 2, .count = 1};
    struct graph *g = parse(relu);
    struct err err = {0};
    segdb_row_measure(&twice, g);
    graph_unref(g);
    twice.origin = x_strdup("x");
    twice.body = x_strdup(relu);
    *segdb_row_group(&twice, "") = 1;
    struct segdb_shape *s = segdb_row_shape(&twice, "8x4x4 > 8x4x4");
    s->count = 1;
    s->flops_paper = twice.flops;
    segdb_enter(db, &twice);
    close_db(db);
    db = open_db(db_path);
    assert_int_equal(segdb_check(db, 1, &err), ST_MODEL);
    assert_non_null(strstr(err.msg, "same structure"));
    segdb_abandon(db);
}

/* ---- queries ---- */

static int64_t add_conv(struct segdb *db, int width, int kernel)
{
    char *text = x_asprintf(HEAD "input < > float[N,8,64,64]\nConv < 0.0 float[%d,8,%d,%d] > "
                                 "float[N,%d,%d,%d]\noutput < 1.0 >\n",
                            width, kernel, kernel, width, 65 - kernel, 65 - kernel);
    int64_t number = add_text(db, text, "x");
    free(text);
    return number;
}

static void expect(struct segdb *db, const struct graph *g, int32_t id, int limit, const char *want)
{
    struct region r;
    int64_t *ids;
    int n;
    struct str s = {0};
    assert_int_equal(region_init(&r, g, &id, 1, NULL), ST_OK);
    assert_int_equal(segdb_query(db, g, &r, limit, &ids, &n, NULL), ST_OK);
    for (int i = 0; i < n; i++) {
        char name[SEGDB_NAME];
        segdb_name(ids[i], name);
        str_addf(&s, "%s%s", i ? " " : "", name);
    }
    assert_string_equal(str_text(&s), want);
    str_done(&s);
    free(ids);
    region_done(&r);
}

static void query_order(void **state)
{
    (void)state;
    struct segdb *db = create(db_path);
    /* Relative costs 2 width / 8 each (less at the border): 3, 6, 9, 12, 24, 48; then a cheaper
     * one, a pool (ratio 2) and a join. */
    static const int width[] = {12, 24, 36, 48, 96, 192};
    for (size_t i = 0; i < sizeof width / sizeof *width; i++)
        assert_int_equal(add_conv(db, width[i], 1), i + 1);
    assert_int_equal(add_text(db, HEAD IN "Relu < 0.0 > =\noutput < 1.0 >\n", "x"), 7);
    assert_int_equal(add_text(db,
                              HEAD "input < > float[N,8,8,8]\nMaxPool kernel_shape=I2,2 "
                                   "strides=I2,2 < 0.0 > float[N,8,4,4]\noutput < 1.0 >\n",
                              "x"),
                     8);
    assert_int_equal(add_text(db, HEAD IN IN "Add < 0.0 1.0 > =\noutput < 2.0 >\n", "x"), 9);
    close_db(db);
    /* At any width and resolution, what is asked for is found. */
    struct graph *g = parse(HEAD "input < > float[N,60,9,9]\nConv < 0.0 float[180,60,1,1] > "
                                 "float[N,180,9,9]\nRelu < 1.0 > =\noutput < 2.0 >\n");
    db = open_db(db_path);
    expect(db, g, 1, 3, "s2 s3 s1");
    /* Three of a kind, then others, then more of the kind to fill up. */
    expect(db, g, 1, 5, "s2 s3 s1 s7 s8");
    expect(db, g, 1, 6, "s2 s3 s1 s7 s8 s4");
    expect(db, g, 1, 1000, "s2 s3 s1 s7 s8 s4 s5 s6");
    expect(db, g, 1, 0, "");
    expect(db, g, 1, -1, "");
    close_db(db);

    /* Layers are walked as one. */
    db = create(other_path);
    add_conv(db, 22, 1); /* 5.5: nearest after s2 (6), by ratio */
    add_conv(db, 20, 3);
    assert_int_equal(add_text(db, HEAD IN "Tanh < 0.0 > =\noutput < 1.0 >\n", "x"), 3);
    close_db(db);
    db = open_layers(db_path, other_path);
    assert_int_equal(segdb_count(db), 12);
    expect(db, g, 1, 2, "s2 u1");
    expect(db, g, 1, 100, "s2 u1 s3 u2 s7 u3 s8 s1 s4 s5 s6");
    struct segdb_record r;
    int64_t id;
    assert_true(segdb_name_parse("u3", &id));
    assert_int_equal(segdb_get(db, id, &r, NULL), ST_OK);
    assert_string_equal(r.name, "u3");
    assert_string_equal(r.ops, "Tanh");
    segdb_record_done(&r);
    int n = 0;
    for (int64_t at = 0; (at = segdb_next(db, at)); n++)
        assert_int_equal(segdb_check(db, at, NULL), ST_OK);
    assert_int_equal(n, 12);
    /* The first layer names the database. */
    struct segdb *alone = open_db(db_path);
    assert_true(segdb_hash(db) == segdb_hash(alone));
    segdb_abandon(alone);
    /* The second may be replaced while it is open. */
    struct segdb *again = edit(other_path);
    assert_int_equal(segdb_remove(again, 3, NULL), ST_OK);
    close_db(again);
    assert_int_equal(segdb_get(db, id, &r, NULL), ST_OK);
    segdb_record_done(&r);
    close_db(db);
    db = open_layers(db_path, other_path);
    assert_int_equal(segdb_get(db, id, &r, NULL), ST_USAGE);
    close_db(db);
    graph_unref(g);

    g = parse(HEAD "input < > float[N,100,8,8]\ninput < > float[N,100,8,8]\nMul < 0.0 1.0 > =\n"
                   "output < 2.0 >\n");
    db = open_db(db_path);
    expect(db, g, 2, 10, "s9");
    close_db(db);
    graph_unref(g);
}

/* Its own operators first, all of them, then the others; of the same port counts. */
static void query_like(void **state)
{
    (void)state;
    static const int width[] = {12, 24, 36, 48, 96, 192};
    struct segdb *db = create(db_path);
    for (size_t i = 0; i < sizeof width / sizeof *width; i++)
        add_conv(db, width[i], 1);
    add_text(db, HEAD IN "Relu < 0.0 > =\noutput < 1.0 >\n", "x");
    add_text(db, HEAD IN IN "Add < 0.0 1.0 > =\noutput < 2.0 >\n", "x");
    close_db(db);
    db = open_db(db_path);
    static const struct {
        int record, limit;
        const char *want;
    } ask[] = {{2, 100, "s2 s3 s1 s4 s5 s6 s7"},
               {2, 2, "s2 s3"},
               {7, 3, "s7 s1 s2"},
               {8, 9, "s8"},
               {6, 0, ""}};
    for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
        struct segdb_record r;
        struct str s = {0};
        int64_t *ids = NULL;
        int n = 0;
        assert_int_equal(segdb_get(db, ask[i].record, &r, NULL), ST_OK);
        assert_int_equal(segdb_query_like(db, r.fragment, ask[i].limit, &ids, &n, NULL), ST_OK);
        for (int k = 0; k < n; k++)
            str_addf(&s, "%ss%d", k ? " " : "", (int)ids[k]);
        assert_string_equal(str_text(&s), ask[i].want);
        str_done(&s);
        free(ids);
        segdb_record_done(&r);
    }
    close_db(db);
}

/* A file that cannot be written, in a folder that cannot: nothing is made beside it. */
static void read_only_folder(void **state)
{
    (void)state;
    char *folder = x_asprintf("%s/ro", dir), *path = x_asprintf("%s/x.db", folder);
    assert_int_equal(mkdir(folder, 0700), 0);
    make_sample(path);
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(chmod(folder, 0500), 0);
    make_sample(db_path);
    struct segdb *db = open_layers(db_path, path);
    assert_int_equal(segdb_count(db), 2 * SAMPLES);
    assert_int_equal(segdb_check(db, INT64_C(1) << 40 | 3, NULL), ST_OK);
    segdb_abandon(db);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    free(path);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(store_and_fetch),
        cmocka_unit_test(ports_keep_their_order),
        cmocka_unit_test(what_makes_a_record),
        cmocka_unit_test(worth),
        cmocka_unit_test(damaged_files),
        cmocka_unit_test(wrong_rows),
        cmocka_unit_test(query_order),
        cmocka_unit_test(query_like),
        cmocka_unit_test(read_only_folder),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
