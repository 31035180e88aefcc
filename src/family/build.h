/* A small builder over graph_edit: one call for each operator, returns where its result comes out.
 *
 * A tap knows its channels and spatial size, so that generators can ask for `same` padding and for
 * "keeps the shape"; shape_infer later derives the same sizes on its own. Layout is NCHW with the
 * symbolic batch "N"; h = w = 0 means rank 2 (after build_mean or build_flatten).
 * Names: `name` is put behind the current scope ("layer1.0" + "conv1"); NULL makes one up from the
 * operator and a counter of the scope (conv1, conv2, bn1 ...). Value names equal node names,
 * weights are named as in a PyTorch state dictionary (conv1.weight, bn1.running_mean).
 * Weights are recipes: He-normal with a seed from (builder seed, node id), biases 0, batch
 * normalisation scale 1, bias 0, mean 0, variance 1.
 * One thread; nothing here fails before build_finish. */
#ifndef FAMILY_BUILD_H
#define FAMILY_BUILD_H

#include "graph/graph.h"

struct tap {
    int32_t node;
    int64_t c, h, w;
};

/* How windows are padded. SYMMETRIC: k/2 on both sides, as PyTorch networks have it.
 * TF_SAME: out = ceil(in / stride), the smaller half first, as the NAS families have it. */
enum build_pads { BUILD_SYMMETRIC, BUILD_TF_SAME };

enum { BUILD_N_KINDS = 16 };

struct builder {
    struct graph_edit *e;
    uint64_t seed;
    enum build_pads pads;
    float bn_epsilon, bn_momentum; /* momentum is ONNX's: the share of the running value kept */
    char scope[96];
    int count[BUILD_N_KINDS]; /* nodes of each kind named automatically in this scope */
    char scratch[128];        /* of build_fmt */
};

void build_init(struct builder *b, const char *graph_name, uint64_t seed, enum build_pads pads);
/* Abandons the edit. */
void build_abandon(struct builder *b);
/* Following names start with the scope and a dot; "" is none. Restarts the automatic counters. */
void build_scope(struct builder *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A formatted name, good for the next call only. */
const char *build_fmt(struct builder *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

struct tap build_input(struct builder *b, int64_t c, int64_t h, int64_t w);
/* Names the value "output" and ends the graph with it. */
void build_output(struct builder *b, struct tap x);

/* Zero fields mean: kernel kh x kw with kw = kh, strides 1, group 1, no bias. */
struct conv_spec {
    int64_t cout;
    int kh, kw;
    int sh, sw; /* sw = 0: as sh */
    int64_t group;
    bool bias;
};
struct tap build_conv(struct builder *b, struct tap x, const char *name, struct conv_spec s);
/* Square kernel k, stride s, padding so that the result is s times as large. With bias. */
struct tap build_deconv(struct builder *b, struct tap x, const char *name, int64_t cout, int k,
                        int s);
struct tap build_bn(struct builder *b, struct tap x, const char *name);
struct tap build_relu(struct builder *b, struct tap x, const char *name);
struct tap build_relu6(struct builder *b, struct tap x, const char *name);
/* Convolution, normalisation and activation with automatic names. */
enum build_act { ACT_NONE, ACT_RELU, ACT_RELU6 };
struct tap build_unit(struct builder *b, struct tap x, struct conv_spec s, enum build_act act);
struct tap build_identity(struct builder *b, struct tap x, const char *name);
/* x times 0: a state that exists but carries nothing. */
struct tap build_zero(struct builder *b, struct tap x, const char *name);
struct tap build_add(struct builder *b, struct tap x, struct tap y, const char *name);
/* One node with n inputs; n == 2 is an Add, n == 1 adds nothing and returns x[0]. */
struct tap build_sum(struct builder *b, const struct tap *x, int n, const char *name);
/* On channels; n == 1 adds nothing and returns x[0]. */
struct tap build_concat(struct builder *b, const struct tap *x, int n, const char *name);
/* `op` is OP_MAXPOOL or OP_AVGPOOL (which leaves padding out of its mean). */
struct tap build_pool(struct builder *b, struct tap x, enum op op, const char *name, int k, int s);
/* The first c channels; returns x when it has no more. */
struct tap build_cut(struct builder *b, struct tap x, const char *name, int64_t c);
/* A 2x2 max pool that halves without padding. */
struct tap build_halve(struct builder *b, struct tap x, const char *name);
struct tap build_mean(struct builder *b, struct tap x, const char *name);    /* rank 4 -> 2 */
struct tap build_flatten(struct builder *b, struct tap x, const char *name); /* rank 4 -> 2 */
/* Fully connected with bias: Gemm with a weight of [cout, cin]. */
struct tap build_fc(struct builder *b, struct tap x, const char *name, int64_t cout);
/* Depth to space by `r`, in the order of PyTorch's pixel shuffle. */
struct tap build_shuffle(struct builder *b, struct tap x, const char *name, int r);

/* A mean, an identity where `dropout` (the trace of a dropout of rate 0), a fully connected layer
 * and the output. */
void build_head(struct builder *b, struct tap x, bool dropout, int64_t classes);

/* Freezes and infers; the builder is used up in either case. */
enum status build_finish(struct builder *b, struct graph **out, struct err *err);

#endif
