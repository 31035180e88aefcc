/* filter, field: the expression language over candidates, against what a tree of the same tests
 * gives; where errors are; orders. */
#include "base/mem.h"
#include "base/str.h"
#include "session/field.h"
#include "session/filter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- candidates ---- */

struct subject {
    struct session_candidate c;
    struct candidate result;
    struct pred_delta estimate;
    struct segdb_seen seen;
    struct segdb_origin origin[2];
};

static char group_zoo[] = "zoo", group_files[] = "";

/* Everything known: 100 M FLOPs become 80 M, .01 of accuracy (-.01 to .03). */
static void make(struct subject *s)
{
    memset(s, 0, sizeof *s);
    s->estimate = (struct pred_delta){true, .01, -.01, .03};
    s->result.graph = (struct graph *)s; /* only whether there is one is looked at */
    s->result.before =
        (struct cost){.flops = 100000000, .params = 2000, .peak_activation_bytes = 8};
    s->result.after = (struct cost){.flops = 80000000, .params = 2100, .peak_activation_bytes = 8};
    s->result.n_adapter = 1;
    s->origin[0] = (struct segdb_origin){group_zoo, 30};
    s->origin[1] = (struct segdb_origin){group_files, 4};
    s->seen = (struct segdb_seen){.n_origins = 2, .origin = s->origin};
    s->c = (struct session_candidate){.id = "s12",
                                      .record = 12,
                                      .rank = 3,
                                      .origin = "zoo:resnet50",
                                      .ops = "Conv3x3 BatchNormalization Relu",
                                      .tags = "good odd",
                                      .reason = "",
                                      .accepted = true,
                                      .result = &s->result,
                                      .estimate = &s->estimate,
                                      .seen = &s->seen,
                                      .npu = "os32",
                                      .delta_cycles = -5,
                                      .npu_cycles = 50,
                                      .delta_energy_uj = 2,
                                      .npu_energy_uj = 10};
}

static bool holds(const char *text, const struct session_candidate *c)
{
    struct filter *f;
    struct err err = {0};
    if (filter_parse(text, &f, &err) != ST_OK)
        fail_msg("%s: %s", text, err.msg);
    bool is = filter_holds(f, c);
    filter_free(f);
    return is;
}

/* ---- what it means ---- */

static void tests_numbers_and_texts(void **state)
{
    (void)state;
    struct subject s;
    make(&s);
    static const char *const is[] = {
        "dacc>0 && dflops<-0.1",
        "ops~conv3x3",
        "(dparams<=-5% || dcycles<0) && adapted",
        "dparams = 5% && dparams>=5% && dparams<=5 %",
        "dacc=1% && dacc_low < 0 && dacc_high>2.5e-2",
        "flops=80M && flops<=.08 G && flops>79999k",
        "params==2100 && mem=8 && dmem=0 && !dmem",
        "cycles=45 && denergy=20% && energy=12",
        "ops~\"bn relu\" && ops ~ batchnorm && ops=\"conv3x3 bn relu\"",
        "tag=good && tag=ODD && tag && tag!=other && !(tag!=good) && tag!~xx",
        "family=zoo && family=files && family~fil && !(family=nb101)",
        "id=s12 && id!=s1 && id~s1 && origin~resnet && count=34 && rank<=3 && !own",
        "!!adapted && !(!adapted)",
        "dflops<0||dacc>5||dacc<0",
        "DACC>0",
    };
    for (size_t i = 0; i < sizeof is / sizeof *is; i++)
        if (!holds(is[i], &s.c))
            fail_msg("does not hold: %s", is[i]);
    static const char *const is_not[] = {
        "dacc>0 && dflops<-0.3",
        "tag=go",
        "dsigma",
        "grown",
        "rank!=3",
        "ops=conv3x3",
        "dflops>0 || dacc<0 && adapted",
        "(dflops<0 || dacc>0) && !adapted",
    };
    for (size_t i = 0; i < sizeof is_not / sizeof *is_not; i++)
        if (holds(is_not[i], &s.c))
            fail_msg("holds: %s", is_not[i]);
}

static void unknown_numbers_do_not_hold(void **state)
{
    (void)state;
    static const char *const relation[] = {"<", "<=", ">", ">=", "=", "==", "!="};
    struct session_candidate blank = {.origin = "", .ops = "", .tags = "", .reason = ""};
    char text[64];
    for (int i = 0; i < field_count(); i++) {
        const struct field *f = field_at(i);
        assert_true(field_find(f->name, strlen(f->name)) == f);
        if (f->number == NULL || !isnan(f->number(&blank)))
            continue;
        for (size_t r = 0; r < sizeof relation / sizeof *relation; r++) {
            snprintf(text, sizeof text, "%s%s0", f->name, relation[r]);
            assert_false(holds(text, &blank));
            snprintf(text, sizeof text, "!(%s%s0)", f->name, relation[r]);
            assert_true(holds(text, &blank));
        }
        assert_false(holds(f->name, &blank));
    }
    assert_false(holds("tag", &blank) || holds("ops~a", &blank) || holds("family=zoo", &blank));
    assert_true(holds("tag!=good && ops!~conv", &blank));
    /* an estimate out of distribution is no accuracy */
    struct subject s;
    make(&s);
    s.estimate.in_distribution = false;
    assert_false(holds("dacc>-1 || dacc_low>-9 || dacc_high<9", &s.c));
    assert_true(holds("dsigma=.01", &s.c));
    /* nothing to compare with */
    s.result.before.flops = 0;
    assert_false(holds("dflops<0 || dflops>=0", &s.c));
}

static void errors_name_the_column(void **state)
{
    (void)state;
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"", "column 1: a field is expected"},
        {"dacc>0 && dac<1", "column 11: no field 'dac' (dacc?)"},
        {"flops~3", "column 6: flops is a number"},
        {"ops<3", "column 4: ops is a text"},
        {"dacc>", "column 6: a number is expected"},
        {"dacc>x", "column 6: a number is expected"},
        {"dacc>3q", "column 7: a unit (% k M G T) is expected"},
        {"dacc>3%%", "column 8: && or || is expected"},
        {"dacc>1e400", "column 6: a number is expected"},
        {"dacc>1e308T", "column 12: a smaller number is expected"},
        {"ops~", "column 5: a text is expected"},
        {"ops~\"a", "column 5: this \" is not closed"},
        {"(dacc>0", "column 8: &&, || or ) is expected"},
        {"dacc>0)", "column 7: && or || is expected"},
        {"dacc>0 & dflops<0", "column 8: && or || is expected"},
        {"dacc>0 dflops<0", "column 8: && or || is expected"},
        {"dacc>0 && ", "column 11: a field is expected"},
        {"ops~\u00e4\u00f6 x", "column 8: && or || is expected"},
        {"!", "column 2: a field is expected"},
        {"0<dacc", "column 1: no field '0'"},
    };
    struct filter *f;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err err = {0};
        assert_int_equal(filter_parse(bad[i].text, &f, &err), ST_USAGE);
        if (!str_starts(err.msg, bad[i].error))
            fail_msg("%s: %s, not %s", bad[i].text, err.msg, bad[i].error);
    }
    /* as deep as it goes, and one deeper; and long */
    struct session_candidate blank = {.origin = "", .ops = "", .tags = "x", .reason = ""};
    struct str text = {0};
    for (int i = 0; i < 100; i++)
        str_add(&text, "dacc||tag&&(");
    str_add(&text, "tag");
    for (int i = 0; i < 100; i++)
        str_add(&text, ")");
    assert_true(holds(str_text(&text), &blank));
    char *deeper = x_asprintf("(%s)", str_text(&text));
    struct err err = {0};
    assert_int_equal(filter_parse(deeper, &f, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "more than 100 parentheses"));
    free(deeper);
    str_clear(&text);
    str_add(&text, "tag");
    for (int i = 0; i < 10000; i++)
        str_add(&text, "&&!!(tag)");
    assert_true(holds(str_text(&text), &blank));
    str_done(&text);
}

static void plain_words_are_no_expression(void **state)
{
    (void)state;
    assert_false(filter_is_meant(""));
    assert_false(filter_is_meant("conv3x3 relu -1.2 %"));
    static const char *const meant[] = {"a<b",  "a > b", "dacc=", "ops~x",
                                        "!tag", "(tag)", "a||b",  "&"};
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        assert_true(filter_is_meant(meant[i]));
}

/* ---- against a tree ---- */

static unsigned long random_state = 1;

static int roll(int n)
{
    random_state = random_state * 6364136223846793005ul + 1442695040888963407ul;
    return (int)((random_state >> 33) % (unsigned long)n);
}

static const char *const leaf[] = {"rank=1", "rank<2", "rank>=3", "dacc>0", "dacc<=0", "dcycles!=0",
                                   "tag=a",  "tag!=a", "tag~b",   "tag",    "adapted", "count"};

/* The leaves for a candidate of this rank, accuracy (-1, 0, 1; 2: not known) and tag. */
static bool leaf_holds(int i, int rank, int acc, const char *tag)
{
    bool known = acc != 2;
    switch (i) {
    case 0:
        return rank == 1;
    case 1:
        return rank < 2;
    case 2:
        return rank >= 3;
    case 3:
        return known && acc > 0;
    case 4:
        return known && acc <= 0;
    case 6:
        return strcmp(tag, "a") == 0;
    case 7:
        return strcmp(tag, "a") != 0;
    case 8:
        return strchr(tag, 'b') != NULL;
    case 9:
        return tag[0] != '\0';
    default: /* of what this candidate has nothing */
        return false;
    }
}

static void blank(struct str *out)
{
    static const char *const some[] = {"", "", " ", "  ", "\t"};
    str_add(out, some[roll(5)]);
}

/* Writes a random expression and returns what it is for the candidate. `level`: 0 within ||, 1
 * within &&, 2 within !. */
static bool grow(struct str *out, int depth, int level, int rank, int acc, const char *tag)
{
    int kind = depth ? roll(4) : 3;
    bool a, b;
    blank(out);
    if (kind == 3) {
        int i = roll((int)(sizeof leaf / sizeof *leaf));
        str_add(out, leaf[i]);
        return leaf_holds(i, rank, acc, tag);
    }
    if (kind == 2) {
        str_add(out, "!");
        return !grow(out, depth - 1, 2, rank, acc, tag);
    }
    bool brackets = level > kind || roll(3) == 0;
    if (brackets)
        str_add(out, "(");
    a = grow(out, depth - 1, kind, rank, acc, tag);
    blank(out);
    str_add(out, kind ? "&&" : "||");
    b = grow(out, depth - 1, kind, rank, acc, tag);
    blank(out);
    if (brackets)
        str_add(out, ")");
    return kind ? a && b : a || b;
}

static void is_what_a_tree_gives(void **state)
{
    (void)state;
    static const char *const tags[] = {"", "a", "ab"};
    int yes = 0;
    for (int i = 0; i < 20000; i++) {
        struct str text = {0};
        int rank = 1 + roll(3), acc = roll(4) - 1;
        const char *tag = tags[roll(3)];
        struct pred_delta e = {.in_distribution = true, .delta = acc};
        struct session_candidate c = {.rank = rank,
                                      .estimate = acc == 2 ? NULL : &e,
                                      .origin = "",
                                      .ops = "",
                                      .tags = tag,
                                      .reason = ""};
        bool want = grow(&text, 5, 0, rank, acc, tag), have = holds(str_text(&text), &c);
        if (have != want)
            fail_msg("%s: rank %d, acc %d, tag '%s'", str_text(&text), rank, acc, tag);
        yes += want;
        str_done(&text);
    }
    assert_true(yes > 4000 && yes < 16000);
}

/* ---- orders ---- */

static int order(const char *text, const struct session_candidate *a,
                 const struct session_candidate *b)
{
    struct field_order o;
    struct err err = {0};
    assert_int_equal(field_order_parse(text, &o, &err), ST_OK);
    int ab = field_compare(&o, a, b), ba = field_compare(&o, b, a);
    assert_int_equal((ab > 0) - (ab < 0), (ba < 0) - (ba > 0));
    return ab;
}

static void orders_put_the_better_first(void **state)
{
    (void)state;
    struct subject a, b;
    struct field_order o;
    struct err err = {0};
    make(&a);
    make(&b);
    b.result.after.flops = 70000000;
    b.estimate.delta = .005;
    b.c.rank = 4;
    b.c.tags = "";
    assert_true(order("dacc", &a.c, &b.c) < 0);
    assert_true(order("-dacc", &a.c, &b.c) > 0);
    assert_true(order("flops", &a.c, &b.c) > 0);
    assert_true(order("-dflops", &a.c, &b.c) < 0);
    assert_true(order("", &a.c, &b.c) < 0);
    assert_true(order("-", &a.c, &b.c) > 0);
    assert_int_equal(order("params", &a.c, &b.c), 0);
    /* what is not known is last either way */
    b.c.estimate = NULL;
    assert_true(order("dacc", &a.c, &b.c) < 0);
    assert_true(order("-dacc", &a.c, &b.c) < 0);
    assert_true(order("tag", &a.c, &b.c) < 0);
    assert_true(order("-tag", &a.c, &b.c) < 0);
    assert_int_equal(field_order_parse("flosp", &o, &err), ST_USAGE);
    assert_string_equal(err.msg, "no field 'flosp' (flops?)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tests_numbers_and_texts), cmocka_unit_test(unknown_numbers_do_not_hold),
        cmocka_unit_test(errors_name_the_column),  cmocka_unit_test(plain_words_are_no_expression),
        cmocka_unit_test(is_what_a_tree_gives),    cmocka_unit_test(orders_put_the_better_first),
    };
    return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
