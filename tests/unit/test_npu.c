/* The accelerator model: presets, totals, monotony. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/rng.h"
#include "cost/cost.h"
#include "cost/npu.h"
#include "family/family.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const presets[] = {"os32", "tpu", "eyeriss", "phone"};
static const char *const models[] = {"zoo:resnet50", "zoo:mobilenetv2", "zoo:unet", "zoo:edsr-body",
                                     "inception:2*c3:8>8/2*ap3+s3:16>16/1*p3:16>16&d5+c1:8>16/"
                                     "2*dc1+c5:16>16&s5+c3:16>16&p5+mp3:16>16&d3+p3:16>16@s"};
enum { PRESETS = 4, MODELS = 5 };

static struct graph *open_model(const char *spec)
{
    struct graph *g;
    assert_int_equal(family_build(spec, 0, &g, NULL), ST_OK);
    return g;
}

static struct npu_preset preset(const char *name)
{
    struct npu_preset p;
    struct err err = {0};
    if (npu_preset_load(&p, name, &err) != ST_OK)
        fail_msg("%s: %s", name, err.msg);
    return p;
}

static int64_t cycles_of(const struct graph *g, const struct npu_preset *p)
{
    struct npu_cost c;
    npu_cost_graph(g, p, &c);
    int64_t cycles = c.cycles;
    npu_cost_done(&c);
    return cycles;
}

static void test_totals(void **state)
{
    (void)state;
    for (int i = 0; i < PRESETS * MODELS; i++) {
        struct npu_preset p = preset(presets[i % PRESETS]);
        struct graph *g = open_model(models[i / PRESETS]);
        struct npu_cost c, sum = {0};
        struct cost plain;
        npu_cost_graph(g, &p, &c);
        cost_graph(g, &plain);
        assert_false(c.incomplete);
        for (int k = 0; k < c.n_layers; k++) {
            const struct npu_layer *l = &c.layer[k];
            assert_true(l->cycles ==
                        (l->compute_cycles > l->dram_cycles ? l->compute_cycles : l->dram_cycles));
            assert_true(l->utilisation >= 0 && l->utilisation <= 1);
            assert_true(l->into < 0 || l->compute_cycles == 0);
            sum.cycles += l->cycles;
            sum.macs += l->macs;
            sum.sram_bytes += l->sram_bytes;
            sum.dram_bytes += l->dram_bytes;
            sum.energy_uj += l->energy_uj;
        }
        assert_int_equal(c.cycles, sum.cycles);
        assert_int_equal(c.macs, plain.macs); /* counted in another way */
        assert_int_equal(c.macs, sum.macs);
        assert_int_equal(c.sram_bytes, sum.sram_bytes);
        assert_int_equal(c.dram_bytes, sum.dram_bytes);
        assert_true(fabs(c.energy_uj - sum.energy_uj) <= 1e-9 * sum.energy_uj);
        assert_true(c.dram_bytes >= plain.params * p.element_bytes * 9 / 10);
        npu_cost_done(&c);
        graph_unref(g);
    }
}

/* Half the array, or a smaller bandwidth, is never quicker. */
static void test_monotone(void **state)
{
    struct rng r = rng_for(3, 1);
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        struct graph *g = open_model(models[i]);
        for (int k = 0; k < 40; k++) {
            struct npu_preset p = preset(presets[k % PRESETS]);
            p.rows = 1 + (int64_t)rng_below(&r, 300);
            p.columns = 1 + (int64_t)rng_below(&r, 300);
            p.dataflow = (int64_t)rng_below(&r, SYSTOLIC_DATAFLOWS);
            p.dram_bytes_per_cycle = 0.5 + 100 * rng_double(&r);
            int64_t whole = cycles_of(g, &p);
            struct npu_preset less = p;
            less.dram_bytes_per_cycle *= rng_double(&r);
            if (less.dram_bytes_per_cycle > 0)
                assert_true(cycles_of(g, &less) >= whole);
            less = p;
            less.rows = p.rows > 1 ? p.rows / 2 : 1;
            assert_true(cycles_of(g, &less) >= whole);
            less = p;
            less.columns = p.columns > 1 ? p.columns / 2 : 1;
            assert_true(cycles_of(g, &less) >= whole);
            less = p;
            less.vector_lanes = p.vector_lanes > 1 ? p.vector_lanes / 2 : 1;
            assert_true(cycles_of(g, &less) >= whole);
        }
        graph_unref(g);
    }
}

/* A tensor that stays on chip is paid once; fused nodes cost nothing; depthwise wastes the array.
 */
static void test_effects(void **state)
{
    struct npu_preset p = preset("os32"), large = p, plain = p;
    struct graph *g = open_model("zoo:resnet50"), *m = open_model("zoo:mobilenetv2");
    struct npu_cost small_c, large_c, plain_c, m_c;
    (void)state;
    large.input_kib = large.output_kib = large.weight_kib = 1 << 20;
    plain.fuse = 0;
    npu_cost_graph(g, &p, &small_c);
    npu_cost_graph(g, &large, &large_c);
    npu_cost_graph(g, &plain, &plain_c);
    npu_cost_graph(m, &p, &m_c);
    struct cost c;
    cost_graph(g, &c);
    /* with all the room there is, weights and the image come once and nothing goes */
    int64_t weights = 0;
    for (int i = 0; i < large_c.n_layers; i++)
        weights += large_c.layer[i].dram_bytes;
    assert_true(weights >= 25400000 && weights <= 25800000);
    assert_true(large_c.dram_bytes < small_c.dram_bytes);
    assert_true(plain_c.cycles > small_c.cycles);
    assert_true(m_c.utilisation < small_c.utilisation / 2);
    npu_cost_done(&small_c);
    npu_cost_done(&large_c);
    npu_cost_done(&plain_c);
    npu_cost_done(&m_c);
    graph_unref(g);
    graph_unref(m);
}

static const char good[] =
    "name = x\nrows = 4\ncolumns = 4 # four\ndataflow = ws\nclock_mhz = 100\n"
    "element_bytes = 1\nsum_bytes = 4\ninput_kib = 8\nweight_kib = 8\n"
    "output_kib = 8\ndram_bytes_per_cycle = 2.5\nvector_lanes = 4\nfuse = no\n"
    "mac_pj = 1\nsram_pj_per_byte = 1\ndram_pj_per_byte = 1\n";

static void refuse(const char *line, const char *why)
{
    struct npu_preset p;
    struct err err = {0};
    char text[1024];
    snprintf(text, sizeof text, "%s%s", good, line);
    assert_int_equal(npu_preset_read(&p, text, &err), ST_USAGE);
    if (!strstr(err.msg, why))
        fail_msg("'%s' does not say '%s'", err.msg, why);
}

static void test_presets(void **state)
{
    struct npu_preset p;
    char text[1024];
    (void)state;
    snprintf(text, sizeof text, "%sstatic_mw = 0\n", good);
    assert_int_equal(npu_preset_read(&p, text, NULL), ST_OK);
    assert_string_equal(p.name, "x");
    assert_int_equal(p.columns, 4);
    assert_int_equal(p.dataflow, SYSTOLIC_WS);
    assert_true(p.dram_bytes_per_cycle == 2.5);
    refuse("", "'static_mw' is missing");
    refuse("static_mw = 1\nrows = 4\n", "line 18: rows was given already");
    refuse("static_mw = much\n", "line 17: static_mw 'much' is no number");
    refuse("static_mw = -1\n", "from 0");
    refuse("colour = 1\n", "line 17: the key 'colour'");
    refuse("static_mw\n", "is not key = value");
    char *at = strstr(strcpy(text, good), "sum_bytes = 4");
    memcpy(at, "sum_bytes = 1", 13);
    at = strstr(text, "element_bytes = 1");
    memcpy(at, "element_bytes = 2", 17);
    strcat(text, "static_mw = 0\n");
    struct err err = {0};
    assert_int_equal(npu_preset_read(&p, text, &err), ST_USAGE);
    assert_non_null(strstr(err.msg, "sums do not fit"));
    assert_int_equal(npu_preset_load(&p, "nothing", &err), ST_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_effects),
        cmocka_unit_test(test_presets),
    };
    return cmocka_run_group_tests_name("npu", tests, NULL, NULL);
}
