/* The computation graph: immutable versions that share structure.
 *
 * A version (struct graph) is a list of node slots. A slot index is the node's id; ids are stable
 * from version to version, a removed node leaves a hole, new nodes get new ids. So "untouched" is
 * pointer equality of nodes, undo is keeping the old version, and a candidate costs its changed
 * nodes (plus one pointer for 64 slots, and the order of its nodes).
 * Graph inputs and outputs are nodes too (OP_INPUT, OP_OUTPUT), as in the paper.
 *
 * Ownership: graph_ref/graph_unref; nodes and tensors are refcounted inside. Everything reached
 * through const pointers is borrowed for the life of the graph version.
 * Threads: a version is immutable, refcounts are atomic: any thread may read, ref and unref it.
 * A struct graph_edit belongs to one thread.
 * Failure: err.h. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/err.h"
#include "base/str.h"
#include "graph/op.h"
#include "graph/tensor.h"

/* ---- nodes: plain structs, read-only once in a graph ---- */

/* What an input port is connected to. */
enum { IN_NONE = -1, IN_CONST = -2 };

struct node_input {
    int32_t node;          /* id of the producer, IN_NONE (optional input left out) or IN_CONST */
    int32_t port;          /* output port of the producer */
    struct tensor *tensor; /* IN_CONST only */
};

struct node_output {
    char *name; /* the ONNX value name, "" for an unused optional output */
    struct ttype type;
};

enum attr_kind { ATTR_INT, ATTR_FLOAT, ATTR_STRING, ATTR_INTS, ATTR_FLOATS, ATTR_BLOB };

struct node_attr {
    char *name;
    enum attr_kind kind;
    int64_t i;
    float f;
    size_t n;   /* bytes of s/blob, elements of ints/floats */
    void *data; /* char * (NUL-terminated), int64_t *, float *, or a serialised AttributeProto */
};

struct node {
    int refs; /* atomic */
    enum op op;
    int n_in, n_implicit, n_out, n_attr; /* the last n_implicit inputs are captured by subgraphs */
    struct node_input *in;
    struct node_output *out;
    struct node_attr *attr;
    char *name;    /* may be "" */
    char *op_type; /* as in the file; NULL: op_info(op)->onnx */
    char *domain;  /* NULL: "" */
    char *doc;     /* NULL: none */
};

/* A node under construction: private until given to graph_edit_add. */
struct node *node_new(enum op op, const char *name);
struct node *node_clone(const struct node *n); /* a private deep copy (tensors are shared) */
void node_free(struct node *n);                /* only for nodes never given to an edit */
void node_add_input(struct node *n, int32_t producer, int32_t port); /* or IN_NONE */
void node_add_const(struct node *n, struct tensor *t);               /* takes the reference */
/* Replaces input `i`; the old tensor is released. Takes the reference when tensor is given. */
void node_set_input(struct node *n, int i, int32_t producer, int32_t port, struct tensor *tensor);
void node_add_output(struct node *n, const char *name);
void node_set_name(struct node *n, const char *name);
void node_set_int(struct node *n, const char *attr, int64_t v);
void node_set_float(struct node *n, const char *attr, float v);
void node_set_string(struct node *n, const char *attr, const char *v, size_t len);
void node_set_ints(struct node *n, const char *attr, const int64_t *v, size_t count);
void node_set_floats(struct node *n, const char *attr, const float *v, size_t count);
void node_set_blob(struct node *n, const char *attr, const void *v, size_t len);
void node_remove_attr(struct node *n, const char *attr);

/* Reading. */
const struct node_attr *node_attr(const struct node *n, const char *name); /* NULL when absent */
int64_t node_int(const struct node *n, const char *attr, int64_t fallback);
float node_float(const struct node *n, const char *attr, float fallback);
const char *node_string(const struct node *n, const char *attr, const char *fallback);
/* Element i of an ints attribute. */
int64_t node_ints_at(const struct node *n, const char *attr, size_t i, int64_t fallback);
/* The constant tensor at input port i, or NULL. */
const struct tensor *node_const(const struct node *n, int i);
/* Name for people: the node's name, else its first output's. */
const char *node_label(const struct node *n);
/* The operator's name for people: ONNX op_type ("Conv"), "input", "output". */
const char *node_op_type(const struct node *n);
/* The paper's name (conv depthwise batchnorm relu relu6 matmul add ... ), "" when it has none. */
const char *node_cg_name(const struct node *n);
/* The same operator of the same domain; the same attributes in any order. */
bool node_same_op(const struct node *a, const struct node *b);
bool node_same_attrs(const struct node *a, const struct node *b);
bool node_is_depthwise(const struct node *n); /* CONV with group == Cin > 1 */

/* Window geometry of CONV, CONVT, MAXPOOL, AVGPOOL (two spatial axes; axis 0 is H). */
enum auto_pad { PAD_EXPLICIT, PAD_SAME_UPPER, PAD_SAME_LOWER, PAD_VALID };
struct window {
    int64_t kernel[2], stride[2], dilation[2];
    int64_t pad_begin[2], pad_end[2];
    enum auto_pad auto_pad;
    bool ceil_mode;
    int64_t group;     /* 1 for pools */
    int64_t cin, cout; /* from the weight; 0 for pools */
    bool bias;
    int64_t out_pad[2]; /* CONVT */
};
/* false when the node has no window or it is not two-dimensional. */
bool node_window(const struct node *n, struct window *w);
/* Writes kernel_shape, strides, dilations, pads/auto_pad, group, ceil_mode as attributes (only
 * those that differ from what is there or from the default). Weights are not touched. */
void node_set_window(struct node *n, const struct window *w);
/* Output size along an axis (floor or ceil by mode; CONVT by its own rule); < 1 when it does not
 * fit. `transposed` for CONVT. */
int64_t window_out(const struct window *w, int axis, int64_t in, bool transposed);
/* TensorFlow `same`: explicit pads so that out = ceil(in / stride) (the smaller half first). */
void window_set_same(struct window *w, int axis, int64_t in);

/* ---- versions ---- */

struct graph; /* opaque */

/* Where an edge or a boundary tensor starts. */
struct value_ref {
    int32_t node, port;
};
/* Where it ends: input `port` of `node`. */
struct use {
    int32_t node, port;
};

struct graph *graph_ref(const struct graph *g);
void graph_unref(struct graph *g); /* NULL is fine */

const char *graph_name(const struct graph *g);
int graph_opset(const struct graph *g);   /* of the default domain; nodes are in opset >= 13 form */
int graph_n_slots(const struct graph *g); /* ids are 0 .. n_slots-1 */
int graph_n_nodes(const struct graph *g); /* live nodes */
/* Edges that carry a tensor between nodes, counted once per input port. */
int graph_n_edges(const struct graph *g);
const struct node *graph_node(const struct graph *g, int32_t id); /* NULL: a hole */
/* Live ids in the deterministic level order of AutoGO: generation 0 = nodes
 * without inputs in id order, then successors in ascending id as their last input arrives. */
const int32_t *graph_topo(const struct graph *g);
/* Position of a node in graph_topo. */
int graph_topo_pos(const struct graph *g, int32_t id);
/* All uses of any output of `id`, ascending by (node, port); *n receives their number. */
const struct use *graph_uses(const struct graph *g, int32_t id, int *n);
/* OP_INPUT / OP_OUTPUT ids in order of id. */
const int32_t *graph_inputs(const struct graph *g, int *n);
const int32_t *graph_outputs(const struct graph *g, int *n);
const struct ttype *graph_type(const struct graph *g, struct value_ref v);
/* Type of what arrives at an input port (node's or tensor's); NULL for IN_NONE. */
const struct ttype *graph_input_type(const struct graph *g, const struct node *n, int i);
const char *graph_symbol(const struct graph *g, int k); /* name of DIM_SYM(k); "" when unnamed */
int graph_n_symbols(const struct graph *g);
/* Id of the node with this name or that has an output of this name; -1. O(nodes). */
int32_t graph_find(const struct graph *g, const char *name);
/* Equal for isomorphic graphs whatever ids, names and order of commutative inputs; covers
 * operators, attributes, weight shapes and types, small integer and scalar constants, and shapes.
 * Weight values are not covered. O((V + E) log V). */
uint64_t graph_hash(const struct graph *g);
/* For every slot, a hash of the node in its surroundings (-> same for corresponding nodes of
 * isomorphic graphs). `out` has graph_n_slots elements; holes get 0. */
void graph_node_hashes(const struct graph *g, uint64_t *out);

/* The object a graph was read from (onx keeps the parsed file here), and whether the graph still
 * is what was read. Types filled in by inference do not count as a change. */
const void *graph_origin(const struct graph *g);
bool graph_is_untouched(const struct graph *g);

/* ---- editing ---- */

struct graph_edit; /* opaque */

/* A private copy of `base` (borrowed, not consumed), or an empty graph when NULL. */
struct graph_edit *graph_edit_new(const struct graph *base);
void graph_edit_free(struct graph_edit *e); /* abandons the edit */
void graph_edit_set_name(struct graph_edit *e, const char *name);
void graph_edit_set_opset(struct graph_edit *e, int opset);
/* Keeps `origin` alive as long as any version made from this edit; marks the result untouched. */
void graph_edit_set_origin(struct graph_edit *e, void *origin, void (*release)(void *));
/* The symbol of this name, made when new; returns k for DIM_SYM(k). "" always makes a new one. */
int graph_edit_symbol(struct graph_edit *e, const char *name);
/* Adds a node, takes ownership, returns its id. Inputs may refer to nodes added later. */
int32_t graph_edit_add(struct graph_edit *e, struct node *n);
/* A private, changeable version of node `id` (cloned when shared); valid until the next call of
 * a graph_edit_ function. */
struct node *graph_edit_mut(struct graph_edit *e, int32_t id);
const struct node *graph_edit_node(const struct graph_edit *e, int32_t id); /* NULL: a hole */
int graph_edit_n_slots(const struct graph_edit *e);
void graph_edit_remove(struct graph_edit *e, int32_t id);
/* Sets an output's type; clones the node only when the type differs. Not a "change". */
void graph_edit_set_type(struct graph_edit *e, struct value_ref v, const struct ttype *t);
/* Makes the version: checks ports and references, orders nodes; a cycle or a dangling reference
 * is ST_MODEL naming the node. Consumes the edit in either case. O(V + E). */
enum status graph_edit_freeze(struct graph_edit *e, struct graph **out, struct err *err);
/* A value name that no node of the edit uses: `stem`, else stem_1, stem_2 ... Caller frees.
 * Amortised O(1) after the first call. The name counts as used from now on. */
char *graph_edit_fresh_name(struct graph_edit *e, const char *stem);

#endif
