/* Sets of networks, as mine, zoo and their kin take them on the command line.
 *
 * A source is one of
 *   MODEL                a file, zoo:NAME or an architecture string
 *   zoo:*                the zoo
 *   FAMILY:*             every network of a numbered family (FAMILY[@s]:*)
 *   FAMILY:sample=N      N different networks of a family, drawn with the seed
 *   DIR                  every .onnx and .json file in it and below, in byte order of the paths
 *   @FILE                one source a line, # begins a comment */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include "base/err.h"
#include "base/vec.h"
#include <stdint.h>

struct source_list {
    VEC(char *) at;
};
/* Appends what `text` stands for; nothing on failure. ST_USAGE: unknown family, a family that has
 * no numbers, more samples than there are networks; ST_IO: a folder or a list that cannot be read
 * (file and line named). Whether a MODEL is one is known when it is opened. */
enum status source_add(struct source_list *s, const char *text, uint64_t seed, struct err *err);
void source_done(struct source_list *s);

#endif
