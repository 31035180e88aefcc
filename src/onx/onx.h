/* ONNX in and out, and CG JSON in and out.
 *
 * Loading: the bytes are walked first (nesting, lengths, memory: onx_wire.c), then protobuf-c reads
 * them; the parsed file is kept as the graph's origin, and weights borrow their bytes from it.
 * External data is read into it, so a saved file stands alone. Constant, ConstantOfShape and
 * Identity chains over constants become tensors. Old operator forms (op set 7..12) are brought into
 * the form of op set 13 (onx_upgrade.c); an operator that is not in the table, of another domain,
 * or with attributes we do not model becomes an OP_OPAQUE node and is kept verbatim, subgraphs and
 * captured names included. Saving: an untouched graph writes the parsed file back as it was;
 * otherwise the graph's op set (at least 13), IR 8, value types included, nodes in a stable
 * topological order. A node kept opaque in a form older than op set 13 cannot be written then
 * (ST_UNSUPPORTED). Files are written atomically. Types: as declared in the file; for outputs of
 * opaque nodes libonnx's inference is asked. Run shape_infer afterwards. Thread-safe: no shared
 * state. */
#ifndef ONX_ONX_H
#define ONX_ONX_H

#include "graph/graph.h"

/* ST_IO cannot read, external data missing; ST_MODEL not a model, truncated, nested too deep, no
 * nodes, cyclic; ST_UNSUPPORTED op set < 7 or a size we cannot hold. The error names file and node.
 */
enum status onx_load(struct graph **out, const char *path, struct err *err);
#define ONX_MAX_BYTES ((size_t)INT32_MAX) /* protobuf's limit of one message */
enum status onx_load_bytes(struct graph **out, const unsigned char *bytes, size_t size,
                           const char *dir_of_external_data, struct err *err);
/* Recipes (graph/tensor.h) are expanded. A graph without weights' bytes above 2 GiB in all is
 * ST_UNSUPPORTED (protobuf's limit). */
enum status onx_save(const struct graph *g, const char *path, struct err *err);
enum status onx_save_bytes(const struct graph *g, unsigned char **bytes, size_t *size,
                           struct err *err); /* caller frees */

/* libonnx's checker with full strict shape inference over what onx_save would write; ST_MODEL with
 * the first line of its report. Large constants are passed by shape only. A graph that is no longer
 * as it was read must have passed shape_infer: then, without opaque nodes, the check runs in place
 * (a few ms); everything else is checked in a child process, which libonnx may crash. */
enum status onx_check(const struct graph *g, struct err *err);
enum status onx_check_file(const char *path, struct err *err);

/* CG JSON (fields: name, input, nodes[], edges[], see autogo(5)). A CG has no weights: they become
 * He-normal recipes from `seed`. Ids in the graph are the ids of the file. */
enum status cgjson_load(struct graph **out, const char *path, uint64_t seed, struct err *err);
enum status cgjson_load_bytes(struct graph **out, const unsigned char *bytes, size_t size,
                              uint64_t seed, struct err *err);
/* The words for operators in CG JSON; NULL past the end. */
const char *cgjson_op_at(int i);
/* ST_UNSUPPORTED naming the first node that the format has no word for. */
enum status cgjson_save(const struct graph *g, const char *path, struct err *err);

#endif
