/* Inside onx_build.c and onx_name.c: the state of one build. */
#ifndef ONX_ONX_BUILD_H
#define ONX_ONX_BUILD_H

#include "onx/onx_priv.h"

struct onx_named_tensor {
    const struct tensor *tensor;
    char *name;
};

/* An Identity node at the end of the graph makes value `name` from value `from`. */
struct onx_copy {
    char *name, *from;
};

struct onx_builder {
    struct onx_build *b;
    struct onx_arena *a;
    const struct graph *g;
    const struct onx_origin *origin; /* NULL: the graph was not read from a file */
    struct err *err;
    int opset;
    struct strmap used;      /* every name given out */
    struct strmap out_names; /* names of the graph's outputs */
    struct strmap told;      /* value name -> index in told_types, filled at first use */
    VEC(Onnx__TypeProto *) told_types;
    char ***value;           /* names of the outputs of each slot */
    char **output;           /* names of the graph's outputs */
    struct u64map tensor_at; /* struct tensor * -> index in tensors */
    VEC(struct onx_named_tensor) tensors;
    VEC(struct onx_copy) copies;
    VEC(Onnx__NodeProto *) nodes;
    VEC(Onnx__TensorProto *) inits;
    VEC(Onnx__ValueInfoProto *) infos;
};

/* `stem`, or the first of stem_1, stem_2 ... that is free; taken from now on. */
char *onx_take_name(struct onx_builder *c, const char *stem);
/* stem + suffix, in the same way. */
char *onx_take_name2(struct onx_builder *c, const char *stem, const char *suffix);
/* Decides c->value, c->output, c->tensors and c->copies. */
enum status onx_give_names(struct onx_builder *c);
char **onx_value_name(struct onx_builder *c, const struct node_input *in);
struct onx_named_tensor *onx_tensor_slot(struct onx_builder *c, const struct tensor *t);

#endif
