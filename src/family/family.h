/* Networks from a name: the zoo of base networks and the architecture strings of NAS families.
 * Totals are checked against published parameter counts (tests/unit/test_family.c).
 * Weights are He-normal recipes from `seed`, so building costs no memory. Thread-safe. */
#ifndef FAMILY_FAMILY_H
#define FAMILY_FAMILY_H

#include "graph/graph.h"

/* The zoo's rows, in listing order; NULL past the end. */
struct family_zoo {
    const char *name, *summary;
};
const struct family_zoo *family_zoo_at(int i);

/* True when `spec` has the form of a name this module builds ("zoo:...", "nb201:..."). */
bool family_is_spec(const char *spec);
/* Builds and infers. Unknown name or malformed string: ST_USAGE with the position (first character
 * = 1). The batch is the symbol "N"; weights and nodes of the zoo are named as in PyTorch. The
 * suffix "@s" of an architecture string is the reduced variant for 1 x 32 x 32 images. */
enum status family_build(const char *spec, uint64_t seed, struct graph **out, struct err *err);
/* NB-201 cell number i of 15625 (base-5 digits in edge order over none skip_connect nor_conv_1x1
 * nor_conv_3x3 avg_pool_3x3) as an architecture string; caller frees. */
char *family_nb201_string(int i);

/* The spec of an architecture as published tables of NAS-Bench-201 and -101 write it: without the
 * family and with one letter for an operation ("|nor_conv_3x3~0|+...", "4|110101|cm"); any other
 * text as it is. Caller frees. */
char *family_spec_of(const char *arch);

/* The families of architecture strings, "nb201" ...; NULL past the end. */
const char *family_name_at(int i);
/* How many members a numbered family has: 423624 for nb101 (cells that differ in the order of their
 * vertices only are one), 4096 for nb201 (the cells without `none`), 38416 for hiaml; 0 for a
 * family that is only drawn (inception, twopath); -1: no such family. The suffix "@s" is allowed
 * here and below. */
int64_t family_count(const char *family);
/* Member number i of a numbered family as a whole spec ("nb101:...@s"), in the family's own order.
 * O(1), but the first call about nb101 enumerates its cells, some 20 ms. Caller frees; NULL: i is
 * out of range, or the family is not numbered or not known. */
char *family_string(const char *family, int64_t i);
/* Sample i as a whole spec, independent of all other samples: a numbered family is walked in a
 * random order without repeats, wrapping at its end; a drawn family may repeat itself. The same
 * for the same seed on every machine. Caller frees; NULL: no such family, or i < 0. */
char *family_sample(const char *family, uint64_t seed, int i);

#endif
