/* segdb: fragments as text, and what makes a structure. */
#include "segdb_make.h"

/* ---- text ---- */

static void text_round_trip(void **state)
{
    (void)state;
    static const char *const zoo[] = {"zoo:resnet50", "zoo:mobilenetv2", "zoo:unet", "zoo:edsr"};
    for (size_t k = 0; k < sizeof zoo / sizeof *zoo; k++) {
        struct graph *g = build(zoo[k]);
        struct str a = {0}, b = {0};
        assert_int_equal(segdb_text_write(g, &a, NULL), ST_OK);
        struct graph *h = parse(str_text(&a));
        assert_int_equal(segdb_text_write(h, &b, NULL), ST_OK);
        assert_string_equal(str_text(&a), str_text(&b));
        assert_int_equal(graph_n_nodes(g), graph_n_nodes(h));
        assert_int_equal(graph_n_edges(g), graph_n_edges(h));
        struct cost c, d;
        cost_graph(g, &c);
        cost_graph(h, &d);
        assert_int_equal(c.flops_paper, d.flops_paper);
        assert_int_equal(c.params, d.params);
        assert_true(segdb_same(h, h, NULL));
        str_done(&a);
        str_done(&b);
        graph_unref(g);
        graph_unref(h);
    }
    /* Attributes and constants of every kind, sorted, escaped, exact. */
    const char *text = HEAD IN
        "Clip alpha=f0.1 beta=F0.5,-inf gamma=I-1,9223372036854775807 mode=sa%20%3C%25 z=i-3"
        " < 0.0 float[]=v:0.33333334 float[2,3]=fill:nan > =\n"
        "Mul < 1.0 float[3]=v:1,2.5,inf > float[N,?,4,4] - double\n"
        "Conv < 2.0 float[8,8,1,1] - > float\n"
        "Reshape < 3.0 int64[2]=v:-1,8 > int8[]\n"
        "PRelu < 4.0 float[8] > =\n"
        "output < 5.0 >\n";
    struct graph *g = parse(text);
    struct str s = {0};
    assert_int_equal(segdb_text_write(g, &s, NULL), ST_OK);
    assert_string_equal(str_text(&s), text);
    const struct node *clip = graph_node(g, graph_topo(g)[1]);
    assert_string_equal(node_string(clip, "mode", ""), "a <%");
    assert_true(node_float(clip, "alpha", 0) == 0.1f);
    const struct node *cv = graph_node(g, graph_topo(g)[3]);
    assert_int_equal(tensor_kind(node_const(cv, 1)), TENSOR_HE);
    assert_int_equal(tensor_fan_in(node_const(cv, 1)), 8);
    str_done(&s);
    graph_unref(g);
}

static void hostile_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "autogo-segment",
        "autogo-segment 1 13\n" IN,
        "autogo-segment 2 6\n" IN,
        HEAD,
        HEAD "\n" IN,
        HEAD "input < >\n",
        HEAD "input <\n",
        HEAD "input < > float[N,8 \n",
        HEAD "input < > float[N,-8]\n",
        HEAD "input < > float[1,2,3,4,5,6,7,8,9]\n",
        HEAD "input < > floot[1]\n",
        HEAD "input < > float[99999999999999999999]\n",
        HEAD "input < > =\n",
        HEAD "input < > float[1] float[1]\n",
        HEAD IN "Bogus < 0.0 > =\n",
        HEAD IN " < 0.0 > =\n",
        HEAD IN "Relu < 1.0 > =\n",
        HEAD IN "Relu < 2.0 > =\n",
        HEAD IN "Relu < -1.0 > =\n",
        HEAD IN "Relu < 0.1 > =\n",
        HEAD IN "Relu < 0.99999999999 > =\n",
        HEAD IN "Relu < 0 > =\n",
        HEAD IN "Relu < > float[1]\n",
        HEAD IN "Relu < 0.0 0.0 > =\n",
        HEAD IN "Relu < 0.0 >\n",
        HEAD IN "Relu < 0.0 > = > =\n",
        HEAD IN "Relu x < 0.0 > =\n",
        HEAD IN "Relu =i1 < 0.0 > =\n",
        HEAD IN "Relu a= < 0.0 > =\n",
        HEAD IN "Relu a=q1 < 0.0 > =\n",
        HEAD IN "Relu a=i < 0.0 > =\n",
        HEAD IN "Relu a=i1 a=i2 < 0.0 > =\n",
        HEAD IN "Relu a=s%4 < 0.0 > =\n",
        HEAD IN "Relu a=s%GG < 0.0 > =\n",
        HEAD IN "Relu a%00b=i1 < 0.0 > =\n",
        HEAD IN "Relu a=I1,,2 < 0.0 > =\n",
        HEAD IN "Mul < 0.0 float[2] > =\n",
        HEAD IN "Mul < 0.0 float[2]=v:1 > =\n",
        HEAD IN "Mul < 0.0 float[2]=v:1,2,3 > =\n",
        HEAD IN "Mul < 0.0 float[N,2]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float16[2]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float[4294967296,4294967296]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float[1099511627776,1099511627776,8]=fill:1 > =\n",
        HEAD IN "Mul < 0.0 float[100000]=v:1 > =\n",
        HEAD IN "Mul < 0.0 int64[1]=he:3 > =\n",
        HEAD IN "Mul < 0.0 string[1]=v:x > =\n",
        HEAD IN "output < - >\n",
        HEAD IN "output < 0.0 > float[1]\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct graph *g = NULL;
        struct err err = {0};
        if (segdb_text_read(bad[i], &g, &err) != ST_MODEL)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.msg[0]);
        assert_null(g);
    }
}

/* Whatever happens to a text, it is read or refused. */
static void mangled_texts(void **state)
{
    (void)state;
    struct graph *g = build("zoo:resnet50"), *f = cut_out(g, "layer2.0.");
    struct str s = {0};
    assert_int_equal(segdb_text_write(f, &s, NULL), ST_OK);
    struct rng rng = rng_for(7, 7);
    int refused = 0;
    for (int i = 0; i < 5000; i++) {
        char *t = x_strdup(s.s);
        if (i < 1000)
            t[rng_below(&rng, s.n)] = 0;
        for (uint64_t k = rng_below(&rng, 4) + (i >= 1000); k; k--)
            t[rng_below(&rng, s.n)] = " \n.,=[]<>-0129%NxfvI\x80"[rng_below(&rng, 21)];
        struct graph *h = NULL;
        struct err err = {0};
        enum status st = segdb_text_read(t, &h, &err);
        assert_true(st == ST_OK || (st == ST_MODEL && err.msg[0]));
        refused += st != ST_OK;
        if (st == ST_OK) {
            struct str again = {0};
            segdb_text_write(h, &again, NULL);
            str_done(&again);
        }
        graph_unref(h);
        free(t);
    }
    assert_true(refused > 2500);
    str_done(&s);
    graph_unref(f);
    graph_unref(g);
}

/* ---- isomorphism ---- */

static void same_and_different(void **state)
{
    (void)state;
#define CONV(from, k) "Conv kernel_shape=I" k "," k " < " from " float[8,8," k "," k "] > =\n"
    const char *base = HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 1.0 2.0 > =\n"
                                                                 "output < 3.0 >\n";
    const struct {
        const char *text;
        bool same;
    } other[] = {
        {HEAD IN CONV("0.0", "1") CONV("0.0", "3") "Add < 1.0 2.0 > =\noutput < 3.0 >\n", true},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 2.0 1.0 > =\noutput < 3.0 >\n", true},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "3") "Add < 1.0 2.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("1.0", "1") "Add < 1.0 2.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Sub < 1.0 2.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 1.0 1.0 > =\noutput < 3.0 >\n", false},
        {HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Add < 1.0 0.0 > =\noutput < 3.0 >\n", false},
    };
    struct graph *a = parse(base);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct graph *b = parse(other[i].text);
        assert_int_equal(segdb_same(a, b, NULL), other[i].same);
        assert_int_equal(segdb_same(b, a, NULL), other[i].same);
        graph_unref(b);
    }
    graph_unref(a);
    /* Order matters where the operator says so. */
    a = parse(HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Concat axis=i1 < 1.0 2.0 > float\n");
    struct graph *b =
        parse(HEAD IN CONV("0.0", "3") CONV("0.0", "1") "Concat axis=i1 < 2.0 1.0 > float\n");
    assert_false(segdb_same(a, b, NULL));
    graph_unref(a);
    graph_unref(b);
    /* Two wirings of equal nodes that every local count agrees on: one ring of six crossed joins
     * against two rings of three. */
    struct str ring[2] = {{0}, {0}};
    for (int r = 0; r < 2; r++) {
        str_add(&ring[r], HEAD);
        for (int i = 0; i < 6; i++)
            str_add(&ring[r], IN);
        for (int i = 0; i < 6; i++) {
            int next = r ? i / 3 * 3 + (i + 1) % 3 : (i + 1) % 6;
            str_addf(&ring[r], "Add < %d.0 %d.0 > =\n", i, next);
        }
    }
    a = parse(str_text(&ring[0]));
    b = parse(str_text(&ring[1]));
    assert_true(segdb_same(a, a, NULL));
    assert_false(segdb_same(a, b, NULL));
    graph_unref(a);
    graph_unref(b);
    str_done(&ring[0]);
    str_done(&ring[1]);
}

/* ---- scale ---- */

/* A block of two convolutions with a skip, at this width (of its input; `mid` inside), height and
 * width of the image, with these attributes of the first convolution. */
static struct graph *block(int width, int mid, int size, const char *attrs, int per_group)
{
    struct str s = {0};
    str_addf(&s,
             HEAD "input < > float[N,%d,%d,%d]\n"
                  "Conv kernel_shape=I1,1%s < 0.0 float[%d,%d,1,1] float[%d] > float[N,%d,%d,%d]\n"
                  "BatchNormalization < 1.0 float[%d] float[%d] float[%d] float[%d] > =\n"
                  "Conv < 2.0 float[%d,%d,3,3] > float[N,%d,%d,%d]\n"
                  "Add < 3.0 0.0 > =\noutput < 4.0 >\n",
             width, size, size, attrs, mid, per_group, mid, mid, size, size, mid, mid, mid, mid,
             width, mid, width, size, size);
    struct graph *g = parse(str_text(&s));
    str_done(&s);
    return g;
}

static void assert_same(struct graph *a, struct graph *b, bool same)
{
    assert_int_equal(segdb_same(a, b, NULL), same);
    assert_int_equal(segdb_same(b, a, NULL), same);
    if (same)
        assert_true(segdb_structure_hash(a) == segdb_structure_hash(b));
    graph_unref(a);
    graph_unref(b);
}

static void scale_does_not_count(void **state)
{
    (void)state;
    assert_same(block(64, 32, 56, "", 64), block(96, 48, 14, "", 96), true);
    /* A third of 128 channels and of 256, rounded; but one channel is one, not a width. */
    assert_same(block(128, 42, 56, "", 128), block(256, 85, 28, "", 256), true);
    assert_same(block(64, 64, 56, "", 64), block(1, 1, 7, "", 1), false);
    assert_same(block(64, 32, 56, "", 64), block(64, 16, 56, "", 64), false);
    assert_same(block(64, 32, 56, "", 64), block(32, 64, 56, "", 32), false);
    /* Depthwise at any width; other groups by number. */
    assert_same(block(64, 64, 56, " group=i64", 1), block(24, 24, 8, " group=i24", 1), true);
    assert_same(block(64, 64, 56, " group=i64", 1), block(64, 64, 56, "", 64), false);
    assert_same(block(64, 64, 56, " group=i4", 16), block(32, 32, 56, " group=i4", 8), true);
    assert_same(block(64, 64, 56, " group=i4", 16), block(64, 64, 56, " group=i8", 8), false);
    /* Where an image is a point, operands are broadcast: that is another structure. */
    assert_same(block(64, 64, 56, "", 64), block(64, 64, 1, "", 64), false);
}

static void what_counts(void **state)
{
    (void)state;
    static const struct {
        bool same;
        const char *a, *b;
    } pair[] = {
#define IN2(c, s) "input < > float[N," c "," s "," s "]\n"
        /* A window that is no attribute. */
        {false, IN2("8", "9") "Conv < 0.0 float[8,8,3,3] > float[N,8,7,7]\n",
         IN2("8", "9") "Conv < 0.0 float[8,8,5,5] > float[N,8,5,5]\n"},
        /* A bias. */
        {false, IN2("8", "9") "Conv < 0.0 float[8,8,1,1] > =\n",
         IN2("8", "9") "Conv < 0.0 float[8,8,1,1] float[8] > =\n"},
        /* Broadcast from a point, and from one channel. */
        {false, IN2("8", "9") IN2("8", "1") "Mul < 0.0 1.0 > =\n",
         IN2("8", "9") IN2("8", "9") "Mul < 0.0 1.0 > =\n"},
        {true, IN2("8", "9") IN2("8", "1") "Mul < 0.0 1.0 > =\n",
         IN2("16", "5") IN2("16", "1") "Mul < 0.0 1.0 > =\n"},
        {false, IN2("8", "9") IN2("1", "9") "Mul < 0.0 1.0 > =\n",
         IN2("8", "9") IN2("8", "9") "Mul < 0.0 1.0 > =\n"},
        /* One slope, or one for each channel. */
        {false, IN2("8", "9") "PRelu < 0.0 float[1,1,1] > =\n",
         IN2("8", "9") "PRelu < 0.0 float[8,1,1] > =\n"},
        {true, IN2("4", "9") "PRelu < 0.0 float[4,1,1] > =\n",
         IN2("8", "7") "PRelu < 0.0 float[8,1,1] > =\n"},
        /* Literal sizes count, factors do not depend on the resolution. */
        {false, IN2("8", "9") "Resize < 0.0 - - int64[4]=v:1,8,18,18 > float[N,8,18,18]\n",
         IN2("8", "6") "Resize < 0.0 - - int64[4]=v:1,8,18,18 > float[N,8,18,18]\n"},
        {true, IN2("8", "9") "Resize < 0.0 - float[4]=v:1,1,2,2 > float[N,8,18,18]\n",
         IN2("4", "6") "Resize < 0.0 - float[4]=v:1,1,2,2 > float[N,4,12,12]\n"},
        {false, IN2("8", "4") "Reshape < 0.0 int64[2]=v:0,-1 > float[N,128]\n",
         IN2("8", "2") "Reshape < 0.0 int64[2]=v:0,-1 > float[N,32]\n"},
        {false, IN2("8", "4") IN2("8", "4") "Concat axis=i2 < 0.0 1.0 > float[N,8,8,4]\n",
         "input < > float[N,8,4,4]\ninput < > float[N,8,2,4]\n"
         "Concat axis=i2 < 0.0 1.0 > float[N,8,6,4]\n"},
        {true, IN2("8", "4") IN2("4", "4") "Concat axis=i1 < 0.0 1.0 > float[N,12,4,4]\n",
         IN2("16", "6") IN2("8", "6") "Concat axis=i1 < 0.0 1.0 > float[N,24,6,6]\n"},
        /* Slices: of channels in the same proportion, never of the image. */
        {false,
         IN2("8", "4") "Slice < 0.0 int64[1]=v:0 int64[1]=v:4 int64[1]=v:1 > float[N,4,4,4]\n",
         IN2("16", "4") "Slice < 0.0 int64[1]=v:0 int64[1]=v:4 int64[1]=v:1 > float[N,4,4,4]\n"},
        {true,
         IN2("8", "4") "Slice < 0.0 int64[1]=v:0 int64[1]=v:4 int64[1]=v:1 > float[N,4,4,4]\n",
         IN2("8", "9") "Slice < 0.0 int64[1]=v:0 int64[1]=v:4 int64[1]=v:1 > float[N,4,9,9]\n"},
        {false,
         IN2("8", "8") "Slice < 0.0 int64[1]=v:0 int64[1]=v:4 int64[1]=v:2 > float[N,8,4,8]\n",
         IN2("8", "9") "Slice < 0.0 int64[1]=v:0 int64[1]=v:4 int64[1]=v:2 > float[N,8,4,9]\n"},
        /* Sequences: dimension 1 is not the width. */
        {false, "input < > float[N,5,8]\nMatMul < 0.0 float[8,16] > float[N,5,16]\n",
         "input < > float[N,5,8]\nMatMul < 0.0 float[8,32] > float[N,5,32]\n"},
        {true, "input < > float[N,8]\nMatMul < 0.0 float[8,16] > float[N,16]\n",
         "input < > float[N,9]\nMatMul < 0.0 float[9,18] > float[N,18]\n"},
        {false, "input < > float[N,8]\nMatMul < 0.0 float[8,16] > float[N,16]\n",
         "input < > float[N,8]\nMatMul < 0.0 float[8,32] > float[N,32]\n"},
    };
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++) {
        char *text[2];
        struct graph *g[2];
        for (int k = 0; k < 2; k++) {
            const char *t = k ? pair[i].b : pair[i].a;
            int lines = 0;
            for (const char *p = t; *p; p++)
                lines += *p == '\n';
            text[k] = x_asprintf(HEAD "%soutput < %d.0 >\n", t, lines - 1);
            g[k] = parse(text[k]);
        }
        if (segdb_same(g[0], g[1], NULL) != pair[i].same)
            fail_msg("%s as\n%s", pair[i].same ? "not" : "taken", text[1]);
        assert_int_equal(segdb_structure_hash(g[0]) == segdb_structure_hash(g[1]), pair[i].same);
        for (int k = 0; k < 2; k++) {
            graph_unref(g[k]);
            free(text[k]);
        }
    }
}

static void relative_cost(void **state)
{
    (void)state;
    double cost[3];
    for (int k = 0; k < 3; k++) {
        struct graph *g = block(64 << k, 64 << k, 7 << k, "", 64 << k);
        struct cost c;
        struct segdb_ports p = segdb_ports_of(g);
        cost_graph(g, &c);
        cost[k] = segdb_relative_cost(c.flops_paper, p.in, p.n_in);
        segdb_ports_done(&p);
        graph_unref(g);
    }
    assert_true(cost[0] > 20 && cost[0] < 20.5); /* 2 x (1 + 9) MACs */
    assert_true(cost[1] > 20 && cost[1] < cost[0] && cost[2] > 20);
    assert_true(segdb_relative_cost(5, NULL, 0) == 0);
}

/* ---- texts as they are stored ---- */

static void squeezed(void **state)
{
    (void)state;
    struct graph *g = build("zoo:resnet50");
    struct str s = {0};
    size_t n;
    assert_int_equal(segdb_text_write(g, &s, NULL), ST_OK);
    unsigned char *data = segdb_deflate(str_text(&s), &n);
    char *back = segdb_inflate(data, n);
    assert_true(n < s.n / 5);
    assert_string_equal(back, str_text(&s));
    free(back);
    /* Cut short, with more behind it, damaged, nothing of the kind. */
    for (size_t k = 0; k < n; k += 97)
        assert_null(segdb_inflate(data, k));
    unsigned char *longer = x_calloc(n + 1, 1);
    memcpy(longer, data, n);
    assert_null(segdb_inflate(longer, n + 1));
    struct rng rng = rng_for(2, 9);
    for (int i = 0; i < 300; i++) {
        memcpy(longer, data, n);
        longer[rng_below(&rng, n)] ^= (unsigned char)(1 + rng_below(&rng, 255));
        back = segdb_inflate(longer, n);
        assert_null(back); /* its Adler-32 sum tells */
    }
    free(longer);
    free(data);
    /* What would not end is not taken. */
    char *much = x_malloc(SEGDB_BODY_MAX + 10000);
    memset(much, 'a', SEGDB_BODY_MAX + 9999);
    much[SEGDB_BODY_MAX + 9999] = '\0';
    data = segdb_deflate(much, &n);
    assert_true(n < SEGDB_BODY_MAX / 100);
    assert_null(segdb_inflate(data, n));
    free(data);
    much[0] = '\0';
    data = segdb_deflate(much, &n);
    back = segdb_inflate(data, n);
    assert_string_equal(back, "");
    free(back);
    free(data);
    free(much);
    str_done(&s);
    graph_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trip),      cmocka_unit_test(hostile_texts),
        cmocka_unit_test(mangled_texts),        cmocka_unit_test(same_and_different),
        cmocka_unit_test(scale_does_not_count), cmocka_unit_test(what_counts),
        cmocka_unit_test(relative_cost),        cmocka_unit_test(squeezed),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
