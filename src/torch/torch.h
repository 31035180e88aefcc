/* Writes a graph as a PyTorch module: readable Python with one line for each node, and its weights
 * beside it as an .npz (a stored zip of .npy arrays), which numpy reads without further packages.
 * What the outputs do not depend on is left out. Thread-safe; nothing is kept. */
#ifndef TORCH_TORCH_H
#define TORCH_TORCH_H

#include "graph/graph.h"

/* `path` ends in ".py"; the weights go to the same name with ".npz". Both files are complete or
 * (as far as two renames can) both as they were. ST_UNSUPPORTED names the first node that PyTorch
 * cannot express: nothing is approximated. O(nodes + weights). */
enum status torch_save(const struct graph *g, const char *path, struct err *err);

#endif
