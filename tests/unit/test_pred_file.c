/* Files of the predictor: a model comes back as it was; damaged, foreign and newer ones are
 * refused, and so are tables that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pred/model_priv.h"
#include "tests/unit/pred_make.h"

#include "base/hash.h"

static const char path[] = "pred-model.bin", csv[] = "pred-table.csv";

static struct pred_model *make_model(bool one_way, bool ways)
{
    struct pred_model *m = pred_model_new(PRED_PSC, one_way, ways, 2, 2);
    struct rng r = rng_for(4, 4);
    for (int i = 0; i < 2 * m->shape.n; i++)
        m->w[i] = (float)rng_normal(&r);
    for (int t = 0; t < 2; t++) {
        snprintf(m->scale[t].name, sizeof m->scale[t].name, "table%d", t);
        for (int k = 0; k < PRED_KNOTS; k++)
            m->scale[t].curve.logit[k] = (float)k;
    }
    return m;
}

static void check_round_trip(bool one_way, bool ways)
{
    struct pred_model *m = make_model(one_way, ways), *back;
    assert_int_equal(pred_model_save(m, path, NULL), ST_OK);
    assert_int_equal(pred_model_load(&back, path, NULL), ST_OK);
    assert_int_equal(back->shape.one_way, one_way);
    assert_int_equal(back->shape.ways, ways);
    assert_memory_equal(m->w, back->w, 2 * (size_t)m->shape.n * sizeof *m->w);
    assert_memory_equal(m->scale, back->scale, 2 * sizeof *m->scale);
    assert_int_equal(pred_model_find(back, "table1"), 1);
    assert_int_equal(pred_model_find(back, "table2"), -1);
    pred_model_free(back);
    pred_model_free(m);
    unlink(path);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        check_round_trip(i & 1, i & 2);
}

static void refuse(const unsigned char *data, size_t n, const char *why)
{
    struct pred_model *m;
    struct err err = {0};
    assert_int_equal(file_write(path, data, n, NULL), ST_OK);
    assert_int_equal(pred_model_load(&m, path, &err), ST_MODEL);
    if (!strstr(err.msg, why))
        fail_msg("'%s' does not say '%s'", err.msg, why);
    unlink(path);
}

/* Changes what is at `at` and mends the hash, so that only the change itself can be refused. */
static void refuse_changed(unsigned char *data, size_t n, size_t at, const void *v, size_t size,
                           const char *why)
{
    unsigned char old[16];
    memcpy(old, data + at, size);
    memcpy(data + at, v, size);
    uint64_t sum = hash_bytes(data, n - sizeof sum, 0);
    memcpy(data + n - sizeof sum, &sum, sizeof sum);
    refuse(data, n, why);
    memcpy(data + at, old, size);
}

static void test_damage(void **state)
{
    struct pred_model *m = make_model(false, true);
    unsigned char *data;
    size_t n;
    const float nan_value = 0.0F / 0.0F;
    const uint32_t many = 2000000000, newer = 7;
    (void)state;
    assert_int_equal(pred_model_save(m, path, NULL), ST_OK);
    assert_int_equal(file_read(path, 64 << 20, &data, &n, NULL), ST_OK);
    for (size_t cut = 0; cut < n; cut += 1 + n / 50)
        refuse(data, cut, "");
    refuse(
        (const unsigned char *)"PK\3\4 this is a foreign file, longer than the header of ours is",
        63, "not a predictor");
    data[n / 2] ^= 1;
    refuse(data, n, "damaged");
    data[n / 2] ^= 1;
    refuse_changed(data, n, 8, &newer, sizeof newer, "newer");
    refuse_changed(data, n, 20, &many, sizeof many, "sizes"); /* members */
    refuse_changed(data, n, 24, &many, sizeof many, "sizes"); /* tables */
    refuse_changed(data, n, n - 16, &nan_value, sizeof nan_value, "cannot be");
    free(data);
    pred_model_free(m);
}

static void refuse_table(const char *text, const char *why)
{
    struct pred_table t;
    struct err err = {0};
    struct bpe_vocab *v = make_vocab();
    char buf[512];
    assert_int_equal(file_write(csv, text, strlen(text), NULL), ST_OK);
    assert_int_not_equal(pred_table_read(&t, csv, v, 2, NULL, &err), ST_OK);
    err_text(&err, buf, sizeof buf);
    if (!strstr(buf, why) || !strstr(buf, csv))
        fail_msg("'%s' does not say '%s' and the file", buf, why);
    unlink(csv);
    bpe_vocab_free(v);
}

static void test_tables(void **state)
{
    struct pred_table t;
    struct bpe_vocab *v = make_vocab();
    (void)state;
    refuse_table("", "header");
    refuse_table("arch,score\nx,1\n", "acc");
    refuse_table("arch,acc\n", "no labels");
    refuse_table("arch,acc\n\"hiaml:src1,src1,r30,src3@s\",72\n", "between 0 and 1");
    refuse_table("arch,acc\n\"hiaml:src1,src1,r30,src3@s\",high\n", "line 2");
    refuse_table("arch,acc\n\"hiaml:src1,what,r30,src3@s\",.5\n", "hiaml");
    /* several rows are averaged, and tell the noise; a published text is understood */
    const char *text = "arch,acc,group\n\"hiaml:src1,src1,r30,src3@s\",.5,7\n"
                       "\"hiaml:src1,src1,r30,src3@s\",.7,7\n\"hiaml:src1,src1,r30,src1@s\",,8\n";
    assert_int_equal(file_write(csv, text, strlen(text), NULL), ST_OK);
    assert_int_equal(pred_table_read(&t, csv, v, 1, NULL, NULL), ST_OK);
    assert_int_equal(t.item.n, 1);
    assert_true(t.item.at[0].acc > 0.5999 && t.item.at[0].acc < 0.6001);
    assert_true(t.noise > 0.0999 && t.noise < 0.1001); /* of a mean of two */
    assert_string_equal(t.name, "hiaml@s");
    pred_table_done(&t);
    unlink(csv);
    bpe_vocab_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests_name("pred_file", tests, NULL, NULL);
}
