/* What a network costs on an accelerator: a systolic array with double-buffered memories, a vector
 * unit, and DRAM.
 *
 * Convolutions and matrix products run on the array (systolic.h; depthwise and grouped ones group
 * by group, so most of the array idles), everything else on the vector unit; what only renames or
 * joins tensors costs no cycles. An array may run as a part of itself, halved along its sides any
 * number of times, and does where that is quicker: so a larger array is never slower. A layer takes
 * the longer of its computing and its DRAM traffic, which overlap (double buffering); layers do not
 * overlap each other.
 *
 * Memories: half of each is being filled while the other half is used. Tensors stay on chip between
 * layers while there is room for them in the memories of inputs and outputs together; when there is
 * not, the one that is wanted last goes to DRAM (Belady 1966). Weights come from DRAM once a layer,
 * or once for each pass where they do not fit, and inputs likewise. Partial sums are assumed to be
 * tiled so that they stay on chip. With `fuse`, a normalisation or an activation behind a
 * convolution that nothing else reads costs nothing.
 *
 * Counts are for batch 1 and saturate. Thread-safe. */
#ifndef COST_NPU_H
#define COST_NPU_H

#include "base/str.h"
#include "cost/systolic.h"
#include "graph/graph.h"

struct npu_preset {
    char name[64];
    int64_t rows, columns, dataflow; /* enum systolic_dataflow */
    double clock_mhz;
    int64_t element_bytes, sum_bytes; /* of operands, of sums */
    int64_t input_kib, weight_kib, output_kib;
    double dram_bytes_per_cycle;
    int64_t vector_lanes; /* operations a cycle */
    int64_t fuse;         /* 0, 1 */
    double mac_pj, sram_pj_per_byte, dram_pj_per_byte, static_mw;
};
/* Shipped presets are named by their file in segments/npu without ".npu"; anything with a '/' or
 * '.' is a file. ST_USAGE names file and line: unknown, missing, doubled or contradictory keys. */
enum status npu_preset_load(struct npu_preset *p, const char *name, struct err *err);
enum status npu_preset_read(struct npu_preset *p, const char *text, struct err *err);

/* A key of a preset's file, in the order of the struct; NULL past the end. */
struct npu_preset_key {
    const char *name, *help;
    const char *values; /* "os, ws, is"; NULL: a number from lo to hi */
    double lo, hi;
};
const struct npu_preset_key *npu_preset_key_at(int i);

enum npu_unit { NPU_NONE, NPU_ARRAY, NPU_VECTOR };
struct npu_layer {
    int32_t node;
    int32_t into; /* the node that it is fused into, or -1 */
    enum npu_unit unit;
    int64_t cycles; /* the longer of the next two */
    int64_t compute_cycles, dram_cycles;
    int64_t macs;                   /* of the array */
    int64_t sram_bytes, dram_bytes; /* traffic */
    double utilisation;             /* of the array: macs / (rows x columns x cycles) */
    double energy_uj;               /* static included */
};
struct npu_cost {
    int64_t cycles, stall_cycles /* in which the array or vector unit waits for DRAM */;
    int64_t macs, sram_bytes, dram_bytes;
    double utilisation, energy_uj, power_mw /* the mean */, ms;
    bool incomplete; /* shapes are unknown, or operators (opaque): lower bounds */
    int n_layers;    /* nodes in topological order, inputs and outputs left out */
    struct npu_layer *layer;
};
/* O(V + E) and what is on chip at a time for each eviction. npu_cost_done it. */
void npu_cost_graph(const struct graph *g, const struct npu_preset *p, struct npu_cost *out);
void npu_cost_done(struct npu_cost *c);
/* The network's roofline as SVG, added to `out`; areas are shares of the cycles. */
void npu_roofline(const struct graph *g, const struct npu_preset *p, const struct npu_cost *c,
                  struct str *out);

#endif
