/* Changes to a single node by hand: its window, its operator, nothing at all, one more beside it.
 */
#ifndef MUTATE_SURGERY_H
#define MUTATE_SURGERY_H

#include "graph/graph.h"

enum surgery_kind {
    SURGERY_NONE,
    SURGERY_WINDOW, /* kernel, stride, dilation or group */
    SURGERY_DELETE, /* what read it reads its first input */
    SURGERY_OP,     /* another operator in its place */
    SURGERY_BEFORE, /* an operator more, before its first input */
    SURGERY_AFTER   /* or behind its first output */
};
struct surgery {
    enum surgery_kind kind;
    int64_t kernel[2], stride[2], dilation, group; /* 0: as it is */
    char op[24];                                   /* as surgery_ops tells */
    int64_t width;                                 /* of its output; 0: as it is */
};

/* Takes "kernel=5", "kernel=3x5", "stride=2", "dilation=2", "group=8", "width=64", "delete",
 * "op=X", "before=X", "after=X", where X is conv3x3, dw5x5, conv1x1/2 (stride), maxpool3x3,
 * avgpool3x3/2, bn, relu, relu6 and others. *taken: the word was one of these. ST_USAGE: it is one,
 * but wrong. */
enum status surgery_word(struct surgery *s, const char *word, bool *taken, struct err *err);
/* The same as words, each behind a blank. */
void surgery_to_words(const struct surgery *s, struct str *out);
/* "conv dw maxpool ... relu ..." */
void surgery_ops(struct str *out);

/* A version of `g` with the change made as it was asked for but for the width; types inferred, so
 * what lies behind may get other sizes. Put-in nodes have weights from `seed`. ST_MODEL: the
 * network is not consistent then, naming the node; ST_USAGE: the node cannot be changed so. */
enum status surgery_apply(const struct graph *g, int32_t node, const struct surgery *s,
                          uint64_t seed, struct graph **out, struct err *err);
/* Whether a node has the window that was asked for. */
bool surgery_holds(const struct node *n, const struct surgery *s);

#endif
